"""Instructions whose exact answers can be computed: sixteen kinds of small tasks.

A task asks for something ("Make this plural.") about an item ("the old box"), and has one right
answer ("the old boxes"). The data has the form of Alpaca (Taori et al. 2023): instruction, input,
output.

Two things are held out for the test: some wordings of every form of a task, which consist of words
that other wordings use as well, and some items, chosen by a stable hash. What "held out" means for
an item depends on its kind:

- Sentences, lists, names and dates (rewrite, negate, question, sort, count, extract, format, pick):
  the whole item. Its words are known from other items. For sorting, and for counting people, no
  order of the same words is in two splits.
- plural, tense: the plural or past of one regular word in twelve is never asked for in training,
  though that form may occur there in other kinds. The rest of the held-out items, and all irregular
  ones, are new phrases with words whose form was seen. In the future tense it is the whole sentence.
- arithmetic: the two numbers and the sign, in digits, in words and in stories, where one of them is
  beyond five. The same sum with its numbers swapped may be in training. compare: the two numbers in their order.
- classify, odd words in pick: the list of words. Every word is in training in other lists.
  Opinions: the whole sentence.
- opposite: a word in one direction, or a sentence; the word was seen in the other direction or in
  other sentences.
- complete: the items given. The same series is in training with another length or start.
- numerals: a number in one direction; it was seen in the other.

"validation" has the wordings of "train" and held-out items of its own.

>>> task = sample(1, seed=3, kinds=["plural"])[0]
>>> task.instruction, task.input, task.output
('Say this for more than one.', 'nurse', 'nurses')
>>> solve(task) == task.output
True
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

from classroom.worlds.tasks.answers import RULES
from classroom.worlds.tasks.items import draw
from classroom.worlds.tasks.words import SPLITS, Wording, find_wording, forms, wordings

KINDS = tuple(forms())


class Task(NamedTuple):
    """One task: its kind, the instruction, the input (may be empty) and the right output."""

    kind: str
    instruction: str
    input: str
    output: str


def sample(n: int, seed: int, split: str = "train", kinds: Sequence[str] = KINDS) -> list[Task]:
    """Draw n tasks of a split; the same seed gives the same tasks on every machine.

    All kinds are equally likely, and so are all forms of a kind and all wordings of a form. Raises
    ValueError for an unknown split or kind, for no kinds, and for n below 0.

    >>> sample(2, seed=1) == sample(3, seed=1)[:2]
    True
    >>> sample(1, seed=1, split="exam")
    Traceback (most recent call last):
    ValueError: split is 'exam'; it must be one of train, validation, test
    """
    if n < 0:
        raise ValueError(f"n is {n}; it must be at least 0")
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}")
    if not kinds:
        raise ValueError(f"kinds is empty; it must name at least one of {', '.join(KINDS)}")
    for kind in kinds:
        _check_kind(kind)
    rng = random.Random(seed)
    return [_draw_task(rng, rng.choice(kinds), split) for _ in range(n)]


def solve(task: Task) -> str:
    """The right answer to a task, computed from its kind, its instruction and its input alone.

    Raises ValueError for an unknown kind and for an instruction that is not a wording of its kind.

    >>> solve(Task("arithmetic", "What is 3 + 4?", "", ""))
    '7'
    >>> solve(Task("sort", "Sort these words by the alphabet.", "plum, fig, nut", ""))
    'fig, nut, plum'
    """
    wording, item = _read(task)
    return RULES[wording.form](item)


def item_of(task: Task) -> tuple[str, str]:
    """The form and the item of a task, in whatever wording it is asked.

    >>> item_of(Task("arithmetic", "What is 3 + 4?", "", ""))
    ('arithmetic.plain', '3 + 4')
    """
    wording, item = _read(task)
    return wording.form, item


def _read(task: Task) -> tuple[Wording, str]:
    _check_kind(task.kind)
    return find_wording(task.kind, task.instruction, task.input)


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(KINDS)}")


def _draw_task(rng: random.Random, kind: str, split: str) -> Task:
    """One task of a kind: a form, a wording of the split, and items until one is of the split."""
    form = rng.choice(forms()[kind])
    held_out = split == "test"
    wording = rng.choice([w for w in wordings()[form] if w.held_out == held_out])
    item = draw(form, rng)
    while item.split != split:
        item = draw(form, rng)
    return Task(kind, *wording.ask(item.text), item.answer)
