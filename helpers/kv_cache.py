"""The key–value cache: keep what attention computed for old tokens, compute only the new one.

Shapes: B sequences, T new tokens, S tokens so far, G heads of keys and values, D dimensions per head.
"""

import torch

from helpers.config import GPTConfig
from helpers.limits import check_whole


class KVCache:
    """Space for the keys and values of every layer, filled from the left as tokens come.

    `max_length` is at most the context length (its default). Raises ValueError past it, and for
    another number of sequences than `batch_size`.
    Source: Pope et al. 2022, section 2.1, describes the technique.

    >>> from helpers.config import PRESETS
    >>> cache = KVCache(PRESETS["tiny"])
    >>> cache.length, cache.max_length
    (0, 64)
    """

    def __init__(
        self,
        config: GPTConfig,
        batch_size: int = 1,
        max_length: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.max_length = config.context_length if max_length is None else max_length
        check_whole("max_length", self.max_length, least=1, most=config.context_length)
        check_whole("batch_size", batch_size, least=1)
        shape = (config.n_layers, batch_size, config.kv_heads, self.max_length, config.head_dim)
        self.keys = torch.empty(shape, device=device, dtype=dtype)
        self.values = torch.empty(shape, device=device, dtype=dtype)
        self.length = 0

    def extend(
        self, layer: int, keys: torch.Tensor, values: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store new keys and values (B, G, T, D) of a layer; return all so far, (B, G, S, D)."""
        if len(keys) != self.keys.shape[1]:  # an assignment would silently repeat one sequence
            raise ValueError(f"{len(keys)} sequences do not fit a cache of {self.keys.shape[1]}")
        end = self.length + keys.shape[2]
        if end > self.max_length:
            raise ValueError(f"{end} tokens do not fit a cache of {self.max_length}")
        self.keys[layer, :, :, self.length : end] = keys
        self.values[layer, :, :, self.length : end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def advance(self, n_tokens: int) -> None:
        """Count the tokens that every layer has now stored."""
        self.length += n_tokens

    def n_bytes(self) -> int:
        """Memory that the cache holds, in bytes."""
        return 2 * self.keys.numel() * self.keys.element_size()
