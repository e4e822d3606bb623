"""Typical mistakes in the exercises of notebook 08, each met with its own message."""

import pytest
import torch
from torch.nn import functional as F

from classroom.turns.registry import judge


def bins(confidence, correct, edges, last=True):
    """The (confidences, answers) of each bin that holds any."""
    for low, high in zip(edges, edges[1:], strict=False):
        top = last and high == edges[-1]
        inside = [
            (c, r)
            for c, r in zip(confidence, correct, strict=True)
            if low <= c < high or (top and c == high)
        ]
        if inside:
            yield [c for c, _ in inside], [r for _, r in inside]


def gap(sure, right):
    return sum(sure) / len(sure) - sum(right) / len(right)


def plain_mean(confidence, correct, edges):
    gaps = [abs(gap(*part)) for part in bins(confidence, correct, edges)]
    return sum(gaps) / len(gaps)


def all_at_once(confidence, correct, edges):
    return abs(gap(confidence, correct))


def loses_the_surest(confidence, correct, edges):
    parts = bins(confidence, correct, edges, last=False)
    return sum(len(part[0]) * abs(gap(*part)) for part in parts) / len(confidence)


def signed(confidence, correct, edges):
    return sum(len(p[0]) * gap(*p) for p in bins(confidence, correct, edges)) / len(confidence)


def counts_twice(confidence, correct, edges):
    found = 0.0
    for low, high in zip(edges, edges[1:], strict=False):
        inside = [(c, r) for c, r in zip(confidence, correct, strict=True) if low <= c <= high]
        if inside:
            found += len(inside) * abs(gap([c for c, _ in inside], [r for _, r in inside]))
    return found / len(confidence)


def cancels(confidence, correct, edges):
    return abs(signed(confidence, correct, edges))


def loss_at(scores, labels, temperature):
    return F.cross_entropy(scores / temperature, labels).item()


def multiplies(scores, labels, choices):
    return min(choices, key=lambda t: loss_at(scores, labels, 1 / t))


def worst(scores, labels, choices):
    return max(choices, key=lambda t: loss_at(scores, labels, t))


def always_the_third(scores, labels, choices):
    return choices[2]


def never_below_one(scores, labels, choices):
    return min((t for t in choices if t >= 1), key=lambda t: loss_at(scores, labels, t))


def own_choices(scores, labels, choices):
    return min([0.125, 0.25, 0.5, 1.0, 2.0, 4.0], key=lambda t: loss_at(scores, labels, t))


def the_loss(scores, labels, choices):
    return min(loss_at(scores, labels, t) for t in choices)


def each_text(logits, wanted, gamma):
    losses = F.cross_entropy(logits, wanted, reduction="none")
    return (1 - torch.exp(-losses)) ** gamma * losses


def mean_first(logits, wanted, gamma):
    loss = F.cross_entropy(logits, wanted)
    return (1 - torch.exp(-loss)) ** gamma * loss


def hard_counts_less(logits, wanted, gamma):
    losses = F.cross_entropy(logits, wanted, reduction="none")
    return (torch.exp(-losses) ** gamma * losses).mean()


def always_squared(logits, wanted, gamma):
    return each_text(logits, wanted, 2.0 if gamma else 0.0).mean()


@pytest.mark.parametrize(
    ("name", "attempt", "message"),
    [
        ("08.1", plain_mean, "counts for as many answers"),
        ("08.1", all_at_once, "cancel each other"),
        ("08.1", loses_the_surest, "includes its upper edge"),
        ("08.1", signed, "the absolute distance"),
        ("08.1", cancels, "cancel each other"),
        ("08.1", counts_twice, "count each answer once"),
        ("08.2", multiplies, "divided by the temperature"),
        ("08.2", worst, "the highest loss"),
        ("08.2", always_the_third, "has the lowest cross-entropy"),
        ("08.2", never_below_one, "below 1"),
        ("08.2", own_choices, "that were given"),
        ("08.2", the_loss, "one of the temperatures"),
        ("08.3", each_text, "return the mean"),
        ("08.3", mean_first, "the mean was taken first"),
        ("08.3", hard_counts_less, "must count less"),
        ("08.3", always_squared, "need not be whole"),
    ],
)
def test_a_typical_mistake_is_explained(name, attempt, message):
    verdict = judge(name, attempt)
    assert verdict.startswith("Not yet: ") and message in " ".join(verdict.split())
