"""The figures of lecture 26, measuring the loss."""

import torch
from torch.nn import functional as F

from classroom.whiteboard import Board

WORDS = ["every", "effort", "moves", "you"]
LOGITS = torch.tensor([[1.0, 3.0, 0.0, 0.0], [0.0, 1.0, 2.0, 1.0], [2.0, 0.0, 1.0, 0.0]])
TARGETS = torch.tensor([1, 2, 3])
RIGHT = {(row, int(column)): "green" for row, column in enumerate(TARGETS)}
STEPS = ["step 1", "step 2", "step 3"]


def from_scores_to_loss():
    """Logits, probabilities, and the three that count."""
    board = Board(
        760, 400, "From scores to one number",
        "Left the logits of three steps over four words, right their softmax. The cells of the "
        "words that really came are green. Below: the mean of minus their logarithms is the loss.",
    )  # fmt: skip
    probabilities = LOGITS.softmax(-1)
    board.matrix(90, 150, LOGITS, rows=STEPS, columns=WORDS, title="logits (3, 4)", digits=0,
                 cell=(54, 34), fills=RIGHT)  # fmt: skip
    board.matrix(450, 150, probabilities, rows=STEPS, columns=WORDS, digits=3,
                 title="probabilities (3, 4)", cell=(64, 34), fills=RIGHT)  # fmt: skip
    board.arrow((318, 201), (378, 201), "softmax")
    given = probabilities[range(3), TARGETS]
    minus = [f"{-value:.3f}" for value in given.log().tolist()]
    board.text(380, 310, "minus the logarithms of the green ones: " + ", ".join(minus), 15, "green")
    board.text(380, 350, f"their mean, the loss: {F.cross_entropy(LOGITS, TARGETS):.4f}", 16,
               bold=True)  # fmt: skip
    return board


def price_of_surprise():
    """Minus the logarithm of the probability that the right word got."""
    board = Board(
        760, 380, "What a probability costs",
        "A curve falling from the left to the right: the loss of one step against the "
        "probability of the right word. It is zero at probability one and rises without limit "
        "toward zero. The three steps of the example are dots on it.",
    )  # fmt: skip
    chart = board.chart(90, 90, 620, 220, (0, 1), (0, 5), x_label="probability of the right word",
                        y_label="loss", x_ticks=[0, 0.5, 1], y_ticks=[0, 1, 2, 3, 4])  # fmt: skip
    xs = torch.linspace(0.007, 1, 200)
    chart.curve(xs.tolist(), (-xs.log()).tolist(), "blue")
    given = LOGITS.softmax(-1)[range(3), TARGETS]
    chart.dots(given.tolist(), (-given.log()).tolist(), "red")
    for word, p in zip(("effort", "moves", "you"), given.tolist(), strict=True):
        x, y = chart.at(p, -torch.tensor(p).log().item())
        board.text(x + 14, y - 18, f"{word}: {-torch.tensor(p).log().item():.2f}", 14, "red",
                   align="left")  # fmt: skip
    return board


def which_way_is_down():
    """The gradient of each logit: probability minus one for the right word."""
    board = Board(
        760, 330, "The gradient: probability minus one-hot",
        "Three matrices: the probabilities minus the one-hot targets are the gradients. The right "
        "words have negative gradients, all others positive ones.",
    )  # fmt: skip
    probabilities, target = LOGITS.softmax(-1), F.one_hot(TARGETS, 4)
    board.matrix(36, 140, probabilities, title="probabilities", digits=2, cell=(48, 34))
    board.text(259, 191, "−", 20, bold=True)
    board.matrix(292, 140, target, title="what came", digits=0, cell=(36, 34), fills=RIGHT)
    board.text(466, 191, "=", 20, bold=True)
    board.matrix(500, 140, probabilities - target, title="gradient", digits=2, cell=(56, 34),
                 fills=RIGHT)  # fmt: skip
    board.text(380, 290, "green: this score should rise · all others should fall", 14, "green")
    return board
