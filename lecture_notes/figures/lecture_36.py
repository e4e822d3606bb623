"""The figures of lecture 36, training the spam classifier."""

import math

from classroom.whiteboard import Board

SCORES = [-2.1, -1.4, -0.9, -0.3, 0.6, -0.5, 0.4, 1.0, 1.7, 2.4]  # five ham, then five spam
LABELS = [0] * 5 + [1] * 5
MATRIX = [[145, 5], [8, 142]]  # rows: is ham, is spam; columns: called ham, called spam
HAM, SPAM = 4827, 747


def _sigmoid(score):
    return 1 / (1 + math.exp(-score))


def stairs_and_slope():
    """Accuracy is a staircase in the weights, the loss is a slope."""
    board = Board(
        760, 380, "Why we train the loss and watch the accuracy",
        "Two charts against the same bias. The share of right answers moves in steps and is flat "
        "between them. The loss is a smooth valley, and its slope points to the bottom everywhere.",
    )  # fmt: skip
    shifts = [-3 + 6 * k / 240 for k in range(241)]
    shares, losses = [], []
    for shift in shifts:
        right = [(s + shift > 0) == (y == 1) for s, y in zip(SCORES, LABELS, strict=True)]
        shares.append(sum(right) / len(right))
        signs = [1 if y else -1 for y in LABELS]
        losses.append(
            sum(
                math.log1p(math.exp(-sign * (s + shift)))
                for s, sign in zip(SCORES, signs, strict=True)
            )
            / len(signs)
        )
    left = board.chart(75, 120, 280, 190, (-3, 3), (0.4, 1), x_label="bias of the spam score",
                       x_ticks=[-3, 0, 3], y_ticks=[0.5, 0.75, 1])  # fmt: skip
    begin = 0
    for place in range(1, len(shifts)):
        if shares[place] != shares[begin] or place == len(shifts) - 1:
            left.curve([shifts[begin], shifts[place]], [shares[begin]] * 2, "orange")
            left.curve([shifts[place]] * 2, [shares[begin], shares[place]], "orange")
            begin = place
    right = board.chart(445, 120, 280, 190, (-3, 3), (0.3, 1.7), x_label="bias of the spam score",
                        x_ticks=[-3, 0, 3], y_ticks=[0.5, 1, 1.5])  # fmt: skip
    right.curve(shifts[::8], losses[::8], "blue")
    lowest = min(range(len(losses)), key=losses.__getitem__)
    right.dots([shifts[lowest]], [losses[lowest]], "green")
    board.text(215, 84, "accuracy: flat, then a jump", 15, "orange", bold=True)
    board.text(585, 84, "loss: a slope everywhere", 15, "blue", bold=True)
    board.text(*right.at(shifts[lowest], losses[lowest] + 0.14), "lowest", 13, "green")
    return board


def confusion_matrix():
    """The four kinds of answers, and which of them precision and recall look at."""
    (true_ham, false_alarm), (missed, caught) = MATRIX
    board = Board(
        760, 366, "Four kinds of answers",
        f"A table of two rows and two columns: of 150 ham messages {true_ham} are called ham and "
        f"{false_alarm} spam; of 150 spam messages {missed} are called ham and {caught} spam. "
        "Precision looks down the spam column, recall along the spam row.",
    )  # fmt: skip
    cells = [
        (215, 106, f"{true_ham}\nright", "green"), (365, 106, f"{false_alarm}\nfalse alarms", "red"),
        (215, 196, f"{missed}\nmissed", "orange"), (365, 196, f"{caught}\ncaught", "green"),
    ]  # fmt: skip
    boxes = [board.box(x, y, 140, 80, text, fill=fill, size=16) for x, y, text, fill in cells]
    board.text(285, 86, "called ham", 14)
    board.text(435, 86, "called spam", 14)
    board.text(150, 146, "is ham", 14)
    board.text(150, 236, "is spam", 14)
    precision, recall = caught / (caught + false_alarm), caught / (caught + missed)
    column, row = boxes[3].grown(8).bottom, boxes[3].grown(8).right
    for first, color in ((boxes[1], "purple"), (boxes[2], "teal")):
        x, y, x_end, y_end = first.x - 4, first.y - 4, boxes[3].x_end + 4, boxes[3].y_end + 4
        board.line([(x, y), (x_end, y), (x_end, y_end), (x, y_end), (x, y)], color, dashed=True)
    down = board.box(335, 306, 200, 38, f"precision {precision:.3f}", fill="purple")
    across = board.box(575, 217, 150, 38, f"recall {recall:.3f}", fill="teal")
    board.arrow(column, down.top, color="purple")
    board.arrow(row, across.left, color="teal")
    board.text(120, 325, "of what I call spam,\nhow much is spam?", 13, "purple")
    board.arrow((205, 325), down, color="purple")
    board.text(650, 188, "of the spam,\nhow much do I catch?", 13, "teal")
    return board


