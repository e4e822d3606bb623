"""The checks of notebook 10: right answers pass, each typical mistake has its own message."""

import pytest
import torch

from classroom.turns.registry import judge

# 10.1


def sines(length, size):
    found = torch.zeros(length, size)
    for t in range(length):
        for i in range(size):
            angle = torch.tensor(t / 10_000 ** ((i - i % 2) / size))
            found[t, i] = angle.cos() if i % 2 else angle.sin()
    return found


def own_speeds(length, size):
    angles = torch.arange(length)[:, None] * 10_000 ** (-torch.arange(size) / size)
    return torch.where(torch.arange(size) % 2 == 0, angles.sin(), angles.cos())


def halves(length, size):
    found = sines(length, size)
    return torch.cat([found[:, ::2], found[:, 1::2]], dim=1)


# 10.2


@torch.no_grad()
def score(model, ids, mask_id):
    total = 0.0
    for place in range(1, len(ids)):
        hidden = ids.clone()
        hidden[place] = mask_id
        total += model(hidden[None])[0, place].log_softmax(-1)[ids[place]].item()
    return total


@torch.no_grad()
def visible(model, ids, mask_id):
    return model(ids[None])[0].log_softmax(-1)[range(1, len(ids)), ids[1:]].sum().item()


@torch.no_grad()
def all_at_once(model, ids, mask_id):
    hidden = torch.cat([ids[:1], torch.full((len(ids) - 1,), mask_id)])
    return model(hidden[None])[0].log_softmax(-1)[range(1, len(ids)), ids[1:]].sum().item()


@torch.no_grad()
def with_the_first(model, ids, mask_id):
    hidden = torch.cat([torch.tensor([mask_id]), ids[1:]])
    first = model(hidden[None])[0, 0].log_softmax(-1)[ids[0]].item()
    return score(model, ids, mask_id) + first


def spoils(model, ids, mask_id):
    found = score(model, ids, mask_id)
    ids[1] = mask_id
    return found


# 10.3


def together(squares, size, height, width):
    rows = squares.reshape(len(squares), height // size, width // size, size, size)
    return rows.transpose(2, 3).reshape(len(squares), height, width)


def square_only(squares, size, height, width):
    side = int(squares.shape[1] ** 0.5)
    rows = squares.reshape(len(squares), side, -1, size, size)
    return rows.transpose(2, 3).flatten(3).flatten(1, 2).reshape(len(squares), height, -1)


RIGHT = {"10.1": sines, "10.2": score, "10.3": together}

MISTAKES = [
    ("10.1", halves, "sines and cosines alternate"),
    ("10.1", lambda t, c: sines(t, c).reshape(t, -1, 2).flip(-1).flatten(1), "odd ones cosines"),
    ("10.1", own_speeds, "share one speed"),
    ("10.1", lambda t, c: sines(t + 1, c)[1:], "count from 0"),
    ("10.1", lambda t, c: sines(t, c).T, "return a tensor (6, 8)"),
    ("10.1", lambda t, c: sines(6, c) if t > 6 else sines(t, c), "return a tensor (50, 16)"),
    ("10.1", lambda t, c: sines(t, c) * (torch.arange(t) < 20)[:, None], "position 20"),
    ("10.2", visible, "the tokens are visible"),
    ("10.2", all_at_once, "one at a time"),
    ("10.2", with_the_first, "leave out the first token"),
    ("10.2", lambda m, ids, k: score(m, ids, k) / (len(ids) - 1), "do not average"),
    ("10.2", spoils, "in a copy"),
    ("10.2", lambda m, ids, k: score(m, ids, 18), "and should give"),
    ("10.3", lambda s, n, h, w: s.reshape(len(s), h, w), "side by side"),
    ("10.3", lambda s, n, h, w: together(s, n, h, w).mT, "exchanged"),
    ("10.3", lambda s, n, h, w: together(s, n, h, w)[0], "return a tensor (1, 4, 4)"),
    ("10.3", lambda s, n, h, w: together(s, n, h, w)[:1].expand(len(s), h, w), "2 pictures of 6 by 4"),
    ("10.3", square_only, "it"),
]  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_pass(name):
    assert judge(name, RIGHT[name]).startswith("Right: ")


@pytest.mark.parametrize(("name", "attempt", "message"), MISTAKES)
def test_mistakes_are_explained(name, attempt, message):
    verdict = judge(name, attempt)
    assert verdict.startswith("Not yet: ") and message in verdict, verdict


@pytest.mark.parametrize("name", RIGHT)
def test_a_stub_is_not_attempted(name):
    assert judge(name, lambda *arguments: ...) == "Not attempted yet."
