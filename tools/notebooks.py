"""`course.py notebooks [NN ...]`: runs notebooks in place and writes their outputs.

Each notebook gets its generated parts (badge, set-up cell, lecture links), is run from the top in
a fresh kernel, and is written in one fixed form. `online` cells whose data is missing here keep
the outputs they have. Without numbers it takes all notebooks, and writes the index of the
lectures. `--no-run` only does the writing.
"""

import argparse
import sys

from helpers.files import check_room
from tools import execute, lectures, notebook_parts
from tools.lectures import ROOT
from tools.terminal import run_command


def chosen(numbers, folder=ROOT / "notebooks"):
    """The notebooks of these numbers (or names), or all; in order. Raises ValueError."""
    every = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not numbers:
        return every
    picked = []
    for number in numbers:
        stem = number.rsplit("/", 1)[-1].removesuffix(".ipynb")
        found = [path for path in every if path.stem == stem or path.stem[:2] == stem.zfill(2)]
        if not found:
            there = ", ".join(path.stem for path in every) or "none yet"
            raise ValueError(f"There is no notebook {number!r}. There are: {there}.")
        picked += found
    return sorted(set(picked))


def stderr_cells(notebook):
    """The numbers of cells that wrote to stderr, which a reader sees as a red box."""
    return [
        number
        for number, cell in enumerate(notebook.cells, 1)
        if any(output.get("name") == "stderr" for output in cell.get("outputs", []))
    ]


def regenerate(path, run=True, root=ROOT):
    """Runs one notebook and writes it back; returns what it took.

    Raises ExecutionFailed, and OSError where the folder cannot be written to.
    """
    check_room(path.parent)  # now, and not after the minutes of a run
    notebook = notebook_parts.refresh(notebook_parts.read(path), path.name, root)
    usage = None
    if run:
        left_out = execute.left_out_cells(notebook)
        usage = execute.execute(notebook, path.parent, left_out)
        if left_out:
            print(f"  {path.name}: {len(left_out)} online cells kept their outputs (no data here)")
        for number in stderr_cells(notebook):
            print(f"  {path.name}: cell {number} wrote to stderr")
    notebook_parts.write(notebook_parts.clean(notebook), path)
    return usage


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="course.py notebooks", description=__doc__)
    parser.add_argument("numbers", nargs="*", metavar="NN")
    parser.add_argument("--no-run", action="store_true", help="only refresh the generated parts")
    options = parser.parse_args(arguments)
    try:
        paths = chosen(options.numbers)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    if not options.numbers:
        lectures.write_index()
    for path in paths:
        try:
            usage = regenerate(path, run=not options.no_run)
        except execute.ExecutionFailed as error:
            print(f"{path.name}: failed, nothing written.\n{error}", file=sys.stderr)
            return 1
        took = f" {usage.seconds:.0f} s, {usage.peak_bytes / 1e9:.1f} GB" if usage else ""
        print(f"{path.name}{took}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
