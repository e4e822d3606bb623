"""Directions as long as the weights, a grid around the model, and the model as before."""

import math

import pytest
import torch
from torch import nn

from helpers.config import GPTConfig
from helpers.landscape import loss_landscape, moved, random_direction
from helpers.model import GPT
from helpers.texts.loaders import create_loader
from helpers.train import next_token_loss

CONFIG = GPTConfig(16, 8, 8, 2, 1, dropout=0.5)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return GPT(CONFIG)


def weights_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_every_row_is_as_long_as_the_weights(model):
    direction = random_direction(model)
    assert direction.keys() == dict(model.named_parameters()).keys()
    for name, weights in model.named_parameters():
        if weights.ndim == 2:
            torch.testing.assert_close(direction[name].norm(dim=1), weights.norm(dim=1))
            assert not torch.allclose(direction[name], weights)
        else:
            assert not direction[name].any()


def test_a_filter_of_a_convolution_is_one_row():
    layer = nn.Conv2d(2, 3, 2)
    direction = random_direction(layer)["weight"]
    torch.testing.assert_close(
        direction.flatten(1).norm(dim=1), layer.weight.flatten(1).norm(dim=1)
    )


def test_a_row_of_zeros_stays():
    layer = nn.Linear(3, 2)
    nn.init.zeros_(layer.weight)
    assert not random_direction(layer)["weight"].any()


def test_seeds_give_directions_that_repeat_and_differ(model):
    name = "blocks.0.attention.query.weight"
    once, again = random_direction(model, 1)[name], random_direction(model, 1)[name]
    assert torch.equal(once, again)
    assert not torch.equal(once, random_direction(model, 2)[name])


def test_a_direction_does_not_draw_from_the_global_generator(model):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    random_direction(model)
    assert torch.equal(torch.rand(1), expected)


def test_moved_adds_and_restores(model):
    before, direction = weights_of(model), random_direction(model)
    name = "token_embedding.weight"
    with moved(model, (0.5, direction), (-0.25, direction)):
        torch.testing.assert_close(model.state_dict()[name], before[name] + 0.25 * direction[name])
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_moved_restores_after_an_error(model):
    before = weights_of(model)
    with pytest.raises(RuntimeError), moved(model, (1.0, random_direction(model))):
        raise RuntimeError
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_landscape_worked_out_by_hand():
    """One weight w = 3: its direction is +3 or -3, so the loss w² is 9 (1 ± a ± b)²."""
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 3.0)
    signs = [math.copysign(1, random_direction(layer, seed)["weight"].item()) for seed in (0, 1)]
    found = loss_landscape(layer, lambda m: m.weight.item() ** 2, radius=1.0, points=5)
    assert found.places.tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]
    for i, a in enumerate(found.places.tolist()):
        for j, b in enumerate(found.places.tolist()):
            by_hand = 9 * (1 + a * signs[0] + b * signs[1]) ** 2
            assert found.losses[i, j].item() == pytest.approx(by_hand, abs=1e-5)


def test_the_middle_is_the_models_loss_and_the_model_is_as_before(model):
    inputs, targets = next(iter(create_loader(list(range(16)) * 3, 8, batch_size=2)))
    before, expected = weights_of(model), next_token_loss(model.eval(), inputs, targets).item()
    model.train()
    found = loss_landscape(model, lambda m: next_token_loss(m, inputs, targets), points=3)
    assert found.center == pytest.approx(expected, abs=1e-6)  # without dropout
    assert found.losses.unique().numel() == 9 and found.losses.isfinite().all()
    assert model.training and not any(p.grad is not None for p in model.parameters())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize(
    "options, message",
    [
        ({"points": 4}, "points is 4; it must be odd"),
        ({"points": 1}, "points is 1; it must be 3 or more"),
        ({"radius": 0}, "radius is 0; it must be above 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(model, options, message):
    with pytest.raises(ValueError, match=message):
        loss_landscape(model, lambda m: 0.0, **options)
