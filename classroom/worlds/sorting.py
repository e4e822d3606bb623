"""Sorting: a task with fresh problems without end, in which the rule is learned and not the cases.

    prompt  12 7 25 :        answer  7 12 25 .

Numbers are from 0 to 29, none twice in a list, and each is one token. Format examples copy the
numbers in random order, so that a model which has read them writes the right numbers in a wrong
order. Of n! orders one is right.
"""

import math
import random
from collections.abc import Iterable, Sequence

from helpers.limits import check_whole

NUMBERS = 30
ASK, END = NUMBERS, NUMBERS + 1
VOCAB_SIZE = NUMBERS + 2


def problem(length: int, rng: random.Random) -> list[int]:
    """A list of different numbers; raises ValueError for a length that is not 1 to 30.

    >>> problem(3, random.Random(0))
    [27, 12, 24]
    """
    check_whole("length", length, least=1, most=NUMBERS)
    return rng.sample(range(NUMBERS), length)


def held_out(lengths: Iterable[int], n: int, seed: int) -> list[list[int]]:
    """`n` lists of each length, to measure on.

    >>> held_out([2, 3], 1, seed=0)
    [[11, 15], [19, 25, 27]]
    """
    rng = random.Random(f"held out {seed}")
    return [problem(length, rng) for length in lengths for _ in range(n)]


def prompt(numbers: Sequence[int]) -> list[int]:
    """The token ids of a problem.

    >>> prompt([12, 7])
    [12, 7, 30]
    """
    return [*numbers, ASK]


def format_example(length: int, rng: random.Random) -> tuple[list[int], list[int]]:
    """A prompt and its numbers in an order drawn at random, as token ids.

    >>> format_example(3, random.Random(0))
    ([27, 12, 24, 30], [12, 27, 24, 31])
    """
    numbers = problem(length, rng)
    return prompt(numbers), [*rng.sample(numbers, length), END]


def reward(numbers: Sequence[int], answer: Sequence[int]) -> float:
    """1 where the answer is the numbers in rising order and then an end, else 0.

    >>> reward([12, 7], [7, 12, 31, 31]), reward([12, 7], [12, 7, 31])
    (1.0, 0.0)
    """
    return float(list(answer[: len(numbers) + 1]) == [*sorted(numbers), END])


def guessing(length: int) -> float:
    """The chance that a random order of the numbers is right.

    >>> round(guessing(4), 3)
    0.042
    """
    return 1 / math.factorial(length)
