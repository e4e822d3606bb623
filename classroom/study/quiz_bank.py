"""The multiple-choice questions on all 43 lectures and on notes 00 and 44 to 47: find, shuffle, answer them.

They are in `assets/quiz.yaml`: each has one right answer, three common wrong answers, and an
explanation. `classroom.study.quiz` asks them on a page.

`generate_questions("softmax")` is the question generator of lecture 1 for this bank: it picks
questions and writes none.
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from itertools import groupby
from pathlib import Path
from random import Random

import yaml

_FILE = Path(__file__).parent.parent / "assets" / "quiz.yaml"
COMMON = frozenset(
    "a an and are as at be by can do does for from has how in into is it its not of on or so than "
    "that the them they this to what when where which who why with you your".split()
)


@dataclass(frozen=True)
class QuizQuestion:
    """One question of a lecture with its answer, three wrong answers, and the reason why.

    `lecture` is None for a question that is not from the course. Raises ValueError unless there are
    three wrong answers and all four differ.
    """

    question: str
    answer: str
    wrong: tuple[str, ...]
    why: str
    lecture: int | None
    topic: str

    def __post_init__(self):
        if len(self.wrong) != 3 or len({self.answer, *self.wrong}) != 4:
            raise ValueError(f"{self.question!r} needs three wrong answers, and all four different")


@cache
def _bank() -> tuple[QuizQuestion, ...]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the fast loader, if available
    entries = yaml.load(_FILE.read_text(encoding="utf-8"), Loader=loader)
    return tuple(QuizQuestion(**{**entry, "wrong": tuple(entry["wrong"])}) for entry in entries)


def load_quiz() -> list[QuizQuestion]:
    """Return all questions, in the order of the lectures.

    >>> {question.lecture for question in load_quiz()} == set(range(48))
    True
    """
    return list(_bank())


def nearest_topics(topic, n=5):
    """Return the `n` known topics whose letters are most like those of `topic`.

    >>> "softmax" in nearest_topics("sofmtax")
    True
    """

    def likeness(known):
        names = (known, *known.split())
        return max(SequenceMatcher(None, topic.lower(), name.lower()).ratio() for name in names)

    return sorted(sorted({q.topic for q in _bank()}), key=likeness, reverse=True)[:n]


def _unknown(topic):
    return ValueError(
        f"no questions about {topic!r}; near it are: {', '.join(nearest_topics(topic))}"
    )


def questions(lecture=None, topic=None) -> list[QuizQuestion]:
    """Return the questions of a lecture, of a topic, of both, or all of them.

    Raises ValueError for a lecture without questions, and for an unknown topic, naming the nearest
    known ones.

    >>> {question.lecture for question in questions(lecture=15)}
    {15}
    """
    found = load_quiz()
    if lecture is not None:
        lectures = sorted({question.lecture for question in found})
        if lecture not in lectures:
            raise ValueError(f"lecture must be {lectures[0]} to {lectures[-1]}, not {lecture!r}")
        found = [question for question in found if question.lecture == lecture]
    if topic is not None:
        if topic.lower() not in {question.topic.lower() for question in _bank()}:
            raise _unknown(topic)
        found = [question for question in found if question.topic.lower() == topic.lower()]
        if not found:
            raise ValueError(f"lecture {lecture} has no questions about {topic!r}")
    return found


@cache
def _numbers():
    """The number of each question within its lecture."""
    lectures = groupby(_bank(), key=lambda question: question.lecture)
    return {question: number for _, group in lectures for number, question in enumerate(group)}


def name_of(question) -> str | None:
    """Return the name of a question of the course: its lecture and its number within it.

    A question from elsewhere has none.

    >>> name_of(questions(lecture=15)[0])
    '15.1'
    """
    number = _numbers().get(question)
    return None if number is None else f"{question.lecture:02}.{number + 1}"


def shuffled(question, seed=0):
    """Return the four choices of a question in a new order, and the position of the right one.

    Within a lecture, the right answer is at each of the positions A to D once before any is used
    again, so no position is a better guess than another.

    >>> choices, place = shuffled(load_quiz()[0])
    >>> choices[place] == load_quiz()[0].answer
    True
    """
    random = Random(f"{seed} {question.question}")
    choices = random.sample(question.wrong, 3)
    number = _numbers().get(question)
    if number is None:  # a question from elsewhere
        place = random.randrange(4)
    else:
        round_of_four, turn = divmod(number, 4)
        place = Random(f"{seed} {question.lecture} {round_of_four}").sample(range(4), 4)[turn]
    return [*choices[:place], question.answer, *choices[place:]], place


def ask(question, choice):
    """Return the reply to a choice: right or not, and the explanation.

    `choice` is the text of one of the four answers. Raises ValueError for any other text.

    >>> question = QuizQuestion("What is 2 x 3?", "6", ("5", "8", "9"), "Three twos.", 1, "sums")
    >>> ask(question, "6")
    'Right. Three twos.'
    >>> ask(question, "8")
    'Not quite, the answer is: 6. Three twos.'
    """
    if choice not in (question.answer, *question.wrong):
        raise ValueError(f"{choice!r} is not one of the four answers to {question.question!r}")
    if choice == question.answer:
        return f"Right. {question.why}"
    return f"Not quite, the answer is: {question.answer}. {question.why}"


def _words(text):
    """The content words of a text, without the s of the plural."""
    found = set(re.findall(r"[a-z0-9]+", text.lower())) - COMMON
    return {w[:-1] if len(w) > 3 and w.endswith("s") and w[-2] not in "sui" else w for w in found}


def _hits(wanted, words):
    """The number of wanted words found; a longer word counts, too, as positional for position."""
    return sum(
        any(word == found or (len(word) > 4 and found.startswith(word)) for found in words)
        for word in wanted
    )


@cache
def _words_of_questions():
    return {q: _words(f"{q.topic} {q.question} {q.answer}") for q in _bank()}


@cache
def _words_of_explanations():
    return {q: words | _words(q.why) for q, words in _words_of_questions().items()}


def generate_questions(topic, n=3, seed=0) -> list[QuizQuestion]:
    """Pick `n` questions about a topic: the generator of lecture 1, for this bank.

    A question fits if its topic, text or answer contains the words of `topic`, or else its
    explanation; those with most of these words are taken, and those with that topic first. Returns
    fewer than `n` if fewer fit. The same seed gives the same questions. Raises ValueError for `n`
    below 1, and, naming the nearest known topics, if no question fits.

    >>> all("softmax" in repr(question).lower() for question in generate_questions("softmax", 2))
    True
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")
    wanted = _words(topic)
    for where in (_words_of_questions(), _words_of_explanations()):
        hits = {question: _hits(wanted, words) for question, words in where.items()}
        if best := max(hits.values(), default=0):
            break
    else:
        raise _unknown(topic)
    found = [question for question, count in hits.items() if count == best]
    Random(seed).shuffle(found)
    return sorted(found, key=lambda question: -_hits(wanted, _words(question.topic)))[:n]
