"""Figures for notebook 04: windows, overfitting, word vectors, positions, and rotated queries."""

import numpy as np

from classroom.pages.embedding_view import plot_pipeline, plot_windows, plot_words
from helpers.plots import COLORS, new_axes, show


def show_strides(n_tokens, context_length, strides):
    """Show the windows over a row of tokens, one panel for each stride."""
    axes = new_axes(9, 2.6, columns=len(strides))
    counts = []
    for ax, stride in zip(axes, strides, strict=True):
        plot_windows(n_tokens, context_length, stride, ax=ax)
        ax.set_title(f"stride {stride}", fontsize=10)
        counts.append(f"stride {stride}: {len(range(0, n_tokens - context_length, stride))}")
    show(
        axes,
        alt=f"Windows of {context_length} over {n_tokens} tokens; each has filled squares for its "
        f"inputs and an outlined one for its last target. Windows with {', '.join(counts)}.",
    )


def show_overfitting(runs):
    """Show held-out losses against steps and epochs; `runs` maps a name to (step, epoch, loss)."""
    left, right = new_axes(9, 3.4, columns=2)
    for name, history in runs.items():
        steps, epochs, losses = zip(*history, strict=True)
        left.plot(steps, losses, label=name)
        right.plot(epochs, losses, "o-", markersize=3)
    left.set(xlabel="steps", ylabel="loss on held-out text (nats)")
    left.legend(frameon=False)
    right.set(xlabel="epochs", xscale="log")
    order = sorted(runs, key=lambda name: runs[name][-1][2])
    show(
        left,
        alt="Loss on held-out text against steps and against epochs, one curve for each run. "
        f"After the last step, from the lowest loss to the highest: {', '.join(order)}.",
    )


def show_word_map(vectors, groups):
    """Show a map of word vectors (N, C), one color for each group of words."""
    show(
        plot_words(vectors, groups),
        alt="A map of word vectors in two directions. Each group has its own color, and its name "
        f"is in the middle of its words: {', '.join(groups)}.",
    )


def show_learned_positions(steps, accuracies):
    """Show how often each kind of model names its position, against steps."""
    ax = new_axes(8.5, 3.4)
    for kind, values in accuracies.items():
        ax.plot(steps, [100 * value for value in values], label=kind)
    ax.set(xlabel="steps", ylabel="positions named correctly (%)", ylim=(0, 104))
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    ends = ", ".join(f"{kind} {values[-1]:.0%}" for kind, values in accuracies.items())
    show(ax, alt=f"Positions that a model names correctly, against steps. At the end: {ends}.")


def show_waves(table, dimensions):
    """Show sinusoidal vectors (T, C) as a heat map, and a few of their dimensions as curves."""
    left, right = new_axes(9, 3.6, columns=2)
    left.imshow(np.asarray(table).T, cmap="RdBu_r", aspect="auto", vmin=-1, vmax=1)
    left.set(xlabel="position", ylabel="dimension")
    left.set_title(f"the vectors of {len(table)} positions", fontsize=10)
    for number in dimensions:
        right.plot(table[:, number], label=f"dimension {number}")
    right.set(xlabel="position", ylim=(-1.1, 1.5))
    right.set_title("three of the waves", fontsize=10)
    right.legend(frameon=False, loc="upper center", ncols=3, fontsize=8)
    left.grid(False)
    show(
        left,
        alt=f"Left: a heat map of {len(table)} positions by {table.shape[1]} dimensions; the first "
        "dimensions flicker from position to position, the last hardly change. Right: the waves "
        f"of dimensions {', '.join(map(str, dimensions))}, each slower than the one before.",
    )


def show_rotation(arrows):
    """Show one pair of dimensions at several positions as arrows from the origin; (T, 2)."""
    ax = new_axes(3.8, 3.8)
    for position, (x, y) in enumerate(arrows):
        color = COLORS[position % len(COLORS)]
        options = {"color": color, "arrowstyle": "-|>", "linewidth": 1.8}
        ax.annotate("", xy=(x, y), xytext=(0, 0), arrowprops=options)
        ax.text(1.16 * x, 1.16 * y, str(position), color=color, ha="center", va="center")
    reach = 1.35 * float(np.linalg.norm(arrows, axis=1).max())
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    ax.set(xlabel="first number of the pair", ylabel="second number")
    show(
        ax,
        alt=f"The same pair of numbers at the positions 0 to {len(arrows) - 1}: arrows of one "
        "length, each rotated further counterclockwise by the same angle.",
    )


def show_scores(scores):
    """Show matrices of scores (T, T) of queries and keys side by side, in one color scale."""
    axes = new_axes(9, 3.7, columns=len(scores))
    tables = np.stack([np.asarray(table) for table in scores.values()])
    lowest, highest = tables.min(), tables.max()
    for ax, (name, table) in zip(axes, scores.items(), strict=True):
        image = ax.imshow(table, cmap="viridis", vmin=lowest, vmax=highest)
        ax.set_title(name, fontsize=10)
        ax.set(xlabel="position of the key", ylabel="position of the query")
        ax.grid(False)
    axes[0].figure.colorbar(image, ax=list(axes), label="score", shrink=0.8)
    show(
        axes,
        alt=f"Scores of one query and one key at all pairs of {len(table)} positions, as heat maps "
        f"in one color scale: {', '.join(scores)}. With rotation each diagonal has one color.",
    )


def show_pipeline(tokens, token_ids, token_vectors, positions):
    """Show the way from text to the input of the first block for T tokens, vectors (T, C)."""
    show(
        plot_pipeline(tokens, token_ids, token_vectors, positions),
        alt=f"The pipeline as rows: the text, its {len(tokens)} tokens, their ids, under each id a "
        "column of colored numbers from the token table, below it one from the position table, "
        "and at the bottom their sum, the input of the first block.",
    )
