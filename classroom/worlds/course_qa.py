"""Questions about this course, each with one good answer and at least four wordings.

They are written by hand in `assets/course_qa.yaml`. The chat model of the course is fine-tuned on
all wordings of each question but the last, which is kept for the test. So a right answer in the
test means that the model recognized the question in a wording that it had not seen. A third split
holds each question as people type it, with typos and half sentences: that is harder.
`foreign_questions` are those that no model of this course can know.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

ASSETS = Path(__file__).parent.parent / "assets"
SPLITS = ("train", "test", "typed")


@dataclass(frozen=True)
class CourseQuestion:
    """One question: its wordings, its answer, and the lecture it belongs to (0: small talk)."""

    wordings: tuple[str, ...]
    answer: str
    lecture: int
    typed: tuple[str, ...]


def _read(name):
    text = (ASSETS / name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def _all() -> tuple[CourseQuestion, ...]:
    entries = _read("course_qa.yaml")
    return tuple(
        CourseQuestion(
            tuple(entry["wordings"]), entry["answer"], entry["lecture"], tuple(entry["typed"])
        )
        for entry in entries
    )


def load_course_qa() -> list[CourseQuestion]:
    """Return all questions, in the order of the lectures.

    >>> first = next(question for question in load_course_qa() if question.lecture == 7)
    >>> first.wordings[0]
    'What is a token?'
    """
    return list(_all())


def questions(split: str = "train") -> list[tuple[str, str]]:
    """Return `(question, answer)` pairs: every wording but the last, only the last, or as typed.

    All splits have the same answers; the wordings of `"test"` and `"typed"` are held out. Raises
    ValueError for a split other than `"train"`, `"test"` and `"typed"`.

    >>> len(questions("test")) == len(load_course_qa())
    True
    >>> set(questions("train")) & set(questions("test"))
    set()
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, not {split!r}")
    if split == "typed":
        return [(words, question.answer) for question in _all() for words in question.typed]
    part = slice(None, -1) if split == "train" else slice(-1, None)
    return [(words, question.answer) for question in _all() for words in question.wordings[part]]


def foreign_questions(split: str = "train") -> list[str]:
    """Return questions that no model of this course can know: 60 of validation, 60 of the test, or more.

    The splits share no subject. Those of `"train"` teach a model to say that it does not know. Raises
    ValueError for another split.

    >>> foreign_questions("test")[0]
    'What is the difference between a will and a trust?'
    """
    subjects = _read("foreign_questions.yaml")
    if split not in subjects:
        raise ValueError(f"split must be one of {', '.join(subjects)}, not {split!r}")
    return [question for asked in subjects[split].values() for question in asked]
