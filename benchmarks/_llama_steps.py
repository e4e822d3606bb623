"""The GPT of `bench llama`: GPT-2's as it begins, and each of Llama's parts a field of `Parts`.

With the defaults it is `helpers.model.GPT`, with `LLAMA` it is `helpers.llama.Llama`: the tests load
the weights of one into the other and compare the logits. Everything between is one change apart.

Shapes: B sequences, T tokens, C embedding dimensions, H query heads, G heads of keys and values, D
dimensions per head, R rotated dimensions of latent attention, F hidden dimensions, E experts,
N = B * T tokens of a batch, V tokens in the vocabulary.
"""

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from helpers.attention import causal_mask
from helpers.layers import LayerNorm
from helpers.llama.config import rope_frequencies
from helpers.llama.model import RMSNorm, rotate


@dataclass(frozen=True)
class Parts:
    """The sizes of a model, and which parts it is made of; the defaults are GPT-2's parts.

    `feed_forward` is gelu, squared_relu or swiglu. With a `window`, every second layer sees no
    more than so many tokens, its own included. `latent` is what latent attention keeps of a token.
    With `n_experts`, two of them work on each token, each with a hidden size of `hidden_dim` / 2;
    `balance` is the weight of the loss that evens out their load.
    """

    vocab_size: int = 1024
    context_length: int = 192
    embedding_dim: int = 96
    n_heads: int = 4
    n_layers: int = 4
    hidden_dim: int = 384
    rms_norm: bool = False
    rotary: bool = False
    feed_forward: str = "gelu"
    n_kv_heads: int = 4
    biases: bool = True
    tied: bool = True
    qk_norm: bool = False
    window: int = 0
    latent: int = 0
    n_experts: int = 0
    balance: float = 0.0

    @property
    def head_dim(self):
        return self.embedding_dim // self.n_heads


LLAMA = {
    "rms_norm": True,
    "rotary": True,
    "feed_forward": "swiglu",
    "n_kv_heads": 2,
    "biases": False,
}
ROTATED = 12  # R: the dimensions of a latent's key that carry the position
PER_TOKEN = 2  # experts that work on a token


def rotary_table(length, head_dim, base=10_000.0):
    """The cosines and sines of the positions 0 to `length` - 1, (T, D / 2) each."""
    frequencies = torch.tensor(rope_frequencies(head_dim, base))
    angles = torch.outer(torch.arange(length, dtype=torch.float32), frequencies)
    return angles.cos(), angles.sin()


def window_mask(length, window):
    """Which keys each query may look at, (T, T): its own and the `window` - 1 before it.

    >>> window_mask(4, 2).int().tolist()
    [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    """
    return causal_mask(length, length).triu(1 - window)


class Attention(nn.Module):
    """Causal self-attention, (B, T, C) to (B, T, C); `window` is 0 where everything is seen."""

    def __init__(self, parts, window):
        super().__init__()
        self.parts, self.window = parts, window
        width, size = parts.embedding_dim, parts.head_dim
        linear = partial(nn.Linear, bias=parts.biases)
        self.query = linear(width, parts.n_heads * size)
        self.key = linear(width, parts.n_kv_heads * size)
        self.value = linear(width, parts.n_kv_heads * size)
        self.output = linear(parts.n_heads * size, width)
        if parts.qk_norm:
            self.norm_query, self.norm_key = RMSNorm(size), RMSNorm(size)

    def forward(self, x):
        by_head = (-1, self.parts.head_dim)
        queries = self.query(x).unflatten(-1, by_head).transpose(1, 2)  # (B, H, T, D)
        keys = self.key(x).unflatten(-1, by_head).transpose(1, 2)  # (B, G, T, D)
        values = self.value(x).unflatten(-1, by_head).transpose(1, 2)  # (B, G, T, D)
        if self.parts.qk_norm:
            queries, keys = self.norm_query(queries), self.norm_key(keys)
        if self.parts.rotary:
            table = rotary_table(x.shape[1], self.parts.head_dim)
            queries, keys = rotate(queries, *table), rotate(keys, *table)
        shared_by = self.parts.n_heads // self.parts.n_kv_heads
        context = F.scaled_dot_product_attention(
            queries,
            keys.repeat_interleave(shared_by, dim=1),
            values.repeat_interleave(shared_by, dim=1),
            attn_mask=window_mask(x.shape[1], self.window) if self.window else None,
            is_causal=not self.window,
        )
        return self.output(context.transpose(1, 2).flatten(2))  # (B, T, C)


