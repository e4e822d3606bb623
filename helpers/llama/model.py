"""Llama: a GPT with other parts. Its differences from GPT-2, in the order of this file:

    RMSNorm for LayerNorm             no mean is taken away, nothing is shifted
    rotary positions                  queries and keys are rotated; no position embedding
    grouped queries                   several query heads share a head of keys and values
    SwiGLU for GELU                   a second matrix opens or closes each hidden number
    no biases, no dropout             (Qwen 2 keeps biases for queries, keys and values)

Shapes: B sequences, T new tokens, S tokens to look at, C embedding dimensions, H query heads, G key
and value heads, D dimensions per head, F hidden dimensions, V tokens in the vocabulary.
"""

import torch
from torch import nn
from torch.nn import functional as F

from helpers.attention import attend, causal_mask
from helpers.kv_cache import KVCache
from helpers.llama.config import LlamaConfig, rope_frequencies


class RMSNorm(nn.Module):
    """Divide each token's vector by its root mean square, then scale it. (..., C) to (..., C).

    Source: Zhang and Sennrich 2019.

    >>> [round(x, 4) for x in RMSNorm(2)(torch.tensor([1.0, 7.0])).tolist()]
    [0.2, 1.4]
    """

    def __init__(self, size: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.scale = nn.Parameter(torch.ones(size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, self.scale.shape, self.scale, self.epsilon)


def rotary_angles(config: LlamaConfig, past: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The cosines and sines of `length` positions after `past` earlier ones, (T, D / 2) each.

    >>> cosines, sines = rotary_angles(LlamaConfig(), past=0, length=2)
    >>> cosines[:, 0].tolist(), cosines.shape
    ([1.0, 0.5403], torch.Size([2, 32]))
    """
    frequencies = torch.tensor(rope_frequencies(config.head_dim, config.rope_base))  # (D / 2,)
    if config.rope_divisors is not None:
        frequencies = frequencies / torch.tensor(config.rope_divisors)
    positions = torch.arange(past, past + length, dtype=torch.float32)  # (T,)
    angles = torch.outer(positions, frequencies)  # (T, D / 2)
    return angles.cos(), angles.sin()


def rotate(x: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """Rotate each pair of dimensions of x (..., T, D) by its angle, (T, D / 2).

    A pair is dimension i of the first half and dimension i of the second half. The product of a
    rotated query and a rotated key depends only on how far apart the two are.
    Source: Su et al. 2021 (RoFormer).

    >>> quarter = torch.tensor([[0.0]]), torch.tensor([[1.0]])  # the cosine and sine of 90 degrees
    >>> rotate(torch.tensor([[1.0, 0.0]]), *quarter).tolist()
    [[0.0, 1.0]]
    """
    first, second = x.chunk(2, dim=-1)  # (..., T, D / 2)
    cosines, sines = cosines.to(x), sines.to(x)
    return torch.cat(
        [first * cosines - second * sines, first * sines + second * cosines], dim=-1
    )  # (..., T, D)


class GroupedQueryAttention(nn.Module):
    """Causal self-attention with rotary positions, in which H / G query heads share keys and values.

    Sources: Ainslie et al. 2023 (grouped queries); Yang et al. 2025 (Qwen 3: `qk_norm`).

    >>> config = LlamaConfig(embedding_dim=64, n_heads=4, n_kv_heads=2)
    >>> GroupedQueryAttention(config)(torch.zeros(1, 5, 64), rotary_angles(config, 0, 5)).shape
    torch.Size([1, 5, 64])
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads = config.n_heads, config.kv_heads
        width, size = config.embedding_dim, config.head_dim
        self.query = nn.Linear(width, config.n_heads * size, bias=config.qkv_bias)
        self.key = nn.Linear(width, config.kv_heads * size, bias=config.qkv_bias)
        self.value = nn.Linear(width, config.kv_heads * size, bias=config.qkv_bias)
        self.output = nn.Linear(config.n_heads * size, width, bias=False)
        self.norm_query: nn.Module = nn.Identity()
        self.norm_key: nn.Module = nn.Identity()
        if config.qk_norm:
            self.norm_query = RMSNorm(size, config.norm_epsilon)
            self.norm_key = RMSNorm(size, config.norm_epsilon)

    def forward(
        self,
        x: torch.Tensor,
        angles: tuple[torch.Tensor, torch.Tensor],
        cache: KVCache | None = None,
        layer: int = 0,
    ) -> torch.Tensor:
        """Mix (B, T, C) into (B, T, C); `angles` are those of the tokens in x.

        With a `cache`, x holds the new tokens only and the older keys come from its `layer`. They
        were rotated when they were stored: a key's position does not change.
        """
        queries, keys, values = self.project(x, angles)
        if cache is not None:
            keys, values = cache.extend(layer, keys, values)  # (B, G, S, D)
        context = self.mix(queries, self.for_every_head(keys), self.for_every_head(values))
        return self.output(context.transpose(1, 2).flatten(2))  # (B, T, C)

    def mix(self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Let each query (B, H, T, D) look at the keys (B, H, S, D) up to its own position."""
        new, known = queries.shape[2], keys.shape[2]
        return F.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=causal_mask(new, known).to(queries.device) if known > new > 1 else None,
            is_causal=new == known,
        )  # (B, H, T, D)

    def project(
        self, x: torch.Tensor, angles: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Make rotated queries (B, H, T, D) and keys, and values, (B, G, T, D), from (B, T, C)."""
        queries = self.norm_query(self.query(x).unflatten(-1, (self.n_heads, -1))).transpose(1, 2)
        keys = self.norm_key(self.key(x).unflatten(-1, (self.n_kv_heads, -1))).transpose(1, 2)
        values = self.value(x).unflatten(-1, (self.n_kv_heads, -1)).transpose(1, 2)
        return rotate(queries, *angles), rotate(keys, *angles), values

    def for_every_head(self, x: torch.Tensor) -> torch.Tensor:
        """Repeat keys or values (B, G, S, D) for the query heads that share them, (B, H, S, D)."""
        shared_by = self.n_heads // self.n_kv_heads
        return x if shared_by == 1 else x.repeat_interleave(shared_by, dim=1)

    def weights(self, x: torch.Tensor, angles: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """The attention weights (B, H, T, T) for (B, T, C), by the readable `attend`."""
        queries, keys, values = self.project(x, angles)
        mask = causal_mask(x.shape[1], x.shape[1]).to(x.device)
        return attend(queries, self.for_every_head(keys), self.for_every_head(values), mask)[1]


class SwiGLU(nn.Module):
    """Work on each token alone: expand, let a gate weigh each number, project back. (B, T, C).

    Source: Shazeer 2020 (GLU variants).

    >>> SwiGLU(LlamaConfig(embedding_dim=64, n_heads=4, n_kv_heads=2))(torch.zeros(1, 5, 64)).shape
    torch.Size([1, 5, 64])
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.gate = nn.Linear(config.embedding_dim, config.hidden_dim, bias=False)
        self.expand = nn.Linear(config.embedding_dim, config.hidden_dim, bias=False)
        self.project = nn.Linear(config.hidden_dim, config.embedding_dim, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.silu(self.gate(x)) * self.expand(x)  # (B, T, F)
        return self.project(x)  # (B, T, C)


class LlamaBlock(nn.Module):
    """Attention, then the feed-forward network, each normalized before and added after.

    (B, T, C) to (B, T, C). Source: Touvron et al. 2023, section 2.2.
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.norm_attention = RMSNorm(config.embedding_dim, config.norm_epsilon)
        self.attention = GroupedQueryAttention(config)
        self.norm_feed_forward = RMSNorm(config.embedding_dim, config.norm_epsilon)
        self.feed_forward = SwiGLU(config)

    def forward(
        self,
        x: torch.Tensor,
        angles: tuple[torch.Tensor, torch.Tensor],
        cache: KVCache | None = None,
        layer: int = 0,
    ) -> torch.Tensor:
        x = x + self.attention(self.norm_attention(x), angles, cache, layer)
        return x + self.feed_forward(self.norm_feed_forward(x))


class Llama(nn.Module):
    """The model of Llama 3: token ids in, a score for every token of the vocabulary out.

    It takes the place of `helpers.model.GPT` in `generate` and in training. Initialization as
    there. Sources: Touvron et al. 2023; Grattafiori et al. 2024 (Llama 3), section 3.2.

    >>> config = LlamaConfig(512, 64, embedding_dim=64, hidden_dim=128, n_heads=4, n_layers=2,
    ...                      n_kv_heads=2)
    >>> Llama(config)(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 512])
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.embedding_dim)
        self.blocks = nn.ModuleList(LlamaBlock(config) for _ in range(config.n_layers))
        self.final_norm = RMSNorm(config.embedding_dim, config.norm_epsilon)
        self.output_head = nn.Linear(config.embedding_dim, config.vocab_size, bias=False)
        self._initialize()
        if config.tie_weights:
            self.output_head.weight = self.token_embedding.weight

    def forward(self, token_ids: torch.Tensor, cache: KVCache | None = None) -> torch.Tensor:
        """Return logits (B, T, V) for token ids (B, T); see `hidden_states`."""
        return self.output_head(self.hidden_states(token_ids, cache))

    def hidden_states(self, token_ids: torch.Tensor, cache: KVCache | None = None) -> torch.Tensor:
        """Return what the model knows at each token, (B, T, C), before the output head.

        `cache` is a `KVCache` that holds the tokens before these. Raises ValueError for a text
        longer than the context, and IndexError for an id outside the vocabulary.
        """
        angles = self.angles(token_ids, past=0 if cache is None else cache.length)
        x = self.token_embedding(token_ids)  # (B, T, C)
        for layer, block in enumerate(self.blocks):
            x = block(x, angles, cache, layer)
        if cache is not None:
            cache.advance(token_ids.shape[1])
        return self.final_norm(x)

    def angles(self, token_ids: torch.Tensor, past: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """The rotary cosines and sines of token ids (B, T) after `past` earlier tokens."""
        length = past + token_ids.shape[1]
        if length > self.config.context_length:
            limit = self.config.context_length
            raise ValueError(f"{length} tokens are more than the context length {limit}")
        cosines, sines = rotary_angles(self.config, past, token_ids.shape[1])
        return cosines.to(token_ids.device), sines.to(token_ids.device)

    @torch.no_grad()
    def attention_weights(self, token_ids: torch.Tensor) -> list[torch.Tensor]:
        """Return every layer's attention weights, a list of (B, H, T, T), for token ids (B, T)."""
        angles, weights = self.angles(token_ids), []
        x = self.token_embedding(token_ids)
        for block in self.blocks:
            assert isinstance(block, LlamaBlock)
            weights.append(block.attention.weights(block.norm_attention(x), angles))
            x = block(x, angles)
        return weights

    def n_parameters(self) -> int:
        """Count the trainable numbers; a tied output head is counted once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def _initialize(self):
        residual = 0.02 / (2 * self.config.n_layers) ** 0.5
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                adds_to_x = name.endswith(("attention.output", "feed_forward.project"))
                nn.init.normal_(module.weight, std=residual if adds_to_x else 0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
