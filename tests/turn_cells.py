"""Cells with turns for the tests: run as IPython runs them, with their source at hand."""

import contextlib
import inspect
import io
import linecache
import os
import re
import tempfile
from itertools import count
from pathlib import Path
from unittest import mock

import nbformat
import pytest

from classroom.turns.registry import COLUMNS, judge
from tools.lectures import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FOLD = r"<details>\s*<summary>{}</summary>\n\n(.+?)</details>"
HINT = re.compile(FOLD.format("Hint"), re.S)
SOLUTION = re.compile(r"<summary>Solution</summary>\n\n```python\n(.+?)```\s*</details>", re.S)
HEAD = re.compile(r"^@your_turn(?:\(of=(\w+)\))?\n(?:@.+\n)*(?:def|class) (\w+)", re.M)
NUMBERS = count()


def run_cell(source, namespace):
    """Run a cell in a namespace; return what it printed."""
    filename = f"<cell {next(NUMBERS)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, filename, "exec"), namespace)
    return printed.getvalue()


def unwrapped(printed):
    """What was printed, without the line breaks that `registry.wrapped` put into verdicts."""
    lines = printed.split("\n")
    whole = lines[:1]
    for last, line in zip(lines, lines[1:], strict=False):
        word = re.split(r"(?<! ) (?! )", line, maxsplit=1)[0]  # two spaces belong to a string
        indented = last.startswith(" ") or line.startswith(" ")
        if word and not indented and len(last) + 1 + len(word) > COLUMNS:
            whole[-1] += f" {line}"
        else:
            whole.append(line)
    return "\n".join(whole)


def turns_of(path):
    """The (place, cell, Markdown below) of each turn of a notebook."""
    cells = nbformat.read(str(path), 4).cells
    for place, cell in enumerate(cells):
        if cell.cell_type == "code" and re.search(r"^@your_turn\b", cell.source, re.M):
            below = cells[place + 1] if place + 1 < len(cells) else None
            yield place, cell, below.source if below and below.cell_type == "markdown" else ""


def turn_name(source):
    """The name of the turn in a cell: that of its function or class, `Class.method` for a method."""
    owner, name = HEAD.search(source).groups()
    return f"{owner}.{name}" if owner else name


def function(head, *lines, imports="", decorators="@your_turn\n"):
    """A cell with one turn: a function of a head, `encode(text)`, and lines."""
    body = "".join(f"    {line}\n" for line in lines)
    return f"{imports}{decorators}def {head}:\n{body}"


def method(of, head, *lines, imports=""):
    """A cell with one turn: a method of a class."""
    return function(head, *lines, imports=imports, decorators=f"@your_turn(of={of})\n")


def changed(text, *pairs):
    """A text with some of its parts replaced, each of which must be in it."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def course_cell(turns, name, *pairs, imports=""):
    """The cell that holds the course's version of a turn, with some of its text replaced."""
    owner = name.rpartition(".")[0]
    decorator = f"@your_turn(of={owner})\n" if owner else "@your_turn\n"
    return changed(imports + decorator + inspect.getsource(turns.turns[name].course), *pairs)


def said_to(turns, source):
    """What a cell prints, on one line, where the other turns are the course's versions."""
    names = {name: turn.course for name, turn in turns.turns.items()} | turns.given
    for owner in {name.rpartition(".")[0] for name in names} - {""}:
        names[owner] = type(owner, (names[owner],), {})  # to write into, so that none is changed
    names |= {"your_turn": turns.your_turn, "__name__": "__main__"}
    with tempfile.TemporaryDirectory() as folder:
        with mock.patch.dict(os.environ, LLM_COURSE_STATE=str(Path(folder, "state.json"))):
            return " ".join(run_cell(source, names).split())


def turn_tests(turns, right, wrong):
    """The three tests of a notebook's turns.

    `right` are cells with right versions of another shape, `wrong` pairs of a cell with a mistake
    and words of the message that it must meet.
    """

    @pytest.mark.parametrize("source", right)
    def test_right(source):
        said = said_to(turns, source)
        assert ": right, " in said and "The notebook uses yours" in said, said

    @pytest.mark.parametrize(("source", "message"), wrong)
    def test_wrong(source, message):
        said = said_to(turns, source)
        assert "The course's version is used." in said and message in said, said

    def test_all():
        names = [turn_name(source) for source in right]
        mistaken = [turn_name(source) for source, _ in wrong]
        assert [n for n in turns.turns if n not in names or mistaken.count(n) < 2] == []

    return test_right, test_wrong, test_all


def exercise_tests(right, mistakes):
    """The three tests of a notebook's exercises.

    `right` maps the name of each to a right answer; `mistakes` are names, wrong answers and words
    of the message that each must meet.
    """

    @pytest.mark.parametrize("name", right)
    def test_right(name):
        assert judge(name, right[name]).startswith("Right: ")

    @pytest.mark.parametrize(("name", "attempt", "message"), mistakes)
    def test_mistake(name, attempt, message):
        verdict = judge(name, attempt)
        assert verdict.startswith("Not yet: ") and message in verdict

    @pytest.mark.parametrize("name", right)
    def test_stub(name):
        assert judge(name, lambda *_: ...) == "Not attempted yet."
        assert judge(name, lambda *_: None) == "Not attempted yet."

    return test_right, test_mistake, test_stub
