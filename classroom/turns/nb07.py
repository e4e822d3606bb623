"""Checks for notebook 07, pretraining."""

import math

import torch

from classroom.turns.registry import attempted, exercise, wrong
from helpers.config import GPTConfig
from helpers.generate import penalize_repetition
from helpers.loss import next_token_loss
from helpers.model import GPT


def _near(value, expected, tolerance=1e-4):
    value, expected = (float(torch.as_tensor(number).detach()) for number in (value, expected))
    return math.isclose(value, expected, rel_tol=tolerance, abs_tol=tolerance)


@exercise("07.1", "A large batch in small pieces")
def accumulate_gradients(attempt):
    for rows, size in ((4, 2), (5, 2), (3, 8)):
        model, inputs, targets = _small_model(rows)
        loss = next_token_loss(model, inputs, targets)
        loss.backward()
        whole = _take_gradients(model)
        read = []
        model.register_forward_pre_hook(lambda _, given, read=read: read.append(len(given[0])))
        result = attempt(model, inputs, targets, size)
        pieces = _take_gradients(model)
        if result is None and pieces.any():
            wrong("it made gradients and returned None: return the loss of the whole batch.")
        attempted(result)
        if max(read, default=0) > size:
            wrong(
                f"the model read {max(read)} rows at once where pieces of {size} were asked for: "
                "that needs the memory of the larger piece."
            )
        if not pieces.any():
            wrong("the gradients are empty: call backward for every piece, and do not reset them.")
        _compare_gradients(rows, size, pieces, whole, _last_piece(rows, size))
        if not _near(result, loss):
            wrong(f"the gradient is right, but the loss is {float(loss):.4f}, not {result:.4f}.")
    return "the same gradient as for the whole batch, and never more than one piece in the model."


def _compare_gradients(rows, size, pieces, whole, last):
    """Stop with the reason where the gradient of the pieces is not that of the batch."""
    ratio = (pieces.norm() / whole.norm()).item()
    if rows % size == 0 and _near(ratio, rows / size, 1e-3):
        wrong(
            f"the gradient is {ratio:.0f} times too long: backward adds the pieces up. Divide "
            "each piece's loss, or the learning rate grows with the number of pieces."
        )
    alike = torch.nn.functional.cosine_similarity(pieces, last, dim=0)
    if rows > size and alike > 0.9999:
        wrong("it is the gradient of the last piece alone: are gradients reset inside the loop?")
    if not torch.allclose(pieces, whole, atol=1e-5):
        wrong(
            f"for {rows} rows in pieces of {size} the gradient differs from the whole "
            "batch's. A smaller last piece must weigh less."
        )


def _last_piece(rows, size):
    """The gradient of the last piece alone."""
    model, inputs, targets = _small_model(rows)
    next_token_loss(model, inputs.split(size)[-1], targets.split(size)[-1]).backward()
    return _take_gradients(model)


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


@exercise("07.2", "From nats per token to bits per byte")
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


@exercise("07.3", "Warmup–stable–decay")
def warmup_stable_decay(attempt):
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
        wrong("without warmup and decay (both 0) every step should have the peak rate.")
    return "warmup, stable, decay, and no step wasted."


@exercise("07.4", "The repetition penalty")
def penalize(attempt):
    logits = torch.tensor([2.0, -1.0, 0.5, -3.0])
    kept = logits.clone()
    result = attempted(attempt(logits, [0, 1, 0], 2.0))
    if not torch.equal(logits, kept):
        wrong("it changes the logits it is given; make new ones.")
    expected = torch.tensor([1.0, -2.0, 0.5, -3.0])
    if _alike(result, torch.tensor([1.0, -0.5, 0.5, -3.0])):
        wrong("a negative score that is divided rises. Multiply it, so that it falls.")
    if _alike(result, torch.tensor([0.5, -2.0, 0.5, -3.0])):
        wrong("a token that was used twice is penalized once.")
    if _alike(result, torch.tensor([1.0, -2.0, 0.25, -6.0])):
        wrong("only tokens that were used are penalized.")
    if not _alike(result, expected):
        wrong(
            f"for the scores {kept.tolist()}, of which 0, 1 and 0 were used, {expected.tolist()}."
        )
    if not _alike(attempt(logits, [], 2.0), logits):
        wrong("with nothing used so far the logits stay as they are.")
    for size in (5, 30):
        scores = torch.randn(size, generator=torch.Generator().manual_seed(size))
        used = [1, 3, 3, size - 1]
        right = penalize_repetition(scores[None], torch.tensor([used]), 1.3)[0]
        if not _alike(attempt(scores, used, 1.3), right):
            wrong(f"with a penalty of 1.3 and {size} tokens it differs from helpers' version.")
    return "used tokens fall, whatever their sign, and the others stay."


def _alike(found, right):
    return torch.is_tensor(found) and found.shape == right.shape and torch.allclose(found, right)
