"""Drawings for notebook 05: the bottleneck, heads, all shapes, induction, attention in blocks."""

from classroom.whiteboard import Board
from helpers.plots import show


def display_board(board):
    """Display a drawing; its description is the alternative text."""
    show(board, alt=board.description)


def draw_bottleneck():
    """Draw an encoder and a decoder, with the memory as one arrow and with attention as well."""
    board = Board(
        820,
        350,
        "One vector, or a look back",
        "An encoder reads four symbols and hands one memory vector to a decoder. With attention "
        "the decoder looks back at the encoder's state after each symbol, too.",
    )
    symbols = board.tokens(40, 288, ["7", "2", "5", "9"], width=60, gap=22)
    read = [board.box(t.x, 208, 60, 44, f"$h_{i}$", "gray") for i, t in enumerate(symbols, 1)]
    given = board.tokens(480, 288, ["start", "7", "2", "5"], fills="green", width=60, gap=22)
    states = [board.box(t.x, 208, 60, 44, f"$s_{i}$", "gray") for i, t in enumerate(given, 1)]
    for below, above in [*zip(symbols, read, strict=True), *zip(given, states, strict=True)]:
        board.arrow(below, above)
    for row in (read, states):
        for before, after in zip(row, row[1:], strict=False):
            board.arrow(before, after)
    board.arrow(read[-1], states[0], color="red", thickness=3)
    board.text(418, 258, "the memory:\nthe only way\nwithout attention", 13, "red")
    written = board.tokens(480, 66, ["7", "2", "5", "9"], fills="green", width=60, gap=22)
    for state, symbol in zip(states, written, strict=True):
        board.arrow(state, symbol)
    for target in read:
        wide = 2.8 if target is read[2] else 1.4
        board.arrow((states[2].x + 16, 206), target.at(0.5, 0), "", "blue", 0.16, thickness=wide)
    board.text(
        36, 90, "attention: looks back at\nevery state, at one most", 14, "blue", align="left"
    )
    return board


