"""Byte pair encoding: any text to token ids and back, without unknown tokens.

Text becomes UTF-8 bytes, and every byte is a token. Learned merges then join bytes into longer
tokens. `helpers.bpe.train` learns the merges; this module uses them.

The `regex` package decides what a letter is. If its version of Unicode is newer than tiktoken's,
the characters added in between may be split differently; on all others the two agree.

Sources: Sennrich, Haddow and Birch (2016) for merges; Radford et al. (2019), the GPT-2 paper,
for bytes, the split pattern and the special token `<|endoftext|>`.
"""

import itertools
import os
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Self

from helpers.bpe.files import hf_json, read_json, write_json
from helpers.bpe.merge import merge_piece, recover_merges
from helpers.bpe.train import (
    GPT2_SPLIT_PATTERN,
    compile_pattern,
    count_pretokens,
    cut_text,
    learn_merges,
    split_special,
    valid_unicode,
)
from helpers.tokenizer import END_OF_TEXT

if TYPE_CHECKING:
    import tiktoken

CACHE_SIZE = 1_000_000  # pre-tokens remembered by one tokenizer
CACHED_LENGTH = 64  # characters; longer pre-tokens rarely occur twice
LEFT_OUT = -2  # in place of the id of a byte that has none (-1 marks ends in `merge_with_heap`)


