"""The figures of lecture 15, queries, keys and values."""

import torch

from classroom.whiteboard import Board
from classroom.whiteboard.six_tokens import INPUTS, JOURNEY, WORDS, first_head

W_QUERY, W_KEY, W_VALUE = first_head()
QUERIES, KEYS, VALUES = INPUTS @ W_QUERY, INPUTS @ W_KEY, INPUTS @ W_VALUE


def three_projections():
    """One input matrix, three weight matrices, three views."""
    board = Board(
        760, 470, "One input, three views",
        "The input matrix of six rows and three columns is multiplied by three weight matrices of "
        "three rows and two columns. This gives queries, keys and values, six rows and two columns "
        "each.",
    )  # fmt: skip
    inputs = board.matrix(105, 180, INPUTS, rows=WORDS, title="X  (6, 3)", cell=(44, 26), size=13)
    views = [
        ("query", "Q", W_QUERY, QUERIES, "orange", 95),
        ("key", "K", W_KEY, KEYS, "blue", 228),
        ("value", "V", W_VALUE, VALUES, "green", 361),
    ]
    for name, letter, weight, view, color, y in views:
        w = board.matrix(360, y, weight, cell=(44, 25), size=13, color=color, heat=None)
        board.text(404, y - 17, f"$W_{{{name}}}$  (3, 2)", 14, color)
        board.arrow(inputs.box.grown(6), w.box.grown(6), color=color)
        row = ", ".join(f"{number:.2f}" for number in view[JOURNEY])
        text = f"{letter}  (6, 2)\n'journey':\n[{row}]"
        shown = board.box(588, y - 2, 130, 80, text, fill=color, size=14)
        board.arrow(w.box.grown(6), shown, "X times this", color=color, size=13)
    board.text(171, 380, "the same numbers\nas in lecture 14", 13, "gray")
    return board


def one_query():
    """The path of token 2 through queries, keys and values."""
    board = Board(
        760, 480, "The path of 'journey', now with Q, K and V",
        "The query of 'journey' meets six keys, which gives six scores. They are divided by the "
        "square root of 2 and go through softmax. The six weights mix the six values into the "
        "context vector.",
    )  # fmt: skip
    query, scores = QUERIES[JOURNEY], KEYS @ QUERIES[JOURNEY]
    weights = torch.softmax(scores / 2**0.5, dim=-1)
    board.matrix(140, 88, query[None], cell=(50, 30), rows=["query"], color="orange",
                 fills={(0, 0): "orange", (0, 1): "orange"})  # fmt: skip
    keys = board.matrix(
        140, 180, KEYS, rows=WORDS, cell=(50, 30), color="blue", title="keys  (6, 2)"
    )
    points = board.matrix(335, 180, scores[:, None], cell=(66, 30), digits=4, title="scores  (6,)")
    shares = board.matrix(505, 180, weights[:, None], cell=(66, 30), digits=4, color="red",
                          title="weights  (6,)", heat="red")  # fmt: skip
    values = board.matrix(640, 180, VALUES, cell=(48, 30), color="green", title="values  (6, 2)")
    board.arrow(keys.box.grown(6), points.box.grown(6), "query · key", color="blue")
    board.arrow(points.box.grown(6), shares.box.grown(6), "÷ √2,\nsoftmax", color="red")
    context = board.matrix(545, 420, (weights @ VALUES)[None], cell=(72, 32), digits=4,
                           color="purple")  # fmt: skip
    board.arrow(shares.box.grown(6).at(0.7, 1), context.box.grown(6).at(0.2, 0), color="purple")
    board.arrow(values.box.grown(6).at(0.4, 1), context.box.grown(6).at(0.85, 0), color="purple")
    board.text(450, 436, "context vector  (2,)", 15, "purple", bold=True)
    return board


