"""The figures of lecture 38, batching instructions."""

from classroom.whiteboard import Board

ROWS = [[0, 1, 2, 3, 4], [5, 6], [7, 8, 9]]  # the lecture's three rows
END, IGNORED = 50256, -100
MINUS = "−100"
PROMPT, ANSWER = ["opposite", "of", "hot", "?"], ["cold"]


def _batch():
    width = max(map(len, ROWS)) + 1
    padded = [row + [END] * (width - len(row)) for row in ROWS]
    inputs = [row[:-1] for row in padded]
    targets = [row[1:] for row in padded]
    for row, target in zip(ROWS, targets, strict=True):
        target[len(row) :] = [IGNORED] * (width - 1 - len(row))
    return padded, inputs, targets


def _fills(table, first_end):
    """Blue tokens, the red end that closes a row, gray for all that only fills."""
    fills = {}
    for i, row in enumerate(table):
        for j, value in enumerate(row):
            is_text = value not in (END, IGNORED)
            fills[i, j] = "blue" if is_text else "red" if j == first_end(i) else "gray"
    return fills


def pad_shift_mask():
    """Three rows become a rectangle, the rectangle becomes inputs and targets."""
    board = Board(
        760, 440, "Pad, shift, mask",
        "Above, three rows of 5, 2 and 3 token ids, each closed with the end-of-text id 50256 and "
        "filled with it up to six. Below on the left the inputs, all columns but the last. On the "
        "right the targets, all columns but the first, with -100 in place of the filling.",
    )  # fmt: skip
    padded, inputs, targets = _batch()
    top = board.matrix(
        200, 112, padded, title="padded  (3, 6)", cell=(60, 30), digits=0,
        fills=_fills(padded, lambda i: len(ROWS[i])),
    )  # fmt: skip
    board.matrix(
        40, 296, inputs, title="inputs  (3, 5)", cell=(60, 30), digits=0,
        fills=_fills(inputs, lambda i: len(ROWS[i])),
    )  # fmt: skip
    board.matrix(
        420, 296, targets, title="targets  (3, 5)", cell=(60, 30), digits=0,
        fills=_fills(targets, lambda i: len(ROWS[i]) - 1),
    )  # fmt: skip
    board.arrow((270, 212), (190, 258))
    board.text(130, 232, "all but the last column", 13)
    board.arrow((490, 212), (570, 258))
    board.text(630, 232, "all but the first column", 13)
    board.note(670, 150, "each row gets one end\nthat counts", "red", size=13,
               to=top.cells[0][5].right, bend=0)  # fmt: skip
    board.text(190, 412, "padding may stay here: no token looks to the right", 13, "gray")
    board.text(570, 412, "gray: left out of the loss", 13, "gray")
    return board


def one_end_stays():
    """One short row under three rules for its ends of text."""
    board = Board(
        760, 420, "Which ends of text are targets?",
        "A row of five words, filled with end-of-text tokens to eight. Three rows of targets below "
        "it. If all ends count, three of eight targets are an end after an end. If none count, the "
        "model never learns to stop. If the first counts and the others not, it learns to stop.",
    )  # fmt: skip
    words = PROMPT + ANSWER
    width = 8
    inputs = words + ["end"] * (width - len(words))
    _row(board, 104, inputs, ["blue"] * 5 + ["gray"] * 3)
    board.text(30, 88, "inputs", 14, bold=True, align="left")
    shifted = words[1:] + ["end"] * (width + 1 - len(words))
    rules = [
        ("every end counts", shifted, ["blue"] * 4 + ["red"] * 4,
         "after an end comes\nan end: easy points", "orange"),
        ("no end counts", words[1:] + [MINUS] * 4, ["blue"] * 4 + ["gray"] * 4,
         "no one says when\nto stop", "orange"),
        ("the first end counts", words[1:] + ["end"] + [MINUS] * 3,
         ["blue"] * 4 + ["red"] + ["gray"] * 3, "the answer has\na last word", "green"),
    ]  # fmt: skip
    for place, (name, targets, fills, remark, color) in enumerate(rules):
        y = 184 + 78 * place
        board.text(30, y - 16, name, 14, bold=True, align="left")
        _row(board, y, targets, fills)
        board.text(594, y + 16, remark, 13, color, align="left")
    board.text(300, 400, "red: learn to predict an end · gray: left out of the loss", 13, "gray")
    return board


def _row(board, y, texts, fills):
    widths = [84, 66, 66, 66, 66, 66, 66, 66]
    x, boxes = 30, []
    for text, fill, width in zip(texts, fills, widths, strict=True):
        boxes.append(board.box(x, y, width - 4, 32, text, fill=fill, size=13))
        x += width
    return boxes


def prompt_or_not():
    """The places that read the prompt, and the ones whose answer is graded."""
    board = Board(
        760, 400, "Read the prompt, grade the answer",
        "A row of five input tokens: four of the prompt, one of the answer, and their targets, one "
        "position further on. The first three targets belong to the prompt and are masked. The last "
        "token of the prompt must predict the first word of the answer; it is scored.",
    )  # fmt: skip
    inputs, targets = PROMPT + ANSWER, PROMPT[1:] + ANSWER + ["end"]
    last = len(PROMPT) - 1
    left, step, width = 130, 122, 100
    for place, (token, target) in enumerate(zip(inputs, targets, strict=True)):
        x = left + step * place
        scored = place >= last
        above = board.box(
            x, 112, width, 36, token, fill="orange" if place <= last else "green", size=14
        )
        middle = board.box(x, 194, width, 36, "GPT", fill="paper", size=13)
        board.arrow(above, middle)
        fill = ("red" if target == "end" else "green") if scored else "gray"
        below = board.box(x, 276, width, 36, target if scored else MINUS, fill=fill, size=14)
        board.arrow(middle, below, color="green" if scored else "gray")
        if not scored:
            board.text(x + width / 2, 326, target, 12, "gray")
        if place:
            board.arrow((x - step + width, 212), (x, 212), color="blue")
    board.text(30, 130, "inputs", 14, bold=True, align="left")
    board.text(30, 294, "targets", 14, bold=True, align="left")
    board.brace((left + step * last + width, 102), (left, 102), f"the prompt, P = {len(PROMPT)}",
                "orange")  # fmt: skip
    board.brace((left, 340), (left + step * (last - 1) + width, 340),
                f"P − 1 = {last} targets masked", "gray")  # fmt: skip
    board.brace((left + step * last, 340), (left + step * (last + 1) + width, 340),
                f"A = {len(ANSWER) + 1} targets scored", "green")  # fmt: skip
    board.note(66, 212, "attention\nreads it all", "blue", size=13)
    return board
