"""What a model says about the words of one text: at each word, in a gap, and when it writes.

    left_to_right    GPT, LSTM: each word given the words before it; one pass
    visible          BERT: each word, given all words and itself; one pass
    one_by_one       BERT: each word hidden in turn; as many passes as words
    fill             BERT: one word hidden; one pass
    read_on          GPT: each candidate put into the gap, and the whole text read; a pass for each

Shapes: T tokens of a text, V tokens in the vocabulary, N candidates.
"""

import torch
from torch import nn

from helpers.family.bert import MaskedLanguageModel
from helpers.generate import sample_next


@torch.no_grad()
def left_to_right(model: nn.Module, ids: torch.Tensor) -> torch.Tensor:
    """Log-probability of each token but the first, given those before it: (T,) to (T - 1,)."""
    log_probs = model(ids[None, :-1])[0].log_softmax(dim=-1)  # (T - 1, V)
    return log_probs.gather(-1, ids[1:, None]).squeeze(-1)


@torch.no_grad()
def visible(model: MaskedLanguageModel, ids: torch.Tensor) -> torch.Tensor:
    """Log-probability of each token but the first in a text where nothing is hidden, (T - 1,)."""
    log_probs = model(ids[None])[0, 1:].log_softmax(dim=-1)  # (T - 1, V)
    return log_probs.gather(-1, ids[1:, None]).squeeze(-1)


@torch.no_grad()
def fill(
    model: MaskedLanguageModel, ids: torch.Tensor, positions: torch.Tensor, mask_id: int
) -> torch.Tensor:
    """Hide one token, at each of the positions in turn: log-probabilities (N, V) of what it was."""
    rows = torch.arange(len(positions))
    texts = ids.repeat(len(positions), 1)  # (N, T)
    texts[rows, positions] = mask_id
    return model.head(model.encoder(texts)[rows, positions]).log_softmax(dim=-1)


def one_by_one(model: MaskedLanguageModel, ids: torch.Tensor, mask_id: int) -> torch.Tensor:
    """Log-probability of each token but the first, hidden while it is guessed, (T - 1,).

    Their sum is the pseudo-log-likelihood of Salazar et al. 2020.
    """
    log_probs = fill(model, ids, torch.arange(1, len(ids)), mask_id)  # (T - 1, V)
    return log_probs.gather(-1, ids[1:, None]).squeeze(-1)


@torch.no_grad()
def read_on(
    model: nn.Module, ids: torch.Tensor, position: int, candidates: torch.Tensor
) -> torch.Tensor:
    """Log-probability of the whole text with each candidate (N,) at the position, (N,)."""
    texts = ids.repeat(len(candidates), 1)  # (N, T)
    texts[:, position] = candidates
    log_probs = model(texts[:, :-1]).log_softmax(dim=-1)  # (N, T - 1, V)
    return log_probs.gather(-1, texts[:, 1:, None]).squeeze(-1).sum(dim=-1)


@torch.no_grad()
def write_by_filling(
    model: MaskedLanguageModel,
    ids: torch.Tensor,
    n_tokens: int,
    mask_id: int,
    hidden_after: int = 0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Continue texts (B, T) with BERT: hide a token at the end, sample it, again and again.

    `hidden_after` more hidden tokens follow the one that is sampled, so that the text does not look as if
    it ended there. Returns (B, T + n_tokens).
    """
    for _ in range(n_tokens):
        gaps = ids.new_full((len(ids), 1 + hidden_after), mask_id)
        logits = model.head(model.encoder(torch.cat([ids, gaps], dim=1))[:, ids.shape[1]])
        new = sample_next(logits, temperature=1.0, generator=generator)  # (B,)
        ids = torch.cat([ids, new[:, None]], dim=1)
    return ids
