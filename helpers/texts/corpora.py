"""Texts to learn from: two that are always there, and more to download once.

`story` and `pydocs` need no network. Everything else is fetched on request, checked, and
kept in one folder (`data_folder()`), so the second time is instant:

    text = load_corpus("story")           # embedded, about 20,000 characters
    text = load_corpus("the-verdict")     # downloaded once, then read from the folder
    python -m tools.data             # what there is, and what you already have

A file that is cut short, altered or not the expected one is never kept. The table of names,
addresses, licenses and hashes is in `helpers.texts.sources`.
"""

import argparse
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.texts.downloads import CorpusError, download, verify
from helpers.texts.sources import CORPORA, Corpus, parse_sms

if TYPE_CHECKING:
    import tiktoken

_STORY = Path(__file__).parent.parent / "assets" / "story.txt"


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
    verify(corpus.downloads[0], path)
    return path.read_bytes().decode("utf-8")


def load_sms() -> list[tuple[str, str]]:
    """The SMS Spam Collection as `(label, message)` pairs, label `ham` or `spam`."""
    return parse_sms(load_corpus("sms-spam"))


def load_instructions(name: str = "instructions") -> list[dict[str, str]]:
    """The 1,100 instructions, or `"preferences"`, as a list of dictionaries."""
    if name not in ("instructions", "preferences"):
        raise ValueError(f"{name!r} is not 'instructions' or 'preferences'")
    return json.loads(load_corpus(name))


def gpt2_encoding() -> "tiktoken.Encoding":
    """GPT-2's tokenizer as a `tiktoken.Encoding`, read from the folder of downloads.

    Fetches `gpt2-vocabulary` the first time; raises CorpusError when it cannot be had.
    """
    import tiktoken

    folder = fetch("gpt2-vocabulary")
    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    try:
        return tiktoken.get_encoding("gpt2")
    finally:
        if before is None:
            del os.environ["TIKTOKEN_CACHE_DIR"]
        else:
            os.environ["TIKTOKEN_CACHE_DIR"] = before


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
    if all((data_folder() / item.file).is_file() for item in corpus.downloads):
        return True
    wanted = f"This cell would show {shows}." if shows else f"This cell needs {name!r}."
    print(
        f"{wanted} To download it ({corpus.size}) run: "
        f'from helpers.texts import fetch; fetch("{name}")'
    )
    return False


def fetch(name: str, progress: bool = True) -> Path:
    """Download what is missing and return where it is: the file, or the folder of several.

    Raises ValueError for an unknown or embedded name, CorpusError when it cannot be had.
    """
    corpus = _lookup(name)
    if not corpus.downloads:
        raise ValueError(f"{name!r} is embedded, nothing to fetch: use load_corpus({name!r})")
    for item in corpus.downloads:
        path = data_folder() / item.file
        if not path.is_file():
            download(name, item, path, progress)
    return path if len(corpus.downloads) == 1 else path.parent


def verified_by(name: str) -> str:
    """How the copy in the folder was checked: `"SHA-256"` or `"contents"`, `"embedded"` else.

    Raises CorpusError when it is missing or fails its check.
    """
    corpus = _lookup(name)
    ways = set()
    for item in corpus.downloads:
        path = data_folder() / item.file
        if not path.is_file():
            raise CorpusError(f"{path} is missing: run fetch({name!r})")
        ways.add(verify(item, path))
    return " and ".join(sorted(ways)) or "embedded"


def _lookup(name: str) -> Corpus:
    if name not in CORPORA:
        raise ValueError(f"unknown corpus {name!r}; there are {', '.join(CORPORA)}")
    return CORPORA[name]


def main(arguments: list[str] | None = None) -> int:
    """List the texts, or download those named."""
    parser = argparse.ArgumentParser(prog="python -m tools.data", description=main.__doc__)
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
