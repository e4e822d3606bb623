"""The figures of lecture 34, batches for classification."""

from classroom.whiteboard import Board

MESSAGES = [
    (["are", "you", "free", "now", "?"], "ham"),
    (["call", "me", "later"], "ham"),
    (["win", "a", "free", "prize", ":", "call", "0900", "!"], "spam"),
    (["ok", "."], "ham"),
]
LENGTHS = [5, 3, 8, 2, 4, 7, 2, 6]


def one_rectangle():
    """Four messages of different lengths in one rectangle, each with its last real token."""
    board = Board(
        760, 350, "Four messages, one rectangle",
        "Four rows of tokens with 5, 3, 8 and 2 words. The short rows are filled with gray padding "
        "up to eight. The last real token of each row is ringed. A column of labels stands beside.",
    )  # fmt: skip
    width = max(len(words) for words, _ in MESSAGES)
    for place, (words, label) in enumerate(MESSAGES):
        y = 100 + 48 * place
        fills = ["blue"] * len(words) + ["gray"] * (width - len(words))
        cells = board.tokens(
            30, y, words + ["pad"] * (width - len(words)), fills=fills, width=68, size=13
        )
        board.ring(cells[len(words) - 1], "red", margin=3)
        fill = "orange" if label == "spam" else "teal"
        board.box(660, y, 70, cells[0].height, label, fill=fill, size=14)
    board.text(302, 80, "token ids  (4, 8)", 14, "blue")
    board.text(695, 80, "labels  (4,)", 14)
    board.text(380, 316, "ringed: the last real token, where the answer will be read", 14, "red")
    return board


def three_ways_to_fill():
    """How much of the rectangles is padding, for three ways of making batches."""
    board = Board(
        760, 400, "The same eight messages, filled in three ways",
        "Three panels with eight bars each. All filled up to one fixed length: more than half is "
        "padding. In two batches of four, each to its own longest: less. Sorted by length first: "
        "the least.",
    )  # fmt: skip
    fixed, ordered = 10, sorted(LENGTHS)
    panels = [
        (30, "one length for all", [LENGTHS], fixed),
        (275, "longest in the batch", [LENGTHS[:4], LENGTHS[4:]], None),
        (520, "sorted, then batches", [ordered[:4], ordered[4:]], None),
    ]
    for x, title, batches, size in panels:
        board.text(x + 105, 84, title, 15, bold=True)
        y, cells = 108, 0
        for batch in batches:
            full = size or max(batch)
            cells += full * len(batch)
            for length in batch:
                if full > length:
                    board.box(x + 21 * length, y, 21 * (full - length), 22, fill="gray")
                board.box(x, y, 21 * length, 22, str(length), fill="blue", size=12)
                y += 26
            y += 14
        share = 1 - sum(LENGTHS) / cells
        board.text(x + 105, 362, f"{cells} cells, {share:.0%} padding", 14, "red")
    return board


def where_to_read():
    """Three positions from which the answer can be read, and what each of them sees."""
    board = Board(
        760, 420, "Where is the answer read?",
        "The message 'call me later' three times in a row of six positions. Padded on the right and "
        "read at the last position, which is padding. Padded on the right and read at the last real "
        "token. Padded on the left, hidden, and read at the last position.",
    )  # fmt: skip
    words, padding = ["call", "me", "later"], ["pad"] * 3
    rows = [
        (words + padding, 5, "read the last position", "the head reads a padding\ntoken: works, but "
         "depends\non how much padding", "orange"),
        (words + padding, 2, "read the last real token", "the same as with\nno padding at all",
         "green"),
        (padding + words, 5, "padding on the left, hidden", "the same too: always\nat the last "
         "position", "green"),
    ]  # fmt: skip
    for place, (row, read, name, remark, color) in enumerate(rows):
        y = 112 + 104 * place
        fills = ["gray" if word == "pad" else "blue" for word in row]
        cells = board.tokens(30, y, row, fills=fills, width=63, size=13)
        board.text(30, y - 18, name, 14, bold=True, align="left")
        board.ring(cells[read], color, margin=3)
        corner = (cells[read].center[0], y + 58)
        head = board.box(474, y + 2, 62, 32, "head", fill=color, size=13)
        board.arrow(
            cells[read].bottom, head.bottom, via=[corner, (head.center[0], y + 58)], color=color
        )
        board.text(556, y + 18, remark, 13, color, align="left")
    return board
