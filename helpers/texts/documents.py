"""Batches of whole documents, one per row, instead of windows of one long sequence.

A short document fits into the context as a whole. It starts after the end-of-text token of the
document before it and ends with its own. The rows of a batch have similar lengths, and shorter
ones are padded; the loss ignores the padding:

    inputs     <end>  The   end    .                   (T,)
    targets     The   end    .   <end>                 the loss of a whole document
    padding                        ·   ·               target -100

Shapes: B documents in a batch, T tokens in its longest row.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from helpers.limits import check_whole
from helpers.loss import IGNORED
from helpers.texts.loaders import Loader, as_array, check_range, in_batches

_POOL = 16  # batches whose documents are sorted by length together


class DocumentLoader(Loader):
    """Hands out batches of `(inputs, targets)`, LongTensors (B, T), one epoch for every `for` loop.

    The order depends only on the seed and the epoch; `state_dict` and `load_state_dict` continue in
    the middle of an epoch. Rows are padded to a multiple of `round_to`: with fewer different
    lengths the processor prepares fewer kernels, which saves time and memory. `scored` has a truth
    value for each token of each document and for its end: whether the loss counts it (None: all);
    the tokens of a prompt are not scored. With `batch_tokens`, a batch of long documents has fewer
    rows, so that it has at most that many tokens and every token about the same weight; `drop_last`
    has no effect then. The documents marked in `first` come in batches of their own, before all
    others. Raises TypeError for ids that are not integers; ValueError for an empty document, no full
    batch, `scored` or `first` of another length, and `batch_tokens` below the longest row.

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
        check_whole("end_id", end_id, least=0)
        check_whole("batch_size", batch_size, least=1)
        check_whole("round_to", round_to, least=1)
        check_whole("seed", seed, least=0, most=2**32 - 1)
        self.documents = [as_array(document) for document in documents]
        if 0 in (lengths := [len(ids) for ids in self.documents]):
            raise ValueError(f"document {lengths.index(0)} has no tokens")
        if len(self.documents) < (batch_size if drop_last else 1):
            raise ValueError(f"{len(self.documents)} documents do not fill a batch of {batch_size}")
        self.scored = _checked(scored, self.documents)
        self.first = np.zeros(len(lengths), bool) if first is None else np.array(first, bool)
        if len(self.first) != len(lengths):
            raise ValueError(f"first has {len(self.first)} values, documents {len(lengths)}")
        for ids in self.documents:
            check_range(ids, None)
        self.vocab_size = max(end_id, *(int(ids.max()) for ids in self.documents)) + 1  # at least
        self.end_id, self.batch_size, self.seed = end_id, batch_size, seed
        self.shuffle, self.drop_last, self.round_to = shuffle, drop_last, round_to
        longest = self._width(max(lengths))
        if batch_tokens is not None:
            check_whole("batch_tokens", batch_tokens, least=longest)
        self.batch_tokens = batch_tokens
        self.n_cut = 0  # how many documents were cut to fit; `instruction_loader` counts them
        rows = len(lengths) if batch_tokens is None else len(self) * batch_size
        self.tokens_a_row = (sum(lengths) + len(lengths)) / rows  # on average

    def __len__(self) -> int:
        """Batches in one epoch."""
        if self.batch_tokens is not None or self.first.any():
            return len(self._batches(self.epoch))
        whole, rest = divmod(len(self.documents), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def batch(self, indices: Sequence[int] | np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """The documents with these indices as inputs and targets (B, T)."""
        chosen = [self.documents[i] for i in indices]
        length = self._width(max(map(len, chosen)))
        inputs = np.full((len(chosen), length), self.end_id, dtype=np.int64)
        targets = np.full((len(chosen), length), IGNORED, dtype=np.int64)
        for row, (number, ids) in enumerate(zip(indices, chosen, strict=True)):
            inputs[row, 1 : len(ids) + 1] = ids
            targets[row, : len(ids)] = ids
            targets[row, len(ids)] = self.end_id
            if self.scored is not None:
                targets[row, : len(ids) + 1][~self.scored[number]] = IGNORED
        return torch.from_numpy(inputs), torch.from_numpy(targets)

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
        """Every batch of an epoch as document indices: similar lengths together, order shuffled."""
        # NumPy guarantees this generator: the same order on every machine and in every release.
        rng = np.random.RandomState([self.seed, epoch])
        n = len(self.documents)
        order = rng.permutation(n) if self.shuffle else np.arange(n)
        lengths = np.array([len(ids) for ids in self.documents])
        group = self._of_one_size if self.batch_tokens is None else self._of_one_width
        batches = []
        for part in (order[self.first[order]], order[~self.first[order]]):
            grouped = group(part, lengths)
            mixed = rng.permutation(len(grouped)) if self.shuffle else range(len(grouped))
            batches += [grouped[i] for i in mixed]
        return batches

    def _of_one_size(self, order, lengths) -> list[np.ndarray]:
        """Batches of `batch_size` documents of similar length, sorted within a pool."""
        batches, pool = [], self.batch_size * _POOL
        for start in range(0, len(order), pool):
            near = order[start : start + pool]
            if self.shuffle:
                near = near[np.argsort(lengths[near], kind="stable")]
            batches += in_batches(near, self.batch_size)
        return [b for b in batches if len(b) == self.batch_size or not self.drop_last]

    def _of_one_width(self, order, lengths) -> list[np.ndarray]:
        """Batches of rows of the same width, with at most `batch_tokens` tokens each.

        Nearly all batches of a width have the same shape, so kernels are prepared once.
        """
        width = self._width(lengths[order])
        return [
            batch
            for w in np.unique(width)
            for batch in in_batches(order[width == w], min(self.batch_size, self.batch_tokens // w))
        ]

    def _width(self, length):
        """The width of a row with `length` tokens and an end, rounded up."""
        return -(-(length + 1) // self.round_to) * self.round_to


def _checked(scored, documents):
    """`scored` as one boolean array per document, with a value per token and one for its end."""
    if scored is None:
        return None
    marks = [np.asarray(row, dtype=bool) for row in scored]
    if [len(row) for row in marks] != [len(ids) + 1 for ids in documents]:
        raise ValueError("scored must have a value for each token of each document and for its end")
    if not any(map(np.any, marks)):
        raise ValueError("no token is scored: there is nothing to learn from")
    return marks
