"""Figures for note 44, Llama."""

import json
import math
import statistics
from pathlib import Path

from classroom.drawings.llama_plots import T_95
from classroom.whiteboard import Board

RECORD = Path(__file__).resolve().parents[2] / "benchmarks" / "llama.json"

TURN = 0.35  # radians per position, for the eye; the example of the note has its own
AHEAD = 0.9  # how far the query's own direction is ahead of the key's


def two_blocks():
    """The block of GPT-2 and that of Llama, part by part."""
    board = Board(
        800, 470, "One block, five years of changes",
        "Two stacks of boxes side by side. GPT-2: token and position embedding, LayerNorm, attention "
        "with as many key heads as query heads, LayerNorm, GELU network. Llama: token embedding, "
        "RMSNorm, attention with rotated queries and keys and shared key heads, RMSNorm, SwiGLU.",
    )  # fmt: skip
    old = ["token + position embedding", "LayerNorm", "attention, 12 heads of keys", "LayerNorm",
           "expand, GELU, project"]  # fmt: skip
    new = ["token embedding alone", "RMSNorm", "rotate, then attention,\nheads share keys",
           "RMSNorm", "expand and gate,\nmultiply, project"]  # fmt: skip
    board.text(190, 76, "GPT-2 (2019): biases everywhere", 16, bold=True)
    board.text(610, 76, "Llama 3 (2024): no biases", 16, bold=True)
    fills = ["gray", "yellow", "blue", "yellow", "green"]
    left = board.layers(60, 100, old, width=260, height=48, gap=22, fills=fills)
    right = board.layers(480, 100, new, width=260, height=48, gap=22, fills=fills)
    for one, other in zip(left, right, strict=True):
        board.arrow(one, other, color="red", dashed=True)
    board.text(400, 452, "the two additions to the residual stream stay as they were", 14, "gray")
    return board


def clock_hands():
    """A query's and a key's hand at two places: both turn, and the angle between them stays."""
    board = Board(
        800, 380, "Why the score depends on the distance",
        "Three dials with two hands each, the query's in blue and the key's in orange. Query at 5 "
        "and key at 2, and query at 9 and key at 6: both hands have turned further in the second, "
        "and the angle between them is the same. Query at 9 and key at 2: another angle.",
    )  # fmt: skip
    for x, query, key in ((140, 5, 2), (400, 9, 6), (660, 9, 2)):
        chart = board.chart(x - 95, 95, 190, 190, (-1.25, 1.25), (-1.25, 1.25), axes=False)
        circle = [math.tau * step / 40 for step in range(41)]
        chart.curve(
            [math.cos(a) for a in circle], [math.sin(a) for a in circle], "gray", thickness=1
        )
        angles = {"q": AHEAD + TURN * query, "k": TURN * key}
        for name, angle in angles.items():
            color = "blue" if name == "q" else "orange"
            chart.arrow(math.cos(angle), math.sin(angle), name, color)
        between = [angles["k"] + (angles["q"] - angles["k"]) * step / 12 for step in range(13)]
        chart.curve(
            [0.4 * math.cos(a) for a in between], [0.4 * math.sin(a) for a in between], "red"
        )
        board.text(x, 310, f"query at {query}, key at {key}", 15)
        apart = query - key
        board.text(x, 336, f"{apart} apart", 15, "red", bold=True)
    board.text(270, 190, "same angle,\nsame score", 14, "red")
    return board


def shared_keys():
    """Nine query heads over three heads of keys and values, and what the cache holds."""
    board = Board(
        800, 350, "Nine heads ask, three are asked",
        "Nine boxes for query heads in three groups of three. Each group points to one box of keys "
        "and values below it: three in all. The cache keeps these three, a third of nine.",
    )  # fmt: skip
    board.text(70, 110, "queries", 15, bold=True)
    board.text(70, 244, "keys and\nvalues", 15, bold=True)
    for group, fill in enumerate(("blue", "green", "purple")):
        x = 140 + 215 * group
        kept = board.box(x + 32, 215, 126, 58, f"head {group}", fill=fill)
        for place in range(3):
            asked = board.box(x + 66 * place, 88, 58, 44, f"{3 * group + place}", fill=fill)
            board.arrow(asked, kept)
    board.text(455, 312, "only the lower row stays in the cache: a third of what nine heads need", 15,
               "red")  # fmt: skip
    return board


