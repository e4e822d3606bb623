"""The reader's copy of the notebooks: made once, never overwritten, and what it links to is there."""

import json
import re
from pathlib import Path

import pytest

from tools import lab, working_copy

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def course(tmp_path):
    """A small course: two notebooks, a note with a picture, code."""
    root = tmp_path / "course"
    for name, text in {
        "notebooks/01_a.ipynb": "one",
        "notebooks/02_b.ipynb": "two",
        "lecture_notes/01_note.md": "[code](../helpers/model.py), [cell](../notebooks/01_a.ipynb)",
        "lecture_notes/figures/01_x.svg": "<svg/>",
        "helpers/model.py": "class GPT: ...",
        "helpers/assets/weights": "large",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return root


@pytest.fixture
def work(tmp_path):
    return tmp_path / "mine" / "my_course"


def mine(work, name="01_a"):
    return work / "notebooks" / f"{name}.ipynb"


def test_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("LLM_COURSE_STATE", str(tmp_path / "progress.json"))
    monkeypatch.delenv("LLM_COURSE_WORK", raising=False)
    assert working_copy.folder() == tmp_path / "my_course"
    monkeypatch.setenv("LLM_COURSE_WORK", str(tmp_path / "elsewhere"))
    assert working_copy.folder() == tmp_path / "elsewhere"


def test_it_is_made_where_it_is_missing(course, work):
    assert working_copy.update(work, course) == []
    assert [mine(work).read_text(), mine(work, "02_b").read_text()] == ["one", "two"]
    mine(work).unlink()
    assert working_copy.update(work, course) == []
    assert mine(work).read_text() == "one"


def test_what_the_reader_wrote_is_never_overwritten(course, work):
    working_copy.update(work, course)
    mine(work).write_text("one, and mine")
    assert working_copy.update(work, course) == [], "only the reader changed it"
    (course / "notebooks" / "01_a.ipynb").write_text("one, newer")
    for _ in range(2):  # it says so until the reader takes it
        assert working_copy.update(work, course) == ["01_a"]
        assert mine(work).read_text() == "one, and mine"
    (work / working_copy.RECORD).write_text("{ not JSON")  # of what was copied, nothing is known
    assert working_copy.update(work, course) == ["01_a"]
    assert mine(work).read_text() == "one, and mine"


def test_what_the_reader_left_alone_follows_the_course(course, work):
    working_copy.update(work, course)
    (course / "notebooks" / "01_a.ipynb").write_text("one, newer")
    assert working_copy.update(work, course) == []
    assert mine(work).read_text() == "one, newer"


def test_running_a_notebook_does_not_make_it_the_readers(course, work):
    original = course / "notebooks" / "01_a.ipynb"

    def notebook(source, count):
        cell = {"cell_type": "code", "source": source, "execution_count": count, "outputs": []}
        return json.dumps({"cells": [cell], "metadata": {"count": count}})

    original.write_text(notebook(["a = 1\n", "b = 2"], 1))
    working_copy.update(work, course)
    ran = notebook("a = 1\nb = 2", 7)  # as another editor writes it
    mine(work).write_text(ran)
    working_copy.update(work, course)
    assert mine(work).read_text() == ran, "what it showed stays while the course has no other"
    original.write_text(notebook("a = 2", 1))
    assert working_copy.update(work, course) == []
    assert mine(work).read_text() == original.read_text()
    mine(work).write_text(notebook("a = 3", 1))
    original.write_text(notebook("a = 4", 1))
    assert working_copy.update(work, course) == ["01_a"]


def test_the_newer_one_is_taken_and_the_old_one_kept(course, work):
    working_copy.update(work, course)
    original = course / "notebooks" / "01_a.ipynb"
    names = []
    for number in (1, 2):
        mine(work).write_text(f"mine, {number}")
        original.write_text(f"newer, {number}")
        assert working_copy.update(work, course) == ["01_a"]
        kept = working_copy.take(original, work, "2026-11-29")
        assert (
            kept.read_text() == f"mine, {number}" and mine(work).read_text() == f"newer, {number}"
        )
        assert working_copy.update(work, course) == []
        names.append(kept.name)
    assert names == ["01_a.before-2026-11-29.ipynb", "01_a.before-2026-11-29-2.ipynb"]
    assert working_copy.take(original, work, "2026-11-29") is None


def test_a_stop_while_copying_leaves_no_half_notebook(course, work, monkeypatch):
    def stop(source, target):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(working_copy.os, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            working_copy.update(work, course)
    assert not mine(work).exists()
    assert working_copy.update(work, course) == [] and mine(work).read_text() == "one"


def test_the_courses_own_folder_is_refused(course):
    with pytest.raises(ValueError, match="name another one"):
        working_copy.update(course, course)
    assert not (course / working_copy.RECORD).exists()


def test_links_of_the_copy_lead_somewhere(tmp_path):
    """Every relative link and picture of the real notebooks and notes."""
    work = tmp_path / "my_course"
    working_copy.update(work)
    dead, link = [], re.compile(r"\]\((?!https?:|#|mailto:)([^)\s#?]+)[^)]*\)")
    pages = [*work.glob("lecture_notes/*.md"), *work.glob("notebooks/*.ipynb")]
    found = 0
    for page in pages:
        text = page.read_text("utf-8")
        if page.suffix == ".ipynb":
            cells = json.loads(text)["cells"]
            text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        for target in link.findall(re.sub(r"`[^`\n]*`", "", text)):
            found += 1
            if not (page.parent / target).exists():
                dead.append(f"{page.name}: {target}")
    assert found > 500 and not dead, "\n".join(dead)


def test_lab_says_what_is_newer_and_takes_it(course, work, monkeypatch, capsys):
    monkeypatch.setenv("LLM_COURSE_WORK", str(work))
    monkeypatch.setattr(working_copy.update, "__defaults__", (course,))
    monkeypatch.setattr(lab.chosen, "__defaults__", (course / "notebooks",))
    opened = []
    monkeypatch.setattr(lab, "open_lab", lambda *arguments: opened.append(arguments) or 0)
    assert lab.main(["2", "--port=9000"]) == 0
    assert opened == [("notebooks/02_b.ipynb", ["--port=9000"], work)]
    assert capsys.readouterr().out == ""
    mine(work).write_text("mine")
    (course / "notebooks" / "01_a.ipynb").write_text("newer")
    assert lab.main([]) == 0
    said = capsys.readouterr().out
    assert "newer version of 01_a; yours" in said and "course.py lab --take 01" in said
    assert lab.main(["--take", "01"]) == 0 and len(opened) == 2
    kept = re.search(r"yours is now (01_a\.before-\S+\.ipynb)", capsys.readouterr().out)[1]
    assert mine(work).read_text() == "newer"
    assert (work / "notebooks" / kept).read_text() == "mine"
    assert lab.main(["--take"]) == 1 and "needs the number" in capsys.readouterr().err
    assert lab.main(["--take", "77"]) == 1 and "no notebook '77'" in capsys.readouterr().err


def test_lab_names_a_folder_that_cannot_be_written(course, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LLM_COURSE_WORK", str(tmp_path / "file" / "my_course"))
    assert lab.main([]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_the_zip_carries_what_the_notebooks_show(tmp_path):
    """Pictures that a notebook shows, and the records that it draws."""
    import zipfile

    from tools import zip as zip_tool

    names = set(zipfile.ZipFile(zip_tool.write(tmp_path / "course.zip")).namelist())
    shown = set()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        text = path.read_text("utf-8")
        shown |= {f"lecture_notes/{name}" for name in re.findall(r"lecture_notes/([\w./-]+)", text)}
        shown |= {f"benchmarks/{name}" for name in re.findall(r"[\"/ ](\w+\.json)\W", text)} & {
            f"benchmarks/{path.name}" for path in (ROOT / "benchmarks").glob("*.json")
        }
    assert "benchmarks/classifier.json" in shown and len(shown) > 40
    assert sorted(shown - names) == []
