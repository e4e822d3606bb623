"""The figures of lecture 20, layer normalization."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from classroom.whiteboard import Board


def _activations():
    """The lecture's example: two inputs of five numbers, a layer of six outputs, ReLU."""
    torch.manual_seed(123)
    inputs = torch.randn(2, 5)
    return nn.Sequential(nn.Linear(5, 6), nn.ReLU())(inputs).detach()


def _sizes_by_layer(scale, normalize, n_layers=30, width=256):
    torch.manual_seed(0)
    x, sizes = torch.randn(64, width), []
    for _ in range(n_layers):
        if normalize:
            x = (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True)
        x = F.relu(x @ torch.randn(width, width) * scale * math.sqrt(2 / width))
        sizes.append(x.std().item())
    return sizes


def too_large_too_small():
    """What thirty layers do to the size of the numbers, with and without normalization."""
    board = Board(
        760, 430, "Thirty layers, and ten percent too much or too little",
        "A chart of the size of the numbers after each of thirty layers, on a logarithmic scale. "
        "With weights ten percent too large it climbs steadily, with weights ten percent too small "
        "it falls. With normalization before each layer both lines stay near one.",
    )  # fmt: skip
    ticks = [(power, f"{10.0**power:g}") for power in (-2, -1, 0, 1)]
    chart = board.chart(
        90, 90, 430, 270, (0, 31), (-2.1, 1.5), x_label="layer", y_label="size of the numbers",
        x_ticks=[1, 10, 20, 30], y_ticks=ticks,
    )  # fmt: skip
    layers = list(range(1, 31))
    cases = ((1.1, False, "red"), (0.9, False, "blue"), (1.1, True, "orange"), (0.9, True, "green"))
    ends = {}
    for scale, normalize, color in cases:
        logs = [math.log10(size) for size in _sizes_by_layer(scale, normalize)]
        chart.curve(layers, logs, color)
        ends[color] = chart.at(30, logs[-1])[1]
    board.text(535, ends["red"], "weights × 1.1", 14, "red", align="left")
    board.text(535, ends["blue"], "weights × 0.9", 14, "blue", align="left")
    level = (ends["orange"] + ends["green"]) / 2
    board.text(535, level, "both, normalized\nbefore each layer", 14, "ink", align="left")
    return board


def three_lines():
    """Six numbers on a line: as they come, centered, and brought to variance 1."""
    board = Board(
        760, 430, "Six numbers on their way",
        "Three number lines. On the first the six numbers lie between 0 and 0.35. On the second "
        "they are moved so that their mean is 0. On the third they are spread out so that their "
        "variance is 1.",
    )  # fmt: skip
    row = _activations()[0]
    centered = row - row.mean()
    done = centered / row.var(unbiased=False).sqrt()
    panels = [
        ("as they come", row, (-0.4, 0.6), [0, 0.5], "blue", 75),
        (f"minus the mean {row.mean():.4f}", centered, (-0.4, 0.6), [0, 0.5], "orange", 190),
        (f"divided by {row.std(unbiased=False):.4f}", done, (-1.6, 2.4), [-1, 0, 1], "green", 305),
    ]
    for name, numbers, limits, ticks, color, y in panels:
        chart = board.chart(60, y, 440, 70, limits, (0, 1), axes=False)
        board.arrow((50, y + 70), (515, y + 70), color="gray", gap=0)
        for tick in ticks:
            place = chart.at(tick, 0)[0]
            board.line([(place, y + 66), (place, y + 75)])
            board.text(place, y + 88, f"{tick}", 13)
        places = {}
        for number in numbers.tolist():
            level = places.get(round(number, 3), 0)
            places[round(number, 3)] = level + 1
            chart.dots([number], [0.18 + 0.26 * level], color)
        if color != "blue":
            mean = chart.at(numbers.mean().item(), 0)[0]
            board.line([(mean, y - 2), (mean, y + 70)], "gray", dashed=True)
        board.text(530, y + 22, name, 15, color, align="left", bold=True)
        spread = f"mean {abs(numbers.mean()):.4f}\nvariance {numbers.var(unbiased=False):.4f}"
        board.text(530, y + 58, spread, 13, align="left")
    return board


