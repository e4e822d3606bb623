"""Checks for notebook 04: windows, embeddings and their gradients, positions."""

import random

import torch

from classroom.turns.registry import attempted, exercise, wrong


@exercise("04.1", "How many windows?")
def how_many_windows(count):
    found = attempted(count(9, 4, 1))
    if isinstance(found, float):
        wrong("a number of windows is a whole number: divide with // and not with /")
    if found == 6:
        wrong("the sixth window of 9 tokens has no target for its last position: 5 windows")
    if found != 5:
        wrong(f"9 tokens, context 4, stride 1 make 5 windows, yours says {found}")
    for n_tokens in range(0, 25):
        for context_length in (1, 3, 4, 7):
            for stride in (1, 2, 4, 9):
                expected = len(range(0, max(0, n_tokens - context_length), stride))
                found = count(n_tokens, context_length, stride)
                where = f"{n_tokens} tokens, context {context_length}, stride {stride}"
                if found < 0:
                    wrong(f"{where}: a text too short has 0 windows, not {found}")
                if found != expected:
                    wrong(f"{where} make {expected} windows, yours says {found}")
    return "a window needs one token more than its context, for the last target."


@exercise("04.2", "The gradient of a lookup")
def gradient_of_a_lookup(gradient_of):
    generator = torch.Generator().manual_seed(0)
    ids = torch.tensor([2, 3, 5, 3])
    arriving = torch.randn(4, 3, generator=generator)
    found = attempted(gradient_of(ids, arriving, 7))
    if tuple(found.shape) != (7, 3):
        wrong(f"the table has 7 rows of size 3, so its gradient is (7, 3), not {found.shape}")
    table = torch.zeros(7, 3, requires_grad=True)
    table[ids].backward(arriving)
    if torch.equal(found[[0, 1, 4, 6]], torch.zeros(4, 3)) and not torch.allclose(
        found[3], table.grad[3]
    ):
        wrong("token 3 occurs twice: its row gets the sum of both gradients, not one of them")
    if not torch.allclose(found, table.grad, atol=1e-6):
        wrong("the gradient differs from autograd's: only rows of tokens that occur get any")
    empty = gradient_of(torch.tensor([], dtype=torch.long), torch.zeros(0, 3), 7)
    if tuple(empty.shape) != (7, 3) or empty.abs().sum() != 0:
        wrong("without any token the gradient of the table is all zeros")
    return "each use of a token adds to its row; all other rows stay zero."


@exercise("04.3", "MinHash")
def minhash(estimate):
    one, other = {1, 2, 3, 4}, {3, 4, 5, 6}  # overlap 2 of 6

    def order(*numbers):  # the first of these that a set has is its smallest
        return lambda shingle: numbers.index(shingle)

    hashes = [
        order(3, 1, 2, 4, 5, 6),
        order(4, 3, 2, 1, 6, 5),
        order(1, 3, 4, 2, 5, 6),
        order(5, 3, 4, 6, 1, 2),
    ]
    found = attempted(estimate(one, other, hashes))
    if isinstance(found, int) and found == 2:
        wrong("2 is how many functions agree: divide by the number of functions")
    if abs(found - 1 / 3) < 1e-6:
        wrong("that is the exact overlap of the sets; compare only the smallest numbers")
    if found == sum(max(map(f, one)) == max(map(f, other)) for f in hashes) / 4:
        wrong("take the smallest number of each function: min, for both sets")
    if abs(found - 1 / 2) > 1e-6:
        wrong(f"2 of these 4 functions have the same smallest number in both sets, not {found:.2f}")
    if estimate(one, other, hashes[2:]) != 0 or estimate(one, set(one), hashes) != 1:
        wrong("sets that share no smallest number should give 0, and equal sets 1")
    generator = random.Random(0)
    words = range(60)
    hashes = [dict(zip(words, generator.sample(range(1000), 60), strict=True)) for _ in range(600)]
    found = estimate(set(words[:45]), set(words[15:]), [table.__getitem__ for table in hashes])
    if abs(found - 0.5) > 0.08:
        wrong(f"600 random functions should find an overlap of about 0.5, yours finds {found:.2f}")
    return "the same smallest number is as likely as the overlap is large."
