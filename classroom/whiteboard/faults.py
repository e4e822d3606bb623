"""Find errors in a drawing by computation instead of by eye.

The page keeps a ledger of its text, strokes and boxes. Here it is searched for common defects of
diagrams: text outside the page or overlapping other text, lines through text, arrows through boxes,
boxes that overlap by accident.
"""

from itertools import combinations

from classroom.whiteboard.geometry import Box
from classroom.whiteboard.ledger import Ledger

MARGIN = 8  # pixels between text or boxes and the edge of the page
TOUCH = 1.0  # pixels of overlap that are not noticeable


def find_faults(ledger: Ledger) -> list[str]:
    """All faults of a page, one sentence each."""
    return [
        *_off_the_page(ledger),
        *_words_on_words(ledger),
        *_lines_through_words(ledger),
        *_arrows_through_boxes(ledger),
        *_boxes_on_boxes(ledger),
    ]


def _off_the_page(ledger: Ledger):
    inside = ledger.page.grown(-MARGIN)
    for words in ledger.words:
        if not inside.contains(words.box):
            yield f"{_quote(words.content)} leaves the page: it lies at {_place(words.box)}"
    for solid in ledger.solids:
        if not inside.contains(_plain(solid.box)):
            yield f"a box leaves the page: it lies at {_place(solid.box)}"
    for stroke in ledger.strokes:
        outside = [point for point in stroke.points if not ledger.page.grown(-4).has(point)]
        if outside and stroke.kind != "outline":
            yield f"a stroke leaves the page near {_spot(outside[0])}"


def _words_on_words(ledger: Ledger):
    for first, second in combinations(ledger.words, 2):
        if first.box.grown(-TOUCH / 2).overlaps(second.box.grown(-TOUCH / 2)):
            yield f"{_quote(first.content)} and {_quote(second.content)} overlap"


def _lines_through_words(ledger: Ledger):
    for words in ledger.words:
        if words.covers:
            continue
        inner = words.box.grown(-TOUCH)
        for stroke in ledger.strokes:
            if stroke.kind == "over":
                continue
            hit = next((point for point in stroke.points if inner.has(point)), None)
            if hit:
                yield f"the {stroke.kind} near {_spot(hit)} runs through {_quote(words.content)}"


def _arrows_through_boxes(ledger: Ledger):
    for stroke in ledger.strokes:
        if stroke.kind != "arrow":
            continue
        for solid in ledger.solids:
            if solid.frame:
                continue
            inner = solid.box.grown(-3)
            hit = next((point for point in stroke.points if inner.has(point)), None)
            if hit and inner.width > 0 and inner.height > 0:
                yield f"an arrow near {_spot(hit)} runs into the box at {_place(solid.box)}"


def _boxes_on_boxes(ledger: Ledger):
    for first, second in combinations(ledger.solids, 2):
        one, other = _plain(first.box), _plain(second.box)
        apart = not one.grown(-TOUCH).overlaps(other.grown(-TOUCH))
        nested = (
            first.box.contains(other.grown(-TOUCH)) and first.frame
            or second.box.contains(one.grown(-TOUCH)) and second.frame
        )  # fmt: skip
        if not (apart or nested or first.box.oval or second.box.oval):
            yield f"the boxes at {_place(one)} and {_place(other)} overlap"


def _plain(box: Box) -> Box:
    return Box(box.x, box.y, box.width, box.height)


def _quote(content: str) -> str:
    return repr(content if len(content) < 40 else content[:37] + "…")


def _spot(point) -> str:
    return f"({point[0]:.0f}, {point[1]:.0f})"


def _place(box: Box) -> str:
    return f"({box.x:.0f}, {box.y:.0f}) to ({box.x_end:.0f}, {box.y_end:.0f})"
