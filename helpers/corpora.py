"""Texts to learn from: two that are always there, and more to download once.

`story` and `pydocs` need no network. Everything else is fetched on request, checked, and
kept in one folder (`data_folder()`), so the second time is instant:

    text = load_corpus("story")           # embedded, about 20,000 characters
    text = load_corpus("the-verdict")     # downloaded once, then read from the folder
    python -m helpers.corpora             # what there is, and what you already have

A file that is cut short, altered or not the expected one is never kept. The table of names,
addresses, licenses and hashes is in `helpers.sources`.
"""

import argparse
import errno
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path

from helpers.sources import CORPORA, Corpus, Download, parse_sms

ROUNDS = 3  # how often each address is tried
WAIT_SECONDS = 1.0  # pause before the second round; doubles each time
_STORY = Path(__file__).parent / "assets" / "story.txt"


class CorpusError(OSError):
    """A text could not be fetched, checked or stored. The message says what to do."""


def data_folder() -> Path:
    """The folder that holds downloads: `LLM_COURSE_DATA`, or this system's cache folder."""
    chosen = os.environ.get("LLM_COURSE_DATA")
    if chosen:
        return Path(chosen).expanduser()
    import pooch

    return Path(pooch.os_cache("llm-course"))


def load_corpus(name: str) -> str:
    """Return a text by name, downloading it the first time.

    Raises ValueError for an unknown name or one that is no text, CorpusError when it cannot be
    had.

    >>> 19_500 < len(load_corpus("story")) < 21_500
    True
    """
    corpus = _lookup(name)
    if name == "story":
        return _STORY.read_text(encoding="utf-8")
    if name == "pydocs":
        from pydoc_data.topics import topics

        return "\n\n".join(topics[key].strip() for key in sorted(topics)) + "\n"
    if name.startswith("gpt2-"):
        raise ValueError(f"{name!r} is no text; fetch({name!r}) returns where its files are")
    path = fetch(name)
    _verify(corpus.downloads[0], path)
    return path.read_bytes().decode("utf-8")


def load_sms() -> list[tuple[str, str]]:
    """The SMS Spam Collection as `(label, message)` pairs, label `ham` or `spam`."""
    return parse_sms(load_corpus("sms-spam"))


def load_instructions(name: str = "instructions") -> list[dict[str, str]]:
    """The 1,100 instructions, or `"preferences"`, as a list of dictionaries."""
    if name not in ("instructions", "preferences"):
        raise ValueError(f"{name!r} is not 'instructions' or 'preferences'")
    return json.loads(load_corpus(name))


def corpus_hash(name: str) -> str:
    """SHA-256 of a text, so that a figure can say what it was measured on.

    >>> len(corpus_hash("pydocs"))
    64
    """
    return hashlib.sha256(load_corpus(name).encode("utf-8")).hexdigest()


def available(name: str, shows: str | None = None) -> bool:
    """True if the text can be read now without a download; otherwise say how to get it.

    `shows` completes the sentence "This cell would show ...".

    >>> available("story", shows="its first words")
    True
    """
    corpus = _lookup(name)
    if all((data_folder() / download.file).is_file() for download in corpus.downloads):
        return True
    wanted = f"This cell would show {shows}." if shows else f"This cell needs {name!r}."
    print(
        f"{wanted} To download it ({corpus.size}) run: "
        f'from helpers.corpora import fetch; fetch("{name}")'
    )
    return False


def fetch(name: str, progress: bool = True) -> Path:
    """Download what is missing and return where it is: the file, or the folder of several.

    Raises ValueError for an unknown or embedded name, CorpusError when it cannot be had.
    """
    corpus = _lookup(name)
    if not corpus.downloads:
        raise ValueError(f"{name!r} is embedded, nothing to fetch: use load_corpus({name!r})")
    for download in corpus.downloads:
        path = data_folder() / download.file
        if not path.is_file():
            _download(name, download, path, progress)
    return path if len(corpus.downloads) == 1 else path.parent


def verified_by(name: str) -> str:
    """How the copy in the folder was checked: `"SHA-256"` or `"contents"`, `"embedded"` else.

    Raises CorpusError when it is missing or fails its check.
    """
    corpus = _lookup(name)
    ways = set()
    for download in corpus.downloads:
        path = data_folder() / download.file
        if not path.is_file():
            raise CorpusError(f"{path} is missing: run fetch({name!r})")
        ways.add(_verify(download, path))
    return " and ".join(sorted(ways)) or "embedded"


def _lookup(name: str) -> Corpus:
    if name not in CORPORA:
        raise ValueError(f"unknown corpus {name!r}; there are {', '.join(CORPORA)}")
    return CORPORA[name]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(download: Download, path: Path) -> str:
    """How this file proves to be the right one; raises ValueError when it does not."""
    if download.sha256 and _sha256(path) == download.sha256:
        return "SHA-256"
    if download.contents is None:
        raise ValueError(f"its SHA-256 is {_sha256(path)}, expected {download.sha256}")
    try:
        download.contents(path)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its contents cannot be read: {error!r}") from error
    return "contents"


def _verify(download: Download, path: Path) -> str:
    """Check a file that lies in the folder already."""
    try:
        return _check(download, path)
    except (ValueError, OSError) as error:
        raise CorpusError(
            f"{path} is damaged or was changed: {error}. Delete it and load it again."
        ) from error


def _download(name: str, download: Download, path: Path, progress: bool) -> None:
    """Try every address in turn, several rounds; keep the file only when it passes its check."""
    failures: dict[str, str] = {}
    for round_number in range(ROUNDS):
        if round_number:
            time.sleep(WAIT_SECONDS * 2 ** (round_number - 1))
        for url in download.urls:
            try:
                _attempt(download, url, path, progress)
                return
            except (ValueError, OSError) as error:
                _raise_if_storage(error, path)
                failures[url] = _in_words(error)
    reasons = "\n".join(f"  {url}\n    {reason}" for url, reason in failures.items())
    raise CorpusError(
        f"{name!r} could not be downloaded (tried {ROUNDS} times):\n{reasons}\n"
        f"Nothing was kept. Check the internet connection and try again, or get the file on "
        f"another computer and put it at {path}" + (" (unpacked)." if download.unpack else ".")
    )


def _attempt(download: Download, url: str, path: Path, progress: bool) -> None:
    """Receive into a temporary folder beside the place, check, then move it there in one step."""
    import pooch
    from tqdm.auto import tqdm

    path.parent.mkdir(parents=True, exist_ok=True)
    last = download.first_bytes
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
        if download.unpack:
            kept = Path(folder) / "kept"
            _unpack(download, sent, kept)
        _check(download, kept)
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


def _unpack(download: Download, sent: Path, kept: Path) -> None:
    try:
        download.unpack(sent, kept)
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


def main(arguments: list[str] | None = None) -> int:
    """List the texts, or download those named."""
    parser = argparse.ArgumentParser(prog="python -m helpers.corpora", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    names = parser.parse_args(arguments).names
    try:
        for name in names:
            where = fetch(name) if _lookup(name).downloads else "embedded"
            print(f"{name}: {where} (verified by {verified_by(name)})")
    except (CorpusError, ValueError) as error:
        print(error)
        return 1
    if not names:
        print(f"Downloads are kept in {data_folder()}\n")
        for name, corpus in CORPORA.items():
            here = all((data_folder() / item.file).is_file() for item in corpus.downloads)
            state = "embedded" if not corpus.downloads else "here" if here else "not here"
            print(f"{name:<20}{state:<10}{corpus.size:>7}  {corpus.license:<17} {corpus.about}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
