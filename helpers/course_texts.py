"""What the course's GPT reads: texts that this project wrote, and the help pages of Python.

Each source is a list of documents in two parts, one to learn from and one held out. Of the grammars
for fine-tuning, `inbox` and `tasks`, only the training split is learned from. Nothing is downloaded.
The lecture notes are read from the folder beside `helpers`.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers import inbox, tales, tasks
from helpers.corpora import load_corpus

NOTES = Path(__file__).parent.parent / "lecture_notes"
HELD_OUT_EVERY = 20  # of the pieces of a longer text, one in so many is held out
TALES_SEED, HELD_OUT_TALES_SEED = 1, 999


class Source(NamedTuple):
    """One kind of text: documents to learn from, documents held out, and how often to read them."""

    training: list[str]
    held_out: list[str]
    times: int = 1


def course_sources(n_tales=100_000, notes_folder=NOTES) -> dict[str, Source]:
    """Every source by name: tales, as many tasks, a fifth as many messages, story, notes, pydocs.

    Raises ValueError where the folder holds no lecture notes.

    >>> sorted(course_sources(n_tales=5))
    ['inbox', 'notes', 'pydocs', 'story', 'tales', 'tasks']
    """
    few = min(500, n_tales)
    return {
        "tales": Source(tales.sample(n_tales, TALES_SEED), tales.sample(few, HELD_OUT_TALES_SEED)),
        "tasks": Source(task_texts(n_tales, "train"), task_texts(few, "validation")),
        "inbox": Source(
            [message.text for message in inbox.sample(n_tales // 5, 1, "train")],
            [message.text for message in inbox.sample(few, 1, "validation")],
        ),
        "notes": Source(*_parts(note_pieces(notes_folder)), times=8),
        "pydocs": Source(*_parts(_pieces(load_corpus("pydocs"), r"\n\n+")), times=6),
        "story": Source(*_parts(_pieces(load_corpus("story"), r"\n\n+")), times=8),
    }


def task_texts(n: int, split: str) -> list[str]:
    """Tasks as plain text: what is asked, what about, and the answer, a line each.

    >>> task_texts(1, "train")[0].count("\\n") in (1, 2)
    True
    """
    return ["\n".join(filter(None, task[1:])) for task in tasks.sample(n, 1, split)]


def note_pieces(folder=NOTES) -> list[str]:
    """The sections of all lecture notes as plain text, without hidden comments and pictures.

    Raises ValueError where the folder holds none.
    """
    paths = sorted(Path(folder).glob("[0-9][0-9]_*.md"))
    if not paths:
        raise ValueError(f"there are no lecture notes in {folder}")
    return [piece for path in paths for piece in _sections(path.read_text("utf-8"))]


def plain_text(markdown: str) -> str:
    """Markdown as a reader sees it: no comments, no pictures, links as their words.

    >>> plain_text("See [the note](a.md#b).<!-- = 1 -->\\n![A picture](p.svg)\\n")
    'See the note.'
    """
    text = re.sub(r"<!--.*?-->", "", markdown, flags=re.DOTALL)
    text = re.sub(r"^!\[.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def pack(documents: list[list[int]], end_id: int, seed: int = 0) -> np.ndarray:
    """One long row of token ids: the documents in shuffled order, each closed by `end_id`.

    >>> pack([[5, 6], [7]], end_id=0, seed=1).tolist()
    [0, 5, 6, 0, 7, 0]
    """
    order = np.random.RandomState(seed).permutation(len(documents))
    row = [[end_id]] + [ids for i in order for ids in (documents[i], [end_id])]
    return np.concatenate([np.asarray(ids, dtype=np.int64) for ids in row])


def _sections(markdown: str) -> list[str]:
    """A note cut at its headings; the title goes before each section, so that it says its topic."""
    title, *sections = re.split(r"^## ", plain_text(markdown), flags=re.MULTILINE)
    heading = title.splitlines()[0].lstrip("# ")
    return [f"{heading}\n\n{section.strip()}" for section in sections]


def _pieces(text: str, gap: str, least: int = 600) -> list[str]:
    """Paragraphs joined into pieces of at least `least` characters."""
    pieces, piece = [], ""
    for paragraph in re.split(gap, text):
        piece = f"{piece}\n\n{paragraph}".strip("\n")
        if len(piece) >= least:
            pieces.append(piece)
            piece = ""
    return pieces + [piece] * bool(piece)


def _parts(pieces: list[str]) -> tuple[list[str], list[str]]:
    """Pieces to learn from, and every twentieth held out; a piece that comes twice counts once."""
    pieces = list(dict.fromkeys(pieces))
    held_out = pieces[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY]
    training = [piece for i, piece in enumerate(pieces) if (i + 1) % HELD_OUT_EVERY]
    return training, held_out
