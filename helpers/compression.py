"""Compression as a baseline: bits per byte of a model compared with those of gzip and xz.

A model that predicts well compresses well: its loss is the length of an arithmetic code.
"""

import gzip
import lzma
import math
from collections.abc import Sequence

import torch
from torch.nn import functional as F

from helpers.bpe import BPETokenizer
from helpers.model import GPT
from helpers.tokenizer import END_OF_TEXT


def compressor_bits_per_byte(train_text: str, held_out_text: str) -> dict[str, float]:
    """Bits per byte that gzip and xz need for `held_out_text` after they have read `train_text`.

    Each compresses the training text alone and both together; the difference belongs to the
    held-out text. gzip looks back 32 KB, xz at everything. Returns {"gzip -9": bits, "xz -9e": bits}.
    Raises ValueError for an empty held-out text.

    >>> bits = compressor_bits_per_byte("to be or not to be " * 50, "to be or not to be " * 50)
    >>> bits["xz -9e"] < 1
    True
    """
    train, held_out = train_text.encode(), held_out_text.encode()
    if not held_out:
        raise ValueError("the held-out text is empty")
    packers = {
        "gzip -9": lambda data: gzip.compress(data, 9, mtime=0),
        "xz -9e": lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME),
    }
    return {
        name: 8 * (len(pack(train + held_out)) - len(pack(train))) / len(held_out)
        for name, pack in packers.items()
    }


@torch.no_grad()
def text_bits(model: GPT, token_ids: Sequence[int] | torch.Tensor, batch_size: int = 16) -> float:
    """Total bits that the model needs for `token_ids` (a list); the first token is not counted.

    Windows overlap by half, so that all but the first tokens see at least half a context.
    """
    was_training = model.training
    model.eval()
    context = model.config.context_length
    ids = torch.as_tensor(token_ids, dtype=torch.long)
    if len(ids) < 2:
        return 0.0
    device = model.token_embedding.weight.device
    nats = 0.0
    for inputs, targets in _half_overlapping(ids, context, batch_size):
        logits = model(inputs.to(device))  # (B, T, V)
        losses = F.cross_entropy(
            logits.flatten(0, 1).float(), targets.flatten().to(device), reduction="sum"
        )
        nats += losses.item()
    model.train(was_training)
    return nats / math.log(2)


def bits_per_byte(
    model: GPT, tokenizer: BPETokenizer, text: str | list[str], batch_size: int = 16
) -> float:
    """Bits per byte of `text` under the model, with the end-of-text token before it.

    `text` may be a list of documents: each is then read separately, and its end counts as well.
    Raises ValueError for an empty text or a tokenizer without <|endoftext|>.
    """
    end_of_text = tokenizer.special_tokens.get(END_OF_TEXT)
    if not text or end_of_text is None:
        raise ValueError(f"bits_per_byte needs a text and a tokenizer with {END_OF_TEXT}")
    texts, end = ([text], []) if isinstance(text, str) else (text, [end_of_text])
    rows = [[end_of_text, *tokenizer.encode(each, "all"), *end] for each in texts]
    bits = sum(text_bits(model, ids, batch_size) for ids in rows)
    return bits / sum(len(each.encode()) for each in texts)


def _half_overlapping(ids, context, batch_size):
    """Yield batches of windows; targets that an earlier window has counted are -100."""
    half = max(1, context // 2)
    windows = []
    counted = 0
    for start in range(0, len(ids) - 1, half):
        inputs = ids[start : start + context]
        targets = ids[start + 1 : start + 1 + context].clone()
        inputs = inputs[: len(targets)]
        targets[: max(0, counted - start)] = -100
        counted = start + len(targets)
        windows.append((inputs, targets))
        whole = len(targets) == context
        if len(windows) == batch_size or not whole:
            yield from _stack(windows)
            windows = []
        if counted >= len(ids) - 1:
            break
    yield from _stack(windows)


def _stack(windows):
    """Stack windows of the same length into a batch; a shorter last one is a batch of its own."""
    full = [window for window in windows if len(window[0]) == len(windows[0][0])] if windows else []
    if full:
        yield torch.stack([w[0] for w in full]), torch.stack([w[1] for w in full])
    for inputs, targets in windows[len(full) :]:
        yield inputs[None], targets[None]
