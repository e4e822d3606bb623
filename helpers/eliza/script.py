"""Parse ELIZA scripts: from text in the 1966 format to rules, or an error naming the line.

A script is a series of lists in parentheses. The first is the greeting. Then come the
keywords, in any order, each with the rules that it starts:

    (How do you do. Please tell me your problem?)
    START
    (my = your 2                          a word, what replaces it, its rank
        ((0 your 0 (/FAMILY) 0)           a decomposition: how to cut the sentence
            (Tell me about your 4.)       reassemblies: what to say, used in turn
            (=WHAT)                       or: continue with the rules of the keyword WHAT
            (NEWKEY)))                    or: give up and try the next keyword
    (i'm = you're
        ((0 you're 0)
            (PRE (you are 3) (=I))))      or: change the sentence, then continue with I
    (mom = mother DLIST(/FAMILY))         a word with a tag
    (MEMORY my (0 your 0 = Earlier you said your 3.))
    (NONE ((0) (Please go on.)))          what to say if no keyword was found
    ()

Source: J. Weizenbaum, 'ELIZA', Communications of the ACM 9 (1), 1966, and the script in its
appendix. Two things are added: a comment runs from a semicolon to the end of its line, and
`(POST (I are = I am) ...)` fixes the finished reply (post-substitution). Case has no meaning; a
script all in capitals, as in 1966, answers in lower case here.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NoReturn

from helpers.eliza.rules import (
    AnyOf,
    Element,
    Keyword,
    Reassembly,
    Rule,
    Script,
    Tagged,
    join_words,
)

TOKEN = re.compile(r";[^\n]*|\n|\(|\)|=|[^\s()=;]+")
WORD_AND_MARK = re.compile(r"(.*[^.,!?:])([.,!?:]+)")
NUMBER = re.compile(r"[0-9]{1,4}")
FIRST_PERSON = {"I": "I", "I'M": "I'm", "I'VE": "I've", "I'LL": "I'll", "I'D": "I'd"}


class Atom(str):
    """A word of the script that remembers its line."""

    line: int = 0


class Group(list):
    """A list in parentheses that remembers the line of its opening parenthesis."""

    line: int = 0


Item = Atom | Group


def fail(line: int, message: str) -> NoReturn:
    """Raise a ValueError that names the line of the script."""
    raise ValueError(f"line {line}: {message}")


def is_word(item: object, word: str) -> bool:
    """Return whether an item of a list is this word, in either case."""
    return isinstance(item, Atom) and item.upper() == word


def read_groups(text: str) -> Group:
    """Parse a text into nested lists; raises ValueError if the parentheses do not balance.

    >>> read_groups("(yes ((0) (I see.)))")
    [['yes', [['0'], ['I', 'see.']]]]
    """
    text = unicodedata.normalize("NFC", text)
    capitals = not any(letter.islower() for letter in re.sub(r";[^\n]*", "", text))
    open_groups = [Group()]
    line = 1
    for token in TOKEN.findall(text):
        if token == "\n":
            line += 1
        elif token == "(":
            group = Group()
            open_groups[-1].append(group)
            open_groups.append(group)
            group.line = line
        elif token == ")":
            if len(open_groups) == 1:
                fail(line, "')' closes nothing: no '(' is open")
            open_groups.pop()
        elif not token.startswith(";"):
            atom = Atom(FIRST_PERSON.get(token, token.lower()) if capitals else token)
            atom.line = line
            open_groups[-1].append(atom)
    if len(open_groups) > 1:
        fail(open_groups[-1].line, "'(' is never closed")
    return open_groups[0]


def read_words(items: Iterable[Item], where: str) -> list[str | int]:
    """Split punctuation from words and turn numbers to ints: `you 4?` gives you, 4, ?"""
    parts = []
    for item in items:
        if isinstance(item, Group):
            fail(item.line, f"a list inside {where}, where only words and numbers are allowed")
        split = WORD_AND_MARK.fullmatch(item)
        for piece in split.groups() if split else (str(item),):
            parts.append(int(piece) if NUMBER.fullmatch(piece) else piece)
    return parts


def read_set(group: Group) -> AnyOf | Tagged:
    """Read `(*sad unhappy)` or `(/FAMILY)`; a space may follow the sign, as in `(* sad)`."""
    if all(isinstance(item, Atom) for item in group):
        text = " ".join(group).upper()
        names = tuple(text[1:].split())
        if names and text[0] in "*/":
            return AnyOf(names) if text[0] == "*" else Tagged(names)
    fail(group.line, "a list in a pattern must read (*word word) or (/TAG)")


def read_pattern(items: Sequence[Item], line: int) -> tuple[Element, ...]:
    """Read a decomposition pattern such as `0 you are 0 (*sad unhappy) 0`."""
    if not items:
        fail(line, "an empty decomposition pattern")
    pattern: list[Element] = []
    for item in items:
        if isinstance(item, Group):
            pattern.append(read_set(item))
        else:
            pattern.append(int(item) if NUMBER.fullmatch(item) else item.upper())
    return tuple(pattern)


def read_link(group: Item) -> str | None:
    """Return the keyword that `(=WHAT)` names, or None if the list is not a link."""
    if not isinstance(group, Group) or not group or group[0] != "=":
        return None
    if len(group) != 2 or not isinstance(group[1], Atom):
        fail(group.line, "a link must name one keyword, as in (=WHAT)")
    return group[1].upper()


def read_parts(items: Iterable[Item], n_pieces: int, line: int) -> tuple[str | int, ...]:
    """Read the words and numbers of a reassembly; a number must name one of n_pieces."""
    parts = read_words(items, "a reassembly rule")
    if not parts:
        fail(line, "an empty reassembly rule")
    for part in parts:
        if isinstance(part, int) and not 1 <= part <= n_pieces:
            fail(line, f"there is no piece {part}: the pattern cuts pieces 1 to {n_pieces}")
    return tuple(parts)


def read_reassembly(group: Item, n_pieces: int) -> Reassembly:
    """Read one reassembly rule: words, a link, NEWKEY or PRE."""
    if not isinstance(group, Group):
        fail(group.line, f"'{group}' is not in parentheses, as a reassembly rule must be")
    link = read_link(group)
    if link:
        return Reassembly(link=link, line=group.line)
    if len(group) == 1 and is_word(group[0], "NEWKEY"):
        return Reassembly(newkey=True)
    if len(group) > 1 and is_word(group[0], "PRE") and isinstance(group[1], Group):
        link = read_link(group[2]) if len(group) == 3 else None
        if not link:
            fail(group.line, "PRE must read (PRE (words) (=KEYWORD))")
        return Reassembly(read_parts(group[1], n_pieces, group.line), link, line=group.line)
    return Reassembly(read_parts(group, n_pieces, group.line), line=group.line)


def read_rule(group: Group) -> Rule:
    """Read a decomposition with its reassemblies, as in `((0 if 0) (What if 3?))`."""
    if not isinstance(group[0], Group):
        fail(group.line, "a rule must begin with a decomposition pattern in parentheses")
    pattern = read_pattern(group[0], group.line)
    if len(group) == 1:
        fail(group.line, "a decomposition pattern without a reassembly rule")
    return Rule(pattern, tuple(read_reassembly(g, len(pattern)) for g in group[1:]), group.line)


def read_equation(group: Item, what: str) -> tuple[list[Item], list[Item]]:
    """Split `(left = right)` at its equals sign; both sides must hold words."""
    places = [place for place, item in enumerate(group) if item == "="]
    if isinstance(group, Atom) or len(places) != 1 or not 0 < places[0] < len(group) - 1:
        fail(group.line, f"{what} must read (words = words)")
    return group[: places[0]], group[places[0] + 1 :]


def read_keyword(group: Group) -> Keyword:
    """Read one keyword with its substitute, rank, tags and rules."""
    entry = Keyword(group[0].upper(), group.line)
    items = list(group[1:])
    while items:
        item = items.pop(0)
        if item == "=" and items and isinstance(items[0], Atom):
            entry.substitute = str(items.pop(0))
        elif is_word(item, "DLIST") and items and isinstance(items[0], Group):
            tagged = read_set(items.pop(0))
            if isinstance(tagged, AnyOf):
                fail(item.line, "DLIST must read DLIST(/TAG)")
            entry.tags = tagged.tags
        elif isinstance(item, Atom) and NUMBER.fullmatch(item):
            entry.rank = int(item)
        elif isinstance(item, Group) and item:
            link = read_link(item)
            rule = Rule((0,), (Reassembly(link=link, line=item.line),)) if link else read_rule(item)
            entry.rules.append(rule)
        else:
            fail(item.line, f"'{item or '()'}' is not understood in the entry of {group[0]}")
    return entry


def read_memory(script: Script, group: Group) -> None:
    """Read `(MEMORY keyword (pattern = words) ...)` into the script."""
    if len(group) < 3 or not isinstance(group[1], Atom):
        fail(group.line, "MEMORY must read (MEMORY keyword (pattern = words) ...)")
    script.memory_keyword = group[1].upper()
    for item in group[2:]:
        left, right = read_equation(item, "a MEMORY rule")
        pattern = read_pattern(left, item.line)
        answer = Reassembly(read_parts(right, len(pattern), item.line), line=item.line)
        script.memory.append(Rule(pattern, (answer,), item.line))


def read_entry(script: Script, group: Group) -> None:
    """Read one list after the greeting into the script."""
    if not isinstance(group[0], Atom) or group[0] == "=":
        fail(group.line, "an entry must begin with its keyword")
    if is_word(group[0], "POST") and isinstance(group[-1], Group) and "=" in group[-1][1:]:
        for item in group[1:]:
            old, new = (read_words(side, "POST") for side in read_equation(item, "POST"))
            script.post.append(([str(word).upper() for word in old], [str(w) for w in new]))
    elif is_word(group[0], "MEMORY"):
        read_memory(script, group)
    else:
        entry = read_keyword(group)
        if entry.word in script.keywords:
            earlier = script.keywords[entry.word].line
            fail(group.line, f"{entry.word} already has an entry, in line {earlier}")
        script.keywords[entry.word] = entry
        for tag in entry.tags:
            carriers = {entry.word, entry.substitute.upper()} - {""}
            script.tags.setdefault(tag, set()).update(carriers)


def check_links(script: Script) -> None:
    """Raise ValueError if a link, or MEMORY, leads to a keyword without rules."""
    for entry in [*script.keywords.values(), script.none]:
        for answer in (a for rule in entry.rules for a in rule.reassemblies if a.link):
            target = script.keywords.get(answer.link or "")
            if target is None or not target.rules:
                what = "has no entry" if target is None else "has no rules"
                fail(answer.line, f"(={answer.link}) leads nowhere: {answer.link} {what}")
    if script.memory:
        target = script.keywords.get(script.memory_keyword)
        if target is None or not target.rules:
            fail(
                script.memory[0].line, f"MEMORY needs a keyword {script.memory_keyword} with rules"
            )


def parse_script(text: str) -> Script:
    """Parse a script in the 1966 format into checked rules.

    Raises ValueError if the script is malformed; the message begins with the line. Raises
    TypeError if it is not a string.

    >>> script = parse_script("(Hello.) (yes ((0) (I see.))) (NONE ((0) (Go on.)))")
    >>> script.greeting, list(script.keywords)
    ('Hello.', ['YES'])
    >>> parse_script("(Hello.) (yes ((0) (You say 2.))) (NONE ((0) (Go on.)))")
    Traceback (most recent call last):
    ValueError: line 1: there is no piece 2: the pattern cuts pieces 1 to 1
    """
    if not isinstance(text, str):
        raise TypeError(f"a script must be a string, not {type(text).__name__}")
    groups = [item for item in read_groups(text) if not is_word(item, "START")]
    last_line = text.count("\n") + 1
    if not groups:
        fail(last_line, "the script is empty: it must begin with a greeting in parentheses")
    for item in groups:
        if isinstance(item, Atom):
            fail(item.line, f"'{item}' is outside every list")
    script = Script(greeting=join_words(map(str, read_words(groups[0], "the greeting"))))
    for group in groups[1:]:
        if group:  # the empty list at the end only marks the end of the script
            read_entry(script, group)
    script.none = script.keywords.pop("NONE", script.none)
    if not script.last_resort():
        fail(last_line, "NONE is missing: the script needs (NONE ((0) (words without numbers)))")
    check_links(script)
    return script
