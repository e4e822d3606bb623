"""The checks of notebook 00: right answers pass, each typical mistake has its own message."""

import math

import pytest

from classroom.turns.registry import judge


def outer(a, b):
    return [[x * y for y in b] for x in a]


def entropy(probabilities):
    return sum(-p * math.log(p) for p in probabilities if p)


def momentum(gradient, start, rate, steps, keep=0.9):
    points, velocity = [list(start)], [0.0] * len(start)
    for _ in range(steps):
        slopes = gradient(points[-1])
        velocity = [keep * v + g for v, g in zip(velocity, slopes, strict=True)]
        points.append([x - rate * v for x, v in zip(points[-1], velocity, strict=True)])
    return points


def no_memory(gradient, start, rate, steps, keep=0.9):
    return momentum(gradient, start, rate, steps, keep=0.0)


def moves_the_start(gradient, start, rate, steps, keep=0.9):
    points = momentum(gradient, start, rate, steps, keep)
    start[:] = points[-1]
    return points


@pytest.mark.parametrize(
    ("name", "attempt"), [("00.1", outer), ("00.2", entropy), ("00.3", momentum)]
)
def test_right_answers_pass(name, attempt):
    assert judge(name, attempt).startswith("Right: ")


@pytest.mark.parametrize(
    ("name", "attempt", "said"),
    [
        ("00.1", lambda a, b: outer(b, a), "exchanged"),
        ("00.1", lambda a, b: [x * y for x, y in zip(a, b, strict=False)], "every output"),
        ("00.1", lambda a, b: [[x + y for y in b] for x in a], "give"),
        ("00.2", lambda p: -entropy(p), "sign"),
        ("00.2", lambda p: entropy(p) / math.log(2), "bits"),
        ("00.2", lambda p: sum(-math.log(x) for x in p) / len(p), "weigh"),
        ("00.2", lambda p: sum(-x * math.log(x) for x in p), "cannot happen"),
        ("00.3", no_memory, "without memory"),
        ("00.3", lambda *a, **k: momentum(*a, **k)[1:], "start"),
        ("00.3", moves_the_start, "changes the start"),
        ("00.3", lambda g, s, r, n, keep=0.9: momentum(g, s, r, n), "keep=0"),
    ],
)
def test_each_mistake_has_its_message(name, attempt, said):
    verdict = judge(name, attempt)
    assert verdict.startswith("Not yet: ") and said in verdict
