"""Checks for notebook 14: groups that teach, two averages over tokens, a clip with two limits."""

import torch

from classroom.turns.registry import attempted, exercise, wrong
from helpers.reinforce import grpo_clip_loss


def _same(found, expected):
    return (
        isinstance(found, torch.Tensor)
        and found.shape == expected.shape
        and found.dtype == expected.dtype
        and torch.allclose(found.float(), expected.float(), rtol=1e-4, atol=1e-6)
    )


@exercise("14.1", "Groups that teach")
def groups_that_teach(useful):
    rewards = torch.tensor([1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.25])
    found = attempted(useful(rewards, 3))
    right = torch.tensor([True] * 3 + [False] * 6 + [True] * 3)
    if not isinstance(found, torch.Tensor) or found.dtype != torch.bool:
        wrong("return a tensor of True and False, one for every answer")
    if found.shape == (4,):
        wrong("that is one for each group; give every answer what its group has")
    if _same(found, ~right):
        wrong("the other way around: True where the rewards of the group differ")
    if _same(found, rewards > 0):
        wrong("these are the rewarded answers; the wrong ones of a mixed group teach as well")
    if not _same(found, right):
        wrong(f"for groups of three with rewards {rewards.tolist()} it gives {found.tolist()}")
    third = torch.tensor([0.1, 0.1, 0.1, 0.1, 0.1, 0.2])
    if not _same(useful(third, 3), torch.tensor([False] * 3 + [True] * 3)):
        wrong(
            "three rewards of 0.1 are equal: compare them, since a mean of them may be off by a bit"
        )
    if not _same(useful(rewards, 2), torch.tensor([True, True] + [False] * 4 + [False] * 2 + [True] * 2 + [True] * 2)):  # fmt: skip
        wrong("it differs for groups of two")
    return "a batch filled with such groups alone has a gradient from every answer."


@exercise("14.2", "How long answers are averaged")
def how_long_answers_are_averaged(averages):
    losses = torch.tensor([[1.0, 3.0, 9.0, 9.0], [2.0, 2.0, 2.0, 2.0]])
    mask = torch.tensor([[True, True, False, False], [True, True, True, True]])
    found = attempted(averages(losses, mask, 8))
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        wrong("return two numbers")
    first, second = map(float, found)
    kept = losses[mask]
    if abs(first - float(losses.mean())) < 1e-5:
        wrong("the mask is not used: masked tokens do not count")
    if abs(first - float(kept.mean())) < 1e-5 and abs(first - 2.0) > 1e-5:
        wrong("that is the mean over all tokens; take the mean of each answer first")
    if abs(second - 12.0 / 8) < 1e-5:
        wrong("the second also divides by the number of answers")
    if abs(first - 2.0) > 1e-5 or abs(second - 12.0 / 16) > 1e-5:
        wrong(f"it gives {first:.4f} and {second:.4f}, and should give 2.0000 and 0.7500")
    losses[0, 1] = 7.0
    first, second = map(float, averages(losses, mask, 4))
    if abs(first - 3.0) > 1e-5 or abs(second - 2.0) > 1e-5:
        wrong("it differs for other losses: the means are 4 and 2, the sums 8 and 8")
    moving = losses.clone().requires_grad_()
    both = averages(moving, mask, 4)
    if not all(isinstance(each, torch.Tensor) and each.requires_grad for each in both):
        wrong("return tensors: a loss needs its gradient")
    return (
        "a token of a long answer weighs less in the first, and as much as any other in the second."
    )


@exercise("14.3", "Clip higher")
def clip_higher(loss):
    advantages = torch.tensor([1.0, -1.0])
    new = torch.tensor([[0.5, 0.9, 1.25, 1.5]]).log().repeat(2, 1)
    old = torch.zeros(2, 4)
    ratio = new.exp()
    column = advantages[:, None]
    right = -torch.minimum(ratio * column, ratio.clamp(0.8, 1.28) * column)
    found = attempted(loss(advantages, new, old))
    if not isinstance(found, torch.Tensor) or found.shape != (2, 4):
        wrong("return a loss for every token, (B, T)")
    explained = (
        (grpo_clip_loss(advantages, new, old), "both limits are 0.2; the upper one is high"),
        (grpo_clip_loss(advantages, new, old, 0.28), "both limits are 0.28; the lower one is low"),
        (-ratio.clamp(0.8, 1.28) * column, "take the minimum of the clipped and the free gain"),
        (-right, "the sign: it is a loss"),
    )
    for other, said in explained:
        if _same(found, other):
            wrong(said)
    if not _same(found, right):
        wrong("for ratios 0.5, 0.9, 1.25 and 1.5 it differs from turn 6 with limits 0.8 and 1.28")
    wide = -torch.minimum(ratio * column, ratio.clamp(0.6, 1.4) * column)
    if not _same(loss(advantages, new, old, 0.4, 0.4), wide):
        wrong("low and high are arguments")
    moving = new.clone().requires_grad_()
    if not loss(advantages, moving, old).requires_grad:
        wrong("the loss has no gradient, so nothing would be learned")
    return (
        "a rare token may rise further before the clip holds it, so answers stay varied for longer."
    )
