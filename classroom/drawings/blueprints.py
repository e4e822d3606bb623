"""Drawings of the architecture: the whole GPT, its block, the feed-forward network, the cache.

Each `draw_` function returns a `Board`; `show_board` displays it.
Shapes: B sequences, T tokens, C embedding dimensions, V tokens in the vocabulary.
"""

from classroom.whiteboard import Board
from helpers.plots import show

_SHAPE = {"size": 13, "color": "gray", "align": "left", "mono": True}
_LECTURES = ("lecture 20", "lectures 13–18", "lecture 20", "lecture 21")
_NAMES = (".norm_attention", ".attention", ".norm_feed_forward", ".feed_forward")


def show_board(board):
    """Display a board with its description as the alternative text."""
    show(board, alt=board.description)


def draw_gpt(config):
    """Draw the path from token ids to logits, with the inside of one transformer block beside it.

    >>> from helpers.config import PRESETS
    >>> draw_gpt(PRESETS["gpt2-small"]).faults()
    []
    """
    board = Board(
        900, 720, "GPT from above",
        "Token ids go through a token embedding and a position embedding, which are added. The "
        f"sum passes {config.n_layers} transformer blocks, a final normalization and the output "
        "head, which gives logits. Beside it one block is opened: normalize, attention, add to "
        "what came in; normalize, feed-forward network, add again.",
    )  # fmt: skip
    width, vocabulary = f"{config.embedding_dim:,}", f"{config.vocab_size:,}"
    ids = board.box(125, 70, 150, 40, "token ids", fill="gray")
    road = [
        _embeddings(board, ids, config),
        board.box(90, 340, 220, 62, f"transformer block\n{config.n_layers} in a row", fill="green"),
        board.box(90, 458, 220, 40, "final normalization", fill="purple"),
        board.box(90, 546, 220, 54, f"output head\n{width} → {vocabulary}", fill="blue"),
        board.box(125, 650, 150, 40, "logits", fill="gray"),
    ]
    for behind in (6, 12):  # the edges of two more blocks behind the first
        corners = [(90 + behind, 340 - behind), (310 + behind, 340 - behind)]
        board.line([*corners, (310 + behind, 402 - behind)], color="green")
    for start, end in zip(road[1:], road[2:], strict=False):
        board.arrow(start, end)
    board.arrow(road[0].bottom, (200, 326))
    shapes = {125: "(B, T)", 306: "(B, T, C)", 430: "(B, T, C)", 522: "(B, T, C)", 625: "(B, T, V)"}
    for y, shape in shapes.items():
        board.text(290 if y == 125 else 212, y, shape, **_SHAPE)
    board.box(435, 70, 440, 620, "one of the blocks, opened", frame=True, dashed=True)
    board.arrow((324, 371), (431, 371), "lecture 23", color="orange", dashed=True)
    board.text(172, 264, "lectures 10, 11", 13, "orange", align="right")
    _open_block(board, 655, 120, config, _LECTURES)
    for y in (278, 563):
        board.text(511, y, "lecture 22", 13, "orange", align="right")
    return board


def draw_block(config):
    """Draw one transformer block, with its shapes and the names of its parts in `helpers.model`.

    >>> from helpers.config import PRESETS
    >>> draw_block(PRESETS["gpt2-small"]).faults()
    []
    """
    board = Board(
        620, 660, "A transformer block",
        "What comes in takes two roads: straight down, and through a normalization and attention; "
        "the two are added. The sum takes two roads again: straight down, and through a "
        "normalization and the feed-forward network; the two are added. The shape is the same "
        "at every step but inside the feed-forward network, which is four times as wide.",
    )  # fmt: skip
    _open_block(board, 240, 70, config, _NAMES)
    return board


def _embeddings(board, ids, config):
    """Draw the two embedding tables and the sum of their rows; returns the sum."""
    width = f"{config.embedding_dim:,}"
    rows = {"token embedding": config.vocab_size, "position embedding": config.context_length}
    plus = board.oval(182, 246, 36, 36, "+", fill="yellow", size=20)
    for x, (name, count) in zip((30, 206), rows.items(), strict=True):
        table = board.box(x, 152, 164, 56, f"{name}\n{count:,} × {width}", fill="blue", size=14)
        board.arrow(ids, table)
        board.arrow(table, plus)
    return plus


