"""Checks for notebook 08, fine-tuning a classifier."""

import torch
from torch.nn import functional as F

from classroom.turns.registry import attempted, exercise, wrong


@exercise("08.1", "Precision and recall")
def precision_and_recall(attempt):
    wanted, said = [1, 1, 1, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0, 0]
    result = tuple(float(value) for value in attempted(attempt(wanted, said)))
    if len(result) != 2:
        wrong(f"it returned {len(result)} values; return precision and recall.")
    if abs(result[0] - 1 / 3) < 1e-6 and abs(result[1] - 1 / 2) < 1e-6:
        wrong("the two are swapped: precision divides by what was called spam, recall by all spam.")
    if abs(result[0] - 4 / 7) < 1e-6:
        wrong("that is accuracy: it counts ham that was called ham. Precision looks at spam only.")
    if abs(result[0] - 1 / 2) > 1e-6:
        wrong(f"of two messages called spam one was; precision is 0.5, not {result[0]:.3f}.")
    if abs(result[1] - 1 / 3) > 1e-6:
        wrong(f"of three spam messages one was found; recall is 0.333, not {result[1]:.3f}.")
    try:
        empty = tuple(attempt([1, 0], [0, 0])), tuple(attempt([0, 0], [1, 0]))
    except ZeroDivisionError:
        wrong("it divides by zero if nothing was called spam, or if there is none: return 0.")
    if empty != ((0, 0), (0, 0)):
        wrong(f"with nothing called spam, or no spam at all, both are 0; it gave {empty}.")
    return "one of two called, one of three found, and no division by zero."


@exercise("08.2", "The last real token")
def last_states(attempt):
    hidden = torch.arange(24.0).view(3, 4, 2)
    lengths = torch.tensor([4, 1, 2])
    result = attempted(attempt(hidden, lengths))
    expected = hidden[torch.arange(3), lengths - 1]
    if tuple(result.shape) != (3, 2):
        wrong(
            f"the shape is {tuple(result.shape)}, not (3, 2): `hidden[:, lengths - 1]` takes all "
            "places of all texts. Index with the numbers of the texts, too."
        )
    if torch.equal(result, hidden[:, -1]):
        wrong("it reads the last position, which is padding in all but the longest text.")
    if torch.equal(result, hidden[torch.arange(3), lengths % 4]):
        wrong("it is one position too far: a text of 1 token has its last token at position 0.")
    if not torch.equal(result, expected):
        wrong("it takes other vectors than those at position length - 1.")
    return "each text is read at its own end."


@exercise("08.3", "A threshold for worried people")
def choose_threshold(attempt):
    probabilities, wanted = [0.1, 0.4, 0.4, 0.7, 0.8, 0.9], [0, 0, 1, 1, 0, 1]
    result = attempted(attempt(probabilities, wanted, 1))
    if result == 0.7:
        pass
    elif result == 0.4:
        wrong(
            "at 0.4 two ham messages are at or above the threshold (0.4 and 0.8): one is allowed."
        )
    elif result in (0.8, 0.9):
        wrong("a lower threshold is allowed too, and finds more spam: take the lowest.")
    else:
        wrong(f"for one false alarm the threshold is 0.7, not {result}.")
    if attempt(probabilities, wanted, 0) != 0.9:
        wrong(
            "with no false alarm allowed only 0.9 is left: the ham message at 0.8 is called spam "
            "by a threshold of exactly 0.8."
        )
    if attempt([0.2, 0.6], [1, 0], 0) != 1.1:
        wrong("if ham has the highest probability, no threshold works: return 1.1.")
    return "the lowest threshold that keeps the promise, and 1.1 where none does."


@exercise("08.4", "Focal loss")
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
    return "easy texts count little, and with gamma 0 it is cross-entropy."
