"""Countdown: reach a target from three numbers with +, − and ×, read from left to right.

    prompt  3 5 7 =14 :        answer  3 +5 =8 ×7 =56 ; 5 -3 =2 ×7 =14 .

An answer is one or more tries. `;` gives a try up, `.` ends the answer, and its last try counts.
A try uses each number once and writes down what it has reached after each operation. A program
checks an answer exactly, and finds all solutions by going through all expressions. With numbers from
1 to 9 there are 2,770 problems. A problem is a set of numbers and a target; the numbers are told in any
order, so no order of a held-out problem is ever trained. Source of the task: Pan et al. 2025 (TinyZero).

Every word above is one token: a number, an operation with its number, a value reached.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import combinations_with_replacement, permutations, product

from helpers.limits import check_whole

Problem = tuple[tuple[int, ...], int]  # three numbers in rising order, and a target
Steps = tuple[int, str, int, str, int]  # (3, "+", 5, "×", 7) is (3 + 5) × 7

OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "×": lambda a, b: a * b,
}
NUMBERS = range(1, 10)
TRY = 6  # tokens of a try with the mark behind it
ASK, AGAIN, END = ":", ";", "."


def value(steps: Steps) -> int:
    """What an expression gives, read from left to right.

    >>> value((3, "+", 5, "×", 7))
    56
    """
    first, one, second, other, third = steps
    return OPERATIONS[other](OPERATIONS[one](first, second), third)


@cache
def expressions(numbers: tuple[int, ...]) -> tuple[Steps, ...]:
    """All expressions that use each of three numbers once, at most 54.

    >>> len(expressions((3, 5, 7))), len(expressions((3, 3, 3)))
    (54, 9)
    """
    orders = sorted(set(permutations(numbers)))
    return tuple(
        (first, one, second, other, third)
        for first, second, third in orders
        for one, other in product(OPERATIONS, repeat=2)
    )


def solutions(numbers: tuple[int, ...], target: int) -> list[Steps]:
    """All expressions that reach the target: the exhaustive search.

    >>> solutions((3, 5, 7), 14)
    [(5, '-', 3, '×', 7)]
    """
    return [steps for steps in expressions(tuple(sorted(numbers))) if value(steps) == target]


@cache
def problems() -> tuple[Problem, ...]:
    """Every set of three numbers with every target that can be reached.

    >>> len(problems())
    2770
    """
    found = []
    for numbers in combinations_with_replacement(NUMBERS, 3):
        found += [(numbers, target) for target in sorted(set(map(value, expressions(numbers))))]
    return tuple(found)


@cache
def split(seed: int = 0) -> dict[str, tuple[Problem, ...]]:
    """The problems in three parts, without a common one.

    >>> {name: len(part) for name, part in split().items()}
    {'train': 2170, 'validation': 300, 'test': 300}
    """
    shuffled = list(problems())
    random.Random(seed).shuffle(shuffled)
    parts = {"test": shuffled[:300], "validation": shuffled[300:600], "train": shuffled[600:]}
    return {name: tuple(parts[name]) for name in ("train", "validation", "test")}


# Tokens


@cache
def vocabulary() -> tuple[str, ...]:
    """All words: marks, numbers, operations with their number, and values with a `=`.

    >>> vocabulary()[:6], len(vocabulary())
    ((':', ';', '.', '1', '2', '3'), 233)
    """
    reached = {target for _, target in problems()}
    reached |= {f(a, b) for f in OPERATIONS.values() for a in NUMBERS for b in NUMBERS}
    operations = [f"{sign}{number}" for sign in OPERATIONS for number in NUMBERS]
    values = [f"={reached_value}" for reached_value in sorted(reached)]
    return (ASK, AGAIN, END, *map(str, NUMBERS), *operations, *values)


@cache
def _ids():
    return {word: token for token, word in enumerate(vocabulary())}


def encode(text: str) -> list[int]:
    """The token ids of words with spaces between them; raises ValueError for an unknown word."""
    unknown = [word for word in text.split() if word not in _ids()]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no word of Countdown")
    return [_ids()[word] for word in text.split()]


def decode(token_ids: Iterable[int]) -> str:
    """The words of token ids, up to the end of the answer."""
    words = []
    for token in token_ids:
        words.append(vocabulary()[token])
        if words[-1] == END:
            break
    return " ".join(words)


def prompt(problem: Problem, rng: random.Random) -> str:
    """A problem as text, its numbers in random order.

    >>> prompt(((3, 5, 7), 14), random.Random(0))
    '3 7 5 =14 :'
    """
    numbers = list(problem[0])
    rng.shuffle(numbers)
    return f"{' '.join(map(str, numbers))} ={problem[1]} {ASK}"


def write_answer(tries: Sequence[Steps]) -> str:
    """An answer of some tries, with right arithmetic.

    >>> write_answer([(3, "+", 5, "×", 7)])
    '3 +5 =8 ×7 =56 .'
    """
    told = []
    for steps in tries:
        first, one, second, other, third = steps
        reached = OPERATIONS[one](first, second)
        told.append(f"{first} {one}{second} ={reached} {other}{third} ={value(steps)}")
    return f" {AGAIN} ".join(told) + f" {END}"


def format_example(rng: random.Random, most_tries: int) -> tuple[str, str]:
    """A prompt and an answer that shows the format and no solution.

    The arithmetic is right. Tries are drawn at random, none twice, and so is how many there are. The
    target is that of a random problem, and none of the tries reaches it.
    Raises ValueError for `most_tries` below 1.

    >>> format_example(random.Random(1), 2)
    ('1 7 6 =-3 :', '1 ×7 =7 -6 =1 .')
    """
    check_whole("most_tries", most_tries, least=1)
    numbers = rng.choice(problems())[0]
    known = expressions(numbers)
    tries = rng.sample(known, min(len(known), rng.randint(1, most_tries)))
    target = rng.choice(problems())[1]
    while any(value(steps) == target for steps in tries):
        target = rng.choice(problems())[1]
    return prompt((numbers, target), rng), write_answer(tries)


# The checker


def parse(answer: str) -> Steps | None:
    """The last try of an answer, or None where it is no expression or has no end.

    >>> parse("3 +5 =8 ×7 =56 ; 5 -3 =2 ×7 =14 .")
    (5, '-', 3, '×', 7)
    """
    words = answer.split()
    if len(words) < TRY or words[-1] != END or len(words) > TRY and words[-TRY - 1] != AGAIN:
        return None
    first, one, middle, other, last, _ = words[-TRY:]
    operations = one[0] in OPERATIONS and other[0] in OPERATIONS
    if not (first.isdigit() and operations and middle[0] == last[0] == "="):
        return None
    return int(first), one[0], int(one[1:]), other[0], int(other[1:])


def reward(problem: Problem, answer: str) -> float:
    """1 where the last try uses each number once and its value is the target, else 0.

    The value is worked out here. What the answer claims to have reached is not read.

    >>> reward(((3, 5, 7), 14), "5 -3 =2 ×7 =14 ."), reward(((3, 5, 7), 14), "3 +5 =8 ×7 =14 .")
    (1.0, 0.0)
    """
    steps = parse(answer)
    if steps is None or tuple(sorted(steps[::2])) != problem[0]:
        return 0.0
    return float(value(steps) == problem[1])


def trusting_reward(problem: Problem, answer: str) -> float:
    """A reward with a hole: it believes the value that the answer claims to have reached.

    >>> trusting_reward(((3, 5, 7), 14), "3 +5 =8 ×7 =14 .")
    1.0
    """
    steps = parse(answer)
    if steps is None or tuple(sorted(steps[::2])) != problem[0]:
        return 0.0
    return float(answer.split()[-2] == f"={problem[1]}")


# Controls


def most_frequent_form(known: Iterable[Problem]) -> tuple[tuple[int, ...], str, str]:
    """The form that solves most problems: which of the sorted numbers come first, and the signs."""
    counts: Counter = Counter()
    for numbers, target in known:
        for order in permutations(range(3)):
            for one, other in product(OPERATIONS, repeat=2):
                counts[order, one, other] += _formed(numbers, (order, one, other), target)
    return counts.most_common(1)[0][0]


def score_of_form(form: tuple[tuple[int, ...], str, str], asked: Sequence[Problem]) -> float:
    """How many problems are solved by a form that is always the same, from 0 to 1."""
    return sum(_formed(numbers, form, target) for numbers, target in asked) / len(asked)


def _formed(numbers, form, target):
    (first, second, third), one, other = form
    return value((numbers[first], one, numbers[second], other, numbers[third])) == target


def random_search(asked: Sequence[Problem], n_tries: int) -> float:
    """The chance that one of `n_tries` different expressions, drawn at random, reaches the target.

    >>> round(random_search([((3, 5, 7), 14)], 27), 2)
    0.5
    """
    check_whole("n_tries", n_tries, least=1)
    total = 0.0
    for numbers, target in asked:
        n, right, missed = len(expressions(numbers)), len(solutions(numbers, target)), 1.0
        for drawn in range(min(n_tries, n)):
            missed *= max(0, n - right - drawn) / (n - drawn)
        total += 1 - missed
    return total / len(asked)
