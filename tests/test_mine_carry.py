"""What the reader wrote goes from one Colab machine to the next, and nothing is lost on the way."""

import io
import json
import sys
import types
import zipfile

import pytest

from classroom.mine import carry
from classroom.study import progress as study
from classroom.turns.kept import Kept, folder, keep, kept_turns
from tools import notebook_parts
from tools.lectures import ROOT


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """`machine("a")` is a fresh Colab machine, whose folder the notebook is in."""
    for name in ("google", "google.colab"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))

    def start(name):
        place = tmp_path / name
        (place / "content").mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv("LLM_COURSE_STATE", str(place / "reader" / "progress.json"))
        monkeypatch.setattr(carry, "DRIVE", tmp_path / "drive")
        monkeypatch.chdir(place / "content")
        return place / "content"

    return start


def turn(name="encode", date="2026-01-02", source="def encode(text): ...\n"):
    return Kept("02", 3, name, source, [], [], 3, date)


def written():
    return {each.name: (each.date, each.source) for each in kept_turns()}


def test_in_by_one_cell_and_out_by_another(machine, capsys):
    first = machine("a")
    keep(turn()), keep(turn("decode"))
    study.remember("exercises", "02.1", "2026-01-02")
    carry.take_home()
    assert "2 turns" in capsys.readouterr().out
    archive = (first / carry.NAME).read_bytes()
    assert archive == carry.packed(), "the same gives the same bytes"
    names = zipfile.ZipFile(io.BytesIO(archive)).namelist()
    assert names == [
        "turns/02.decode.json",
        "turns/02.encode.json",
        "progress.json",
        "my_llm.py",
        "my_chat.py",
    ]
    second = machine("b")
    assert kept_turns() == []
    carry.bring()
    assert capsys.readouterr().out == "", "there is nothing to bring yet"
    (second / carry.NAME).write_bytes(archive)
    carry.bring()
    assert "2 of your turns came along." in capsys.readouterr().out
    assert written().keys() == {"encode", "decode"}
    assert study.read_state("exercises") == {"02.1": "2026-01-02"}
    carry.bring()
    assert "0 of your turns came along, 2 were here already" in capsys.readouterr().out


def test_the_newer_one_stays(machine):
    machine("a")
    keep(turn(date="2026-01-05", source="old")), keep(turn("decode", "2026-01-05", "new"))
    study.remember("exercises", "02.1", "2026-01-05")
    archive = carry.packed()
    machine("b")
    keep(turn(date="2026-01-06", source="newer")), keep(turn("decode", "2026-01-01", "older"))
    study.remember("exercises", "02.1", "2026-01-06")
    assert carry.unpack(archive) == (1, 1)
    assert {name: source for name, (_, source) in written().items()} == {
        "encode": "newer",
        "decode": "new",
    }
    assert study.read_state("exercises") == {"02.1": "2026-01-06"}


def test_by_upload_and_download(machine, monkeypatch, capsys):
    machine("a")
    keep(turn())
    files = types.ModuleType("google.colab.files")
    downloaded = []
    files.download = downloaded.append
    monkeypatch.setitem(sys.modules, "google.colab.files", files)
    carry.take_home("download")
    assert downloaded == [carry.NAME]
    archive = carry.packed()
    machine("b")
    files.upload = lambda: {"my_turns (1).zip": archive}
    carry.bring("upload")
    assert written().keys() == {"encode"}
    files.upload = dict  # the reader chose no file
    carry.bring("upload")
    assert "1 of your turns" in capsys.readouterr().out


def test_by_drive(machine, monkeypatch, tmp_path, capsys):
    machine("a")
    keep(turn())
    drive, mounted = types.ModuleType("google.colab.drive"), []
    drive.mount = mounted.append
    monkeypatch.setitem(sys.modules, "google.colab.drive", drive)
    carry.bring("Drive")
    assert "in your Drive yet" in capsys.readouterr().out
    carry.take_home("Drive")
    assert (tmp_path / "drive" / "MyDrive" / "llm-course" / carry.NAME).is_file()
    machine("b")
    carry.bring("Drive")
    assert written().keys() == {"encode"} and mounted == [str(tmp_path / "drive")] * 3


def zipped(**contents):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in contents.items():
            archive.writestr(name, text)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zip",
        zipped(**{"course/x.py": "1"}),
        zipped(**{"turns/02.encode.json": "x" * 2_000_000}),
        zipped(**{"turns/../02.encode.json": "{}", "/turns/02.f.json": "{}"}),
        carry.NAME.encode() * 99,
    ],
)
def test_another_file_is_refused_in_a_sentence(machine, data, capsys):
    place = machine("a")
    keep(turn())
    (place / carry.NAME).write_bytes(data)
    carry.bring()
    said = capsys.readouterr().out
    assert said.startswith("What you wrote before could not be taken over: ")
    assert said.count("\n") == 1 and written().keys() == {"encode"}


def test_a_damaged_turn_in_it_is_left_out(machine):
    machine("a")
    good = json.dumps(vars(turn()))
    assert carry.unpack(zipped(**{"turns/02.encode.json": good, "turns/02.f.json": "{"})) == (1, 1)
    assert written().keys() == {"encode"} and len(list(folder().iterdir())) == 1


def test_a_full_disk_is_told(machine, monkeypatch, capsys):
    machine("a")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(carry, "write_whole", full)
    carry.take_home()
    assert "could not be kept" in capsys.readouterr().out


def test_at_home_both_do_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    carry.bring("upload"), carry.take_home("download")
    assert capsys.readouterr().out == "" and list(tmp_path.iterdir()) == []


def test_a_notebook_with_turns_has_both_cells_once(tmp_path):
    path = ROOT / "notebooks" / "02_tokenizer.ipynb"
    notebook = notebook_parts.refresh(notebook_parts.read(path), path.name)
    for _ in range(2):
        notebook = notebook_parts.clean(notebook_parts.refresh(notebook, path.name))
        tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
        code = [each for each in tags if each in (["setup"], ["imports"], ["carry-in"])]
        assert code == [["setup"], ["imports"], ["carry-in"]] and tags[-1] == ["carry-out"]
        assert tags.count(["carry-in"]) == tags.count(["carry-out"]) == 1
        assert notebook.cells[-1].metadata["cellView"] == "form"
    for source in (notebook_parts.CARRY_IN, notebook_parts.CARRY_OUT):
        compile(source, "cell", "exec")
    without = [cell for cell in notebook.cells if "@your_turn" not in cell.source]
    assert not [
        cell for cell in notebook_parts.with_carry(without) if "carry" in str(cell.metadata)
    ]
