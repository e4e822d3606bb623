"""The figures of lecture 12, the whole input pipeline."""

import torch

from classroom.whiteboard import Board
from helpers.config import get_preset
from helpers.texts.loaders import TokenWindows

TEXT = "to be or not to be"
WORDS = sorted(set(TEXT.split()))  # be, not, or, to
TOKEN_TABLE = torch.tensor([[0.4, -0.1, 0.2], [-0.3, 0.5, 0.1], [0.2, 0.2, -0.4], [0.1, -0.2, 0.6]])
PLACE_TABLE = torch.tensor([[0.0, 0.1, 0.0], [0.1, 0.0, -0.1], [0.0, -0.1, 0.1], [-0.3, 0.2, 0.1]])
FILLS = {"be": "blue", "not": "green", "or": "purple", "to": "orange"}


def pipeline():
    """Every step from text to the first block, with its shape and its lecture."""
    board = Board(
        760, 470, "From text to the first block",
        "Six steps from left to right and down: text, tokenizer, one row of ids, windows stacked in "
        "batches, token table plus position table, inputs of the first block. Each arrow names the "
        "shape. The targets leave the batches and go straight to the loss.",
    )  # fmt: skip
    text = board.drum(30, 100, 110, 80, "text", fill="orange")
    tokenizer = board.box(220, 110, 150, 60, "tokenizer\n(lectures 7, 8)", fill="paper")
    windows = board.box(530, 110, 190, 60, "windows and batches\n(lecture 9)", fill="paper")
    board.arrow(text, tokenizer, "characters")
    board.arrow(tokenizer, windows, "one row of ids (N,)", color="blue")
    token_table = board.box(530, 235, 190, 56, "token table (V, C)\n(lecture 10)", fill="blue")
    plus = board.oval(405, 245, 40, 36, "+", size=20, bold=True)
    place_table = board.box(130, 235, 190, 56, "position table\n(lecture 11)", fill="purple")
    board.arrow(
        (windows.center[0] - 50, 170),
        (windows.center[0] - 50, 235),
        "inputs (B, T)",
        color="blue",
        side="left",
    )
    board.arrow(token_table, plus, "(B, T, C)", color="blue")
    board.arrow(place_table, plus, "(T, C)", color="purple")
    dropout = board.box(345, 325, 160, 40, "dropout", fill="gray")
    block = board.box(345, 410, 160, 40, "first block", fill="green")
    board.arrow(plus, dropout, "(B, T, C)", side="right")
    board.arrow(dropout, block, "(B, T, C)", side="right")
    loss = board.box(610, 410, 110, 40, "loss", fill="red")
    board.arrow(windows, loss, via=[(742, 140), (742, 430)], color="red", dashed=True)
    board.arrow(block, loss, "… logits", color="green")
    board.text(670, 372, "targets (B, T)", 13, "red")
    board.text(150, 345, "positions 0, 1, …, T − 1:\nthe same for every text", 13, "purple")
    return board


def worked_through():
    """'to be or not' as ids, token vectors, places and their sum."""
    ids = [WORDS.index(word) for word in TEXT.split()]
    inputs, targets = TokenWindows(ids, 4, 1)[0]
    words = TEXT.split()[:4]
    fills = {(i, j): FILLS[word] for i, word in enumerate(words) for j in range(3)}
    board = Board(
        760, 400, "One window on its way: to be or not",
        "The words to, be, or, not with their ids 3, 0, 2, 1. Beside them their rows of the token "
        "table, the rows 0 to 3 of the position table, and the sums. Below, the targets 0, 2, 1, 3.",
    )  # fmt: skip
    left = board.matrix(
        80, 140, [[str(i)] for i in inputs.tolist()], rows=words, title="ids  (T,)", cell=(42, 40),
        fills={(i, 0): FILLS[word] for i, word in enumerate(words)},
    )  # fmt: skip
    vectors = board.matrix(
        205, 140, TOKEN_TABLE[inputs], title="tokens  (T, C)", digits=1, cell=(48, 40), fills=fills
    )
    places = board.matrix(
        395, 140, PLACE_TABLE, title="positions  (T, C)", digits=1, cell=(48, 40),
        fills={(i, j): "paper" for i in range(4) for j in range(3)},
    )  # fmt: skip
    total = board.matrix(
        585, 140, TOKEN_TABLE[inputs] + PLACE_TABLE, title="inputs  (T, C)", digits=1, cell=(48, 40),
        color="red", fills=fills,
    )  # fmt: skip
    level = left.box.center[1]
    board.arrow((132, level), (196, level))
    board.text((vectors.box.x_end + places.box.x) / 2, level, "+", 24, bold=True)
    board.text((places.box.x_end + total.box.x) / 2, level, "=", 24, bold=True)
    names = ", ".join(f"{WORDS[i]} {i}" for i in targets.tolist())
    board.text(380, 345, f"targets, one position further on:  {names}", 15, "green")
    board.text(380, 374, "they meet the model only at the other end, in the loss", 13, "gray")
    return board


def same_word_twice():
    """The token 'to' in two windows: another place, another vector."""
    to = WORDS.index("to")
    board = Board(
        760, 330, "One token, two windows, two vectors",
        "The six words to be or not to be with two windows of four. The word at the beginning of the "
        "first window is 'to' at position 0; the last word of the second window is 'to' at position 3. "
        "Their input vectors differ.",
    )  # fmt: skip
    words = TEXT.split()
    strips = []
    for row, start in enumerate((0, 1)):
        y = 110 + 120 * row
        board.text(30, y + 17, f"window {row}", 14, bold=True, align="left")
        strip = board.tokens(
            120 + 70 * start, y, words[start : start + 4], width=64, gap=6,
            fills=[FILLS[w] for w in words[start : start + 4]],
        )  # fmt: skip
        for place, box in enumerate(strip):
            board.text(box.center[0], y - 14, f"position {place}", 12, "gray")
        strips.append(strip)
    for strip, place, y in ((strips[0], 0, 127), (strips[1], 3, 247)):
        total = (TOKEN_TABLE[to] + PLACE_TABLE[place]).tolist()
        vector = ", ".join(f"{v:.1f}".replace("-", "−") for v in total)
        board.ring(strip[place], margin=4)
        board.text(735, y, f"to at position {place}:  ({vector})", 15, "red", align="right")
    board.text(380, 306, "the row of 'to' in the token table is the same in both", 14)
    return board


def share_of_the_tables():
    """Both tables as a share of the parameters of the four GPT-2 sizes."""
    names = ["gpt2-small", "gpt2-medium", "gpt2-large", "gpt2-xl"]
    shares, totals = [], []
    for name in names:
        config = get_preset(name)
        width = config.embedding_dim
        tables = (config.vocab_size + config.context_length) * width
        total = tables + config.n_layers * (12 * width**2 + 13 * width) + 2 * width
        shares.append(100 * tables / total)
        totals.append(total)
    board = Board(
        760, 380, "How much of GPT-2 is this lecture?",
        "Bars of the share of both tables in the parameters of the four sizes of GPT-2: nearly a "
        "third of the smallest, about a twentieth of the largest.",
    )  # fmt: skip
    chart = board.chart(
        110, 95, 540, 200, (-0.6, 3.6), (0, 40), y_ticks=[0, 10, 20, 30], y_label="both tables, %"
    )
    labels = [f"{total / 1e6:,.0f} million" for total in totals]
    chart.bars(shares, labels, fill="blue", values=[f"{share:.0f} %" for share in shares])
    board.text(
        380, 350, "tables grow with the width C, blocks with its square", 14, "red", italic=True
    )
    return board
