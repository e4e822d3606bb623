"""Whatever is swapped in for speed equals the plain model, forward and backward."""

import copy
from dataclasses import replace
from unittest import mock

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from helpers.config import PRESETS
from helpers.fast import attention, products
from helpers.fast.attention import (
    FastAttention,
    FastGroupedQueryAttention,
    FastSwiGLU,
    autocast_once,
    short_attention,
)
from helpers.fast.head_loss import fused_next_token_loss
from helpers.fast.packing import can_pack
from helpers.fast.products import FastLinear
from helpers.fast.speed_up import speed_up
from helpers.generate import generate
from helpers.llama import Llama, LlamaConfig
from helpers.loss import IGNORED, next_token_loss
from helpers.model import GPT

TINY = replace(PRESETS["tiny"], n_kv_heads=2)
LLAMA = LlamaConfig(64, 32, 64, 96, n_heads=4, n_layers=2, n_kv_heads=2)


def random_model(config=TINY):
    """A GPT whose weights are all random, so that no path through it is idle."""
    torch.manual_seed(0)
    model = GPT(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.15)
    return model


def a_batch():
    torch.manual_seed(1)
    token_ids = torch.randint(512, (3, 33))
    inputs, targets = token_ids[:, :-1], token_ids[:, 1:].clone()
    targets[0, 20:] = IGNORED
    return inputs, targets


