"""Attention against loops by hand, PyTorch's own modules, and a look at what leaks."""

import dataclasses
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from helpers.attention import (
    MultiHeadAttention,
    attend,
    causal_mask,
)
from helpers.config import GPTConfig
from helpers.kv_cache import KVCache

CONFIG = GPTConfig(
    vocab_size=10, context_length=16, embedding_dim=12, n_heads=3, n_layers=2, dropout=0.0
)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def module(**changes):
    """An attention in double precision, so that equal means equal to many digits."""
    return MultiHeadAttention(dataclasses.replace(CONFIG, **changes)).double().eval()


def random(*shape):
    return torch.randn(*shape, dtype=torch.double)


def by_hand(queries, keys, values, may_look):
    """Attention of Python lists of numbers: one loop for each sum in the formula."""
    rows, all_weights = [], []
    for i, query in enumerate(queries):
        powers = []
        for j, key in enumerate(keys):
            score = sum(a * b for a, b in zip(query, key, strict=True)) / math.sqrt(len(query))
            powers.append(math.exp(score) if may_look(i, j) else 0.0)
        weights = [power / sum(powers) for power in powers]
        columns = range(len(values[0]))
        rows.append(
            [sum(w * value[c] for w, value in zip(weights, values, strict=True)) for c in columns]
        )
        all_weights.append(weights)
    return rows, all_weights


# attend


def test_attend_on_numbers_worked_by_hand():
    # scores 0 and ln 3 after division by √1: powers 1 and 3, so weights 1/4 and 3/4
    queries, keys = torch.tensor([[1.0]]), torch.tensor([[0.0], [math.log(3)]])
    context, weights = attend(queries, keys, torch.tensor([[4.0], [8.0]]))
    torch.testing.assert_close(weights, torch.tensor([[0.25, 0.75]]))
    torch.testing.assert_close(context, torch.tensor([[7.0]]))


@given(
    n_queries=st.integers(1, 5),
    older=st.integers(0, 4),
    size=st.integers(1, 6),
    width=st.integers(1, 4),
    causal=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_attend_equals_loops_by_hand(n_queries, older, size, width, causal):
    n_keys = n_queries + older
    q, k, v = random(n_queries, size), random(n_keys, size), random(n_keys, width)
    mask = causal_mask(n_queries, n_keys) if causal else None
    context, weights = attend(q, k, v, mask)
    rows, all_weights = by_hand(
        q.tolist(), k.tolist(), v.tolist(), lambda i, j: not causal or j <= i + older
    )
    torch.testing.assert_close(context, torch.tensor(rows, dtype=torch.double))
    torch.testing.assert_close(weights, torch.tensor(all_weights, dtype=torch.double))


@given(batch=st.integers(1, 3), heads=st.integers(1, 4), length=st.integers(1, 9))
@settings(max_examples=25, deadline=None)
def test_attend_equals_the_fused_call_forward_and_backward(batch, heads, length):
    parts = [random(batch, heads, length, 4).requires_grad_() for _ in range(3)]
    ours = attend(*parts, causal_mask(length, length))[0]
    fused = F.scaled_dot_product_attention(*parts, is_causal=True)
    torch.testing.assert_close(ours, fused)
    change = random(*ours.shape)
    for one, other in zip(
        torch.autograd.grad(ours, parts, change),
        torch.autograd.grad(fused, parts, change),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_weights_are_shares_and_large_scores_do_not_overflow():
    q, k, v = 1000 * random(5, 4), 1000 * random(5, 4), random(5, 4)
    context, weights = attend(q, k, v, causal_mask(5, 5))
    assert context.isfinite().all()
    assert (weights >= 0).all() and (weights.triu(1) == 0).all()
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(5, dtype=torch.double))


def test_a_mask_may_differ_from_text_to_text():
    q, k, v = random(2, 3, 4), random(2, 3, 4), random(2, 3, 4)
    mask = torch.stack([causal_mask(3, 3), torch.ones(3, 3, dtype=torch.bool)])
    context = attend(q, k, v, mask)[0]
    torch.testing.assert_close(context[0], attend(q[0], k[0], v[0], causal_mask(3, 3))[0])
    torch.testing.assert_close(context[1], attend(q[1], k[1], v[1])[0])


# causal_mask


@given(n_queries=st.integers(1, 12), older=st.integers(0, 12))
@settings(max_examples=30, deadline=None)
def test_causal_mask_is_itself_and_everything_before(n_queries, older):
    mask = causal_mask(n_queries, n_queries + older)
    expected = [[j <= i + older for j in range(n_queries + older)] for i in range(n_queries)]
    assert mask.dtype == torch.bool and mask.tolist() == expected


def test_causal_mask_refuses_more_queries_than_keys():
    with pytest.raises(ValueError, match="3 queries cannot end at key 2"):
        causal_mask(3, 2)


# MultiHeadAttention


def by_loops(attention, x):
    """The module's arithmetic with a loop over texts and heads, and `by_hand` inside."""
    size, texts = attention.head_dim, []
    shared_by = attention.n_heads // attention.n_kv_heads
    for text in x:
        q, k, v = (layer(text) for layer in (attention.query, attention.key, attention.value))
        heads = []
        for head in range(attention.n_heads):
            mine = slice(head * size, (head + 1) * size)
            group = slice(head // shared_by * size, (head // shared_by + 1) * size)
            rows, _ = by_hand(
                q[:, mine].tolist(), k[:, group].tolist(), v[:, group].tolist(), lambda i, j: j <= i
            )
            heads.append(torch.tensor(rows, dtype=torch.double))
        texts.append(attention.output(torch.cat(heads, dim=-1)))
    return torch.stack(texts)


@pytest.mark.parametrize("n_kv_heads", [None, 1])
@pytest.mark.parametrize("qkv_bias", [True, False])
def test_module_equals_loops_by_hand(n_kv_heads, qkv_bias):
    attention = module(n_kv_heads=n_kv_heads, qkv_bias=qkv_bias)
    x = random(2, 5, 12)
    with torch.no_grad():
        torch.testing.assert_close(attention(x), by_loops(attention, x))


def as_torch(attention):
    """PyTorch's own module with the same weights: it keeps query, key and value as one matrix."""
    theirs = nn.MultiheadAttention(12, attention.n_heads, batch_first=True).double().eval()
    layers = (attention.query, attention.key, attention.value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([layer.weight for layer in layers]))
        theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in layers]))
        theirs.out_proj.weight.copy_(attention.output.weight)
        theirs.out_proj.bias.copy_(attention.output.bias)
    return theirs


