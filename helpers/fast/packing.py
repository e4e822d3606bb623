"""Weights in the order in which the processor takes them, for a model that generates on a CPU.

To make a token, every weight is read once and used once, so that reading takes all the time. Memory
is read fastest from front to end, but a product wants a few numbers of several rows at a time. So
they are laid side by side, once, before the first token. In training that would not pay: there the
weights change at every step. Source: Goto and van de Geijn 2008, Anatomy of High-Performance Matrix
Multiplication (packing); the layout is oneDNN's.
"""

import functools

import torch
from torch import nn

from helpers.fast.swap import replace_linear

ROWS = 32  # of x, for which oneDNN chooses the layout; measured to serve one row as well


class PackedLinear(nn.Module):
    """A linear layer with packed weights, (..., C) to (..., V), equal to the one it is made from.

    It is for inference: nothing in it can be trained, and nothing loaded into it. It can be copied, and
    its `state_dict` is as usual. Raises ValueError where `can_pack` says no.

    >>> layer = nn.Linear(3, 2)
    >>> x = torch.ones(1, 3)
    >>> not can_pack(x) or torch.allclose(PackedLinear(layer)(x), layer(x))
    True
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach())
        self._packed = _pack(linear.weight.detach())

    @property
    def weight(self) -> torch.Tensor:
        """The weights as any linear layer has them, (V, C), for whoever wants to read them."""
        return self._packed.to_dense()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _product(x, self._packed, self.bias)

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}weight"] = self.weight

    def _apply(self, change, recurse=True):
        self._packed = _pack(change(self.weight))
        return super()._apply(change, recurse)

    def __getstate__(self):
        return self.__dict__ | {"_packed": self.weight}  # the layout itself cannot be copied

    def __setstate__(self, state):
        super().__setstate__(state | {"_packed": _pack(state["_packed"])})


def pack_weights(model: nn.Module) -> nn.Module:
    """Put a `PackedLinear` in the place of every linear layer of a GPT; return the model.

    Where weights cannot be packed, on a GPU for instance, the layers stay as they are. A head that
    was tied to the embeddings becomes its own, and takes as much memory again. Raises TypeError for
    what is no module, and ValueError where there is no linear layer to replace.

    >>> from helpers.config import PRESETS; from helpers.model import GPT
    >>> pack_weights(GPT(PRESETS["tiny"])).output_head.weight.shape
    torch.Size([512, 64])
    """

    def packed(linear):
        return PackedLinear(linear) if can_pack(linear.weight) else linear

    return replace_linear(model, packed).eval()


def can_pack(weight: torch.Tensor) -> bool:
    """Whether PyTorch can pack such a tensor here: it depends on device, type and processor."""
    return weight.device.type == "cpu" and _has_product(weight.dtype)


@functools.cache
def _has_product(dtype):
    try:
        ones = torch.ones(2, 8, dtype=dtype)
        packed = torch.ops.mkldnn._reorder_linear_weight(ones, ROWS)
        return bool((_product(ones, packed, None) == 8).all())
    except (AttributeError, NotImplementedError, RuntimeError):
        return False


def _pack(weight):
    if not can_pack(weight):
        raise ValueError(f"weights of {weight.dtype} on {weight.device} cannot be packed here")
    return torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS)


def _product(x, packed, bias):
    return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
