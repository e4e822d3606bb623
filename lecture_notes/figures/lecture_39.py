"""The figures of lecture 39, instruction data loaders."""

import random

from classroom.whiteboard import Board

# The first batch of the lecture's loader (seed 123): tokens of prompt and answer. Note 39 recounts.
FIRST_BATCH = [(56, 5), (37, 11), (41, 14), (40, 13), (40, 13), (56, 2), (37, 7), (55, 3)]
BATCH, POOL = 4, 3  # rows in a batch, batches in a pool: small, so that they can be drawn


def _lengths():
    draw = random.Random(39)
    return [draw.randint(40, 91) for _ in range(24)]


def _cut(rows):
    return [rows[i : i + BATCH] for i in range(0, len(rows), BATCH)]


def _padding(batches):
    cells = sum(len(batch) * max(batch) for batch in batches)
    return 1 - sum(map(sum, batches)) / cells


def _pooled(lengths):
    size = BATCH * POOL
    pools = [sorted(lengths[i : i + size]) for i in range(0, len(lengths), size)]
    batches = [batch for pool in pools for batch in _cut(pool)]
    return random.Random(3).sample(batches, len(batches))


def road_of_a_batch():
    """Numbers are drawn, rows fetched, the collate function makes two tensors on the device."""
    board = Board(
        760, 400, "The road of a batch",
        "A sampler draws eight numbers, the data set gives the eight rows, the collate function "
        "with its bound arguments makes two tensors of them, and these go to the training loop.",
    )  # fmt: skip
    numbers = ["8", "709", "639", "313", "769", "407", "12", "173"]
    sampler = board.box(30, 92, 130, 60, "sampler:\nshuffles 935", fill="purple", size=14)
    picked = board.tokens(240, 106, numbers, fills=["purple"] * 8, width=50)
    board.arrow(sampler, picked[0], color="purple")
    board.text(470, 84, "the numbers of one batch", 14, "purple")
    lengths = [prompt + answer for prompt, answer in FIRST_BATCH]
    for place, length in enumerate(lengths):
        board.box(30, 208 + 17 * place, 2.4 * length, 13, "", fill="blue")
    board.text(100, 366, "eight rows, eight lengths", 14, "blue")
    board.arrow((picked[0].center[0], 142), (150, 202), color="blue")
    board.text(235, 190, "fetch the rows", 14, "blue", align="left")
    collate = board.box(
        290, 224, 150, 96, "collate(rows)\npad, shift, mask", fill="orange", size=14
    )
    board.arrow((182, 272), collate, color="orange")
    board.text(365, 345, "bound beforehand:\ndevice, limit, padding id", 14, "orange")
    width = max(lengths)
    inputs = board.box(540, 200, 180, 56, f"inputs\n({len(lengths)}, {width})", fill="green")
    targets = board.box(540, 282, 180, 56, f"targets\n({len(lengths)}, {width})", fill="green")
    board.arrow(collate, inputs, color="green")
    board.arrow(collate, targets, color="green")
    board.text(630, 366, "on the device, ready for a step", 14, "green")
    return board


def what_fills_the_rectangle():
    """The first batch of the lecture, cell by cell: prompt, answer, padding."""
    prompts = sum(prompt - 1 for prompt, _ in FIRST_BATCH)  # the first token is no target
    answers = sum(answer + 1 for _, answer in FIRST_BATCH)  # and the end of text is one
    width = max(prompt + answer for prompt, answer in FIRST_BATCH)
    cells = width * len(FIRST_BATCH)
    board = Board(
        760, 400, f"One batch of the lecture: {cells} targets",
        "Eight bars, one a row of the batch. Each begins with a long part that belongs to the "
        "prompt, has a short part of answer, and is filled up with padding to the longest row.",
    )  # fmt: skip
    left, unit = 50, 9
    for place, (prompt, answer) in enumerate(FIRST_BATCH):
        y, x = 84 + 30 * place, left
        parts = [(prompt - 1, "blue"), (answer + 1, "green"), (width - prompt - answer, "gray")]
        for count, fill in parts:
            if count:
                board.box(x, y, unit * count, 22, "", fill=fill)
            x += unit * count
    for x, name, count, fill in (
        (130, "prompt", prompts, "blue"), (330, "answer and its end", answers, "green"),
        (540, "padding", cells - prompts - answers, "gray"),
    ):  # fmt: skip
        board.text(x, 344, f"{name}: {count}", 15, fill, bold=True)
        board.text(x, 368, f"{100 * count / cells:.1f} percent", 14, fill)
    board.note(
        678, 130, "the longest row\nsets the width", to=(left + unit * width + 4, 95), bend=0
    )
    return board


