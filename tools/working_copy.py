"""The reader's own copy of the notebooks, which no update of the course overwrites.

    my_course/notebooks/       where the reader works
    my_course/lecture_notes/   what the notebooks link to, kept up to date
    my_course/source/          the code that the notes link to, for reading; kept up to date

`.originals.json` beside them holds a hash of each original at the time of copying.
"""

import hashlib
import json
import os
import re
from pathlib import Path

from classroom.study.progress import state_file, taken_along
from helpers.files import read_json, write_whole
from tools.lectures import ROOT

SOURCES = ("helpers", "classroom", "tools")
SOURCE_LINK = re.compile(rf"\]\(\.\./(?=(?:{'|'.join(SOURCES)})/)")
NAME, RECORD = "my_course", ".originals.json"


def folder():
    """Where the copy is: `LLM_COURSE_WORK`, or `my_course` beside the reader's progress."""
    if chosen := os.environ.get("LLM_COURSE_WORK"):
        return Path(os.path.expanduser(chosen)).resolve()
    if os.environ.get("LLM_COURSE_STATE"):
        return state_file().with_name(NAME)
    return taken_along(NAME)


def update(work, root=ROOT):
    """Copy what is missing or untouched; return the names of notebooks whose original is newer.

    A notebook is the reader's as soon as the source of one cell differs from what was copied.
    Raises ValueError where `work` is the course's own folder, OSError where it cannot be written.
    """
    if work.resolve() == root.resolve():
        raise ValueError(f"LLM_COURSE_WORK is the course's own folder, {root}: name another one")
    recorded, newer = _read_record(work), []
    for original in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        name, data = original.stem, original.read_bytes()
        copy, now, before = work / "notebooks" / original.name, _digest(data), recorded.get(name)
        theirs = _digest(copy.read_bytes()) if copy.exists() else None
        if theirs is None or theirs == before != now:
            _write(copy, data)
        elif now not in (theirs, before):
            newer.append(name)
            continue
        recorded[name] = now
    _write(work / RECORD, json.dumps(recorded, indent=1).encode("utf-8"))
    _copy_what_links_need(work, root)
    return newer


def take(original, work, today):
    """Put the course's notebook into the copy; the reader's stays under the returned path.

    Returns None where there was none of theirs to keep.
    """
    copy, data, kept = work / "notebooks" / original.name, original.read_bytes(), None
    if copy.exists() and copy.read_bytes() != data:
        kept = copy.with_name(f"{original.stem}.before-{today}.ipynb")
        number = 2
        while kept.exists():
            kept = copy.with_name(f"{original.stem}.before-{today}-{number}.ipynb")
            number += 1
        os.replace(copy, kept)
    _write(copy, data)
    recorded = _read_record(work) | {original.stem: _digest(data)}
    _write(work / RECORD, json.dumps(recorded, indent=1).encode("utf-8"))
    return kept


def _copy_what_links_need(work, root):
    """The notes with their figures, and the code; in the notes, links to code lead to the copy."""
    for path in sorted((root / "lecture_notes").rglob("*")):
        if path.suffix == ".md":
            text = SOURCE_LINK.sub("](../source/", path.read_text("utf-8"))
            _write(work / path.relative_to(root), text.encode("utf-8"))
        elif path.is_file():
            _write(work / path.relative_to(root), path.read_bytes())
    for path in (path for name in SOURCES for path in sorted((root / name).rglob("*.py"))):
        _write(work / "source" / path.relative_to(root), path.read_bytes())


def _digest(data):
    """A hash of a notebook's cells: opening and running it changes the rest of the file."""
    try:
        cells = [[cell["cell_type"], "".join(cell["source"])] for cell in json.loads(data)["cells"]]
    except (
        ValueError,
        TypeError,
        KeyError,
        RecursionError,
    ):  # no notebook, or a damaged one: every byte counts
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha256(json.dumps(cells).encode("utf-8")).hexdigest()


def _read_record(work):
    try:
        return read_json(work / RECORD)
    except (OSError, ValueError):
        return {}


def _write(path, data):
    """Write a file whole or not at all, where it is not the same already."""
    if path.is_file() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)
