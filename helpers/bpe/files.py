"""Write byte pair vocabularies to files that people and other libraries can read.

JSON holds text, but tokens are bytes. So each byte is mapped to a printable character, as in
GPT-2's own `encoder.json`: visible Latin-1 characters map to themselves, the others to characters
from U+0100 on. A space becomes "Ġ".
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from helpers.bpe.train import GPT2_SPLIT_PATTERN
from helpers.files import write_whole

FORMAT, VERSION = "helpers.bpe", 1


def _printable_characters() -> list[str]:
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), 256)]
    hidden = [value for value in range(256) if value not in shown]
    return [chr(value if value in shown else 256 + hidden.index(value)) for value in range(256)]


BYTE_TO_CHARACTER = _printable_characters()
CHARACTER_TO_BYTE = {character: value for value, character in enumerate(BYTE_TO_CHARACTER)}


def printable(token: bytes) -> str:
    """Return a token's bytes as printable characters.

    >>> printable(b" the"), printable(b"\\n"), printable("é".encode())
    ('Ġthe', 'Ċ', 'Ã©')
    """
    return "".join([BYTE_TO_CHARACTER[value] for value in token])


def from_printable(text: str) -> bytes:
    """Return the bytes of printable characters; ValueError for one outside the 256.

    >>> from_printable("Ġthe")
    b' the'
    """
    try:
        return bytes([CHARACTER_TO_BYTE[character] for character in text])
    except KeyError as error:
        raise ValueError(f"{error.args[0]!r} in {text!r} does not represent a byte") from None


def write_json(
    path: str | os.PathLike,
    vocab: dict[bytes, int],
    merges: Sequence[tuple[bytes, bytes]],
    special_tokens: dict[str, int],
    pattern: str,
) -> None:
    """Write a tokenizer's parts to a JSON file; an error leaves an older file as it was."""
    contents = {
        "format": FORMAT,
        "version": VERSION,
        "pattern": pattern,
        "special_tokens": special_tokens,
        "vocab": {printable(token): token_id for token, token_id in vocab.items()},
        "merges": [f"{printable(a)} {printable(b)}" for a, b in merges],
    }
    write_whole(path, json.dumps(contents, ensure_ascii=False, indent=1) + "\n")


def read_json(
    path: str | os.PathLike,
) -> tuple[dict[int, bytes], list[tuple[bytes, bytes]], dict[str, int], str]:
    """Read vocabulary, merges, special tokens and pattern; raises ValueError for another file."""
    try:
        contents = json.loads(Path(path).read_text("utf-8-sig"))
        found = (contents["format"], contents["version"])
        if found != (FORMAT, VERSION):
            raise ValueError(f"its format is {found}, not {(FORMAT, VERSION)}")
        vocab = {token_id: from_printable(text) for text, token_id in contents["vocab"].items()}
        lines = [line.split(" ") for line in contents["merges"]]
        merges = [(from_printable(a), from_printable(b)) for a, b in lines]
        special_tokens, pattern = contents["special_tokens"], contents["pattern"]
        if not all(type(token_id) is int for token_id in (*vocab, *special_tokens.values())):
            raise ValueError("an id is not an integer")
        return vocab, merges, special_tokens, pattern
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is not a tokenizer file: {error!r}") from error


def hf_json(
    vocab: dict[bytes, int],
    merges: Sequence[tuple[bytes, bytes]],
    special_tokens: dict[str, int],
    pattern: str,
) -> str:
    """Return the tokenizer in Hugging Face's format, as the text of a `tokenizer.json`."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    own_split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"}
    splits = [own_split | {"invert": False}, byte_level | {"use_regex": False}]
    is_gpt2 = pattern == GPT2_SPLIT_PATTERN
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    contents = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": token_id, "content": name, **flags, "special": True}
            for name, token_id in special_tokens.items()
        ],
        "normalizer": None,
        "pre_tokenizer": (
            byte_level | {"use_regex": True}
            if is_gpt2
            else {"type": "Sequence", "pretokenizers": splits}
        ),
        "post_processor": None,
        "decoder": byte_level | {"use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": True,  # a pre-token that is a token needs no merging
            "vocab": {printable(token): token_id for token, token_id in vocab.items()},
            "merges": [[printable(a), printable(b)] for a, b in merges],
        },
    }
    return json.dumps(contents, ensure_ascii=False)
