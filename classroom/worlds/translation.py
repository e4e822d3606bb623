"""Sentences and their translations into a made-up language, with the true alignment of the words.

The language has words, an order and agreements of its own:

    today  five goats  followed  the quiet key
    davan lun  mora numa  torvu  harn

    subject, place, object, verb, time         the verb comes near the end
    noun, adjective, number                    the noun comes first in its group
    a noun ends in -a or -o, and its adjective, too; in the plural it adds -n
    a verb ends in -i after one, in -u after many
    a preposition follows its place; "the" has no translation

Each target word translates one source word, and `Pair.alignment` says which. An adjective needs
the noun behind it, and a verb the number of its subject, so that no word-by-word table suffices.

Some sentences are held out, and in the split "combinations" every sentence has an adjective and a
noun that never occur together in "train", though each of them does. The idea of such a split is
that of Lake and Baroni (Generalization without Systematicity, 2018).

>>> pair = sample(1, seed=4)[0]
>>> [(word, pair.source[place]) for word, place in zip(pair.target, pair.alignment)][:2]
[('zura', 'witch'), ('grena', 'old')]
"""

import random
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

from helpers.limits import check_whole
from helpers.loss import IGNORED

SPLITS = ("train", "validation", "test", "combinations")
PADDING, START, END = "<padding>", "<start>", "<end>"

# English, its plural, the other language's stem with its class -a or -o
NOUNS = {
    "fox": ("foxes", "kesa"), "king": ("kings", "toro"), "bird": ("birds", "fila"),
    "child": ("children", "mipo"), "witch": ("witches", "zura"), "dog": ("dogs", "bako"),
    "queen": ("queens", "lima"), "bear": ("bears", "gondo"), "cat": ("cats", "nisa"),
    "farmer": ("farmers", "pelo"), "goat": ("goats", "dava"), "wolf": ("wolves", "rumo"),
}  # fmt: skip
THINGS = {
    "apple": ("apples", "sofa"), "stone": ("stones", "keno"), "book": ("books", "tila"),
    "lamp": ("lamps", "vaso"), "key": ("keys", "mora"), "rope": ("ropes", "jupo"),
    "cake": ("cakes", "hela"), "drum": ("drums", "wano"),
}  # fmt: skip
PLACES = {
    "garden": ("gardens", "yola"), "river": ("rivers", "sepo"), "tower": ("towers", "quina"),
    "forest": ("forests", "baldo"), "bridge": ("bridges", "trema"), "market": ("markets", "isko"),
}  # fmt: skip
ADJECTIVES = {
    "old": "gren", "small": "pik", "red": "solv", "brave": "hast", "quiet": "num",
    "strange": "zil", "heavy": "dorm", "golden": "aur",
}  # fmt: skip
VERBS = {
    "saw": "veld", "found": "kap", "carried": "nost", "painted": "lirm", "lost": "fesk",
    "followed": "torv", "bought": "minz", "hid": "gluv",
}  # fmt: skip
NUMBERS = {"two": "be", "three": "sim", "four": "kor", "five": "lun"}
PREPOSITIONS = {"in": "ul", "under": "osh", "behind": "tek", "near": "ra"}
TIMES = {"yesterday": "milod", "today": "harn", "tonight": "zeph", "once": "anu"}
ALL_NOUNS = NOUNS | THINGS | PLACES


