"""The figures of lecture 25, predicting the next token."""

import torch

from classroom.whiteboard import Board
from helpers.config import PRESETS

WORDS = ["Hello", ",", "I", "am", "a"]
QUERIES = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
KEYS = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 1.0]])
VALUES = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 2.0], [2.0, 1.0], [1.0, 1.0]])


def the_loop():
    """Once around, with the shape at every station."""
    board = Board(
        760, 420, "Once around the loop",
        "The token ids of 'Hello, I am', shape (1, 4), go through GPT and become logits of shape "
        "(1, 4, V). Only the last row is kept, (1, V). The position of its highest score is the "
        "new token, (1, 1). It is appended to the text, (1, 5), and the loop begins again.",
    )  # fmt: skip
    shown = board.tokens(36, 100, WORDS[:4], ids=[15496, 11, 314, 716], width=62, gap=4, size=14)
    board.text(166, 172, "token ids (1, 4)", 14, "gray")
    gpt = board.box(372, 93, 110, 46, "GPT", fill="blue", bold=True)
    board.arrow(shown[-1].right, gpt)
    rows = [["·"] * 5 for _ in range(4)]
    logits = board.matrix(560, 108, rows, title="logits (1, 4, V)", cell=(30, 26),
                          fills={(3, j): "green" for j in range(5)})  # fmt: skip
    board.arrow(gpt, logits.box.grown(6))
    last = board.box(560, 258, 150, 42, "last row (1, V)", fill="green", size=14)
    board.arrow((635, 220), last.top, color="green")
    best = board.box(352, 258, 150, 42, "highest (1, 1)", fill="orange", size=14)
    board.arrow(last, best, color="green")
    append = board.box(76, 258, 182, 42, "append it (1, 5)", fill="orange", size=14)
    board.arrow(best, append, "a", color="orange")
    board.arrow(append.top, (166, 186), color="red")
    board.text(96, 218, "and again", 14, "red")
    board.text(
        380, 350, "The three rows above the last predict tokens that are in the text already.", 14
    )
    board.text(
        380, 380, "Softmax is not needed here: it does not change which score is highest.", 14
    )
    return board


def one_new_row():
    """The triangle of weights: what a fifth token adds."""
    board = Board(
        760, 420, "What the fifth token adds",
        "A triangle of attention weights of five tokens. The first four rows are gray: they were "
        "computed in earlier steps and do not change. Only the fifth row, orange, is new. For it "
        "attention needs the keys and values of the first four tokens, also gray, from the cache.",
    )  # fmt: skip
    scores = (QUERIES @ KEYS.T).masked_fill(torch.ones(5, 5).triu(1).bool(), -torch.inf)
    weights = scores.softmax(-1).tolist()
    shown = [[f"{w:.2f}" if j <= i else None for j, w in enumerate(row)]
             for i, row in enumerate(weights)]  # fmt: skip
    fills = {(i, j): "orange" if i == 4 else "gray" for i in range(5) for j in range(i + 1)}
    triangle = board.matrix(84, 136, shown, rows=WORDS, columns=WORDS, cell=(54, 34), fills=fills,
                            title="attention weights")  # fmt: skip
    board.note(226, 352, "new: one row", "orange", to=triangle.row(4).at(0.5, 1), bend=0)
    board.text(290, 180, "done before,\nnot needed again", 13, "gray", italic=True)
    memory = {(i, j): "orange" if i == 4 else "gray" for i in range(5) for j in range(2)}
    for x, title, table in ((440, "keys (5, 2)", KEYS), (600, "values (5, 2)", VALUES)):
        matrix = board.matrix(x, 136, table, rows=WORDS, digits=0, cell=(44, 34), fills=memory,
                              title=title)  # fmt: skip
        board.text(matrix.box.center[0], 332, "4 remembered\n1 new", 13)
    board.text(566, 385, "query of 'a': (1, 2), used once, then forgotten", 14, "orange")
    return board


def what_it_saves():
    """Work and memory, by how many tokens have been written."""
    board = Board(
        760, 380, "What the cache saves, and what it takes",
        "Two charts against the number of tokens written after a prompt of four. Left, the tokens "
        "sent through the model: a steep curve without a cache, a line near the ground with one. "
        "Right, the memory of GPT-2's cache in megabytes, a straight line.",
    )  # fmt: skip
    n_new = [*range(1, 1020, 51), 1020]
    chart = board.chart(90, 110, 270, 190, (0, 1020), (0, 600), x_ticks=[0, 500, 1000],
                        y_ticks=[0, 200, 400, 600], x_label="new tokens")  # fmt: skip
    without = [(4 * m + m * (m - 1) // 2) / 1000 for m in n_new]
    chart.curve(n_new, without, "red")
    chart.curve(n_new, [(4 + m - 1) / 1000 for m in n_new], "green")
    board.text(215, 82, "tokens through the model, thousands", 14, bold=True)
    board.text(*chart.at(330, 330), f"without a cache: {without[-1]:.0f}", 14, "red")
    board.text(*chart.at(760, 40), f"with a cache: {(4 + 1020 - 1) / 1000:.0f}", 14, "green")
    c = PRESETS["gpt2-small"]
    token = 2 * c.n_layers * c.embedding_dim * 4
    chart = board.chart(460, 110, 250, 190, (0, 1020), (0, 100), x_ticks=[0, 500, 1000],
                        y_ticks=[0, 50, 100], x_label="new tokens")  # fmt: skip
    chart.curve(n_new, [(4 + m) * token / 1e6 for m in n_new], "purple")
    board.text(585, 82, "memory of the cache, MB", 14, bold=True)
    board.text(*chart.at(520, 75), f"{token:,} bytes per token", 14, "purple")
    return board
