"""Figures for notebook 12: the roofline, formats as number lines, scaling laws and best splits."""

from helpers.plots import COLORS, INK, PAPER, new_axes, show


def plot_roofline(peak, bandwidth, points):
    """Show the most operations per second against operations per byte, and some work under it.

    `points` maps a name to (operations per byte, operations per second), measured.
    """
    ax = new_axes(7, 3.6)
    ridge = peak / bandwidth
    intensities = [intensity for intensity, _ in points.values()]
    left, right = min(ridge / 300, *intensities), max(ridge * 30, 2 * max(intensities))
    ax.plot([left, ridge, right], [left * bandwidth, peak, peak], color=INK)
    ax.annotate("memory decides", (ridge / 8, peak / 4), color=INK, fontsize=9, ha="right")
    ax.annotate("arithmetic decides", (ridge * 2, peak * 1.3), color=INK, fontsize=9)
    said = []
    for (name, (intensity, reached)), color in zip(points.items(), COLORS, strict=False):
        ax.plot(intensity, reached, "o", color=color, label=name)
        share = reached / min(peak, intensity * bandwidth)
        said.append(f"{name}: {intensity:.1f} operations per byte, {share:.0%} of what is possible")
    ax.set(xscale="log", yscale="log", xlabel="operations per byte", ylabel="operations per second")
    lowest = min(left * bandwidth, *(reached for _, reached in points.values()))
    ax.set_ylim(lowest / 1.5, peak * 3)
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
    ax.axhline(law.floor, color=INK, linestyle=":", linewidth=1.2)
    apart = abs(law.floor - entropy) > 0.05 * max(row["test"] for row in rows)
    if apart:  # else one name would hide the other
        ax.annotate("the law's floor", (least, law.floor), color=INK, fontsize=9, va="bottom")
    ax.set(xscale="log", xlabel="tokens read", ylabel="loss, nats per token")
    ax.legend(frameon=False, fontsize=8)
    losses = [row["test"] for row in rows]
    show(
        ax,
        alt=f"Losses of {len(rows)} runs, from {max(losses):.2f} to {min(losses):.2f} nats per token, "
        f"with a law fitted to them; its floor is {law.floor:.3f}, the entropy {entropy:.3f}.",
    )


def plot_best_splits(laws, budgets, models=()):
    """Show the best tokens per parameter against the budget, a line for each law.

    `laws` maps a name to a law with `best_split(operations)`; `models` are real ones, each a name,
    its operations and its tokens per parameter.
    """
    from matplotlib.ticker import LogLocator

    ax = new_axes(7, 3.4)
    said = []
    for (name, law), color in zip(laws.items(), COLORS, strict=False):
        splits = [law.best_split(operations) for operations in budgets]
        shares = [n_tokens / n_parameters for n_parameters, n_tokens in splits]
        ax.plot(budgets, shares, color=color, label=name)
        said.append(f"{name} from {shares[0]:,.0f} to {shares[-1]:,.0f}")
    for name, operations, share in models:
        ax.plot(operations, share, "*", color=INK, markersize=13, label=name)
        said.append(f"a star for {name} at {share:,.0f}")
    ax.set(
        xscale="log", yscale="log", xlabel="operations, 6 N D", ylabel="best tokens per parameter"
    )
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))  # 20, 50, 100: a factor has few digits
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.yaxis.set_minor_formatter("")
    ax.legend(frameon=False, fontsize=9)
    show(ax, alt=f"Best tokens per parameter over {len(budgets)} budgets: {'; '.join(said)}.")


def plot_frontier(rows, entropy):
    """Show losses against operations, a color for each size; return the runs that no cheaper one beats.

    `rows` are dicts with n, d and test. The line joins the runs that are returned, the cheapest first.
    """
    ax, frontier = new_axes(7, 3.6), []
    for row in sorted(rows, key=lambda row: row["n"] * row["d"]):
        if not frontier or row["test"] < frontier[-1]["test"]:
            frontier.append(row)
    operations, losses = zip(*((6 * r["n"] * r["d"], r["test"]) for r in frontier), strict=True)
    ax.plot(operations, losses, color=INK, linewidth=1)
    for n, color in zip(sorted({row["n"] for row in rows}), COLORS, strict=False):
        runs = [(6 * row["n"] * row["d"], row["test"]) for row in rows if row["n"] == n]
        ax.plot(*zip(*runs, strict=True), "o", color=color, markersize=5, label=f"N = {n:,}")
    ax.axhline(entropy, color=INK, linestyle="--", linewidth=0.9)
    ax.set(xscale="log", xlabel="operations, 6 N D", ylabel="loss, nats per token")
    ax.legend(frameon=False, fontsize=8)
    show(
        ax,
        alt=f"Losses of {len(rows)} runs against their operations; a line joins the {len(frontier)} "
        f"that no cheaper one beats, from {losses[0]:.2f} to {losses[-1]:.2f}.",
    )
    return frontier


def plot_timeline(texts, slots, continuous):
    """Show which slot writes which text at which step, one batch at a time or continuously.

    `texts` are lengths in order of arrival. Both ways are drawn over the same steps.
    """
    ax = new_axes(7, 2.2)
    free_at, ends = [0] * slots, []
    for number, length in enumerate(texts):
        if continuous:
            slot = free_at.index(min(free_at))
        else:
            slot = number % slots
            if slot == 0:
                free_at = [max(free_at)] * slots
        begin = free_at[slot]
        ax.barh(slot, length, left=begin, color=COLORS[0], edgecolor=PAPER, height=0.8)
        ax.annotate(
            str(number), (begin + length / 2, slot), ha="center", va="center", color="white"
        )
        free_at[slot] = begin + length
        ends.append(begin + length)
    way = "a free slot takes the next text" if continuous else "a batch waits for its longest text"
    in_batches = sum(max(texts[first : first + slots]) for first in range(0, len(texts), slots))
    ax.set(xlabel="step", ylabel="slot", title=way, xlim=(0, in_batches + 0.5))
    ax.set_yticks(range(slots))
    show(ax, alt=f"{len(texts)} texts in {slots} slots, {way}: {max(ends)} of {in_batches} steps.")
