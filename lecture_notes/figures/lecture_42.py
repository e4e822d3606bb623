"""The figures of lecture 42, evaluating with a judge."""

import random

from classroom.whiteboard import Board
from helpers.evaluate import exact_match, token_f1, words_of
from helpers.judge import position_bias

# Question, right answer, and what a small model said: the first is right, the second is wrong.
MOUSE = ("What is the plural of mouse?", "mice", "The plural of mouse is mice.")
WHALE = ("Is a whale a fish?", "No, a whale is not a fish.", "Yes, a whale is a fish.")


def judge_at_work():
    """From a question of the test set to one line in a file of scores."""
    board = Board(
        760, 420, "A judge at work",
        "The question goes to our model, which answers. Question, right answer and the model's "
        "answer are put into one prompt, which goes to the judge, a larger model. It replies with "
        "a number, which is written to a file at once. Then the next question follows.",
    )  # fmt: skip
    question = board.box(30, 96, 190, 62, f"question\n“{MOUSE[0]}”", fill="blue", size=13)
    right = board.box(30, 206, 190, 62, f"right answer\n“{MOUSE[1]}”", fill="green", size=13)
    model = board.box(290, 96, 130, 62, "our model", fill="orange")
    answer = board.box(490, 96, 240, 62, f"its answer\n“{MOUSE[2]}”", fill="orange", size=13)
    prompt = board.box(290, 206, 440, 62, "judge's prompt: the question, the right answer,\n"
                       "the model's answer, and what to reply", fill="yellow", size=14)  # fmt: skip
    judge = board.box(430, 322, 160, 60, "the judge\na larger model", fill="purple", size=14)
    file = board.drum(40, 312, 130, 82, "scores.jsonl\na line each", fill="gray", size=13)
    board.arrow(question, model, color="blue")
    board.arrow(model, answer, color="orange")
    board.arrow(right, prompt, color="green")
    board.arrow(answer, (610, 206), color="orange")
    board.arrow((205, 158), (315, 206), color="blue")
    board.arrow((510, 268), judge, color="purple")
    reply = board.box(250, 330, 90, 44, "a number", fill="paper", size=14)
    board.arrow(judge, reply, color="purple")
    board.arrow(reply, file, color="purple")
    board.text(665, 340, "0 useless\n100 as good as\nthe right answer", 13, "purple")
    return board


def shared_words():
    """A right answer with few shared words, and a wrong one with many."""
    board = Board(
        760, 400, "Shared words are not the truth",
        "Two questions. The first answer is right but shares only one of its six words with the "
        "short right answer. The second is wrong but shares nearly all words with the right answer. "
        "Beside each stand exact match and token F1; the wrong answer has the larger F1.",
    )  # fmt: skip
    for y, (question, right, said), verdict, color in (
        (84, MOUSE, "right", "green"), (242, WHALE, "wrong", "red"),
    ):  # fmt: skip
        board.text(24, y, question, 15, align="left", bold=True)
        common = list(words_of(right))
        shared = set(words_of(right)) & set(words_of(said))
        for row, (name, words) in enumerate((("reference", common), ("answer", words_of(said)))):
            top = y + 20 + 50 * row
            board.text(24, top + 17, name, 13, "gray", align="left")
            x = 110
            for word in words:
                width = 26 + 8 * len(word)
                board.box(x, top, width, 34, word, fill="green" if word in shared else "gray",
                          size=14)  # fmt: skip
                x += width + 6
        match = "yes" if exact_match(said, right) else "no"
        board.text(575, y + 40, f"exact match: {match}", 14, align="left")
        board.text(575, y + 66, f"token F1: {token_f1(said, right):.2f}", 14, align="left")
        board.text(575, y + 92, f"in truth: {verdict}", 14, color, align="left", bold=True)
    return board


def _coin():
    flip = random.Random(0)
    return lambda prompt: flip.choice("AB")


def _longer(prompt):
    first, second = prompt.split("Answer A: ")[1].split("\n\nAnswer B: ")
    return "A" if len(first) > len(second.split("\n\nWhich")[0]) else "B"


def _pairs():
    draw = random.Random(42)
    return [("?", "x" * draw.randint(5, 50), "y" * draw.randint(51, 99)) for _ in range(1000)]


def swapped_places():
    """Each pair is asked about twice; what a coin, a habit and a rule give."""
    board = Board(
        760, 420, "Ask twice, with the places swapped",
        "Left: the same two answers in both orders. If the judge picks the same answer twice it is "
        "consistent, if it picks the same place twice it is biased. Right: bars for three judges "
        "that are no models. One that always takes the first place is never consistent, a coin is "
        "half of the time, one that takes the longer answer always is.",
    )  # fmt: skip
    for y, first, second in ((96, "answer 1", "answer 2"), (176, "answer 2", "answer 1")):
        for x, place, name in ((60, "A", first), (190, "B", second)):
            board.text(x - 14, y + 23, place, 15, "gray")
            board.box(x, y, 100, 46, name, fill="blue" if name.endswith("1") else "orange", size=14)
    board.text(176, 262, "picks A, then B: answer 1 twice", 14, "green")
    board.text(176, 288, "picks B, then A: answer 2 twice", 14, "green")
    board.text(176, 314, "picks A twice: the first place", 14, "red")
    board.text(176, 340, "picks B twice: the second place", 14, "red")
    board.text(176, 386, "consistent is not yet right", 14, italic=True)
    judges = {"always A": lambda prompt: "A", "a coin": _coin(), "the longer": _longer}
    shares = [position_bias(_pairs(), judge)["consistent"] for judge in judges.values()]
    chart = board.chart(430, 110, 290, 220, (-0.6, 2.6), (0, 1.1), y_ticks=[0, 0.5, 1])
    chart.bars(shares, list(judges), fill="green", values=[f"{share:.2f}" for share in shares])
    board.text(575, 84, "share of consistent pairs", 15, bold=True)
    board.text(575, 386, "three judges that never read", 14, italic=True)
    return board
