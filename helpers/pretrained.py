"""Load GPT-2's weights into our model: read safetensors, rename, transpose, check every shape.

Hugging Face stores GPT-2 under OpenAI's names (`wte`, `h.0.attn.c_attn`, `mlp.c_fc`), and its
`Conv1D` layers as (inputs, outputs) where `nn.Linear` holds (outputs, inputs). Nothing here needs
TensorFlow or `transformers`.

Shapes: C embedding dimensions, V tokens in the vocabulary, L tokens of context.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from helpers.config import GPTConfig
from helpers.files import read_json
from helpers.model import GPT
from helpers.texts.corpora import data_folder, fetch

# The settings of a config.json that our model implements; the first is the default.
_MUST_BE = {
    "model_type": ("gpt2",),
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
    "layer_norm_epsilon": (1e-5,),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
}
RENAMED = {
    "ln_1": "norm_attention",
    "attn.c_proj": "attention.output",
    "ln_2": "norm_feed_forward",
    "mlp.c_fc": "feed_forward.expand",
    "mlp.c_proj": "feed_forward.project",
}
FLOATS = ("F64", "F32", "F16", "BF16")
_MASKS = (".attn.bias", ".attn.masked_bias")  # causal masks that old files contain


def load_gpt2(name_or_path: Path | str, dtype: torch.dtype = torch.float32) -> GPT:
    """Return a `GPT` with GPT-2's weights, ready to use (`eval` mode).

    `name_or_path` is a folder with `config.json` and `model.safetensors` (or its shards and
    `model.safetensors.index.json`), a folder of that name inside the course's data folder, or
    "gpt2-weights", which is downloaded the first time (548 MB).
    Raises FileNotFoundError if there is no such folder or file; ValueError, naming the tensor, if
    the weights do not fit or are whole numbers, or naming a setting that our model does not implement.
    Source: Radford et al. 2019; the layout is that of Hugging Face's `openai-community/gpt2`.

    >>> load_gpt2("no-such-model")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    FileNotFoundError: no folder 'no-such-model'
    """
    folder = _find_folder(name_or_path)
    config = config_from_gpt2(read_json(folder / "config.json"))
    with TensorFiles(folder, "transformer.") as tensors:
        check_shapes(tensors.shapes, gpt2_shapes(config), allowed=_MASKS)
        check_dtypes(tensors, allowed=_MASKS)
        if config.tie_weights:
            check_tied(tensors, "wte.weight")
        weights = convert_gpt2(tensors, config)
    with shapes_only():
        model = GPT(config)
    weights = {name: weight.to(dtype).contiguous() for name, weight in weights.items()}
    model.load_state_dict(weights, assign=True)
    if config.tie_weights:  # assign=True has made two parameters of the shared one
        model.output_head.weight = model.token_embedding.weight
    return model.eval()


def config_from_gpt2(settings: Mapping[str, Any]) -> GPTConfig:
    """Turn the settings of a GPT-2 `config.json` (a dictionary) into a `GPTConfig`.

    Raises ValueError for a missing size, a setting that our model does not implement, and a value of
    another kind than a number or a flag.

    >>> sizes = {"vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_head": 12}
    >>> config_from_gpt2(sizes | {"n_layer": 12}) == GPTConfig()
    True
    """
    for name, allowed in _MUST_BE.items():
        found = settings.get(name, allowed[0])
        if found not in allowed:
            raise ValueError(
                f"{name} is {found!r}; this model has {' or '.join(map(str, allowed))}"
            )
    sizes = ("vocab_size", "n_positions", "n_embd", "n_head", "n_layer")
    missing = [name for name in sizes if name not in settings]
    if missing:
        raise ValueError(f"config.json has no {', '.join(missing)}")
    for name in sizes:
        if type(settings[name]) is not int:
            raise ValueError(f"{name} is {settings[name]!r}; it must be a whole number")
    width = settings["n_embd"]
    if settings.get("n_inner") not in (None, 4 * width):
        raise ValueError(f"n_inner is {settings['n_inner']}; this model has {4 * width}")
    dropout, tied = settings.get("resid_pdrop", 0.1), settings.get("tie_word_embeddings", True)
    if not isinstance(tied, bool) or type(dropout) not in (int, float):
        raise ValueError(f"resid_pdrop is {dropout!r} and tie_word_embeddings {tied!r}")
    return GPTConfig(
        vocab_size=settings["vocab_size"],
        context_length=settings["n_positions"],
        embedding_dim=width,
        n_heads=settings["n_head"],
        n_layers=settings["n_layer"],
        dropout=dropout,
        tie_weights=tied,
    )


def gpt2_shapes(config: GPTConfig) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor that a GPT-2 file must hold for `config`.

    >>> gpt2_shapes(GPTConfig())["h.11.attn.c_attn.weight"]
    (768, 2304)
    """
    width = config.embedding_dim
    layers: dict[str, tuple[int, ...]] = {
        "ln_1": (width,),
        "attn.c_attn": (width, 3 * width),
        "attn.c_proj": (width, width),
        "ln_2": (width,),
        "mlp.c_fc": (width, 4 * width),
        "mlp.c_proj": (4 * width, width),
    }
    shapes: dict[str, tuple[int, ...]] = {
        "wte.weight": (config.vocab_size, width),
        "wpe.weight": (config.context_length, width),
    }
    for number in range(config.n_layers):
        for layer, shape in layers.items():
            shapes[f"h.{number}.{layer}.weight"] = shape
            shapes[f"h.{number}.{layer}.bias"] = shape[-1:]
    shapes |= {"ln_f.weight": (width,), "ln_f.bias": (width,)}
    return shapes if config.tie_weights else shapes | {"lm_head.weight": shapes["wte.weight"]}


