"""Figures for notebook 02: how often tokens occur, and what a word tokenizer does not know."""

from helpers.plots import COLORS, new_axes, show


def plot_frequencies(letters, tokens):
    """Show a Counter of letters as bars, and one of tokens by rank on logarithmic axes."""
    left, right = new_axes(9, 3.4, columns=2)
    left.bar(*zip(*letters.most_common(26), strict=True), color=COLORS[0])
    left.set_title("letters in the story", fontsize=10)
    right.loglog(range(1, len(tokens) + 1), sorted(tokens.values(), reverse=True), ".")
    right.set_title("tokens in the story", fontsize=10)
    right.set_xlabel("rank: 1 is the most frequent token")
    right.set_ylabel("occurrences")
    most, *_, least = (letter for letter, _ in letters.most_common(26))
    show(
        left,
        alt=f"Left: bars of letter counts, from {most} down to {least}. Right: on logarithmic "
        "axes, token counts fall along a nearly straight line and end in a long row of ones.",
    )


def plot_unknown(curves):
    """Show the share of unknown tokens against vocabulary size, one curve for each text."""
    ax = new_axes(6.5, 3.6)
    for name, (sizes, shares) in curves.items():
        ax.plot(sizes, [100 * share for share in shares], "o-", label=name)
    ax.set(xscale="log", ylim=(0, None))
    ax.set(xlabel="vocabulary size", ylabel="unknown in held-out text (%)")
    ax.legend(frameon=False)
    ends = ", ".join(f"{name} at {shares[-1]:.0%}" for name, (_, shares) in curves.items())
    show(
        ax,
        alt="The share of unknown tokens in held-out text against vocabulary size; the last "
        f"points: {ends}.",
    )


def plot_growth(distinct):
    """Show the number of distinct tokens after each token read."""
    ax = new_axes(6, 3.3)
    ax.plot(distinct)
    ax.set(xlabel="tokens read", ylabel="distinct tokens so far")
    show(
        ax,
        alt=f"Distinct tokens against tokens read, from 1 to {distinct[-1]:,} after "
        f"{len(distinct):,}; the curve bends, but still rises at the end.",
    )


def plot_shares(shares):
    """Show the share of unknown tokens of each kind of text as bars."""
    ax = new_axes(6.5, 3.8)
    ax.barh(list(shares), [100 * share for share in shares.values()], color=COLORS[1])
    ax.set(xlabel="unknown tokens (%)", xlim=(0, 100))
    ax.invert_yaxis()
    bars = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    show(ax, alt=f"Bars of unknown tokens: {bars}.")


def plot_lengths(choices, line):
    """Show the story's length in tokens against vocabulary size: named points, and BPE's line."""
    ax = new_axes(6.5, 3.8)
    ax.plot(*zip(*line, strict=True), "o-", color=COLORS[2], label="byte pair encoding")
    for name, (size, length) in choices.items():
        ax.plot(size, length, "s", color=COLORS[1])
        ax.annotate(name, (size, length), xytext=(0, -14), textcoords="offset points", ha="center")
    ax.set(xlabel="vocabulary size", ylabel="tokens for the whole story")
    ax.set_ylim(0, 1.1 * max(length for _, length in [*choices.values(), *line]))
    ax.legend(frameon=False)
    points = ", ".join(f"{name} {length:,}" for name, (_, length) in choices.items())
    show(
        ax,
        alt=f"Tokens for the story against vocabulary size: {points}; byte pair encoding falls "
        f"from {line[0][1]:,} to {line[-1][1]:,} as its vocabulary grows to {line[-1][0]:,}.",
    )
