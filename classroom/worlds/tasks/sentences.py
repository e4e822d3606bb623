"""Draw the sentences and word forms of the tasks, each with its answer and its split.

An answer is drawn together with its item, from the same words: the past of a verb comes from the
word list, and a negative sentence from a frame that contains "not". The
rules of `classroom.worlds.tasks.rules`, which see only the text, must give the same answer.
"""

import random
import re

from classroom.worlds.english import IRREGULAR_PASTS, IRREGULAR_PLURALS, number_in_words
from classroom.worlds.tasks.words import Item, frames, split_of, words

_PLURAL_SLOTS = {"persons": "person", "objects": "object", "foods": "food"}
_PAST_SLOTS = {"got": "do_verb", "went": "walk_verb"}
_DETERMINERS = (("the", "the"), ("this", "these"), ("that", "those"), ("my", "my"), ("one", "two"))
_VERBS = r"is|are|was|were|can|will|\{has\}|\{likes\}"


def pair(rng: random.Random, name: str) -> tuple[str, str]:
    """Both forms of one word of a list."""
    i = rng.randrange(len(words(name)))
    return words(name)[i], words(name, 1)[i]


def fill(frame: str, slots: dict[str, str]) -> str:
    """The frame with a word in each slot.

    >>> fill("{name} is {mood}.", {"name": "Mia", "mood": "glad"})
    'Mia is glad.'
    """
    return re.sub(r"\{(\w+)\}", lambda match: slots[match[1]], frame)


def _slots(rng, frame):
    """A word for each slot of a frame."""
    slots = {}
    for slot in re.findall(r"\{(\w+)\}", frame):
        if slot in _PLURAL_SLOTS:
            slots[slot] = rng.choice(words(_PLURAL_SLOTS[slot], 1))
        elif slot in _PAST_SLOTS:
            slots[slot] = rng.choice(words(_PAST_SLOTS[slot], 1))
        elif slot in ("has", "likes"):
            slots[slot], slots["base"] = pair(rng, f"{slot}_verb")
        elif slot == "n":
            number = rng.randint(2 if frame.startswith("There are") else 1, 12)
            slots["things"] = pair(rng, "object")[number > 1]
            slots[slot] = rng.choice((str(number), number_in_words(number)))
        elif slot not in slots and slot not in ("a", "opinion", "felt"):
            slots[slot] = rng.choice(words(slot))
    return slots


def passive(rng):
    """A sentence in the active voice, and the same in the passive."""
    present, past = pair(rng, "passive_verb")
    agent = rng.choice((rng.choice(words("name")), "the " + rng.choice(words("person"))))
    obj = rng.choice(words("object"))
    obj = rng.choice((f"the {obj}", f"the {rng.choice(words('look'))} {obj}"))
    sentence = f"{agent} {past} {obj}."
    sentence = sentence[0].upper() + sentence[1:]
    return Item(sentence, f"T{obj[1:]} was {past} by {agent}.", split_of("passive", sentence))


def polite(rng):
    """An order, and the same as a polite question."""
    verb, obj = rng.choice(words("do_verb")), rng.choice(words("object"))
    tail = rng.choice(("", " now", " for " + rng.choice(words("name")), " today"))
    rest = f"{verb[1:]} the {obj}{tail}"
    text = f"{verb[0].upper()}{rest}."
    return Item(text, f"Could you {verb[0]}{rest}, please?", split_of("polite", text))


def _statement(rng):
    """A statement as (subject, verb, the verb's base form, rest)."""
    frame = rng.choice(frames("statement"))
    slots = _slots(rng, frame)
    subject, verb, rest = re.match(rf"(.+?) ({_VERBS}) (.+)\.", frame).groups()
    return fill(subject, slots), fill(verb, slots), slots.get("base"), fill(rest, slots)


def negate(rng):
    """A statement, and the statement with not."""
    subject, verb, stem, rest = _statement(rng)
    text = f"{subject} {verb} {rest}."
    negative = f"does not {stem}" if stem else "cannot" if verb == "can" else f"{verb} not"
    return Item(text, f"{subject} {negative} {rest}.", split_of("negate", text))


