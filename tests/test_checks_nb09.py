"""Typical mistakes in the exercises of notebook 09, each met with its own message."""

import pytest

from classroom.turns.registry import judge


def masks_one_too_many(token_ids, prompt_length, end):
    targets = list(token_ids[1:]) + [end]
    return [-100] * prompt_length + targets[prompt_length:]


def forgets_the_shift(token_ids, prompt_length, end):
    return [-100] * (prompt_length - 1) + list(token_ids[prompt_length - 1 :])


def masks_nothing(token_ids, prompt_length, end):
    return list(token_ids[1:]) + [end]


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


def distill(swap=False, keep_all=False, hot=True):
    def loss(student, teacher, targets, t):
        student, teacher = (teacher, student) if swap else (student, teacher)
        t = t if hot else 1.0
        losses = -((teacher / t).softmax(-1) * (student / t).log_softmax(-1)).sum(-1)
        return losses.mean() if keep_all else losses[targets != -100].mean()

    return loss


@pytest.mark.parametrize(
    ("name", "attempt", "message"),
    [
        ("09.1", masks_one_too_many, "one too many is masked"),
        ("09.1", forgets_the_shift, "not shifted"),
        ("09.1", masks_nothing, "nothing is masked"),
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
    ],
)
def test_a_typical_mistake_is_explained(name, attempt, message):
    verdict = judge(name, attempt)
    assert verdict.startswith("Not yet: ") and message in verdict
