"""Figures for notebook 11: rotations by position, heads by layer, what a model expects by layer."""

import math

from helpers.plots import COLORS, INK, new_axes, plot_matrix, show


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
