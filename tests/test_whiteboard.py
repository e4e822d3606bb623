"""The whiteboard: its geometry, its hand, the faults it finds, and the file it writes."""

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom.whiteboard import FILLS, MARKERS, Board, Box, ink
from classroom.whiteboard.geometry import tie
from classroom.whiteboard.paper import break_lines, text_width
from helpers.plots import PAPER, image_tag

SVG = "{http://www.w3.org/2000/svg}"
boxes = st.builds(
    Box, st.floats(0, 500), st.floats(0, 500), st.floats(20, 300), st.floats(20, 200), st.booleans()
)


def a_board(**change):
    options = {"width": 400, "height": 260, "title": "A board", "description": "For a test."}
    return Board(**{**options, **change})


# ---- geometry ----------------------------------------------------------------------------------


@given(boxes, st.floats(-1000, 1000), st.floats(-1000, 1000))
def test_a_line_leaves_a_box_on_its_edge(box, x, y):
    if math.dist(box.center, (x, y)) < 1:
        return
    edge = box.edge_towards((x, y))
    assert box.grown(0.01).has(edge)
    assert not box.grown(-0.01).has(edge)


def test_arrows_between_facing_boxes_are_level_or_upright():
    left, right, below = Box(0, 0, 60, 40), Box(200, 20, 60, 60), Box(10, 100, 80, 40)
    assert tie(left, right) == ((60, 30), (200, 30))
    assert tie(right, left) == ((200, 30), (60, 30))
    assert tie(left, below) == ((35, 40), (35, 100))
    assert tie(below, left) == ((35, 100), (35, 40))
    (_, start_y), (_, end_y) = tie(left, Box(200, 200, 60, 40))
    assert start_y != end_y


def test_the_center_of_a_box_is_no_direction():
    with pytest.raises(ValueError, match="no direction"):
        Box(0, 0, 10, 10).edge_towards((5, 5))


# ---- strokes -----------------------------------------------------------------------------------


@given(boxes)
def test_a_rectangle_stays_near_its_true_edges(box):
    for x, y in ink.sampled(ink.rectangle(box.x, box.y, box.width, box.height)):
        assert Box(box.x, box.y, box.width, box.height).grown(4).has((x, y))


def test_a_stroke_is_drawn_the_same_whatever_else_is_drawn():
    alone = ink.line([(10, 10), (200, 40), (200, 90)])
    ink.rectangle(0, 0, 50, 50)
    assert ink.line([(10, 10), (200, 40), (200, 90)]) == alone
    assert ink.line([(10, 10), (200, 45), (200, 90)]) != alone


def test_a_hand_wobbles_and_data_does_not():
    line = ink.sampled(ink.line([(0, 0), (300, 0)]))
    assert 0.05 < max(abs(y) for _, y in line) < 3
    points = [(0.0, 0.0), (10.0, 5.0), (20.0, -3.0), (30.0, 8.0)]
    drawn = [piece[1][-1] for piece in ink.smooth(points)]
    assert drawn == points


def test_an_arc_bows_to_the_right_hand_of_its_direction():
    assert ink.bow((0, 0), (100, 0), 0.2)[1] > 0  # going right: down
    assert ink.bow((100, 0), (0, 0), 0.2)[1] < 0  # going left: up


# ---- faults ------------------------------------------------------------------------------------


def test_a_clean_board_has_no_faults():
    board = a_board()
    start, end = board.box(30, 90, 100, 50, "start"), board.box(260, 90, 100, 50, "end")
    board.arrow(start, end, "then")
    board.note(100, 210, "a remark", to=start.bottom)
    board.ring(end)
    board.cross(end)
    assert board.faults() == []


def _words_off_the_page(board):
    board.text(390, 100, "too far right")


def _words_on_words(board):
    board.text(200, 100, "one label")
    board.text(230, 105, "another label")


def _line_through_words(board):
    board.text(200, 100, "struck by accident")
    board.line([(50, 100), (350, 102)])


def _arrow_through_words(board):
    board.text(200, 100, "in the way")
    board.arrow((50, 100), (350, 100))


def _arrow_through_box(board):
    board.box(150, 80, 80, 60)
    board.arrow((50, 110), (350, 110))


def _boxes_overlap(board):
    board.box(50, 80, 100, 60)
    board.box(120, 100, 100, 60)


def _box_off_the_page(board):
    board.box(350, 80, 100, 60)


def _stroke_off_the_page(board):
    board.line([(50, 100), (450, 100)])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_words_off_the_page, "leaves the page"),
        (_words_on_words, "overlap"),
        (_line_through_words, "runs through"),
        (_arrow_through_words, "runs through"),
        (_arrow_through_box, "runs into the box"),
        (_boxes_overlap, "overlap"),
        (_box_off_the_page, "leaves the page"),
        (_stroke_off_the_page, "leaves the page"),
    ],
)
def test_faults_are_found_and_no_file_is_written(spoil, words, tmp_path):
    board = a_board()
    spoil(board)
    assert any(words in fault for fault in board.faults())
    with pytest.raises(ValueError, match="has faults"):
        board.save(tmp_path / "spoiled.svg")
    assert not list(tmp_path.iterdir())
    assert board.svg(draft=True).startswith("<svg")


def test_a_frame_may_hold_boxes_and_be_entered():
    board = a_board()
    board.box(100, 70, 250, 150, "a group", frame=True)
    inner = board.box(180, 130, 100, 50, "member")
    board.arrow((40, 155), inner)
    assert board.faults() == []


def test_a_patch_of_paper_excuses_words_on_a_line():
    board = a_board()
    board.line([(50, 120), (350, 120)])
    board.text(200, 120, "on the line", covers=True)
    assert board.faults() == []


