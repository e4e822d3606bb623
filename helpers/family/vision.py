"""A vision transformer: cut a picture into patches, and read them like words.

    picture (24, 24)  ->  36 patches of 4 by 4  ->  36 vectors, and one more that collects  ->  class

The blocks are those of the encoder, unchanged. Beside it a small convolutional network, whose
layers see neighbors first.

Shapes: B pictures, N patches of s by s pixels, C embedding dimensions, K classes.
"""

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional as F

from helpers.family.encoder import EncoderBlock, EncoderConfig


def patches(pictures: torch.Tensor, size: int) -> torch.Tensor:
    """Cut pictures (B, height, width) into rows of patches, (B, N, size * size).

    Patches come in reading order, and the pixels of a patch, too. Raises ValueError where the
    patches do not fit.

    >>> patches(torch.arange(16).reshape(1, 4, 4), 2).tolist()
    [[[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]]
    """
    n, height, width = pictures.shape
    if height % size or width % size:
        raise ValueError(f"a picture of {height} by {width} is not made of squares of {size}")
    squares = pictures.reshape(n, height // size, size, width // size, size)
    return squares.transpose(2, 3).reshape(n, -1, size * size)  # (B, N, s * s)


class VisionTransformer(nn.Module):
    """A class for each picture, by an encoder that reads its patches. (B, side, side) to (B, K).

    Of `config`, vocabulary, segments and context are not used: there are no words. A learned vector
    comes before the patches, and the class is read from it. Source: Dosovitskiy et al. 2020, section 3.1, which
    normalizes before each layer; this one keeps BERT's blocks.

    >>> config = EncoderConfig(dimensions=32, n_heads=4, n_layers=2, hidden=64)
    >>> VisionTransformer(config, side=24, patch_size=4, n_classes=10)(torch.zeros(2, 24, 24)).shape
    torch.Size([2, 10])
    """

    def __init__(self, config: EncoderConfig, side: int, patch_size: int, n_classes: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.embedding = nn.Linear(patch_size**2, config.dimensions)
        self.collect = nn.Parameter(torch.zeros(config.dimensions))
        self.positions = nn.Parameter(
            0.02 * torch.randn((side // patch_size) ** 2 + 1, config.dimensions)
        )
        self.blocks = nn.ModuleList(EncoderBlock(config) for _ in range(config.n_layers))
        self.output_head = nn.Linear(config.dimensions, n_classes)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        x = self.embedding(patches(pictures, self.patch_size))  # (B, N, C)
        first = self.collect.expand(len(x), 1, -1)
        x = torch.cat([first, x], dim=1) + self.positions  # (B, N + 1, C)
        for block in self.blocks:
            x = block(x)
        return self.output_head(x[:, 0])  # (B, K)


class ConvolutionalNetwork(nn.Module):
    """Three layers of 3 by 3 filters, each halving the picture, then the mean. (B, side, side) to (B, K).

    >>> ConvolutionalNetwork(16, n_classes=10)(torch.zeros(2, 24, 24)).shape
    torch.Size([2, 10])
    """

    def __init__(self, width: int, n_classes: int) -> None:
        super().__init__()
        widths = (1, width, 2 * width, 4 * width)
        self.filters = nn.ModuleList(
            nn.Conv2d(before, after, kernel_size=3, stride=2, padding=1)
            for before, after in zip(widths, widths[1:], strict=False)
        )
        self.output_head = nn.Linear(4 * width, n_classes)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        x = pictures[:, None]  # (B, 1, side, side)
        for layer in self.filters:
            x = F.relu(layer(x))
        return self.output_head(x.mean(dim=(2, 3)))  # (B, K)


def picture_loss(model: nn.Module, pictures: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of pictures (B, side, side) and their classes (B,)."""
    return F.cross_entropy(model(pictures), classes)


def picture_batches(
    pictures: torch.Tensor, classes: torch.Tensor, batch_size: int, seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of pictures and classes without end, drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        chosen = torch.randint(len(pictures), (batch_size,), generator=generator)
        yield pictures[chosen], classes[chosen]
