"""Questions about this course, each with one good answer and at least ten wordings.

`assets/course_qa.yaml` has them, with wordings by hand: most as people type them, short and long. The
last wording of each question is kept for the test, the last but one for validation, on which settings
are chosen. To those for training a rule adds some more, retyped in a hurry. Questions in the manner of
public forums are never trained on. So a right answer means that the model recognized a question in a
wording that it had not seen. `foreign_questions` are those that no model of this course can know.
"""

import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

ASSETS = Path(__file__).parent.parent / "assets"
SPLITS = ("train", "validation", "test", "forum")
N_BY_RULE = 3
OPENINGS = ("hey, ", "quick question: ", "sorry, ", "ok so ", "eli5: ", "still lost here. ")


@dataclass(frozen=True)
class CourseQuestion:
    """One question: its wordings, its answer, and the lecture it belongs to (0: small talk).

    Of `wordings`, all by hand, the last is for the test and the last but one for validation.
    `by_rule` are more for training: some of the others, retyped by `retype`.
    """

    wordings: tuple[str, ...]
    answer: str
    lecture: int
    by_rule: tuple[str, ...] = ()

    def split(self, name: str) -> tuple[str, ...]:
        """The wordings of the split `"train"`, `"validation"` or `"test"`."""
        *train, validation, test = self.wordings
        parts = {"train": (*train, *self.by_rule), "validation": (validation,), "test": (test,)}
        return parts[name]


def retype(wording: str, rng: random.Random) -> str:
    """Type a wording in a hurry: no capitals, no mark at its end, maybe a typo or an opening.

    >>> [retype("What is a vocabulary?", random.Random(seed)) for seed in (1, 7)]
    ['what is a vocbaulary', 'eli5: what is a vocabbulary']
    """
    words = wording.lower().rstrip("?.!").split()
    long = [place for place, word in enumerate(words) if word.isalpha() and len(word) > 4]
    if long and rng.random() < 0.6:
        place = rng.choice(long)
        words[place] = misspell(words[place], rng)
    opening = rng.choice(OPENINGS) if rng.random() < 0.4 else ""
    return opening + " ".join(words)


def misspell(word: str, rng: random.Random) -> str:
    """Swap two neighboring letters inside a word, or leave one out, or double one.

    >>> sorted({misspell("token", random.Random(seed)) for seed in range(40)})[:4]
    ['tken', 'tkoen', 'toekn', 'toen']
    """
    place, kind = rng.randrange(1, len(word) - 2), rng.choice(("swap", "omit", "double"))
    here, after = word[place], word[place + 1]
    middle = {"swap": after + here, "omit": after, "double": 2 * here + after}[kind]
    return word[:place] + middle + word[place + 2 :]


def _read(name):
    text = (ASSETS / name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def _all() -> tuple[CourseQuestion, ...]:
    entries = _read("course_qa.yaml")
    taken = {without_marks(wording) for entry in entries for wording in entry["wordings"]}
    questions = []
    for entry in entries:
        rng, added = random.Random(entry["wordings"][0]), []  # a question keeps its own
        while len(added) < N_BY_RULE:
            wording = retype(rng.choice(entry["wordings"][:-2]), rng)
            if without_marks(wording) not in taken:
                taken.add(without_marks(wording))
                added.append(wording)
        wordings = tuple(entry["wordings"])
        questions.append(CourseQuestion(wordings, entry["answer"], entry["lecture"], tuple(added)))
    return tuple(questions)


def without_marks(wording: str) -> str:
    """Letters, digits and spaces alone, in lower case: two wordings that differ in no more are one.

    >>> without_marks("What's a token?")
    'whats a token'
    """
    return "".join(c for c in wording.lower() if c.isalnum() or c == " ").strip()


def load_course_qa() -> list[CourseQuestion]:
    """Return all questions.

    >>> first = next(question for question in load_course_qa() if question.lecture == 7)
    >>> first.wordings[0]
    'What is a token?'
    """
    return list(_all())


def questions(split: str = "train") -> list[tuple[str, str]]:
    """Return `(question, answer)` pairs of a split: train, validation, test or forum.

    The first three have the same answers in different wordings. Those of the forum are a third of
    the answers. Raises ValueError for any other split.

    >>> len(questions("test")) == len(questions("validation")) == len(load_course_qa())
    True
    >>> set(questions("train")) & set(questions("test"))
    set()
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, not {split!r}")
    if split == "forum":
        asked = _read("course_qa_forum.yaml")
        return [(entry["wording"], _all()[entry["question"]].answer) for entry in asked]
    return [(words, question.answer) for question in _all() for words in question.split(split)]


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
