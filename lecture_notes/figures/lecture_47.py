"""Figures for note 47, Scaling up."""

import math

from classroom.whiteboard import Board

PEAK, BANDWIDTH = 400e9, 20e9  # the example of the note: operations and bytes per second
LAW = 0.4, 9.0, 0.35, 1500.0, 0.6  # the example of the note: floor, size and data
SIZE = 271_000  # parameters of the figure
CHATS = 9.6  # operations per byte of GPT-2 for 64 texts of 256 tokens, in 32 bits


def roofline():
    """The most operations per second against operations per byte, and where a GPT's work lies."""
    board = Board(
        800, 400, "The roofline",
        "A line rises with slope one and becomes flat at its corner, at 20 operations per byte. One "
        "token of a chat lies far left under the slope; 64 chats at once, with 256 tokens each in their "
        "caches, lie left of the corner, too; a prompt of 256 tokens lies right of it, under the roof.",
    )  # fmt: skip
    chart = board.chart(
        110, 90, 560, 220, (-1, 3), (8.5, 12), x_label="operations per byte",
        y_label="operations per second",
        x_ticks=[(-1, "0.1"), (0, "1"), (1, "10"), (2, "100"), (3, "1000")],
        y_ticks=[(9, "1 billion"), (10, "10"), (11, "100"), (12, "1000")],
    )  # fmt: skip
    corner = math.log10(PEAK / BANDWIDTH)
    peak = math.log10(PEAK)
    chart.curve([-1, corner], [math.log10(BANDWIDTH) - 1, peak], "ink")
    chart.curve([corner, 3], [peak, peak], "ink")
    chart.curve([corner, corner], [8.5, peak], "gray", dashed=True, thickness=1.2)
    for name, intensity, color, (right, below) in (
        ("one token", 0.5, "red", (8, 24)), ("64 chats", CHATS, "green", (-8, -8)),
        ("a prompt", 128, "blue", (8, 24)),
    ):  # fmt: skip
        x = math.log10(intensity)
        y = min(peak, math.log10(intensity * BANDWIDTH)) - 0.02
        chart.dots([x], [y], color, radius=6)
        place = chart.at(x, y)
        side = "left" if right > 0 else "right"
        board.text(place[0] + right, place[1] + below, name, 15, color, align=side, bold=True)
    board.text(chart.at(0.2, 11.1)[0] - 60, chart.at(0.2, 11.1)[1], "memory decides", 15)
    board.text(chart.at(2.2, 11.9)[0], chart.at(2.2, 11.85)[1], "arithmetic decides", 15)
    return board


def number_lines():
    """Where a few bits put their numbers: floating point, a scale, and a scale with an outlier."""
    board = Board(
        800, 330, "Where four bits put their numbers",
        "Three number lines from minus 1 to 1. Floating point: numbers crowd around zero. Whole "
        "numbers times one eighth: evenly spaced. Whole numbers times one half, because one weight "
        "of the group is 4: only five of them lie between minus 1 and 1.",
    )  # fmt: skip
    floats = [(1 + part / 2) * 2.0**-power for power in (1, 2, 3) for part in (0, 1)] + [1.0]
    lines = {
        "floating point": [0, *floats, *(-number for number in floats)],
        "scale 1/8": [number / 8 for number in range(-8, 8)],
        "scale 1/2:\none weight is 4": [number / 2 for number in range(-2, 3)],
    }
    for row, ((name, numbers), color) in enumerate(
        zip(lines.items(), ("blue", "green", "red"), strict=True)
    ):
        y = 110 + 70 * row
        board.text(180, y, name, 15, color, align="right", bold=True)
        board.line([(220, y), (760, y)], "gray", thickness=1.2)
        for number in numbers:
            x = 490 + 260 * number
            board.line([(x, y - 11), (x, y + 11)], color, thickness=2.4)
    for number in (-1, 0, 1):
        board.text(490 + 260 * number, 292, f"{number}".replace("-", "−"), 14)
    return board


def guesses():
    """Four guesses of a draft, what the model chooses, and what is kept."""
    board = Board(
        800, 330, "One pass checks four guesses",
        "First row, the draft: there, was, a, king. Second row, what the model chooses at the same "
        "places: there, was, a, fox. The first three agree and are kept; at the fourth the model's "
        "fox is written instead of king. One pass has given four tokens.",
    )  # fmt: skip
    board.text(120, 116, "the draft", 15, bold=True, align="right")
    board.text(120, 196, "the model", 15, bold=True, align="right")
    board.text(120, 276, "written", 15, bold=True, align="right")
    known = ["Once", "upon", "a", "time"]
    drafted, chosen = ["there", "was", "a", "king"], ["there", "was", "a", "fox"]
    board.tokens(140, 96, known, width=70, size=14, fills=["gray"] * 4)
    first = board.tokens(460, 96, drafted, width=70, size=14, fills=["orange"] * 3 + ["red"])
    second = board.tokens(460, 176, chosen, width=70, size=14, fills=["green"] * 4)
    board.tokens(140, 256, known + chosen, width=70, size=14, fills=["gray"] * 4 + ["green"] * 4)
    for above, below in zip(first, second, strict=True):
        board.arrow(above, below, color="gray", gap=2)
    return board


def three_parts():
    """How a loss comes apart into the floor, what the size costs and what the data costs."""
    floor, c, m, d, n = LAW
    board = Board(
        800, 400, "A loss has three parts",
        "Loss against tokens read for one size of model. A level line at 0.4 is the floor; a second "
        "one above it is the floor and what the size costs; a falling curve comes down to it: the "
        "distance between them is what too few tokens cost.",
    )  # fmt: skip
    powers = [5.6 + step / 10 for step in range(25)]
    size_part = c / SIZE**m
    curve = [floor + size_part + d / (10**power) ** n for power in powers]
    chart = board.chart(
        100, 90, 520, 230, (5.6, 8.0), (0, 1.4), x_label="tokens read", y_label="loss",
        x_ticks=[(6, "1 million"), (7, "10 million"), (8, "100 million")], y_ticks=[0, 0.5, 1.0],
    )  # fmt: skip
    ends = [powers[0], powers[-1]]
    chart.curve(ends, [floor] * 2, "green")
    chart.curve(ends, [floor + size_part] * 2, "orange")
    chart.curve(powers, curve, "blue")
    for value, words, color in (
        (floor / 2, "the floor: the text itself", "green"),
        (floor + size_part / 2, "the size", "orange"),
        (floor + size_part + 0.16, "the tokens", "blue"),
    ):
        board.text(636, chart.at(8, value)[1], words, 15, color, align="left", bold=True, width=150)
    return board
