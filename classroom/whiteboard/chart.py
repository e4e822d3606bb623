"""Axes drawn by hand, for curves, points, bars and arrows in a plane."""

from classroom.whiteboard import ink
from classroom.whiteboard.geometry import Box
from classroom.whiteboard.ledger import Solid
from classroom.whiteboard.paper import FILLS, MARKERS


class Chart:
    """Axes on a board; `x_range` and `y_range` are the values at their two ends.

    `box` is the rectangle of the axes on the board; `at(x, y)` is the point for a pair of values.
    Ticks are numbers, or pairs of a number and its name; they and the axis names are outside the
    box: leave about 45 pixels left and below. `zero` draws thin lines at zero: "x" the vertical
    one, "y" the horizontal one, "xy" both. Without `axes` nothing is drawn, for arrows in a plane.
    """

    def __init__(self, board, box: Box, x_range, y_range, x_label="", y_label="",
                 x_ticks=(), y_ticks=(), zero="", axes=True):  # fmt: skip
        self.board, self.box, self.x_range, self.y_range = board, box, x_range, y_range
        left, bottom = box.x, box.y_end
        if "x" in zero:
            self.curve([0, 0], y_range, "gray", thickness=0.8)
        if "y" in zero:
            self.curve(x_range, [0, 0], "gray", thickness=0.8)
        if axes:
            board.arrow((left - 4, bottom), (box.x_end + 10, bottom), gap=0)
            board.arrow((left, bottom + 4), (left, box.y - 12), gap=0)
        for value, name in map(_named, x_ticks):
            place = self.at(value, y_range[0])[0]
            self._tick((place, bottom - 3), (place, bottom + 4))
            board.text(place, bottom + 16, name, 13)
        for value, name in map(_named, y_ticks):
            height = self.at(x_range[0], value)[1]
            self._tick((left - 4, height), (left + 3, height))
            board.text(left - 9, height, name, 13, align="right")
        if x_label:
            board.text(box.center[0], bottom + (38 if x_ticks else 19), x_label, 14)
        if y_label:
            board.text(left - 6, box.y - 24, y_label, 14, align="left")

    def _tick(self, start, end):
        self.board._stroke([("M", [start]), ("L", [end])], MARKERS["ink"], 1.5)

    def at(self, x: float, y: float):
        """The point on the board for the numbers x and y."""
        (x_low, x_high), (y_low, y_high) = self.x_range, self.y_range
        return (
            self.box.x + (x - x_low) / (x_high - x_low) * self.box.width,
            self.box.y_end - (y - y_low) / (y_high - y_low) * self.box.height,
        )

    def curve(self, xs, ys, color="blue", dashed=False, thickness=2.6):
        """Draw a smooth curve exactly through the points."""
        points = [self.at(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
        stroke = ink.smooth(points) if len(points) > 2 else ink.line(points, wobble=0)
        self.board._stroke(stroke, MARKERS[color], thickness, dashed=dashed)

    def dots(self, xs, ys, color="red", radius=4):
        """Draw a filled dot at each point."""
        for x, y in zip(xs, ys, strict=True):
            middle = self.at(float(x), float(y))
            pieces = ink.ellipse(middle[0] - radius, middle[1] - radius, 2 * radius, 2 * radius)
            self.board._stroke(pieces, MARKERS[color], 1.2, fill=MARKERS[color])

    def arrow(self, x, y, label="", color="blue", away=14, start=(0, 0)):
        """Draw a vector from `start` to (x, y), with its label a little past the tip."""
        tail, tip = self.at(*start), self.at(float(x), float(y))
        self.board.arrow(tail, tip, color=color, thickness=2.4, gap=0)
        if label:
            goal = (2 * tip[0] - tail[0], 2 * tip[1] - tail[1])
            self.board.text(*ink.toward(tip, goal, away), label, 14, color)

    def bars(self, heights, labels=(), fill="blue", values=None, width=0.7, size=13):
        """Draw vertical bars at 0, 1, 2, … with names below and `values` (texts) on top."""
        boxes = []
        for index, height in enumerate(heights):
            low, high = self.at(index - width / 2, 0), self.at(index + width / 2, float(height))
            box = Box(low[0], min(high[1], low[1]), high[0] - low[0], abs(low[1] - high[1]))
            color = fill if isinstance(fill, str) else fill[index]
            pieces = ink.rectangle(box.x, box.y, box.width, max(box.height, 0.5), 3, wobble=0.6)
            self.board._stroke(pieces, MARKERS["ink"], 1.4, fill=FILLS[color], kind="outline")
            self.board.ledger.solids.append(Solid(box))
            if labels:
                self.board.text(box.center[0], self.box.y_end + 15, labels[index], size)
            if values is not None:
                self.board.text(box.center[0], box.y - 11, values[index], size)
            boxes.append(box)
        return boxes


def _named(tick) -> tuple:
    """A tick as a pair of its value and its name."""
    return tick if isinstance(tick, tuple) else (tick, f"{tick:g}".replace("-", "−"))
