"""Real models into our `Llama`: from a folder of safetensors, or from one GGUF file.

Both formats hold the same matrices under other names. Two differences need care. GGUF stores the
rotated pairs of Llama's queries and keys as neighbors (0, 1), (2, 3), ...; safetensors, and our
`rotate`, as dimension i of the first half with dimension i of the second. And a GGUF file holds
Llama 3.1's slower rotary frequencies as a tensor of divisors.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from helpers.files import read_json
from helpers.llama.config import LlamaConfig, linear_divisors, llama3_divisors
from helpers.llama.gguf import GGUFFile
from helpers.llama.model import Llama
from helpers.llama.tokens import FileTokenizer, tokenizer_from_gguf
from helpers.pretrained import TensorFiles, check_shapes, check_tied, shapes_only

# Our name, the name in safetensors (after `model.`), the name in GGUF.
OUTER_NAMES = {
    "token_embedding.weight": ("embed_tokens.weight", "token_embd.weight"),
    "final_norm.scale": ("norm.weight", "output_norm.weight"),
    "output_head.weight": ("lm_head.weight", "output.weight"),
}
BLOCK_NAMES = {
    "norm_attention.scale": ("input_layernorm.weight", "attn_norm.weight"),
    "attention.query": ("self_attn.q_proj", "attn_q"),
    "attention.key": ("self_attn.k_proj", "attn_k"),
    "attention.value": ("self_attn.v_proj", "attn_v"),
    "attention.output": ("self_attn.o_proj", "attn_output"),
    "attention.norm_query.scale": ("self_attn.q_norm.weight", "attn_q_norm.weight"),
    "attention.norm_key.scale": ("self_attn.k_norm.weight", "attn_k_norm.weight"),
    "norm_feed_forward.scale": ("post_attention_layernorm.weight", "ffn_norm.weight"),
    "feed_forward.gate": ("mlp.gate_proj", "ffn_gate"),
    "feed_forward.expand": ("mlp.up_proj", "ffn_up"),
    "feed_forward.project": ("mlp.down_proj", "ffn_down"),
}
SAFETENSORS, GGUF = 0, 1
FAMILY = ("llama", "qwen2", "qwen3")

# What a config.json may say besides sizes: settings that our model implements in one way only.
_MUST_BE = {
    "hidden_act": ("silu",),
    "mlp_bias": (False, None),
    "attention_bias": (False, None),
    "use_sliding_window": (False, None),
    "partial_rotary_factor": (1.0, None),
    "quantization_config": (None,),
}


def theirs(name: str, format_number: int) -> str:
    """The name in a file of one of our parameters.

    >>> theirs("blocks.3.attention.query.weight", SAFETENSORS)
    'layers.3.self_attn.q_proj.weight'
    >>> theirs("blocks.3.attention.query.weight", GGUF)
    'blk.3.attn_q.weight'
    """
    if name in OUTER_NAMES:
        return OUTER_NAMES[name][format_number]
    _, number, part = name.split(".", 2)
    layer, kind = part.rpartition(".")[::2]
    block = ("layers", "blk")[format_number]
    if part in BLOCK_NAMES:
        return f"{block}.{number}.{BLOCK_NAMES[part][format_number]}"
    return f"{block}.{number}.{BLOCK_NAMES[layer][format_number]}.{kind}"


def load_llama(folder: Path | str, dtype: torch.dtype = torch.float32) -> Llama:
    """Return a `Llama` with the weights of a folder in Hugging Face's format, in `eval` mode.

    `folder` has a `config.json` and `model.safetensors`, or its shards with their index. Llama,
    SmolLM2, TinyLlama, and the dense models of Qwen 2 and Qwen 3 are known. Raises FileNotFoundError
    if a file is missing; ValueError naming a setting that our model does not implement, or a tensor
    that is missing, foreign or of a wrong shape.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder} has no config.json: it is not the folder of a model")
    config = config_from_hf(read_json(folder / "config.json"))
    with TensorFiles(folder, "model.") as tensors:
        expected = expected_shapes(config, SAFETENSORS, tensors.shapes)
        check_shapes(tensors.shapes, expected, allowed=("rotary_emb.inv_freq",))
        if config.tie_weights:
            check_tied(tensors, theirs("token_embedding.weight", SAFETENSORS))
        return fill(config, lambda name: tensors[theirs(name, SAFETENSORS)], dtype)


