"""The figures of lecture 9, input-target pairs."""

from classroom.whiteboard import Board
from helpers.bpe import BPETokenizer
from helpers.texts import load_corpus
from helpers.texts.loaders import TokenWindows

T = 4


def _story_tokens(count):
    """The first tokens of the story, as the notebook cuts it: ids and texts."""
    tokenizer = BPETokenizer.train(load_corpus("story"), 600)
    ids = tokenizer.encode(load_corpus("story")[:400])[:count]
    return ids, [tokenizer.decode([i]).replace(" ", "·") for i in ids]


def shifted_by_one():
    """Inputs and targets are the same row, moved by one; four predictions in one window."""
    ids, texts = _story_tokens(9)
    board = Board(
        760, 400, "One window, four exercises with their answers",
        "The first tokens of the story stand in a row. A window of four is marked as inputs, the "
        "window one position further on as targets. Below, four rows: after one token the answer is "
        "the second, after two the third, after three the fourth, after four the fifth.",
    )  # fmt: skip
    strip = board.tokens(
        24, 100, texts, ids=ids, width=76, gap=4, fills=["blue"] * T + ["green"] + [None] * 4
    )
    board.brace((strip[T - 1].x_end, 92), (strip[0].x, 92), "inputs", "blue")
    board.brace((strip[1].x, 158), (strip[T].x_end, 158), "targets", "green")
    for length in range(1, T + 1):
        y = 205 + 46 * (length - 1)
        board.text(40, y + 16, f"{length}", 15, "gray", align="left")
        context = board.tokens(70, y, texts[:length], width=76, gap=4, height=32)
        answer = board.box(455, y, 76, 32, texts[length], fill="green")
        board.arrow((context[-1].x_end + 4, y + 16), answer, color="green")
    board.text(640, 270, "four predictions\nfrom one window", 14, "red", italic=True)
    board.text(640, 330, "each answer stands\nin the text itself", 14, "green")
    return board


def three_strides():
    """Ten tokens, windows of four, three strides."""
    board = Board(
        760, 400, "How far does the window move? Ten tokens, windows of four",
        "Three panels over ten tokens. With stride 1 six windows, each one position further. With "
        "stride 2 three windows that overlap by half. With stride 4 two windows end to end. The last "
        "target of each window is marked in green.",
    )  # fmt: skip
    for panel, stride in enumerate((1, 2, 4)):
        x, size = 30 + 245 * panel, 21
        windows = TokenWindows(list(range(10)), T, stride)
        plural = f"stride {stride}: {len(windows)} windows"
        board.text(x + 105, 90, plural, 15, bold=True)
        board.matrix(x, 112, [[str(i) for i in range(10)]], cell=(size, 26), grid=True, size=12)
        for row in range(len(windows)):
            inputs, targets = (ids.tolist() for ids in windows[row])
            y = 154 + 33 * row
            board.matrix(
                x + size * inputs[0], y, [[str(i) for i in inputs] + [str(targets[-1])]],
                cell=(size, 26), grid=True, size=12,
                fills={(0, j): "green" if j == T else "blue" for j in range(T + 1)},
            )  # fmt: skip
    board.text(380, 378, "blue: inputs    green: the last target, one token more", 14)
    return board


def one_batch():
    """Two windows stacked: the batch of shape (2, 4), and its targets."""
    ids, _ = _story_tokens(9)
    windows = TokenWindows(ids, T)
    pairs = [windows[i] for i in range(2)]
    board = Board(
        760, 370, "A batch: windows stacked, inputs beside targets",
        "A row of nine token ids is cut into two windows of four. They are stacked into a matrix of "
        "inputs with two rows and four columns; beside it the matrix of targets, each entry the id "
        "one position further on in the row.",
    )  # fmt: skip
    fills = ["blue"] * T + ["orange"] * T + [None]
    strip = board.tokens(76, 88, [str(i) for i in ids], fills=fills, width=62, gap=6, mono=True)
    inputs = board.matrix(
        90, 220, [[str(i) for i in x.tolist()] for x, _ in pairs], cell=(56, 40), title="inputs  (B, T) = (2, 4)",
        fills={(i, j): ("blue", "orange")[i] for i in range(2) for j in range(T)},
    )  # fmt: skip
    colors = {(0, j): "blue" for j in range(T - 1)} | {(0, T - 1): "orange"}
    colors |= {(1, j): "orange" for j in range(T - 1)}
    targets = board.matrix(
        440, 220, [[str(i) for i in y.tolist()] for _, y in pairs], cell=(56, 40), title="targets  (B, T) = (2, 4)",
        fills=colors,
    )  # fmt: skip
    board.arrow((strip[1].center[0], 126), inputs.cells[0][1].at(0.5, -0.95), color="blue")
    board.arrow(inputs.box.grown(6), targets.box.grown(6), "one further", color="green")
    board.text(
        380,
        338,
        "entry (b, t) of the targets is the token that follows entry (b, t) of the inputs",
        14,
    )
    return board


def how_often_seen():
    """How many windows hold each token in one epoch, for two strides."""
    n_tokens = 16
    board = Board(
        760, 390, "One epoch: how often is each token an input?",
        "Two bar charts over sixteen tokens, windows of four. With stride 1 most tokens are in four "
        "windows, the first and last ones in fewer. With stride 4 twelve tokens are in one window "
        "and the last four in none.",
    )  # fmt: skip
    for panel, stride in enumerate((1, 4)):
        windows = TokenWindows(list(range(n_tokens)), T, stride)
        seen = [0] * n_tokens
        for index in range(len(windows)):
            for token in windows[index][0].tolist():
                seen[token] += 1
        color = ("orange", "blue")[panel]
        x = 60 + 355 * panel
        chart = board.chart(
            x, 130, 300, 170, (-0.8, n_tokens - 0.2), (0, 4.6), y_ticks=[0, 1, 2, 3, 4]
        )
        chart.bars(seen, fill=color)
        board.text(x + 150, 92, f"stride {stride}: {len(windows)} windows", 15, color, bold=True)
        board.text(x + 150, 322, "tokens 0 to 15", 13)
    board.text(
        380,
        364,
        "stride = context: each token at most once.   stride 1: most of them T times",
        14,
        "red",
        italic=True,
    )
    return board
