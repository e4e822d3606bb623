"""What keeps a training run safe: it stops where it goes wrong, and says where to go on from."""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

import torch

from helpers.checkpoint import checkpoints

EXPLODED = 10  # times the loss of guessing: no healthy run comes near it


@contextlib.contextmanager
def naming_the_last_checkpoint(folder: Path | str | None) -> Iterator[None]:
    """Let an error that ends a run say which checkpoint of `folder` is the last good one."""
    try:
        yield
    except (OSError, FloatingPointError) as error:
        good = checkpoints(folder) if folder else []
        where = f"the last good checkpoint is {good[-1]}" if good else "there is no checkpoint"
        kind = OSError if isinstance(error, OSError) else FloatingPointError
        raise kind(f"{error}; {where}") from error


def check_loss(loss: float, vocab_size: int, step: int, optimizer: torch.optim.Optimizer) -> None:
    """Raise FloatingPointError where a loss is NaN or far above that of guessing.

    >>> check_loss(99.0, 256, step=7, optimizer=torch.optim.SGD([torch.zeros(1)], lr=0.5))
    Traceback (most recent call last):
    FloatingPointError: loss explodes: 99 at step 7, learning rate 0.5; guessing has 5.5
    """
    guessing = math.log(vocab_size)
    if not loss <= EXPLODED * guessing:
        learning_rate = optimizer.param_groups[0]["lr"]
        raise FloatingPointError(
            f"loss explodes: {loss:.4g} at step {step}, learning rate {learning_rate:.2g}; "
            f"guessing has {guessing:.1f}"
        )


@torch.no_grad()
def check_weights(model: torch.nn.Module, step: int) -> None:
    """Raise FloatingPointError where weights contain NaN or inf: such a model must not be kept."""
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            raise FloatingPointError(f"{name} contains NaN or inf after step {step}")


@torch.no_grad()
def check_gradients(model: torch.nn.Module, step: int) -> None:
    """Raise FloatingPointError where gradients contain NaN or inf, before they reach the weights.

    No parameter is named: clipping to a norm that is NaN makes every gradient NaN.
    """
    for parameter in model.parameters():
        if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
            raise FloatingPointError(f"a gradient contains NaN or inf at step {step}")
