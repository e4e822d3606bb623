"""A grammar with memory: texts can be drawn from it, and any text has an exact probability.

A node defines how a text may continue and with which probabilities (`classroom.worlds.grammar.nodes`).
`sample` draws one continuation; `read` follows all that agree with a given text. The notation of
word lists and rules is in `classroom.worlds.grammar.notation`.
"""

import math
import random
from collections.abc import Iterator
from typing import NamedTuple

from classroom.worlds.grammar.nodes import Branch, Node, Word
from classroom.worlds.grammar.notation import read_rules, read_words


class Step(NamedTuple):
    """One step of a derivation: the node, the branch taken, and where its text starts."""

    node: Node
    branch: Branch
    start: int


class Reading(NamedTuple):
    """The result of parsing a text with a grammar.

    `derivations` holds (log2 probability, steps) for each derivation of the whole text. `opening`
    is the probability that a text of the grammar starts with this one. `reached` is the length of
    its longest prefix with which some text of the grammar starts.
    """

    derivations: list[tuple[float, list[Step]]]
    opening: float
    reached: int


class Grammar:
    """Texts that can be drawn, and scored exactly.

    Raises ValueError for a notation that cannot be parsed, or if the rule `start` is missing.

    >>> grammar = Grammar("fruit: fig, pear", "[tale]\\nEat {:fruit.a}.\\nEat [it|them].")
    >>> {text: round(p, 3) for text, p in grammar.enumerate()}
    {'Eat a fig.': 0.26, 'Eat a pear.': 0.24, 'Eat it.': 0.25, 'Eat them.': 0.25}
    >>> grammar.log_prob("Eat them.")
    -2.0
    """

    def __init__(self, words: str, rules: str, start: str = "tale"):
        self.lists = read_words(words)
        self.rules = read_rules(rules, self.lists)
        if start not in self.rules:
            raise ValueError(f"there is no rule {start!r} to start from")
        self.start = self.rules[start]

    def derive(self, rng: random.Random) -> list[Step]:
        """Draw one text, as the steps of its derivation."""
        agenda: list[Node] = [self.start]
        memory: dict[str, Word] = {}
        steps: list[Step] = []
        at = 0
        while agenda:
            node = agenda.pop()
            branch = node.branches(memory).pick(rng)
            steps.append(Step(node, branch, at))
            at += len(branch.text)
            agenda.extend(reversed(branch.nodes))
            if branch.slot:
                memory[branch.slot] = branch.word
        return steps

    def sample(self, n: int, seed: int) -> list[str]:
        """Draw n texts; the same seed gives the same texts on every machine."""
        rng = random.Random(seed)
        return [text_of(self.derive(rng)) for _ in range(n)]

    def read(self, text: str) -> Reading:
        """Parse a text: follow every derivation that agrees with it."""
        derivations, opening, reached = [], 0.0, 0
        agenda = [((self.start, None), 0, {}, 0.0, None)]
        while agenda:
            nodes, at, memory, log_p, past = agenda.pop()
            reached = max(reached, at)
            if nodes is None:
                if at == len(text):
                    derivations.append((log_p, _unroll(past)))
                continue
            node, rest = nodes
            for branch in node.branches(memory).items:
                if at < len(text) and branch.text.startswith(text[at:]):
                    opening += 2.0**log_p * branch.probability
                if text.startswith(branch.text, at):
                    new_log_p = log_p + math.log2(branch.probability)
                    new_past = (Step(node, branch, at), past)
                    later, known = _follow(branch, rest, memory)
                    agenda.append((later, at + len(branch.text), known, new_log_p, new_past))
                elif at + len(branch.text) > reached:
                    reached = max(reached, at + _shared_length(text, at, branch.text))
        return Reading(derivations, opening if text else 1.0, reached)

    def log_prob(self, text: str) -> float:
        """The log2 probability of a text, summed over its derivations: at most 0.

        Raises ValueError for a text that the grammar cannot write, naming the first character
        that no text of the grammar has there.
        """
        reading = self.read(text)
        if not reading.derivations:
            at = reading.reached
            seen = f"after {text[max(0, at - 30) : at]!r}"
            if at == len(text):
                raise ValueError(f"the text stops too early, at character {at}, {seen}")
            raise ValueError(f"no text of the grammar from character {at} on, {seen}")
        if len(reading.derivations) == 1:
            return reading.derivations[0][0]
        return math.log2(math.fsum(2.0**log_p for log_p, _ in reading.derivations))

    def opening_log_prob(self, text: str) -> float:
        """The log2 probability that a text starts like this; minus infinity if none does.

        >>> Grammar("fruit: fig, pear", "[tale]\\nEat [it|a {:fruit}].").opening_log_prob("Eat ")
        0.0
        """
        opening = self.read(text).opening
        return min(0.0, math.log2(opening)) if opening else -math.inf

    def enumerate(self) -> Iterator[tuple[str, float]]:
        """Every derivation as (text, probability); feasible only for a small grammar."""
        agenda = [((self.start, None), "", {}, 1.0)]
        while agenda:
            nodes, text, memory, probability = agenda.pop()
            if nodes is None:
                yield text, probability
                continue
            node, rest = nodes
            for branch in reversed(node.branches(memory).items):
                later, known = _follow(branch, rest, memory)
                new_probability = probability * branch.probability
                agenda.append((later, text + branch.text, known, new_probability))


def text_of(steps: list[Step]) -> str:
    """The text of a derivation."""
    return "".join(step.branch.text for step in steps)


def _follow(branch: Branch, rest, memory: dict[str, Word]):
    """The nodes that remain after a branch, as a linked list, and the memory after it."""
    for node in reversed(branch.nodes):
        rest = (node, rest)
    return rest, {**memory, branch.slot: branch.word} if branch.slot else memory


def _unroll(past) -> list[Step]:
    """A linked list of steps, from the last to the first, as a plain list in order."""
    steps = []
    while past is not None:
        step, past = past
        steps.append(step)
    return steps[::-1]


def _shared_length(text: str, at: int, other: str) -> int:
    """The number of characters that the text from position `at` shares with `other`."""
    for length, (a, b) in enumerate(zip(text[at : at + len(other)], other, strict=False)):
        if a != b:
            return length
    return min(len(text) - at, len(other))
