"""The turns of notebook 04: windows, batches, vectors of tokens and positions, and clean text."""

import itertools
import random

import numpy as np
import torch
from torch import nn

from classroom.turns.registry import Wrong, wrong
from classroom.turns.turn import Turns

TURNS = Turns("04")
your_turn = TURNS.your_turn

# The course's versions


def windows(ids, context_length, stride):
    ids = torch.as_tensor(ids, dtype=torch.long)
    starts = torch.arange(0, max(0, len(ids) - context_length), stride)  # (N,)
    positions = starts[:, None] + torch.arange(context_length)  # (N, T)
    return ids[positions], ids[positions + 1]


def batches(inputs, targets, batch_size, seed=None):
    order = torch.arange(len(inputs))
    if seed is not None:
        order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(seed))
    for start in range(0, len(order) - batch_size + 1, batch_size):
        rows = order[start : start + batch_size]
        yield inputs[rows], targets[rows]


def lookup_by_product(token_ids, table):
    one_hot = torch.zeros(len(token_ids), len(table))  # (T, V)
    one_hot[torch.arange(len(token_ids)), token_ids] = 1.0
    return one_hot @ table  # (T, V) @ (V, C)


class Embedding(nn.Module):
    def __init__(self, n_rows, dimensions):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_rows, dimensions))

    def forward(self, token_ids):
        return self.weight[token_ids]


def most_similar(table, index, count):
    lengths = table.norm(dim=1)
    cosines = (table @ table[index]) / (lengths * lengths[index])
    order = cosines.argsort(descending=True).tolist()
    return [row for row in order if row != index][:count]


def embed(token_ids, token_table, position_table, past=0):
    length = past + token_ids.shape[-1]
    if length > len(position_table):
        raise ValueError(f"{length} tokens are more than the context length {len(position_table)}")
    return token_table[token_ids] + position_table[past:length]  # (B, T, C) + (T, C)


def sinusoidal(positions, dimensions):
    even = torch.arange(0, dimensions, 2)
    angles = positions[:, None] / 10000 ** (even / dimensions)  # (T, C/2)
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)  # (T, C)


def rotate(x, positions, base=10000.0):
    even = torch.arange(0, x.shape[-1], 2)
    angles = positions[:, None] / base ** (even / x.shape[-1])  # (T, D/2)
    first, second = x[..., 0::2], x[..., 1::2]
    rotated_first = first * angles.cos() - second * angles.sin()
    rotated_second = first * angles.sin() + second * angles.cos()
    return torch.stack([rotated_first, rotated_second], dim=-1).flatten(-2)  # (..., T, D)


def overlap(one, other, size=5):
    sets = []
    for text in (one, other):
        words = text.lower().split()
        starts = range(max(1, len(words) - size + 1))
        sets.append({tuple(words[start : start + size]) for start in starts})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def without_copies(documents, limit=0.5):
    kept = []
    for document in documents:
        if all(overlap(document, other) < limit for other in kept):
            kept.append(document)
    return kept


def mixture(sources, weights, count, seed):
    texts = {name: itertools.cycle(documents) for name, documents in sources.items()}
    names = random.Random(seed).choices(list(sources), [weights[name] for name in sources], k=count)
    return [next(texts[name]) for name in names]


# The checks


def _must_run(trial, *arguments, note):
    """A call in which an error is told together with what is special about the arguments."""
    try:
        trial.call(*arguments)
    except Wrong as stopped:
        wrong(f"{stopped}; {note}")


def _pair(inputs, targets):
    return torch.tensor(inputs), torch.tensor(targets)


