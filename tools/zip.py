"""`course.py zip`: writes course.zip, which a notebook on Colab takes the course from."""

import argparse
import sys
import zipfile
from pathlib import Path

from tools.terminal import run_command

ROOT = Path(__file__).resolve().parent.parent
# what the notebooks use: the flash cards read their questions in the notes, plots read records; links
# lead to notes and their figures; my_llm.py takes docstrings from the notebooks' stubs
FOLDERS = (
    ("helpers", "*"),
    ("classroom", "*"),
    ("benchmarks", "*.json"),
    ("benchmarks", "*.py"),  # notebook 12 measures with them
    ("notebooks", "*"),
    ("lecture_notes", "*.md"),
    ("lecture_notes", "*.svg"),
)
FILES = ("pyproject.toml", "README.md", "LICENSE")
LEFT_OUT = {"__pycache__", ".ipynb_checkpoints"}


def files(root):
    """What goes in, in a fixed order."""
    for name, pattern in FOLDERS:
        for file in sorted((root / name).rglob(pattern)):
            if file.is_file() and not LEFT_OUT & set(file.parts) and file.suffix != ".tmp":
                yield file
    for name in FILES:
        yield root / name


def write(target, root=ROOT):
    """Writes the archive; the same files give the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files(root):
            entry = zipfile.ZipInfo(file.relative_to(root).as_posix(), (2020, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())
    return target


def main(arguments=None, root=ROOT):
    """Run the command: write the archive, and say where it is."""
    argparse.ArgumentParser(prog="course.py zip", description=__doc__).parse_args(arguments)
    path = write(root / "course.zip", root)
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB): upload it beside a notebook on Colab.")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
