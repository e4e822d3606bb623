"""Attention: one readable function that returns its weights, and one fast module with many heads.

Shapes: B sequences, T new tokens, S tokens to look at (S = T without a cache), C embedding
dimensions, H heads, D = C / H dimensions a head.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from helpers.layers import Linear, once_in_half

SHORT = 512  # tokens up to which a CPU trains bfloat16 attention by plain matrix products


def causal_mask(query_length, key_length):
    """Which keys each query may look at: (T, S), True for itself and everything before.

    The last query stands at the last key. Raises ValueError with more queries than keys, or less
    than none.

    >>> causal_mask(2, 3).int().tolist()
    [[1, 1, 0], [1, 1, 1]]
    """
    if not 0 <= query_length <= key_length:
        raise ValueError(f"{query_length} queries cannot end at key {key_length}")
    every_pair = torch.ones(query_length, key_length, dtype=torch.bool)
    return every_pair.tril(diagonal=key_length - query_length)


def attend(queries, keys, values, mask=None):
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


def fused_attention(queries, keys, values, **options):
    """PyTorch's fused attention kernel, (B, H, T, D) each; on a CPU, bfloat16 goes other ways.

    The kernel's backward has no fast bfloat16 form there. In training, short texts go by plain
    matrix products, which have one, and longer ones by float32.

    >>> fused_attention(*torch.ones(3, 1, 1, 2, 4)).shape
    torch.Size([1, 1, 2, 4])
    """
    if queries.device.type != "cpu" or queries.dtype != torch.bfloat16:
        return F.scaled_dot_product_attention(queries, keys, values, **options)
    with torch.autocast("cpu", enabled=False):
        plain = options.get("is_causal") and not options.get("dropout_p")
        if plain and queries.requires_grad and queries.shape[2] <= SHORT:
            return short_attention(queries, keys, values)
        wide = queries.float(), keys.float(), values.float()
        return F.scaled_dot_product_attention(*wide, **options).to(queries.dtype)


def short_attention(queries, keys, values):
    """Causal attention by two batched matrix products that keep all weights, (B, H, T, D) each.

    It takes T times T numbers a head: faster than the fused kernel while they are few.

    >>> short_attention(*torch.ones(3, 1, 1, 2, 4)).shape
    torch.Size([1, 1, 2, 4])
    """
    length, size = queries.shape[-2:]
    rows = [x.reshape(-1, length, size) for x in (queries, keys, values)]  # (B * H, T, D)
    hidden = torch.full((length, length), -torch.inf, dtype=queries.dtype).triu(1)  # (T, T)
    scores = torch.baddbmm(hidden, rows[0], rows[1].mT, alpha=1 / math.sqrt(size))
    return (scores.softmax(dim=-1) @ rows[2]).view(queries.shape)


class MultiHeadAttention(nn.Module):
    """Causal self-attention in many heads at once, through PyTorch's fused kernel.

    `config.n_kv_heads` below `n_heads` makes groups of queries share keys and values.
    Sources: Vaswani et al. 2017, section 3.2.2; Dao et al. 2022 (the fused kernel).

    >>> from helpers.config import PRESETS
    >>> MultiHeadAttention(PRESETS["tiny"])(torch.zeros(1, 5, 64)).shape
    torch.Size([1, 5, 64])
    """

    def __init__(self, config):
        super().__init__()
        self.n_heads, self.n_kv_heads = config.n_heads, config.kv_heads
        self.head_dim, self.dropout = config.head_dim, config.dropout
        width, kv_width = config.embedding_dim, self.n_kv_heads * config.head_dim
        self.query = Linear(width, width, bias=config.qkv_bias)
        self.key = Linear(width, kv_width, bias=config.qkv_bias)
        self.value = Linear(width, kv_width, bias=config.qkv_bias)
        self.output = Linear(width, width)

    def forward(self, x, mask=None, cache=None, layer=0):
        """Mix (B, T, C) into (B, T, C); `mask` (True: may look) replaces the causal one.

        With a `cache`, x holds the new tokens only and the older keys come from its `layer`.
        """
        queries, keys, values = self.project(x)
        if cache is not None:
            keys, values = cache.extend(layer, keys, values)  # (B, H, S, D)
        new, known = queries.shape[2], keys.shape[2]
        if mask is None and known > new > 1:
            mask = causal_mask(new, known).to(x.device)
        context = fused_attention(
            queries,
            self._for_every_head(keys),
            self._for_every_head(values),
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=mask is None and new > 1,
        )  # (B, H, T, D)
        return self.output(context.transpose(1, 2).flatten(2))  # (B, T, C)

    def project(self, x):
        """Make queries (B, H, T, D), and keys and values (B, n_kv_heads, T, D) from (B, T, C)."""
        x = once_in_half(x)
        return (
            self._split(self.query(x), self.n_heads),
            self._split(self.key(x), self.n_kv_heads),
            self._split(self.value(x), self.n_kv_heads),
        )

    def weights(self, x, mask=None):
        """The attention weights (B, H, T, T) for (B, T, C), by the readable `attend`."""
        queries, keys, values = self.project(x)
        if mask is None:
            mask = causal_mask(x.shape[1], x.shape[1]).to(x.device)
        return attend(queries, self._for_every_head(keys), self._for_every_head(values), mask)[1]

    def _split(self, x, n_heads):
        return x.unflatten(-1, (n_heads, self.head_dim)).transpose(1, 2)  # (B, heads, T, D)

    def _for_every_head(self, x):
        shared_by = self.n_heads // self.n_kv_heads
        return x if shared_by == 1 else x.repeat_interleave(shared_by, dim=1)  # (B, H, S, D)
