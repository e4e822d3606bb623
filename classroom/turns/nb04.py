"""Checks for notebook 04: windows, embeddings and their gradients, positions."""

import torch
import torch.nn.functional as F

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


@exercise("04.3", "The most similar rows")
def most_similar_rows(similar):
    table = torch.tensor([[1.0, 0.0], [5.0, 5.0], [0.9, 0.1], [-1.0, 0.0], [0.0, 9.0]])
    found = attempted(similar(table, 0, 2))
    found = found.tolist() if isinstance(found, torch.Tensor) else list(found)
    if 0 in found:
        wrong("a row is always most similar to itself: leave row `index` out")
    if found == [1, 2]:
        wrong("the long row [5, 5] came first: divide each row by its length before comparing")
    if found[:1] == [3]:
        wrong("row 3 points in the opposite direction, its cosine is -1: sort from large to small")
    if found != [2, 1]:
        wrong(f"nearest to row 0 are the rows [2, 1], best first; yours gives {found}")
    table = torch.randn(30, 8, generator=torch.Generator().manual_seed(1))
    cosines = F.cosine_similarity(table, table[7:8], dim=1)
    expected = [n for n in cosines.argsort(descending=True).tolist() if n != 7]
    for count in (1, 5, 29):
        if [int(number) for number in similar(table, 7, count)] != expected[:count]:
            wrong(f"with 30 random rows and count {count} the order differs, or the number of rows")
    return "directions are compared, and lengths do not matter."


@exercise("04.4", "Waves for any places")
def waves_for_any_places(waves_at):
    places = torch.tensor([1000, 0, 3])
    found = attempted(waves_at(places, 6))
    if tuple(found.shape) != (3, 6):
        wrong(f"three positions and six dimensions make (3, 6), not {tuple(found.shape)}")
    angles = places[:, None].double() / 10000 ** (torch.arange(0, 6, 2).double() / 6)
    expected = torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)
    found = found.double()
    if torch.allclose(found, torch.cat([angles.sin(), angles.cos()], dim=1), atol=1e-3):
        wrong("all sines and then all cosines: here, sine and cosine of a wave are side by side")
    if torch.allclose(
        found, torch.stack([angles.cos(), angles.sin()], dim=2).flatten(1), atol=1e-3
    ):
        wrong("the sine comes first, at the even dimension; position 0 begins 0, 1, 0, 1")
    if torch.allclose(found[1:], expected[1:], atol=1e-3) and not torch.allclose(
        found, expected, atol=1e-2
    ):
        wrong("position 1000 is wrong: use the positions themselves, not their order in the tensor")
    if not torch.allclose(found, expected, atol=1e-2):
        wrong(
            "the numbers differ; the angle of dimensions 2i and 2i+1 is position / 10000^(2i / C)"
        )
    if tuple(waves_at(torch.tensor([5]), 2).shape) != (1, 2):
        wrong("one position and two dimensions should give the shape (1, 2)")
    return "each position directly, without those before it."


@exercise("04.5", "The next step: turn instead of add")
def turn_instead_of_add(turn):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 6, generator=generator)
    found = attempted(turn(x, torch.arange(4)))
    if tuple(found.shape) != (4, 6):
        wrong(f"a rotation keeps the shape: (4, 6), not {tuple(found.shape)}")
    if not torch.allclose(found[0], x[0], atol=1e-5):
        wrong("at position 0 every angle is 0, so nothing may change there")
    if not torch.allclose(found.norm(dim=1), x.norm(dim=1), atol=1e-4):
        wrong("a rotation must not change a vector's length: check the signs of the two sines")
    one = turn(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))[0]
    if torch.allclose(one, torch.tensor([0.5403, -0.8415]), atol=1e-3):
        wrong("it rotates the wrong way: [1, 0] at position 1 should become [cos 1, sin 1]")
    if not torch.allclose(one, torch.tensor([0.5403, 0.8415]), atol=1e-3):
        wrong(f"[1, 0] at position 1 should become [cos 1, sin 1], yours gives {one.tolist()}")
    query, key = torch.randn(2, 1, 6, generator=generator)
    products = [
        (turn(query, torch.tensor([place])) * turn(key, torch.tensor([place + 3]))).sum()
        for place in (0, 1, 10, 50)
    ]
    if max(products) - min(products) > 1e-2:
        wrong(
            "the product of two vectors 3 positions apart should be the same anywhere in the text"
        )
    angles = torch.arange(4)[:, None] / 10000 ** (torch.arange(0, 6, 2) / 6)
    a, b = x[:, 0::2], x[:, 1::2]
    expected = [a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()]
    if not torch.allclose(found, torch.stack(expected, dim=2).flatten(1), atol=1e-3):
        wrong(
            "pairs are neighbors, (x0, x1), (x2, x3); pair i rotates by position / 10000^(2i / C)"
        )
    return "lengths stay, and products depend only on the distance: this is rotary embedding."