def precision_and_rarity():
    """The same filter among more or less spam: how its precision falls."""
    (true_ham, false_alarm), (missed, caught) = MATRIX
    recall, alarm = caught / (caught + missed), false_alarm / (false_alarm + true_ham)

    def precision(share):
        return recall * share / (recall * share + alarm * (1 - share))

    board = Board(
        760, 380, "The same filter: the rarer the spam, the lower its precision",
        "A curve of precision against the share of spam among all messages. At one half it is "
        "above 0.96, at the 13 percent of the collection about 0.81, at one percent below one "
        "quarter.",
    )  # fmt: skip
    chart = board.chart(110, 95, 560, 220, (0, 0.6), (0, 1), x_label="share of spam among all",
                        x_ticks=[0, 0.1, 0.2, 0.3, 0.4, 0.5], y_ticks=[0, 0.5, 1],
                        y_label="precision")  # fmt: skip
    shares = [0.0005 * k for k in range(0, 20)] + [0.01 + 0.01 * k for k in range(0, 60)]
    chart.curve(shares[::1], [precision(s) for s in shares], "purple")
    for share, name, dx, dy in (
        (0.5, "balanced test", 0, 26), (SPAM / (SPAM + HAM), "the collection", 60, 26),
        (0.01, "one message in a hundred", 122, 8),
    ):  # fmt: skip
        chart.dots([share], [precision(share)], "red")
        x, y = chart.at(share, precision(share))
        board.text(x + dx, y + dy, f"{name}: {precision(share):.2f}", 14, "red")
    return board


def calibration():
    """A reliability diagram: said against true, before and after a temperature."""
    board = Board(
        760, 400, "Does 90 percent mean 90 in 100?",
        "A chart of the share that is right against the probability that the model says. The "
        "diagonal is a calibrated model. The curve of an invented model that is too sure lies "
        "below it on the right; with its scores divided by 2.5 it lies on the diagonal.",
    )  # fmt: skip
    chart = board.chart(110, 90, 330, 240, (0, 1), (0, 1), x_label="the model says: spam",
                        x_ticks=[0, 0.5, 1], y_ticks=[0, 0.5, 1], y_label="is spam")  # fmt: skip
    said = [0.005 + 0.99 * k / 60 for k in range(61)]
    true = [_sigmoid(math.log(p / (1 - p)) / 2.5) for p in said]
    chart.curve([0, 1], [0, 1], "green", dashed=True)
    chart.curve(said, true, "red")
    sure = 0.95
    met = _sigmoid(math.log(sure / (1 - sure)) / 2.5)
    chart.dots([sure], [met], "red")
    board.note(560, 150, f"it says {sure:.2f}\nand is right {met:.2f}", "red",
               to=chart.at(sure, met), bend=0)  # fmt: skip
    board.text(585, 215, "an invented model", 14, bold=True)
    board.text(585, 242, "dashed: calibrated", 14, "green")
    board.text(585, 280, "scores divided by 2.5:\nback on the dashed line,\nno answer changes", 14)
    return board


def two_curves():
    """ROC and PR curves of one invented model, with half of the messages spam and with 1 percent."""
    board = Board(
        760, 400, "The same scores, all thresholds, two shares of spam",
        "Two charts of an invented model. Left, recall against the false alarm rate: one curve, "
        "close to the upper left corner, for both shares of spam. Right, precision against "
        "recall: it falls from one to one half where half is spam, and is far lower at one in a "
        "hundred.",
    )  # fmt: skip
    thresholds = [-4 + 0.1 * k for k in range(101)]
    recall = [0.5 * math.erfc((t - 2) / math.sqrt(2)) for t in thresholds]  # spam: N(2, 1)
    alarms = [0.5 * math.erfc(t / math.sqrt(2)) for t in thresholds]  # ham: N(0, 1)
    area = 0.5 * math.erfc(-2 / math.sqrt(2) / math.sqrt(2))  # spam above ham by N(2, 2)
    left = board.chart(80, 100, 260, 220, (0, 1), (0, 1), x_label="false alarm rate",
                       x_ticks=[0, 0.5, 1], y_ticks=[0, 0.5, 1], y_label="recall")  # fmt: skip
    left.curve([0, 1], [0, 1], "gray", dashed=True)
    left.curve(alarms, recall, "blue")
    board.text(*left.at(0.74, 0.2), f"ROC: area {area:.2f}\nfor both shares", 14, "blue")
    right = board.chart(460, 100, 260, 220, (0, 1), (0, 1), x_label="recall",
                        x_ticks=[0, 0.5, 1], y_ticks=[0, 0.5, 1], y_label="precision")  # fmt: skip
    for share, color, at in ((0.5, "green", (0.42, 0.86)), (0.01, "red", (0.66, 0.5))):
        precision = [
            r * share / (r * share + a * (1 - share)) for r, a in zip(recall, alarms, strict=True)
        ]
        right.curve(recall, precision, color)
        board.text(*right.at(*at), f"{100 * share:.0f} in 100 spam", 14, color)
    return board
