"""Split a text into a training and a held-out part, and train a tokenizer on the first."""

import numpy as np

from helpers.bpe import BPETokenizer
from helpers.bpe.train import valid_unicode
from helpers.limits import check_number
from helpers.tokenizer import END_OF_TEXT

TOKENIZER_BYTES = 64 << 20  # to train the tokenizer on; more changes little and takes longer


def split_text(text: str, held_out_share: float = 0.1) -> tuple[str, str]:
    """Split a text at a line end into a training part and a held-out part, its last tenth.

    Raises ValueError for an empty text or a share that is not between 0 and 1.

    >>> split_text("one two\\nthree four\\nfive\\n", 0.4)
    ('one two\\n', 'three four\\nfive\\n')
    """
    if not text.strip():
        raise ValueError("the text is empty")
    check_number("held_out_share", held_out_share, above=0, below=1)
    cut = int(len(text) * (1 - held_out_share))
    line_end = text.rfind("\n", 0, cut) + 1
    cut = line_end or cut
    return text[:cut], text[cut:]


def prepare(
    text: str, vocab_size: int, held_out_share: float = 0.1
) -> tuple[BPETokenizer, np.ndarray, np.ndarray, str, str]:
    """Train a tokenizer on a text's first part and encode both parts.

    Returns (tokenizer, train token ids, held-out token ids, train text, held-out text); the ids
    are int64 arrays. The tokenizer never sees the held-out part, and END_OF_TEXT in a text is read
    as that token.
    """
    train_text, held_out_text = split_text(text, held_out_share)
    beginning = valid_unicode(train_text).encode()[:TOKENIZER_BYTES].decode("utf-8", "ignore")
    tokenizer = BPETokenizer.train(beginning, vocab_size, special_tokens=(END_OF_TEXT,))
    train_ids, held_out_ids = (
        np.array(tokenizer.encode(part, "all"), dtype=np.int64)
        for part in (train_text, held_out_text)
    )
    return tokenizer, train_ids, held_out_ids, train_text, held_out_text
