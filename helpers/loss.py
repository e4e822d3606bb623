"""The loss of a language model: how surprised it is by the token that came next.

Shapes: B sequences, T tokens, V tokens in the vocabulary.
"""

import torch
from torch import nn
from torch.nn import functional as F

IGNORED = -100  # the target that PyTorch's cross-entropy leaves out, here and there padding


def next_token_loss(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy, in nats per token, of a model's logits for (B, T) inputs and targets.

    Targets of `IGNORED` do not count.

    >>> even = lambda token_ids: torch.zeros(*token_ids.shape, 4)  # all four tokens alike
    >>> loss = next_token_loss(even, torch.tensor([[0, 1]]), torch.tensor([[1, IGNORED]]))
    >>> round(loss.item(), 4)
    1.3863
    """
    logits = model(inputs)  # (B, T, V)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
