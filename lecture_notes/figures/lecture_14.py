"""The figures of lecture 14, simplified attention."""

import math

import torch

from classroom.whiteboard import Board
from classroom.whiteboard.six_tokens import INPUTS, JOURNEY, WORDS

SCORES = INPUTS @ INPUTS.T
WEIGHTS = torch.softmax(SCORES, dim=-1)
CONTEXT = WEIGHTS @ INPUTS


def one_context_vector():
    """Token 2 on its way: inputs, scores, weights, context vector."""
    board = Board(
        760, 450, "One context vector: the road of 'journey'",
        "Six token vectors of three numbers each. The vector of 'journey' is compared with all six, "
        "which gives six scores. Softmax turns the scores into six weights that sum to 1. The "
        "vectors, multiplied by their weights and added, give the context vector.",
    )  # fmt: skip
    inputs = board.matrix(
        110, 105, INPUTS, rows=WORDS, title="inputs  (6, 3)", cell=(46, 30),
        fills={(JOURNEY, j): "orange" for j in range(3)},
    )  # fmt: skip
    scores = board.matrix(
        370, 105, SCORES[JOURNEY][:, None], digits=4, cell=(78, 30), title="scores  (6,)",
        color="blue",
    )  # fmt: skip
    weights = board.matrix(
        600, 105, WEIGHTS[JOURNEY][:, None], digits=4, cell=(78, 30), title="weights  (6,)",
        color="green", heat="green",
    )  # fmt: skip
    board.arrow(inputs.box.grown(6), scores.box.grown(6), "dot product", color="blue")
    board.note(309, 232, "each row with\nthe orange row", "blue", size=13)
    board.arrow(scores.box.grown(6), weights.box.grown(6), "softmax", color="green")
    board.note(526, 232, "positive,\nsum to 1", "green", size=13)
    context = board.matrix(
        330, 372, CONTEXT[JOURNEY][None], digits=4, cell=(80, 34), color="red",
        title="context vector  (3,)",
    )  # fmt: skip
    level = context.box.center[1]
    board.arrow(inputs.box.grown(6), context.box.grown(6), via=[(179, level)], color="red")
    board.arrow(weights.box.grown(6), context.box.grown(6), via=[(639, level)], color="red")
    board.text(252, level + 22, "the rows …", 13, "red")
    board.text(586, level + 22, "… times the weights", 13, "red", align="left")
    return board


def dot_product():
    """Length and angle: the vectors as arrows, at their true angles from 'journey'."""
    board = Board(
        760, 400, "The dot product asks: do two arrows point the same way?",
        "Three arrows from one point. The arrow of 'journey' lies level, the one of 'starts' almost "
        "on it, the one of 'one' points well away. From its tip a dashed line falls at a right "
        "angle onto 'journey'. Beside them: angle, length and dot product.",
    )  # fmt: skip
    chart = board.chart(60, 100, 380, 240, (0, 1.42), (-0.12, 0.78), axes=False)
    anchor = INPUTS[JOURNEY]
    rows = []
    for index, color in ((1, "orange"), (2, "blue"), (3, "purple"), (4, "red")):
        vector = INPUTS[index]
        length = vector.norm().item()
        cosine = (torch.dot(vector, anchor) / (vector.norm() * anchor.norm())).item()
        angle = math.acos(min(1.0, cosine))
        chart.arrow(length * math.cos(angle), length * math.sin(angle), color=color)
        rows.append(
            [f"{math.degrees(angle):.0f}°", f"{length:.2f}", f"{SCORES[JOURNEY, index]:.2f}"]
        )
        if index == 4:  # how far 'one' reaches along 'journey'
            foot, tip = length * math.cos(angle), length * math.sin(angle)
            chart.curve([foot, foot], [tip, 0], color, dashed=True)
            chart.curve([foot - 0.05, foot - 0.05, foot], [0, 0.05, 0.05], color)
    board.text(*chart.at(0.30, -0.075), "projection of 'one'", 13, "red")
    board.text(*chart.at(1.16, -0.075), "journey", 14, "orange")
    board.text(*chart.at(1.16, 0.12), "starts", 14, "blue")
    board.text(*chart.at(0.78, 0.16), "with", 14, "purple")
    board.text(*chart.at(0.63, 0.63), "one", 14, "red")
    board.matrix(
        560, 165, rows, rows=["journey", "starts", "with", "one"],
        columns=["angle", "length", "score"], cell=(60, 34), grid=True,
    )  # fmt: skip
    board.text(585, 335, "same way and long: a high score\naskew or short: a low one", 14)
    return board


def softmax_steps():
    """Scores, their exponentials, and the shares of the sum."""
    board = Board(
        760, 400, "Softmax in three steps",
        "Three bar charts of the six scores of 'journey': the scores, their exponentials, and the "
        "exponentials divided by their sum, which are the weights.",
    )  # fmt: skip
    scores = SCORES[JOURNEY]
    powers = scores.exp()
    panels = [
        (50, "1  the scores", scores, 1.6, "blue", 2),
        (290, "2  e to the power of each", powers, 4.8, "orange", 2),
        (530, f"3  divided by {powers.sum():.2f}", powers / powers.sum(), 0.26, "green", 2),
    ]
    for x, title, values, top, fill, digits in panels:
        chart = board.chart(x, 135, 196, 170, (-0.6, 5.6), (0, top))
        chart.bars(values, fill=fill, values=[f"{v:.{digits}f}" for v in values], size=12)
        board.text(x + 98, 88, title, 15, fill, bold=True)
        for index, word in enumerate(WORDS):
            lower = 20 * (index % 2)
            board.text(chart.at(index, 0)[0], 322 + lower, word, 12)
    board.text(
        380, 372, "the order stays, the gaps grow, the sum becomes 1", 14, "red", italic=True
    )
    return board


def all_weights():
    """The six rows of weights, one a query."""
    board = Board(
        760, 400, "All six at once: the attention weights",
        "A matrix of six rows and six columns. Each row is one query and sums to 1. The row of "
        "'journey' is the one worked out by hand.",
    )  # fmt: skip
    matrix = board.matrix(130, 135, WEIGHTS, rows=WORDS, columns=WORDS, cell=(66, 34), heat="blue")
    board.text(66, 92, "asks ↓   looks at →", 13, "gray", align="left")
    row = matrix.row(JOURNEY)
    board.ring(row, margin=3)
    board.note(650, 130, "token 2:\nthe row by hand", to=row.right, bend=-0.2)
    board.brace((540, 339), (540, 238), "each row\nsums to 1", "green")
    board.text(330, 368, "the long arrows 'journey' and 'starts' draw much weight in every row", 13)
    return board
