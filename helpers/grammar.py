"""A grammar with memory whose texts have an exact probability.

A grammar is two plain texts. One holds word lists, the other holds rules. A rule's lines are its
alternatives. This is the whole notation:

    {hero:name}        draw a word from the list `name`, write it, remember it as `hero`
    {:weather}         draw and write a word, remember nothing
    {friend:name!hero} draw a word other than the hero's
    {some:count<all}   draw a number below the number in `all`
    {hero}             write the remembered word again
    {hero.he}          ... as a pronoun (he, him, his), as boy, man or king; follows the gender
    {thing.a} {thing.s} ... with "a" or "an"; in the plural
    {^hero.he}         ... with a capital letter
    {left=all-some}    work out a number, write it as a word, remember it
    {left~was/were}    the first where `left` is one, else the second
    {left~fruit}       the word in the slot `fruit`, singular or plural to suit the number
    [red|green]        one of these, each as likely
    <ending>           one of the alternatives of the rule `ending`

The words of a list follow Zipf's law: the word of rank r weighs 1 / (r + 2.7) (Mandelbrot 1953).
"""

import math
import random
import re
from collections.abc import Iterator
from typing import NamedTuple

from helpers.grammar_nodes import (
    RANK_SHIFT,
    Agree,
    Branch,
    Choice,
    Compute,
    Draw,
    Literal,
    Node,
    Recall,
    Word,
    plural,
)

SLOT = re.compile(
    r"(?P<capital>\^?)(?:(?P<slot>\w*):(?P<list>\w+)(?P<distinct>(?:!\w+)*)(?:<(?P<below>\w+))?"
    r"|(?P<again>\w+)|(?P<result>\w+)=(?P<left>\w+)(?P<sign>[-+*])(?P<right>\w+))"
    r"(?:\.(?P<form>\w+))?|(?P<number>\w+)~(?:(?P<one>[\w ']*)/(?P<many>[\w ']*)|(?P<noun>\w+))"
)


class Step(NamedTuple):
    """One step of a derivation: the node, the branch taken, and where its text starts."""

    node: Node
    branch: Branch
    start: int


class Reading(NamedTuple):
    """What a grammar makes of a text: its derivations, and how far the text could be one.

    `derivations` holds (log2 probability, steps) for each way to derive the whole text. `opening`
    is the probability that a text of the grammar starts with this text. `reached` counts the
    characters that some text of the grammar starts with.
    """

    derivations: list[tuple[float, list[Step]]]
    opening: float
    reached: int


def read_words(text: str) -> dict[str, dict[Word, float]]:
    """Read word lists, `name (pronoun): word, word/plural, …` or `name = list + list`.

    >>> lists = read_words("girl (she): Mia, Ada\\nboy (he): Tom\\nname = girl + boy")
    >>> [(word.text, word.pronoun, round(p, 2)) for word, p in lists["name"].items()]
    [('Mia', 'she', 0.28), ('Ada', 'she', 0.22), ('Tom', 'he', 0.5)]
    """
    lists: dict[str, dict[Word, float]] = {}
    for line in _logical_lines(text):
        if match := re.fullmatch(r"(\w+)\s*=\s*(\w+(?:\s*\+\s*\w+)*)", line):
            parts = [lists[part.strip()] for part in match[2].split("+")]
            weighted = [(word, p / len(parts)) for part in parts for word, p in part.items()]
        elif match := re.fullmatch(r"(\w+)\s*(?:\((\w+)\))?:\s*(.+)", line):
            entries = [entry.strip().split("/") for entry in match[3].split(",")]
            words = [Word(e[0], e[1] if e[1:] else plural(e[0]), match[2] or "") for e in entries]
            weights = [1 / (rank + RANK_SHIFT) for rank in range(1, len(words) + 1)]
            weighted = [(word, w / sum(weights)) for word, w in zip(words, weights, strict=True)]
        else:
            raise ValueError(f"this line is no word list: {line[:60]!r}")
        if len({word.text for word, _ in weighted}) < len(weighted):
            raise ValueError(f"the word list {match[1]!r} holds a word twice")
        lists[match[1]] = dict(weighted)
    return lists


def _logical_lines(text: str) -> Iterator[str]:
    """Lines without comments; an indented line continues the one before."""
    lines: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace() and lines:
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.strip())
    return iter(lines)


