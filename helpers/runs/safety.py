"""What keeps a training run safe: it stops where it goes wrong, and says where to go on from."""

import contextlib
import json
import math
import os
from pathlib import Path

import torch

from helpers.checkpoint import checkpoints

EXPLODED = 10  # times the loss of guessing; no sound run comes near it


@contextlib.contextmanager
def naming_the_last_checkpoint(folder):
    """Let an error that ends a run say which checkpoint of `folder` is the last good one."""
    try:
        yield
    except (OSError, FloatingPointError) as error:
        good = checkpoints(folder) if folder else []
        where = f"the last good checkpoint is {good[-1]}" if good else "there is no checkpoint"
        kind = OSError if isinstance(error, OSError) else FloatingPointError
        raise kind(f"{error}; {where}") from error


def check_loss(loss, vocab_size, step, optimizer):
    """Raise FloatingPointError where a loss is far above that of guessing, or is no number.

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
def check_weights(model, step):
    """Raise FloatingPointError where a weight is no number: such a model must not be kept."""
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            raise FloatingPointError(f"{name} is no number any more after step {step}")


def append_log(folder, line):
    """Write one dictionary to the end of the run's log, `log.jsonl`."""
    path = Path(folder) / "log.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


def cut_log(folder, step):
    """Take from the log what came after `step`: a run that goes on from there says it again."""
    path = Path(folder) / "log.jsonl"
    if not path.exists():
        return
    lines = path.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
    shorter = path.with_name("log.jsonl.part")
    shorter.write_text("".join(kept), "utf-8")
    os.replace(shorter, path)
