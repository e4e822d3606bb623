"""Eight bits per weight: a quarter of the memory to read for each token, and often a faster one.

Each row of a matrix is divided by its largest number and rounded to whole numbers from -127 to
127; the divisor, its scale, is kept beside it. While one token is generated, every weight is read
once and used once, so memory sets the bound, and eight bits raise it nearly fourfold. What is gained
is less: x is rounded as well, and the many small products of a pass cost time of their own.
`course.py bench generation` measures it.
Source: Dettmers et al. 2022 (LLM.int8()), section 2, describes scales by rows.

Shapes: N rows of x, C numbers in, V numbers out.
"""

import functools
import warnings
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from helpers.difference import quantize_rows
from helpers.fast.swap import replace_linear

PACKED = "packed_for_products"
SMALLEST_SCALE = 1e-30  # a row of zeros has scale 0, by which PyTorch's product cannot divide


class QuantizedLinear(nn.Module):
    """A linear layer whose weights have eight bits and one scale per row; (..., C) to (..., V).

    It is made from a linear layer, for use alone: nothing in it can be trained. Where PyTorch
    multiplies bytes on this processor, each row of x is rounded to bytes as well; elsewhere the
    weights are widened first, which is right and slow.

    >>> layer = nn.Linear(3, 2)
    >>> x = torch.ones(1, 3)
    >>> bool((QuantizedLinear(layer)(x) - layer(x)).abs().max() < 0.02)
    True
    """

    numbers: torch.Tensor
    scales: torch.Tensor
    bias: torch.Tensor | None

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        numbers, scales = quantize_rows(linear.weight.detach())
        self.register_buffer("numbers", numbers)  # (V, C)
        self.register_buffer("scales", scales.clamp(min=SMALLEST_SCALE))  # (V, 1)
        bias = None if linear.bias is None else linear.bias.detach().float()
        self.register_buffer("bias", bias)

    @property
    def weight(self) -> torch.Tensor:
        """The weights as they are after rounding, (V, C), for whoever wants to read them."""
        return self.numbers * self.scales

    def _load_from_state_dict(self, *arguments):
        self.numbers.__dict__.pop(PACKED, None)  # it was made from the numbers before
        super()._load_from_state_dict(*arguments)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bits = bits_of_x() if x.is_cpu else None
        if bits is None:
            return F.linear(x.float(), self.weight, self.bias).to(x.dtype)
        packed = packed_of(self.numbers, self.scales, self.bias)
        if x.numel() == self.in_features:  # one token, for which every call costs time
            return product_of_bytes(x.float(), packed, bits).to(x.dtype)
        return product_of_rows(x.float(), packed, bits, self.bias).to(x.dtype)


def packed_of(numbers: torch.Tensor, scales: torch.Tensor, bias: torch.Tensor | None) -> Any:
    """What `pack` makes of numbers (V, C), scales (V, 1) and a bias; made once and kept with the numbers."""
    packed = numbers.__dict__.get(PACKED)
    if packed is None:
        own = (
            None if bias is None else bias.clone()
        )  # PyTorch keeps it, in copies of the model as well
        packed = numbers.__dict__[PACKED] = pack(numbers * scales, scales, own)
    return packed


def pack(weight: torch.Tensor, scales: torch.Tensor, bias: torch.Tensor | None = None) -> Any:
    """Lay out a matrix of bytes times scales, and a bias, as PyTorch's product expects them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch plans to move this type to another package
        no_shift = torch.zeros(len(weight), dtype=torch.long)
        rows = torch.quantize_per_channel(weight, scales.flatten(), no_shift, 0, torch.qint8)
    return torch.ops.quantized.linear_prepack(rows, bias)


def product_of_rows(
    x: torch.Tensor, packed: Any, bits: int, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """Round each row of x (..., C) to `bits` bits and multiply it with a packed matrix: (..., V).

    The product has one scale for all of x. The first token of a text often has far larger numbers
    than the others, so all rows are brought to one size before it, and back after it; the `bias` that
    was packed as well keeps its size.
    """
    sizes = x.abs().amax(dim=-1, keepdim=True).clamp(min=1e-30)
    found = product_of_bytes(x / sizes, packed, bits)
    return found * sizes if bias is None else (found - bias) * sizes + bias


def product_of_bytes(x: torch.Tensor, packed: Any, bits: int) -> torch.Tensor:
    """Round x (..., C) to `bits` bits, one scale for all, and multiply it: (..., V)."""
    return torch.ops.quantized.linear_dynamic(x, packed, bits == 7)


@functools.cache
def bits_of_x() -> int | None:
    """How many bits of x this processor multiplies with 8-bit weights: 8, 7, or None at all.

    Older processors add two products in 16 bits, which 8 bits overflow. So it is tried.
    """
    numbers = torch.tensor([[-127.0], [127.0]]).repeat(1, 64)
    for bits in (8, 7):
        x = torch.full((1, 64), 2.0**bits - 1)
        try:
            found = product_of_bytes(x, pack(numbers, torch.ones(2)), bits)
        except (AttributeError, NotImplementedError, RuntimeError, TypeError):
            return None
        if torch.allclose(found, x @ numbers.T):
            return bits
    return None


def quantize_int8(model: nn.Module) -> nn.Module:
    """Put a `QuantizedLinear` in the place of every linear layer of a GPT; return the model.

    The embeddings stay as they are: of them only one row per token is read. A head that was tied to
    them becomes its own. Raises TypeError for what is no module, and ValueError where there is no
    linear layer to replace.

    >>> from helpers.config import PRESETS; from helpers.model import GPT
    >>> quantize_int8(GPT(PRESETS["tiny"])).output_head.numbers.dtype
    torch.int8
    """
    return replace_linear(model, QuantizedLinear).eval()
