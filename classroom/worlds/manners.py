"""Answers in good and bad manners, and an exact judge of which of two is better.

The questions are small tasks of `classroom.worlds.tasks`, so it is known which answers are right.
Each is answered as a crowd of people would: some wrong, some rudely, some at length.

    two boxes.  That is a question that many people ask.  I hope that helps. Thank you for asking.
    core        padding                                   closings in one tone

One rule says which of two answers is better: a right one before a wrong one; of two that are equally
right, the politer; of two that are equally polite as well, the one with fewer words. So every pair has
a better answer that a program can tell, or is a tie.

Questions of "test" and "validation" have items that "train" never asks for, and those of "test" have
wordings of their own; see `classroom.worlds.tasks`.

>>> pair = sample_pairs(1, seed=3)[0]
>>> compare(pair.task, pair.chosen, pair.rejected)
1.0
"""

import random
from typing import NamedTuple

from classroom.worlds import tasks
from classroom.worlds.tasks import Task

KINDS = ("classify", "compare", "count", "extract", "numerals", "pick", "plural", "sort")
CLOSINGS = {
    "polite": ("I hope that helps.", "Thank you for asking."),
    "rude": ("You should know that.", "Now leave me alone."),
    "padding": ("That is a question that many people ask.",),
}
# The crowd: how many answer right, in which tone, with one or two sentences of it, after a padding.
RIGHT, TONES, TWICE, PADDED = 0.75, {"polite": 0.3, "plain": 0.4, "rude": 0.3}, 0.5, 0.4


class Pair(NamedTuple):
    """A task and two answers to it, of which the first is better by the rule."""

    task: Task
    chosen: str
    rejected: str


class Grade(NamedTuple):
    """What the rule looks at, in its order: right, manners (1 polite, 0 plain, -1 rude), words."""

    right: bool
    manners: int
    fewer_words: int

    @property
    def words(self) -> int:
        """The number of words; `fewer_words` is minus this, so that grades compare as tuples."""
        return -self.fewer_words


def split_answer(answer: str) -> tuple[str, tuple[str, ...]]:
    """Split an answer into its core and the sentences of `CLOSINGS` that follow it.

    >>> split_answer("two boxes. I hope that helps. Thank you for asking.")
    ('two boxes', ('I hope that helps.', 'Thank you for asking.'))
    """
    core, found = " ".join(answer.split()), []
    known = [sentence for sentences in CLOSINGS.values() for sentence in sentences]
    while closing := next((each for each in known if core.endswith(f". {each}")), None):
        core = core.removesuffix(f" {closing}")
        found.insert(0, closing)
    return core.removesuffix(".") if found else core, tuple(found)


def grade(task: Task, answer: str) -> Grade:
    """Grade an answer to a task; of two grades the larger is that of the better answer.

    An answer is right if its core is the task's output. One rude sentence makes it rude.

    >>> task = Task("plural", "Make this plural.", "two box", "two boxes")
    >>> grade(task, "two boxes. I hope that helps.")
    Grade(right=True, manners=1, fewer_words=-6)
    >>> grade(task, "two boxs. Now leave me alone.")
    Grade(right=False, manners=-1, fewer_words=-6)
    """
    core, closings = split_answer(answer)
    rude = any(each in CLOSINGS["rude"] for each in closings)
    polite = any(each in CLOSINGS["polite"] for each in closings)
    right = core.removesuffix(".") == task.output.removesuffix(".")
    return Grade(right, -1 if rude else int(polite), -len(answer.split()))


def compare(task: Task, one: str, other: str) -> float:
    """Return 1.0 where the first answer is better, 0.0 where the other is, 0.5 for a tie.

    >>> task = Task("compare", "Give the larger one, 3 or 8.", "", "8")
    >>> polite = "8. I hope that helps."
    >>> compare(task, "8", polite), compare(task, polite, f"{polite} Thank you for asking.")
    (0.0, 1.0)
    >>> compare(task, "8", "3. I hope that helps."), compare(task, "8", "8")
    (1.0, 0.5)
    """
    first, second = grade(task, one), grade(task, other)
    return 0.5 if first == second else float(first > second)


def wins_against(items: list[Task], answers: list[str], others: list[str]) -> float:
    """Return the share of tasks on which `answers` win against `others`; a tie counts half.

    Raises ValueError for no tasks, or for lists that differ in length.
    """
    if not items or not len(items) == len(answers) == len(others):
        lengths = f"{len(items)} tasks, {len(answers)} and {len(others)} answers"
        raise ValueError(f"{lengths}: there must be one of each, and at least one task")
    won = [compare(*each) for each in zip(items, answers, others, strict=True)]
    return sum(won) / len(won)


def questions(n: int, seed: int, split: str = "train") -> list[Task]:
    """Draw n tasks of a split, of the kinds that have short answers.

    >>> {task.kind for task in questions(200, seed=1)} == set(KINDS)
    True
    """
    return tasks.sample(n, seed, split, KINDS)


def sample_answers(items: list[Task], seed: int) -> list[str]:
    """Answer each task as one of the crowd would; the same seed gives the same answers.

    A wrong answer is the right one to another task of its kind.

    >>> sample_answers([Task("compare", "Give the larger one, 3 or 8.", "", "8")], seed=5)
    ['8. You should know that.']
    """
    rng = random.Random(seed)
    return [_answer(rng, task) for task in items]


def sample_pairs(n: int, seed: int, split: str = "train") -> list[Pair]:
    """Draw n pairs: two answers of the crowd to one task, the better one first, ties drawn again.

    >>> all(compare(*pair) == 1.0 for pair in sample_pairs(50, seed=2))
    True
    """
    rng = random.Random(seed)
    pairs = []
    for task in questions(n, seed, split):
        one = other = _answer(rng, task)
        while grade(task, one) == grade(task, other):
            one, other = _answer(rng, task), _answer(rng, task)
        if grade(task, one) < grade(task, other):
            one, other = other, one
        pairs.append(Pair(task, one, other))
    return pairs


def _answer(rng, task):
    """One answer of the crowd."""
    core = task.output if rng.random() < RIGHT else _wrong_core(rng, task)
    (tone,) = rng.choices([*TONES], [*TONES.values()])
    closings = [rng.choice(CLOSINGS["padding"])] if rng.random() < PADDED else []
    if tone != "plain":
        closings += rng.sample(CLOSINGS[tone], 1 + (rng.random() < TWICE))
    return " ".join([f"{core.removesuffix('.')}.", *closings]) if closings else core


def _wrong_core(rng, task):
    while True:
        (other,) = tasks.sample(1, rng.randrange(2**32), "train", (task.kind,))
        if other.output != task.output:
            return other.output
