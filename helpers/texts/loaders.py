"""From one long sequence of token ids to batches of inputs and targets.

A language model learns to predict the next token. So the targets are the inputs shifted by one:

    tokens     In  the  heart  of  the  city
    inputs     In  the  heart  of  the            (T,)
    targets        the  heart  of  the  city      (T,)

The sequence may be a list, a tensor, or a file that is larger than memory (`write_tokens`). The
order of batches depends only on seed and epoch, so that an interrupted run continues exactly.
Shapes: B batch, T context length.
"""

import array
import hashlib
import itertools
import tokenize
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from helpers.files import replacing
from helpers.limits import check_whole

_CHUNK = 1 << 20  # ids written at a time


class TokenWindows(torch.utils.data.Dataset):
    """Cut a sequence of token ids into pairs of inputs and targets of `context_length` ids each.

    A window begins at every `stride`-th token; by default windows do not overlap. Item `i` is a
    pair of LongTensors of shape (T,). Works with `torch.utils.data.DataLoader`.

    Raises ValueError if there are fewer than `context_length + 1` ids, for a stride below 1, and
    for ids that are negative or not below `vocab_size`; TypeError for ids or lengths that are not
    integers. Sliding windows as in Raschka, Build a Large Language Model (2024), section 2.6.

    >>> inputs, targets = TokenWindows([10, 11, 12, 13, 14], context_length=2, stride=2)[1]
    >>> inputs.tolist(), targets.tolist()
    ([12, 13], [13, 14])
    """

    def __init__(
        self,
        tokens: Sequence[int] | np.ndarray | torch.Tensor,
        context_length: int,
        stride: int | None = None,
        vocab_size: int | None = None,
    ):
        stride = context_length if stride is None else stride
        check_whole("context_length", context_length, least=1)
        check_whole("stride", stride, least=1)
        self.tokens = as_array(tokens)
        if len(self.tokens) < context_length + 1:
            raise ValueError(
                f"{len(self.tokens)} tokens are too few for a context of {context_length}: "
                f"at least {context_length + 1} are needed, one more for the last target"
            )
        check_range(self.tokens, vocab_size)
        self.context_length, self.stride = context_length, stride

    def __len__(self) -> int:
        return (len(self.tokens) - self.context_length - 1) // self.stride + 1

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        inputs, targets = self.batch(np.array([index % len(self)]))
        return inputs[0], targets[0]

    def batch(self, indices: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """The windows with these indices, as inputs and targets of shape (B, T) each."""
        starts = indices[:, None] * self.stride  # (B, 1)
        rows = self.tokens[starts + np.arange(self.context_length + 1)]  # (B, T + 1)
        ids = torch.from_numpy(rows.astype(np.int64, copy=False))
        return ids[:, :-1].contiguous(), ids[:, 1:].contiguous()  # (B, T) each


class Loader(ABC):
    """Hands out batches, one epoch for every `for` loop; `load_state_dict` continues within one.

    A loop that is left early starts the same epoch again. A subclass says with `_batches` which
    batches an epoch has, with `batch` what one holds, and with `_identity` what fixes their order.
    """

    epoch, position = 0, 0  # finished epochs, and batches handed out in this one
    _resumed = False

    @abstractmethod
    def __len__(self) -> int:
        """Batches in one epoch."""

    @abstractmethod
    def batch(self, indices: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and targets, (B, T) each."""

    @abstractmethod
    def _batches(self, epoch: int) -> Sequence[Any]: ...

    @abstractmethod
    def _identity(self) -> dict[str, Any]: ...

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        self.position = self.position if self._resumed else 0
        self._resumed = False
        batches = self._batches(self.epoch)
        while self.position < len(batches):
            self.position += 1
            yield self.batch(batches[self.position - 1])
        self.epoch, self.position = self.epoch + 1, 0

    def state_dict(self) -> dict[str, Any]:
        """The loader's position, as plain numbers that go into JSON."""
        return {"epoch": self.epoch, "position": self.position, **self._identity()}

    def load_state_dict(self, state: dict) -> None:
        """Continue from a `state_dict()`; raises ValueError if data or settings differ."""
        if not isinstance(state, dict):
            raise TypeError(f"the state must be a dictionary, not {type(state).__name__}")
        for name, value in self._identity().items():
            if state.get(name) != value:
                raise ValueError(
                    f"the saved loader had {name} {state.get(name)}, this one has {value}: "
                    "the order of batches would not be the same"
                )
        epoch, position = state.get("epoch"), state.get("position")
        if type(epoch) is not int or epoch < 0:
            raise ValueError(f"epoch is {epoch}; it must be a whole number, 0 or more")
        if type(position) is not int or not 0 <= position <= len(self):
            raise ValueError(f"position is {position}; it must be 0 to {len(self)}")
        self.epoch, self.position, self._resumed = epoch, position, True


class WindowLoader(Loader):
    """Hands out batches of windows as `(inputs, targets)`, each (B, T)."""

    def __init__(
        self, windows: TokenWindows, batch_size: int, shuffle: bool, seed: int, drop_last: bool
    ):
        check_whole("batch_size", batch_size, least=1)
        check_whole("seed", seed, least=0, most=2**32 - 1)
        if drop_last and len(windows) < batch_size:
            raise ValueError(
                f"{len(windows)} windows do not fill one batch of {batch_size}: take a smaller "
                "batch or stride, more text, or drop_last=False"
            )
        self.windows, self.batch_size = windows, batch_size
        self.shuffle, self.seed, self.drop_last = shuffle, seed, drop_last
        self.tokens_a_row = windows.context_length
        self.vocab_size = int(windows.tokens.max()) + 1  # the least that a model must have

    def batch(self, indices: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """The windows of these numbers as inputs and targets (B, T)."""
        return self.windows.batch(indices)

    def __len__(self) -> int:
        """Batches in one epoch."""
        whole, rest = divmod(len(self.windows), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def order(self, epoch: int) -> np.ndarray:
        """The indices of the windows in the order of an epoch: a new permutation for each."""
        if not self.shuffle:
            return np.arange(len(self.windows))
        # NumPy guarantees this generator: the same order on every machine and in every release.
        return np.random.RandomState([self.seed, epoch]).permutation(len(self.windows))

    def _batches(self, epoch: int) -> list[np.ndarray]:
        return in_batches(self.order(epoch), self.batch_size)[: len(self)]

    def _identity(self) -> dict[str, int | bool]:
        return {
            "windows": len(self.windows),
            "context_length": self.windows.context_length,
            "stride": self.windows.stride,
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "seed": self.seed,
            "drop_last": self.drop_last,
        }


def in_batches(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Pieces of `size` rows; the last may have fewer."""
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def create_loader(
    tokens: Sequence[int] | np.ndarray | torch.Tensor,
    context_length: int,
    batch_size: int,
    stride: int | None = None,
    shuffle: bool = True,
    seed: int = 0,
    drop_last: bool = True,
    vocab_size: int | None = None,
) -> WindowLoader:
    """Return a loader of `(inputs, targets)` batches, LongTensors of shape (B, T).

    `drop_last` leaves out the windows that do not fill a batch. Raises ValueError as
    `TokenWindows` does, and if there is not one full batch.

    >>> loader = create_loader(list(range(9)), context_length=4, batch_size=2, shuffle=False)
    >>> inputs, targets = next(iter(loader))
    >>> inputs.tolist()
    [[0, 1, 2, 3], [4, 5, 6, 7]]
    >>> targets.tolist()
    [[1, 2, 3, 4], [5, 6, 7, 8]]
    """
    windows = TokenWindows(tokens, context_length, stride, vocab_size)
    return WindowLoader(windows, batch_size, shuffle, seed, drop_last)


def write_tokens(path: Path | str, token_ids: Iterable[int], vocab_size: int | None = None) -> int:
    """Write token ids to a `.npy` file, a million at a time; return their number.

    An id takes two bytes if `vocab_size` is at most 65,536, else four. The ids may come from a
    generator, so a text larger than memory can be tokenized straight to disk. The file appears
    under its name only once it is complete.

    Raises ValueError if there are no ids, and for ids below 0 or not below `vocab_size`;
    TypeError for ids that are not integers.
    """
    small = vocab_size is not None and vocab_size <= 1 << 16
    dtype = np.dtype("<u2" if small else "<u4")
    limit = (1 << 32) if vocab_size is None else vocab_size
    count = 0
    with replacing(path) as unfinished, open(unfinished, "wb") as file:
        _write_header(file, dtype, 0)
        for chunk in _chunks(token_ids):
            check_range(chunk, limit)
            file.write(chunk.astype(dtype).tobytes())
            count += len(chunk)
        if count == 0:
            raise ValueError("there are no token ids to write")
        file.seek(0)
        _write_header(file, dtype, count)
    return count


def read_tokens(path: Path | str) -> np.ndarray:
    """Open a token file as a memory map: nothing is read until a window needs it.

    Raises ValueError for a file that `write_tokens` did not write or that is truncated, and
    OSError for a missing one.
    """
    try:
        tokens = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError, OverflowError, SyntaxError, tokenize.TokenError) as error:
        raise ValueError(f"{path} is truncated or not a token file: {error}") from error
    if not isinstance(tokens, np.ndarray) or tokens.ndim != 1 or tokens.dtype.kind != "u":
        raise ValueError(f"{path} does not hold one sequence of token ids")
    return tokens


def fingerprint(tokens: Any) -> str:
    """Identify a training text by its length and a hash of its first million tokens.

    `tokens` may also be a loader.

    >>> fingerprint([1, 2, 3])[:22]
    '3 tokens, sha256 e2e20'
    """
    if hasattr(tokens, "documents"):
        tokens = np.concatenate(tokens.documents)
    elif hasattr(tokens, "windows"):
        tokens = tokens.windows.tokens
    first = np.ascontiguousarray(np.asarray(tokens[:1_000_000]), dtype=np.int64)
    return f"{len(tokens)} tokens, sha256 {hashlib.sha256(first.tobytes()).hexdigest()}"


def _write_header(file, dtype: np.dtype, count: int) -> None:
    """Write a header; NumPy pads it for a larger count, so that it can be overwritten."""
    header = {"descr": dtype.str, "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(file, header)


def _chunks(token_ids: Iterable[int]) -> Iterator[np.ndarray]:
    if isinstance(token_ids, torch.Tensor | np.ndarray):
        yield from in_batches(as_array(token_ids), _CHUNK)
        return
    iterator = iter(token_ids)
    while len(chunk := _integers(itertools.islice(iterator, _CHUNK))):
        yield chunk


def as_array(tokens: Any) -> np.ndarray:
    """Token ids as an array of one dimension; a memory map stays one."""
    if isinstance(tokens, torch.Tensor):
        tokens = tokens.detach().cpu().numpy()
    elif not isinstance(tokens, np.ndarray):
        tokens = _integers(tokens)
    if tokens.ndim != 1:
        raise ValueError(f"token ids must have one dimension, got shape {tuple(tokens.shape)}")
    if tokens.dtype.kind not in "iu":
        raise TypeError(f"token ids must be integers, got {tokens.dtype}")
    return tokens


def _integers(tokens: Iterable[int]) -> np.ndarray:
    if isinstance(tokens, str | bytes):
        raise TypeError(f"token ids must be integers, got {type(tokens).__name__}")
    try:
        return np.frombuffer(array.array("q", tokens), dtype=np.int64)
    except OverflowError:
        raise ValueError("a token id does not fit into 64 bits") from None
    except TypeError:
        raise TypeError("token ids must be integers, one after another") from None


def check_range(tokens: np.ndarray, limit: int | None) -> None:
    """Raise ValueError for a token id below 0, or not below `limit`."""
    if tokens.dtype.kind == "i" and tokens.size and tokens.min() < 0:
        raise ValueError(f"token id {tokens.min()} is below 0")
    if limit is not None and tokens.size and tokens.max() >= limit:
        raise ValueError(f"token id {tokens.max()} is not below the limit of {limit}")
