"""Packed weights: the same product and the same words, saved and copied as any others."""

import copy
import io

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from helpers.checkpoint import save_model
from helpers.config import PRESETS
from helpers.fast import packing
from helpers.fast.packing import PackedLinear, can_pack, pack_weights
from helpers.fast.quantize import quantize_int8
from helpers.generate import generate
from helpers.lora import apply_lora
from helpers.model import GPT

there = pytest.mark.skipif(not can_pack(torch.ones(1)), reason="weights cannot be packed here")


def a_layer(bias=True, width=48, out=30):
    torch.manual_seed(0)
    return nn.Linear(width, out, bias=bias)


@there
@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(1, 70), width=st.integers(1, 80), out=st.integers(1, 80), bias=st.booleans()
)
def test_a_packed_layer_gives_the_same(rows, width, out, bias):
    layer, x = a_layer(bias, width, out), torch.randn(rows, width)
    with torch.no_grad():
        assert_close(PackedLinear(layer)(x), layer(x), atol=1e-5, rtol=1e-5)
        assert_close(PackedLinear(layer)(x[None]), layer(x[None]), atol=1e-5, rtol=1e-5)
    assert torch.equal(PackedLinear(layer).weight, layer.weight)


@there
def test_rows_that_lie_apart_and_weights_that_lie_the_other_way():
    x = torch.randn(4, 5, 48)[:, -1]
    turned = nn.Linear(48, 30)
    turned.weight = nn.Parameter(torch.randn(48, 30).T)
    with torch.no_grad():
        assert_close(PackedLinear(turned)(x), turned(x), atol=1e-4, rtol=1e-4)


@pytest.mark.skipif(not can_pack(torch.ones(1).bfloat16()), reason="no bfloat16 can be packed here")
def test_bfloat16_stays_bfloat16():
    layer, x = a_layer().bfloat16(), torch.randn(3, 48).bfloat16()
    with torch.no_grad():
        found = PackedLinear(layer)(x)
        assert_close(found, layer(x), atol=0.03, rtol=0.03)
    assert found.dtype == torch.bfloat16


@there
def test_a_copy_and_a_saved_one_give_the_same():
    layer, x = PackedLinear(a_layer()), torch.randn(2, 48)
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    for other in (copy.deepcopy(layer), torch.load(file, weights_only=False)):
        assert torch.equal(other(x), layer(x))


@there
def test_it_can_be_moved_to_another_type():
    with pytest.raises(ValueError, match="float64 on cpu cannot be packed"):
        PackedLinear(a_layer()).double()
    if can_pack(torch.ones(1).bfloat16()):
        half = PackedLinear(a_layer()).bfloat16()
        assert half(torch.randn(2, 48).bfloat16()).dtype == half.bias.dtype == torch.bfloat16


@there
def test_a_packed_model_names_its_weights_as_any_other():
    model = GPT(PRESETS["tiny"])
    wanted = {name: each.clone() for name, each in model.state_dict().items()}
    found = pack_weights(model).state_dict()
    assert wanted.keys() == found.keys()
    assert all(torch.equal(found[name], each) for name, each in wanted.items())


@pytest.mark.parametrize(
    "change", [pytest.param(pack_weights, marks=there), quantize_int8, lambda m: apply_lora(m, 2)]
)
def test_what_could_not_be_loaded_is_not_saved(tmp_path, change):
    with pytest.raises(ValueError, match="tensor .* is not as in a plain GPT"):
        save_model(tmp_path / "model", change(GPT(PRESETS["tiny"])))
    assert not list(tmp_path.iterdir())


@there
def test_it_refuses_to_load_rather_than_keep_old_weights():
    layer = PackedLinear(a_layer())
    with pytest.raises(RuntimeError, match="weight"):
        layer.load_state_dict(a_layer().state_dict())


def test_the_same_words_with_a_cache_and_without():
    torch.manual_seed(0)
    model = GPT(PRESETS["tiny"]).eval()
    ids = torch.randint(512, (3, 7))
    wanted = torch.stack([*generate(model, ids, 20)])
    pack_weights(model)
    for use_cache in (True, False):
        assert torch.equal(torch.stack([*generate(model, ids, 20, use_cache=use_cache)]), wanted)


def test_where_nothing_can_be_packed_the_layers_stay(monkeypatch):
    monkeypatch.setattr(packing, "can_pack", lambda weight: False)
    model = GPT(PRESETS["tiny"])
    before = list(model.modules())
    assert all(a is b for a, b in zip(before, pack_weights(model).modules(), strict=True))
    with pytest.raises(ValueError, match="cannot be packed"):
        PackedLinear(nn.Linear(2, 2))


def test_a_product_that_is_missing_or_wrong_is_found_out(monkeypatch):
    packing._has_product.cache_clear()
    monkeypatch.setattr(packing, "_product", lambda x, packed, bias: x)
    assert not can_pack(torch.ones(1))
    packing._has_product.cache_clear()

    def missing(x, packed, bias):
        raise NotImplementedError

    monkeypatch.setattr(packing, "_product", missing)
    assert not can_pack(torch.ones(1))
    packing._has_product.cache_clear()
