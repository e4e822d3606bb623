"""What fine-tuning changed in a model, saved in eight bits a number.

Full fine-tuning moves every weight, but not far. So the difference to the weights from before is
stored in place of the new weights: each row as whole numbers from -127 to 127 and one scale. That
is half of bfloat16's size, and the error is 1/254 of the largest change in the row at most.

Source: Dettmers et al. 2022 (LLM.int8(), section 2.1: row-wise absmax quantization).
"""

from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

Model = TypeVar("Model", bound=nn.Module)
NAME = "difference.safetensors"


def quantize_rows(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Round each row of a matrix (R, C) to int8; return (numbers (R, C), scales (R, 1)).

    >>> numbers, scales = quantize_rows(torch.tensor([[0.5, -1.0], [0.0, 0.0]]))
    >>> numbers.tolist()
    [[64, -127], [0, 0]]
    >>> (numbers * scales)[0].round(decimals=3).tolist()
    [0.504, -1.0]
    """
    if matrix.ndim != 2:
        raise ValueError(f"the matrix has shape {tuple(matrix.shape)}; it must have two dimensions")
    scales = matrix.float().abs().amax(dim=1, keepdim=True) / 127  # (R, 1)
    numbers = (matrix.float() / scales.clamp(min=1e-30)).round()  # (R, C)
    return numbers.to(torch.int8), scales


def save_difference(folder: Path | str, model: nn.Module, base: nn.Module) -> Path:
    """Write what `model` has more than `base`, its own weights before; return the folder.

    Raises ValueError where the two have not the same weights by name and shape.
    """
    before = dict(base.named_parameters())
    tensors = {}
    for name, parameter in model.named_parameters():
        if name not in before or before[name].shape != parameter.shape:
            raise ValueError(f"{name} of the model does not fit the model from before")
        change = parameter.detach().float() - before[name].detach().float()
        if change.ndim == 2:
            tensors[name], tensors[f"{name}.scale"] = quantize_rows(change)
        else:
            tensors[name] = change
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / NAME)
    return folder


def add_difference(folder: Path | str, model: Model) -> Model:
    """Add a saved difference to the model from before, in place; return the model.

    Raises ValueError where the file is missing, damaged or of another model.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        raise ValueError(f"{path} is missing: this is no folder of a saved difference")
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is no whole safetensors file: {error}") from None
    parameters = dict(model.named_parameters())
    scales = {f"{name}.scale" for name, parameter in parameters.items() if parameter.ndim == 2}
    if tensors.keys() != parameters.keys() | scales or any(
        tensors[name].shape != parameter.shape for name, parameter in parameters.items()
    ):
        raise ValueError(f"the difference in {folder} does not fit this model")
    with torch.no_grad():
        for name, parameter in parameters.items():
            change = tensors[name].float()
            parameter.add_(change * tensors[f"{name}.scale"] if parameter.ndim == 2 else change)
    return model