def _open_block(board, middle, top, config, remarks):
    """Draw the inside of a block around x = `middle`, from y = `top` down 570 pixels."""
    width, wide = f"{config.embedding_dim:,}", f"{4 * config.embedding_dim:,}"
    left = middle - 100
    start = (middle, top)
    branches = (
        ("attention", f"{config.n_heads} heads of {config.head_dim}", "orange"),
        ("feed-forward", f"{width} → {wide} → {width}", "teal"),
    )
    board.text(middle + 12, top + 12, "(B, T, C)", **_SHAPE)
    for number, (name, inside, color) in enumerate(branches):
        y = top + 285 * number
        norm = board.box(left, y + 60, 200, 40, "layer normalization", fill="purple")
        work = board.box(left, y + 128, 200, 58, f"{name}\n{inside}", fill=color)
        for part, remark in zip((norm, work), remarks[2 * number :], strict=False):
            mono = remark.startswith(".")
            board.text(part.x_end + 10, part.center[1], remark, 13, "orange", "left", mono=mono)
        plus = board.oval(middle - 18, y + 226, 36, 36, "+", fill="yellow", size=20)
        board.arrow(start, norm)
        board.arrow(norm, work)
        board.arrow(work, plus)
        aside = left - 36
        board.arrow(
            (middle - 2, y + 32), plus, via=[(aside, y + 32), (aside, y + 244)], color="red"
        )
        board.text(aside - 8, y + 140, "shortcut", 13, "red", align="right")
        board.text(middle + 26, y + 244, "(B, T, C)", **_SHAPE)
        start = plus
    board.arrow(start, (middle, top + 570))


def draw_feed_forward(config):
    """Draw the feed-forward network as three bars, as high as the sizes of its vectors.

    >>> from helpers.config import PRESETS
    >>> draw_feed_forward(PRESETS["gpt2-small"]).faults()
    []
    """
    board = Board(
        720, 360, "The feed-forward network",
        f"A token's vector of {config.embedding_dim} numbers is expanded to four times as many, "
        "each of them passes GELU, and all are projected back to the first length.",
    )  # fmt: skip
    narrow, wide = config.embedding_dim, 4 * config.embedding_dim
    low = [board.box(x, 170, 46, 60, fill="blue") for x in (70, 604)]
    high = [board.box(x, 80, 46, 240, fill="teal") for x in (264, 410)]
    board.arrow(low[0], high[0], "expand", color="blue")
    board.arrow(high[0], high[1], "GELU", color="orange")
    board.arrow(high[1], low[1], "project", color="blue")
    for box, count in zip([low[0], *high, low[1]], [narrow, wide, wide, narrow], strict=True):
        board.text(box.center[0], box.y_end + 16, f"{count:,}", 14, mono=True)
    board.text(190, 240, f"{narrow:,} × {wide:,}\nnumbers", 13, "gray")
    board.text(530, 240, f"{wide:,} × {narrow:,}\nnumbers", 13, "gray")
    return board


def draw_norm_orders():
    """Draw pre-norm (GPT-2: normalize before the branch) and post-norm (2017: after the sum).

    >>> draw_norm_orders().faults()
    []
    """
    board = Board(
        620, 430, "Two orders of the same parts",
        "Pre-norm: the branch normalizes its input, and the shortcut runs past both, untouched "
        "from bottom to top. Post-norm: the sum itself is normalized, so that the shortcut has "
        "to pass a normalization at every block.",
    )  # fmt: skip
    _branch(board, 210, "pre-norm (GPT-2)", ["normalize", "attention", "+"])
    _branch(board, 480, "post-norm (2017)", ["attention", "+", "normalize"])
    return board


def _branch(board, middle, title, steps):
    board.text(middle, 70, title, 15, bold=True)
    before = (middle, 90)
    for y, step in zip((140, 220, 300), steps, strict=True):
        if step == "+":
            now = board.oval(middle - 18, y, 36, 36, step, fill="yellow", size=20)
            via = [(middle - 100, 112), (middle - 100, y + 18)]
            board.arrow((middle - 2, 112), now, via=via, color="red")
        else:
            fill = "purple" if step == "normalize" else "orange"
            now = board.box(middle - 70, y, 140, 40, step, fill=fill)
        board.arrow(before, now)
        before = now
    board.arrow(before, (middle, 400))


def draw_cache(words, n_prompt):
    """Draw the tokens that go through the model at each step, without a cache and with one.

    `words` are the tokens of the finished text; the first `n_prompt` are the prompt. Raises
    ValueError if there is no prompt or nothing after it.

    >>> draw_cache(["Hello", ",", "I", "am", "a", "model"], n_prompt=4).faults()
    []
    """
    if not 0 < n_prompt < len(words):
        raise ValueError(f"n_prompt is {n_prompt}; it must be 1 to {len(words) - 1}")
    steps = len(words) - n_prompt
    board = Board(
        800, 110 + 46 * steps, "What each step computes",
        "Without a cache every step sends the whole text through the model again. With a cache "
        "the first step sends the prompt, and every later one only the newest token: the keys and "
        "values of the others are remembered.",
    )  # fmt: skip
    for x, title in ((30, "without a cache"), (420, "with a cache")):
        board.text(x, 74, title, 15, bold=True, align="left")
        for step in range(steps):
            shown = words[: n_prompt + step]
            known = 0 if x == 30 or step == 0 else n_prompt + step - 1
            fills = ["gray"] * known + ["orange"] * (len(shown) - known)
            board.tokens(x, 94 + 46 * step, shown, fills=fills, size=13, height=32, gap=4)
    return board
