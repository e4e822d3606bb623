"""The loss around a trained model, on a plane through its weights along two random directions.

A model with a million weights is a point in a million dimensions. Two random directions from it
span a plane that can be drawn. Directions of the same length for all models would say little, since
weights can be rescaled without changing what the model computes. So each row of a direction gets
the norm of the same row of weights. Source: Li et al. 2018, Visualizing the Loss Landscape of
Neural Nets, section 4.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from helpers.limits import check_number, check_whole


@dataclass(frozen=True)
class Landscape:
    """Losses (N, N): `losses[i, j]` is at `places[i]` along the first direction, `places[j]` along
    the second."""

    places: torch.Tensor
    losses: torch.Tensor

    @property
    def center(self) -> float:
        """The loss of the model itself."""
        middle = len(self.places) // 2
        return self.losses[middle, middle].item()


def random_direction(model: nn.Module, seed: int = 0) -> dict[str, torch.Tensor]:
    """Return a random direction: a tensor per named parameter, each row with its weights' norm.

    A row of a matrix is the weights of one unit (a filter, in the paper). Biases and normalization
    scales, which have one dimension, are not moved: their direction is zero.

    >>> layer = torch.nn.Linear(3, 2)
    >>> direction = random_direction(layer)
    >>> torch.allclose(direction["weight"].norm(dim=1), layer.weight.norm(dim=1))
    True
    >>> direction["bias"].tolist()
    [0.0, 0.0]
    """
    check_whole("seed", seed, least=0, most=2**32 - 1)
    generator = torch.Generator().manual_seed(seed)
    direction = {}
    for name, parameter in model.named_parameters():
        weights = parameter.detach()
        if weights.ndim < 2:
            direction[name] = torch.zeros_like(weights)
            continue
        rows = torch.randn(weights.shape, generator=generator).to(weights).flatten(1)
        length = weights.flatten(1).norm(dim=1, keepdim=True) / rows.norm(dim=1, keepdim=True)
        direction[name] = (rows * length).view_as(weights)
    return direction


@contextlib.contextmanager
def moved(
    model: nn.Module, *steps: tuple[float, Mapping[str, torch.Tensor]]
) -> Iterator[nn.Module]:
    """Move the model's weights by (size, direction) steps within a `with` block, then restore them.

    >>> layer = torch.nn.Linear(1, 1)
    >>> before = layer.weight.item()
    >>> with moved(layer, (0.0, random_direction(layer))):
    ...     layer.weight.item() == before
    True
    """
    parameters = dict(model.named_parameters())
    before = {name: weights.detach().clone() for name, weights in parameters.items()}
    try:
        with torch.no_grad():
            for size, direction in steps:
                for name, weights in parameters.items():
                    weights.add_(direction[name], alpha=size)
        yield model
    finally:
        with torch.no_grad():
            for name, weights in parameters.items():
                weights.copy_(before[name])


@torch.no_grad()
def loss_landscape(
    model: nn.Module,
    loss: Callable[[Any], float],
    radius: float = 1.0,
    points: int = 15,
    seed: int = 0,
) -> Landscape:
    """Measure `loss(model)` on a grid of `points` × `points` around the model's weights.

    The grid extends from `-radius` to `radius` along two directions of `random_direction`; at 1, a
    move is as large as the weights themselves. `points` must be odd, so that the model itself is in
    the middle. `loss` must be deterministic. The model is unchanged afterward.
    Raises ValueError for an even number of points, or fewer than 3, or a radius of 0 or less.

    >>> layer = torch.nn.Linear(2, 1)
    >>> found = loss_landscape(layer, lambda m: m.weight.norm().item(), points=3)
    >>> found.losses.shape, found.center == layer.weight.norm().item()
    (torch.Size([3, 3]), True)
    """
    check_whole("points", points, least=3)
    check_number("radius", radius, above=0)
    if points % 2 == 0:
        raise ValueError(f"points is {points}; it must be odd, to have a middle")
    first, second = random_direction(model, seed), random_direction(model, seed + 1)
    places = torch.linspace(-radius, radius, points)
    places[points // 2] = 0.0
    losses = torch.empty(points, points)
    was_training = model.training
    model.eval()
    for i, along_first in enumerate(places.tolist()):
        for j, along_second in enumerate(places.tolist()):
            with moved(model, (along_first, first), (along_second, second)):
                losses[i, j] = float(loss(model))
    model.train(was_training)
    return Landscape(places, losses)
