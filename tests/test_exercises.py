"""Every exercise of every notebook: its stub is not attempted, its own solution is right."""

import ast
import contextlib
import io
import re

import nbformat
import pytest

from classroom.turns import check
from classroom.turns.registry import EXERCISES, judge
from tools.lectures import ROOT

SOLUTION = re.compile(r"<summary>Solution</summary>\n\n```python\n(.+?)```\s*</details>", re.S)
HINT = re.compile(r"<details>\s*<summary>Hint</summary>\n\n(.+?)</details>", re.S)


def check_calls(source):
    """The (exercise, attempt) pairs of the `check` calls in a cell."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "check":
            yield node.args[0].value, ast.unparse(node.args[1])


def exercises_of(path):
    """Each exercise of a notebook: name, attempt, its code cells, and the Markdown after them."""
    cells = nbformat.read(str(path), 4).cells
    imports = [c.source for c in cells if "imports" in c.metadata.get("tags", [])]
    code = [(index, cell) for index, cell in enumerate(cells) if cell.cell_type == "code"]
    for place, (index, cell) in enumerate(code):
        for name, attempt in check_calls(cell.source):
            # the stub stands in the same cell, or in the code cell before
            stub = cell.source if f"def {attempt}" in cell.source else code[place - 1][1].source
            after = cells[index + 1].source if index + 1 < len(cells) else ""
            outputs = "".join(output.get("text", "") for output in cell.outputs)
            yield pytest.param("".join(imports), name, attempt, stub, after, outputs, id=name)


NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ALL = [exercise for path in NOTEBOOKS for exercise in exercises_of(path)]
every_exercise = pytest.mark.parametrize("imports, name, attempt, stub, after, outputs", ALL)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_exercises(path):
    number = path.stem[:2]
    names = [exercise.id for exercise in exercises_of(path)]
    assert names == [f"{number}.{place}" for place in range(1, len(names) + 1)]
    assert len(names) >= 3
    with contextlib.suppress(ValueError):
        judge(f"{number}.0", None)  # loads the module of this notebook's checks
    registered = [name for name in EXERCISES if name.startswith(f"{number}.")]
    assert sorted(registered) == sorted(names), "exercises and checks belong together"


def run(*sources):
    """Runs pieces of a notebook in a fresh namespace; returns it and what was printed."""
    namespace, printed = {"__name__": "__main__"}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        for source in sources:
            exec(compile(source, "<notebook>", "exec"), namespace)
    return namespace, printed.getvalue()


@every_exercise
def test_the_stub_is_not_attempted(imports, name, attempt, stub, after, outputs):
    assert outputs.strip().endswith("Not attempted yet."), "the committed output says so"
    call = f"\ncheck({name!r}, {attempt})"
    _, printed = run(imports, stub if "check(" in stub else stub + call)
    assert printed == "Not attempted yet.\n"


@every_exercise
def test_the_solution_is_right(imports, name, attempt, stub, after, outputs):
    assert len(HINT.findall(after)) >= 1, "a hint is folded away below the stub"
    solutions = SOLUTION.findall(after)
    assert len(solutions) == 1, "one solution is folded away below the stub"
    namespace, printed = run(imports, solutions[0])
    assert printed == ""
    verdict = judge(name, eval(attempt, namespace))
    assert verdict.startswith("Right: "), verdict


@every_exercise
def test_the_solution_is_not_in_the_stub(imports, name, attempt, stub, after, outputs):
    """The reader starts from dots."""
    (function,) = [n for n in ast.parse(stub).body if getattr(n, "name", None) == attempt]
    rest = ast.unparse(function)
    assert "..." in rest or "NotImplementedError" in rest or "pass" in rest


def test_check_never_raises(capsys):
    def broken(*anything):
        raise RuntimeError("oh no")

    for exercise in ALL:
        check(exercise.id, broken)
        assert capsys.readouterr().out.startswith("Not yet: ")
