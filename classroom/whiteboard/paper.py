"""The page of a whiteboard: its strokes, its text, and its SVG file.

matplotlib draws it. Positions are pixels of the finished picture, x to the right, y down. Text
becomes outlines of DejaVu Sans, so that a figure looks the same on every machine.
"""

import io
from functools import cache
from pathlib import Path

from classroom.whiteboard import ink
from classroom.whiteboard.faults import find_faults
from classroom.whiteboard.geometry import Box
from classroom.whiteboard.ledger import Ledger, Stroke, Words
from classroom.whiteboard.svg import tidy
from helpers.plots import INK, PAPER

MARKERS = {
    "ink": INK,
    "blue": "#1d5fa8",
    "red": "#bf3040",
    "green": "#22753a",
    "orange": "#a85508",
    "purple": "#6f3f9c",
    "teal": "#12706f",
    "gray": "#5d636d",
}
FILLS = {
    "blue": "#d9e8f7",
    "red": "#f9dcdc",
    "green": "#dbefdd",
    "orange": "#fbe6cc",
    "purple": "#e8def3",
    "teal": "#d3eceb",
    "gray": "#e9e9e6",
    "yellow": "#fdf3bf",
    "paper": PAPER,
}
FRAME = "#b9bdc4"
SMALLEST = 12  # a smaller text cannot be read on a page
LINE_HEIGHT = 1.3
ASCENT, DESCENT = 0.76, 0.22  # how far DejaVu's letters extend up and down, relative to their size
_RC = {"svg.fonttype": "path", "svg.hashsalt": "whiteboard", "mathtext.fontset": "dejavusans"}


@cache
def _font(bold: bool, italic: bool, mono: bool):
    from matplotlib import get_data_path
    from matplotlib.font_manager import FontProperties

    style = ("Bold" if bold else "") + ("Oblique" if italic else "")
    name = "DejaVuSans" + ("Mono" if mono else "") + (f"-{style}" if style else "")
    return FontProperties(fname=Path(get_data_path(), "fonts", "ttf", f"{name}.ttf"))


@cache
def text_width(content: str, size: float, bold=False, italic=False, mono=False) -> float:
    """The width in pixels of one line of text; `$…$` is typeset as mathematics.

    >>> text_width("wide", 20) == 2 * text_width("wide", 10)
    True
    """
    from matplotlib import rc_context
    from matplotlib.textpath import text_to_path

    font = _font(bold, italic, mono).copy()
    font.set_size(100)
    with rc_context(_RC):
        width, _, _ = text_to_path.get_text_width_height_descent(content, font, _is_math(content))
    return width * size / 100


def _is_math(content: str) -> bool:
    return content.count("$") >= 2


