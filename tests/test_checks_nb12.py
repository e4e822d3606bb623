"""The checks of notebook 12: right answers pass, each typical mistake has its own message."""

import pytest
import torch

from classroom.turns.registry import judge
from tests.turn_cells import exercise_tests


def sampling(p, q):
    accepted = torch.minimum(torch.ones_like(p), p / q.clamp(min=1e-9))
    rest = torch.relu(p - q)
    return accepted, rest / max(rest.sum().item(), 1e-9)


def ring(n_parameters, n_bytes, processes, sharded):
    rounds = 3 if sharded else 2
    return rounds * (n_parameters * n_bytes - n_parameters * n_bytes / processes)


def adapt(scale, good, finite):
    good = good + 1 if finite else 0
    if not finite:
        return scale * 0.5, 0
    return (scale * 2, 0) if good == 2000 else (scale, good)


RIGHT = {"12.1": sampling, "12.2": ring, "12.3": adapt}

WRONG = [
    ("12.1", lambda p, q: sampling(p, q)[0], "two tensors"),
    ("12.1", lambda p, q: (sampling(q, p)[0], sampling(p, q)[1]), "other way around"),
    ("12.1", lambda p, q: (p / q, sampling(p, q)[1]), "at most 1"),
    ("12.1", lambda p, q: (sampling(p, q)[0] * 0.9, sampling(p, q)[1]), "with probability p / q"),
    ("12.1", lambda p, q: (sampling(p, q)[0], p), "count twice"),
    ("12.1", lambda p, q: (sampling(p, q)[0], torch.relu(p - q)), "add up to 1"),
    ("12.1", lambda p, q: (sampling(p, q)[0], (p - q).abs() / (p - q).abs().sum()), "max(p − q, 0)"),
    ("12.1", lambda p, q: ((p / q).clamp(max=1), sampling(p, q)[1] + 0 * (p / q)), "inf or NaN"),
    ("12.1", lambda p, q: ((p / q).clamp(max=1), sampling(p, q)[1]), "inf or NaN"),
    ("12.1", lambda p, q: (sampling(p, q)[0], torch.relu(p - q) / torch.relu(p - q).sum()), "0 by 0"),
    ("12.2", lambda n, b, p, s: 2 * n * b, "(n − 1) / n"),
    ("12.2", lambda n, b, p, s: ring(n, b, p, s) / 2, "twice around"),
    ("12.2", lambda n, b, p, s: ring(n, 1, p, s), "not bytes"),
    ("12.2", lambda n, b, p, s: ring(n, b, p, s) * p, "count one process"),
    ("12.2", lambda n, b, p, s: ring(n, b, p, False), "gathered twice"),
    ("12.2", lambda n, b, p, s: ring(n, b, p, False) * (1 + s), "three times"),
    ("12.2", lambda n, b, p, s: ring(n, b, 8, s), "it differs"),
    ("12.3", lambda scale, good, finite: adapt(scale, good, finite)[0], "two numbers"),
    ("12.3", lambda s, g, f: (s / 2, g + 1) if not f else adapt(s, g, f), "again at 0"),
    ("12.3", lambda s, g, f: (s / 4, 0) if not f else adapt(s, g, f), "is halved"),
    ("12.3", lambda s, g, f: (s, g) if f else adapt(s, g, f), "the count is 6"),
    ("12.3", lambda s, g, f: (s, g + 1) if f else adapt(s, g, f), "2,000th"),
    ("12.3", lambda s, g, f: adapt(2 * s if g == 7 else s, g, f), "4,500 steps"),
]  # fmt: skip


test_right, test_mistake, test_stub = exercise_tests(RIGHT, WRONG)


@pytest.mark.parametrize(("name", "attempt"), [("12.1", sampling), ("12.3", adapt)])
def test_a_list_is_as_good_as_a_tuple(name, attempt):
    assert judge(name, lambda *given: list(attempt(*given))).startswith("Right: ")
