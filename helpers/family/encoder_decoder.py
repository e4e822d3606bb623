"""The transformer of 2017: an encoder reads one text, a decoder writes another and looks across.

    source   the small fox saw ...     through `Encoder`, each word looks at both sides
    target   <start> velu ...          each word looks at the words before it,
                                       then across, at the encoder's vectors
    wanted            velu mipa ...    the same words, one place earlier

The blocks are those of `encoder`, normalized after each addition as in the paper, with GELU and
learned positions in place of its ReLU and sines.

Shapes: B pairs of texts, S tokens of the source, T tokens of the target, C embedding dimensions,
H heads, V tokens in the vocabulary of the target.
"""

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from helpers.attention import MultiHeadAttention, attend
from helpers.config import GPTConfig
from helpers.family.encoder import Encoder, EncoderConfig
from helpers.layers import LayerNorm
from helpers.loss import IGNORED


class CrossAttention(nn.Module):
    """Attention from one text into another: queries of the first, keys and values of the second.

    (B, T, C) and (B, S, C) to (B, T, C). Source: Vaswani et al. 2017, section 3.2.3.

    >>> cross = CrossAttention(EncoderConfig(dimensions=64, n_heads=4))
    >>> cross(torch.zeros(1, 3, 64), torch.zeros(1, 5, 64)).shape
    torch.Size([1, 3, 64])
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.query = nn.Linear(config.dimensions, config.dimensions)
        self.key = nn.Linear(config.dimensions, config.dimensions)
        self.value = nn.Linear(config.dimensions, config.dimensions)
        self.output = nn.Linear(config.dimensions, config.dimensions)

    def forward(
        self, x: torch.Tensor, memory: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Let each token of x (B, T, C) look at `memory` (B, S, C), where `mask` (B, S) is True."""
        allowed = None if mask is None else mask[:, None, None, :]  # (B, 1, 1, S)
        queries, keys, values = self.query(x), self.key(memory), self.value(memory)
        queries, keys, values = (self.split(part) for part in (queries, keys, values))
        context = F.scaled_dot_product_attention(queries, keys, values, attn_mask=allowed)
        return self.output(context.transpose(1, 2).flatten(2))  # (B, T, C)

    def weights(
        self, x: torch.Tensor, memory: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The attention weights (B, H, T, S), by the readable `attend`."""
        allowed = None if mask is None else mask[:, None, None, :]
        keys = self.split(self.key(memory))
        return attend(self.split(self.query(x)), keys, keys, allowed)[1]

    def split(self, x: torch.Tensor) -> torch.Tensor:
        """Cut (B, T, C) into heads, (B, H, T, D)."""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)


class DecoderBlock(nn.Module):
    """Look back, look across, work on each token; each added to x and normalized afterwards.

    Source: Vaswani et al. 2017, section 3.1. Looking back is GPT's own causal attention.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        size = config.dimensions
        self.attention = MultiHeadAttention(
            GPTConfig(config.vocab_size, config.context_length, size, config.n_heads, dropout=0.0)
        )
        self.norm_attention = LayerNorm(size)
        self.cross_attention = CrossAttention(config)
        self.norm_cross_attention = LayerNorm(size)
        self.expand = nn.Linear(size, config.hidden)
        self.project = nn.Linear(config.hidden, size)
        self.norm_feed_forward = LayerNorm(size)

    def forward(
        self, x: torch.Tensor, memory: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(B, T, C) and the source's vectors (B, S, C) to (B, T, C)."""
        x = self.norm_attention(x + self.attention(x))
        x = self.norm_cross_attention(x + self.cross_attention(x, memory, mask))
        return self.norm_feed_forward(x + self.project(F.gelu(self.expand(x))))


class EncoderDecoder(nn.Module):
    """Both halves: token ids of two texts in, a score for each next token of the second out.

    `config` gives both halves their sizes, `target_vocab_size` is the decoder's vocabulary. The
    output head is the decoder's token embedding, as in the paper (section 3.4).

    >>> config = EncoderConfig(vocab_size=100, dimensions=64, n_heads=4, n_layers=2, hidden=128)
    >>> model = EncoderDecoder(config, target_vocab_size=50)
    >>> model(torch.tensor([[5, 6, 7, 8]]), torch.tensor([[1, 2]])).shape
    torch.Size([1, 2, 50])
    """

    def __init__(self, config: EncoderConfig, target_vocab_size: int) -> None:
        super().__init__()
        self.config, target = config, replace(config, vocab_size=target_vocab_size)
        self.encoder = Encoder(config)
        self.token_embedding = nn.Embedding(target_vocab_size, config.dimensions)
        self.position_embedding = nn.Embedding(config.context_length, config.dimensions)
        self.norm_embedding = LayerNorm(config.dimensions)
        self.blocks = nn.ModuleList(DecoderBlock(target) for _ in range(config.n_layers))
        self.output_head = nn.Linear(config.dimensions, target_vocab_size, bias=False)
        self._initialize()
        self.output_head.weight = self.token_embedding.weight

    def forward(
        self,
        source_ids: torch.Tensor,
        target_ids: torch.Tensor,
        mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Logits (B, T, V) for the token after each of `target_ids` (B, T), given the source."""
        return self.decode(target_ids, self.encoder(source_ids, mask), mask)

    def decode(
        self, target_ids: torch.Tensor, memory: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Logits (B, T, V) from target ids (B, T) and the encoder's vectors (B, S, C)."""
        x = self.embed(target_ids)
        for block in self.blocks:
            x = block(x, memory, mask)
        return self.output_head(x)

    def embed(self, target_ids: torch.Tensor) -> torch.Tensor:
        """Add token and position embeddings of the target, then normalize, (B, T, C)."""
        positions = torch.arange(target_ids.shape[1], device=target_ids.device)
        return self.norm_embedding(
            self.token_embedding(target_ids) + self.position_embedding(positions)
        )

    @torch.no_grad()
    def alignment(
        self,
        source_ids: torch.Tensor,
        target_ids: torch.Tensor,
        mask: torch.Tensor | None = None,
    ) -> list[torch.Tensor]:
        """Where each target token looks in the source: weights (B, H, T, S) of every layer."""
        memory, x, found = self.encoder(source_ids, mask), self.embed(target_ids), []
        for block in self.blocks:
            assert isinstance(block, DecoderBlock)
            back = block.norm_attention(x + block.attention(x))
            found.append(block.cross_attention.weights(back, memory, mask))
            x = block(x, memory, mask)
        return found

    def _initialize(self):
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)


def shift_right(targets: torch.Tensor, start_id: int) -> torch.Tensor:
    """What the decoder reads while it learns `targets` (B, T): the start, then all but the last.

    Padding (`IGNORED`) becomes the start token, which nothing real looks at.

    >>> shift_right(torch.tensor([[7, 8, 2], [9, 2, IGNORED]]), start_id=1).tolist()
    [[1, 7, 8], [1, 9, 2]]
    """
    start = torch.full_like(targets[:, :1], start_id)
    before = torch.cat([start, targets[:, :-1]], dim=1)  # (B, T)
    return before.masked_fill(before == IGNORED, start_id)


def translation_loss(
    model: EncoderDecoder,
    sources: torch.Tensor,
    targets: torch.Tensor,
    start_id: int = 1,
    padding_id: int = 0,
) -> torch.Tensor:
    """Mean cross-entropy, in nats per token, of `targets` (B, T) given `sources` (B, S).

    The decoder is told the right words before each one, whatever it would have written itself:
    teacher forcing. Sources are padded with `padding_id`, targets with `IGNORED`.
    """
    logits = model(sources, shift_right(targets, start_id), sources != padding_id)  # (B, T, V)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)


@torch.no_grad()
def translate(
    model: EncoderDecoder,
    sources: torch.Tensor,
    max_new_tokens: int,
    start_id: int = 1,
    end_id: int = 2,
    padding_id: int = 0,
) -> list[list[int]]:
    """The likeliest next token again and again, for each of `sources` (B, S), without the end.

    The source is read once; the decoder runs for each new token.
    """
    mask = sources != padding_id
    memory = model.encoder(sources, mask)
    written = torch.full_like(sources[:, :1], start_id)  # (B, 1)
    for _ in range(max_new_tokens):
        new = model.decode(written, memory, mask)[:, -1].argmax(dim=-1, keepdim=True)
        written = torch.cat([written, new], dim=1)
        if (written == end_id).any(dim=1).all():
            break
    rows = written[:, 1:].tolist()
    return [row[: row.index(end_id)] if end_id in row else row for row in rows]
