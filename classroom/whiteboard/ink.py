"""Strokes that look drawn by hand, and are the same each time they are drawn.

A straight line becomes a slightly bowed curve, and corners are slightly off. The amount comes from
a random number generator seeded with the stroke's own coordinates, so a stroke looks the same in
every run, whatever is drawn before or after it. Each function returns
a list of `(code, points)` pieces, as in a path of matplotlib or SVG: "M" move, "L" line,
"Q" curve with one control point, "C" curve with two.
"""

import math
import random

Point = tuple[float, float]
Pieces = list[tuple[str, list[Point]]]


def hand_of(*key) -> random.Random:
    """A random number generator that depends only on the coordinates."""
    return random.Random(repr([round(value) for value in key]))


def _shake(point: Point, hand: random.Random, amount: float) -> Point:
    return (point[0] + hand.uniform(-amount, amount), point[1] + hand.uniform(-amount, amount))


def _leg(start: Point, end: Point, hand: random.Random, wobble: float) -> tuple[str, list[Point]]:
    """A straight segment as a curve whose two control points are moved off the line."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy)
    bow = wobble * min(2.4, 0.4 + 0.01 * length)
    normal = (-dy / length, dx / length) if length else (0.0, 0.0)
    controls = []
    for part in (0.3, 0.7):
        off = hand.uniform(-bow, bow)
        controls.append(
            (start[0] + part * dx + off * normal[0], start[1] + part * dy + off * normal[1])
        )
    return ("C", [*controls, end])


def line(points: list[Point], wobble: float = 1.0, radius: float = 10.0) -> Pieces:
    """A stroke through `points`, rounded at the corners on the way.

    >>> [code for code, _ in line([(0, 0), (50, 0), (50, 40)])]
    ['M', 'C', 'Q', 'C']
    """
    hand = hand_of(*(value for point in points for value in point))
    pieces: Pieces = [("M", [points[0]])]
    here = points[0]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        reach = min(radius, math.dist(before, corner) / 2, math.dist(corner, after) / 2)
        entry, leave = toward(corner, before, reach), toward(corner, after, reach)
        pieces += [_leg(here, entry, hand, wobble), ("Q", [corner, leave])]
        here = leave
    return [*pieces, _leg(here, points[-1], hand, wobble)]


def bow(start: Point, end: Point, bend: float) -> Point:
    """The control point of a bowed stroke from `start` to `end`.

    `bend` is the height of the bow as a share of its length, positive to the right.

    >>> bow((0, 0), (100, 0), 0.1)
    (50.0, 20.0)
    """
    dx, dy = end[0] - start[0], end[1] - start[1]
    return ((start[0] + end[0]) / 2 - 2 * bend * dy, (start[1] + end[1]) / 2 + 2 * bend * dx)


def toward(start: Point, goal: Point, distance: float) -> Point:
    """The point `distance` pixels from `start` in the direction of `goal`."""
    part = distance / (math.dist(start, goal) or 1)
    return (start[0] + part * (goal[0] - start[0]), start[1] + part * (goal[1] - start[1]))


def rectangle(
    x: float, y: float, width: float, height: float, radius: float = 9.0, wobble: float = 1.0
) -> Pieces:
    """A closed rectangle with rounded corners, drawn in one stroke."""
    hand = hand_of(x, y, width, height)
    r = min(radius, width / 3, height / 3)
    corners = [(x + width, y), (x + width, y + height), (x, y + height), (x, y)]
    corners = [_shake(corner, hand, 0.7 * wobble) for corner in corners]
    start = (x + r, y + hand.uniform(-0.5, 0.5) * wobble)
    pieces: Pieces = [("M", [start])]
    here = start
    for index, corner in enumerate(corners):
        after = corners[(index + 1) % 4]
        entry, leave = toward(corner, here, r), toward(corner, after, r)
        leave = start if index == 3 else leave
        pieces += [_leg(here, entry, hand, wobble), ("Q", [corner, leave])]
        here = leave
    return pieces


def ellipse(x: float, y: float, width: float, height: float, turns: float = 1.0) -> Pieces:
    """The ellipse inside a rectangle; `turns` above 1 overlaps its beginning, as a drawn ring."""
    hand = hand_of(x, y, width, height, turns)
    middle_x, middle_y = x + width / 2, y + height / 2
    steps = 6
    step = 2 * math.pi * turns / steps
    pull = 4 / 3 * math.tan(step / 4)
    begin = hand.uniform(-2.2, -1.6)
    sizes = [1 + hand.uniform(-0.012, 0.012) for _ in range(steps + 1)]
    sizes[-1] = sizes[0] if turns == 1 else sizes[-1] + 0.03

    def on(angle, size, tangent=0.0):
        across = math.cos(angle) - tangent * math.sin(angle)
        down = math.sin(angle) + tangent * math.cos(angle)
        return (middle_x + width / 2 * size * across, middle_y + height / 2 * size * down)

    pieces: Pieces = [("M", [on(begin, sizes[0])])]
    for index in range(steps):
        first, last = begin + index * step, begin + (index + 1) * step
        controls = [on(first, sizes[index], pull), on(last, sizes[index + 1], -pull)]
        pieces.append(("C", [*controls, on(last, sizes[index + 1])]))
    return pieces


def brace(start: Point, end: Point, depth: float) -> Pieces:
    """A curly brace from `start` to `end`; its tip points `depth` pixels to the right."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy)

    def on(along, aside):
        part = along * length
        return (
            start[0] + part * dx / length - aside * depth * dy / length,
            start[1] + part * dy / length + aside * depth * dx / length,
        )

    bulge = min(0.12, 12 / length)
    return [
        ("M", [on(0, 0)]),
        ("Q", [on(0.01, 0.5), on(bulge, 0.5)]),
        ("L", [on(0.5 - bulge, 0.5)]),
        ("Q", [on(0.5, 0.5), on(0.5, 1)]),
        ("Q", [on(0.5, 0.5), on(0.5 + bulge, 0.5)]),
        ("L", [on(1 - bulge, 0.5)]),
        ("Q", [on(0.99, 0.5), on(1, 0)]),
    ]


def smooth(points: list[Point]) -> Pieces:
    """A smooth curve exactly through all `points`, without wobble."""
    padded = [points[0], *points, points[-1]]
    pieces: Pieces = [("M", [points[0]])]
    for before, here, there, after in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        first = (here[0] + (there[0] - before[0]) / 6, here[1] + (there[1] - before[1]) / 6)
        last = (there[0] - (after[0] - here[0]) / 6, there[1] - (after[1] - here[1]) / 6)
        pieces.append(("C", [first, last, there]))
    return pieces


def sampled(pieces: Pieces, step: float = 3.0) -> list[Point]:
    """Points along a stroke, about `step` pixels apart.

    >>> sampled([("M", [(0, 0)]), ("L", [(6, 0)])])
    [(0, 0), (3.0, 0.0), (6.0, 0.0)]
    """
    found: list[Point] = []
    for code, points in pieces:
        if code == "M":
            found.append(points[0])
            continue
        controls = [found[-1], *points]
        rough = sum(math.dist(a, b) for a, b in zip(controls, points, strict=False))
        count = max(1, math.ceil(rough / step))
        found += [_bezier(controls, index / count) for index in range(1, count + 1)]
    return found


def _bezier(controls: list[Point], part: float) -> Point:
    while len(controls) > 1:
        controls = [
            (a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1]))
            for a, b in zip(controls, controls[1:], strict=False)
        ]
    return controls[0]
