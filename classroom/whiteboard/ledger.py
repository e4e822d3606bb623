"""What is drawn where on a page: the lists that are searched for faults."""

from dataclasses import dataclass, field

from classroom.whiteboard.geometry import Box


@dataclass(frozen=True)
class Words:
    """A block of text on the page; with `covers`, a patch of paper hides what is below."""

    box: Box
    content: str
    covers: bool = False


@dataclass(frozen=True)
class Stroke:
    """A stroke on the page: `kind` is arrow, line, outline, or over (meant to cross words)."""

    points: list
    kind: str


@dataclass(frozen=True)
class Solid:
    """A box on the page; a `frame` may hold other boxes and arrows may enter it."""

    box: Box
    frame: bool = False


@dataclass
class Ledger:
    """What is drawn where on a page; `classroom.whiteboard.faults` reads it."""

    page: Box
    words: list[Words] = field(default_factory=list)
    strokes: list[Stroke] = field(default_factory=list)
    solids: list[Solid] = field(default_factory=list)
