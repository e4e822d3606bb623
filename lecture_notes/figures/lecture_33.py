"""The figures of lecture 33, fine-tuning for classification."""

import math
from collections import Counter

from classroom.whiteboard import Board

HAM, SPAM = 4827, 747  # the SMS Spam Collection, Almeida and others 2011
COUNTS = {
    "spam": Counter("win a free prize now free tickets call now".split()),
    "ham": Counter("are you free now call me later please".split()),
}


def three_answers():
    """One message before three models: what comes out of each."""
    board = Board(
        760, 430, "One message, three models",
        "A message about a prize goes to three models. The base model continues the text, the "
        "instruction model answers in words, and the classifier gives two probabilities.",
    )  # fmt: skip
    message = board.bubble(
        30, 180, 190, 84, "You have won a prize!\nCall 0900 now", fill="gray", size=14
    )
    rows = [
        (80, "base model", "blue", "… to claim it before Friday. You have won", "goes on writing"),
        (195, "after instructions", "green", "Yes, this looks like spam.", "answers a request"),
        (310, "classifier", "orange", "ham 0.03     spam 0.97", "can say nothing else"),
    ]
    for y, name, fill, answer, remark in rows:
        model = board.box(285, y, 150, 56, name, fill=fill, size=15)
        board.arrow(message.right, model.left)
        out = board.box(485, y, 245, 56, answer, fill="paper", size=14)
        board.arrow(model, out)
        board.text(608, y + 74, remark, 13, fill, italic=True)
    board.text(360, 268, "+ the question\n“Is this spam?”", 12, "green")
    board.text(125, 395, "the answers are made up\nto show the kinds", 12, "gray")
    return board


def balance_and_split():
    """The collection, the balanced half and the three parts, as bars to scale."""
    share = 690 / (HAM + SPAM)
    board = Board(
        760, 390, "Balance, then split",
        f"A long bar of {HAM} ham and {SPAM} spam messages. Below it, at the same scale, a short "
        f"bar of {SPAM} each. Below that the same short bar enlarged and cut into 70, 10 and 20 "
        "percent.",
    )  # fmt: skip
    board.text(35, 84, f"all {HAM + SPAM:,} messages", 14, align="left")
    board.box(35, 98, HAM * share, 42, f"{HAM:,} ham", fill="blue")
    board.box(35 + HAM * share, 98, SPAM * share, 42, f"{SPAM} spam", fill="red", size=14)
    board.text(35, 172, "balanced", 14, align="left")
    ham = board.box(35, 186, SPAM * share, 42, f"{SPAM} ham", fill="blue", size=14)
    spam = board.box(35 + SPAM * share, 186, SPAM * share, 42, f"{SPAM} spam", fill="red", size=14)
    board.text(
        250, 207, f"the other {HAM - SPAM:,} ham messages are left out", 14, "gray", align="left"
    )
    total = 2 * SPAM
    train, validation = int(0.7 * total), int(0.1 * total)
    test = total - train - validation
    x, scale = 35, 690 / total
    parts = [
        (train, f"training {train:,}", "green", "the weights learn from it"),
        (validation, f"{validation}", "orange", "validation:\nchoices"),
        (test, f"test {test}", "purple", "once, at the end"),
    ]
    board.line([(ham.x, ham.y_end), (35, 280)], "gray", dashed=True)
    board.line([(spam.x_end, spam.y_end), (725, 280)], "gray", dashed=True)
    for count, label, fill, remark in parts:
        board.box(x, 280, count * scale, 46, label, fill=fill, size=14)
        board.text(x + count * scale / 2, 352, remark, 13, fill)
        x += count * scale
    return board


def _evidence(word):
    vocabulary = len(set(COUNTS["spam"]) | set(COUNTS["ham"]))
    shares = {
        name: (count[word] + 1) / (count.total() + vocabulary) for name, count in COUNTS.items()
    }
    return math.log(shares["spam"] / shares["ham"])


def adding_evidence():
    """Naive Bayes as a sum: each word pushes up or down."""
    board = Board(
        760, 396, "Naive Bayes adds up the evidence of the words",
        "Two bar charts. In 'free prize call' the words free and prize push up and call a little "
        "down: together spam. In 'are you free' the words are and you push down more than free "
        "pushes up: together ham.",
    )  # fmt: skip
    for x, text in ((70, "free prize call"), (430, "are you free")):
        words = text.split()
        evidence = [_evidence(word) for word in words]
        total = sum(evidence)
        heights = [*evidence, total]
        chart = board.chart(
            x, 122, 280, 210, (-0.6, 3.6), (-1.7, 1.7), zero="y", y_ticks=[-1, 0, 1],
        )  # fmt: skip
        for place, height in enumerate(heights):
            color = "purple" if place == len(words) else ("red" if height > 0 else "blue")
            left, base = chart.at(place - 0.32, 0)
            right, tip = chart.at(place + 0.32, height)
            high = min(base, tip)
            board.box(left, high, right - left, max(3, abs(tip - base)), fill=color)
            label = tip - 12 if height > 0 else tip + 12
            board.text((left + right) / 2, label, f"{height:+.2f}", 13, color)
            name = words[place] if place < len(words) else "sum"
            board.text((left + right) / 2, 348, name, 14, color)
        verdict = "spam" if total > 0 else "ham"
        board.text(x + 140, 92, f"“{text}”: {verdict}", 15, bold=True)
    board.text(
        380,
        374,
        "the log of the ratio: up, more usual in spam; down, more usual in ham",
        13,
        "gray",
        italic=True,
    )
    return board
