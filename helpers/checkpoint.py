"""Save and load models and whole training runs: safetensors for numbers, JSON for the rest.

Nothing is ever unpickled, since a pickle can run code. Everything is written beside its place and
renamed into it, so that a reader sees a whole folder or none. Source: huggingface/safetensors.
"""

import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from helpers.bpe import BPETokenizer
from helpers.config import GPTConfig
from helpers.files import read_json, remove, replacing, restore, sha256
from helpers.model import GPT

FILES = ("model.safetensors", "training.safetensors")  # of a checkpoint


def save_model(
    folder: Path | str,
    model: GPT,
    tokenizer: BPETokenizer | None = None,
    dtype: torch.dtype | None = None,
) -> Path:
    """Write a model's configuration, weights and tokenizer into `folder`; return the folder.

    `dtype` (torch.bfloat16, say) stores the weights smaller. An older model there is replaced.
    Raises ValueError for a model that was packed, quantized or adapted, and for a `dtype` of whole
    numbers: it could not be loaded. Raises FileExistsError where `folder` is a file or a link.
    """
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise ValueError(f"dtype is {dtype}; weights need a dtype of floating point, or None")
    tensors = _model_tensors(model, dtype)
    with torch.device("meta"):
        plain = dict(GPT(model.config).named_parameters())
    foreign = sorted(plain.keys() ^ tensors.keys())
    if foreign:
        raise ValueError(
            f"tensor {foreign[0]} is not as in a plain GPT; save the model as it was before"
        )
    Path(folder).parent.mkdir(parents=True, exist_ok=True)
    with replacing(folder) as unfinished:
        _write_model(unfinished, model, tensors, tokenizer)
    return Path(folder)


def load_model(folder: Path | str) -> tuple[GPT, BPETokenizer | None]:
    """Return `(model, tokenizer)` from a folder that `save_model` or `save_checkpoint` wrote.

    The model is in fp32 and evaluation mode; the tokenizer is None where none was saved.
    Raises ValueError naming what is missing, foreign or of a wrong shape.
    """
    folder = Path(folder)
    restore(folder)
    config = _read_config(folder / "config.json")
    tensors = _read_tensors(folder / "model.safetensors")
    with torch.device("meta"):  # an absurd size is found before memory is asked for
        _check_weights(GPT(config), tensors)
    model = GPT(config)
    load_weights(model, tensors)
    tokenizer_file = folder / "tokenizer.json"
    tokenizer = BPETokenizer.load(tokenizer_file) if tokenizer_file.exists() else None
    return model.eval(), tokenizer