def load_gguf(path: Path | str, dtype: torch.dtype = torch.float32) -> tuple[Llama, FileTokenizer]:
    """Return `(model, tokenizer)` from a GGUF file of a Llama, Qwen 2 or Qwen 3, in `eval` mode.

    The weights are unpacked to `dtype`. Raises OSError if the file cannot be read; ValueError,
    naming the file, if it is damaged, of another architecture, or has a number format, a tokenizer
    or a tensor that we do not know.
    """
    file = GGUFFile(path)
    try:
        config = config_from_gguf(file)
        tokenizer = tokenizer_from_gguf(file.settings)
        if tokenizer.vocab_size > config.vocab_size:
            raise ValueError(
                f"it has {tokenizer.vocab_size:,} tokens and embeddings for {config.vocab_size:,}"
            )
        shapes = {name: entry.shape for name, entry in file.tensors.items()}
        check_shapes(shapes, expected_shapes(config, GGUF, shapes), allowed=("rope_freqs.weight",))
    except ValueError as error:
        raise ValueError(f"{path} cannot be used: {error}") from None
    neighbors = file.settings["general.architecture"] == "llama"

    def read(name: str) -> torch.Tensor:
        weight = torch.from_numpy(file.read(theirs(name, GGUF)))
        if neighbors and ".query." in name:
            return from_neighbors(weight, config.n_heads)
        if neighbors and ".key." in name:
            return from_neighbors(weight, config.kv_heads)
        return weight

    return fill(config, read, dtype), tokenizer


def from_neighbors(weight: torch.Tensor, n_heads: int) -> torch.Tensor:
    """Reorder the rows of a query or key matrix from neighboring pairs to two halves per head.

    >>> from_neighbors(torch.tensor([[0.0], [1.0], [2.0], [3.0]]), n_heads=1).flatten().tolist()
    [0.0, 2.0, 1.0, 3.0]
    """
    pairs = weight.unflatten(0, (n_heads, -1, 2))  # (heads, D / 2, 2, C)
    return pairs.transpose(1, 2).flatten(0, 2)  # (heads * D, C)


def expected_shapes(
    config: LlamaConfig, format_number: int, found: Mapping[str, Any]
) -> dict[str, tuple[int, ...]]:
    """The names and shapes that a file must hold for `config`, taken from the model itself.

    Raises ValueError if the last layer is not among the names `found`: then the number of layers
    is wrong, and a model of that depth is not made.
    """
    last = theirs(f"blocks.{config.n_layers - 1}.norm_attention.scale", format_number)
    if last not in found:
        raise ValueError(
            f"tensor {last} is missing, though there should be {config.n_layers} layers"
        )
    with shapes_only():
        parameters = Llama(config).named_parameters()
    return {theirs(name, format_number): tuple(each.shape) for name, each in parameters}


def fill(config: LlamaConfig, read: Callable[[str], torch.Tensor], dtype: torch.dtype) -> Llama:
    """Make a `Llama` whose parameters are what `read` returns for their names."""
    with shapes_only():
        model = Llama(config)
    weights = {}
    for name, _ in model.named_parameters():
        weight = read(name)
        if not weight.is_floating_point():
            raise ValueError(f"the tensor of {name} holds {weight.dtype}, which are no weights")
        weights[name] = weight.to(dtype).contiguous()
    if config.tie_weights:
        weights["output_head.weight"] = weights["token_embedding.weight"]
    model.load_state_dict(weights, assign=True)
    if config.tie_weights:  # assign=True has made two parameters of the shared one
        model.output_head.weight = model.token_embedding.weight
    return model.eval()


def config_from_hf(settings: Mapping[str, Any]) -> LlamaConfig:
    """Turn the settings of a `config.json` (a dictionary) into a `LlamaConfig`.

    Raises ValueError for another family, a missing size, and a setting that we do not implement.
    """
    kind = _family(settings.get("model_type"), "model_type")
    for name, allowed in _MUST_BE.items():
        if settings.get(name, allowed[-1]) not in allowed:
            raise ValueError(f"{name} is {settings[name]!r}; this model has {allowed[0]!r}")
    layers = settings.get("layer_types") or []
    if not isinstance(layers, list) or any(layer != "full_attention" for layer in layers):
        raise ValueError(f"layer_types is {layers!r}; this model has full_attention everywhere")
    heads, head_size = settings.get("num_attention_heads"), settings.get("head_dim")
    rope = _rope_settings(settings)
    sizes = {
        "vocab_size": settings.get("vocab_size"),
        "context_length": settings.get("max_position_embeddings"),
        "embedding_dim": settings.get("hidden_size"),
        "hidden_dim": settings.get("intermediate_size"),
        "n_heads": heads,
        "n_layers": settings.get("num_hidden_layers"),
        "n_kv_heads": settings.get("num_key_value_heads", heads),
        "norm_epsilon": settings.get("rms_norm_eps", 1e-6),
        "tie_weights": settings.get("tie_word_embeddings", False),
        "head_size": head_size,
        "rope_base": rope["rope_theta"],
    }
    return _make_config(kind, sizes, lambda config: _scaling(rope, config))