def pools():
    """Shuffled, sorted in pools, sorted as a whole: bars of lengths in batches, and the padding."""
    board = Board(
        760, 450, "Shuffle, sort within pools, shuffle the batches",
        "Three rows of 24 bars in batches of four. Shuffled: the bars of a batch differ and much is "
        "empty. Sorted within pools of twelve, then the batches shuffled: little is empty, the order "
        "is still mixed. Sorted as a whole: almost nothing is empty, and short comes before long.",
    )  # fmt: skip
    lengths = _lengths()
    rows = [
        ("shuffled", _cut(lengths), "red"),
        ("sorted in two pools,\nbatches shuffled", _pooled(lengths), "green"),
        ("sorted as a whole", _cut(sorted(lengths)), "orange"),
    ]
    for place, (name, batches, color) in enumerate(rows):
        base = 176 + 122 * place
        for number, batch in enumerate(batches):
            x = 190 + 74 * number
            top = base - 0.85 * max(batch)
            for k, length in enumerate(batch):
                board.box(x + 16 * k, base - 0.85 * length, 14, 0.85 * length, "", fill=color)
            corners = [(x - 3, base + 3), (x - 3, top - 3), (x + 65, top - 3), (x + 65, base + 3)]
            board.line([*corners, corners[0]], "gray", dashed=True)
        board.text(95, base - 46, name, 14, color, bold=True)
        board.text(690, base - 40, f"empty:\n{100 * _padding(batches):.0f} percent", 14, color)
    return board


def packed():
    """Three conversations in one row, with positions that restart, and who may look at whom."""
    board = Board(
        760, 400, "Three short texts in one row, without padding",
        "Above, three rows of four, two and three tokens, padded to four. Below them one row with "
        "the nine tokens end to end; under it the positions 0 to 3, 0 to 1 and 0 to 2. On the "
        "right the mask: three triangles of ones along the diagonal and nothing between them.",
    )  # fmt: skip
    sizes, colors = (4, 2, 3), ("blue", "orange", "green")
    for row, (size, color) in enumerate(zip(sizes, colors, strict=True)):
        for column in range(4):
            real = column < size
            name = f"{'abc'[row]}{column + 1}" if real else "pad"
            board.box(40 + 50 * column, 104 + 38 * row, 44, 32, name, size=13,
                      fill=color if real else "gray")  # fmt: skip
    board.text(262, 158, "12 cells for\n9 tokens", 14, "gray", align="left")
    owners = [row for row, size in enumerate(sizes) for _ in range(size)]
    positions = [place for size in sizes for place in range(size)]
    for index, (row, place) in enumerate(zip(owners, positions, strict=True)):
        board.box(
            40 + 44 * index, 268, 40, 32, f"{'abc'[row]}{place + 1}", fill=colors[row], size=13
        )
        board.text(60 + 44 * index, 318, str(place), 14, colors[row])
    board.text(238, 346, "positions restart at 0", 14)
    board.text(238, 246, "packed: 9 cells", 14)
    seen = [(i, j) for i in range(9) for j in range(i + 1) if owners[i] == owners[j]]
    mask = [[1 if (i, j) in seen else None for j in range(9)] for i in range(9)]
    board.matrix(490, 118, mask, digits=0, cell=(25, 25), grid=True, size=12,
                 fills={(i, j): colors[owners[i]] for i, j in seen})  # fmt: skip
    board.text(602, 96, "who may look at whom", 14)
    return board
