"""Typical mistakes in the exercises of notebook 08, each met with its own message."""

import pytest
import torch
from torch.nn import functional as F

from classroom.turns.registry import judge


def swapped(wanted, said):
    found = sum(a == b == 1 for a, b in zip(wanted, said, strict=True))
    return found / sum(wanted), found / sum(said)


def divides_by_zero(wanted, said):
    return swapped(wanted, said)[::-1]


def accuracy_twice(wanted, said):
    right = sum(a == b for a, b in zip(wanted, said, strict=True)) / len(said)
    return right, right


def all_places(hidden, lengths):
    return hidden[:, lengths - 1]


def last_place(hidden, lengths):
    return hidden[:, -1]


def one_too_far(hidden, lengths):
    return hidden[torch.arange(len(hidden)), lengths % hidden.shape[1]]


def counts_only_above(probabilities, wanted, allowed):
    for threshold in sorted(set(probabilities)):
        pairs = zip(probabilities, wanted, strict=True)
        if sum(p > threshold and label == 0 for p, label in pairs) <= allowed:
            return threshold
    return 1.1


def highest(probabilities, wanted, allowed):
    for threshold in sorted(set(probabilities), reverse=True):
        pairs = zip(probabilities, wanted, strict=True)
        if sum(p >= threshold and label == 0 for p, label in pairs) <= allowed:
            return threshold
    return 1.1


def forgets_the_end(probabilities, wanted, allowed):
    for threshold in sorted(set(probabilities)):
        pairs = zip(probabilities, wanted, strict=True)
        if sum(p >= threshold and label == 0 for p, label in pairs) <= allowed:
            return threshold
    return max(probabilities)


def each_text(logits, wanted, gamma):
    losses = F.cross_entropy(logits, wanted, reduction="none")
    return (1 - torch.exp(-losses)) ** gamma * losses


def mean_first(logits, wanted, gamma):
    loss = F.cross_entropy(logits, wanted)
    return (1 - torch.exp(-loss)) ** gamma * loss


def hard_counts_less(logits, wanted, gamma):
    losses = F.cross_entropy(logits, wanted, reduction="none")
    return (torch.exp(-losses) ** gamma * losses).mean()


@pytest.mark.parametrize(
    ("name", "attempt", "message"),
    [
        ("08.1", swapped, "the two are swapped"),
        ("08.1", divides_by_zero, "divides by zero"),
        ("08.1", accuracy_twice, "that is accuracy"),
        ("08.2", all_places, "takes all places of all texts"),
        ("08.2", last_place, "reads the last position"),
        ("08.2", one_too_far, "one position too far"),
        ("08.3", counts_only_above, "two ham messages are at or above"),
        ("08.3", highest, "take the lowest"),
        ("08.3", forgets_the_end, "no threshold works"),
        ("08.4", each_text, "return the mean"),
        ("08.4", mean_first, "the mean was taken first"),
        ("08.4", hard_counts_less, "must count less"),
    ],
)
def test_a_typical_mistake_is_explained(name, attempt, message):
    verdict = judge(name, attempt)
    assert verdict.startswith("Not yet: ") and message in verdict
