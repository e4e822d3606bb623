"""A Llama with merged products computes the same: whole texts, one token at a time, several texts."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from helpers.config import PRESETS
from helpers.fast import speed_up
from helpers.fast.llama import MergedAttention, merge, merge_products
from helpers.generate import generate
from helpers.kv_cache import KVCache
from helpers.llama import Llama, LlamaConfig
from helpers.model import GPT

SMALL = LlamaConfig(64, 32, 32, 48, n_heads=4, n_layers=2, n_kv_heads=2)
SHAPES = {
    "grouped queries": SMALL,
    "a head of keys for each": replace(SMALL, n_kv_heads=None),
    "one head of keys": replace(SMALL, n_kv_heads=1),
    "Qwen 2": replace(SMALL, qkv_bias=True),
    "Qwen 3": replace(SMALL, qk_norm=True, head_size=16),
    "untied": replace(SMALL, tie_weights=False),
}


@pytest.fixture(params=SHAPES)
def pair(request):
    """A Llama of random weights, norms and biases among them, and the same with merged products."""
    torch.manual_seed(0)
    plain = Llama(SHAPES[request.param]).eval()
    with torch.no_grad():
        for parameter in plain.parameters():
            if parameter.ndim == 1:
                parameter.normal_(1.0, 0.3)
    return plain, merge_products(copy.deepcopy(plain))


def test_logits_are_equal(pair):
    plain, merged = pair
    ids = torch.randint(64, (3, 20))
    with torch.no_grad():
        assert_close(merged(ids), plain(ids), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("cuts", [(1, 1, 1, 1), (5, 1, 1, 3), (4, 4)])
def test_logits_are_equal_with_a_cache(pair, cuts):
    plain, merged = pair
    ids = torch.randint(64, (2, sum(cuts)))
    cache, place = KVCache(plain.config, batch_size=2), 0
    with torch.no_grad():
        wanted, found = plain(ids), []
        for cut in cuts:
            found.append(merged(ids[:, place : place + cut], cache))
            place += cut
    assert_close(torch.cat(found, dim=1), wanted, atol=1e-5, rtol=1e-4)


def test_the_same_text_is_written(pair):
    ids = torch.randint(64, (2, 5))
    plain, merged = (torch.stack(list(generate(model, ids, 20))) for model in pair)
    assert torch.equal(plain, merged)


def test_attention_weights_are_equal(pair):
    plain, merged = pair
    ids = torch.randint(64, (1, 7))
    assert_close(merged.attention_weights(ids), plain.attention_weights(ids), atol=1e-5, rtol=1e-4)


def test_bfloat16_stays_bfloat16(pair):
    plain, merged = (model.to(torch.bfloat16) for model in pair)
    ids = torch.randint(64, (1, 7))
    cache = KVCache(plain.config, dtype=torch.bfloat16)
    with torch.no_grad():
        assert merged(ids[:, :6], cache).dtype == torch.bfloat16
        assert_close(merged(ids[:, 6:], cache), plain(ids)[:, 6:], atol=0.1, rtol=0.1)


def test_fewer_products_are_made(pair):
    linear = [sum(isinstance(each, nn.Linear) for each in model.modules()) for model in pair]
    assert linear == [7 * SMALL.n_layers + 1, 4 * SMALL.n_layers + 1]


def test_merged_layers_stand_side_by_side():
    torch.manual_seed(0)
    layers, x = [nn.Linear(6, width) for width in (4, 2, 3)], torch.randn(2, 6)
    assert_close(merge(*layers)(x), torch.cat([layer(x) for layer in layers], dim=-1))


def test_other_models_stay_as_they_are():
    model = GPT(PRESETS["tiny"])
    names = [name for name, _ in merge_products(model).named_modules()]
    assert not any("merged" in name for name in names)


def test_merging_twice_changes_nothing(pair):
    merged = pair[1]
    before = [type(each) for each in merged.modules()]
    assert [type(each) for each in merge_products(merged).modules()] == before
    assert MergedAttention in before


@pytest.mark.parametrize("how", ["generation", "eight_bits"])
def test_a_model_that_is_refused_is_left_as_it_was(how):
    model = Llama(SMALL)
    torch.nn.init.constant_(model.blocks[1].feed_forward.gate.weight, torch.nan)
    before = [type(each) for each in model.modules()]
    with pytest.raises(ValueError, match="finite"):
        speed_up(model, **{how: True})
    assert [type(each) for each in model.modules()] == before