def packed_block():
    """A block of Q4_1: 20 bytes, one of them taken apart."""
    board = Board(
        800, 400, "A block of Q4_1: 32 weights in 20 bytes",
        "A strip of boxes: scale, 2 bytes; least, 2 bytes; then 16 bytes of pairs. The first pair, "
        "hexadecimal 2F, is 0010 1111 in binary: its low half is 15 and belongs to weight 0, its "
        "high half is 2 and belongs to weight 16. With scale 0.1 and least -1 they are 0.5 and -0.8.",
    )  # fmt: skip
    board.box(40, 90, 90, 44, "scale 0.1", fill="orange", size=14)
    board.box(136, 90, 90, 44, "least −1", fill="orange", size=14)
    pairs = [
        board.box(236 + 33 * place, 90, 30, 44, "2F" if not place else "", fill="blue", size=13)
        for place in range(16)
    ]
    board.text(133, 156, "2 + 2 bytes", 13, "gray")
    board.text(500, 156, "16 bytes, two weights in each", 13, "gray")
    high = board.box(180, 230, 120, 44, "0010", fill="green", mono=True)
    low = board.box(306, 230, 120, 44, "1111", fill="yellow", mono=True)
    board.arrow(pairs[0], (303, 226))
    board.text(240, 292, "high half: 2", 14)
    board.text(366, 292, "low half: 15", 14)
    first = board.box(520, 212, 250, 46, "weight 0 = −1 + 0.1 · 15 = 0.5", fill="yellow", size=14)
    later = board.box(520, 322, 250, 46, "weight 16 = −1 + 0.1 · 2 = −0.8", fill="green", size=14)
    board.arrow(low, first)
    board.arrow(high, later, via=[(150, 253), (150, 345)])
    return board


def experts():
    """A router gives a token to two of eight experts."""
    board = Board(
        800, 400, "A mixture of experts",
        "A token's vector goes into a router with eight scores. The two best experts of eight, "
        "number 2 and 5, work on it, with the weights 0.7 and 0.3, and their outputs are added. The "
        "other six rest for this token.",
    )  # fmt: skip
    token = board.box(20, 176, 106, 50, "a token's\nvector", fill="gray", size=14)
    router = board.box(176, 176, 100, 50, "router", fill="purple")
    board.arrow(token, router)
    total = board.box(660, 176, 110, 50, "weighted sum", fill="gray", size=14)
    for number in range(8):
        busy = number in (2, 5)
        box = board.box(400, 66 + 40 * number, 120, 32, f"expert {number}", size=14,
                        fill="green" if busy else None, dashed=not busy,
                        color="ink" if busy else "gray",
                        text_color="ink" if busy else "gray")  # fmt: skip
        if busy:
            share = "0.7" if number == 2 else "0.3"
            board.arrow(router, box, share, color="red")
            board.arrow(box, total)
    return board


def what_pays():
    """How far each change moved the loss of a small GPT, with 95 percent intervals."""
    record = json.loads(RECORD.read_text("utf-8"))
    base, rows = record["above"]["GPT"], []
    for name, values in list(record["above"].items())[1:]:
        gaps = [one - other for one, other in zip(values, base, strict=True)]
        bar = T_95 * statistics.stdev(gaps) / len(gaps) ** 0.5
        rows.append((name, statistics.mean(gaps), bar))
    low = math.floor(10 * min(mean - bar for _, mean, bar in rows)) / 10
    high = math.ceil(10 * max(mean + bar for _, mean, bar in rows)) / 10
    said = "; ".join(f"{name} {mean:+.2f} ± {bar:.2f}" for name, mean, bar in rows)
    board = Board(
        800, 150 + 27 * len(rows), "What a change was worth to a small GPT",
        f"One row per change: difference to the GPT in nats per token, mean of five seeds and "
        f"its 95 percent interval. {said}.",
    )  # fmt: skip
    ticks = [tick / 2 for tick in range(math.ceil(2 * low), math.floor(2 * high) + 1)]
    chart = board.chart(
        250, 75, 510, 27 * len(rows) + 8, (low, high), (len(rows), 0), zero="x",
        x_ticks=[(tick, f"{tick:+.1f}" if tick else "0") for tick in ticks],
        x_label="nats per token more than the GPT (to the left is better)",
    )  # fmt: skip
    for row, (name, mean, bar) in enumerate(rows):
        y = row + 0.5
        color = "gray" if abs(mean) < bar else "green" if mean < 0 else "red"
        board.text(240, chart.at(low, y)[1], name, 13, align="right")
        chart.curve([mean - bar, mean + bar], [y, y], color, thickness=2)
        chart.dots([mean], [y], color)
    return board
