"""Part 3 of `my_llm.py`: from a text file to batches of inputs and targets."""

from pathlib import Path

import numpy as np

from classroom.mine.settings import DEVICE
from classroom.turns.t04 import batches, windows


def read_parts(path):
    """Return a text file in two parts: what to learn from, and its last tenth, held out."""
    if not Path(path).is_file():
        raise ValueError(f"there is no file {path}")
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    cut = int(len(text) * 0.9)
    cut = text.rfind("\n", 0, cut) + 1 or cut  # at a line end
    return text[:cut], text[cut:]


def endless_batches(ids, config, context_length, skip=0):
    """Yield batches of windows, each epoch in another order, from batch number `skip` on."""
    inputs, targets = windows(ids, context_length, context_length)
    epoch, position = divmod(skip, len(inputs) // config.batch_size)
    while True:
        order = np.random.RandomState([config.seed, epoch]).permutation(len(inputs))
        order = order[position * config.batch_size :]
        for pair in batches(inputs[order], targets[order], config.batch_size):
            yield [part.to(DEVICE) for part in pair]
        epoch, position = epoch + 1, 0
