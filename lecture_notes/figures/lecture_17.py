"""The figures of lecture 17, multi-head attention."""

import torch

from classroom.whiteboard import Board
from classroom.whiteboard.six_tokens import INPUTS, WORDS

GENERATOR = torch.Generator().manual_seed(123)
HEADS = [[torch.rand(3, 2, generator=GENERATOR) for _ in range(3)] for _ in range(2)]
MAY_LOOK = torch.ones(6, 6).tril().bool()
COLORS = ("blue", "orange")


def _context(head):
    queries, keys, values = (INPUTS @ weight for weight in HEADS[head])
    scores = (queries @ keys.T / 2**0.5).masked_fill(~MAY_LOOK, -torch.inf)
    return torch.softmax(scores, dim=-1) @ values


def _by_head(n_rows, n_columns):
    half = n_columns // 2
    return {(i, j): COLORS[j // half] for i in range(n_rows) for j in range(n_columns)}


def one_cake():
    """One softmax can only average what two heads can keep apart."""
    board = Board(
        760, 410, "'chased' needs two things at once",
        "The text 'the ball that the dog chased'. The last word looks at 'dog' to learn who chased "
        "and at 'ball' to learn what was chased. One head mixes both into one vector, which equals "
        "another word's vector. Two heads keep them side by side.",
    )  # fmt: skip
    dog, ball = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 1.0])
    words = ["the", "ball", "that", "the", "dog", "chased"]
    fills = ["paper", "orange", "paper", "paper", "blue", "green"]
    strip = board.tokens(90, 165, words, fills=fills, width=86, gap=14, size=16)
    board.arrow(strip[5].at(0.35, 0), strip[4].top, color="blue", bend=0.45)
    board.arrow(strip[5].at(0.65, 0), strip[1].top, color="orange", bend=0.2)
    board.text(590, 108, "who?", 14, "blue")
    board.text(300, 92, "what?", 14, "orange")
    look = {"digits": 1, "cell": (46, 32)}
    board.text(190, 250, "one head, half and half", 15, "red", bold=True)
    board.matrix(121, 285, (0.5 * dog + 0.5 * ball)[None], color="red", **look)
    board.text(190, 355, "A ball that chased a dog\nwould give the same average.", 13)
    board.text(555, 250, "two heads, side by side", 15, "green", bold=True)
    both = torch.cat((dog, ball))[None]
    board.matrix(417, 285, both, fills=_by_head(1, 6), **look)
    board.text(486, 340, "from 'dog'", 13, "blue")
    board.text(624, 340, "from 'ball'", 13, "orange")
    board.text(555, 375, "both are there, each in its own columns", 13)
    return board


def induction():
    """Two heads in two layers that together continue what has happened before."""
    board = Board(
        760, 350, "An induction head: what followed last time?",
        "The text old king smiled and the old, with the next word to be predicted. A head in layer "
        "1 writes to the token king that old came before it. At the second old a head in layer 2 "
        "looks for a token that has old before it, finds king, and copies it as the prediction.",
    )  # fmt: skip
    words = ["old", "king", "smiled", "and", "the", "old", "?"]
    fills = ["orange", "green", "paper", "paper", "paper", "orange", "green"]
    strip = board.tokens(52, 165, words, fills=fills, width=80, gap=16, size=16)
    board.arrow(strip[1].top, strip[0].top, color="blue", bend=0.5)
    board.text(215, 120, "layer 1: note who came before", 14, "blue", align="left")
    board.arrow(strip[5].bottom, strip[1].bottom, color="red", bend=-0.22)
    board.text(380, 298, "layer 2: who has 'old' before it? copy that token", 14, "red")
    return board


