"""The rule of each form of a task: from the item, as text, to its answer.

`RULES` has one rule per form. `classroom.worlds.tasks.rules` changes sentences; this module
answers tasks about lists, numbers and letters, and looks things up.
"""

import re
from collections.abc import Callable

from classroom.worlds.english import ONES, number_in_digits, number_in_words, past
from classroom.worlds.tasks import rules
from classroom.worlds.tasks.words import words

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_TAKEN_AWAY = {"gave", "lost", "took", "sold"}


def _list(text: str) -> list[str]:
    return text.split(", ")


def _tokens(text: str) -> list[str]:
    return re.findall(r"[\w-]+", text)


def _calculate(text: str) -> int:
    """The value of "3 + 5", "9 minus 4" and the like."""
    first, sign, second = text.split(" ")
    return int(first) + int(second) * {"+": 1, "plus": 1, "-": -1, "minus": -1}[sign]


def _calculate_words(text: str) -> str:
    first, sign, second = text.split(" ")
    numbers = number_in_digits(first), number_in_digits(second)
    return number_in_words(_calculate(f"{numbers[0]} {sign} {numbers[1]}"))


def _calculate_story(text: str) -> str:
    first, second = (int(digits) for digits in re.findall(r"\d+", text))
    return str(first - second if _TAKEN_AWAY & set(_tokens(text)) else first + second)


def _only(text: str, allowed: tuple[str, ...]) -> str:
    """The one word of a text that is on a list."""
    (found,) = [word for word in _tokens(text) if word in allowed]
    return found


def _number_word(text: str) -> str:
    (found,) = [word for word in _tokens(text) if word.isdigit() or word in ONES]
    return found


def kind_of(word: str) -> str:
    """The kind of thing a word names, one of the list "kind".

    >>> kind_of("dog"), kind_of("red")
    ('animal', 'color')
    """
    return next(kind for kind in words("kind") if word in words(kind))


def _sentiment(text: str) -> str:
    found = set(_tokens(text))
    good = bool(found & set(words("positive") + words("liked")))
    return "positive" if good != ("not" in found) else "negative"


def _next_in(text: str) -> str:
    """What follows one day, month, letter or number."""
    if text.isdigit():
        return str(int(text) + 1)
    around = next(names for names in (words("day"), words("month"), LETTERS) if text in names)
    return around[(around.index(text) + 1) % len(around)]


def _series(text: str) -> str:
    """What follows a series: of numbers with one step, of names in order, or of two in turn."""
    items = _list(text)
    if items[-1].isdigit():
        return str(2 * int(items[-1]) - int(items[-2]))
    if items[-1] in words("day") + words("month") + LETTERS:
        return _next_in(items[-1])
    return items[-2]


def _first_word(text: str, change: Callable[[str], str]) -> str:
    first, space, rest = text.partition(" ")
    if text == "one hundred" or text.startswith("one hundred "):
        first, rest = "one hundred", text[len("one hundred ") :]
        space = " " if rest else ""
    return change(first) + space + rest


def _initials(text: str) -> str:
    return " ".join(f"{word[0]}." for word in text.split(" "))


def _date(text: str) -> str:
    month, day = text.split(" ")
    return f"{words('month').index(month) + 1}/{day}"


def _and(text: str) -> str:
    return " and ".join(text.rsplit(", ", 1))


def opposite(word: str) -> str:
    """The opposite of a word, in either direction.

    >>> opposite("hot"), opposite("cold")
    ('cold', 'hot')
    """
    one, other = words("opposite"), words("opposite", 1)
    return other[one.index(word)] if word in one else one[other.index(word)]


def _opposite_at_the_end(text: str) -> str:
    before, last = text.rstrip(".").rsplit(" ", 1)
    return f"{before} {opposite(last)}."


def _odd(text: str) -> str:
    kinds = [kind_of(word) for word in _list(text)]
    return next(w for w, kind in zip(_list(text), kinds, strict=True) if kinds.count(kind) == 1)


def _numbers(text: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", text)]


RULES: dict[str, Callable[[str], str]] = {
    "rewrite.passive": rules.passive,
    "rewrite.polite": rules.polite,
    "negate.sentence": rules.negate,
    "plural.phrase": rules.plural_phrase,
    "tense.word": past,
    "tense.sentence": rules.past_sentence,
    "tense.future": rules.future_sentence,
    "sort.words": lambda text: ", ".join(sorted(_list(text))),
    "sort.numbers": lambda text: ", ".join(sorted(_list(text), key=int)),
    "count.list": lambda text: str(len(_list(text))),
    "count.people": lambda text: str(sum(word in words("name") for word in _tokens(text))),
    "arithmetic.plain": lambda text: str(_calculate(text)),
    "arithmetic.words": _calculate_words,
    "arithmetic.story": _calculate_story,
    "extract.name": lambda text: _only(text, words("name")),
    "extract.place": lambda text: _only(text, words("place")),
    "extract.number": _number_word,
    "extract.color": lambda text: _only(text, words("color")),
    "extract.day": lambda text: _only(text, words("day")),
    "classify.thing": lambda text: kind_of(_list(text)[0]),
    "classify.sentiment": _sentiment,
    "complete.series": _series,
    "complete.after": _next_in,
    "numerals.digits": lambda text: _first_word(text, lambda word: str(number_in_digits(word))),
    "numerals.words": lambda text: _first_word(text, lambda word: number_in_words(int(word))),
    "format.upper": str.upper,
    "format.commas": lambda text: text.replace(" ", ", "),
    "format.and": _and,
    "format.initials": _initials,
    "format.date": _date,
    "question.sentence": rules.question,
    "opposite.word": opposite,
    "opposite.sentence": _opposite_at_the_end,
    "pick.first": lambda text: _list(text)[0],
    "pick.last": lambda text: _list(text)[-1],
    "pick.odd": _odd,
    "compare.larger": lambda text: str(max(_numbers(text))),
    "compare.smaller": lambda text: str(min(_numbers(text))),
}
