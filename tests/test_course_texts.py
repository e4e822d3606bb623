"""What the course's GPT reads: nothing hidden, nothing held out that is also read."""

import pytest

from helpers.course_texts import HELD_OUT_EVERY, course_sources, note_pieces, pack, plain_text


@pytest.fixture(scope="module")
def sources():
    return course_sources(n_tales=40)


def test_every_source_has_both_parts_and_they_share_nothing(sources):
    assert set(sources) == {"tales", "tasks", "inbox", "notes", "pydocs", "story"}
    for name, source in sources.items():
        assert source.training and source.held_out, name
        assert not set(source.training) & set(source.held_out), name
        assert all(text.strip() for text in source.training + source.held_out), name


def test_one_piece_in_twenty_is_held_out(sources):
    notes = sources["notes"]
    total = len(notes.training) + len(notes.held_out)
    assert len(notes.held_out) == total // HELD_OUT_EVERY


def test_notes_show_what_a_reader_sees():
    pieces = note_pieces()
    assert len(pieces) > 150
    text = "\n".join(pieces)
    assert "<!--" not in text and "![" not in text and "](" not in text
    assert any(piece.startswith("Lecture 14 · Simplified attention\n\n") for piece in pieces)


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("a [b](c.md) d", "a b d"),
        ("0.5<!-- = x -->, and", "0.5, and"),
        ("one\n<!-- python\nimport x\n-->\n\n\n\ntwo", "one\n\ntwo"),
        ("![Picture](a.svg)\ntext", "text"),
    ],
)
def test_plain_text(markdown, plain):
    assert plain_text(markdown) == plain


def test_a_folder_without_notes_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no lecture notes"):
        note_pieces(tmp_path)


def test_packing_keeps_every_document_whole():
    documents = [[1, 2], [3], [4, 5, 6]]
    row = pack(documents, end_id=0, seed=5).tolist()
    assert row[0] == row[-1] == 0
    inside = " ".join(map(str, row[1:-1])).split(" 0 ")
    assert sorted(inside) == ["1 2", "3", "4 5 6"]
    assert row == pack(documents, end_id=0, seed=5).tolist()
