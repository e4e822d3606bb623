"""Part 2 of `my_llm.py`: byte pair encoding, from text to token ids and back."""

from collections import Counter, defaultdict
from itertools import pairwise

import regex

END_OF_TEXT = "<|endoftext|>"
GPT2_SPLIT_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def split_pretokens(text):
    """Split a text into words, numbers, punctuation and spaces, as GPT-2 does."""
    return regex.findall(GPT2_SPLIT_PATTERN, text)


def split_at_special(text, special_tokens):
    """Split a text at its special tokens and keep them: every second item is one."""
    names = sorted(special_tokens, key=len, reverse=True)
    if not names:
        return [text]
    return regex.split("(" + "|".join(map(regex.escape, names)) + ")", text)


def merge_pair(word, pair):
    """Replace a pair of neighbors in a word by one token, from the left."""
    merged, position = [], 0
    while position < len(word):
        found = tuple(word[position : position + 2]) == pair
        merged.append(pair[0] + pair[1] if found else word[position])
        position += 2 if found else 1
    return tuple(merged)


def train_merges_fast(pretoken_counts, n_merges):
    """Learn merges, the most frequent pair first; a tie goes to the greater pair."""
    words = [tuple(bytes([value]) for value in text.encode()) for text in pretoken_counts]
    counts, pair_counts, where = list(pretoken_counts.values()), Counter(), defaultdict(set)
    for number, word in enumerate(words):
        for pair in pairwise(word):
            pair_counts[pair] += counts[number]
            where[pair].add(number)
    merges = []
    while pair_counts and len(merges) < n_merges:
        best = max(pair_counts, key=lambda pair: (pair_counts[pair], pair))
        merges.append(best)
        for number in where.pop(best):
            for pair in pairwise(words[number]):
                pair_counts[pair] -= counts[number]
                if not pair_counts[pair]:
                    del pair_counts[pair]
            words[number] = merge_pair(words[number], best)
            for pair in pairwise(words[number]):
                pair_counts[pair] += counts[number]
                where[pair].add(number)
    return merges


def encode_word(word, ranks):
    """Apply the merges to the bytes of one pre-token, the one that was learned first first."""
    tokens = tuple(bytes([value]) for value in word)
    while known := [pair for pair in pairwise(tokens) if pair in ranks]:
        tokens = merge_pair(tokens, min(known, key=ranks.__getitem__))
    return tokens


class BytePairTokenizer:
    """A tokenizer whose ids are the bytes, then the merges in order, then the special tokens."""

    def __init__(self, merges, special_tokens=(), byte_order=range(256)):
        self.merges = list(merges)
        tokens = [bytes([value]) for value in byte_order]
        tokens += [first + second for first, second in self.merges]
        self.ids = {token: token_id for token_id, token in enumerate(tokens)}
        self.ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self.special_tokens = {name: len(tokens) + i for i, name in enumerate(special_tokens)}
        tokens += [name.encode() for name in special_tokens]
        self.vocab = dict(enumerate(tokens))

    @classmethod
    def train(cls, text, vocab_size, special_tokens=(END_OF_TEXT,)):
        """Learn a vocabulary of this size; special tokens in the text are left out."""
        counts = Counter()
        for part in split_at_special(text, special_tokens)[::2]:
            counts.update(split_pretokens(part))
        return cls(
            train_merges_fast(counts, vocab_size - 256 - len(special_tokens)), special_tokens
        )

    def encode(self, text, allowed_special=()):
        """Return the token ids of a text; ValueError for a special token not allowed."""
        token_ids = []
        for number, part in enumerate(split_at_special(text, self.special_tokens)):
            if number % 2 == 0:
                words = [encode_word(piece.encode(), self.ranks) for piece in split_pretokens(part)]
                token_ids += [self.ids[token] for word in words for token in word]
            elif part in allowed_special:
                token_ids.append(self.special_tokens[part])
            else:
                raise ValueError(f"the text holds the special token {part!r}")
        return token_ids

    def decode(self, token_ids):
        """Return the text of token ids; bytes that are no text become a replacement character."""
        joined = b"".join(self.vocab[token_id] for token_id in token_ids)
        return joined.decode("utf-8", errors="replace")


def byte_characters():
    """GPT-2's table {printable character: byte}; in this order GPT-2 numbers the bytes."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), 256)]
    hidden = [value for value in range(256) if value not in shown]
    table = {chr(value): value for value in shown}
    return table | {chr(256 + number): value for number, value in enumerate(hidden)}
