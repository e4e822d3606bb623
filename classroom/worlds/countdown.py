"""Countdown: reach a target from three numbers with +, − and ×, read from left to right.

    prompt  3 5 7 =14 :        answer  3 +5 =8 ×7 =56 > 7 -5 =2 +3 =5 < 5 -3 =2 ×7 =14 .

An answer is one or more tries, at most `MOST_TRIES`. A try uses each number once and writes down what
it has reached after each operation. Then `<` says that the value is too small and `>` that it is too
large, and another try follows; `.` ends the answer. The last try counts. A program checks an answer
exactly, and finds all solutions by going through all expressions. With numbers from 1 to 9 there are
2,770 problems. A problem is a set of numbers and a target; the numbers are given in random order, so no
order of a held-out problem is ever trained. Source of the task: Pan et al. 2025 (TinyZero).

Every word above is one token: a number, an operation with its number, a value reached.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import combinations_with_replacement, permutations, product

from helpers.limits import check_whole

Problem = tuple[tuple[int, ...], int]  # three numbers in rising order, and a target
Steps = tuple  # (3, "+", 5, "×", 7) is (3 + 5) × 7

OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "×": lambda a, b: a * b,
}
NUMBERS = range(1, 10)
TRY, MOST_TRIES = 6, 16  # tokens of a try with the mark behind it; tries of an answer
ASK, LOW, HIGH, END = ":", "<", ">", "."
# In format examples: how often an answer ends after a try, a try is far from the one before, and the
# target is within 3 of a value reached; comparing is hard where numbers are close
ENDS, JUMPS, CLOSE = 0.1, 0.15, 0.5


def value(steps: Steps) -> int:
    """What an expression gives, read from left to right.

    >>> value((3, "+", 5, "×", 7))
    56
    """
    return reached(steps)[-1]


def reached(steps: Steps) -> list[int]:
    """The value after each operation of an expression.

    >>> reached((3, "+", 5, "×", 7))
    [8, 56]
    """
    values = [steps[0]]
    for sign, number in zip(steps[1::2], steps[2::2], strict=True):
        values.append(OPERATIONS[sign](values[-1], number))
    return values[1:]


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
    ((':', '<', '>', '.', '1', '2'), 234)
    """
    known = {target for _, target in problems()}
    known |= {f(a, b) for f in OPERATIONS.values() for a in NUMBERS for b in NUMBERS}
    operations = [f"{sign}{number}" for sign in OPERATIONS for number in NUMBERS]
    values = [f"={reached_value}" for reached_value in sorted(known)]
    return (ASK, LOW, HIGH, END, *map(str, NUMBERS), *operations, *values)


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
    order = list(problem[0])
    rng.shuffle(order)
    return f"{' '.join(map(str, order))} ={problem[1]} {ASK}"


def write_answer(tries: Sequence[Steps], target: int, compares: bool = True) -> str:
    """An answer of some tries, with right arithmetic and right comparisons with the target.

    Without `compares` every try but the last is called too small.

    >>> write_answer([(3, "+", 5, "×", 7), (5, "-", 3, "×", 7)], 14)
    '3 +5 =8 ×7 =56 > 5 -3 =2 ×7 =14 .'
    """
    words = []
    for steps in tries:
        words.append(str(steps[0]))
        for sign, number, so_far in zip(steps[1::2], steps[2::2], reached(steps), strict=True):
            words += [f"{sign}{number}", f"={so_far}"]
        words.append(HIGH if compares and value(steps) > target else LOW)
    return " ".join([*words[:-1], END])


def walk(known: Sequence[Steps], n: int, rng: random.Random) -> list[Steps]:
    """Return n different expressions: from a random one usually on to the next, and at times elsewhere.

    >>> "".join(walk("abcdefgh", 5, random.Random(3)))
    'degha'
    """
    place = rng.randrange(len(known))
    left = [number for number in range(len(known)) if number != place]
    found = [known[place]]
    while len(found) < n:
        place = (place + 1) % len(known)
        if place not in left or rng.random() < JUMPS:
            place = rng.choice(left)
        left.remove(place)
        found.append(known[place])
    return found


@cache
def _targets():
    return {target for _, target in problems()}


@cache
def _held_out():
    return {*split()["validation"], *split()["test"]}


def format_example(
    rng: random.Random, most_tries: int = MOST_TRIES, compares: bool = True
) -> tuple[str, str]:
    """A prompt and an answer that shows the format and no solution.

    Arithmetic and comparisons are right. The tries go through the expressions as `walk` does. The
    target is that of a random problem or close to a value of the whole walk, no part of the walk
    reaches it, and the problem is not held out. How many of the tries are shown is drawn apart from
    all that, so where an answer ends tells nothing. Raises ValueError for `most_tries` below 1.

    >>> format_example(random.Random(2), 2)
    ('4 1 3 =80 :', '1 -3 =-2 ×4 =-8 < 1 +4 =5 ×3 =15 .')
    """
    check_whole("most_tries", most_tries, least=1)
    numbers = rng.choice(problems())[0]
    known = expressions(numbers)
    tries = walk(known, min(len(known), most_tries), rng)
    values = sorted(set(map(value, tries)))
    target = values[0]
    while target in values or target not in _targets() or (numbers, target) in _held_out():
        close = rng.random() < CLOSE
        target = rng.choice(values) + rng.randint(-3, 3) if close else rng.choice(problems())[1]
    n = 1
    while n < len(tries) and rng.random() > ENDS:
        n += 1
    return prompt((numbers, target), rng), write_answer(tries[:n], target, compares)


