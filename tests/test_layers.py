"""Layer normalization, GELU and the feed-forward network: by hand, by formula, by PyTorch."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from helpers.config import PRESETS, GPTConfig
from helpers.layers import GELU, FeedForward, LayerNorm

shapes = st.lists(st.integers(1, 5), min_size=1, max_size=3)


def with_gradients(layer, x):
    """The output of `layer` at `x`, and the gradients of a weighted sum for x and the weights."""
    x = x.clone().requires_grad_()
    out = layer(x)
    weights = torch.linspace(-1, 1, out.numel()).view_as(out)
    return [out, *torch.autograd.grad((out * weights).sum(), [x, *layer.parameters()])]


def test_layer_norm_by_hand():
    # Mean 4, deviations -3 -1 1 3, variance (9 + 1 + 1 + 9) / 4 = 5.
    norm = LayerNorm(4, epsilon=0.0)
    expected = torch.tensor([-3.0, -1.0, 1.0, 3.0]) / math.sqrt(5)
    assert_close(norm(torch.tensor([1.0, 3.0, 5.0, 7.0])), expected)


@given(shape=shapes, width=st.integers(2, 9), seed=st.integers(0, 99))
def test_layer_norm_equals_pytorchs_with_gradients(shape, width, seed):
    torch.manual_seed(seed)
    ours, theirs = LayerNorm(width), nn.LayerNorm(width)
    nn.init.normal_(ours.scale)
    nn.init.normal_(ours.shift)
    theirs.load_state_dict({"weight": ours.scale, "bias": ours.shift})
    x = torch.randn(*shape, width) * 3 + 1
    for mine, reference in zip(with_gradients(ours, x), with_gradients(theirs, x), strict=True):
        assert_close(mine, reference)


def test_layer_norm_undoes_scale_and_shift_of_its_input():
    torch.manual_seed(0)
    norm, x = LayerNorm(16), torch.randn(3, 16)
    assert_close(norm(5 * x + 2), norm(x), atol=1e-4, rtol=0)
    assert_close(norm(x).mean(-1), torch.zeros(3), atol=1e-6, rtol=0)
    assert_close(norm(x).var(-1, unbiased=False), torch.ones(3), atol=1e-3, rtol=0)


def test_layer_norm_of_a_constant_vector_is_its_shift():
    norm = LayerNorm(4)
    assert_close(norm(torch.full((2, 4), 7.0)), torch.zeros(2, 4))


@given(st.floats(-30, 30))
def test_gelu_follows_its_formula(value):
    inside = math.sqrt(2 / math.pi) * (value + 0.044715 * value**3)
    expected = 0.5 * value * (1 + math.tanh(inside))
    assert GELU()(torch.tensor(value, dtype=torch.float64)).item() == pytest.approx(expected)


def test_gelu_gradient_follows_its_formula():
    x = torch.linspace(-6, 6, 101, dtype=torch.float64, requires_grad=True)
    inside = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    reference = 0.5 * x * (1 + torch.tanh(inside))
    (expected,) = torch.autograd.grad(reference.sum(), x)
    assert_close(torch.autograd.grad(GELU()(x).sum(), x)[0], expected)
    assert torch.autograd.gradcheck(GELU(), x[:10])


def test_gelu_is_close_to_the_exact_one_and_is_not_it():
    x = torch.linspace(-6, 6, 1001)
    exact = x * torch.special.ndtr(x)
    gap = (GELU()(x) - exact).abs().max().item()
    assert 1e-5 < gap < 1e-3


@given(batch=st.integers(1, 3), length=st.integers(1, 4), heads=st.integers(1, 4))
def test_feed_forward_equals_its_formula_with_gradients(batch, length, heads):
    config = GPTConfig(embedding_dim=4 * heads, n_heads=heads)
    network = FeedForward(config)
    plain = nn.Sequential(
        nn.Linear(4 * heads, 16 * heads),
        nn.GELU(approximate="tanh"),
        nn.Linear(16 * heads, 4 * heads),
    )
    plain[0].load_state_dict(network.expand.state_dict())
    plain[2].load_state_dict(network.project.state_dict())
    x = torch.randn(batch, length, 4 * heads)
    for mine, reference in zip(with_gradients(network, x), with_gradients(plain, x), strict=True):
        assert_close(mine, reference)


@pytest.mark.parametrize("layer", [LayerNorm(64), FeedForward(PRESETS["tiny"])])
def test_each_token_is_worked_on_alone(layer):
    torch.manual_seed(0)
    x = torch.randn(2, 5, 64)
    changed = x.clone()
    changed[:, 2] += 1
    same = [0, 1, 3, 4]
    assert torch.equal(layer(x)[:, same], layer(changed)[:, same])
    assert not torch.equal(layer(x)[:, 2], layer(changed)[:, 2])
