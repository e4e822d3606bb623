"""LoRA: train a small correction of each matrix instead of the matrix itself.

A frozen matrix W (out, in) gets a correction `up @ down` of low rank r: `down` is (r, in) and
`up` is (out, r). `up` starts at zero, so nothing changes before the first step. Afterwards the
correction is added to W, and the model costs no more than before.
Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.

Shapes: B sequences, T tokens, r the rank.
"""

import math
from collections.abc import Iterable

import torch
from torch import nn

from helpers.limits import check_number, check_whole
from helpers.model import GPT

TARGETS = ("query", "key", "value", "output", "expand", "project")


class LoRALinear(nn.Module):
    """A frozen linear layer with a trained correction of low rank; (..., in) to (..., out).

    `alpha / rank` scales the correction. Raises ValueError for a rank below 1 or above the smaller
    side of the matrix, and for an alpha that is not above 0.

    >>> layer = LoRALinear(nn.Linear(4, 3), rank=2, alpha=4)
    >>> x = torch.ones(1, 4)
    >>> torch.equal(layer(x), layer.linear(x))
    True
    """

    def __init__(self, linear: nn.Linear, rank: int, alpha: float):
        super().__init__()
        _check(linear, rank, alpha)
        self.linear = linear.requires_grad_(False)
        weight = linear.weight
        self.down = nn.Parameter(torch.empty_like(weight, requires_grad=False)[:rank].clone())
        self.up = nn.Parameter(weight.new_zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))
        self.scale = alpha / rank

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x) + (x @ self.down.T) @ self.up.T * self.scale

    def merged(self) -> nn.Linear:
        """Return a plain linear layer with the correction added to its weights."""
        with torch.no_grad():
            self.linear.weight += self.scale * self.up @ self.down
        return self.linear.requires_grad_(True)


def apply_lora(
    model: GPT, rank: int = 8, alpha: float = 16, targets: Iterable[str] = TARGETS
) -> GPT:
    """Freeze a GPT and wrap its blocks' matrices in `LoRALinear`; return the model.

    `targets` holds the last part of the matrices' names. Raises ValueError if the model has LoRA
    already, if no matrix has one of these names, or for a rank or an alpha that does not fit; TypeError
    for one that is not a number, or for targets that are one string. The model is then unchanged.

    >>> from helpers.config import PRESETS; from helpers.model import GPT
    >>> model = apply_lora(GPT(PRESETS["tiny"]), rank=4)
    >>> sum(p.numel() for p in model.parameters() if p.requires_grad)
    9216
    """
    if any(_layers(model)):
        raise ValueError("this model has LoRA already: merge_lora(model) first")
    if isinstance(targets, str):
        raise TypeError(
            f"targets is the string {targets!r}; it must be names, as in ({targets!r},)"
        )
    targets = tuple(targets)
    found = [
        (parent, name, child)
        for parent in model.blocks.modules()
        for name, child in parent.named_children()
        if name in targets and isinstance(child, nn.Linear)
    ]
    missing = [target for target in targets if target not in {name for _, name, _ in found}]
    if missing or not found:
        raise ValueError(
            f"no matrix in the blocks is called {' or '.join(map(str, missing)) or 'nothing'}"
        )
    for _, _, child in found:
        _check(child, rank, alpha)
    model.__dict__["frozen_before_lora"] = {
        n for n, p in model.named_parameters() if not p.requires_grad
    }
    model.requires_grad_(False)
    for parent, name, child in found:
        setattr(parent, name, LoRALinear(child, rank, alpha))
    return model


def merge_lora(model: GPT) -> GPT:
    """Add every correction to its matrix, make trainable what was so before, and return the model.

    Raises ValueError if the model has no LoRA, if a correction contains NaN or inf, or if a matrix
    was packed or quantized since.
    """
    layers = list(_layers(model))
    if not layers:
        raise ValueError("this model has no LoRA to merge")
    for layer in layers:
        if not isinstance(layer.linear, nn.Linear):
            raise ValueError(f"LoRA cannot be merged into a {type(layer.linear).__name__}")
        if not (layer.up.isfinite().all() and layer.down.isfinite().all()):
            raise ValueError("a correction of LoRA contains NaN or inf; nothing was merged")
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LoRALinear):
                setattr(parent, name, child.merged())
    frozen = model.__dict__.pop("frozen_before_lora", ())
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen)
    return model


def _check(linear, rank, alpha):
    check_whole("rank", rank, least=1, most=min(linear.in_features, linear.out_features))
    check_number("alpha", alpha, above=0)


def _layers(model):
    return (part for part in model.modules() if isinstance(part, LoRALinear))
