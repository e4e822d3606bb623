"""Checks for notebook 07, pretraining."""

import math

import torch
from torch.nn import functional as F

from classroom.turns.registry import attempted, exercise, wrong
from helpers.config import GPTConfig
from helpers.model import GPT
from helpers.train import next_token_loss


def _logits_and_targets(length=6, size=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(length, size, generator=generator)
    return logits, torch.randint(size, (length,), generator=generator)


def _near(value, expected, tolerance=1e-4):
    value, expected = (float(torch.as_tensor(number).detach()) for number in (value, expected))
    return math.isclose(value, expected, rel_tol=tolerance, abs_tol=tolerance)


@exercise("07.1", "Perplexity")
def perplexity(attempt):
    logits, targets = _logits_and_targets()
    result = attempted(attempt(logits, targets))
    loss = F.cross_entropy(logits, targets)
    if _near(result, loss):
        wrong(
            "that is the loss itself. Perplexity is e to the power of the loss, a number of words."
        )
    each = F.cross_entropy(logits, targets, reduction="none").exp().mean()
    if _near(result, each):
        wrong(
            "you took e for each token and then the mean. Take the mean loss first: one token "
            "that the model thought impossible would otherwise decide everything."
        )
    if _near(result, 2**loss):
        wrong("you raised 2 to the power of a loss in nats. Use e for nats, 2 for bits.")
    if not _near(result, loss.exp()):
        wrong(f"for six steps of five words it gave {float(result):.4f}, not {loss.exp():.4f}.")
    if not _near(attempt(torch.zeros(3, 7), torch.tensor([0, 3, 6])), 7):
        wrong("a model that knows nothing of 7 words must have perplexity 7.")
    return "equal scores for 7 words give perplexity 7, as they must."


@exercise("07.2", "Some targets do not count")
def masked_loss(attempt):
    logits, targets = _logits_and_targets(seed=1)
    targets[[1, 4]] = -100
    result = attempted(attempt(logits, targets))
    expected = F.cross_entropy(logits, targets, ignore_index=-100)
    if _near(result, expected * 4 / 6):
        wrong(
            "you divided by all six targets. Divide by the four that count, or a batch with much "
            "padding would look better than it is."
        )
    if _near(result, _read_as_last(logits, targets)):
        wrong(
            "-100 was used as an index, which in Python counts from the end. Pick the rows first."
        )
    if not _near(result, expected):
        wrong(f"with two of six targets masked it gave {float(result):.4f}, not {expected:.4f}.")
    if not _near(attempt(logits, torch.full((6,), -100)), 0):
        wrong("with no target that counts the loss must be 0, not a division by zero.")
    if not _near(attempt(50 * logits, targets), F.cross_entropy(50 * logits, targets)):
        wrong("large scores overflow. Use log_softmax, which subtracts the largest first.")
    return "padding has no influence on the mean."


def _read_as_last(logits, targets):
    rows = logits.log_softmax(-1)
    return -rows[torch.arange(len(rows)), targets.clamp(min=-1)].mean()


@exercise("07.3", "A large batch in small pieces")
def accumulate_gradients(attempt):
    for rows, size in ((4, 2), (5, 2), (3, 8)):
        model, inputs, targets = _small_model(rows)
        loss = next_token_loss(model, inputs, targets)
        loss.backward()
        whole = _take_gradients(model)
        result = attempted(attempt(model, inputs, targets, size))
        pieces = _take_gradients(model)
        if not pieces.any():
            wrong("the gradients are empty: call backward for every piece, and do not reset them.")
        ratio = (pieces.norm() / whole.norm()).item()
        if rows % size == 0 and _near(ratio, rows / size, 1e-3):
            wrong(
                f"the gradient is {ratio:.0f} times too long: backward adds the pieces up. Divide "
                "each piece's loss, or the learning rate grows with the number of pieces."
            )
        if not torch.allclose(pieces, whole, atol=1e-5):
            wrong(
                f"for {rows} rows in pieces of {size} the gradient differs from the whole "
                "batch's. A smaller last piece must weigh less."
            )
        if not _near(result, loss):
            wrong(f"the gradient is right, but the loss is {float(loss):.4f}, not {result:.4f}.")
    return "the same gradient as for the whole batch, with the memory of one piece."


def _small_model(rows):
    torch.manual_seed(rows)
    model = GPT(GPTConfig(11, 6, 8, 2, 1, dropout=0.0))
    ids = torch.randint(11, (rows, 6))
    return model, ids[:, :-1], ids[:, 1:]


def _take_gradients(model):
    gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    for parameter in model.parameters():
        parameter.grad = None
    return torch.cat(gradients) if gradients else torch.zeros(1)


@exercise("07.4", "From nats per token to bits per byte")
def to_bits_per_byte(attempt):
    result = attempted(attempt(2.0, 1000, 4000))
    if _near(result, 2.0 * 1000 / 4000):
        wrong("that is nats per byte. Divide by the logarithm of 2 to get bits.")
    if _near(result, 2.0 * math.log(2) * 1000 / 4000):
        wrong("you multiplied by the logarithm of 2. A nat is more than a bit, so bits are more.")
    if _near(result, 2.0 / math.log(2) * 4000 / 1000):
        wrong("tokens and bytes are swapped: fewer tokens per byte mean fewer bits.")
    if not _near(result, 2.0 / math.log(2) / 4):
        wrong(f"for 2 nats per token and four bytes per token it gave {float(result):.4f}.")
    if not _near(attempt(math.log(256), 10, 10), 8):
        wrong("guessing among 256 bytes, one token per byte, must cost 8 bits per byte.")
    return "guessing among 256 bytes costs 8 bits per byte."


@exercise("07.5", "Warm up, stay, decay")
def warm_up_stay_decay(attempt):
    attempted(attempt(0, 10, 1.0, 2, 4))
    rates = [attempt(step, 10, 1.0, 2, 4) for step in range(10)]
    if _near(rates[0], 0):
        wrong("the first step has rate 0 and so teaches nothing. It should be peak / warmup.")
    if _near(rates[-1], 0):
        wrong("the last step has rate 0 and so teaches nothing. It should be peak / decay.")
    expected = [0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    for step, (rate, right) in enumerate(zip(rates, expected, strict=True)):
        if not _near(rate, right):
            wrong(f"of ten steps, step {step} has rate {rate:.3f}; it should be {right:g}.")
    if not all(_near(attempt(step, 3, 2.0, 0, 0), 2.0) for step in range(3)):
        wrong("without warm-up and decay (both 0) every step should have the peak rate.")
    return "warmup, stable, decay, and no step wasted."