# The checker


def tries_of(answer: str) -> list[str]:
    """The tries of an answer without their marks; none where it has no end.

    >>> tries_of("3 +5 =8 ×7 =56 > 5 -3 =2 ×7 =14 ."), tries_of("3 +5 =8")
    (['3 +5 =8 ×7 =56', '5 -3 =2 ×7 =14'], [])
    """
    told, end, after = answer.partition(f" {END}")
    return re.split(f" [{LOW}{HIGH}] ", told) if end and not after else []


def parse(told: str) -> Steps | None:
    """The expression of a try, or None where it is none.

    >>> parse("5 -3 =2 ×7 =14"), parse("5 -3 =2")
    ((5, '-', 3, '×', 7), None)
    """
    words = told.split()
    if len(words) != TRY - 1 or not words[0].isdigit():
        return None
    if not all(word[0] in OPERATIONS and word[1:].isdigit() for word in words[1::2]):
        return None
    if not all(word[0] == "=" for word in words[2::2]):
        return None
    steps: list = [int(words[0])]
    for word in words[1::2]:
        steps += [word[0], int(word[1:])]
    return tuple(steps)


def last_try(answer: str) -> Steps | None:
    """The expression of the last try of an answer, or None."""
    tries = tries_of(answer)
    return parse(tries[-1]) if tries else None


def _uses_the_numbers(steps: Steps | None, problem: Problem) -> bool:
    return steps is not None and tuple(sorted(steps[::2])) == problem[0]


def reward(problem: Problem, answer: str) -> float:
    """1 where the last try uses each number once and its value is the target, else 0.

    The value is worked out here. What the answer claims to have reached is not read.

    >>> reward(((3, 5, 7), 14), "5 -3 =2 ×7 =14 ."), reward(((3, 5, 7), 14), "3 +5 =8 ×7 =14 .")
    (1.0, 0.0)
    """
    steps = last_try(answer)
    return float(_uses_the_numbers(steps, problem) and value(steps) == problem[1])


def is_true(told: str) -> bool:
    """Whether every value that a try claims to have reached is true.

    >>> is_true("5 -3 =2 ×7 =14"), is_true("5 -3 =9 ×7 =14")
    (True, False)
    """
    steps = parse(told)
    return steps is not None and told.split()[2::2] == [f"={so_far}" for so_far in reached(steps)]


def strict_reward(problem: Problem, answer: str) -> float:
    """`reward` where every try uses each number once and claims what is true, else 0.

    >>> strict_reward(((3, 5, 7), 14), "3 +5 =9 ×7 =56 > 5 -3 =2 ×7 =14 .")
    0.0
    """
    rules = all(is_true(t) and _uses_the_numbers(parse(t), problem) for t in tries_of(answer))
    return reward(problem, answer) * rules


def trusting_reward(problem: Problem, answer: str) -> float:
    """A reward with a hole: it believes the value that the answer claims to have reached.

    >>> trusting_reward(((3, 5, 7), 14), "3 +5 =8 ×7 =14 .")
    1.0
    """
    usable = _uses_the_numbers(last_try(answer), problem)
    return float(usable and answer.split()[-2] == f"={problem[1]}")


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


def walk_search(asked: Sequence[Problem], n_tries: int, n_walks: int = 20) -> float:
    """How often one of `n_tries` expressions of a `walk` reaches the target: format examples, checked.

    >>> walk_search([((3, 5, 7), 14)], 54)
    1.0
    """
    rng, found = random.Random(0), 0
    for numbers, target in [*asked] * n_walks:
        known = expressions(numbers)
        found += target in map(value, walk(known, min(n_tries, len(known)), rng))
    return found / (len(asked) * n_walks)


def best_order(known: Sequence[Problem]) -> list[tuple[tuple[int, ...], str, str]]:
    """All 54 forms, each the one that solves most of the problems which those before it leave."""
    left, order = set(known), []
    forms = [
        (places, one, other)
        for places in permutations(range(3))
        for one, other in product(OPERATIONS, repeat=2)
    ]
    while forms:
        solved = {form: {p for p in left if _formed(p[0], form, p[1])} for form in forms}
        best = max(forms, key=lambda form: len(solved[form]))
        order.append(best)
        forms.remove(best)
        left -= solved[best]
    return order


def order_search(order: Sequence, asked: Sequence[Problem], n_tries: int) -> float:
    """How many problems are solved by one of the first `n_tries` forms of an order, from 0 to 1."""
    solved = [any(_formed(p[0], form, p[1]) for form in order[:n_tries]) for p in asked]
    return sum(solved) / len(asked)


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
