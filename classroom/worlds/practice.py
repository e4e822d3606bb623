"""Practice texts for a small model: lists to copy, sums, and sentences that set a word against another.

Copying and adding are too rare in ordinary texts to be learned from them. These texts are drawn at
random, as many as are needed, without any item that the tasks hold out for the test. Contrasts name
both words of every pair of opposites in either order, but no task asks for them in these sentences.
"""

import random
import re
from functools import cache

from classroom.worlds import tales
from classroom.worlds.tasks.items import sum_split, sum_text
from classroom.worlds.tasks.sentences import pair
from classroom.worlds.tasks.words import split_of, words

SAMPLED_TALES = 400  # their words are practiced as well
TALES_SEED = 2
MOST_LISTS, MOST_WORDS = 3, 8
MOST_SUMS, LARGEST = 8, 99
MIXED_SHARE = 0.4  # of the sums have one number in digits and one in words
MOST_CONTRASTS = 6
CONTRASTS = (
    "It is not {one} but {other}.", "It was {one}, and now it is {other}.", "Is it {one} or {other}?",
    "If it is not {one}, it is {other}.", "You say {one}, I say {other}.",
    "It is {one} here and {other} there.", "First {one}, then {other}.", "What is {one} is never {other}.",
    "Some are {one}, some are {other}.", "We asked for {one} and got {other}.",
)  # fmt: skip
# What to do with a list; every answer copies one or more of its words.
LISTS = {
    "Say the list again.": lambda chosen, word: (", ".join(chosen), ", ".join(chosen)),
    "Say the words again.": lambda chosen, word: (" ".join(chosen), " ".join(chosen)),
    "Say it with commas.": lambda chosen, word: (" ".join(chosen), ", ".join(chosen)),
    "Say it with and.": lambda chosen, word: (", ".join(chosen), joined(chosen)),
    "Say how it begins.": lambda chosen, word: (", ".join(chosen), chosen[0]),
    "Say how it ends.": lambda chosen, word: (", ".join(chosen), chosen[-1]),
    "Leave out {}.": lambda chosen, word: (
        ", ".join(chosen),
        ", ".join(each for each in chosen if each != word),
    ),
}


def list_texts(n: int, seed: int) -> list[str]:
    """Texts of one to three lists; each has a line for the task, the list and the answer.

    >>> print(list_texts(1, seed=3)[0])
     Say it with commas.
     daisies teddy near
     daisies, teddy, near
    """
    rng = random.Random(seed)
    return ["\n\n".join(_list(rng) for _ in range(rng.randint(1, MOST_LISTS))) for _ in range(n)]


def joined(chosen: list[str]) -> str:
    """Join words with commas and "and", as in a sentence.

    >>> joined(["a dog", "a cat", "a bird"])
    'a dog, a cat and a bird'
    """
    *before, last = chosen
    return f"{', '.join(before)} and {last}"


@cache
def practiced_words() -> tuple[str, ...]:
    """The words of the tasks' lists and of some tales, in order.

    >>> {"cat", "dogs", "walked"} < set(practiced_words())
    True
    """
    told = " ".join(tales.sample(SAMPLED_TALES, TALES_SEED))
    listed = {*words("noun"), *words("noun", 1), *words("verb", 1)}
    return tuple(sorted({*re.findall(r"\b[a-z]{3,}\b", told), *listed}))


def _list(rng):
    chosen = rng.sample(practiced_words(), rng.randint(2, MOST_WORDS))
    while any(split_of(kind, *chosen) != "train" for kind in ("and", "commas", "pick")):
        chosen = rng.sample(practiced_words(), rng.randint(2, MOST_WORDS))
    wording, word = rng.choice(sorted(LISTS)), rng.choice(chosen)
    text, answer = LISTS[wording](chosen, word)
    return f" {wording.format(word)}\n {text}\n {answer}"


def sum_texts(n: int, seed: int) -> list[str]:
    """Texts of one to eight sums and differences of numbers up to 99, in digits or in words.

    >>> print(sum_texts(1, seed=10)[0])
     28 minus 15
     13
    """
    rng = random.Random(seed)
    return ["\n\n".join(_sum(rng) for _ in range(rng.randint(1, MOST_SUMS))) for _ in range(n)]


def contrast_texts(n: int, seed: int) -> list[str]:
    """Texts of one to six sentences; each sets one word of a pair of opposites against the other.

    >>> print(contrast_texts(1, seed=8)[0])
    If it is not bright, it is dark. Is it rich or poor?
    """
    rng = random.Random(seed)
    return [
        " ".join(_contrast(rng) for _ in range(rng.randint(1, MOST_CONTRASTS))) for _ in range(n)
    ]


def draw_sum(rng: random.Random, least: int = 2) -> tuple[int, str, int, int]:
    """Two numbers, their sign and the result; the largest of the three is `least` to 99.

    Sums that the tasks hold out are left out.

    >>> draw_sum(random.Random(1))
    (3, '+', 16, 19)
    """
    while True:
        whole = rng.randint(least, LARGEST)
        part = rng.randint(1, whole - 1)
        if rng.random() < 0.5:
            drawn = part, "+", whole - part, whole
        else:
            drawn = whole, "-", part, whole - part
        if sum_split(*drawn[:3]) == "train":
            return drawn


def _contrast(rng):
    one, other = rng.sample(pair(rng, "opposite"), 2)
    return rng.choice(CONTRASTS).format(one=one, other=other)


def _sum(rng):
    """A sum in digits, in words or mixed; its answer is written like its first number."""
    numbers = draw_sum(rng)
    plain, words = (sum_text(f"arithmetic.{form}", *numbers, rng) for form in ("plain", "words"))
    (text, answer), other = rng.sample((plain, words), 2)
    if rng.random() < MIXED_SHARE:
        first, sign, _ = text.split()
        text = f"{first} {sign} {other[0].split()[-1]}"
    return f" {text}\n {answer}"
