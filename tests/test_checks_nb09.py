"""Typical mistakes in the exercises of notebook 09, each met with its own message."""

import pytest
import torch

from classroom.turns.registry import judge


def weighted(divide=None, swap=False, by_row=False, item=False):
    def loss(losses, of_prompt, w):
        weights = torch.where(of_prompt, 1.0, w) if swap else torch.where(of_prompt, w, 1.0)
        if by_row:
            return ((weights * losses).sum(1) / weights.sum(1)).mean()
        mean = (weights * losses).sum() / (divide or (lambda weights: weights.sum()))(weights)
        return mean.item() if item else mean

    return loss


def cuts_a_turn(turns, limit):
    return sum(turns, [])[-limit:]


def keeps_the_oldest(turns, limit):
    row = []
    for turn in turns:
        if len(row) + len(turn) > limit:
            break
        row += turn
    return row


def appends(turns, limit):
    row = list(turns[-1][-limit:])
    for turn in reversed(turns[:-1]):
        if len(turn) + len(row) > limit:
            break
        row = row + list(turn)
    return row


def skips_over(turns, limit):
    row = list(turns[-1][-limit:])
    for turn in reversed(turns[:-1]):
        if len(turn) + len(row) <= limit:
            row = list(turn) + row
    return row


def distill(swap=False, keep_all=False, hot=True, minus_entropy=False):
    def loss(student, teacher, targets, t):
        if minus_entropy:
            return distill()(student, teacher, targets, t) - distill()(teacher, teacher, targets, t)
        student, teacher = (teacher, student) if swap else (student, teacher)
        t = t if hot else 1.0
        losses = -((teacher / t).softmax(-1) * (student / t).log_softmax(-1)).sum(-1)
        return losses.mean() if keep_all else losses[targets != -100].mean()

    return loss


@pytest.mark.parametrize(
    ("name", "attempt", "message"),
    [
        ("09.1", weighted(divide=lambda weights: weights.numel()), "not by the number"),
        ("09.1", weighted(divide=lambda weights: 1), "the weighted sum"),
        ("09.1", weighted(swap=True), "are swapped"),
        ("09.1", weighted(by_row=True), "averages per row"),
        ("09.1", weighted(item=True), "gradient is lost"),
        ("09.1", lambda losses, of_prompt, w: losses.mean(), "over all positions"),
        ("09.1", lambda losses, of_prompt, w: losses[~of_prompt].mean(), "over the answers alone"),
        ("09.1", lambda losses, of_prompt, w: losses, "return one number"),
        ("09.2", cuts_a_turn, "half a turn is kept"),
        ("09.2", keeps_the_oldest, "the oldest turns are kept"),
        ("09.2", appends, "wrong order"),
        ("09.2", skips_over, "a gap in a conversation"),
        ("09.3", lambda c: sum(a == "A" for a, _ in c) / len(c), "only the first order"),
        ("09.3", lambda c: sum(p == ("A", "B") for p in c) / len(c), "half, not nothing"),
        (
            "09.3",
            lambda c: sum({("A", "B"): 0, ("B", "A"): 1}.get(p, 0.5) for p in c) / len(c),
            "the other model's share",
        ),
        ("09.4", distill(keep_all=True), "masked positions count"),
        ("09.4", distill(hot=False), "temperature is not used"),
        ("09.4", distill(swap=True), "are swapped"),
        ("09.4", distill(minus_entropy=True), "KL divergence"),
        ("09.4", lambda s, t, y, h: h * h * distill()(s, t, y, h), "t² times the mean"),
        ("09.4", lambda s, t, y, h: (y != -100).sum() * distill()(s, t, y, h), "take the mean"),
    ],
)
def test_a_typical_mistake_is_explained(name, attempt, message):
    verdict = judge(name, attempt)
    assert verdict.startswith("Not yet: ") and message in verdict
