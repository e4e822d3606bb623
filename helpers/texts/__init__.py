"""Training texts: where they come from, and how they become batches of token ids.

`corpora` finds them by name, `prepare` splits and encodes one, `token_files` does so for a file of
any size, and `loaders` and `documents` make batches.
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
