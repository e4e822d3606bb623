"""Write a GPT or a Llama as one GGUF file, which llama.cpp and Ollama run.

`helpers.llama.gguf` describes the format and reads it; this is the way back. Matrices are written in
the chosen format, vectors (biases, norms) and positions always in F32, as llama.cpp expects.

Shapes: N blocks of 32 weights.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from helpers.bpe import BPETokenizer
from helpers.bpe.files import printable
from helpers.files import replacing
from helpers.interchange.hugging_face import common_divisor, llama_settings, plain_parameters
from helpers.interchange.templates import STOPS, TEMPLATES, check_template, modelfile
from helpers.llama.load import GGUF, theirs
from helpers.llama.model import Llama
from helpers.llama.tokens import CONTROL, NORMAL, PATTERNS
from helpers.model import GPT
from helpers.tokenizer import END_OF_TEXT

UNUSED = 5  # the kind of a token that no text has
ALIGNMENT = 32
KINDS = {bool: (7, "?"), int: (4, "I"), float: (6, "f")}  # the numbers that settings need
STRING, ARRAY = 8, 9

# Our name, the name in a GGUF file of GPT-2.
GPT2_OUTER = {
    "token_embedding.weight": "token_embd.weight",
    "position_embedding.weight": "position_embd.weight",
    "final_norm.scale": "output_norm.weight",
    "final_norm.shift": "output_norm.bias",
    "output_head.weight": "output.weight",
}
GPT2_BLOCK = {
    "norm_attention.scale": "attn_norm.weight",
    "norm_attention.shift": "attn_norm.bias",
    "attention.output.weight": "attn_output.weight",
    "attention.output.bias": "attn_output.bias",
    "norm_feed_forward.scale": "ffn_norm.weight",
    "norm_feed_forward.shift": "ffn_norm.bias",
    "feed_forward.expand.weight": "ffn_up.weight",
    "feed_forward.expand.bias": "ffn_up.bias",
    "feed_forward.project.weight": "ffn_down.weight",
    "feed_forward.project.bias": "ffn_down.bias",
}


def export_gguf(
    model: GPT | Llama,
    tokenizer: BPETokenizer,
    path: Path | str,
    number_format: str = "F16",
    chat: str | None = None,
) -> Path:
    """Write model and tokenizer to a GGUF file, and an Ollama Modelfile beside it; return the path.

    `number_format` is F32, F16 or Q8_0; `chat` names the template of conversations, as in
    `export_hf`. An older file is replaced. Raises ValueError for a format or template that we do
    not know, a width that Q8_0 cannot cut into blocks of 32, a split pattern that llama.cpp has no
    name for, and a model that neither GPT-2's nor Llama's layout can hold.

    >>> import tempfile
    >>> from helpers.config import PRESETS
    >>> from helpers.llama.gguf import GGUFFile
    >>> tokenizer = BPETokenizer.train("abc", 257, ("<|endoftext|>",))
    >>> with tempfile.TemporaryDirectory() as place:
    ...     path = export_gguf(GPT(PRESETS["tiny"]), tokenizer, f"{place}/mine.gguf", "Q8_0")
    ...     GGUFFile(path).settings["general.architecture"]
    'gpt2'
    """
    check_template(chat)
    if number_format not in WRITERS:
        raise ValueError(f"number_format is {number_format!r}; known are {', '.join(WRITERS)}")
    path = Path(path)
    settings = gpt2_header(model) if isinstance(model, GPT) else llama_header(model)
    settings["general.name"] = path.stem
    settings["general.file_type"] = WRITERS[number_format][2]
    settings |= tokenizer_header(tokenizer, model.config.vocab_size, chat)
    weights = gpt2_weights(model) if isinstance(model, GPT) else llama_weights(model)
    entries = [(name, *_write(name, weight, number_format)) for name, weight in weights]
    with replacing(path) as unfinished, open(unfinished, "wb") as file:
        for part in file_parts(settings, entries):
            file.write(part)
    with replacing(path.with_suffix(".Modelfile")) as unfinished:
        unfinished.write_text(modelfile(path.name, chat), encoding="utf-8")
    return path


def gpt2_header(model: GPT) -> dict[str, Any]:
    """The settings of a GPT, under the names of llama.cpp's architecture gpt2."""
    config = model.config
    if config.n_kv_heads not in (None, config.n_heads):
        raise ValueError(f"n_kv_heads is {config.n_kv_heads}; GPT-2 has no grouped queries")
    return {
        "general.architecture": "gpt2",
        "gpt2.context_length": config.context_length,
        "gpt2.embedding_length": config.embedding_dim,
        "gpt2.feed_forward_length": 4 * config.embedding_dim,
        "gpt2.block_count": config.n_layers,
        "gpt2.attention.head_count": config.n_heads,
        "gpt2.attention.layer_norm_epsilon": 1e-5,
    }


