"""Pictures of the way from text to vectors: windows, a map of word vectors, the whole pipeline.

Shapes: N vectors, T tokens, C embedding dimensions.
"""

from collections.abc import Sequence

import numpy as np

from helpers.plots import COLORS, INK, PAPER, new_axes


def plot_windows(n_tokens: int, context_length: int, stride: int, ax=None):
    """Draw one row a window over a row of tokens: inputs filled, the last target outlined.

    Raises ValueError where not one window fits.
    """
    from matplotlib.patches import Rectangle

    if n_tokens < context_length + 1 or stride < 1:
        raise ValueError(f"no window: {n_tokens} tokens, context {context_length}, stride {stride}")
    starts = range(0, n_tokens - context_length, stride)
    ax = ax if ax is not None else new_axes(6, 0.3 * len(starts) + 0.9)
    for row, start in enumerate(starts):
        for place in range(start, start + context_length + 1):
            target = place == start + context_length
            ax.add_patch(
                Rectangle(
                    (place + 0.06, row + 0.1),
                    0.88,
                    0.8,
                    facecolor=PAPER if target else COLORS[row % 4],
                    edgecolor=COLORS[row % 4],
                    linewidth=1.5,
                )
            )
    ax.set_xlim(0, n_tokens)
    ax.set_ylim(len(starts), 0)
    ax.set_xticks(np.arange(n_tokens) + 0.5, range(n_tokens))
    ax.set_yticks(np.arange(len(starts)) + 0.5, range(len(starts)))
    ax.set_xlabel("place in the text")
    ax.set_ylabel("window")
    ax.grid(False)
    return ax


def principal_components(vectors, count: int = 2) -> np.ndarray:
    """Project (N, C) vectors on the `count` directions in which they differ most: (N, count).

    Principal component analysis by singular values (Pearson 1901).

    >>> points = principal_components([[0.0, 0.0], [3.0, 4.0]], count=1)
    >>> abs(float(points[0, 0] - points[1, 0]))
    5.0
    """
    values = np.asarray(vectors, dtype=np.float64)
    values = values - values.mean(axis=0)
    left, sizes, _ = np.linalg.svd(values, full_matrices=False)
    return left[:, :count] * sizes[:count]


def plot_words(vectors, groups: dict[str, Sequence[str]], ax=None):
    """Draw a map of word vectors, one color a group; vectors (N, C) in the order of the groups.

    Raises ValueError where there is not one vector a word.
    """
    names = [word for words in groups.values() for word in words]
    points = principal_components(vectors)
    if len(points) != len(names):
        raise ValueError(f"{len(points)} vectors do not fit {len(names)} words")
    ax = ax if ax is not None else new_axes(8, 6)
    start = 0
    for number, (group, words) in enumerate(groups.items()):
        x, y = points[start : start + len(words)].T
        color = COLORS[number % len(COLORS)]
        ax.scatter(x, y, s=14, color=color, label=group)
        for place, word in enumerate(words):
            ax.annotate(
                word,
                (x[place], y[place]),
                xytext=(3, 2),
                textcoords="offset points",
                fontsize=8,
                color=color,
            )
        start += len(words)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def plot_pipeline(tokens: Sequence[str], token_ids: Sequence[int], token_vectors, positions):
    """Draw the way from text to the model's input for T tokens, vectors given as (T, C).

    One column a token: the text, the token, its id, its vector, the vector of its place, the sum.
    """
    from matplotlib.patches import FancyBboxPatch

    vectors, places = (np.asarray(table, dtype=float) for table in (token_vectors, positions))
    n, dimensions = vectors.shape
    ax = new_axes(1.15 * n + 2.6, 0.16 * 3 * dimensions + 3.0)
    tall = 0.3 * dimensions
    largest = float(np.abs(vectors + places).max())
    y = 0.0
    ax.text(n / 2, y, repr("".join(tokens)), ha="center", va="center", color=INK, fontsize=12)
    rows = [("text", y)]
    for label, values in (("tokens", tokens), ("token ids, (T,)", token_ids)):
        y += 1.2
        rows.append((label, y))
        for column, value in enumerate(values):
            ax.add_patch(
                FancyBboxPatch(
                    (column + 0.12, y - 0.3),
                    0.76,
                    0.6,
                    boxstyle="round,pad=0.02,rounding_size=0.1",
                    facecolor="#cfe3f5",
                    edgecolor="none",
                )
            )
            text = str(value).replace(" ", "·")
            ax.text(column + 0.5, y, text, ha="center", va="center", color=INK, fontsize=10)
    for label, table in (
        ("rows of the\ntoken table, (T, C)", vectors),
        ("+ rows of the\nposition table, (T, C)", places),
        ("= input of the\nfirst block, (T, C)", vectors + places),
    ):
        y += 0.9
        rows.append((label, y + tall / 2))
        for column in range(n):
            ax.imshow(
                table[column][:, None],
                extent=(column + 0.25, column + 0.75, y + tall, y),
                cmap="RdBu_r",
                vmin=-largest,
                vmax=largest,
                aspect="auto",
            )
        y += tall
    for label, height in rows:
        ax.text(-0.15, height, label, ha="right", va="center", color=INK, fontsize=10)
    ax.set_xlim(-2.4, n)
    ax.set_ylim(y + 0.2, -0.5)
    ax.axis("off")
    return ax
