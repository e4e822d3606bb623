"""Views of byte pair merges: replayed one by one, and drawn as rows of tiles."""

from collections.abc import Sequence
from itertools import pairwise

from classroom.pages.token_view import DARK, TINTS, visible
from helpers.plots import INK, new_axes

GAP = 1.5  # characters between two words of a row


def merge_steps(
    word: bytes, merges: Sequence[tuple[bytes, bytes]]
) -> list[tuple[str, list[bytes]]]:
    """Replay merges on one word; return the merge and the tokens after each step.

    Merges that change nothing are left out; the first entry shows the single bytes.

    >>> merge_steps(b"low", [(b"x", b"y"), (b"o", b"w"), (b"l", b"ow")])[1:]
    [('o + w', [b'l', b'ow']), ('l + ow', [b'low'])]
    """
    tokens = [bytes([value]) for value in word]
    steps = [("bytes", tokens)]
    for pair in merges:
        if pair not in pairwise(tokens):
            continue
        tokens = _merged(tokens, pair)
        steps.append((" + ".join(map(visible, pair)), tokens))
    return steps


def replay_merges(
    pieces: Sequence[bytes], merges: Sequence[tuple[bytes, bytes]]
) -> list[tuple[int | None, list[list[bytes]]]]:
    """Replay merges on several pre-tokens at once: the rank of each merge, and all tokens after it.

    Ranks count from 0; the first entry has none and shows the single bytes. Each step merges the
    pair that was learned first among those present, as encoding does (Sennrich et al. 2016).

    >>> replay_merges([b"ab", b"abc"], [(b"a", b"b"), (b"ab", b"c")])[1:]
    [(0, [[b'ab'], [b'ab', b'c']]), (1, [[b'ab'], [b'abc']])]
    """
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    rows = [[bytes([value]) for value in piece] for piece in pieces]
    steps: list[tuple[int | None, list[list[bytes]]]] = [(None, rows)]
    while True:
        known = {ranks[pair] for row in rows for pair in pairwise(row) if pair in ranks}
        if not known:
            return steps
        rank = min(known)
        rows = [_merged(row, merges[rank]) for row in rows]
        steps.append((rank, rows))


def pair_places(row: Sequence[bytes], pair: tuple[bytes, bytes]) -> list[int]:
    """Return the positions of the tokens that a merge of `pair` would join, from the left.

    >>> pair_places([b"a", b"a", b"a", b"b"], (b"a", b"a"))
    [0, 1]
    """
    places, i = [], 0
    while i < len(row):
        whole = tuple(row[i : i + 2]) == pair
        places += [i, i + 1] if whole else []
        i += 2 if whole else 1
    return places


def plot_merge_steps(labels: Sequence[str], rows: Sequence[Sequence[Sequence[bytes]]], ax=None):
    """Draw one row per step: its label, then each word as tiles; new tiles are dark.

    `rows[i][j]` lists the tokens of word j after step i. Raises ValueError if there is not one
    label per row.
    """
    if len(labels) != len(rows) or not rows:
        raise ValueError(f"{len(labels)} labels do not fit {len(rows)} rows")
    starts = [max(map(len, labels)) + 2.0]  # where each word begins, and the end of the last
    for word in zip(*rows, strict=True):
        starts.append(starts[-1] + max(sum(map(_width, tokens)) for tokens in word) + GAP)
    if ax is None:
        ax = new_axes(min(9.0, 0.16 * starts[-1] + 0.5), 0.36 * len(rows) + 0.3)
    size = 72 * ax.figure.get_size_inches()[0] / starts[-1] / 0.7
    style = {"fontfamily": "monospace", "fontsize": min(11.0, size), "va": "center_baseline"}
    for y, (label, row) in enumerate(zip(labels, rows, strict=True)):
        ax.text(starts[0] - 2, y, label, ha="right", color=INK, **style)
        for x, tokens, before in zip(starts, row, rows[max(y - 1, 0)], strict=False):
            _draw_word(ax, x, y, tokens, set(before), style)
    ax.set_xlim(-0.5, starts[-1] + 0.5)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.axis("off")
    return ax


def _draw_word(ax, x, y, tokens, known, style):
    from matplotlib.patches import FancyBboxPatch

    for number, token in enumerate(tokens):
        width, new = _width(token), token not in known
        color = DARK if new else TINTS[number % len(TINTS)]
        place, box = (x + 0.08, y - 0.36), "round,pad=0,rounding_size=0.15"
        ax.add_patch(FancyBboxPatch(place, width - 0.16, 0.72, boxstyle=box, fc=color, ec="none"))
        ink = "white" if new else INK
        ax.text(x + width / 2, y, visible(token), ha="center", color=ink, **style)
        x += width


def _width(token):
    return len(visible(token)) + 0.6


def _merged(tokens, pair):
    merged, i = [], 0
    while i < len(tokens):
        whole = tuple(tokens[i : i + 2]) == pair
        merged.append(b"".join(pair) if whole else tokens[i])
        i += 2 if whole else 1
    return merged
