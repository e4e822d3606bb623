"""Tales as words: a tokenizer, whether a beginning is still a tale, and what fits into a gap.

With whole words as tokens, a hidden token is a hidden word, and the source of the tales says exactly
which words could be there, and how probable each is.
"""

import math
import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from classroom.worlds import tales
from helpers.tokenizer import END_OF_TEXT, UNKNOWN, WordTokenizer

MASK, PADDING = "[MASK]", "[PAD]"


class Gap(NamedTuple):
    """A tale as token ids, <|endoftext|> first, and the position of the word to hide."""

    ids: list[int]
    position: int


def tale_tokenizer(texts: Iterable[str]) -> WordTokenizer:
    """A tokenizer with every word of these tales; the last ids are its special tokens.

    >>> tokenizer = tale_tokenizer(tales.sample(20, seed=0))
    >>> tale = tales.sample(1, seed=0)[0]
    >>> tokenizer.decode(tokenizer.encode(tale)) == tale, tokenizer.special_tokens[-1]
    (True, '[MASK]')
    """
    return WordTokenizer.from_text("\n".join(texts), (END_OF_TEXT, UNKNOWN, PADDING, MASK))


def known_tales(tokenizer: WordTokenizer, n: int, seed: int) -> list[str]:
    """The first n tales of a seed whose words the tokenizer knows, all of them."""
    unknown, found = tokenizer.vocab[UNKNOWN], []
    drawn = tales.sample(n + n // 10 + 20, seed)
    found = [tale for tale in drawn if unknown not in tokenizer.encode(tale)]
    if len(found) < n:
        raise ValueError(f"only {len(found)} of {len(drawn)} tales have no unknown word")
    return found[:n]


def nats_per_token(tokenizer: WordTokenizer, texts: Sequence[str]) -> float:
    """The lowest loss that any model can have on these tales: their exact surprisal per token.

    Each tale has one token more than words, its end.
    """
    bits = -sum(map(tales.log_prob, texts))
    return bits * math.log(2) / sum(len(tokenizer.encode(text)) + 1 for text in texts)


def good_words(tokenizer: WordTokenizer, ids: Sequence[int]) -> int:
    """How many of these tokens could begin a tale, up to the first that no tale continues with.

    >>> tokenizer = tale_tokenizer(tales.sample(20, seed=0))
    >>> ids = tokenizer.encode(tales.sample(1, seed=0)[0])
    >>> good_words(tokenizer, ids) == len(ids), good_words(tokenizer, [*ids[:7], *ids[:2]])
    (True, 7)
    """
    grammar, low, high = tales.load_grammar(), 0, len(ids)
    special = [place for place, token in enumerate(ids) if token in _specials(tokenizer)]
    high = min([high, *special])
    while low < high:  # the longest beginning: where a text breaks, every longer one does
        middle = (low + high + 1) // 2
        fits = grammar.opening_log_prob(_opening(tokenizer, ids[:middle])) > -math.inf
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def gaps(tokenizer: WordTokenizer, texts: Sequence[str], seed: int) -> list[Gap]:
    """One word of each tale to hide, drawn at random from those made of letters."""
    rng, found = random.Random(seed), []
    end = tokenizer.vocab[END_OF_TEXT]
    for text in texts:
        ids = [end, *tokenizer.encode(text)]
        words = [place for place, token in enumerate(ids) if tokenizer.decode([token]).isalpha()]
        found.append(Gap(ids, rng.choice(words)))
    return found


def spoiled(tokenizer: WordTokenizer, texts: Sequence[str], seed: int) -> list[Gap]:
    """Tales in which one word, drawn at random, is replaced by another, so that none is a tale any more.

    The other word is drawn from the words of all these tales, frequent ones more often: that a word
    is rare does not give it away.
    """
    rng, found = random.Random(seed), []
    drawn = gaps(tokenizer, texts, seed)
    pool = [
        gap.ids[place]
        for gap in gaps(tokenizer, texts, seed + 1)
        for place in range(1, len(gap.ids))
    ]
    pool = [token for token in pool if tokenizer.decode([token]).isalpha()]
    for gap in drawn:
        ids = list(gap.ids)
        while ids == gap.ids or tales.is_tale(tokenizer.decode(ids[1:])):
            ids[gap.position] = rng.choice(pool)
        found.append(Gap(ids, gap.position))
    return found


def what_fits(tokenizer: WordTokenizer, gap: Gap) -> dict[int, float]:
    """The exact probability of every word that the source could have put into a gap.

    >>> tokenizer = tale_tokenizer(tales.sample(20, seed=0))
    >>> gap = gaps(tokenizer, tales.sample(1, seed=0), seed=0)[0]
    >>> fits = what_fits(tokenizer, gap)
    >>> gap.ids[gap.position] in fits, round(sum(fits.values()), 6)
    (True, 1.0)
    """
    grammar, before, after = (
        tales.load_grammar(),
        gap.ids[1 : gap.position],
        gap.ids[gap.position + 1 :],
    )
    tokens = range(tokenizer.vocab_size - len(tokenizer.special_tokens))
    beginnings = {token: _opening(tokenizer, [*before, token]) for token in tokens}
    start = min(map(len, beginnings.values())) - 1
    scores = {}
    for token in _possible(grammar, beginnings, max(start, 1)):
        whole = tokenizer.decode([*before, token, *after])
        if grammar.read(whole).derivations:
            scores[token] = 2.0 ** tales.log_prob(whole)
    total = sum(scores.values())
    return {token: score / total for token, score in scores.items()}


def _possible(grammar, beginnings, length):
    """The tokens whose text begins some tale, found letter by letter from `length` on."""
    groups: dict[str, dict[int, str]] = {}
    for token, text in beginnings.items():
        groups.setdefault(text[:length], {})[token] = text
    for start, group in groups.items():
        if grammar.opening_log_prob(start) == -math.inf:
            continue
        if whole := [token for token, text in group.items() if len(text) <= length]:
            yield from whole
        if longer := {token: text for token, text in group.items() if len(text) > length}:
            yield from _possible(grammar, longer, length + 1)


def _opening(tokenizer, ids):
    """The text of the first tokens of a tale; a quotation that is still open is no reason to worry.

    The tokenizer tells opening from closing quotation marks by their number, so it gets one more.
    """
    mark = tokenizer.vocab['"']
    if ids.count(mark) % 2 == 0:
        return tokenizer.decode(ids)
    return tokenizer.decode([*ids, mark])[:-1].rstrip()


def _specials(tokenizer):
    return {tokenizer.vocab[name] for name in tokenizer.special_tokens}
