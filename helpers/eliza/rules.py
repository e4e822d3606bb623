"""ELIZA's rules and the two things they do: take a sentence apart, put an answer together.

A decomposition pattern is a list of elements, and each matches one piece of the sentence:

    0             any number of words, or none
    2             exactly two words
    you           this word
    (*sad happy)  one of these words
    (/FAMILY)     one word with this tag

The answer is a list of words and numbers; 4 is replaced by the fourth piece.
Source: J. Weizenbaum, 'ELIZA', Communications of the ACM 9 (1), 1966.
"""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

ANYTHING = 0  # the pattern element that matches any number of words


@dataclass(frozen=True)
class AnyOf:
    """The pattern element `(*sad unhappy)`: one of these words, kept in capitals."""

    words: tuple[str, ...]

    def __str__(self):
        return f"(*{' '.join(self.words).lower()})"


@dataclass(frozen=True)
class Tagged:
    """The pattern element `(/FAMILY)`: one word that has one of these tags."""

    tags: tuple[str, ...]

    def __str__(self):
        return f"(/{' '.join(self.tags)})"


Element = int | str | AnyOf | Tagged  # of a pattern
Tags = Mapping[str, Set[str]]  # to each tag, the words that carry it


@dataclass(frozen=True)
class Reassembly:
    """What to do with the pieces of a sentence: give an answer, go to another keyword, or give up.

    `parts` holds words, and numbers that are replaced by pieces of the sentence, counted from 1.
    With `link` the rules of another keyword take over: with the same words, or, if there are
    `parts` too (PRE), with the words that the parts give.
    """

    parts: tuple[str | int, ...] = ()
    link: str | None = None
    newkey: bool = False
    line: int = field(default=0, compare=False)

    def __str__(self):
        text = f"({join_words(str(part) for part in self.parts)})"
        if self.newkey:
            return "(NEWKEY)"
        if self.link:
            return f"(PRE {text} (={self.link}))" if self.parts else f"(={self.link})"
        return text


@dataclass(frozen=True)
class Rule:
    """A decomposition pattern, its reassemblies, and its line in the script."""

    pattern: tuple[int | str | AnyOf | Tagged, ...]
    reassemblies: tuple[Reassembly, ...]
    line: int = 0

    def __str__(self):
        words = (e.lower() if isinstance(e, str) else str(e) for e in self.pattern)
        return f"({' '.join(words)})"


@dataclass
class Keyword:
    """A word that a script knows: its substitute, rank, tags and rules."""

    word: str
    line: int
    substitute: str = ""
    rank: int = 0
    tags: tuple[str, ...] = ()
    rules: list[Rule] = field(default_factory=list)


@dataclass
class Script:
    """A whole script: the greeting, the keywords, and what to say without a keyword."""

    greeting: str = ""
    keywords: dict[str, Keyword] = field(default_factory=dict)
    none: Keyword = field(default_factory=lambda: Keyword("NONE", 0))
    memory_keyword: str = ""
    memory: list[Rule] = field(default_factory=list)
    post: list[tuple[list[str], list[str]]] = field(default_factory=list)
    tags: dict[str, set[str]] = field(default_factory=dict)

    def last_resort(self) -> list[str]:
        """Return the first plain answer of NONE, for a text that no rule answers."""
        for rule in self.none.rules:
            for answer in rule.reassemblies:
                words = [part for part in answer.parts if isinstance(part, str)]
                if words and len(words) == len(answer.parts) and not answer.link:
                    return words
        return []


def join_words(words: Iterable[str]) -> str:
    """Join words with spaces, but without one before a punctuation mark.

    >>> join_words(["You", "are", "sure", "."])
    'You are sure.'
    """
    return re.sub(r" ([.,!?:]+)(?= |$)", r"\1", " ".join(words))


def element_fits(element: Element, word: str, tags: Tags) -> bool:
    """Return whether a word matches one element of a pattern (not a number)."""
    word = word.upper()
    if isinstance(element, AnyOf):
        return word in element.words
    if isinstance(element, Tagged):
        return any(word in tags.get(tag, ()) for tag in element.tags)
    return word == element


