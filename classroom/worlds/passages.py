"""The lecture notes as a collection to search: passages of some paragraphs, each with its lecture.

Prose only: code, the links of the first line, the reading list and hidden comments are left out, and
a passage ends where its section or subsection ends.
"""

import re
from dataclasses import dataclass
from pathlib import Path

NOTES = Path(__file__).parents[2] / "lecture_notes"
WORDS = 100  # per passage, at most, as in benchmarks/retrieval.py
LEFT_OUT = ("Read on",)

HIDDEN = re.compile(r"<!--.*?-->|^```.*?^```[^\n]*$|^---$.*\Z", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
QUESTION = re.compile(r"Q\d+\. ")
MARKS = re.compile(r"\*\*|^#+ |^\|[-| ]+\|$|^\||\|$", re.MULTILINE)


@dataclass(frozen=True)
class Passage:
    """Some paragraphs of the note of a lecture, and the titles above them.

    `section` is the nearest heading above.
    """

    lecture: int
    title: str
    section: str
    text: str

    def __str__(self) -> str:
        return f"{self.title}. {self.section}. {self.text}"


def note_passages(words: int = WORDS) -> list[Passage]:
    """Return all passages in the order of the notes; paragraphs are joined up to `words` words.

    A longer paragraph stays whole. A passage begins at each heading, interview question and common
    mistake. An answer stays with its question, and a formula, or the end of a sentence, with what is
    before it, up to twice `words`. Raises ValueError for `words` below 1.

    >>> {passage.lecture for passage in note_passages()} == set(range(48))
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
        for heading, below in _by_heading(plain, section):
            paragraphs = [" ".join(MARKS.sub("", p).split()) for p in below.split("\n\n")]
            apart = section == "What people get wrong"
            for joined in _joined([p for p in paragraphs if p], words, apart):
                yield Passage(lecture, title, heading, joined)


def _by_heading(text, section):
    """The text before the first `###` under the section's own name, then each part under its own."""
    before, *parts = text.split("\n### ")
    yield section, before
    for part in parts:
        heading, _, below = part.partition("\n")
        yield heading, below


def _joined(paragraphs, words, apart):
    """Neighbors joined as long as they have at most `words` words together, or belong together."""
    kept: list[str] = []
    for paragraph in paragraphs:
        length = len(" ".join([*kept, paragraph]).split())
        begins = apart or bool(QUESTION.match(paragraph))
        if kept and (begins or length > (2 * words if _goes_on(kept[-1], paragraph) else words)):
            yield " ".join(kept)
            kept = []
        kept.append(paragraph)
    if kept:
        yield " ".join(kept)


def _goes_on(before, paragraph):
    """Whether a paragraph says little without the one before it: an answer, a formula, half a sentence."""
    formula = paragraph.startswith("$$")
    return bool(QUESTION.match(before)) or formula or paragraph[0].islower()
