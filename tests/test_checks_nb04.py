"""The checks of notebook 04: right answers pass, each typical mistake has its own message."""

import pytest
import torch

from classroom.turns.registry import judge


def count(n_tokens, context_length, stride):
    return max(0, (n_tokens - context_length - 1) // stride + 1)


def gradient(ids, arriving, n_rows):
    return torch.zeros(n_rows, arriving.shape[1]).index_add(0, ids, arriving)


def last_gradient_only(ids, arriving, n_rows):
    table = torch.zeros(n_rows, arriving.shape[1])
    table[ids] = arriving
    return table


def gradient_of_vectors(ids, arriving, n_rows):
    return arriving


def estimate(one, other, hashes):
    signatures = [
        [min(map(function, shingles)) for function in hashes] for shingles in (one, other)
    ]
    return sum(a == b for a, b in zip(*signatures, strict=True)) / len(hashes)


def estimate_by_first_of_the_union(one, other, hashes):
    return sum(min(one | other, key=function) in one & other for function in hashes) / len(hashes)


def exact(one, other, hashes):
    return len(one & other) / len(one | other)


def by_the_largest(one, other, hashes):
    same = [max(map(function, one)) == max(map(function, other)) for function in hashes]
    return sum(same) / len(same)


def only_the_small_example(one, other, hashes):
    return estimate(one, other, hashes) if len(one) < 10 else 1.0


@pytest.mark.parametrize(
    ("name", "attempt"),
    [
        ("04.1", count),
        ("04.2", gradient),
        ("04.3", estimate),
        ("04.3", estimate_by_first_of_the_union),
    ],
)
def test_right_answers(name, attempt):
    assert judge(name, attempt).startswith("Right: "), judge(name, attempt)
    assert judge(name, lambda *arguments: ...) == "Not attempted yet."
    assert judge(name, lambda *arguments: None) == "Not attempted yet."


@pytest.mark.parametrize(
    ("name", "attempt", "message"),
    [
        ("04.1", lambda n, t, s: max(0, (n - t) // s + 1), "no target for"),
        ("04.1", lambda n, t, s: max(0, (n - t - 1) / s + 1), "whole number"),
        ("04.1", lambda n, t, s: (n - t - 1) // s + 1, "0 windows, not -"),
        ("04.1", lambda n, t, s: n // t, "make 5 windows"),
        ("04.1", lambda n, t, s: max(0, (n - t) // s), "1 windows, yours says 0"),
        ("04.2", last_gradient_only, "occurs twice"),
        ("04.2", gradient_of_vectors, "7 rows of size 3"),
        ("04.2", lambda i, g, n: 2 * gradient(i, g, n), "sum of both"),
        ("04.2", lambda i, g, n: gradient(i, g, n) + 1, "differs from autograd"),
        ("04.3", lambda a, b, h: round(estimate(a, b, h) * len(h)), "divide by the number"),
        ("04.3", exact, "only the smallest numbers"),
        ("04.3", by_the_largest, "take the smallest"),
        ("04.3", lambda a, b, h: 0.9, "not 0.90"),
        ("04.3", lambda a, b, h: 0.5, "equal sets 1"),
        ("04.3", only_the_small_example, "about 0.5"),
    ],
)
def test_typical_mistakes_have_their_own_message(name, attempt, message):
    verdict = judge(name, attempt)
    assert verdict.startswith("Not yet: ") and message in verdict, verdict
