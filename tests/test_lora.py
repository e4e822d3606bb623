"""LoRA: nothing changes at the start, merging changes nothing, and peft computes the same."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from helpers.config import PRESETS
from helpers.fast import speed_up
from helpers.fast.lora import FastLoRALinear
from helpers.lora import LoRALinear, apply_lora, merge_lora
from helpers.model import GPT

NAN = float("nan")
IDS = torch.arange(20).view(2, 10)


def small(seed=0):
    torch.manual_seed(seed)
    return GPT(PRESETS["tiny"]).eval()


def with_corrections(rank=4):
    """A model whose corrections are no longer zero."""
    model = apply_lora(small(), rank)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(".up"):
                parameter.normal_(std=0.1)
    return model


def test_a_correction_by_hand():
    layer = LoRALinear(nn.Linear(2, 2, bias=False), rank=1, alpha=3)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.eye(2))
        layer.down.copy_(torch.tensor([[1.0, 2.0]]))
        layer.up.copy_(torch.tensor([[1.0], [0.0]]))
    # x = (1, 1): down gives 3, up gives (3, 0), scale 3 gives (9, 0), and W adds (1, 1).
    assert layer(torch.ones(2)).tolist() == [10.0, 1.0]


def test_nothing_changes_before_the_first_step():
    before = small()(IDS)
    assert torch.equal(apply_lora(small(), rank=4)(IDS), before)


def test_only_the_corrections_learn():
    model = apply_lora(small(), rank=4)
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert trained and all(name.endswith((".up", ".down")) for name in trained)
    model(IDS).sum().backward()
    assert all(p.grad is None for p in model.parameters() if not p.requires_grad)


def test_merging_changes_nothing():
    model = with_corrections()
    before = model(IDS)
    assert not torch.allclose(before, small()(IDS), atol=1e-3)
    merged = merge_lora(model)
    torch.testing.assert_close(merged(IDS), before, atol=1e-5, rtol=0)
    assert merged.state_dict().keys() == small().state_dict().keys()
    assert all(parameter.requires_grad for parameter in merged.parameters())


def test_the_faster_layer_is_equal_with_its_gradients():
    plain, fast = with_corrections(), speed_up(with_corrections())
    assert {type(m) for m in fast.modules()} >= {FastLoRALinear}
    for name, value in plain.state_dict().items():
        fast.state_dict()[name].copy_(value)
    losses = [model(IDS).square().mean() for model in (plain, fast)]
    torch.testing.assert_close(*losses)
    for loss in losses:
        loss.backward()
    for (name, ours), theirs in zip(plain.named_parameters(), fast.parameters(), strict=True):
        if ours.requires_grad:
            torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=1e-3, msg=name)
    torch.testing.assert_close(merge_lora(fast)(IDS), plain(IDS), atol=1e-5, rtol=1e-4)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="rank is 0"):
        apply_lora(small(), rank=0)
    with pytest.raises(ValueError, match="1 to 64"):
        apply_lora(small(), rank=65)
    with pytest.raises(ValueError, match="called nose"):
        apply_lora(small(), targets=("nose",))
    with pytest.raises(ValueError, match="already"):
        apply_lora(with_corrections())
    with pytest.raises(ValueError, match="no LoRA to merge"):
        merge_lora(small())
    broken = with_corrections()
    torch.nn.init.constant_(next(p for n, p in broken.named_parameters() if n.endswith("up")), NAN)
    before = [parameter.clone() for parameter in broken.parameters()]
    with pytest.raises(ValueError, match="NaN"):
        merge_lora(broken)
    for was, now in zip(before, broken.parameters(), strict=True):
        assert torch.equal(was.nan_to_num(), now.nan_to_num())


@pytest.mark.parametrize(
    "kind, options",
    [
        (ValueError, {"targets": ("query", "valuex")}),
        (TypeError, {"targets": "query"}),
        (ValueError, {"targets": ()}),
        (ValueError, {"alpha": NAN}),
        (ValueError, {"alpha": -8}),
        (TypeError, {"alpha": "16"}),
        (TypeError, {"rank": 2.5}),
        (ValueError, {"rank": 20}),  # fits all matrices but those of keys and values
    ],
)
def test_a_refusal_leaves_the_model_as_it_was(kind, options):
    model = GPT(replace(PRESETS["tiny"], n_kv_heads=1))
    model.final_norm.requires_grad_(False)
    flags = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    with pytest.raises(kind):
        apply_lora(model, **options)
    assert {name: p.requires_grad for name, p in model.named_parameters()} == flags
    merge_lora(apply_lora(model, 2))
    assert {name: p.requires_grad for name, p in model.named_parameters()} == flags


def test_peft_computes_the_same():
    peft = pytest.importorskip("peft", reason="peft is not installed")
    ours = with_corrections()
    theirs = small()
    theirs.config = None  # peft looks for a dictionary there
    config = peft.LoraConfig(r=4, lora_alpha=16, target_modules=r"blocks\..*\.(query|key|value|"
                             r"output|expand|project)")  # fmt: skip
    wrapped = peft.get_peft_model(theirs, config)
    layers = dict(wrapped.base_model.model.named_modules())
    with torch.no_grad():
        for name, layer in ours.named_modules():
            if isinstance(layer, LoRALinear):
                layers[name].lora_A["default"].weight.copy_(layer.down)
                layers[name].lora_B["default"].weight.copy_(layer.up)
    theirs.config = PRESETS["tiny"]
    torch.testing.assert_close(wrapped.base_model.model(IDS), ours(IDS), atol=1e-5, rtol=0)
