"""Checks for notebook 08, fine-tuning a classifier."""

import torch
from torch.nn import functional as F

from classroom.turns.registry import attempted, exercise, wrong


@exercise("08.1", "The expected calibration error")
def calibration_error(attempt):
    confidence = [0.55, 0.65, 0.95, 0.95, 0.95, 1.0]
    correct = [True, True, True, True, False, False]
    edges = [0.5, 0.8, 1.0]
    result = float(attempted(attempt(confidence, correct, edges)))
    low, high = abs(0.6 - 1), abs(0.9625 - 0.5)
    right = (2 * low + 4 * high) / 6
    if abs(result - (low + high) / 2) < 1e-6:
        wrong("each bin counts for as many answers as it holds; you took the plain mean of bins.")
    if abs(abs(result) - abs(5.05 / 6 - 4 / 6)) < 1e-6:
        wrong(
            "a bin that is too modest and one that is too sure cancel each other: take the "
            "absolute distance in each bin, then add."
        )
    if abs(result - (2 * low + 3 * abs(0.95 - 2 / 3)) / 6) < 1e-6:
        wrong("the answer with a confidence of 1.0 was lost: the last bin includes its upper edge.")
    if abs(result - right) > 1e-6:
        wrong(
            f"it gave {result:.4f}, not {right:.4f}: add, for each bin, its share of the answers "
            "times the distance of its accuracy from its mean confidence."
        )
    one_bin = float(attempt([0.6, 0.6], [True, True], edges))
    if abs(one_bin - 0.4) > 1e-6:
        wrong(f"for two answers of confidence 0.6, both right, it gave {one_bin:.4f}, not 0.4.")
    inner = float(attempt([0.8, 0.7], [True, True], edges))
    if abs(inner - (0.2 + 0.3) / 2) > 1e-6:
        wrong("a confidence of 0.8 belongs to one bin, the upper one: count each answer once.")
    return "weighted by the number of answers in each bin, with both ends of the scale."


@exercise("08.2", "Temperature")
def choose_temperature(attempt):
    torch.manual_seed(0)
    labels = torch.arange(60) % 2
    scores = F.one_hot(labels, 2) * 2.0 + torch.randn(60, 2) * 2
    choices = [0.125, 0.25, 0.5, 1.0, 2.0, 4.0]

    def best(scores, choices):
        return min(choices, key=lambda t: F.cross_entropy(scores / t, labels).item())

    result = attempted(attempt(1.5 * scores, labels, choices))
    if result not in choices:
        wrong(f"it returned {result}; return one of the temperatures given.")
    if (
        result
        == min(choices, key=lambda t: F.cross_entropy(1.5 * scores * t, labels).item())
        != best(1.5 * scores, choices)
    ):
        wrong("the scores are divided by the temperature, not multiplied.")
    if result == max(choices, key=lambda t: F.cross_entropy(1.5 * scores / t, labels).item()):
        wrong("that is the temperature with the highest loss; take the lowest.")
    if result != best(1.5 * scores, choices):
        wrong(f"it chose {result}; {best(1.5 * scores, choices)} has the lowest cross-entropy.")
    if attempt(scores / 5, labels, choices) != best(scores / 5, choices):
        wrong("for scores that are too modest the best temperature is below 1.")
    if attempt(1.5 * scores, labels, [3.0, 1.5]) != best(1.5 * scores, [3.0, 1.5]):
        wrong("try the temperatures that were given, in any order.")
    return "chosen by the cross-entropy on held-out texts; no answer changes, only how sure it is."


@exercise("08.3", "Focal loss")
def focal_loss(attempt):
    torch.manual_seed(0)
    logits, wanted = 2 * torch.randn(8, 3), torch.arange(8) % 3
    losses = F.cross_entropy(logits, wanted, reduction="none")
    p = torch.exp(-losses)
    result = torch.as_tensor(attempted(attempt(logits, wanted, 2.0)))
    expected = ((1 - p) ** 2 * losses).mean()
    if result.shape != ():
        wrong(f"it returned a tensor of shape {tuple(result.shape)}; return the mean, one number.")
    if torch.isclose(result, (1 - losses.mean().neg().exp()) ** 2 * losses.mean()):
        wrong("the mean was taken first. Each text has its own p and its own weight.")
    if torch.isclose(result, (p**2 * losses).mean()):
        wrong(
            "the weight is (1 - p) to the power of gamma: an easy text (p near 1) must count less."
        )
    if not torch.isclose(result, expected):
        wrong(f"for gamma 2 it gave {result:.4f}, not {expected:.4f}.")
    if not torch.isclose(torch.as_tensor(attempt(logits, wanted, 0.0)), losses.mean()):
        wrong("with gamma 0 it must be the cross-entropy.")
    if not torch.isclose(
        torch.as_tensor(attempt(logits, wanted, 0.5)), ((1 - p) ** 0.5 * losses).mean()
    ):
        wrong("gamma is an argument, and need not be whole.")
    return "easy texts count little, and with gamma 0 it is cross-entropy."
