"""Token tiles: every token is there, once, escaped, and again in the text alternative."""

import html
import re

import pytest

from classroom.pages.token_view import DARK, TINTS, show_tokens, token_strip, visible


def tiles(strip):
    return [html.unescape(name) for name in re.findall(r"<code[^>]*>(.*?)</code>", strip)]


def test_every_token_is_a_tile():
    strip = token_strip(["<b>", " the", '"', "\n"], [4, 5, 6, 7], caption="A & B")
    assert tiles(strip) == ["<b>", "·the", '"', "⏎"]
    assert re.findall(r"75%\">(\d+)<", strip) == ["4", "5", "6", "7"]
    assert "<b>" not in strip and "A &amp; B" in strip
    label = html.unescape(re.search(r'aria-label="([^"]*)"', strip)[1])
    assert label == 'A & B (4 tokens): <b> | ·the | " | ⏎'


def test_highlight_and_alternating_colors():
    strip = token_strip(["a", "<|unk|>", "c"], highlight=["<|unk|>"])
    colors = re.findall(r"background:(#\w+);color", strip)[1:]
    assert colors == [TINTS[0], DARK, TINTS[2]]


def test_highlight_by_place():
    strip = token_strip(["a", "a", "b"], highlight=[1])
    colors = re.findall(r"background:(#\w+);color", strip)[1:]
    assert colors == [TINTS[0], DARK, TINTS[2]]


def test_bytes_and_nothing():
    assert visible("é".encode()) == "é" and visible(b"\xff") == "\\xff"
    assert tiles(token_strip([])) == []
    with pytest.raises(ValueError, match="1 ids do not fit 2 tokens"):
        token_strip(["a", "b"], [1])


@pytest.mark.parametrize("color", [*TINTS, DARK])
def test_ink_is_legible_on_every_tile(color):
    def luminance(hexadecimal):
        parts = [int(hexadecimal[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    ink = "#ffffff" if color == DARK else "#22262e"
    light, dark = sorted((luminance(color), luminance(ink)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_show_displays_html(capsys):
    show_tokens(["a"])
    assert "HTML" in capsys.readouterr().out