def draw_head_split():
    """Draw how (T, C) becomes (T, H, D) and then (H, T, D), for three tokens and two heads."""
    board = Board(
        860,
        330,
        "Two heads out of one matrix",
        "Three rows of six numbers. Columns one to three are head one, four to six are head two. "
        "A reshape cuts each row in two; a transpose puts the rows of a head together.",
    )
    token = ["the", "cat", "sleeps"]
    values = [[f"{10 * row + column}" for column in range(1, 7)] for row in range(1, 4)]
    both = {
        (row, column): ("blue", "orange")[column // 3] for row in range(3) for column in range(6)
    }
    whole = board.matrix(
        76, 130, values, rows=token, fills=both, cell=(36, 36), title="(T, C) = (3, 6)"
    )
    middle = []
    for row in range(3):
        pieces = [values[row][:3], values[row][3:]]
        colors = {
            (head, column): ("blue", "orange")[head] for head in range(2) for column in range(3)
        }
        middle.append(board.matrix(410, 92 + 80 * row, pieces, fills=colors, cell=(36, 28)))
    board.text(464, 66, "(T, H, D) = (3, 2, 3)", 15, bold=True)
    last = [
        board.matrix(
            680,
            100 + 114 * head,
            [row[3 * head : 3 * head + 3] for row in values],
            rows=token,
            fills={(row, column): color for row in range(3) for column in range(3)},
            cell=(36, 28),
        )
        for head, color in enumerate(("blue", "orange"))
    ]
    board.text(734, 66, "(H, T, D) = (2, 3, 3)", 15, bold=True)
    for head, matrix in enumerate(last):
        board.text(812, matrix.box.center[1], f"head\n{head + 1}", 13, align="center")
    board.arrow((whole.box.x_end + 12, 184), (398, 184), "cut", color="purple")
    board.arrow((530, 184), (604, 184), "swap", color="purple")
    return board


def draw_induction():
    """Draw the two steps of induction: note the previous token, then find your own twin."""
    board = Board(
        820,
        340,
        "Two heads that finish a repeated text",
        "Tokens d, k, a, m, d. In layer 1 the token k looks at d before it and notes: I come after "
        "d. In layer 2 the last d looks for the token that comes after d, finds k, and says k.",
    )
    fills = ["orange", "blue", "gray", "gray", "orange"]
    names = ["d", "k", "a", "m", "d"]
    tokens = board.tokens(60, 196, names, fills=fills, width=74, gap=38, size=18, height=44)
    board.arrow(tokens[1].at(0.5, 1), tokens[0].at(0.5, 1), "", "purple", -0.3, thickness=2.4)
    board.text(
        172,
        302,
        "layer 1: k looks at the token before it\nand notes “I come after d”",
        14,
        "purple",
    )
    board.arrow(tokens[4].at(0.5, 0), tokens[1].at(0.5, 0), "", "green", 0.26, thickness=2.4)
    board.text(372, 84, "layer 2: the last d looks for\n“I come after d”, and finds k", 14, "green")
    guess = board.box(658, 196, 74, 44, "k", fill="blue", size=18, dashed=True)
    board.arrow(tokens[4], guess)
    board.text(695, 282, "the guess: what\ncame last time", 13)
    return board


def draw_attention_shapes():
    """Draw all of multi-head attention with every shape, from (B, T, C) to (B, T, C)."""
    board = Board(
        900,
        430,
        "Multi-head attention, with every shape",
        "X of shape B, T, C goes through three matrices of shape C by C and is cut into heads: Q, K "
        "and V of shape B, H, T, D. Q times K transposed is B, H, T, T; divided by the root of D, "
        "masked and through softmax it becomes the weights. Weights times V is the context, "
        "B, H, T, D. The heads are joined to B, T, C, and an output matrix, C by C, mixes them.",
    )
    x = board.box(16, 190, 96, 80, "X\n(B, T, C)", fill="blue", size=16)
    q, k, v = (
        board.box(204, y, 112, 70, f"{name}\n(B, H, T, D)", fill=fill, size=15)
        for name, y, fill in (("Q", 72, "purple"), ("K", 195, "orange"), ("V", 318, "green"))
    )
    for part, name, place in ((q, "q", (150, 144)), (k, "k", (158, 216)), (v, "v", (150, 322))):
        board.arrow(x, part)
        board.text(*place, f"$W_{name}$", 15)
    board.text(260, 404, "times a matrix (C, C), then cut", 13)
    scores = board.box(386, 110, 114, 104, "scores\n$QK^T$\n(B, H, T, T)", fill="gray", size=15)
    weights = board.box(608, 110, 114, 104, "weights\n(B, H, T, T)", fill="yellow", size=15)
    board.arrow(q, scores)
    board.arrow(k, scores)
    board.arrow(scores, weights, "÷ √D", size=14)
    board.text(554, 191, "mask: −∞,\nsoftmax\nof each row", 13)
    context = board.box(608, 318, 114, 70, "context\n(B, H, T, D)", fill="green", size=15)
    board.arrow(weights, context, "× V", side="right", size=14)
    board.arrow(v, context)
    board.text(462, 336, "what is handed over", 13, "gray")
    out = board.box(786, 206, 98, 80, "output\n(B, T, C)", fill="blue", size=15)
    board.arrow(context, out, via=[(835, 353)])
    board.text(814, 390, "heads joined,\ntimes $W_o$ (C, C)", 13)
    return board


def draw_blocks():
    """Draw one query over twelve keys: all scores at once, and block by block with three numbers."""
    board = Board(
        860,
        360,
        "Attention without the table",
        "Above: one query makes twelve scores at once, then softmax, then the mixture. Below: the "
        "keys come in three blocks of four. After each block only three things are kept: the "
        "largest score, the sum of the powers and the mixture of values. When a block brings a "
        "larger score, sum and mixture are shrunk.",
    )
    board.text(
        30, 66, "plain: the whole row of scores is there at once", 15, align="left", bold=True
    )
    scores = [f"s{number}" for number in range(1, 13)]
    board.matrix(40, 80, [scores], fills={(0, i): "gray" for i in range(12)}, cell=(40, 30))
    board.text(540, 96, "then softmax, then the mixture", 14, align="left")
    board.text(30, 160, "in blocks: four scores at a time", 15, align="left", bold=True)
    colors = ("blue", "orange", "green")
    for number, color in enumerate(colors):
        x = 40 + 280 * number
        tiles = {(0, i): color for i in range(4)}
        block = board.matrix(
            x, 184, [scores[4 * number : 4 * number + 4]], fills=tiles, cell=(40, 30)
        )
        kept = board.box(x, 262, 160, 64, "largest, sum,\nmixture so far", fill=color, size=14)
        board.arrow(block.box.grown(4), kept)
        if number < 2:
            board.arrow(kept, (x + 276, 294), "shrink", size=13)
    return board
