"""Boxes, ovals, arrows, braces and handwritten notes: the single shapes of a drawing."""

import math

from classroom.whiteboard import ink
from classroom.whiteboard.geometry import Box, Point, tie
from classroom.whiteboard.ledger import Solid
from classroom.whiteboard.paper import FILLS, MARKERS, Paper, break_lines

PADDING = 7  # pixels between text and the edge of its box
GAP = 4  # pixels between an arrow and what it points to


class Shapes(Paper):
    """A page that can draw single shapes."""

    def box(
        self, x, y, width, height, text="", fill=None, color="ink", size=15, bold=False,
        mono=False, text_color="ink", dashed=False, frame=False,
    ):  # fmt: skip
        """Draw a rounded box with its top left corner at (x, y), and its text in the middle.

        Lines break automatically. A `frame` contains other boxes, and its text is at the top.
        Raises ValueError if the text does not fit. Returns the `Box`.
        """
        box = Box(x, y, width, height)
        self._stroke(
            ink.rectangle(x, y, width, height), MARKERS[color], dashed=dashed,
            fill=FILLS[fill] if fill else "none", kind="outline",
        )  # fmt: skip
        self.ledger.solids.append(Solid(box, frame))
        if text:
            room = (width - 2 * PADDING, height - 6)
            look = {"size": size, "bold": bold, "mono": mono}
            if frame:
                lines = break_lines(text, room[0], **look)
                middle = y + 8 + len(lines) * size * 0.65
                words = self.text(x + width / 2, middle, "\n".join(lines), color=text_color, **look)
            else:
                words = self._text_inside(box, text, text_color, room, look)
            self._must_fit(words, box, room)
        return box

    def oval(self, x, y, width, height, text="", fill=None, color="ink", size=15, bold=False,
             text_color="ink", dashed=False, frame=False):  # fmt: skip
        """Draw an ellipse inside the given rectangle, with text in the middle; returns its `Box`.

        A `frame` contains other shapes, and its text is near the top.
        """
        box = Box(x, y, width, height, oval=True)
        self._stroke(
            ink.ellipse(x, y, width, height), MARKERS[color], dashed=dashed,
            fill=FILLS[fill] if fill else "none", kind="outline",
        )  # fmt: skip
        self.ledger.solids.append(Solid(box, frame))
        if text and frame:
            self.text(x + width / 2, y + 14 + size / 2, text, size, text_color, bold=bold)
        elif text:
            room = (0.8 * width, 0.7 * height)
            words = self._text_inside(box, text, text_color, room, {"size": size, "bold": bold})
            self._must_fit(words, box, room)
        return box

    def _text_inside(self, box, text, text_color, room, look):
        lines = break_lines(text, room[0], **look)
        return self.text(*box.center, "\n".join(lines), color=text_color, **look)

    def _must_fit(self, words, box, room):
        if words.width > room[0] + 0.5 or words.height > room[1] + 0.5:
            content = self.ledger.words[-1].content
            raise ValueError(
                f"{content!r} needs {words.width:.0f} by {words.height:.0f} pixels, and its box "
                f"offers {room[0]:.0f} by {room[1]:.0f}: widen the box or shorten the text"
            )

    def arrow(
        self, start, end, label="", color="ink", bend=0.0, via=(), dashed=False, side="above",
        size=13, both=False, thickness=1.8, gap=GAP,
    ):  # fmt: skip
        """Draw an arrow between two boxes or points; it stops a little before its target.

        `bend` is the height of its bow (a share of its length, positive to the right of its
        direction); `via` lists corners on the way. `label` is beside its middle: `side` is above,
        below, left or right. `both` puts a head at each end.
        """
        if via:
            points = [tie(start, via[0])[0], *via, tie(via[-1], end)[1]]
        else:
            points = list(tie(start, end))
        if bend and not via:
            points = self._bowed(start, end, ink.bow(*points, bend))
        before_first, before_last = points[1], points[-2]
        points[0] = ink.toward(points[0], before_first, gap)
        points[-1] = ink.toward(points[-1], before_last, gap)
        if bend and not via:
            stroke = [("M", points[:1]), ("Q", points[1:])]
        else:
            stroke = ink.line(points)
        self._stroke(stroke, MARKERS[color], thickness, dashed=dashed, kind="arrow")
        self._head(before_last, points[-1], MARKERS[color], thickness)
        if both:
            self._head(before_first, points[0], MARKERS[color], thickness)
        if label:
            self._label(ink.sampled(stroke), label, side, color, size)

    def _bowed(self, start, end, middle):
        """First point, control point and last point of an arrow bowed over `middle`."""
        ends = [
            thing.edge_towards(middle) if isinstance(thing, Box) else thing
            for thing in (start, end)
        ]
        return [ends[0], middle, ends[1]]

    def _head(self, before: Point, tip: Point, color, thickness):
        angle = math.atan2(tip[1] - before[1], tip[0] - before[0])
        hand = ink.hand_of(*before, *tip)
        ends = []
        for turn in (-1, 1):
            direction = angle + math.pi + turn * (0.48 + hand.uniform(-0.06, 0.06))
            length = min(9.5, 0.6 * math.dist(before, tip)) + hand.uniform(-0.8, 0.8)
            ends.append(
                (tip[0] + length * math.cos(direction), tip[1] + length * math.sin(direction))
            )
        self._stroke(
            [("M", [ends[0]]), ("L", [tip]), ("L", [ends[1]])], color, thickness, kind="arrow"
        )

    def _label(self, points, label, side, color, size):
        x, y = points[len(points) // 2]
        lines = label.count("\n") + 1
        away = 6 + size * (0.5 + 0.65 * (lines - 1))
        if side in ("above", "below"):
            self.text(x, y - away if side == "above" else y + away, label, size, color)
        elif side in ("left", "right"):
            reach = -8 if side == "left" else 8
            align = "right" if side == "left" else "left"
            self.text(x + reach, y, label, size, color, align=align)
        else:
            raise ValueError(f"side is {side!r}: use 'above', 'below', 'left' or 'right'")

    def line(self, points, color="ink", dashed=False, thickness=1.8):
        """Draw a stroke through `points`, with rounded corners."""
        self._stroke(ink.line(list(points)), MARKERS[color], thickness, dashed=dashed)

    def brace(self, start, end, label="", color="ink", depth=12, size=14):
        """Draw a curly brace from `start` to `end`, with its tip to the right and `label` at the tip.

        From left to right it opens upward and its label is below; from right to left the label is
        above; upward it is to the right; downward to the left.
        """
        self._stroke(ink.brace(start, end, depth), MARKERS[color], kind="line")
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = math.hypot(dx, dy)
        tip = (
            (start[0] + end[0]) / 2 - depth * dy / length,
            (start[1] + end[1]) / 2 + depth * dx / length,
        )
        if label and abs(dx) > abs(dy):
            lines = label.count("\n") + 1
            away = (5 + size * (0.5 + 0.65 * (lines - 1))) * (1 if dx > 0 else -1)
            self.text(tip[0], tip[1] + away, label, size, color)
        elif label:
            right = dy < 0
            self.text(tip[0] + (6 if right else -6), tip[1], label, size, color,
                      align="left" if right else "right")  # fmt: skip

    def note(
        self, x, y, text, color="red", to=None, size=14, align="center", bend=0.15, width=None
    ):
        """Write a remark in slanted letters; with `to`, a curved arrow leads to a box or point."""
        words = self.text(x, y, text, size, color, align=align, italic=True, width=width)
        if to is not None:
            self.arrow(words, to, color=color, bend=bend, thickness=1.5)
        return words

    def ring(self, box, color="red", margin=5):
        """Draw a ring around a box to point it out; it may run over text."""
        wide = box.grown(margin)
        pieces = ink.ellipse(wide.x, wide.y, wide.width, wide.height, turns=1.08)
        self._stroke(pieces, MARKERS[color], thickness=2.2, kind="over")

    def cross(self, box, color="red"):
        """Cross out a box with two strokes, which may run over its text."""
        inner = box.grown(-0.12 * min(box.width, box.height))
        for start, end in ((0, 1), (1, 0)):
            stroke = ink.line([inner.at(0, start), inner.at(1, end)])
            self._stroke(stroke, MARKERS[color], thickness=2.0, kind="over")
