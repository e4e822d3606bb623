"""The code that a note shows runs as it is shown: its visible blocks, in order, and nothing else.

tests/test_notes.py runs all code of a note, also the hidden blocks that compute its numbers. Here
only what a reader sees is run, as if it were typed from the page. A block below the line
`<!-- not run: REASON -->` shows an error or needs data: of that, only the syntax is checked.
"""

import pytest
import torch

from tools import notes
from tools.note_numbers import code_blocks, run
from tools.notes import ROOT


def first_problem(text):
    """What is wrong with the first visible block that does not run; None where all do."""
    namespace = {"__name__": "note"}
    torch.manual_seed(99)  # a seed that a hidden block has set must not help
    for code in code_blocks(text):
        problem = None if code.hidden else run(code, namespace)
        if problem:
            return problem
    return None


@pytest.fixture
def empty_desk(monkeypatch, tmp_path):
    """A folder of one's own, and no downloaded data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLM_COURSE_DATA", str(tmp_path / "data"))


@pytest.mark.usefixtures("empty_desk")
@pytest.mark.parametrize("lecture", notes.written(), ids=lambda lecture: lecture.number)
def test_visible_code_runs_alone(lecture):
    problem = first_problem((ROOT / "lecture_notes" / lecture.note).read_text("utf-8"))
    assert problem is None, f"{lecture.note}, {problem}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("```python\nx = 1\n```\n\n```python\n>>> x + 1\n2\n```\n", None),
        ("<!-- python\nx = 1\n-->\n\n```python\n>>> x + 1\n2\n```\n", "'x' is not defined"),
        ("```python\n>>> 1 + 1\n3\n```\n", "gives something else"),
        ("<!-- not run: it shows an error -->\n```python\n1 / 0\n```\n", None),
        ("<!-- not run: it shows an error -->\n```python\n1 /\n```\n", "SyntaxError"),
    ],
)
def test_what_no_reader_sees_does_not_help(text, words):
    problem = first_problem(text)
    assert (problem is None) if words is None else (words in problem)