@TURNS.turn(windows)
def check_windows(trial):
    inputs, targets = trial.close(
        [10, 11, 12, 13, 14, 15, 16, 17, 18],
        4,
        4,
        gives=_pair([[10, 11, 12, 13], [14, 15, 16, 17]], [[11, 12, 13, 14], [15, 16, 17, 18]]),
        why="each window starts one stride after the last, its targets one token later",
        mistakes=[
            (
                _pair([[10, 11, 12, 13], [14, 15, 16, 17]], [[10, 11, 12, 13], [14, 15, 16, 17]]),
                "the targets are the inputs: a model would only learn to copy; shift them by one",
            ),
            (
                _pair([[10, 11, 12, 13], [14, 15, 16, 17]], [[14], [18]]),
                "every position has a target of its own, not only the last one",
            ),
            (
                _pair([[10, 11, 12, 13]], [[11, 12, 13, 14]]),
                "the second window has its last target at 18, so it counts: starts are below N - T",
            ),
            (
                tuple(
                    torch.arange(10 + shift, 14 + shift) + torch.arange(5)[:, None]
                    for shift in (0, 1)
                ),
                "the windows start at every token; the stride says how far apart they start",
            ),
        ],
    )
    trial.that(
        inputs.dtype == targets.dtype == torch.long,
        f"the numbers are of type {inputs.dtype} and {targets.dtype}; the loss takes targets of "
        "type torch.int64 only (torch.long)",
    )
    ids = torch.tensor([5, 3, 8, 1])
    _must_run(trial, ids, 2, 1, note="here the ids are a tensor, not a list")
    trial.close(
        ids,
        2,
        1,
        gives=_pair([[5, 3], [3, 8]], [[3, 8], [8, 1]]),
        why="with stride 1 a window starts at every token that has enough others after it",
    )
    trial.close(
        [5, 3, 8, 1, 9, 2, 7, 4],
        2,
        3,
        gives=_pair([[5, 3], [1, 9]], [[3, 8], [9, 2]]),
        why="a window without its last target is left out, and a stride may skip tokens",
    )
    trial.close(
        [5, 3, 8, 1],
        1,
        2,
        gives=_pair([[5], [8]], [[3], [1]]),
        why="a context of one token is the smallest window",
    )
    _no_windows(trial)


def _no_windows(trial):
    for short in ([5, 3, 8, 1], [5], []):
        none = torch.empty(0, 4, dtype=torch.long)
        note = "a text too short for a window and its last target has no windows: shape (0, T)"
        _must_run(trial, short, 4, 1, note=note)
        trial.close(
            short,
            4,
            1,
            gives=(none, none),
            why=note,
        )


def _listed(trial, *arguments):
    found = trial.call(*arguments)
    if found is None:
        wrong("batches(...) returned None: yield each batch, or return a list of them")
    return list(found)


@TURNS.turn(batches)
def check_batches(trial):
    inputs = torch.arange(30).reshape(10, 3)
    targets = inputs + 1
    given = "batches(inputs, targets, 2), 10 windows,"
    found = _listed(trial, inputs, targets, 2)
    trial.that(
        len(found) == 5, f"{given} should give 5 batches of two windows each, not {len(found)}"
    )
    trial.same(
        tuple(found[0]),
        (inputs[:2], targets[:2]),
        f"the first of {given}",
        "without a seed they come in order",
    )
    trial.same(
        tuple(found[4]),
        (inputs[8:], targets[8:]),
        f"the last of {given}",
        "without a seed they come in order",
    )
    found = _listed(trial, inputs, targets, 4)
    if len(found) == 3:
        wrong(
            "batches of 4 from 10 windows: the third has only 2 windows, so its loss would count"
            " each of them twice as much; leave the incomplete batch out"
        )
    trial.that(len(found) == 2, f"10 windows fill 2 batches of 4, not {len(found)}")
    trial.that(len(_listed(trial, inputs, targets, 10)) == 1, "10 windows fill one batch of 10")
    trial.that(_listed(trial, inputs, targets, 11) == [], "10 windows fill no batch of 11")
    _shuffled(trial)