class BPETokenizer:
    """Encode text to token ids with byte pair merges, and decode ids back to the same text.

    >>> tokenizer = BPETokenizer.train("low low low lower lowest", vocab_size=260)
    >>> tokenizer.merges
    [(b'o', b'w'), (b'l', b'ow'), (b' ', b'low')]
    >>> tokenizer.encode("low lows")
    [257, 258, 115]
    >>> tokenizer.decode([257, 258, 115])
    'low lows'
    """

    needs_every_byte = True  # a subclass may do without: it leaves bytes out that it does not know

    def __init__(
        self,
        vocab: dict[int, bytes],
        merges: Sequence[tuple[bytes, bytes]],
        special_tokens: dict[str, int] | None = None,
        pattern: str = GPT2_SPLIT_PATTERN,
    ):
        """Build a tokenizer from its parts; usually you want `train`, `load` or `from_tiktoken`.

        `vocab` maps ids to bytes, without the special tokens. A merge's rank is the id of the
        token it produces, so these ids must increase in the order of the merges. Raises ValueError
        if the parts do not fit together.
        """
        ids = {token: token_id for token_id, token in vocab.items()}
        missing = [value for value in range(256) if bytes([value]) not in ids]
        if missing and self.needs_every_byte:
            raise ValueError(f"the vocabulary lacks {len(missing)} of the 256 single bytes")
        if len(ids) < len(vocab):
            raise ValueError("the vocabulary gives two ids to one token")
        self.merges = [(bytes(a), bytes(b)) for a, b in merges]
        try:
            pairs = [(ids[a], ids[b], ids[a + b]) for a, b in self.merges]
        except KeyError as error:
            raise ValueError(f"a merge needs {error.args[0]!r}, not in the vocabulary") from None
        if any(first[2] >= second[2] for first, second in itertools.pairwise(pairs)):
            raise ValueError("the ids of merged tokens must increase in the order of the merges")
        special_tokens = special_tokens or {}
        _check_special_names(list(special_tokens))
        if len({*vocab, *special_tokens.values()}) < len(vocab) + len(special_tokens):
            raise ValueError(f"the id of a special token is already in use: {special_tokens}")
        self.special_tokens = dict(sorted(special_tokens.items(), key=lambda item: item[1]))
        self.vocab = dict(vocab)
        self.vocab.update((i, name.encode("utf-8")) for name, i in self.special_tokens.items())
        self.pattern = pattern
        self._split = compile_pattern(pattern)
        self._ids = ids
        self._merged = {(a, b): merged for a, b, merged in pairs}
        self._byte_ids = [ids.get(bytes([value]), LEFT_OUT) for value in range(256)]
        self._cache = _Cache(self)

    @classmethod
    def train(
        cls,
        text_or_iterable: str | Iterable[str],
        vocab_size: int,
        special_tokens: Sequence[str] = (END_OF_TEXT,),
        *,
        pattern: str = GPT2_SPLIT_PATTERN,
        n_processes: int | None = None,
    ) -> Self:
        """Learn a tokenizer from one text, or from an iterable of texts that is read once.

        Ids 0 to 255 are the bytes, then come the merges, then the special tokens. No token spans
        two texts, and special tokens inside a text are left out. Text that a `pattern` of your own
        does not match is left out as well, here and in `encode`, as in tiktoken. A small text may
        run out of pairs; the vocabulary is then smaller than `vocab_size`. Long streams are counted
        on `n_processes` cores (None: all). Raises ValueError if `vocab_size` is below 256 plus the
        number of special tokens or the pattern is malformed, TypeError if a text is not str.
        """
        _check_special_names(special_tokens)
        smallest = 256 + len(special_tokens)
        if not hasattr(vocab_size, "__index__"):
            raise TypeError(f"vocab_size is {vocab_size!r}; it must be a whole number")
        if vocab_size < smallest:
            raise ValueError(
                f"vocab_size is {vocab_size}; bytes and special tokens need {smallest}"
            )
        texts = [text_or_iterable] if isinstance(text_or_iterable, str) else text_or_iterable
        if isinstance(texts, bytes) or not isinstance(texts, Iterable):
            raise TypeError(f"train() takes str or an iterable of str, not {type(texts).__name__}")
        counts = count_pretokens(texts, pattern, special_tokens, n_processes)
        merges = learn_merges(counts, vocab_size - smallest)
        tokens = [bytes([value]) for value in range(256)] + [a + b for a, b in merges]
        special_ids = {name: len(tokens) + i for i, name in enumerate(special_tokens)}
        return cls(dict(enumerate(tokens)), merges, special_ids, pattern)

    @property
    def vocab_size(self) -> int:
        """The number of rows that an embedding table needs: the largest id plus one."""
        return max(self.vocab) + 1

    def __repr__(self) -> str:
        return f"BPETokenizer(vocab_size={self.vocab_size}, special_tokens={self.special_tokens})"

    def encode(self, text: str, allowed_special: str | Collection[str] = ()) -> list[int]:
        """Return the token ids of a text.

        Raises ValueError for a special token in the text, unless `allowed_special` contains it or
        is "all": a user's text must not end a document by accident.

        >>> tokenizer = BPETokenizer.train("", vocab_size=257)
        >>> tokenizer.encode("Hi<|endoftext|>", allowed_special="all")
        [72, 105, 256]
        """
        if not isinstance(text, str):
            raise TypeError(f"encode() takes str, not {type(text).__name__}")
        allowed = self._allowed(allowed_special)
        token_ids: list[int] = []
        for i, part in enumerate(split_special(text, self.special_tokens)):
            if i % 2 == 0:
                token_ids += self.encode_ordinary(part)
            elif part in allowed:
                token_ids.append(self.special_tokens[part])
            else:
                raise ValueError(
                    f"the text holds the special token {part!r}: name it in allowed_special,"
                    " or use encode_ordinary to read it as plain text"
                )
        return token_ids

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the token ids of a text, with special tokens read as plain text."""
        if not isinstance(text, str):
            raise TypeError(f"encode_ordinary() takes str, not {type(text).__name__}")
        return self._encode_valid(valid_unicode(text))

    def encode_bytes(self, data: bytes) -> list[int]:
        """Return the token ids of bytes, which need not be valid UTF-8.

        >>> tokenizer = BPETokenizer.train("", vocab_size=257)
        >>> tokenizer.encode_bytes(b"Hi\\xff"), tokenizer.decode_bytes([72, 105, 255])
        ([72, 105, 255], b'Hi\\xff')
        """
        if not isinstance(data, bytes):
            raise TypeError(f"encode_bytes() takes bytes, not {type(data).__name__}")
        return self._encode_valid(data.decode("utf-8", errors="surrogateescape"))

    def _encode_valid(self, text: str) -> list[int]:
        token_ids: list[int] = []
        for block in cut_text(text, self.pattern):
            pieces = map(self._cache.__getitem__, self._split.findall(block))
            token_ids.extend(itertools.chain.from_iterable(pieces))
        return token_ids

    def encode_batch(
        self, texts: Iterable[str], allowed_special: str | Collection[str] = ()
    ) -> list[list[int]]:
        """Return the token ids of each of several texts.

        >>> BPETokenizer.train("", vocab_size=257).encode_batch(["Hi", ""])
        [[72, 105], []]
        """
        if isinstance(texts, str):
            raise TypeError("encode_batch() takes several texts; for one str use encode()")
        return [self.encode(text, allowed_special) for text in texts]

    def decode_bytes(self, token_ids: Iterable[int]) -> bytes:
        """Return the bytes of token ids; raises ValueError for an id that is out of range."""
        token_ids = token_ids.tolist() if hasattr(token_ids, "tolist") else list(token_ids)
        try:
            return b"".join([self.vocab[token_id] for token_id in token_ids])
        except KeyError as error:
            raise ValueError(
                f"token id {error.args[0]!r} is not in the vocabulary (0 to {self.vocab_size - 1})"
            ) from None
        except TypeError:
            raise TypeError("token ids must be one row of whole numbers") from None

    def decode(self, token_ids: Iterable[int]) -> str:
        """Return the text of token ids; invalid UTF-8 becomes the replacement character.

        >>> BPETokenizer.train("", vocab_size=257).decode([72, 105, 195])
        'Hi\\ufffd'
        """
        return self.decode_bytes(token_ids).decode("utf-8", errors="replace")

    def _allowed(self, allowed_special: str | Collection[str]) -> Collection[str]:
        if allowed_special == "all":
            return self.special_tokens
        if isinstance(allowed_special, str):
            raise ValueError(
                f'allowed_special is {allowed_special!r}; give a set of names or "all"'
            )
        for name in allowed_special:
            if name not in self.special_tokens:
                raise ValueError(f"{name!r} is not a special token of this tokenizer")
        return allowed_special

    def _encode_piece(self, piece: bytes) -> list[int]:
        """Encode one pre-token: the merge with the lowest rank first, from the left."""
        if piece in self._ids:
            return [self._ids[piece]]
        token_ids = merge_piece([self._byte_ids[value] for value in piece], self._merged)
        return [token_id for token_id in token_ids if token_id != LEFT_OUT]

    def save(self, path: str | os.PathLike) -> None:
        """Write the tokenizer to a readable JSON file; an error leaves an older file as it was."""
        write_json(path, self._ids, self.merges, self.special_tokens, self.pattern)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Self:
        """Read a file that `save` wrote; ValueError if it is not one, OSError if it is missing."""
        return cls(*read_json(path))

    def to_tiktoken(self, name: str = "helpers-bpe") -> "tiktoken.Encoding":
        """Return a `tiktoken.Encoding` that gives the same ids, several times faster."""
        import tiktoken

        return tiktoken.Encoding(
            name,
            pat_str=self.pattern,
            mergeable_ranks=dict(self._ids),
            special_tokens=dict(self.special_tokens),
        )

    @classmethod
    def from_tiktoken(cls, encoding: "tiktoken.Encoding") -> Self:
        """Build the tokenizer from a tiktoken encoding, with the same ids.

        tiktoken stores no merges, only ranks; `helpers.bpe.merge.recover_merges` finds them.
        """
        if not hasattr(encoding, "token_byte_values"):
            raise TypeError(f"from_tiktoken takes a tiktoken.Encoding, not {encoding!r}")
        vocab = {encoding.encode_single_token(t): t for t in encoding.token_byte_values()}
        merges = recover_merges(vocab)
        special = {name: encoding.encode_single_token(name) for name in encoding.special_tokens_set}
        return cls(vocab, merges, special, encoding._pat_str)

    def to_hf(self) -> str:
        """Return the text of a `tokenizer.json` for `tokenizers.Tokenizer.from_str`; same ids.

        Hugging Face turns every special token in a text into its id, as `allowed_special="all"`
        does here.
        """
        return hf_json(self._ids, self.merges, self.special_tokens, self.pattern)

    def __reduce__(self):  # pickle the parts, not the cache
        vocab = {token_id: token for token, token_id in self._ids.items()}
        return type(self), (vocab, self.merges, self.special_tokens, self.pattern)


class _Cache(dict):
    """The ids of pre-tokens seen before; text repeats itself, so most lookups succeed."""

    def __init__(self, tokenizer: BPETokenizer):
        super().__init__()
        self.encode_piece = tokenizer._encode_piece

    def __missing__(self, piece: str) -> tuple[int, ...]:
        token_ids = tuple(self.encode_piece(piece.encode("utf-8", errors="surrogateescape")))
        if len(piece) <= CACHED_LENGTH and len(self) < CACHE_SIZE:
            self[piece] = token_ids
        return token_ids


def _check_special_names(names: Sequence[str]) -> None:
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"special tokens must be a sequence of str, not {names!r}")
    if not all(names):
        raise ValueError("a special token must not be empty")
    if len(set(names)) < len(names):
        raise ValueError(f"a special token is listed twice: {names}")
