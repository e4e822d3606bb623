"""The parts a grammar with memory is made of: words, word lists and nodes.

A node is one step in writing a text. Given the memory so far, `branches(memory)` returns every
continuation: its probability, what it writes, what it remembers, and which nodes follow. Writing
a text and scoring one use the same method, so they cannot disagree.
"""

import operator
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from typing import NamedTuple

from classroom.worlds.english import NUMBERS, article

RANK_SHIFT = 10.0
MOST = 20  # the largest number that a grammar counts to
NUMBER_WORDS = list(NUMBERS)[: MOST + 1]
# Words that follow the gender of a name: {hero.he} writes "she" for a girl.
GENDERED = {
    "he": dict(he="he", him="him", his="his", boy="boy", man="man", king="king"),
    "she": dict(he="she", him="her", his="her", boy="girl", man="woman", king="queen"),
    "it": dict(he="it", him="it", his="its"),
}
ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul}


@dataclass(frozen=True)
class Word:
    """One entry of a word list: the word, its plural, and its pronoun."""

    text: str
    plural: str
    pronoun: str = ""

    @property
    def value(self) -> int:
        """The number that a number word names: 3 for "three"."""
        if self.text not in NUMBER_WORDS:
            raise ValueError(f"{self.text!r} is not a number word from zero to twenty")
        return NUMBERS[self.text]

    def form(self, name: str) -> str:
        """The word in one form: "" as it is, "a" with its article, "s" plural, "he" a pronoun.

        >>> Word("owl", "owls", "she").form("a"), Word("owl", "owls", "she").form("him")
        ('an owl', 'her')
        """
        if name == "":
            return self.text
        if name == "a":
            return f"{article(self.text)} {self.text}"
        if name == "s":
            return self.plural
        if name not in GENDERED.get(self.pronoun, {}):
            raise ValueError(f"the word {self.text!r} has no form {name!r}")
        return GENDERED[self.pronoun][name]


def number_word(value: int) -> Word:
    """The word for a whole number from 0 to 20."""
    if not 0 <= value <= MOST:
        raise ValueError(f"the number {value} has no word: the limits are 0 and {MOST}")
    return Word(NUMBER_WORDS[value], "")


class Branch(NamedTuple):
    """One continuation: its probability, its text, the nodes that follow, what is remembered."""

    probability: float
    text: str = ""
    nodes: tuple = ()
    slot: str = ""
    word: Word | None = None


class Branches:
    """All continuations of one node, with probabilities that sum to one."""

    def __init__(self, weighted: list[tuple[float, Branch]]):
        if not weighted:
            raise ValueError("a node of the grammar has no continuation")
        total = sum(weight for weight, _ in weighted)
        self.items = [branch._replace(probability=weight / total) for weight, branch in weighted]
        self._cumulative = list(accumulate(branch.probability for branch in self.items))
        self._cumulative[-1] = 1.0  # the sum may differ from one by a rounding error

    def pick(self, rng) -> Branch:
        """Draw one branch with its probability; for a single one, no random number is drawn."""
        if len(self.items) == 1:
            return self.items[0]
        return self.items[bisect_right(self._cumulative, rng.random())]


@cache
def only(text: str, slot: str = "", word: Word | None = None) -> Branches:
    """A single continuation, with probability one."""
    return Branches([(1.0, Branch(1.0, text, (), slot, word))])


def capitalize(text: str, wanted: bool = True) -> str:
    """The text with a capital first letter, where wanted."""
    return text[:1].upper() + text[1:] if wanted else text


class Literal:
    """Writes a fixed text."""

    def __init__(self, text: str):
        self.text = text
        self._branches = only(text)

    def branches(self, memory: dict) -> Branches:
        return self._branches


class Choice:
    """Continues with one of several sequences of nodes; `options` may be filled in later."""

    def __init__(self, name: str = ""):
        self.name = name
        self.options: list[tuple[float, tuple]] = []
        self._branches = None

    def branches(self, memory: dict) -> Branches:
        if self._branches is None:
            self._branches = Branches([(w, Branch(w, "", nodes)) for w, nodes in self.options])
        return self._branches


@dataclass
class Draw:
    """Draws a word from a list, writes it and remembers it in a slot.

    `distinct_from` names slots whose words may not be drawn again; `below` names a slot whose
    number must be larger than the one drawn. The rest of the list then shares the probability.
    """

    words: dict[Word, float]
    slot: str
    form: str = ""
    capital: bool = False
    distinct_from: tuple[str, ...] = ()
    below: str = ""
    _known: dict = field(default_factory=dict, repr=False)

    def branches(self, memory: dict) -> Branches:
        barred = tuple(memory[slot] for slot in self.distinct_from)
        limit = memory[self.below].value if self.below else None
        if (barred, limit) not in self._known:
            self._known[barred, limit] = Branches(
                [
                    (weight, Branch(weight, self._write(word), (), self.slot, word))
                    for word, weight in self.words.items()
                    if word not in barred and (limit is None or word.value < limit)
                ]
            )
        return self._known[barred, limit]

    def _write(self, word: Word) -> str:
        return capitalize(word.form(self.form), self.capital)


@dataclass
class Recall:
    """Writes the word of a slot again, in some form."""

    slot: str
    form: str = ""
    capital: bool = False

    def branches(self, memory: dict) -> Branches:
        return only(capitalize(memory[self.slot].form(self.form), self.capital))


@dataclass
class Agree:
    """Writes one of two texts: the first if the slot's number is one, else the second.

    With `noun`, the two texts are the singular and the plural of the word in that slot.
    """

    slot: str
    singular: str = ""
    plural: str = ""
    noun: str = ""

    def branches(self, memory: dict) -> Branches:
        one = memory[self.slot].value == 1
        if self.noun:
            return only(memory[self.noun].form("" if one else "s"))
        return only(self.singular if one else self.plural)


@dataclass
class Compute:
    """Writes the sum, difference or product of two remembered numbers, and remembers it."""

    slot: str
    left: str
    sign: str
    right: str
    capital: bool = False

    def branches(self, memory: dict) -> Branches:
        left, right = (self._value(part, memory) for part in (self.left, self.right))
        word = number_word(ARITHMETIC[self.sign](left, right))
        return only(capitalize(word.text, self.capital), self.slot, word)

    @staticmethod
    def _value(part: str, memory: dict) -> int:
        return int(part) if part.isdigit() else memory[part].value


Node = Literal | Choice | Draw | Recall | Agree | Compute