def _shuffled(trial):
    inputs = torch.arange(150).reshape(50, 3)
    before = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
    orders = []
    for seed in (0, 0, 1):
        found = _listed(trial, inputs, inputs + 1, 5, seed)
        rows = torch.cat([batch for batch, _ in found])
        trial.same(
            torch.cat([batch for _, batch in found]),
            rows + 1,
            "the targets of batches(inputs, targets, 5, seed)",
            "shuffle inputs and targets with the same order, or the answers belong to other texts",
        )
        trial.that(
            sorted(rows[:, 0].tolist()) == inputs[:, 0].tolist(),
            "shuffled, each of the 50 windows must come exactly once in 10 batches of 5;"
            f" {len(set(rows[:, 0].tolist()))} different ones came",
        )
        orders.append(rows[:, 0].tolist())
    trial.that(
        orders[0] != inputs[:, 0].tolist(), "with seed 0 the windows come in order; 0 is a seed too"
    )
    first = orders[0]
    together = sum(later - earlier == 3 for earlier, later in itertools.pairwise(first))
    trial.that(
        together < 25,
        "the order changes, but neighbors in the text stay neighbors; shuffle single windows",
    )
    trial.that(first == orders[1], "seed 0 gave two different orders; a run could not be repeated")
    trial.that(first != orders[2], "seeds 0 and 1 gave the same order; use the seed")
    trial.that(
        torch.equal(before[0], torch.get_rng_state()),
        "it sets or uses torch's global random numbers, which others draw from: take a"
        " torch.Generator() of its own",
    )
    trial.that(
        before[1:] == (random.getstate(), str(np.random.get_state())),
        "it sets or uses the global random numbers of Python or NumPy, which others draw from: take"
        " a generator of its own",
    )


def _gradients(found, *tables, table="the table"):
    """The gradients of the sum of a result; the trial ends if one of the tables gets none."""
    gradients = [None] * len(tables)
    if found.requires_grad:
        gradients = torch.autograd.grad(found.sum(), tables, allow_unused=True)
    if any(gradient is None for gradient in gradients):
        wrong(
            f"the numbers are right, but no gradient reaches {table}, and training needs it"
            ": leave out detach, .data, torch.tensor(...) and the like"
        )
    return gradients


_TABLE = torch.tensor([[0.1, 0.2], [1.0, -1.0], [3.0, 4.0], [-2.0, 0.5]])


@TURNS.turn(lookup_by_product)
def check_lookup_by_product(trial):
    ids = torch.tensor([2, 0, 2])
    trial.close(
        ids,
        _TABLE,
        gives=_TABLE[ids],
        why="the one-hot row of id 2 picks row 2 of the table",
        mistakes=[
            (nn.functional.one_hot(ids, 4).float(), "these are the one-hot rows; multiply them"),
            (_TABLE[ids - 1], "ids count from 0: id 2 has its 1 in the third column"),
        ],
    )
    trial.close(
        torch.tensor([3]), _TABLE, gives=_TABLE[3:], why="the last row of the table counts too"
    )
    trial.close(
        torch.tensor([], dtype=torch.long),
        _TABLE,
        gives=torch.empty(0, 2),
        why="no tokens have no vectors, shape (0, C)",
    )
    endless = _TABLE.clone()
    endless[1] = torch.inf
    found = trial.call(torch.tensor([2]), endless)
    trial.that(
        bool(found.isnan().all()),
        "it picks rows and multiplies nothing: with an infinite number in another row, a product"
        " gives NaN (0 times infinity), and yours does not; build the one-hot rows and use @",
    )
    table = _TABLE.clone().requires_grad_()
    trial.same(
        _gradients(trial.call(ids, table), table)[0],
        torch.tensor([[1.0, 1], [0, 0], [2, 2], [0, 0]]),
        "the gradient of the table after a sum",
        "the product must stay connected to the table, and token 2 is used twice",
    )


