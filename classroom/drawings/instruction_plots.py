"""Figures for notebook 09: what is learned from how many examples, losses, accuracy by kind."""

import statistics

from helpers.plots import COLORS, new_axes, show


def _error(shares):
    """The standard error of a mean; of one value there is none."""
    return statistics.stdev(shares) / len(shares) ** 0.5 if len(shares) > 1 else 0.0


def plot_by_examples(curves, levels=()):
    """Show accuracies by the number of examples: `curves` maps a name to {n: one per seed}.

    `levels` maps names to accuracies without any example, drawn as dashed lines.
    """
    ax, said = new_axes(7.5, 4), []
    for (name, by_n), color in zip(curves.items(), COLORS, strict=False):
        means = [statistics.mean(shares) for shares in by_n.values()]
        errors = [_error(shares) for shares in by_n.values()]
        ax.errorbar(
            list(by_n), means, errors, color=color, marker="o", markersize=5, capsize=3, label=name
        )
        said.append(f"{name} {means[0]:.2f} to {means[-1]:.2f}")
    for (name, level), style in zip(dict(levels).items(), ("--", ":", "-."), strict=False):
        ax.axhline(level, color=COLORS[-1], linestyle=style, linewidth=1, label=name)
        said.append(f"{name} {level:.2f}")
    ticks = sorted({n for by_n in curves.values() for n in by_n})
    ax.set_xscale("log")
    ax.set_xticks(ticks, map(str, ticks))
    ax.minorticks_off()
    ax.set(xlabel="examples of the kind in fine-tuning", ylabel="accuracy", ylim=(-0.03, 1.03))
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
    show(ax, alt=f"Accuracy by the number of examples: {'; '.join(said)}.")


def plot_losses(losses, label):
    """Show the loss of every step of fine-tuning on a logarithmic axis."""
    ax = new_axes(6.5, 3)
    ax.semilogy(range(1, len(losses) + 1), losses, color=COLORS[0])
    ax.set(xlabel="step", ylabel=label)
    quarter = len(losses) // 4
    ends = [statistics.mean(part) for part in (losses[:quarter], losses[-quarter:])]
    show(
        ax,
        alt=f"{label} by step: {ends[0]:.2g} on average in the first quarter, {ends[1]:.2g} in the last.",
    )


def plot_kinds(by_kind):
    """Show the accuracy of each kind of task as bars, the highest first."""
    ordered = sorted(by_kind.items(), key=lambda pair: (pair[1], pair[0]))
    ax = new_axes(7, 3.8)
    ax.barh([kind for kind, _ in ordered], [share for _, share in ordered], color=COLORS[0])
    ax.set(xlabel="accuracy", xlim=(0, 1))
    (low, least), (high, most) = ordered[0], ordered[-1]
    show(
        ax,
        alt=f"Accuracy of {len(ordered)} kinds of tasks, from {high} with {most:.2f} down to {low} "
        f"with {least:.2f}.",
    )
