"""The figures of lecture 11, positional embeddings."""

import math

import torch

from classroom.whiteboard import Board

WORDS = ["dog", "bites", "man"]
ANIMALS = torch.tensor([[0.9, 0.1, 0.4], [0.2, 0.8, 0.1], [0.7, 0.3, 0.9]])  # chosen by hand
PLACES = torch.tensor([[0.0, 0.3, -0.2], [0.3, -0.1, 0.2], [-0.2, 0.2, 0.3]])  # chosen by hand
ORDER = [2, 1, 0]


def _attend(x):
    return torch.softmax(x @ x.T, dim=1) @ x


def _waves(n_places, dimensions):
    even = torch.arange(0, dimensions, 2, dtype=torch.float64)
    angles = torch.arange(n_places, dtype=torch.float64)[:, None] / 10000 ** (even / dimensions)
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


def bag_of_words():
    """Attention of lecture 14 on two orders of the same words: the same rows in another order."""
    board = Board(
        760, 440, "To attention a sentence is a bag of words",
        "Two rows of matrices. 'dog bites man' goes through attention and gives three vectors. 'man "
        "bites dog' gives the same three vectors in another order: each word gets the same vector "
        "in both sentences.",
    )  # fmt: skip
    colors = ["orange", "blue", "green"]
    for row, order in enumerate(([0, 1, 2], ORDER)):
        x, y = ANIMALS[order], 120 + 160 * row
        fills = {(i, j): colors[word] for i, word in enumerate(order) for j in range(3)}
        words = [WORDS[i] for i in order]
        left = board.matrix(
            150, y, x, rows=words, cell=(60, 34), title="token vectors", fills=fills
        )
        board.matrix(
            510, y, _attend(x), rows=words, cell=(60, 34), fills=fills, title="after attention",
        )  # fmt: skip
        board.arrow(left.box.grown(6), (442, left.box.center[1]), "attention")
    board.text(
        380,
        415,
        "each word gets the same vector in both sentences: who bites whom is lost",
        14,
        "red",
    )
    return board


def two_tables():
    """Token vector plus position vector, for both orders."""
    board = Board(
        760, 480, "The repair: add a vector that says where",
        "For 'dog bites man' and 'man bites dog', the token vectors plus the vectors of the positions "
        "0, 1 and 2 give the inputs. The vector of dog at position 0 is not that of dog at position "
        "2.",
    )  # fmt: skip
    colors = ["orange", "blue", "green"]
    for row, order in enumerate(([0, 1, 2], ORDER)):
        x, y = ANIMALS[order], 130 + 175 * row
        fills = {(i, j): colors[word] for i, word in enumerate(order) for j in range(3)}
        words = [WORDS[i] for i in order]
        left = board.matrix(
            80, y, x, rows=words, cell=(54, 34), fills=fills, title="tokens  (T, C)"
        )
        middle = board.matrix(
            320, y, PLACES, rows=["0", "1", "2"], cell=(54, 34), title="positions  (T, C)",
            fills={(i, j): "purple" for i in range(3) for j in range(3)},
        )  # fmt: skip
        right = board.matrix(
            560, y, x + PLACES, rows=words, cell=(54, 34), title="inputs  (T, C)", color="red"
        )
        level = left.box.center[1]
        board.text(268, level, "+", 24, bold=True)
        board.text((middle.box.x_end + right.box.x) / 2 - 24, level, "=", 24, bold=True)
        board.ring(right.row(order.index(0)), margin=3)
    board.text(380, 448, "the same word at another position is another vector", 14, "red")
    return board


