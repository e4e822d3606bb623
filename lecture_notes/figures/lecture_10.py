"""The figures of lecture 10, token embeddings."""

import math

import torch
import torch.nn.functional as F

from classroom.whiteboard import Board
from classroom.whiteboard.paper import text_width
from helpers.chat import BASE_MODEL
from helpers.checkpoint import load_model

IDS = [2, 3, 5, 1]
COLORS = ["orange", "blue", "purple", "green"]
SENTENCES = (
    "cat drinks milk", "cat sleeps", "dog drinks water", "dog sleeps", "dog barks", "king rules",
    "king reigns", "king sleeps", "queen rules", "queen reigns", "queen drinks",
)  # fmt: skip
ANIMATE = ("cat", "dog", "king", "queen")
COMPANY = ("drinks", "sleeps", "milk", "water", "barks", "rules", "reigns")


def _table():
    """The lecture's table: six tokens, three numbers each, seed 123."""
    state = torch.get_rng_state()
    torch.manual_seed(123)
    table = torch.nn.Embedding(6, 3).weight.detach()
    torch.set_rng_state(state)
    return table


def lookup():
    """Four ids pick four rows of the table."""
    table = _table()
    board = Board(
        760, 400, "An embedding is a table, and its use is a lookup",
        "A table of six rows and three columns of numbers. Four ids, 2, 3, 5 and 1, each pick one "
        "row. The four rows, in the order of the ids, are the output of shape four by three.",
    )  # fmt: skip
    board.matrix(
        60, 170, [[str(i)] for i in IDS], title="ids  (T,)", cell=(46, 34),
        fills={(i, 0): color for i, color in enumerate(COLORS)},
    )  # fmt: skip
    rows = board.matrix(
        240, 130, table, rows=[str(i) for i in range(6)], title="the table  (V, C) = (6, 3)",
        cell=(64, 34), fills={(i, j): c for i, c in zip(IDS, COLORS, strict=True) for j in range(3)},
    )  # fmt: skip
    out = board.matrix(
        545, 170, table[IDS], title="vectors  (T, C) = (4, 3)", cell=(60, 34), color="red",
        fills={(i, j): color for i, color in enumerate(COLORS) for j in range(3)},
    )  # fmt: skip
    board.arrow((118, 238), (212, 238), "pick rows", color="ink")
    board.arrow(rows.box.grown(6), out.box.grown(6), "in the\norder of ids", color="red")
    board.text(310, 362, "rows 0 and 4 are not touched", 14, "gray")
    return board


def one_hot():
    """The lookup as a matrix product."""
    table = _table()
    board = Board(
        760, 380, "The same as a product: one-hot rows times the table",
        "A matrix of four rows and six columns with a single one in each row, times the table of "
        "six rows and three columns, gives the four picked rows.",
    )  # fmt: skip
    hot = F.one_hot(torch.tensor(IDS), 6).tolist()
    left = board.matrix(
        70, 165, [[str(v) for v in row] for row in hot], rows=[str(i) for i in IDS],
        title="one-hot  (T, V) = (4, 6)", cell=(32, 34),
        fills={(i, j): COLORS[i] for i, j in enumerate(IDS)},
    )  # fmt: skip
    middle = board.matrix(
        340, 131, table, title="table  (V, C) = (6, 3)", cell=(58, 34),
        fills={(i, j): c for i, c in zip(IDS, COLORS, strict=True) for j in range(3)},
    )  # fmt: skip
    right = board.matrix(
        562, 165, table[IDS], title="vectors  (4, 3)", cell=(58, 34), color="red",
        fills={(i, j): color for i, color in enumerate(COLORS) for j in range(3)},
    )  # fmt: skip
    level = left.box.center[1]
    board.text((left.box.x_end + middle.box.x) / 2, level, "×", 24, bold=True)
    board.text((middle.box.x_end + right.box.x) / 2, level, "=", 24, bold=True)
    board.note(166, 335, "a single 1 in each row:\nall else is multiplied by 0", "blue")
    return board


def company():
    """Words as rows of counts: what stands beside them in eleven sentences."""
    counts = [
        [sum(word in s.split() and other in s.split() for s in SENTENCES) for other in COMPANY]
        for word in ANIMATE
    ]
    rows = F.normalize(torch.tensor(counts, dtype=torch.float), dim=1)
    board = Board(
        760, 490, "You know a word by the company it keeps",
        "A table of counts: how often cat, dog, king and queen stand in a sentence with drinks, "
        "sleeps, milk, water, barks, rules and reigns. Beside it the cosines of the four rows: cat "
        "and dog, and king and queen, are the most similar pairs.",
    )  # fmt: skip
    board.matrix(
        110, 145, [[str(v) if v else "·" for v in row] for row in counts], rows=ANIMATE,
        columns=COMPANY, cell=(60, 36), grid=True,
        fills={(i, j): "blue" for i, row in enumerate(counts) for j, v in enumerate(row) if v},
    )  # fmt: skip
    board.text(580, 95, "eleven sentences", 14, bold=True, align="left")
    board.text(580, 205, "\n".join(SENTENCES), 13, "gray", align="left")
    board.text(110, 95, "how often in one sentence with …", 14, "gray", align="left")
    board.matrix(
        110, 345, rows @ rows.T, rows=ANIMATE, columns=ANIMATE, cell=(60, 30), heat="green"
    )
    board.note(
        540,
        405,
        "the cosine of two rows:\n1 where they point the same way,\n0 where they share nothing",
        "green",
    )
    return board


