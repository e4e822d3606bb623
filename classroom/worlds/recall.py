"""A task of pure memory: some letters, then noise, and the question which letter was at a place.

    letters   noise            question
    B G A     4 17 9 ... 12    ?1          the answer is G, at place 1 counted from 0

Nothing but the letters helps: guessing is right once in eight, and a model that remembers has a loss
of 0. What can be varied is the distance, the number of noise tokens, and how many letters there are to
remember. With one letter it is a small form of the tasks of Hochreiter and Schmidhuber (1997, section 5).
"""

from collections.abc import Iterator, Sequence

import torch

LETTERS, NOISE, MOST = 8, 16, 16  # kinds of letters and of noise; the most letters in a text
VOCAB_SIZE = LETTERS + NOISE + MOST
GUESSING = 1 / LETTERS


def sample(
    n: int, distance: int, generator: torch.Generator, count: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw n texts (n, count + distance + 1) and the letters to answer with (n,).

    >>> texts, answers = sample(2, 5, torch.Generator().manual_seed(0), count=3)
    >>> place = texts[0, -1].item() - LETTERS - NOISE
    >>> texts.shape, place < 3, (texts[0, place] == answers[0]).item()
    (torch.Size([2, 9]), True, True)
    """
    letters = torch.randint(LETTERS, (n, count), generator=generator)
    noise = torch.randint(LETTERS, LETTERS + NOISE, (n, distance), generator=generator)
    place = torch.randint(count, (n, 1), generator=generator)
    texts = torch.cat([letters, noise, LETTERS + NOISE + place], dim=1)
    return texts, letters.gather(1, place)[:, 0]


def batches(
    batch_size: int, distances: Sequence[int], counts: Sequence[int], seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches without end, each of one distance and one count, drawn at random.

    >>> texts, answers = next(batches(4, [10], [2], seed=0))
    >>> texts.shape, answers.shape
    (torch.Size([4, 13]), torch.Size([4]))
    """
    generator = torch.Generator().manual_seed(seed)
    while True:
        chosen = [
            options[int(torch.randint(len(options), (1,), generator=generator))]
            for options in (distances, counts)
        ]
        yield sample(batch_size, chosen[0], generator, chosen[1])
