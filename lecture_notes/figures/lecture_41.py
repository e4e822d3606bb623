"""The figures of lecture 41, the fine-tuning loop."""

import math

import torch

from classroom.whiteboard import Board

# Losses every five steps, as the book's notebook recorded them (ch07.ipynb, two epochs, GPT-2 355M).
TRAINING = [
    2.637, 1.174, 0.872, 0.857, 0.776, 0.754, 0.799, 0.714, 0.672, 0.633, 0.663, 0.760, 0.719, 0.653,
    0.532, 0.569, 0.605, 0.509, 0.562, 0.500, 0.503, 0.564, 0.555, 0.508, 0.435, 0.451, 0.447, 0.405,
    0.409, 0.369, 0.382, 0.413, 0.415, 0.379, 0.323, 0.337, 0.392, 0.415, 0.340, 0.330, 0.310, 0.352,
    0.367, 0.394, 0.299, 0.346, 0.292,
]  # fmt: skip
VALIDATION = [
    2.626, 1.102, 0.944, 0.906, 0.881, 0.859, 0.836, 0.808, 0.806, 0.789, 0.783, 0.763, 0.743, 0.735,
    0.729, 0.728, 0.725, 0.709, 0.691, 0.681, 0.677, 0.670, 0.666, 0.664, 0.672, 0.687, 0.683, 0.682,
    0.681, 0.680, 0.675, 0.675, 0.683, 0.686, 0.681, 0.669, 0.656, 0.657, 0.648, 0.634, 0.634, 0.630,
    0.630, 0.635, 0.648, 0.661, 0.659,
]  # fmt: skip
WEIGHTS = torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0], [2.0, 1.0, 0.0]])
X, TARGET = torch.tensor([1.0, 2.0, -1.0]), torch.tensor([0.0, 3.0, 3.0])
DOWN = torch.tensor([[0.5, -1.0, 1.0]])

OLD, NEW, FLAT = (0.0, 0.0), (2.0, 1.5), 0.1  # bottoms of two valleys, slope along a valley


def _loss(w, bottom, steep):
    """A valley: steep in one of the two weights, flat in the other."""
    return sum((1 if k == steep else FLAT) * (w[k] - bottom[k]) ** 2 for k in (0, 1))


def _descent(rate=0.15):
    """Gradient descent on the new loss from the bottom of the old one."""
    path = [OLD]
    for _ in range(60):
        x, y = path[-1]
        path.append((x - rate * 2 * FLAT * (x - NEW[0]), y - rate * 2 * (y - NEW[1])))
    return path


def curves():
    """The recorded losses of the book's run: the second epoch helps the training loss alone."""
    board = Board(
        760, 420, "The lecture's run: two epochs, 232 steps",
        "Two curves of loss over steps. Both fall steeply in the first ten steps and slowly until "
        "the end of the first epoch, the training loss somewhat lower. In the second epoch the "
        "training loss goes on falling, while the validation loss hardly moves.",
    )  # fmt: skip
    steps = [5 * k for k in range(len(TRAINING))]
    chart = board.chart(
        85, 90, 500, 260, (0, 240), (0, 2.8), x_label="steps", x_ticks=[0, 50, 100, 150, 200],
        y_ticks=[0, 1, 2], y_label="loss",
    )  # fmt: skip
    chart.curve(steps, TRAINING, "blue")
    chart.curve(steps, VALIDATION, "red")
    board.line([chart.at(116, 0), chart.at(116, 2.5)], "gray", dashed=True)
    board.text(*chart.at(58, 2.3), "epoch 1", 14, "gray")
    board.text(*chart.at(175, 2.3), "epoch 2", 14, "gray")
    board.text(*chart.at(178, 0.95), f"validation, {VALIDATION[-1]:.2f} at the end", 14, "red")
    board.text(*chart.at(178, 0.13), f"training, {TRAINING[-1]:.2f} at the end", 14, "blue")
    board.text(672, 190, "before the first\nstep: 3.83 and 3.76,\noff the page", 13)
    board.text(672, 290, "known rows get\neasier, new ones\nhardly do", 14, "orange")
    return board