@TURNS.turn(Embedding)
def check_embedding(trial):
    embedding = trial.call(4, 2)
    weight = getattr(embedding, "weight", None)
    trial.that(
        isinstance(weight, nn.Parameter),
        "Embedding(4, 2).weight must be an nn.Parameter: only parameters are found by an optimizer",
    )
    trial.that(
        tuple(weight.shape) == (4, 2),
        f"Embedding(4, 2).weight must have 4 rows of 2 numbers, and has the shape {tuple(weight.shape)}",
    )
    trial.that(
        list(embedding.state_dict()) == ["weight"],
        f"it holds {list(embedding.state_dict())}; a table of weights is all there is, no bias",
    )
    embedding.load_state_dict({"weight": _TABLE})
    both_ways = {"function": embedding, "name": "embedding"}
    trial.close(torch.tensor([2, 0]), gives=_TABLE[[2, 0]], why="id 2 picks row 2", **both_ways)
    ids = torch.tensor([[3, 1, 1], [0, 2, 3]])
    trial.close(
        ids,
        gives=_TABLE[ids],
        why="a batch (B, T) gives (B, T, C): every id becomes its row, whatever the shape",
        **both_ways,
    )
    trial.same(
        _gradients(embedding(ids), embedding.weight)[0],
        torch.tensor([[1.0, 1], [2, 2], [1, 1], [2, 2]]),
        "the gradient of weight after a sum",
        "the rows must stay connected to weight, or the table would not learn",
    )
    one, two = trial.call(200, 50), trial.call(200, 50)
    trial.that(
        not torch.equal(one.weight, two.weight), "two tables start alike; start at random numbers"
    )
    mean, deviation = one.weight.mean().item(), one.weight.std().item()
    trial.that(
        abs(mean) < 0.1 and abs(deviation - 1) < 0.1 and bool(one.weight.abs().max() > 2.5),
        f"the start has mean {mean:.2f} and standard deviation {deviation:.2f}; like PyTorch's,"
        " it should be normally distributed with 0 and 1: torch.randn",
    )


@TURNS.turn(most_similar)
def check_most_similar(trial):
    table = torch.tensor([[1.0, 0.0], [5.0, 5.0], [0.9, 0.1], [-1.0, 0.0], [0.0, 9.0]])
    trial.equal(
        table,
        0,
        2,
        gives=[2, 1],
        why="nearest in direction is row 2, then row 1",
        mistakes=[
            ([0, 2], "a row is always most similar to itself: leave row `index` out"),
            ([2], "it asks for `count` others: leave the row itself out before you cut"),
            ([1, 2], "the long row [5, 5] came first: divide by the lengths before comparing"),
            (
                [2, 3],
                "these are the nearest points; compare directions, so that lengths do not count",
            ),
            ([3, 4], "row 3 points the opposite way, its cosine is -1: sort from large to small"),
        ],
    )
    trial.equal(table, 4, 1, gives=[1], why="row 1 is halfway between rows 0 and 4")
    trial.equal(table * 1000, 0, 2, gives=[2, 1], why="lengths must not count")
    table = torch.randn(30, 8, generator=torch.Generator().manual_seed(1))
    cosines = nn.functional.cosine_similarity(table, table[7:8])
    order = [row for row in cosines.argsort(descending=True).tolist() if row != 7]
    for count in (5, 29):
        trial.equal(table, 7, count, gives=order[:count], why="the cosine decides the order")
    trial.that(
        all(isinstance(row, int) for row in trial.call(table, 7, 5)),
        "the list holds tensors, not row numbers: tolist() makes numbers of them",
    )
    alike = torch.tensor([[1.0, 0], [2, 0], [4, 0], [8, 0], [0, 1]])
    found = trial.call(alike, 3, 3)
    trial.that(
        sorted(found) == [0, 1, 2],
        f"rows 0 to 3 all point the same way, and the three most similar to row 3 are given as"
        f" {found}: leave out row `index` by its number, it need not come first",
    )


