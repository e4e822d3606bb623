"""`course.py bench [NAME]`: lists the measurements in benchmarks/, or makes one again."""

import ast
import subprocess
import sys

from tools.lectures import ROOT


def names(folder=ROOT / "benchmarks"):
    """All measurements and the first line of what they say about themselves."""
    found = {}
    for path in sorted(folder.glob("[a-z]*.py")):
        text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        found[path.stem] = text.partition("\n")[0]
    return found


def main(arguments):
    known = names()
    if not arguments:
        for name, text in known.items():
            print(f"{name:<24} {text}")
        return 0
    name, *rest = arguments
    if name not in known:
        print(f"There is no measurement {name!r}. There are: {', '.join(known)}.", file=sys.stderr)
        return 1
    return subprocess.call([sys.executable, "-m", f"benchmarks.{name}", *rest], cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
