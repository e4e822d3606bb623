"""Attention in bfloat16 on a CPU, where PyTorch's fused kernel has no fast backward pass.

Shapes: B sequences, T tokens, C embedding dimensions, H heads, D dimensions per head.
"""

import math
from collections.abc import Callable

import torch

from helpers.attention import MultiHeadAttention
from helpers.llama.model import GroupedQueryAttention, SwiGLU

Angles = tuple[torch.Tensor, torch.Tensor]
Projected = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
SHORT = 512  # tokens up to which plain matrix products train faster than the fused kernel


class FastAttention(MultiHeadAttention):
    """`MultiHeadAttention` with the same weights; in bfloat16 on a CPU it computes in other ways.

    >>> from helpers.config import PRESETS
    >>> FastAttention(PRESETS["tiny"])(torch.zeros(1, 5, 64)).shape
    torch.Size([1, 5, 64])
    """

    def project(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Make queries, keys and values; autocast converts x once for all three."""
        return super().project(autocast_once(x))

    def mix(self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Let each query look back; short texts by plain products, others in float32."""
        dropout = self.dropout if self.training else 0.0
        return mix_in_bfloat16(super().mix, queries, keys, values, dropout)


class FastGroupedQueryAttention(GroupedQueryAttention):
    """`GroupedQueryAttention` with the same weights, made faster in training as `FastAttention` is.

    >>> from helpers.llama import LlamaConfig
    >>> from helpers.llama.model import rotary_angles
    >>> config = LlamaConfig(embedding_dim=64, n_heads=4, n_kv_heads=2)
    >>> FastGroupedQueryAttention(config)(torch.zeros(1, 5, 64), rotary_angles(config, 0, 5)).shape
    torch.Size([1, 5, 64])
    """

    def project(self, x: torch.Tensor, angles: Angles) -> Projected:
        """Make rotated queries, keys, and values; autocast converts x once for all three."""
        return super().project(autocast_once(x), angles)

    def mix(self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Let each query look back; short texts by plain products, others in float32."""
        return mix_in_bfloat16(super().mix, queries, keys, values)


class FastSwiGLU(SwiGLU):
    """`SwiGLU` with the same weights; autocast converts x once for gate and expansion.

    >>> from helpers.llama import LlamaConfig
    >>> FastSwiGLU(LlamaConfig(embedding_dim=64, n_heads=4, n_kv_heads=2))(torch.zeros(1, 64)).shape
    torch.Size([1, 64])
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(autocast_once(x))


def mix_in_bfloat16(
    mix: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor],
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    dropout: float = 0.0,
) -> torch.Tensor:
    """What `mix` gives, in another way where it is in bfloat16 on a CPU; (B, H, T, D) each.

    >>> def mix(queries, keys, values):
    ...     return values
    >>> mix_in_bfloat16(mix, *torch.ones(3, 1, 1, 2, 4)).shape
    torch.Size([1, 1, 2, 4])
    """
    if queries.device.type != "cpu" or queries.dtype != torch.bfloat16:
        return mix(queries, keys, values)
    new, known = queries.shape[2], keys.shape[2]
    with torch.autocast("cpu", enabled=False):
        if new == known <= SHORT and queries.requires_grad and not dropout:
            return short_attention(queries, keys, values)
        context = mix(queries.float(), keys.float(), values.float())
    return context.to(queries.dtype)


def autocast_once(x: torch.Tensor) -> torch.Tensor:
    """Give x the type that autocast computes in, so that several layers need not each convert it.

    >>> with torch.autocast("cpu", torch.bfloat16):
    ...     autocast_once(torch.ones(1)).dtype
    torch.bfloat16
    """
    device = x.device.type
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return x.to(torch.get_autocast_dtype(device))
    return x


def short_attention(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor
) -> torch.Tensor:
    """Causal attention by two batched matrix products that keep all weights, (B, H, T, D) each.

    It takes T times T numbers per head: faster than the fused kernel while they are few.

    >>> short_attention(*torch.ones(3, 1, 1, 2, 4)).shape
    torch.Size([1, 1, 2, 4])
    """
    length, size = queries.shape[-2:]
    rows = [x.reshape(-1, length, size) for x in (queries, keys, values)]  # (B * H, T, D)
    hidden = torch.full((length, length), -torch.inf, dtype=queries.dtype).triu(1)  # (T, T)
    scores = torch.baddbmm(hidden, rows[0], rows[1].mT, alpha=1 / math.sqrt(size))
    return (scores.softmax(dim=-1) @ rows[2]).view(queries.shape)
