"""Rectangles on the board, and the points on their edges where arrows begin and end.

Units are pixels of the picture at its natural size. x grows to the right, y grows DOWN.
"""

from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A rectangle with its top left corner at (x, y), or the ellipse inside it if `oval`.

    >>> box = Box(10, 20, 100, 40)
    >>> box.center, box.right, box.bottom
    ((60.0, 40.0), (110, 40.0), (60.0, 60))
    """

    x: float
    y: float
    width: float
    height: float
    oval: bool = False

    @property
    def x_end(self) -> float:
        """The x of the right edge."""
        return self.x + self.width

    @property
    def y_end(self) -> float:
        """The y of the bottom edge."""
        return self.y + self.height

    @property
    def center(self) -> Point:
        """The point in the middle."""
        return (self.x + self.width / 2, self.y + self.height / 2)

    @property
    def left(self) -> Point:
        """The middle of the left edge."""
        return (self.x, self.y + self.height / 2)

    @property
    def right(self) -> Point:
        """The middle of the right edge."""
        return (self.x_end, self.y + self.height / 2)

    @property
    def top(self) -> Point:
        """The middle of the top edge."""
        return (self.x + self.width / 2, self.y)

    @property
    def bottom(self) -> Point:
        """The middle of the bottom edge."""
        return (self.x + self.width / 2, self.y_end)

    def at(self, across: float, down: float) -> Point:
        """A point at fractions of the width and the height.

        >>> Box(0, 0, 100, 50).at(0.25, 1)
        (25.0, 50)
        """
        return (self.x + across * self.width, self.y + down * self.height)

    def grown(self, margin: float) -> "Box":
        """The same box with `margin` added on every side (a negative margin shrinks it)."""
        return Box(
            self.x - margin,
            self.y - margin,
            self.width + 2 * margin,
            self.height + 2 * margin,
            self.oval,
        )

    def has(self, point: Point) -> bool:
        """True if `point` is strictly inside."""
        if self.oval:
            (middle_x, middle_y), half_w, half_h = self.center, self.width / 2, self.height / 2
            across, down = (point[0] - middle_x) / half_w, (point[1] - middle_y) / half_h
            return across**2 + down**2 < 1
        return self.x < point[0] < self.x_end and self.y < point[1] < self.y_end

    def contains(self, other: "Box") -> bool:
        """True if `other` is inside this box or on its edge.

        >>> Box(0, 0, 10, 10).contains(Box(2, 2, 8, 8))
        True
        """
        corners = [other.at(across, down) for across in (0, 1) for down in (0, 1)]
        if self.oval and not other.oval:
            return all(self.has(corner) for corner in corners)
        return all(self.x <= x <= self.x_end and self.y <= y <= self.y_end for x, y in corners)

    def overlaps(self, other: "Box") -> bool:
        """True if the two rectangles share more than an edge."""
        return (
            self.x < other.x_end
            and other.x < self.x_end
            and self.y < other.y_end
            and other.y < self.y_end
        )

    def edge_towards(self, point: Point) -> Point:
        """The point where the straight line from the center to `point` leaves the box.

        >>> Box(0, 0, 100, 40).edge_towards((300, 20))
        (100.0, 20.0)
        """
        middle_x, middle_y = self.center
        dx, dy = point[0] - middle_x, point[1] - middle_y
        if dx == dy == 0:
            raise ValueError(f"the point {point} is the center of the box: no direction to go")
        across, down = abs(dx) / (self.width / 2), abs(dy) / (self.height / 2)
        reach = 1 / (across**2 + down**2) ** 0.5 if self.oval else 1 / max(across, down)
        return (middle_x + dx * reach, middle_y + dy * reach)


def around(*boxes: Box, margin: float = 0) -> Box:
    """The smallest box around all the given ones, with a margin.

    >>> around(Box(0, 0, 10, 10), Box(30, 5, 10, 20))
    Box(x=0, y=0, width=40, height=25, oval=False)
    """
    x, y = min(box.x for box in boxes), min(box.y for box in boxes)
    x_end, y_end = max(box.x_end for box in boxes), max(box.y_end for box in boxes)
    return (
        Box(x, y, x_end - x, y_end - y).grown(margin) if margin else Box(x, y, x_end - x, y_end - y)
    )


def tie(start: "Box | Point", end: "Box | Point") -> tuple[Point, Point]:
    """The first and last point of an arrow from `start` to `end`.

    The line between boxes that face each other is horizontal or vertical if possible; otherwise it
    runs from center to center and stops at the edges.

    >>> tie(Box(0, 0, 40, 40), Box(100, 10, 40, 20))
    ((40, 20.0), (100, 20.0))
    """
    if isinstance(start, Box) and isinstance(end, Box) and not (start.oval or end.oval):
        low, high = max(start.y, end.y), min(start.y_end, end.y_end)
        if high - low > 8:
            middle = (low + high) / 2
            if start.x_end <= end.x:
                return (start.x_end, middle), (end.x, middle)
            if end.x_end <= start.x:
                return (start.x, middle), (end.x_end, middle)
        low, high = max(start.x, end.x), min(start.x_end, end.x_end)
        if high - low > 8:
            middle = (low + high) / 2
            if start.y_end <= end.y:
                return (middle, start.y_end), (middle, end.y)
            if end.y_end <= start.y:
                return (middle, start.y), (middle, end.y_end)
    goal = end.center if isinstance(end, Box) else end
    origin = start.center if isinstance(start, Box) else start
    first = start.edge_towards(goal) if isinstance(start, Box) else start
    last = end.edge_towards(origin) if isinstance(end, Box) else end
    return first, last
