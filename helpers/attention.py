"""Attention: one readable function that returns its weights, and one fast module with many heads.

Shapes: B sequences, T new tokens, S tokens to look at (S = T without a cache), C embedding
dimensions, H query heads, G key and value heads, D = C / H dimensions per head.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from helpers.config import GPTConfig
from helpers.kv_cache import KVCache


def causal_mask(query_length: int, key_length: int) -> torch.Tensor:
    """Which keys each query may look at: (T, S), True for itself and everything before.

    The last query belongs to the last key. Raises ValueError for more queries than keys, or a
    negative number of queries.

    >>> causal_mask(2, 3).int().tolist()
    [[1, 1, 0], [1, 1, 1]]
    """
    if not 0 <= query_length <= key_length:
        raise ValueError(f"{query_length} queries cannot end at key {key_length}")
    every_pair = torch.ones(query_length, key_length, dtype=torch.bool)
    return every_pair.tril(diagonal=key_length - query_length)


def attend(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scaled dot-product attention: return the context vectors and the attention weights.

    queries (..., T, D), keys and values (..., S, D); `mask` is True where a query may look.
    Returns context (..., T, D) and weights (..., T, S). Source: Vaswani et al. 2017, section 3.2.1.

    >>> same = torch.zeros(2, 4)
    >>> context, weights = attend(same, same, torch.tensor([[0.0], [1.0]]))
    >>> context.tolist(), weights.tolist()
    ([[0.5], [0.5]], [[0.5, 0.5], [0.5, 0.5]])
    """
    scores = queries @ keys.transpose(-2, -1) / math.sqrt(keys.shape[-1])  # (..., T, S)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = scores.softmax(dim=-1)
    return weights @ values, weights


class MultiHeadAttention(nn.Module):
    """Causal self-attention in many heads at once, through PyTorch's fused kernel.

    `config.n_kv_heads` below `n_heads` makes groups of queries share keys and values.
    Sources: Vaswani et al. 2017, section 3.2.2; Dao et al. 2022 (the fused kernel).

    >>> from helpers.config import PRESETS
    >>> MultiHeadAttention(PRESETS["tiny"])(torch.zeros(1, 5, 64)).shape
    torch.Size([1, 5, 64])
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads = config.n_heads, config.kv_heads
        self.head_dim, self.dropout = config.head_dim, config.dropout
        width, kv_width = config.embedding_dim, config.kv_heads * config.head_dim
        self.query = nn.Linear(width, width, bias=config.qkv_bias)
        self.key = nn.Linear(width, kv_width, bias=config.qkv_bias)
        self.value = nn.Linear(width, kv_width, bias=config.qkv_bias)
        self.output = nn.Linear(width, width)

    def forward(
        self, x: torch.Tensor, cache: KVCache | None = None, layer: int = 0
    ) -> torch.Tensor:
        """Mix (B, T, C) into (B, T, C).

        With a `cache`, x holds the new tokens only and the older keys come from its `layer`.
        """
        queries, keys, values = self.project(x)
        if cache is not None:
            keys, values = cache.extend(layer, keys, values)  # (B, G, S, D)
        context = self.mix(queries, self._for_every_head(keys), self._for_every_head(values))
        return self.output(context.transpose(1, 2).flatten(2))  # (B, T, C)

    def project(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Make queries (B, H, T, D), and keys and values (B, G, T, D), from (B, T, C)."""
        return (
            self._split(self.query(x), self.n_heads),
            self._split(self.key(x), self.n_kv_heads),
            self._split(self.value(x), self.n_kv_heads),
        )

    def mix(self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Let each query (B, H, T, D) look at the keys (B, H, S, D) up to its own position."""
        new, known = queries.shape[2], keys.shape[2]
        return F.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=causal_mask(new, known).to(keys.device) if known > new > 1 else None,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=new == known,
        )  # (B, H, T, D)

    def weights(self, x: torch.Tensor) -> torch.Tensor:
        """The attention weights (B, H, T, T) for (B, T, C), by the readable `attend`."""
        queries, keys, values = self.project(x)
        mask = causal_mask(x.shape[1], x.shape[1]).to(x.device)
        return attend(queries, self._for_every_head(keys), self._for_every_head(values), mask)[1]

    def _split(self, x, n_heads):
        return x.unflatten(-1, (n_heads, self.head_dim)).transpose(1, 2)  # (B, heads, T, D)

    def _for_every_head(self, x):
        shared_by = self.n_heads // self.n_kv_heads
        return x if shared_by == 1 else x.repeat_interleave(shared_by, dim=1)  # (B, H, S, D)
