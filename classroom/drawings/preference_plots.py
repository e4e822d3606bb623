"""Figures for notebook 13: scores and policies, over-optimization, DPO's gains, beta, and all methods."""

import statistics

from helpers.plots import COLORS, new_axes, show


def _error(values):
    """The standard error of a mean; of one value there is none."""
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0


def plot_policies(names, policies):
    """Show distributions over the same few answers as groups of bars: `policies` maps labels to them."""
    ax, width = new_axes(7, 3.2), 0.8 / len(policies)
    for number, (label, shares) in enumerate(policies.items()):
        at = [place + (number - (len(policies) - 1) / 2) * width for place in range(len(names))]
        ax.bar(at, shares, width, color=COLORS[number], label=label)
    ax.set_xticks(range(len(names)), names)
    ax.set(ylabel="probability", ylim=(0, 1))
    ax.legend(frameon=False, fontsize=8)
    said = "; ".join(
        f"{label}: {', '.join(f'{share:.2f}' for share in shares)}"
        for label, shares in policies.items()
    )
    show(ax, alt=f"Probabilities of {', '.join(names)}. {said}.")


def plot_best_of_n(curves):
    """Show reward and true score of the best of n, side by side.

    `curves` maps a name to one dictionary per seed, {"1": {"reward": ..., "true": ..., "right": ...}}.
    """
    axes, said = new_axes(11, 3.2, columns=4), []
    titles = {"reward": "reward (maximized)", "true": "true score"}
    titles |= {"right": "share right", "polite": "share polite"}
    for ax, (what, title) in zip(axes, titles.items(), strict=True):
        for (name, seeds), color in zip(curves.items(), COLORS, strict=False):
            sizes = [n for n in seeds[0]]
            values = [[seed[n][what] for seed in seeds] for n in sizes]
            means = [statistics.mean(each) for each in values]
            errors = [_error(each) for each in values]
            places = list(map(int, sizes))
            ax.errorbar(
                places, means, errors, color=color, marker="o", markersize=4, capsize=2, label=name
            )
            top = means.index(max(means))
            said.append(
                f"{what}, {name}: {means[0]:.2f} at 1, largest {means[top]:.2f} at {sizes[top]}, "
                f"{means[-1]:.2f} at {sizes[-1]}"
            )
        ax.set_xscale("log", base=2)
        ax.set_xticks(places, sizes)
        ax.set(title=title, xlabel="n")
        ax.title.set_fontsize(10)
    axes[0].legend(frameon=False, fontsize=8)
    show(axes, alt=f"The best of n answers by a reward model. {'; '.join(said)}.")


def plot_gains(traces):
    """Show how much likelier chosen and rejected answers became, step by step.

    `traces` maps a title to a list of (loss, chosen's gain, rejected's gain), one per step, in nats.
    """
    axes, said = new_axes(4.4 * len(traces), 3.2, columns=len(traces)), []
    panels = axes.flat if len(traces) > 1 else [axes]
    for ax, (title, trace) in zip(panels, traces.items(), strict=True):
        ends = []
        for which, name, color in ((1, "chosen", COLORS[0]), (2, "rejected", COLORS[1])):
            values = [step[which] for step in trace]
            ax.plot(range(1, len(values) + 1), values, color=color, label=name)
            ends.append(f"{name} {statistics.mean(values[-5:]):+.1f}")
        ax.axhline(0, color=COLORS[-1], linewidth=1)
        ax.set(title=title, xlabel="step", ylabel="gain in log-probability (nats)")
        ax.title.set_fontsize(10)
        ax.legend(frameon=False, fontsize=8)
        said.append(f"{title}: at the end {' and '.join(ends)} nats")
    show(axes, alt=f"Gains over the reference during DPO. {'; '.join(said)}.")


def plot_betas(betas):
    """Show win rate against KL for each beta: `betas` maps it to (wins, KLs), one value per seed each."""
    ax, said = new_axes(6, 3.4), []
    for (beta, (wins, kls)), color in zip(betas.items(), COLORS, strict=False):
        x, y = statistics.mean(kls), statistics.mean(wins)
        ax.errorbar([x], [y], [_error(wins)], [_error(kls)], color=color, marker="o", capsize=3)
        ax.annotate(f"β = {beta}", (x, y), (6, 6), textcoords="offset points", fontsize=9)
        said.append(f"beta {beta}: {y:.2f} of wins at {x:.2f} nats per token")
    ax.set(xlabel="KL to the model before (nats per token)", ylabel="wins", ylim=(0.4, 1.02))
    ax.margins(x=0.15)
    show(ax, alt=f"Wins and drift of DPO by beta. {'; '.join(said)}.")


def plot_methods(wins):
    """Show the win rate of each method as bars with errors: `wins` maps its name to one value per seed."""
    ax = new_axes(7.5, 0.6 + 0.5 * len(wins))
    means = {name: statistics.mean(values) for name, values in wins.items()}
    names = list(wins)[::-1]
    errors = [_error(wins[name]) for name in names]
    ax.barh(names, [means[name] for name in names], xerr=errors, color=COLORS[0], capsize=3)
    ax.axvline(0.5, color=COLORS[-1], linestyle="--", linewidth=1)
    ax.set(xlabel="wins against the model before (a tie counts half)", xlim=(0, 1))
    said = "; ".join(f"{name} {mean:.2f}" for name, mean in means.items())
    show(ax, alt=f"Wins against the model before, where 0.5 is no better: {said}.")
