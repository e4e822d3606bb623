"""Tokens as colored tiles, so that a reader sees where one ends and the next begins.

The background is light and opaque and the text dark, so the tiles are legible on dark pages. The
colors alternate without meaning, except for the dark tiles of `highlight`. A screen reader gets
the same tokens as one line of text.
"""

import html
from collections.abc import Collection, Iterable, Sequence

from helpers.plots import INK, PAPER

TINTS = ["#cfe3f5", "#f7d9dc", "#d6ead4", "#fae5c6", "#e4d9f0", "#d3ebed"]
DARK = "#9e2a3a"
_TILE = "display:inline-block;padding:1px 5px;margin:2px 1px;border-radius:4px;text-align:center"


def show_tokens(
    tokens: Iterable[str | bytes],
    token_ids: Sequence[int] | None = None,
    highlight: Collection[str | bytes | int] = (),
    caption: str = "",
) -> None:
    """Display tokens as a strip of tiles, with their ids below if given.

    `highlight` holds tokens to be shown dark, or their positions, counted from 0; `caption` is a
    line above the strip. A space appears as `·`, a line break as `⏎`, a tab as `⇥`, and bytes that
    are not valid UTF-8 as `\\xff`.
    """
    from IPython.display import HTML, display

    display(HTML(token_strip(tokens, token_ids, highlight, caption)))


def token_strip(
    tokens: Iterable[str | bytes],
    token_ids: Sequence[int] | None = None,
    highlight: Collection[str | bytes | int] = (),
    caption: str = "",
) -> str:
    """Return the HTML that `show_tokens` displays.

    Raises ValueError if there is not one id per token.

    >>> token_strip(["a", " b"])[:46]
    '<div role="img" aria-label="2 tokens: a | ·b" '
    """
    tokens = list(tokens)
    if token_ids is not None and len(token_ids) != len(tokens):
        raise ValueError(f"{len(token_ids)} ids do not fit {len(tokens)} tokens")
    names = [visible(token) for token in tokens]
    marked = set(highlight)
    count = "1 token" if len(tokens) == 1 else f"{len(tokens)} tokens"
    said = f"{caption} ({count})" if caption and count not in caption else caption or count
    label = f"{said}: {' | '.join(names)}"
    tiles = [
        _tile(
            name,
            None if token_ids is None else token_ids[number],
            DARK if {number, tokens[number]} & marked else TINTS[number % len(TINTS)],
        )
        for number, name in enumerate(names)
    ]
    head = f'<div style="font-size:90%;margin-bottom:3px">{html.escape(caption)}</div>'
    return (
        f'<div role="img" aria-label="{html.escape(label, quote=True)}" '
        f'style="background:{PAPER};color:{INK};padding:8px 10px;border-radius:6px;'
        f'line-height:1.5;max-width:100%">{head if caption else ""}{"".join(tiles)}</div>'
    )


def visible(token: str | bytes) -> str:
    """Return a token with its white space and invalid bytes made visible.

    >>> visible(" the"), visible("\\n"), visible(b"caf\\xc3")
    ('·the', '⏎', 'caf\\\\xc3')
    """
    if isinstance(token, bytes):
        token = token.decode("utf-8", errors="backslashreplace")
    return token.replace(" ", "·").replace("\n", "⏎").replace("\t", "⇥")


def _tile(name: str, token_id: int | None, color: str) -> str:
    ink = "#ffffff" if color == DARK else INK
    number = ""
    if token_id is not None:
        number = f'<br><span style="font-size:75%">{token_id}</span>'
    return (
        f'<span style="{_TILE};background:{color};color:{ink}">'
        f'<code style="background:none;color:inherit;padding:0">{html.escape(name)}</code>'
        f"{number}</span>"
    )