@given(
    batch=st.integers(1, 3), length=st.integers(1, 10), n_heads=st.sampled_from([1, 2, 3, 4, 6, 12])
)
@settings(max_examples=25, deadline=None)
def test_module_equals_torch_forward_and_backward(batch, length, n_heads):
    attention = module(n_heads=n_heads)
    theirs = as_torch(attention)
    x = random(batch, length, 12).requires_grad_()
    y = x.detach().clone().requires_grad_()
    ours = attention(x)
    other, weights = theirs(
        y, y, y, attn_mask=~causal_mask(length, length), average_attn_weights=False
    )
    torch.testing.assert_close(ours, other)
    torch.testing.assert_close(attention.weights(x), weights)
    change = random(*ours.shape)
    ours.backward(change)
    other.backward(change)
    torch.testing.assert_close(x.grad, y.grad)
    layers = (attention.query, attention.key, attention.value)
    stacked = torch.cat([layer.weight.grad for layer in layers])
    torch.testing.assert_close(stacked, theirs.in_proj_weight.grad)
    stacked = torch.cat([layer.bias.grad for layer in layers])
    torch.testing.assert_close(stacked, theirs.in_proj_bias.grad)
    torch.testing.assert_close(attention.output.weight.grad, theirs.out_proj.weight.grad)
    torch.testing.assert_close(attention.output.bias.grad, theirs.out_proj.bias.grad)


