"""Plots of the way from text to vectors: windows, a map of word vectors, the whole pipeline.

Shapes: N vectors, T tokens, C embedding dimensions.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from helpers.limits import check_whole
from helpers.plots import COLORS, INK, PAPER, new_axes


def plot_windows(n_tokens: int, context_length: int, stride: int, ax=None):
    """Draw one row per window below a row of tokens: inputs filled, the last target outlined.

    Raises ValueError if not even one window fits.
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
    """Project vectors (N, C) onto the `count` directions of largest variance: (N, count).

    Principal component analysis by singular values (Pearson 1901). The sign of a direction is
    arbitrary; here its largest component is positive, so that every machine draws the same map.

    >>> points = principal_components([[0.0, 0.0], [3.0, 4.0]], count=1)
    >>> abs(float(points[0, 0] - points[1, 0]))
    5.0
    """
    values = np.asarray(vectors, dtype=np.float64)
    values = values - values.mean(axis=0)
    left, sizes, directions = np.linalg.svd(values, full_matrices=False)
    largest = np.abs(directions[:count]).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(largest)), largest])
    return left[:, :count] * sizes[:count] * signs


def plot_words(vectors, groups: dict[str, Sequence[str]], ax=None):
    """Draw a map of word vectors, one color per group; vectors (N, C) in the order of the groups.

    The map shows the first two principal components. A name that would cover another is moved up
    or down, with a thin line to its point. Raises ValueError if there is not one vector per word.
    """
    names = [word for words in groups.values() for word in words]
    points = principal_components(vectors)
    if len(points) != len(names):
        raise ValueError(f"{len(points)} vectors do not fit {len(names)} words")
    ax = ax if ax is not None else new_axes(9, 6.5)
    width, height = np.ptp(points, axis=0)
    heights = _spread(points, names, letter=width / 90, line=height / 42)
    start = 0
    for number, (group, words) in enumerate(groups.items()):
        color = COLORS[number % len(COLORS)]
        rows = range(start, start + len(words))
        ax.scatter(*points[rows.start : rows.stop].T, s=12, color=color, label=group)
        for row in rows:
            x, y = points[row]
            ax.plot([x, x + width / 90], [y, heights[row]], color=color, linewidth=0.5)
            ax.text(x + width / 80, heights[row], names[row], size=8, color=color, va="center")
        start += len(words)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.legend(frameon=False, fontsize=8, loc="upper center", ncols=len(groups))
    ax.set_ylim(points[:, 1].min() - height / 20, points[:, 1].max() + height / 8)
    ax.set_xlim(points[:, 0].min() - width / 30, points[:, 0].max() + width / 8)
    return ax


def nearest_words(word, vectors, labels: Sequence[str], count: int = 5) -> list[tuple[str, float]]:
    """Return the `count` labels whose vectors have the largest cosine with a word's vector.

    `vectors` is (N, C), one row for each of the N `labels`. Each neighbor comes with its cosine, the
    largest first, without the word itself; a vector of zeros has cosine 0 with all others. Raises
    ValueError if the word is not among the labels, vectors and labels do not fit together, or
    `count` is below 1.

    >>> nearest_words("red", [[1.0, 0.0], [0.0, 3.0], [2.0, 0.0]], ["red", "monday", "blue"])
    [('blue', 1.0), ('monday', 0.0)]
    """
    check_whole("count", count, least=1)
    values = np.asarray(vectors, dtype=np.float64)
    if values.ndim != 2 or len(values) != len(labels):
        raise ValueError(f"vectors have shape {values.shape} for {len(labels)} labels")
    if word not in labels:
        raise ValueError(f"{word!r} is not among the {len(labels)} words")
    row = list(labels).index(word)
    lengths = np.linalg.norm(values, axis=1)  # (N,)
    lengths[lengths == 0] = 1
    cosines = values @ values[row] / (lengths * lengths[row])  # (N,)
    order = [place for place in np.argsort(-cosines, kind="stable") if place != row]
    return [(labels[place], float(cosines[place])) for place in order[:count]]


