"""`course.py run [NN ...]`: runs the notebooks in order, one line each, web pages in build/.

The notebooks themselves stay as they are. The first failing cell ends it.
"""

import argparse
import sys

import nbformat
from nbconvert import HTMLExporter

from helpers.files import check_room
from tools import execute, notebook_parts
from tools.lectures import ROOT
from tools.notebooks import chosen
from tools.terminal import run_command

# nbconvert sets code in Markdown outputs, as `show_source` makes it, in the font of its prose.
CODE_STYLE = "<style>.highlight pre { font-family: monospace; }</style>\n</head>"


def run(path, build, cell_seconds=execute.CELL_SECONDS):
    """Runs one notebook into build/; returns what it took. Raises ExecutionFailed."""
    notebook = notebook_parts.read(path)
    usage = execute.execute(notebook, path.parent, cell_seconds=cell_seconds)
    notebook_parts.clean(notebook)
    build.mkdir(exist_ok=True)
    (build / path.name).write_text(nbformat.writes(notebook) + "\n", "utf-8")
    page, _ = HTMLExporter().from_notebook_node(
        notebook, resources={"metadata": {"name": path.stem}}
    )
    page = page.replace("</head>", CODE_STYLE, 1)
    (build / f"{path.stem}.html").write_text(page, "utf-8")
    return usage


def main(arguments=None, folder=ROOT / "notebooks", build=ROOT / "build"):
    parser = argparse.ArgumentParser(prog="course.py run", description=__doc__)
    parser.add_argument("numbers", nargs="*", metavar="NN")
    parser.add_argument(
        "--timeout", type=int, default=execute.CELL_SECONDS, help="seconds a cell may take"
    )
    options = parser.parse_args(arguments)
    try:
        paths = chosen(options.numbers, folder)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    check_room(build)
    for path in paths:
        print(f"{path.stem:<32}", end="", flush=True)
        try:
            usage = run(path, build, options.timeout)
        except execute.ExecutionFailed as error:
            print("failed", flush=True)
            print(f"\n{path.name} failed.\n{error}", file=sys.stderr)
            return 1
        print(f"{usage.seconds:6.1f} s {usage.peak_bytes / 1e9:6.2f} GB", flush=True)
    print(f"{len(paths)} notebooks ran; the pages are in {build}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