@TURNS.turn(embed)
def check_embed(trial):
    positions = torch.tensor([[0.0, 10.0], [0.0, 20.0], [0.0, 30.0], [0.0, 40.0]])
    ids = torch.tensor([[2, 0, 2], [1, 1, 3], [3, 2, 0]])
    trial.close(
        ids,
        _TABLE,
        positions,
        gives=_TABLE[ids] + positions[:3],
        why="each token's row, plus the row of its position, the same for every sequence",
        mistakes=[
            (_TABLE[ids], "these are the tokens' rows; add the positions' rows"),
            (
                _TABLE[ids] + positions[ids],
                "a position is where a token is, 0, 1, 2, not its id: take the first T rows",
            ),
            (
                _TABLE[ids] + positions[:3, None],
                "the position is counted along the batch; row t belongs to the t-th token",
            ),
            (_TABLE[ids] + positions[1:], "the first position is 0"),
        ],
    )
    trial.close(
        ids[0, :2],
        _TABLE,
        positions,
        gives=_TABLE[ids[0, :2]] + positions[:2],
        why="a single sequence (T,) shorter than the context has the first positions",
    )
    note = "3 earlier tokens and 1 new one just fill the 4 positions"
    _must_run(trial, ids[:2, :1], _TABLE, positions, 3, note=note)
    trial.close(
        ids[:2, :1],
        _TABLE,
        positions,
        3,
        gives=_TABLE[ids[:2, :1]] + positions[3],
        why="after 3 earlier tokens the next position is 3",
    )
    trial.raises(
        ValueError,
        torch.tensor([[0, 1, 2, 3, 0]]),
        _TABLE,
        positions,
        why="the table has 4 positions, so a fifth token must be refused clearly",
    )
    trial.raises(ValueError, ids[:1], _TABLE, positions, 2, why="earlier tokens take positions too")
    tables = _TABLE.clone().requires_grad_(), positions.clone().requires_grad_()
    trial.same(
        _gradients(trial.call(ids, *tables), *tables)[1],
        torch.tensor([[3.0, 3], [3, 3], [3, 3], [0, 0]]),
        "the gradient of the position table after a sum over 3 sequences",
        "each of the first three rows is used by all three sequences",
    )


def _angles(positions, dimensions, base=10000.0):
    even = torch.arange(0, dimensions, 2).double()
    return positions[:, None].double() / base ** (even / dimensions)


def _side_by_side(first, second):
    return torch.stack([first, second], dim=-1).flatten(-2).float()


@TURNS.turn(sinusoidal)
def check_sinusoidal(trial):
    positions = torch.tensor([0, 1, 2])
    angles = _angles(positions, 4)
    trial.close(
        positions,
        4,
        gives=_side_by_side(angles.sin(), angles.cos()),
        why="the angle of dimensions 2i and 2i + 1 is the position / 10000^(2i / C)",
        tolerance=1e-4,
        mistakes=[
            (
                torch.cat([angles.sin(), angles.cos()], dim=1).float(),
                "all sines come before all cosines; here each pair is side by side",
            ),
            (
                _side_by_side(angles.cos(), angles.sin()),
                "the sine comes first, at the even dimension: position 0 is 0, 1, 0, 1",
            ),
            (
                _side_by_side(
                    _angles(positions, 8)[:, :2].sin(), _angles(positions, 8)[:, :2].cos()
                ),
                "the exponent is 2i / C, and 2i is the even dimension itself",
            ),
        ],
    )
    for values, why in {
        (1000, 0, 3): "use the positions themselves, not their order in the tensor",
        (-3, -1): "a position may be negative, and must not count from the end of a table",
        (0.5, 2.25): "a position may lie between two whole ones: compute it, look nothing up",
    }.items():
        positions = torch.tensor(values)
        angles = _angles(positions, 6)
        trial.close(
            positions,
            6,
            gives=_side_by_side(angles.sin(), angles.cos()),
            why=why,
            tolerance=1e-3,
        )
    trial.close(
        torch.tensor([5]),
        2,
        gives=torch.tensor([[5.0, 5.0]]).sin() * torch.tensor([1.0, 0.0])
        + torch.tensor([[5.0, 5.0]]).cos() * torch.tensor([0.0, 1.0]),
        why="two dimensions are one sine and one cosine",
    )


def _rotated(x, positions, base=10000.0, sign=1.0):
    angles = sign * _angles(positions, x.shape[-1], base)
    first, second = x[..., 0::2].double(), x[..., 1::2].double()
    return _side_by_side(
        first * angles.cos() - second * angles.sin(), first * angles.sin() + second * angles.cos()
    )


