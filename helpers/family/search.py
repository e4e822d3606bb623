"""Find the passage that answers a question: by its words (BM25), by its meaning, or by both.

    scores = BM25(passages).scores("what is a token?")             # (N,): shared words, rare ones count
    scores = vectors @ encoder.vectors(["what is a token?"])[0]    # (N,): cosines of the meanings
    for place in best_places(scores, k=3): print(passages[place])

N is the number of passages. The vectors, or the counts of words, are made once; a question costs
one vector and one product.
"""

import math
from collections import Counter
from collections.abc import Sequence

import torch

from helpers.evaluate import words_of


class BM25:
    """Score passages by the words that they share with a question.

    A word's share grows with its count in the passage, ever more slowly (`k1` says how fast it
    levels off), less in long passages (`b` from 0 to 1 says how much less), and a rare word weighs more:

        weight(w) = ln(1 + (N - n + 0.5) / (n + 0.5))       n of N passages have w
        count · (k1 + 1) / (count + k1 · (1 - b + b · length / mean length))

    Raises ValueError if there are no words. Source: Robertson and Zaragoza 2009, with the 1 + of Lucene,
    which keeps the weight of a word that is everywhere above 0.

    >>> BM25(["a red fox", "a blue fox", "a bird"]).scores("red").tolist()
    [0.933, 0.0, 0.0]
    """

    def __init__(self, passages: Sequence[str], k1: float = 1.2, b: float = 0.75) -> None:
        self.counts = [Counter(words_of(passage)) for passage in passages]
        lengths = [counts.total() for counts in self.counts]
        if not any(lengths):
            raise ValueError("there is no word in the passages")
        mean_length = sum(lengths) / len(lengths)
        self.k1 = k1
        self.dampers = [k1 * (1 - b + b * length / mean_length) for length in lengths]
        self.n_with = Counter(word for counts in self.counts for word in counts)

    def weight(self, word: str) -> float:
        """How much a word says: much if few passages have it."""
        n = self.n_with[word]
        return math.log(1 + (len(self.counts) - n + 0.5) / (n + 0.5))

    def scores(self, question: str) -> torch.Tensor:
        """Return the score of every passage, (N,); 0 if it shares no word with the question."""
        weights = {word: self.weight(word) for word in set(words_of(question))}
        return torch.tensor(
            [
                sum(
                    weight * counts[word] * (self.k1 + 1) / (counts[word] + damper)
                    for word, weight in weights.items()
                    if counts[word]
                )
                for counts, damper in zip(self.counts, self.dampers, strict=True)
            ],
            dtype=torch.float32,
        )


def best_places(scores: torch.Tensor, k: int) -> list[int]:
    """Return the places of the `k` highest scores (N,), the highest first, then the earlier.

    >>> best_places(torch.tensor([0.2, 0.9, 0.5, 0.9]), k=3)
    [1, 3, 2]
    """
    return scores.argsort(descending=True, stable=True)[:k].tolist()


def fuse(*rankings: torch.Tensor, damping: int = 60) -> torch.Tensor:
    """Combine several scores (N,) of the same passages by their ranks: the sum of 1 / (60 + rank).

    Scores of different kinds cannot be added as they are; ranks can. Source: Cormack et al. 2009.

    >>> fuse(torch.tensor([9.0, 1.0, 5.0]), torch.tensor([0.1, 0.0, 0.3]), damping=0).tolist()
    [1.5, 0.667, 1.5]
    """
    total = torch.zeros(len(rankings[0]))
    for scores in rankings:
        ranks = torch.empty(len(scores))
        ranks[best_places(scores, len(scores))] = torch.arange(1.0, len(scores) + 1)
        total += 1 / (damping + ranks)
    return total
