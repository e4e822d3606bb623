"""`course.py repo [OWNER/NAME | none]`: says, or sets, where on GitHub the course is published.

The address stands in pyproject.toml alone. Setting it gives every notebook a Colab badge and a
set-up cell that clones the course; `none` takes both away again.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINE = re.compile(r'^repository = "(.*)"$', re.MULTILINE)
NAME = re.compile(r"^(?:https://github\.com/)?([\w.-]+/[\w.-]+?)(?:\.git)?/?$")


def set_address(text, name):
    """pyproject.toml with another address in it. Raises ValueError for a name that is none."""
    if name == "none":
        address = ""
    elif match := NAME.match(name):
        address = f"https://github.com/{match[1]}"
    else:
        raise ValueError(f"{name!r} is not of the form OWNER/NAME")
    return LINE.sub(f'repository = "{address}"', text, count=1)


def main(arguments, root=ROOT):
    path = root / "pyproject.toml"
    text = path.read_text("utf-8")
    if not arguments:
        print(LINE.search(text)[1] or "The course has no address yet: course.py repo OWNER/NAME")
        return 0
    if arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    try:
        path.write_text(set_address(text, arguments[0]), "utf-8", newline="\n")
    except ValueError as error:
        print(f"course.py repo: {error}", file=sys.stderr)
        return 1
    from tools import notebooks

    return notebooks.main(["--no-run"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