class Paper:
    """A page with a rounded border and its title in the top left corner, underlined by hand.

    `title` and `description` go into the file for screen readers. Raises ValueError if one is empty
    or the page is too small to read.
    """

    def __init__(self, width: float, height: float, title: str, description: str):
        from matplotlib.figure import Figure

        if not title.strip() or not description.strip():
            raise ValueError("a board needs a title and a description for screen readers")
        if not (200 <= width <= 900 and 100 <= height <= 900):
            raise ValueError(f"a board of {width}x{height} pixels; it must be 200-900 by 100-900")
        self.width, self.height = width, height
        self.title, self.description = title, description
        self.ledger = Ledger(Box(0, 0, width, height))
        self.figure = Figure(figsize=(width / 72, height / 72), dpi=72, frameon=False)
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self._axes.set(xlim=(0, width), ylim=(height, 0))
        sheet = ink.rectangle(3, 3, width - 6, height - 6, radius=16, wobble=0.6)
        self._stroke(sheet, FRAME, thickness=2.5, fill=PAPER, kind=None)
        heading = self.text(24, 30, title, size=17, bold=True, align="left")
        under = heading.y_end + 4
        line = ink.line([(heading.x, under), (heading.x_end, under + 1)], wobble=1.6)
        self._stroke(line, MARKERS["orange"], thickness=2.6, kind="line")

    def get_figure(self):
        """The matplotlib figure, for `helpers.plots.show(board, alt=…)`."""
        return self.figure

    def _stroke(self, pieces, color, thickness=1.8, fill="none", dashed=False, kind="line"):
        """Draw a stroke (see `ink`) and, if it has a `kind`, add it to the ledger."""
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path as Outline

        codes = {"M": Outline.MOVETO, "L": Outline.LINETO, "Q": Outline.CURVE3, "C": Outline.CURVE4}
        vertices = [point for _, points in pieces for point in points]
        steps = [codes[code] for code, points in pieces for _ in points]
        patch = PathPatch(
            Outline(vertices, steps), facecolor=fill, edgecolor=color, linewidth=thickness,
            linestyle=(0, (4, 3)) if dashed else "solid", capstyle="round", joinstyle="round",
            zorder=1 if kind in (None, "outline") else 2, clip_on=False,
        )  # fmt: skip
        self._axes.add_patch(patch)
        if kind:
            self.ledger.strokes.append(Stroke(ink.sampled(pieces), kind))

    def text(
        self, x, y, content, size=15, color="ink", align="center", bold=False, italic=False,
        mono=False, width=None, covers=False,
    ):  # fmt: skip
        """Write `content`, vertically centered at `y`, and return its box.

        `x` is its center, or its left or right end by `align`. Lines break at newlines, and between
        words if `width` is given. `covers` hides the strokes below it behind a patch of paper.
        Raises ValueError for a size too small to read or an unknown color.
        """
        if size < SMALLEST:
            raise ValueError(f"size {size} is too small to read: use {SMALLEST} or more")
        style = {"bold": bold, "italic": italic, "mono": mono}
        lines = break_lines(content, width, size, **style)
        box = self._block(x, y, lines, size, align, style)
        if covers:
            self._stroke(ink.rectangle(*_corners(box.grown(2))), "none", fill=PAPER, kind=None)
            self._axes.patches[-1].set_zorder(2.5)
        for index, line in enumerate(lines):
            line_width = text_width(line, size, **style)
            slack = {"left": 0, "center": 0.5, "right": 1}[align] * (box.width - line_width)
            baseline = box.y + (ASCENT + index * LINE_HEIGHT) * size
            self._axes.text(
                box.x + slack, baseline, line, fontsize=size, color=MARKERS[color], zorder=3,
                fontproperties=_font(**style), parse_math=_is_math(line), va="baseline",
            )  # fmt: skip
        self.ledger.words.append(Words(box, content, covers))
        return box

    def _block(self, x, y, lines, size, align, style):
        """The box of lines of text that are vertically centered at `y`."""
        width = max(text_width(line, size, **style) for line in lines)
        height = (ASCENT + DESCENT + (len(lines) - 1) * LINE_HEIGHT) * size
        if align not in ("left", "center", "right"):
            raise ValueError(f"align is {align!r}: use 'left', 'center' or 'right'")
        start = x - {"left": 0, "center": 0.5, "right": 1}[align] * width
        return Box(start, y - height / 2, width, height)

    def faults(self) -> list[str]:
        """The faults of the drawing, one sentence each; an empty list if there are none."""
        return find_faults(self.ledger)

    def svg(self, draft=False) -> str:
        """The drawing as SVG text; unless it is a `draft`, raises ValueError listing its faults."""
        from matplotlib import rc_context

        found = self.faults()
        if found and not draft:
            more = [f"and {len(found) - 12} more"] if len(found) > 12 else []
            text = "\n- ".join([f"the board {self.title!r} has faults:", *found[:12], *more])
            raise ValueError(text)
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        with rc_context(_RC):
            self.figure.savefig(buffer, format="svg", metadata=nothing)
        return tidy(buffer.getvalue(), self.width, self.height, self.title, self.description)

    def save(self, path) -> None:
        """Write the SVG file; raises ValueError if the drawing has faults."""
        Path(path).write_text(self.svg(), encoding="utf-8", newline="\n")


def break_lines(content: str, width=None, size=15, **style) -> list[str]:
    """Split text into lines of at most `width` pixels, as far as its words allow.

    >>> break_lines("one word more", width=90, size=15)
    ['one word', 'more']
    """
    if not content.strip():
        raise ValueError("there is no text to write")
    lines = content.split("\n")
    if width is None:
        return lines
    broken = []
    for line in lines:
        here = ""
        for word in line.split(" "):
            longer = f"{here} {word}" if here else word
            if here and text_width(longer, size, **style) > width:
                broken.append(here)
                longer = word
            here = longer
        broken.append(here)
    return broken


def _corners(box: Box):
    return box.x, box.y, box.width, box.height
