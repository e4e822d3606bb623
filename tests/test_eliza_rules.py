"""ELIZA's two acts: cutting a sentence up by a pattern, and putting an answer together."""

import random
import time

import pytest

from helpers.eliza.rules import AnyOf, Tagged, fill, join_words, match, replace_words

FAMILY = {"FAMILY": {"MOTHER", "FATHER"}}


@pytest.mark.parametrize(
    ("pattern", "text", "pieces"),
    [
        # The paper's own example (page 38): 'It seems that you hate me', after substitution.
        ((0, "YOU", 0, "ME"), "it seems that you hate me", ["it seems that", "you", "hate", "me"]),
        ((0,), "", [""]),
        ((0,), "any words at all", ["any words at all"]),
        ((2, 0), "one two three", ["one two", "three"]),
        ((2,), "one two", ["one two"]),
        ((1, "AND", 1), "salt and pepper", ["salt", "and", "pepper"]),
        ((0, "YOU", 0), "you", ["", "you", ""]),
        # The leftmost 'you' is taken, so the first 0 stays as short as it can.
        ((0, "YOU", 0), "if you say you can", ["if", "you", "say you can"]),
        ((0, AnyOf(("SAD", "LOW")), 0), "you are Sad today", ["you are", "Sad", "today"]),
        ((0, "YOUR", 0, Tagged(("FAMILY",)), 0), "your dear mother sings",
         ["", "your", "dear", "mother", "sings"]),
        # A zero before the last run takes all that the run leaves.
        ((0, "A", 0, "B"), "a b a b", ["", "a", "b a", "b"]),
        ((0, "A", 0, 2), "x a y z w", ["x", "a", "y", "z w"]),
        ((0, 1, 0), "x y z", ["", "x", "y z"]),
        ((0, 0), "x y", ["", "x y"]),
    ],
)  # fmt: skip
def test_match_cuts(pattern, text, pieces):
    found = match(pattern, text.split(), FAMILY)
    assert [" ".join(piece) for piece in found] == pieces


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (("YOU",), ""),
        ((1,), ""),
        ((1,), "two words"),
        ((3, 0), "two words"),
        ((0, "YOU", 1), "you are late"),
        (("YOU", 0), "and you"),
        ((0, "YOU"), "you there"),
        ((0, AnyOf(("SAD",)), 0), "happy"),
        ((0, Tagged(("FAMILY",)), 0), "my neighbor"),
        ((0, Tagged(("NOBODY",)), 0), "mother"),
        ((0, "A", 0, "B", 0, "A", 0), "a b b"),
    ],
)
def test_match_refuses(pattern, text):
    assert match(pattern, text.split(), FAMILY) is None


def match_by_trying(pattern, words):
    """The reference: try every length for every 0, the shortest first."""
    if not pattern:
        return [] if not words else None
    first = pattern[0]
    if first == 0:
        lengths = range(len(words) + 1)
    else:
        lengths = [first if isinstance(first, int) else 1]
    for length in lengths:
        piece = words[:length]
        if len(piece) < length or (isinstance(first, str) and piece[0].upper() != first):
            continue
        rest = match_by_trying(pattern[1:], words[length:])
        if rest is not None:
            return [piece, *rest]
    return None


def test_match_equals_trying_everything():
    draw = random.Random(0)
    matched = 0
    for _ in range(5000):
        pattern = tuple(draw.choice([0, 0, 1, 2, "A", "B"]) for _ in range(draw.randint(1, 6)))
        words = [draw.choice("ab") for _ in range(draw.randint(0, 8))]
        expected = match_by_trying(pattern, words)
        assert match(pattern, words) == expected, (pattern, words)
        matched += expected is not None
    assert 1000 < matched < 4500  # both outcomes were met often


def test_match_is_quick_on_a_long_text():
    words = ["you", "say"] * 20_000
    pattern = (0, "YOU", 0, "YOU", 0, "YOU", 0, "YOU", 0, "NEVER", 0)
    start = time.perf_counter()
    assert match(pattern, words) is None
    assert time.perf_counter() - start < 5


def test_fill_and_join():
    pieces = [["so"], ["you"], [], ["are", "late"]]
    assert fill(("Why", 2, 4, 3, "?"), pieces) == ["Why", "you", "are", "late", "?"]
    assert join_words(["Well", ",", "why", "?"]) == "Well, why?"
    assert join_words([]) == ""


def test_replace_words_goes_through_the_list_in_order():
    mend = [(["I", "ARE"], ["I", "am"]), (["WITH", "I"], ["with", "me"])]
    assert replace_words("I are with i".split(), mend) == ["I", "am", "with", "me"]
    assert replace_words([], mend) == []
    # What a replacement puts in is not replaced again by the same one.
    assert replace_words(["a", "a"], [(["A"], ["a", "a"])]) == ["a"] * 4
