"""Figures for notebook 12: the roofline, number lines of formats, a law of scaling, its best line."""

import math

from helpers.plots import COLORS, INK, PAPER, new_axes, show


def plot_roofline(peak, bandwidth, points):
    """Show the most operations per second against operations per byte, and some work under it.

    `points` maps a name to (operations per byte, operations per second), measured.
    """
    ax = new_axes(7, 3.6)
    ridge = peak / bandwidth
    ax.plot([ridge / 300, ridge, ridge * 30], [peak / 300, peak, peak], color=INK)
    ax.annotate("memory decides", (ridge / 8, peak / 4), color=INK, fontsize=9, ha="right")
    ax.annotate("arithmetic decides", (ridge * 2, peak * 1.3), color=INK, fontsize=9)
    said = []
    for (name, (intensity, reached)), color in zip(points.items(), COLORS, strict=False):
        ax.plot(intensity, reached, "o", color=color, label=name)
        share = reached / min(peak, intensity * bandwidth)
        said.append(f"{name}: {intensity:.1f} operations per byte, {share:.0%} of what is possible")
    ax.set(xscale="log", yscale="log", xlabel="operations per byte", ylabel="operations per second")
    ax.set_ylim(peak / 400, peak * 3)
    ax.legend(frameon=False, loc="lower right", fontsize=9)
    show(ax, alt=f"Roofline with its corner at {ridge:.0f} operations per byte; {'; '.join(said)}.")


def plot_number_lines(formats, limits):
    """Show the numbers that some formats can hold between two limits; {name: numbers}."""
    ax = new_axes(7, 0.5 * len(formats) + 0.8)
    said = []
    for row, (name, numbers) in enumerate(formats.items()):
        inside = [x for x in numbers if limits[0] <= x <= limits[1]]
        ax.plot(inside, [row] * len(inside), "|", color=COLORS[row % len(COLORS)], markersize=14)
        said.append(f"{name} {len(inside)}")
    ax.set_yticks(range(len(formats)), list(formats))
    margin = (limits[1] - limits[0]) / 50
    ax.set(xlim=(limits[0] - margin, limits[1] + margin), xlabel="value")
    ax.set_ylim(len(formats) - 0.5, -0.5)
    show(ax, alt=f"Numbers from {limits[0]} to {limits[1]} in each format: {', '.join(said)}.")


def plot_scaling(rows, law, entropy, larger=None):
    """Show losses against tokens, a color for each size, with the fitted law and the entropy.

    `rows` are dicts with n, d and test, `law` has a `loss(n, d)` and a `floor`; `larger` is one
    more row, which was not in the fit.
    """
    ax = new_axes(7, 4)
    sizes = sorted({row["n"] for row in rows})
    least, most = (f(row["d"] for row in [*rows, *filter(None, [larger])]) for f in (min, max))
    tokens = [least * (most / least) ** (step / 40) for step in range(41)]
    for n, color in zip(sizes, COLORS, strict=False):
        points = [(row["d"], row["test"]) for row in rows if row["n"] == n]
        ax.plot(*zip(*points, strict=True), "o", color=color, markersize=5, label=f"N = {n:,}")
        ax.plot(tokens, [law.loss(n, d) for d in tokens], color=color, linewidth=1)
    if larger:
        ax.plot(larger["d"], larger["test"], "*", color=INK, markersize=11, label="not in the fit")
    ax.axhline(entropy, color=INK, linestyle="--", linewidth=0.9)
    ax.annotate("entropy of the tales", (least, entropy), color=INK, fontsize=9, va="bottom")
    ax.axhline(law.floor, color=COLORS[1], linestyle=":", linewidth=1.2)
    ax.set(xscale="log", xlabel="tokens read", ylabel="loss, nats per token")
    ax.legend(frameon=False, fontsize=8)
    losses = [row["test"] for row in rows]
    show(
        ax,
        alt=f"Losses of {len(rows)} runs, from {max(losses):.2f} to {min(losses):.2f} nats per token, "
        f"with a law fitted to them; its floor is {law.floor:.3f}, the entropy {entropy:.3f}.",
    )


def plot_best_line(law, budgets):
    """Show the best number of parameters and of tokens for budgets of operations."""
    ax = new_axes(7, 3.2)
    best = [law.best_split(operations) for operations in budgets]
    names = ("parameters", "tokens")
    for place, (name, color) in enumerate(zip(names, COLORS, strict=False)):
        ax.plot(budgets, [pair[place] for pair in best], "o-", color=color, label=name)
    ax.set(xscale="log", yscale="log", xlabel="operations, 6 N D", ylabel="best number")
    ax.legend(frameon=False)
    slope = math.log(best[-1][0] / best[0][0]) / math.log(budgets[-1] / budgets[0])
    show(
        ax,
        alt=f"Best parameters and tokens for {len(budgets)} budgets; with ten times the operations "
        f"the parameters grow {10**slope:.1f} times.",
    )


def plot_timeline(texts, slots, continuous):
    """Show which place writes which text at which step, one batch at a time or continuously.

    `texts` are lengths in order of arrival.
    """
    ax = new_axes(7, 2.2)
    free_at, ends = [0] * slots, []
    for number, length in enumerate(texts):
        if continuous:
            place = free_at.index(min(free_at))
        else:
            place = number % slots
            if place == 0:
                free_at = [max(free_at)] * slots
        begin = free_at[place]
        color = COLORS[number % len(COLORS)]
        ax.barh(place, length, left=begin, color=color, edgecolor=PAPER, height=0.8)
        ax.annotate(
            str(number), (begin + length / 2, place), ha="center", va="center", color="white"
        )
        free_at[place] = begin + length
        ends.append(begin + length)
    way = "a free place takes the next text" if continuous else "a batch waits for its longest text"
    ax.set(xlabel="step", ylabel="place", title=way)
    ax.set_yticks(range(slots))
    show(ax, alt=f"{len(texts)} texts in {slots} places, {way}: {max(ends)} steps.")
