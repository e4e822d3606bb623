"""Typical mistakes in the exercises of notebook 07, each met with its own message."""

import math

import pytest
import torch
from torch.nn import functional as F

from classroom.turns.registry import judge
from helpers.train import next_token_loss


def without_exponential(logits, targets):
    return F.cross_entropy(logits, targets)


def mean_of_perplexities(logits, targets):
    return F.cross_entropy(logits, targets, reduction="none").exp().mean()


def divide_by_all(logits, targets):
    counts = targets != -100
    rows = logits.log_softmax(-1)[counts]
    return -rows[torch.arange(len(rows)), targets[counts]].sum() / len(targets)


def nothing_counts(logits, targets):
    counts = targets != -100
    rows = logits.log_softmax(-1)[counts]
    return -rows[torch.arange(len(rows)), targets[counts]].mean()


def naive_softmax(logits, targets):
    counts = targets != -100
    if not counts.any():
        return 0.0
    exponentials = logits[counts].exp()
    rows = (exponentials / exponentials.sum(-1, keepdim=True)).log()
    return -rows[torch.arange(len(rows)), targets[counts]].mean()


def add_up(model, inputs, targets, size):
    for piece, wanted in zip(inputs.split(size), targets.split(size), strict=True):
        next_token_loss(model, piece, wanted).backward()
    return 0.0


def same_weight(model, inputs, targets, size):
    pieces = list(zip(inputs.split(size), targets.split(size), strict=True))
    losses = [next_token_loss(model, *piece) / len(pieces) for piece in pieces]
    sum(losses).backward()
    return sum(losses).item()


def no_backward(model, inputs, targets, size):
    return next_token_loss(model, inputs, targets).item()


@pytest.mark.parametrize(
    ("name", "attempt", "message"),
    [
        ("07.1", without_exponential, "the loss itself"),
        ("07.1", mean_of_perplexities, "then the mean"),
        ("07.1", lambda x, y: 2 ** F.cross_entropy(x, y), "raised 2"),
        ("07.2", divide_by_all, "divided by all six"),
        ("07.2", nothing_counts, "no target that counts"),
        ("07.2", naive_softmax, "overflow"),
        ("07.3", add_up, "2 times too long"),
        ("07.3", same_weight, "last piece must weigh less"),
        ("07.3", no_backward, "gradients are empty"),
        ("07.4", lambda loss, tokens, size: loss * tokens / size, "nats per byte"),
        ("07.4", lambda loss, tokens, size: loss * math.log(2) * tokens / size, "multiplied"),
        ("07.4", lambda loss, tokens, size: loss / math.log(2) * size / tokens, "are swapped"),
        ("07.5", lambda s, n, p, w, d: p * min(1, s / max(1, w)), "first step has rate 0"),
        ("07.5", lambda s, n, p, w, d: p * min(1, (s + 1) / w, (n - s - 1) / d), "last step"),
        ("07.5", lambda s, n, p, w, d: p * min(1, (s + 1) / w), "step 7 has rate 1.000"),
    ],
)
def test_mistakes_are_explained(name, attempt, message):
    verdict = judge(name, attempt)
    assert verdict.startswith("Not yet: ") and message in verdict


@pytest.mark.parametrize("name", ["07.1", "07.2", "07.3", "07.4", "07.5"])
def test_an_untouched_stub_is_not_attempted(name):
    assert judge(name, lambda *arguments: None) == "Not attempted yet."
