"""A product of bytes that compiled code calls, where the processor multiplies bytes.

Such a product is faster than any loop that is compiled here, but a compiler cannot look into it. As an
operator of its own, which says only what shape comes out, it is called from the middle of a kernel.

Shapes: C numbers in, V numbers out.
"""

import torch
from torch import nn

from helpers.fast.quantize import QuantizedLinear, bits_of_x, packed_of, product_of_bytes

NAME = "llm_course::product_of_one_row"
torch.library.define(NAME, "(Tensor x, Tensor numbers, Tensor scales, Tensor? bias) -> Tensor")


@torch.library.impl(NAME, "cpu")
def _product(x, numbers, scales, bias):
    bits = bits_of_x()
    return product_of_bytes(x, packed_of(numbers, scales, bias), bits)


@torch.library.register_fake(NAME)
def _shape_of_product(x, numbers, scales, bias):
    return x.new_empty(*x.shape[:-1], len(numbers))


class CalledLinear(nn.Module):
    """A `QuantizedLinear` whose product of one row can be called from compiled code; (..., C) to (..., V).

    It gives what the layer gives, and shares all its numbers. For generating alone.

    >>> layer = QuantizedLinear(nn.Linear(3, 2))
    >>> bool((CalledLinear(layer)(torch.ones(1, 3)) == layer(torch.ones(1, 3))).all())
    True
    """

    def __init__(self, layer: QuantizedLinear) -> None:
        super().__init__()
        self.layer = layer

    @property
    def weight(self) -> torch.Tensor:
        """The weights (V, C), for whoever wants to read them."""
        return self.layer.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        layer = self.layer
        if not torch.compiler.is_compiling() or x.numel() > x.shape[-1]:
            return layer(x)
        product = torch.ops.llm_course.product_of_one_row
        return product(x.float(), layer.numbers, layer.scales, layer.bias).to(x.dtype)
