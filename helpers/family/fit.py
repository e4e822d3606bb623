"""Train any model of the family: so many steps of the course's `training_step`, one recipe for all."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from helpers.optim import create_optimizer
from helpers.train import TrainConfig, training_step


def fit_model(
    model: nn.Module,
    batches: Iterator[Any],
    loss_of: Callable[..., torch.Tensor],
    steps: int,
    learning_rate: float,
) -> list[float]:
    """Take `steps` steps with AdamW; return their losses, in nats.

    The rate rises for a tenth of the steps, then falls on a cosine. `batches` yields pairs of
    inputs and targets, and `loss_of(model, inputs, targets)` is a mean.

    >>> _ = torch.manual_seed(0)
    >>> ones = iter([(torch.ones(4, 2), torch.ones(4, 1))] * 20)
    >>> square = lambda model, x, y: (model(x) - y).square().mean()
    >>> losses = fit_model(nn.Linear(2, 1), ones, square, steps=20, learning_rate=0.1)
    >>> len(losses), losses[-1] < losses[0]
    (20, True)
    """
    config = TrainConfig(steps=steps, learning_rate=learning_rate, warmup_steps=steps // 10)
    optimizer = create_optimizer(model, learning_rate)
    model.train()
    losses = [
        training_step(model, optimizer, batches, config, step, loss_of) for step in range(steps)
    ]
    model.eval()
    return losses
