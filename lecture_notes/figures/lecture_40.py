"""The figures of lecture 40, starting from pretrained weights."""

import math

import torch

from classroom.whiteboard import Board
from helpers.config import PRESETS
from helpers.model import GPT

SIZES = ("gpt2-small", "gpt2-medium", "gpt2-large", "gpt2-xl")
LAMBADA = (45.99, 55.48, 60.12, 63.24)  # percent right: Radford et al. 2019, table 3
GIGA = 1e9


def _count(name):
    with torch.device("meta"):
        return GPT(PRESETS[name]).n_parameters()


def base_and_tuned():
    """One prompt, two models: the base model goes on with the page, the other one answers."""
    board = Board(
        760, 400, "One request, before and after",
        "A request to turn a sentence into the passive goes to two models. The base model repeats "
        "the sentence and goes on with another instruction heading. The fine-tuned model gives the "
        "passive sentence and stops.",
    )  # fmt: skip
    prompt = board.box(
        30, 160, 190, 110,
        "Convert the active\nsentence to passive:\n‘The chef cooks the\nmeal every day.’", fill="blue",
        size=14,
    )  # fmt: skip
    base = board.box(290, 92, 130, 56, "GPT-2 355M\nas pretrained", fill="gray", size=14)
    tuned = board.box(290, 284, 130, 56, "the same after\n2 epochs", fill="orange", size=14)
    board.arrow(prompt, base)
    board.arrow(prompt, tuned)
    first = board.bubble(
        470, 82, 262, 84, "The chef cooks the meal every day.\n### Instruction:\nConvert the active …",
        fill="red", tail="left", size=13,
    )  # fmt: skip
    second = board.bubble(
        470, 280, 262, 64, "The meal is cooked every day\nby the chef. <|endoftext|>", fill="green",
        tail="left", size=13,
    )  # fmt: skip
    board.arrow(base, first)
    board.arrow(tuned, second)
    board.text(600, 198, "goes on with the page, and does not stop", 13, "red")
    board.text(600, 372, "answers, and says that it has ended", 13, "green")
    board.arrow(base, tuned, color="orange")
    board.text(368, 216, "232 steps", 14, "orange", align="left")
    return board


def size_and_skill():
    """Last words of stories guessed right, over the number of parameters, for the four sizes."""
    board = Board(
        760, 400, "Four sizes of GPT-2: which last word does the story want?",
        "A chart of the share of right last words over the number of parameters. Four points rise "
        "from 46 percent to 63 percent; the step from the smallest to the second is the largest.",
    )  # fmt: skip
    counts = [_count(name) for name in SIZES]
    chart = board.chart(
        110, 95, 440, 230, (7.9, 9.3), (0, 70), x_label="parameters (each step is a factor)",
        x_ticks=[(math.log10(n), f"{n / 1e6:.0f}M") for n in counts], y_ticks=[0, 20, 40, 60],
        y_label="percent right",
    )  # fmt: skip
    places = [math.log10(n) for n in counts]
    chart.dots(places, LAMBADA, "blue")
    for place, score in zip(places, LAMBADA, strict=True):
        x, y = chart.at(place, score)
        board.text(x - 6, y - 18, f"{score:.1f}", 14, "blue")
    rows = [[f"{16 * n / GIGA:.1f}"] for n in counts]
    board.matrix(
        652, 150, rows, rows=[f"{n / 1e6:.0f}M" for n in counts], cell=(64, 34), fills={(1, 0): "orange"}
    )  # fmt: skip
    board.text(660, 106, "gigabytes to train\n(16 bytes each)", 13)
    board.text(660, 318, "orange: the\nlecture's choice", 13, "orange")
    return board


def where_the_memory_goes():
    """Bars of memory for GPT-2 medium: at inference, in training on short rows, on full rows."""
    config = PRESETS["gpt2-medium"]
    weights = 4 * _count("gpt2-medium") / GIGA
    board = Board(
        760, 400, "GPT-2 medium in 32-bit numbers: where the memory goes",
        "Three bars. In use: the weights only. In training on short rows: weights, gradients and "
        "two averages, and a little for the batch. In training on full rows of 1,024 tokens: hidden "
        "states and attention weights are each twice as large as all of that.",
    )  # fmt: skip
    x, unit, y = 130, 16.5, 88
    for name, T in (
        ("at inference", 0),
        ("training,\n8 rows of 61", 61),
        ("training,\n8 rows of 1,024", 1024),
    ):
        parts = [(weights, "blue")]
        if T:
            parts += [(weights, "green"), (2 * weights, "orange")]
            hidden = 16 * config.embedding_dim * config.n_layers  # numbers kept for a token
            parts.append((8 * T * hidden * 4 / GIGA, "teal"))
            parts.append((8 * T * config.vocab_size * 4 / GIGA, "purple"))
            parts.append((config.n_layers * config.n_heads * 8 * T * T * 4 / GIGA, "red"))
        left = x
        for size, fill in parts:
            board.box(left, y, max(3, unit * size), 46, "", fill=fill)
            left += max(3, unit * size)
        board.text(120, y + 23, name, 14, align="right")
        board.text(
            left + 8, y + 23, f"{sum(p for p, _ in parts):.1f} GB", 14, align="left", bold=True
        )
        y += 76
    names = [
        ("weights", "blue"), ("gradients", "green"), ("two averages", "orange"),
        ("hidden states", "teal"), ("logits", "purple"), ("attention weights", "red"),
    ]  # fmt: skip
    for place, (name, color) in enumerate(names):
        x, y = 140 + 190 * (place % 3), 324 + 32 * (place // 3)
        board.box(x, y, 18, 18, "", fill=color)
        board.text(x + 28, y + 9, name, 14, color, align="left")
    return board