class LatentAttention(nn.Module):
    """Attention whose keys and values are made from one short vector per token, (B, T, C) to same.

    A rotated key cannot be made from a latent that does not know its position. So each query and
    key has a second part, of R dimensions, that is rotated; all heads share that part of the key.
    At inference the cache would hold the latent and the rotated part alone.
    Source: DeepSeek-AI 2024 (DeepSeek-V2), section 2.1.
    """

    def __init__(self, parts, window):
        super().__init__()
        assert not window and parts.rotary
        self.parts = parts
        width, size, linear = parts.embedding_dim, parts.head_dim, partial(nn.Linear, bias=False)
        self.query = linear(width, parts.n_heads * (size + ROTATED))
        self.latent, self.norm_latent = linear(width, parts.latent), RMSNorm(parts.latent)
        self.key = linear(parts.latent, parts.n_heads * size)
        self.value = linear(parts.latent, parts.n_heads * size)
        self.rotated_key = linear(width, ROTATED)
        self.output = linear(parts.n_heads * size, width)

    def forward(self, x):
        heads, size = self.parts.n_heads, self.parts.head_dim
        table = rotary_table(x.shape[1], ROTATED)
        latent, rotated = self.norm_latent(self.latent(x)), self.rotated_key(x)
        queries = self.query(x).unflatten(-1, (heads, -1)).transpose(1, 2)  # (B, H, T, D + R)
        plain, turned = queries.split([size, ROTATED], dim=-1)
        queries = torch.cat([plain, rotate(turned, *table)], dim=-1)
        keys = self.key(latent).unflatten(-1, (heads, -1)).transpose(1, 2)  # (B, H, T, D)
        shared = rotate(rotated, *table)[:, None].expand(-1, heads, -1, -1)  # (B, H, T, R)
        values = self.value(latent).unflatten(-1, (heads, -1)).transpose(1, 2)
        context = F.scaled_dot_product_attention(
            queries, torch.cat([keys, shared], dim=-1), values, is_causal=True
        )
        return self.output(context.transpose(1, 2).flatten(2))  # (B, T, C)


class FeedForward(nn.Module):
    """Work on each token alone, (..., C) to (..., C)."""

    def __init__(self, parts, hidden_dim):
        super().__init__()
        self.kind = parts.feed_forward
        linear, width = partial(nn.Linear, bias=parts.biases), parts.embedding_dim
        self.gate = linear(width, hidden_dim) if self.kind == "swiglu" else None
        self.expand, self.project = linear(width, hidden_dim), linear(hidden_dim, width)

    def forward(self, x):
        expanded = self.expand(x)  # (..., F)
        if self.kind == "swiglu":
            return self.project(F.silu(self.gate(x)) * expanded)
        if self.kind == "squared_relu":  # So et al. 2021 (Primer)
            return self.project(F.relu(expanded).square())
        return self.project(F.gelu(expanded, approximate="tanh"))


