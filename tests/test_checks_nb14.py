"""The checks of notebook 14: right answers pass, each typical mistake has its own message."""

import pytest
import torch

from classroom.turns.registry import judge
from helpers.reinforce import grpo_clip_loss

# 14.1


def useful(rewards, size):
    differ = [bool((group != group[0]).any()) for group in rewards.split(size)]
    return torch.tensor([each for each in differ for _ in range(size)])


def by_deviation(rewards, size):
    groups = rewards.view(-1, size)
    return (groups - groups.mean(1, keepdim=True)).abs().sum(1).gt(0).repeat_interleave(size)


# 14.2


def averages(losses, mask, constant):
    means = torch.stack([row[kept].mean() for row, kept in zip(losses, mask, strict=True)])
    return means.mean(), losses[mask].sum() / (constant * losses.shape[0])


# 14.3


def higher(advantages, new, old, low=0.2, high=0.28):
    ratio, column = (new - old).exp(), advantages.unsqueeze(1)
    held = torch.where(column > 0, ratio.clamp(max=1 + high), ratio.clamp(min=1 - low))
    return -held * column


RIGHT = {"14.1": useful, "14.2": averages, "14.3": higher}

MISTAKES = [
    ("14.1", lambda r, n: ~useful(r, n), "the other way around"),
    ("14.1", lambda r, n: useful(r, n)[::n], "one for each group"),
    ("14.1", lambda r, n: r > 0, "teach as well"),
    ("14.1", lambda r, n: useful(r, n).float(), "True and False"),
    ("14.1", lambda r, n: useful(r, 3), "groups of two"),
    ("14.2", lambda x, m, c: (x.mean(), averages(x, m, c)[1]), "the mask is not used"),
    ("14.2", lambda x, m, c: (x[m].mean() + 1e-3, averages(x, m, c)[1]), "should give"),
    ("14.2", lambda x, m, c: (averages(x, m, c)[0], x[m].sum() / c), "the number of answers"),
    ("14.2", lambda x, m, c: averages(x, m, 8), "for other losses"),
    ("14.2", lambda x, m, c: averages(x, m, c)[0], "return two numbers"),
    ("14.2", lambda x, m, c: tuple(map(float, averages(x, m, c))), "needs its gradient"),
    ("14.3", lambda a, n, o, low=0, high=0: grpo_clip_loss(a, n, o), "upper one is high"),
    ("14.3", lambda a, n, o, low=0, high=0: grpo_clip_loss(a, n, o, 0.28), "lower one is low"),
    ("14.3", lambda a, n, o, low=0.2, high=0.28: -higher(a, n, o, low, high), "the sign"),
    ("14.3", lambda a, n, o, low=0.2, high=0.28: higher(a, n, o), "are arguments"),
    ("14.3", lambda a, n, o: -(n - o).exp().clamp(0.8, 1.28) * a[:, None], "the free gain"),
    ("14.3", lambda a, n, o: higher(a, n, o).mean(), "for every token"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes(name):
    assert judge(name, RIGHT[name]).startswith("Right: ")


@pytest.mark.parametrize(("name", "attempt", "message"), MISTAKES)
def test_a_mistake_is_explained(name, attempt, message):
    verdict = judge(name, attempt)
    assert verdict.startswith("Not yet: ") and message in verdict


def test_a_sum_of_differences_is_told_why_it_is_off():
    verdict = judge("14.1", by_deviation)
    assert verdict.startswith(("Right: ", "Not yet: three rewards of 0.1"))


@pytest.mark.parametrize("name", RIGHT)
def test_an_untouched_stub_is_no_mistake(name):
    assert judge(name, lambda *_: ...) == "Not attempted yet."
    assert judge(name, lambda *_: None) == "Not attempted yet."
