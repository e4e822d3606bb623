"""The reader's own file: what is remembered, what survives damage, and where nothing can be written."""

import json

import pytest

from classroom.study import progress as study
from classroom.turns import check, progress


@pytest.fixture
def state(tmp_path, monkeypatch):
    path = tmp_path / "somewhere" / "state.json"
    monkeypatch.setenv("LLM_COURSE_STATE", str(path))
    return path


def test_what_is_remembered_comes_back(state):
    assert study.read_state("exercises") == {}
    assert study.remember("exercises", "05.1", "2026-01-02")
    assert study.remember("cards", "15.1", [2, "2026-01-03"])
    assert study.read_state("exercises") == {"05.1": "2026-01-02"}
    assert study.forget("cards") and study.read_state("cards") == {}
    assert study.read_state("exercises") and list(state.parent.iterdir()) == [state]


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"exercises": 3}', "[" * 99_999])
def test_a_damaged_file_is_begun_anew(state, damage):
    state.parent.mkdir()
    state.write_text(damage)
    assert study.read_state("exercises") == {}
    assert study.remember("exercises", "05.1", True)
    assert json.loads(state.read_text())["exercises"] == {"05.1": True}
    assert state.with_name("state.json.damaged").read_text() == damage  # nothing is lost


def test_a_file_with_a_byte_order_mark_is_read(state):
    state.parent.mkdir()
    state.write_text(json.dumps({"cards": {"15.1": [4, "2026-01-01"]}}), "utf-8-sig")
    assert study.remember("cards", "16.1", [2, "2026-01-01"])
    assert study.read_state("cards").keys() == {"15.1", "16.1"}


def test_without_a_place_to_write_the_course_goes_on(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LLM_COURSE_STATE", str(tmp_path / "file" / "state.json"))
    assert not study.remember("exercises", "05.1", True)
    check("08.2", lambda hidden, lengths: hidden[range(len(hidden)), lengths - 1])
    assert capsys.readouterr().out.startswith("Right: ")


def test_progress_shows_what_is_solved(state, capsys):
    check("08.2", lambda hidden, lengths: hidden[range(len(hidden)), lengths - 1])
    check("08.1", lambda wanted, said: (0.5, 0.5))
    check("08.3", lambda *_: None)
    capsys.readouterr()
    progress()
    lines = capsys.readouterr().out.splitlines()
    ours = next(line for line in lines if line.startswith("08"))
    assert "1 of 4" in ours and "08.2" in ours and "08.1" not in ours
    assert [line[:2] for line in lines[:9]] == [f"0{number}" for number in range(1, 10)]