def library():
    """The three words, as in a library search that takes a little of every book."""
    board = Board(
        760, 400, "Query, key, value: three jobs",
        "A search slip asks for something about locks. The labels of four books, their keys, fit it "
        "more or less, which gives weights: 70 percent for keys and locks, 21 for doors, little for "
        "gardens and old ships. What is taken home is a mixture of what the four books say, in "
        "these shares.",
    )  # fmt: skip
    slip = board.box(30, 170, 130, 70, "I need something\nabout locks", fill="orange", size=13)
    board.text(95, 150, "query", 14, "orange", bold=True)
    books = [
        ("gardens", "when roses bloom", 0.4),
        ("keys and locks", "how a lock turns", 3.0),
        ("old ships", "how sails are set", 0.0),
        ("doors", "how a door shuts", 1.8),
    ]
    weights = torch.softmax(torch.tensor([score for *_, score in books]), dim=0).tolist()
    home = board.box(
        640, 150, 100, 110, "a mixture:\nmostly locks,\nsome doors", fill="purple", size=13
    )
    board.text(690, 130, "result", 14, "purple", bold=True)
    for top, (label, says, _), weight in zip((90, 165, 240, 315), books, weights, strict=True):
        key = board.box(230, top, 120, 40, label, fill="blue", size=13)
        value = board.box(430, top, 150, 40, says, fill="green", size=13)
        board.arrow(slip, key.left, color="orange")
        board.text(390, top + 20, f"{100 * weight:.0f} %", 15, "red", bold=True)
        board.arrow(value.right, home, color="purple", thickness=0.8 + 6 * weight)
    board.text(290, 380, "keys: what each is found by", 13, "blue")
    board.text(505, 380, "values: what each says", 13, "green")
    return board


def meaning():
    """Who looks at whom with three matrices that were made by hand: adjectives find their nouns."""
    board = Board(
        760, 430, "Matrices made by hand: an adjective finds its noun",
        "Attention weights of the seven Spanish words una casa blanca y un muro viejo. The adjective "
        "blanca gives nearly all its attention to casa, the adjective viejo to muro. The word y, "
        "which asks for nothing, looks at all seven alike.",
    )  # fmt: skip
    words = "una casa blanca y un muro viejo".split()
    asks = torch.tensor(
        [[0, 8, 0], [0, 8, 0], [8, 8, 0], [0, 0, 0], [0, 0, 8], [0, 0, 8], [8, 0, 8]]
    )
    shows = torch.tensor(
        [[0, 1, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 1], [0, 0, 1]]
    )
    weights = torch.softmax((asks @ shows.T).float() / 3**0.5, dim=-1)
    board.matrix(110, 150, weights, rows=words, columns=words, digits=2, cell=(54, 32), size=13,
                 heat="blue", title="attention weights")  # fmt: skip
    board.text(635, 150, "a noun, feminine?", 14, "orange")
    board.text(635, 172, "blanca asks, casa answers", 13, "gray")
    board.text(635, 230, "a noun, masculine?", 14, "orange")
    board.text(635, 252, "viejo asks, muro answers", 13, "gray")
    board.text(635, 310, "nothing in particular", 14, "orange")
    board.text(635, 332, "y looks at all alike", 13, "gray")
    board.text(
        380, 405, "una casa blanca y un muro viejo: a white house and an old wall", 14, italic=True
    )
    return board


def why_divide():
    """Variance of dot products against the head size, and what softmax makes of it."""
    board = Board(
        760, 400, "Why divide by the square root of the key size",
        "Two bar charts of softmax over the same eight random keys. With 64 dimensions and no "
        "division one weight takes nearly everything; divided by 8, the weights stay spread out.",
    )  # fmt: skip
    generator = torch.Generator().manual_seed(15)
    query, keys = torch.randn(64, generator=generator), torch.randn(8, 64, generator=generator)
    scores = keys @ query
    for x, divisor, title, fill in (
        (70, 1.0, "scores as they are", "red"),
        (430, 64**0.5, "scores divided by 8", "green"),
    ):
        weights = torch.softmax(scores / divisor, dim=-1)
        chart = board.chart(x, 120, 280, 190, (-0.6, 7.6), (0, 1), x_label="eight keys",
                            y_ticks=[0, 0.5, 1])  # fmt: skip
        chart.bars(weights, fill=fill, values=[f"{w:.2f}" for w in weights], size=12)
        board.text(x + 140, 85, title, 15, fill, bold=True)
    board.text(380, 365, "softmax of large gaps is nearly a hard choice: its gradient is nearly zero",
               14, italic=True)  # fmt: skip
    return board
