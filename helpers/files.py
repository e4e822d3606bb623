"""Write a file or a folder whole or not at all; read JSON and hashes.

    with replacing(path) as unfinished:    # a temporary path beside `path`
        save_file(tensors, unfinished)     # an error here leaves the old file as it was
    # here `path` is the new file, and it is on the disk

Uses only the standard library.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

LEFTOVER_SECONDS = 3600  # what was not written to for so long belongs to a process that was killed


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path`; the file or folder made there then replaces `path`.

    A reader of `path` sees the old contents or the new ones, never a part, even after a power
    cut. If the block raises an error, `path` stays as it was and the temporary file is removed.
    Raises OSError if the disk is full or the folder of `path` is missing, and FileExistsError where
    a folder would replace a file or a link, and where `path` is a device, such as /dev/null.
    A link to a file keeps pointing: its target is replaced.
    """
    path = Path(path)
    path = path.resolve() if path.is_symlink() and not path.is_dir() else path
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise FileExistsError(f"{path} is a device or a pipe, which must not be replaced")
    unfinished = path.with_name(f".unfinished-{os.getpid()}-{path.name}")
    remove(unfinished)
    _remove_leftovers(path.parent)
    try:
        yield unfinished
        _to_disk(unfinished)
        if unfinished.is_dir() and (path.is_symlink() or path.is_file()):
            raise FileExistsError(f"{path} is a file or a link, in the way of a folder")
        restore(path)
        if unfinished.is_dir() and path.exists():
            os.rename(path, _replaced(path))  # no system renames a folder over a full one
        os.replace(unfinished, path)
    except BaseException:
        remove(unfinished)
        restore(path)
        raise
    _to_disk(path.parent, contents=False)
    remove(_replaced(path))


def restore(path: str | os.PathLike) -> None:
    """Bring back a folder whose replacement was killed between its two renames."""
    path = Path(path)
    if not path.exists() and _replaced(path).exists():
        os.rename(_replaced(path), path)


def write_whole(path: str | os.PathLike, contents: str | bytes) -> None:
    """Write text (as UTF-8) or bytes to a file, which is replaced at once; see `replacing`."""
    data = contents.encode("utf-8") if isinstance(contents, str) else contents
    with replacing(path) as unfinished:
        unfinished.write_bytes(data)


def remove(path: Path) -> None:
    """Remove a file or a whole folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def check_room(folder: str | os.PathLike, needed: int = 0) -> None:
    """Raise OSError where a folder, which need not exist yet, cannot hold `needed` more bytes.

    Nothing is left behind.
    """
    place = Path(folder).absolute()
    while not place.exists():
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            free = shutil.disk_usage(place).free
    except OSError as error:
        raise type(error)(f"{folder} cannot be written to: {error.strerror}: {place}") from None
    if free < needed:
        raise OSError(f"{folder} needs {needed:,} bytes, and {free:,} are free")


def sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_text(path: str | os.PathLike) -> str:
    """Return the text of a file; raises ValueError naming a file that is not UTF-8."""
    try:
        return Path(path).read_bytes().decode("utf-8")  # line ends stay as they are
    except UnicodeDecodeError as error:
        where = f"{error.reason} at byte {error.start}"
        raise ValueError(f"{path} is not UTF-8 text: {where}") from None


def read_json(path: str | os.PathLike) -> dict:
    """Return the object that a JSON file holds.

    Raises ValueError, naming the file, if it is not a JSON object, and OSError if it
    cannot be read.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged or not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path} holds a {type(value).__name__}, not an object")
    return value


def _replaced(path: Path) -> Path:
    """Where the old folder waits while the new one is renamed."""
    return path.with_name(f".replaced-{path.name}")


def _remove_leftovers(folder: Path) -> None:
    for path in folder.glob(".unfinished-*"):
        with contextlib.suppress(OSError):  # another process may just have finished it
            if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                remove(path)


def _to_disk(path: Path, contents: bool = True) -> None:
    """Wait until a file or folder has left the system's buffers and is on the disk."""
    is_folder = path.is_dir()
    if is_folder and contents:
        for child in path.iterdir():
            _to_disk(child)
    if is_folder and os.name != "posix":
        return  # Windows opens no folders
    descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
