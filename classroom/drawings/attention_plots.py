"""Plots for notebook 05: accuracy in copying, arrows, saturation of softmax, heads that form, costs.

Each draws the data that it is given.
"""

import numpy as np

from classroom.pages.attention_view import plot_attention
from helpers.plots import COLORS, INK, new_axes, plot_losses, plot_matrix


def plot_copy_accuracy(lengths, shares, longest, guess, ax=None):
    """Plot accuracy per symbol against length: `shares` maps a name to one accuracy per length.

    `longest` is the greatest length in training, `guess` the accuracy of guessing.
    """
    ax = ax if ax is not None else new_axes(7, 3.8)
    for (name, values), color in zip(shares.items(), (1, 3, 0, 2, 4), strict=False):
        ax.plot(lengths, values, marker="o", color=COLORS[color], label=name)
    ax.axhline(guess, color=INK, linestyle="--", linewidth=1, label="guessing")
    if max(lengths) > longest:
        ax.axvspan(longest, max(lengths), color="#e3e0d6", alpha=0.5)
        middle = (longest + max(lengths)) / 2
        ax.text(middle, 1.03, "longer than\nin training", ha="center", va="bottom", fontsize=8)
    ax.set(xlabel="symbols to copy", ylabel="share of symbols right", ylim=(0, 1.15))
    ax.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 0.83), fontsize=9)
    return ax


def plot_arrows(vectors, names, ax=None):
    """Draw vectors (T, 3) as arrows from one point in space, each with its name."""
    ax = ax if ax is not None else new_axes(5.2, 4.4, subplot_kw={"projection": "3d"})
    points = np.asarray(vectors.tolist())
    for number, ((x, y, z), name) in enumerate(zip(points, names, strict=True)):
        color = COLORS[number % len(COLORS)]
        ax.quiver(0, 0, 0, x, y, z, color=color, arrow_length_ratio=0.09, linewidth=2.2)
        ax.plot([x, x], [y, y], [0, z], color=color, linewidth=0.7, linestyle=":")
        crowd = int(sum(np.linalg.norm(points[:number] - points[number], axis=1) < 0.1))
        label = "   " * crowd + name  # a name goes beside its tip if another is above it
        ax.text(x, y, z + 0.06 - 0.1 * crowd, label, color=color, fontsize=10, weight="bold")
    ax.set(xlim=(0, 0.9), ylim=(0, 0.9), zlim=(0, 0.9))
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_ticks([0, 0.4, 0.8])
    ax.view_init(32, -128)
    return ax


def plot_attentions(weights, tokens):
    """Draw several attention maps side by side: `weights` maps a title to (T, T)."""
    axes = np.atleast_1d(new_axes(4.7 * len(weights), 4.2, columns=len(weights)))
    for ax, (title, table) in zip(axes, weights.items(), strict=True):
        plot_attention(table, tokens, ax)
        ax.set_title(title, fontsize=11, color=INK)
    return axes


def plot_matrices(matrices, row_labels):
    """Draw several matrices with the same rows side by side: `matrices` maps a name to (T, n)."""
    widths = [max(1.4, 0.72 * matrix.shape[1]) for matrix in matrices.values()]
    axes = new_axes(
        1.2 + sum(widths), 3.3, columns=len(widths), gridspec_kw={"width_ratios": widths}
    )
    for number, (ax, (name, matrix)) in enumerate(zip(axes, matrices.items(), strict=True)):
        plot_matrix(matrix, row_labels, ax=ax)
        ax.set_title(f"{name} {tuple(matrix.shape)}", fontsize=10, color=INK)
        ax.set_xticks([])
        if number:
            ax.set_yticks([])
    return axes


def plot_weight_bars(weights, ax=None):
    """Draw rows of attention weights as bars, one color per row: `weights` maps a name to (S,)."""
    ax = ax if ax is not None else new_axes(6.5, 3)
    width = 0.8 / len(weights)
    for number, (name, row) in enumerate(weights.items()):
        shift = (number - (len(weights) - 1) / 2) * width
        ax.bar([key + shift for key in range(len(row))], row.tolist(), width * 0.95, label=name)
    ax.set(xlabel="key", ylabel="attention weight")
    ax.legend(frameon=False)
    return ax


def plot_strain(sizes, variances, slopes):
    """Plot the effect of head size on the variance of dot products and the slopes of their softmax.

    `variances` has one number per size; `slopes` maps a name to one number per size.
    """
    axes = new_axes(9, 3.2, columns=2)
    axes[0].loglog(sizes, variances, marker="o", label="measured")
    axes[0].loglog(sizes, sizes, linestyle="--", color=INK, label="variance = D")
    axes[0].set(xlabel="D", ylabel="variance of a dot product")
    for name, values in slopes.items():
        axes[1].semilogx(sizes, values, marker="o", label=name)
    axes[1].set(xlabel="D", ylabel="average slope of softmax", ylim=(0, None))
    for ax in axes:
        ax.set_xticks(sizes, [str(size) for size in sizes])
        ax.minorticks_off()
        ax.legend(frameon=False)
    return axes


def plot_formation(losses, scores, every):
    """Plot losses above and head scores below, over the same steps.

    `losses` maps a name to one loss per step; `scores` maps a name to (n, H), measured once in
    `every` steps.
    """
    axes = new_axes(7.5, 5.4, rows=2, sharex=True)
    plot_losses({name: (range(len(values)), values) for name, values in losses.items()}, axes[0])
    axes[0].set(xlabel="", ylim=(0, None))
    for (name, table), color in zip(scores.items(), (COLORS[4], COLORS[2]), strict=False):
        for head in range(table.shape[1]):
            line = ("-", ":", "--", "-.")[head % 4]
            steps = range(0, len(table) * every, every)
            label = f"{name}, head {head + 1}"
            axes[1].plot(steps, table[:, head].tolist(), color=color, linestyle=line, label=label)
    axes[1].set(xlabel="step", ylabel="share of attention", ylim=(0, 1.05))
    axes[1].legend(frameon=False, fontsize=8)
    return axes


def plot_ablations(losses, guess, ax=None):
    """Plot the losses of a model without some of its heads: `losses` maps a name to a loss."""
    ax = ax if ax is not None else new_axes(7, 0.9 + 0.4 * len(losses))
    colors = [COLORS[7]] + [COLORS[1]] * (len(losses) - 1)
    bars = ax.barh(list(losses), list(losses.values()), color=colors)
    ax.bar_label(bars, [f"{loss:.2f}" for loss in losses.values()], padding=4, fontsize=9)
    ax.axvline(guess, color=INK, linestyle="--", linewidth=1)
    ax.invert_yaxis()
    ax.margins(x=0.1)
    ax.grid(False, axis="y")
    ax.set_xlabel("loss (dashed: blind guessing)")
    return ax


def plot_growth(sizes, measured, x_label, exponents):
    """Plot measured costs on logarithmic scales, one pair of axes for each kind of cost.

    `measured` maps a unit to {name: one number per size}; `exponents` likewise to the fitted slopes.
    """
    axes = new_axes(9.5, 3.6, columns=len(measured))
    for ax, (unit, costs) in zip(axes, measured.items(), strict=True):
        for (name, values), marker in zip(costs.items(), "os^v", strict=False):
            label = f"{name}: slope {exponents[unit][name]:.1f}"
            ax.loglog(sizes, values, marker=marker, label=label)
        ax.set(xlabel=x_label, ylabel=unit)
        ax.set_xticks(sizes, [str(size) for size in sizes])
        ax.minorticks_off()
        ax.legend(frameon=False)
    return axes
