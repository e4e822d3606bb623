"""Redraw the figures of the lecture notes: `python3 course.py figures [NN ...]`.

The figures of lecture NN are the public functions of `lecture_notes/figures/lecture_NN.py`. Each
returns a `helpers.whiteboard.Board`, and the function `bottleneck` of lecture 13 becomes the file
`13_bottleneck.svg`. Files are written only where they change, so an unchanged figure stays
untouched.
"""

import argparse
import importlib.util
import inspect
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "lecture_notes" / "figures"


def figure_modules(folder=FOLDER, lectures=()):
    """Load the figure modules, all or those of the given lecture numbers; yields (number, module).

    Raises ValueError for a lecture that has no module.
    """
    found = {path.stem.removeprefix("lecture_"): path for path in folder.glob("lecture_*.py")}
    wanted = [f"{int(number):02d}" for number in lectures] or sorted(found)
    for number in wanted:
        if number not in found:
            raise ValueError(f"lecture {number} has no figures: {folder}/lecture_{number}.py")
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


def look(folder, lectures) -> int:
    """Write a PNG of every figure to a folder and print its faults: for drawing, not for the notes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, function in figure_functions(lectures=lectures):
        board = function()
        board.figure.savefig(folder / name.replace(".svg", ".png"), dpi=100)
        print("\n- ".join([f"{folder / name.replace('.svg', '.png')}", *board.faults()]))
    return 0


def main(arguments=None) -> int:
    """Draw the figures of the lectures named, or all; returns 1 where one cannot be drawn."""
    parser = argparse.ArgumentParser(prog="course.py figures", description=__doc__.split("\n")[0])
    parser.add_argument("lectures", nargs="*", help="lecture numbers; none: all")
    parser.add_argument("--look", type=Path, help="write PNG pictures, faults and all, to a folder")
    options = parser.parse_args(arguments)
    if options.look:
        return look(options.look, options.lectures)
    failed, names = 0, set()
    for name, function in figure_functions(lectures=options.lectures):
        names.add(name)
        try:
            drawing = function().svg()
        except ValueError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed += 1
            continue
        path = FOLDER / name
        same = path.exists() and path.read_text(encoding="utf-8") == drawing
        if not same:
            path.write_text(drawing, encoding="utf-8", newline="\n")
        print(f"{name}: {len(drawing) / 1000:.0f} KB, {'unchanged' if same else 'drawn'}")
    numbers = tuple({name[:3] for name in names})
    for path in sorted(FOLDER.glob("*.svg")):
        if path.name not in names and path.name.startswith(numbers):
            print(f"{path.name}: no function draws it any more; delete it", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    raise SystemExit(main())
