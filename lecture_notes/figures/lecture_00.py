"""The picture of the whole course, for the README, and the figures of the ground."""

import math

import contourpy

from classroom.whiteboard import Board

WORDS = ["the", "kettle", "sings", "on"]
STAGES = [
    (20, 160, "tokens", "notebooks 02, 03"),
    (200, 150, "embeddings", "notebook 04"),
    (370, 210, "attention blocks", "notebooks 05, 06"),
    (600, 200, "the next token", "notebooks 01, 07"),
]


def course_map():
    """From text to the next token, and which notebook builds which part."""
    board = Board(
        820, 400, "What you build: from text to the next token",
        "A text is cut into tokens. Each token becomes a vector, its embedding. Twelve blocks of "
        "attention and feed-forward layers work on the vectors. Out comes a probability for each "
        "possible next token; one is chosen and appended, and it starts again.",
    )  # fmt: skip
    for x, width, title, notebooks in STAGES:
        board.text(x + width / 2, 78, title, 16, bold=True)
        board.text(x + width / 2, 372, notebooks, 13, "gray")

    tokens = []
    for row, word in enumerate(WORDS):
        tokens.append(board.box(45, 112 + 52 * row, 110, 36, word, fill="blue"))
    numbers = [[0.4, -1.2, 0.7], [1.1, 0.3, -0.5], [-0.8, 0.9, 0.2], [0.6, -0.1, 1.3]]
    rows = []
    for row, values in enumerate(numbers):
        vector = board.matrix(212, 115 + 52 * row, [values], digits=1, cell=(42, 30), heat="orange")
        rows.append(vector.box)
        board.arrow(tokens[row], vector.box, gap=8)

    block = board.box(395, 104, 160, 208, "", fill="gray", frame=True)
    feed = board.box(411, 130, 128, 50, "feed-forward network", fill="green", size=14)
    look = board.box(411, 226, 128, 50, "multi-head attention", fill="purple", size=14)
    board.arrow(look, feed)
    board.text(475, 294, "12 times over", 13, "gray")
    for vector in rows:
        middle = vector.center[1]
        board.arrow((vector.x_end + 4, middle), (block.x, middle))

    board.arrow((block.x_end, 286), (604, 258))
    board.text(690, 162, "what may follow\nthe last token?", 13, "gray")
    bars, chances = [], [("and", 0.62), ("the", 0.21), (".", 0.12), ("cup", 0.05)]
    for row, (word, chance) in enumerate(chances):
        middle = 212 + 30 * row
        board.text(655, middle, word, 15, align="right", bold=row == 0)
        fill = "red" if row == 0 else "yellow"
        bars.append(board.box(668, middle - 11, 150 * chance, 22, fill=fill))
    around = [(796, 212), (796, 343), (100, 343)]
    board.arrow(bars[0], (100, 308), via=around, color="red")
    board.text(345, 330, "choose one, append it, go again", 14, "red")
    return board


def one_step():
    """The circle of training: forward, loss, slopes, a small move of every weight."""
    board = Board(
        780, 360, "One step of training",
        "Four boxes in a circle. Examples go forward through the model with its weights. The loss "
        "says how wrong the prediction was. Backpropagation gives the slope of the loss for every "
        "weight. Every weight moves a little against its slope, and the next step begins.",
    )  # fmt: skip
    examples = board.box(30, 110, 110, 56, "examples", fill="gray")
    model = board.box(210, 100, 170, 76, "the model:\nmany weights", fill="blue")
    loss = board.box(500, 100, 210, 76, "loss: how wrong\nwas the prediction?", fill="orange")
    slopes = board.box(500, 256, 210, 66, "a slope\nfor every weight", fill="purple")
    move = board.box(190, 256, 210, 66, "move each weight\nagainst its slope", fill="green")
    board.arrow(examples, model)
    board.arrow(model, loss, "forward")
    board.arrow(loss, slopes, color="red")
    board.text(650, 216, "backward", 14, "red")
    board.arrow(slopes, move, "× rate")
    board.arrow(move, model)
    board.text(230, 216, "a little better", 14, "gray")
    return board


