"""The shape of a GPT: what is accepted, what is refused, and the shapes the course uses."""

from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.config import PRESETS, GPTConfig, get_preset


def test_defaults_are_gpt2_small():
    config = GPTConfig()
    assert (config.vocab_size, config.context_length, config.embedding_dim) == (50257, 1024, 768)
    assert (config.n_heads, config.n_layers, config.head_dim) == (12, 12, 64)
    assert config.qkv_bias and config.tie_weights
    assert config == PRESETS["gpt2-small"]


@pytest.mark.parametrize(
    ("name", "width", "heads", "layers"),
    [
        ("gpt2-small", 768, 12, 12),
        ("gpt2-medium", 1024, 16, 24),
        ("gpt2-large", 1280, 20, 36),
        ("gpt2-xl", 1600, 25, 48),
    ],
)
def test_presets_are_the_papers_table(name, width, heads, layers):
    config = get_preset(name)
    assert (config.embedding_dim, config.n_heads, config.n_layers) == (width, heads, layers)
    assert config.head_dim == 64  # the same in all four


def test_a_config_cannot_change():
    with pytest.raises(FrozenInstanceError):
        GPTConfig().n_layers = 3


@given(heads=st.integers(1, 16), group=st.integers(1, 16), size=st.integers(1, 16))
def test_heads_divide_the_width_and_groups_divide_the_heads(heads, group, size):
    config = replace(GPTConfig(), embedding_dim=heads * size, n_heads=heads)
    assert config.head_dim == size and config.kv_heads == heads
    if heads % group == 0:
        assert replace(config, n_kv_heads=group).kv_heads == group
    else:
        with pytest.raises(ValueError, match=f"n_heads {heads} .* n_kv_heads {group}"):
            replace(config, n_kv_heads=group)


@pytest.mark.parametrize(
    "name", ["vocab_size", "context_length", "embedding_dim", "n_heads", "n_layers", "n_kv_heads"]
)
@pytest.mark.parametrize("value", [0, -1, 1.5, "12", True])
def test_sizes_are_whole_numbers_above_zero(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value!r}; it must be a whole number above 0"):
        replace(GPTConfig(), **{name: value})


def test_heads_that_do_not_divide_the_embedding_are_refused():
    with pytest.raises(ValueError, match="embedding_dim 768 is not divisible by n_heads 7"):
        GPTConfig(n_heads=7)


@pytest.mark.parametrize("value", [-0.1, 1, float("nan")])
def test_dropout_outside_its_range_is_refused(value):
    with pytest.raises(ValueError, match=f"dropout is {value}; .* at least 0 and below 1"):
        GPTConfig(dropout=value)


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(
        ValueError, match="unknown preset 'gpt3'; known: tiny, laptop, course, gpt2-small"
    ):
        get_preset("gpt3")
