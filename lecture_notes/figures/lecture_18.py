"""The figures of lecture 18, the whole arithmetic of multi-head attention."""

import torch

from classroom.whiteboard import Board

TOKENS = ["The", "cat", "sleeps"]
X = torch.tensor([[1, 0, 1, 0, 0, 2], [0, 2, 0, 1, 1, 0], [1, 1, 0, 0, 2, 0]]).float()
GENERATOR = torch.Generator().manual_seed(11)
W_QUERY, W_KEY, W_VALUE, W_OUTPUT = (
    (torch.randint(0, 3, (6, 6), generator=GENERATOR) == 0).float() for _ in range(4)
)
QUERIES, KEYS, VALUES = X @ W_QUERY, X @ W_KEY, X @ W_VALUE
Q, K, V = (part.unflatten(-1, (2, 3)).transpose(0, 1) for part in (QUERIES, KEYS, VALUES))
SCORES = Q @ K.transpose(-2, -1)  # (H, T, T)
MAY_LOOK = torch.ones(3, 3).tril().bool()
WEIGHTS = (SCORES / 3**0.5).masked_fill(~MAY_LOOK, -torch.inf).softmax(dim=-1)
JOINED = (WEIGHTS @ V).transpose(0, 1).flatten(1)  # (T, C)
COLORS = ("blue", "orange")


