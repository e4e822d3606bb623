"""E-mails and messages, honest and fraudulent, that single words do not tell apart.

A grammar writes them. Each label has many kinds of message, and each kind has several templates
with slots for names, sums, shops and the like. A friend may write "free" and "win", and a fraud may
ask for a code in plain words; what matters is what the sender wants. Some templates and part of the
words are held out: "validation" and "test" have templates of their own, and half of the names and
sums in them are new. So a filter that has memorized phrases fails on them.

The templates and words are plain text in assets/inbox; `classroom.worlds.grammar` does the work.
The task is that of Sahami et al. (A Bayesian Approach to Filtering Junk E-Mail, 1998), whose filter
treats the words as independent.

>>> message = sample(1, seed=42, split="test")[0]
>>> message.label, message.kind
('spam', 'forwarded_code')
>>> print(message.text)
Did a message with a number just come from Lindengold? That was meant for me, I typed the wrong
phone. Copy it here, it ends in a minute.
"""

import random
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from classroom.worlds.grammar.grammar import Grammar, Step, text_of
from classroom.worlds.grammar.notation import logical_lines

FOLDER = Path(__file__).parent.parent / "assets" / "inbox"
SPLITS = ("train", "validation", "test")
LABELS = ("ham", "spam")
# Which of every ten words of a list are held out, and for which split.
HELD_OUT = {2: "test", 4: "validation", 7: "test"}


class Message(NamedTuple):
    """One message: its text, its label ("ham" or "spam") and the kind of message it is."""

    text: str
    label: str
    kind: str


def sample(n: int, seed: int, split: str = "train") -> list[Message]:
    """Draw n messages of a split; the same seed gives the same messages on every machine.

    Both labels are equally likely, and so are all kinds of a label. No text can occur in two
    splits. Raises ValueError for an unknown split and for n below 0.

    >>> sample(2, seed=1, split="test") == sample(3, seed=1, split="test")[:2]
    True
    >>> sample(1, seed=0, split="exam")
    Traceback (most recent call last):
    ValueError: split is 'exam'; it must be one of train, validation, test
    """
    if n < 0:
        raise ValueError(f"n is {n}; it must be 0 or more")
    grammar, rng = load_grammar(split), random.Random(seed)
    return [_message(grammar.derive(rng)) for _ in range(n)]


def kinds(label: str) -> tuple[str, ...]:
    """The names of all kinds of message with a label; raises ValueError for an unknown label.

    >>> "parcel_fee" in kinds("spam"), "parcel_on_its_way" in kinds("ham")
    (True, True)
    """
    if label not in LABELS:
        raise ValueError(f"label is {label!r}; it must be one of {', '.join(LABELS)}")
    rules = load_grammar("train").rules
    groups = (rules[f"{label}_friend"], rules[f"{label}_notice"])
    return tuple(nodes[0].name for group in groups for _, nodes in group.options)


@cache
def load_grammar(split: str) -> Grammar:
    """The grammar of one split, read once; raises ValueError for an unknown split.

    >>> text = sample(1, seed=5, split="test")[0].text
    >>> [bool(load_grammar(split).read(text).derivations) for split in SPLITS]
    [False, False, True]
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}")
    words = f"{_asset('shared_words')}\n{deal_words(_asset('words'), split)}"
    families = (pick_templates(_asset(label), split) for label in LABELS)
    return Grammar(words, "\n".join([_asset("phrases"), *families]), start="message")


def deal_words(lists: str, split: str) -> str:
    """Divide the words of lists among the splits, and return the lists of one split.

    Training uses the words that are not held out. In the other splits, half of the draws come
    from those, and half from the words held out for that split.

    >>> print(deal_words("n: a, b, c, d, e, f, g, h", "validation"))
    n_known: a, b, d, f, g
    n_new: e
    n = n_known + n_new
    """
    dealt = []
    for line in logical_lines(lists):
        name, entries = line.split(":", 1)
        groups: dict[str, list[str]] = {other: [] for other in SPLITS}
        for place, entry in enumerate(entries.split(",")):
            groups[HELD_OUT.get(place % 10, "train")].append(entry.strip())
        if split == "train":
            dealt.append(f"{name}: {', '.join(groups['train'])}")
        else:
            dealt.append(f"{name}_known: {', '.join(groups['train'])}")
            dealt.append(f"{name}_new: {', '.join(groups[split])}")
            dealt.append(f"{name} = {name}_known + {name}_new")
    return "\n".join(dealt)


def pick_templates(rules: str, split: str) -> str:
    """Keep the alternatives of rules that belong to a split; unmarked ones are for training.

    >>> pick_templates("[plan]\\nCome at two.\\ntest: Come at ten.", "test")
    '[plan]\\nCome at ten.'
    """
    kept, own = [], True
    for line in logical_lines(rules):
        if header := re.fullmatch(r"\[(\w+)\]", line):
            # the rules of the two labels belong to all splits
            own = not header[1].startswith(tuple(f"{label}_" for label in LABELS))
        held_out = re.match(r"(validation|test): ", line)
        if header or not own or split == (held_out[1] if held_out else "train"):
            kept.append(line[held_out.end() :] if held_out else line)
    return "\n".join(kept)


def _message(steps: list[Step]) -> Message:
    """The message of a derivation, with the label and kind of the rules that it used."""
    names = [getattr(step.node, "name", "") for step in steps]
    label = next(name for name in names if name in LABELS)
    kind = next(name for name in names if name in kinds(label))
    return Message(text_of(steps), label, kind)


def _asset(name: str) -> str:
    return (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
