"""Plots of the way from text to vectors: windows, a map of word vectors, the whole pipeline.

Shapes: N vectors, T tokens, C embedding dimensions.
"""

import itertools
import textwrap
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
    ax.set_xlabel("position in the text")
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

    The map shows the first two principal components. Each group's name is beside the middle of its
    points, a word's name only beside a point far from the middle of its group, and all words are
    listed on the right. Raises ValueError if there is not one vector per word.
    """
    names = [word for words in groups.values() for word in words]
    points = principal_components(vectors)
    if len(points) != len(names):
        raise ValueError(f"{len(points)} vectors do not fit {len(names)} words")
    ax = ax if ax is not None else new_axes(9.5, 5.5)
    width, height = np.ptp(points, axis=0)
    colors = [COLORS[number % len(COLORS)] for number in range(len(groups))]
    ends = np.cumsum([len(words) for words in groups.values()])
    parts = np.split(points, ends[:-1])
    middles = np.array([np.median(part, axis=0) for part in parts])
    far = _far_from_their_middle(parts, middles)
    written = [
        (*middle, group, color, "bold")
        for middle, group, color in zip(middles, groups, colors, strict=True)
    ]
    for part, words, color, outside in zip(parts, groups.values(), colors, far, strict=True):
        ax.scatter(*part.T, s=22, color=color, alpha=0.8, linewidths=0)
        written += [(*part[n], words[n], color, "normal") for n in np.flatnonzero(outside).tolist()]
    places = np.array([entry[:2] for entry in written], dtype=float)
    labels = [entry[2] for entry in written]
    heights = _spread(places, labels, letter=width / 60, line=height / 20)
    for (x, _, label, color, weight), moved in zip(written, heights, strict=True):
        paper = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.5, "alpha": 0.75}
        options = {"color": color, "weight": weight, "size": 9.5, "va": "center", "bbox": paper}
        ax.text(x + width / 50, moved, label, **options)
    _list_groups(ax, groups, colors)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    low, high = min(points[:, 1].min(), min(heights)), points[:, 1].max()
    ax.set_ylim(low - height / 20, high + height / 20)
    ax.set_xlim(points[:, 0].min() - width / 30, points[:, 0].max() + width / 5)
    return ax


def _far_from_their_middle(parts, middles):
    """For each group, which points are over three times as far from its middle as is usual."""
    away = [
        np.linalg.norm(part - middle, axis=1) for part, middle in zip(parts, middles, strict=True)
    ]
    usual = np.median(np.concatenate(away))
    return [distances > 3 * usual for distances in away]


def _list_groups(ax, groups, colors):
    """List the words of each group on the right of the axes, in its color."""
    lines = []
    for (group, words), color in zip(groups.items(), colors, strict=True):
        wrapped = textwrap.wrap(f"{group}: {', '.join(words)}", 34, subsequent_indent="  ")
        lines += [(line, color) for line in wrapped]
    for number, (line, color) in enumerate(lines):
        height = 1 - (number + 0.5) / max(len(lines), 12)
        options = {"color": color, "size": 8.5, "va": "center", "transform": ax.transAxes}
        ax.text(1.02, height, line, **options)


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

    The word is red and bold. Without a word, only the points are drawn. Points far from all others
    are drawn as crosses on the edge, so that the others fill the picture; see `within_reach`.
    Raises ValueError for a name that is not a label.
    """
    rows = {label: row for row, label in enumerate(labels)}
    names = [] if word is None else [word, *neighbors]
    if missing := [name for name in names if name not in rows]:
        raise ValueError(f"{missing[0]!r} is not among the {len(labels)} words")
    ax = ax if ax is not None else new_axes(4.8, 4.4)
    points, inside = within_reach(points)
    ax.scatter(*points[inside].T, s=6, color="#b9b6ac", linewidths=0)
    if not inside.all():
        ax.scatter(*points[~inside].T, s=18, color="#8c897f", marker="x", linewidths=1)
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


def within_reach(points) -> tuple[np.ndarray, np.ndarray]:
    """Move points (N, 2) that lie far from all others to an edge; return also which lie inside it.

    The edge is a quarter of the spread of the middle 98 percent beyond them.

    >>> points, inside = within_reach([[n, n] for n in range(200)] + [[9999, 0]])
    >>> bool(points[-1, 0] < 250), int(inside.sum())
    (True, 200)
    """
    points = np.asarray(points, dtype=np.float64)
    low, high = np.quantile(points, [0.01, 0.99], axis=0)
    low, high = low - (high - low) / 4, high + (high - low) / 4
    moved = points.clip(low, high)
    return moved, (moved == points).all(axis=1)


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
