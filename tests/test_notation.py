"""A symbol means the same in all notes: lecture_notes/notation.md says what.

A note declares its symbols in the table under 'The mathematics'. Where notation.md knows the
symbol, the note's row must contain notation.md's words. What a formula uses must be declared in
one of the two places, except for the letters that notation.md leaves to each note.
"""

import re

import pytest

from tools import notes
from tools.note_numbers import FENCE
from tools.notes import CODE_SPAN, MATH, ROOT

PAGE = (ROOT / "lecture_notes" / "notation.md").read_text("utf-8")
ROW = re.compile(r"^\| (\$.+?\$.*?) \| ([^|]+?) \|", re.MULTILINE)
GREEK = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau"
    " phi varphi chi psi omega Gamma Delta Theta Lambda Sigma Phi Psi Omega ell"
).split()
WORDS = re.compile(r"\\(?:text|mathrm|operatorname|mathbb|enspace)\s*\{[^{}]*\}")
SYMBOL = re.compile(
    r"\\(?:mathbf|mathcal)\{[A-Za-z]\}|\\(?:" + "|".join(GREEK) + r")(?![a-zA-Z])|(?<![\\a-zA-Z])"
    r"[A-Za-z](?![a-zA-Z])"
)
OPERATORS = {"e"}  # Euler's number


def symbols_of(formula):
    """The symbols of a formula, without their indices: `x_t W^Q` has x and W.

    >>> sorted(symbols_of(r"\\mathcal{L} = -\\ln p_\\theta(w_t)"))
    ['\\\\mathcal{L}', 'p', 'w']
    """
    bare = WORDS.sub(" ", formula)
    for _ in range(3):  # indices inside indices
        bare = re.sub(r"_(?:\{[^{}]*\}|\\[a-zA-Z]+|[^\\{\s])", " ", bare)
        bare = re.sub(r"\^(?:\\[a-zA-Z]+|\{?\([a-z]\)\}?|[QKVO](?![a-zA-Z]))", " ", bare)
    bare = re.sub(r"(?<![a-zA-Z\\])d(?=\s*[A-Za-z]?\s*\})", " ", bare)  # the d of a slope
    return set(SYMBOL.findall(bare)) - OPERATORS


def declared(text, whole=False):
    """The symbols of the tables that start with 'symbol', and what is said of each."""
    meanings = {}
    for table in re.findall(r"^\| symbol \|.*\n(?:\|.*\n)+", text, re.MULTILINE):
        for row in ROW.finditer(re.sub(r"<!--.*?-->", "", table)):
            for formula in MATH.finditer(row[1]):
                names = [formula[2]] if whole else symbols_of(formula[2])
                meanings.update(dict.fromkeys(names, row[2]))
    return meanings


SHARED = declared(PAGE, whole=True)
SHARED = {re.sub(r"_t$", "", name): words for name, words in SHARED.items()}
FREE = {
    name
    for formula in MATH.finditer(PAGE.partition("## Letters that each note")[2])
    for name in symbols_of(formula[2])
}


def meaning(symbol):
    """What notation.md says of a symbol: of itself, or of its letter without the index."""
    return SHARED.get(symbol) or next(
        (SHARED[name] for name in symbols_of(symbol) if name in SHARED), None
    )


def problems_of(text):
    """The symbols of a note that are at odds with notation.md, or declared nowhere."""
    own = declared(text, whole=True)
    problems = []
    for formula, words in own.items():
        for symbol in re.split(r",\s*(?![^{(]*[})])", formula):
            shared = meaning(re.sub(r"\(.*", "", symbol))  # of n(w), the n
            if shared and shared.lower() not in words.lower():
                problems.append(f"{symbol} is {words!r}, notation.md says {shared!r}")
    bare = CODE_SPAN.sub("", FENCE.sub("", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)))
    used = {name for match in MATH.finditer(bare) for name in symbols_of(match[1] or match[2])}
    known = {name for formula in [*own, *SHARED] for name in symbols_of(formula)} | FREE
    return [*problems, *(f"{name} is declared nowhere" for name in sorted(used - known))]


@pytest.mark.parametrize("lecture", notes.written(), ids=lambda lecture: lecture.number)
def test_a_symbol_means_the_same_in_all_notes(lecture):
    problems = problems_of((ROOT / "lecture_notes" / lecture.note).read_text("utf-8"))
    assert not problems, "\n".join([lecture.note, *problems])


def test_no_two_notes_give_one_large_letter_two_meanings():
    found = {}
    for lecture in notes.written():
        own = declared((ROOT / "lecture_notes" / lecture.note).read_text("utf-8"))
        for symbol in own:
            if meaning(symbol) is None and symbol not in FREE:
                found.setdefault(symbol, []).append(lecture.number)
    twice = [f"{symbol}: notes {numbers}" for symbol, numbers in found.items() if len(numbers) > 1]
    assert not twice, "notation.md should say what they mean:\n" + "\n".join(twice)


@pytest.mark.parametrize(
    ("table", "formula", "words"),
    [
        ("| $V$ | vocabulary size | 6 |", r"$\ln V$", None),
        ("| $V$ | the Vocabulary size, here 6 | 6 |", r"$p_i = e^{z_i} / \sum_j e^{z_j}$", None),
        ("| $V$ | the values | 6 |", r"$\ln V$", "V is 'the values'"),
        ("| $T, V$ | tokens in a text | 6 |", r"$T$", "V is 'tokens in a text'"),
        ("| $x_t$ | the word | 6 |", r"$x_t$", "x_t is 'the word'"),
        ("| $T$ | tokens in a text | 6 |", r"$G = \Theta(T)$", "G is declared nowhere"),
        ("| $G$ | a set of hidden positions | 6 |", r"$i \in G$", None),
        ("| $T$ | tokens in a text | 6 |", r"$\mathcal{G}$", "mathcal{G} is declared nowhere"),
    ],
)
def test_a_second_meaning_and_an_undeclared_symbol_are_found(table, formula, words):
    problems = problems_of(
        f"| symbol | what it is | shape |\n|---|---|---|\n{table}\n\n{formula}\n"
    )
    if words is None:
        assert problems == []
    else:
        assert any(words in problem for problem in problems), problems
