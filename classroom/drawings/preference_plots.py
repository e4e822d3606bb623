"""Figures for notebook 13: scores and policies, over-optimization, DPO's gains, beta, and all methods."""

import statistics

from helpers.plots import COLORS, INK, new_axes, show


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
    A reward has no zero, so what is drawn of it is the gain over n = 1.
    """
    axes, said = new_axes(11, 3.2, columns=4), []
    titles = {"reward": "reward, gain over n = 1", "true": "true score"}
    titles |= {"right": "share right", "polite": "share polite"}
    for ax, (what, title) in zip(axes, titles.items(), strict=True):
        for (name, seeds), color in zip(curves.items(), COLORS, strict=False):
            sizes = [n for n in seeds[0]]
            start = [seed[sizes[0]][what] if what == "reward" else 0.0 for seed in seeds]
            values = [
                [seed[n][what] - zero for seed, zero in zip(seeds, start, strict=True)]
                for n in sizes
            ]
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


def plot_gains(watched):
    """Show how much likelier answers became on held-out pairs, step by step, mean over the seeds.

    `watched` maps a title to one list per seed, with entries {"step": ..., "good": ..., "other": ...,
    "rejected": ..., "best": ...}: the gains in nats of chosen answers that are right and polite, of the
    other chosen ones, of the rejected ones, and of the best possible answer.
    """
    axes, said = new_axes(4.6 * len(watched), 3.4, columns=len(watched)), []
    lines = {
        "best": "the best possible answer", "good": "chosen, right and polite",
        "other": "chosen, others", "rejected": "rejected",
    }  # fmt: skip
    panels = axes.flat if len(watched) > 1 else [axes]
    for ax, (title, seeds) in zip(panels, watched.items(), strict=True):
        ends, places = [], [entry["step"] for entry in seeds[0]]
        for (what, name), color in zip(lines.items(), COLORS, strict=False):
            means = [statistics.mean(seed[at][what] for seed in seeds) for at in range(len(places))]
            ax.plot(places, means, color=color, marker="o", markersize=3, label=name)
            ends.append(f"{name} {means[-1]:+.1f}")
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.set(title=title, xlabel="step", ylabel="gain in log-probability (nats)")
        ax.title.set_fontsize(10)
        said.append(f"{title}: at the end {', '.join(ends)} nats")
    ax.legend(frameon=False, fontsize=8)  # of the last panel, which has room
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
