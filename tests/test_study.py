"""The reader's own file: what is remembered, what survives damage, and where nothing can be written."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from torch.nn.functional import cross_entropy

from classroom.study import progress as study
from classroom.turns import check, progress
from classroom.turns.kept import Kept, kept_turns
from tools import working_copy
from tools.lectures import ROOT


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


def coolest(scores, labels, choices):
    """A right answer to exercise 08.2."""
    return min(choices, key=lambda t: cross_entropy(scores / t, labels).item())


def test_without_a_place_to_write_the_course_goes_on(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LLM_COURSE_STATE", str(tmp_path / "file" / "state.json"))
    assert not study.remember("exercises", "05.1", True)
    check("08.2", coolest)
    assert capsys.readouterr().out.startswith("Right: ")


def test_progress_shows_what_is_solved(state, capsys):
    check("08.2", coolest)
    check("08.1", lambda *_: 0.5)
    check("08.3", lambda *_: None)
    capsys.readouterr()
    progress()
    lines = capsys.readouterr().out.splitlines()
    ours = next(line for line in lines if line.startswith("08"))
    assert "1 of 3" in ours and "08.2" in ours and "08.1" not in ours
    assert [line[:2] for line in lines[:10]] == [f"0{number}" for number in range(10)]


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A reader with what an earlier version kept in the folder of downloads, and their new folder."""
    for name in ("LLM_COURSE_STATE", "LLM_COURSE_WORK"):
        monkeypatch.delenv(name, raising=False)
    old, data = tmp_path / "cache", tmp_path / "data"
    monkeypatch.setenv("LLM_COURSE_DATA", str(old))
    monkeypatch.setenv("XDG_DATA_HOME", str(data))
    monkeypatch.setattr(study.sys, "platform", "linux")
    (old / "progress-turns").mkdir(parents=True)
    (old / "my_course" / "notebooks").mkdir(parents=True)
    (old / "my_course" / "notebooks" / "01.ipynb").write_text("mine")
    (old / "progress.json").write_text(json.dumps({"exercises": {"05.1": "2026-01-02"}}))
    turn = Kept("02", 1, "f", "def f(): ...\n", [], [], 3, "2026-01-02")
    (old / "progress-turns" / "02.f.json").write_text(json.dumps(asdict(turn)))
    (old / "tinyshakespeare.txt").write_text("a download")
    return old, data / "llm-course"


def everything_is_there(new):
    assert study.read_state("exercises") == {"05.1": "2026-01-02"}
    assert [turn.name for turn in kept_turns()] == ["f"]
    notebook = working_copy.folder() / "notebooks" / "01.ipynb"
    assert notebook.read_text() == "mine" and new in notebook.parents


def test_what_was_in_the_folder_of_downloads_moves_to_the_readers(folders):
    old, new = folders
    for _ in range(2):
        everything_is_there(new)
        assert {path.name for path in old.iterdir()} == {"tinyshakespeare.txt"}
        assert {path.name for path in new.iterdir()} == {
            "progress.json",
            "progress-turns",
            "my_course",
        }


def test_it_moves_to_another_disk_too(folders, monkeypatch):
    old, new = folders
    rename = study.os.rename

    def across(source, target):
        if old in Path(source).parents:
            raise OSError(18, "Invalid cross-device link")
        rename(source, target)

    monkeypatch.setattr(study.os, "rename", across)
    everything_is_there(new)
    assert {path.name for path in old.iterdir()} == {"tinyshakespeare.txt"}


def test_where_the_new_folder_cannot_be_written_the_old_one_stays(folders):
    old, new = folders
    new.parent.write_text("")  # a file in its way
    everything_is_there(old)
    assert study.remember("exercises", "05.2", "2026-01-03")
    assert study.read_state("exercises").keys() == {"05.1", "05.2"}


def test_a_full_disk_loses_nothing(folders, monkeypatch):
    old, new = folders

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(study.os, "rename", full)
    everything_is_there(old)
    assert list(new.iterdir()) == []


def test_what_the_reader_has_is_never_replaced(folders):
    old, new = folders
    new.mkdir(parents=True)
    (new / "progress.json").write_text(json.dumps({"exercises": {"08.1": "2026-02-02"}}))
    assert study.read_state("exercises") == {"08.1": "2026-02-02"}
    assert (old / "progress.json").exists()


def test_two_processes_at_once_lose_nothing(folders):
    _, new = folders
    code = "from classroom.turns.kept import kept_turns; assert len(kept_turns()) == 1"
    running = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    everything_is_there(new)


def test_the_readers_folder_on_each_system(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    places = {
        "linux": tmp_path / ".local/share/llm-course",
        "darwin": tmp_path / "Library/Application Support/llm-course",
        "win32": tmp_path / "Local/llm-course",
    }
    for system, place in places.items():
        monkeypatch.setattr(study.sys, "platform", system)
        assert study.reader_folder() == place
