"""Figures for notebook 01: the map of the field, its growth, and the stages of an LLM.

The numbers come from tables in the notebook, which name their sources.
"""

import math

from classroom.whiteboard import Board
from helpers.plots import COLORS, INK, new_axes, plot_losses, show

RINGS = (  # place, color, name, an example; each is part of the one before
    ((20, 62, 780, 372), "gray", "Artificial intelligence", "a script such as ELIZA's"),
    ((50, 132, 720, 284), "blue", "Machine learning", "a decision tree, a spam filter"),
    ((80, 204, 660, 194), "teal", "Deep learning", "recognizing digits"),
)


def draw_field_map():
    """Draw the map of the field: AI, machine learning, deep learning; generative AI cuts across."""
    board = Board(
        820,
        450,
        "The map of the field",
        "Artificial intelligence holds machine learning, which holds deep learning, which holds "
        "large language models. A dashed box, generative AI, cuts across: it takes in large language "
        "models and generators of pictures inside deep learning, tables of counts that write inside "
        "machine learning, and templates that write outside of both.",
    )
    for place, fill, name, example in RINGS:
        box = board.box(*place, fill=fill, frame=True)
        board.text(box.x + 18, box.y + 24, name, 16, align="left", bold=True)
        board.text(box.x + 18, box.y + 48, f"for example {example}", 13, "gray", align="left")
    around = [(372, 76), (722, 76), (722, 382), (372, 382), (372, 76)]
    board.line(around, "orange", dashed=True, thickness=3.2)
    board.text(388, 100, "Generative AI", 16, "orange", align="left", bold=True)
    board.text(708, 100, "makes something new", 13, align="right")
    board.text(388, 168, "tables of counts that write", 13, align="left")
    board.box(390, 226, 314, 62, "large language models:\nGPT, Llama", fill="yellow", bold=True)
    board.box(
        390, 302, 314, 62, "generators of pictures, sound,\nvideo, 3D models", fill="paper", size=14
    )
    board.text(98, 326, "networks that only label:\nis this a cat?", 14, align="left")
    return board


def draw_two_stages():
    """Draw the two stages of an LLM: pretraining on any text, fine-tuning on chosen examples."""
    board = Board(
        860,
        330,
        "Pretraining, then fine-tuning",
        "Much raw text makes a pretrained model that continues text. A few labeled examples turn "
        "it into a classifier; a few instructions with answers turn it into an assistant.",
    )
    text = board.drum(30, 110, 150, 130, "raw text,\nno labels", fill="gray")
    base = board.box(290, 115, 190, 110, "", fill="blue")
    board.text(385, 150, "Foundation model", 16, bold=True)
    board.text(385, 188, "goes on with\nany text", 14)
    board.arrow(text, base, "pretraining", color="blue", size=14)
    board.text(235, 205, "predict the\nnext word", 13, "gray")
    board.box(640, 72, 190, 84, "", fill="green")
    board.text(735, 98, "Classifier", 16, bold=True)
    board.text(735, 130, "spam or not?", 14)
    board.box(640, 206, 190, 84, "", fill="orange")
    board.text(735, 232, "Assistant", 16, bold=True)
    board.text(735, 264, "does what you ask", 14)
    board.arrow((480, 148), (640, 114), color="green")
    board.arrow((480, 192), (640, 248), color="orange")
    board.text(552, 100, "labeled\nexamples", 13, "green")
    board.text(552, 256, "instructions\nwith answers", 13, "orange")
    board.text(590, 172, "fine-tuning", 15, "ink", italic=True)
    return board


def draw_course_plan(stages):
    """Draw the stages of building an LLM: `stages` is a list of (title, list of steps)."""
    width = 880 // len(stages)
    most = max(len(steps) for _, steps in stages)
    board = Board(
        880,
        100 + 52 * most + 20,
        "The plan of the course",
        "; ".join(f"{title}: {', '.join(steps)}" for title, steps in stages),
    )
    boxes = []
    for number, (title, steps) in enumerate(stages):
        fill = ("blue", "green", "orange", "purple")[number % 4]
        x = 16 + number * width
        frame = board.box(x, 62, width - 44, 42 + 52 * most, frame=True)
        board.text(x + (width - 44) / 2, 82, title, 15, bold=True)
        boxes.append(frame)
        for place, step in enumerate(steps):
            board.box(x + 12, 102 + 52 * place, width - 68, 42, step, fill=fill, size=13)
    for before, after in zip(boxes, boxes[1:], strict=False):
        board.arrow(before, after)
    return board


def show_board(board):
    """Show a drawing with its own description as the alternative text."""
    show(board, alt=board.description)


def show_counts(models, what="parameters", ours=None):
    """Show `plot_counts`, and say its first, largest and last row in words."""
    first, largest, last = models[0], max(models, key=lambda row: row[2]), models[-1]
    show(
        plot_counts(models, what=what, ours=ours),
        alt=f"Language models by year, {what} on a logarithmic scale: from {first[0]} with "
        f"{short_count(first[2])} to {last[0]} with {short_count(last[2])}; the largest is "
        f"{largest[0]} with {short_count(largest[2])}.",
    )


