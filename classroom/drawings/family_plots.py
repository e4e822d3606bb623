"""Figures for notebook 10: alignment maps, one dot per seed, memory over distance, pictures of digits.

Each shows the data that it is given, with an alternative text made from it.
"""

import statistics

import numpy as np

from helpers.plots import COLORS, INK, new_axes, plot_matrix, show


def plot_alignment(maps, pair):
    """Show where each target word looks in the source: `maps` maps a title to weights (T, S).

    A frame marks the word that it truly translates.
    """
    height = 1.1 + 0.36 * len(pair.target)
    axes = np.atleast_1d(new_axes(4.6 * len(maps), height, columns=len(maps)))
    framed = list(enumerate(pair.alignment))
    for ax, (title, weights) in zip(axes, maps.items(), strict=True):
        plot_matrix(weights, pair.target, pair.source, ax, digits=None, framed=framed)
        ax.images[0].set_clim(0, 1)
        ax.tick_params(axis="x", rotation=45)
        ax.set_title(title, fontsize=11, color=INK)
    said = "; ".join(f"{title}: {_looks(weights, pair)}" for title, weights in maps.items())
    show(axes, alt=f"Attention of {len(pair.target)} target words over the source words. {said}.")


def _looks(weights, pair):
    best = weights.argmax(dim=-1).tolist()
    hits = sum(place == true for place, true in zip(best, pair.alignment, strict=True))
    return f"the largest weight is at the true word for {hits} of {len(best)}"


def plot_seeds(figures, what, known=None, limits=None):
    """Show one dot per seed and a line at the mean: `figures` maps a name to a list of values.

    `what` names the quantity; `known` maps names of fixed values, such as a floor, to them.
    """
    ax = new_axes(7, 1.1 + 0.42 * len(figures))
    for row, (values, color) in enumerate(zip(figures.values(), COLORS * 2, strict=False)):
        ax.scatter(values, [row] * len(values), color=color, s=28, alpha=0.75, zorder=3)
        mean = statistics.mean(values)
        ax.plot([mean, mean], [row - 0.3, row + 0.3], color=color, linewidth=2)
    for (name, value), style in zip((known or {}).items(), ("--", ":", "-."), strict=False):
        ax.axvline(value, color=INK, linestyle=style, linewidth=1, label=name)
    if known:
        ax.legend(frameon=False, fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    ax.set_yticks(range(len(figures)), figures)
    ax.set(xlabel=what, ylim=(len(figures) - 0.5, -0.5))
    if limits:
        ax.set_xlim(*limits)
    means = ", ".join(f"{name} {statistics.mean(v):.2f}" for name, v in figures.items())
    lines = "".join(f"; {name} {value:.2f}" for name, value in (known or {}).items())
    show(ax, alt=f"{what}, one dot per seed; means: {means}{lines}.")


def plot_recall(figures, guessing, what):
    """Show accuracy against the number that `what` names, one line per seed.

    `figures` maps a model's name to one {number: accuracy} per seed.
    """
    ax = new_axes(7, 3.4)
    ends = []
    for (name, seeds), color in zip(figures.items(), COLORS, strict=False):
        numbers = [int(number) for number in seeds[0]]
        for number, seed in enumerate(seeds):
            label = name if number == 0 else None
            ax.plot(
                numbers,
                list(seed.values()),
                color=color,
                marker="o",
                markersize=3,
                alpha=0.7,
                label=label,
            )
        ends.append(f"{name} {statistics.mean(list(seed.values())[-1] for seed in seeds):.2f}")
    ax.axhline(guessing, color=INK, linestyle="--", linewidth=1, label="guessing")
    ax.set_xscale("log")
    ax.set_xticks(numbers, numbers)
    ax.minorticks_off()
    ax.set(xlabel=what, ylabel="accuracy", ylim=(0, 1.05))
    ax.legend(frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1))
    show(
        ax,
        alt=f"Accuracy of recall over {what}, one line per seed; at {numbers[-1]} on "
        f"average: {', '.join(ends)}; guessing {guessing:.2f}.",
    )


def plot_digits(rows):
    """Show pictures in rows: `rows` maps a title to (pictures, digits)."""
    count = max(len(digits) for _, digits in rows.values())
    axes = new_axes(0.62 * count + 1.2, 0.95 * len(rows), len(rows), count)
    for line, (title, (pictures, digits)) in zip(np.atleast_2d(axes), rows.items(), strict=True):
        for ax, picture, digit in zip(line, pictures, digits.tolist(), strict=True):
            _picture(ax, picture)
            ax.set_title(digit, fontsize=9, color=INK, pad=2)
        line[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=9, color=INK)
    said = "; ".join(f"{title}: {digits.tolist()}" for title, (_, digits) in rows.items())
    show(axes, alt=f"Digits drawn with fonts and bent. {said}.")


def plot_patches(picture, size):
    """Show a picture with the squares it is cut into, and the squares in a row."""
    squares = picture.shape[0] // size
    axes = new_axes(7, 2.2, columns=2, width_ratios=[1, 2.6])
    _picture(axes[0], picture)
    for edge in range(1, squares):
        axes[0].axvline(edge * size - 0.5, color=COLORS[1], linewidth=0.8)
        axes[0].axhline(edge * size - 0.5, color=COLORS[1], linewidth=0.8)
    cut = picture.reshape(squares, size, squares, size).transpose(1, 2).flatten(0, 1)
    wide = np.full((2 * (size + 1), squares**2 // 2 * (size + 1)), 0.25)
    for number, square in enumerate(cut.numpy()):
        row, column = divmod(number, squares**2 // 2)
        top, left = row * (size + 1), column * (size + 1)
        wide[top : top + size, left : left + size] = square
    _picture(axes[1], wide)
    axes[1].set_title(f"{squares**2} tokens of {size**2} numbers", fontsize=10, color=INK)
    show(axes, alt=f"A digit cut into {squares} by {squares} squares, and the squares in two rows.")


def _picture(ax, picture):
    ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
    ax.grid(False)
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ax.spines.values():
        side.set_visible(False)
