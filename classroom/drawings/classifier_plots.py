"""Figures for notebook 08: training, a confusion matrix, thresholds, calibration, recorded runs."""

import math
import statistics

from helpers.plots import COLORS, new_axes, plot_matrix, show


def plot_training(losses, rates):
    """Show the loss of each batch, and the learning rate above it."""
    ax = new_axes(9, 3, columns=2)
    steps = range(1, len(losses) + 1)
    ax[0].plot(steps, losses, color=COLORS[0])
    ax[0].axhline(math.log(2), color="gray", linestyle=":", label="log 2: no idea")
    ax[0].set(xlabel="step", ylabel="loss (nats per text)", ylim=(0, None))
    ax[0].legend(frameon=False)
    ax[1].plot(steps, rates, color=COLORS[1])
    ax[1].set(xlabel="step", ylabel="learning rate")
    start, end = (statistics.mean(part) for part in (losses[:10], losses[-10:]))
    show(
        ax,
        alt=f"Left: the loss of {len(losses)} batches; the mean of ten goes from {start:.1f} to "
        f"{end:.1f}. Right: the learning rate rises to {max(rates):.1g}, then falls toward zero.",
    )


def plot_lengths(lengths):
    """Show how many tokens the texts have."""
    ax = new_axes(6, 2.6)
    ax.hist(lengths, bins=range(0, max(lengths) + 4, 3), color=COLORS[0])
    ax.set(xlabel="tokens in a message", ylabel="messages")
    middle = sorted(lengths)[len(lengths) // 2]
    show(
        ax,
        alt=f"A histogram of {len(lengths)} lengths, from {min(lengths)} to {max(lengths)} tokens; "
        f"half of the messages have at most {middle}.",
    )


def plot_confusion(matrix, names):
    """Show counts of what is (rows) and what was said (columns)."""
    ax = plot_matrix(matrix, names, names, new_axes(3.6, 3.2), digits=0, color_map="Greens")
    ax.set(xlabel="what we say", ylabel="what it is")
    rows = ", ".join(
        f"{int(count)} {is_} called {said}"
        for is_, row in zip(names, matrix.tolist(), strict=True)
        for said, count in zip(names, row, strict=True)
    )
    show(ax, alt=f"A table of counts: {rows}.")


def plot_precision_recall(curves, chosen=()):
    """Show precision against recall; `curves` maps names to points, `chosen` marks some."""
    ax = new_axes(5, 3.8)
    for (name, points), color in zip(curves.items(), COLORS, strict=False):
        precision, recall = zip(*points, strict=True)
        ax.plot(recall, precision, color=color, label=name)
    for name, (precision, recall) in dict(chosen).items():
        ax.plot(recall, precision, "o", color="black", markersize=5)
        ax.annotate(
            name, (recall, precision), textcoords="offset points", xytext=(-8, -16), ha="right"
        )
    ax.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0.45, 1.02))
    ax.legend(frameon=False, loc="lower left")
    ends = "; ".join(
        f"{name} {max((p for p, r in points if r >= 0.9), default=0):.2f}"
        for name, points in curves.items()
    )
    show(ax, alt=f"Precision against recall. The best precision with a recall of 0.9: {ends}.")


def plot_calibration(bins):
    """Show accuracy against confidence; `bins` holds (mean confidence, accuracy, count)."""
    ax = new_axes(4, 3.6)
    ax.plot([0.5, 1], [0.5, 1], ":", color="gray")
    sure, right, counts = zip(*bins, strict=True)
    ax.scatter(sure, right, s=[10 + 0.5 * count for count in counts], color=COLORS[1], zorder=3)
    ax.set(xlabel="how sure it was", ylabel="accuracy", xlim=(0.48, 1.02), ylim=(0.3, 1.02))
    dots = ", ".join(f"{mean:.2f} sure and {share:.2f} right" for mean, share, _ in bins)
    show(ax, alt=f"Dots beside the diagonal where confidence and accuracy are equal: {dots}.")


def plot_recorded(results, title="", ax=None):
    """Draw accuracy against labels with bars of two standard errors, and return the axes.

    `results` maps a variant to the accuracies of its seeds by number of labels. The variants of one
    number of labels are drawn beside each other, so that no bar hides another. Where there are more
    variants than colors, the later ones have squares and broken lines.
    """
    ax = ax if ax is not None else new_axes(8, 3.8)
    for number, (name, by_size) in enumerate(results.items()):
        sizes = sorted(map(int, by_size))
        values = [by_size[str(size)] for size in sizes]
        means = [statistics.mean(row) for row in values]
        bars = [2 * statistics.stdev(row) / len(row) ** 0.5 for row in values]
        moved = [size * 1.035 ** (number - len(results) / 2) for size in sizes]
        again, color = divmod(number, len(COLORS))
        style = {"fmt": "s--" if again else "o-", "color": COLORS[color], "linewidth": 1}
        ax.errorbar(moved, means, bars, label=name, capsize=3, **style)
    ticks = sorted({int(size) for by_size in results.values() for size in by_size})
    ax.set(xscale="log", xlabel="labels", ylabel="accuracy on the test part", title=title)
    ax.set_xticks(ticks, ticks)
    ax.minorticks_off()
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def show_recorded(results, title=""):
    """Show `plot_recorded` with a text that names the means."""
    rows = "; ".join(
        f"{name} "
        + ", ".join(f"{statistics.mean(by_size[n]):.2f} at {n}" for n in sorted(by_size, key=int))
        for name, by_size in results.items()
    )
    show(plot_recorded(results, title), alt=f"{title}: accuracy by number of labels. {rows}.")
