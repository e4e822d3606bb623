"""Parse the notation of a grammar: word lists and rules in plain text become words and nodes.

    {hero:name}         draw a word from the list `name`, write it, remember it as `hero`
    {:weather}          draw and write a word, remember nothing
    {friend:name!hero}  draw a word other than the hero's
    {some:count<all}    draw a number below the number in `all`
    {hero}              write the remembered word again
    {hero.he}           as a pronoun (he, him, his), or as boy, man or king, to suit the gender
    {thing.a} {thing.s} with "a" or "an"; in the plural
    {^hero.he}          with a capital letter
    {left=all-some}     compute a number, write it as a word, remember it
    {left~was/were}     the first if `left` is one, else the second
    {left~fruit}        the word in the slot `fruit`, singular or plural to suit the number
    [red|green]         one of these, with equal probability
    <ending>            one of the alternatives of the rule `ending`

A rule is its name in brackets and its alternatives, one per line; a number before an alternative
is its weight. An indented line continues the line before; a line that starts with # is a comment.
"""

import re
from collections.abc import Callable, Iterator

from classroom.worlds.english import plural
from classroom.worlds.grammar.nodes import (
    RANK_SHIFT,
    Agree,
    Choice,
    Compute,
    Draw,
    Literal,
    Node,
    Recall,
    Word,
)

SLOT = re.compile(
    r"(?P<capital>\^?)(?:(?P<slot>\w*):(?P<list>\w+)(?P<distinct>(?:!\w+)*)(?:<(?P<below>\w+))?"
    r"|(?P<again>\w+)|(?P<result>\w+)=(?P<left>\w+)(?P<sign>[-+*])(?P<right>\w+))"
    r"(?:\.(?P<form>\w+))?|(?P<number>\w+)~(?:(?P<one>[\w ']*)/(?P<many>[\w ']*)|(?P<noun>\w+))"
)
PIECE = re.compile(r"\{([^{}]*)\}|<(\w+)>|[^{}<>\[\]|]+")


def read_words(text: str) -> dict[str, dict[Word, float]]:
    """Parse word lists: `name (pronoun): word, word/plural, …` or `name = list + list`.

    The words of a list follow Zipf's law: the word of rank r weighs 1 / (r + 10), Mandelbrot's
    form of it (1953). Raises ValueError for a line that is neither, and for a repeated word.

    >>> lists = read_words("girl (she): Mia, Ada\\nboy (he): Tom\\nname = girl + boy")
    >>> [(word.text, word.pronoun, round(p, 2)) for word, p in lists["name"].items()]
    [('Mia', 'she', 0.26), ('Ada', 'she', 0.24), ('Tom', 'he', 0.5)]
    """
    lists: dict[str, dict[Word, float]] = {}
    for line in logical_lines(text):
        if match := re.fullmatch(r"(\w+)\s*=\s*(\w+(?:\s*\+\s*\w+)*)", line):
            parts = [lists[part.strip()] for part in match[2].split("+")]
            weighted = [(word, p / len(parts)) for part in parts for word, p in part.items()]
        elif match := re.fullmatch(r"(\w+)\s*(?:\((\w+)\))?:\s*(.+)", line):
            entries = [entry.strip().split("/") for entry in match[3].split(",")]
            words = [Word(e[0], e[1] if e[1:] else plural(e[0]), match[2] or "") for e in entries]
            weights = [1 / (rank + RANK_SHIFT) for rank in range(1, len(words) + 1)]
            weighted = [(word, w / sum(weights)) for word, w in zip(words, weights, strict=True)]
        else:
            raise ValueError(f"this line is not a word list: {line[:60]!r}")
        if len({word.text for word, _ in weighted}) < len(weighted):
            raise ValueError(f"the word list {match[1]!r} repeats a word")
        lists[match[1]] = dict(weighted)
    return lists


def read_rules(text: str, lists: dict[str, dict[Word, float]]) -> dict[str, Choice]:
    """Parse rules, and return each as the choice between its alternatives.

    Raises ValueError for a template that cannot be parsed and for a missing rule or list.

    >>> rules = read_rules("[tale]\\nThe end.\\n3 <tale> And so on.", {})
    >>> [weight for weight, nodes in rules["tale"].options]
    [1.0, 3.0]
    """
    rules: dict[str, Choice] = {}

    def rule(name: str) -> Choice:
        return rules.setdefault(name, Choice(name))

    current = None
    for line in logical_lines(text):
        if header := re.fullmatch(r"\[(\w+)\]", line):
            current = rule(header[1])
            if current.options:
                raise ValueError(f"the rule {header[1]!r} is defined twice")
            continue
        if current is None:
            raise ValueError(f"this line comes before the first rule's name: {line[:60]!r}")
        weight, template = re.fullmatch(r"(?:(\d+)\s+)?(.*)", line).groups()
        current.options.append((float(weight or 1), _Template(template, lists, rule).nodes))
    missing = [name for name, rule in rules.items() if not rule.options]
    if missing:
        raise ValueError(f"these rules are used but not defined: {', '.join(missing)}")
    return rules


def logical_lines(text: str) -> Iterator[str]:
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


class _Template:
    """Parses one template into `nodes`."""

    def __init__(self, text: str, lists: dict, rule: Callable[[str], Choice]):
        self.text, self.lists, self.rule = text, lists, rule
        self.nodes, end = self._sequence(0)
        if end < len(text):
            raise ValueError(f"an unmatched {text[end]!r} after {text[max(0, end - 30) : end]!r}")

    def _sequence(self, at: int) -> tuple[tuple[Node, ...], int]:
        """Parse nodes up to the end, a bar or a closing bracket; return them and the position."""
        nodes: list[Node] = []
        while at < len(self.text) and self.text[at] not in "|]":
            if self.text[at] == "[":
                node, at = self._choice(at)
            else:
                match = PIECE.match(self.text, at)
                if not match:
                    raise ValueError(f"cannot parse {self.text[at : at + 20]!r} in a template")
                node, at = self._node(match), match.end()
            nodes.append(node)
        return tuple(nodes), at

    def _choice(self, at: int) -> tuple[Choice, int]:
        node = Choice()
        while self.text[at] != "]":
            option, at = self._sequence(at + 1)
            node.options.append((1.0, option))
            if at == len(self.text):
                raise ValueError(f"a bracket is not closed in {self.text[:60]!r}")
        return node, at + 1

    def _node(self, match: re.Match) -> Node:
        """A slot in braces, a rule's name in angle brackets, or a fixed text."""
        if match[2]:
            return self.rule(match[2])
        if match[1] is None:
            return Literal(match[0])
        part = SLOT.fullmatch(match[1])
        if not part:
            raise ValueError(f"cannot parse the slot {match[0]!r}")
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
