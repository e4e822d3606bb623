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
    """The road of token 2 with trained matrices in it."""
    board = Board(
        760, 480, "The road of 'journey', now with Q, K and V",
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
    """The three words, as in a library search."""
    board = Board(
        760, 380, "Query, key, value: three jobs",
        "A search slip asks for something about locks. Four books carry labels on their backs, the "
        "keys. The slip matches the label 'keys and locks' best. What is read is the book's content, "
        "its value.",
    )  # fmt: skip
    slip = board.box(40, 150, 160, 80, "I need something\nabout locks", fill="orange", size=14)
    board.text(120, 128, "query: what I look for", 13, "orange")
    labels = ["gardens", "keys and locks", "old ships", "doors"]
    match = [1.2, 5, 1.0, 2.6]
    tops = [90, 155, 220, 285]
    for label, top, thickness in zip(labels, tops, match, strict=True):
        key = board.box(330, top, 140, 40, label, fill="blue", size=14)
        value = board.box(580, top, 130, 40, "the pages", fill="green", size=14)
        board.arrow(slip, key.left, color="orange", thickness=thickness)
        board.arrow(key, value, color="gray", dashed=True)
    board.text(400, 345, "keys: what each is found by", 13, "blue")
    board.text(640, 345, "values: what is read", 13, "green")
    return board


def why_divide():
    """Variance of dot products against the head size, and what softmax makes of it."""
    board = Board(
        760, 400, "Why divide by the square root of the key size",
        "Two bar charts of softmax over the same eight random keys. With 64 numbers a vector and no "
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