def _lengthened(x, positions):
    """With a plus where the first number of a pair takes a minus."""
    angles = _angles(positions, x.shape[-1])
    first, second = x[..., 0::2].double(), x[..., 1::2].double()
    yield first * angles.cos() + second * angles.sin()
    yield first * angles.sin() + second * angles.cos()


def _in_halves(x, positions):
    order = torch.arange(x.shape[-1]).reshape(2, -1).T.flatten()
    return _rotated(x[..., order], positions)[..., order.argsort()]


@TURNS.turn(rotate)
def check_rotate(trial):
    trial.close(
        torch.tensor([[1.0, 0.0], [1.0, 0.0]]),
        torch.tensor([0, 1]),
        gives=torch.tensor([[1.0, 0.0], [0.5403, 0.8415]]),
        why="position 0 changes nothing, and [1, 0] at position 1 becomes [cos 1, sin 1]",
        tolerance=1e-3,
        mistakes=[
            (
                torch.tensor([[1.0, 0.0], [0.5403, -0.8415]]),
                "it rotates the wrong way; check the signs of the two sines",
            )
        ],
    )
    generator = torch.Generator().manual_seed(0)
    x, positions = torch.randn(4, 6, generator=generator), torch.tensor([0, 1, 2, 7])
    trial.close(
        x,
        positions,
        gives=_rotated(x, positions),
        why="pair i is rotated by the angle position / base^(2i / D)",
        tolerance=1e-3,
        mistakes=[
            (
                _side_by_side(*_lengthened(x, positions)),
                "a rotation keeps the length of every pair; check the signs of the two sines",
            ),
            (
                _in_halves(x, positions),
                "the pairs are neighbors here: (x0, x1), then (x2, x3), and so on",
            ),
            (
                _rotated(x, torch.arange(4)),
                "use the positions that are given, not the numbers of the rows",
            ),
        ],
    )
    x = torch.randn(2, 3, 4, 8, generator=generator)
    trial.close(
        x,
        positions,
        gives=_rotated(x, positions),
        why="queries of many heads have the shape (B, H, T, D); the last two dimensions count",
        tolerance=1e-3,
    )
    trial.close(
        x[0, 0],
        positions,
        100.0,
        gives=_rotated(x[0, 0], positions, 100.0),
        why="the base is an argument; Llama's newer models use a larger one",
        tolerance=1e-3,
    )
    _leaves_x(trial, torch.randn(4, 6, generator=generator), positions)


def _leaves_x(trial, x, positions):
    before = x.clone()
    trial.call(x, positions)
    trial.that(torch.equal(x, before), "it changes x itself, which others may still need")
    x.requires_grad_()
    trial.same(
        _gradients(trial.call(x, positions), x, table="x")[0],
        _rotated(torch.ones(4, 6), positions, sign=-1.0),
        "the gradient of x after a sum",
        "the way back is the rotation by the opposite angle",
        tolerance=1e-3,
    )


@TURNS.turn(overlap)
def check_overlap(trial):
    trial.close(
        "a b c d e f",
        "a b x d e f",
        2,
        gives=3 / 7,
        why="'a b', 'd e', 'e f' are in both, and four others in one of them: 3 of 7",
        mistakes=[
            (3 / 10, "divide by the shingles of the union, each counted once, not by the sum"),
            (3 / 5, "divide by the shingles of both texts together, not of one of them"),
            (5 / 7, "these are single words; a shingle is `size` words in a row"),
            (
                4 / 8,
                "the last words alone are no shingle; the last one starts `size` before the end",
            ),
            (3.0, "that is how many they share; divide by how many there are in both together"),
        ],
    )
    trial.close(
        "to be or not",
        "not or be to",
        2,
        gives=0.0,
        why="the order within a shingle counts: the same words in another order are another text",
    )
    trial.close("a b a b a", "a b", 2, gives=1 / 2, why="a shingle counts once in each text")
    trial.close(
        "To be\nor  not", "to be or not", 2, gives=1.0, why="capitals and spacing do not count"
    )
    trial.close("a b c d e f", "a b c d e g", gives=1 / 3, why="without a size it is 5 words")
    trial.close("a b c", "A B C", 5, gives=1.0, why="a text shorter than `size` is one shingle")
    trial.close("a b c", "a b d", 5, gives=0.0, why="a text shorter than `size` is one shingle")
    trial.close("", "", gives=1.0, why="two empty texts are the same text")


