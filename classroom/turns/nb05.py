"""Checks for notebook 05: masks, cross-attention, ALiBi, grouped queries, attention in blocks."""

import math

import torch

from classroom.turns.registry import attempted, exercise, wrong
from helpers.attention import attend, causal_mask


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _same(found, expected):
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=1e-4, atol=1e-5)


def _needs_shape(found, shape, name):
    if not isinstance(found, torch.Tensor):
        wrong(f"{name} should be a tensor, yours is of type {type(found).__name__}")
    if tuple(found.shape) != shape:
        wrong(f"{name} should have the shape {shape}, yours has {tuple(found.shape)}")


def _needs_booleans(mask, shape):
    _needs_shape(mask, shape, "the mask")
    if mask.dtype != torch.bool:
        wrong(
            f"the mask holds {mask.dtype}; `attend` turns it around with ~, which needs True/False"
        )


@exercise("05.1", "The mask without tril")
def the_mask_without_tril(look_back_mask):
    found = attempted(look_back_mask(4, 4))
    _needs_booleans(found, (4, 4))
    if torch.equal(found, causal_mask(4, 4).T):
        wrong("the mask is upside down: True must mean 'may look', and no token may look ahead")
    if torch.equal(found, ~causal_mask(4, 4)):
        wrong("True and False are swapped: True must mean 'may look'")
    if not found.diagonal().any():
        wrong("a token must see itself; else the first one attends to nothing, and softmax is NaN")
    if not torch.equal(found, causal_mask(4, 4)):
        wrong(f"for 4 tokens it should be\n{causal_mask(4, 4).int()}\nyours is\n{found.int()}")
    longer = look_back_mask(2, 5)
    _needs_booleans(longer, (2, 5))
    if torch.equal(longer, torch.ones(2, 5, dtype=torch.bool).tril()):
        wrong(
            "with 2 queries and 5 keys the last query stands at the last key: it sees all 5, and "
            "the one before it sees 4"
        )
    for shape in ((2, 5), (1, 7), (1, 1), (3, 8)):
        if not torch.equal(look_back_mask(*shape), causal_mask(*shape)):
            wrong(f"it differs for {shape[0]} queries and {shape[1]} keys")
    return "each query sees itself and what came before, also with older keys in front."


@exercise("05.2", "A sliding window")
def a_sliding_window(window_mask):
    found = attempted(window_mask(5, 2))
    _needs_booleans(found, (5, 5))
    places = torch.arange(5)
    distance = places[:, None] - places
    if torch.equal(found, distance.abs() < 2):
        wrong("it looks ahead as well: the distance i - j must not be negative")
    if torch.equal(found, (distance >= 0) & (distance <= 2)):
        wrong("a window of 2 is the token and ONE before it; yours sees two before it")
    if torch.equal(found, causal_mask(5, 5)):
        wrong("this is the whole causal mask; the window does not cut anything off")
    for length, window in ((5, 2), (6, 1), (4, 9), (1, 1), (8, 3)):
        places = torch.arange(length)
        distance = places[:, None] - places
        if not torch.equal(window_mask(length, window), (distance >= 0) & (distance < window)):
            wrong(f"it differs for a length of {length} and a window of {window}")
    return "at most `window` positions per row: a kernel that skips the rest costs T, not T²."


@exercise("05.3", "Cross-attention")
def cross_attention(attempt):
    x, other = _random(3, 4), _random(5, 4, seed=1)
    query, key, value = (_random(4, 2, seed=seed) for seed in (2, 3, 4))
    found = attempted(attempt(x, other, query, key, value))
    if isinstance(found, tuple):
        wrong("return the context alone; `attend` gives a pair, so take its first part")
    if isinstance(found, torch.Tensor) and tuple(found.shape) == (5, 2):
        wrong("there is one row per token of `other`: the queries must come from x")
    _needs_shape(found, (3, 2), "the context")
    queries, keys, values = x @ query, other @ key, other @ value
    if _same(found, attend(queries, x @ key, x @ value)[0]):
        wrong("x looks at itself: keys and values must come from `other`")
    if _same(found, (queries @ keys.T).softmax(dim=-1) @ values):
        wrong("the scores are not divided by the square root of D")
    if _same(found, attend(queries, keys, values, causal_mask(5, 5)[:3])[0]):
        wrong("there is a causal mask; the other text is complete, so all of it may be seen")
    if not _same(found, attend(queries, keys, values)[0]):
        wrong("the numbers differ from softmax(q kᵀ / √D) v with q from x, k and v from other")
    if not _same(attempt(x[:1], other[:1], query, key, value), other[:1] @ value):
        wrong("with one token to look at, the context must be that token's value")
    return "T queries, S keys and values: the attention matrix is (T, S), no longer square."


