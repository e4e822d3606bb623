"""Checks for notebook 12: speculative sampling, the bytes of a ring, and a loss scale that adapts."""

import torch

from classroom.turns.registry import attempted, exercise, wrong


def _accepted(p, q):
    return torch.where(q > 0, p / q.clamp(min=1e-30), torch.ones_like(p)).clamp(max=1)


def _rest(p, q):
    left = (p - q).clamp(min=0)
    return left / left.sum().clamp(min=1e-30)


def _same(found, expected):
    return (
        isinstance(found, torch.Tensor)
        and found.shape == expected.shape
        and torch.allclose(found.double(), expected.double(), rtol=1e-4, atol=1e-6)
    )


@exercise("12.1", "Guessing ahead, with dice")
def speculative_sampling(parts):
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.3, 0.5])
    found = attempted(parts(p, q))
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        wrong(
            "return two tensors: the probability that a guess is kept, and what to draw from if not"
        )
    accepted, rest = found
    if _same(accepted, _accepted(q, p)) and not _same(accepted, _accepted(p, q)):
        wrong("the ratio is the other way around: the model's probability over the draft's")
    if _same(accepted, p / q):
        wrong("a probability is at most 1: a guess that the model likes better is always kept")
    if not _same(accepted, _accepted(p, q)):
        wrong("a guess is kept with probability p / q, at most 1")
    if _same(rest, p):
        wrong(
            "after a refusal p itself would count twice what the draft proposes: take what is left"
        )
    if _same(rest, (p - q).clamp(min=0)):
        wrong("what is left must add up to 1: divide by its sum")
    if not _same(rest, _rest(p, q)):
        wrong("draw from max(p − q, 0), divided by its sum")
    torch.manual_seed(0)
    for size in (2, 5, 40):
        p, q = torch.randn(2, size).softmax(-1)
        accepted, rest = parts(p, q)
        written = q * accepted + (1 - (q * accepted).sum()) * rest
        if not _same(written, p):
            wrong(f"with {size} tokens what is written does not follow the model's probabilities")
    p, q = torch.tensor([0.4, 0.6, 0.0, 0.0]), torch.tensor([0.0, 0.5, 0.5, 0.0])
    if not all(bool(part.isfinite().all()) for part in parts(p, q)):
        wrong("a token that the draft never guesses has q = 0, and nothing may become inf or NaN")
    p = torch.tensor([0.25, 0.75])
    if not all(bool(part.isfinite().all()) for part in parts(p, p.clone())):
        wrong("where p = q every guess is kept and no rest is left: do not divide 0 by 0")
    return "whatever the draft, the text follows the model's own distribution exactly."


@exercise("12.2", "What a ring sends")
def bytes_in_a_ring(count):
    found = attempted(count(1_000_000, 4, 8, False))
    right = 2 * 7 / 8 * 4_000_000
    explained = {
        4_000_000 * 2: "each process keeps one of 8 parts: (n − 1) / n of it all travels",
        right / 2: "twice around: once to add up, once to hand out",
        right / 4: "numbers, not bytes",
        right * 8: "that is what all send together; count one process",
    }
    if found in explained:
        wrong(explained[found])
    if not isinstance(found, (int, float)) or abs(found - right) > 1e-3 * right:
        wrong(f"a million gradients of 4 bytes in 8 processes: each sends {right:,.0f} bytes")
    sharded = count(1_000_000, 4, 8, True)
    if abs(sharded - right) < 1:
        wrong("sharded, the weights are gathered twice as well: before forward and before backward")
    if abs(sharded - 1.5 * right) > 1e-3 * right:
        wrong(
            "sharded: gather, gather again for the way back, and add up the gradients: three times"
        )
    for n, size, processes in ((10, 2, 2), (1000, 4, 3), (7, 4, 1)):
        once = (processes - 1) / processes * n * size
        for flag, times in ((False, 2), (True, 3)):
            if abs(count(n, size, processes, flag) - times * once) > 1e-6 * max(once, 1):
                wrong(f"it differs for {n} parameters of {size} bytes in {processes} processes")
    return "half as much again as DDP is the price for a model that fits on no single card."


@exercise("12.3", "A scale that adapts")
def adapting_scale(attempt):
    def step(*given):
        found = attempt(*given)
        return tuple(found) if isinstance(found, list) else found

    found = attempted(step(1024.0, 5, False))
    if not isinstance(found, tuple) or len(found) != 2:
        wrong("return two numbers: the new scale, and how many steps in a row have been good")
    if found == (512.0, 6):
        wrong("after an overflow the count of good steps begins again at 0")
    if found != (512.0, 0):
        wrong(f"an overflow at scale 1,024 gives {found}; the scale is halved, and the count 0")
    if (found := step(1024.0, 5, True)) != (1024.0, 6):
        wrong(f"the sixth good step gives {found}; the scale stays, and the count is 6")
    if (found := step(1024.0, 1999, True)) != (2048.0, 0):
        wrong(f"the 2,000th good step gives {found}; the scale doubles, and the count is 0 again")
    scale, good = 2.0**16, 0
    for number in range(4500):
        scale, good = step(scale, good, number not in (10, 11, 3000))
    if (scale, good) != (2.0**14, 1499):
        wrong(f"4,500 steps with overflows at 10, 11 and 3,000 end with {(scale, good)}")
    return "the scale stays as high as the gradients allow, and costs a step now and then."
