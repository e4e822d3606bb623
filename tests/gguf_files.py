"""Small GGUF files for tests: written byte by byte, and easy to spoil."""

import math
import struct

import numpy as np
import torch

from helpers.bpe import BPETokenizer
from helpers.bpe.files import printable
from helpers.bpe.train import GPT2_SPLIT_PATTERN
from helpers.llama import LlamaConfig
from helpers.llama.load import GGUF, theirs

KINDS = {bool: 7, int: 10, float: 6, str: 8, list: 9}
CODES = {bool: "?", int: "Q", float: "f"}


def string(text):
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def value(item):
    if isinstance(item, str):
        return string(item)
    if isinstance(item, list):
        kind = KINDS[type(item[0])] if item else 10
        return struct.pack("<IQ", kind, len(item)) + b"".join(map(value, item))
    return struct.pack(f"<{CODES[type(item)]}", item)


def gguf_bytes(settings, tensors, version=3, alignment=32):
    """The bytes of a file; `tensors` maps a name to (shape, number of the format, data)."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(settings))
    for name, item in settings.items():
        head += string(name) + struct.pack("<I", KINDS[type(item)]) + value(item)
    offset, data = 0, b""
    for name, (shape, kind, contents) in tensors.items():
        head += string(name) + struct.pack("<I", len(shape))
        head += b"".join(struct.pack("<Q", size) for size in reversed(shape))
        head += struct.pack("<IQ", kind, offset)
        data += contents + bytes(-len(contents) % alignment)
        offset = len(data)
    return head + bytes(-len(head) % alignment) + data


def small_tokenizer():
    return BPETokenizer.train(
        "the cat sat on the mat. the dog sat. " * 9, 280, ["<|im_start|>", "<|im_end|>"]
    )


def tokenizer_settings(tokenizer, pattern="smollm"):
    special = {token_id: name for name, token_id in tokenizer.special_tokens.items()}
    tokens = [
        special.get(token_id) or printable(token)
        for token_id, token in sorted(tokenizer.vocab.items())
    ]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2" if tokenizer.pattern == GPT2_SPLIT_PATTERN else pattern,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if i in special else 1 for i in range(len(tokens))],
        "tokenizer.ggml.merges": [f"{printable(a)} {printable(b)}" for a, b in tokenizer.merges],
    }


def model_settings(config: LlamaConfig, architecture="llama"):
    names = {
        "context_length": config.context_length,
        "embedding_length": config.embedding_dim,
        "feed_forward_length": config.hidden_dim,
        "block_count": config.n_layers,
        "attention.head_count": config.n_heads,
        "attention.head_count_kv": config.kv_heads,
        "attention.key_length": config.head_dim,
        "attention.layer_norm_rms_epsilon": config.norm_epsilon,
        "rope.freq_base": config.rope_base,
        "rope.dimension_count": config.head_dim,
    }
    return {"general.architecture": architecture} | {
        f"{architecture}.{name}": item for name, item in names.items()
    }


def neighbors(weight, n_heads):
    """Queries and keys as files of Llama keep them: rotated pairs next to each other."""
    size = len(weight) // n_heads
    order = [i // 2 + (i % 2) * size // 2 for i in range(size)]
    rows = [head * size + i for head in range(n_heads) for i in order]
    return weight[rows]


def float_tensors(model, architecture="llama"):
    """The tensors of a model as F32 entries for `gguf_bytes`."""
    tensors = {}
    for name, parameter in model.named_parameters():
        weight = parameter.detach()
        if architecture == "llama" and ".query." in name:
            weight = neighbors(weight, model.config.n_heads)
        if architecture == "llama" and ".key." in name:
            weight = neighbors(weight, model.config.kv_heads)
        tensors[theirs(name, GGUF)] = (tuple(weight.shape), 0, weight.numpy().tobytes())
    return tensors


def to_q8_0(weight: torch.Tensor) -> bytes:
    """Round a weight to blocks of 32 numbers of 8 bits with a scale."""
    rows = weight.reshape(-1, 32).numpy()
    scales = (np.abs(rows).max(axis=1, keepdims=True) / 127).astype(np.float16)
    numbers = np.round(rows / np.maximum(scales.astype(np.float32), 1e-8)).astype(np.int8)
    assert len(numbers) == math.prod(weight.shape) // 32
    return b"".join(s.tobytes() + n.tobytes() for s, n in zip(scales, numbers, strict=True))
