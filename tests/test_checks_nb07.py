"""Typical mistakes in the exercises of notebook 07, each met with its own message."""

import math

import pytest
import torch

from classroom.turns.registry import judge
from helpers.train import next_token_loss


def add_up(model, inputs, targets, size):
    for piece, wanted in zip(inputs.split(size), targets.split(size), strict=True):
        next_token_loss(model, piece, wanted).backward()
    return 0.0


def same_weight(model, inputs, targets, size):
    pieces = list(zip(inputs.split(size), targets.split(size), strict=True))
    losses = [next_token_loss(model, *piece) / len(pieces) for piece in pieces]
    sum(losses).backward()
    return sum(losses).item()


def whole_batch(model, inputs, targets, size):
    loss = next_token_loss(model, inputs, targets)
    loss.backward()
    return loss.item()


def reset_in_between(model, inputs, targets, size):
    for piece, wanted in zip(inputs.split(size), targets.split(size), strict=True):
        model.zero_grad()
        loss = next_token_loss(model, piece, wanted) * len(piece) / len(inputs)
        loss.backward()
    return loss.item()


def right(model, inputs, targets, size):
    total = 0.0
    for piece, wanted in zip(inputs.split(size), targets.split(size), strict=True):
        loss = next_token_loss(model, piece, wanted) * len(piece) / len(inputs)
        loss.backward()
        total += loss.item()
    return total


def no_return(*arguments):
    right(*arguments)


def no_gradient(model, inputs, targets, size):
    return sum(
        next_token_loss(model, *pair).item() * len(pair[0]) / len(inputs)
        for pair in zip(inputs.split(size), targets.split(size), strict=True)
    )


def penalize(logits, used, penalty):
    out = logits.clone()
    for token in set(used):
        out[token] = logits[token] / penalty if logits[token] > 0 else logits[token] * penalty
    return out


def twice(logits, used, penalty):
    for token in used:
        logits = penalize(logits, [token], penalty)
    return logits


def in_place(logits, used, penalty):
    logits[:] = penalize(logits, used, penalty)
    return logits


def no_backward(model, inputs, targets, size):
    return next_token_loss(model, inputs, targets).item()


@pytest.mark.parametrize(
    ("name", "attempt", "message"),
    [
        ("07.1", add_up, "2 times too long"),
        ("07.1", same_weight, "last piece must weigh less"),
        ("07.1", no_backward, "read 4 rows at once"),
        ("07.1", whole_batch, "read 4 rows at once"),
        ("07.1", reset_in_between, "the last piece alone"),
        ("07.1", no_return, "returned None"),
        ("07.1", no_gradient, "gradients are empty"),
        ("07.2", lambda loss, tokens, size: loss * tokens / size, "nats per byte"),
        ("07.2", lambda loss, tokens, size: loss * math.log(2) * tokens / size, "multiplied"),
        ("07.2", lambda loss, tokens, size: loss / math.log(2) * size / tokens, "are swapped"),
        ("07.3", lambda s, n, p, w, d: p * min(1, s / max(1, w)), "first step has rate 0"),
        ("07.3", lambda s, n, p, w, d: p * min(1, (s + 1) / w, (n - s - 1) / d), "last step"),
        ("07.3", lambda s, n, p, w, d: p * min(1, (s + 1) / w), "step 7 has rate 1.000"),
        (
            "07.4",
            lambda z, used, p: z.index_put(
                (torch.tensor(sorted(set(used))),), z[sorted(set(used))] / p
            ),
            "divided rises",
        ),
        ("07.4", twice, "penalized once"),
        ("07.4", lambda z, used, p: torch.where(z > 0, z / p, z * p), "only tokens that were used"),
        ("07.4", in_place, "make new ones"),
        (
            "07.4",
            lambda z, used, p: penalize(z, used[:1] + [1], p) if used else z,
            "helpers' version",
        ),
    ],
)
def test_mistakes_are_explained(name, attempt, message):
    verdict = judge(name, attempt)
    assert verdict.startswith("Not yet: ") and message in verdict


@pytest.mark.parametrize("name", ["07.1", "07.2", "07.3", "07.4"])
def test_an_untouched_stub_is_not_attempted(name):
    assert judge(name, lambda *arguments: None) == "Not attempted yet."


@pytest.mark.parametrize("name", ["07.2", "07.3", "07.4"])
def test_a_forgotten_return_is_told_as_that(name):
    def no_return(first, *others):
        first * 2  # noqa: B018

    assert "is there a return" in judge(name, no_return)


def test_right_answers_are_right():
    assert judge("07.1", right).startswith("Right: ")
    assert judge("07.4", penalize).startswith("Right: ")
