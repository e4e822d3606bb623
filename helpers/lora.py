"""LoRA: train a small correction of each matrix instead of the matrix itself.

A frozen matrix W (out, in) gets a correction `up @ down` of low rank r: `down` is (r, in) and
`up` is (out, r). `up` starts at zero, so nothing changes before the first step. Afterwards the
correction can be added to W once and for all, and costs nothing more.
Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.

Shapes: B sequences, T tokens, r the rank.
"""

import json
import math
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from helpers.limits import check_whole
from helpers.model import GPT

TARGETS = ("query", "key", "value", "output", "expand", "project")


class LoRALinear(nn.Module):
    """A frozen linear layer with a trained correction of low rank.

    (..., in) to (..., out). `alpha / rank` scales the correction. Raises ValueError for a rank
    outside 1 to the smaller side of the matrix.

    >>> layer = LoRALinear(nn.Linear(4, 3), rank=2, alpha=4)
    >>> x = torch.ones(1, 4)
    >>> torch.equal(layer(x), layer.linear(x))
    True
    """

    def __init__(self, linear: nn.Linear, rank: int, alpha: float):
        super().__init__()
        most = min(linear.in_features, linear.out_features)
        check_whole("rank", rank, least=1, most=most)
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
    """Freeze a GPT and put a `LoRALinear` around its blocks' matrices; return the model.

    `targets` names the matrices by their last name. Raises ValueError where the model has LoRA
    already, where no matrix has one of these names, or for a rank that does not fit.

    >>> from helpers.config import PRESETS; from helpers.model import GPT
    >>> model = apply_lora(GPT(PRESETS["tiny"]), rank=4)
    >>> sum(p.numel() for p in model.parameters() if p.requires_grad)
    9216
    """
    if any(_layers(model)):
        raise ValueError("this model has LoRA already: merge_lora(model) first")
    found = [
        (parent, name, child)
        for parent in model.blocks.modules()
        for name, child in parent.named_children()
        if name in targets and isinstance(child, nn.Linear)
    ]
    if not found:
        raise ValueError(f"no matrix in the blocks is called {' or '.join(targets)}")
    model.requires_grad_(False)
    for parent, name, child in found:
        setattr(parent, name, LoRALinear(child, rank, alpha))
    return model


def merge_lora(model: GPT) -> GPT:
    """Add every correction to its matrix and make the model trainable as before; return it.

    Raises ValueError where the model has no LoRA.
    """
    if not any(_layers(model)):
        raise ValueError("this model has no LoRA to merge")
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LoRALinear):
                setattr(parent, name, child.merged())
    return model.requires_grad_(True)


def save_adapter(folder: Path | str, model: GPT, dtype: torch.dtype = torch.bfloat16) -> Path:
    """Write only the corrections, as safetensors with a small JSON beside; return the folder.

    Raises ValueError where the model has no LoRA.
    """
    layers = dict(_named_layers(model))
    if not layers:
        raise ValueError("this model has no LoRA to save")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{name}.{part}": getattr(layer, part).detach().to(dtype).contiguous()
        for name, layer in layers.items()
        for part in ("down", "up")
    }
    save_file(tensors, folder / "adapter.safetensors")
    first = next(iter(layers.values()))
    shape = {"rank": len(first.down), "alpha": first.scale * len(first.down)}
    shape["targets"] = sorted({name.rpartition(".")[2] for name in layers})
    (folder / "adapter.json").write_text(json.dumps(shape) + "\n", "utf-8")
    return folder


def load_adapter(folder: Path | str, model: GPT) -> GPT:
    """Put a saved adapter onto the GPT that it was made from; return the model, not yet merged.

    Raises ValueError where the files are missing or do not fit this model.
    """
    folder = Path(folder)
    for name in ("adapter.json", "adapter.safetensors"):
        if not (folder / name).is_file():
            raise ValueError(f"{folder / name} is missing: this is no folder of an adapter")
    try:
        shape = json.loads((folder / "adapter.json").read_text("utf-8"))
        rank, alpha, targets = shape["rank"], shape["alpha"], tuple(shape["targets"])
        tensors = load_file(folder / "adapter.safetensors")
    except (ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        raise ValueError(f"{folder} is no whole adapter: {error!r}") from None
    apply_lora(model, rank, alpha, targets)
    expected = {
        f"{name}.{part}": getattr(layer, part)
        for name, layer in _named_layers(model)
        for part in ("down", "up")
    }
    if tensors.keys() != expected.keys() or any(
        tensors[name].shape != parameter.shape for name, parameter in expected.items()
    ):
        merge_lora(model)
        raise ValueError(f"the adapter in {folder} does not fit this model")
    with torch.no_grad():
        for name, parameter in expected.items():
            parameter.copy_(tensors[name])
    return model


def _named_layers(model):
    return [(name, part) for name, part in model.named_modules() if isinstance(part, LoRALinear)]


def _layers(model):
    return (isinstance(part, LoRALinear) for part in model.modules())
