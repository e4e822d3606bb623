"""GPT: embeddings, a stack of transformer blocks, a final normalization, scores for every token.

Shapes: B sequences, T tokens, C embedding dimensions, V tokens in the vocabulary.
"""

import torch
from torch import nn

from helpers.attention import MultiHeadAttention
from helpers.config import GPTConfig
from helpers.kv_cache import KVCache
from helpers.layers import FeedForward, LayerNorm


class TransformerBlock(nn.Module):
    """Attention, then the feed-forward network, each normalized before and added after.

    (B, T, C) to (B, T, C). Source: Radford et al. 2019, section 2.3 (normalization first).

    >>> from helpers.config import PRESETS
    >>> TransformerBlock(PRESETS["tiny"])(torch.zeros(1, 5, 64)).shape
    torch.Size([1, 5, 64])
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.norm_attention = LayerNorm(config.embedding_dim)
        self.attention = MultiHeadAttention(config)
        self.norm_feed_forward = LayerNorm(config.embedding_dim)
        self.feed_forward = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: torch.Tensor, cache: KVCache | None = None, layer: int = 0
    ) -> torch.Tensor:
        x = x + self.dropout(self.attention(self.norm_attention(x), cache, layer))
        return x + self.dropout(self.feed_forward(self.norm_feed_forward(x)))


class GPT(nn.Module):
    """The model of GPT-2: token ids in, a score for every token of the vocabulary out.

    Source: Radford et al. 2019. Initialization as in that paper: normal with deviation 0.02,
    smaller by the square root of the number of residual additions where a block adds to x.

    >>> from helpers.config import PRESETS
    >>> GPT(PRESETS["tiny"])(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 512])
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.embedding_dim)
        self.position_embedding = nn.Embedding(config.context_length, config.embedding_dim)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config.n_layers))
        self.final_norm = LayerNorm(config.embedding_dim)
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
        x = self.embed(token_ids, past=0 if cache is None else cache.length)
        for layer, block in enumerate(self.blocks):
            x = block(x, cache, layer)
        if cache is not None:
            cache.advance(token_ids.shape[1])
        return self.final_norm(x)

    def embed(self, token_ids: torch.Tensor, past: int = 0) -> torch.Tensor:
        """Add token and position embeddings: (B, T) to (B, T, C), after `past` earlier tokens."""
        length = past + token_ids.shape[1]
        if length > self.config.context_length:
            limit = self.config.context_length
            raise ValueError(f"{length} tokens are more than the context length {limit}")
        positions = torch.arange(past, length, device=token_ids.device)  # (T,)
        return self.dropout(self.token_embedding(token_ids) + self.position_embedding(positions))

    @torch.no_grad()
    def attention_weights(self, token_ids: torch.Tensor) -> list[torch.Tensor]:
        """Return every layer's attention weights, a list of (B, H, T, T), for token ids (B, T)."""
        x, weights = self.embed(token_ids), []
        for block in self.blocks:
            assert isinstance(block, TransformerBlock)
            weights.append(block.attention.weights(block.norm_attention(x)))
            x = block(x)
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
