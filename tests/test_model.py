"""The block and the GPT: counts, shapes, causality by perturbation, padding, and bad input."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.testing import assert_close

from helpers.config import PRESETS, GPTConfig
from helpers.model import GPT, TransformerBlock

TINY = PRESETS["tiny"]


@st.composite
def small_configs(draw):
    heads = draw(st.integers(1, 4))
    divisors = [number for number in range(1, heads + 1) if heads % number == 0]
    return GPTConfig(
        vocab_size=draw(st.integers(2, 40)),
        context_length=draw(st.integers(2, 12)),
        embedding_dim=heads * draw(st.integers(1, 6)),
        n_heads=heads,
        n_layers=draw(st.integers(1, 3)),
        n_kv_heads=draw(st.sampled_from([None, *divisors])),
        dropout=0.0,
        qkv_bias=draw(st.booleans()),
        tie_weights=draw(st.booleans()),
    )


def random_model(config, seed=0, deviation=0.3):
    """A model whose weights are all random, biases and normalizations too."""
    torch.manual_seed(seed)
    model = GPT(config).eval()
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=1.0 if "scale" in name else 0.0, std=deviation)
    return model


def meta_model(config):
    with torch.device("meta"):
        return GPT(config)


# Counting


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("gpt2-small", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
    ],
)
def test_gpt2s_parameter_counts(name, count):
    assert meta_model(PRESETS[name]).n_parameters() == count


def test_the_count_without_tying_and_query_bias():
    config = replace(PRESETS["gpt2-small"], tie_weights=False, qkv_bias=False)
    assert meta_model(config).n_parameters() == 163_009_536
    assert meta_model(replace(config, tie_weights=True)).n_parameters() == 124_412_160


def test_a_tied_head_is_the_embedding():
    model = GPT(TINY)
    assert model.output_head.weight is model.token_embedding.weight
    assert "output_head.weight" not in dict(model.named_parameters())
    untied = GPT(replace(TINY, tie_weights=False))
    assert untied.n_parameters() - model.n_parameters() == TINY.vocab_size * TINY.embedding_dim


# Shapes and the arithmetic


@settings(deadline=None, max_examples=30)
@given(config=small_configs(), batch=st.integers(1, 3), data=st.data())
def test_shapes_for_any_config(config, batch, data):
    length = data.draw(st.integers(1, config.context_length))
    token_ids = torch.randint(config.vocab_size, (batch, length))
    model = GPT(config).eval()
    assert model(token_ids).shape == (batch, length, config.vocab_size)
    assert model.hidden_states(token_ids).shape == (batch, length, config.embedding_dim)
    weights = model.attention_weights(token_ids)
    assert [w.shape for w in weights] == [(batch, config.n_heads, length, length)] * config.n_layers


def test_the_model_is_its_parts_in_order():
    model = random_model(TINY)
    token_ids = torch.tensor([[3, 1, 4], [1, 5, 9]])
    x = model.token_embedding(token_ids) + model.position_embedding(torch.arange(3))
    for block in model.blocks:
        normed = F.layer_norm(x, (64,), block.norm_attention.scale, block.norm_attention.shift)
        x = x + block.attention(normed)
        x = x + block.feed_forward(block.norm_feed_forward(x))
    expected = model.final_norm(x) @ model.token_embedding.weight.T
    assert_close(model(token_ids), expected)
    assert_close(model.output_head(model.hidden_states(token_ids)), expected)


def test_attention_weights_are_those_that_the_model_uses():
    """Mixing the values by the returned weights gives what the fused attention gives."""
    model = random_model(replace(TINY, n_layers=1, n_kv_heads=2))
    token_ids = torch.randint(512, (2, 6))
    (weights,) = model.attention_weights(token_ids)
    assert_close(weights.sum(-1), torch.ones(2, 4, 6))
    block = model.blocks[0]
    x = model.token_embedding(token_ids) + model.position_embedding.weight[:6]
    normed = block.norm_attention(x)
    values = block.attention.project(normed)[2].repeat_interleave(2, dim=1)
    mixed = block.attention.output((weights @ values).transpose(1, 2).flatten(2))
    assert_close(mixed, block.attention(normed), atol=1e-5, rtol=1e-5)


def test_a_zeroed_block_passes_its_input_through():
    block = TransformerBlock(TINY)
    for layer in (block.attention.output, block.feed_forward.project):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    x = torch.randn(2, 5, 64)
    assert torch.equal(block(x), x)


def test_dropout_works_in_training_only():
    torch.manual_seed(0)
    model = GPT(replace(TINY, dropout=0.5))
    token_ids = torch.tensor([[1, 2, 3]])
    assert not torch.equal(model(token_ids), model(token_ids))
    model.eval()
    assert torch.equal(model(token_ids), model(token_ids))


def test_initial_weights_follow_the_paper():
    torch.manual_seed(0)
    model = GPT(PRESETS["laptop"])
    residual = 0.02 / math.sqrt(2 * 4)
    for name, parameter in model.named_parameters():
        if name.endswith(("attention.output.weight", "feed_forward.project.weight")):
            assert parameter.std().item() == pytest.approx(residual, rel=0.03), name
        elif name.endswith("weight"):
            assert parameter.std().item() == pytest.approx(0.02, rel=0.03), name
        else:
            assert torch.all(parameter == (1.0 if name.endswith("scale") else 0.0)), name


def test_an_untrained_model_is_about_as_good_as_a_guess():
    torch.manual_seed(0)
    model = GPT(PRESETS["laptop"]).eval()
    token_ids = torch.randint(2048, (4, 64))
    loss = F.cross_entropy(model(token_ids[:, :-1]).flatten(0, 1), token_ids[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(2048), abs=0.2)


# Against transformers' block


@pytest.fixture(scope="module")
def block_pair():
    """Our block and transformers' GPT2Block with the same random weights."""
    pytest.importorskip("transformers", reason="compares with transformers, an optional extra")
    from transformers import GPT2Config
    from transformers.models.gpt2.modeling_gpt2 import GPT2Block

    torch.manual_seed(1)
    ours = TransformerBlock(replace(TINY, qkv_bias=True)).eval()
    theirs = GPT2Block(
        GPT2Config(n_embd=64, n_head=4, n_layer=2, attn_implementation="eager"), layer_idx=0
    ).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    names = {
        "norm_attention": theirs.ln_1,
        "norm_feed_forward": theirs.ln_2,
        "attention.output": theirs.attn.c_proj,
        "feed_forward.expand": theirs.mlp.c_fc,
        "feed_forward.project": theirs.mlp.c_proj,
    }
    with torch.no_grad():
        for name, layer in names.items():
            mine = ours.get_submodule(name)
            weight, bias = mine.parameters()
            weight.copy_(layer.weight.t())
            bias.copy_(layer.bias)
        packed = (theirs.attn.c_attn.weight.t(), theirs.attn.c_attn.bias)
        for number, part in enumerate(
            (ours.attention.query, ours.attention.key, ours.attention.value)
        ):
            part.weight.copy_(packed[0].chunk(3)[number])
            part.bias.copy_(packed[1].chunk(3)[number])
    return ours, theirs


