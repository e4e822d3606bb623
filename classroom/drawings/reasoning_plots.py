"""Figures for notebook 14: curves by step, length, k or tokens; the clip; what each part is worth."""

import statistics

import torch

from helpers.plots import COLORS, INK, new_axes, show


def plot_curves(curves, xlabel, ylabel="accuracy", mark=None, log=False):
    """Show some curves; `curves` maps a name to (xs, ys). `mark` draws a dashed line at an x.

    With `log`, x is drawn by powers of two.
    """
    ax = new_axes(6.5, 3.1)
    few = max(len(xs) for xs, _ in curves.values()) < 30  # of one figure all have markers, or none
    for (name, (xs, ys)), color in zip(curves.items(), COLORS, strict=False):
        ax.plot(xs, ys, color=color, label=name, marker="o" if few else None, markersize=4)
    if mark is not None:
        ax.axvline(mark, color=INK, linewidth=0.8, linestyle="--")
    if log:
        ax.set_xscale("log", base=2)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if all(0 <= y <= 1 for _, ys in curves.values() for y in ys):
        ax.set_ylim(-0.03, 1.03)
    ax.legend(frameon=False)
    said = "; ".join(
        f"{name} from {ys[0]:.2f} at {xs[0]:g} to {ys[-1]:.2f} at {xs[-1]:g}"
        for name, (xs, ys) in curves.items()
    )
    show(ax, alt=f"{ylabel.capitalize()} against {xlabel}: {said}.")


def plot_clip(loss, clip=0.2):
    """Show what a token gains from a ratio, for a good answer and for a bad one.

    `loss(advantages, log_probs, old_log_probs, clip)` gives a loss per token, (B, T).
    """
    ratios = torch.linspace(0.4, 1.8, 141)
    gains = -loss(torch.tensor([1.0, -1.0]), ratios.log().repeat(2, 1), torch.zeros(2, 141), clip)
    ax = new_axes(6.5, 3)
    for row, color, name in ((0, COLORS[0], "advantage +1"), (1, COLORS[1], "advantage −1")):
        ax.plot(ratios, gains[row], color=color, label=name)
    for edge in (1 - clip, 1, 1 + clip):
        ax.axvline(edge, color=INK, linewidth=0.6, linestyle=":" if edge != 1 else "-")
    ax.set(xlabel="ratio: probability now over probability then", ylabel="gain")
    ax.legend(frameon=False)
    most, least = gains[0].max(), gains[1].max()
    show(
        ax,
        alt=f"What a token gains, by its ratio. With advantage +1 it rises up to {most:.2f} and stays "
        f"there; with advantage −1 it stays at {least:.2f} for small ratios and falls beyond them.",
    )


def plot_parts(found):
    """Show a number per seed and its mean for some ways to learn, and where each began.

    `found` maps a name to (accuracies before, accuracies after), one per seed.
    """
    ax = new_axes(7, 0.36 * len(found) + 1)
    said = []
    for row, (name, (before, values)) in enumerate(found.items()):
        start, mean = statistics.mean(before), statistics.mean(values)
        ax.plot([start], [row], "|", color=INK, markersize=10)
        ax.plot(values, [row] * len(values), "o", color=COLORS[7], markersize=3, alpha=0.7)
        ax.plot([mean], [row], "D", color=COLORS[0], markersize=6)
        said.append(f"{name} {start:.2f} to {mean:.2f} ({min(values):.2f} to {max(values):.2f})")
    ax.set_yticks(range(len(found)), found)
    ax.invert_yaxis()
    ax.set(xlabel="accuracy on held-out problems", xlim=(-0.02, 1.02))
    show(ax, alt=f"Mean before and after, and range over seeds after. {'; '.join(said)}.")
