"""The figures of lecture 16, causal attention."""

import torch

from classroom.whiteboard import Board
from classroom.whiteboard.six_tokens import INPUTS, WORDS, first_head

W_QUERY, W_KEY, W_VALUE = first_head()
SCORES = (INPUTS @ W_QUERY) @ (INPUTS @ W_KEY).T / 2**0.5
FULL = torch.softmax(SCORES, dim=-1)
FUTURE = torch.triu(torch.ones(6, 6), diagonal=1).bool()
MASKED = SCORES.masked_fill(FUTURE, float("-inf"))
CAUSAL = torch.softmax(MASKED, dim=-1)


def the_leak():
    """Five examples in one sentence, and the answer that must not be seen."""
    board = Board(
        760, 400, "Reading must not mean peeking",
        "Five rows. Each shows the words a model may read, in blue, and the word it must guess, in "
        "orange. All later words are gray: they are the answers of later rows and must stay hidden.",
    )  # fmt: skip
    for row in range(1, 6):
        fills = ["blue"] * row + ["orange"] + ["gray"] * (5 - row)
        strip = board.tokens(150, 75 + 50 * row, WORDS, fills=fills, width=82, gap=6, size=14)
        board.text(130, strip[0].center[1], f"{row} to read", 13, "blue", align="right")
        for later in strip[row + 1 :]:
            board.cross(later, "gray")
    board.note(330, 88, "the word to guess is the next one", "orange")
    board.text(414, 378, "five training examples, made in one pass through the model", 14)
    return board


def three_forms():
    """Scores, scores with the future struck out, weights."""
    board = Board(
        760, 330, "Mask first, softmax second",
        "Three matrices of six rows and columns: the scores, the scores with minus infinity above "
        "the diagonal, and the weights, which are zero there while each row still sums to 1.",
    )  # fmt: skip
    look = {"cell": (36, 26), "size": 12}
    future = {(i, j): "gray" for i in range(6) for j in range(i + 1, 6)}
    struck = [["−∞" if FUTURE[i, j] else SCORES[i, j].item() for j in range(6)] for i in range(6)]
    tops = 130
    first = board.matrix(22, tops, SCORES, title="scores ÷ √2", **look)
    second = board.matrix(272, tops, struck, title="with the mask", fills=future, **look)
    third = board.matrix(522, tops, CAUSAL, title="weights", heat="green", color="green", **look)
    board.arrow(first.box.grown(5), second.box.grown(5), color="gray")
    board.arrow(second.box.grown(5), third.box.grown(5), color="green")
    board.text(255, 310, "−∞ above the diagonal", 13, "gray")
    board.text(505, 310, "$e^{-\\infty} = 0$", 14, "green")
    return board


def two_routes():
    """Renormalizing afterwards gives the same weights."""
    board = Board(
        760, 350, "Two routes, one result",
        "From the scores of 'starts' two roads lead to the same three weights: softmax over all six, "
        "then strike out and divide by the sum that is left; or minus infinity first, then softmax.",
    )  # fmt: skip
    row = 2
    look = {"digits": 3, "cell": (54, 30), "size": 13}
    kept = FULL[row].clone()
    kept[row + 1 :] = 0
    board.text(120, 190, "scores of 'starts'", 14, bold=True)
    start = board.box(30, 172, 180, 36)
    gone = {(0, j): "gray" for j in range(row + 1, 6)}
    upper = board.matrix(300, 88, FULL[row][None], title="softmax over all six", **look)
    middle = board.matrix(
        300, 175, kept[None], title=f"strike out; {kept.sum():.3f} is left", fills=gone, **look
    )
    lower = board.matrix(
        300, 275, CAUSAL[row][None], title="−∞ first, then softmax", heat="green", color="green",
        fills=gone, **look,
    )  # fmt: skip
    board.arrow(start, upper.box.grown(6).left, color="gray")
    board.arrow(
        upper.box.grown(6), middle.box.grown(6), color="gray",
        via=[(690, upper.box.center[1]), (690, middle.box.center[1] - 8)],
    )  # fmt: skip
    board.text(700, 140, "× mask", 13, "gray", align="left")
    board.arrow(start, lower.box.grown(6).left, color="green")
    board.arrow(
        middle.box.grown(6), lower.box.grown(6), color="red",
        via=[(690, middle.box.center[1] + 8), (690, lower.box.center[1])],
    )  # fmt: skip
    board.text(700, 240, "÷ sum", 13, "red", align="left")
    return board


def dropout():
    """Half of the weights struck out at random, the rest doubled."""
    board = Board(
        760, 360, "Dropout on the weights, in training only",
        "The causal weights, and the same matrix after dropout of one half: about half of the "
        "entries are zero and the others are twice as large.",
    )  # fmt: skip
    keep = torch.rand(6, 6, generator=torch.Generator().manual_seed(5)) >= 0.5
    after = torch.where(keep, CAUSAL * 2, 0.0)
    look = {"cell": (46, 30), "size": 13}
    first = board.matrix(45, 125, CAUSAL, title="weights", heat="green", color="green", **look)
    lost = {(i, j): "red" for i in range(6) for j in range(i + 1) if not keep[i, j]}
    second = board.matrix(430, 125, after, title="after dropout, p = 0.5", fills=lost, **look)
    board.arrow(first.box.grown(6), second.box.grown(6), "a coin for\neach weight")
    board.text(183, 333, "each row sums to 1", 13, "green")
    board.text(568, 333, "red: struck out; the others × 2", 13, "red")
    return board
