"""What a reader has done, in one small file of their own: exercises solved, cards known.

The file lies in the folder of downloads (`helpers.texts.corpora.data_folder`), or where
`LLM_COURSE_STATE` says. Nothing is sent anywhere. Where the file cannot be written, the course goes
on without a memory.
"""

import json
import os
from pathlib import Path

from helpers.files import read_json, write_whole
from helpers.texts.corpora import data_folder


def state_file() -> Path:
    """Where the state is kept."""
    chosen = os.environ.get("LLM_COURSE_STATE")
    return Path(chosen).expanduser() if chosen else data_folder() / "progress.json"


def read_state(section: str) -> dict:
    """Return one section of the state; empty where there is none, or the file is damaged."""
    part = _read().get(section, {})
    return part if isinstance(part, dict) else {}


def remember(section: str, key: str, value) -> bool:
    """Store one JSON value under a section's key; False where the file cannot be written.

    Others' entries stay. The file is replaced at once, so that no reader sees half of it.
    """
    state = _read()
    if not isinstance(state.get(section), dict):
        state[section] = {}
    state[section][key] = value
    return _write(state)


def forget(section: str) -> bool:
    """Remove a section; False where the file cannot be written."""
    state = _read()
    if section not in state:
        return True
    del state[section]
    return _write(state)


def _read() -> dict:
    try:
        return read_json(state_file())
    except (OSError, ValueError):
        return {}


def _write(state: dict) -> bool:
    path = state_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(state, indent=1, sort_keys=True) + "\n")
    except OSError:
        return False
    return True
