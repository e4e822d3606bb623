"""The optimizer's groups, one AdamW step by hand, and the learning rate's curve."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.config import PRESETS
from helpers.model import GPT
from helpers.optim import create_optimizer, learning_rate_at, parameter_groups


def test_every_parameter_is_in_exactly_one_group():
    model = GPT(PRESETS["tiny"])
    decayed, kept = (group["params"] for group in parameter_groups(model, 0.1))
    assert {id(p) for p in decayed} | {id(p) for p in kept} == {id(p) for p in model.parameters()}
    assert len(decayed) + len(kept) == len(list(model.parameters()))
    assert all(p.ndim >= 2 for p in decayed) and all(p.ndim == 1 for p in kept)


def test_one_step_equals_adamw_by_hand():
    layer = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(2.0)
    optimizer = create_optimizer(layer, learning_rate=0.1, weight_decay=0.5)
    (3 * layer.weight).sum().backward()  # gradient 3
    optimizer.step()
    # Decay first: 2 - 0.1 * 0.5 * 2 = 1.9. The first moment and its root are both 3: a step of 0.1.
    assert layer.weight.item() == pytest.approx(1.8, abs=1e-6)


def test_warm_up_is_linear_and_the_end_is_low():
    rates = [learning_rate_at(step, 100, 1.0, warmup_steps=10) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * n for n in range(1, 11)])
    assert max(rates) == pytest.approx(1.0) and rates[-1] < 0.11
    halfway = 10 + 45
    assert rates[halfway] == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi / 2)))


@given(st.integers(1, 400), st.data())
def test_rate_stays_between_zero_and_peak_and_falls_after_warm_up(steps, data):
    warmup = data.draw(st.integers(0, steps))
    rates = [learning_rate_at(step, steps, 0.3, warmup) for step in range(steps)]
    assert all(0 < rate <= 0.3 + 1e-12 for rate in rates)
    after = rates[warmup:]
    assert all(a >= b for a, b in zip(after, after[1:], strict=False))


@pytest.mark.parametrize(
    ("step", "steps", "warmup"), [(-1, 5, 0), (5, 5, 0), (0, 5, 6), (0, 5, -1)]
)
def test_a_step_outside_the_run_is_refused(step, steps, warmup):
    with pytest.raises(ValueError, match="outside 0 to"):
        learning_rate_at(step, steps, 1.0, warmup)
