"""The figures of lecture 2, what an LLM is."""

import math
from collections import Counter

from classroom.drawings.anatomy import count_parameters
from classroom.drawings.plots_field import draw_field_map
from classroom.whiteboard import Board
from helpers.config import PRESETS

TEXT = "the sea is calm . the sea is deep . the sky is calm . the sea was deep .".split()
GPT3 = 175e9  # Brown et al. 2020, table 2.1


def field_map():
    """AI, machine learning, deep learning, LLMs; generative AI cuts across the rings."""
    return draw_field_map()


def next_word():
    """A language model is a function from a text to a probability for each next word."""
    followers = Counter(after for before, after in zip(TEXT, TEXT[1:], strict=False)
                        if before == "sea")  # fmt: skip
    board = Board(
        760, 330, "A language model: text in, probabilities out",
        "The words 'the sea' go into a model with learned numbers inside. Out comes a probability "
        "for every word of the vocabulary: high for 'is', lower for 'was', zero for the others.",
    )  # fmt: skip
    tokens = board.tokens(30, 160, ["the", "sea", "?"], fills=["blue", "blue", "yellow"])
    model = board.box(220, 125, 180, 104, "", fill="orange")
    board.text(310, 152, "language model", 16, bold=True)
    board.text(310, 190, "many learned\nnumbers", 14)
    board.arrow(tokens[-1], model)
    chart = board.chart(490, 120, 240, 140, (-0.6, 4.6), (0, 0.8), y_label="probability",
                        y_ticks=[0, 0.5])  # fmt: skip
    words = ["is", "was", "calm", "sky", "the"]
    shares = [followers[word] / followers.total() for word in words]
    chart.bars(shares, words, fill=["green"] * 2 + ["gray"] * 3,
               values=[f"{share:.2f}" for share in shares])  # fmt: skip
    board.arrow(model, (446, 177), color="green")
    board.text(585, 305, "one for every word it knows; together 1", 13)
    board.text(100, 222, "which word\ncomes next?", 14, "gray")
    return board


def what_large_means():
    """Squares whose areas are the numbers of parameters."""
    board = Board(
        760, 400, "What 'large' means: one square, one model",
        "Squares whose area is the number of parameters: GPT-3 with 175 billion fills most of the "
        "board, GPT-2 XL with 1.6 billion is a small square, GPT-2 with 124 million smaller still, "
        "the laptop GPT of this course a dot.",
    )  # fmt: skip
    counts = {
        "GPT-2 XL": count_parameters(PRESETS["gpt2-xl"]),
        "GPT-2 small": count_parameters(PRESETS["gpt2-small"]),
        "this course's\nlaptop GPT": count_parameters(PRESETS["laptop"]),
    }
    side = 290
    board.box(40, 80, side, side, "", fill="blue")
    board.text(40 + side / 2, 212, "GPT-3", 18, bold=True)
    board.text(40 + side / 2, 240, "175 billion", 15)
    for x, (name, count) in zip((420, 545, 660), counts.items(), strict=True):
        edge = side * math.sqrt(count / GPT3)
        board.box(x - edge / 2, 250 - edge, edge, edge, fill="blue")
        board.text(x, 290, name, 14, bold=True)
        short = f"{count / 1e9:.2f} billion" if count > 1e9 else f"{count / 1e6:.1f} million"
        board.text(x, 325, short, 14)
    times = GPT3 / counts["this course's\nlaptop GPT"]
    board.note(550, 118, f"the large square is {times / 1000:.0f} thousand\ntimes the dot", "red")
    board.arrow((660, 200), (660, 243), color="red")
    board.text(545, 362, "one kind of network, four sizes", 14, "green")
    return board


def one_model_many_tasks():
    """The task is a part of the text."""
    board = Board(
        760, 430, "One model, many tasks: the task is in the text",
        "Five requests go into the same language model: translate, summarize, judge the mood, "
        "write, make a quiz. Out come five different kinds of answers.",
    )  # fmt: skip
    rows = [
        ("Translate to French: The sea is calm.", "La mer est calme.", "translation"),
        ("Is this review positive? I left after ten minutes.", "No.", "sentiment"),
        ("Summarize in one sentence: ELIZA, published …", "ELIZA was a chatbot …", "summary"),
        ("Write a thank-you note to my teacher.", "Thank you for …", "content"),
        ("Write 3 multiple-choice questions about gravity.", "1. What does …", "quiz"),
    ]
    model = board.box(375, 80, 90, 325, "", fill="orange")
    board.text(420, 220, "one", 17, bold=True)
    board.text(420, 245, "LLM", 17, bold=True)
    for place, (prompt, answer, kind) in enumerate(rows):
        y = 80 + 66 * place
        asked = board.box(24, y, 310, 58, prompt, fill="blue", size=14)
        told = board.box(506, y, 226, 40, answer, fill="green", size=14)
        board.text(619, y + 51, kind, 12, "gray")
        board.arrow(asked, (model.x, asked.center[1]))
        board.arrow((model.x_end, told.center[1]), told)
    return board