def convert_gpt2(tensors: Mapping[str, torch.Tensor], config: GPTConfig) -> dict[str, torch.Tensor]:
    """Return GPT-2's `tensors`, a mapping by its names, as a state dict of our `GPT(config)`.

    Every name changes; Conv1D's (inputs, outputs) become Linear's (outputs, inputs).

    >>> config = GPTConfig(vocab_size=5, context_length=4, embedding_dim=2, n_heads=1, n_layers=1)
    >>> zeros = {name: torch.zeros(shape) for name, shape in gpt2_shapes(config).items()}
    >>> convert_gpt2(zeros, config)["blocks.0.feed_forward.expand.weight"].shape
    torch.Size([8, 2])
    """
    ours = {
        "token_embedding.weight": tensors["wte.weight"],
        "position_embedding.weight": tensors["wpe.weight"],
        "final_norm.scale": tensors["ln_f.weight"],
        "final_norm.shift": tensors["ln_f.bias"],
    }
    tied = ours["token_embedding.weight"] if config.tie_weights else None
    ours["output_head.weight"] = tensors["lm_head.weight"] if tied is None else tied
    for number in range(config.n_layers):
        theirs, block = f"h.{number}.", f"blocks.{number}."
        for kind in ("weight", "bias"):
            # One matrix of 3C columns makes queries, keys and values: three of C rows here.
            parts = tensors[f"{theirs}attn.c_attn.{kind}"].chunk(3, dim=-1)
            for name, part in zip(("query", "key", "value"), parts, strict=True):
                ours[f"{block}attention.{name}.{kind}"] = part.t().clone()
        for old, new in RENAMED.items():
            weight, bias = ("scale", "shift") if old.startswith("ln") else ("weight", "bias")
            ours[f"{block}{new}.{weight}"] = tensors[f"{theirs}{old}.weight"].t()
            ours[f"{block}{new}.{bias}"] = tensors[f"{theirs}{old}.bias"]
    return ours