@exercise("05.4", "ALiBi: far is less")
def far_is_less(attempt):
    queries, keys, values = (_random(5, 4, seed=seed) for seed in (0, 1, 2))
    result = attempted(attempt(queries, keys, values, 0.5))
    if not isinstance(result, tuple) or len(result) != 2:
        wrong("return two things, the context and the weights")
    context, weights = result
    _needs_shape(context, (5, 4), "the context")
    _needs_shape(weights, (5, 5), "the weights")
    if weights.triu(1).abs().max() > 0:
        wrong("a token looks ahead: mask the scores where the distance i - j is negative")
    distance = (torch.arange(5)[:, None] - torch.arange(5)).float()

    def expected(q, k, bias, divide=True):
        scores = q @ k.T / (math.sqrt(q.shape[-1]) if divide else 1.0) + bias
        return scores.masked_fill(~causal_mask(len(q), len(q)), -torch.inf).softmax(dim=-1)

    if _same(weights, expected(queries, keys, 0.5 * distance)):
        wrong("distant tokens get more: the distance must be subtracted from the score, not added")
    if _same(weights, expected(queries, keys, -0.5 * distance / 2)):
        wrong("the distance is divided by √D, too; subtract it after the division")
    if _same(weights, expected(queries, keys, -0.5 * distance, divide=False)):
        wrong("the scores are not divided by √D")
    if not _same(weights, expected(queries, keys, -0.5 * distance)):
        wrong("the weights are not softmax(q kᵀ / √D − slope · distance) over what may be seen")
    if not _same(context, weights @ values):
        wrong("the weights are right; the context should be weights @ values")
    flat = attempt(torch.zeros(3, 2), torch.zeros(3, 2), torch.eye(3, 2), 0.0)[1]
    if not _same(flat, causal_mask(3, 3) / torch.tensor([[1.0], [2.0], [3.0]])):
        wrong("with a slope of 0 it should be plain causal attention")
    return "no position embeddings needed, and texts may be longer than in training."


@exercise("05.5", "Grouped queries")
def grouped_queries(attempt):
    queries, keys, values = (
        _random(2, 4, 5, 3),
        _random(2, 2, 5, 3, seed=1),
        _random(2, 2, 5, 3, seed=2),
    )
    found = attempted(attempt(queries, keys, values))
    if isinstance(found, tuple):
        wrong("return the context alone; `attend` gives a pair, so take its first part")
    _needs_shape(found, (2, 4, 5, 3), "the context")

    def expected(spread, mask):
        return attend(queries, spread(keys), spread(values), mask)[0]

    mask = causal_mask(5, 5)
    if _same(found, expected(lambda x: x.repeat(1, 2, 1, 1), mask)):
        wrong("heads 0 and 2 share, and 1 and 3: neighbors should; use repeat_interleave")
    if _same(found, expected(lambda x: x.repeat_interleave(2, dim=1), None)):
        wrong("there is no causal mask: tokens look ahead")
    if not _same(found, expected(lambda x: x.repeat_interleave(2, dim=1), mask)):
        wrong("the numbers differ from full attention with each key and value head repeated")
    for n_groups in (1, 4):
        k, v = _random(2, n_groups, 5, 3, seed=3), _random(2, n_groups, 5, 3, seed=4)
        full = (part.repeat_interleave(4 // n_groups, dim=1) for part in (k, v))
        if not _same(attempt(queries, k, v), attend(queries, *full, mask)[0]):
            wrong(f"it differs with {n_groups} head(s) of keys for 4 of queries")
    return "the same attention, and G / H of the memory for keys and values."


@exercise("05.6", "Attention without the table")
def attention_without_the_table(attempt):
    query, keys, values = _random(3), _random(10, 3, seed=1), _random(10, 2, seed=2)
    found = attempted(attempt(query, keys, values, 4))
    _needs_shape(found, (2,), "the context")
    if not _same(attempt(query, keys[:4], values[:4], 4), _exact(query, keys[:4], values[:4])):
        wrong("even one block alone differs from attend: check the √D and the division at the end")
    growing = torch.linspace(0, 6, 8)[:, None] * torch.ones(8, 3)
    if not _same(
        attempt(torch.ones(3), growing, values[:8], 2), _exact(torch.ones(3), growing, values[:8])
    ):
        wrong(
            "it differs where a later block brings a larger score: shrink the old sum AND the old "
            "mixture by e to the power of (old largest − new largest)"
        )
    if not _same(found, _exact(query, keys, values)):
        wrong("it differs for 10 keys in blocks of 4: does the last, shorter block count?")
    large = attempt(query * 200, keys, values, 4)
    if not torch.isfinite(large).all():
        wrong("large scores overflow: subtract the largest score so far before the exponential")
    for block in (1, 3, 100):
        if not _same(attempt(query, keys, values, block), _exact(query, keys, values)):
            wrong(f"it differs for blocks of {block}")
    return "exact, with one block of scores at a time: that is what the fused call does."


def _exact(query, keys, values):
    return attend(query[None], keys, values)[0][0]
