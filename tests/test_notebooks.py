"""The notebook tools: what they write, that they write it twice alike, and how a run fails."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import execute, lectures, notebook_parts, notebooks, run
from tools.notebook_parts import clean, setup_source, with_badge, with_links

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = "https://github.com/ann/course"


@pytest.fixture
def course(tmp_path):
    """A small course in a folder of its own: map, notes, address, room for notebooks."""
    for name in ("lectures.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "lecture_notes").mkdir()
    (tmp_path / "lecture_notes" / "07_a_tokenizer_from_scratch.md").write_text("# note")
    return tmp_path


def save(path, *cells):
    nbformat.write(new_notebook(cells=list(cells)), str(path))
    return path


def tagged(source, *tags):
    return new_code_cell(source, metadata={"tags": list(tags)})


# generated parts


def test_links_under_a_lecture(course):
    by_number = {lecture.number: lecture for lecture in lectures.read_map(course)}
    source = "## Lecture 07 · A tokenizer from scratch\n\nWhat is a word?"
    linked = with_links(source, by_number, course)
    video = by_number["07"].video
    assert linked.splitlines()[2] == (
        f"[Video]({video}) · [Lecture note](../lecture_notes/07_a_tokenizer_from_scratch.md)"
    )
    assert linked.endswith("\n\nWhat is a word?")
    assert with_links(linked, by_number, course) == linked
    (course / "lecture_notes" / "07_a_tokenizer_from_scratch.md").unlink()
    assert "Lecture note" not in with_links(linked, by_number, course)


def test_other_headings_get_no_links(course):
    by_number = {lecture.number: lecture for lecture in lectures.read_map(course)}
    for source in ("## Exercises", "Text", "## Lecture 99 · Not one of ours"):
        assert with_links(source, by_number, course) == source


def test_the_badge_comes_and_goes():
    title = "# 02 · A tokenizer\n\nWhat you build."
    badged = with_badge(title, "02_tokenizer.ipynb", ADDRESS)
    target = "colab.research.google.com/github/ann/course/blob/main/notebooks/02_tokenizer.ipynb"
    assert target in badged.splitlines()[2]
    assert with_badge(badged, "02_tokenizer.ipynb", ADDRESS) == badged
    assert with_badge(badged, "02_tokenizer.ipynb", "") == title


def test_clean_has_one_form():
    output = new_output("execute_result", data={"text/plain": "1"}, execution_count=9)
    streams = [new_output("stream", name="stdout", text=text) for text in ("a\n", "b\n")]
    cell = new_code_cell("1", outputs=[*streams, output], execution_count=9)
    cell.metadata = {"tags": ["x"], "execution": {"iopub.execute_input": "2026"}, "scrolled": True}
    twin = new_code_cell("1")
    notebook = new_notebook(cells=[cell, twin], metadata={"widgets": {}, "colab": {}})
    clean(notebook)
    first, second = notebook.cells
    assert [o.get("text") for o in first.outputs] == ["a\nb\n", None]
    assert first.execution_count == first.outputs[1].execution_count == 1
    assert first.metadata == {"tags": ["x"]} and second.metadata == {}
    assert first.id != second.id and second.id == f"{first.id}-2"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert nbformat.writes(clean(notebook)) == nbformat.writes(notebook)


def test_a_widget_leaves_its_words_and_no_random_ids():
    data = {notebook_parts.WIDGET: {"model_id": "1f3a"}, "text/plain": "IntSlider(value=3)"}
    kept = notebook_parts.merged([new_output("display_data", data=data)])
    assert kept[0]["data"] == {"text/plain": "IntSlider(value=3)"}


# running and writing


def test_twice_gives_the_same_bytes_but_for_tagged_cells(course):
    path = save(
        course / "notebooks" / "02_tokenizer.ipynb",
        new_markdown_cell("# 02 · A tokenizer"),
        tagged("# set-up", "setup"),
        new_markdown_cell("## Lecture 07 · A tokenizer from scratch\n\nText."),
        new_code_cell("import ipywidgets\nfrom tqdm.auto import tqdm\nprint('one')\nprint('two')"),
        new_code_cell("for _ in tqdm(range(2)):\n    pass\nipywidgets.IntSlider(3)"),
        new_code_cell("'same'"),
        new_code_cell("'same'"),
        tagged("import time\nprint(time.time())", "nbval-ignore-output", "timing"),
    )
    notebooks.regenerate(path, root=course)
    first = path.read_text("utf-8").splitlines()
    notebooks.regenerate(path, root=course)
    second = path.read_text("utf-8").splitlines()
    different = [old for old, new in zip(first, second, strict=True) if old != new]
    assert len(different) == 1 and different[0].strip().strip('"').startswith("1")
    cells = nbformat.read(str(path), 4).cells
    assert cells[1].source == setup_source("") and not cells[1].outputs
    assert cells[3].outputs[0].text == "one\ntwo\n"
    assert [list(output.data) for output in cells[4].outputs] == [["text/plain"]]


def test_online_cells_keep_what_they_show_without_the_data(course, monkeypatch):
    monkeypatch.setenv("LLM_COURSE_DATA", str(course / "nothing-here"))
    kept = tagged("print('no data, no number')", "online", "the-verdict")
    kept.outputs = [new_output("stream", name="stdout", text="5145\n")]
    message = tagged(
        "from helpers.texts import available\navailable('the-verdict', shows='its length');",
        "online",
        "the-verdict",
    )
    path = save(course / "notebooks" / "03_x.ipynb", kept, message)
    for _ in range(2):
        notebooks.regenerate(path, root=course)
        first, second = nbformat.read(str(path), 4).cells
        assert first.outputs[0].text == "5145\n"
        assert second.outputs[0].text.startswith("This cell would show its length.")


def test_a_failing_notebook_stays_as_it_was(course):
    path = save(
        course / "notebooks" / "03_x.ipynb", new_code_cell("print(1)"), new_code_cell("1/0")
    )
    before = path.read_bytes()
    with pytest.raises(execute.ExecutionFailed, match="Cell 2:\n\n1/0\n(.|\n)*ZeroDivisionError"):
        notebooks.regenerate(path, root=course)
    assert path.read_bytes() == before


SHOWS_STATE = """\
from classroom.study.progress import read_state, remember
print(read_state("exercises"))
_ = remember("exercises", "05.1", "2026-01-01")"""


@pytest.fixture
def solved(tmp_path, monkeypatch):
    """A reader's file of answers, one in it."""
    path = tmp_path / "progress.json"
    path.write_text('{"exercises": {"01.1": "2026-01-01"}}')
    monkeypatch.setenv("LLM_COURSE_STATE", str(path))
    yield path
    assert path.read_text() == '{"exercises": {"01.1": "2026-01-01"}}', "it is the reader's"


