"""Redraw the figures of the lecture notes: `python3 course.py figures [NN ...]`.

The figures of lecture NN are the public functions of `lecture_notes/figures/lecture_NN.py`. Each
returns a `classroom.whiteboard.Board`, and the function `bottleneck` of lecture 13 becomes the file
`13_bottleneck.svg`. Files are written only where they change.
"""

import argparse
import importlib.util
import inspect
import sys
from pathlib import Path

from tools.lectures import ROOT
from tools.terminal import run_command

FOLDER = ROOT / "lecture_notes" / "figures"


class UnknownLecture(ValueError):
    """There are no figures of this lecture."""


def figure_modules(folder=FOLDER, lectures=()):
    """Load the figure modules, all or those of the given lecture numbers; yields (number, module).

    Raises UnknownLecture for one that has no module.
    """
    found = {path.stem.removeprefix("lecture_"): path for path in folder.glob("lecture_*.py")}
    wanted = [str(number).zfill(2) for number in lectures] or sorted(found)
    for number in wanted:
        if number not in found:
            raise UnknownLecture(
                f"lecture {number} has no figures: there is no lecture_{number}.py"
            )
        spec = importlib.util.spec_from_file_location(f"lecture_{number}", found[number])
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield number, module


def figure_functions(folder=FOLDER, lectures=()):
    """Yield `(file name, function)` for every figure."""
    for number, module in figure_modules(folder, lectures):
        for name, function in vars(module).items():
            own = inspect.isfunction(function) and function.__module__ == module.__name__
            if own and not name.startswith("_"):
                yield f"{number}_{name}.svg", function


def look(target, folder, lectures) -> int:
    """Write a PNG of every figure to `target` and print its faults: while you draw."""
    target.mkdir(parents=True, exist_ok=True)
    for name, function in figure_functions(folder, lectures):
        board = function()
        picture = target / name.replace(".svg", ".png")
        board.figure.savefig(picture, dpi=100)
        print("\n- ".join([str(picture), *board.faults()]))
    return 0


def draw(folder, lectures) -> int:
    """Write the SVG files that have changed; returns how many figures could not be drawn."""
    failed, names = 0, set()
    for name, function in figure_functions(folder, lectures):
        names.add(name)
        try:
            drawing = function().svg()
        except ValueError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed += 1
            continue
        path = folder / name
        same = path.exists() and path.read_text("utf-8") == drawing
        if not same:
            path.write_text(drawing, "utf-8", newline="\n")
        print(f"{name}: {len(drawing) / 1000:.0f} KB, {'unchanged' if same else 'drawn'}")
    numbers = tuple({name[:3] for name in names})
    for path in sorted(folder.glob("*.svg")):
        if path.name not in names and path.name.startswith(numbers):
            print(f"{path.name}: no function draws it any more; delete it", file=sys.stderr)
    return failed


def main(arguments=None, folder=FOLDER) -> int:
    """Draw the figures of the lectures named, or all; returns 1 where one cannot be drawn."""
    parser = argparse.ArgumentParser(prog="course.py figures", description=__doc__.split("\n")[0])
    parser.add_argument("lectures", nargs="*", help="lecture numbers; none: all")
    parser.add_argument("--look", type=Path, help="write PNG pictures, faults and all, to a folder")
    options = parser.parse_args(arguments)
    try:
        if options.look:
            return look(options.look, folder, options.lectures)
        return 1 if draw(folder, options.lectures) else 0
    except UnknownLecture as error:
        print(f"course.py figures: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(run_command(main))
