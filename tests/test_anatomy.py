"""Counting a GPT: parameters against the model, operations against PyTorch's own counter."""

from dataclasses import replace

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from classroom.drawings.anatomy import (
    count_parameters,
    flops_per_token,
    parameter_table,
    plot_parameters,
    show_parameters,
)
from helpers.config import PRESETS, GPTConfig
from helpers.kv_cache import KVCache
from helpers.model import GPT

TINY = PRESETS["tiny"]
VARIANTS = {
    "tiny": TINY,
    "untied": replace(TINY, tie_weights=False, qkv_bias=False),
    "grouped": replace(TINY, n_kv_heads=2, n_layers=3),
}


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_the_table_sums_to_the_model(config):
    table = parameter_table(config)
    assert sum(part.total for part in table) == GPT(config).n_parameters()
    assert count_parameters(config) == GPT(config).n_parameters()
    assert {part.times for part in table} <= {1, config.n_layers}


def test_gpt2s_table_by_hand():
    table = {part.name: part for part in parameter_table(GPTConfig())}
    c = 768
    by_hand = {
        "token embedding": (50257 * c, 1),
        "position embedding": (1024 * c, 1),
        "two normalizations": (2 * 2 * c, 12),
        "attention: queries": (c * c + c, 12),
        "attention: keys": (c * c + c, 12),
        "attention: values": (c * c + c, 12),
        "attention: output": (c * c + c, 12),
        "feed-forward: expand": (4 * c * c + 4 * c, 12),
        "feed-forward: project": (4 * c * c + c, 12),
        "final normalization": (2 * c, 1),
        "output head": (0, 1),
    }
    assert {name: (part.each, part.times) for name, part in table.items()} == by_hand
    assert sum(part.total for part in table.values()) == 124_439_808


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("gpt2-small", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
    ],
)
def test_the_four_sizes(name, count):
    assert count_parameters(PRESETS[name]) == count


@pytest.mark.parametrize("context", [1, 2, 17, 64])
@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_operations_equal_pytorchs_count(config, context):
    """One token through the real model, with `context - 1` tokens in the cache."""
    model, cache = GPT(config).eval(), KVCache(config)
    # PyTorch's counter does not know the fused attention of CPUs; the plain one it counts.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        if context > 1:
            model(torch.zeros(1, context - 1, dtype=torch.long), cache=cache)
        with FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, 1, dtype=torch.long), cache=cache)
    assert counter.get_total_flops() == sum(flops_per_token(config, context).values())


@pytest.mark.parametrize("context", [0, 65])
def test_a_context_outside_the_model_is_refused(context):
    with pytest.raises(ValueError, match=f"context is {context}; it must be 1 to 64"):
        flops_per_token(TINY, context)


def test_bars_are_the_counts():
    configs = {name: PRESETS[name] for name in ("gpt2-small", "gpt2-xl")}
    ax = plot_parameters(configs)
    widths = [0.0, 0.0]
    for bars in ax.containers:
        widths = [width + bar.get_width() for width, bar in zip(widths, bars, strict=True)]
    # The normalizations are too thin to be drawn.
    counts = [count_parameters(config) / 1e6 for config in configs.values()]
    assert widths == pytest.approx(counts, rel=1e-3)


def test_the_alternative_text_names_the_largest_part(monkeypatch):
    said = []
    monkeypatch.setattr("classroom.drawings.anatomy.show", lambda ax, alt: said.append(alt))
    show_parameters({"gpt2-xl": PRESETS["gpt2-xl"], "tiny": TINY})
    assert said == [
        "Parameters by part; the most: gpt2-xl feed-forward 63%, tiny feed-forward 48%."
    ]
