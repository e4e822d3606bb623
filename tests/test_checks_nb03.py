"""The checks of notebook 03: right answers pass, each typical mistake has its own message."""

import codecs
from itertools import pairwise

import pytest
import regex

from classroom.turns.registry import judge
from helpers.bpe.train import GPT2_SPLIT_PATTERN


def stub(*arguments): ...


# 03.1


def unused(tokenizer, text):
    special = set(tokenizer.special_tokens.values())
    return sorted(set(tokenizer.vocab) - set(tokenizer.encode(text)) - special)


def unused_with_special(tokenizer, text):
    return sorted(set(tokenizer.vocab) - set(tokenizer.encode(text)))


def unused_in_any_order(tokenizer, text):
    return unused(tokenizer, text)[::-1]


def unused_bytes(tokenizer, text):
    return sorted(set(range(256)) - set(text.encode()))


def all_ids(tokenizer, text):
    return list(range(tokenizer.vocab_size - 1))


# 03.2


def short(text):
    return regex.findall(GPT2_SPLIT_PATTERN.replace(r" ?\p{N}+", r" ?\p{N}{1,3}"), text)


def unchanged(text):
    return regex.findall(GPT2_SPLIT_PATTERN, text)


def without_blank(text):
    return regex.findall(GPT2_SPLIT_PATTERN.replace(r" ?\p{N}+", r"\p{N}{1,3}"), text)


def one_digit(text):
    return regex.findall(GPT2_SPLIT_PATTERN.replace(r" ?\p{N}+", r" ?\p{N}"), text)


def ascii_digits(text):
    return regex.findall(GPT2_SPLIT_PATTERN.replace(r" ?\p{N}+", r" ?[0-9]{1,3}"), text)


def lost_rest(text):
    return regex.findall(GPT2_SPLIT_PATTERN.replace(r" ?\p{N}+", r" ?\p{N}{3}"), text)


# 03.3


def tree(merges, token):
    parents = {left + right: (left, right) for left, right in merges}

    def grow(token):
        return (grow(parents[token][0]), grow(parents[token][1])) if token in parents else token

    return grow(token)


def parents_only(merges, token):
    return {left + right: (left, right) for left, right in merges}.get(token, token)


def listed(merges, token):
    def turn(node):
        return node if isinstance(node, bytes) else [turn(child) for child in node]

    return turn(tree(merges, token))


def flat(merges, token):
    return tuple(bytes([value]) for value in token)


def no_leaves(merges, token):
    parents = {left + right: (left, right) for left, right in merges}
    left, right = parents[token]
    return tuple(no_leaves(merges, t) if len(t) > 1 else t for t in (left, right))


# 03.4


def fit(tokenizer, text, limit):
    token_ids = tokenizer.encode(text)[:limit]
    while True:
        try:
            tokenizer.decode_bytes(token_ids).decode("utf-8")
            return token_ids
        except UnicodeDecodeError:
            token_ids = token_ids[:-1]


def cut_only(tokenizer, text, limit):
    return tokenizer.encode(text)[:limit]


def cut_characters(tokenizer, text, limit):
    return tokenizer.encode(text[:limit])


def cut_one_less(tokenizer, text, limit):
    return fit(tokenizer, text, limit - 1)


def cut_at_signs(tokenizer, text, limit):
    token_ids = tokenizer.encode(text)[:limit]
    while "\ufffd" in tokenizer.decode(token_ids):
        token_ids = token_ids[:-1]
    return token_ids


# 03.5


def stream(tokenizer, token_ids):
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for token_id in token_ids:
        yield decoder.decode(tokenizer.decode_bytes([token_id]))
    if rest := decoder.decode(b"", final=True):
        yield rest


def each_alone(tokenizer, token_ids):
    for token_id in token_ids:
        yield tokenizer.decode([token_id])


def all_at_once(tokenizer, token_ids):
    return tokenizer.decode(token_ids)


def forgets_the_rest(tokenizer, token_ids):
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for token_id in token_ids:
        yield decoder.decode(tokenizer.decode_bytes([token_id]))


def freezes_at_a_bad_byte(tokenizer, token_ids):
    waiting, frozen = b"", False
    for token_id in token_ids:
        waiting += tokenizer.decode_bytes([token_id])
        try:
            yield "" if frozen else waiting.decode()
            waiting = b"" if not frozen else waiting
        except UnicodeDecodeError as error:
            frozen = error.reason == "invalid start byte"
            yield ""
    if waiting:
        yield waiting.decode(errors="replace")


