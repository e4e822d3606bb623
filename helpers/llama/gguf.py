"""Read a GGUF file: a header that describes everything, then the numbers of all tensors.

    start      "GGUF", version, how many tensors, how many settings
    settings   name, type, value                llama.block_count, 4, 30
    tensors    name, shape, format, offset      blk.0.attn_q.weight, (576, 576), Q4_1, 1290240
    numbers    the blocks of each tensor, at its offset from here on

Strings begin with their length. The file names a shape from the innermost dimension, PyTorch from
the outermost. No count is believed: each is held against the bytes that the file has left, so that
a damaged file is refused before memory is asked for.
Source: the description in ggml's docs/gguf.md.
"""

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from helpers.llama.blocks import FORMATS, UNKNOWN_NAMES, BlockFormat, unpack

# the types of numbers in settings, as Python's `struct` writes them
NUMBERS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
STRING, ARRAY = 8, 9
MOST_DIMENSIONS = 4


class Cursor:
    """Reads values one after another from bytes; raises ValueError past their end."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.position = data.data, 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > len(self.data) - self.position:
            raise ValueError(f"it ends at byte {len(self.data):,}, in the middle of its header")
        taken = bytes(self.data[self.position : self.position + count])
        self.position += count
        return taken

    def number(self, code: str) -> Any:
        """The next number; `code` is that of Python's `struct`."""
        return struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))[0]

    def string(self) -> str:
        """The next string: its length in bytes, then UTF-8."""
        return self.take(self.number("Q")).decode("utf-8")

    def value(self, kind: int) -> Any:
        """The next value of this type: a number, a string, or a list of one of them."""
        if kind in NUMBERS:
            return self.number(NUMBERS[kind])
        if kind == STRING:
            return self.string()
        if kind != ARRAY:
            raise ValueError(f"a setting has the unknown type {kind}")
        kind, count = self.number("I"), self.number("Q")
        if kind in NUMBERS:
            code = np.dtype(NUMBERS[kind]).newbyteorder("<")
            return np.frombuffer(self.take(count * code.itemsize), code).tolist()
        if kind != STRING:
            raise ValueError(f"a setting is a list of the unknown type {kind}")
        return [self.string() for _ in range(self.at_most(count, 8))]

    def at_most(self, count: int, n_bytes: int) -> int:
        """`count`, if that many items of at least `n_bytes` each can follow."""
        if count * n_bytes > len(self.data) - self.position:
            raise ValueError(f"its header speaks of {count:,} items, more than the file can hold")
        return count


@dataclass(frozen=True)
class TensorEntry:
    """Where the numbers of one tensor are: its shape, format, and bytes from `start` to `end`."""

    shape: tuple[int, ...]
    block_format: BlockFormat
    start: int
    end: int


class GGUFFile:
    """A GGUF file: `settings` by name, `tensors` by name, and `read` for the weights of one.

    Raises OSError if the file cannot be read, and ValueError, naming the file and what is wrong, if
    it is not a GGUF file, ends too early, contradicts itself or has a format unknown to us.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if os.path.getsize(self.path) == 0:
            raise ValueError(f"{path} is empty")
        self.data = np.asarray(np.memmap(self.path, np.uint8, "r"))  # read where it is needed
        try:
            self.settings, self.tensors = read_header(self.data)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{path} cannot be read as a GGUF file: {error}") from None

    def read(self, name: str) -> np.ndarray:
        """The weights of one tensor, float32, in its shape."""
        entry = self.tensors[name]
        return unpack(self.data[entry.start : entry.end], entry.block_format).reshape(entry.shape)


def read_header(data: np.ndarray) -> tuple[dict[str, Any], dict[str, TensorEntry]]:
    """Return the settings and the tensors' entries of a GGUF file's bytes; see `GGUFFile`."""
    cursor = Cursor(data)
    if cursor.take(4) != b"GGUF":
        raise ValueError("it does not begin with the letters GGUF")
    version = cursor.number("I")
    if version not in (2, 3):
        raise ValueError(f"its version is {version}; known are 2 and 3")
    n_tensors, n_settings = cursor.number("Q"), cursor.number("Q")
    settings = {}
    for _ in range(cursor.at_most(n_settings, 8 + 4 + 1)):
        name = cursor.string()
        settings[name] = cursor.value(cursor.number("I"))
    described = [read_entry(cursor) for _ in range(cursor.at_most(n_tensors, 8 + 4 + 8 + 4 + 8))]
    alignment = settings.get("general.alignment", 32)
    if type(alignment) is not int or alignment < 1:
        raise ValueError(f"general.alignment is {alignment!r}; it must be a whole number above 0")
    base = -(-cursor.position // alignment) * alignment
    tensors = {
        name: TensorEntry(shape, block_format, base + offset, base + offset + n_bytes)
        for name, shape, block_format, offset, n_bytes in described
    }
    check_places(tensors, len(described), base, len(data))
    return settings, tensors


def read_entry(cursor: Cursor) -> tuple[str, tuple[int, ...], BlockFormat, int, int]:
    """The next tensor's name, shape, format, offset, and how many bytes its numbers take."""
    name, n_dimensions = cursor.string(), cursor.number("I")
    if not 1 <= n_dimensions <= MOST_DIMENSIONS:
        raise ValueError(
            f"tensor {name} has {n_dimensions} dimensions; 1 to {MOST_DIMENSIONS} can be"
        )
    shape = tuple(cursor.number("Q") for _ in range(n_dimensions))[::-1]
    kind, offset = cursor.number("I"), cursor.number("Q")
    if kind not in FORMATS:
        known = ", ".join(block_format.name for block_format in FORMATS.values())
        said = UNKNOWN_NAMES.get(kind, f"number {kind}")
        raise ValueError(f"tensor {name} has the number format {said}; known are {known}")
    block_format = FORMATS[kind]
    if min(shape) < 1 or shape[-1] % block_format.n_weights:
        raise ValueError(
            f"tensor {name} has shape {shape}; {block_format.name} needs rows of a multiple of "
            f"{block_format.n_weights} numbers"
        )
    n_blocks = math.prod(shape) // block_format.n_weights
    return name, shape, block_format, offset, n_blocks * block_format.layout.itemsize


def check_places(tensors: dict[str, TensorEntry], expected: int, base: int, size: int) -> None:
    """Raise ValueError if tensors share a name or bytes, or lie outside the file's `size` bytes."""
    if len(tensors) < expected:
        raise ValueError("two tensors have the same name")
    previous = base
    for name, entry in sorted(tensors.items(), key=lambda item: item[1].start):
        if entry.end > size:
            raise ValueError(
                f"tensor {name} ends at byte {entry.end:,}, and the file at byte {size:,}: is the "
                "file truncated?"
            )
        if entry.start < previous:
            raise ValueError(f"tensor {name} begins inside the tensor before it")
        previous = entry.end
