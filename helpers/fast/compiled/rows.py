"""One row times a matrix, in PyTorch that `torch.compile` turns into a single loop.

A new token is one row. Each weight is read once for it and used once, so what counts is how fast
memory is read. A compiler writes the products below as loops that fetch a few weights with one
instruction, multiply them, add them up, and go on, on every core. It fetches 32 bits at a time, so
shorter numbers are read as words of 32 bits and taken apart with a few operations on bits. Memory
brings rows from several places side by side faster than one row after the other, so a loop takes
one row each from several parts of the matrix at once.

Shapes: C numbers in, V numbers out, n numbers in a word of 32 bits.
"""

from typing import Any

import torch
from torch import nn

from helpers.fast.compiled.called import CalledLinear
from helpers.fast.quantize import QuantizedLinear, bits_of_x

SIGNS = 0x00808080  # the sign bits of the three lower bytes of a word
# What stays of a word for each of its four bytes, the lowest first.
BYTES = (0xFF, 0xFF00, 0xFF0000, -0x1000000)
UPPER_HALF = -0x10000
# How many rows a loop takes at once, by n, as measured; bytes keep the processor busy with one.
STREAMS = {1: 8, 2: 8, 4: 1}


class RowLinear(nn.Module):
    """A linear layer that makes the product of one row so that it can be compiled; (..., C) to (..., V).

    Several rows, and whatever is not being compiled, go to the layer that it is made from: of
    float32, bfloat16 or, as `QuantizedLinear`, int8. It shares weights of float32 and keeps a copy
    of others in its own order. Where C is no multiple of n, all rows go there. For generating
    alone, on a little-endian CPU.

    >>> layer = RowLinear(nn.Linear(3, 2))
    >>> bool((layer(torch.ones(1, 3)) == layer.layer(torch.ones(1, 3))).all())
    True
    """

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer, self.out_features = layer, layer.out_features
        quantized = isinstance(layer, QuantizedLinear)
        numbers = layer.numbers if quantized else layer.weight.detach()
        self.n = 4 // numbers.element_size()
        self.fits = numbers.shape[1] % self.n == 0 and numbers.device.type == "cpu"
        self.words = words_of(numbers) if self.fits else numbers
        self.scales = layer.scales.flatten() if quantized else None
        self.bias = layer.bias

    @property
    def weight(self) -> torch.Tensor:
        """The weights (V, C), for whoever wants to read them."""
        return self.layer.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not torch.compiler.is_compiling() or x.numel() > x.shape[-1] or not self.fits:
            return self.layer(x)
        y = product_of_row(x.flatten().float(), self.words, self.n)
        if self.scales is not None:
            y = y * self.scales
        if self.bias is not None:
            y = y + self.bias
        return y.to(x.dtype).view(*x.shape[:-1], -1)


def words_of(numbers: torch.Tensor) -> torch.Tensor:
    """Numbers (V, C) of 32, 16 or 8 bits, n to a word of 32 bits seen as float32: (V, C / n).

    Word i holds the numbers i, i + C / n and so on: each part of x then meets one place in all words.
    A compiler loads float32 in one piece; they are seen as bits only then.

    >>> words_of(torch.zeros(3, 8, dtype=torch.int8)).shape
    torch.Size([3, 2])
    """
    n = 4 // numbers.element_size()
    side_by_side = numbers.unflatten(1, (n, -1)).transpose(1, 2).contiguous()  # (V, C / n, n)
    return side_by_side.flatten(1).view(torch.float32) if n > 1 else numbers


def product_of_row(x: torch.Tensor, words: torch.Tensor, n: int) -> torch.Tensor:
    """One row x (C,) times a matrix of n numbers to a word, (V, C / n) seen as float32: (V,).

    n is 1 for float32 numbers, 2 for bfloat16, 4 for int8.

    >>> numbers = torch.tensor([[1, -2, 3, -128]], dtype=torch.int8)
    >>> product_of_row(torch.ones(4), words_of(numbers), 4).item()
    -126.0
    """
    product = {1: product_of_words, 2: product_of_halves, 4: product_of_bytes}[n]
    parts = x.view(n, -1)  # (n, C / n): what meets the lowest number of each word, and so on
    even = len(words) // STREAMS[n] * STREAMS[n]
    streams = [*words[:even].chunk(STREAMS[n]), words[even:]] if even else [words]
    return torch.cat([product(parts, stream) for stream in streams if len(stream)])


def product_of_words(parts: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """Words of one float32 number."""
    return (words * written_down(parts[0])).sum(dim=-1)


def product_of_halves(parts: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """Words of two bfloat16 numbers: each, with 16 zero bits below it, is a float32."""
    parts, words = written_down(parts), words.view(torch.int32)
    low, high = (words << 16).view(torch.float32), (words & UPPER_HALF).view(torch.float32)
    return (low * parts[0] + high * parts[1]).sum(dim=-1)


def product_of_bytes(parts: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """Words of four bytes. A byte counts 256 times the one below it, so x is divided by that.

    Only the highest byte keeps its sign when the others are masked. The lower three get 128 added,
    by turning their sign bits over, and 128 times their part of x is taken away at the end.
    """
    words = words.view(torch.int32) ^ SIGNS
    worth = torch.tensor([[1.0], [2.0**8], [2.0**16], [2.0**24]])
    shift = torch.tensor([[128.0], [128 * 2.0**8], [128 * 2.0**16], [0.0]])
    scaled = written_down(parts / worth)  # (4, C / 4)
    first, second, third, fourth = (
        (words & mask).float() * scaled[place] for place, mask in enumerate(BYTES)
    )
    return (first + second + third + fourth).sum(dim=-1) - (scaled * shift).sum()


def written_down(x: torch.Tensor) -> torch.Tensor:
    """The same numbers, computed and written to memory before they are read.

    A compiler may compute what is read in a loop inside that loop, here for each row of a matrix.
    The view by explicit strides, which exists only of what is in memory, keeps it from that.

    >>> written_down(torch.ones(2)).tolist()
    [1.0, 1.0]
    """
    return x.as_strided(x.shape, x.stride())


def by_rows(model: nn.Module) -> nn.Module:
    """Put a `RowLinear` around every linear layer of a model, in place; return the model.

    Where the processor multiplies bytes, those of eight bits become a `CalledLinear`, which is faster.
    """
    for module in [*model.modules()]:
        for name, child in [*module.named_children()]:
            if isinstance(child, QuantizedLinear) and bits_of_x() == 8:
                setattr(module, name, CalledLinear(child))
            elif isinstance(child, nn.Linear | QuantizedLinear):
                setattr(module, name, RowLinear(child))
    return model
