"""Carry what the reader wrote from one Colab machine to the next: in by one cell, out by another.

    bring("upload")       a file chosen in the browser
    bring("Drive")        the copy in Google Drive
    bring()               my_turns.zip, where it lies beside the notebook

    take_home("download") the browser downloads my_turns.zip
    take_home("Drive")    a copy in Google Drive

Elsewhere than in Colab both do nothing: at home the reader's folder stays where it is.
"""

import contextlib
import importlib
import io
import json
import re
import sys
import zipfile
from pathlib import Path

from classroom.mine.assemble import assemble
from classroom.mine.outline import FILES
from classroom.study import progress as study
from classroom.turns import kept
from helpers.files import read_json, write_whole

NAME = "my_turns.zip"
DRIVE = Path("/content/drive")
IN_DRIVE = Path("MyDrive") / "llm-course" / NAME
TURN = re.compile(r"turns/(\d\d\.[\w.]+\.json)")
PROGRESS = "progress.json"
MOST_BYTES = 1_000_000  # of one file; a turn has a thousand


def in_colab() -> bool:
    """Whether this kernel runs in Colab."""
    return "google.colab" in sys.modules


def packed() -> bytes:
    """Return what the reader wrote and their progress as a zip archive; the same gives the same.

    my_llm.py and my_chat.py, put together from it, are in it too, for reading.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        files = {f"turns/{path.name}": path for path in sorted(kept.folder().glob("*.json"))}
        files |= {PROGRESS: study.state_file()} if study.state_file().is_file() else {}
        contents = {name: path.read_bytes() for name, path in files.items()}
        made = {file.name: assemble(file=file).text.encode("utf-8") for file in FILES}
        for name, data in {**contents, **made}.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def unpack(data: bytes) -> tuple[int, int]:
    """Take over an archive that `packed` made: (turns taken, turns that are here newer or the same).

    Nothing that is here and newer is replaced. Raises ValueError for a file that is not such an
    archive, OSError where nothing can be written.
    """
    taken = stayed = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = {entry.filename: entry for entry in archive.infolist()}
            good = [name for name in found if TURN.fullmatch(name) or name == PROGRESS]
            if not good:
                raise ValueError(f"there are no turns in it; it should be a {NAME}")
            if any(found[name].file_size > MOST_BYTES for name in good):
                raise ValueError("a file in it is far too large")
            contents = {name: archive.read(name) for name in good}
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise ValueError(f"it is damaged or not a zip file: {error}") from None
    for name, text in contents.items():
        if name == PROGRESS:
            _merge_progress(text)
        elif _is_newer(text, kept.folder() / TURN.fullmatch(name)[1]):
            kept.folder().mkdir(parents=True, exist_ok=True)
            write_whole(kept.folder() / TURN.fullmatch(name)[1], text)
            taken += 1
        else:
            stayed += 1
    return taken, stayed


def _is_newer(text, path):
    """Whether a turn from elsewhere is newer than the one that is here, if there is one."""
    try:
        date = json.loads(text)["date"]
    except (ValueError, KeyError, TypeError):
        return False
    try:
        return date > str(read_json(path)["date"])
    except (OSError, ValueError, KeyError):
        return True


def _merge_progress(text):
    """Add what is not known here yet: exercises, cards, answers."""
    with contextlib.suppress(ValueError, AttributeError):
        for section, entries in json.loads(text).items():
            here = study.read_state(section)
            for key, value in entries.items():
                if key not in here:
                    study.remember(section, key, value)


def bring(source: str = "") -> None:
    """Take over what was written on another machine; say how many turns came."""
    if not in_colab():
        return
    try:
        data = _data_from(source)
        if data is None:
            return
        taken, stayed = unpack(data)
    except (ValueError, OSError) as error:
        print(f"What you wrote before could not be taken over: {error}.")
        return
    more = f", {stayed} were here already" if stayed else ""
    print(f"{taken} of your turns came along{more}. Run their cells, or write on.")


def _data_from(source):
    if source == "upload":
        chosen = importlib.import_module("google.colab.files").upload()
        return next(iter(chosen.values()), None)
    path = _drive() if source == "Drive" else Path(NAME)
    if path.is_file():
        return path.read_bytes()
    if source == "Drive":
        print(f"There is no {IN_DRIVE} in your Drive yet.")
    return None


def take_home(target: str = "") -> None:
    """Write what was written here into one file, and download it or copy it to Drive."""
    if not in_colab():
        return
    try:
        path = _drive() if target == "Drive" else Path(NAME)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, packed())
    except OSError as error:
        print(f"What you wrote could not be kept: {error}.")
        return
    if target == "download":
        importlib.import_module("google.colab.files").download(str(path))
    number = len(kept.kept_turns())
    turns = "1 turn" if number == 1 else f"{number} turns"
    made = " and ".join(file.name for file in FILES)
    print(f"{path} holds what you wrote: {turns}, your progress, {made}.")


def _drive():
    """The archive's place in Drive, which Colab asks to open."""
    importlib.import_module("google.colab.drive").mount(str(DRIVE))
    return DRIVE / IN_DRIVE
