"""Differences in eight bits: worked by hand, back again within the promised error, bad files refused."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.checkpoint import load_model, save_model
from helpers.config import GPTConfig
from helpers.difference import NAME, add_difference, quantize_rows, save_difference
from helpers.model import GPT

CONFIG = GPTConfig(40, 16, 16, 2, 2, dropout=0.0)


def gpt(seed):
    torch.manual_seed(seed)
    return GPT(CONFIG)


def test_by_hand():
    numbers, scales = quantize_rows(torch.tensor([[1.0, -2.0, 4.0], [0.0, 0.0, 0.0]]))
    assert numbers.tolist() == [[32, -64, 127], [0, 0, 0]]  # 1 / 4 x 127 = 31.75
    torch.testing.assert_close(scales, torch.tensor([[4 / 127], [0.0]]))


@given(seed=st.integers(0, 10_000), size=st.sampled_from([1e-12, 1e-3, 1.0, 1e6]))
def test_the_error_is_at_most_half_a_step(seed, size):
    matrix = size * torch.randn(4, 9, generator=torch.Generator().manual_seed(seed))
    numbers, scales = quantize_rows(matrix)
    assert ((numbers * scales - matrix).abs() <= scales * 0.5001).all()


def test_there_and_back(tmp_path):
    base, model = gpt(0), gpt(1)
    folder = save_difference(tmp_path / "chat", model, base)
    again = add_difference(folder, gpt(0))
    for (name, parameter), wanted in zip(again.named_parameters(), model.parameters(), strict=True):
        change = (wanted - dict(gpt(0).named_parameters())[name]).abs()
        assert (parameter - wanted).abs().max() <= change.max() / 253 + 1e-6
    assert again.output_head.weight is again.token_embedding.weight
    saved = save_model(tmp_path / "whole", model, None, torch.bfloat16)
    sizes = [(place / name).stat().st_size for place, name in
             ((folder, NAME), (saved, "model.safetensors"))]  # fmt: skip
    assert sizes[0] < sizes[1]
    assert load_model(saved)[0].n_parameters() == again.n_parameters()


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match="two dimensions"):
        quantize_rows(torch.zeros(3))
    with pytest.raises(ValueError, match="NaN or inf"):
        quantize_rows(torch.tensor([[1.0, float("nan")]]))
    with pytest.raises(ValueError, match="is missing"):
        add_difference(tmp_path, gpt(0))
    wider = GPT(GPTConfig(40, 16, 32, 2, 2, dropout=0.0))
    with pytest.raises(ValueError, match="not in the base model"):
        save_difference(tmp_path, wider, gpt(0))
    folder = save_difference(tmp_path, gpt(1), gpt(0))
    with pytest.raises(ValueError, match="does not fit this model"):
        add_difference(folder, wider)
    path = folder / NAME
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="truncated"):
        add_difference(folder, gpt(0))