def which_rows_learn():
    """The gradient of a lookup: only rows that occur, and sums where one occurs twice."""
    ids = [2, 3, 5, 3]
    gradient = torch.tensor([[0.2, 0.0, -0.1], [0.1, 0.0, -0.2], [0.0, 0.3, 0.1], [0.3, 0.1, 0.0]])
    total = torch.zeros(6, 3).index_add(0, torch.tensor(ids), gradient)
    board = Board(
        760, 390, "On the way back: which rows learn?",
        "Four gradients arrive at the places of the tokens 2, 3, 5 and 3. They are added to the rows "
        "of a table of six rows. Row 3 gets the sum of two gradients, rows 0, 1 and 4 stay zero.",
    )  # fmt: skip
    colors = ["orange", "blue", "purple", "blue"]
    left = board.matrix(
        150, 160, gradient, rows=[f"token {i}" for i in ids], title="gradients that arrive  (4, 3)",
        digits=1, cell=(58, 36), fills={(i, j): c for i, c in enumerate(colors) for j in range(3)},
    )  # fmt: skip
    board.matrix(
        500, 124, total, rows=[f"row {i}" for i in range(6)], title="gradient of the table  (6, 3)",
        digits=1, cell=(58, 36),
        fills={(i, j): c for i, c in ((2, "orange"), (3, "blue"), (5, "purple")) for j in range(3)},
    )  # fmt: skip
    board.arrow(left.box.grown(6), (432, left.box.center[1]), "add", color="red")
    board.note(590, 366, "zero: not a token of this batch", "gray")
    board.note(250, 345, "token 3 occurs twice: its row gets the sum", "blue")
    return board


GROUPS = {
    "blue": "Monday Tuesday Thursday Friday Saturday Sunday",
    "red": "red green yellow white brown black",
    "green": "mother father sister brother aunt grandmother",
    "orange": "two three four five six seven",
    "purple": "baker farmer miller painter tailor doctor",
}


def _free_spot(x, y, width, taken):
    """The middle of a free place for a word of this width near (x, y); it is taken from now on."""
    for distance in range(14, 200, 6):
        for step in range(16):
            angle = math.tau * (step + 4) / 16
            middle = (
                x + (distance + width / 2 - 7) * math.cos(angle),
                y - distance * math.sin(angle),
            )
            box = (
                middle[0] - width / 2 - 3,
                middle[1] - 9,
                middle[0] + width / 2 + 3,
                middle[1] + 9,
            )
            page = box[0] > 12 and box[2] < 748 and box[1] > 66 and box[3] < 462
            if page and not any(_meet(box, other) for other in taken):
                taken.append(box)
                return middle
    raise ValueError("no free place")


def _meet(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def word_map():
    """Where the course's GPT has put thirty words: the two directions in which they differ most."""
    board = Board(
        760, 500, "Thirty rows of a trained table, seen as a map",
        "Thirty words as points in a plane. Days of the week, colors, members of a family, numbers "
        "and jobs lie in five groups, though no one told the model that these groups exist.",
    )  # fmt: skip
    model, tokenizer = load_model(BASE_MODEL)
    words = [(word, color) for color, group in GROUPS.items() for word in group.split()]
    ids = [tokenizer.encode(f" {word}") for word, _ in words]
    if any(len(one) != 1 for one in ids):
        raise ValueError(f"not each of {[word for word, _ in words]} is one token")
    rows = model.token_embedding.weight.detach().double()[[one[0] for one in ids]]
    rows = F.normalize(rows - rows.mean(dim=0), dim=1)
    _, _, directions = torch.linalg.svd(rows - rows.mean(dim=0))
    directions = directions[:2] * directions[:2].sum(dim=1, keepdim=True).sign()
    places = (rows @ directions.T * 100).round() / 100
    (left, low), (right, high) = places.amin(0).tolist(), places.amax(0).tolist()
    chart = board.chart(90, 90, 570, 350, (left, right), (low, high), axes=False)
    dots = [chart.at(*place) for place in places.tolist()]
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in dots]
    for (word, color), (x, y), place in zip(words, dots, places.tolist(), strict=True):
        chart.dots([place[0]], [place[1]], color, radius=4)
        spot = _free_spot(x, y, text_width(word, 13), taken)
        if math.hypot(spot[0] - x, spot[1] - y) > 42:
            board.line([(x, y), (spot[0], spot[1])], color, thickness=0.7)
        board.text(*spot, word, 13, color, covers=True)
    board.text(380, 480, f"{rows.shape[1]} dimensions do not fit on a page: two remain", 13, "gray")
    return board