class Pair(NamedTuple):
    """A sentence, its translation, and for each target word the place of its source word."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    alignment: tuple[int, ...]


def held_out(adjective: str, noun: str) -> bool:
    """Whether an adjective and a noun (singular) are kept from meeting in "train".

    >>> held_out("old", "fox"), held_out("old", "king")
    (True, False)
    """
    return (list(ADJECTIVES).index(adjective) + list(ALL_NOUNS).index(noun)) % 7 == 0


def sample(n: int, seed: int, split: str = "train") -> list[Pair]:
    """Draw n pairs of a split; the same seed gives the same pairs on every machine.

    No sentence is in two splits. Raises ValueError for an unknown split and for n below 0.

    >>> sample(2, seed=1) == sample(3, seed=1)[:2]
    True
    """
    check_whole("n", n, least=0)
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}")
    rng, found = random.Random(seed), []
    while len(found) < n:
        pair, new = _draw(rng)
        if _split_of(pair, new) == split:
            found.append(pair)
    return found


def translate(source: Sequence[str]) -> Pair:
    """Translate a sentence by the rules; raises ValueError, naming the word that does not fit.

    >>> translate("two brave cats lost the key".split()).target
    ('nisan', 'hasta', 'be', 'mora', 'fesku')
    """
    words, place = [*source, ""], 0
    time, place = ([0], 1) if words[0] in TIMES else ([], 0)
    subject, place = _group(words, place)
    verb, place = _one(words, place, VERBS)
    thing, place = _group(words, place)
    where: list[int] = []
    if words[place] in PREPOSITIONS:
        where, after = _group(words, place + 1)
        where, place = [*where, place], after
    if place != len(source):
        raise ValueError(f"{words[place]!r} does not continue the sentence {' '.join(source)!r}")
    ending = "u" if _plural(words[subject[0]]) else "i"
    order = [*subject, *where, *thing, verb, *time]
    nouns = {at: group[0] for group in (subject, thing, where) for at in group}
    target = [
        VERBS[words[at]] + ending if at == verb else _word(words[at], words[nouns.get(at, at)])
        for at in order
    ]
    return Pair(tuple(source), tuple(target), tuple(order))


def _group(words, place):
    """The places of noun, adjective and number of the group that starts here, and what follows."""
    number = adjective = None
    if words[place] in NUMBERS:
        number, place = place, place + 1
    elif words[place] == "the":
        place += 1
    else:
        raise ValueError(f"{words[place]!r} does not begin a noun's group")
    if words[place] in ADJECTIVES:
        adjective, place = place, place + 1
    if words[place] not in _SINGULAR:
        raise ValueError(f"{words[place]!r} is not a noun")
    if _plural(words[place]) != (number is not None):
        raise ValueError(f"{words[place]!r} does not agree with what comes before it")
    group = [place, adjective, number]
    return [at for at in group if at is not None], place + 1


def _one(words, place, known):
    if words[place] not in known:
        raise ValueError(f"{words[place]!r} comes where one of {', '.join(known)} is expected")
    return place, place + 1


_SINGULAR = {name: name for name in ALL_NOUNS} | {
    plural: name for name, (plural, _) in ALL_NOUNS.items()
}


def _plural(noun):
    return _SINGULAR[noun] != noun


def _word(word, noun):
    """The translation of any word but a verb; `noun` is that of its group."""
    if word in _SINGULAR:
        return ALL_NOUNS[_SINGULAR[word]][1] + ("n" if _plural(word) else "")
    if word in ADJECTIVES:
        return ADJECTIVES[word] + ALL_NOUNS[_SINGULAR[noun]][1][-1]
    return (NUMBERS | PREPOSITIONS | TIMES)[word]


def _draw(rng):
    """A random pair, and whether an adjective meets a noun that is held out for it."""
    source: list[str] = []
    new = False
    if rng.random() < 0.5:
        source.append(rng.choice(list(TIMES)))
    for nouns in (NOUNS, NOUNS | THINGS, PLACES):
        if nouns is PLACES:
            if rng.random() < 0.4:
                break
            source.append(rng.choice(list(PREPOSITIONS)))
        many = nouns is not PLACES and rng.random() < 0.4
        noun = rng.choice(list(nouns))
        source.append(rng.choice(list(NUMBERS)) if many else "the")
        if rng.random() < 0.6:
            source.append(rng.choice(list(ADJECTIVES)))
            new = new or held_out(source[-1], noun)
        source.append(nouns[noun][0] if many else noun)
        if nouns is NOUNS:
            source.append(rng.choice(list(VERBS)))
    return translate(source), new


def _split_of(pair, new):
    """The split that a sentence belongs to, from its words alone."""
    if new:
        return "combinations"
    number = zlib.crc32(" ".join(pair.source).encode()) % 10
    return {0: "validation", 1: "test"}.get(number, "train")


SPECIAL = (PADDING, START, END)
SOURCE_WORDS = (
    *SPECIAL, "the", *_SINGULAR, *ADJECTIVES, *VERBS, *NUMBERS, *PREPOSITIONS, *TIMES,
)  # fmt: skip
TARGET_WORDS = (
    *SPECIAL,
    *(stem + end for _, stem in ALL_NOUNS.values() for end in ("", "n")),
    *(stem + end for stem in ADJECTIVES.values() for end in "ao"),
    *(stem + end for stem in VERBS.values() for end in "iu"),
    *(word for table in (NUMBERS, PREPOSITIONS, TIMES) for word in table.values()),
)
SOURCE_IDS = {word: number for number, word in enumerate(SOURCE_WORDS)}
TARGET_IDS = {word: number for number, word in enumerate(TARGET_WORDS)}
LONGEST = 14  # words of a sentence, with the end


def pair_tensors(pairs: Sequence[Pair]) -> tuple[torch.Tensor, torch.Tensor]:
    """Source ids (B, S), padded with 0, and target ids (B, T) with the end, padded with -100.

    >>> sources, targets = pair_tensors([translate("the cat lost the key".split())])
    >>> sources.shape, targets.shape
    (torch.Size([1, 5]), torch.Size([1, 4]))
    """
    sources = [torch.tensor([SOURCE_IDS[word] for word in pair.source]) for pair in pairs]
    targets = [torch.tensor([TARGET_IDS[word] for word in (*pair.target, END)]) for pair in pairs]
    pad = torch.nn.utils.rnn.pad_sequence
    return pad(sources, True, SOURCE_IDS[PADDING]), pad(targets, True, IGNORED)


def as_one_text(pairs: Sequence[Pair]) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets (B, T) of a GPT: the source, <start>, the translation, <end>.

    Ids of target words follow those of the source; only the translation and the end are scored.
    """
    shift, rows, wanted = len(SOURCE_WORDS), [], []
    for pair in pairs:
        source = [SOURCE_IDS[word] for word in (*pair.source, START)]
        target = [shift + TARGET_IDS[word] for word in (*pair.target, END)]
        rows.append(torch.tensor([*source, *target[:-1]]))
        wanted.append(torch.tensor([IGNORED] * (len(source) - 1) + target))
    pad = torch.nn.utils.rnn.pad_sequence
    return pad(rows, True, SOURCE_IDS[PADDING]), pad(wanted, True, IGNORED)