def side_by_side():
    """Two heads on the six tokens, their results joined."""
    board = Board(
        760, 390, "Two heads, one input, results side by side",
        "The six token vectors of three numbers go into two heads. Each head has its own query, key "
        "and value matrices and gives two numbers per token. Set side by side they are four numbers "
        "a token.",
    )  # fmt: skip
    inputs = board.matrix(90, 150, INPUTS, rows=WORDS, title="X  (6, 3)", cell=(46, 28), size=13)
    joined = board.matrix(
        490, 150, torch.cat((_context(0), _context(1)), dim=1), digits=2, fills=_by_head(6, 4),
        cell=(56, 28), title="joined  (6, 4)", size=13,
    )  # fmt: skip
    for head, (color, y) in enumerate(zip(COLORS, (95, 255), strict=True)):
        text = f"head {head + 1}\nown Q, K, V,\nown weights"
        box = board.box(290, y, 130, 76, text, fill=color, size=14)
        board.arrow(inputs.box.grown(6), box, color=color)
        board.arrow(box, joined.row(1 + 3 * head).grown(6).left, color=color)
    board.text(159, 345, "the same vectors\nfor both", 13, "gray")
    board.text(546, 345, "head 1", 14, "blue")
    board.text(658, 345, "head 2", 14, "orange")
    return board


def one_product():
    """The query matrices of both heads side by side: one multiplication."""
    board = Board(
        760, 340, "Two query matrices are one wide matrix",
        "The input of six rows and three columns times one matrix of three rows and four columns "
        "gives six rows and four columns. The two left columns belong to head 1, the two right ones "
        "to head 2.",
    )  # fmt: skip
    wide = torch.cat((HEADS[0][0], HEADS[1][0]), dim=1)
    inputs = board.matrix(86, 118, INPUTS, rows=WORDS, title="X  (6, 3)", cell=(46, 28), size=13)
    weights = board.matrix(
        276, 160, wide, fills=_by_head(3, 4), cell=(50, 28), title="two matrices  (3, 4)", size=13,
    )  # fmt: skip
    queries = board.matrix(
        530, 118, INPUTS @ wide, fills=_by_head(6, 4), cell=(50, 28), title="queries  (6, 4)",
        size=13,
    )  # fmt: skip
    board.text(250, 202, "×", 20)
    board.text(503, 202, "=", 20)
    board.text(159, 308, "one row per token", 13, "gray")
    for matrix in (weights, queries):
        x, end = matrix.box.x, matrix.box.y_end + 22
        board.text(x + 50, end, "head 1", 14, "blue")
        board.text(x + 150, end, "head 2", 14, "orange")
    assert inputs.box.x_end < 250
    return board


def cut_and_swap():
    """The right way to split heads, and the view that mixes them up."""
    board = Board(
        760, 415, "Cut first, then swap",
        "Three tokens of four numbers, the first two of head 1 and the last two of head 2. Cut and "
        "swapped, each head has two numbers of every token. A direct view of the same shape puts "
        "both heads of one token into one table and loses others.",
    )  # fmt: skip
    names = ["Your", "journey", "starts"]
    cells = [[f"{name[0]}{column}" for column in range(1, 5)] for name in names]
    whole = board.matrix(
        90, 180, cells, rows=names, fills=_by_head(3, 4), cell=(36, 32), title="(3, 4)"
    )
    flat = [cell for row in cells for cell in row]
    fill_of = {cell: COLORS[int(cell[1]) > 2] for cell in flat}
    right = [[row[2 * head : 2 * head + 2] for row in cells] for head in range(2)]
    wrong = [[flat[6 * head + 2 * i :][:2] for i in range(3)] for head in range(2)]
    for tables, y, color in ((right, 110, "green"), (wrong, 285, "red")):
        for head, table in enumerate(tables):
            fills = {(i, j): fill_of[table[i][j]] for i in range(3) for j in range(2)}
            board.matrix(
                480 + 150 * head, y, table, fills=fills, cell=(40, 30), color=color,
                title=f"head {head + 1}",
            )  # fmt: skip
    start = whole.box.grown(8).right
    board.arrow(start, (464, 160), color="green")
    board.arrow(start, (464, 340), color="red")
    board.text(318, 145, "view(3, 2, 2), then\ntranspose(0, 1)", 14, "green")
    board.text(318, 335, "view(2, 3, 2)", 14, "red")
    board.text(162, 312, "j2: second number\nof 'journey'", 13, "gray")
    board.text(610, 222, "every token in each head", 13, "green")
    board.text(600, 393, "the same shape, and nonsense", 13, "red")
    return board
