"""The loss of a whole vocabulary in little memory: the output head and the cross-entropy in one.

Logits are the largest tensor of training: tokens times vocabulary. Writing them to memory, reading
them back for the softmax and again for its gradient takes longer than all blocks of a small model.
Here they are made in slices that stay in the processor's cache, and each slice is turned into its
gradient at once. Source: Hsu et al. 2024 (Liger Kernel), section 3.2, there for a GPU.

Shapes: N tokens, C embedding dimensions, V words of the vocabulary.
"""

from typing import Any

import torch
from torch.nn import functional as F

from helpers.loss import IGNORED

SLICE = 512  # tokens at a time: 512 rows of a few thousand numbers stay in the cache


def fused_next_token_loss(model: Any, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Equal to `helpers.loss.next_token_loss`, without ever holding all logits at once.

    Mean cross-entropy, in nats per token, of a GPT for (B, T) inputs and targets.
    """
    hidden = model.hidden_states(inputs)  # (B, T, C)
    return head_loss(hidden, model.output_head.weight, targets)


def head_loss(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy, in nats, of the head `hidden @ weight.T` against token ids.

    `hidden` is (..., C), `weight` (V, C), `targets` (...) with `IGNORED` where nothing is to be
    predicted. Equal to `F.cross_entropy(hidden @ weight.T, targets)`, and to its gradients.
    Raises ValueError where the shapes do not fit, a target is no row of `weight`, or none is left.

    >>> hidden, weight = torch.tensor([[1.0, 0.0]]), torch.eye(2)
    >>> round(head_loss(hidden, weight, torch.tensor([0])).item(), 4)
    0.3133
    """
    if hidden.shape[:-1] != targets.shape or hidden.shape[-1] != weight.shape[-1]:
        shapes = tuple(hidden.shape), tuple(weight.shape), tuple(targets.shape)
        raise ValueError("hidden {}, weight {} and targets {} do not fit".format(*shapes))
    scored = targets[targets != IGNORED]
    if not len(scored):
        raise ValueError(f"every target is {IGNORED}: there is nothing to predict")
    low, high = scored.min().item(), scored.max().item()
    if low < 0 or high >= len(weight):
        raise ValueError(f"target {low if low < 0 else high} is outside 0 to {len(weight) - 1}")
    rows, wanted = _only_scored(hidden.flatten(0, -2), targets.flatten())
    return _HeadLoss.apply(rows, weight, wanted, torch.is_grad_enabled())


def _only_scored(rows, targets):
    """The rows that count, filled up to whole slices; all of them where that saves no slice.

    Slices of ever new sizes would fill the kernels' cache.
    """
    places = (targets != IGNORED).nonzero()[:, 0]
    missing = -len(places) % SLICE
    if len(places) + missing >= len(targets):
        return rows, targets
    filled = torch.cat([places, places[:1].expand(missing)])
    nothing = targets.new_full((missing,), IGNORED)
    return rows[filled], torch.cat([targets[places], nothing])


class _HeadLoss(torch.autograd.Function):
    """The loss forward, and its gradients made on the way, slice by slice."""

    @staticmethod
    def forward(context, hidden, weight, targets, for_training):
        device = hidden.device.type
        half = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        half = half or hidden.dtype
        hidden_half, weight_half = hidden.to(half), weight.to(half)
        for_hidden = torch.empty_like(hidden)
        for_weight = torch.zeros_like(weight)
        loss = hidden.new_zeros((), dtype=torch.float32)
        counts = (targets != IGNORED)[:, None]
        targets = targets.clamp(min=0)[:, None]
        for start in range(0, len(targets), SLICE):
            here = slice(start, start + SLICE)
            logits = (hidden_half[here] @ weight_half.T).float()  # (S, V), S = SLICE
            log_shares = F.log_softmax(logits, dim=-1)
            chosen = targets[here]
            loss -= (log_shares.gather(1, chosen) * counts[here]).sum()
            if not for_training:
                continue
            error = log_shares.exp_()
            error.scatter_add_(1, chosen, torch.full_like(chosen, -1, dtype=error.dtype))
            error = error.mul_(counts[here]).to(half)  # what was given less what was right
            for_hidden[here] = error @ weight_half
            for_weight += error.T @ hidden_half[here]
        context.save_for_backward(for_hidden, for_weight)
        context.n_targets = counts.sum()
        return loss / context.n_targets

    @staticmethod
    def backward(context, gradient):
        for_hidden, for_weight = context.saved_tensors
        share = gradient / context.n_targets
        return for_hidden * share, for_weight * share, None, None
