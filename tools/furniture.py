"""Counts what a notebook's code lines are for: `python -m tools.furniture [NN ...]`.

Furniture is what serves the course and not the lesson: imports, asserts, alt texts, quiz, card and
check calls. The folded set-up cell is left out. At most one code line in seven should be furniture.
"""

import ast
import statistics
import sys

import nbformat

from tools.notebook_parts import is_generated
from tools.notebooks import chosen
from tools.terminal import run_command

CALLS = {"quiz", "check", "progress", "FlashCards"}


def _is_furniture(statement):
    if isinstance(statement, (ast.Import, ast.ImportFrom, ast.Assert)):
        return True
    call = statement.value if isinstance(statement, (ast.Expr, ast.Assign)) else None
    return isinstance(call, ast.Call) and getattr(call.func, "id", "") in CALLS


def lines_of(source):
    """The code lines of a cell (no blank ones, no comments), and how many are furniture.

    >>> lines_of("import re\\n\\nx = re.split(',', text)\\nassert x\\n# why\\nquiz('02')")
    (4, 3)
    """
    plain = "\n".join("" if line.startswith(("%", "!")) else line for line in source.splitlines())
    furniture = set()
    for node in ast.walk(ast.parse(plain)):
        if isinstance(node, ast.stmt) and _is_furniture(node):
            furniture |= set(range(node.lineno, node.end_lineno + 1))
        elif isinstance(node, ast.keyword) and node.arg == "alt":
            furniture |= set(range(node.lineno, node.value.end_lineno + 1))
    code = [
        number
        for number, line in enumerate(source.splitlines(), 1)
        if line.strip() and not line.strip().startswith("#")
    ]
    return len(code), len(furniture & set(code))


def of_notebook(notebook):
    """Cells, words, code lines, furniture lines, turns and the median length of code cells."""
    cells = [cell for cell in notebook.cells if not is_generated(cell)]
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    words = sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown")
    counts = [lines_of(source) for source in code]
    lengths = [lines for lines, _ in counts if lines]
    return {
        "cells": len(cells),
        "words": words,
        "lines": sum(lengths),
        "furniture": sum(furniture for _, furniture in counts),
        "turns": sum(
            any(line.startswith("@your_turn") for line in source.splitlines()) for source in code
        ),
        "median": statistics.median(lengths),
        "longest": max(lengths),
    }


def main(arguments):
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    print(f"{'':<28}cells  words  lines  furniture      turns  median  longest")
    for path in chosen(arguments):
        found = of_notebook(nbformat.read(str(path), 4))
        share = found["furniture"] / found["lines"]
        print(
            f"{path.stem:<28}{found['cells']:>5}{found['words']:>7}{found['lines']:>7}"
            f"{found['furniture']:>7} {share:>6.1%}{found['turns']:>8}{found['median']:>8.0f}"
            f"{found['longest']:>9}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
