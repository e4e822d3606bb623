"""What a reader wrote and what was right, kept for `my_llm.py`: one small file a turn.

The files lie in a folder beside the reader's progress. Each is written whole, so two notebooks that
run at once cannot lose each other's turns, and damage never reaches further than one turn.
"""

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from classroom.study.progress import state_file, taken_along
from helpers.files import read_json, write_whole


@dataclass(frozen=True)
class Kept:
    """A turn that was right: its place, its source, what it needs, and when it was checked."""

    notebook: str
    order: int
    name: str
    source: str
    imports: list[str]
    uses: list[str]
    checks: int
    date: str


def folder() -> Path:
    """Return the folder of the turns, which may not exist yet."""
    chosen = os.environ.get("LLM_COURSE_STATE")
    state = state_file()
    name = f"{state.stem}-turns"
    return state.with_name(name) if chosen else taken_along(name)


def keep(turn: Kept) -> OSError | None:
    """Store a turn in place of an older one; return the error if it cannot be written."""
    path = _path(turn.notebook, turn.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and _read(path) is None:
            os.replace(path, path.with_suffix(".damaged"))  # something in it may be readable
        write_whole(path, json.dumps(asdict(turn), indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        return error
    return None


def kept_turns() -> list[Kept]:
    """Return all turns that can be read, in the order of the notebooks."""
    found = []
    with contextlib.suppress(OSError):
        found = [turn for path in folder().glob("*.json") if (turn := _read(path))]
    return sorted(found, key=lambda turn: (turn.notebook, turn.order, turn.name))


def _path(notebook, name):
    return folder() / f"{notebook}.{name}.json"


def _read(path):
    try:
        turn = Kept(**read_json(path))
    except (OSError, ValueError, TypeError):  # TypeError: other fields
        return None
    texts = [turn.notebook, turn.name, turn.source, turn.date]
    lists = [turn.imports, turn.uses]
    words = [isinstance(text, str) for text in texts]
    words += [isinstance(part, list) and all(isinstance(w, str) for w in part) for part in lists]
    return turn if all(words) and isinstance(turn.order, int) else None
