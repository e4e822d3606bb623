"""Eight bits a weight: rounding by hand, its error, the product, and the course's own model."""

import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from classroom.pages.talkers import ASSETS
from helpers.checkpoint import load_model
from helpers.config import PRESETS
from helpers.fast import quantize
from helpers.fast.quantize import QuantizedLinear, quantize_int8
from helpers.generate import generate
from helpers.model import GPT


@pytest.fixture(params=["fast", "widened"])
def product(request, monkeypatch):
    """Both ways to multiply; the fast one only where this processor has it."""
    if request.param == "fast" and not quantize.bits_of_x():
        pytest.skip("no product of 8-bit numbers here")
    if request.param == "widened":
        monkeypatch.setattr(quantize, "bits_of_x", lambda: None)
    return request.param


def coarser():
    """How many times coarser than with eight bits this processor rounds the numbers of x."""
    return 2 if quantize.bits_of_x() == 7 else 1


def test_a_row_of_zeros_stays_zero(product):
    linear = nn.Linear(64, 3)
    with torch.no_grad():
        linear.weight[1] = 0.0
        found = QuantizedLinear(linear)(torch.randn(2, 64))
    assert torch.equal(found[:, 1], linear.bias[1].expand(2))


@pytest.mark.parametrize("shape", [(1, 48), (8, 48), (2, 3, 48)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_is_near_the_one_it_was_made_from(product, shape, bias):
    torch.manual_seed(0)
    linear, x = nn.Linear(48, 30, bias=bias), torch.randn(shape)
    layer = QuantizedLinear(linear)
    with torch.no_grad():
        assert_close(layer(x), linear(x), atol=0.02 * coarser(), rtol=0)
        assert_close(layer.weight, linear.weight, atol=1e-3, rtol=0)
    assert layer(x).dtype == torch.float32 and layer(x.bfloat16()).dtype == torch.bfloat16


def test_seven_bits_for_older_processors_are_near_too():
    torch.manual_seed(0)
    if not quantize.bits_of_x():
        pytest.skip("no product of 8-bit numbers here")
    linear, x = nn.Linear(48, 30), torch.randn(4, 48)
    layer = QuantizedLinear(linear)
    found = quantize.product_of_rows(x, quantize.pack(layer.weight, layer.scales), bits=7)
    assert_close(found + layer.bias, linear(x).detach(), atol=0.05, rtol=0)


@pytest.mark.skipif(quantize.bits_of_x() is None, reason="no product of bytes here")
def test_what_is_packed_follows_the_numbers():
    torch.manual_seed(0)
    one, other = (QuantizedLinear(nn.Linear(48, 30)) for _ in range(2))
    x = torch.randn(1, 48)
    before, wanted = one(x), other(x)
    twin = copy.deepcopy(one)
    one.load_state_dict(other.state_dict())
    assert torch.equal(one(x), wanted) and torch.equal(twin(x), before)
    packed = quantize.packed_of(one.numbers, one.scales, one.bias)
    one(x)
    assert quantize.packed_of(one.numbers, one.scales, one.bias) is packed


def test_a_row_of_large_numbers_does_not_blur_the_others(product):
    torch.manual_seed(0)
    linear, x = nn.Linear(48, 30), torch.randn(4, 48)
    with torch.no_grad():
        wanted, found = linear(x), QuantizedLinear(linear)(x * torch.tensor([[1e4], [1], [1], [1]]))
    assert_close(found[1:], wanted[1:], atol=0.02 * coarser(), rtol=0)


def test_a_processor_that_overflows_is_found_out(monkeypatch):
    """Eight bits that come out wrong mean seven; both wrong mean none."""
    right = quantize.product_of_bytes
    for wrong, expected in (((8,), 7), ((8, 7), None)):

        def overflowing(x, packed, bits, wrong=wrong):
            return right(x, packed, bits).clamp(max=1e5 if bits in wrong else None, min=-1e9)

        monkeypatch.setattr(quantize, "product_of_bytes", overflowing)
        assert quantize.bits_of_x.__wrapped__() == expected


@pytest.fixture(scope="module")
def course():
    model, tokenizer = load_model(ASSETS / "course_gpt")
    return model.eval(), quantize_int8(copy.deepcopy(model)), tokenizer


def test_the_courses_model_says_nearly_the_same(course, product):
    model, small, tokenizer = course
    prompts = ["Once upon a time", "The function returns", "There was a small", "In the morning"]
    same = total = 0
    for prompt in prompts:
        ids = torch.tensor([tokenizer.encode(prompt)])
        text = torch.cat([ids, torch.stack([*generate(model, ids, 24)], dim=1)], dim=1)
        with torch.no_grad():
            wanted, found = model(text), small(text)
        assert (found - wanted).std() < 0.05 * coarser() * wanted.std()
        same += (found.argmax(-1) == wanted.argmax(-1)).sum().item()
        total += text.numel()
    assert same / total > 0.93


def test_a_quarter_of_the_memory(course):
    model, small, _ = course
    ours = [m for m in small.modules() if isinstance(m, QuantizedLinear)]
    wide = [m for m in model.modules() if isinstance(m, nn.Linear)]
    assert len(ours) == len(wide) == 6 * 6 + 1
    bytes_of = sum(m.numbers.nbytes + m.scales.nbytes for m in ours)
    assert bytes_of < 0.26 * sum(m.weight.nbytes for m in wide)


def test_the_embedding_of_a_tied_head_stays_as_it_was():
    model = GPT(PRESETS["tiny"])
    before = model.token_embedding.weight.clone()
    quantize_int8(model)
    assert torch.equal(model.token_embedding.weight, before)
    assert not model.training


def test_the_state_survives_saving(tmp_path, product):
    layer = QuantizedLinear(nn.Linear(8, 4))
    other = QuantizedLinear(nn.Linear(8, 4))
    assert not torch.equal(other(torch.ones(1, 8)), layer(torch.ones(1, 8)))
    twin = copy.deepcopy(layer)
    assert torch.equal(twin(torch.ones(1, 8)), layer(torch.ones(1, 8)))
    torch.save(layer.state_dict(), tmp_path / "layer.pt")
    other.load_state_dict(torch.load(tmp_path / "layer.pt", weights_only=True))
    assert torch.equal(other(torch.ones(1, 8)), layer(torch.ones(1, 8)))


def test_bad_input_is_named():
    with pytest.raises(TypeError, match="not str"):
        quantize_int8("model")
    with pytest.raises(ValueError, match="no linear layer"):
        quantize_int8(nn.Sequential(nn.ReLU()))
