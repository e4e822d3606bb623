"""A tokenizer whose tokens are whole words and punctuation marks.

The simplest way from text to numbers: split, number the distinct pieces, look them up. It has
every part of a real tokenizer, and shows why whole words are not enough: a word that was not in
the training text has no id. `helpers.bpe` fixes that.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

# A double dash, a punctuation mark and a white space are pieces of their own; the rest are words.
# From Raschka, Build a Large Language Model (2024), section 2.2.
PATTERN = re.compile(r'([,.:;?_!"()\']|--|\s)')
END_OF_TEXT, UNKNOWN = "<|endoftext|>", "<|unk|>"


def end_of_text_id(tokenizer: Any) -> int:
    """Return the id of a tokenizer's end-of-text token; raises ValueError where it has none."""
    if END_OF_TEXT not in tokenizer.special_tokens:
        raise ValueError(f"this tokenizer has no {END_OF_TEXT}, which comes between texts")
    return tokenizer.special_tokens[END_OF_TEXT]


class WordTokenizer:
    """Turn text into ids and back, one id for each word and punctuation mark.

    `vocab` maps each token to its id, `vocab_size` is their number, and `special_tokens` are those
    that did not come from the text. A special token in a text becomes one id. A word that is not
    in `vocab` becomes `<|unk|>`, or raises ValueError if the tokenizer has no `<|unk|>`. Raises
    TypeError for a text that is not a str, and for ids that are not integers.

    >>> tokenizer = WordTokenizer.from_text("Hello, world--hello!")
    >>> tokenizer.encode("Hello, hello moon!")
    [3, 1, 4, 7, 0]
    >>> tokenizer.decode([3, 1, 4, 7, 0])
    'Hello, hello <|unk|>!'
    """

    def __init__(self, vocab: dict[str, int], special_tokens: Iterable[str] = ()):
        for token, token_id in dict(vocab).items():
            if not isinstance(token, str) or type(token_id) is not int:
                raise TypeError(f"vocab maps str to int, not {token!r} to {token_id!r}")
        if not vocab:
            raise ValueError("the vocabulary is empty")
        if sorted(vocab.values()) != list(range(len(vocab))):
            raise ValueError(f"the ids of {len(vocab)} tokens must be 0 to {len(vocab) - 1}")
        self.vocab = dict(vocab)
        self.special_tokens = tuple(special_tokens)
        for token in self.special_tokens:
            if token not in self.vocab:
                raise ValueError(f"special token {token!r} is not in the vocabulary")
        self._tokens = sorted(self.vocab, key=self.vocab.__getitem__)  # id -> token
        specials = "|".join(map(re.escape, sorted(self.special_tokens, key=len, reverse=True)))
        self._special_pattern = re.compile(f"({specials})") if specials else None

    @classmethod
    def from_text(
        cls,
        text: str,
        special_tokens: Iterable[str] = (END_OF_TEXT, UNKNOWN),
        vocab_size: int | None = None,
    ) -> "WordTokenizer":
        """Number the distinct words of a text in sorted order, then the special tokens.

        `vocab_size` keeps only the most frequent words, so that there are at most that many tokens,
        special ones included. Raises ValueError if no word is left.
        """
        specials = tuple(dict.fromkeys(special_tokens))
        counts = Counter(split_words(text))
        for token in specials:
            counts.pop(token, None)
        words = sorted(counts)
        if vocab_size is not None:
            if not hasattr(vocab_size, "__index__"):
                raise TypeError(f"vocab_size is {vocab_size!r}; it must be a whole number")
            if vocab_size <= len(specials):
                raise ValueError(
                    f"vocab_size must be more than the {len(specials)} special tokens, "
                    f"got {vocab_size}"
                )
            by_count = sorted(words, key=lambda word: (-counts[word], word))
            words = sorted(by_count[: vocab_size - len(specials)])
        tokens = [*words, *specials]
        return cls({token: number for number, token in enumerate(tokens)}, specials)

    @property
    def vocab_size(self) -> int:
        """The number of tokens, special ones included."""
        return len(self.vocab)

    def split(self, text: str) -> list[str]:
        """The tokens of a text, before they are looked up; special tokens stay whole."""
        if self._special_pattern is None:
            return split_words(text)
        tokens: list[str] = []
        for part in self._special_pattern.split(_text(text)):
            tokens += [part] if part in self.special_tokens else split_words(part)
        return tokens

    def encode(self, text: str) -> list[int]:
        """The ids of a text; raises ValueError for an unknown word if there is no `<|unk|>`."""
        unknown = self.vocab[UNKNOWN] if UNKNOWN in self.special_tokens else None
        ids = []
        for token in self.split(text):
            token_id = self.vocab.get(token, unknown)
            if token_id is None:
                raise ValueError(
                    f"{token!r} is not in the vocabulary of {self.vocab_size} tokens, "
                    f"and there is no {UNKNOWN} to stand for it"
                )
            ids.append(token_id)
        return ids

    def decode(self, token_ids: Iterable[int]) -> str:
        """The text of ids, with spaces where English puts them.

        Line breaks, double spaces and unknown words are lost: the ids do not represent them.
        Encoding the result gives the same ids again. Raises ValueError for an id out of range.
        """
        tokens = []
        for token_id in token_ids:
            if not 0 <= token_id < self.vocab_size:
                raise ValueError(f"token id {token_id} is not between 0 and {self.vocab_size - 1}")
            tokens.append(self._tokens[token_id])
        return _join(tokens)


def split_words(text: str) -> list[str]:
    """Split a text into words and punctuation marks; spaces and line breaks are dropped.

    >>> split_words("It's here--_now_!")
    ['It', "'", 's', 'here', '--', '_', 'now', '_', '!']
    """
    return [piece for piece in PATTERN.split(_text(text)) if piece.strip()]


def _text(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, got {type(text).__name__}")
    return text


def _join(tokens: list[str]) -> str:
    """Join tokens with the spaces of written English."""
    text = " ".join(tokens)
    text = re.sub(r" ([,.:;?!)])", r"\1", text)
    text = re.sub(r"\( ", "(", text)
    text = re.sub(r"(?<!-) -- (?!-)", "--", text)
    text = re.sub(r"(?<=\w) ' (?=(?:s|t|d|m|re|ve|ll)\b)", "'", text)
    # Of two identical marks, the first opens and the second closes.
    text = re.sub(r'" ([^"]*?) "', r'"\1"', text)
    return re.sub(r"_ ([^_]*?) _", r"_\1_", text)
