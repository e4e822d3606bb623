"""The lecture notes as a collection to search: passages of some paragraphs, each with its lecture.

Prose only: code, the links of the first line, the reading list and hidden comments are left out, and
a passage ends where its section ends.
"""

import re
from dataclasses import dataclass
from pathlib import Path

NOTES = Path(__file__).parents[2] / "lecture_notes"
WORDS = 100  # per passage, at most, as in benchmarks/retrieval.py; not tuned
LEFT_OUT = ("Read on",)

HIDDEN = re.compile(r"<!--.*?-->|^```.*?^```[^\n]*$|^---$.*\Z", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
MARKS = re.compile(r"\*\*|^#+ |^\|[-| ]+\|$|^\||\|$", re.MULTILINE)


@dataclass(frozen=True)
class Passage:
    """Some paragraphs of the note of a lecture, and the titles above them."""

    lecture: int
    title: str
    section: str
    text: str

    def __str__(self) -> str:
        return f"{self.title}. {self.section}. {self.text}"


def note_passages(words: int = WORDS) -> list[Passage]:
    """Return all passages in the order of the notes; paragraphs are joined up to `words` words.

    A longer paragraph stays whole. Raises ValueError for `words` below 1.

    >>> {passage.lecture for passage in note_passages()} == set(range(46))
    True
    """
    if words < 1:
        raise ValueError(f"words is {words}; it must be 1 or more")
    return [
        passage
        for path in sorted(NOTES.glob("[0-9][0-9]_*.md"))
        for passage in _passages(path.read_text("utf-8"), int(path.name[:2]), words)
    ]


def _passages(note, lecture, words):
    """The passages of one note; its first line is `# Lecture NN · title`."""
    first, _, rest = note.partition("\n")
    title = first.rpartition(" · ")[2]
    for part in rest.split("\n## ")[1:]:
        section, _, text = part.partition("\n")
        if section in LEFT_OUT:
            continue
        plain = LINK.sub(r"\1", HIDDEN.sub("", text))
        paragraphs = [" ".join(p.split()) for p in MARKS.sub("", plain).split("\n\n") if p.strip()]
        for joined in _joined(paragraphs, words):
            yield Passage(lecture, title, section, joined)


def _joined(paragraphs, words):
    """Neighbors joined as long as they have at most `words` words together."""
    kept: list[str] = []
    for paragraph in paragraphs:
        if kept and len(" ".join([*kept, paragraph]).split()) > words:
            yield " ".join(kept)
            kept = []
        kept.append(paragraph)
    if kept:
        yield " ".join(kept)