def gpt2_weights(model: GPT) -> Iterator[tuple[str, torch.Tensor]]:
    """The weights of a GPT by llama.cpp's names; queries, keys and values become one matrix (3C, C)."""
    ours = plain_parameters(model, GPT)
    none = torch.zeros(model.config.embedding_dim)
    for name, their_name in GPT2_OUTER.items():
        if name in ours:  # a tied head is the token embedding, and left out
            yield their_name, ours[name]
    for number in range(model.config.n_layers):
        block = f"blocks.{number}."
        for kind in ("weight", "bias"):
            parts = [
                ours.get(f"{block}attention.{n}.{kind}", none) for n in ("query", "key", "value")
            ]
            yield f"blk.{number}.attn_qkv.{kind}", torch.cat(parts)
        for name, their_name in GPT2_BLOCK.items():
            yield f"blk.{number}.{their_name}", ours[block + name]


def llama_header(model: Llama) -> dict[str, Any]:
    """The settings of a Llama, Qwen 2 or Qwen 3, under the names of llama.cpp."""
    config, kind = model.config, llama_settings(model)["model_type"]
    settings: dict[str, Any] = {
        "context_length": config.context_length,
        "embedding_length": config.embedding_dim,
        "feed_forward_length": config.hidden_dim,
        "block_count": config.n_layers,
        "attention.head_count": config.n_heads,
        "attention.head_count_kv": config.kv_heads,
        "attention.key_length": config.head_dim,
        "attention.value_length": config.head_dim,
        "attention.layer_norm_rms_epsilon": float(config.norm_epsilon),
        "rope.freq_base": float(config.rope_base),
        "rope.dimension_count": config.head_dim,
    }
    if config.rope_divisors is not None:
        settings["rope.scaling.type"] = "linear"
        settings["rope.scaling.factor"] = float(common_divisor(config.rope_divisors))
    named = {f"{kind}.{name}": value for name, value in settings.items()}
    return {"general.architecture": kind} | named


def llama_weights(model: Llama) -> Iterator[tuple[str, torch.Tensor]]:
    """The weights of a Llama by llama.cpp's names; the architecture llama keeps pairs as neighbors."""
    config = model.config
    neighbors = llama_settings(model)["model_type"] == "llama"
    for name, weight in plain_parameters(model, Llama).items():
        if neighbors and ".query." in name:
            weight = to_neighbors(weight, config.n_heads)
        if neighbors and ".key." in name:
            weight = to_neighbors(weight, config.kv_heads)
        yield theirs(name, GGUF), weight


