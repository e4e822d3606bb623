"""The tokenizer inside a GGUF file: byte-level BPE, as in `helpers.bpe`, with another split pattern.

A file lists its tokens, which of them are special, and its merges; it only names the pattern that
splits text into pre-tokens. SmolLM2's is GPT-2's, with every digit on its own:

    "in 1984"  ->  "in", " ", "1", "9", "8", "4"
"""

from collections.abc import Mapping
from typing import Any

from helpers.bpe import BPETokenizer
from helpers.bpe.files import from_printable
from helpers.bpe.train import GPT2_SPLIT_PATTERN

# The patterns by the names that GGUF files give them. Source: the tokenizer.json files of the models.
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_LLAMA3_END = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3_WORD = r"|[^\r\n\p{L}\p{N}]?\p{L}+"
PATTERNS = {
    "gpt-2": GPT2_SPLIT_PATTERN,
    # Digits are split off first, so the space before one is the end of its piece.
    "smollm": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+",
    "llama-bpe": _CONTRACTIONS + _LLAMA3_WORD + r"|\p{N}{1,3}" + _LLAMA3_END,
    "qwen2": _CONTRACTIONS + _LLAMA3_WORD + r"|\p{N}" + _LLAMA3_END,
}
NORMAL, CONTROL, USER_DEFINED = 1, 3, 4  # what a file says of each token


class FileTokenizer(BPETokenizer):
    """A tokenizer from another program's file, which may lack bytes that its text never had.

    SmolLM2 has no token for 21 of the 256 bytes, most of them in no valid text; `encode` leaves
    them out, as llama.cpp does.
    """

    needs_every_byte = False


def tokenizer_from_gguf(settings: Mapping[str, Any]) -> FileTokenizer:
    """Build the tokenizer that a GGUF file's `settings` describe.

    Raises ValueError if it is of another kind than byte-level BPE, has a pattern that we do not
    know, or its parts do not fit together.

    >>> tokenizer_from_gguf({"tokenizer.ggml.model": "llama"})
    Traceback (most recent call last):
    ValueError: the tokenizer is of the kind 'llama'; known is 'gpt2' (byte-level BPE)
    """
    kind, pattern = (settings.get(f"tokenizer.ggml.{name}") for name in ("model", "pre"))
    if kind != "gpt2":
        raise ValueError(f"the tokenizer is of the kind {kind!r}; known is 'gpt2' (byte-level BPE)")
    if pattern not in PATTERNS:
        raise ValueError(f"the split pattern is {pattern!r}; known are {', '.join(PATTERNS)}")
    tokens, kinds, merges = (_list(settings, name) for name in ("tokens", "token_type", "merges"))
    if len(kinds) != len(tokens):
        raise ValueError(f"there are {len(tokens):,} tokens and {len(kinds):,} token types")
    special = {
        token: token_id
        for token_id, (token, kind) in enumerate(zip(tokens, kinds, strict=True))
        if kind in (CONTROL, USER_DEFINED)
    }
    vocab = {
        token_id: from_printable(token)
        for token_id, (token, kind) in enumerate(zip(tokens, kinds, strict=True))
        if kind == NORMAL
    }
    return FileTokenizer(vocab, [_pair(line) for line in merges], special, PATTERNS[pattern])


def _list(settings, name):
    found = settings.get(f"tokenizer.ggml.{name}")
    if not isinstance(found, list):
        raise ValueError(f"tokenizer.ggml.{name} is missing or no list")
    kind = int if name == "token_type" else str
    if not all(type(item) is kind for item in found):
        raise ValueError(f"tokenizer.ggml.{name} holds something else than {kind.__name__}")
    return found


def _pair(line):
    first, space, second = line.partition(" ")
    if not space:
        raise ValueError(f"the merge {line!r} is not two tokens with a space between them")
    return from_printable(first), from_printable(second)
