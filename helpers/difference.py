"""What fine-tuning changed in a model, saved with eight bits per weight.

Full fine-tuning moves every weight, but not far. So instead of the new weights, their difference
from the base model is stored: each row as integers from -127 to 127 and one scale. That takes half
the space of bfloat16, and the error is at most 1/254 of the largest change in the row.

Source: Dettmers et al. 2022 (LLM.int8(), section 2.1: row-wise absmax quantization).
"""

from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from helpers.files import replacing

Model = TypeVar("Model", bound=nn.Module)
NAME = "difference.safetensors"


def quantize_rows(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Round each row of a matrix (R, C) to int8; return (numbers (R, C), scales (R, 1)).

    `numbers * scales` is the matrix again, with an error of at most half a scale. Raises
    ValueError for a tensor that is not a matrix or that contains NaN or inf.

    >>> numbers, scales = quantize_rows(torch.tensor([[0.5, -1.0], [0.0, 0.0]]))
    >>> numbers.tolist()
    [[64, -127], [0, 0]]
    >>> (numbers * scales)[0].round(decimals=3).tolist()
    [0.504, -1.0]
    """
    if matrix.ndim != 2:
        raise ValueError(f"the matrix has shape {tuple(matrix.shape)}; it must have two dimensions")
    if not matrix.isfinite().all():
        raise ValueError("the matrix contains NaN or inf, which cannot be rounded")
    scales = matrix.float().abs().amax(dim=1, keepdim=True) / 127  # (R, 1)
    numbers = (matrix.float() / scales.clamp(min=1e-30)).round()  # (R, C)
    return numbers.to(torch.int8), scales


def save_difference(folder: Path | str, model: nn.Module, base: nn.Module) -> Path:
    """Write the difference between `model` and the `base` it was fine-tuned from; return `folder`.

    Raises ValueError if the weights of the two differ in name or shape, or a change is NaN or inf.
    """
    before = dict(base.named_parameters())
    tensors = {}
    for name, parameter in model.named_parameters():
        if name not in before or before[name].shape != parameter.shape:
            raise ValueError(f"{name} is not in the base model, or has another shape there")
        change = parameter.detach().float() - before[name].detach().float()
        if change.ndim == 2:
            tensors[name], tensors[f"{name}.scale"] = quantize_rows(change)
        else:
            tensors[name] = change
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / NAME) as unfinished:
        save_file(tensors, unfinished)
    return folder


def add_difference(folder: Path | str, model: Model) -> Model:
    """Add a saved difference to the base model, in place; return the model.

    Raises ValueError if the file is missing, damaged or made from another model.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        raise ValueError(f"{path} is missing: save_difference did not write this folder")
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is truncated or not a safetensors file: {error}") from None
    parameters = dict(model.named_parameters())
    wanted = {}
    for name, parameter in parameters.items():
        matrix = parameter.ndim == 2
        wanted[name] = parameter.shape, torch.int8 if matrix else torch.float32
        if matrix:
            wanted[f"{name}.scale"] = torch.Size([len(parameter), 1]), torch.float32
    if {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()} != wanted:
        raise ValueError(f"the difference in {path} does not fit this model")
    with torch.no_grad():
        for name, parameter in parameters.items():
            change = tensors[name].float()
            parameter.add_(change * tensors[f"{name}.scale"] if parameter.ndim == 2 else change)
    return model