def question(rng):
    """A statement, and the same as a yes-no question."""
    subject, verb, stem, rest = _statement(rng)
    text = f"{subject} {verb} {rest}."
    inside = subject if subject in words("name") else subject[0].lower() + subject[1:]
    asked = f"Does {inside} {stem} {rest}?" if stem else f"{verb.title()} {inside} {rest}?"
    return Item(text, asked, split_of("question", text))


def _lexical_split(form, word, irregular, text):
    """The split: some regular words are held out in all phrases, other words in some phrases."""
    held_out = "train" if word in irregular else split_of(form, word, buckets=12)
    return held_out if held_out != "train" else split_of(form, "in", text)


def plural(rng):
    """A noun, alone or at the end of a phrase, and its plural."""
    singular, plural = pair(rng, "noun")
    text, answer = singular, plural
    if rng.random() < 0.3:
        look = rng.choice(words("look"))
        text, answer = f"{look} {text}", f"{look} {answer}"
    if rng.random() < 0.5:
        one, many = rng.choice(_DETERMINERS)
        text, answer = f"{one} {text}", f"{many} {answer}"
    return Item(text, answer, _lexical_split("plural", singular, IRREGULAR_PLURALS, text))


def past_word(rng):
    """A verb, and its past."""
    present, past = pair(rng, rng.choice(("walk_verb", "do_verb")))
    return Item(present, past, _lexical_split("past", present, IRREGULAR_PASTS, present))


def _verb_phrase(rng):
    """A subject, a verb with its past, and how the sentence goes on."""
    subject, place = rng.choice(("I", "We", "You", "They")), rng.choice(words("place"))
    if rng.random() < 0.5:
        obj = rng.choice(words("object"))
        rests = f"the {obj}", f"the {rng.choice(words('look'))} {obj}", f"the {obj} at the {place}"
        return subject, pair(rng, "do_verb"), rng.choice(rests)
    rests = f"at the {place}", f"near the {place}", f"with {rng.choice(words('name'))}", "at home"
    return subject, pair(rng, "walk_verb"), rng.choice(rests)


def past_sentence(rng):
    """A sentence in the present, and in the past."""
    subject, (present, past), rest = _verb_phrase(rng)
    text = f"{subject} {present} {rest}."
    split = _lexical_split("past", present, IRREGULAR_PASTS, text)
    return Item(text, f"{subject} {past} {rest}.", split)


def future(rng):
    """A sentence in the present, and in the future."""
    subject, (present, _), rest = _verb_phrase(rng)
    text = f"{subject} {present} {rest}."
    return Item(text, f"{subject} will {present} {rest}.", split_of("future", text))


def extract(rng, wanted):
    """A sentence with several facts, and the wanted one: name, place, number, color or day."""
    slot = "n" if wanted == "number" else wanted
    frame = rng.choice([frame for frame in frames("extract") if f"{{{slot}}}" in frame])
    slots = _slots(rng, frame)
    text = fill(frame, slots)
    return Item(text, slots[slot], split_of("extract", text))


def sentiment(rng):
    """An opinion, and whether it is positive or negative."""
    frame = rng.choice(frames("sentiment"))
    good = rng.random() < 0.5
    praises = good != (" not " in frame)
    opinion = rng.choice(words("positive" if praises else "negative"))
    slots = _slots(rng, frame) | {"opinion": opinion}
    # By the letter, not the sound ("an useless soup"): the chat model has learned these sentences.
    slots["a"] = "an" if opinion[0] in "aeiou" else "a"
    slots["felt"] = rng.choice(words("liked" if good else "disliked"))
    text = fill(frame, slots)
    return Item(text, "positive" if good else "negative", split_of("sentiment", text))


def opposite_at_the_end(rng):
    """A sentence that ends in an adjective, and the sentence with its opposite."""
    one, other = rng.sample(pair(rng, "of_a_thing"), 2)
    start = f"{rng.choice(('The', 'This', 'My'))} {rng.choice(words('object'))}"
    start += rng.choice((" is ", " was "))
    text = f"{start}{one}."
    return Item(text, f"{start}{other}.", split_of("opposite", text))
