"""The figures of lecture 21, GELU and the feed-forward network."""

import math

import torch
from torch.nn import functional as F

from classroom.whiteboard import Board
from helpers.config import PRESETS
from helpers.model import TransformerBlock

BIASES = (2, 1, -1, -2)
SIGNS = (1, -1, -1, 1)


def _share_below(x):
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


def share_below():
    """GELU is x times the share of the bell that lies below x."""
    board = Board(
        760, 390, "GELU: x times the share that lies below x",
        "On the left a bell curve with the area below 1 filled, 84 percent of it. On the right the "
        "curves of ReLU, with a corner at 0, and GELU, smooth and a little below 0 for negative "
        "numbers; the point at 1 lies 0.84 high.",
    )  # fmt: skip
    bell = board.chart(50, 110, 280, 200, (-3.2, 3.2), (0, 0.45), x_ticks=[-2, -1, 0, 1, 2])
    xs = torch.linspace(-3.1, 3.1, 125)
    heights = (-(xs**2) / 2).exp() / math.sqrt(2 * math.pi)
    for x, height in list(zip(xs.tolist(), heights.tolist(), strict=True))[2::4]:
        if x <= 1:
            board.line([bell.at(x, 0.004), bell.at(x, height)], "orange")
    bell.curve(xs, heights, "blue")
    board.text(190, 355, "a bell of numbers: mean 0, variance 1", 13)
    share = f"{100 * _share_below(1):.2f}% lie\nbelow 1"
    board.note(285, 118, share, "orange", to=bell.at(0.3, 0.3), bend=0)
    chart = board.chart(
        420, 110, 300, 200, (-3.2, 3.2), (-0.5, 3.2), x_ticks=[-2, -1, 0, 1, 2], y_ticks=[0, 1, 2, 3],
        zero="y",
    )  # fmt: skip
    line = torch.linspace(-3.2, 3.2, 129)
    chart.curve(line, F.relu(line), "gray", dashed=True)
    chart.curve(line, F.gelu(line), "blue")
    chart.dots([1], [_share_below(1)], "orange", radius=6)
    board.text(chart.at(1, 0)[0] + 80, chart.at(0, 0.62)[1], "1 · 0.8413", 13, "orange")
    board.text(chart.at(-1.4, 0)[0], chart.at(0, 0.45)[1], "ReLU: dashed", 13, "gray")
    board.text(chart.at(0.9, 0)[0], chart.at(0, 2.5)[1], "GELU", 15, "blue", bold=True)
    board.text(570, 355, "a little below 0 for negative numbers", 13)
    return board


def two_are_one():
    """Two linear layers without a bend between them are a single one."""
    board = Board(
        760, 390, "Without a bend, two layers are one",
        "A vector of two numbers times one matrix and then another. The upper road multiplies step "
        "by step. The lower road multiplies the two matrices first. Both end at the same numbers. "
        "With ReLU in the middle the upper road ends elsewhere.",
    )  # fmt: skip
    x = torch.tensor([[1.0, 2.0]])
    first = torch.tensor([[1.0, -2.0, 0.0], [0.0, 1.0, -1.0]])
    second = torch.tensor([[1.0, 1.0], [2.0, 0.0], [0.0, 3.0]])
    middle = x @ first
    look = {"digits": 0, "cell": (36, 30)}

    def row(y, name, pieces, color):
        board.text(30, y - 42, name, 15, color, align="left", bold=True)
        place = 50
        for sign, tensor, title, fill in pieces:
            if sign:
                board.text(place - 22, y + 15, sign, 18)
            height = len(tensor) * 30
            fills = {(i, j): fill for i in range(len(tensor)) for j in range(len(tensor[0]))}
            board.matrix(place, y + 15 - height / 2, tensor, fills=fills, **look)
            if title:
                board.text(place + 18 * len(tensor[0]), y + 28 + height / 2, title, 13)
            place += 36 * len(tensor[0]) + 46

    row(
        140, "step by step",
        [("", x, "x", "blue"), ("×", first, "first", "gray"), ("=", middle, "", "paper"),
         ("×", second, "second", "gray"), ("=", middle @ second, "", "green")], "blue",
    )  # fmt: skip
    row(
        290, "both matrices first",
        [("", x, "x", "blue"), ("×", first @ second, "first × second", "gray"),
         ("=", x @ (first @ second), "", "green")], "blue",
    )  # fmt: skip
    bent = F.relu(middle) @ second
    result = ", ".join(f"{number:.0f}" for number in bent[0].tolist())
    board.text(560, 280, "with ReLU between the two:", 15, "red", bold=True)
    board.text(
        560,
        310,
        f"negative numbers in the middle become 0,\nand the result is ({result})",
        14,
        "red",
    )
    return board