def backward():
    """The graph of d = a·b + a with its slopes, and the gradients that arrive."""
    board = Board(
        760, 400, "Backward through d = a · b + a",
        "Boxes for a = 2 and b = -3 on the left, their product c = -6 in the middle and the sum "
        "d = -4 on the right. On the arrows are the slopes: -3 from a to c, 2 from b to c, 1 from c "
        "to d and 1 from a to d. Gradients in red: 1 for d and c, 2 for b, and -3 + 1 = -2 for a.",
    )  # fmt: skip
    a = board.box(60, 100, 110, 50, "a = 2", fill="blue")
    b = board.box(60, 270, 110, 50, "b = -3", fill="blue")
    c = board.box(330, 250, 130, 50, "c = a · b = -6", fill="gray", size=14)
    d = board.box(580, 130, 130, 50, "d = c + a = -4", fill="orange", size=14)
    board.arrow(a, c, "-3", color="purple")
    board.arrow(b, c, "2", color="purple")
    board.arrow(c, d, "1", color="purple")
    board.arrow(a, d, "1", color="purple")
    board.text(115, 174, "gradient: 1 - 3 = -2", 14, "red")
    board.text(115, 344, "gradient: 2", 14, "red")
    board.text(395, 324, "gradient: 1", 14, "red")
    board.text(645, 204, "gradient: 1", 14, "red")
    board.text(380, 372, "slopes on the arrows; what arrives on two ways is added", 13, "gray")
    return board


EXAMPLES = [(x / 2, 1.5 * math.tanh(1.5 * x / 2)) for x in range(-4, 5)]  # (input, wanted)


def _loss(a, b):
    """The mean squared error of the network b · tanh(a · x) on the examples."""
    return sum((b * math.tanh(a * x) - y) ** 2 for x, y in EXAMPLES) / len(EXAMPLES)


def _walk(a, b, rate=0.15, steps=300):
    """Gradient descent from (a, b)."""
    path = [(a, b)]
    for _ in range(steps):
        slope_a = slope_b = 0.0
        for x, y in EXAMPLES:
            bent = math.tanh(a * x)
            wrong = 2 * (b * bent - y) / len(EXAMPLES)
            slope_a += wrong * b * (1 - bent**2) * x
            slope_b += wrong * bent
        a, b = a - rate * slope_a, b - rate * slope_b
        path.append((a, b))
    return path


def two_valleys():
    """The loss of the smallest network over its two weights, as a map, and two walks down."""
    board = Board(
        760, 470, "A map of the loss: two weights, two valleys",
        "A map with level lines over the two weights of the network b times tanh of a times x. Two "
        "valleys, one where both weights are 1.5 and one where both are -1.5, are divided by a "
        "saddle at zero. Two walks of gradient descent start near the saddle and end in different "
        "valleys.",
    )  # fmt: skip
    chart = board.chart(
        90, 92, 380, 310, (-3, 3), (-3, 3), x_label="the first weight, a", x_ticks=[-2, 0, 2],
        y_label="the second weight, b", y_ticks=[-2, 0, 2],
    )  # fmt: skip
    ticks = [-3 + 6 * k / 90 for k in range(91)]
    heights = [[_loss(a, b) for a in ticks] for b in ticks]
    level_lines = contourpy.contour_generator(ticks, ticks, heights)
    for level in (0.05, 0.2, 0.5, 1.0, 1.6, 3.0, 5.0, 8.0):
        for line in level_lines.lines(level):
            points = [tuple(point) for point in line[::2]] + [tuple(line[-1])]
            if len(points) > 2:
                chart.curve([a for a, _ in points], [b for _, b in points], "gray", thickness=1.0)
    for start, color in (((0.9, -0.6), "blue"), ((0.5, -0.9), "red")):
        path = _walk(*start)
        chart.curve([a for a, _ in path[::3]], [b for _, b in path[::3]], color)
        chart.dots([path[0][0], path[-1][0]], [path[0][1], path[-1][1]], color, radius=5)
    board.text(*chart.at(2.3, 1.5), "lowest", 14, "green", covers=True)
    board.text(*chart.at(-2.3, -1.5), "lowest", 14, "green", covers=True)
    board.text(*chart.at(-1.9, 1.9), "high", 14, "gray", covers=True)
    board.text(*chart.at(1.9, -1.9), "high", 14, "gray", covers=True)
    board.text(510, 130, "the smallest network:", 15, align="left", bold=True)
    board.text(510, 158, "b · tanh(a · x)", 16, align="left", mono=True)
    board.text(
        510, 232, "each gray line joins weights\nwith the same loss\n(nine examples, made with\n"
        "a = b = 1.5)", 14, "gray", align="left",
    )  # fmt: skip
    board.text(
        510, 330, "two starts side by side,\ntwo valleys: changing both\nsigns gives the same network",
        14, align="left",
    )  # fmt: skip
    return board
