"""BERT: an encoder that learns by filling gaps.

    text       the   fox   ate   two   pears   .
    input      the   fox  [MASK] two   pears   .
    wanted      ·     ·    ate    ·      ·     ·      the rest is not scored

Of the tokens that are asked for, most are hidden behind `[MASK]`, some are replaced by a random
token, and some stay as they are: a model that is asked only at `[MASK]` learns nothing to say
about a text without one.

Shapes: B sequences, T tokens, C embedding dimensions, V tokens in the vocabulary.
"""

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional as F

from helpers.family.encoder import Encoder, EncoderConfig
from helpers.layers import LayerNorm
from helpers.loss import IGNORED

SPLIT = (0.8, 0.1, 0.1)  # of the chosen tokens: hidden, replaced, left as they are
SHARE = 0.15  # of all tokens are chosen


class MaskedLanguageModel(nn.Module):
    """An encoder and a head that gives every token a score at every position.

    The head has a layer of its own, then the token embedding, transposed, and a bias.
    Source: Devlin et al. 2018, section 3.1; the head as in their code.

    >>> config = EncoderConfig(vocab_size=100, dimensions=64, n_heads=4, n_layers=2, hidden=128)
    >>> MaskedLanguageModel(config)(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 100])
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.transform = nn.Linear(config.dimensions, config.dimensions)
        self.norm_transform = LayerNorm(config.dimensions)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, token_ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Logits (B, T, V) for token ids (B, T); `mask` is False at padding."""
        return self.head(self.encoder(token_ids, mask))

    def head(self, vectors: torch.Tensor) -> torch.Tensor:
        """Scores (..., V) from the encoder's vectors (..., C)."""
        vectors = self.norm_transform(F.gelu(self.transform(vectors)))
        return F.linear(vectors, self.encoder.token_embedding.weight, self.bias)


def hide(
    token_ids: torch.Tensor,
    allowed: torch.Tensor,
    mask_id: int,
    vocab_size: int,
    share: float = SHARE,
    split: tuple[float, float, float] = SPLIT,
    generator: torch.Generator | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose tokens to ask for: the changed ids and the targets, (B, T) each.

    Each token where `allowed` (B, T) is True is chosen with probability `share`; targets are
    `IGNORED` everywhere else. `split` says how many of the chosen are hidden behind `mask_id`,
    replaced by a token from 0 to vocab_size - 1, and left. Raises ValueError unless it sums to 1.
    Source: Devlin et al. 2018, section 3.1 (with 15%, and 80, 10 and 10%).

    >>> ids = torch.tensor([[4, 5, 6]])
    >>> inputs, targets = hide(ids, ids > 4, mask_id=0, vocab_size=9, share=1.0, split=(1, 0, 0))
    >>> inputs.tolist(), targets.tolist()
    ([[4, 0, 0]], [[-100, 5, 6]])
    """
    if abs(sum(split) - 1) > 1e-6:
        raise ValueError(f"split is {split}, which sums to {sum(split):g}; it must sum to 1")
    chosen = (torch.rand(token_ids.shape, generator=generator) < share) & allowed
    fate = torch.rand(token_ids.shape, generator=generator)
    random = torch.randint(vocab_size, token_ids.shape, generator=generator)
    inputs = torch.where(chosen & (fate < split[0]), mask_id, token_ids)
    replaced = chosen & (fate >= split[0]) & (fate < split[0] + split[1])
    inputs = torch.where(replaced, random, inputs)
    return inputs, torch.where(chosen, token_ids, IGNORED)


def masked_batches(
    batches: Iterator[tuple[torch.Tensor, torch.Tensor]],
    mask_id: int,
    padding_id: int,
    n_words: int,
    split: tuple[float, float, float] = SPLIT,
    seed: int = 0,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Inputs and targets for `masked_loss`, from batches of a `DocumentLoader`.

    Random tokens come from 0 to n_words - 1. The first token of a row, which stands for the end of
    the text before, is never chosen.
    """
    generator = torch.Generator().manual_seed(seed)
    for ids, following in batches:
        real = following != IGNORED  # (B, T)
        allowed = real.clone()
        allowed[:, 0] = False
        inputs, targets = hide(ids, allowed, mask_id, n_words, split=split, generator=generator)
        yield inputs.where(real, torch.tensor(padding_id)), targets


def masked_loss(
    model: MaskedLanguageModel, inputs: torch.Tensor, targets: torch.Tensor, padding_id: int
) -> torch.Tensor:
    """Mean cross-entropy, in nats per chosen token, of (B, T) inputs and targets.

    The head, which is most of the work of a small model, runs at the chosen tokens only.
    """
    vectors = model.encoder(inputs, inputs != padding_id)  # (B, T, C)
    chosen = targets != IGNORED
    return F.cross_entropy(model.head(vectors[chosen]), targets[chosen])