def clock_hands():
    """The sinusoidal vectors as clock hands that turn at different speeds."""
    board = Board(
        760, 430, "Sines and cosines: a position is read like a clock",
        "Three rows of dials, one row per hand, five columns for the positions 0, 1, 2, 3 and 10. The "
        "first hand turns quickly, the second slowly, the third hardly at all.",
    )  # fmt: skip
    dimensions, radius = 6, 36
    places = [0, 1, 2, 3, 10]
    for row in range(3):
        frequency = 10000 ** (-2 * row / dimensions)
        y = 150 + 96 * row
        turn = f"{math.degrees(frequency):.3g}°"
        board.text(30, y, f"hand {row} turns by\n{turn} per position", 13, "blue", align="left")
        for column, place in enumerate(places):
            x = 250 + 112 * column
            board.oval(x - radius, y - radius, 2 * radius, 2 * radius, frame=True)
            angle = place * frequency
            tip = (x + 0.86 * radius * math.sin(angle), y - 0.86 * radius * math.cos(angle))
            board.arrow((x, y), tip, color=("red", "orange", "green")[row], gap=0, thickness=2.4)
            if row == 0:
                board.text(x, 92, f"position {place}", 14, bold=True)
    board.text(
        380, 408, "each hand is two numbers, the sine and the cosine of its angle: C = 6", 14
    )
    return board


def distance_only():
    """The product of two places against their distance, from three starting places."""
    table = _waves(64, 32)
    products = table @ table.T
    board = Board(
        760, 390, "How alike are two positions? Only their distance counts",
        "The product of two position vectors against their distance, from positions 0, 10 and 30. The "
        "three sets of points lie on one curve that falls from 16 and then waves.",
    )  # fmt: skip
    chart = board.chart(
        80, 95, 600, 220, (0, 33), (0, 17.5), x_label="positions apart", y_label="product of two positions",
        x_ticks=[0, 5, 10, 15, 20, 25, 30], y_ticks=[0, 4, 8, 12, 16],
    )  # fmt: skip
    far = range(0, 31)
    chart.curve(list(far), [products[0, k] for k in far], "blue")
    chart.dots(list(far[::3]), [products[10, 10 + k] for k in far[::3]], "red", radius=4)
    chart.dots(list(far[1::3]), [products[30, 30 + k] for k in far[1::3]], "green", radius=4)
    board.text(520, 110, "curve: from position 0", 14, "blue", align="left")
    board.text(520, 132, "dots: from position 10", 14, "red", align="left")
    board.text(520, 154, "dots: from position 30", 14, "green", align="left")
    return board


def turn_by_place():
    """Rotary embedding: query and key are turned; the angle between them is that of the distance."""
    board = Board(
        760, 430, "Rotary embedding: turn by the position",
        "Three circles, for a query at position 2 and a key at 0, at 5 and 3, and at 9 and 7. In "
        "each both arrows have been turned by one radian per position. Their directions differ from "
        "circle to circle, the angle between them is always the same, and so is the score, 0.528.",
    )  # fmt: skip
    radius = 92
    for column, (n, m) in enumerate(((2, 0), (5, 3), (9, 7))):
        middle = (140 + 240 * column, 218)
        board.oval(middle[0] - radius, middle[1] - radius, 2 * radius, 2 * radius, frame=True)
        board.text(middle[0], 92, f"query at {n}, key at {m}", 15, bold=True)
        turned = [_turned_by(pair, place) for pair, place in ((QUERY, n), (KEY, m))]
        for (x, y), name, color in zip(turned, "qk", ("red", "blue"), strict=True):
            x, y = 0.74 * radius * x, 0.74 * radius * y
            tip = (middle[0] + x, middle[1] - y)
            board.arrow(middle, tip, color=color, thickness=2.6, gap=0)
            beyond = 1 + 13 / math.hypot(x, y)
            place = (middle[0] + x * beyond, middle[1] - y * beyond)
            board.text(*place, name, 14, color, bold=True)
        score = sum(a * b for a, b in zip(*turned, strict=True))
        board.text(middle[0], 338, f"q · k = {score:.3f}", 15, "green")
    board.text(380, 374, "each pair of numbers is turned by ω times its position, here ω = 1", 14)
    board.text(
        380, 402, "two positions apart in all three: the same angle, the same score", 14, "red"
    )
    return board


QUERY, KEY = (0.9, 0.1), (0.2, 0.8)  # as in the note's code


def _turned_by(pair, angle):
    c, s = math.cos(angle), math.sin(angle)
    return (pair[0] * c - pair[1] * s, pair[0] * s + pair[1] * c)