def _by_head(n_rows=3, n_columns=6):
    half = n_columns // 2
    return {(i, j): COLORS[j // half] for i in range(n_rows) for j in range(n_columns)}


def _fill(color, n_rows=3, n_columns=3):
    return {(i, j): color for i in range(n_rows) for j in range(n_columns)}


def road():
    """Every tensor on the way, with its shape in letters and for our three tokens."""
    board = Board(
        760, 460, "From (T, C) to (T, C): every shape on the way",
        "The tokens' vectors become queries, keys and values, are cut into heads and swapped. In "
        "each head come scores, weights and context. Then the heads are joined and mixed by the "
        "output matrix. The shape at the end is the shape at the start.",
    )  # fmt: skip
    size = {"width": 112, "height": 66, "size": 14}

    def stage(x, y, name, letters, tensor, fill):
        shape = ", ".join(str(length) for length in tensor.shape)
        return board.box(x, y, text=f"{name}\n({letters})\n({shape})", fill=fill, **size)

    cut = QUERIES.unflatten(-1, (2, 3))
    first = [
        stage(30, 85, "x", "T, C", X, "gray"),
        stage(228, 85, "Q, K, V", "T, C", QUERIES, "yellow"),
        stage(426, 85, "cut", "T, H, D", cut, "yellow"),
        stage(616, 85, "swapped", "H, T, D", Q, "blue"),
    ]
    board.box(176, 198, 564, 112, frame=True, color="blue")
    board.text(200, 214, "in each head, all heads at once", 13, "blue", align="left")
    inner = [
        stage(616, 232, "scores", "H, T, T", SCORES, "blue"),
        stage(410, 232, "weights", "H, T, T", WEIGHTS, "green"),
        stage(200, 232, "context", "H, T, D", WEIGHTS @ V, "blue"),
    ]
    last = [
        stage(30, 360, "swap back", "T, H, D", cut, "yellow"),
        stage(228, 360, "joined", "T, C", JOINED, "yellow"),
        stage(426, 360, "output", "T, C", JOINED @ W_OUTPUT, "gray"),
    ]
    board.arrow(first[0], first[1], "× W", size=13)
    board.arrow(first[1], first[2], "C into\nH × D", size=13)
    board.arrow(first[2], first[3], "T and H", size=13)
    board.arrow(first[3], inner[0])
    board.text(580, 190, "$q \\cdot k$", 15, "blue")
    board.arrow(inner[0], inner[1], "÷ √D, mask,\nsoftmax", size=13)
    board.arrow(inner[1], inner[2], "times v", size=13)
    board.arrow(inner[2], last[0], via=[(86, 265)])
    board.arrow(last[0], last[1], "H × D\ninto C", size=13)
    board.arrow(last[1], last[2], "× $W^O$", size=13)
    board.text(645, 393, "the shape of x again:\nthe next layer\ncan do the same", 13, "gray")
    return board


def into_heads():
    """Queries, keys and values of the three tokens, the columns colored by head."""
    board = Board(
        760, 420, "Three products, and the columns belong to heads",
        "The vectors of 'The', 'cat' and 'sleeps', six numbers each, and their queries, keys and "
        "values. In each the left three columns belong to head 1 and the right three to head 2.",
    )  # fmt: skip
    look = {"cell": (34, 28), "digits": 0, "size": 14}
    x = board.matrix(90, 198, X, rows=TOKENS, title="x  (3, 6)", **look)
    for name, view, y in (("queries", QUERIES, 102), ("keys", KEYS, 206), ("values", VALUES, 310)):
        matrix = board.matrix(430, y, view, fills=_by_head(), **look)
        board.arrow(x.box.grown(6), matrix.box.grown(8), color="gray")
        board.text(650, y + 42, name, 15, bold=True, align="left")
    board.text(366, 130, "× $W^Q$", 14)
    board.text(362, 225, "× $W^K$", 14)
    board.text(366, 345, "× $W^V$", 14)
    board.text(481, 80, "head 1", 14, "blue", bold=True)
    board.text(583, 80, "head 2", 14, "orange", bold=True)
    return board


def in_each_head():
    """Queries times keys, masked and shared out, for both heads."""
    board = Board(
        760, 445, "In each head: score, mask, share out",
        "For each of the two heads: three queries times three keys give a matrix of scores; after "
        "dividing, masking and softmax come the weights. In head 1 'sleeps' looks mostly at "
        "itself, in head 2 mostly at 'The'.",
    )  # fmt: skip
    look = {"cell": (36, 30), "digits": 0, "size": 14}
    for head, (color, y) in enumerate(zip(COLORS, (130, 310), strict=True)):
        board.text(24, y - 36, f"head {head + 1}", 15, color, bold=True, align="left")
        q = board.matrix(84, y, Q[head], rows=TOKENS, fills=_fill(color), title="q", **look)
        k = board.matrix(246, y, K[head].T, fills=_fill(color), title="k, transposed", **look)
        scores = board.matrix(
            408, y, SCORES[head], title="scores", **look,
            fills={(i, j): "gray" for i in range(3) for j in range(i + 1, 3)},
        )  # fmt: skip
        weights = board.matrix(
            590, y, WEIGHTS[head], cell=(48, 30), digits=2, heat="green", color="green",
            title="weights", size=14,
        )  # fmt: skip
        middle = y + 45
        board.text(219, middle, "×", 18)
        board.text(381, middle, "=", 18)
        board.arrow(scores.box.grown(6), weights.box.grown(6), color="green")
        board.ring(weights.row(2), color, margin=3)
        assert q.box.x_end < k.box.x
    board.text(640, 240, "÷ √3, mask, softmax", 13, "green")
    board.text(475, 240, "gray: the future", 13, "gray", align="right")
    board.text(650, 424, "ringed: where 'sleeps' looks", 13)
    return board


def join_and_mix():
    """Both heads side by side, times the output matrix."""
    board = Board(
        760, 360, "Join the heads, then let them mix",
        "The joined context vectors of three tokens, the left three columns from head 1 and the "
        "right three from head 2, times the output matrix of six rows. Its upper three rows read "
        "head 1, its lower three rows read head 2.",
    )  # fmt: skip
    joined = board.matrix(
        76, 160, JOINED, rows=TOKENS, fills=_by_head(), cell=(38, 30), digits=2, size=12,
        title="joined  (3, 6)",
    )  # fmt: skip
    rows = {(i, j): COLORS[i // 3] for i in range(6) for j in range(6)}
    mixer = board.matrix(
        334, 115, W_OUTPUT, fills=rows, cell=(22, 30), digits=0, size=13, title="$W^O$  (6, 6)"
    )
    result = board.matrix(
        506, 160, JOINED @ W_OUTPUT, cell=(35, 30), digits=2, size=12, title="output  (3, 6)",
        fills={(i, j): "green" for i in range(3) for j in range(6)},
    )  # fmt: skip
    board.text(318, 205, "×", 18)
    board.text(485, 205, "=", 18)
    board.text(133, 280, "from head 1", 13, "blue")
    board.text(247, 280, "from head 2", 13, "orange")
    board.text(400, 320, "upper half reads head 1,\nlower half head 2", 13)
    board.text(611, 280, "each number may hold\nsomething of both", 13, "green")
    assert joined.box.x_end < mixer.box.x < result.box.x
    return board


def shared_keys():
    """Multi-head, grouped-query and multi-query attention: who shares keys and values."""
    board = Board(
        760, 355, "How many heads of keys and values?",
        "Three arrangements of eight query heads: eight heads of keys and values, one each; two, "
        "each shared by four query heads; one, shared by all eight.",
    )  # fmt: skip
    panels = [(8, "one each", 25), (2, "shared by four", 275), (1, "shared by all", 525)]
    for shared, words, x in panels:
        group = 8 // shared
        queries = [board.box(x + 26 * i, 210, 20, 34, fill="blue") for i in range(8)]
        for i in range(shared):
            center = x + 26 * (i * group + (group - 1) / 2)
            keys = board.box(center, 110, 20, 34, fill="orange")
            for query in queries[i * group : (i + 1) * group]:
                board.line([query.top, keys.bottom], "gray")
        board.text(x + 101, 84, words, 14, bold=True)
        board.text(x + 101, 268, f"{shared} of keys and values for 8", 13)
    board.text(126, 300, "multi-head (2017)", 14, "purple")
    board.text(376, 300, "grouped-query (2023)", 14, "purple")
    board.text(626, 300, "multi-query (2019)", 14, "purple")
    board.text(330, 334, "heads of queries", 13, "blue", align="right")
    board.text(390, 334, "heads of keys and values", 13, "orange", align="left")
    return board


def in_blocks():
    """Plain attention writes two tables of T x T to the large memory, FlashAttention none."""
    board = Board(
        760, 430, "FlashAttention: the same result without the table",
        "Left, plain attention: queries, keys and values of shape (T, D) in the large memory become "
        "scores of shape (T, T), written there, then weights of shape (T, T), then the context. "
        "Right, FlashAttention: blocks are loaded into the small fast memory, where one block of "
        "scores exists at a time beside three running values; only the context is written.",
    )  # fmt: skip
    board.text(160, 80, "plain", 16, bold=True)
    names = ["queries, keys, values\n(T, D)", "scores (T, T)", "weights (T, T)", "context (T, D)"]
    fills = ["blue", "red", "red", "purple"]
    column = [board.box(65, 105 + 80 * i, 190, 46, name, fill=fill,
                        size=14) for i, (name, fill) in enumerate(zip(names, fills, strict=True))]  # fmt: skip
    for above, below in zip(column, column[1:], strict=False):
        board.arrow(above, below)
    board.text(160, 408, "all four in the large, slow memory", 13, "gray")
    board.text(545, 80, "in blocks", 16, bold=True)
    source = board.box(450, 105, 190, 46, names[0], fill="blue", size=14)
    board.text(375, 300, "both in the small, fast memory", 13, "gray", align="left")
    block = board.box(375, 218, 140, 60, "one block\nof scores", fill="green", size=14)
    running = board.box(575, 218, 145, 60, "largest, sum,\nmixture so far", fill="orange", size=14)
    board.arrow(block, running, "rescale")
    context = board.box(450, 345, 190, 46, names[3], fill="purple", size=14)
    board.arrow(source.at(0.15, 1), block.at(0.7, 0))
    board.arrow(running.at(0.3, 1), context.at(0.7, 0))
    board.text(545, 408, "no (T, T) table is ever written", 13, "gray")
    return board
