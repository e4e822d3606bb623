"""Part 4 of `my_llm.py`: attention, the transformer block, GPT."""

import math

import torch
from torch import nn
from torch.nn import functional as F


def embed(token_ids, token_table, position_table, past=0):
    """Add the rows of tokens (B, T) and of their positions: (B, T, C)."""
    positions = torch.arange(past, past + token_ids.shape[1])
    return token_table[token_ids] + position_table[positions]


def causal_mask(query_length, key_length):
    """Which keys each query may look at, (T, S); the last query belongs to the last key."""
    every_pair = torch.ones(query_length, key_length, dtype=torch.bool)
    return every_pair.tril(diagonal=key_length - query_length)


def attend(queries, keys, values, mask=None):
    """Scaled dot-product attention: context (..., T, D) and weights (..., T, S)."""
    scores = queries @ keys.transpose(-2, -1) / math.sqrt(keys.shape[-1])  # (..., T, S)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = scores.softmax(dim=-1)
    return weights @ values, weights


def split_heads(x, n_heads):
    """(B, T, C) to (B, H, T, D)."""
    return x.unflatten(-1, (n_heads, -1)).transpose(1, 2)


def join_heads(x):
    """(B, H, T, D) to (B, T, C)."""
    return x.transpose(1, 2).flatten(2)


class MultiHeadAttention(nn.Module):
    """Causal self-attention in many heads at once: (B, T, C) to (B, T, C)."""

    def __init__(self, config):
        super().__init__()
        width, bias = config.embedding_dim, config.qkv_bias
        self.n_heads, self.dropout = config.n_heads, config.dropout
        self.query = nn.Linear(width, width, bias=bias)
        self.key = nn.Linear(width, width, bias=bias)
        self.value = nn.Linear(width, width, bias=bias)
        self.output = nn.Linear(width, width)

    def forward(self, x, cache=None, layer=0):
        """With a cache, x holds the new tokens only; the older keys come from its layer."""
        projections = (self.query(x), self.key(x), self.value(x))
        queries, keys, values = (split_heads(each, self.n_heads) for each in projections)
        if cache is not None:
            keys, values = cache.extend(layer, keys, values)  # (B, H, S, D)
        new, known = queries.shape[2], keys.shape[2]
        context = F.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=causal_mask(new, known).to(x.device) if known > new > 1 else None,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=new == known,
        )  # (B, H, T, D)
        return self.output(join_heads(context))


def attention_weights(layer, x):
    """The attention weights (B, H, T, T) of one attention layer for its input x (B, T, C)."""
    queries, keys = (split_heads(part(x), layer.n_heads) for part in (layer.query, layer.key))
    mask = causal_mask(x.shape[1], x.shape[1]).to(x.device)
    return attend(queries, keys, keys, mask)[1]


class LayerNorm(nn.Module):
    """Bring each token's vector to mean 0 and variance 1, then scale and shift it."""

    def __init__(self, embedding_dim, epsilon=1e-5):
        super().__init__()
        self.epsilon = epsilon
        self.scale = nn.Parameter(torch.ones(embedding_dim))
        self.shift = nn.Parameter(torch.zeros(embedding_dim))

    def forward(self, x):
        return F.layer_norm(x, self.scale.shape, self.scale, self.shift, self.epsilon)


def gelu(x):
    """A smooth ReLU: the tanh formula with which GPT-2 was trained."""
    return F.gelu(x, approximate="tanh")


class FeedForward(nn.Module):
    """Work on each token alone: expand four times, bend, project back."""

    def __init__(self, config):
        super().__init__()
        self.expand = nn.Linear(config.embedding_dim, 4 * config.embedding_dim)
        self.project = nn.Linear(4 * config.embedding_dim, config.embedding_dim)

    def forward(self, x):
        return self.project(gelu(self.expand(x)))


class TransformerBlock(nn.Module):
    """Attention, then the feed-forward network, each normalized before and added after."""

    def __init__(self, config):
        super().__init__()
        self.norm_attention = LayerNorm(config.embedding_dim)
        self.attention = MultiHeadAttention(config)
        self.norm_feed_forward = LayerNorm(config.embedding_dim)
        self.feed_forward = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x, cache=None, layer=0):
        x = x + self.dropout(self.attention(self.norm_attention(x), cache, layer))
        return x + self.dropout(self.feed_forward(self.norm_feed_forward(x)))


def initialize(model, n_layers):
    """Draw GPT-2's first weights; smaller ones where a block adds to x."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            adds_to_x = name.endswith(("attention.output", "feed_forward.project"))
            deviation = 0.02 / math.sqrt(2 * n_layers) if adds_to_x else 0.02
            nn.init.normal_(module.weight, std=deviation)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


class GPT(nn.Module):
    """Token ids (B, T) in, a score for every token of the vocabulary out, (B, T, V)."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.embedding_dim)
        self.position_embedding = nn.Embedding(config.context_length, config.embedding_dim)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config.n_layers))
        self.final_norm = LayerNorm(config.embedding_dim)
        self.output_head = nn.Linear(config.embedding_dim, config.vocab_size, bias=False)
        initialize(self, config.n_layers)
        if config.tie_weights:
            self.output_head.weight = self.token_embedding.weight

    def forward(self, token_ids, cache=None):
        return self.output_head(self.hidden_states(token_ids, cache))

    def hidden_states(self, token_ids, cache=None):
        """What the model knows at each token, (B, T, C), before the output head."""
        past = 0 if cache is None else cache.length
        positions = torch.arange(past, past + token_ids.shape[1], device=token_ids.device)
        x = self.token_embedding(token_ids) + self.position_embedding(positions)
        x = self.dropout(x)
        for layer, block in enumerate(self.blocks):
            x = block(x, cache, layer)
        if cache is not None:
            cache.advance(token_ids.shape[1])
        return self.final_norm(x)


class KVCache:
    """The keys and values of every layer for the tokens so far."""

    def __init__(self, config):
        self.keys, self.values = [None] * config.n_layers, [None] * config.n_layers
        self.length = 0

    def extend(self, layer, keys, values):
        """Append keys and values (B, H, T, D) of a layer; return all so far, (B, H, S, D)."""
        if self.keys[layer] is not None:
            keys = torch.cat([self.keys[layer], keys], dim=2)
            values = torch.cat([self.values[layer], values], dim=2)
        self.keys[layer], self.values[layer] = keys, values
        return keys, values

    def advance(self, n_tokens):
        """Count the tokens that every layer has now stored."""
        self.length += n_tokens
