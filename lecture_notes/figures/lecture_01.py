"""The figures of lecture 1, why build an LLM from scratch."""

import torch

from classroom.whiteboard import Board
from helpers.eliza import Eliza

SENTENCE = "I am trying to learn about LLMs."
# Best MMLU score, % right, of closed and of open models by the date named. The rows behind these
# numbers, each with its paper, are in the note.
GAP = {
    "spring 2022": (("PaLM", 69.3), ("UnifiedQA", 48.9)),
    "spring 2023": (("GPT-4", 86.4), ("LLaMA 65B", 63.4)),
    "summer 2024": (("GPT-4o", 88.7), ("Llama 3.1 405B", 88.6)),
}
MARKET = (40, 1300)  # billion dollars in 2022 and in 2032, Bloomberg Intelligence 2023


def eliza_at_work():
    """One sentence on its way through ELIZA: swap, cut, put together."""
    eliza = Eliza.default()
    reply = eliza.respond(SENTENCE)
    pieces = eliza.trace.steps[-1].pieces
    board = Board(
        760, 400, "How ELIZA answers: swap, cut, paste",
        "Four rows. The sentence 'I am trying to learn about LLMs'. The same with 'I am' swapped to "
        "'you are'. The four pieces of the pattern: nothing, you, are, and the rest. The answer, "
        "with the fourth piece pasted into it.",
    )  # fmt: skip
    board.text(24, 93, "you type", 14, "gray", align="left")
    typed = board.tokens(150, 76, SENTENCE.rstrip(".").split(), fills="blue")
    board.text(24, 173, "swap", 14, "orange", align="left")
    swapped = [word for piece in pieces for word in piece]
    fills = ["orange", "orange", "blue", "blue", "blue", "blue", "orange"]
    moved = board.tokens(150, 156, swapped, fills=fills)
    for index in (0, 1, 6):
        board.arrow(typed[index], moved[index], color="orange")
    board.text(24, 253, "cut", 14, "green", align="left")
    places = [(150, 62), (250, 66), (354, 66), (458, 250)]
    cut = [
        board.box(x, 236, width, 36, " ".join(piece) or "–", fill="green")
        for (x, width), piece in zip(places, pieces, strict=True)
    ]
    for number, box in enumerate(cut, start=1):
        board.text(box.center[0], 285, f"piece {number}", 13, "gray")
    board.note(640, 205, "the pattern is  0 you are 0", "green")
    board.text(24, 342, "paste", 14, "red", align="left")
    before, after = reply.split(" ".join(pieces[3]))
    board.box(150, 325, 170, 36, before.strip(), fill="gray")
    middle = board.box(330, 325, 210, 36, " ".join(pieces[3]), fill="green")
    board.box(550, 325, 186, 36, after.strip(), fill="gray")
    board.arrow((cut[3].center[0] - 50, 296), middle.at(0.75, 0), color="red")
    board.note(440, 383, "gray: a person wrote these words long before you typed", "gray")
    return board


def rules_or_numbers():
    """The two roads to a program that answers."""
    board = Board(
        760, 390, "Two roads to a program that answers",
        "Above, a person writes a script of rules, and ELIZA applies it. Below, training turns much "
        "text into parameters, and GPT computes with them. Both take a sentence and give an answer.",
    )  # fmt: skip
    person = board.box(30, 100, 130, 60, "a person", fill="gray")
    script = board.box(285, 92, 180, 76, "a script:\nkeywords, patterns,\nsentences", fill="orange")
    eliza = board.box(590, 100, 140, 60, "ELIZA", fill="orange", size=17, bold=True)
    board.arrow(person, script, "writes", color="orange")
    board.arrow(script, eliza, "is applied by", color="orange")
    board.text(375, 195, "better answers need more rules, which a person must think of", 13)
    text = board.drum(40, 245, 110, 84, "much text", fill="gray")
    some = torch.randn(2, 3, generator=torch.Generator().manual_seed(1))
    numbers = board.matrix(301, 255, some, cell=(50, 28), color="blue")
    board.text(377, 330, "parameters: learned numbers", 14, "blue")
    gpt = board.box(590, 252, 140, 60, "GPT", fill="blue", size=17, bold=True)
    board.arrow(text, numbers.box.grown(8), "training", color="blue")
    board.arrow(numbers.box.grown(8), gpt, "compute with", color="blue")
    board.text(375, 367, "better answers need more text, more parameters, more computing", 13)
    return board


def open_and_closed():
    """The gap between the best closed and the best open model, at three dates."""
    board = Board(
        760, 405, "Open models catch up with closed ones",
        "Three pairs of bars: the best score of a closed and of an open model on the test MMLU in "
        "spring 2022, spring 2023 and summer 2024. The gap shrinks until it is nearly nothing.",
    )  # fmt: skip
    chart = board.chart(
        75, 120, 650, 195, (-0.8, 8), (0, 100), y_label="MMLU, % right", y_ticks=[0, 25, 50, 75]
    )
    chart.curve((-0.8, 8), (25, 25), "gray", dashed=True, thickness=1)
    board.text(*chart.at(2.05, 30), "guessing", 12, "gray")
    for place, (date, pair) in enumerate(GAP.items()):
        for side, (name, score) in enumerate(pair):
            color = ("orange", "blue")[side]
            left, top = chart.at(3 * place + 1.1 * side - 0.45, score)
            right, bottom = chart.at(3 * place + 1.1 * side + 0.45, 0)
            board.box(left, top, right - left, bottom - top, fill=color)
            board.text((left + right) / 2, top - 12, f"{score}", 13)
            board.text((left + right) / 2, 340, name.replace(" ", "\n", 1), 12, color)
        gap = pair[0][1] - pair[1][1]
        board.text(chart.at(3 * place + 0.55, 0)[0], 377, f"{date}: gap {gap:.1f}", 14, "red")
    board.text(430, 72, "closed: only through\nan interface", 13, "orange", align="right")
    board.text(455, 72, "open: weights\nto download", 13, "blue", align="left")
    return board


def market_projection():
    """Bloomberg Intelligence's projection, year by year at its constant rate."""
    first, last = MARKET
    rate = (last / first) ** (1 / 10)
    years = list(range(2022, 2033))
    values = [first * rate**step for step in range(11)]
    board = Board(
        760, 380, "A projection: the same factor every year",
        "Eleven bars from 2022 to 2032. Each is 1.42 times the one before, from 40 to 1,300 billion "
        "dollars. The two ends are a forecast made in 2023, the bars between them a constant rate.",
    )  # fmt: skip
    chart = board.chart(70, 115, 650, 205, (-0.6, 10.6), (0, 1400), y_label="billion dollars a year",
                        y_ticks=[0, 500, 1000])  # fmt: skip
    chart.bars(values, [str(year) for year in years], fill=["blue"] + ["gray"] * 9 + ["blue"],
               values=[f"{value:,.0f}" for value in values], size=12)  # fmt: skip
    board.note(285, 160, f"times {rate:.2f}, ten times in a row", "red")
    board.text(
        395,
        360,
        "blue: Bloomberg Intelligence, June 2023      gray: a constant rate in between",
        13,
    )
    return board
