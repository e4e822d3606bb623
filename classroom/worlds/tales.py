"""Endless short stories whose exact probability is known.

A grammar with memory writes the tales: names, places, objects, wishes, small problems and how they
end. It remembers what a tale needs later: who "she" is, where the key was hidden, how many apples
are left. So every tale has an exact probability, and the mean of its negative logarithm is the
entropy: the fewest bits per tale with which any model can encode them, and a lower bound of its loss.

The word lists and the shapes are plain text in assets/tales; `classroom.worlds.grammar` does the
work. The bound is Shannon's (A Mathematical Theory of Communication, 1948).

>>> tale = sample(1, seed=6)[0]
>>> tale[:35]
'Josie from Redhill was kind. Late o'
>>> log_prob(tale) < -50
True
"""

import math
import random
import re
import statistics
from functools import cache
from pathlib import Path
from typing import NamedTuple

from classroom.worlds.grammar.grammar import Grammar, Step, text_of
from classroom.worlds.grammar.nodes import GENDERED, NUMBER_WORDS, Agree, Compute, Recall
from helpers.limits import check_whole

FOLDER = Path(__file__).parent.parent / "assets" / "tales"
KINDS = ("agreement", "recall", "counting")
N_WRONG = 3  # wrong answers per probe, if there are so many


class Probe(NamedTuple):
    """A tale cut before a word that it determines, with the right word and wrong ones.

    `right` and each of `wrong` start with the space that must follow `prefix`. No tale continues
    the prefix with a wrong word. `distance` is the number of words since the right word was last
    mentioned (for a pronoun, its name; for a sum, its numbers).
    """

    kind: str
    prefix: str
    right: str
    wrong: tuple[str, ...]
    distance: int


@cache
def load_grammar() -> Grammar:
    """The grammar of the tales, read once from its word lists and shapes."""
    words, shapes = (FOLDER / name for name in ("words.txt", "shapes.txt"))
    return Grammar(words.read_text(encoding="utf-8"), shapes.read_text(encoding="utf-8"))


def sample(n: int, seed: int) -> list[str]:
    """Draw n tales from the source; the same seed gives the same tales on every machine.

    >>> sample(2, seed=1) == sample(3, seed=1)[:2]
    True
    """
    _check_count(n)
    return load_grammar().sample(n, seed)


def log_prob(text: str) -> float:
    """The exact log2 probability of a tale under its true source, end included: at most 0.

    Raises ValueError for a text that is not a tale, naming the first character that does not fit.

    >>> log_prob("Once upon a time there was an end.")
    Traceback (most recent call last):
    ValueError: no text of the grammar from character 2 on, after 'On'
    """
    return load_grammar().log_prob(text)


def is_tale(text: str) -> bool:
    """Return whether the source can write this text.

    >>> is_tale("The end.")
    False
    """
    return bool(load_grammar().read(text).derivations)


def word_bits(text: str) -> list[tuple[str, float]]:
    """Return each word of a tale, with its space, and its surprisal in bits under the true source.

    The bits add up to `-log_prob(text)`. A word that the tale determines has 0 bits. Raises
    ValueError for a text that is not a tale.
    """
    total = log_prob(text)
    grammar, before, priced = load_grammar(), 0.0, []
    words = re.findall(r"\S+\s*", text)
    for number, word in enumerate(words, start=1):
        last = number == len(words)
        so_far = "".join(words[:number])
        after = total if last else grammar.opening_log_prob(so_far)
        priced.append((word, before - after))
        before = after
    return priced


def entropy_estimate(n: int, seed: int) -> tuple[float, float]:
    """Estimate the entropy of the source in bits per tale from n tales: (mean, standard error).

    >>> mean, error = entropy_estimate(50, seed=0)
    >>> error < mean / 20
    True
    """
    _check_count(n, least=2)
    bits = [-log_prob(tale) for tale in sample(n, seed)]
    return statistics.mean(bits), statistics.stdev(bits) / math.sqrt(n)