def plot_neighbors(
    points, labels: Sequence[str], word=None, neighbors: Sequence[str] = (), ax=None
):
    """Draw N points (N, 2), those of a word and its neighbors in color, their names in a column.

    The word is red and bold. Without a word, only the points are drawn. Raises ValueError for a
    name that is not a label.
    """
    rows = {label: row for row, label in enumerate(labels)}
    names = [] if word is None else [word, *neighbors]
    if missing := [name for name in names if name not in rows]:
        raise ValueError(f"{missing[0]!r} is not among the {len(labels)} words")
    ax = ax if ax is not None else new_axes(4.8, 4.4)
    ax.scatter(*points.T, s=6, color="#b9b6ac", linewidths=0)
    marked = points[[rows[name] for name in names]]
    width, height = (float(size) or 1.0 for size in np.ptp(points, axis=0))
    column = marked[:, 0].max(initial=-np.inf) + width / 12
    heights = _column(marked[:, 1], height / 22, points[:, 1].min(), points[:, 1].max())
    for place, ((x, y), name) in enumerate(zip(marked, names, strict=True)):
        color, weight = (COLORS[0], "normal") if place else (COLORS[1], "bold")
        ax.scatter(x, y, s=22 if place else 45, color=color, zorder=3)
        ax.plot([x, column], [y, heights[place]], color=color, linewidth=0.7)
        paper = {"facecolor": PAPER, "edgecolor": "none", "pad": 1}
        options = {"color": color, "weight": weight, "va": "center", "bbox": paper}
        ax.text(column + width / 90, heights[place], name, **options)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.set_xlim(points[:, 0].min() - width / 30, points[:, 0].max() + width / 2.8)
    ax.set_ylim(points[:, 1].min() - height / 30, points[:, 1].max() + height / 30)
    return ax


def _column(heights, line: float, low: float, high: float) -> np.ndarray:
    """Move heights apart to a distance of at least `line`, around their mean, from `low` to `high`."""
    moved = np.array(heights, dtype=float)
    if not len(moved):
        return moved
    order = np.argsort(-moved, kind="stable")
    for above, below in itertools.pairwise(order):
        moved[below] = min(moved[below], moved[above] - line)
    moved += np.mean(heights) - np.mean(moved)
    moved += max(0, low - moved.min())
    return moved - max(0, moved.max() - high)


def _spread(points, names, letter: float, line: float) -> list[float]:
    """Heights for the names, so that none covers another; taken from the top downward."""
    order = np.argsort(-points[:, 1], kind="stable")
    heights = [0.0] * len(names)
    placed: list[tuple[float, float, float]] = []  # left, right, height
    for row in order:
        left, y = points[row]
        right = left + letter * (len(names[row]) + 3)
        for other_left, other_right, other in sorted(placed, key=lambda box: -box[2]):
            if left < other_right and other_left < right and abs(other - y) < line:
                y = other - line
        placed.append((left, right, y))
        heights[row] = float(y)
    return heights


def plot_pipeline(tokens: Sequence[str], token_ids: Sequence[int], token_vectors, positions):
    """Draw the way from text to the model's input for T tokens, vectors given as (T, C).

    One column per token: text, token, id, token vector, position vector, and their sum.
    """
    vectors, places = (np.asarray(table, dtype=float) for table in (token_vectors, positions))
    n, dimensions = vectors.shape
    ax = new_axes(1.15 * n + 2.6, 0.48 * dimensions + 3.0)
    ax.text(n / 2, 0, repr("".join(tokens)), ha="center", va="center", color=INK, fontsize=12)
    _draw_tiles(ax, 1.2, [token.replace(" ", "·") for token in tokens])
    _draw_tiles(ax, 2.4, token_ids)
    labels = {"text": 0.0, "tokens": 1.2, "token ids, (T,)": 2.4}
    y, tall, largest = 3.3, 0.3 * dimensions, float(np.abs(vectors + places).max())
    for label, table in {
        "rows of the\ntoken table, (T, C)": vectors,
        "+ rows of the\nposition table, (T, C)": places,
        "= input of the\nfirst block, (T, C)": vectors + places,
    }.items():
        for column in range(n):
            ax.imshow(
                table[column][:, None],
                extent=(column + 0.25, column + 0.75, y + tall, y),
                cmap="RdBu_r",
                vmin=-largest,
                vmax=largest,
                aspect="auto",
            )
        labels[label] = y + tall / 2
        y += tall + 0.9
    for label, height in labels.items():
        ax.text(-0.15, height, label, ha="right", va="center", color=INK, fontsize=10)
    ax.set_xlim(-2.4, n)
    ax.set_ylim(y - 0.7, -0.5)
    ax.axis("off")
    return ax


def _draw_tiles(ax, y, values):
    from matplotlib.patches import FancyBboxPatch

    style = "round,pad=0.02,rounding_size=0.1"
    for column, value in enumerate(values):
        box = FancyBboxPatch(
            (column + 0.12, y - 0.3),
            0.76,
            0.6,
            boxstyle=style,
            facecolor="#cfe3f5",
            edgecolor="none",
        )
        ax.add_patch(box)
        ax.text(column + 0.5, y, str(value), ha="center", va="center", color=INK, fontsize=10)
