"""The figures of lecture 6, the stages of building an LLM."""

import math

from classroom.drawings.anatomy import count_parameters
from classroom.whiteboard import Board
from helpers.config import PRESETS

STAGES = (
    ("Stage 1: build", "blue", "an untrained GPT", "it babbles",
     ["text to tokens|7, 8", "tokens to vectors|9–12", "attention|13–18", "the GPT|19–25"]),
    ("Stage 2: pretrain", "green", "a foundation model", "it continues",
     ["the loss|26, 27", "training loop|28", "decoding|29, 30", "weights in, out|31, 32"]),
    ("Stage 3: fine-tune", "orange", "a model with a job", "it decides, it answers",
     ["a classifier|33–36", "instructions|37–39", "training|40, 41", "evaluation|42"]),
)  # fmt: skip


def three_stages():
    """The course in three columns, with what comes out of each."""
    board = Board(
        760, 462, "Three stages, and what comes out of each",
        "Three columns. Stage 1, build: tokens, vectors, attention, the GPT; out comes an untrained "
        "GPT that babbles. Stage 2, pretrain: loss, training loop, decoding, weights; out comes a "
        "foundation model that continues. Stage 3, fine-tune: a classifier, instructions, training, "
        "evaluation; out comes a model with a job.",
    )  # fmt: skip
    results = []
    for place, (title, fill, result, does, steps) in enumerate(STAGES):
        x = 24 + 244 * place
        board.text(x + 110, 82, title, 16, fill, bold=True)
        for row, step in enumerate(steps):
            name, lectures = step.split("|")
            y = 104 + 54 * row
            board.box(x, y, 150, 42, name, fill=fill, size=14)
            board.text(x + 160, y + 21, lectures, 14, "gray", align="left")
        results.append(board.box(x, 350, 220, 46, result, fill="yellow", bold=True))
        board.arrow((x + 75, 308), (x + 75, 350), color=fill)
        board.text(x + 110, 414, does, 14, "red", italic=True)
    for before, after in zip(results, results[1:], strict=False):
        board.arrow(before, after, color="red")
    board.text(380, 441, "gray numbers: the lectures", 13, "gray")
    return board


def one_question_three_times():
    """The same question put to the model after each stage."""
    board = Board(
        760, 400, "One question, after each stage",
        "The question 'What is the capital of France?' goes to the model after stage 1, which gives "
        "random words; after stage 2, which goes on with more questions; after stage 3, which "
        "answers 'Paris'.",
    )  # fmt: skip
    board.bubble(40, 80, 270, 46, "What is the capital of France?", fill="gray")
    answers = [
        ("after stage 1", "blue", "lamp ous the 7 quickly ) re", "random weights, random tokens"),
        ("after stage 2", "green", "What is the capital of Italy? What …",
         "a likely continuation: a list of questions"),
        ("after stage 3", "orange", "The capital of France is Paris.", "an answer"),
    ]  # fmt: skip
    for row, (stage, fill, words, why) in enumerate(answers):
        y = 160 + 78 * row
        box = board.box(60, y, 130, 44, stage, fill=fill, bold=True)
        told = board.box(260, y, 300, 44, words, fill=fill, size=14)
        board.arrow(box, told)
        board.text(575, y + 22, why, 13, fill, align="left", width=170)
    board.text(525, 103, "invented examples of three kinds of output", 13, "gray")
    return board


def work_of_the_stages():
    """Operations for four trainings, on a scale where each line is a thousand times the last."""
    small = count_parameters(PRESETS["gpt2-small"])
    runs = [
        ("GPT-2 small on\na short story\n(lectures 26–28)", small, 10 * 0.9 * 5145, "green"),
        ("GPT-2 small as\nspam classifier\n(lectures 33–36)", small, 5 * 1045 * 120, "orange"),
        ("GPT-2 small on\n10 billion tokens\n", small, 10e9, "green"),
        ("GPT-3 on\n300 billion tokens\n", 175e9, 300e9, "green"),
    ]
    board = Board(
        760, 430, "How much work is it? Six operations per parameter and token",
        "Four dots on a scale of powers of ten. Training GPT-2 small on a short story and as a "
        "classifier takes 10 to the power of 13 to 14 operations, on 10 billion tokens nearly 10 to "
        "the 19, GPT-3 about 10 to the 23.",
    )  # fmt: skip
    chart = board.chart(110, 120, 610, 210, (-0.6, 3.6), (12, 24), y_label="operations",
                        y_ticks=[(power, f"$10^{{{power}}}$") for power in (12, 15, 18, 21, 24)])  # fmt: skip
    for place, (name, parameters, tokens, color) in enumerate(runs):
        work = 6 * parameters * tokens
        x, top = chart.at(place, math.log10(work))
        chart.curve((place, place), (12, math.log10(work)), color, dashed=True, thickness=1.4)
        chart.dots([place], [math.log10(work)], color, radius=8)
        power = math.floor(math.log10(work))
        board.text(x, top - 22, f"${work / 10**power:.2f} \\cdot 10^{{{power}}}$", 14)
        board.text(x, 370, name, 13)
    board.note(300, 150, "each tick: a thousand times the one below", "red")
    return board
