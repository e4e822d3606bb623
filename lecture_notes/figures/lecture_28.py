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
             ("4 · backward\na gradient a weight", "orange")]  # fmt: skip
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
    """Two weights whose slopes differ a hundredfold: gradient descent and Adam."""
    board = Board(
        760, 420, "Two weights, one steep and one flat",
        "Level lines of a long narrow valley and two paths of eleven steps from the same point. "
        "Gradient descent jumps from wall to wall and hardly moves along the valley. Adam goes "
        "straight to the lowest point.",
    )  # fmt: skip
    chart = board.chart(90, 100, 470, 250, (-0.2, 1.1), (-1, 1.1), x_label="b, the flat direction",
                        y_label="a, the steep direction", x_ticks=[0, 0.5, 1],
                        y_ticks=[-1, 0, 1])  # fmt: skip
    for level in (0.1, 0.35, 0.7):
        bs = [-0.2 + 1.3 * k / 80 for k in range(81)]
        bs = [b for b in bs if 0.02 * b * b <= 2 * level * level]
        heights = [math.sqrt(level * level - 0.01 * b * b) for b in bs]
        chart.curve(bs, heights, "gray", thickness=1.0)
        chart.curve(bs, [-height for height in heights], "gray", thickness=1.0)
    down = [(1.0, 1.0)]
    for _ in range(11):
        a, b = down[-1]
        down.append((a - 0.45 * 4 * a, b - 0.45 * 0.04 * b))
    for path, color in ((down, "red"), (_adam(11), "blue")):
        for (a, b), (next_a, next_b) in zip(path, path[1:], strict=False):
            chart.curve([b, next_b], [a, next_a], color, thickness=1.6)
        chart.dots([b for _, b in path], [a for a, _ in path], color, radius=3)
    chart.dots([0], [0], "green", radius=5)
    board.text(660, 150, "gradient descent,\nrate 0.45: from\nwall to wall", 14, "red")
    board.text(660, 230, "Adam, rate 0.1:\nboth weights move\nalike", 14, "blue")
    board.text(660, 300, "lowest point", 14, "green")
    return board


def _adam(steps, rate=0.1):
    """The path (a, b) of AdamW without decay on 2 a² + 0.02 b² from (1, 1)."""
    weights = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    optimizer = torch.optim.AdamW([weights], lr=rate, betas=(0.9, 0.95), weight_decay=0.0)
    path = [(1.0, 1.0)]
    for _ in range(steps):
        optimizer.zero_grad()
        (2 * weights[0] ** 2 + 0.02 * weights[1] ** 2).backward()
        optimizer.step()
        path.append(tuple(weights.tolist()))
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
                        x_label="held-out loss, nats a token",
                        x_ticks=[4.2, 4.4, 4.6, 4.8, 5.0])  # fmt: skip
    for place, name in enumerate(rows):
        height = len(rows) - 1 - place
        short = name.replace(" (constant rate)", "").replace("4 batches of 4 instead of one of 16",
                                                             "4 batches of 4")  # fmt: skip
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