def plot_counts(models, ax=None, what="parameters", ours=None):
    """Plot a count of each model by year: `models` is a list of (name, year, count, ...).

    The scale is logarithmic: each step is a factor of ten. Years may be fractions. `ours` draws a
    dashed line at the count of your own model.
    """
    ax = ax if ax is not None else new_axes(8, 4.4)
    years, counts = [row[1] for row in models], [row[2] for row in models]
    ax.scatter(years, counts, color=COLORS[0], s=46, zorder=3)
    ax.set_yscale("log")
    for name, year, count, *_ in models:
        left = year > max(years) - 1  # the newest are named on their left: there is no room beyond
        ax.annotate(
            f"{name} {short_count(count)}", (year, count), xytext=(-7 if left else 7, -3),
            ha="right" if left else "left", textcoords="offset points", fontsize=9, color=INK,
        )  # fmt: skip
    if ours is not None:
        ax.axhline(ours, color=COLORS[1], linestyle="--", linewidth=1)
        end = max(years) + 0.9
        ax.text(end, ours * 1.15, f"our GPT {short_count(ours)}", color=COLORS[1], ha="right")
    ax.set(xlim=(min(years) - 0.3, max(years) + 1), ylabel=what)
    ax.set_ylim(top=max(counts) * 3)
    ax.set_xticks(range(math.floor(min(years)), math.ceil(max(years)) + 1))
    return ax


def short_count(number):
    """Write a large number in millions (M) or billions (B).

    >>> short_count(117e6), short_count(1.5e9), short_count(175e9)
    ('117M', '1.5B', '175B')
    """
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:g}"


def best_so_far(rows):
    """Return (year, score), by year, of every row with a higher score than all before it.

    >>> best_so_far([("a", 2022.0, 50), ("b", 2022.5, 40), ("c", 2023.0, 60)])
    [(2022.0, 50), (2023.0, 60)]
    """
    best = []
    for _, year, score, *_ in sorted(rows, key=lambda row: row[1]):
        if not best or score > best[-1][1]:
            best.append((year, score))
    return best


def show_open_and_closed(open_models, closed_models):
    """Show `plot_open_and_closed`, and say the last step of each staircase in words."""
    ends = [best_so_far(rows)[-1] for rows in (open_models, closed_models)]
    show(
        plot_open_and_closed(open_models, closed_models),
        alt="Best MMLU score so far among these open and closed models, two rising staircases. The "
        f"open one ends at {ends[0][1]}%, the closed one at {ends[1][1]}%.",
    )


def plot_open_and_closed(open_models, closed_models, ax=None):
    """Plot the best score of open and of closed models over time, as two rising staircases.

    Rows are (name, year, score, ...) in the order of their years; the distance between the
    staircases is the gap.
    """
    ax = ax if ax is not None else new_axes(8.5, 4.4)
    end = max(row[1] for row in (*open_models, *closed_models)) + 0.3
    for rows, color, label, lift, room in (  # a name that has less room in years goes left
        (closed_models, COLORS[1], "closed: only through an interface", 7, 0.98),
        (open_models, COLORS[0], "open: weights to download", -14, 0.32),
    ):
        steps = best_so_far(rows)
        steps.append((end, steps[-1][1]))
        ax.step(*zip(*steps, strict=True), where="post", color=color, linewidth=2, label=label)
        years = [row[1] for row in rows] + [math.inf]
        for (name, year, score, *_), following in zip(rows, years[1:], strict=True):
            crowded = following - year < room
            ax.plot(year, score, "o", color=color, markersize=6)
            ax.annotate(
                f"{name} {score:.1f}", (year, score), xytext=(-4 if crowded else 3, lift),
                ha="right" if crowded else "left", textcoords="offset points", fontsize=8.5,
                color=color,
            )  # fmt: skip
    ax.set(ylabel="MMLU, % right", ylim=(25, 96), xlim=(None, end + 0.2))
    start = min(row[1] for row in (*open_models, *closed_models))
    ax.set_xticks(range(math.ceil(start), math.floor(end) + 1))
    ax.legend(frameon=False, loc="lower right", fontsize=9)
    return ax


def show_shares(shares, about, ax=None, unit="%"):
    """Show `plot_shares`; `about` says what the bars are, and their values are said in words."""
    said = "; ".join(
        f"{name} " + ", ".join(f"{series} {value:g}{unit}".strip() for series, value in pairs)
        for name, pairs in (
            (name, value.items() if isinstance(value, dict) else [("", value)])
            for name, value in shares.items()
        )
    )
    show(plot_shares(shares, ax, unit), alt=f"{about}: {said}.")


def show_rounds(losses):
    """Show the loss of each round of training, one curve for each name."""
    ax = plot_losses({name: (range(1, len(row) + 1), row) for name, row in losses.items()})
    ax.set(xlabel="round", ylim=(0, None))
    ax.xaxis.get_major_locator().set_params(integer=True)
    lowest = min(losses, key=lambda name: losses[name][0])
    show(ax, alt=f"Loss by round of training: {', '.join(losses)}; lowest at first: {lowest}.")


def plot_shares(shares, ax=None, unit="%"):
    """Draw horizontal bars labeled with their values: `shares` maps a name to one value or several.

    Several values are a dictionary {series: value}; each series has its own color.
    """
    grouped = {k: v if isinstance(v, dict) else {"": v} for k, v in shares.items()}
    series = list(dict.fromkeys(name for values in grouped.values() for name in values))
    ax = ax if ax is not None else new_axes(7, 0.9 + 0.36 * len(grouped) * len(series))
    height = 0.8 / len(series)
    for number, name in enumerate(series):
        places = [row + (number - (len(series) - 1) / 2) * height for row in range(len(grouped))]
        values = [values.get(name, 0) for values in grouped.values()]
        bars = ax.barh(places, values, height * 0.9, color=COLORS[number], label=name or None)
        ax.bar_label(bars, [f"{value:g}{unit}" for value in values], padding=4, fontsize=9)
    ax.set_yticks(range(len(grouped)), list(grouped))
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.grid(False, axis="y")
    if len(series) > 1:
        ax.legend(frameon=False, fontsize=9)
    return ax
