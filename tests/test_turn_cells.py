"""Every notebook with turns: its stubs and solutions, and the run with every solution filled in."""

import ast
import importlib

import nbformat
import pytest

from tests.turn_cells import HINT, NOTEBOOKS, SOLUTION, run_cell, turn_name, turns_of
from tools import execute
from tools.compare_outputs import comparable
from tools.notebook_parts import merged

WITH_TURNS = [path for path in NOTEBOOKS if any(turns_of(path))]


def checks_of(path):
    return importlib.import_module(f"classroom.turns.t{path.stem[:2]}").TURNS


def defined(source):
    """The function or class that a cell defines, without docstrings."""
    node = next(n for n in ast.parse(source).body if hasattr(n, "decorator_list"))
    for part in ast.walk(node):
        if isinstance(part, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(part):
            part.body = part.body[1:]
    node.decorator_list = []
    return node


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.setenv("LLM_COURSE_STATE", str(tmp_path / "state.json"))


def test_there_are_notebooks_with_turns():
    assert WITH_TURNS


@pytest.mark.parametrize("path", WITH_TURNS, ids=lambda path: path.stem)
def test_every_turn_is_a_stub_with_a_hint_and_a_right_solution(path, empty):
    turns, wrong = checks_of(path), []
    names = {name: turn.course for name, turn in turns.turns.items()}
    names |= {"your_turn": turns.your_turn, "__name__": "__main__", **turns.given}
    seen = []
    for _, cell, below in turns_of(path):
        name = turn_name(cell.source)
        seen.append(name)
        printed = run_cell(cell.source, dict(names))
        committed = "".join(output.get("text", "") for output in cell.outputs)
        if not printed == committed == f"{name}: not written yet; the course's version is used.\n":
            wrong.append(f"{name}: its stub says {printed!r}, committed is {committed!r}")
        solutions = SOLUTION.findall(below)
        if len(HINT.findall(below)) != 1 or len(solutions) != 1:
            wrong.append(f"{name}: one hint and one solution below it")
            continue
        if not 1 <= len(list(filter(None, ast.unparse(defined(solutions[0])).splitlines()))) <= 16:
            wrong.append(f"{name}: longer than 15 lines and its first")
        printed = run_cell(solutions[0], dict(names))
        if not printed.startswith(f"{name}: right, ") or printed.count("\n") != 1:
            wrong.append(f"{name}: its solution: {printed}")
    assert wrong == [] and seen == list(turns.turns)


@pytest.mark.parametrize("path", WITH_TURNS, ids=lambda path: path.stem)
def test_what_a_turn_asks_for_is_said_right_above_its_cell(path):
    cells, wrong = nbformat.read(str(path), 4).cells, []
    for number, (place, cell, _) in enumerate(turns_of(path), start=1):
        above = cells[place - 1]
        if above.cell_type != "markdown" or f"**Turn {number}: " not in above.source:
            wrong.append(f"{turn_name(cell.source)}: no '**Turn {number}: ...**' right above it")
    assert wrong == []


def filled_in(notebook, path):
    """Put each solution into its cell; return the turns' positions."""
    places = []
    for place, _, below in turns_of(path):
        notebook.cells[place].source = SOLUTION.findall(below)[0]
        places.append(place)
    return places


def texts(cell):
    """The outputs of a cell as they are compared."""
    for output in merged(cell.outputs):
        data = output.get("data", {})
        yield output.get("name", ""), comparable(output.get("text", ""))
        yield from (
            (kind, comparable(data[kind])) for kind in ("text/plain", "text/html") if kind in data
        )


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_TURNS, ids=lambda path: path.stem)
def test_with_every_solution_filled_in_the_outputs_are_the_same(path):
    committed, notebook = (nbformat.read(str(path), 4) for _ in range(2))
    places = filled_in(notebook, path)
    left_out = {
        place
        for place, cell in enumerate(notebook.cells)
        if "long" in cell.metadata.get("tags", [])
        or (cell.cell_type == "code" and execute.missing_data(cell.metadata.get("tags", [])))
    }
    execute.execute(notebook, path.parent, frozenset(left_out), cell_seconds=600)
    different = []
    for place, (cell, other) in enumerate(zip(notebook.cells, committed.cells, strict=True)):
        if cell.cell_type != "code" or place in left_out:
            continue
        if place in places:
            said = "".join(output.get("text", "") for output in cell.outputs)
            if ": right, " not in said:
                different.append(f"cell {place}: {said}")
        elif "nbval-ignore-output" not in cell.metadata.get("tags", []):
            if list(texts(cell)) != list(texts(other)):
                different.append(f"cell {place}: {cell.source}\n{list(texts(cell))}")
    assert not different, "\n".join(different)
