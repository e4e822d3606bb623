"""The small parts of a transformer block: layer normalization, GELU, the feed-forward network.

Shapes: B sequences, T tokens, C embedding dimensions.
"""

import torch
from torch import nn
from torch.nn import functional as F

from helpers.fast.products import linear


class Linear(nn.Linear):
    """PyTorch's linear layer, by the way that `helpers.fast.products` finds fastest on this processor.

    >>> layer = Linear(2, 1)
    >>> x = torch.ones(8, 2)
    >>> torch.allclose(layer(x), F.linear(x, layer.weight, layer.bias))
    True
    """

    def forward(self, x):
        return linear(x, self.weight, self.bias)


def once_in_half(x):
    """Give x the type that autocast computes in, so that several layers need not each convert it.

    >>> with torch.autocast("cpu", torch.bfloat16):
    ...     once_in_half(torch.ones(1)).dtype
    torch.bfloat16
    """
    device = x.device.type
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return x.to(torch.get_autocast_dtype(device))
    return x


class LayerNorm(nn.Module):
    """Bring each token's vector to mean 0 and variance 1, then scale and shift it.

    Takes and returns (..., C). Source: Ba, Kiros and Hinton 2016.

    >>> [round(x, 4) for x in LayerNorm(2)(torch.tensor([1.0, 3.0])).tolist()]
    [-1.0, 1.0]
    """

    def __init__(self, embedding_dim, epsilon=1e-5):
        super().__init__()
        self.epsilon = epsilon
        self.scale = nn.Parameter(torch.ones(embedding_dim))
        self.shift = nn.Parameter(torch.zeros(embedding_dim))

    def forward(self, x):
        return F.layer_norm(x, self.scale.shape, self.scale, self.shift, self.epsilon)


class GELU(nn.Module):
    """A smooth ReLU: x times the share of a normal distribution below x, by its tanh formula.

    GPT-2 was trained with this approximation. Source: Hendrycks and Gimpel 2016.

    >>> round(GELU()(torch.tensor(1.0)).item(), 4)
    0.8412
    """

    def forward(self, x):
        return F.gelu(x, approximate="tanh")


class FeedForward(nn.Module):
    """Work on each token alone: expand four times, bend, project back. (B, T, C) to (B, T, C).

    Source: Vaswani et al. 2017, section 3.3.

    >>> from helpers.config import PRESETS
    >>> FeedForward(PRESETS["tiny"])(torch.zeros(1, 5, 64)).shape
    torch.Size([1, 5, 64])
    """

    def __init__(self, config):
        super().__init__()
        self.expand = Linear(config.embedding_dim, 4 * config.embedding_dim)
        self.activation = GELU()
        self.project = Linear(4 * config.embedding_dim, config.embedding_dim)

    def forward(self, x):
        x = self.activation(self.expand(x))  # (B, T, 4C)
        return self.project(x)  # (B, T, C)


def replace_linear(model, make):
    """Put `make(layer)` in the place of every linear layer in a module; return the module.

    Raises TypeError for what is no module, and ValueError where there is no linear layer.

    >>> replace_linear(nn.Sequential(Linear(2, 3)), lambda layer: nn.Identity())
    Sequential(
      (0): Identity()
    )
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a module, not {type(model).__name__}")
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Linear)
    ]
    if not found:
        raise ValueError("the model has no linear layer to replace")
    for parent, name, layer in found:
        setattr(parent, name, make(layer))
    return model
