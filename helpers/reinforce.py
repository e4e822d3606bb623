"""Reinforcement learning from rewards that a program gives: from REINFORCE to GRPO.

The model answers a prompt several times, each answer gets a reward, and the tokens of answers that
were better than the others of their group become likelier:

    rewards      1  0  0  1 | 0  0  0  1        two prompts, groups of four answers
    advantages  .5 -.5 -.5 .5 | -.25 -.25 -.25 .75

The losses are per token, so that the reader of a loop sees which tokens count and how they are
averaged: `masked_mean(grpo_clip_loss(...), mask)`.
Sources: Williams 1992 (REINFORCE); Schulman et al. 2017 (the clip); Shao et al. 2024,
"DeepSeekMath", section 4.1 (GRPO); Liu et al. 2025 (without the deviation); Schulman 2020 (KL).

Shapes: B answers, T tokens. Log-probabilities are in nats.
"""

import torch
from torch import nn
from torch.nn import functional as F

from helpers.limits import check_number, check_whole
from helpers.loss import IGNORED


def response_log_probs(
    model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (log-probabilities of the targets, mask), both (B, T), for (B, T) inputs and targets.

    The mask is True where a target counts, which is where it is not `IGNORED`: prompts and padding
    do not. The log-probability of a whole answer is `(log_probs * mask).sum(-1)`.

    >>> even = lambda token_ids: torch.zeros(*token_ids.shape, 4)  # all four tokens alike
    >>> log_probs, mask = response_log_probs(even, torch.tensor([[0, 1]]), torch.tensor([[IGNORED, 3]]))
    >>> round((log_probs * mask).sum().item(), 4)
    -1.3863
    """
    losses = F.cross_entropy(
        model(inputs).flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return -losses.view_as(targets), targets != IGNORED  # the losses of ignored targets are 0


def masked_mean(values: torch.Tensor, mask: torch.Tensor, dim: int | None = None) -> torch.Tensor:
    """Mean of the values where the mask is True, over all dimensions or along one.

    Raises ValueError if the shapes differ, or if a mean would be of no values at all.

    >>> masked_mean(torch.tensor([1.0, 2.0, 9.0]), torch.tensor([True, True, False])).item()
    1.5
    """
    if values.shape != mask.shape:
        raise ValueError(f"values are {tuple(values.shape)}, the mask is {tuple(mask.shape)}")
    count = mask.sum() if dim is None else mask.sum(dim)
    if (count == 0).any() or not mask.numel():
        raise ValueError("a mean over no values: the mask is False everywhere along it")
    kept = values.masked_fill(~mask, 0)  # not a product: 0 times inf is NaN
    return (kept.sum() if dim is None else kept.sum(dim)) / count


def group_advantages(
    rewards: torch.Tensor, group_size: int, normalize_by_std: bool = True
) -> torch.Tensor:
    """Return how much better than its group each answer is, (B,) for (B,) rewards.

    Answers to one prompt are neighbors: the first `group_size` are the first group. From each
    reward the mean of its group is subtracted; `normalize_by_std` divides by the group's standard
    deviation (with n - 1) as well. A group whose rewards are all equal gets exactly 0: it has nothing to
    teach. Raises ValueError for a group size below 2, for rewards that do not fill whole groups or are not finite.

    >>> group_advantages(torch.tensor([1.0, 0, 0, 1, 0, 0, 0, 1]), 4, normalize_by_std=False)
    tensor([ 0.5000, -0.5000, -0.5000,  0.5000, -0.2500, -0.2500, -0.2500,  0.7500])
    """
    check_whole("group_size", group_size, least=2)
    if rewards.dim() != 1 or not len(rewards) or len(rewards) % group_size:
        raise ValueError(f"rewards of shape {tuple(rewards.shape)} are no groups of {group_size}")
    if not rewards.isfinite().all():
        raise ValueError("a reward is NaN or infinite")
    groups = rewards.float().view(-1, group_size)
    advantages = groups - groups.mean(1, keepdim=True)
    if normalize_by_std:
        advantages = advantages / (groups.std(1, keepdim=True) + 1e-6)
    all_equal = groups.amax(1, keepdim=True) == groups.amin(1, keepdim=True)
    return advantages.masked_fill(all_equal, 0).flatten()  # a mean can be off by a rounding error


def policy_gradient_loss(advantages: torch.Tensor, log_probs: torch.Tensor) -> torch.Tensor:
    """Return REINFORCE's loss per token, (B, T): minus advantage times log-probability.

    `advantages` (B,) hold for all tokens of an answer; with rewards in their place there is no
    baseline. Raises ValueError if the numbers of answers differ.

    >>> policy_gradient_loss(torch.tensor([2.0]), torch.tensor([[-0.5, -1.0]]))
    tensor([[1., 2.]])
    """
    return -_per_token(advantages, log_probs) * log_probs


def grpo_clip_loss(
    advantages: torch.Tensor,
    log_probs: torch.Tensor,
    old_log_probs: torch.Tensor,
    clip: float = 0.2,
) -> torch.Tensor:
    """Return GRPO's clipped loss per token, (B, T).

    `old_log_probs` are those of the model that wrote the answers. Once a token is more than `clip`
    likelier than it was then (less likely, where the advantage is negative), it has no gradient any
    more. Raises ValueError if the shapes differ, or for a clip that is not above 0.

    >>> now, then = torch.tensor([[0.0]]), torch.tensor([[-1.0]])  # e times as likely as it was
    >>> grpo_clip_loss(torch.tensor([1.0]), now, then)
    tensor([[-1.2000]])
    """
    check_number("clip", clip, above=0)
    if log_probs.shape != old_log_probs.shape:
        shapes = tuple(log_probs.shape), tuple(old_log_probs.shape)
        raise ValueError(f"the log-probabilities now and then have the shapes {shapes}")
    advantage = _per_token(advantages, log_probs)
    ratio = (log_probs - old_log_probs).exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


def kl_penalty(log_probs: torch.Tensor, reference_log_probs: torch.Tensor) -> torch.Tensor:
    """Return an estimate of KL(model || reference) per token, (B, T), in nats and never negative.

    The mean over tokens that the model itself sampled is an unbiased estimate (Schulman's k3).
    Raises ValueError if the shapes differ.

    >>> kl_penalty(torch.tensor([[-1.0]]), torch.tensor([[-1.0]]))
    tensor([[0.]])
    """
    if log_probs.shape != reference_log_probs.shape:
        shapes = tuple(log_probs.shape), tuple(reference_log_probs.shape)
        raise ValueError(f"the model's and the reference's log-probabilities are {shapes}")
    difference = reference_log_probs - log_probs
    return difference.exp() - difference - 1


def _per_token(advantages: torch.Tensor, log_probs: torch.Tensor) -> torch.Tensor:
    """The advantages as a column (B, 1), once they are known to fit."""
    if advantages.shape != log_probs.shape[:1] or log_probs.dim() != 2:
        raise ValueError(
            f"{tuple(advantages.shape)} advantages for log-probabilities of {tuple(log_probs.shape)}; "
            "they must be (B,) and (B, T)"
        )
    return advantages.unsqueeze(1)
