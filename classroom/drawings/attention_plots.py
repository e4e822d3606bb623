"""Figures for notebook 05: copying, arrows, attention maps, gradients through softmax, heads that form.

Each shows the data that it is given, with an alternative text made from it.
"""

import numpy as np

from classroom.pages.attention_view import plot_attention, plot_heads
from helpers.plots import COLORS, INK, new_axes, plot_losses, show


def plot_copy_accuracy(lengths, shares, longest, guess):
    """Show accuracy per symbol against length: `shares` maps a name to one accuracy per length.

    `longest` is the greatest length in training, `guess` the accuracy of guessing.
    """
    ax = new_axes(7, 3.8)
    for (name, values), color in zip(shares.items(), (1, 3, 0, 2, 4), strict=False):
        ax.plot(lengths, values, marker="o", color=COLORS[color], label=name)
    ax.axhline(guess, color=INK, linestyle="--", linewidth=1, label="guessing")
    if max(lengths) > longest:
        ax.axvspan(longest, max(lengths), color="#e3e0d6", alpha=0.5)
        middle = (longest + max(lengths)) / 2
        ax.text(middle, 1.03, "longer than\nin training", ha="center", va="bottom", fontsize=8)
    ax.set(xlabel="symbols to copy", ylabel="accuracy", ylim=(0, 1.15))
    ax.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 0.83), fontsize=9)
    show(
        ax,
        alt=f"Accuracy of copying, at {lengths[0]} to {lengths[-1]} symbols, one line each for "
        f"{', '.join(shares)}; the exact values are in the table below.",
    )


def plot_arrows(vectors, names):
    """Show vectors (T, 3) as arrows from one point in space, each with its name."""
    ax = new_axes(5.2, 4.4, subplot_kw={"projection": "3d"})
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
    one, other = _closest(points)
    show(
        ax,
        alt=f"{len(names)} arrows from one point in space; {names[one]} and {names[other]} point "
        "most nearly the same way.",
    )


def _closest(points):
    """The two vectors with the smallest angle between them."""
    directions = points / np.linalg.norm(points, axis=1, keepdims=True)
    alike = directions @ directions.T - 2 * np.eye(len(points))
    return sorted(map(int, np.unravel_index(alike.argmax(), alike.shape)))


def plot_maps(maps, tokens):
    """Show attention maps side by side, all on one color scale: `maps` maps a title to (T, T)."""
    axes = np.atleast_1d(new_axes(4.7 * len(maps), 4.2, columns=len(maps)))
    largest = max(float(table.max()) for table in maps.values())
    for ax, (title, table) in zip(axes, maps.items(), strict=True):
        plot_attention(table, tokens, ax)
        ax.images[0].set_clim(0, largest)
        for number, weight in zip(ax.texts, table.flatten().tolist(), strict=False):
            number.set_color("white" if weight > largest / 2 else INK)
        ax.set_title(title, fontsize=11, color=INK)
    show(axes, alt="; ".join(_described(title, table, tokens) for title, table in maps.items()))


def _described(title, table, tokens):
    """Where each token gives more than half of its attention; ties would depend on rounding."""
    pairs = [
        f"{query} at {tokens[row.argmax()]}"
        for query, row in zip(tokens, table, strict=True)
        if float(row.max()) > 0.5
    ]
    if len(tokens) > 8:
        pairs = [f"a row for each of {len(tokens)} tokens"]
    return f"Attention map, {title}; most attention: {', '.join(pairs) or 'spread out'}"


def plot_weight_bars(weights):
    """Show rows of attention weights as bars, one color per row: `weights` maps a name to (S,)."""
    ax = new_axes(6.5, 3)
    width = 0.8 / len(weights)
    for number, (name, row) in enumerate(weights.items()):
        shift = (number - (len(weights) - 1) / 2) * width
        ax.bar([key + shift for key in range(len(row))], row.tolist(), width * 0.95, label=name)
    ax.set(xlabel="key", ylabel="attention weight")
    ax.legend(frameon=False)
    tops = ", ".join(f"{name} {float(row.max()):.3f}" for name, row in weights.items())
    show(ax, alt=f"Attention weights of {len(row)} keys as bars; the largest: {tops}.")


def plot_gradients(sizes, norms):
    """Show gradient norms against D: `norms` maps a name to {"mean": [...], "median": [...]}."""
    ax = new_axes(6.5, 3.6)
    for (name, lines), color in zip(norms.items(), (COLORS[1], COLORS[0]), strict=False):
        for (what, values), style in zip(lines.items(), ("-", "--"), strict=False):
            ax.loglog(sizes, values, style, marker="o", color=color, label=f"{name}, {what}")
    ax.set(xlabel="D", ylabel="gradient norm at a query")
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.minorticks_off()
    ax.legend(frameon=False, fontsize=9)
    ends = "; ".join(
        f"{name}: {what} from {values[0]:.3f} to {values[-1]:.3f}"
        for name, lines in norms.items()
        for what, values in lines.items()
    )
    show(ax, alt=f"Gradient norms of queries, D from {sizes[0]} to {sizes[-1]}. {ends}.")


def plot_heads_of(maps):
    """Show every head's map, a row of maps per layer: `maps` has (1, H, T, T) or (H, T, T) each."""
    axes = plot_heads(maps)
    show(
        axes,
        alt=f"Attention maps of {axes.shape[0]} layers with {axes.shape[1]} heads each; rows look "
        "at columns, dark is much attention.",
    )


def plot_formation(losses, scores, every):
    """Show losses above and head scores below, over the same steps.

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
    show(
        axes,
        alt=f"Above: losses over {max(map(len, losses.values()))} steps of {', '.join(losses)}. "
        f"Below: shares of attention of each head, {', '.join(scores)}; the values of the last "
        "steps are printed below.",
    )


def plot_ablations(losses, guess):
    """Show the losses of a model without some of its heads: `losses` maps a name to a loss."""
    ax = new_axes(7, 0.9 + 0.4 * len(losses))
    colors = [COLORS[7]] + [COLORS[1]] * (len(losses) - 1)
    bars = ax.barh(list(losses), list(losses.values()), color=colors)
    labels = ax.bar_label(bars, [f"{loss:.2f}" for loss in losses.values()], padding=4, fontsize=9)
    for label in labels:  # readable where the dashed line passes behind it
        label.set_bbox({"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 1})
    ax.axvline(guess, color=INK, linestyle="--", linewidth=1)
    ax.invert_yaxis()
    ax.margins(x=0.1)
    ax.grid(False, axis="y")
    ax.set_xlabel("loss (dashed: blind guessing)")
    show(ax, alt=f"Bars of losses, guessing costs {guess:.1f}: {', '.join(losses)}.")
