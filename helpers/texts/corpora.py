"""Training texts by name: two that are always available, and more to download once.

`story` and `pydocs` need no network. Everything else is downloaded on request, verified, and kept
in one folder (`data_folder()`), so the second time is instant:

    text = load_corpus("story")           # embedded, about 20,000 characters
    text = load_corpus("the-verdict")     # downloaded once, then read from the folder
    python3 course.py data                # lists the texts, and which of them you have

A file that is truncated, altered or not the expected one is never kept; see `texts.sources`.
"""

import json
import os
import tempfile
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
        return Path(os.path.expanduser(chosen))
    import pooch

    if os.path.isabs(os.path.expanduser("~")) or os.environ.get("XDG_CACHE_HOME"):
        return Path(pooch.os_cache("llm-course"))
    return Path(tempfile.gettempdir()) / f"llm-course-{os.getuid()}"  # a user without a home


def load_corpus(name: str) -> str:
    """Return a text by name, downloading it the first time.

    Raises ValueError for an unknown name or one that is not a text, CorpusError if the download
    fails or the file is damaged.

    >>> 19_500 < len(load_corpus("story")) < 21_500
    True
    """
    corpus = _lookup(name)
    if name == "story":
        return _STORY.read_text(encoding="utf-8")
    if name == "pydocs":
        from pydoc_data.topics import topics

        return "\n\n".join(topics[key].strip() for key in sorted(topics)) + "\n"
    if name.startswith("gpt2-") or corpus.card:
        raise ValueError(f"{name!r} is not a text; fetch({name!r}) returns where its files are")
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

    Downloads `gpt2-vocabulary` the first time; raises CorpusError if that fails.
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


def available(name: str, shows: str | None = None) -> bool:
    """Return True if the text is on this computer; otherwise print how to download it.

    `shows` completes the sentence "This cell would show ...".

    >>> available("story", shows="its first words")
    True
    """
    corpus = _lookup(name)
    if all((data_folder() / item.file).is_file() for item in corpus.downloads):
        return True
    wanted = f"This cell would show {shows}." if shows else f"This cell needs {name!r}."
    how = f'from helpers.texts import fetch; fetch("{name}")'
    print(f"{wanted} To download it ({corpus.size}) run: {how}")
    return False


def fetch(name: str, progress: bool = True) -> Path:
    """Download what is missing and return its path: the file, or the folder of several.

    Raises ValueError for an unknown or embedded name, OSError if the download fails.
    """
    corpus = _lookup(name)
    if not corpus.downloads:
        raise ValueError(f"{name!r} is embedded, not fetched: use load_corpus({name!r})")
    for item in corpus.downloads:
        path = data_folder() / item.file
        if not path.is_file():
            download(name, item, path, progress)
            if corpus.card:
                print(corpus.card)
    return path if len(corpus.downloads) == 1 else path.parent


def verified_by(name: str) -> str:
    """Return how the copy in the folder was verified: `"SHA-256"`, `"contents"` or `"embedded"`.

    Raises CorpusError if it is missing or fails its check.
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
