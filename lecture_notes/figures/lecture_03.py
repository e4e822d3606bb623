"""The figures of lecture 3, pretraining and fine-tuning."""

from collections import Counter

from classroom.drawings.plots_field import draw_two_stages
from classroom.whiteboard import Board

GENERAL = "the court was wet . the court was loud . the players left the court . the ball was new ."
LEGAL = "the court ruled . the court ruled for her ."


def two_stages():
    """Pretraining on any text, then fine-tuning on chosen examples."""
    return draw_two_stages()


def text_labels_itself():
    """A sentence gives one example for each of its words but the first."""
    words = ["the", "key", "opens", "the", "old", "door"]
    board = Board(
        760, 400, "The text labels itself",
        "Five rows. In each, the words so far are the input, in blue, and the next word is the label, "
        "in orange. Six words give five examples, and no one wrote a label.",
    )  # fmt: skip
    board.text(40, 78, "input: all words so far", 14, "blue", align="left")
    board.text(610, 78, "label: the next word", 14, "orange")
    for row in range(1, len(words)):
        y = 100 + 50 * (row - 1)
        given = board.tokens(40, y, words[:row], fills="blue", width=76, gap=6)
        label = board.box(560, y, 100, 34, words[row], fill="orange")
        board.arrow(given[-1], label, color="gray")
    board.brace((672, 334), (672, 100), "five\nlabels", "orange", size=13)
    board.note(375, 372, "no one wrote these labels: they are in the text", "red")
    return board


def one_or_many():
    """Before: a model and a labeled collection for each task. Now: one model for all."""
    board = Board(
        760, 430, "One model per task, or one model for all",
        "Left: three tasks, each with its own labeled data and its own model trained from nothing. "
        "Right: raw text makes one foundation model, and a little data each turns it to three tasks.",
    )  # fmt: skip
    tasks = ["translate", "find spam", "summarize"]
    board.text(180, 84, "before: one model per task", 15, "red", bold=True)
    for place, task in enumerate(tasks):
        y = 112 + 100 * place
        data = board.drum(28, y, 104, 78, "labeled\ndata", fill="gray", size=13)
        model = board.box(220, y + 16, 116, 46, task, fill="orange")
        board.arrow(data, model, "train")
    board.line([(368, 80), (368, 405)], "gray", dashed=True, thickness=1.2)
    board.text(560, 84, "now: one model for all", 15, "green", bold=True)
    text = board.drum(390, 205, 90, 96, "raw text", fill="gray", size=14)
    base = board.box(518, 212, 104, 82, "foundation\nmodel", fill="blue", size=14)
    board.arrow(text, base)
    for place, task in enumerate(tasks):
        y = 128 + 100 * place
        goal = board.box(652, y, 88, 46, task, fill="green", size=13)
        board.arrow(base, goal, color="green")
    board.text(436, 335, "much,\nwithout labels", 13, "gray")
    board.text(586, 372, "a little data each,\nor only a prompt", 13, "green")
    board.text(188, 414, "each learns the language again", 13, "gray")
    return board


def before_and_after():
    """The count model of the worked example: what follows 'court' before and after."""
    base, tuned = _followers(GENERAL), _followers(GENERAL)
    tuned.update({word: 2 * count for word, count in _followers(LEGAL).items()})
    fresh = _followers(LEGAL)
    board = Board(
        760, 350, "What follows 'court'? Before and after fine-tuning",
        "Three bar charts. The pretrained model expects 'was'. After fine-tuning on a legal text it "
        "expects 'ruled', and 'was' has shrunk. A model that read only the legal text knows nothing "
        "but 'ruled'.",
    )  # fmt: skip
    panels = [
        (60, "pretrained", base, "blue"),
        (300, "fine-tuned", tuned, "green"),
        (540, "legal text only", fresh, "gray"),
    ]
    words = ["was", ".", "ruled"]
    for x, title, counts, fill in panels:
        shares = [counts[word] / counts.total() for word in words]
        chart = board.chart(x, 135, 180, 140, (-0.6, 2.6), (0, 1.05))
        names = ["was", "period", "ruled"]
        chart.bars(shares, names, fill=fill, values=[f"{share:.2f}" for share in shares])
        board.text(x + 90, 88, title, 15, fill, bold=True)
    board.text(380, 325, "fine-tuning adds something and takes something away", 14, "red",
               italic=True)  # fmt: skip
    return board


def _followers(text, word="court"):
    """Count what follows a word in a text."""
    words = text.split()
    pairs = zip(words, words[1:], strict=False)
    return Counter(after for before, after in pairs if before == word)