class _NoRandomNumbers(TorchFunctionMode):
    """Within it, the functions of `torch.nn.init` leave a tensor as it is."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(function, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return function(*args, **kwargs)


@contextmanager
def shapes_only() -> Iterator[None]:
    """Within it, a new module has shapes and no numbers: it takes no time and no memory.

    Random numbers on PyTorch's meta device would load its compiler first, which takes a second.

    >>> with shapes_only():
    ...     torch.nn.Linear(10**6, 10**6).weight.is_meta
    True
    """
    with torch.device("meta"), _NoRandomNumbers():
        yield


class TensorFiles:
    """The tensors of one safetensors file or of many shards, by name without their `prefix`.

    Use it in a `with` block; `shapes` are known before a tensor is read. Raises FileNotFoundError
    where a file is missing, and ValueError for one that is truncated or no safetensors file.
    """

    def __init__(self, folder: Path, prefix: str) -> None:
        self.folder, self.prefix, self.stack = folder, prefix, ExitStack()

    def __enter__(self):
        with ExitStack() as stack:  # closes the open files if a shard fails
            self.places = {}
            for path in _files(self.folder):
                file = stack.enter_context(_open(path))
                for name in file.keys():  # noqa: SIM118 (no dictionary: it cannot be iterated)
                    self.places[name.removeprefix(self.prefix)] = (file, name)
            self.stack = stack.pop_all()
        self.shapes = {
            name: tuple(file.get_slice(stored).get_shape())
            for name, (file, stored) in self.places.items()
        }
        return self

    def __exit__(self, *error):
        self.stack.close()

    def __getitem__(self, name):
        file, stored = self.places[name]
        return file.get_tensor(stored).clone()  # independent of the file, which gets closed


def _find_folder(name_or_path):
    if str(name_or_path) == "gpt2-weights":
        return fetch("gpt2-weights")
    for folder in (Path(os.path.expanduser(name_or_path)), data_folder() / name_or_path):
        if (folder / "config.json").is_file():
            return folder
    raise FileNotFoundError(
        f"no folder {str(name_or_path)!r} with a config.json, here or in {data_folder()}"
    )


def _files(folder):
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if not index.is_file():
        raise FileNotFoundError(f"{folder} has neither {single.name} nor {index.name}")
    shards = read_json(index).get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(n, str) for n in shards.values()):
        raise ValueError(f"{index} has no weight_map from names to files")
    names = sorted(set(shards.values()))
    for name in names:
        if Path(name).name != name or not (folder / name).is_file():
            raise FileNotFoundError(f"{index.name} names {name!r}, which is not in {folder}")
    return [folder / name for name in names]


def _open(path):
    from safetensors import SafetensorError, safe_open

    try:
        return safe_open(path, framework="pt")
    except SafetensorError as error:
        raise ValueError(f"{path} is truncated or not a safetensors file: {error}") from error


def check_shapes(
    found: Mapping[str, tuple[int, ...]],
    expected: Mapping[str, tuple[int, ...]],
    allowed: tuple[str, ...] = (),
) -> None:
    """Raise ValueError for a tensor that is missing, of another shape, or foreign to the model.

    Names that end in one of `allowed` may be there; a tied head may be repeated.
    """
    for name, shape in expected.items():
        if name not in found:
            raise ValueError(f"tensor {name} of shape {shape} is missing")
        if found[name] != shape:
            raise ValueError(f"tensor {name} has shape {found[name]}; the model needs {shape}")
    for name in found.keys() - expected.keys() - {"lm_head.weight"}:
        if not name.endswith(allowed):
            raise ValueError(f"tensor {name} of shape {found[name]} does not belong to the model")


def check_dtypes(tensors: TensorFiles, allowed: tuple[str, ...] = ()) -> None:
    """Raise ValueError unless all tensors are numbers of floating point, as weights are."""
    for name, (file, stored) in tensors.places.items():
        dtype = file.get_slice(stored).get_dtype()
        if dtype not in FLOATS and not name.endswith(allowed):
            raise ValueError(f"tensor {name} holds {dtype}, which are no weights")


def check_tied(tensors: TensorFiles, embedding: str) -> None:
    """A file may repeat the tied head, but a head that differs from the embedding is an error."""
    found = tensors.shapes.get("lm_head.weight")
    if found is not None and (
        found != tensors.shapes[embedding]
        or not torch.equal(tensors["lm_head.weight"], tensors[embedding])
    ):
        raise ValueError(
            f"tensor lm_head.weight of shape {found} is not {embedding} of shape "
            f"{tensors.shapes[embedding]}, though config.json ties them"
        )
