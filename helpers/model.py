"""GPT: embeddings, a stack of transformer blocks, a final normalization, scores for every token.

Shapes: B sequences, T tokens, C embedding dimensions, V tokens in the vocabulary.
"""

import torch
from torch import nn

from helpers.attention import MultiHeadAttention, causal_mask
from helpers.layers import FeedForward, LayerNorm, Linear


class TransformerBlock(nn.Module):
    """Attention, then the feed-forward network, each normalized before and added after.

    (B, T, C) to (B, T, C). Source: Radford et al. 2019, section 2.3 (normalization first).

    >>> from helpers.config import PRESETS
    >>> TransformerBlock(PRESETS["tiny"])(torch.zeros(1, 5, 64)).shape
    torch.Size([1, 5, 64])
    """

    def __init__(self, config):
        super().__init__()
        self.norm_attention = LayerNorm(config.embedding_dim)
        self.attention = MultiHeadAttention(config)
        self.norm_feed_forward = LayerNorm(config.embedding_dim)
        self.feed_forward = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x, mask=None, cache=None, layer=0):
        x = x + self.dropout(self.attention(self.norm_attention(x), mask, cache, layer))
        return x + self.dropout(self.feed_forward(self.norm_feed_forward(x)))


class GPT(nn.Module):
    """The model of GPT-2: token ids in, a score for every token of the vocabulary out.

    Source: Radford et al. 2019. Initialization as in that paper: normal with deviation 0.02,
    smaller by the square root of the number of residual additions where a block adds to x.
    Raises TypeError for token ids that are no tensor of whole numbers.

    >>> from helpers.config import PRESETS
    >>> GPT(PRESETS["tiny"])(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 512])
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.embedding_dim)
        self.position_embedding = nn.Embedding(config.context_length, config.embedding_dim)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config.n_layers))
        self.final_norm = LayerNorm(config.embedding_dim)
        self.output_head = Linear(config.embedding_dim, config.vocab_size, bias=False)
        self._initialize()
        if config.tie_weights:
            self.output_head.weight = self.token_embedding.weight

    def forward(self, token_ids, cache=None, n_padding=None):
        """Return logits (B, T, V) for token ids (B, T); see `hidden_states` for the options."""
        return self.output_head(self.hidden_states(token_ids, cache, n_padding))

    def hidden_states(self, token_ids, cache=None, n_padding=None):
        """Return what the model knows at each token, (B, T, C), before the output head.

        `cache` is a `KVCache` that holds the tokens before these. `n_padding` (B,) counts the
        padding tokens that each sequence starts with: nothing looks at them.
        Raises ValueError for a wrong shape, an id out of range, a text past the context, or a
        count of padding that leaves no token.
        """
        past = 0 if cache is None else cache.length
        self._check(token_ids, past)
        if n_padding is not None:
            _check_padding(n_padding, len(token_ids), past + token_ids.shape[1])
        x, mask = self._embed(token_ids, past, n_padding)
        for layer, block in enumerate(self.blocks):
            x = block(x, mask, cache, layer)
        if cache is not None:
            cache.advance(token_ids.shape[1])
        return self.final_norm(x)

    @torch.no_grad()
    def attention_weights(self, token_ids):
        """Return every layer's attention weights, a list of (B, H, T, T), for token ids (B, T)."""
        self._check(token_ids, 0)
        x, mask = self._embed(token_ids, 0, None)
        weights = []
        for block in self.blocks:
            weights.append(block.attention.weights(block.norm_attention(x), mask))
            x = block(x, mask)
        return weights

    def n_parameters(self):
        """Count the trainable numbers; a tied output head is counted once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def _embed(self, token_ids, past, n_padding):
        length = token_ids.shape[1]
        positions = torch.arange(past, past + length, device=token_ids.device)  # (T,)
        mask = None
        if n_padding is not None:
            positions = (positions - n_padding[:, None]).clamp(min=0)  # (B, T)
            mask = padded_causal_mask(length, past + length, n_padding)
        x = self.token_embedding(token_ids) + self.position_embedding(positions)
        return self.dropout(x), mask  # (B, T, C)

    def _check(self, token_ids, past):
        if not isinstance(token_ids, torch.Tensor) or token_ids.is_floating_point():
            kind = getattr(token_ids, "dtype", type(token_ids).__name__)
            raise TypeError(f"token_ids must be a tensor of whole numbers, not {kind}")
        if token_ids.ndim != 2 or token_ids.numel() == 0:
            raise ValueError(
                f"token_ids has shape {tuple(token_ids.shape)}; give (B, T), both above 0"
            )
        length, limit = past + token_ids.shape[1], self.config.context_length
        if length > limit:
            raise ValueError(f"{length} tokens are more than the context length {limit}")
        # A look at the values would make a GPU wait and a compiled graph break.
        if token_ids.device.type == "cpu" and not torch.compiler.is_compiling():
            low, high = token_ids.min().item(), token_ids.max().item()
            if low < 0 or high >= self.config.vocab_size:
                bad = low if low < 0 else high
                raise ValueError(f"token id {bad} is outside 0 to {self.config.vocab_size - 1}")

    def _initialize(self):
        residual = 0.02 / (2 * self.config.n_layers) ** 0.5
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                adds_to_x = name.endswith(("attention.output", "feed_forward.project"))
                nn.init.normal_(module.weight, std=residual if adds_to_x else 0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)


def padded_causal_mask(query_length, key_length, n_padding):
    """Which keys may be looked at when each of B sequences starts with padding: (B, 1, T, S).

    A padding token looks at itself alone, since a softmax over nothing is not a number.

    >>> padded_causal_mask(2, 2, torch.tensor([1])).int().tolist()
    [[[[1, 0], [0, 1]]]]
    """
    device = n_padding.device
    keys = torch.arange(key_length, device=device)
    queries = torch.arange(key_length - query_length, key_length, device=device)
    real = keys >= n_padding[:, None, None]  # (B, 1, S)
    itself = keys == queries[:, None]  # (T, S)
    mask = causal_mask(query_length, key_length).to(device) & real | itself  # (B, T, S)
    return mask[:, None]


def _check_padding(n_padding, batch_size, length):
    if not isinstance(n_padding, torch.Tensor):
        raise TypeError(f"n_padding must be a tensor (B,), not {type(n_padding).__name__}")
    if n_padding.shape != (batch_size,):
        raise ValueError(f"n_padding has shape {tuple(n_padding.shape)}; give ({batch_size},)")
    if n_padding.device.type == "cpu" and not torch.compiler.is_compiling():
        low, high = n_padding.min().item(), n_padding.max().item()
        if low < 0 or high >= length:
            bad = low if low < 0 else high
            raise ValueError(
                f"n_padding {bad} is outside 0 to {length - 1}: one token must be real"
            )
