"""The figures of lecture 28, the pretraining loop."""

import json
import math
from pathlib import Path

import torch

from classroom.whiteboard import Board

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def _recorded(name):
    return json.loads((BENCHMARKS / f"{name}.json").read_text("utf-8"))


def the_loop():
    """Six moves in a ring, and what is done now and then beside it."""
    board = Board(
        760, 410, "One step, and again",
        "Six boxes in a ring: take a batch, forward to the logits, one loss, backward to a "
        "gradient for each weight, clip and step, clear the gradients, and back to the next batch. "
        "A dashed box below: now and then the held-out loss, a sample and a checkpoint.",
    )  # fmt: skip
    upper = [("1 · take a batch\ninputs, targets (B, T)", "blue"),
             ("2 · forward\nlogits (B, T, V)", "purple"), ("3 · loss\none number", "red")]  # fmt: skip
    lower = [("6 · clear\nthe gradients", "gray"), ("5 · clip, then step\nthe weights move", "green"),
             ("4 · backward\na gradient per weight", "orange")]  # fmt: skip
    top = [board.box(36 + 244 * i, 84, 200, 64, t, fill=f) for i, (t, f) in enumerate(upper)]
    low = [board.box(36 + 244 * i, 220, 200, 64, t, fill=f) for i, (t, f) in enumerate(lower)]
    ring = [*top, *reversed(low), top[0]]
    for a, b in zip(ring, ring[1:], strict=False):
        board.arrow(a, b)
    board.text(380, 184, "thousands of times, each time another batch", 15, "gray")
    aside = board.box(180, 334, 400, 44, "now and then: held-out loss, a sample, a checkpoint",
                      size=14, dashed=True)  # fmt: skip
    board.arrow(low[1], aside, dashed=True)
    return board


def narrow_valley():
    """One narrow valley along the two weights, and the same one rotated by 45 degrees."""
    board = Board(
        760, 470, "A narrow valley, and the same one rotated",
        "Two panels with the level lines of the same narrow valley and two paths of 37 steps. Left "
        "the valley lies along one weight: gradient descent jumps from wall to wall and gets half "
        "way, Adam goes straight to the lowest point. Right the valley is rotated by 45 degrees: "
        "gradient descent takes the same path, rotated, while Adam hardly moves along the valley.",
    )  # fmt: skip
    for left, degrees, title in ((60, 0, "along one weight"), (430, 45, "rotated by 45 degrees")):
        angle = math.radians(degrees)
        chart = board.chart(left, 110, 280, 280, (-1.5, 1.5), (-1.5, 1.5), x_label="one weight",
                            y_label="the other", x_ticks=[-1, 0, 1], y_ticks=[-1, 0, 1])  # fmt: skip
        board.text(left + 185, 92, title, 15, bold=True)
        for flat in (0.5, 1.0, 2.0, 4.0, 8.0):
            ring = [math.tau * k / 160 for k in range(161)]
            _inside(chart, [_turned(flat / 10 * math.sin(r), flat * math.cos(r), angle)
                            for r in ring])  # fmt: skip
        for path, color in ((_plain(37), "red"), (_adam(37, angle), "blue")):
            seen = [_turned(a, b, angle) for a, b in path]
            chart.curve([x for x, _ in seen], [y for _, y in seen], color, thickness=1.6)
            ends = (seen[0], seen[-1])
            chart.dots([x for x, _ in ends], [y for _, y in ends], color, radius=5)
        chart.dots([0], [0], "green", radius=5)
    board.text(200, 445, "red: gradient descent, rate 0.45", 14, "red")
    board.text(450, 445, "blue: Adam, rate 0.1", 14, "blue")
    board.text(640, 445, "lowest point", 14, "green")
    return board


def _turned(a, b, angle):
    """Where the point with a across the valley and b along it lies on the page."""
    return (
        math.cos(angle) * b - math.sin(angle) * a,
        math.sin(angle) * b + math.cos(angle) * a,
    )


def _inside(chart, points, edge=1.5):
    """Draw a level line, leaving out what lies beyond the edge of the chart."""
    piece = []
    for x, y in [*points, (9, 9)]:
        if abs(x) <= edge and abs(y) <= edge:
            piece.append((x, y))
        elif piece:
            if len(piece) > 1:
                chart.curve([x for x, _ in piece], [y for _, y in piece], "gray", thickness=1.0)
            piece = []


