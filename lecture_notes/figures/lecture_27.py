"""The figures of lecture 27, loss on real text."""

import functools
import math
from collections import Counter

from classroom.whiteboard import Board
from helpers.texts import load_corpus
from helpers.texts.prepare import prepare


@functools.cache
def _tokens(size):
    """Token ids to learn from, held-out ones, and the bytes of the held-out text."""
    _, train_ids, held_out_ids, _, held_out_text = prepare(load_corpus("story"), size)
    return train_ids.tolist(), held_out_ids.tolist(), len(held_out_text.encode())


def _counting_loss(train_ids, test_ids, back, added, size):
    """Mean loss of a table that knows what followed the last `back` tokens."""
    seen, after = Counter(), Counter()
    for i in range(1, len(train_ids)):
        context = tuple(train_ids[max(0, i - back) : i])
        seen[context] += 1
        after[context, train_ids[i]] += 1
    total = 0.0
    for i in range(1, len(test_ids)):
        context = tuple(test_ids[max(0, i - back) : i])
        total -= math.log((after[context, test_ids[i]] + added) / (seen[context] + added * size))
    return total / (len(test_ids) - 1)


def one_number_from_a_story():
    """The split, the windows of the held-out part, and the mean of their losses."""
    train_ids, held_out_ids, _ = _tokens(512)
    windows = len(range(0, len(held_out_ids) - 64, 64))
    board = Board(
        760, 430, "One number from a story",
        "A bar is the story. Its first nine tenths are for learning: weights and tokenizer see "
        "them only. The last tenth is held out and cut into windows of 64 tokens. Each window "
        "goes through the model and gives 64 losses. All are added and divided by their number.",
    )  # fmt: skip
    board.box(30, 84, 630, 44, f"to learn from: {len(train_ids):,} tokens", fill="blue")
    held_out = board.box(660, 84, 70, 44, f"{len(held_out_ids)}", fill="orange")
    board.text(345, 152, "the tokenizer and the weights see this part only", 14, "blue")
    board.text(695, 152, "held out", 14, "orange")
    row = [board.box(36 + 45 * i, 206, 41, 34, "64", fill="orange", size=12)
           for i in range(windows)]  # fmt: skip
    rest = len(held_out_ids) - 1 - 64 * windows
    board.box(36 + 45 * windows, 206, 41, 34, f"{rest}", fill="gray", size=12)
    board.arrow(held_out.at(0.5, 1.7), (695, 200), color="orange")
    board.text(380, 188, f"{windows} windows", 14, "orange")
    board.text(694, 258, "not scored", 12, "gray")
    model = board.box(70, 316, 110, 44, "GPT", fill="green", bold=True)
    board.arrow(row[1].bottom, (103, 310), color="orange")
    losses = board.box(290, 316, 150, 44, "64 losses each", fill="purple")
    board.arrow(model, losses)
    n = 64 * windows
    mean = board.box(540, 316, 190, 44, f"sum of {n} ÷ {n}", fill="purple", bold=True)
    board.arrow(losses, mean, "add")
    board.text(380, 398, "no gradients, no dropout, every window once", 14)
    return board


def seen_and_unseen():
    """Training and held-out loss of counting models that look farther and farther back."""
    train_ids, held_out_ids, _ = _tokens(512)
    board = Board(
        760, 400, "What was learned, and what was memorized",
        "Two lines against the number of tokens that a counting model looks back, from none to "
        "three. The loss on the text it counted falls and falls. The loss on held-out text falls "
        "once, then rises again: the gap between the lines is overfitting.",
    )  # fmt: skip
    chart = board.chart(110, 100, 480, 230, (0, 3.1), (0, 7), x_ticks=[0, 1, 2, 3],
                        y_ticks=[0, 2, 4, 6], x_label="tokens it looks back",
                        y_label="loss")  # fmt: skip
    backs = [0, 1, 2, 3]
    for ids, color, name, above in ((train_ids, "blue", "seen text", False),
                                    (held_out_ids, "orange", "held out", True)):  # fmt: skip
        losses = [_counting_loss(train_ids, ids, back, 0.01, 512) for back in backs]
        chart.curve(backs, losses, color)
        chart.dots(backs, losses, color)
        for back, loss in zip(backs, losses, strict=True):
            if back:
                x, y = chart.at(back, loss)
                board.text(x, y - 16 if above else y + 17, f"{loss:.2f}", 13, color)
        x, y = chart.at(3, losses[-1])
        board.text(x + 24, y, name, 15, color, bold=True, align="left")
    top = math.log(512)
    board.line([chart.at(0, top), chart.at(2.6, top)], "gray", dashed=True)
    board.text(*chart.at(1, top + 0.32), f"knows nothing: {top:.2f}", 13, "gray")
    _, low = chart.at(3, 1.9)
    _, high = chart.at(3, 5.7)
    board.brace((616, low - 20), (616, high + 24), "overfitting", "red")
    return board


def tokens_or_bytes():
    """The same counting model with three tokenizers, per token and per byte."""
    board = Board(
        760, 380, "A token is no fixed measure",
        "Two bar charts of the same counting model with vocabularies of 300, 512 and 1,024 tokens. "
        "Per token its loss grows with the vocabulary. Per byte the first is the worst.",
    )  # fmt: skip
    sizes = (300, 512, 1024)
    by_token, by_byte = [], []
    for size in sizes:
        train_ids, held_out_ids, n_bytes = _tokens(size)
        loss = _counting_loss(train_ids, held_out_ids, 1, 0.1, size)
        by_token.append(loss)
        by_byte.append(loss * len(held_out_ids) / math.log(2) / n_bytes)
    panels = ((70, "nats per token", by_token, 6.6, "blue"),
              (430, "bits per byte", by_byte, 3.4, "green"))  # fmt: skip
    for x, title, heights, top, fill in panels:
        board.text(x + 135, 88, title, 15, fill, bold=True)
        chart = board.chart(x, 110, 270, 180, (-0.6, 2.6), (0, top))
        chart.bars(heights, [f"{size:,}" for size in sizes], fill=fill,
                   values=[f"{h:.2f}" for h in heights])  # fmt: skip
        board.text(x + 135, 336, "tokens in the vocabulary", 13, "gray")
    return board
