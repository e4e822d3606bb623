"""Batches of whole documents, one a row, instead of windows cut from one long row.

A short document fits into the context whole. It starts after the end-of-text token that closed
the one before and ends with its own; rows of one batch have nearly one length, and what is left of
a row is padding that no loss counts:

    inputs     <end>  The   end    .                   (T,)
    targets     The   end    .   <end>                 the loss of a whole document
    padding                        ·   ·               target -100

Shapes: B batch, T the longest row of a batch.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch

from helpers.fast.head_loss import IGNORED
from helpers.limits import check_whole

_POOL = 16  # batches whose documents are sorted by length together


class DocumentLoader:
    """Hands out batches of `(inputs, targets)`, LongTensors (B, T), one epoch a `for` loop.

    The order depends on the seed and the epoch alone; `state_dict` and `load_state_dict` go on in
    the middle of an epoch. Rows are padded to a multiple of `round_to`: with fewer lengths the
    processor prepares fewer kernels, in less time and memory. `scored` says of each token of each
    document, and of the end that closes it, whether the loss counts it (None: all count); a prompt
    is read and not scored. With `batch_tokens` a batch of long documents has fewer rows, as many as
    that number of places holds, so that every token has about the same weight; no batch is left
    out then. The documents marked in `first` come in batches of their own, before all others.
    Raises ValueError for a batch size below 1, for no full batch, for an empty document, for
    `scored` or `first` of another length, and for `batch_tokens` that do not hold the longest
    document.

    >>> loader = DocumentLoader([[5, 6], [7]], end_id=0, batch_size=2)
    >>> inputs, targets = next(iter(loader))
    >>> inputs.tolist(), targets.tolist()
    ([[0, 7, 0], [0, 5, 6]], [[7, 0, -100], [5, 6, 0]])
    """

    def __init__(
        self,
        documents: Iterable[Sequence[int]],
        end_id: int,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = True,
        round_to: int = 1,
        scored: Iterable[Sequence[bool]] | None = None,
        batch_tokens: int | None = None,
        first: Sequence[bool] | None = None,
    ):
        check_whole("batch_size", batch_size, least=1)
        check_whole("round_to", round_to, least=1)
        check_whole("seed", seed, least=0, most=2**32 - 1)
        self.documents = [np.asarray(document, dtype=np.int64) for document in documents]
        empty = next((i for i, ids in enumerate(self.documents) if not len(ids)), None)
        if empty is not None:
            raise ValueError(f"document {empty} has no tokens")
        if len(self.documents) < (batch_size if drop_last else 1):
            raise ValueError(f"{len(self.documents)} documents do not fill a batch of {batch_size}")
        self.scored = _checked(scored, self.documents)
        self.first = np.zeros(len(self.documents), bool) if first is None else np.array(first, bool)
        if len(self.first) != len(self.documents):
            raise ValueError(
                f"first has {len(self.first)} marks for {len(self.documents)} documents"
            )
        self.end_id, self.batch_size, self.seed = end_id, batch_size, seed
        self.shuffle, self.drop_last, self.round_to = shuffle, drop_last, round_to
        self.epoch, self.position, self._go_on = 0, 0, False
        longest = self._places(max(map(len, self.documents)))
        if batch_tokens is not None:
            check_whole("batch_tokens", batch_tokens, least=longest)
        self.batch_tokens = batch_tokens
        self.n_cut = 0  # how many documents were cut to fit; `instruction_loader` counts them
        n_tokens = sum(map(len, self.documents)) + len(self.documents)
        rows = len(self.documents) if batch_tokens is None else len(self) * batch_size
        self.tokens_a_row = n_tokens / rows  # on average

    def __len__(self) -> int:
        """Batches in one epoch."""
        if self.batch_tokens is not None or self.first.any():
            return len(self._batches(self.epoch))
        whole, rest = divmod(len(self.documents), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        self.position = self.position if self._go_on else 0
        self._go_on = False
        batches = self._batches(self.epoch)
        while self.position < len(batches):
            self.position += 1
            yield self.batch(batches[self.position - 1])
        self.epoch, self.position = self.epoch + 1, 0

    def batch(self, indices: Sequence[int] | np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """The documents of these numbers as inputs and targets (B, T)."""
        chosen = [self.documents[i] for i in indices]
        length = self._places(max(map(len, chosen)))
        inputs = np.full((len(chosen), length), self.end_id, dtype=np.int64)
        targets = np.full((len(chosen), length), IGNORED, dtype=np.int64)
        for row, (number, ids) in enumerate(zip(indices, chosen, strict=True)):
            inputs[row, 1 : len(ids) + 1] = ids
            targets[row, : len(ids)] = ids
            targets[row, len(ids)] = self.end_id
            if self.scored is not None:
                targets[row, : len(ids) + 1][~self.scored[number]] = IGNORED
        return torch.from_numpy(inputs), torch.from_numpy(targets)

    def state_dict(self) -> dict:
        """Where the loader stands, as plain numbers that go into JSON."""
        return {"epoch": self.epoch, "position": self.position, **self._identity()}

    def load_state_dict(self, state: dict) -> None:
        """Go on from a `state_dict()`; raises ValueError if it is of other data or settings."""
        if not isinstance(state, dict):
            raise TypeError(f"the state must be a dictionary, not {type(state).__name__}")
        for name, value in self._identity().items():
            if state.get(name) != value:
                raise ValueError(f"the saved loader had {name} {state.get(name)}, this has {value}")
        self.epoch, self.position, self._go_on = state["epoch"], state["position"], True

    def _identity(self) -> dict:
        return {
            "documents": len(self.documents),
            "batch_size": self.batch_size,
            "seed": self.seed,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
            "batch_tokens": self.batch_tokens,
        }

    def _batches(self, epoch: int) -> list[np.ndarray]:
        """Every batch of an epoch as document numbers: like lengths together, order shuffled."""
        # NumPy has frozen this generator: the order is the same on every machine and release.
        rng = np.random.RandomState([self.seed, epoch])
        n = len(self.documents)
        order = rng.permutation(n) if self.shuffle else np.arange(n)
        lengths = np.array([len(ids) for ids in self.documents])
        cut = self._of_one_size if self.batch_tokens is None else self._of_one_width
        batches = []
        for part in (order[self.first[order]], order[~self.first[order]]):
            cut_part = cut(part, lengths)
            mixed = rng.permutation(len(cut_part)) if self.shuffle else range(len(cut_part))
            batches += [cut_part[i] for i in mixed]
        return batches

    def _of_one_size(self, order, lengths) -> list[np.ndarray]:
        """Batches of `batch_size` documents, neighbors in length within a pool."""
        batches, pool = [], self.batch_size * _POOL
        for start in range(0, len(order), pool):
            near = order[start : start + pool]
            if self.shuffle:
                near = near[np.argsort(lengths[near], kind="stable")]
            batches += _cut(near, self.batch_size)
        return [b for b in batches if len(b) == self.batch_size or not self.drop_last]

    def _of_one_width(self, order, lengths) -> list[np.ndarray]:
        """Batches of rows of one width, as many as `batch_tokens` places hold.

        Nearly all batches of a width have one shape, so the processor prepares for it once.
        """
        width = self._places(lengths[order])
        return [
            batch
            for w in np.unique(width)
            for batch in _cut(order[width == w], min(self.batch_size, self.batch_tokens // w))
        ]

    def _places(self, length):
        """The places that a row of so many tokens and its end take, rounded up."""
        return -(-(length + 1) // self.round_to) * self.round_to


def _cut(rows, size) -> list[np.ndarray]:
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def _checked(scored, documents):
    """The marks of every document as arrays of truth values, one a token and one for its end."""
    if scored is None:
        return None
    marks = [np.asarray(row, dtype=bool) for row in scored]
    if [len(row) for row in marks] != [len(ids) + 1 for ids in documents]:
        raise ValueError("scored must have a mark for each token of each document and for its end")
    return marks
