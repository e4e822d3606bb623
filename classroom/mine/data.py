"""Part 3 of `my_llm.py`: from a text file to batches of inputs and targets."""

import random
from pathlib import Path

import torch


def read_parts(path):
    """Return a text file in two parts: what to learn from, and its last tenth, held out."""
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    cut = int(len(text) * 0.9)
    cut = text.rfind("\n", 0, cut) + 1 or cut  # at a line end
    return text[:cut], text[cut:]


def windows(ids, context_length, stride):
    """Cut token ids into inputs and targets (N, T); targets are the inputs shifted by one."""
    ids = torch.as_tensor(ids, dtype=torch.long)
    starts = torch.arange(0, max(0, len(ids) - context_length), stride)  # (N,)
    positions = starts[:, None] + torch.arange(context_length)  # (N, T)
    return ids[positions], ids[positions + 1]


def batches(inputs, targets, batch_size, seed=None):
    """Yield (inputs, targets) of (B, T), in order or shuffled; the incomplete last is left out."""
    order = torch.arange(len(inputs))
    if seed is not None:
        order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(seed))
    for start in range(0, len(order) - batch_size + 1, batch_size):
        rows = order[start : start + batch_size]
        yield inputs[rows], targets[rows]


def shuffled(n, seed, epoch):
    """Return 0 to n - 1 in the order of an epoch: that of NumPy's RandomState([seed, epoch])."""
    # its Mersenne Twister is that of `random`, set from two numbers (Matsumoto and Nishimura 2002)
    state, bits, last = [19650218], 2**32 - 1, 0
    for i in range(1, 624):
        state.append(1812433253 * (state[-1] ^ (state[-1] >> 30)) + i & bits)
    for step in range(624 + 623):
        i = step % 623 + 1
        factor, term = (1664525, (seed, epoch + 1)[step % 2]) if step < 624 else (1566083941, -i)
        state[i] = (state[i] ^ (state[last] ^ (state[last] >> 30)) * factor) + term & bits
        last = i
    generator, order = random.Random(), list(range(n))
    generator.setstate((3, (2**31, *state[1:], 624), None))
    for last in range(n - 1, 0, -1):
        while (other := generator.getrandbits(32) & 2 ** last.bit_length() - 1) > last:
            pass
        order[last], order[other] = order[other], order[last]
    return order


def endless_batches(ids, config, context_length, skip=0):
    """Yield batches of windows, epoch after epoch, from batch number `skip` on."""
    inputs, targets = windows(ids, context_length, context_length)
    epoch, position = divmod(skip, len(inputs) // config.batch_size)
    while True:
        order = shuffled(len(inputs), config.seed, epoch)[position * config.batch_size :]
        yield from batches(inputs[order], targets[order], config.batch_size)
        epoch, position = epoch + 1, 0
