"""The GPT of `time_to_loss`: GPT-2's, with what the field has learned since, each idea a switch.

    rotary         queries and keys are turned by their position, instead of a position table
    qk_norm        queries and keys are normalized, so that no attention score explodes
    squared_relu   the feed-forward network bends by ReLU squared, cheaper than GELU
    zero_init      what a block adds starts at zero: at first the model is its embedding alone
    token_shift    each token also sees a learned share of the token before it, at the very start

Every norm brings a vector to mean 0 and variance 1 and has no weights; nothing has a bias.
Shapes: B sequences, T tokens, C embedding dimensions, H heads, D = C / H dimensions a head.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Shape:
    """The sizes of the model, and which ideas it uses."""

    vocab_size: int
    context_length: int = 64
    embedding_dim: int = 128
    n_heads: int = 4
    n_layers: int = 3
    rotary: bool = True
    qk_norm: bool = True
    squared_relu: bool = True
    zero_init: bool = True
    token_shift: bool = True

    @property
    def head_dim(self):
        return self.embedding_dim // self.n_heads


def norm(x):
    """Bring the last dimension to mean 0 and variance 1 (Ba et al. 2016), without any weights."""
    return F.layer_norm(x, x.shape[-1:])


def rotary_table(context_length, head_dim, base=10_000.0):
    """Complex numbers (T, 1, D / 2) of length 1: that of position t, pair i has angle t / base^(2i/D).

    To multiply by one turns a pair of numbers in its plane. Source: Su et al. 2021 (RoFormer).
    """
    rates = base ** (-torch.arange(0, head_dim, 2) / head_dim)  # (D / 2,)
    angles = torch.arange(context_length)[:, None, None] * rates
    return torch.polar(torch.ones_like(angles), angles)


def rotate(x, table):
    """Turn each pair of neighboring numbers of (B, T, H, D) by the angle of its position."""
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))  # (B, T, H, D / 2)
    return torch.view_as_real(pairs * table[: x.shape[1]]).flatten(3)


class SquaredReLU(torch.autograd.Function):
    """ReLU, squared. Source: So et al. 2021 (Primer).

    By hand, since PyTorch would take six passes over the largest tensor where four are enough.
    """

    @staticmethod
    def forward(context, x):
        positive = F.relu(x)
        context.save_for_backward(positive)
        return positive * positive

    @staticmethod
    def backward(context, gradient):
        (positive,) = context.saved_tensors
        return (gradient * positive).mul_(2)


class Attention(nn.Module):
    """Causal self-attention, (B, T, C) to (B, T, C)."""

    def __init__(self, shape):
        super().__init__()
        self.shape, width = shape, shape.embedding_dim
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        table = rotary_table(shape.context_length, shape.head_dim)
        self.register_buffer("table", table, persistent=False)

    def forward(self, x):
        heads = (-1, x.shape[1], self.shape.n_heads, self.shape.head_dim)
        queries, keys, values = (  # (B, T, H, D) each
            linear(x).float().view(heads) for linear in (self.query, self.key, self.value)
        )
        if self.shape.qk_norm:  # Henry et al. 2020
            queries, keys = norm(queries), norm(keys)
        if self.shape.rotary:
            queries, keys = rotate(queries, self.table), rotate(keys, self.table)
        by_head = (part.transpose(1, 2) for part in (queries, keys, values))  # (B, H, T, D)
        context = F.scaled_dot_product_attention(*by_head, is_causal=True)
        return self.output(context.transpose(1, 2).flatten(2))  # (B, T, C)


class FeedForward(nn.Module):
    """Work on each token alone, (B, T, C) to (B, T, C)."""

    def __init__(self, shape):
        super().__init__()
        self.squared_relu = shape.squared_relu
        self.expand = nn.Linear(shape.embedding_dim, 4 * shape.embedding_dim, bias=False)
        self.project = nn.Linear(4 * shape.embedding_dim, shape.embedding_dim, bias=False)

    def forward(self, x):
        x = self.expand(x)  # (B, T, 4C)
        x = SquaredReLU.apply(x) if self.squared_relu else F.gelu(x, approximate="tanh")
        return self.project(x)  # (B, T, C)


class Block(nn.Module):
    """Attention, then the feed-forward network, each normalized before and added after."""

    def __init__(self, shape):
        super().__init__()
        self.attention, self.feed_forward = Attention(shape), FeedForward(shape)

    def forward(self, x):
        x = x + self.attention(norm(x))
        return x + self.feed_forward(norm(x))


class FastGPT(nn.Module):
    """Token ids (B, T) in, logits (B, T, V) out.

    >>> FastGPT(Shape(vocab_size=65))(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 65])
    """

    def __init__(self, shape):
        super().__init__()
        self.shape, width = shape, shape.embedding_dim
        self.token_embedding = nn.Embedding(shape.vocab_size, width)
        if not shape.rotary:
            self.position_embedding = nn.Embedding(shape.context_length, width)
        if shape.token_shift:
            self.share_before = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.n_layers))
        self.output_head = nn.Linear(width, shape.vocab_size, bias=False)
        self._initialize()

    def forward(self, token_ids):
        x = self.token_embedding(token_ids)  # (B, T, C)
        if self.shape.token_shift:  # Peng et al. 2023 (RWKV) mix so before every layer
            x = x + self.share_before * F.pad(x[:, :-1], (0, 0, 1, 0))
        if not self.shape.rotary:
            x = x + self.position_embedding.weight[: x.shape[1]]
        x = norm(x)
        for block in self.blocks:
            x = block(x)
        return self.output_head(norm(x))

    def n_parameters(self):
        """Count the trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    def _initialize(self):
        nn.init.normal_(self.token_embedding.weight)
        for block in self.blocks:
            for last in (block.attention.output, block.feed_forward.project):
                self._first_weights(last)
        self._first_weights(self.output_head)

    def _first_weights(self, linear):
        if self.shape.zero_init:  # Zhang, Dauphin and Ma 2019 (Fixup)
            nn.init.zeros_(linear.weight)
        else:
            nn.init.normal_(linear.weight, std=0.02)
