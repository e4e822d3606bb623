"""Reinforcement: by hand, beside a plain loop, under padding, and what is refused."""

import math

import pytest
import torch

from helpers.config import GPTConfig
from helpers.loss import IGNORED
from helpers.model import GPT
from helpers.reinforce import (
    group_advantages,
    grpo_clip_loss,
    kl_penalty,
    masked_mean,
    policy_gradient_loss,
    response_log_probs,
)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return GPT(
        GPTConfig(vocab_size=11, context_length=8, embedding_dim=16, n_heads=2, n_layers=2)
    ).eval()


def test_log_probabilities_are_those_of_a_plain_loop(model):
    inputs = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
    targets = torch.tensor([[IGNORED, 3, 4, 9], [IGNORED, IGNORED, 8, IGNORED]])
    log_probs, mask = response_log_probs(model, inputs, targets)
    assert mask.tolist() == [[False, True, True, True], [False, False, True, False]]
    for row, column in mask.nonzero().tolist():
        alone = model(inputs[row : row + 1, : column + 1])[0, -1].log_softmax(-1)
        expected = alone[targets[row, column]].item()
        assert log_probs[row, column].item() == pytest.approx(expected, abs=1e-5)
    assert log_probs[~mask].tolist() == [0] * 4


def test_padding_changes_no_answer(model):
    inputs, targets = torch.tensor([[1, 2, 3]]), torch.tensor([[IGNORED, 3, 4]])
    padded = [
        torch.nn.functional.pad(inputs, (0, 3)),
        torch.nn.functional.pad(targets, (0, 3), value=IGNORED),
    ]
    answers = [(found * mask).sum(-1) for found, mask in
               (response_log_probs(model, inputs, targets), response_log_probs(model, *padded))]  # fmt: skip
    torch.testing.assert_close(*answers)


def test_advantages_by_hand():
    found = group_advantages(torch.tensor([3.0, 1, 5, 5, 5, 5]), 2)
    assert found.tolist() == pytest.approx(
        [1 / math.sqrt(2), -1 / math.sqrt(2), 0, 0, 0, 0], abs=1e-5
    )


def test_a_group_of_equal_rewards_has_no_gradient():
    advantages = group_advantages(torch.full((7,), 0.1), 7)  # a mean of tenths is not a tenth
    assert advantages.tolist() == [0] * 7
    log_probs = torch.randn(7, 3, requires_grad=True)
    grpo_clip_loss(advantages, log_probs, log_probs.detach()).sum().backward()
    assert log_probs.grad.abs().max() == 0


def test_at_the_first_step_the_clipped_loss_has_the_gradient_of_reinforce():
    advantages, log_probs = torch.tensor([1.5, -0.5]), torch.randn(2, 4, requires_grad=True)
    clipped = torch.autograd.grad(
        grpo_clip_loss(advantages, log_probs, log_probs.detach()).sum(), log_probs
    )
    plain = torch.autograd.grad(policy_gradient_loss(advantages, log_probs).sum(), log_probs)
    torch.testing.assert_close(clipped, plain)


@pytest.mark.parametrize(
    ("advantage", "ratio", "loss", "moves"),
    [
        (1.0, 1.1, -1.1, True),
        (1.0, 1.5, -1.2, False),  # likely enough
        (1.0, 0.5, -0.5, True),  # it has become unlikely, which is to be undone
        (-1.0, 0.5, 0.8, False),
        (-1.0, 1.5, 1.5, True),
    ],
)
def test_the_clip_by_hand(advantage, ratio, loss, moves):
    now = torch.tensor([[math.log(ratio)]], requires_grad=True)
    found = grpo_clip_loss(torch.tensor([advantage]), now, torch.zeros(1, 1), clip=0.2)
    found.sum().backward()
    assert found.item() == pytest.approx(loss)
    assert (now.grad.item() != 0) == moves


def test_the_penalty_is_the_divergence_on_average():
    torch.manual_seed(0)
    model, reference = torch.randn(2, 5).log_softmax(-1)
    exact = (model.exp() * (model - reference)).sum()
    found = (
        model.exp() * kl_penalty(model, reference)
    ).sum()  # every token as often as it is sampled
    torch.testing.assert_close(found, exact)
    assert (kl_penalty(model, reference) >= 0).all()


def test_masked_means_by_hand():
    values = torch.tensor([[1.0, 2, math.nan], [4, math.inf, 9]])
    mask = torch.tensor([[True, True, False], [True, False, True]])
    assert masked_mean(values, mask).item() == 4
    assert masked_mean(values, mask, dim=1).tolist() == [1.5, 6.5]


REFUSED = [
    (lambda: group_advantages(torch.ones(4), 1), "group_size"),
    (lambda: group_advantages(torch.ones(5), 2), "groups of 2"),
    (lambda: group_advantages(torch.ones(0), 2), "groups of 2"),
    (lambda: group_advantages(torch.tensor([1.0, math.nan]), 2), "NaN"),
    (lambda: group_advantages(torch.tensor([1.0, math.inf]), 2), "infinite"),
    (lambda: policy_gradient_loss(torch.ones(2), torch.ones(3, 4)), "advantages"),
    (lambda: policy_gradient_loss(torch.ones(3), torch.ones(3)), "advantages"),
    (lambda: grpo_clip_loss(torch.ones(2), torch.ones(2, 3), torch.ones(2, 4)), "shapes"),
    (lambda: grpo_clip_loss(torch.ones(2), torch.ones(2, 3), torch.ones(2, 3), clip=0), "clip"),
    (lambda: kl_penalty(torch.ones(2, 3), torch.ones(2, 4)), "reference"),
    (lambda: masked_mean(torch.ones(2), torch.ones(3, dtype=torch.bool)), "mask"),
    (lambda: masked_mean(torch.ones(2), torch.zeros(2, dtype=torch.bool)), "no values"),
    (lambda: masked_mean(torch.ones(2, 2), torch.tensor([[True, True], [False, False]]), 1), "no values"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "word"), REFUSED)
def test_what_cannot_be_learned_from_is_refused(call, word):
    with pytest.raises(ValueError, match=word):
        call()
