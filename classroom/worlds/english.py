"""Word forms of English: plurals, pasts, articles, and numbers in words.

A noun or a verb is regular unless it is in one of the two tables of irregular words.

>>> plural("fox"), plural("pony"), past("stop"), past("buy")
('foxes', 'ponies', 'stopped', 'bought')
"""

import re

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
ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = [*"twenty thirty forty fifty sixty seventy eighty ninety".split(), "one hundred"]


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


def article(word: str) -> str:
    """The article "a" or "an" that goes before a word, by its sound.

    >>> article("apple"), article("unicorn"), article("hour")
    ('an', 'a', 'an')
    """
    if re.match(r"(uni|use|usu|eu|one\b)", word, re.IGNORECASE):
        return "a"
    return "an" if re.match(r"([aeiou]|hour|honest|heir)", word, re.IGNORECASE) else "a"


def number_in_words(number: int) -> str:
    """A number from 0 to 100 in words; raises ValueError for another.

    >>> number_in_words(7), number_in_words(42), number_in_words(100)
    ('seven', 'forty-two', 'one hundred')
    """
    if not 0 <= number <= 100:
        raise ValueError(f"number is {number}; it must be from 0 to 100")
    if number < 20:
        return ONES[number]
    tens = TENS[number // 10 - 2]
    return tens if number % 10 == 0 else f"{tens}-{ONES[number % 10]}"


NUMBERS = {number_in_words(number): number for number in range(101)}


def number_in_digits(text: str) -> int:
    """The number from 0 to 100 that words name; raises ValueError for other words.

    >>> number_in_digits("forty-two"), number_in_digits("one hundred")
    (42, 100)
    """
    if text not in NUMBERS:
        raise ValueError(f"{text!r} is not a number from zero to one hundred")
    return NUMBERS[text]