def gradients(model, loss_of):
    """The loss, and the gradient of every parameter by name."""
    loss = loss_of(model, *a_batch())
    loss.backward()
    return {"loss": loss.detach()} | {name: p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("loss_of", [next_token_loss, fused_next_token_loss])
@pytest.mark.parametrize("convolutions", [False, True])
def test_training_is_the_same_forward_and_backward(loss_of, convolutions, monkeypatch):
    monkeypatch.setattr(products, "MKL_USES_HALF", convolutions)
    monkeypatch.setitem(products.LEAST_MULTIPLICATIONS, torch.float32, 2000)
    plain = random_model()
    fast = speed_up(copy.deepcopy(plain))
    ours, theirs = gradients(fast, loss_of), gradients(plain, next_token_loss)
    assert ours.keys() == theirs.keys()
    for name, wanted in theirs.items():
        assert_close(
            ours[name], wanted, atol=2e-5, rtol=1e-4, msg=lambda text, name=name: name + text
        )


def test_bfloat16_training_is_near_the_plain_way_of_it():
    plain = random_model()
    fast = speed_up(copy.deepcopy(plain))
    with torch.autocast("cpu", torch.bfloat16):
        ours, theirs = gradients(fast, fused_next_token_loss), gradients(plain, next_token_loss)
    exact = gradients(copy.deepcopy(random_model()), next_token_loss)
    for name, wanted in exact.items():
        size = wanted.abs().max() + 1e-4  # a bias of the keys has no gradient
        assert (ours[name] - wanted).abs().max() < 0.15 * size, name
        assert (theirs[name] - wanted).abs().max() < 0.15 * size, name


def test_parameters_names_and_ties_stay():
    plain = random_model()
    before = {name: id(parameter) for name, parameter in plain.named_parameters()}
    fast = speed_up(plain)
    assert fast is plain
    assert {name: id(parameter) for name, parameter in fast.named_parameters()} == before
    assert fast.output_head.weight is fast.token_embedding.weight
    kinds = {type(module) for module in fast.modules()}
    assert {FastLinear, FastAttention} <= kinds and nn.Linear not in kinds
    assert speed_up(speed_up(fast)) is fast


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_generation_says_the_same(dtype):
    if dtype == torch.bfloat16 and not can_pack(torch.ones(1, dtype=dtype)):
        pytest.skip("no bfloat16 can be packed here")
    plain = random_model().to(dtype).eval()
    token_ids = torch.tensor([[1, 2, 3], [4, 5, 6]])
    said = torch.stack(list(generate(plain, token_ids, 12)))
    for options in ({}, {"generation": True}):
        fast = speed_up(copy.deepcopy(plain), **options)
        with torch.no_grad():
            found, wanted = fast(token_ids).float(), plain(token_ids).float()
        assert_close(found, wanted, atol=1e-4 if dtype == torch.float32 else 0.3, rtol=0.02)
        if dtype == torch.float32:
            assert torch.equal(torch.stack(list(generate(fast, token_ids, 12))), said)


def test_eight_bits_are_near():
    plain = random_model().eval()
    small = speed_up(copy.deepcopy(plain), eight_bits=True)
    token_ids = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        wanted = plain(token_ids)
        assert (small(token_ids) - wanted).abs().max() < 0.1 * wanted.abs().max()


def test_it_takes_a_model_alone():
    with pytest.raises(TypeError, match="module"):
        speed_up("model")


@pytest.mark.parametrize("length", [1, 2, 33])
def test_short_attention_equals_the_fused_call_forward_and_backward(length):
    torch.manual_seed(0)
    heads = [torch.randn(2, 3, length, 4, dtype=torch.double).requires_grad_() for _ in range(3)]
    goal = torch.randn(2, 3, length, 4, dtype=torch.double)
    found = short_attention(*heads)
    expected = F.scaled_dot_product_attention(*heads, is_causal=True)
    assert_close(found, expected)
    ours = torch.autograd.grad((found * goal).sum(), heads)
    theirs = torch.autograd.grad((expected * goal).sum(), heads)
    for one, other in zip(ours, theirs, strict=True):
        assert_close(one, other)


@pytest.mark.parametrize("mixer", [FastAttention(TINY), FastGroupedQueryAttention(LLAMA)])
@pytest.mark.parametrize("longest", [0, 64])
def test_attention_in_bfloat16_is_near_float32_either_way(monkeypatch, longest, mixer):
    monkeypatch.setattr(attention, "SHORT", longest)
    torch.manual_seed(0)
    heads = [torch.randn(2, 4, 20, 16) for _ in range(3)]

    def run(dtype):
        leaves = [head.to(dtype).requires_grad_() for head in heads]
        with mock.patch.object(attention, "short_attention", wraps=short_attention) as short:
            out = mixer.mix(*leaves)
        assert short.called == (dtype == torch.bfloat16 and longest > 0)
        out.float().square().sum().backward()
        return [out, *(leaf.grad for leaf in leaves)]

    for half, wide in zip(run(torch.bfloat16), run(torch.float32), strict=True):
        assert half.dtype == torch.bfloat16
        assert (half - wide).abs().max() < 0.04 * wide.abs().max()


def test_a_llama_trains_in_bfloat16_as_it_did_before():
    """Its gradients are as far from float32 as those of the plain model are."""
    torch.manual_seed(0)
    plain = Llama(LLAMA)
    token_ids = torch.randint(0, 64, (3, 12))

    def gradients(model, half):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            model(token_ids).float().square().mean().backward()
        return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}

    wanted, theirs = gradients(plain, False), gradients(plain, True)
    fast = speed_up(copy.deepcopy(plain))
    kinds = {type(module) for module in fast.modules()}
    assert {FastGroupedQueryAttention, FastSwiGLU} <= kinds
    exact, ours = gradients(fast, False), gradients(fast, True)
    for name, gradient in wanted.items():
        assert_close(exact[name], gradient, atol=1e-6, rtol=1e-4)
        off, allowed = ours[name] - gradient, theirs[name] - gradient
        assert off.norm() <= 1.5 * allowed.norm() + 1e-6, name


def test_autocast_converts_once_and_nothing_else():
    x = torch.ones(2)
    assert autocast_once(x) is x
    assert autocast_once(x.to("meta")).device.type == "meta"
    with torch.autocast("cpu", torch.bfloat16):
        assert autocast_once(x).dtype == torch.bfloat16
