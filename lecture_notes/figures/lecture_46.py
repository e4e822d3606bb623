"""Figures for note 46, Reasoning."""

from classroom.whiteboard import Board

GROUP = (
    ("3 +5 =8 ×7 =56 .", 0, "−0.25"),
    ("5 -3 =2 ×7 =14 .", 1, "+0.75"),
    ("7 -3 =4 +5 =9 .", 0, "−0.25"),
    ("3 ×5 =15 -7 =8 .", 0, "−0.25"),
)
CLIP = 0.2


def one_step():
    """A prompt, a group of answers, what the checker says, and the push that each gets."""
    board = Board(
        820, 400, "One step of GRPO",
        "The prompt 3 5 7, target 14, goes to the model, which writes four answers. A checker gives "
        "1 to the second and 0 to the others. The mean, 0.25, is subtracted: the second gets "
        "+0.75 and each other one −0.25. Its tokens become likelier, those of the others less likely.",
    )  # fmt: skip
    prompt = board.box(20, 196, 110, 56, "3 5 7 =14 :", fill="gray", size=14, mono=True)
    model = board.box(176, 196, 90, 56, "model", fill="purple")
    board.arrow(prompt, model)
    board.text(410, 82, "answers", 15, bold=True)
    board.text(590, 82, "checker", 15, bold=True)
    board.text(730, 82, "advantage", 15, bold=True)
    for row, (answer, reward, advantage) in enumerate(GROUP):
        y = 104 + 66 * row
        fill = "green" if reward else "blue"
        said = board.box(312, y, 200, 42, answer, fill=fill, size=14, mono=True)
        told = board.box(566, y, 50, 42, str(reward), fill=fill)
        push = board.box(690, y, 80, 42, advantage, fill=fill)
        board.arrow(model, (308, y + 21))
        board.arrow(said, told)
        board.arrow(told, push, color="green" if reward else "red")
    board.text(640, 382, "mean of the group: 0.25", 14, "gray")
    return board


def the_clip():
    """What a token gains from a ratio, with a positive and with a negative advantage."""
    board = Board(
        820, 400, "Where the clip ends a movement, and where not",
        "Two charts of the gain against the ratio. With advantage +1 the gain rises with the ratio "
        "up to 1.2 and is flat beyond. With advantage −1 it is flat below 0.8 and falls beyond, "
        "also to the right of 1.2: a bad token that has become likelier is pushed down.",
    )  # fmt: skip
    ratios = [0.4 + 0.02 * step for step in range(61)]
    for x, sign, name in ((80, 1, "advantage +1"), (470, -1, "advantage −1")):
        gains = [min(sign * ratio, sign * min(max(ratio, 1 - CLIP), 1 + CLIP)) for ratio in ratios]
        low, high = (0, 1.6) if sign == 1 else (-1.8, 0)
        chart = board.chart(
            x, 100, 290, 210, (0.3, 1.7), (low, high), x_label="ratio", y_label="gain",
            x_ticks=[(0.8, "0.8"), (1, "1"), (1.2, "1.2")],
        )  # fmt: skip
        chart.curve(ratios, gains, "blue" if sign == 1 else "red")
        board.text(x + 145, 80, name, 15, bold=True)
    board.text(225, 372, "likelier than 1.2 times: no gradient", 14, "gray")
    board.text(615, 372, "below 0.8 times: no gradient", 14, "gray")
    return board


def the_tool_loop():
    """Who writes which part of an answer with a calculator."""
    board = Board(
        820, 300, "A call, a result, and who wrote what",
        "The question: take 25 from 417. The model writes a bracket, 417 minus 25 and an equals "
        "sign. The loop computes this and appends 392 and a closing bracket. The model goes on with "
        "392 and a full stop. The loop never reads the question.",
    )  # fmt: skip
    asked = board.box(30, 120, 180, 46, "take 25 from 417 ?", fill="gray", size=15)
    call = board.box(250, 120, 140, 46, "[417-25=", fill="purple", mono=True)
    result = board.box(430, 120, 110, 46, "392]", fill="yellow", mono=True)
    answer = board.box(580, 120, 110, 46, "392.", fill="purple", mono=True)
    for one, other in ((asked, call), (call, result), (result, answer)):
        board.arrow(one, other)
    calculator = board.box(420, 220, 130, 46, "calculator", fill="orange")
    board.arrow(call, calculator, via=[(320, 243)], color="red")
    board.arrow(calculator, result, color="red")
    board.text(120, 92, "the question", 14, "gray")
    board.text(320, 92, "the model", 14, "gray")
    board.text(485, 92, "the loop", 14, "gray")
    board.text(635, 92, "the model", 14, "gray")
    return board


def the_push():
    """Three answers with their probabilities and rewards, and the gradient of the mean reward."""
    chances, rewards = (0.7, 0.2, 0.1), (0, 1, 0)
    mean = sum(p * reward for p, reward in zip(chances, rewards, strict=True))
    pushes = [p * (reward - mean) for p, reward in zip(chances, rewards, strict=True)]
    board = Board(
        820, 380, "How hard each answer is pushed",
        "Left, the probabilities of three answers, 0.7, 0.2 and 0.1; only the second has reward 1, so the mean "
        "reward is 0.2. Right, the push on each score, probability times reward minus mean: −0.14, +0.16 and "
        "−0.02. The pushes add up to zero.",
    )  # fmt: skip
    names = ["first", "second", "third"]
    fills = ["green" if reward else "blue" for reward in rewards]
    left = board.chart(70, 120, 280, 180, (-0.6, 2.6), (0, 0.85))
    left.bars(chances, names, fills, [f"{p:.1f}" for p in chances])
    board.text(210, 90, "probability", 15, bold=True)
    right = board.chart(460, 120, 280, 180, (-0.6, 2.6), (-0.25, 0.25))
    right.curve([-0.6, 2.6], [0, 0], "gray")
    for place, (push, fill) in enumerate(zip(pushes, fills, strict=True)):
        start, end = right.at(place, 0), right.at(place, push)
        board.arrow(start, end, color=fill, thickness=4)
        below = end[1] + (18 if push < 0 else -18)
        board.text(end[0], below, f"{push:+.2f}".replace("-", "−"), 14, fill)
    board.text(600, 90, "push on its score", 15, bold=True)
    board.text(210, 350, "mean reward 0.2", 14, "gray")
    board.text(600, 350, "probability · (reward − mean); they add up to 0", 14, "gray")
    return board
