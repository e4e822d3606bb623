"""Checks for notebook 03: unused tokens, short numbers, family trees, cutting, streaming, dropout."""

import random

import regex

from classroom.turns.registry import attempted, exercise, wrong
from helpers.bpe import BPETokenizer
from helpers.bpe.train import GPT2_SPLIT_PATTERN
from helpers.tokenizer import END_OF_TEXT

_TEXT = "low low low low low lower lower newest newest newest newest newest newest tea 語語"
_MERGES = [(b"w", b"e"), (b"l", b"o"), (b"we", b"s"), (b"wes", b"t"), (b"lo", b"w")]


def _tokenizer():
    return BPETokenizer.train(_TEXT, 280)


@exercise("03.1", "Tokens that a text never uses")
def tokens_never_used(unused):
    tokenizer = _tokenizer()
    text = "newest tea"
    found = list(attempted(unused(tokenizer, text)))
    end = tokenizer.special_tokens[END_OF_TEXT]
    expected = sorted(set(tokenizer.vocab) - set(tokenizer.encode(text)) - {end})
    if end in found:
        wrong(f"id {end} is the special token {END_OF_TEXT}: no text uses it, leave it out")
    if found == list(range(len(tokenizer.vocab) - 1)) or set(found) & set(tokenizer.encode(text)):
        wrong("some of your ids are in the encoding of the text: those are used")
    if sorted(found) == expected != found:
        wrong("these are the right ids, but not in increasing order")
    if found and all(value < 256 for value in found):
        wrong("you list only bytes; merged tokens may be unused too")
    if found != expected:
        missing = sorted(set(expected) - set(found))
        wrong(f"{len(expected)} ids are unused, yours has {len(found)}; missing: {missing[:5]}")
    if list(unused(tokenizer, "")) != list(range(end)):
        wrong("an empty text uses nothing: every id but the special one is unused")
    return "a model cannot learn a token that no text uses."


@exercise("03.2", "Short numbers")
def short_numbers(split):
    found = list(attempted(split("In 1234567 days")))
    if found == regex.findall(GPT2_SPLIT_PATTERN, "In 1234567 days"):
        wrong("this is GPT-2's own splitting: 1234567 is still one pre-token")
    if "".join(found) != "In 1234567 days":
        wrong(f"joined, your pieces give {''.join(found)!r}: some of the text is missing")
    if found == ["In", " ", "123", "456", "7", " days"]:
        wrong("the space before the number is a piece of its own; it belongs to the first digits")
    if found[:3] == ["In", " 1", "2"]:
        wrong("each digit is a piece of its own; up to three of them must stay together")
    cases = {
        "In 1234567 days": ["In", " 123", "456", "7", " days"],
        "12": ["12"],
        "1000.5": ["100", "0", ".", "5"],
        "½ x٣٣٣٣": ["½", " x", "٣٣٣", "٣"],
        "  7777": [" ", " 777", "7"],
        "": [],
    }
    for text, expected in cases.items():
        if list(split(text)) != expected:
            wrong(f"{text!r} should give {expected}, yours gives {list(split(text))}")
    text = "Mr. Teague's shop--  can't\n\nwait! "
    if list(split(text)) != regex.findall(GPT2_SPLIT_PATTERN, text):
        wrong("a text without digits must be split as before")
    return "three digits at a time, and nothing else has changed."


@exercise("03.3", "The family tree of a token")
def family_trees(tree):
    found = attempted(tree(_MERGES, b"low"))
    if found == (b"lo", b"w"):
        wrong("you stop at the parents: go on until every leaf is a single byte")
    if isinstance(found, list) or (found and isinstance(found[0], list)):
        wrong("pairs must be tuples: ((b'l', b'o'), b'w')")
    if found == (b"l", b"o", b"w"):
        wrong("these are the bytes in order; the tree must show which two were joined first")
    if found != ((b"l", b"o"), b"w"):
        wrong(f"b'low' should give ((b'l', b'o'), b'w'), yours gives {found}")
    if tree(_MERGES, b"west") != (((b"w", b"e"), b"s"), b"t"):
        wrong(f"b'west' grew byte by byte: w+e, +s, +t; yours gives {tree(_MERGES, b'west')}")
    try:
        single = tree(_MERGES, b"w")
    except (KeyError, IndexError):
        wrong("no merge made a single byte: it is its own tree")
    if single != b"w":
        wrong(f"a single byte is its own tree: b'w', not {single}")
    tokenizer = _tokenizer()

    def leaves(node):
        return node if isinstance(node, bytes) else leaves(node[0]) + leaves(node[1])

    for left, right in tokenizer.merges:
        if leaves(tree(tokenizer.merges, left + right)) != left + right:
            wrong(f"the leaves of {left + right!r} do not give the token back")
    return "every token goes back to its bytes."


def _whole(tokenizer, text, limit):
    token_ids = tokenizer.encode(text)[:limit]
    while token_ids and "\ufffd" in tokenizer.decode(token_ids):
        token_ids = token_ids[:-1]
    return token_ids


