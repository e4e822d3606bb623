"""The linear layer, computed the way that is fastest on this processor.

PyTorch leaves products on a CPU to two libraries, MKL and oneDNN. Some it makes slowly: those of a
few rows, those of float32 on a processor of AMD with AVX-512, of whose registers MKL uses half, and
those that add a bias to many bfloat16 numbers. There the same product is asked for in another form,
which another kernel computes. All ways agree up to rounding.

Shapes: N rows of x, C numbers in, V numbers out.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from helpers.device import PROCESSOR

# Newer processors of Intel multiply small tiles of bfloat16 at once (AMX).
HAS_TILES = PROCESSOR.get("amx_tile", False)
# PyTorch writes a bias to memory before the product, and reads it again, for these bfloat16 kernels.
BIAS_IS_SLOW = PROCESSOR.get("avx512_bf16", False) and not HAS_TILES
# MKL reached 180 billion operations per second on such a processor, oneDNN 400.
MKL_USES_HALF = "AMD" in PROCESSOR.get("cpu_name", "") and PROCESSOR.get("avx512_f", False)
# How many rows make PyTorch's own linear layer slow, as measured.
FEW_ROWS = {
    torch.float32: range(1 if MKL_USES_HALF else 8, 33),
    torch.bfloat16: range(1, 65 if HAS_TILES else 1),
}
# How many multiplications make a convolution faster, as measured, and how many times wider the
# output has to be than x where only the bias is gained.
LEAST_MULTIPLICATIONS = {torch.float32: 2**25, torch.bfloat16: 2**30}
LEAST_WIDENING = 3


class FastLinear(nn.Linear):
    """PyTorch's linear layer, computed the way that is fastest on this processor.

    >>> layer = FastLinear(2, 1)
    >>> x = torch.ones(8, 2)
    >>> torch.allclose(layer(x), F.linear(x, layer.weight, layer.bias))
    True
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return linear(x, self.weight, self.bias)


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """A linear layer: x (..., C) and weight (V, C) to (..., V), plus bias (V,) where there is one.

    Equal to PyTorch's up to rounding, and so are its gradients. Raises RuntimeError for another
    width, as PyTorch does.

    >>> x, weight = torch.ones(8, 2), torch.tensor([[3.0, 4.0]])
    >>> linear(x, weight)[0].item()
    7.0
    """
    if x.device.type != "cpu":
        return F.linear(x, weight, bias)
    rows = x.numel() // weight.shape[1]
    alike = x.dtype == weight.dtype
    if rows in FEW_ROWS.get(x.dtype, ()) and alike and not torch.is_grad_enabled():
        return of_few_rows(x, weight, bias)
    half = torch.is_autocast_enabled("cpu")
    dtype = torch.get_autocast_dtype("cpu") if half else x.dtype
    if convolution_pays(rows, weight, dtype, bias is not None):
        return by_convolution(x, weight, bias)
    return F.linear(x, weight, bias)


def of_few_rows(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """The product read as `weight @ x.T`, for which the libraries have faster kernels.

    When text is generated, x has a row for each text, and all time goes into reading the weight.

    >>> of_few_rows(torch.ones(1, 2), torch.tensor([[3.0, 4.0]])).item()
    7.0
    """
    rows = x.reshape(-1, weight.shape[1])  # (N, C)
    y = of_one_row(rows[0], weight)[None] if len(rows) == 1 else (weight @ rows.T).T
    y = y.reshape(*x.shape[:-1], len(weight))
    return y if bias is None else y + bias


def of_one_row(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The product of one row, (C,) to (V,), on every core: MKL makes it on a single one.

    >>> of_one_row(torch.ones(2), torch.tensor([[3.0, 4.0]])).item()
    7.0
    """
    parts = torch.get_num_threads()
    if x.dtype != torch.float32 or parts == 1 or len(weight) < parts:
        return weight.mv(x)
    even = len(weight) // parts * parts
    slices = weight[:even].reshape(parts, -1, len(x))  # a slice of the weight for every core
    y = torch.bmm(slices, x.expand(parts, 1, -1).mT).flatten()
    return y if even == len(weight) else torch.cat([y, weight[even:].mv(x)])


def convolution_pays(rows: int, weight: torch.Tensor, dtype: torch.dtype, has_bias: bool) -> bool:
    """Whether a convolution is the faster way here to a product of so many rows in this type."""
    if rows * weight.numel() < LEAST_MULTIPLICATIONS.get(dtype, math.inf):
        return False
    if dtype == torch.float32:
        return MKL_USES_HALF
    return BIAS_IS_SLOW and has_bias and len(weight) >= LEAST_WIDENING * weight.shape[1]


def by_convolution(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """The product as a convolution over single pixels, which PyTorch leaves to oneDNN.

    A pixel of C colors is a row of x. How they make up pictures does not matter to a window of one
    pixel; some kernels are slow with one picture.

    >>> by_convolution(torch.ones(1, 2), torch.tensor([[3.0, 4.0]])).item()
    7.0
    """
    rows = x.numel() // x.shape[-1]
    pictures = math.gcd(rows, 16)
    pixels = x.reshape(pictures, rows // pictures, 1, -1).permute(0, 3, 1, 2)  # (16, C, N / 16, 1)
    y = F.conv2d(pixels, weight[:, :, None, None], bias)  # (16, V, N / 16, 1)
    return y.permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(weight))
