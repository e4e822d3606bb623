"""A task of pure memory: one letter, much noise, and the question which letter it was.

    letter  noise noise ... noise  ?        the answer is the letter
    B       4 17 9 ... 12          ?  B

The distance is the number of noise tokens between the letter and the question. Nothing but the
letter helps: guessing is right once in eight, and a model that remembers has a loss of 0. The task is
a small form of those of Hochreiter and Schmidhuber (1997, section 5.4).
"""

from collections.abc import Iterator, Sequence

import torch

LETTERS, NOISE = 8, 16
QUESTION = LETTERS + NOISE
VOCAB_SIZE = QUESTION + 1
GUESSING = 1 / LETTERS


def sample(n: int, distance: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw n texts (n, distance + 2) and the letters to answer with (n,).

    >>> texts, letters = sample(2, 5, torch.Generator().manual_seed(0))
    >>> texts.shape, (texts[:, 0] == letters).all().item(), texts[0, -1].item() == QUESTION
    (torch.Size([2, 7]), True, True)
    """
    letters = torch.randint(LETTERS, (n, 1), generator=generator)
    noise = torch.randint(LETTERS, QUESTION, (n, distance), generator=generator)
    return torch.cat([letters, noise, torch.full_like(letters, QUESTION)], dim=1), letters[:, 0]


def batches(
    batch_size: int, distances: Sequence[int], seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches without end, each at one of the distances, drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        chosen = torch.randint(len(distances), (1,), generator=generator).item()
        yield sample(batch_size, distances[int(chosen)], generator)
