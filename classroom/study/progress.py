"""The reader's progress, in one small file: exercises solved, cards known.

The file is in the folder of downloads (`helpers.texts.corpora.data_folder`), or at the path in
`LLM_COURSE_STATE`. Nothing is sent anywhere. If the file cannot be written, the course works without
remembering.
"""

import contextlib
import json
import os
import shutil
from pathlib import Path

from helpers.files import read_json, write_whole
from helpers.texts.corpora import data_folder


def state_file() -> Path:
    """Return the path of the file."""
    chosen = os.environ.get("LLM_COURSE_STATE")
    return Path(os.path.expanduser(chosen)) if chosen else data_folder() / "progress.json"


def read_state(section: str) -> dict:
    """Return one section of the state; empty if there is none or the file is damaged."""
    part = _read().get(section, {})
    return part if isinstance(part, dict) else {}


def remember(section: str, key: str, value) -> bool:
    """Store one JSON value under a key of a section; return False if the file cannot be written.

    Other entries are kept.
    """
    state = _read()
    if not isinstance(state.get(section, {}), dict):
        _keep_aside()
    if not isinstance(state.get(section), dict):
        state[section] = {}
    state[section][key] = value
    return _write(state)


def forget(section: str) -> bool:
    """Remove a section; return False if the file cannot be written."""
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


def _keep_aside() -> None:
    """Copy a file that is damaged, or of another shape, before it is written over."""
    path = state_file()
    with contextlib.suppress(OSError):
        shutil.copyfile(path, path.with_name(f"{path.name}.damaged"))


def _write(state: dict) -> bool:
    path = state_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():  # no device, which `write_whole` refuses
            try:
                read_json(path)
            except ValueError:
                _keep_aside()
        write_whole(path, json.dumps(state, indent=1, sort_keys=True) + "\n")
    except OSError:
        return False
    return True
