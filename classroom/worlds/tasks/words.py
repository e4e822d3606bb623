"""The words, sentence frames and wordings of the tasks, read from assets/tasks.

A wording is one way to ask for a task. If it has `{}`, that is replaced by the item ("What is the
plural of "{}"?"); otherwise the item is the input. Wordings marked "test:" are held out.

Items are held out by a stable hash of their words: the split of an item does not depend on the
seed, the machine, or words that are added later.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[2] / "assets" / "tasks"
SPLITS = ("train", "validation", "test")


class Wording(NamedTuple):
    """One way to ask for the tasks of a form: "plural.phrase", say, is a form of the kind plural."""

    form: str
    text: str
    held_out: bool

    def ask(self, item: str) -> tuple[str, str]:
        """The instruction and the input that ask for this item.

        >>> Wording("plural.phrase", "Plural of {}?", False).ask("cat")
        ('Plural of cat?', '')
        >>> Wording("plural.phrase", "Make this plural.", False).ask("cat")
        ('Make this plural.', 'cat')
        """
        if "{}" in self.text:
            return self.text.replace("{}", item), ""
        return self.text, item

    def item(self, instruction: str, input: str) -> str | None:
        """The item that `ask` put into the instruction and the input; None for another wording.

        >>> Wording("plural.phrase", "Plural of {}?", False).item("Plural of cat?", "")
        'cat'
        """
        before, slot, after = self.text.partition("{}")
        if not slot:
            return input if instruction == self.text and input else None
        long_enough = len(instruction) > len(before) + len(after)
        fits = instruction.startswith(before) and instruction.endswith(after)
        if input or not (fits and long_enough):
            return None
        return instruction[len(before) : len(instruction) - len(after)]


class Item(NamedTuple):
    """What a task is about, its answer, and the split that may ask for it."""

    text: str
    answer: str
    split: str


@cache
def word_lists() -> dict[str, tuple[str, ...]]:
    """Every word list by its name; two forms of a word are written "one/other".

    >>> word_lists()["animal"][:2]
    ('cat/cats', 'dog/dogs')
    """
    lists: dict[str, tuple[str, ...]] = {}
    text = _without_comments("words.txt").replace("\n ", " ")
    for line in text.splitlines():
        if ":" in line:
            name, _, entries = line.partition(":")
            lists[name.strip()] = tuple(" ".join(e.split()) for e in entries.split(","))
        else:
            name, _, parts = line.partition("=")
            lists[name.strip()] = sum((lists[part.strip()] for part in parts.split("+")), ())
    return lists


@cache
def words(name: str, place: int = 0) -> tuple[str, ...]:
    """The words of a list: of each entry "one/other", the first (place 0) or second (place 1).

    Raises ValueError for an unknown list.

    >>> words("animal")[:2], words("animal", 1)[:2]
    (('cat', 'dog'), ('cats', 'dogs'))
    """
    if name not in word_lists():
        raise ValueError(f"there is no word list {name!r}")
    return tuple(entry.split("/")[place] for entry in word_lists()[name])


@cache
def frames(name: str) -> tuple[str, ...]:
    """The sentence frames of a section, with their slots.

    >>> frames("sentiment")[0]
    'The {review} was {opinion}.'
    """
    return tuple(_sections("frames.txt")[name])


@cache
def wordings() -> dict[str, tuple[Wording, ...]]:
    """The wordings of each form, in the order of the file."""
    found = {}
    for form, lines in _sections("wordings.txt").items():
        parsed = [(line.removeprefix("test:").strip(), line.startswith("test:")) for line in lines]
        found[form] = tuple(Wording(form, text, held_out) for text, held_out in parsed)
    return found


@cache
def forms() -> dict[str, tuple[str, ...]]:
    """The forms of each kind of task, in the order of the file.

    >>> forms()["sort"]
    ('sort.words', 'sort.numbers')
    """
    kinds: dict[str, tuple[str, ...]] = {}
    for form in wordings():
        kind = form.split(".")[0]
        kinds[kind] = (*kinds.get(kind, ()), form)
    return kinds


def find_wording(kind: str, instruction: str, input: str) -> tuple[Wording, str]:
    """The wording of an instruction of this kind, and its item.

    Of several that fit, the longest counts. Raises ValueError if none fits.
    """
    fitting = []
    for form in forms()[kind]:
        for wording in wordings()[form]:
            item = wording.item(instruction, input)
            if item is not None:
                fitting.append((len(wording.text), wording, item))
    if not fitting:
        raise ValueError(f"no wording of {kind!r} fits {instruction!r} with the input {input!r}")
    return max(fitting)[1:]


def split_of(*parts: object, buckets: int = 10) -> str:
    """The split of an item: of `buckets` hash values, one is for the test, one for validation.

    >>> split_of("arithmetic", 3, "+", 4) == split_of("arithmetic", 3, "+", 4)
    True
    """
    bucket = stable_hash(*parts) % buckets
    return {0: "test", 1: "validation"}.get(bucket, "train")


def stable_hash(*parts: object) -> int:
    """A hash that depends only on these words, the same on every machine."""
    text = "|".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def _without_comments(file: str) -> str:
    lines = (FOLDER / file).read_text(encoding="utf-8").splitlines()
    return "\n".join(line.rstrip() for line in lines if line.strip() and not line.startswith("#"))


def _sections(file: str) -> dict[str, list[str]]:
    """The lines of each "[section]" of a file."""
    sections: dict[str, list[str]] = {}
    for line in _without_comments(file).splitlines():
        if line.startswith("["):
            sections[line.strip("[]")] = lines = []
        else:
            lines.append(line)
    return sections