def keeps_a_buffer(tokenizer, token_ids):
    waiting = b""
    for token_id in token_ids:
        waiting += tokenizer.decode_bytes([token_id])
        try:
            piece, waiting = waiting.decode(), b""
        except UnicodeDecodeError as error:
            whole = error.start if error.reason == "unexpected end of data" else len(waiting)
            piece, waiting = waiting[:whole].decode(errors="replace"), waiting[whole:]
        yield piece
    if waiting:
        yield waiting.decode(errors="replace")


def skips_empty(tokenizer, token_ids):
    yield from filter(None, stream(tokenizer, token_ids))


def reads_ahead(tokenizer, token_ids):
    yield from stream(tokenizer, list(token_ids))


# 03.6


def dropped(word, ranks, dropout, rng):
    tokens = [bytes([value]) for value in word]
    while True:
        places = enumerate(pairwise(tokens))
        known = [(ranks[pair], i) for i, pair in places if pair in ranks]
        kept = [place for place in known if rng.random() >= dropout]
        if not kept:
            return tokens
        _, i = min(kept)
        tokens[i : i + 2] = [tokens[i] + tokens[i + 1]]


class Always:
    def random(self):
        return 0.999


class Never:
    def random(self):
        return 0.0


def no_dropout(word, ranks, dropout, rng):
    return dropped(word, ranks, dropout, Always() if dropout < 1 else Never())


def upside_down(word, ranks, dropout, rng):
    return dropped(word, ranks, 1 - dropout, rng)


def by_pair(word, ranks, dropout, rng):
    kept = {pair: rank for pair, rank in ranks.items() if rng.random() >= dropout}
    return dropped(word, kept, 0, rng)


def stops_at_the_first(word, ranks, dropout, rng):
    tokens = [bytes([value]) for value in word]
    while True:
        known = [(ranks[p], i) for i, p in enumerate(pairwise(tokens)) if p in ranks]
        if not known or rng.random() < dropout:
            return tokens
        _, i = min(known)
        tokens[i : i + 2] = [tokens[i] + tokens[i + 1]]


def too_often(word, ranks, dropout, rng):
    return dropped(word, ranks, dropout**0.5, rng)


RIGHT = {
    "03.1": unused,
    "03.2": short,
    "03.3": tree,
    "03.4": fit,
    "03.5": stream,
    "03.6": dropped,
}
MISTAKES = [
    ("03.1", unused_with_special, "leave it out"),
    ("03.1", unused_in_any_order, "increasing order"),
    ("03.1", unused_bytes, "only bytes"),
    ("03.1", all_ids, "those are used"),
    ("03.2", unchanged, "GPT-2's own splitting"),
    ("03.2", without_blank, "the space before the number"),
    ("03.2", one_digit, "each digit is a piece"),
    ("03.2", ascii_digits, "٣٣٣٣"),
    ("03.2", lost_rest, "is missing"),
    ("03.3", parents_only, "stop at the parents"),
    ("03.3", listed, "tuples"),
    ("03.3", flat, "which two were joined first"),
    ("03.3", no_leaves, "its own tree"),
    ("03.4", cut_only, "ends inside a character"),
    ("03.4", cut_characters, "should give"),
    ("03.4", cut_one_less, "first 5 ids"),
    ("03.4", cut_at_signs, "may hold the character"),
    ("03.5", each_alone, "must wait for each other"),
    ("03.5", all_at_once, "one piece for each id; do not wait"),
    ("03.5", forgets_the_rest, "must come out too"),
    ("03.5", freezes_at_a_bad_byte, "must not wait for the end"),
    ("03.5", skips_empty, "empty while a character is unfinished"),
    ("03.5", reads_ahead, "before the first piece"),
    ("03.6", no_dropout, "200 seeds gave the same"),
    ("03.6", upside_down, "without dropout"),
    ("03.6", by_pair, "draw for each position separately"),
    ("03.6", stops_at_the_first, "the next best is still there"),
    ("03.6", too_often, "about 900 of 1000"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_pass(name):
    assert judge(name, RIGHT[name]).startswith("Right: ")


def test_a_buffer_of_bytes_is_right_too():
    assert judge("03.5", keeps_a_buffer).startswith("Right: ")


@pytest.mark.parametrize("name", RIGHT)
def test_stubs_are_not_attempted(name):
    assert judge(name, stub) == "Not attempted yet."


@pytest.mark.parametrize(("name", "attempt", "message"), MISTAKES)
def test_each_mistake_has_its_message(name, attempt, message):
    verdict = judge(name, attempt)
    assert verdict.startswith("Not yet: ") and message in verdict


def test_messages_differ():
    verdicts = [judge(name, attempt) for name, attempt, _ in MISTAKES]
    assert len(set(verdicts)) == len(verdicts)
