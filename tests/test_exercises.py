"""Every exercise of every notebook: its stub is not attempted, its own solution is right."""

import ast
import contextlib
import io
import re
from typing import NamedTuple

import nbformat

from classroom.turns import check
from classroom.turns.registry import EXERCISES, judge
from tools.lectures import ROOT

SOLUTION = re.compile(r"<summary>Solution</summary>\n\n```python\n(.+?)```\s*</details>", re.S)
HINT = re.compile(r"<details>\s*<summary>Hint</summary>\n\n(.+?)</details>", re.S)


class Exercise(NamedTuple):
    """An exercise as it is in its notebook; `after` is the Markdown below it."""

    imports: str
    name: str
    attempt: str
    stub: str
    after: str
    outputs: str


def check_calls(source):
    """The (exercise, attempt) pairs of the `check` calls in a cell."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "check":
            yield node.args[0].value, ast.unparse(node.args[1])


def exercises_of(path):
    """Each exercise of a notebook."""
    cells = nbformat.read(str(path), 4).cells
    imports = [c.source for c in cells if "imports" in c.metadata.get("tags", [])]
    code = [(index, cell) for index, cell in enumerate(cells) if cell.cell_type == "code"]
    for place, (index, cell) in enumerate(code):
        for name, attempt in check_calls(cell.source):
            # the stub stands in the same cell, or in the code cell before
            stub = cell.source if f"def {attempt}" in cell.source else code[place - 1][1].source
            after = cells[index + 1].source if index + 1 < len(cells) else ""
            outputs = "".join(output.get("text", "") for output in cell.outputs)
            yield Exercise("".join(imports), name, attempt, stub, after, outputs)


NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ALL = [exercise for path in NOTEBOOKS for exercise in exercises_of(path)]


def every_exercise(problems):
    """One test of all exercises; it fails with the list of what `problems` finds in each."""

    def test():
        wrong = [f"{each.name}: {problem}" for each in ALL for problem in problems(each)]
        assert not wrong, "\n".join(wrong)

    return test


def test_notebooks_have_exercises_and_each_its_check():
    wrong = []
    for path in NOTEBOOKS:
        number = path.stem[:2]
        names = [exercise.name for exercise in exercises_of(path)]
        with contextlib.suppress(ValueError):
            judge(f"{number}.0", None)  # loads the module of this notebook's checks
        registered = [name for name in EXERCISES if name.startswith(f"{number}.")]
        in_order = names == [f"{number}.{place}" for place in range(1, len(names) + 1)]
        if not in_order or len(names) < 3 or sorted(registered) != sorted(names):
            wrong.append(f"{path.stem} has exercises {names} and checks {registered}")
    assert not wrong, "\n".join(wrong)


def run(*sources):
    """Runs pieces of a notebook in a fresh namespace; returns it and what was printed."""
    namespace, printed = {"__name__": "__main__"}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        for source in sources:
            exec(compile(source, "<notebook>", "exec"), namespace)
    return namespace, printed.getvalue()


@every_exercise
def test_stubs_are_not_attempted(exercise):
    if not exercise.outputs.strip().endswith("Not attempted yet."):
        yield "the committed output does not say 'Not attempted yet.'"
    call = f"\ncheck({exercise.name!r}, {exercise.attempt})"
    stub = exercise.stub if "check(" in exercise.stub else exercise.stub + call
    _, printed = run(exercise.imports, stub)
    if printed != "Not attempted yet.\n":
        yield f"its stub prints {printed!r}"


@every_exercise
def test_solutions_are_right(exercise):
    if not HINT.search(exercise.after):
        yield "no hint is folded away below the stub"
    solutions = SOLUTION.findall(exercise.after)
    if len(solutions) != 1:
        yield f"{len(solutions)} solutions are folded away below the stub"
        return
    namespace, printed = run(exercise.imports, solutions[0])
    verdict = judge(exercise.name, eval(exercise.attempt, namespace))
    if printed or not verdict.startswith("Right: "):
        yield f"its solution: {printed}{verdict}"


@every_exercise
def test_the_reader_starts_from_dots(exercise):
    stubs = [n for n in ast.parse(exercise.stub).body if getattr(n, "name", "") == exercise.attempt]
    rest = ast.unparse(stubs[0]) if len(stubs) == 1 else ""
    if not ("..." in rest or "NotImplementedError" in rest or "pass" in rest):
        yield "the solution is in the stub"


def test_check_never_raises(capsys):
    def broken(*anything):
        raise RuntimeError("oh no")

    for exercise in ALL:
        check(exercise.name, broken)
        assert capsys.readouterr().out.startswith("Not yet: ")
