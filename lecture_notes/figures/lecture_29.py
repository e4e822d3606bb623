"""The figures of lecture 29, temperature."""

import torch

from classroom.whiteboard import Board

WORDS = ["closer", "every", "effort", "forward", "inches", "moves", "pizza", "toward", "you"]
SCORES = torch.tensor([4.51, 0.89, -1.90, 6.75, 1.63, -1.62, -1.89, 6.28, 1.79])


def _at(temperature):
    return (SCORES / temperature).softmax(-1)


def the_same_scores():
    """Nine probabilities at three temperatures."""
    board = Board(
        760, 500, "One list of scores, three temperatures",
        "Three bar charts of the same nine words. At temperature 0.1 the word forward takes nearly "
        "everything. At 1 forward and toward share most of it. At 5 all words have a visible bar.",
    )  # fmt: skip
    for place, (temperature, color) in enumerate(((0.1, "blue"), (1.0, "green"), (5.0, "orange"))):
        chart = board.chart(200, 70 + 132 * place, 530, 92, (-0.6, 8.6), (0, 1.15))
        p = _at(temperature).tolist()
        labels = [f"{value:.2f}" for value in p]
        chart.bars(p, WORDS, [color] * len(WORDS), labels, size=13)
        board.text(100, 118 + 132 * place, f"temperature {temperature:g}", 15, color, bold=True)
    return board


def divide_before_softmax():
    """Where the temperature stands on the way from scores to a token."""
    board = Board(
        760, 300, "Where the knob sits",
        "From left to right: the model's logits are divided by the temperature, softmax makes "
        "probabilities, a die is thrown, a token comes out. Greedy choice goes past the die.",
    )  # fmt: skip
    names = (("logits\n(V,)", "blue"), ("÷ temperature", "red"), ("softmax", "green"),
             ("throw a die", "orange"), ("next token", "purple"))  # fmt: skip
    boxes = [
        board.box(24 + 146 * i, 130, 124, 60, name, fill=color)
        for i, (name, color) in enumerate(names)
    ]
    for a, b in zip(boxes, boxes[1:], strict=False):
        board.arrow(a, b)
    board.arrow(boxes[0].at(0.5, 1), boxes[4].at(0.5, 1), "greedy: the highest score wins",
                via=[(86, 240), (732 - 62, 240)], side="below")  # fmt: skip
    board.text(380, 92, "the order of the words never changes, only the gaps", 15, "gray")
    return board


def how_open_the_choice_is():
    """Entropy against the temperature."""
    board = Board(
        760, 380, "How open the choice is",
        "A rising curve: the entropy of the nine probabilities against the temperature. It starts "
        "at zero, where only one word is possible, and comes near the logarithm of nine, a dashed "
        "line, where all words are alike.",
    )  # fmt: skip
    chart = board.chart(90, 90, 600, 210, (0, 10), (0, 2.4), x_label="temperature",
                        y_label="entropy (nats)", x_ticks=[0, 1, 5, 10], y_ticks=[0, 1, 2])  # fmt: skip
    temperatures = torch.linspace(0.05, 10, 120)
    entropies = [torch.distributions.Categorical(_at(t)).entropy().item() for t in temperatures]
    chart.curve(temperatures.tolist(), entropies, "blue")
    top = torch.tensor(9.0).log().item()
    board.line([chart.at(0, top), chart.at(10, top)], dashed=True)
    x, y = chart.at(0.2, top)
    board.text(x + 6, y - 14, "all nine words alike", 13, "gray", align="left")
    now = torch.distributions.Categorical(_at(1.0)).entropy().item()
    chart.dots([1.0], [now], "red")
    x, y = chart.at(1.0, now)
    board.text(x + 14, y + 8, f"temperature 1: {now:.2f}", 14, "red", align="left")
    return board
