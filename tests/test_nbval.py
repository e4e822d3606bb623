"""How notebook outputs are compared: what must pass, and above all what must fail."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools import compare_outputs
from tools.compare_outputs import Output, comparable

ROOT = Path(__file__).resolve().parent.parent

SAME = [
    ("0.30000000000000004", "0.30000000000000005"),  # the last digits of a float
    ("loss 2.345", "loss 2.346"),  # a trained figure on another processor
    ("tensor([0.4306, 1.4551])", "tensor([0.4306, 1.4552])"),  # rounding in the last place
    ("tensor([0.0001])", "tensor([0.0002])"),
    ("-0.0000", "0.0000"),
    ("1.19e-07", "1.1901e-07"),
    ("95.67%", "95.68%"),
    ("12.5 ms", "12.501 ms"),
]

DIFFERENT = [
    ("loss 2.3", "cost 2.3"),  # a word
    ("step 3", "step 4"),  # an integer
    ("5,145 tokens", "5,146 tokens"),
    ("5145", "5145.0"),
    ("0.5", "0.6"),
    ("2.345", "2.355"),
    ("0.9544", "0.9644"),
    ("1.19e-07", "1.19e-06"),
    ("[0.1, 0.2]", "[0.1, 0.2, 0.3]"),
    ("Python 3.11.7", "Python 3.11.8"),  # three numbers are no decimal
    ("0.5  0.6", "0.5 0.6"),  # spaces count: tokens have them
    ("0.5", "nan"),
    ("1.0", "-1.0"),
    ("x0.5", "x0.6"),
    ("", "0.5"),
]


@pytest.mark.parametrize("left, right", SAME)
def test_the_same_result(left, right):
    assert comparable(left) == comparable(right) and not comparable(left) != comparable(right)


@pytest.mark.parametrize("left, right", DIFFERENT)
def test_another_result(left, right):
    assert comparable(left) != comparable(right) and not comparable(left) == comparable(right)


@given(st.text(max_size=60))
def test_every_text_equals_itself(text):
    assert Output(text) == text and not Output(text) != text


@given(st.integers(), st.integers())
def test_integers_are_exact(left, right):
    assert (Output(f"n = {left}") == f"n = {right}") == (left == right)


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_decimals_far_apart_differ(left, right):
    far = abs(left - right) > 0.02 + 2e-3 * max(abs(left), abs(right))
    if far:
        assert Output(f"{left:.4f}") != f"{right:.4f}"


def picture(alt, pixels):
    return f'<img alt="{alt}" src="data:image/png;base64,{pixels}" width="400">'


def test_pictures_are_compared_by_what_they_say():
    assert comparable(picture("a rising line", "AAAA")) == comparable(
        picture("a rising line", "B+/=")
    )
    assert comparable(picture("a rising line", "AAAA")) != comparable(
        picture("a falling line", "AAAA")
    )


def test_progress_bars_are_recognized_and_values_are_not():
    bar = {compare_outputs.WIDGET: {}, "text/plain": "work:   0%|          | 0/3 [00:00<?, ?it/s]"}
    slider = {compare_outputs.WIDGET: {}, "text/plain": "IntSlider(value=3)"}
    assert compare_outputs.is_progress_bar({"data": bar})
    assert not compare_outputs.is_progress_bar({"data": slider})
    assert not compare_outputs.is_progress_bar({"data": {"text/plain": bar["text/plain"]}})


# the whole way: a committed output, a run, a verdict


def printed(text):
    return [new_output("stream", name="stdout", text=text)] if text else []


LOSS = "print('loss', 2.3456789012341)\nprint(3)"
WARNING = "import sys\nprint('ok')\nprint('careful', file=sys.stderr)"
BAR = "from tqdm.auto import tqdm\nfor _ in tqdm(range(3)):\n    pass\nprint('done')"

# source, committed output, tags, what pytest should say
CELLS = {
    "other last digits": (LOSS, "loss 2.3456789012349\n3\n", [], "PASSED"),
    "another word": (LOSS, "cost 2.3456789012341\n3\n", [], "FAILED"),
    "another integer": (LOSS, "loss 2.3456789012341\n4\n", [], "FAILED"),
    "another loss": (LOSS, "loss 2.4\n3\n", [], "FAILED"),
    "nothing committed": (LOSS, "", [], "FAILED"),
    "a warning": (WARNING, "ok\n", [], "FAILED"),
    "an error": ("1 / 0", "", [], "FAILED"),
    "a progress bar": (BAR, "done\n", [], "PASSED"),
    "an exempt output": ("print(1)", "2\n", ["nbval-ignore-output", "timing"], "PASSED"),
    "data missing": ("print(1)", "2\n", ["online", "the-verdict"], "SKIPPED"),
}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """What `pytest --nbval` says of a notebook with these cells, in a copy of the set-up."""
    folder = tmp_path_factory.mktemp("nbval")
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    cells = [
        new_code_cell(source, outputs=printed(text), execution_count=1, metadata={"tags": tags})
        for source, text, tags, _ in CELLS.values()
    ]
    nbformat.write(new_notebook(cells=cells), str(folder / "case.ipynb"))
    line = [sys.executable, "-m", "pytest", "--nbval", "-v", "-rs", "-p", "no:cacheprovider"]
    said = subprocess.run(
        [*line, "case.ipynb"],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LLM_COURSE_DATA": str(folder / "none")},
    ).stdout
    return said, dict(re.findall(r"::Cell (\d+) (PASSED|FAILED|SKIPPED)", said))


@pytest.mark.parametrize("case", CELLS)
def test_the_verdict_on_a_cell(verdicts, case):
    said, outcomes = verdicts
    assert outcomes[str(list(CELLS).index(case))] == CELLS[case][-1], said[-3000:]


def test_a_skipped_cell_says_how_to_get_its_data(verdicts):
    assert "needs the-verdict: python3 course.py data the-verdict" in verdicts[0]


def test_cells_have_a_time_limit():
    import conftest
    from tools import execute

    option = SimpleNamespace(nbval=True, nbval_cell_timeout=2000, nbval_current_env=False)
    conftest.use_nbval(SimpleNamespace(option=option))
    assert option.nbval_cell_timeout == execute.CELL_SECONDS and option.nbval_current_env
    option.nbval_cell_timeout = 7
    conftest.use_nbval(SimpleNamespace(option=option))
    assert option.nbval_cell_timeout == 7, "a limit that was asked for stays"
