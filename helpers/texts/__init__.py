"""Texts to learn from: where they come from, and how they become batches of token ids.

`corpora` finds them by name, `prepare` cuts and encodes one, `loaders`, `documents` and
`token_files` make batches.
"""

from helpers.texts.corpora import (
    available,
    data_folder,
    fetch,
    gpt2_encoding,
    load_corpus,
    load_instructions,
    load_sms,
)

__all__ = [
    "available",
    "data_folder",
    "fetch",
    "gpt2_encoding",
    "load_corpus",
    "load_instructions",
    "load_sms",
]
