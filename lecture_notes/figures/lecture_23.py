"""The figures of lecture 23, the transformer block."""

import torch

from classroom.whiteboard import Board
from helpers.attention import attend, causal_mask
from helpers.config import PRESETS
from helpers.layers import GELU
from helpers.model import TransformerBlock

STREAM = torch.tensor([[3.0, 1.0, -1.0], [1.0, 3.0, -1.0]])


def _normalize(x):
    """Layer normalization without scale and shift."""
    return (x - x.mean(-1, keepdim=True)) / x.std(-1, correction=0, keepdim=True)


def _branch(board, x, y, name, fill, color):
    """Norm, layer and plus in a row, with the shortcut above; the oval of the plus."""
    norm = board.box(x, y, 58, 46, "norm", fill="paper", size=13)
    layer = board.box(x + 84, y, 92, 46, name, fill=fill, size=14)
    plus = board.oval(x + 204, y + 11, 24, 24, "+", fill="green", size=15)
    board.arrow(norm, layer)
    board.arrow(layer, plus, gap=1, color=color)
    turn = [(x - 18, y - 54), (x + 216, y - 54)]
    board.arrow((x - 18, y + 23), plus.top, via=turn, color="green")
    return norm, plus


def two_branches():
    """A transformer block: two branches beside the stream, each added back."""
    board = Board(
        760, 330, "A transformer block: two branches, two additions",
        "From left to right: the input, a normalization, attention, an addition, a normalization, "
        "the feed-forward network, an addition, the output. A green line leads around each branch "
        "to its addition. Every vector on the way has 768 numbers.",
    )  # fmt: skip
    y = 172
    start = board.box(22, y, 66, 46, "input", fill="gray", size=14)
    norm, plus = _branch(board, 128, y, "attention", "orange", "orange")
    board.arrow(start, norm)
    second, last = _branch(board, 402, y, "feed-\nforward", "teal", "teal")
    board.arrow(plus, second)
    end = board.box(672, y, 66, 46, "output", fill="gray", size=14)
    board.arrow(last, end)
    board.text(227, 98, "the input travels past", 14, "green")
    board.text(501, 98, "and once more", 14, "green")
    board.text(258, 244, "looks at other tokens", 14, "orange")
    board.text(532, 244, "works on each token alone", 14, "teal")
    board.brace(
        (22, 268), (738, 268), "(2, 4, 768) goes in, (2, 4, 768) comes out, and so all the way"
    )
    return board


def in_numbers():
    """A block worked out for two tokens of three numbers."""
    board = Board(
        760, 400, "A whole block on two tokens",
        "Two rows of three matrices with a plus and an equals sign. Above: the stream plus what "
        "attention found is the new stream. Below: the new stream plus what the feed-forward "
        "network adds is the block's result.",
    )  # fmt: skip
    normal = _normalize(STREAM)
    found, _ = attend(normal, normal, normal, causal_mask(2, 2))
    middle = STREAM + found
    added = GELU()(_normalize(middle))
    rows = [
        (130, "the stream", STREAM, "attention adds", found, "orange", "the stream now", middle),
        (290, "the stream now", middle, "feed-forward adds", added, "teal", "the result",
         middle + added),
    ]  # fmt: skip
    for y, left, x, between, change, color, right, total in rows:
        first = board.matrix(
            102, y, x, rows=["token 1", "token 2"], title=left, digits=4, cell=(60, 30), size=13
        )
        tiles = {(i, j): color for i in range(2) for j in range(3)}
        second = board.matrix(
            325, y, change, title=between, digits=4, cell=(60, 30), size=13, fills=tiles
        )
        third = board.matrix(545, y, total, title=right, digits=4, cell=(60, 30), size=13)
        middle_y = first.box.center[1]
        board.text((first.box.x_end + second.box.x) / 2, middle_y, "+", 20, "green", bold=True)
        board.text((second.box.x_end + third.box.x) / 2, middle_y, "=", 20, "ink", bold=True)
    board.text(380, 376, "Each branch adds to what was there.", 14, "green")
    return board


def _reach(length=6):
    """How far each result moves (column) when one token is disturbed (row)."""
    torch.manual_seed(0)
    block = TransformerBlock(PRESETS["tiny"]).eval()
    x = torch.randn(1, length, PRESETS["tiny"].embedding_dim)
    rows = []
    with torch.no_grad():
        for disturbed in range(length):
            other = x.clone()
            other[0, disturbed] += 1 + torch.rand(x.shape[-1])
            rows.append((block(other) - block(x)).abs().amax(-1)[0])
    return torch.stack(rows)


def who_is_touched():
    """Disturb one token, see which results of a block move."""
    board = Board(
        760, 370, "Disturb one token: which results move?",
        "A table of six rows and six columns. Row: the token that was disturbed. Column: the "
        "result that is looked at. Below the diagonal every number is zero; on the diagonal are "
        "the largest numbers; to the right of it are small ones.",
    )  # fmt: skip
    names = [f"token {number}" for number in range(1, 7)]
    board.matrix(
        130, 130, _reach(), rows=names, columns=[str(number) for number in range(1, 7)],
        title="how far the result moves", digits=2, cell=(62, 30), heat="orange",
    )  # fmt: skip
    board.text(540, 170, "its own result moves most:\nthe shortcut", 14, "green", align="left")
    board.text(540, 232, "later results move:\nattention looked", 14, "orange", align="left")
    board.text(540, 294, "earlier ones: 0,\nthe causal mask", 14, "blue", align="left")
    board.text(380, 342, "row: the disturbed token · column: the result", 13, "gray")
    return board
