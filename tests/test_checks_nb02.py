"""The checks of notebook 02: right answers pass, each typical mistake has its own message."""

import re

import pytest

from classroom.turns.registry import judge
from helpers.tokenizer import split_words


def old_split(text):
    return split_words(text)


def number_pattern(text):
    pattern = r'([:;?_!"()\']|(?<!\d)[,.]|[,.](?!\d)|--|\s)'
    return [piece for piece in re.split(pattern, text) if piece.strip()]


def with_blanks(text):
    return re.split(r'([:;?_!"()\']|(?<!\d)[,.]|[,.](?!\d)|--|\s)', text)


def no_commas_at_all(text):
    return [piece for piece in re.split(r'([:;?_!"()\']|--|\s)', text) if piece.strip()]


def digits_before(text):
    pattern = r'([:;?_!"()\']|(?<!\d)[,.]|--|\s)'
    return [piece for piece in re.split(pattern, text) if piece.strip()]


def one_comma(text):
    pattern = r'(\d+[,.]\d+|[,.:;?_!"()\']|--|\s)'
    return [piece for piece in re.split(pattern, text) if piece.strip()]


def no_dash(text):
    pattern = r'([:;?_!"()\']|(?<!\d)[,.]|[,.](?!\d)|\s)'
    return [piece for piece in re.split(pattern, text) if piece.strip()]


def at_other_marks(text):
    pattern = r'([:;?_!"()\'\[\]=]|(?<!\d)[,.]|[,.](?!\d)|--|\s)'
    return [piece for piece in re.split(pattern, text) if piece.strip()]


def rate(tokenizer, text):
    tokens = tokenizer.split(text)
    return sum(token not in tokenizer.vocab for token in tokens) / len(tokens) if tokens else 0.0


def rate_of_distinct(tokenizer, text):
    tokens = set(tokenizer.split(text))
    return sum(token not in tokenizer.vocab for token in tokens) / max(len(tokens), 1)


def rate_by_id(tokenizer, text):
    ids = tokenizer.encode(text)
    return ids.count(tokenizer.vocab["<|unk|>"]) / len(ids) if ids else 0.0


def rate_of_words(tokenizer, text):
    tokens = split_words(text)
    return sum(token not in tokenizer.vocab for token in tokens) / max(len(tokens), 1)


def rate_of_empty(tokenizer, text):
    tokens = tokenizer.split(text)
    return sum(token not in tokenizer.vocab for token in tokens) / len(tokens)


def join(tokenizer, documents):
    end = tokenizer.vocab["<|endoftext|>"]
    return [number for text in documents for number in [*tokenizer.encode(text), end]]


def join_between(tokenizer, documents):
    return join(tokenizer, documents)[:-1]


def join_without(tokenizer, documents):
    return [number for text in documents for number in tokenizer.encode(text)]


def join_nested(tokenizer, documents):
    return [tokenizer.encode(text) for text in documents]


def join_nonempty(tokenizer, documents):
    return join(tokenizer, [text for text in documents if text])


def gently(tokenizer, text):
    vocab, unknown = tokenizer.vocab, tokenizer.vocab["<|unk|>"]
    return [vocab.get(t, vocab.get(t.lower(), unknown)) for t in tokenizer.split(text)]


def all_lower(tokenizer, text):
    return tokenizer.encode(text.lower())


def left_out(tokenizer, text):
    vocab = tokenizer.vocab
    tokens = [t if t in vocab else t.lower() for t in tokenizer.split(text)]
    return [vocab[t] for t in tokens if t in vocab]


def blanks_only(tokenizer, text):
    vocab, unknown = tokenizer.vocab, tokenizer.vocab["<|unk|>"]
    return [vocab.get(t, vocab.get(t.lower(), unknown)) for t in text.split()]


def pieces(word, known):
    found = []
    while word:
        length = len(word)
        while length > 1 and word[:length] not in known:
            length -= 1
        found.append(word[:length])
        word = word[length:]
    return found


def shortest_first(word, known):
    found = []
    while word:
        length = next((n for n in range(2, len(word) + 1) if word[:n] in known), 1)
        found.append(word[:length])
        word = word[length:]
    return found


def gives_up(word, known):
    found = []
    while word:
        length = next((n for n in range(len(word), 0, -1) if word[:n] in known), None)
        if length is None:
            return found + ["<|unk|>"]
        found.append(word[:length])
        word = word[length:]
    return found


def rest_in_one(word, known):
    found = []
    while word:
        length = next((n for n in range(len(word), 0, -1) if word[:n] in known), len(word))
        found.append(word[:length])
        word = word[length:]
    return found


def first_and_rest(word, known):
    return pieces(word, known) if word else [""]


def percent(tokenizer, text):
    return 100 * rate(tokenizer, text)


@pytest.mark.parametrize(
    ("name", "attempt"),
    [
        ("02.1", number_pattern),
        ("02.2", rate),
        ("02.3", join),
        ("02.4", gently),
        ("02.5", pieces),
    ],
)
def test_right_answers(name, attempt):
    assert judge(name, attempt).startswith("Right: ")
    assert judge(name, lambda *arguments: ...) == "Not attempted yet."
    assert judge(name, lambda *arguments: None) == "Not attempted yet."


@pytest.mark.parametrize(
    ("name", "attempt", "message"),
    [
        ("02.1", old_split, "not in one piece"),
        ("02.1", with_blanks, "spaces or empty pieces"),
        ("02.1", no_commas_at_all, "the period after 'copies'"),
        ("02.1", digits_before, "'In 1923, we' should give"),
        ("02.1", one_comma, "'1,400,000 letters' should give"),
        ("02.1", no_dash, "exactly as before"),
        ("02.1", at_other_marks, "'known[word] a=b' has no numbers"),
        ("02.2", rate_of_distinct, "'fell' occurs twice"),
        ("02.2", percent, "percentage"),
        ("02.2", rate_by_id, "without <|unk|>"),
        ("02.2", rate_of_words, "split with tokenizer.split"),
        ("02.2", rate_of_empty, "divides by zero"),
        ("02.2", lambda tokenizer, text: 2, "divide by the number"),
        ("02.3", join_between, "the last document has no end"),
        ("02.3", join_without, "run into each other"),
        ("02.3", join_nested, "list of lists"),
        ("02.3", join_nonempty, "an empty document is a document"),
        ("02.4", all_lower, "must keep it"),
        ("02.4", lambda tokenizer, text: tokenizer.encode(text), "still unknown"),
        ("02.4", left_out, "not left out"),
        ("02.4", blanks_only, "split with tokenizer.split"),
        ("02.5", shortest_first, "longest piece first"),
        ("02.5", gives_up, "single character and continue"),
        ("02.5", rest_in_one, "single character and continue"),
        ("02.5", first_and_rest, "empty word"),
        ("02.5", lambda word, known: ["un", "able"], "no letter may be lost"),
    ],
)
def test_typical_mistakes_have_their_own_message(name, attempt, message):
    verdict = judge(name, attempt)
    assert verdict.startswith("Not yet: ") and message in verdict, verdict
