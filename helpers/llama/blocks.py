"""The number formats of GGUF files: how blocks of a few bits become weights again.

A quantized tensor is a row of blocks. A block holds a few small whole numbers, and one or two numbers
of 16 bits that all of them share. Q4_1, for instance, spends 20 bytes on 32 weights, 5 bits each:

    scale, least    two numbers of 16 bits
    pairs           16 bytes; the low half of byte i is weight i, the high half is weight i + 16
    weight          least + scale * (a whole number from 0 to 15)

The formats whose names end in _K share more: 256 weights have one scale of 16 bits, and each 16 or
32 of them a scale of 6 or 8 bits that is multiplied with it.
Source: the layouts of ggml (ggml-common.h and ggml-quants.c), the library under llama.cpp.

Shapes: N blocks.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


def halves(pairs: np.ndarray) -> np.ndarray:
    """Cut bytes (N, n) into two numbers of 4 bits each: all low halves, then all high ones, (N, 2n).

    >>> halves(np.array([[0x21, 0x43]], dtype=np.uint8)).tolist()
    [[1, 3, 2, 4]]
    """
    return np.concatenate([pairs & 15, pairs >> 4], axis=-1)


def shared(numbers: np.ndarray) -> np.ndarray:
    """A number of 16 bits per block as a column (N, 1) of float32, to multiply rows with."""
    return numbers.astype(np.float32)[:, None]


def unpack_float(blocks: np.ndarray) -> np.ndarray:
    """F32 and F16 hold the weights themselves."""
    return blocks["weight"].astype(np.float32)


def unpack_bfloat16(blocks: np.ndarray) -> np.ndarray:
    """BF16 is the upper half of a float32; its lower half was cut off."""
    return (blocks["weight"].astype(np.uint32) << 16).view(np.float32)


def unpack_q8_0(blocks: np.ndarray) -> np.ndarray:
    """32 whole numbers from -128 to 127, times the scale of the block."""
    return shared(blocks["scale"]) * blocks["numbers"]


def unpack_q4_0(blocks: np.ndarray) -> np.ndarray:
    """32 whole numbers from -8 to 7, times the scale of the block."""
    return shared(blocks["scale"]) * (halves(blocks["pairs"]).astype(np.float32) - 8)


def unpack_q4_1(blocks: np.ndarray) -> np.ndarray:
    """32 whole numbers from 0 to 15, times the scale, counted from the least weight of the block."""
    return shared(blocks["least"]) + shared(blocks["scale"]) * halves(blocks["pairs"])


def unpack_q5_0(blocks: np.ndarray) -> np.ndarray:
    """32 whole numbers from -16 to 15, whose fifth bits lie together in 4 bytes, times the scale."""
    fifth = np.unpackbits(blocks["fifth_bits"], axis=-1, bitorder="little")  # (N, 32)
    numbers = halves(blocks["pairs"]) | fifth << 4
    return shared(blocks["scale"]) * (numbers.astype(np.float32) - 16)


def unpack_q4_k(blocks: np.ndarray) -> np.ndarray:
    """256 weights in 8 groups; each group has a scale and a least weight of 6 bits, both scaled."""
    six_bits = blocks["six_bits"]  # (N, 12)
    first, second, both = six_bits[:, :4], six_bits[:, 4:8], six_bits[:, 8:]
    # Groups 0 to 3 have bytes of their own. The upper two bits of these bytes, and the third
    # part, are what groups 4 to 7 are put together from.
    scales = np.concatenate([first & 63, both & 15 | first >> 6 << 4], axis=-1)  # (N, 8)
    leasts = np.concatenate([second & 63, both >> 4 | second >> 6 << 4], axis=-1)  # (N, 8)
    scales = shared(blocks["scale"]) * scales
    leasts = shared(blocks["least"]) * leasts
    pairs = blocks["pairs"].reshape(-1, 4, 32)  # 32 bytes hold groups 2i (low) and 2i + 1 (high)
    numbers = halves(pairs).reshape(-1, 8, 32)
    return (scales[:, :, None] * numbers - leasts[:, :, None]).reshape(-1, 256)


def unpack_q6_k(blocks: np.ndarray) -> np.ndarray:
    """256 weights in 16 groups of whole numbers from -32 to 31, each with a scale of 8 bits."""
    low = halves(blocks["low_bits"].reshape(-1, 2, 64))  # (N, 2, 128): 4 bits of each weight
    two_bits = blocks["high_bits"].reshape(-1, 2, 1, 32)  # a byte has 2 bits of four weights
    high = two_bits >> np.array([0, 2, 4, 6], np.uint8)[:, None] & 3  # (N, 2, 4, 32)
    numbers = (low.reshape(-1, 16, 16) | high.reshape(-1, 16, 16) << 4).astype(np.float32) - 32
    scales = shared(blocks["scale"]) * blocks["scales"]  # (N, 16)
    return (scales[:, :, None] * numbers).reshape(-1, 256)


@dataclass(frozen=True)
class BlockFormat:
    """A number format: its name, how many weights are in a block, its bytes, how to unpack them."""

    name: str
    n_weights: int
    layout: np.dtype
    unpack: Callable[[np.ndarray], np.ndarray]


def _format(name, n_weights, unpack, *parts):
    return BlockFormat(name, n_weights, np.dtype(list(parts)), unpack)


_SCALE, _LEAST = ("scale", "<f2"), ("least", "<f2")
FORMATS = {  # by the number that GGUF files use
    0: _format("F32", 1, unpack_float, ("weight", "<f4")),
    1: _format("F16", 1, unpack_float, ("weight", "<f2")),
    2: _format("Q4_0", 32, unpack_q4_0, _SCALE, ("pairs", "u1", 16)),
    3: _format("Q4_1", 32, unpack_q4_1, _SCALE, _LEAST, ("pairs", "u1", 16)),
    6: _format("Q5_0", 32, unpack_q5_0, _SCALE, ("fifth_bits", "u1", 4), ("pairs", "u1", 16)),
    8: _format("Q8_0", 32, unpack_q8_0, _SCALE, ("numbers", "i1", 32)),
    12: _format(
        "Q4_K", 256, unpack_q4_k, _SCALE, _LEAST, ("six_bits", "u1", 12), ("pairs", "u1", 128)
    ),
    14: _format(
        "Q6_K",
        256,
        unpack_q6_k,
        ("low_bits", "u1", 128),
        ("high_bits", "u1", 64),
        ("scales", "i1", 16),
        _SCALE,
    ),
    30: _format("BF16", 1, unpack_bfloat16, ("weight", "<u2")),
}
UNKNOWN_NAMES = {7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 13: "Q5_K", 15: "Q8_K"}
AT_ONCE = 1 << 18  # weights unpacked at a time: what lies between stays in the processor's cache


def unpack(data: np.ndarray, block_format: BlockFormat) -> np.ndarray:
    """Return the weights, float32, of a tensor whose blocks are the bytes `data`.

    >>> scale, numbers = np.float16(0.5).tobytes(), bytes(range(32))
    >>> unpack(np.frombuffer(scale + numbers, np.uint8), FORMATS[8])[:4].tolist()
    [0.0, 0.5, 1.0, 1.5]
    """
    blocks = data.view(block_format.layout)
    weights = np.empty((len(blocks), block_format.n_weights), np.float32)
    step = AT_ONCE // block_format.n_weights
    for start in range(0, len(blocks), step):
        some = block_format.unpack(blocks[start : start + step])
        weights[start : start + step] = some.reshape(-1, block_format.n_weights)
    return weights.reshape(-1)
