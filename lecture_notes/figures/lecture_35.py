"""The figures of lecture 35, a classification head."""

import math

import torch

from classroom.whiteboard import Board
from helpers.config import PRESETS
from helpers.model import GPT


def _count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def _gpt2():
    with torch.device("meta"):
        return GPT(PRESETS["gpt2-small"])


def swapped_head():
    """The GPT before and after: the old head off, a small one on, two parts set free to learn."""
    model = _gpt2()
    head = 2 * 768 + 2
    board = Board(
        760, 470, "Off with the large head, on with a small one",
        "Two stacks of layers. On the left the pretrained GPT-2 with an output head of 50,257 "
        "scores. On the right the same stack with a head of two scores. Embeddings and the first "
        "eleven blocks are frozen; the last block, the final normalization and the head learn.",
    )  # fmt: skip
    names = ["embeddings", "blocks 1 to 11", "block 12", "final norm"]
    left = board.layers(45, 175, names, width=180, height=40, gap=20)
    old = board.box(45, 92, 180, 44, "output head", fill="red")
    board.arrow(left[-1], old)
    board.text(240, 114, f"{_count(model.output_head):,}\nweights", 13, "red", align="left")
    board.cross(old, "red")
    right = board.layers(
        420, 175, names, width=180, height=40, gap=20, fills=["gray", "gray", "green", "green"]
    )
    new = board.box(460, 92, 100, 44, "2 scores", fill="green")
    board.arrow(right[-1], new)
    remarks = [
        f"{_count(model.token_embedding) + _count(model.position_embedding):,}",
        f"{sum(_count(block) for block in model.blocks[:11]):,}",
        f"{_count(model.blocks[11]):,}",
        f"{_count(model.final_norm):,}",
        f"{head:,}",
    ]
    for box, remark, color in zip(
        [*right, new], remarks, ["gray", "gray", "green", "green", "green"], strict=True
    ):
        board.text(620, box.center[1], remark, 14, color, align="left")
    board.arrow((265, 285), (400, 285), "copy the\nweights", side="above")
    board.text(135, 430, "as pretrained", 14, bold=True)
    board.text(510, 430, "gray: frozen     green: learns", 14, bold=True)
    return board


def who_sees_whom():
    """The causal mask of five tokens: only the last row is full."""
    words = ["you", "won", "a", "free", "prize"]
    board = Board(
        760, 380, "Which token knows the whole message?",
        "A five by five matrix of ones below the diagonal. The row of the first token has a single "
        "one, the row of the last token has five and is ringed: an arrow leads from it to the head.",
    )  # fmt: skip
    mask = [[1 if j <= i else None for j in range(5)] for i in range(5)]
    matrix = board.matrix(
        120, 130, mask, rows=words, columns=words, cell=(62, 38), digits=0, grid=True,
        fills={(i, j): "blue" for i in range(5) for j in range(i + 1)},
    )  # fmt: skip
    board.text(52, 96, "may look at →", 13, "gray", align="left")
    board.ring(matrix.row(4), "green", margin=4)
    board.ring(matrix.row(0), "red", margin=4)
    head = board.box(560, 280, 150, 44, "head: ham or spam", fill="green", size=14)
    board.arrow(matrix.row(4).grown(6), head, color="green")
    board.note(600, 150, "the first token sees\nonly itself: the same\nvector in every\nmessage that "
               "begins so", "red", to=matrix.row(0).grown(6).right, bend=0)  # fmt: skip
    board.text(340, 354, "the last token has seen all", 14, "green")
    return board


def lora():
    """A frozen square of weights beside two thin trained ones, and how many they are."""
    board = Board(
        760, 400, "LoRA: learn a thin change beside the frozen weights",
        "The input goes two ways. Through the large frozen matrix W, and through a thin matrix A "
        "that makes r numbers of it and a thin matrix B that makes C numbers again. Both results "
        "are added.",
    )  # fmt: skip
    width, rank = PRESETS["gpt2-small"].embedding_dim, 8
    x = board.box(40, 172, 60, 60, "x\n(C,)", fill="gray", size=14)
    frozen = board.box(180, 84, 150, 110, f"W, frozen\n{width} · {width}\n= {width * width:,}",
                       fill="gray", size=14)  # fmt: skip
    down = board.box(180, 262, 150, 22, fill="green")  # r wide rows
    up = board.box(400, 220, 22, 110, fill="green")  # C rows of r numbers
    board.text(255, 300, "A: r · C", 14, "green", bold=True)
    board.text(411, 346, "B: C · r", 14, "green", bold=True)
    add = board.oval(480, 182, 40, 40, "+", fill="orange", size=17)
    out = board.box(590, 172, 60, 60, "y\n(C,)", fill="gray", size=14)
    board.arrow(x, frozen)
    board.arrow(x, down, color="green")
    board.arrow(down, up, "r numbers", color="green", side="above")
    board.arrow(frozen, add)
    board.arrow(up, add, color="green")
    board.text(478, 258, "times α/r", 14, "green", align="left")
    board.arrow(add, out)
    board.note(520, 105, "before training B is 0:\nthe model is unchanged", "orange", size=13)
    together = 2 * rank * width
    board.text(
        470, 318, f"with r = {rank}: {together:,} numbers learn,\n"
        f"1 in {math.floor(width * width / together)} of what W has", 14, "green", align="left",
    )  # fmt: skip
    return board
