"""Many files of token ids as one long sequence, of which only what a batch needs is read.

A large corpus is published in **shards**: files of a hundred million tokens, so that processes and
downloads can share the work. This is the form of llm.c and of the data sets made for it:

    256 numbers of 4 bytes    20240520, version 1, how many tokens, then zeros
    token ids, 2 bytes each   50256  464  2612 ...

The files are memory-mapped: the operating system reads the pages that a batch touches. A window may
begin in one shard and end in the next.
Source: the header is that of llm.c (Karpathy 2024), dev/data/data_common.py.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from helpers.files import replacing
from helpers.limits import check_whole
from helpers.texts.loaders import TokenWindows, WindowLoader, check_range

MAGIC, VERSION, HEADER = 20240520, 1, 256  # HEADER numbers of four bytes
MOST_TOKENS = 2**31 - 1  # the count has four bytes


def write_shard(path: Path | str, token_ids: Iterable[int]) -> int:
    """Write token ids, each below 65,536, as one shard; return their number.

    Raises ValueError for no ids, too many, or one that does not fit.
    """
    ids = np.array(list(token_ids), dtype=np.int64)
    check_whole("the number of token ids", len(ids), least=1, most=MOST_TOKENS)
    check_range(ids, 1 << 16)
    header = np.zeros(HEADER, "<i4")
    header[:3] = MAGIC, VERSION, len(ids)
    with replacing(path) as unfinished:
        unfinished.write_bytes(header.tobytes() + ids.astype("<u2").tobytes())
    return len(ids)


def read_shard(path: Path | str) -> np.ndarray:
    """Open a shard as a memory map of its token ids.

    Raises ValueError, naming the file, for one of another form or a truncated one.
    """
    size = Path(path).stat().st_size
    if size < 4 * HEADER:
        raise ValueError(f"{path} has {size} bytes; a shard has a header of {4 * HEADER}")
    magic, version, count = np.fromfile(path, "<i4", 3).tolist()
    if (magic, version) != (MAGIC, VERSION):
        raise ValueError(f"{path} is not a shard: it begins with {magic}, version {version}")
    if count < 1 or size != 4 * HEADER + 2 * count:
        raise ValueError(
            f"{path} speaks of {count:,} tokens and has {size:,} bytes: is it truncated?"
        )
    return np.memmap(path, "<u2", "r", offset=4 * HEADER, shape=(count,))


class TokenShards:
    """Several shards as one sequence of token ids; an index, a slice or an array of indices reads it.

    Raises ValueError for no shards, and as `read_shard` does.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [f"{folder}/{name}.bin" for name in "ab"]
    ...     lengths = write_shard(paths[0], [5, 6, 7]), write_shard(paths[1], [8, 9])
    ...     shards = TokenShards(paths, vocab_size=10)
    ...     len(shards), shards[1:4].tolist()
    (5, [6, 7, 8])
    """

    def __init__(self, paths: Sequence[Path | str], vocab_size: int) -> None:
        check_whole("vocab_size", vocab_size, least=1, most=1 << 16)
        if not paths:
            raise ValueError("there are no shards to read")
        self.vocab_size, self.parts = vocab_size, [read_shard(path) for path in paths]
        self.ends = np.cumsum([len(part) for part in self.parts])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, where: Any) -> np.ndarray:
        if isinstance(where, slice):
            where = np.arange(*where.indices(len(self)))
        where = np.asarray(where)
        if where.size and not 0 <= where.min() <= where.max() < len(self):
            raise IndexError(f"token {where.max()} of {len(self):,}")
        shard = np.searchsorted(self.ends, where, side="right")
        ids = np.empty(where.shape, np.uint16)
        for number in np.unique(shard):
            here, part = shard == number, self.parts[number]
            ids[here] = part[where[here] - (self.ends[number] - len(part))]
        if ids.size and ids.max() >= self.vocab_size:
            raise ValueError(f"token id {ids.max()} is not below the limit of {self.vocab_size}")
        return ids

    def max(self) -> int:
        """The largest id that may come; reading them all would take longer than an epoch."""
        return self.vocab_size - 1


class ShardWindows(TokenWindows):
    """`TokenWindows` over shards, none of which is read before a window needs it."""

    def __init__(self, shards: TokenShards, context_length: int) -> None:
        check_whole("context_length", context_length, least=1)
        if len(shards) < context_length + 1:
            raise ValueError(f"{len(shards)} tokens are too few for a context of {context_length}")
        self.tokens: Any = shards
        self.context_length = self.stride = context_length


def shard_loader(
    paths: Sequence[Path | str],
    vocab_size: int,
    context_length: int,
    batch_size: int,
    seed: int = 0,
    shuffle: bool = True,
    drop_last: bool = True,
) -> WindowLoader:
    """Return a loader of (inputs, targets) batches (B, T) over shards, to be given to `train`.

    `drop_last` leaves out a last batch that is not full. It goes on after an interruption like every loader. Raises ValueError as `TokenShards` does, and
    where there is not one batch.
    """
    windows = ShardWindows(TokenShards(paths, vocab_size), context_length)
    return WindowLoader(windows, batch_size, shuffle, seed, drop_last=drop_last)
