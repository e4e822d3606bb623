"""Draw the items of the tasks: lists and numbers here, sentences in `classroom.worlds.tasks.sentences`.

An answer is drawn together with its item: a sum is the number that was split in two, a sorted list
is shuffled. The rules of `classroom.worlds.tasks.answers`, which see only the text, must give the
same answer.

>>> item = draw("format.date", random.Random(1))
>>> item.text, item.answer
('March 19', '3/19')
"""

import random
from collections.abc import Callable
from functools import partial

from classroom.worlds.english import number_in_words
from classroom.worlds.tasks import sentences as task_sentences
from classroom.worlds.tasks.answers import LETTERS
from classroom.worlds.tasks.sentences import fill, pair
from classroom.worlds.tasks.words import Item, frames, split_of, stable_hash, words

SMALL = 5  # sums that stay so small are never held out


def draw(form: str, rng: random.Random) -> Item:
    """One item of a form, from any split; raises ValueError for an unknown form."""
    if form not in DRAW:
        raise ValueError(f"form is {form!r}; it must be one of {', '.join(DRAW)}")
    return DRAW[form](rng)


def _several(rng, name, n):
    return rng.sample(words(name), n)


def _any_words(rng, n):
    """Nouns, their plurals, or verbs in the past, including those that other kinds hold out."""
    return rng.sample(words(*rng.choice((("noun",), ("noun",), ("noun", 1), ("verb", 1)))), n)


def _sort_words(rng):
    letters = sorted(rng.sample(sorted({word[0] for word in words("noun")}), 3))
    chosen = [rng.choice([w for w in words("noun") if w[0] == letter]) for letter in letters]
    mixed = rng.sample(chosen, 3)
    return Item(", ".join(mixed), ", ".join(chosen), split_of("sort", *chosen))


def _sort_numbers(rng):
    mixed = rng.sample(range(1, 31), 3)
    ordered = [str(i) for i in range(1, 31) if i in mixed]
    return Item(", ".join(map(str, mixed)), ", ".join(ordered), split_of("sort", *ordered))


def _count_list(rng):
    n = rng.randint(2, 7)
    text = ", ".join(_any_words(rng, n))
    return Item(text, str(n), split_of("count", text))


def _count_people(rng):
    n = rng.randint(1, 5)
    names = _several(rng, "name", n)
    who = names[0] if n == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    verb = "is" if n == 1 else "are"
    where = rng.choice(("at", "near")), rng.choice(words("place"))
    text = f"{who} {verb} {where[0]} the {where[1]}."
    return Item(text, str(n), split_of("count", *sorted(names)))


def sum_split(first, sign, second):
    """The split of a sum or a difference; where no number is beyond `SMALL`, always "train".

    Nothing smaller is left from which a small sum could be worked out, and one of them, held out,
    is a quarter of all that are asked.

    >>> sum_split(1, "+", 1), sum_split(3, "+", 3)
    ('train', 'test')
    """
    largest = first + second if sign == "+" else first
    return "train" if largest <= SMALL else split_of("sum", first, sign, second)


def _sum(rng):
    """Two numbers, their sign, the result (all at most 20), and their split."""
    whole = rng.randint(2, 20)
    part = rng.randint(1, whole - 1)
    if rng.random() < 0.5:
        return part, "+", whole - part, whole, sum_split(part, "+", whole - part)
    return whole, "-", part, whole - part, sum_split(whole, "-", part)


def sum_text(form, first, sign, second, result, rng):
    """A sum or a difference in the wording of a form: (text, answer).

    >>> sum_text("arithmetic.words", 20, "-", 3, 17, random.Random(0))
    ('twenty minus three', 'seventeen')
    """
    name = {"+": "plus", "-": "minus"}[sign]
    if form == "arithmetic.words":
        return f"{number_in_words(first)} {name} {number_in_words(second)}", number_in_words(result)
    if form == "arithmetic.plain":
        return f"{first} {rng.choice((sign, name))} {second}", str(result)
    stories = frames("story_plus" if sign == "+" else "story_minus")
    fitting = [frame for frame in stories if first > 1 or not frame.startswith("There were")]
    frame = rng.choice(fitting)
    nouns, names = pair(rng, "object"), _several(rng, "name", 2)
    slots = {"name": names[0], "name2": names[1], "place": rng.choice(words("place"))}
    slots |= {"a": str(first), "b": str(second), "as": nouns[first > 1], "bs": nouns[second > 1]}
    return fill(frame, slots), str(result)


def _arithmetic(rng, form):
    *numbers, split = _sum(rng)
    return Item(*sum_text(form, *numbers, rng), split)


def _classify(rng):
    """One to three words of a kind; every word is in training, but not every list."""
    kind = rng.choice(words("kind"))
    text = ", ".join(_several(rng, kind, rng.randint(1, 3)))
    return Item(text, kind, split_of("classify", *sorted(text.split(", "))))


def _series(rng):
    """Days, months, letters, numbers with one step, or two words in turn."""
    which = rng.choice(("day", "month", "letter", "number", "number", "turn"))
    length = rng.randint(2, 4)
    if which == "number":
        step = rng.choice((1, 2, 5, 10))
        first = rng.choice(range(0, 61 if step < 5 else 51, step if step > 2 else 1))
        items = [str(first + step * i) for i in range(max(length, 3) + 1)]
    elif which == "turn":
        items = _several(rng, rng.choice(("color", "thing", "food")), 2) * 3
        items = items[: length + 2]
    else:
        names = LETTERS if which == "letter" else words(which)
        last = len(names) - length if which == "letter" else len(names)
        first = rng.randrange(last)
        items = [names[(first + i) % len(names)] for i in range(length + 1)]
    text = ", ".join(items[:-1])
    return Item(text, items[-1], split_of("series", text))