class Grammar:
    """Texts that can be drawn, and scored exactly.

    >>> grammar = Grammar("fruit: fig, pear", "[tale]\\nEat {:fruit.a}.\\nEat [it|them].")
    >>> {text: round(p, 3) for text, p in grammar.enumerate()}
    {'Eat a fig.': 0.28, 'Eat a pear.': 0.22, 'Eat it.': 0.25, 'Eat them.': 0.25}
    >>> grammar.log_prob("Eat them.")
    -2.0
    """

    def __init__(self, words: str, rules: str, start: str = "tale"):
        self.lists = read_words(words)
        self.rules: dict[str, Choice] = {}
        name = ""
        for line in _logical_lines(rules):
            if header := re.fullmatch(r"\[(\w+)\]", line):
                name = header[1]
                if self._rule(name).options:
                    raise ValueError(f"the rule {name!r} is given twice")
                continue
            weight, text = re.fullmatch(r"(?:(\d+)\s+)?(.*)", line).groups()
            self._rule(name).options.append((float(weight or 1), self._parse(text)))
        missing = [name for name, rule in self.rules.items() if not rule.options]
        if missing or start not in self.rules:
            raise ValueError(f"these rules are called and not given: {missing or [start]}")
        self.start = self.rules[start]

    def _rule(self, name: str) -> Choice:
        return self.rules.setdefault(name, Choice(name))

    def _parse(self, template: str) -> tuple[Node, ...]:
        """Turn a template into nodes."""
        nodes, rest = self._parse_sequence(template, 0)
        if rest < len(template):
            raise ValueError(f"a {template[rest]!r} too many at {rest} in {template[:60]!r}")
        return nodes

    def _parse_sequence(self, template: str, at: int) -> tuple[tuple[Node, ...], int]:
        nodes: list[Node] = []
        while at < len(template) and template[at] not in "|]":
            if template[at] == "[":
                node = Choice()
                while template[at] != "]":
                    option, at = self._parse_sequence(template, at + 1)
                    node.options.append((1.0, option))
                    if at == len(template):
                        raise ValueError(f"a bracket is never closed in {template[:60]!r}")
                at += 1
            else:
                match = re.compile(r"\{([^{}]*)\}|<(\w+)>|[^{}<>\[\]|]+").match(template, at)
                if not match:
                    raise ValueError(f"cannot read {template[at : at + 20]!r} in a template")
                node, at = self._parse_one(match), match.end()
            nodes.append(node)
        return tuple(nodes), at

    def _parse_one(self, match: re.Match) -> Node:
        """A slot in braces, a rule's name in angles, or a fixed text."""
        if match[2]:
            return self._rule(match[2])
        if match[1] is None:
            return Literal(match[0])
        part = SLOT.fullmatch(match[1])
        if not part:
            raise ValueError(f"cannot read the slot {match[0]!r}")
        capital, form = bool(part["capital"]), part["form"] or ""
        if part["list"]:
            if part["list"] not in self.lists:
                raise ValueError(f"there is no word list {part['list']!r}")
            distinct = tuple(part["distinct"].split("!")[1:])
            words = self.lists[part["list"]]
            return Draw(words, part["slot"], form, capital, distinct, part["below"] or "")
        if part["again"]:
            return Recall(part["again"], form, capital)
        if part["result"]:
            return Compute(part["result"], part["left"], part["sign"], part["right"], capital)
        return Agree(part["number"], part["one"] or "", part["many"] or "", part["noun"] or "")

    def derive(self, rng: random.Random) -> list[Step]:
        """Draw one text, as the steps that write it."""
        agenda: list[Node] = [self.start]
        memory: dict[str, Word] = {}
        steps: list[Step] = []
        start = 0
        while agenda:
            node = agenda.pop()
            branch = node.branches(memory).pick(rng)
            steps.append(Step(node, branch, start))
            start += len(branch.text)
            agenda.extend(reversed(branch.nodes))
            if branch.slot:
                memory[branch.slot] = branch.word
        return steps

    def sample(self, n: int, seed: int) -> list[str]:
        """Draw n texts; the same seed gives the same texts on every machine."""
        rng = random.Random(seed)
        return ["".join(step.branch.text for step in self.derive(rng)) for _ in range(n)]

    def read(self, text: str) -> Reading:
        """Find every derivation of a text, and of the texts that start with it."""
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
                    follow = rest
                    for later in reversed(branch.nodes):
                        follow = (later, follow)
                    known = {**memory, branch.slot: branch.word} if branch.slot else memory
                    step = Step(node, branch, at)
                    new_log_p = log_p + math.log2(branch.probability)
                    agenda.append((follow, at + len(branch.text), known, new_log_p, (step, past)))
                elif at + len(branch.text) > reached:
                    reached = max(reached, at + _shared_length(text, at, branch.text))
        return Reading(derivations, opening if text else 1.0, reached)

    def log_prob(self, text: str) -> float:
        """The log2 probability of a text under the grammar: at most 0.

        Raises ValueError for a text the grammar cannot write, naming the first character at
        which no text of the grammar goes on like this one.
        """
        reading = self.read(text)
        if not reading.derivations:
            seen = f"after {text[max(0, reading.reached - 30) : reading.reached]!r}"
            if reading.reached == len(text):
                raise ValueError(f"the text stops too early, at character {len(text)}, {seen}")
            raise ValueError(f"not a text of this grammar from character {reading.reached}, {seen}")
        if len(reading.derivations) == 1:
            return reading.derivations[0][0]
        return math.log2(math.fsum(2.0**log_p for log_p, _ in reading.derivations))

    def enumerate(self) -> Iterator[tuple[str, float]]:
        """Every derivation as (text, probability); only for a grammar that is small."""
        agenda = [((self.start, None), "", {}, 1.0)]
        while agenda:
            nodes, text, memory, probability = agenda.pop()
            if nodes is None:
                yield text, probability
                continue
            node, rest = nodes
            for branch in reversed(node.branches(memory).items):
                follow = rest
                for later in reversed(branch.nodes):
                    follow = (later, follow)
                known = {**memory, branch.slot: branch.word} if branch.slot else memory
                agenda.append((follow, text + branch.text, known, probability * branch.probability))


def _unroll(past) -> list[Step]:
    """A linked list of steps, last first, as a plain list, first first."""
    steps = []
    while past is not None:
        step, past = past
        steps.append(step)
    return steps[::-1]


def _shared_length(text: str, at: int, other: str) -> int:
    """How many characters of `other` the text goes on with at a place."""
    for length, (a, b) in enumerate(zip(text[at : at + len(other)], other, strict=False)):
        if a != b:
            return length
    return min(len(text) - at, len(other))