def one_matrix():
    """LoRA of rank one on a 3 by 3 matrix, after one step: W + B A."""
    y = WEIGHTS @ X
    up = -0.1 * torch.outer(y - TARGET, DOWN @ X)
    change = up @ DOWN + 0.0  # no minus zero
    board = Board(
        760, 400, "One matrix with LoRA of rank 1, after one step",
        "The frozen matrix W plus a column B times a row A gives the matrix that is applied. Below, the row A "
        "and the column B whose product is the change.",
    )  # fmt: skip
    frozen = board.matrix(
        40, 130, WEIGHTS, digits=0, cell=(50, 34), title="W, frozen", color="gray"
    )
    board.text(225, 181, "+", 22)
    low = board.matrix(260, 130, change, digits=3, cell=(66, 34), title="B A", color="green",
                       heat="green")  # fmt: skip
    board.text(490, 181, "=", 22)
    board.matrix(525, 130, WEIGHTS + change, digits=3, cell=(66, 34), title="applied", color="blue")
    column = board.matrix(215, 285, up, digits=2, cell=(60, 30), color="green")
    row = board.matrix(370, 300, DOWN, digits=1, cell=(56, 34), color="green")
    board.arrow(column.box.grown(6), low.box.grown(6).at(0.2, 1), color="green")
    board.arrow(row.box.grown(6), low.box.grown(6).at(0.8, 1), color="green")
    board.text(186, 330, "B\n(3, 1)", 14, "green", bold=True)
    board.text(454, 358, "A  (1, 3)", 14, "green", bold=True)
    board.text(645, 300, "6 numbers learn, not 9", 14, "green")
    board.text(645, 338, "every row of B A is a\nmultiple of the row A", 14)
    board.text(90, 290, "9 numbers stay\nas they were", 14, "gray")
    assert frozen is not None
    return board


def forgetting():
    """A path of gradient descent in a plane with two valleys: the old loss and the new one."""
    board = Board(
        760, 420, "Learning the new task, leaving the old one",
        "A plane of two weights with two long valleys that cross: one of the old task, one of the "
        "new. The path starts at the bottom of the old valley, enters the new one where both are "
        "low, and then creeps along the new valley away from the old.",
    )  # fmt: skip
    chart = board.chart(60, 80, 460, 310, (-1.2, 4.9), (-2.8, 2.9), axes=False)
    turn = [2 * math.pi * k / 60 for k in range(61)]
    for level in (0.1, 0.35, 0.75):
        short, long = math.sqrt(level), math.sqrt(level / FLAT)
        for color, (x, y), a, b in (("blue", OLD, short, long), ("orange", NEW, long, short)):
            chart.curve(
                [x + a * math.cos(t) for t in turn], [y + b * math.sin(t) for t in turn], color
            )
    path = _descent()
    chart.curve([x for x, _ in path], [y for _, y in path], "red")
    for step, words, place in (
        (0, "base model", (300, 300)), (6, "step 6", (270, 232)), (60, "step 60", (420, 232)),
    ):  # fmt: skip
        chart.dots([path[step][0]], [path[step][1]], "red")
        board.note(*place, words, "red", to=chart.at(*path[step]), bend=0)
    rows = [[_loss(path[step], OLD, 0), _loss(path[step], NEW, 1)] for step in (0, 6, 60)]
    board.matrix(640, 150, rows, rows=["base", "6", "60"], columns=["old", "new"], digits=2,
                 cell=(52, 34), fills={(1, 0): "green", (1, 1): "green"})  # fmt: skip
    board.text(650, 90, "the two losses", 14, bold=True)
    board.text(640, 316, "blue: low old loss\norange: low new loss\nat step 6 both are low", 14)
    return board
