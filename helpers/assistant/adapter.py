"""An adapter: what LoRA has learned, saved apart from the base model that it belongs to.

A correction is the product of two thin matrices, `up @ down` (see `helpers.lora`). These alone are
saved, with eight bits per number, and beside them what has to be known in order to use them:

    adapter.safetensors   `down` (r, in) and `up`, transposed (r, out), as int8; a scale per row, (r, 1)
    adapter.json          the SHA-256 of the base model's file, rank, alpha, names, system message

To answer, the corrections are added to the weights, so that an answer takes no longer than before.
Sources: Hu et al. 2021 (LoRA), section 4.2; Dettmers et al. 2022 (rows in eight bits).

Shapes: r the rank; a matrix of the base model is (out, in).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from helpers.difference import quantize_rows
from helpers.files import read_json, replacing, sha256, write_whole
from helpers.limits import check_number, check_whole
from helpers.lora import LoRALinear

Model = TypeVar("Model", bound=nn.Module)
TENSORS, SETTINGS = "adapter.safetensors", "adapter.json"
TARGETS = ("query", "key", "value", "output", "gate", "expand", "project")  # all of a Llama's
MOST_RANK = 4096


@dataclass(frozen=True)
class AdapterSettings:
    """What an adapter belongs to and how it is used.

    `base_sha256` is that of the base model's file, `system` the message that began each prompt in
    training (empty: none), `name` what a chat calls the assistant, and `license` says what both may
    be used for. Raises ValueError or TypeError for what cannot be.
    """

    base_sha256: str
    rank: int
    alpha: float
    system: str = ""
    name: str = "an assistant"
    license: str = ""

    def __post_init__(self) -> None:
        check_whole("rank", self.rank, least=1, most=MOST_RANK)
        check_number("alpha", self.alpha, above=0)
        for name in ("base_sha256", "system", "name", "license"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} is {getattr(self, name)!r}; it must be a text")


class Correction(NamedTuple):
    """The two matrices of one correction: `down` (r, in) and `up` (out, r)."""

    down: torch.Tensor
    up: torch.Tensor


class Adapter(NamedTuple):
    """Settings, and a correction for each matrix by its name in the base model."""

    settings: AdapterSettings
    corrections: Mapping[str, Correction]


def corrections_of(model: nn.Module) -> dict[str, Correction]:
    """Return the corrections that a model with LoRA has learned; empty if it has none."""
    return {
        name: Correction(layer.down.detach(), layer.up.detach())
        for name, layer in model.named_modules()
        if isinstance(layer, LoRALinear)
    }


def save_adapter(
    folder: Path | str, corrections: Mapping[str, Correction], settings: AdapterSettings
) -> Path:
    """Write an adapter into a folder, which need not exist; return the folder.

    Raises ValueError if there is no correction, or if one contains NaN or inf.
    """
    if not corrections:
        raise ValueError("there is no correction to save: apply LoRA and train first")
    tensors = {}
    for name, (down, up) in corrections.items():
        for part, matrix in (("down", down), ("up", up.T)):
            numbers, scales = quantize_rows(matrix)
            tensors[f"{name}.{part}"] = numbers.contiguous()
            tensors[f"{name}.{part}.scale"] = scales.contiguous()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / TENSORS) as unfinished:
        save_file(tensors, unfinished)
    write_whole(folder / SETTINGS, json.dumps(asdict(settings), indent=1) + "\n")
    return folder


def load_adapter(folder: Path | str) -> Adapter:
    """Return what `save_adapter` wrote; raises ValueError naming a file that is missing or damaged."""
    folder = Path(folder)
    settings = _read_settings(folder / SETTINGS)
    path = folder / TENSORS
    if not path.is_file():
        raise ValueError(f"{path} is missing: this is not the folder of an adapter")
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is truncated or not a safetensors file: {error}") from None
    names = sorted({name.split(".down")[0].split(".up")[0] for name in tensors})
    wanted = {
        f"{name}.{part}{end}" for name in names for part in ("down", "up") for end in ("", ".scale")
    }
    if not names or wanted != tensors.keys():
        raise ValueError(f"{path} does not hold two matrices and their scales for every name")
    for name, tensor in tensors.items():
        _check_tensor(path, name, tensor, settings.rank)
    found = {}
    for name in names:
        down, up = (
            tensors[f"{name}.{part}"] * tensors[f"{name}.{part}.scale"] for part in ("down", "up")
        )
        found[name] = Correction(down, up.T.contiguous())
    return Adapter(settings, found)


def add_adapter(model: Model, adapter: Adapter) -> Model:
    """Add an adapter's corrections to the matrices of its base model, in place; return the model.

    Raises ValueError, with the model unchanged, if a matrix is missing or of another shape.

    >>> model = nn.Sequential(nn.Linear(2, 3))
    >>> settings = AdapterSettings("", rank=1, alpha=2)
    >>> adapter = Adapter(settings, {"0": Correction(torch.ones(1, 2), torch.ones(3, 1))})
    >>> before = model(torch.ones(2))
    >>> (add_adapter(model, adapter)(torch.ones(2)) - before).round().tolist()
    [4.0, 4.0, 4.0]
    """
    return _add(model, adapter, 1.0)


def remove_adapter(model: Model, adapter: Adapter) -> Model:
    """Subtract what `add_adapter` added: the base model again, up to rounding.

    Raises ValueError, with the model unchanged, if a matrix is missing or of another shape.
    """
    return _add(model, adapter, -1.0)


def check_base(adapter: Adapter, path: Path | str) -> None:
    """Raise ValueError if an adapter was not trained on the model in this file; OSError without it."""
    found = sha256(path)
    if found != adapter.settings.base_sha256:
        expected = adapter.settings.base_sha256
        raise ValueError(
            f"the adapter belongs to another model than {path}, whose SHA-256 is {found[:12]}... "
            f"and not {expected[:12]}..."
        )


def _add(model, adapter, sign):
    layers = {n: layer for n, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    for name, (down, up) in adapter.corrections.items():
        if name not in layers:
            raise ValueError(f"the adapter changes {name}, which this model does not have")
        shape = (len(up), down.shape[1])
        if tuple(layers[name].weight.shape) != shape:
            found = tuple(layers[name].weight.shape)
            raise ValueError(
                f"the adapter's correction of {name} is {shape}; the matrix is {found}"
            )
    scale = sign * adapter.settings.alpha / adapter.settings.rank
    with torch.no_grad():
        for name, (down, up) in adapter.corrections.items():
            weight = layers[name].weight
            weight += (scale * up @ down).to(weight)
    return model


def _check_tensor(path, name, tensor, rank):
    is_scale = name.endswith(".scale")
    dtype = torch.float32 if is_scale else torch.int8
    columns = 1 if is_scale else None
    fits = (
        tensor.ndim == 2 and len(tensor) == rank and tensor.shape[1] == (columns or tensor.shape[1])
    )
    if not fits or tensor.dtype != dtype or not tensor.isfinite().all():
        raise ValueError(
            f"tensor {name} in {path} is {tensor.dtype} of {tuple(tensor.shape)}; it must be {dtype} "
            f"of {rank} rows, all of them finite numbers"
        )


def _read_settings(path) -> AdapterSettings:
    try:
        values: dict[str, Any] = read_json(path)
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"{path} is missing: this is not the folder of an adapter") from None
    known: Iterable[str] = {field.name for field in fields(AdapterSettings)}
    if values.keys() != known:
        raise ValueError(f"{path} is damaged: it must have {', '.join(sorted(known))}")
    try:
        return AdapterSettings(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
