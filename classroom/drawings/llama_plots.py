"""Figures for notebook 11: rotations, heads, a lens, what changes are worth, a picture as tokens."""

import math
import statistics

from classroom.whiteboard import Board
from helpers.plots import COLORS, INK, new_axes, plot_matrix, show

T_95 = 2.776  # Student's t: standard errors to each side of a mean of five, for 95 percent


def plot_turning(angles, pairs):
    """Show the cosine of some pairs' angles (T, D / 2) at every position."""
    ax = new_axes(7, 3.2)
    for pair, color in zip(pairs, COLORS, strict=False):
        ax.plot(angles[:, pair].cos(), color=color, label=f"pair {pair}")
    ax.set(xlabel="position", ylabel="cosine of the angle", ylim=(-1.05, 1.05))
    ax.legend(frameon=False, ncols=len(pairs), loc="lower center", bbox_to_anchor=(0.5, 1))
    turns = (angles[-1] - angles[0]) / math.tau
    said = ", ".join(f"pair {pair} {turns[pair]:.2f}" for pair in pairs)
    show(ax, alt=f"Cosines of rotary angles over {len(angles)} positions; full turns: {said}.")


def plot_head_scores(scores, what):
    """Show a number for every head of every layer, (L, H), as a heat map; `what` names it."""
    ax = new_axes(7, 3)
    plot_matrix(scores.T, ax=ax, digits=None)
    ax.set(xlabel="layer", ylabel="head", title=what)
    layer, head = divmod(int(scores.argmax()), scores.shape[1])
    show(
        ax,
        alt=f"{what} of {scores.shape[1]} heads in {scores.shape[0]} layers; the largest is "
        f"{float(scores.max()):.2f}, of head {head} in layer {layer}.",
    )


def plot_lens(probabilities):
    """Show the probability of some words after each layer; it maps a word to one per layer."""
    ax = new_axes(7, 3)
    for (word, values), color in zip(probabilities.items(), COLORS, strict=False):
        ax.plot(range(len(values)), values, marker="o", markersize=4, color=color, label=word)
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.set(xlabel="after layer", ylabel="probability", ylim=(-0.03, 1.03))
    ax.legend(frameon=False, loc="upper left")
    ends = ", ".join(f"{word} {values[-1]:.2f}" for word, values in probabilities.items())
    show(ax, alt=f"Probability of words after each of {len(values)} layers; at the end: {ends}.")


def plot_changes(above, base):
    """Show how far each change moves a loss from that of `base`: each seed, the mean, its interval.

    `above` maps a name to the losses of five seeds. Bars are 95 percent intervals of the mean.
    """
    names = [name for name in above if name != base]
    ax = new_axes(7, 0.33 * len(names) + 1)
    ax.axvline(0, color=INK, linewidth=0.8)
    said = []
    for row, name in enumerate(names):
        gaps = [one - other for one, other in zip(above[name], above[base], strict=True)]
        mean, bar = statistics.mean(gaps), T_95 * statistics.stdev(gaps) / len(gaps) ** 0.5
        ax.plot(gaps, [row] * len(gaps), "o", color=COLORS[7], markersize=3, alpha=0.7)
        ax.errorbar(mean, row, xerr=bar, fmt="D", color=COLORS[0], markersize=5, capsize=3)
        said.append(f"{name} {mean:+.2f} ± {bar:.2f}")
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set(xlabel=f"difference to {base} in nats per token (to the left is better)")
    show(ax, alt=f"Differences to {base}, mean and 95 percent interval: {'; '.join(said)}.")


def plot_loads(loads):
    """Show the share of every expert, sorted, for some ways to train; {name: shares}."""
    ax = new_axes(7, 3)
    shown = list(loads.items())
    for place, (name, shares) in enumerate(shown):
        left = [n + 0.4 * place - 0.2 for n in range(len(shares))]
        ax.bar(left, sorted(shares, reverse=True), width=0.38, color=COLORS[place], label=name)
    even = 1 / len(shown[0][1])
    ax.axhline(even, color=INK, linewidth=0.8, linestyle="--")
    ax.set(xlabel="expert, from the busiest to the idlest", ylabel="share of the choices")
    ax.legend(frameon=False)
    said = "; ".join(f"{name} {max(s):.0%} to {min(s):.0%}" for name, s in shown)
    show(
        ax,
        alt=f"Share of each expert, the largest and the least: {said}. Even would be {even:.1%}.",
    )


def draw_picture_as_tokens():
    """Draw how a picture becomes vectors that come before those of the words; returns a board.

    >>> draw_picture_as_tokens().faults()
    []
    """
    board = Board(
        820, 330, "A picture becomes tokens",
        "A picture is cut into nine patches. A vision transformer turns them into nine vectors, a "
        "small network projects them to the width of the language model, and they form one row "
        "with the embeddings of the words: Is it a cat? All go through the same Llama.",
    )  # fmt: skip
    for row in range(3):
        for column in range(3):
            fill = "yellow" if (row, column) == (0, 2) else "green" if row == 2 else "blue"
            board.box(30 + 36 * column, 84 + 36 * row, 32, 32, fill=fill)
    board.text(82, 212, "nine patches", 14, "gray")
    vision = board.box(190, 108, 130, 60, "vision\ntransformer", fill="purple")
    project = board.box(
        380, 108, 130, 60, "projection to\nthe Llama's width", fill="orange", size=14
    )
    board.arrow((142, 138), vision)
    board.arrow(vision, project)
    names = ["p"] * 9 + ["Is", "it", "a", "cat", "?"]
    fills = ["orange"] * 9 + ["gray"] * 5
    row = board.tokens(24, 260, names, width=42, size=13, fills=fills)
    board.arrow(project, row[4])
    board.text(410, 312, "nine vectors of the picture, then five of the words", 14, "gray")
    llama = board.box(712, 236, 90, 82, "Llama", fill="blue")
    board.arrow(row[-1], llama)
    return board
