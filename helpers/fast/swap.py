"""Put other layers in the place of a model's linear layers, from outside."""

from collections.abc import Callable

from torch import nn


def replace_linear(model: nn.Module, make: Callable[[nn.Linear], nn.Module]) -> nn.Module:
    """Put `make(layer)` in the place of every linear layer in a module; return the module.

    Raises TypeError where `model` is not a module, and ValueError where it has no linear layer.

    >>> replace_linear(nn.Sequential(nn.Linear(2, 3)), lambda layer: nn.Identity())
    Sequential(
      (0): Identity()
    )
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a module, not {type(model).__name__}")
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Linear)
    ]
    if not found:
        raise ValueError("the model has no linear layer to replace")
    for parent, name, layer in found:
        setattr(parent, name, make(layer))
    return model