def test_a_readers_answers_do_not_reach_the_outputs(course, solved):
    """Neither those of the reader nor those of an earlier run."""
    path = save(course / "notebooks" / "01_a.ipynb", new_code_cell(SHOWS_STATE))
    for _ in range(2):
        notebooks.regenerate(path, root=course)
        assert nbformat.read(str(path), 4).cells[0].outputs[0].text == "{}\n"
    assert run.main([], course / "notebooks", course / "build") == 0
    assert nbformat.read(str(course / "build" / path.name), 4).cells[0].outputs[0].text == "{}\n"


def test_a_readers_answers_do_not_reach_the_tests(course, solved):
    path = save(course / "notebooks" / "01_a.ipynb", new_code_cell(SHOWS_STATE))
    notebooks.regenerate(path, root=course)
    line = [sys.executable, "-m", "pytest", "--nbval", "-q", "-p", "no:cacheprovider", str(path)]
    # the course's conftest.py, though the notebook lies elsewhere
    line += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "conftest"]
    said = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert said.returncode == 0 and "1 passed" in said.stdout, said.stdout[-3000:]


def test_run_makes_pages_and_stops_at_a_failure(course, capsys):
    folder, build = course / "notebooks", course / "build"
    block = "block = bytearray(200_000_000)\nimport time\ntime.sleep(1)\nprint('ran')"
    save(folder / "01_a.ipynb", new_code_cell(block))
    save(folder / "02_b.ipynb", new_code_cell("fine = 1"), new_code_cell("wrong_name"))
    save(folder / "03_c.ipynb", new_code_cell("print('never')"))
    assert run.main([], folder, build) == 1
    out, err = capsys.readouterr()
    line = out.splitlines()[0].split()
    assert line[0] == "01_a" and 1.0 < float(line[1]) and 0.2 < float(line[3]) < 3
    assert "ran" in (build / "01_a.html").read_text("utf-8")
    assert "monospace" in (build / "01_a.html").read_text("utf-8").partition("</head>")[0][-90:]
    assert "02_b.ipynb failed" in err and "Cell 2:\n\nwrong_name" in err and "NameError" in err
    assert not (build / "03_c.html").exists()