@pytest.mark.parametrize("n_kv_heads", [1, 2, 4])
def test_grouped_queries_equal_full_heads_with_repeated_weights(n_kv_heads):
    config = {"embedding_dim": 8, "n_heads": 4}
    grouped, full = module(n_kv_heads=n_kv_heads, **config), module(**config)

    def repeated(rows):  # (G * D, ...) to (H * D, ...), each head's rows for its whole group
        return (
            rows.unflatten(0, (n_kv_heads, 2)).repeat_interleave(4 // n_kv_heads, 0).flatten(0, 1)
        )

    with torch.no_grad():
        for name in ("query", "output"):
            getattr(full, name).load_state_dict(getattr(grouped, name).state_dict())
        for name in ("key", "value"):
            source, target = getattr(grouped, name), getattr(full, name)
            target.weight.copy_(repeated(source.weight))
            target.bias.copy_(repeated(source.bias))
    x = random(2, 6, 8)
    torch.testing.assert_close(grouped(x), full(x))
    torch.testing.assert_close(grouped.weights(x), full.weights(x))
    grouped(x).square().sum().backward()
    full(x).square().sum().backward()
    # A shared matrix collects what its copies would get one by one.
    copies = (
        full.key.weight.grad.unflatten(0, (n_kv_heads, 4 // n_kv_heads, 2)).sum(1).flatten(0, 1)
    )
    torch.testing.assert_close(grouped.key.weight.grad, copies)


@given(
    n_groups=st.sampled_from([(1, 1), (2, 1), (4, 2), (6, 3), (6, 6)]),
    size=st.integers(1, 5),
    batch=st.integers(1, 3),
    length=st.integers(1, 9),
)
@settings(max_examples=25, deadline=None)
def test_shapes(n_groups, size, batch, length):
    n_heads, n_kv_heads = n_groups
    attention = module(embedding_dim=n_heads * size, n_heads=n_heads, n_kv_heads=n_kv_heads)
    x = random(batch, length, n_heads * size)
    queries, keys, values = attention.project(x)
    assert queries.shape == (batch, n_heads, length, size)
    assert keys.shape == values.shape == (batch, n_kv_heads, length, size)
    assert attention(x).shape == x.shape
    weights = attention.weights(x)
    assert weights.shape == (batch, n_heads, length, length)
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
    shared = [part.repeat_interleave(n_heads // n_kv_heads, dim=1) for part in (keys, values)]
    context = attend(queries, *shared, causal_mask(length, length))[0]
    torch.testing.assert_close(attention.output(context.transpose(1, 2).flatten(2)), attention(x))


@pytest.mark.parametrize("n_kv_heads", [None, 1])
def test_a_later_position_changes_nothing_before_it(n_kv_heads):
    attention = module(n_kv_heads=n_kv_heads)
    x = random(2, 7, 12)
    before = attention(x)
    for place in range(7):
        changed = x.clone()
        changed[:, place] += 1.0
        after = attention(changed)
        assert torch.equal(after[:, :place], before[:, :place])
        assert (after[:, place:] != before[:, place:]).any(dim=-1).all()


def test_gradient_reaches_only_what_came_before():
    attention = module()
    x = random(1, 6, 12).requires_grad_()
    for place in range(6):
        (gradient,) = torch.autograd.grad(attention(x)[0, place].sum(), x)
        reached = gradient[0].abs().sum(dim=-1) > 0
        assert reached.tolist() == [other <= place for other in range(6)]


def test_a_text_does_not_see_the_others_of_its_batch():
    attention = module()
    x = random(3, 5, 12)
    torch.testing.assert_close(attention(x)[1], attention(x[1:2])[0])


@pytest.mark.parametrize("n_kv_heads", [None, 1])
@pytest.mark.parametrize("pieces", [[1] * 7, [4, 3], [1, 5, 1], [7]])
def test_a_text_in_pieces_with_a_cache_equals_the_whole(pieces, n_kv_heads):
    config = dataclasses.replace(CONFIG, n_kv_heads=n_kv_heads)
    attention = MultiHeadAttention(config).double().eval()
    x, cache, parts, start = random(2, 7, 12), KVCache(config, 2, dtype=torch.double), [], 0
    for length in pieces:
        parts.append(attention(x[:, start : start + length], cache=cache, layer=1))
        cache.advance(length)
        start += length
    torch.testing.assert_close(torch.cat(parts, dim=1), attention(x))


def test_dropout_works_in_training_alone_and_keeps_the_mean():
    attention = module(dropout=0.5)
    x = random(1, 6, 12)
    assert torch.equal(attention(x), attention(x))
    expected = attention(x)
    attention.train()
    assert not torch.equal(attention(x), attention(x))
    many = attention(x.expand(4000, -1, -1))
    torch.testing.assert_close(many.mean(dim=0, keepdim=True), expected, atol=0.06, rtol=0)


def test_number_of_parameters_does_not_depend_on_the_number_of_heads():
    def count(**changes):
        return sum(parameter.numel() for parameter in module(**changes).parameters())

    assert count(n_heads=1) == count(n_heads=12) == 4 * (12 * 12 + 12)
    assert count(n_heads=12, n_kv_heads=3) == 2 * (12 * 12 + 12) + 2 * (12 * 3 + 3)
    assert count(qkv_bias=False) == 4 * 12 * 12 + 12


def test_the_lecture_numbers():
    """Lecture 15: seed 123, three random 3 x 2 matrices, the context vector of the second token."""
    inputs = torch.tensor(
        [[0.43, 0.15, 0.89], [0.55, 0.87, 0.66], [0.57, 0.85, 0.64],
         [0.22, 0.58, 0.33], [0.77, 0.25, 0.10], [0.05, 0.80, 0.55]]
    )  # fmt: skip
    torch.manual_seed(123)
    queries, keys, values = (inputs @ torch.rand(3, 2) for _ in range(3))
    torch.testing.assert_close(queries[1], torch.tensor([0.4306, 1.4551]), atol=5e-5, rtol=0)
    context = attend(queries, keys, values)[0][1]
    torch.testing.assert_close(context, torch.tensor([0.3061, 0.8210]), atol=5e-5, rtol=0)


def test_heads_must_divide_the_embedding():
    with pytest.raises(ValueError, match="embedding_dim 12 is not divisible by n_heads 5"):
        module(n_heads=5)
    with pytest.raises(ValueError, match="n_heads 3 is not divisible by n_kv_heads 2"):
        module(n_kv_heads=2)