def batches(
    pairs: Sequence[Pair], batch_size: int, seed: int, tensors=pair_tensors
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches without end, in a random order that the seed decides."""
    rng = random.Random(seed)
    while True:
        yield tensors(rng.sample(list(pairs), batch_size))


def decoder_input(pairs: Sequence[Pair]) -> torch.Tensor:
    """What the decoder reads when it is about to write each word of the translations, (B, T)."""
    rows = [torch.tensor([TARGET_IDS[word] for word in (START, *pair.target)]) for pair in pairs]
    return torch.nn.utils.rnn.pad_sequence(rows, True, TARGET_IDS[PADDING])


def accuracy(written: Sequence[Sequence[str]], pairs: Sequence[Pair]) -> float:
    """The share of translations that are right to the last word.

    >>> pairs = sample(4, seed=0)
    >>> accuracy([pairs[0].target, pairs[1].target, (), pairs[3].target[:-1]], pairs)
    0.5
    """
    right = [tuple(words) == pair.target for words, pair in zip(written, pairs, strict=True)]
    return sum(right) / len(right)


def agreement(weights: torch.Tensor, pairs: Sequence[Pair]) -> float:
    """How often the source word with the largest weight (B, T, S) is the true one.

    >>> pair = translate("the cat lost the key".split())
    >>> agreement(torch.eye(5)[None, [1, 4, 2]], [pair])
    1.0
    """
    looked = weights.argmax(dim=-1).tolist()
    hits = [
        place == true
        for row, pair in zip(looked, pairs, strict=True)
        for place, true in zip(row, pair.alignment, strict=False)
    ]
    return sum(hits) / len(hits)
