"""Preferences: learn from pairs of answers, of which one was preferred.

Bradley and Terry (1952) give each answer a score and say how likely the better one wins:

    P(chosen before rejected) = sigmoid(score of chosen - score of rejected)

A reward model learns that score. DPO needs no such model: the score of an answer is how much more
likely the trained model finds it than a frozen copy of the model before, its reference.
Sources: Christiano et al. 2017, section 2.2.3; Rafailov et al. 2023, "Direct Preference
Optimization", equation 7.

Shapes: B pairs of answers.
"""

import torch
from torch.nn import functional as F

from helpers.limits import check_number


def reward_loss(chosen: torch.Tensor, rejected: torch.Tensor) -> torch.Tensor:
    """Mean of -ln P(chosen before rejected), in nats per pair, of two (B,) rows of rewards.

    Raises ValueError if there are no pairs, or if the shapes differ.

    >>> round(reward_loss(torch.tensor([2.0]), torch.tensor([0.0])).item(), 4)
    0.1269
    """
    _check_pairs(chosen, rejected)
    return -F.logsigmoid(chosen - rejected).mean()


def dpo_loss(
    chosen: torch.Tensor,
    rejected: torch.Tensor,
    reference_chosen: torch.Tensor,
    reference_rejected: torch.Tensor,
    beta: float = 0.1,
) -> torch.Tensor:
    """Mean DPO loss, in nats per pair, of (B,) log-probabilities of whole answers, in nats.

    The first two are the trained model's, the last two its reference's. `beta` says how much a nat
    of difference counts: a large one holds the model closer to its reference. Raises ValueError if
    there are no pairs, if the shapes differ, or for a beta that is not above 0.

    >>> at_first = torch.tensor([-8.0]), torch.tensor([-5.0])  # the model is its own reference
    >>> round(dpo_loss(*at_first, *at_first).item(), 4)  # ln 2, however unlikely the answers are
    0.6931
    """
    check_number("beta", beta, above=0)
    _check_pairs(chosen, rejected, reference_chosen, reference_rejected)
    return reward_loss(beta * (chosen - reference_chosen), beta * (rejected - reference_rejected))


def _check_pairs(*rows: torch.Tensor) -> None:
    shapes = [tuple(row.shape) for row in rows]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1:
        raise ValueError(f"the shapes are {shapes}; each must be (B,), one number per pair")
    if not len(rows[0]):
        raise ValueError("there are no pairs")
