"""Figures for notebook 03: merges as a ladder, compression, languages, vectors of unmet tokens."""

from classroom.pages.bpe_view import merge_steps, plot_merge_steps
from classroom.pages.token_view import visible
from helpers.plots import COLORS, new_axes, show

# Tokens of one sentence in eight languages, counted with the package bpe-openai 0.1.4, which holds
# both vocabularies (GPT-4's of 100,277 ids and GPT-4o's of 200,019).
NEWER_VOCABULARIES = {
    "cl100k (GPT-4)": {
        "English": 10, "German": 8, "Spanish": 12, "Russian": 18,
        "Greek": 37, "Arabic": 19, "Hindi": 29, "Japanese": 13,
    },
    "o200k (GPT-4o)": {
        "English": 10, "German": 8, "Spanish": 11, "Russian": 10,
        "Greek": 20, "Arabic": 11, "Hindi": 11, "Japanese": 7,
    },
}  # fmt: skip


def plot_ladder(words, merges):
    """Show words as tiles after each merge that changes one of them; new tokens are dark."""
    labels, rows = [], []
    for number in range(len(merges) + 1):
        row = [merge_steps(word, merges[:number])[-1][1] for word in words]
        if not rows or row != rows[-1]:
            labels.append(" + ".join(map(visible, merges[number - 1])) if number else "bytes")
            rows.append(row)
    ends = "; ".join(
        f"{visible(word)} is {', '.join(map(visible, tokens))}"
        for word, tokens in zip(words, rows[-1], strict=True)
    )
    show(
        plot_merge_steps(labels, rows),
        alt=f"The merges of {', '.join(map(visible, words))}, one row per merge: "
        f"{'; '.join(labels[1:])}. In the end {ends}.",
    )


def plot_compression(sizes, seen, unseen):
    """Show bytes per token against vocabulary size, for seen and for unseen text."""
    ax = new_axes(6, 3.3)
    ax.plot(sizes, seen, "o-", label="text that it was trained on")
    ax.plot(sizes, unseen, "o-", label="unseen text")
    ax.set(xlabel="vocabulary size", ylabel="bytes per token", ylim=(0, None))
    ax.legend(frameon=False)
    show(
        ax,
        alt=f"Bytes per token against vocabulary size: both curves start at {seen[0]:.2f}; at "
        f"{sizes[-1]:,} tokens the trained text has {seen[-1]:.2f} and unseen text "
        f"{unseen[-1]:.2f}.",
    )


def plot_languages(counts):
    """Show tokens of one sentence per language as bars, one color for each vocabulary."""
    languages = list(next(iter(counts.values())))
    ax, height = new_axes(6.5, 4), 0.8 / len(counts)
    for number, (name, tokens) in enumerate(counts.items()):
        positions = [row + number * height for row in range(len(languages))]
        lengths = [tokens[language] for language in languages]
        ax.barh(positions, lengths, 0.9 * height, color=COLORS[number], label=name)
    ax.set_yticks([row + 0.4 - height / 2 for row in range(len(languages))], languages)
    ax.set_xlabel("tokens of one sentence about tea")
    ax.invert_yaxis()
    ax.legend(frameon=False)
    said = "; ".join(
        f"{name}: {', '.join(f'{language} {n}' for language, n in tokens.items())}"
        for name, tokens in counts.items()
    )
    show(ax, alt=f"Bars of tokens for one sentence. {said}.")


def plot_similarities(groups):
    """Show the cosines between vectors as one map per group, a dictionary of (N, C) tensors."""
    axes = new_axes(3 * len(groups), 3.2, columns=len(groups))
    said = []
    for ax, (name, rows) in zip(axes, groups.items(), strict=True):
        cosines = mutual_cosines(rows)
        image = ax.imshow(cosines.numpy(), vmin=-1, vmax=1, cmap="RdBu_r")
        ax.set_title(name, fontsize=10)
        ax.grid(False)
        ax.set(xticks=[], yticks=[])
        said.append(f"{name}, about {float(cosines.mean()):.1f} on average")
    axes[0].figure.colorbar(image, ax=list(axes), label="cosine", shrink=0.8)
    show(axes, alt=f"Maps of cosines between the vectors of unmet tokens: {'; '.join(said)}.")


def mutual_cosines(rows):
    """The cosine of each pair of rows: (N, C) to (N, N)."""
    rows = rows / rows.norm(dim=1, keepdim=True)
    return rows @ rows.T