class Experts(nn.Module):
    """Many feed-forward networks, and a router that gives each token to a few, (B, T, C) to same.

    `share` (E,) is the share of the choices that fell on each expert in the last forward pass.
    `imbalance` is 1 where the load is even: the Switch Transformer's loss (Fedus et al. 2021) over
    all of a token's experts. Weights of the experts as in Jiang et al. 2024 (Mixtral).
    """

    def __init__(self, parts):
        super().__init__()
        self.router = nn.Linear(parts.embedding_dim, parts.n_experts, bias=False)
        self.experts = nn.ModuleList(
            FeedForward(parts, parts.hidden_dim // PER_TOKEN) for _ in range(parts.n_experts)
        )

    def forward(self, x):
        rows = x.flatten(0, -2)  # (N, C)
        logits = self.router(rows)  # (N, E)
        best = logits.topk(PER_TOKEN, dim=-1)
        weights = best.values.softmax(dim=-1)  # (N, 2)
        mixed = torch.zeros_like(rows)
        for number, expert in enumerate(self.experts):
            row, place = (best.indices == number).nonzero(as_tuple=True)
            mixed = mixed.index_add(0, row, weights[row, place, None] * expert(rows[row]))
        self.share = torch.bincount(best.indices.flatten(), minlength=len(self.experts))
        self.share = self.share / best.indices.numel()
        self.imbalance = len(self.experts) * self.share @ logits.softmax(dim=-1).mean(dim=0)
        return mixed.view_as(x)


class Block(nn.Module):
    """Attention, then the feed-forward network, each normalized before and added after."""

    def __init__(self, parts, layer):
        super().__init__()
        norm = RMSNorm if parts.rms_norm else LayerNorm
        attention = LatentAttention if parts.latent else Attention
        self.norm_attention = norm(parts.embedding_dim)
        self.attention = attention(parts, parts.window if layer % 2 == 0 else 0)
        self.norm_feed_forward = norm(parts.embedding_dim)
        self.feed_forward = (
            Experts(parts) if parts.n_experts else FeedForward(parts, parts.hidden_dim)
        )

    def forward(self, x):
        x = x + self.attention(self.norm_attention(x))
        return x + self.feed_forward(self.norm_feed_forward(x))


class SteppedGPT(nn.Module):
    """Token ids (B, T) in, logits (B, T, V) out.

    >>> SteppedGPT(Parts())(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 1024])
    """

    def __init__(self, parts):
        super().__init__()
        self.config, width = parts, parts.embedding_dim
        self.token_embedding = nn.Embedding(parts.vocab_size, width)
        if not parts.rotary:
            self.position_embedding = nn.Embedding(parts.context_length, width)
        self.blocks = nn.ModuleList(Block(parts, layer) for layer in range(parts.n_layers))
        self.final_norm = RMSNorm(width) if parts.rms_norm else LayerNorm(width)
        self.output_head = nn.Linear(width, parts.vocab_size, bias=False)
        self._initialize()
        if parts.tied:
            self.output_head.weight = self.token_embedding.weight

    def forward(self, token_ids):
        x = self.token_embedding(token_ids)  # (B, T, C)
        if not self.config.rotary:
            x = x + self.position_embedding.weight[: x.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.output_head(self.final_norm(x))

    def loads(self):
        """The share of each expert in the last forward pass, a list (E,) per layer."""
        return [block.feed_forward.share.tolist() for block in self.blocks]

    def n_parameters(self):
        """Count the trainable numbers; a tied head is counted once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def n_active(self):
        """The parameters that work on one token: two experts of all."""
        experts = [block.feed_forward.experts for block in self.blocks if self.config.n_experts]
        idle = [e for some in experts for e in list(some)[PER_TOKEN:]]
        return self.n_parameters() - sum(p.numel() for e in idle for p in e.parameters())

    def _initialize(self):
        residual = 0.02 / (2 * self.config.n_layers) ** 0.5  # as in helpers.model.GPT
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                adds_to_x = name.endswith(("attention.output", "project"))
                nn.init.normal_(module.weight, std=residual if adds_to_x else 0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)


def same_size(parts, wanted):
    """Choose the hidden size, an even number, with which the active parameters come near `wanted`.

    >>> same_size(Parts(feed_forward="swiglu"), SteppedGPT(Parts()).n_parameters()).hidden_dim
    256
    """
    with torch.device("meta"):
        of = {
            hidden: SteppedGPT(replace(parts, hidden_dim=hidden)).n_active() for hidden in (64, 128)
        }
        each = (of[128] - of[64]) / 64  # parameters per hidden dimension
        return replace(parts, hidden_dim=64 + 2 * round((wanted - of[64]) / each / 2))
