"""Figures for notebook 06: sizes layer by layer, bends, gradients, what a token sees, the clock."""

import torch

from helpers.plots import COLORS, new_axes, show


def plot_layer_sizes(curves):
    """Show sizes of numbers layer by layer; `curves` maps a name to (sizes, normalized or not)."""
    ax = new_axes(6.5, 3.5)
    colors = dict(zip(dict.fromkeys(name for name, _ in curves), COLORS, strict=False))
    for (name, normalized), sizes in curves.items():
        label = f"{name}, {'normalized' if normalized else 'as they come'}"
        style = {"color": colors[name], "linestyle": "-" if normalized else "--"}
        ax.semilogy(range(1, len(sizes) + 1), sizes, label=label, **style)
    ax.set(xlabel="layer", ylabel="size of the numbers (log scale)")
    ax.legend(frameon=False, fontsize=8)
    ends = ", ".join(
        f"{name} {'normalized' if normalized else 'not normalized'} {sizes[-1]:.2g}"
        for (name, normalized), sizes in curves.items()
    )
    show(ax, alt=f"Size of the numbers layer by layer; after the last layer: {ends}.")


def plot_before_and_after(before, after):
    """Show the components of each token's vector as bars, before and after normalization."""
    ax = new_axes(8, 3, columns=2, sharey=True)
    width = 0.8 / len(before)
    for column, (title, rows) in enumerate({"before": before, "after": after}.items()):
        for row, numbers in enumerate(rows):
            places = [place + width * row - 0.2 for place in range(1, len(numbers) + 1)]
            ax[column].bar(places, numbers.tolist(), 0.95 * width, label=f"token {row + 1}")
        ax[column].set(title=title, xlabel="dimension")
    ax[0].legend(frameon=False)
    show(
        ax,
        alt=f"The components of {len(before)} tokens. Before, they run from {before.min():.2f} to "
        f"{before.max():.2f}; after, from {after.min():.2f} to {after.max():.2f}, balanced around 0.",
    )


def plot_bends(bends):
    """Show functions of one number and their slopes side by side; `bends` maps names to them."""
    x = torch.linspace(-4, 4, 801, requires_grad=True)
    ax = new_axes(9, 3.4, columns=2)
    for number, (name, bend) in enumerate(bends.items()):
        (slope,) = torch.autograd.grad(bend(x).sum(), x)
        style = {"label": name, "linestyle": ["-", "-", ":"][number % 3], "linewidth": 2}
        ax[0].plot(x.detach(), bend(x).detach(), **style)
        ax[1].plot(x.detach(), slope, **style)
    ax[0].set(title="the function", ylim=(-0.5, 4), xlabel="x")
    ax[1].set(title="its slope", xlabel="x")
    ax[0].legend(frameon=False)
    lowest = ", ".join(f"{name} {bend(x).min().item():.2f}" for name, bend in bends.items())
    show(ax, alt=f"Curves of {', '.join(bends)} and of their slopes; lowest values: {lowest}.")


def plot_gradients(runs):
    """Show the mean gradient of each layer; `runs` maps a name to a list of runs."""
    ax = new_axes(6.5, 3.6)
    for color, (name, sizes) in zip(COLORS, runs.items(), strict=False):
        for number, run in enumerate(sizes):
            label = None if number else name
            ax.semilogy(range(1, len(run) + 1), run, color=color, label=label)
    ax.set(xlabel="layer", ylabel="mean gradient (log scale)")
    ax.legend(frameon=False)
    ratios = ", ".join(f"{name} {runs[name][0][0] / runs[name][0][-1]:.0e}" for name in runs)
    show(
        ax,
        alt=f"The mean gradient of each layer. The first layer's against the last one's: {ratios}.",
    )


def plot_reach(reach):
    """Show which results change (columns) when one token is disturbed (rows)."""
    n = len(reach)
    ax = new_axes(4.6, 4)
    ax.imshow((reach > 1e-5).numpy(), cmap="Blues", vmax=1.6)
    ax.grid(False)
    ax.set_xticks(range(n), range(1, n + 1))
    ax.set_yticks(range(n), range(1, n + 1))
    ax.set(xlabel="result of token", ylabel="disturbed token")
    later = bool(((reach > 1e-5) == torch.ones(n, n).triu().bool()).all())
    says = "itself and all later results, and none before" if later else "other results too"
    show(ax, alt=f"A square of {n} by {n}: a disturbed token changes {says}.")


def plot_stream(curves):
    """Show the size of the residual stream after each block; `curves` maps a name to sizes.

    Names that differ only in what follows a comma share a color; the second of them is dashed.
    """
    ax = new_axes(6.5, 3.6)
    seen = []
    for name, sizes in curves.items():
        family = name.partition(",")[0]
        style = "--" if family in seen else "-"
        seen += [family] * (family not in seen)
        color = COLORS[seen.index(family)]
        ax.semilogy(range(len(sizes)), sizes, style, color=color, label=name)
    ax.set(xlabel="blocks passed", ylabel="size of the stream (log scale)")
    ax.legend(frameon=False, fontsize=8, loc=(0.66, 0.38))
    ends = ", ".join(f"{name} from {s[0]:.2f} to {s[-1]:.2f}" for name, s in curves.items())
    show(ax, alt=f"The size of the residual stream block by block: {ends}.")


def plot_logits(logits):
    """Show how often each score occurs over the vocabulary."""
    ax = new_axes(6.5, 3.2)
    ax.hist(logits.numpy(), bins=80)
    ax.set(xlabel="logit", ylabel="tokens of the vocabulary")
    show(
        ax,
        alt=f"The scores of {len(logits):,} tokens form one bell with mean {logits.mean():.1f} and "
        f"deviation {logits.std():.1f}; the highest is {logits.max():.1f}.",
    )


def plot_step_times(lengths, without, with_cache):
    """Show the seconds for one more token against the length of the text, on logarithmic axes."""
    ax = new_axes(6.5, 3.6)
    ax.loglog(lengths, without, marker="o", label="without a cache")
    ax.loglog(lengths, with_cache, marker="o", label="with a cache")
    ax.set_xticks(lengths, lengths)
    ax.minorticks_off()
    ax.set(xlabel="tokens in the text", ylabel="seconds for one more token", ylim=(None, None))
    ax.legend(frameon=False)
    show(
        ax,
        alt=f"From {lengths[0]} to {lengths[-1]:,} tokens, one more token takes "
        f"{without[-1] / without[0]:.0f} times as long without a cache, and "
        f"{with_cache[-1] / with_cache[0]:.1f} times as long with one.",
    )
