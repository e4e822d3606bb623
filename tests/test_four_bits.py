"""Four bits a weight: levels by hand, the file's own levels, the product, and a whole model."""

import copy
import struct

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from helpers.config import GPTConfig
from helpers.fast import can_compile, speed_up
from helpers.fast.four_bits import FourBitLinear, product_of_levels, quantize_groups, quantize_int4
from helpers.fast.quantize import QuantizedLinear
from helpers.generate import generate
from helpers.llama import Llama, LlamaConfig
from helpers.llama.blocks import FORMATS, unpack
from helpers.model import GPT

GPT_SHAPE = GPTConfig(64, 48, 32, 4, 3, dropout=0.0)
LLAMA_SHAPE = LlamaConfig(64, 48, 32, 64, n_heads=4, n_layers=2, n_kv_heads=2)


def widened(levels, steps):
    """The weights (V, C) that levels (V, C) and steps (G, V, 2) stand for, by hand."""
    step, middle = steps.float().transpose(0, 1).unsqueeze(2).unbind(-1)
    return ((levels.unflatten(1, (-1, 32)) - 8) * step + middle).flatten(1)


def test_levels_by_hand():
    rows = torch.tensor([[-1.0] * 31 + [14.0], [0.5] * 32])
    levels, steps = quantize_groups(rows)
    assert levels[0].tolist() == [0] * 31 + [15]
    assert steps[0, 0].tolist() == [1.0, 7.0] and steps[0, 1].tolist() == [0.0, 0.5]
    assert_close(widened(levels, steps), rows)


def test_no_weight_is_farther_than_half_a_step_but_for_the_rounding_of_steps():
    torch.manual_seed(0)
    rows = torch.randn(48, 96)
    levels, steps = quantize_groups(rows)
    assert levels.min() == 0 and levels.max() == 15
    step = steps[..., 0].float().T.repeat_interleave(32, 1)
    middle = steps[..., 1].float().T.repeat_interleave(32, 1).abs()
    rounding = (15 * step + middle) * 2**-8
    assert ((widened(levels, steps) - rows).abs() <= step / 2 + rounding).all()


def test_a_group_with_a_large_weight_does_not_make_the_others_coarse():
    torch.manual_seed(0)
    rows = torch.randn(16, 64)
    rows[:, 40] = 1000.0
    levels, steps = quantize_groups(rows)
    beside = (widened(levels, steps) - rows)[:, :32].abs().max()
    assert beside < 0.3 < steps[1, :, 0].min()


def test_levels_of_a_file_stay():
    """Q4_1 has sixteen levels from the lowest to the highest weight of 32, too."""
    torch.manual_seed(0)
    wanted = torch.randint(16, (16, 32), dtype=torch.int32)
    wanted[:, 3], wanted[:, 20] = 0, 15
    data = b""
    for row in wanted.tolist():
        pairs = bytes(low | high << 4 for low, high in zip(row[:16], row[16:], strict=True))
        data += struct.pack("<ee", 0.01, -0.07) + pairs
    unpacked = unpack(np.frombuffer(data, np.uint8), FORMATS[3])
    levels, _ = quantize_groups(torch.tensor(unpacked).view(16, 32))
    assert torch.equal(levels, wanted)


@pytest.mark.parametrize("shape", [(1, 64), (8, 64), (2, 3, 64), (0, 64)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_product_is_that_of_the_rounded_weights(shape, bias, dtype):
    torch.manual_seed(0)
    linear, x = nn.Linear(64, 48, bias=bias), torch.randn(shape).to(dtype)
    layer = FourBitLinear(linear)
    with torch.no_grad():
        rounded = nn.functional.linear(x.float(), layer.weight, linear.bias)
        found = layer(x)
    assert found.dtype == dtype and found.shape == (*shape[:-1], 48)
    assert_close(found.float(), rounded, atol=0.03, rtol=0.02)


def test_the_weight_is_what_the_levels_say():
    torch.manual_seed(0)
    linear = nn.Linear(96, 32)
    levels, steps = quantize_groups(linear.weight.detach())
    assert_close(FourBitLinear(linear).weight, widened(levels, steps), atol=2e-3, rtol=8e-3)


def test_a_product_needs_no_gradient_and_no_copy_of_the_weights():
    layer = FourBitLinear(nn.Linear(64, 16))
    assert not [*layer.parameters()]
    assert layer.levels.nbytes == 64 * 16 // 2 and layer.steps.nbytes == 64 * 16 // 32 * 4
    x = torch.zeros(1, 64, dtype=torch.bfloat16)
    assert torch.equal(
        product_of_levels(x, layer.levels, layer.steps), torch.zeros(1, 16).bfloat16()
    )


def test_the_head_and_what_does_not_fit_get_eight_bits():
    model = quantize_int4(GPT(GPTConfig(64, 16, 48, 4, 1, dropout=0.0)))
    kinds = {name: type(part) for name, part in model.named_modules() if hasattr(part, "bias")}
    assert kinds["output_head"] is kinds["blocks.0.attention.output"] is QuantizedLinear
    model = quantize_int4(GPT(GPT_SHAPE))
    assert type(model.output_head) is QuantizedLinear
    assert type(model.blocks[0].feed_forward.expand) is FourBitLinear


@pytest.mark.parametrize("kind, shape", [(GPT, GPT_SHAPE), (Llama, LLAMA_SHAPE)])
def test_a_model_writes_what_its_rounded_weights_say(kind, shape):
    torch.manual_seed(0)
    model = kind(shape).eval()
    small = speed_up(copy.deepcopy(model), four_bits=True)
    ids = torch.randint(64, (2, 20))
    with torch.no_grad():
        far, near = (small(ids) - model(ids)).abs().max(), model(ids).std()
    assert far < near
    assert len([*generate(small, ids[:1], 5)]) == 5


def test_both_numbers_of_bits_are_refused():
    model = GPT(GPT_SHAPE)
    before = [*model.state_dict()]
    with pytest.raises(ValueError, match="either eight bits or four"):
        speed_up(model, eight_bits=True, four_bits=True)
    assert [*model.state_dict()] == before


@pytest.mark.skipif(not can_compile(), reason="there is no C++ compiler")
def test_compiled_writes_the_same():
    torch.manual_seed(0)
    model = Llama(LLAMA_SHAPE).eval()
    ids = torch.randint(64, (1, 6))
    plain = speed_up(copy.deepcopy(model), four_bits=True)
    fast = speed_up(model, four_bits=True, compiled=True)
    found = [torch.cat([*generate(each, ids, 12)]).tolist() for each in (plain, fast)]
    assert found[0] == found[1]
