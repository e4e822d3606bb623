"""Merges replayed and drawn."""

import pytest

from classroom.pages.bpe_view import merge_steps, pair_places, plot_merge_steps, replay_merges
from classroom.pages.token_view import DARK
from helpers.plots import new_axes

MERGES = [(b"w", b"e"), (b"l", b"o"), (b"lo", b"we")]


def test_steps_by_hand():
    assert merge_steps(b"lower", MERGES) == [
        ("bytes", [b"l", b"o", b"w", b"e", b"r"]),
        ("w + e", [b"l", b"o", b"we", b"r"]),
        ("l + o", [b"lo", b"we", b"r"]),
        ("lo + we", [b"lowe", b"r"]),
    ]


def test_merges_that_change_nothing_are_left_out():
    assert [label for label, _ in merge_steps(b" we", MERGES)] == ["bytes", "w + e"]
    assert merge_steps(b"", MERGES) == [("bytes", [])]


def test_every_occurrence_of_a_pair_is_replaced():
    assert merge_steps(b"aaaaa", [(b"a", b"a")])[-1][1] == [b"aa", b"aa", b"a"]


def test_the_picture_has_a_tile_for_each_token_and_new_ones_are_dark():
    labels, rows = zip(*merge_steps(b"lower", MERGES), strict=True)
    given = new_axes(5, 2)
    ax = plot_merge_steps(labels, [[row] for row in rows], ax=given)
    assert ax is given
    assert len(ax.patches) == sum(map(len, rows))
    written = [text.get_text() for text in ax.texts]
    assert written[:6] == ["bytes", "l", "o", "w", "e", "r"]
    on_dark = [text.get_text() for text in ax.texts if text.get_color() == "white"]
    assert on_dark == ["we", "lo", "lowe"]
    assert DARK not in (text.get_color() for text in ax.texts)


def test_words_stay_in_their_columns():
    rows = [[[b"a", b"b"], [b"c"]], [[b"ab"], [b"c"]]]
    ax = plot_merge_steps(["bytes", "a + b"], rows)
    places = [text.get_position()[0] for text in ax.texts if text.get_text() == "c"]
    assert len(places) == 2 and places[0] == places[1]


def test_labels_and_rows_must_fit():
    with pytest.raises(ValueError, match="1 labels do not fit 2 rows"):
        plot_merge_steps(["bytes"], [[[b"a"]], [[b"a"]]])
    with pytest.raises(ValueError, match="0 labels"):
        plot_merge_steps([], [])


def test_a_replay_of_one_word_is_the_same_as_its_steps():
    steps = replay_merges([b"lower"], MERGES)
    assert [rows[0] for _, rows in steps] == [tokens for _, tokens in merge_steps(b"lower", MERGES)]
    assert [rank for rank, _ in steps] == [None, 0, 1, 2]


def test_a_merge_joins_its_pair_in_every_piece():
    steps = replay_merges([b"low", b"x", b"lo"], MERGES)
    assert steps[1:] == [(1, [[b"lo", b"w"], [b"x"], [b"lo"]])]
    assert replay_merges([], MERGES) == [(None, [])]


def test_places_of_a_pair_do_not_overlap():
    assert pair_places([b"a"] * 5, (b"a", b"a")) == [0, 1, 2, 3]
    assert pair_places([b"b", b"a", b"b"], (b"a", b"b")) == [1, 2]
    assert pair_places([b"a"], (b"a", b"a")) == []