def probes(n: int, seed: int, kind: str) -> list[Probe]:
    """Cut n new tales before a determined word, to measure what a model has learned.

    `kind` is "agreement" (pronouns, singular and plural), "recall" (a word that was mentioned
    before) or "counting" (a sum or a difference). Guessing among the right and the wrong words is
    right with probability 1 / (1 + len(wrong)). Raises ValueError for another kind.

    >>> probe = probes(1, 0, "counting")[0]
    >>> is_tale(probe.prefix), len(probe.wrong)
    (False, 3)
    """
    _check_count(n)
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    rng = random.Random(seed)
    found: list[Probe] = []
    while len(found) < n:
        steps = load_grammar().derive(rng)
        places = [i for i, step in enumerate(steps) if _kind(step) == kind]
        rng.shuffle(places)
        candidates = (_probe(kind, steps, place, rng) for place in places)
        found.extend([probe for probe in candidates if probe][:1])
    return found


def _kind(step: Step) -> str:
    """Which kind of probe a step of a derivation could be, or ""."""
    node = step.node
    if isinstance(node, Agree) or isinstance(node, Recall) and node.form in GENDERED["he"]:
        return "agreement"
    if isinstance(node, Recall) and node.form == "" and step.branch.text.isalpha():
        return "recall"
    return "counting" if isinstance(node, Compute) else ""


def _probe(kind: str, steps: list[Step], place: int, rng: random.Random) -> Probe | None:
    """Make a probe of one step, with the wrong words that no tale continues with."""
    text, step = text_of(steps), steps[place]
    prefix, right = text[: step.start], step.branch.text
    follows = text[step.start + len(right) :][:1]
    others = _others(kind, steps, place, rng)
    grammar = load_grammar()
    impossible = (w for w in others if grammar.read(prefix + w + follows).opening == 0)
    wrong = [word for word, _ in zip(impossible, range(N_WRONG), strict=False)]
    if not wrong:
        return None
    space = prefix[len(prefix.rstrip(" ")) :]
    distance = len(text[_last_mention(steps, place) : step.start].split())
    words = tuple(space + word for word in wrong)
    return Probe(kind, prefix.rstrip(" "), space + right, words, distance)


def _others(kind: str, steps: list[Step], place: int, rng: random.Random) -> list[str]:
    """Words of the same kind as the right one, starting with those that the tale has mentioned."""
    node, right = steps[place].node, steps[place].branch.text
    drawn = {s.branch.slot: s for s in steps[:place] if s.branch.slot}
    if isinstance(node, Agree):
        noun = drawn[node.noun].branch.word if node.noun else None
        others = [noun.text, noun.plural] if noun else [node.singular, node.plural]
    elif kind == "agreement":
        others = [forms.get(node.form, "") for forms in GENDERED.values()][:2]
        others = [word.capitalize() if right[0].isupper() else word for word in others]
    elif kind == "counting":
        mentioned = [
            s.branch.word.text for s in drawn.values() if s.branch.word.text in NUMBER_WORDS
        ]
        others = mentioned + rng.sample(NUMBER_WORDS[1:11], 10)
        others = [word.capitalize() if right[0].isupper() else word for word in others]
    else:
        words = getattr(drawn[node.slot].node, "words", ())
        listed = [word.text for word in words if " " not in word.text]
        mentioned = [s.branch.word.text for s in drawn.values() if s.branch.word.text in listed]
        others = mentioned + rng.sample(listed, min(len(listed), 2 * N_WRONG))
    return [word for word in dict.fromkeys(others) if word != right]


def _last_mention(steps: list[Step], place: int) -> int:
    """The end, in the text, of the last word before a step that the step depends on."""
    node = steps[place].node
    needed = {node.left, node.right} if isinstance(node, Compute) else {node.slot}
    mentions = [
        step.start + len(step.branch.text)
        for step in steps[:place]
        if step.branch.slot in needed
        or isinstance(step.node, Recall)
        and step.node.slot in needed
        and step.node.form == ""
    ]
    return max(mentions, default=0)


def _check_count(n: int, least: int = 0) -> None:
    check_whole("n", n, least)