@TURNS.turn(without_copies)
def check_without_copies(trial):
    base = "a b c d e f g h i j"  # 6 shingles of five words
    near = "a b c d e f g h i x"  # 5 of 7 in common with base
    half = "a b c d e f g h y z"  # 4 of 8 in common: exactly one half
    other = "one two three four five six"
    trial.equal(
        [base, other, base],
        gives=[base, other],
        why="the third document is the first again",
        mistakes=[([other], "keep the first of several copies, or the text is lost altogether")],
    )
    trial.equal(
        [base, near, other],
        gives=[base, other],
        why="the second differs from the first in one word only: 5 of 7 shingles are the same",
        mistakes=[([base, near, other], "only exact copies are dropped; measure the overlap")],
    )
    trial.equal(
        [other, near, base], gives=[other, near], why="the first that comes is kept, in order"
    )
    trial.equal([base, half], gives=[base], why="an overlap of exactly the limit is a copy")
    trial.equal([base, near], 0.8, gives=[base, near], why="the limit decides: 5 of 7 is below 0.8")
    chain = "c d e f g h i x y z"
    trial.equal(
        [base, near, chain],
        0.4,
        gives=[base, chain],
        why="the third is like the second only, which is dropped: compare with those you keep",
    )
    trial.equal([], gives=[], why="no documents are no documents")
    documents = [base, base]
    trial.call(documents)
    trial.that(documents == [base, base], "it changes the list it is given; make a new one")


@TURNS.turn(mixture)
def check_mixture(trial):
    sources = {"web": [f"w{n}" for n in range(2000)], "books": ["b0", "b1", "b2"]}
    found = trial.call(sources, {"books": 3, "web": 1}, 4000, 0)
    trial.that(isinstance(found, list), "mixture(...) should return a list of documents")
    trial.that(len(found) == 4000, f"it should return `count` documents, 4000, not {len(found)}")
    books = sum(text.startswith("b") for text in found) / 4000
    trial.that(
        abs(books - 0.25) > 0.04,
        "the weights went to the wrong sources: take weights[name], the two may be in any order",
    )
    trial.that(
        abs(books - 3 / 2003) > 0.01,
        "the sources come by their size; the weights must decide, so that good text comes often",
    )
    trial.that(
        abs(books - 0.75) < 0.04,
        f"with weights 3 and 1, three of four documents should be books, and {books:.0%} are",
    )
    in_turn = [text for text in found if text.startswith("b")][:7]
    trial.that(
        in_turn == ["b0", "b1", "b2", "b0", "b1", "b2", "b0"],
        "the documents of a source come in order, and from the first again after the last; the"
        f" books came as {', '.join(in_turn)}",
    )
    trial.that(
        len(set(found)) == len(in_turn[:3]) + sum(text.startswith("w") for text in found),
        "no document of a source may come again before all of it was used",
    )
    trial.that(
        found == trial.call(sources, {"books": 3, "web": 1}, 4000, 0),
        "the same seed gave two different mixtures; a run could not be repeated",
    )
    trial.that(
        found != trial.call(sources, {"books": 3, "web": 1}, 4000, 1),
        "two seeds gave the same mixture; draw the sources at random, with the seed",
    )
    only = trial.call(sources, {"web": 0, "books": 0.5}, 4, 0)
    trial.that(only == ["b0", "b1", "b2", "b0"], "a source of weight 0 must never come")
    state = random.getstate()
    trial.call(sources, {"web": 1, "books": 1}, 5, 3)
    trial.that(
        random.getstate() == state,
        "it sets or uses Python's global random numbers: take a random.Random(seed) of its own",
    )
