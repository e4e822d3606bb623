"""The figures of lecture 19, a bird's-eye view of GPT."""

import torch

from classroom.whiteboard import Board
from helpers.config import PRESETS
from helpers.model import GPT

WORDS = ["Every", "effort", "moves", "you"]
VOCABULARY = [*WORDS, "day"]
EMBEDDING = torch.tensor([[1.0, 0], [0, 2], [2, 1], [1, 1], [-1, 1]])
POSITIONS = torch.tensor([[0.0, 1], [1, 0], [0, -1], [-1, 0]])


def whole_model():
    """The stack from token ids to logits, with shapes and the lecture of each part."""
    config = PRESETS["gpt2-small"]
    board = Board(
        760, 520, "The whole model on one board",
        "A stack read from below: token ids, embeddings, twelve transformer blocks, final "
        "normalization, output head, logits. Beside each are its shape and what it does.",
    )  # fmt: skip
    parts = [
        ("token ids", "gray", "(B, T)", "whole numbers, one per token", "lectures 7–9"),
        ("embeddings", "blue", "(B, T, C)", "what it is + where it is", "10–12"),
        ("block 1", "orange", "(B, T, C)", "look at the others, then think", "13–18, 20–23"),
        ("block 2", "orange", "(B, T, C)", "the same, with weights of its own", ""),
        (f"block {config.n_layers}", "orange", "(B, T, C)", "and the last of them", ""),
        ("final norm", "green", "(B, T, C)", "bring every vector to one size", "20"),
        ("output head", "purple", "(B, T, V)", "a score for each token there is", "24"),
        ("logits", "gray", "(B, T, V)", "the scores: which token comes next?", "25"),
    ]
    levels = [465, 407, 349, 297, 230, 178, 126, 74]
    boxes = []
    for (name, fill, shape, words, where), y in zip(parts, levels, strict=True):
        boxes.append(board.box(40, y, 170, 36, name, fill=fill))
        board.text(232, y + 18, shape, 14, "blue", align="left")
        board.text(330, y + 18, words, 14, align="left")
        if where:
            board.text(735, y + 18, where, 13, "red", align="right")
    for number, (below, above) in enumerate(zip(boxes, boxes[1:], strict=False)):
        board.arrow(below.top, above.bottom, thickness=2)
        if number == 3:
            board.text(150, 281, "…", 18)
    return board


def two_directions():
    """Attention moves between tokens; everything else stays in its column."""
    board = Board(
        760, 580, "Which token can read which",
        "Four columns, one per token, rising from the embeddings to the predictions. Into each of "
        "the two attention rows arrows lead from every token on the left and from the token itself; "
        "those into the last token are orange. Feed-forward networks and all other parts stay in "
        "their own column.",
    )  # fmt: skip
    centers = [190, 330, 470, 610]

    def row(y, texts, fill, width=100):
        return [
            board.box(center - width / 2, y, width, 34, text, fill=fill, size=14)
            for center, text in zip(centers, texts, strict=True)
        ]

    rows = [row(520, WORDS, "blue")]
    for y_look, y_think in ((410, 345), (235, 170)):
        rows += [row(y_look, ["look"] * 4, "orange", 64), row(y_think, ["think"] * 4, "teal", 80)]
        for reader in range(4):
            last = reader == 3
            for source in range(reader):
                board.arrow(rows[-3][source].at(0.5 + 0.11 * (reader - source), 0),
                            rows[-2][reader].at(0.1 + 0.13 * (source + 3 - reader), 1),
                            color="orange" if last else "gray",
                            thickness=1.8 if last else 0.9)  # fmt: skip
        board.text(105, y_look + 17, "attention", 14, "orange", align="right")
        board.text(105, y_think + 17, "feed-forward", 14, "teal", align="right")
    rows.append(row(85, ["effort", "moves", "you", "…"], "gray"))
    for below, above in zip(rows, rows[1:], strict=False):
        for low, high in zip(below, above, strict=True):
            board.arrow(low.top, high.bottom)
    board.text(105, 537, "tokens", 14, "blue", align="right")
    board.text(105, 102, "predictions", 14, "gray", align="right")
    return board


def sizes():
    """The four sizes of GPT-2 as rectangles: layers high, embedding dimension wide."""
    board = Board(
        760, 420, "Four sizes of one drawing",
        "Four rectangles for the four sizes of GPT-2. Their height is the number of blocks, their "
        "width the embedding dimension. The parameters grow from 124 million to 1.6 billion.",
    )  # fmt: skip
    names = ["gpt2-small", "gpt2-medium", "gpt2-large", "gpt2-xl"]
    x = 50
    for name, fill in zip(names, ("blue", "green", "orange", "purple"), strict=True):
        config = PRESETS[name]
        with torch.device("meta"):
            millions = GPT(config).n_parameters() / 1e6
        width, height = config.embedding_dim / 1600 * 190, config.n_layers / 48 * 230
        box = board.box(x, 340 - height, width, height, fill=fill)
        words = f"{config.n_layers} blocks\n× {config.embedding_dim}"
        middle = box.center[1] if height > 70 else box.y - 26
        board.text(box.center[0], middle, words, 14)
        board.text(box.center[0], 362, name.removeprefix("gpt2-"), 14, fill, bold=True)
        board.text(box.center[0], 388, f"{millions:,.0f} million", 14)
        x += width + 40
    return board


def skeleton():
    """The pencil model: vectors of size two, five words, no blocks yet."""
    board = Board(
        760, 370, "A GPT for the pencil, still without blocks",
        "Token vectors plus position vectors give four vectors of two numbers. Each is compared "
        "with the five token vectors, which gives a table of four rows and five logits.",
    )  # fmt: skip
    look = {"cell": (38, 32), "digits": 0}
    x = EMBEDDING[:4] + POSITIONS
    tokens = board.matrix(80, 150, EMBEDDING[:4], rows=WORDS, title="token", **look)
    board.text(178, 214, "+", 20)
    places = board.matrix(200, 150, POSITIONS, title="position", **look)
    board.text(298, 214, "=", 20)
    total = board.matrix(320, 150, x, title="x  (4, 2)", color="blue", **look)
    logits = board.matrix(
        500, 150, x @ EMBEDDING.T, columns=VOCABULARY, cell=(48, 32), digits=0, heat="green",
        color="green", title="logits  (4, 5)", size=13,
    )  # fmt: skip
    board.arrow(total.box.grown(6), logits.box.grown(6), "holes", color="gray")
    board.ring(logits.row(3), "red", margin=3)
    board.note(600, 322, "what may follow 'you':\nthe highest score is for 'effort'", "red")
    board.text(
        200, 330, "'holes': where the blocks will be;\nnow they hand on what they get", 13, "gray"
    )
    assert tokens.box.x_end < places.box.x
    return board
