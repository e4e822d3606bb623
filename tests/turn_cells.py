"""Cells with turns for the tests: run as IPython runs them, with their source at hand."""

import contextlib
import io
import linecache
import re
from itertools import count

import nbformat

from tools.lectures import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FOLD = r"<details>\s*<summary>{}</summary>\n\n(.+?)</details>"
HINT = re.compile(FOLD.format("Hint"), re.S)
SOLUTION = re.compile(r"<summary>Solution</summary>\n\n```python\n(.+?)```\s*</details>", re.S)
NUMBERS = count()


def run_cell(source, namespace):
    """Run a cell in a namespace; return what it printed."""
    filename = f"<cell {next(NUMBERS)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, filename, "exec"), namespace)
    return printed.getvalue()


def turns_of(path):
    """The (place, cell, Markdown below) of each turn of a notebook."""
    cells = nbformat.read(str(path), 4).cells
    for place, cell in enumerate(cells):
        if cell.cell_type == "code" and re.search(r"^@your_turn\b", cell.source, re.M):
            below = cells[place + 1] if place + 1 < len(cells) else None
            yield place, cell, below.source if below and below.cell_type == "markdown" else ""
