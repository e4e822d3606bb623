"""Part 3 of `my_llm.py`: from a text file to batches of inputs and targets."""

import random
from pathlib import Path

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


def shuffled(n, seed, epoch):
    """Return 0 to n - 1 in the order of an epoch: that of NumPy's RandomState([seed, epoch])."""
    # both set one Mersenne Twister from 32-bit words; `random` takes them as an int, whose last
    # word is not 0, and as word j counts as word + j, two words can be written as four
    words = (seed, epoch) if epoch else (seed, 0, seed - 2, -2)
    number = sum(word % 2**32 << 32 * place for place, word in enumerate(words))
    generator, order = random.Random(number), list(range(n))
    for last in range(n - 1, 0, -1):
        while (other := generator.getrandbits(32) & 2 ** last.bit_length() - 1) > last:
            pass
        order[last], order[other] = order[other], order[last]
    return order


def endless_batches(ids, config, context_length, skip=0):
    """Yield batches of windows, each epoch in another order, from batch number `skip` on."""
    inputs, targets = windows(ids, context_length, context_length)
    epoch, position = divmod(skip, len(inputs) // config.batch_size)
    while True:
        order = shuffled(len(inputs), config.seed, epoch)[position * config.batch_size :]
        for pair in batches(inputs[order], targets[order], config.batch_size):
            yield [part.to(DEVICE) for part in pair]
        epoch, position = epoch + 1, 0
