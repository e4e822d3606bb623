"""Checks for notebook 13: how far best of n goes, DPO with an anchor, and a judge that only counts."""

import math

import torch
from torch.nn import functional as F

from classroom.turns.registry import attempted, exercise, wrong


@exercise("13.1", "How far best of n goes")
def best_of_n_kl(bound):
    found = float(attempted(bound(4)))
    explained = {
        math.log(4): "that is ln n; (n - 1) / n is taken away",
        math.log(4) - 0.25: "take away (n - 1) / n, not 1 / n",
        math.log(4) + 0.75: "(n - 1) / n is taken away, not added",
        2 - 0.75: "the natural logarithm, please: KL is in nats here",
    }
    for value, said in explained.items():
        if abs(found - value) < 1e-6:
            wrong(said)
    for n in (1, 2, 4, 64):
        right = math.log(n) - (n - 1) / n
        if abs(float(bound(n)) - right) > 1e-6:
            wrong(f"for n = {n} it gives {float(bound(n)):.4f}, and should give {right:.4f}")
    return "n = 64 costs at most about three nats per answer, however long the answer is."


def _anchored(chosen, rejected, reference_chosen, reference_rejected, lengths, beta, alpha):
    gap = (chosen - reference_chosen) - (rejected - reference_rejected)
    return (F.softplus(-beta * gap) - alpha * chosen / lengths).mean()


@exercise("13.2", "An anchor for DPO")
def anchored_dpo(loss):
    rows = [torch.tensor(row) for row in ([-4.0, -9.0], [-6.0, -3.0], [-5.0, -8.0], [-5.0, -4.0])]
    lengths = torch.tensor([2.0, 6.0])
    found = attempted(loss(*rows, lengths, 0.5, 0.2))
    if not isinstance(found, torch.Tensor) or found.numel() != 1:
        wrong("return one number, as a tensor")
    right = _anchored(*rows, lengths, 0.5, 0.2)
    explained = [
        (_anchored(*rows, lengths, 0.5, 0.0), "the anchor is missing"),
        (_anchored(*rows, lengths, 0.5, -0.2), "the sign: likelier chosen answers lower the loss"),
        (_anchored(*rows, torch.ones(2), 0.5, 0.2), "divide by the length: nats per token"),
        (_anchored(*rows, lengths, 0.5, 1.0), "alpha is not used"),
        (_anchored(*rows, lengths, 0.1, 0.2), "beta is an argument"),
    ]
    for value, said in explained:
        if abs(float(found - value)) < 1e-5:
            wrong(said)
    if abs(float(found - right)) > 1e-5:
        wrong(
            f"for the two pairs of this check it gives {float(found):.4f}, and should give {right:.4f}"
        )
    moving = rows[0].clone().requires_grad_()
    if not loss(moving, *rows[1:], lengths, 0.5, 0.2).requires_grad:
        wrong("the loss has no gradient: return a tensor, and leave the rows attached")
    return "whatever the gap does, a falling likelihood of the chosen answer now costs something."


@exercise("13.3", "A judge that only counts words")
def longer_wins(accuracy):
    pairs = [("one two three", "one"), ("a", "b c"), ("x y", "y x"), ("long long answer", "short")]
    found = float(attempted(accuracy(pairs)))
    explained = {
        0.5: "a pair of equal lengths counts half",
        0.75: "a pair of equal lengths counts half, not whole",
        0.375: "the longer answer wins, and the first of each pair was chosen",
        2 / 3: "pairs of equal lengths count half; they are not left out",
        2.5: "divide by the number of pairs",
    }
    for value, said in explained.items():
        if abs(found - value) < 1e-6:
            wrong(said)
    if abs(found - 0.625) > 1e-6:
        wrong(f"two longer, one shorter, one equal of four: 0.625; it gives {found:.4f}")
    if abs(float(accuracy([("aaaa", "b c")])) - 0.0) > 1e-6:
        wrong("count words, not characters: 'aaaa' is one word, 'b c' two")
    return "every reward model should be compared with this one before it is believed."