def test_run_ends_a_cell_that_takes_too_long(course, capsys):
    folder = course / "notebooks"
    save(folder / "01_a.ipynb", new_code_cell("import time\ntime.sleep(600)"))
    assert run.main(["--timeout", "2"], folder, course / "build") == 1
    assert "more than 2 s" in capsys.readouterr().err


def test_a_notebook_that_does_not_exist_is_named(capsys):
    assert notebooks.main(["77"]) == 1
    assert "There is no notebook '77'" in capsys.readouterr().err


# the set-up cell, as a script in an empty folder


def set_up(folder, address="", installed=("tiktoken", "pooch", "safetensors"), before=""):
    """Runs the set-up cell where the course is not installed, then a line that needs it.

    Empty modules stand for the installed packages; `pip` is one that only writes down its call.
    """
    stubs = folder.parent / "stubs"
    stubs.mkdir(exist_ok=True)
    for name in installed:
        (stubs / f"{name}.py").touch()
    (folder.parent / "pip.py").write_text("import sys\nprint('pip', *sys.argv[1:])")
    # a kernel finds the notebook's own folder first
    code = f"import sys\nsys.path[:0] = ['']\nsys.path.append({str(stubs)!r})\n{before}\n"
    code += f"{setup_source(address)}\n"
    # -I and -S: neither this folder nor the environment's own packages may help
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", code + "import helpers\nprint(helpers.__file__)"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(folder.parent)},
    )


@pytest.fixture
def package(tmp_path):
    """A folder that stands for the course: its two packages, all but empty."""
    for name in ("helpers", "classroom"):
        (tmp_path / "course" / name).mkdir(parents=True)
        (tmp_path / "course" / name / "__init__.py").touch()
    (tmp_path / "course" / "classroom" / "whiteboard").mkdir()
    (tmp_path / "course" / "classroom" / "whiteboard" / "__init__.py").touch()
    (tmp_path / "course" / "notebooks").mkdir()
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_the_set_up_cell_is_short_and_folded_away():
    assert len(setup_source(ADDRESS).splitlines()) <= 24
    cell, other = tagged(setup_source(ADDRESS), "setup"), tagged("1", "imports")
    for _ in range(2):
        clean(new_notebook(cells=[cell, other]))
        assert cell.metadata["jupyter"] == {"source_hidden": True}
        assert cell.metadata["cellView"] == "form" and cell.source.startswith("# @title ")
        assert other.metadata == {"tags": ["imports"]}


def test_set_up_finds_helpers_beside_the_notebook(package):
    said = set_up(package / "course" / "notebooks")
    assert said.stdout.strip() == str(package / "course" / "helpers" / "__init__.py")
    assert said.stderr == ""


def test_set_up_takes_an_uploaded_zip(package):
    with zipfile.ZipFile(package / "empty" / "course.zip", "w") as archive:
        for path in sorted((package / "course").rglob("*.py")):
            archive.write(path, path.relative_to(package / "course"))
    for _ in range(2):
        said = set_up(package / "empty")
        assert said.stdout.strip() == str(package / "empty/course/helpers/__init__.py")
        assert said.stderr == ""


