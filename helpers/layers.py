"""The small parts of a transformer block: layer normalization, GELU, the feed-forward network.

Shapes: B sequences, T tokens, C embedding dimensions.
"""

import torch
from torch import nn
from torch.nn import functional as F

from helpers.config import GPTConfig


class LayerNorm(nn.Module):
    """Bring each token's vector to mean 0 and variance 1, then scale and shift it.

    Takes and returns (..., C). Source: Ba, Kiros and Hinton 2016.

    >>> [round(x, 4) for x in LayerNorm(2)(torch.tensor([1.0, 3.0])).tolist()]
    [-1.0, 1.0]
    """

    def __init__(self, embedding_dim: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.scale = nn.Parameter(torch.ones(embedding_dim))
        self.shift = nn.Parameter(torch.zeros(embedding_dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x, self.scale.shape, self.scale, self.shift, self.epsilon)


class GELU(nn.Module):
    """A smooth ReLU: x times the share of a normal distribution below x, by its tanh formula.

    GPT-2 was trained with this approximation. Source: Hendrycks and Gimpel 2016.

    >>> round(GELU()(torch.tensor(1.0)).item(), 4)
    0.8412
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.gelu(x, approximate="tanh")


class FeedForward(nn.Module):
    """Work on each token alone: expand four times, bend, project back. (B, T, C) to (B, T, C).

    Source: Vaswani et al. 2017, section 3.3.

    >>> from helpers.config import PRESETS
    >>> FeedForward(PRESETS["tiny"])(torch.zeros(1, 5, 64)).shape
    torch.Size([1, 5, 64])
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.expand = nn.Linear(config.embedding_dim, 4 * config.embedding_dim)
        self.activation = GELU()
        self.project = nn.Linear(4 * config.embedding_dim, config.embedding_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.activation(self.expand(x))  # (B, T, 4C)
        return self.project(x)  # (B, T, C)
