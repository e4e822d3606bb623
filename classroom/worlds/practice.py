"""Practice for a small model: lists to copy from, and sums, each a line asked and a line answered.

Copying and adding are met too rarely in ordinary texts to be learned from them. These are drawn by
chance, without end, and nothing that the tasks hold out for the test is among them.
"""

import random
import re
from functools import cache

from classroom.worlds import tales
from classroom.worlds.tasks.items import sum_text
from classroom.worlds.tasks.words import split_of, words

SAMPLED_TALES = 400  # their words are practiced as well
TALES_SEED = 2
MOST_LISTS, MOST_WORDS = 3, 8
MOST_SUMS, LARGEST = 8, 99
MIXED_SHARE = 0.4  # of the sums, so many have one number in digits and one in words
# What is done with a list; every form gives a word or more of it, as they stand there.
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
    """Texts of one to three lists: what to do, the list, the answer, a line each.

    >>> print(list_texts(1, seed=3)[0])
     Say it with commas.
     daisies teddy near
     daisies, teddy, near
    """
    rng = random.Random(seed)
    return ["\n\n".join(_list(rng) for _ in range(rng.randint(1, MOST_LISTS))) for _ in range(n)]


def joined(chosen: list[str]) -> str:
    """Words as a sentence lists them.

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
    """Texts of one to eight sums and differences of numbers to 99, in digits or in words.

    >>> print(sum_texts(1, seed=10)[0])
     28 minus 15
     13
    """
    rng = random.Random(seed)
    return ["\n\n".join(_sum(rng) for _ in range(rng.randint(1, MOST_SUMS))) for _ in range(n)]


def draw_sum(rng: random.Random, least: int = 2) -> tuple[int, str, int, int]:
    """Two numbers, their sign and the result; the largest of the three is `least` to 99.

    None is held out by the tasks.

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
        if split_of("sum", *drawn[:3]) == "train":
            return drawn


def _sum(rng):
    """A sum in digits or in words, or mixed: then its answer is written as its first number is."""
    numbers = draw_sum(rng)
    plain, words = (sum_text(f"arithmetic.{form}", *numbers, rng) for form in ("plain", "words"))
    (text, answer), other = rng.sample((plain, words), 2)
    if rng.random() < MIXED_SHARE:
        first, sign, _ = text.split()
        text = f"{first} {sign} {other[0].split()[-1]}"
    return f" {text}\n {answer}"
