"""Byte pair encoding: train a vocabulary, encode, decode, read and write GPT-2's files.

`train` learns merges, `merge` applies them, `files` reads other programs' vocabularies, and
`tokenizer` holds the class that a reader uses.
"""

from helpers.bpe.tokenizer import BPETokenizer

__all__ = ["BPETokenizer"]
