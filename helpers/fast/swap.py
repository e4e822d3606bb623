"""Put other layers in the place of a model's linear layers, from outside."""

from collections.abc import Callable

from torch import nn


def replace_linear(model: nn.Module, make: Callable[[nn.Linear], nn.Module]) -> nn.Module:
    """Put `make(layer)` in the place of every linear layer in a module; return the module.

    Raises TypeError where `model` is not a module, and ValueError where it has no linear layer or
    weights that are not finite numbers; the module is then as it was.

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
    for _, name, layer in found:  # all of them first: a model half replaced would be of no use
        weight = layer.weight
        if weight.is_meta or not weight.is_floating_point() or not weight.isfinite().all():
            raise ValueError(f"the weights of {name} are no finite numbers; nothing was replaced")
    for parent, name, layer in found:
        setattr(parent, name, make(layer))
    return model
