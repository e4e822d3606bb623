"""Preferences: the two losses by hand, their gradients, and what is refused."""

import math

import pytest
import torch

from helpers.preferences import dpo_loss, reward_loss


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_the_reward_loss_of_two_pairs_by_hand():
    loss = reward_loss(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 3.0]))
    assert loss.item() == pytest.approx(-(math.log(sigmoid(1)) + math.log(sigmoid(-3))) / 2)


def test_only_the_difference_of_rewards_counts():
    chosen, rejected = torch.tensor([1.0, 2.0]), torch.tensor([0.5, 4.0])
    torch.testing.assert_close(reward_loss(chosen + 7, rejected + 7), reward_loss(chosen, rejected))


def test_dpo_by_hand():
    # the chosen answer has become 2 nats likelier, the rejected one 1 nat less likely
    rows = [torch.tensor([x]) for x in (-3.0, -6.0, -5.0, -5.0)]
    assert dpo_loss(*rows, beta=0.5).item() == pytest.approx(-math.log(sigmoid(0.5 * 3)))


def test_the_gradient_is_that_of_the_paper():
    """Rafailov et al., section 4: beta times sigmoid(rejected's score - chosen's)."""
    chosen, rejected = (torch.tensor([x], requires_grad=True) for x in (-3.0, -6.0))
    dpo_loss(chosen, rejected, torch.tensor([-5.0]), torch.tensor([-5.5]), beta=0.3).backward()
    weight = 0.3 * sigmoid(0.3 * (-6 + 5.5) - 0.3 * (-3 + 5))
    assert chosen.grad.item() == pytest.approx(-weight)
    assert rejected.grad.item() == pytest.approx(weight)


def test_far_from_the_decision_nothing_overflows():
    loss = reward_loss(torch.tensor([-1e4]), torch.tensor([1e4]))
    assert loss.item() == pytest.approx(2e4)


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ([torch.zeros(0), torch.zeros(0)], "no pairs"),
        ([torch.zeros(2), torch.zeros(3)], "shapes"),
        ([torch.zeros(2, 2), torch.zeros(2, 2)], "shapes"),
    ],
)
def test_pairs_that_are_none_are_refused(rows, word):
    with pytest.raises(ValueError, match=word):
        reward_loss(*rows)


@pytest.mark.parametrize("beta", [0, -1.0, math.nan])
def test_beta_has_limits(beta):
    with pytest.raises(ValueError, match="beta"):
        dpo_loss(*[torch.zeros(1)] * 4, beta=beta)