@exercise("03.4", "Make it fit")
def make_it_fit(fit):
    tokenizer = BPETokenizer.train("", 257)
    found = list(attempted(fit(tokenizer, "low tea", 5)))
    if len(found) > 5:
        wrong(f"the limit is 5 ids, yours has {len(found)}")
    if found != tokenizer.encode("low tea")[:5]:
        wrong(f"expected the first 5 ids of 'low tea', yours decode to {tokenizer.decode(found)!r}")
    for limit in range(9):
        found = list(fit(tokenizer, "a語é", limit))
        if "\ufffd" in tokenizer.decode(found):
            wrong(f"with limit {limit}, 'a語é' ends inside a character: {found}")
        if found != _whole(tokenizer, "a語é", limit):
            whole = _whole(tokenizer, "a語é", limit)
            wrong(f"with limit {limit}, 'a語é' should give {whole}, yours gives {found}")
    if list(fit(tokenizer, "a\ufffdb", 5)) != list("a\ufffdb".encode()):
        wrong("a text may hold the character � itself; look at the bytes, not at the decoded text")
    trained = _tokenizer()
    if list(fit(trained, _TEXT, 10**6)) != trained.encode(_TEXT):
        wrong("a text shorter than the limit must stay whole")
    return "as many tokens as fit, without an incomplete character."


@exercise("03.5", "Text while it is written")
def text_while_written(stream):
    tokenizer = BPETokenizer.train("", 257)
    pieces = attempted(stream(tokenizer, tokenizer.encode("hi")))
    if isinstance(pieces, str):
        wrong("yield one piece for each id; do not wait for the whole text")
    if list(pieces) != ["h", "i"]:
        wrong("the ids of 'hi' are two letters: yield 'h', then 'i'")
    pieces = list(stream(tokenizer, tokenizer.encode("a語!")))
    if any("\ufffd" in piece for piece in pieces):
        wrong(f"'a語!' gave {pieces}: bytes of one character must wait for each other")
    if "".join(pieces) != "a語!":
        wrong(f"the pieces of 'a語!' join to {''.join(pieces)!r}")
    if pieces != ["a", "", "", "語", "!"]:
        wrong(f"one piece for each id, empty while a character is unfinished; yours: {pieces}")
    for token_ids in ([97, 232, 170], [97, 255, 98], [232, 97], [], [257 - 1]):
        joined = "".join(stream(tokenizer, token_ids))
        if joined != tokenizer.decode(token_ids):
            wrong(
                f"ids {token_ids} decode to {tokenizer.decode(token_ids)!r}, your pieces join to"
                f" {joined!r}; what is unfinished at the end must come out too"
            )
    pieces = list(stream(tokenizer, [97, 255, 98, 99]))
    if pieces[3:4] != ["c"] or "b" not in "".join(pieces[:3]):
        wrong(
            f"ids [97, 255, 98, 99] gave {pieces}: byte 255 can never become text, so what follows"
            " it must not wait for the end"
        )
    asked = []

    def watched():
        for token_id in (104, 105):
            asked.append(token_id)
            yield token_id

    next(iter(stream(tokenizer, watched())))
    if len(asked) > 1:
        wrong("you read all ids before the first piece; a chat window must not wait so long")
    return "each piece as soon as its bytes are complete."


@exercise("03.6", "BPE with dropout")
def bpe_with_dropout(encode):
    ranks = {pair: rank for rank, pair in enumerate(_MERGES)}
    found = list(attempted(encode(b"lowest", ranks, 0.0, random.Random(0))))
    if found != [b"lo", b"west"]:
        wrong(f"without dropout b'lowest' is [b'lo', b'west'], yours gives {found}")
    found = list(encode(b"lowest", ranks, 1.0, random.Random(0)))
    if found != [bytes([value]) for value in b"lowest"]:
        wrong(f"with dropout 1 no merge is left: six single bytes, yours gives {found}")
    seen = {tuple(encode(b"lowest", ranks, 0.5, random.Random(seed))) for seed in range(200)}
    if any(b"".join(tokens) != b"lowest" for tokens in seen):
        wrong("with dropout 0.5 the tokens no longer join to b'lowest'")
    if len(seen) == 1:
        wrong("200 seeds gave the same tokens: ask rng.random() for every possible merge")
    if (b"low", b"e", b"s", b"t") not in seen:
        wrong(
            "b'low' never appears: where the best merge is left out, the next best is still there"
        )
    runs = {tuple(encode(b"aaaa", {(b"a", b"a"): 0}, 0.5, random.Random(s))) for s in range(200)}
    if (b"a", b"aa", b"a") not in runs:
        wrong("in b'aaaa' all positions are dropped together; draw for each position separately")
    if list(encode(b"", ranks, 0.5, random.Random(0))) != []:
        wrong("an empty word has no tokens")
    whole = sum(len(encode(b"we", ranks, 0.1, random.Random(seed))) == 1 for seed in range(1000))
    if not 850 <= whole <= 950:
        wrong(f"with dropout 0.1 b'we' should be merged in about 900 of 1000 tries, not in {whole}")
    return "the same word, tokenized differently each time."