def take(
    elements: Sequence[Element], words: list[str], start: int, tags: Tags | None
) -> list[list[str]] | None:
    """Return the pieces that `elements`, none of them 0, match at `start`; None if they do not."""
    tags = tags or {}
    pieces = []
    for element in elements:
        length = element if isinstance(element, int) else 1
        piece = words[start : start + length]
        if len(piece) < length:
            return None
        if not isinstance(element, int) and not element_fits(element, piece[0], tags):
            return None
        pieces.append(piece)
        start += length
    return pieces


def match(
    pattern: Sequence[Element], words: list[str], tags: Tags | None = None
) -> list[list[str]] | None:
    """Cut words into one piece for each element of a pattern; None if they do not match.

    Each 0 takes as few words as it can, from left to right, and the last one takes the rest.
    The zeros split the pattern into runs. Once a run has found its leftmost position, no other
    position of it can help the runs after it, so nothing is ever tried twice.

    `pattern` holds numbers, words in capitals, `AnyOf` and `Tagged` elements; `words` are those of
    the sentence; `tags` maps each tag to the set of words that have it, in capitals.

    >>> match((0, "YOU", "ARE", 0), "today you are early".split())
    [['today'], ['you'], ['are'], ['early']]
    >>> match((0, "YOU", 1), "you are early".split()) is None
    True
    """
    first, *later = runs_between_zeros(pattern)
    pieces = take(first, words, 0, tags)
    for run in later:
        if pieces is None:
            return None
        at = sum(len(piece) for piece in pieces)
        pieces = next_pieces(pieces, run, words, at, tags, is_last=run is later[-1])
    return pieces if pieces is not None and sum(map(len, pieces)) == len(words) else None


def runs_between_zeros(pattern: Sequence[Element]) -> list[list[Element]]:
    """Split a pattern at its zeros into runs of the other elements.

    >>> runs_between_zeros((0, "YOU", "ARE", 0))
    [[], ['YOU', 'ARE'], []]
    """
    runs: list[list[Element]] = [[]]
    for element in pattern:
        if element == ANYTHING:
            runs.append([])
        else:
            runs[-1].append(element)
    return runs


def next_pieces(
    pieces: list[list[str]],
    run: Sequence[Element],
    words: list[str],
    at: int,
    tags: Tags | None,
    is_last: bool,
) -> list[list[str]] | None:
    """Add the piece of a 0 and those of the run after it; None if the run matches nowhere."""
    size = sum(element if isinstance(element, int) else 1 for element in run)
    end = len(words) - size  # the last position at which the run can begin
    starts = range(max(at, end), end + 1) if is_last else range(at, end + 1)
    for start in starts:
        found = take(run, words, start, tags)
        if found is not None:
            return [*pieces, words[at:start], *found]
    return None


def fill(parts: Iterable[str | int], pieces: list[list[str]]) -> list[str]:
    """Put an answer together: numbers are replaced by the pieces they name, words stay.

    >>> fill(("Why", "are", "you", 4, "?"), [[], ["you"], ["are"], ["so", "sad"]])
    ['Why', 'are', 'you', 'so', 'sad', '?']
    """
    words = []
    for part in parts:
        words += pieces[part - 1] if isinstance(part, int) else [part]
    return words


def replace_words(
    words: list[str], replacements: Iterable[tuple[list[str], list[str]]]
) -> list[str]:
    """Post-substitution: replace runs of words in a finished reply, one replacement at a time.

    >>> replace_words("Why do you think I are late ?".split(), [(["I", "ARE"], ["I", "am"])])
    ['Why', 'do', 'you', 'think', 'I', 'am', 'late', '?']
    """
    for old, new in replacements:
        position = 0
        while position + len(old) <= len(words):
            run = words[position : position + len(old)]
            if [word.upper() for word in run] == old:
                words = words[:position] + new + words[position + len(old) :]
                position += len(new)
            else:
                position += 1
    return words
