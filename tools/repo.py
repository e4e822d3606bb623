"""`course.py repo [OWNER/NAME | none]`: says, or sets, where on GitHub the course is published.

The address is kept in pyproject.toml. Setting it gives every notebook a Colab badge and a set-up
cell that clones the course, and README the lines that clone it; `none` takes all of them away.
"""

import re
import sys
from pathlib import Path

from tools.terminal import run_command

ROOT = Path(__file__).resolve().parent.parent
LINE = re.compile(r'^repository = "(.*)"$', re.MULTILINE)
NAME = re.compile(
    r"(?:https://github\.com/)?([a-z0-9-]+/(?!\.+(?:/|$))[a-z0-9._-]+?)(?:\.git)?/?", re.IGNORECASE
)
# README's text between these two lines is written here
MARKS = ("<!-- course.py repo writes this -->\n", "<!-- to here -->\n")
NO_ADDRESS = """\
This copy of the course has no public address yet. If you have it as a zip file, unpack it. Then
open a terminal in the folder that holds `course.py`.
"""
CLONE = """\
```
git clone {address}.git
cd {folder}
```

Without git, unpack [this zip file]({address}/archive/refs/heads/main.zip)
and open a terminal in the folder that holds `course.py`.
"""


def set_address(text, name):
    """pyproject.toml with another address in it. Raises ValueError for a name that is none."""
    if name == "none":
        address = ""
    elif match := NAME.fullmatch(name):
        address = f"https://github.com/{match[1]}"
    else:
        raise ValueError(f"{name!r} is not of the form OWNER/NAME")
    return LINE.sub(f'repository = "{address}"', text, count=1)


def with_clone_lines(readme, address):
    """README with the way to get the course from this address. Raises ValueError without marks."""
    start, end = MARKS
    if readme.count(start) != 1 or readme.count(end) != 1:
        raise ValueError(f"README needs the line {start.strip()} once, and {end.strip()} after it")
    before, _, rest = readme.partition(start)
    after = rest.partition(end)[2]
    lines = NO_ADDRESS
    if address:
        lines = CLONE.format(address=address, folder=address.rpartition("/")[2])
    return f"{before}{start}\n{lines}\n{end}{after}"


def main(arguments, root=ROOT):
    path, readme = root / "pyproject.toml", root / "README.md"
    text = path.read_text("utf-8")
    if not arguments:
        print(LINE.search(text)[1] or "The course has no address yet: course.py repo OWNER/NAME")
        return 0
    if arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    try:
        text = set_address(text, arguments[0])
        page = with_clone_lines(readme.read_text("utf-8"), LINE.search(text)[1])
    except ValueError as error:
        print(f"course.py repo: {error}", file=sys.stderr)
        return 1
    path.write_text(text, "utf-8", newline="\n")
    readme.write_text(page, "utf-8", newline="\n")
    from tools import notebooks

    return notebooks.main(["--no-run"])


if __name__ == "__main__":
    sys.exit(run_command(main))
