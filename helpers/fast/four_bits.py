"""Four bits per weight: half of what eight bits read for each token.

With sixteen levels for a whole row, one large weight would leave the others coarse. So each 32
weights of a row are a group with a step and a middle of its own: the levels reach from the group's
lowest weight to its highest. Files in llama.cpp's Q4_1 are made so, too, and keep their levels here;
step and middle are rounded to bfloat16. PyTorch's product takes the levels apart while it multiplies.
Source: Dettmers and Zettlemoyer 2023 (4-bit precision with small groups).

Shapes: C numbers in, V numbers out, G = C / 32 groups in a row.
"""

from typing import Any

import torch
from torch import nn

from helpers.fast.quantize import QuantizedLinear
from helpers.fast.swap import replace_linear

GROUP, LEVELS, MIDDLE = 32, 16, 8
ROWS_AT_ONCE = 16  # PyTorch's product takes weights of so many rows together


class FourBitLinear(nn.Module):
    """A linear layer whose weights have four bits and are in groups of 32; (..., C) to (..., V).

    It is made from a linear layer whose C is a multiple of 32 and whose V is one of 16, for use alone:
    nothing in it can be trained. One token is multiplied in bfloat16, and added up in 32 bits.

    >>> layer = nn.Linear(32, 16)
    >>> x = torch.ones(1, 32)
    >>> bool((FourBitLinear(layer)(x) - layer(x)).abs().max() < 0.1)
    True
    """

    levels: torch.Tensor
    steps: torch.Tensor
    bias: torch.Tensor | None

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        levels, steps = quantize_groups(linear.weight.detach())
        packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(levels, 2)
        self.register_buffer("levels", packed)  # two in a byte, in PyTorch's own order
        self.register_buffer("steps", steps)  # (G, V, 2): the step, and the middle level's weight
        bias = None if linear.bias is None else linear.bias.detach().float()
        self.register_buffer("bias", bias)

    @property
    def weight(self) -> torch.Tensor:
        """The weights as they are after rounding, (V, C), for whoever wants to read them."""
        of_each = torch.eye(self.in_features, dtype=torch.bfloat16)
        return product_of_levels(of_each, self.levels.cpu(), self.steps.cpu()).T.float()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1]).bfloat16()
        if x.device.type == "cpu":
            found = product_of_levels(rows, self.levels, self.steps)
        else:
            found = rows @ self.weight.to(rows).T
        found = found.to(x.dtype).view(*x.shape[:-1], self.out_features)
        return found if self.bias is None else found + self.bias.to(x.dtype)


def product_of_levels(x: torch.Tensor, levels: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """Rows x (N, C) in bfloat16 times packed levels with their steps (G, V, 2): (N, V)."""
    return torch.ops.aten._weight_int4pack_mm_for_cpu(x, levels, GROUP, steps)


def quantize_groups(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Round a matrix (V, C) to sixteen levels in groups of 32 along its rows.

    Returns the levels (V, C), whole numbers from 0 to 15, and steps (G, V, 2) in bfloat16: a weight is
    (level - 8) * step + middle.

    >>> levels, steps = quantize_groups(torch.arange(32.0)[None] / 2)
    >>> levels[0, :5].tolist(), levels.max().item(), steps[0, 0].tolist()
    ([0, 0, 1, 1, 2], 15, [1.03125, 8.25])
    """
    groups = matrix.float().unflatten(1, (-1, GROUP))  # (V, G, 32)
    lowest, highest = groups.aminmax(dim=-1, keepdim=True)
    step = ((highest - lowest) / (LEVELS - 1)).bfloat16()
    middle = (lowest + MIDDLE * step.float()).bfloat16()
    levels = ((groups - middle.float()) / step.float().clamp(min=1e-30)).round() + MIDDLE
    steps = torch.cat([step, middle], dim=-1).transpose(0, 1).contiguous()
    return levels.clamp(0, LEVELS - 1).flatten(1).int(), steps


def quantize_int4(model: Any) -> Any:
    """Put a `FourBitLinear` in the place of the linear layers of a GPT or Llama; return the model.

    The output head, which counts most for what is written, and layers whose shape does not fit get
    eight bits. Raises TypeError for what is no module, and ValueError where there is no linear layer.

    >>> from helpers.config import PRESETS; from helpers.model import GPT
    >>> type(quantize_int4(GPT(PRESETS["tiny"])).blocks[0].attention.output).__name__
    'FourBitLinear'
    """
    head = getattr(model, "output_head", None)

    def fewer_bits(layer: nn.Linear) -> nn.Module:
        fits = layer.in_features % GROUP == 0 and layer.out_features % ROWS_AT_ONCE == 0
        return FourBitLinear(layer) if fits and layer is not head else QuantizedLinear(layer)

    return replace_linear(model, fewer_bits).eval()
