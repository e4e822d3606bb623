"""Checks for notebook 05: a sliding window, cross-attention, ALiBi, grouped queries."""

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


@exercise("05.1", "A sliding window")
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


@exercise("05.2", "Cross-attention")
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


@exercise("05.3", "ALiBi: far is less")
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


@exercise("05.4", "Grouped queries")
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
