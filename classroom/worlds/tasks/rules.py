"""Changes of a sentence that the tasks ask for: passive, polite, negated, plural, past, future.

Each rule sees only the text, not how it was drawn.
"""

from classroom.worlds.english import past, plural
from classroom.worlds.tasks.words import words

DETERMINERS = ("The", "My")
AUXILIARIES = ("is", "are", "was", "were", "can", "will")
_PLURAL_DETERMINERS = {"this": "these", "that": "those", "one": "two"}


def _subject(sentence: str) -> tuple[str, str, str]:
    """A statement's subject, its verb, and the rest without the full stop."""
    parts = sentence.rstrip(".").split(" ")
    length = 2 if parts[0] in DETERMINERS else 1
    return " ".join(parts[:length]), parts[length], " ".join(parts[length + 1 :])


def _lower_first(text: str) -> str:
    """The text as in the middle of a sentence: only a name keeps its capital letter."""
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
