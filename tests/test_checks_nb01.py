"""The checks of notebook 01: stubs, right answers, and typical mistakes with their own messages."""

import pytest

from classroom.turns.registry import judge

GOOD_ENTRY = """
(tired 4
    ((0 tired of 0)
        (Since when have you had enough of 4?)
        (What would life be without 4?))
    ((0)
        (How do you sleep?)
        (What takes your strength?)))
"""


def repetition(respond, texts):
    replies = [respond(text) for text in texts]
    return 1 - len(set(replies)) / len(replies) if replies else 0.0


def training_days(parameters, tokens, n_cards, speed):
    return 6 * parameters * tokens / (n_cards * speed) / 86400


RIGHT = {
    "01.1": lambda: GOOD_ENTRY,
    "01.2": repetition,
    "01.3": training_days,
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_and_stubs(name):
    verdict = judge(name, RIGHT[name])
    assert verdict.startswith("Right: "), verdict
    assert judge(name, lambda *_: ...) == "Not attempted yet."
    assert judge(name, lambda *_: None) == "Not attempted yet."


ECHO = """
(tired 4
    ((0 tired of 0) (So you are tired of 4. Since when?) (What is it about 4?))
    ((0) (1. How do you sleep?) (What takes your strength?)))
"""
BY_PLACE = "(tired 4 ((0 you are 0 tired of 0) (Why 7?) (How 7?)) ((0) (A.) (B.)))"


@pytest.mark.parametrize("entry", [ECHO, BY_PLACE])
def test_a_right_entry_may_say_more_than_the_piece(entry):
    assert judge("01.1", lambda: entry).startswith("Right: ")


# ---- typical mistakes ----


def sorted_texts(respond, texts):
    return repetition(respond, sorted(texts, reverse=True))


def asks_twice(respond, texts):
    _ = [respond(text) for text in texts]
    return repetition(respond, texts)


def fails_on_nothing(respond, texts):
    replies = [respond(text) for text in texts]
    return 1 - len(set(replies)) / len(replies)


MISTAKES = [
    ("01.1", 3, "return the entry as a string"),
    ("01.1", "(tired 4 ((0) (Why?))", "cannot be read. In its line 1: '(' is never closed"),
    ("01.1", "\n(tired 4\n ((0) (Why 2?)))", "In its line 3: there is no piece 2"),
    ("01.1", GOOD_ENTRY.replace("tired", "sleepy"), "no entry for the word tired"),
    ("01.1", GOOD_ENTRY.replace("tired 4", "tired"), "its rank is 0, not 4"),
    ("01.1", GOOD_ENTRY.replace("0 tired of 0", "0 i am tired of 0"), "Put the words after 'of'"),
    ("01.1", "(tired 4 ((0 i am tired of 0) (A 6?) (B 6?)))", "after the swap"),
    ("01.1", "(tired 4 ((0 tired of your 0) (Why 4?) (How 4?)) ((0) (A.) (B.)))", "tired of"),
    ("01.1", "(tired 4 ((0) (So 1?) (Why 1?)))", "no piece of their own"),
    ("01.1", GOOD_ENTRY.replace("of 4?", "of your long days 1?"), "names another piece"),
    ("01.1", GOOD_ENTRY.replace("tired of", "of").replace("4?", "3?"), "one right after the other"),
    ("01.1", "(tired 4 ((0) (A.) (B.)) ((0 tired of 0) (C 4) (D 4)))", "(0), come last"),
    ("01.1", "(tired 4 ((0 tired of 0) (Why 4?)) ((0) (A.) (B.)))", "same answer twice. Write two"),
    ("01.1", "(tired 4 ((0 tired of 0) (Why 4?) (How 4?)))", "Add the pattern (0)"),
    (
        "01.1",
        "(tired 4 ((0 tired of 0) (Why 4?) (How 4?)) ((0) (A.)))",
        "plain tiredness, it gives",
    ),
    ("01.2", lambda r, t: 1 - repetition(r, t) if t else 0, "share of different replies"),
    ("01.2", lambda r, t: repetition(r, t) * len(t), "that is the number of repetitions"),
    ("01.2", lambda r, t: 0.25, "it gave 0.250, not 0.333"),
    ("01.2", sorted_texts, "Ask each once and in order"),
    ("01.2", asks_twice, "Ask each once and in order"),
    ("01.2", fails_on_nothing, "ZeroDivisionError"),
    ("01.3", lambda p, t, n, s: training_days(p, t, n, s) / 6, "left out the 6"),
    ("01.3", lambda p, t, n, s: training_days(p, t, n, s) / 3, "only the way forward"),
    ("01.3", lambda p, t, n, s: training_days(p, t, n, s) * 86400, "those are seconds"),
    ("01.3", lambda p, t, n, s: training_days(p, t, n, s) * 24, "those are hours"),
    ("01.3", lambda p, t, n, s: training_days(p, t, 1, s), "left out the cards"),
    ("01.3", lambda p, t, n, s: training_days(p, t, 1 / n, s), "more cards make it longer"),
    ("01.3", lambda p, t, n, s: 5.0, "not 127"),
    ("01.3", lambda p, t, n, s: training_days(175e9, t, n, s), "use all four arguments"),
]


@pytest.mark.parametrize(("name", "attempt", "message"), MISTAKES)
def test_typical_mistakes_have_their_own_message(name, attempt, message):
    if name == "01.1":
        entry, attempt = attempt, lambda: entry
    verdict = judge(name, attempt)
    assert verdict.startswith("Not yet: ") and message in verdict, verdict
