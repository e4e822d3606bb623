"""The checks of notebook 05: right answers pass, each typical mistake has its own message."""

import math

import pytest
import torch

from classroom.turns.registry import judge
from helpers.attention import attend, causal_mask


def places(length):
    return torch.arange(length)


def distances(length):
    return places(length)[:, None] - places(length)


# 05.1


def right_window(length, window):
    return (distances(length) >= 0) & (distances(length) < window)


def window_both_ways(length, window):
    return distances(length).abs() < window


def window_one_too_wide(length, window):
    return (distances(length) >= 0) & (distances(length) <= window)


def window_ignored(length, window):
    return causal_mask(length, length)


# 05.2


def right_cross(x, other, query, key, value):
    return attend(x @ query, other @ key, other @ value)[0]


def cross_to_itself(x, other, query, key, value):
    return attend(x @ query, x @ key, x @ value)[0]


def cross_the_wrong_way(x, other, query, key, value):
    return attend(other @ query, x @ key, x @ value)[0]


def cross_without_division(x, other, query, key, value):
    return (x @ query @ (other @ key).T).softmax(dim=-1) @ (other @ value)


def cross_with_mask(x, other, query, key, value):
    mask = torch.ones(len(x), len(other), dtype=torch.bool).tril()
    return attend(x @ query, other @ key, other @ value, mask)[0]


def cross_with_weights(x, other, query, key, value):
    return attend(x @ query, other @ key, other @ value)


def cross_with_mixed_up_matrices(x, other, query, key, value):
    return attend(x @ key, other @ query, other @ value)[0]


# 05.3


def alibi(queries, keys, values, slope, sign=-1, divide=True, inside=False, mask=True):
    root = math.sqrt(queries.shape[-1]) if divide else 1.0
    scores = queries @ keys.T / root
    bias = sign * slope * distances(len(queries))
    scores = scores + (bias / root if inside else bias)
    if mask:
        scores = scores.masked_fill(distances(len(queries)) < 0, -torch.inf)
    weights = scores.softmax(dim=-1)
    return weights @ values, weights


def alibi_adds(*arguments):
    return alibi(*arguments, sign=1)


def alibi_divides_the_distance(*arguments):
    return alibi(*arguments, inside=True)


def alibi_without_division(*arguments):
    return alibi(*arguments, divide=False)


def alibi_without_mask(*arguments):
    return alibi(*arguments, mask=False)


def alibi_without_weights(*arguments):
    return alibi(*arguments)[0]


def alibi_without_values(*arguments):
    weights = alibi(*arguments)[1]
    return weights @ arguments[1], weights


def alibi_after_softmax(queries, keys, values, slope):
    mask = causal_mask(len(queries), len(queries))
    weights = attend(queries, keys, values, mask)[1] - slope * distances(len(queries)) * mask
    return weights @ values, weights


# 05.4


def grouped(queries, keys, values, spread="interleave", mask=True):
    times = queries.shape[1] // keys.shape[1]
    if spread == "interleave":
        keys, values = (part.repeat_interleave(times, dim=1) for part in (keys, values))
    else:
        keys, values = (part.repeat(1, times, 1, 1) for part in (keys, values))
    length = queries.shape[2]
    return attend(queries, keys, values, causal_mask(length, length) if mask else None)[0]


def grouped_by_turns(queries, keys, values):
    return grouped(queries, keys, values, spread="repeat")


def grouped_without_mask(queries, keys, values):
    return grouped(queries, keys, values, mask=False)


def grouped_with_weights(queries, keys, values):
    return grouped(queries, keys, values), None


def grouped_by_two(queries, keys, values):
    heads = torch.arange(queries.shape[1]) // 2 % keys.shape[1]
    return grouped(queries, keys[:, heads], values[:, heads])


def grouped_by_cutting_queries(queries, keys, values):
    return grouped(queries[:, : keys.shape[1]], keys, values)


RIGHT = {
    "05.1": [right_window],
    "05.2": [right_cross],
    "05.3": [alibi],
    "05.4": [grouped],
}
MISTAKES = [
    ("05.1", lambda length, window: right_window(length, window).float(), "needs True/False"),
    ("05.1", lambda length, window: [[True]], "should be a tensor"),
    ("05.1", window_both_ways, "looks ahead"),
    ("05.1", window_one_too_wide, "ONE before it"),
    ("05.1", window_ignored, "does not cut anything off"),
    ("05.1", lambda length, window: right_window(length, min(window, 2)), "a window of 9"),
    ("05.2", cross_to_itself, "x looks at itself"),
    ("05.2", cross_the_wrong_way, "the queries must come from x"),
    ("05.2", cross_without_division, "not divided by the square root"),
    ("05.2", cross_with_mask, "causal mask"),
    ("05.2", cross_with_weights, "the context alone"),
    ("05.2", cross_with_mixed_up_matrices, "the numbers differ"),
    ("05.3", alibi_adds, "distant tokens get more"),
    ("05.3", alibi_divides_the_distance, "after the division"),
    ("05.3", alibi_without_division, "not divided by √D"),
    ("05.3", alibi_without_mask, "looks ahead"),
    ("05.3", alibi_without_weights, "return two things"),
    ("05.3", alibi_without_values, "the context should be weights @ values"),
    ("05.3", alibi_after_softmax, "the weights are not softmax"),
    ("05.4", grouped_by_turns, "use repeat_interleave"),
    ("05.4", grouped_without_mask, "no causal mask"),
    ("05.4", grouped_with_weights, "the context alone"),
    ("05.4", grouped_by_two, "4 head(s) of keys"),
    ("05.4", grouped_by_cutting_queries, "the shape (2, 4, 5, 3)"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_pass(name):
    for attempt in RIGHT[name]:
        assert judge(name, attempt).startswith("Right: ")


@pytest.mark.parametrize("name, attempt, message", MISTAKES)
def test_each_mistake_has_its_own_message(name, attempt, message):
    verdict = judge(name, attempt)
    assert verdict.startswith("Not yet: ") and message in verdict, verdict


@pytest.mark.parametrize("name", RIGHT)
def test_a_stub_is_not_attempted(name):
    assert judge(name, lambda *anything: ...) == "Not attempted yet."
    assert judge(name, lambda *anything: None) == "Not attempted yet."
