"""The reader's progress, in one small file: exercises solved, questions answered, cards known.

The file is in the system's folder for a user's data, where no cleaner of caches empties it, or at the
path in `LLM_COURSE_STATE`. Nothing is sent anywhere. If the file cannot be written, the course works
without remembering.
"""

import contextlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from helpers.files import read_json, remove, write_whole
from helpers.texts.corpora import data_folder

NAME = "llm-course"


def reader_folder() -> Path:
    """Return the folder of what belongs to the reader: progress, turns, working copy.

    It is in `XDG_DATA_HOME` (`~/.local/share`), on macOS in `~/Library/Application Support`, on
    Windows in `%LOCALAPPDATA%`; for a user without a home, among the temporary files.
    """
    home, chosen = Path(os.path.expanduser("~")), os.environ.get("XDG_DATA_HOME", "")
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / NAME
    if os.path.isabs(chosen):
        return Path(chosen) / NAME
    if not home.is_absolute():
        return Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / NAME
    return home / ".local" / "share" / NAME


def taken_along(name: str) -> Path:
    """Return the place of `name` in the reader's folder, moved there from where it was before.

    Earlier versions kept it in the folder of downloads. What is in the reader's folder already is
    never replaced; where the move fails, the old place stays in use.
    """
    new, old = reader_folder() / name, data_folder() / name
    if new.exists() or not old.exists() or new == old:
        return new
    try:
        new.parent.mkdir(parents=True, exist_ok=True)
        os.rename(old, new)
    except OSError:  # on another disk; or another process was faster
        return _copied(old, new)
    return new


def _copied(old: Path, new: Path) -> Path:
    """Copy a file or folder and only then remove the old one; return the one to use."""
    unfinished = new.with_name(f".unfinished-{os.getpid()}-{new.name}")
    try:
        (shutil.copytree if old.is_dir() else shutil.copy2)(old, unfinished)
        os.rename(unfinished, new)
    except OSError:
        remove(unfinished)
        return new if new.exists() or not old.exists() else old
    remove(old)
    return new


def state_file() -> Path:
    """Return the path of the file."""
    chosen = os.environ.get("LLM_COURSE_STATE")
    return Path(os.path.expanduser(chosen)) if chosen else taken_along("progress.json")


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
