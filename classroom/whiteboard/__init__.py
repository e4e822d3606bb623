"""A whiteboard to draw on: boxes, arrows, tokens, matrices and curves in one hand-drawn style.

The figures of the lecture notes are drawn with it, one function per figure, and yours can be, too.
A board measures what it draws: text that does not fit into its box, labels that overlap and arrows
through text raise an error instead of ending up in a figure.

    >>> board = Board(400, 200, "Two boxes", "An arrow leads from words to numbers.")
    >>> words = board.box(30, 80, 130, 60, "words", fill="blue")
    >>> numbers = board.box(240, 80, 130, 60, "numbers", fill="green")
    >>> _ = board.arrow(words, numbers)
    >>> board.faults()
    []
    >>> board.svg().startswith("<svg")
    True

Modules, each building on the ones before: `ink` (wobbly strokes), `geometry` (boxes as
rectangles), `ledger` (a list of what is drawn where), `faults` (errors in a drawing), `svg` (a
small file), `paper` (the page, its text, its file), `shapes` (boxes, arrows, notes), `board` (tokens, matrices, layers), `chart` (curves on axes).
"""

from classroom.whiteboard.board import Board
from classroom.whiteboard.geometry import Box
from classroom.whiteboard.paper import FILLS, MARKERS

__all__ = ["FILLS", "MARKERS", "Board", "Box"]