def which_axis():
    """Layer normalization goes along a token's numbers, batch normalization across the batch."""
    board = Board(
        760, 400, "Along the row, or down the column?",
        "A table of four tokens with six numbers each, drawn twice. Layer normalization takes one "
        "row at a time. Batch normalization takes one column at a time, over all tokens.",
    )  # fmt: skip
    torch.manual_seed(123)
    table = torch.randint(0, 10, (4, 6)).float()
    words = ["Every", "effort", "moves", "you"]
    look = {"cell": (38, 34), "digits": 0}
    left = board.matrix(
        90, 135, table, rows=words, title="layer normalization", color="green", **look,
        fills={(1, j): "green" for j in range(6)},
    )  # fmt: skip
    right = board.matrix(
        480, 135, table, rows=words, title="batch normalization", color="red", **look,
        fills={(i, 2): "red" for i in range(4)},
    )  # fmt: skip
    board.ring(left.row(1), "green", margin=3)
    board.ring(right.column(2), "red", margin=3)
    board.text(204, 315, "mean and variance of one token:\nthe others do not matter", 14, "green")
    board.text(204, 360, "(B, T, C) gives (B, T, 1)", 14)
    board.text(594, 315, "mean and variance of one feature:\nthe company matters", 14, "red")
    board.text(594, 360, "(B, T, C) gives (1, 1, C)", 14)
    return board


def onto_a_circle():
    """Vectors of three numbers before and after normalization, seen along (1, 1, 1)."""
    board = Board(
        760, 450, "What is left is a direction: all vectors on one circle",
        "Twelve vectors of three numbers, seen along the direction in which all three numbers are "
        "equal. Before normalization they are scattered, near and far from the middle. After it "
        "each has moved along its ray onto one circle, whose radius is the root of three.",
    )  # fmt: skip
    generator = torch.Generator().manual_seed(7)
    points = torch.randn(12, 3, generator=generator, dtype=torch.float64)
    points = points * torch.tensor([0.3, 0.7, 1.1, 1.6] * 3, dtype=torch.float64)[:, None]
    after = (points - points.mean(1, keepdim=True)) / points.std(1, correction=0, keepdim=True)
    along = torch.tensor([[1, -1, 0], [1, 1, -2]], dtype=torch.float64)
    along = along / along.norm(dim=1, keepdim=True)
    chart = board.chart(60, 80, 330, 330, (-3, 3), (-3, 3), zero="xy", axes=False)
    ring = [math.tau * k / 72 for k in range(73)]
    radius = math.sqrt(3)
    chart.curve([radius * math.cos(r) for r in ring], [radius * math.sin(r) for r in ring], "green")
    for x, n in zip(points @ along.T, after @ along.T, strict=True):
        chart.curve([x[0], n[0]], [x[1], n[1]], "gray", dashed=True, thickness=1.2)
        chart.dots([x[0]], [x[1]], "red")
        chart.dots([n[0]], [n[1]], "blue")
    board.text(430, 120, "red: twelve vectors of three numbers", 15, "red", align="left")
    board.text(430, 150, "blue: the same, normalized", 15, "blue", align="left")
    board.text(
        430, 218, "Seen along (1, 1, 1): subtracting the\nmean moves a point only toward or\naway "
        "from us, so here it stays put.", 14, align="left",
    )  # fmt: skip
    board.text(
        430, 296, "Dividing by σ moves it along its ray\nto the circle of radius √3.", 14, align="left",
    )  # fmt: skip
    board.text(
        430, 366, "With C numbers: a sphere of radius √C.\nOnly the direction is left.", 14, "green",
        align="left",
    )  # fmt: skip
    return board