def test_many_faults_are_told_in_few_lines():
    board = a_board()
    for shift in range(8):
        board.text(200 + shift, 120, "again")
    with pytest.raises(ValueError, match="and 16 more"):
        board.svg()


# ---- what does not fit, and bad input ----------------------------------------------------------


def test_text_that_does_not_fit_its_box_is_refused():
    board = a_board()
    with pytest.raises(ValueError, match="widen the box"):
        board.box(50, 80, 60, 30, "incomprehensibilities")
    with pytest.raises(ValueError, match="widen the box"):
        board.oval(50, 80, 60, 30, "round and long")
    with pytest.raises(ValueError, match="widen the box"):
        board.matrix(50, 150, [[123456.789]], cell=(40, 28))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda: a_board(title=" "), "title and a description"),
        (lambda: a_board(description=""), "title and a description"),
        (lambda: a_board(width=5000), "5000x260"),
        (lambda: a_board().text(200, 100, "tiny", size=8), "too small"),
        (lambda: a_board().text(200, 100, "  "), "no text"),
        (lambda: a_board().text(200, 100, "left", align="middle"), "align"),
        (lambda: a_board().arrow((50, 90), (300, 90), "label", side="over"), "side"),
        (lambda: a_board().matrix(50, 90, [[1, 2], [3]]), r"\[2, 1\] columns"),
    ],
)
def test_bad_input_is_refused_with_its_value(spoil, words):
    with pytest.raises(ValueError, match=words):
        spoil()


# ---- the pieces --------------------------------------------------------------------------------


def test_lines_break_between_words_and_keep_newlines():
    assert break_lines("a\nb") == ["a", "b"]
    lines = break_lines("several words that must be broken", width=100, size=15)
    assert " ".join(lines) == "several words that must be broken"
    assert all(text_width(line, 15) <= 100 for line in lines)


def test_a_matrix_knows_its_cells():
    board = a_board()
    matrix = board.matrix(100, 100, np.arange(6).reshape(2, 3), rows=["a", "b"], digits=0)
    assert matrix.box == Box(100, 100, 150, 56)
    assert matrix.row(1) == Box(100, 128, 150, 28)
    assert matrix.column(2) == Box(200, 100, 50, 56)
    written = [words.content for words in board.ledger.words]
    assert written == ["A board", "0", "1", "2", "3", "4", "5", "a", "b"]


def test_minus_signs_are_written_as_minus_signs():
    board = a_board()
    board.matrix(100, 100, [[-0.5]])
    assert board.ledger.words[-1].content == "−0.50"


def test_layers_are_stacked_upwards_in_the_order_of_their_names():
    low, high = a_board().layers(100, 80, ["first", "second"])
    assert low.y > high.y
    first, second = a_board().layers(100, 80, ["first", "second"], upward=False)
    assert first.y < second.y


def test_tokens_are_as_wide_as_their_words():
    short, long = a_board().tokens(40, 90, ["a", "journey"], ids=[64, 7002])
    assert long.width > short.width
    assert long.x == pytest.approx(short.x_end + 6)


def test_a_chart_puts_numbers_where_they_belong():
    chart = a_board().chart(80, 80, 200, 100, (0, 10), (-1, 1), zero="y")
    assert chart.at(0, -1) == (80, 180)
    assert chart.at(5, 0) == (180, 130)
    assert chart.at(10, 1) == (280, 80)
    first, second = chart.bars([0.5, 1.0])
    assert second.height == pytest.approx(2 * first.height)


# ---- the file ----------------------------------------------------------------------------------


def a_full_board():
    board = a_board(title="Less < more & 'so'", description="A box, <an arrow> & a curve.")
    board.arrow(board.box(30, 90, 90, 40, "$q \\cdot k$", fill="blue"), (200, 110), color="red")
    board.chart(260, 90, 100, 80, (0, 1), (0, 1)).curve([0, 0.5, 1], [0, 0.25, 1])
    return board


def test_the_same_drawing_gives_the_same_bytes():
    assert a_full_board().svg() == a_full_board().svg()


def test_the_file_speaks_to_screen_readers_and_needs_no_font():
    root = ElementTree.fromstring(a_full_board().svg())
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "title description"
    assert root.find(f"{SVG}title").text == "Less < more & 'so'"
    assert root.find(f"{SVG}desc").text == "A box, <an arrow> & a curve."
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags == {"svg", "title", "desc", "defs", "path", "g", "use"}


def test_the_file_is_small_and_its_glyphs_are_all_there():
    drawing = a_full_board().svg()
    used = set(re.findall(r'xlink:href="#(\w+)"', drawing))
    kept = set(re.findall(r'<path id="(\w+)"', drawing))
    assert used and used <= kept
    body = drawing[drawing.index("</defs>") :]
    assert not re.search(r' d="[^"]*\.\d\d', body)  # a tenth of a pixel is enough
    assert len(drawing) < 20_000


def test_the_first_thing_drawn_is_an_opaque_page():
    body = a_full_board().svg().partition("</defs>")[2]
    page = re.search(r"<path [^>]*>", body)[0]
    assert f"fill:{PAPER}" in page
    assert "opacity" not in body


def _contrast(one, other):
    def light(color):
        parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", MARKERS)
def test_every_marker_can_be_read_on_paper(name):
    assert _contrast(MARKERS[name], PAPER) >= 4.5


@pytest.mark.parametrize("name", FILLS)
def test_ink_can_be_read_on_every_fill(name):
    assert _contrast(MARKERS["ink"], FILLS[name]) >= 7


def test_a_board_can_be_shown_in_a_notebook():
    assert image_tag(a_full_board(), alt="A box and a curve").startswith('<img alt="A box')
