"""The figures of lecture 31, saving and loading weights."""

import json
import math

import torch
from safetensors.torch import save

from classroom.whiteboard import Board


def inside_safetensors():
    """The parts of a real safetensors file of two small tensors, byte by byte."""
    board = Board(
        760, 370, "A safetensors file from its first byte to its last",
        "A strip of four parts: eight bytes with the length of the header, the header as JSON, and "
        "the bare numbers of two tensors. Below it an entry of the header with type, shape and "
        "position, pointing to the numbers of its tensor.",
    )  # fmt: skip
    tensors = {"bias": torch.zeros(2), "weight": torch.zeros(2, 2)}
    data = save(tensors)
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    parts = [("8 bytes", f"“{size}”", "gray", 110), (f"{size} bytes", "header, JSON", "blue", 250)]
    for name, color in zip(sorted(header, key=lambda n: header[n]["data_offsets"]),
                           ("green", "orange"), strict=True):  # fmt: skip
        begin, end = header[name]["data_offsets"]
        parts.append((f"{end - begin} bytes", name, color, 150))
    x, boxes = 38, []
    for length, text, fill, width in parts:
        boxes.append(board.box(x, 112, width, 56, text, fill=fill))
        board.text(x + width / 2, 94, length, 14, "gray")
        x += width + 8
    entry = header["weight"]
    begin, end = entry["data_offsets"]
    card = board.box(158, 226, 300, 76, f"“weight”: {entry['dtype']}, shape {entry['shape']}\n"
                     f"from byte {begin} to {end} of the numbers", fill="blue", size=14)  # fmt: skip
    board.arrow(boxes[1], card)
    place = boxes[[part[1] for part in parts].index("weight")]
    board.arrow(card.right, place.bottom, color="orange", bend=0.2)
    board.text(610, 318, "names, shapes, numbers:\nnothing in it can run", 15, "green")
    return board


def what_a_run_is():
    """What a model folder holds, and what a checkpoint holds besides."""
    board = Board(
        760, 420, "A model, and a run that can go on",
        "A large frame, the checkpoint, holds a smaller frame, the model, with configuration, "
        "weights and tokenizer, and beside it the two running means of the optimizer, the random "
        "numbers, the position in the text, and step and losses.",
    )  # fmt: skip
    board.box(30, 74, 700, 320, "a checkpoint: go on", frame=True)
    board.box(56, 122, 300, 246, "a model: use it", frame=True, color="blue")
    inside = [("config.json\nhow it is built", "blue"), ("model.safetensors\nthe weights", "green"),
              ("tokenizer.json\nwhat the ids mean", "purple")]  # fmt: skip
    for place, (text, fill) in enumerate(inside):
        board.box(84, 168 + 65 * place, 244, 54, text, fill=fill, size=14)
    besides = [
        ("AdamW's two means of each weight", "orange"),
        ("the state of the random numbers", "yellow"),
        ("the loader's position in the text", "teal"),
        ("step, learning rate's plan, losses", "gray"),
    ]
    for place, (text, fill) in enumerate(besides):
        board.box(392, 126 + 62 * place, 306, 48, text, fill=fill, size=14)
    return board


def where_the_bits_go():
    """Sign, exponent and fraction of three formats, and what each makes of one tenth."""
    board = Board(
        760, 390, "Three ways to store one number",
        "Three strips of bits. fp32 has 1 bit for the sign, 8 for the exponent and 23 for the "
        "fraction. bf16 keeps sign and exponent and only 7 bits of the fraction. fp16 has 5 bits "
        "of exponent and 10 of fraction. Beside each its largest number and its one tenth.",
    )  # fmt: skip
    formats = [("fp32", torch.float32, 8), ("bf16", torch.bfloat16, 8), ("fp16", torch.float16, 5)]
    board.text(662, 92, "largest · one tenth", 14, "gray")
    for place, (name, dtype, exponent) in enumerate(formats):
        y = 118 + 82 * place
        total = 8 * dtype.itemsize
        fraction = total - 1 - exponent
        board.text(30, y + 23, name, 16, bold=True, align="left")
        unit, x = 14.5, 84
        for bits, text, fill in ((1, "", "red"), (exponent, f"{exponent}", "orange"),
                                 (fraction, f"{fraction}", "green")):  # fmt: skip
            board.box(x, y, bits * unit, 46, text, fill=fill)
            x += bits * unit
        largest = torch.finfo(dtype).max
        tenth = torch.tensor(0.1, dtype=dtype).item()
        board.text(662, y + 23, f"{largest:.3g}\n{tenth:.9f}", 14)
    board.text(270, 368, "red: sign · orange: exponent, the range · green: fraction, the digits", 14,
               "gray")  # fmt: skip
    return board


def how_often():
    """The time lost by saving and by failures, against the time between two checkpoints."""
    board = Board(
        760, 400, "How often to save",
        "Three curves against the minutes between two checkpoints. The time spent on saving falls, "
        "the work lost by failures rises, and their sum has a lowest point at about nineteen "
        "minutes.",
    )  # fmt: skip
    between = 54 * 24 * 60 / 419  # minutes between failures, Llama 3
    chart = board.chart(100, 100, 440, 230, (0, 80), (0, 0.3), x_label="minutes between checkpoints",
                        y_label="share of the time that is lost", x_ticks=[0, 20, 40, 60, 80],
                        y_ticks=[0, 0.1, 0.2, 0.3])  # fmt: skip
    minutes = [4 + k for k in range(77)]
    chart.curve(minutes, [1 / t for t in minutes], "blue", thickness=1.8)
    chart.curve(minutes, [t / 2 / between for t in minutes], "red", thickness=1.8)
    both = [(t, 1 / t + t / 2 / between) for t in minutes]
    both = [pair for pair in both if pair[1] < 0.3]
    chart.curve([t for t, _ in both], [share for _, share in both], "purple")
    best = math.sqrt(2 * between)
    share = 1 / best + best / 2 / between
    chart.dots([best], [share], "green", radius=5)
    x, y = chart.at(best, share)
    board.text(x + 10, y - 84, f"best: {best:.0f} minutes, {share:.1%}", 14, "green", align="left")
    for height, name, color in ((0.255, "both together", "purple"),
                                (0.205, "work done again\nafter a failure", "red"),
                                (0.0125, "saving, a minute each", "blue")):  # fmt: skip
        board.text(558, chart.at(0, height)[1], name, 14, color, align="left")
    return board
