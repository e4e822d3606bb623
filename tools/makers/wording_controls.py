"""Recognizing a question without a language model: what the chat model's accuracy is held against.

A right answer in the chat means that a question was recognized in a new wording. Two programs that
have no notion of language do that, too: one takes the most similar training wording, the other is a
linear classifier with one class for each answer. Both see a wording as the set of its words and of
the runs of three and four letters in them, each weighted by how rare it is.

    python -m tools.makers.wording_controls    both, on the validation wordings
"""

import math
import re
import sys
from collections import Counter

import torch
from torch.nn import functional as F

from classroom.worlds.course_qa import questions
from tools.terminal import run_command

STEPS, RATE, DECAY = 60, 0.05, 2e-6
LEAST = 2  # a feature of a single wording tells nothing about others


def features(wording, letters=True):
    """The words of a wording, and the runs of letters in each; `<` and `>` mark its ends.

    >>> sorted(features("a GPT"))
    ['<a>', '<gp', '<gpt', '<gpt>', 'gpt', 'gpt>', 'pt>']
    """
    words = [f"<{word}>" for word in re.findall(r"[a-z0-9]+", wording.lower())]
    found = set(words)
    if letters:
        for word in words:
            found |= {word[i : i + n] for n in (3, 4) for i in range(len(word) - n + 1)}
    return found


class Wordings:
    """Training wordings as rows of weighted features, each row of length 1."""

    def __init__(self, asked, letters=True):
        self.letters = letters
        counts = Counter(f for wording, _ in asked for f in features(wording, letters))
        kept = [feature for feature, count in counts.items() if count >= LEAST]
        self.places = {feature: place for place, feature in enumerate(kept)}
        self.rarity = [math.log(len(asked) / counts[feature]) for feature in kept]

    def rows(self, asked):
        """A sparse matrix, one row per wording."""
        where, values = [], []
        for row, (wording, _) in enumerate(asked):
            known = [self.places[f] for f in features(wording, self.letters) if f in self.places]
            length = math.sqrt(sum(self.rarity[place] ** 2 for place in known)) or 1.0
            where += [(row, place) for place in known]
            values += [self.rarity[place] / length for place in known]
        shape = len(asked), len(self.places)
        indices = torch.tensor(where, dtype=torch.long).reshape(-1, 2).T
        return torch.sparse_coo_tensor(indices, values, shape, check_invariants=True).coalesce()


def accuracies(learned, asked, letters=True):
    """The share of `asked`, pairs (wording, answer), that each of two programs gets right.

    `nearest` takes the answer of the nearest wording of `learned`, `linear` that of a classifier.
    """
    answers = sorted({answer for _, answer in learned})
    numbers = {answer: number for number, answer in enumerate(answers)}
    classes = torch.tensor([numbers[answer] for _, answer in learned])
    wanted = torch.tensor([numbers[answer] for _, answer in asked])
    wordings = Wordings(learned, letters)
    known, new = wordings.rows(learned), wordings.rows(asked)
    nearest = classes[torch.sparse.mm(known, new.to_dense().T.contiguous()).argmax(dim=0)]
    weight = torch.zeros(known.shape[1], len(answers), requires_grad=True)
    optimizer = torch.optim.Adam([weight], lr=RATE)
    for _ in range(STEPS):
        loss = F.cross_entropy(torch.sparse.mm(known, weight), classes)
        loss = loss + DECAY * weight.square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    linear = torch.sparse.mm(new, weight.detach()).argmax(dim=1)
    return {
        name: (found == wanted).float().mean().item()
        for name, found in (("nearest", nearest), ("linear", linear))
    }


def main(_=()):
    """Print what both get right of the validation wordings, by words alone and with letters."""
    for letters in (False, True):
        found = accuracies(questions("train"), questions("validation"), letters)
        told = ", ".join(f"{name} {share:.3f}" for name, share in found.items())
        print(f"{'words and letters' if letters else 'words alone'}: {told}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