def _plain(steps, rate=0.45):
    """The path (a, b) of gradient descent on 2 a² + 0.02 b² from (1, 1), however it is rotated."""
    path = [(1.0, 1.0)]
    for _ in range(steps):
        a, b = path[-1]
        path.append((a - rate * 4 * a, b - rate * 0.04 * b))
    return path


def _adam(steps, angle, rate=0.1):
    """The path (a, b) of AdamW without decay from (1, 1), where the weights lie at an angle."""
    turn = torch.tensor([[-math.sin(angle), math.cos(angle)], [math.cos(angle), math.sin(angle)]],
                        dtype=torch.float64)  # fmt: skip
    weights = torch.nn.Parameter(turn @ torch.ones(2, dtype=torch.float64))
    optimizer = torch.optim.AdamW([weights], lr=rate, betas=(0.9, 0.95), weight_decay=0.0)
    path = [(1.0, 1.0)]
    for _ in range(steps):
        optimizer.zero_grad()
        a, b = turn.T @ weights
        (2 * a**2 + 0.02 * b**2).backward()
        optimizer.step()
        path.append(tuple((turn.T @ weights).tolist()))
    return path


def which_would_you_miss():
    """Held-out losses without each habit, a dot a seed, at two learning rates."""
    board = Board(
        760, 430, "Which of them would you miss?",
        "Six rows, one for each way of training, with a dot for each of five seeds at two learning "
        "rates. At the good rate all rows lie close together except the constant rate and no "
        "clipping. At ten times the rate all are worse and spread more widely.",
    )  # fmt: skip
    measured = _recorded("training_choices")["held_out_loss"]
    rows = list(next(iter(measured.values())))
    chart = board.chart(230, 100, 480, 260, (4.1, 5.2), (-0.6, len(rows) - 0.4),
                        x_label="held-out loss, nats per token",
                        x_ticks=[4.2, 4.4, 4.6, 4.8, 5.0])  # fmt: skip
    for place, name in enumerate(rows):
        height = len(rows) - 1 - place
        short = name.replace(" (constant rate)", "").replace(" instead of one of 16", "")
        short = short.replace("warm-up", "warmup")
        board.text(218, chart.at(4.1, height)[1], short, 14, align="right")
        for (rate, losses), color in zip(measured.items(), ("blue", "red"), strict=True):
            chart.dots(losses[name], [height + (0.13 if color == "blue" else -0.13)] * 5, color)
            if not place:
                x, y = chart.at(sum(losses[name]) / 5, height)
                board.text(x, y - 28, "rate " + rate.split(",")[0], 14, color, bold=True)
    return board


def by_heart():
    """The recorded run of GPT-2's smallest shape on one short story."""
    memory = _recorded("memorizing")
    board = Board(
        760, 400, "Ten rounds over one short story",
        "Two curves over eighty steps. The training loss falls below one. The held-out loss falls "
        "from nine to seven in the first two rounds, stays there, and rises a little at the end.",
    )  # fmt: skip
    steps, learned, held_out = memory["steps"], memory["training_loss"], memory["held_out_loss"]
    chart = board.chart(90, 95, 500, 235, (0, 80), (0, 11), x_label="step (eight are one round)",
                        y_label="loss", x_ticks=[0, 20, 40, 60, 80],
                        y_ticks=[0, 5, 10])  # fmt: skip
    chart.curve(steps, learned, "blue")
    chart.curve(steps, held_out, "red")
    lowest = min(range(len(steps)), key=held_out.__getitem__)
    chart.dots([steps[lowest]], [held_out[lowest]], "green", radius=5)
    x, y = chart.at(steps[lowest], held_out[lowest])
    board.text(x, y - 24, f"lowest: {held_out[lowest]:.2f}", 14, "green")
    for series, name, color in ((held_out, "held out", "red"), (learned, "training", "blue")):
        x, y = chart.at(80, series[-1])
        board.text(x + 14, y, f"{name}: {series[-1]:.2f}", 14, color, align="left")
    guess = math.log(50257)
    board.line([chart.at(0, guess), chart.at(80, guess)], "gray", dashed=True)
    board.text(chart.at(80, guess)[0] + 14, chart.at(80, guess)[1], "knows nothing", 13, "gray",
               align="left")  # fmt: skip
    return board