def _after(rng):
    """One day, month, letter or number, and the one after it."""
    which = rng.choice(("day", "month", "letter", "number"))
    names = {"letter": LETTERS, "number": tuple(map(str, range(100)))}.get(which) or words(which)
    i = rng.randrange(len(names) - (which in ("letter", "number")))
    return Item(names[i], names[(i + 1) % len(names)], split_of("after", names[i]))


def _numeral(rng, to_words):
    """A number up to 100, maybe with a noun. It is held out in one direction, never in both."""
    number = rng.randint(0, 100)
    noun = "" if rng.random() < 0.5 else " " + pair(rng, "object")[number != 1]
    held_out = {0: "test", 1: "validation"} if to_words else {2: "test", 3: "validation"}
    split = held_out.get(stable_hash("numeral", number) % 10, "train")
    forms = (f"{number}{noun}", f"{number_in_words(number)}{noun}")
    return Item(*forms, split) if to_words else Item(*forms[::-1], split)


def _upper(rng):
    """A word, or a color and a word, and the same in capital letters."""
    text = rng.choice(words(rng.choice(("animal", "food", "thing"))))
    if rng.random() < 0.8:
        text = f"{rng.choice(words('color'))} {text}"
    capitals = "".join(chr(ord(letter) - 32) if letter != " " else " " for letter in text)
    return Item(text, capitals, split_of("upper", text))


def _commas(rng):
    chosen = _any_words(rng, rng.randint(3, 4))
    return Item(" ".join(chosen), ", ".join(chosen), split_of("commas", *chosen))


def _and(rng):
    *before, last = chosen = _any_words(rng, rng.randint(3, 4))
    return Item(", ".join(chosen), f"{', '.join(before)} and {last}", split_of("and", *chosen))


def _initials(rng):
    first, last = rng.choice(words("name")), rng.choice(words("surname"))
    text = f"{first} {last}"
    return Item(text, f"{first[0]}. {last[0]}.", split_of("initials", text))


def _date(rng):
    month, day = rng.randint(1, 12), rng.randint(1, 28)
    text = f"{words('month')[month - 1]} {day}"
    return Item(text, f"{month}/{day}", split_of("date", text))


def _opposite(rng):
    """A word and its opposite. It is held out in one direction, never in both."""
    both = pair(rng, "opposite")
    asked = rng.randrange(2)
    held_out = {asked: "test", 2 + asked: "validation"}
    split = held_out.get(stable_hash("opposite", *both) % 6, "train")
    return Item(both[asked], both[1 - asked], split)


def _pick(rng, place):
    chosen = _any_words(rng, rng.randint(3, 5))
    return Item(", ".join(chosen), chosen[place], split_of("pick", *chosen))


def _odd(rng):
    """Three words of one kind and one of another, which is the answer."""
    kind, other = _several(rng, "kind", 2)
    odd = rng.choice(words(other))
    chosen = [*_several(rng, kind, 3), odd]
    rng.shuffle(chosen)
    return Item(", ".join(chosen), odd, split_of("odd", *sorted(chosen)))


def _compare(rng, larger):
    low = rng.randint(1, 39)
    high = rng.randint(low + 1, 40)
    one, other = rng.sample((low, high), 2)
    return Item(f"{one} or {other}", str(high if larger else low), split_of("compare", one, other))


DRAW: dict[str, Callable[[random.Random], Item]] = {
    "rewrite.passive": task_sentences.passive,
    "rewrite.polite": task_sentences.polite,
    "negate.sentence": task_sentences.negate,
    "plural.phrase": task_sentences.plural,
    "tense.word": task_sentences.past_word,
    "tense.sentence": task_sentences.past_sentence,
    "tense.future": task_sentences.future,
    "sort.words": _sort_words,
    "sort.numbers": _sort_numbers,
    "count.list": _count_list,
    "count.people": _count_people,
    **{
        f"arithmetic.{form}": partial(_arithmetic, form=f"arithmetic.{form}")
        for form in ("plain", "words", "story")
    },
    **{
        f"extract.{wanted}": partial(task_sentences.extract, wanted=wanted)
        for wanted in ("name", "place", "number", "color", "day")
    },
    "classify.thing": _classify,
    "classify.sentiment": task_sentences.sentiment,
    "complete.series": _series,
    "complete.after": _after,
    "numerals.digits": partial(_numeral, to_words=False),
    "numerals.words": partial(_numeral, to_words=True),
    "format.upper": _upper,
    "format.commas": _commas,
    "format.and": _and,
    "format.initials": _initials,
    "format.date": _date,
    "question.sentence": task_sentences.question,
    "opposite.word": _opposite,
    "opposite.sentence": task_sentences.opposite_at_the_end,
    "pick.first": partial(_pick, place=0),
    "pick.last": partial(_pick, place=-1),
    "pick.odd": _odd,
    "compare.larger": partial(_compare, larger=True),
    "compare.smaller": partial(_compare, larger=False),
}
