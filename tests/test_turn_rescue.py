"""A turn's cell with an error that comes before its check: in a real kernel, where it would end Run All."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager
from nbformat.v4 import new_code_cell, new_notebook

from classroom.turns import rescue
from classroom.turns.turn import Turns
from tests.turn_cells import unwrapped
from tools import execute
from tools.lectures import ROOT

SETUP = """
import os
os.environ["LLM_COURSE_STATE"] = {state!r}
from classroom.turns.turn import Turns

def double(number):
    return 2 * number

class Counter:
    def __init__(self, start):
        self.value = start

def add(self, number):
    self.value += number
    return self.value

turns = Turns("99")

@turns.turn(double)
def check_double(trial):
    trial.equal(2, gives=4, why="it is doubled")

@turns.turn(Counter)
def check_counter(trial):
    trial.that(trial.call(5).value == 5, "it starts there")

@turns.turn(add, of="Counter")
def check_add(trial):
    trial.equal(2, gives=7, why="it counts on", function=trial.attempt(5).add, name="add")

your_turn = turns.your_turn
del double, add
"""
CLASS = "@your_turn\nclass Counter:\n    def __init__(self, start):\n        "
STOPPED = "double: not yet: the cell stopped at line {} with {}"

# the cell, what it must say, and an expression that must hold after it
CELLS = [
    # Python cannot read it
    ("@your_turn\ndef double(number):\n    return 2 *", "double: not yet: Python cannot read line 3",
     "double(4) == 8"),
    ("@your_turn\ndef double(number)\n    return 1", "expected ':'", "double(4) == 8"),
    ("@your_turn\ndef double(number):\n    x = (1\n    return x", "never closed", "double(4) == 8"),
    ("@your_turn\ndef double(number):\n        x = 1\n    return x", "line 4", "double(4) == 8"),
    ("@your_turn\ndef double(number):\nreturn 2", "indented block", "double(4) == 8"),
    ("@your_turn\ndef double(number):\n    2\nreturn 2", "line 4", "double(4) == 8"),
    ("@your_turn\ndef double(number):\n\treturn 2\n        ", None, None),
    ("@your_turn\ndef double(number, number):\n    ...", "duplicate", "double(4) == 8"),
    ("@your_turn\ndef double(number):\n    return “2”", "line 3", "double(4) == 8"),
    ("@your_turn\ndef double(number):\n    return '\0'", "double: not yet: Python cannot read",
     "double(4) == 8"),
    ("@your_turn\ndeff double(number):\n    ...", "Counter.add: not yet: Python", "double(4) == 8"),
    ("del double", "", None),
    ("@your_turn\ndeff double(number):\n    ...", "double: not yet: Python", "double(4) == 8"),
    # it stops while it is defined
    ("import mathh\n\n@your_turn\ndef double(number):\n    ...",
     STOPPED.format(1, "ModuleNotFoundError"), "double(4) == 8"),
    ("@your_turn\ndef double(number, by=two):\n    ...", STOPPED.format(2, "NameError"),
     "double(4) == 8"),
    ("@your_turn\ndef double(number: Tensor):\n    ...", "NameError", "double(4) == 8"),
    ("@your_turn(off=1)\ndef double(number):\n    ...", "TypeError", "double(4) == 8"),
    (CLASS + "self.value = start\n    size = 1 / 0", "Counter: not yet: the cell stopped at line 5",
     "Counter(4).value == 4"),
    ("@your_turn(of=Counter)\ndef add(self number):\n    ...", "Counter.add: not yet: Python",
     "Counter(4).add(3) == 7"),
    ("@your_turn(of=Counter)\ndef add(self, number=q):\n    ...", "Counter.add: not yet: the cell",
     "Counter(4).add(3) == 7"),
    # two turns in one cell: the first was judged
    ("@your_turn\ndef double(n):\n    return n + n\n\n" + CLASS + "self.value = start\n    q",
     "double: right, 1 check. The notebook uses yours from here on.\nCounter: not yet",
     "double.__code__.co_varnames == ('n',) and Counter(4).value == 4"),
    # what is no fault
    ("%time 1\n@your_turn\ndef double(number):\n    return number * 2", "double: right", None),
    ("  @your_turn\n  def double(number):\n      return number * 2", "double: right", None),
    ("@your_turn\ndef double(number):\n    r'\\d'\n    '\\d'\n    return number * 2\ndouble(5)",
     "double: right", None),
]  # fmt: skip
AFTER = [  # an error of what is no turn, or comes after it, is the reader's to see
    ("1 +", "SyntaxError"),
    ("nowhere", "NameError"),
    ("@your_turn\ndef double(number):\n    ...\ndouble(nowhere)", "NameError"),
]


def run(sources, state, allow=False):
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    for cell in notebook.cells:
        cell.metadata["tags"] = ["raises-exception"] if allow else []
    execute.execute(notebook, ROOT, cell_seconds=120)
    return notebook.cells


def text_of(cell):
    said = (output.get("text", output.get("ename", "")) for output in cell.outputs)
    return unwrapped("".join(said))


def test_run_all_goes_on_with_the_courses_version(tmp_path):
    sources = [SETUP.format(state=str(tmp_path / "state.json"))]
    for source, _, holds in CELLS:
        sources += [source, f"assert {holds or True}"]
    cells = run(sources, tmp_path)[1::2]
    wrong = []
    for (source, words, _), cell in zip(CELLS, cells, strict=True):
        said = text_of(cell)
        if words is not None and words not in said or "Warning" in said:
            wrong.append(f"{source}\n--- {words!r}, not:\n{said}")
        if "not yet" in said and "The course's version is used." not in said:
            wrong.append(said)
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize("source, error", AFTER)
def test_other_errors_stay_errors(tmp_path, source, error):
    setup = SETUP.format(state=str(tmp_path / "state.json"))
    cells = run([setup, source], tmp_path, allow=True)
    assert error in text_of(cells[1])


def test_the_place_of_an_error_is_marked():
    text = "@your_turn\ndef double(number):\n    return (number *\n"
    try:
        rescue.compiled(text)
    except SyntaxError as error:
        said = rescue.described(error).splitlines()
    assert said[1].strip() == "return (number *" and said[2].index("^") == said[1].index("(")


def test_without_a_notebook_nothing_is_watched():
    rescue.watch_cells()
    assert rescue.names_in("@your_turn\n# a word\ndef double(number:\n") == [("double", 0)]


CODE = st.lists(
    st.sampled_from(
        ["@your_turn\n", "@your_turn(of=A)\n", "def f(x):\n", "class A:\n", "    return x\n", "return", "x",
         "(", ")", "\n", "    ", "\t", "'", '"""', "\\", "%time ", "!ls\n", "?", "await x\n", "import", "=", ":"]
    )
    | st.text(max_size=3),
    max_size=12,
)  # fmt: skip


@given(CODE.map("".join))
@settings(deadline=None)
def test_a_cell_of_anything_can_be_read_after_the_rescue(text):
    """What Python and the shell can read stays as it is; anything else becomes one call."""
    shell = SimpleNamespace(
        user_ns={"your_turn": Turns("99").your_turn},
        transform_cell=TransformerManager().transform_cell,
    )
    cell = f"{text}\n@your_turn\n{text}"
    lines = rescue.Rescue(shell)(cell.splitlines(keepends=True))
    if "".join(lines) != cell:
        assert len(lines) == 1 and lines[0].startswith("your_turn.__self__.go_on([")
    rescue.compiled(shell.transform_cell("".join(lines)))
