"""The rules of English that the tasks need: word forms, number words, and changes of a sentence.

Each rule reads a text and knows nothing of how the text was made. A noun or a verb is regular
unless it stands in one of the two tables below.

>>> plural("fox"), plural("pony"), past("stop"), past("buy")
('foxes', 'ponies', 'stopped', 'bought')
"""

import re

from classroom.worlds.tasks.words import words

IRREGULAR_PLURALS = {
    "child": "children",
    "man": "men",
    "woman": "women",
    "mouse": "mice",
    "goose": "geese",
    "sheep": "sheep",
    "wolf": "wolves",
    "leaf": "leaves",
    "shelf": "shelves",
    "knife": "knives",
    "scarf": "scarves",
    "potato": "potatoes",
    "tomato": "tomatoes",
}
IRREGULAR_PASTS = {
    "run": "ran",
    "sit": "sat",
    "sleep": "slept",
    "sing": "sang",
    "swim": "swam",
    "stand": "stood",
    "speak": "spoke",
    "ride": "rode",
    "drive": "drove",
    "win": "won",
    "fall": "fell",
    "eat": "ate",
    "find": "found",
    "buy": "bought",
    "sell": "sold",
    "make": "made",
    "lose": "lost",
    "bring": "brought",
    "hold": "held",
    "keep": "kept",
    "see": "saw",
    "take": "took",
    "break": "broke",
    "hide": "hid",
}
DETERMINERS = ("The", "My")
AUXILIARIES = ("is", "are", "was", "were", "can", "will")
_PLURAL_DETERMINERS = {"this": "these", "that": "those", "one": "two"}


def plural(noun: str) -> str:
    """The plural of a noun.

    >>> plural("box"), plural("boy"), plural("berry"), plural("mouse")
    ('boxes', 'boys', 'berries', 'mice')
    """
    if noun in IRREGULAR_PLURALS:
        return IRREGULAR_PLURALS[noun]
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + ("es" if re.search(r"(s|x|z|ch|sh)$", noun) else "s")


def past(verb: str) -> str:
    """The past of a verb.

    >>> past("walk"), past("wave"), past("hurry"), past("hum"), past("visit"), past("sing")
    ('walked', 'waved', 'hurried', 'hummed', 'visited', 'sang')
    """
    if verb in IRREGULAR_PASTS:
        return IRREGULAR_PASTS[verb]
    if verb.endswith("e"):
        return verb + "d"
    if re.search(r"[^aeiou]y$", verb):
        return verb[:-1] + "ied"
    one_short_syllable = re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", verb)
    return verb + (verb[-1] if one_short_syllable else "") + "ed"


def number_in_words(number: int) -> str:
    """A number from 0 to 100 in words; raises ValueError for another.

    >>> number_in_words(42), number_in_words(100)
    ('forty-two', 'one hundred')
    """
    if not 0 <= number <= 100:
        raise ValueError(f"number is {number}; it must be from 0 to 100")
    if number < 20:
        return words("ones")[number]
    tens = words("tens")[number // 10 - 2]
    return tens if number % 10 == 0 else f"{tens}-{words('ones')[number % 10]}"


def number_in_digits(text: str) -> int:
    """The number that words up to one hundred name; raises ValueError for other words.

    >>> number_in_digits("forty-two"), number_in_digits("one hundred")
    (42, 100)
    """
    if text in words("tens"):
        return 20 + 10 * words("tens").index(text)
    tens, hyphen, ones = text.rpartition("-")
    if ones not in words("ones") or (hyphen and tens not in words("tens")):
        raise ValueError(f"{text!r} is no number from zero to one hundred")
    return (number_in_digits(tens) if hyphen else 0) + words("ones").index(ones)


def _subject(sentence: str) -> tuple[str, str, str]:
    """A statement's subject, its verb, and the rest without the full stop."""
    parts = sentence.rstrip(".").split(" ")
    length = 2 if parts[0] in DETERMINERS else 1
    return " ".join(parts[:length]), parts[length], " ".join(parts[length + 1 :])


def _lower_first(text: str) -> str:
    """The text as it stands in the middle of a sentence: a name keeps its capital letter."""
    first = text.split(" ")[0]
    return first.lower() + text[len(first) :] if first not in words("name") else text


def passive(sentence: str) -> str:
    """The passive voice of a sentence in the past."""
    subject, verb, obj = _subject(sentence)
    done = obj[0].upper() + obj[1:]
    return f"{done} was {verb} by {_lower_first(subject)}."


def polite(order: str) -> str:
    """An order as a question."""
    return f"Could you {order[0].lower()}{order[1:-1]}, please?"


def negate(sentence: str) -> str:
    """The sentence with not."""
    subject, verb, rest = _subject(sentence)
    if verb == "can":
        verb = "cannot"
    else:
        verb = f"{verb} not" if verb in AUXILIARIES else f"does not {verb[:-1]}"
    return f"{subject} {verb} {rest}."


def question(sentence: str) -> str:
    """The sentence as a question with the answer yes."""
    subject, verb, rest = _subject(sentence)
    if verb in AUXILIARIES:
        return f"{verb.capitalize()} {_lower_first(subject)} {rest}?"
    return f"Does {_lower_first(subject)} {verb[:-1]} {rest}?"


def plural_phrase(phrase: str) -> str:
    """The plural of a word or of a phrase that ends in a noun."""
    *before, noun = phrase.split(" ")
    return " ".join([*(_PLURAL_DETERMINERS.get(word, word) for word in before), plural(noun)])


def past_sentence(sentence: str) -> str:
    """The past of a sentence whose second word is its verb."""
    subject, verb, rest = _subject(sentence)
    return f"{subject} {past(verb)} {rest}."


def future_sentence(sentence: str) -> str:
    """The future of a sentence whose second word is its verb."""
    subject, rest = sentence.split(" ", 1)
    return f"{subject} will {rest}"