@pytest.mark.parametrize("name", ["helpers", "classroom"])
@pytest.mark.parametrize("kind", ["file", "package", "folder"])
def test_set_up_is_not_misled_by_another_package_of_that_name(package, name, kind):
    """Beside the notebook, or installed: the course's own come first."""
    notebooks_folder, installed = package / "course" / "notebooks", package / "stubs"
    for place in (notebooks_folder, installed):
        place.mkdir(exist_ok=True)
        if kind == "file":
            (place / f"{name}.py").write_text("raise SystemExit('the wrong one')")
            continue
        (place / name).mkdir()
        if kind == "package":
            (place / name / "__init__.py").write_text("raise SystemExit('the wrong one')")
    said = set_up(notebooks_folder)
    assert said.stdout.strip() == str(package / "course" / "helpers" / "__init__.py")
    assert said.stderr == ""


@pytest.mark.parametrize("name", ["helpers", "classroom"])
def test_set_up_names_a_file_that_was_imported_before(package, name):
    mine = package / "course" / "notebooks" / f"{name}.py"
    mine.touch()
    said = set_up(package / "course" / "notebooks", before=f"import {name}")
    assert said.returncode == 1 and said.stdout == ""
    assert said.stderr.count("\n") == 1 and f"{name}.py hides the course's own" in said.stderr
    assert "rename it, restart the kernel" in said.stderr


def test_set_up_finds_nothing_in_a_package_that_is_only_called_helpers(package):
    (package / "empty" / "helpers.py").touch()
    said = set_up(package / "empty")
    assert said.returncode == 1 and "Upload course.zip" in said.stderr


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_set_up_clones_the_published_course(package):
    def git(*arguments):
        who = ["-c", "user.name=course", "-c", "user.email=course@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=package / "course", check=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "course")
    for _ in range(2):
        said = set_up(package / "empty", (package / "course").as_uri())
        assert said.stdout.strip() == str(package / "empty/course/helpers/__init__.py")
        assert said.stderr == ""


def test_set_up_installs_only_what_is_missing(package):
    said = set_up(package / "course" / "notebooks", installed=("tiktoken", "safetensors"))
    assert said.stdout.splitlines()[0] == "pip install -q pooch"


def test_set_up_says_what_to_do_where_there_is_nothing(package):
    said = set_up(package / "empty")
    assert said.returncode == 1
    assert said.stderr == "Upload course.zip beside this notebook and run this cell again.\n"


def test_set_up_says_nothing_at_home_and_lets_threads_spin_less():
    """In the folder of the originals and in a reader's copy, where `..` is not the course."""
    import helpers

    code = setup_source(ADDRESS) + "\nimport os, helpers\nprint(helpers.__file__)\n"
    code += f"print([os.environ[name] for name in {list(helpers.WAITING)}])"
    bare = {key: value for key, value in os.environ.items() if key not in helpers.WAITING}
    for folder in (ROOT / "notebooks", ROOT / "lecture_notes" / "figures"):
        said = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True,
            env=bare | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert said.stderr == ""
        assert said.stdout.splitlines() == [
            str(ROOT / "helpers" / "__init__.py"),
            str(list(helpers.WAITING.values())),
        ]


def test_set_up_runs_with_the_real_zip(tmp_path):
    """The archive of `course.py zip` is enough to import the model."""
    from tools import zip as zip_tool

    zip_tool.write(tmp_path / "course.zip")
    # the packages are there, as on Colab; the course is not
    then = "import helpers\nassert 'course' in helpers.__file__.split('helpers')[0]\n"
    then += "from helpers.texts import load_corpus\nprint(len(load_corpus('story')) > 1000)"
    hide = "import os, sys\n"
    hide += "sys.path[:] = [p for p in sys.path if p and not os.path.isdir(p + '/classroom')]\n"
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            hide.replace("COURSE", repr(str(ROOT))) + setup_source("") + "\n" + then,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    assert said.stdout.strip() == "True" and said.stderr == ""
