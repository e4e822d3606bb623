"""The figures of lecture 30, top-k sampling."""

import torch

from classroom.whiteboard import Board
from helpers.generate import next_token_probabilities

WORDS = ["closer", "every", "effort", "forward", "inches", "moves", "pizza", "toward", "you"]
SCORES = torch.tensor([4.51, 0.89, -1.90, 6.75, 1.63, -1.62, -1.89, 6.28, 1.79])
SURE = torch.tensor([9.0, 3.0, 2.5, 2.0, 1.5, 1.0, 0.5, 0.0])
OPEN = torch.tensor([3.0, 2.9, 2.8, 2.7, 2.6, 2.5, 1.0, 0.0])


def cut_and_share_again():
    """Scores, the cut at the third, and the probabilities afterwards."""
    board = Board(
        760, 330, "Keep three, share again",
        "Three rows over nine words: the scores, the scores with all but the three highest set to "
        "minus infinity, and the probabilities, which are zero wherever the score was cut.",
    )  # fmt: skip
    kept = SCORES.topk(3).indices.tolist()
    cut = [f"{s:.2f}" if i in kept else "−inf" for i, s in enumerate(SCORES.tolist())]
    p = next_token_probabilities(SCORES, top_k=3)
    fills = {(0, i): "green" for i in kept}
    rows = ((115, SCORES.tolist(), "scores", 2), (185, cut, "cut", 2), (255, p.tolist(), "p", 3))
    for y, values, name, digits in rows:
        labels = {"columns": WORDS} if y == 115 else {}
        board.matrix(110, y, [values], rows=[name], digits=digits, cell=(68, 32), fills=fills,
                     **labels)  # fmt: skip
    return board


def three_is_not_always_right():
    """The same k on a sure and on an open choice; the same p on both."""
    board = Board(
        760, 400, "A number of words, or a share of probability",
        "Two bar charts. After a sure start one word has nearly all probability: k of 3 keeps two "
        "words too many, p of 0.9 keeps one. After an open start six words are alike: k of 3 throws "
        "good ones away, p of 0.9 keeps six.",
    )  # fmt: skip
    for left, scores, title in (
        (80, SURE, "the capital of France is"),
        (440, OPEN, "once there was a"),
    ):
        chart = board.chart(left, 120, 270, 170, (0, 8), (0, 1), y_ticks=[0, 0.5, 1])
        p = scores.softmax(-1)
        by_p = int((next_token_probabilities(scores, top_p=0.9) > 0).sum())
        for i, value in enumerate(p.tolist()):
            color = "green" if i < by_p else "gray"
            chart.curve([i + 0.5, i + 0.5], [0, value], color)
        x, _ = chart.at(3, 0)
        board.line([(x, 130), (x, 302)], dashed=True)
        board.text(x + 8, 138, "k = 3", 13, "red", align="left")
        board.text(left + 135, 92, title, 15, bold=True)
        board.text(left + 135, 326, f"p = 0.9 keeps {by_p}: green", 14, "green")
        lost = 1 - float(p[:3].sum())
        board.text(left + 135, 352, f"k = 3 throws away {lost:.2f} of the probability", 14, "red")
    return board


def the_order_of_the_knobs():
    """Temperature before and after top-p: the words that are kept, and their probabilities."""
    board = Board(
        760, 400, "Temperature 5 and top-p 0.9, in both orders",
        "Two bar charts of nine words, sorted. With temperature first the distribution is flat and "
        "top-p keeps seven words. With temperature last top-p keeps two, forward and toward, which "
        "then share the probability nearly equally.",
    )  # fmt: skip
    first = next_token_probabilities(SCORES, temperature=5.0, top_p=0.9)
    kept = next_token_probabilities(SCORES, top_p=0.9) > 0
    last = (SCORES / 5).where(kept, -torch.inf).softmax(-1)
    order = SCORES.sort(descending=True).indices.tolist()
    panels = (
        (60, first, "temperature first, as here", "orange"),
        (420, last, "temperature last, as in llama.cpp", "blue"),
    )
    for left, p, title, color in panels:
        chart = board.chart(left, 120, 310, 180, (0, 9), (0, 0.6), y_ticks=[0, 0.5])
        for i, word in enumerate(order):
            x, y = chart.at(i + 0.5, 0)
            if p[word] > 0:
                chart.curve([i + 0.5, i + 0.5], [0, float(p[word])], color)
                board.text(
                    x, chart.at(0, float(p[word]))[1] - 12, f"{float(p[word]):.2f}", 12, color
                )
            board.text(x, y + 16 + 18 * (i % 2), WORDS[word], 12, color if p[word] > 0 else "gray")
        board.text(left + 155, 92, title, 15, bold=True)
        board.text(left + 155, 362, f"{int((p > 0).sum())} words can be drawn", 14, color)
    return board
