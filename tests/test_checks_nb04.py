"""The checks of notebook 04: right answers pass, each typical mistake has its own message."""

import pytest
import torch
import torch.nn.functional as F

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


def similar(table, index, count):
    rows = F.normalize(table, dim=1)
    order = (rows @ rows[index]).argsort(descending=True).tolist()
    return [number for number in order if number != index][:count]


def similar_by_product(table, index, count):
    order = (table @ table[index]).argsort(descending=True).tolist()
    return [number for number in order if number != index][:count]


def similar_with_itself(table, index, count):
    rows = F.normalize(table, dim=1)
    return (rows @ rows[index]).topk(count).indices


def least_similar(table, index, count):
    rows = F.normalize(table, dim=1)
    return [n for n in (rows @ rows[index]).argsort().tolist() if n != index][:count]


def one_too_few(table, index, count):
    return similar(table, index, count) if len(table) < 10 else similar(table, index, count - 1)


def angles_of(places, dimensions):
    return places[:, None] / 10000 ** (torch.arange(0, dimensions, 2) / dimensions)


def waves_at(places, dimensions):
    angles = angles_of(places, dimensions)
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


def waves_in_halves(places, dimensions):
    angles = angles_of(places, dimensions)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def waves_cosine_first(places, dimensions):
    angles = angles_of(places, dimensions)
    return torch.stack([angles.cos(), angles.sin()], dim=2).flatten(1)


def waves_from_zero(places, dimensions):
    return waves_at(torch.arange(len(places)), dimensions)


def waves_wrong_base(places, dimensions):
    return waves_at(places * 10, dimensions)


def turned(x, places, sign=1, flip=1, halves=False):
    angles = angles_of(places, x.shape[1])
    if halves:
        a, b = x.chunk(2, dim=1)
    else:
        a, b = x[:, 0::2], x[:, 1::2]
    first = a * angles.cos() - sign * b * angles.sin()
    second = flip * a * angles.sin() + b * angles.cos()
    if halves:
        return torch.cat([first, second], dim=1)
    return torch.stack([first, second], dim=2).flatten(1)


def turn(x, places):
    return turned(x, places)


def add_waves(x, places):
    return x + waves_at(places, x.shape[1])


def turn_with_wrong_sign(x, places):
    return turned(x, places, sign=-1)


def turn_backward(x, places):
    return turned(x, places, sign=-1, flip=-1)


def turn_halves(x, places):
    return turned(x, places, halves=True)


def turn_by_square(x, places):
    return turned(x, places**2)


@pytest.mark.parametrize(
    ("name", "attempt"),
    [
        ("04.1", count),
        ("04.2", gradient),
        ("04.3", similar),
        ("04.4", waves_at),
        ("04.5", turn),
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
        ("04.3", similar_by_product, "divide each row by its length"),
        ("04.3", similar_with_itself, "leave row `index` out"),
        ("04.3", least_similar, "from large to small"),
        ("04.3", one_too_few, "count 1"),
        ("04.4", waves_in_halves, "side by side"),
        ("04.4", waves_cosine_first, "the sine comes first"),
        ("04.4", waves_from_zero, "differ"),
        ("04.4", waves_wrong_base, "differ"),
        ("04.4", lambda p, d: waves_at(p.clamp(max=512), d), "position 1000 is wrong"),
        ("04.4", lambda p, d: waves_at(p, d).T, "(3, 6), not (6, 3)"),
        ("04.5", add_waves, "nothing may change"),
        ("04.5", turn_with_wrong_sign, "length"),
        ("04.5", turn_backward, "the wrong way"),
        ("04.5", turn_halves, "pairs are neighbors"),
        ("04.5", turn_by_square, "anywhere in the text"),
        ("04.5", lambda x, p: turn(x, p)[:, :2], "keeps the shape"),
    ],
)
def test_typical_mistakes_have_their_own_message(name, attempt, message):
    verdict = judge(name, attempt)
    assert verdict.startswith("Not yet: ") and message in verdict, verdict