def a_hill():
    """Four units with a bend add up to a hill."""
    board = Board(
        760, 420, "Four bends make a hill",
        "On the left the four hidden units as curves of the input, two counted positively and two "
        "negatively. On the right their sum: a hill between about -2 and 2, with ReLU a trapezoid, "
        "with GELU smooth.",
    )  # fmt: skip
    xs = torch.linspace(-4, 4, 161)
    ticks = [-4, -2, 0, 2, 4]
    left = board.chart(
        55, 110, 290, 220, (-4.2, 4.2), (-6.2, 6.2), x_ticks=ticks, y_ticks=[-6, 0, 6], zero="y"
    )
    for bias, sign in zip(BIASES, SIGNS, strict=True):
        left.curve(xs, sign * F.gelu(xs + bias), "green" if sign > 0 else "red", thickness=2)
    board.text(105, 150, "counted plus", 13, "green", align="left")
    board.text(105, 292, "counted minus", 13, "red", align="left")
    board.text(200, 372, "the four hidden units", 14)
    right = board.chart(
        430, 110, 290, 220, (-4.2, 4.2), (-0.4, 1.6), x_ticks=ticks, y_ticks=[0, 1], zero="y"
    )
    for bend, color in ((F.relu, "gray"), (F.gelu, "blue")):
        total = sum(s * bend(xs + b) for b, s in zip(BIASES, SIGNS, strict=True))
        right.curve(xs, total, color, dashed=color == "gray")
    board.text(660, 150, "GELU", 14, "blue")
    board.text(660, 174, "ReLU: dashed", 13, "gray")
    board.text(575, 372, "their sum: high only near 0", 14)
    return board


def two_thirds():
    """The twelve squares of a block: four in attention, eight in the feed-forward network."""
    config = PRESETS["gpt2-small"]
    with torch.device("meta"):
        block = TransformerBlock(config)
    counts = {
        name: sum(p.numel() for p in part.parameters())
        for name, part in (("attention", block.attention), ("feed-forward", block.feed_forward))
    }
    board = Board(
        760, 350, "Where the numbers of a block are",
        "Twelve squares of equal size, each a matrix of 768 by 768. Four belong to attention: "
        "query, key, value, output. Eight belong to the feed-forward network: four to expand, four "
        "to project back.",
    )  # fmt: skip
    for place, name in enumerate(["query", "key", "value", "output"]):
        board.box(
            40 + 62 * (place % 2), 110 + 62 * (place // 2), 58, 58, name, fill="orange", size=12
        )
    for place in range(8):
        name = ("expand", "project")[place // 4]
        board.box(
            250 + 62 * (place % 4), 110 + 62 * (place // 4), 58, 58, name, fill="teal", size=12
        )
    total = sum(counts.values())
    for x, (name, count), color in zip((100, 374), counts.items(), ("orange", "teal"), strict=True):
        board.text(x, 88, name, 15, color, bold=True)
        board.text(x, 262, f"{count:,}\n{100 * count / total:.0f}% of the block", 14)
    board.text(640, 140, f"each square:\n{config.embedding_dim} × {config.embedding_dim}", 14)
    board.text(640, 200, "(biases are small)", 13, "gray")
    board.text(374, 320, "in the middle each token has 4 × 768 = 3,072 numbers", 14, "teal")
    return board
