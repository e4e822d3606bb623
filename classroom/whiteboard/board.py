"""The larger pieces of a drawing: token strips, matrices with numbers, stacks of layers.

Shapes of data: T tokens, vectors of size D.
"""

from dataclasses import dataclass

from classroom.whiteboard import ink
from classroom.whiteboard.chart import Chart
from classroom.whiteboard.geometry import Box, around
from classroom.whiteboard.ledger import Solid
from classroom.whiteboard.paper import FILLS, INK, MARKERS, PAPER, text_width
from classroom.whiteboard.shapes import Shapes


@dataclass(frozen=True)
class Matrix:
    """A matrix on the board: `cells[row][column]` are boxes, `box` is around all of them."""

    cells: list[list[Box]]
    box: Box

    def row(self, index: int) -> Box:
        """The box around one row."""
        return around(*self.cells[index])

    def column(self, index: int) -> Box:
        """The box around one column."""
        return around(*(row[index] for row in self.cells))


class Board(Shapes):
    """A whiteboard: `box`, `arrow`, `note`, `tokens`, `matrix`, `layers`, `chart` and the rest.

    Draw from back to front, then `save(path)`; or `helpers.plots.show(board, alt=…)` in a
    notebook. Everything is placed in pixels, x to the right and y down; the title takes the top
    50 pixels.
    """

    def tokens(
        self, x, y, texts, ids=None, fills="blue", size=15, height=34, gap=6, width=None, mono=False
    ):
        """Draw a strip of tokens from (x, y) to the right, with their ids below; returns boxes.

        `fills` is one color or one per token; `width` makes all equally wide.
        """
        boxes = []
        for index, text in enumerate(texts):
            fill = fills if isinstance(fills, str) or fills is None else fills[index]
            wide = width or text_width(text, size, mono=mono) + 18
            box = self.box(x, y, wide, height, text, fill=fill, size=size, mono=mono)
            if ids is not None:
                self.text(box.center[0], box.y_end + 12, str(ids[index]), 13, "gray", mono=True)
            boxes.append(box)
            x += wide + gap
        return boxes

    def matrix(
        self, x, y, values, rows=(), columns=(), digits=2, cell=(50, 28), size=14, heat=None,
        fills=None, title="", color="ink", grid=False,
    ):  # fmt: skip
        """Draw a matrix of numbers or short texts with its top left cell at (x, y).

        `rows` and `columns` are labels outside it; `title` is above. `heat` names a color whose
        intensity shows the values; `fills` maps (row, column) to a color. There are brackets at
        its sides, or a `grid` of lines. A cell of None is empty. Returns a `Matrix`.
        """
        table = [list(row) for row in (values.tolist() if hasattr(values, "tolist") else values)]
        if len({len(row) for row in table}) != 1:
            raise ValueError(f"the rows of a matrix have {[len(row) for row in table]} columns")
        width, height = cell
        cells = [
            [Box(x + j * width, y + i * height, width, height) for j in range(len(table[0]))]
            for i in range(len(table))
        ]
        matrix = Matrix(cells, around(*(box for row in cells for box in row)))
        numbers = [abs(v) for row in table for v in row if isinstance(v, int | float)]
        for i, row in enumerate(table):
            for j, value in enumerate(row):
                fill = (fills or {}).get((i, j))
                strength = 0.0
                if heat and isinstance(value, int | float):
                    strength = abs(value) / (max(numbers) or 1)
                self._cell(cells[i][j], value, digits, size, _tint(fill, heat, strength), grid)
        if not grid:
            self._brackets(matrix.box, MARKERS[color])
        self._matrix_labels(matrix, rows, columns, title, color)
        return matrix

    def _cell(self, box, value, digits, size, tint, grid):
        if tint or grid:
            inner = box.grown(-1.5) if not grid else box
            pieces = ink.rectangle(inner.x, inner.y, inner.width, inner.height, 5, wobble=0.4)
            edge = "gray" if grid else "none"
            self._stroke(pieces, MARKERS.get(edge, edge), 1.2, fill=tint or "none", kind=None)
        self.ledger.solids.append(Solid(box.grown(-0.6)))
        if value is None:
            return
        content = value if isinstance(value, str) else f"{value:.{digits}f}".replace("-", "−")
        words = self.text(*box.center, content, size)
        self._must_fit(words, box, (box.width - 4, box.height - 4))

    def _brackets(self, box, color):
        for x, inward in ((box.x - 3, 7), (box.x_end + 3, -7)):
            corners = [(x + inward, box.y - 3), (x, box.y - 3), (x, box.y_end + 3)]
            pieces = ink.line([*corners, (x + inward, box.y_end + 3)], wobble=0.6, radius=2)
            self._stroke(pieces, color, thickness=2.0, kind="line")

    def _matrix_labels(self, matrix, rows, columns, title, color):
        for i, label in enumerate(rows):
            box = matrix.row(i)
            self.text(box.x - 11, box.center[1], label, 14, align="right")
        for j, label in enumerate(columns):
            self.text(matrix.column(j).center[0], matrix.box.y - 15, label, 14)
        if title:
            above = matrix.box.y - (38 if columns else 19)
            self.text(matrix.box.center[0], above, title, 15, color, bold=True)

    def layers(
        self, x, y, names, width=180, height=40, gap=20, fills="blue", size=15, upward=True,
        color="ink",
    ):  # fmt: skip
        """Draw a stack of boxes joined by arrows; returns boxes in the order of `names`.

        The first name is at the bottom (data flows up), or at the top if not `upward`; (x, y) is
        the top left corner of the whole stack.
        """
        boxes = []
        for index, name in enumerate(names):
            place = len(names) - 1 - index if upward else index
            fill = fills if isinstance(fills, str) or fills is None else fills[index]
            top = y + place * (height + gap)
            boxes.append(self.box(x, top, width, height, name, fill=fill, size=size))
        for before, after in zip(boxes, boxes[1:], strict=False):
            self.arrow(before, after, color=color)
        return boxes

    def bubble(self, x, y, width, height, text, fill="gray", tail="left", size=15):
        """Draw a speech bubble with its tail at the lower left or right; returns its box."""
        foot = x + 26 if tail == "left" else x + width - 26
        aside = -12 if tail == "left" else 12
        bottom = y + height
        box = self.box(x, y, width, height, text, fill=fill, size=size)
        pieces = [("M", [(foot - 9, bottom)]), ("L", [(foot + aside, bottom + 14)]),
                  ("L", [(foot + 9, bottom)])]  # fmt: skip
        self._stroke([("M", [(foot - 9, bottom - 1.5)]), *pieces[1:2], ("L", [(foot + 9, bottom - 1.5)])],
                     "none", fill=FILLS[fill], kind=None)  # fmt: skip
        self._axes.patches[-1].set_zorder(1.5)
        self._stroke(pieces, INK)
        return box

    def drum(self, x, y, width, height, text="", fill="orange", size=15):
        """Draw a drum, the symbol of stored data, with text on its side; returns its box."""
        lid = min(22, height / 4)
        box = Box(x, y, width, height)
        self._stroke(ink.rectangle(x, y + lid / 2, width, height - lid / 2, radius=14), INK,
                     fill=FILLS[fill], kind="outline")  # fmt: skip
        self._stroke(ink.ellipse(x, y, width, lid), INK, fill=FILLS[fill], kind="outline")
        self.ledger.solids.append(Solid(box))
        if text:
            side = Box(x, y + lid, width, height - lid)
            room = (width - 14, height - lid - 6)
            words = self._text_inside(side, text, "ink", room, {"size": size})
            self._must_fit(words, side, room)
        return box

    def chart(self, x, y, width, height, x_range, y_range, **labels) -> Chart:
        """Draw a pair of axes whose origin is at the bottom left; see `Chart`."""
        return Chart(self, Box(x, y, width, height), x_range, y_range, **labels)


def _tint(fill, heat, strength):
    """The color of a cell: a named fill, or a mixture of paper and marker."""
    if fill:
        return FILLS[fill]
    if not heat:
        return None
    paper, marker = (
        [int(color[place : place + 2], 16) for place in (1, 3, 5)]
        for color in (PAPER, MARKERS[heat])
    )
    mixed = (round(p + 0.5 * strength * (m - p)) for p, m in zip(paper, marker, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)
