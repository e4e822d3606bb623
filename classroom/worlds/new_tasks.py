"""Two kinds of tasks that no model of this course was pretrained on.

`classroom.worlds.tasks` was read in pretraining, all sixteen kinds of it. To see what fine-tuning
teaches by itself, a kind must be new. Of these two, the first asks for an order, and the words are
in the prompt; the second asks for a fact about a word that its token does not show.

- reverse: a list of three or four words from its end. What is held out is the set of words, in
  every order; each word is in training in other lists.
- letters: the number of letters of a word. What is held out is the word.

Two wordings of each kind are held out as well.

>>> task = sample(1, seed=1, kind="reverse")[0]
>>> task.input, task.output
('baby, bird, cap', 'cap, bird, baby')
"""

import random

from classroom.worlds.tasks import Task
from classroom.worlds.tasks.words import SPLITS, split_of, words

KINDS = ("reverse", "letters")
WORDINGS = {
    "reverse": (
        "Reverse this list.",
        "Say the list backward.",
        "Turn the list around.",
        "Start with the last word and go back.",
        "Give the words from last to first.",
        "Write these words in reverse order.",
    ),
    "letters": (
        "Count the letters.",
        "How many letters has this word?",
        "Say how long the word is.",
        "Give the length of this word.",
        "Of how many letters is the word?",
        "Give the number of letters.",
    ),
}
HELD_OUT_WORDINGS = {
    "reverse": ("Give this list in reverse order.", "Write the words from last to first."),
    "letters": ("How many letters are in the word?", "Count the letters of this word."),
}
WORDS_OF_A_LIST = (3, 4)


def sample(n: int, seed: int, split: str = "train", kind: str = "reverse") -> list[Task]:
    """Draw n tasks of a split; the same seed gives the same tasks on every machine.

    "validation" has the wordings of "train" and items of its own. Raises ValueError for an unknown
    split or kind, and for n below 0.

    >>> {task.output for task in sample(20, seed=1, kind="letters")} <= set("3456789") | {"10"}
    True
    """
    if n < 0:
        raise ValueError(f"n is {n}; it must be at least 0")
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}")
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    rng = random.Random(seed)
    wordings = HELD_OUT_WORDINGS[kind] if split == "test" else WORDINGS[kind]
    drawn = (_draw(rng, kind, split) for _ in range(n))
    return [Task(kind, rng.choice(wordings), item, solve(kind, item)) for item in drawn]


def solve(kind: str, item: str) -> str:
    """The right answer about an item.

    >>> solve("reverse", "tea, milk, bread"), solve("letters", "milk")
    ('bread, milk, tea', '4')
    """
    return ", ".join(reversed(item.split(", "))) if kind == "reverse" else str(len(item))


def _draw(rng, kind, split):
    """An item of a kind; what decides about its split is the set of its words."""
    while True:
        if kind == "reverse":
            drawn = rng.sample(words("noun"), rng.choice(WORDS_OF_A_LIST))
            if split_of(kind, *sorted(drawn)) == split:
                return ", ".join(drawn)
        else:
            name = rng.choice(("noun", "verb"))
            place = rng.randrange(len(words(name)))
            if split_of(kind, words(name)[place], buckets=5) == split:
                return words(name, rng.randrange(2))[place]