def load_weights(model: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Copy named tensors into a model, in place.

    Raises ValueError naming a tensor that is missing, unknown, of another shape or of whole numbers.
    """
    _check_weights(model, tensors)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[name])


def _check_weights(model, tensors):
    expected = dict(model.named_parameters())
    for name in expected.keys() | tensors.keys():
        if name not in tensors:
            raise ValueError(f"tensor {name} is missing")
        if name not in expected:
            raise ValueError(f"tensor {name} does not belong to this model")
        if tensors[name].shape != expected[name].shape:
            found, wanted = tuple(tensors[name].shape), tuple(expected[name].shape)
            raise ValueError(f"tensor {name} has shape {found}; this model needs {wanted}")
        if not tensors[name].is_floating_point():
            raise ValueError(f"tensor {name} holds {tensors[name].dtype}, which are no weights")


def save_checkpoint(
    folder: Path | str,
    model: GPT,
    optimizer: torch.optim.Optimizer,
    state: dict[str, Any],
    tokenizer: BPETokenizer | None = None,
    keep: int = 2,
) -> Path:
    """Write everything that a run needs to go on into `folder/step-NNNNNNNN`; return that folder.

    `state` is JSON-ready and holds at least "step". The newest `keep` checkpoints stay.
    Raises OSError (a full disk, say) with the older checkpoints untouched.
    """
    tensors, training_tensors = _model_tensors(model), _training_tensors(model, optimizer)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _remove(checkpoints(folder)[:-keep], folder)  # a kill before the last line left one too many
    with replacing(folder / checkpoint_name(state["step"])) as unfinished:
        _write_model(unfinished, model, tensors, tokenizer)
        _save_tensors(training_tensors, unfinished / "training.safetensors")
        hashes = {name: sha256(unfinished / name) for name in FILES}
        _write_json(unfinished / "state.json", {"state": state, "sha256": hashes})
    _remove(checkpoints(folder)[:-keep], folder)
    return folder / checkpoint_name(state["step"])


def checkpoint_name(step: int) -> str:
    """The name of a step's checkpoint: names sort as steps do.

    >>> checkpoint_name(500)
    'step-00000500'
    """
    return f"step-{step:08d}"


def checkpoints(folder: Path | str) -> list[Path]:
    """Return the whole checkpoints in `folder`, oldest first."""
    return sorted(path for path in Path(folder).glob("step-*") if (path / "state.json").exists())


def read_state(folder: Path | str) -> dict[str, Any]:
    """Return the `state` that `save_checkpoint` was given, without loading any tensor."""
    return _read_checkpoint(Path(folder))["state"]


def load_checkpoint(
    folder: Path | str, model: GPT, optimizer: torch.optim.Optimizer
) -> dict[str, Any]:
    """Restore model, optimizer and random numbers from one checkpoint folder; return its `state`.

    Raises ValueError where a file is missing, damaged or from a model of another shape.
    """
    folder = Path(folder)
    written = _read_checkpoint(folder)
    for name in FILES:
        expected = written["sha256"].get(name)
        if not (folder / name).exists() or sha256(folder / name) != expected:
            raise ValueError(f"{folder / name} is missing or damaged; use an older checkpoint")
    weights, tensors = (_read_tensors(folder / name) for name in FILES)
    if "random.cpu" not in tensors:
        raise ValueError(f"{folder / FILES[1]} was not written by a training run")
    load_weights(model, weights)
    for name, parameter in model.named_parameters():
        prefix = f"optimizer.{name}."
        optimizer.state[parameter] = {
            key.removeprefix(prefix): tensor.to(parameter.device)
            for key, tensor in tensors.items()
            if key.startswith(prefix)
        }
    torch.set_rng_state(tensors["random.cpu"])
    if torch.cuda.is_available() and "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"])
    return written["state"]


def _read_checkpoint(folder):
    written = _read_object(folder / "state.json")
    if written.keys() != {"state", "sha256"} or not all(map(_is_object, written.values())):
        raise ValueError(f"{folder / 'state.json'} is not a checkpoint of this course")
    return written


def _training_tensors(model, optimizer):
    tensors = {"random.cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{name}.{key}"] = value.detach().cpu().contiguous()
    return tensors


def _model_tensors(model, dtype=None):
    """The parameters by name, with a tied output head left out: it is the token embedding."""
    return {
        name: parameter.detach().cpu().to(dtype or parameter.dtype).contiguous()
        for name, parameter in model.named_parameters()
    }


def _write_json(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def _write_model(path, model, tensors, tokenizer):
    path.mkdir()
    _save_tensors(tensors, path / "model.safetensors")
    _write_json(path / "config.json", asdict(model.config))
    if tokenizer is not None:
        tokenizer.save(path / "tokenizer.json")


def _remove(old, folder):
    """Remove checkpoints from `folder`: first their names, so that none is read half gone."""
    for path in old:
        os.rename(path, path.with_name(f".removed-{path.name}"))
    for path in folder.glob(".removed-*"):
        remove(path)


def _save_tensors(tensors, path):
    try:
        save_file(tensors, path)
    except SafetensorError as error:
        raise OSError(f"cannot write {path.name}: {error}") from error


def _read_tensors(path):
    try:
        return load_file(path)
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: this is not the folder of a saved model") from None
    except SafetensorError as error:
        raise ValueError(f"{path} is truncated or not a safetensors file: {error}") from None


def _read_object(path):
    try:
        return read_json(path)
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"{path} is missing: this is not the folder of a saved model") from None


def _is_object(value):
    return isinstance(value, dict)


def _read_config(path):
    values = _read_object(path)
    unknown = values.keys() - {field.name for field in fields(GPTConfig)}
    if unknown:
        raise ValueError(f"{path} has unknown settings: {', '.join(sorted(unknown))}")
    try:
        return GPTConfig(**values)
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from None
