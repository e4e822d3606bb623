"""BERT's encoder: every token looks at every other, those behind it included.

Its differences from `helpers.model.GPT`, in the order of this file:

    a mask of padding              instead of the causal one: which tokens are real
    normalization afterwards       x = norm(x + layer(x)), as in the transformer of 2017
    the exact GELU                 GPT-2 was trained with the tanh formula
    segments                       a third embedding: first or second text of a pair
    no output head                 vectors come out; what they are for comes after

Dropout is left out: the models here are small, or already trained.

Shapes: B sequences, T tokens, C embedding dimensions, H heads, D = C / H dimensions per head,
F hidden dimensions.
"""

from dataclasses import dataclass, fields

import torch
from torch import nn
from torch.nn import functional as F

from helpers.layers import LayerNorm
from helpers.limits import check_number, check_whole


@dataclass(frozen=True)
class EncoderConfig:
    """The sizes of an encoder; the defaults are BERT-base. `hidden` is the feed-forward's width.

    Raises ValueError if a number is too small or the heads do not divide the dimensions.
    Source: Devlin et al. 2018, section 3.

    >>> EncoderConfig(dimensions=384, n_heads=12).head_dim
    32
    """

    vocab_size: int = 30522
    context_length: int = 512
    dimensions: int = 768
    n_heads: int = 12
    n_layers: int = 12
    hidden: int = 3072
    n_segments: int = 2
    norm_epsilon: float = 1e-12

    def __post_init__(self):
        for field in fields(self):
            if field.type is int:
                check_whole(field.name, getattr(self, field.name), least=1, most=100_000_000)
        check_number("norm_epsilon", self.norm_epsilon, least=0, below=1)
        if self.dimensions % self.n_heads:
            raise ValueError(
                f"dimensions {self.dimensions} is not divisible by n_heads {self.n_heads}"
            )

    @property
    def head_dim(self) -> int:
        """The size of one head's query, key or value vector."""
        return self.dimensions // self.n_heads


class SelfAttention(nn.Module):
    """Attention to both sides, in many heads. (B, T, C) to (B, T, C).

    Source: Vaswani et al. 2017, section 3.2.2.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.query = nn.Linear(config.dimensions, config.dimensions)
        self.key = nn.Linear(config.dimensions, config.dimensions)
        self.value = nn.Linear(config.dimensions, config.dimensions)
        self.output = nn.Linear(config.dimensions, config.dimensions)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Mix (B, T, C); `mask` (B, T) is True where a token is real and may be looked at."""
        queries, keys, values = (
            layer(x).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )  # (B, H, T, D) each
        allowed = None if mask is None else mask[:, None, None, :]  # (B, 1, 1, T)
        context = F.scaled_dot_product_attention(queries, keys, values, attn_mask=allowed)
        return self.output(context.transpose(1, 2).flatten(2))  # (B, T, C)


class EncoderBlock(nn.Module):
    """Attention, then the feed-forward network, each added to x and normalized afterwards.

    (B, T, C) to (B, T, C). Source: Vaswani et al. 2017, section 3.1; GELU as in Devlin et al. 2018.

    >>> config = EncoderConfig(dimensions=64, n_heads=4, hidden=128)
    >>> EncoderBlock(config)(torch.zeros(1, 5, 64)).shape
    torch.Size([1, 5, 64])
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.attention = SelfAttention(config)
        self.norm_attention = LayerNorm(config.dimensions, config.norm_epsilon)
        self.expand = nn.Linear(config.dimensions, config.hidden)
        self.project = nn.Linear(config.hidden, config.dimensions)
        self.norm_feed_forward = LayerNorm(config.dimensions, config.norm_epsilon)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        x = self.norm_attention(x + self.attention(x, mask))
        return self.norm_feed_forward(x + self.project(F.gelu(self.expand(x))))


class Encoder(nn.Module):
    """BERT without a head: token ids (B, T) in, a vector for every token (B, T, C) out.

    Source: Devlin et al. 2018, section 3; initialized as there, normal with deviation 0.02.

    >>> config = EncoderConfig(vocab_size=100, dimensions=64, n_heads=4, n_layers=2, hidden=128)
    >>> Encoder(config)(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 64])
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.dimensions)
        self.position_embedding = nn.Embedding(config.context_length, config.dimensions)
        self.segment_embedding = nn.Embedding(config.n_segments, config.dimensions)
        self.norm_embedding = LayerNorm(config.dimensions, config.norm_epsilon)
        self.blocks = nn.ModuleList(EncoderBlock(config) for _ in range(config.n_layers))
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(
        self,
        token_ids: torch.Tensor,
        mask: torch.Tensor | None = None,
        segments: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the vectors (B, T, C) of token ids (B, T).

        `mask` (B, T) is False at padding, whose vectors mean nothing; None: no padding. `segments`
        (B, T) says to which text of a pair each token belongs; None: all to the first. Raises
        ValueError for a text longer than the context, and IndexError for an unknown id.
        """
        x = self.embed(token_ids, segments)
        for block in self.blocks:
            x = block(x, mask)
        return x

    def embed(self, token_ids: torch.Tensor, segments: torch.Tensor | None = None) -> torch.Tensor:
        """Add token, position and segment embeddings, then normalize: (B, T) to (B, T, C)."""
        length = token_ids.shape[1]
        if length > self.config.context_length:
            limit = self.config.context_length
            raise ValueError(f"{length} tokens are more than the context length {limit}")
        positions = torch.arange(length, device=token_ids.device)  # (T,)
        segments = torch.zeros_like(token_ids) if segments is None else segments  # (B, T)
        return self.norm_embedding(
            self.token_embedding(token_ids)
            + self.position_embedding(positions)
            + self.segment_embedding(segments)
        )
