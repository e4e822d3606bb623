"""What the course's GPT reads: nothing hidden, nothing held out that is also read."""

import random
import re
from collections import Counter

import pytest

from classroom.worlds import tasks
from classroom.worlds.english import number_in_words
from classroom.worlds.tasks.words import forms
from tools.makers.course_texts import (
    HELD_OUT_EVERY,
    SUMS_SHARE,
    course_sources,
    draw_tasks,
    large_sum,
    note_pieces,
    plain_text,
    task_texts,
)


@pytest.fixture(scope="module")
def sources():
    return course_sources(n_tales=40)


def test_every_source_has_both_parts_and_they_share_nothing(sources):
    names = {
        "tales",
        "tasks",
        "lists",
        "sums",
        "contrasts",
        "inbox",
        "notes",
        "pydocs",
        "questions",
        "story",
    }
    assert set(sources) == names
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


def test_rows_of_tasks_hold_one_to_four_whole_tasks_with_a_blank_before_each_line():
    texts = task_texts(200, "train")
    assert {text.count("\n\n") for text in texts} == {0, 1, 2, 3}
    for block in "\n\n".join(texts).split("\n\n"):
        lines = block.split("\n")
        assert 2 <= len(lines) <= 3 and all(line[0] == " " != line[1] for line in lines)
    held_out = {block for text in task_texts(200, "validation") for block in text.split("\n\n")}
    assert not held_out & set("\n\n".join(texts).split("\n\n"))


def test_large_sums_are_right_and_none_is_held_out():
    rng = random.Random(0)
    drawn = [large_sum(rng) for _ in range(3000)]
    assert all(tasks.solve(task) == task.output for task in drawn)
    held_out = {
        tasks.item_of(task)
        for split in ("test", "validation")
        for task in tasks.sample(4000, 3, split, ["arithmetic"])
    }
    assert not held_out & {tasks.item_of(task) for task in drawn}
    assert {tasks.item_of(task)[0] for task in drawn} == set(forms()["arithmetic"])


def test_slow_kinds_come_twice_as_often_and_sums_beyond_20_to_learn_from_alone():
    drawn = draw_tasks(20_000, 1, "train")
    counts = Counter(task.kind for task in drawn)
    assert 1.8 < counts["sort"] / counts["negate"] < 2.2
    large = [t for t in drawn if t.kind == "arithmetic" and reaches_beyond_20(t)]
    assert len(large) / len(drawn) == pytest.approx(SUMS_SHARE, abs=0.01)
    assert not any(
        reaches_beyond_20(task)
        for task in draw_tasks(5000, 1, "validation")
        if task.kind == "arithmetic"
    )


def reaches_beyond_20(task):
    small = {str(i) for i in range(21)} | {number_in_words(i) for i in range(21)}
    asked = tasks.item_of(task)[1]
    told = re.findall(r"\d+", asked) or asked.split()[::2]
    return not {*told, task.output} <= small
