"""Receiving a file and making sure of it, so that nothing broken is ever kept.

A file is received into a temporary folder beside its place, unpacked, checked, and only then
moved there in one step. Each address is tried several times, mirrors included. A full disk or a
locked folder is said at once.
"""

import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from helpers.texts.sources import Download

ROUNDS = 3  # how often each address is tried
WAIT_SECONDS = 1.0  # pause before the second round; doubles each time


class CorpusError(OSError):
    """A text could not be fetched, checked or stored. The message says what to do."""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(item: Download, path: Path) -> str:
    """How this file proves to be the right one; raises ValueError when it does not."""
    if item.sha256 and _sha256(path) == item.sha256:
        return "SHA-256"
    if item.contents is None:
        raise ValueError(f"its SHA-256 is {_sha256(path)}, expected {item.sha256}")
    try:
        item.contents(path)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its contents cannot be read: {error!r}") from error
    return "contents"


def verify(item: Download, path: Path) -> str:
    """Check a file that lies in the folder already."""
    try:
        return _check(item, path)
    except (ValueError, OSError) as error:
        raise CorpusError(
            f"{path} is damaged or was changed: {error}. Delete it and load it again."
        ) from error


def download(name: str, item: Download, path: Path, progress: bool) -> None:
    """Try every address in turn, several rounds; keep the file only when it passes its check."""
    failures: dict[str, str] = {}
    for round_number in range(ROUNDS):
        if round_number:
            time.sleep(WAIT_SECONDS * 2 ** (round_number - 1))
        for url in item.urls:
            try:
                _attempt(item, url, path, progress)
                return
            except (ValueError, OSError) as error:
                _raise_if_storage(error, path)
                failures[url] = _in_words(error)
    reasons = "\n".join(f"  {url}\n    {reason}" for url, reason in failures.items())
    raise CorpusError(
        f"{name!r} could not be downloaded (tried {ROUNDS} times):\n{reasons}\n"
        f"Nothing was kept. Check the internet connection and try again, or get the file on "
        f"another computer and put it at {path}" + (" (unpacked)." if item.unpack else ".")
    )


def _attempt(item: Download, url: str, path: Path, progress: bool) -> None:
    """Receive into a temporary folder beside the place, check, then move it there in one step."""
    import pooch
    from tqdm.auto import tqdm

    path.parent.mkdir(parents=True, exist_ok=True)
    last = item.first_bytes
    headers = {"Range": f"bytes=0-{last - 1}"} if last else {}
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".download-") as folder:
        sent = kept = Path(folder) / "sent"
        # total=1 until the server names the size: a bar without a total has no truth value
        bar = tqdm(desc=path.name, unit="B", unit_scale=True, total=1) if progress else None
        receive = pooch.HTTPDownloader(
            progressbar=bar if progress else False, chunk_size=1 << 16, timeout=30, headers=headers
        )
        try:
            receive(url, str(sent), None)
        finally:
            if bar is not None:
                bar.close()
        if item.unpack:
            kept = Path(folder) / "kept"
            _unpack(item.unpack, sent, kept)
        _check(item, kept)
        os.replace(kept, path)


def _in_words(error: Exception) -> str:
    """One short line for what went wrong on the way."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "no answer within 30 seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke before the file was complete"
    if isinstance(error, requests.ConnectionError):
        return "no connection to the server"
    return str(error) or type(error).__name__


def _unpack(unpack: Callable[[Path, Path], None], sent: Path, kept: Path) -> None:
    try:
        unpack(sent, kept)
    except OSError:
        raise
    except Exception as error:  # a broken archive raises many kinds
        raise ValueError(f"what was sent cannot be unpacked: {error!r}") from error


def _raise_if_storage(error: Exception, path: Path) -> None:
    """A full disk or a locked folder is not mended by trying again: say so at once."""
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        advice = "The disk is full: free some space and try again"
    elif number in (
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOTDIR,
        errno.EEXIST,
    ):
        advice = "The folder cannot be written to"
    else:
        return
    raise CorpusError(
        f"{path} could not be stored: {error}. {advice}, or name another folder in the "
        "environment variable LLM_COURSE_DATA. Nothing was kept."
    ) from error