def run_theirs(block, x):
    length = x.shape[1]
    mask = torch.full((length, length), -torch.inf).triu(1)[None, None]
    out = block(x, attention_mask=mask)
    return out[0] if isinstance(out, tuple) else out


def test_block_equals_transformers(block_pair):
    ours, theirs = block_pair
    x = torch.randn(2, 7, 64)
    assert_close(ours(x), run_theirs(theirs, x), atol=1e-5, rtol=1e-5)


def test_block_gradients_equal_transformers(block_pair):
    ours, theirs = block_pair
    x = torch.randn(2, 7, 64, requires_grad=True)
    weights = torch.randn(2, 7, 64)
    pairs = [
        (ours.norm_attention.scale, theirs.ln_1.weight),
        (ours.norm_feed_forward.shift, theirs.ln_2.bias),
        (ours.attention.output.weight, theirs.attn.c_proj.weight),
        (ours.feed_forward.expand.weight, theirs.mlp.c_fc.weight),
        (ours.feed_forward.project.bias, theirs.mlp.c_proj.bias),
    ]
    mine = torch.autograd.grad(
        (ours(x) * weights).sum(),
        [x, ours.attention.query.weight, ours.attention.key.weight, ours.attention.value.weight]
        + [pair[0] for pair in pairs],
    )
    reference = torch.autograd.grad(
        (run_theirs(theirs, x) * weights).sum(),
        [x, theirs.attn.c_attn.weight] + [pair[1] for pair in pairs],
    )
    assert_close(mine[0], reference[0], atol=1e-4, rtol=1e-4)
    assert_close(torch.cat(mine[1:4]), reference[1].t(), atol=1e-4, rtol=1e-4)
    for one, other in zip(mine[4:], reference[2:], strict=True):
        assert_close(one, other.t() if other.ndim == 2 else other, atol=1e-4, rtol=1e-4)


# A masked position changes nothing before it


@settings(deadline=None, max_examples=30)
@given(config=small_configs(), data=st.data())
def test_a_later_token_changes_nothing_before_it(config, data):
    """For every block and for the whole model: disturb one position, compare all before it."""
    length = config.context_length
    place = data.draw(st.integers(1, length - 1))
    model = random_model(config, seed=data.draw(st.integers(0, 99)))
    x = torch.randn(2, length, config.embedding_dim)
    disturbed = x.clone()
    disturbed[:, place] += 10 * torch.randn(config.embedding_dim)
    for block in model.blocks:
        assert_close(block(disturbed)[:, :place], block(x)[:, :place], atol=1e-6, rtol=1e-5)
        assert not torch.allclose(block(disturbed)[:, place], block(x)[:, place])
    token_ids = torch.randint(config.vocab_size, (2, length))
    other = token_ids.clone()
    other[:, place] = (other[:, place] + 1) % config.vocab_size
    assert_close(model(other)[:, :place], model(token_ids)[:, :place], atol=1e-5, rtol=1e-5)


def test_gradients_do_not_flow_back_from_the_future():
    model = random_model(TINY)
    for block in model.blocks:
        x = torch.randn(1, 6, 64, requires_grad=True)
        (gradient,) = torch.autograd.grad(block(x)[0, 2].sum(), x)
        assert torch.all(gradient[0, 3:] == 0)
        assert torch.all(gradient[0, :3].abs().sum(-1) > 0)


def test_an_earlier_token_changes_what_comes_after():
    model = random_model(TINY)
    token_ids = torch.randint(512, (1, 8))
    other = token_ids.clone()
    other[0, 2] = (other[0, 2] + 1) % 512
    gap = (model(token_ids) - model(other)).abs().amax(-1)[0]
    assert torch.all(gap[:2] == 0) and torch.all(gap[2:] > 1e-4)


# Padding on the left


# Bad input


def test_a_text_past_the_context_is_refused():
    with pytest.raises(ValueError, match="65 tokens are more than the context length 64"):
        GPT(TINY)(torch.zeros(1, 65, dtype=torch.long))
    with pytest.raises(ValueError, match="65 tokens are more than the context length 64"):
        GPT(TINY).attention_weights(torch.zeros(1, 65, dtype=torch.long))
