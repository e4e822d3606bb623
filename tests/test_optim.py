"""The optimizer's groups, one AdamW step by hand, and the learning rate's curve."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers import optim
from helpers.config import PRESETS
from helpers.device import PROCESSOR
from helpers.lora import apply_lora
from helpers.model import GPT
from helpers.optim import MuonWithAdamW, create_optimizer, learning_rate_at, parameter_groups


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


@pytest.mark.parametrize("large", [1, optim.LARGE])  # each matrix alone, and those alike together
def test_muon_with_adamw_equals_pytorchs_two_side_by_side(monkeypatch, large):
    monkeypatch.setitem(PROCESSOR, "avx512_f", True)
    monkeypatch.setattr(optim, "LARGE", large)
    torch.manual_seed(0)
    ours, theirs = GPT(PRESETS["tiny"]), GPT(PRESETS["tiny"])
    theirs.load_state_dict(ours.state_dict())
    start = [parameter.detach().clone() for parameter in ours.parameters()]
    named = dict(theirs.named_parameters())
    inside = [p for name, p in named.items() if name.startswith("blocks.") and p.ndim == 2]
    outside = [p for p in named.values() if all(p is not other for other in inside)]
    options = dict(momentum=0.95, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    separate = [
        torch.optim.Muon(inside, lr=0.02, **options),
        torch.optim.AdamW(outside, lr=0.005, weight_decay=0.0, betas=(0.9, 0.95), fused=True),
    ]
    joined = MuonWithAdamW(ours, 0.02, weight_decay=0.1, adamw_share=0.25)
    for seed in range(3):
        ids = torch.randint(512, (2, 9), generator=torch.Generator().manual_seed(seed))
        for model, optimizers in ((ours, [joined]), (theirs, separate)):
            model(ids).logsumexp(-1).sum().backward()
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad()
    for a, b, at_first in zip(ours.parameters(), theirs.parameters(), start, strict=True):
        # bfloat16 may round otherwise where several matrices are one product
        assert (a - b).norm() < 0.02 * (b - at_first).norm()


def test_without_avx512_muon_computes_the_same_in_float32(monkeypatch):
    monkeypatch.setitem(PROCESSOR, "avx512_f", False)
    torch.manual_seed(0)
    model = GPT(PRESETS["tiny"])
    weight = model.blocks[0].feed_forward.expand.weight  # taller than wide
    before, gradients = weight.detach().clone(), torch.randn(2, *weight.shape)
    theirs = torch.nn.Parameter(before.clone())
    options = dict(momentum=0.95, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    optimizer, in_bfloat16 = (
        MuonWithAdamW(model, 0.02, 0.1),
        torch.optim.Muon([theirs], 0.02, **options),
    )
    first = before.clone()
    momentum = torch.zeros_like(before)
    for gradient in gradients:
        weight.grad, theirs.grad = gradient.clone(), gradient.clone()
        optimizer.step()
        in_bfloat16.step()
        momentum = 0.95 * momentum + 0.05 * gradient
        left, strengths, right = torch.linalg.svd(
            0.05 * gradient + 0.95 * momentum, full_matrices=False
        )
        strengths = strengths / strengths.norm()
        for _ in range(5):  # the polynomial, on each singular value
            strengths = 3.4445 * strengths - 4.775 * strengths**3 + 2.0315 * strengths**5
        update = left @ torch.diag(strengths) @ right
        before = before * (1 - 0.02 * 0.1) - 0.02 * 0.2 * math.sqrt(max(before.shape)) * update
    assert torch.allclose(weight, before, atol=1e-5)
    assert (weight - theirs).norm() < 0.02 * (weight - first).norm()


def test_a_muon_step_moves_every_direction_alike():
    torch.manual_seed(0)
    model = GPT(PRESETS["tiny"])
    weight = model.blocks[0].attention.query.weight
    before = weight.detach().clone()
    faint = torch.diag(torch.logspace(0, -2, len(weight)))  # directions a hundredfold apart
    weight.grad = faint.clone()
    MuonWithAdamW(model, 0.02).step()
    singular = torch.linalg.svdvals(before - weight.detach())
    assert singular.max() / singular.min() < 3 < faint.max() / faint.diagonal().min() / 10


def test_muon_takes_no_closure():
    with pytest.raises(ValueError, match="closure"):
        MuonWithAdamW(GPT(PRESETS["tiny"])).step(lambda: None)


def test_muon_alone_where_only_matrices_learn():
    model = apply_lora(GPT(PRESETS["tiny"]), rank=2)
    optimizer = MuonWithAdamW(model, 0.02)
    assert len(optimizer.param_groups) == 1
    before = [parameter.clone() for parameter in model.parameters()]
    model(torch.tensor([[1, 2, 3]])).square().mean().backward()
    optimizer.step()
    moved = [not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    names = [name for name, _ in model.named_parameters()]
    assert {name for name, m in zip(names, moved, strict=True) if m} == {
        name for name in names if name.endswith(".up")
    }  # down has no gradient while up is zero
