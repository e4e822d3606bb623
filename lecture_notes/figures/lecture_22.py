"""The figures of lecture 22, shortcut connections."""

import itertools

import torch
from torch import nn
from torch.nn import functional as F

from classroom.whiteboard import Board
from helpers.layers import GELU

WIDTHS = [3, 3, 3, 3, 3, 1]
SLOPES = (0.5, 0.4, 0.5)


def _gradient_sizes(shortcuts):
    """Mean size of each layer's weight gradient in the lecture's network."""
    torch.manual_seed(123)
    pairs = zip(WIDTHS, WIDTHS[1:], strict=False)
    layers = [nn.Sequential(nn.Linear(*pair), GELU()) for pair in pairs]
    x = torch.tensor([[1.0, 0.0, -1.0]])
    for layer in layers:
        change = layer(x)
        x = x + change if shortcuts and change.shape == x.shape else change
    loss = F.mse_loss(x, torch.zeros_like(x))
    weights = [layer[0].weight for layer in layers]
    return [gradient.abs().mean().item() for gradient in torch.autograd.grad(loss, weights)]


def two_roads():
    """The lecture's five layers without and with shortcuts, and what gradient arrives."""
    board = Board(
        760, 400, "The same five layers, twice",
        "Two chains of five layers from the input to the loss. Above without shortcuts: the "
        "gradients shrink from 0.005 at the end to 0.0002 at the start. Below with a shortcut "
        "around each of the first four layers: the gradients stay between 0.2 and 1.3.",
    )  # fmt: skip
    for shortcuts, y, color, name in (
        (False, 130, "red", "without shortcuts"), (True, 300, "green", "with shortcuts"),
    ):  # fmt: skip
        board.text(30, y - 48, name, 15, color, align="left", bold=True)
        sizes = _gradient_sizes(shortcuts)
        last = board.box(30, y, 44, 40, "x", fill="gray")
        for number, size in enumerate(sizes):
            x = 110 + 118 * number
            layer = board.box(x, y, 62, 40, f"layer {number + 1}", fill="blue", size=13)
            board.arrow(last, layer)
            board.text(x + 31, y + 68, f"{size:.4f}", 14, color)
            last = layer
            if shortcuts and number < len(sizes) - 1:
                join = board.oval(x + 74, y + 10, 20, 20, "+", fill="green", size=13)
                start = (x - 12, y + 18)
                board.arrow(layer, join, gap=1)
                board.arrow(
                    start, join.top, via=[(x - 12, y - 24), (x + 84, y - 24)], color="green"
                )
                last = join
        loss = board.box(690, y, 50, 40, "loss", fill="orange", size=13)
        board.arrow(last, loss)
    board.text(30, 198, "gradient", 13, "gray", align="left")
    board.text(30, 368, "gradient", 13, "gray", align="left")
    return board


def eight_paths():
    """Three layers with shortcuts are eight paths, and their slopes add up."""
    board = Board(
        760, 450, "Three layers with shortcuts: eight paths",
        "Eight rows, one per path from input to output. On each path every layer is either passed "
        "through or stepped around. The product of the slopes of the layers passed through is "
        "written at the end of the row; together they are 3.15.",
    )  # fmt: skip
    total, y = 0.0, 84
    paths = sorted(itertools.product((False, True), repeat=3), key=sum)
    for path in paths:
        before = board.box(40, y, 34, 28, "x", fill="gray", size=13)
        for place, (through, slope) in enumerate(zip(path, SLOPES, strict=True)):
            if through:
                x = 130 + 130 * place
                layer = board.box(x, y, 80, 28, f"slope {slope}", fill="blue", size=13)
                board.arrow(before, layer, color="blue")
                before = layer
        product = 1.0
        for through, slope in zip(path, SLOPES, strict=True):
            product *= slope if through else 1.0
        total += product
        end = board.box(540, y, 70, 28, f"{product:.2f}", fill="green", size=14)
        board.arrow(before, end, color="green" if not any(path) else "blue")
        y += 41
    board.text(575, y + 12, f"sum {total:.2f}", 15, "green", bold=True)
    board.text(630, 98, "the free passage", 14, "green", align="left")
    board.text(630, 385, "without shortcuts\nonly this one", 13, "red", align="left")
    return board


def stream():
    """The residual stream of a GPT: every layer reads from it and adds to it."""
    board = Board(
        760, 380, "The residual stream",
        "A thick line runs from the embeddings to the output head. Attention and feed-forward "
        "layers of two blocks hang below it: each reads from the line through a normalization and "
        "adds its result to the line further on.",
    )  # fmt: skip
    level = 130
    start = board.box(25, level - 25, 104, 50, "embeddings", fill="gray", size=14)
    end = board.box(640, level - 25, 100, 50, "final norm,\nhead", fill="gray", size=14)
    board.text(382, 88, "the stream: C numbers for each token", 15, "green", bold=True)
    last = start
    for place in range(4):
        x = 152 + 122 * place
        name, fill = (("attention", "orange"), ("feed-\nforward", "teal"))[place % 2]
        norm = board.box(x, 196, 52, 30, "norm", fill="paper", size=12)
        layer = board.box(x, 262, 92, 52, name, fill=fill, size=14)
        plus = board.oval(x + 76, level - 12, 24, 24, "+", fill="green", size=15)
        board.arrow(last, plus, color="green", thickness=5, gap=1)
        last = plus
        board.arrow((norm.center[0], level + 8), norm, color="blue")
        board.arrow((norm.center[0], norm.y_end), (norm.center[0], layer.y), color="blue")
        board.arrow((plus.center[0], layer.y), plus.bottom, color="red")
    board.arrow(last, end, color="green", thickness=5, gap=1)
    board.text(45, 205, "reads a\ncopy", 14, "blue", align="left")
    board.text(655, 205, "adds its\nresult", 14, "red", align="left")
    board.brace((152, 330), (366, 330), "block 1")
    board.brace((396, 330), (610, 330), "block 2")
    return board
