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


def cut(pattern, words):
    if not pattern:
        return None if words else []
    lengths = range(len(words) + 1) if pattern[0] == 0 else [1]
    for length in lengths:
        if pattern[0] != 0 and words[:1] != [pattern[0]]:
            return None
        rest = cut(pattern[1:], words[length:])
        if rest is not None:
            return [words[:length], *rest]
    return None


def repetition(respond, texts):
    replies = [respond(text) for text in texts]
    return 1 - len(set(replies)) / len(replies) if replies else 0.0


def next_word_pairs(text, context_size):
    words = text.split()
    return [(words[max(0, i - context_size) : i], words[i]) for i in range(1, len(words))]


def few_shot_prompt(task, examples, query):
    shots = [f"Input: {source}\nOutput: {target}" for source, target in examples]
    return "\n\n".join([task, *shots, f"Input: {query}\nOutput:"])


def training_days(parameters, tokens, n_cards, speed):
    return 6 * parameters * tokens / (n_cards * speed) / 86400


RIGHT = {
    "01.1": lambda: GOOD_ENTRY,
    "01.2": cut,
    "01.3": repetition,
    "01.4": next_word_pairs,
    "01.5": few_shot_prompt,
    "01.6": training_days,
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_and_stubs(name):
    verdict = judge(name, RIGHT[name])
    assert verdict.startswith("Right: "), verdict
    assert judge(name, lambda *_: ...) == "Not attempted yet."
    assert judge(name, lambda *_: None) == "Not attempted yet."


# ---- typical mistakes ----


def greedy(pattern, words):
    """Takes as many words as it can for a 0."""
    backwards = cut(pattern[::-1], words[::-1])
    return None if backwards is None else [piece[::-1] for piece in backwards[::-1]]


def leaves_words_over(pattern, words):
    while words and cut(pattern, words) is None:
        words = words[:-1]
    return cut(pattern, words)


def joins_words(pattern, words):
    pieces = cut(pattern, words)
    return None if pieces is None else [" ".join(piece) for piece in pieces]


def empty_list_for_no_match(pattern, words):
    return cut(pattern, words) or []


def sorted_texts(respond, texts):
    return repetition(respond, sorted(texts, reverse=True))


def asks_twice(respond, texts):
    _ = [respond(text) for text in texts]
    return repetition(respond, texts)


def fails_on_nothing(respond, texts):
    replies = [respond(text) for text in texts]
    return 1 - len(set(replies)) / len(replies)


def pairs(*, start=0, keep_first=False, whole=False, own=False, only_full=False):
    def attempt(text, context_size):
        words = text.split()
        made = []
        for i in range(0 if own else 1, len(words)):
            before = words[: i + own] if whole or own else words[max(0, i - context_size) : i]
            before = words[: min(i, context_size)] if keep_first else before
            if not only_full or i >= context_size:
                made.append((before, words[i]))
        return made[start:]

    return attempt


MISTAKES = [
    ("01.1", 3, "return the entry as a string"),
    ("01.1", "(tired 4 ((0) (Why?))", "cannot be read. In its line 1: '(' is never closed"),
    ("01.1", "\n(tired 4\n ((0) (Why 2?)))", "In its line 3: there is no piece 2"),
    ("01.1", GOOD_ENTRY.replace("tired", "sleepy"), "no entry for the word tired"),
    ("01.1", GOOD_ENTRY.replace("tired 4", "tired"), "its rank is 0, not 4"),
    ("01.1", GOOD_ENTRY.replace("0 tired of 0", "0 i am tired of 0"), "Put the words behind 'of'"),
    ("01.1", "(tired 4 ((0 i am tired of 0) (A 6?) (B 6?)))", "after the swap"),
    ("01.1", GOOD_ENTRY.replace("enough of 4?", "enough of 1 tired of 4?"), "holds too much"),
    ("01.1", "(tired 4 ((0) (A.) (B.)) ((0 tired of 0) (C 4) (D 4)))", "(0), come last"),
    ("01.1", "(tired 4 ((0 tired of 0) (Why 4?)) ((0) (A.) (B.)))", "same answer twice. Write two"),
    ("01.1", "(tired 4 ((0 tired of 0) (Why 4?) (How 4?)))", "Add the pattern (0)"),
    (
        "01.1",
        "(tired 4 ((0 tired of 0) (Why 4?) (How 4?)) ((0) (A.)))",
        "plain tiredness, it gives",
    ),
    ("01.2", greedy, "as few words as it can"),
    ("01.2", leaves_words_over, "words were left over"),
    ("01.2", joins_words, "one list of words for each element"),
    ("01.2", empty_list_for_no_match, "not None"),
    ("01.3", lambda r, t: 1 - repetition(r, t) if t else 0, "share of different replies"),
    ("01.3", lambda r, t: repetition(r, t) * len(t), "that is the number of repetitions"),
    ("01.3", lambda r, t: 0.25, "it gave 0.250, not 0.333"),
    ("01.3", sorted_texts, "Ask each once and in order"),
    ("01.3", asks_twice, "Ask each once and in order"),
    ("01.3", fails_on_nothing, "ZeroDivisionError"),
    ("01.4", pairs(own=True), "The label must be hidden"),
    ("01.4", pairs(whole=True), "more than 2 words"),
    ("01.4", pairs(only_full=True), "pairs at the beginning are missing"),
    ("01.4", pairs(keep_first=True), "keeps the first words"),
    ("01.4", pairs(start=1), "pairs at the beginning are missing"),
    ("01.4", lambda t, n: [(b[::-1], w) for b, w in next_word_pairs(t, n)], "it gave"),
    ("01.4", lambda t, n: [([], t.split()[0] if t else "")] + next_word_pairs(t, n), "too many"),
    ("01.5", lambda t, e, q: few_shot_prompt(t, e, q) + " ", "ends with a space"),
    ("01.5", lambda t, e, q: few_shot_prompt(t, e, q) + " light", "unanswered"),
    ("01.5", lambda t, e, q: few_shot_prompt(t, e[:1], q), "make 3 inputs"),
    ("01.5", lambda t, e, q: few_shot_prompt("Do it.", e, q), "the task must come first"),
    ("01.5", lambda t, e, q: few_shot_prompt(t, e, q).replace("\n\n", "\n"), "an empty line"),
    ("01.5", lambda t, e, q: few_shot_prompt(t, e or [("a", "b")], q), "without examples"),
    ("01.5", lambda t, e, q: [t, *e, q], "is one string"),
    ("01.5", lambda t, e, q: few_shot_prompt(t, e[::-1], q), "it gave 'Say it"),
    ("01.6", lambda p, t, n, s: training_days(p, t, n, s) / 6, "left out the 6"),
    ("01.6", lambda p, t, n, s: training_days(p, t, n, s) / 3, "only the way forward"),
    ("01.6", lambda p, t, n, s: training_days(p, t, n, s) * 86400, "those are seconds"),
    ("01.6", lambda p, t, n, s: training_days(p, t, n, s) * 24, "those are hours"),
    ("01.6", lambda p, t, n, s: training_days(p, t, 1, s), "left out the cards"),
    ("01.6", lambda p, t, n, s: training_days(p, t, 1 / n, s), "more cards make it longer"),
    ("01.6", lambda p, t, n, s: 5.0, "not 127"),
    ("01.6", lambda p, t, n, s: training_days(175e9, t, n, s), "use all four arguments"),
]


@pytest.mark.parametrize(("name", "attempt", "message"), MISTAKES)
def test_typical_mistakes_have_their_own_message(name, attempt, message):
    if name == "01.1":
        entry, attempt = attempt, lambda: entry
    verdict = judge(name, attempt)
    assert verdict.startswith("Not yet: ") and message in verdict, verdict