def to_neighbors(weight: torch.Tensor, n_heads: int) -> torch.Tensor:
    """Reorder the rows of a query or key matrix from two halves per head to neighboring pairs.

    >>> to_neighbors(torch.tensor([[0.0], [2.0], [1.0], [3.0]]), n_heads=1).flatten().tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    halves = weight.unflatten(0, (n_heads, 2, -1))  # (heads, 2, D / 2, C)
    return halves.transpose(1, 2).flatten(0, 2)  # (heads * D, C)


def tokenizer_header(tokenizer: BPETokenizer, vocab_size: int, chat: str | None) -> dict[str, Any]:
    """The settings that describe a tokenizer; ids without a token are filled up to `vocab_size`."""
    names = {pattern: name for name, pattern in PATTERNS.items()}
    if tokenizer.pattern not in names:
        raise ValueError(f"llama.cpp has no name for the split pattern {tokenizer.pattern!r}")
    tokens, kinds = [f"[UNUSED {i}]" for i in range(vocab_size)], [UNUSED] * vocab_size
    for token_id, token in tokenizer.vocab.items():
        tokens[token_id], kinds[token_id] = printable(token), NORMAL
    for name, token_id in tokenizer.special_tokens.items():
        tokens[token_id], kinds[token_id] = name, CONTROL
    settings: dict[str, Any] = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": names[tokenizer.pattern],
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.merges": [f"{printable(a)} {printable(b)}" for a, b in tokenizer.merges],
        "tokenizer.ggml.add_bos_token": False,
    }
    stop = END_OF_TEXT if chat is None else STOPS[chat]
    if stop in tokenizer.special_tokens:
        settings["tokenizer.ggml.eos_token_id"] = tokenizer.special_tokens[stop]
        settings["tokenizer.ggml.bos_token_id"] = tokenizer.special_tokens[stop]
    if chat is not None:
        settings["tokenizer.chat_template"] = TEMPLATES[chat]
    return settings


def to_q8_0(weights: np.ndarray) -> np.ndarray:
    """Round rows of float32 to blocks: 32 whole numbers from -127 to 127 and the scale they share.

    >>> block = to_q8_0(np.linspace(-1, 1, 32, dtype=np.float32)[None])
    >>> len(block.tobytes()), block["numbers"].max()
    (34, np.int8(127))
    """
    if weights.shape[-1] % 32:
        raise ValueError(f"Q8_0 needs rows of a multiple of 32 numbers, not {weights.shape[-1]}")
    rows = weights.reshape(-1, 32)
    blocks = np.empty(len(rows), [("scale", "<f2"), ("numbers", "i1", 32)])
    scales = np.abs(rows).max(axis=1) / np.float32(127)
    inverse = np.divide(1, scales, out=np.zeros_like(scales), where=scales > 0)
    blocks["scale"] = scales
    blocks["numbers"] = np.rint(rows * inverse[:, None])
    return blocks


# A format's number for tensors, how to write it, its number for whole files.
WRITERS = {
    "F32": (0, lambda weights: weights.astype("<f4"), 0),
    "F16": (1, lambda weights: weights.astype("<f2"), 1),
    "Q8_0": (8, to_q8_0, 7),
}


def _write(name, weight, number_format):
    """(shape, bytes, format number) of one tensor; vectors and positions stay in F32."""
    plain = weight.dim() < 2 or name == "position_embd.weight"
    number, write, _ = WRITERS["F32" if plain else number_format]
    try:
        data = write(weight.float().numpy())
    except ValueError as error:
        raise ValueError(f"tensor {name}: {error}") from None
    return tuple(weight.shape), data.tobytes(), number


def file_parts(
    settings: dict[str, Any], entries: list[tuple[str, Any, bytes, int]]
) -> Iterator[bytes]:
    """The bytes of a GGUF file: its header, then the numbers of each tensor."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(entries), len(settings))
    for name, value in settings.items():
        head += _string(name) + _value(value)
    offset = 0
    for name, shape, data, number in entries:
        head += _string(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}Q", *reversed(shape))  # the innermost dimension first
        head += struct.pack("<IQ", number, offset)
        offset += len(data) + _gap(len(data))
    yield head + bytes(_gap(len(head)))
    for *_, data, _number in entries:
        yield data + bytes(_gap(len(data)))


def _gap(length):
    return -length % ALIGNMENT


def _string(text):
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def _value(item):
    """The type of a setting, then its bytes."""
    if isinstance(item, str):
        return struct.pack("<I", STRING) + _string(item)
    if isinstance(item, list) and item and isinstance(item[0], int):
        return struct.pack("<IIQ", ARRAY, 5, len(item)) + struct.pack(f"<{len(item)}i", *item)
    if isinstance(item, list):
        return struct.pack("<IIQ", ARRAY, STRING, len(item)) + b"".join(map(_string, item))
    kind, code = KINDS[type(item)]
    return struct.pack(f"<I{code}", kind, item)