def _rope_settings(settings):
    """What a config.json says of rotary positions, in its new form (`rope_parameters`) or its old."""
    rope = settings.get("rope_parameters") or settings.get("rope_scaling") or {}
    if not isinstance(rope, dict):
        raise ValueError(f"rope_scaling is {rope!r}; it must be an object")
    named = {"rope_theta": settings.get("rope_theta", 10_000.0), **rope}
    return named | {"rope_type": rope.get("rope_type", rope.get("type", "default"))}


def _scaling(rope, config):
    """The divisors of the rotary frequencies that a config.json asks for, or None."""
    kind = rope["rope_type"]
    try:
        if kind == "default":
            return None
        if kind == "linear":
            return linear_divisors(config.head_dim, rope["factor"])
        if kind == "llama3":
            return llama3_divisors(
                config.head_dim,
                config.rope_base,
                rope["factor"],
                rope["low_freq_factor"],
                rope["high_freq_factor"],
                rope["original_max_position_embeddings"],
            )
    except KeyError as error:
        raise ValueError(f"the RoPE scaling {kind!r} has no {error.args[0]}") from None
    except (TypeError, ZeroDivisionError) as error:
        raise ValueError(f"the RoPE scaling {kind!r} has an impossible number: {error}") from None
    raise ValueError(f"the RoPE scaling is {kind!r}; known are default, linear and llama3")


def config_from_gguf(file: GGUFFile) -> LlamaConfig:
    """Turn a GGUF file's settings, and what its tensors say, into a `LlamaConfig`.

    Raises ValueError for another architecture, a missing size, and what we do not implement.
    """
    settings, tensors = file.settings, file.tensors
    kind = _family(settings.get("general.architecture"), "general.architecture")

    def get(name, default=None):
        return settings.get(f"{kind}.{name}", default)

    for name in ("expert_count", "attention.sliding_window"):
        if get(name):
            raise ValueError(f"{kind}.{name} is {get(name)!r}; this model has none")
    if (scaling := get("rope.scaling.type", "none")) not in ("none", "linear"):
        raise ValueError(f"the RoPE scaling is {scaling!r}; known are none and linear")
    embedding = tensors.get("token_embd.weight")
    if embedding is None:
        raise ValueError("tensor token_embd.weight is missing")
    sizes = {
        "vocab_size": embedding.shape[0],
        "context_length": get("context_length"),
        "embedding_dim": get("embedding_length"),
        "hidden_dim": get("feed_forward_length"),
        "n_heads": get("attention.head_count"),
        "n_layers": get("block_count"),
        "n_kv_heads": get("attention.head_count_kv", get("attention.head_count")),
        "norm_epsilon": get("attention.layer_norm_rms_epsilon"),
        "tie_weights": "output.weight" not in tensors,
        "head_size": get("attention.key_length"),
        "rope_base": get("rope.freq_base", 10_000.0),
    }

    def divisors(config):
        if get("rope.dimension_count", config.head_dim) != config.head_dim:
            raise ValueError(f"only {get('rope.dimension_count')} dimensions per head are rotated")
        if "rope_freqs.weight" in tensors:
            return tuple(file.read("rope_freqs.weight").flatten().tolist())
        if scaling == "linear":
            return linear_divisors(config.head_dim, get("rope.scaling.factor", 1.0))
        return None

    return _make_config(kind, sizes, divisors)


def _family(kind, name):
    if kind not in FAMILY:
        raise ValueError(f"{name} is {kind!r}; this model is of {', '.join(FAMILY)}")
    return kind


def _make_config(kind, sizes, divisors):
    """A `LlamaConfig`; `divisors` takes it without RoPE scaling and returns the scaling."""
    missing = [name for name, value in sizes.items() if value is None and name != "head_size"]
    if missing:
        raise ValueError(f"the settings have no {', '.join(missing)}")
    kinds = {"qkv_bias": kind == "qwen2", "qk_norm": kind == "qwen3"}
    try:
        plain = LlamaConfig(**sizes, **kinds)
        return LlamaConfig(**sizes, **kinds, rope_divisors=divisors(plain))
    except TypeError as error:
        raise ValueError(str(error)) from None
