"""The six tokens of lectures 13 to 18 and 43: words, each with a vector of size 3.

Source: Raschka 2024, *Build a Large Language Model (From Scratch)*, section 3.3.

>>> from classroom.whiteboard.six_tokens import INPUTS, WORDS
>>> len(WORDS), tuple(INPUTS.shape)
(6, (6, 3))
"""

import torch

WORDS = ["Your", "journey", "starts", "with", "one", "step"]
INPUTS = torch.tensor(
    [
        [0.43, 0.15, 0.89],
        [0.55, 0.87, 0.66],
        [0.57, 0.85, 0.64],
        [0.22, 0.58, 0.33],
        [0.77, 0.25, 0.10],
        [0.05, 0.80, 0.55],
    ]
)  # (T, C)
JOURNEY = 1


def first_head():
    """The matrices of one head, (3, 2) each, for queries, keys and values: `rand` of seed 123.

    >>> first_head()[0].shape
    torch.Size([3, 2])
    """
    generator = torch.Generator().manual_seed(123)
    return [torch.rand(3, 2, generator=generator) for _ in range(3)]
