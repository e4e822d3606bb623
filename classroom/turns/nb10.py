"""Checks for notebook 10: the sines of 2017, a pseudo-log-likelihood, and a picture put together again."""

import math

import torch

from classroom.turns.registry import attempted, exercise, wrong
from helpers.family import bert, scores, vision
from helpers.family.encoder import EncoderConfig


def _needs_shape(found, shape):
    if not isinstance(found, torch.Tensor) or tuple(found.shape) != shape:
        kind = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        wrong(f"return a tensor {shape}; yours is {kind}")


def _same(found, expected):
    return torch.allclose(found.float(), expected.float(), rtol=1e-4, atol=1e-5)


def _angles(length, size):
    speeds = 10_000 ** (-torch.arange(0, size, 2) / size)
    return torch.outer(torch.arange(length).float(), speeds)


@exercise("10.1", "The sines of 2017")
def the_sines(positions):
    found = attempted(positions(6, 8))
    _needs_shape(found, (6, 8))
    angles = _angles(6, 8)
    right = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
    if _same(found, torch.cat([angles.sin(), angles.cos()], dim=-1)):
        wrong("sines and cosines alternate in the paper: dimension 0 is a sine, 1 its cosine")
    if _same(found, torch.stack([angles.cos(), angles.sin()], dim=-1).flatten(1)):
        wrong("even dimensions are sines, odd ones cosines")
    slow = torch.outer(torch.arange(6).float(), 10_000 ** (-torch.arange(8) / 8))
    if _same(found, torch.where(torch.arange(8) % 2 == 0, slow.sin(), slow.cos())):
        wrong("a sine and the cosine after it share one speed: use 2i, the even number, for both")
    if _same(found[1:], right[:-1]) or _same(found[:-1], right[1:]):
        wrong("positions count from 0")
    for length, size in ((6, 8), (1, 2), (50, 16)):
        angles = _angles(length, size)
        right = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
        found = positions(length, size)
        _needs_shape(found, (length, size))
        if not _same(found, right):
            wrong(
                f"it differs for {length} positions of size {size}, first in {_first(found, right)}"
            )
    return "nothing to learn, and a vector for every position, also beyond the longest text."


def _first(found, right):
    row, column = ((found - right).abs() > 1e-4).nonzero()[0].tolist()
    return f"position {row}, dimension {column}"


@exercise("10.2", "How probable does BERT find a text?")
def pseudo_log_likelihood(score):
    torch.manual_seed(0)
    model = bert.MaskedLanguageModel(EncoderConfig(20, 16, 16, 4, 2, 32, 1)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    for ids in (
        torch.tensor([4, 7, 9, 3]),
        torch.tensor([1, 2]),
        torch.tensor([4, 5, 5, 6, 7, 8, 2]),
    ):
        before = ids.clone()
        found = attempted(score(model, ids, 19))
        if not torch.equal(ids, before):
            wrong("it changes the ids that it is given; hide the token in a copy")
        found = float(found)
        each = scores.one_by_one(model, ids, 19)
        right = each.sum().item()
        if math.isclose(found, right, rel_tol=1e-4):
            continue
        seen = scores.visible(model, ids)
        all_hidden = torch.cat([ids[:1], torch.full((len(ids) - 1,), 19)])
        at_once = model(all_hidden[None])[0].log_softmax(-1)[range(1, len(ids)), ids[1:]]
        first = scores.fill(model, ids, torch.tensor([0]), 19)[0, ids[0]].item()
        explained = {
            seen.sum().item(): "the tokens are visible: hide each one while you ask for it",
            at_once.sum().item(): "all are hidden at once: hide one at a time",
            each.mean().item(): "add the log-probabilities, do not average them",
            right + first: "leave out the first token, which is the end of the text before",
            each.exp().sum().item(): "add logarithms, not probabilities",
        }
        for value, said in explained.items():
            if math.isclose(found, value, rel_tol=1e-4):
                wrong(said)
        wrong(f"for a text of {len(ids)} tokens it gives {found:.4f}, and should give {right:.4f}")
    return "one pass per word: BERT can compare two texts, but it pays for it."


@exercise("10.3", "A picture put together again")
def put_together(together):
    torch.manual_seed(0)
    picture = torch.arange(16.0).reshape(1, 4, 4)
    found = attempted(together(vision.patches(picture, 2), 2, 4, 4))
    _needs_shape(found, (1, 4, 4))
    if torch.equal(found, vision.patches(picture, 2).reshape(1, 4, 4)):
        wrong("the patches lie one after the other: bring their rows side by side first")
    if torch.equal(found, picture.mT):
        wrong("the picture is transposed: height and width are exchanged")
    for shape, size in (((2, 6, 4), 2), ((1, 4, 6), 2), ((3, 6, 9), 3), ((1, 4, 4), 4)):
        pictures = torch.randn(*shape)
        found = together(vision.patches(pictures, size), size, *shape[1:])
        _needs_shape(found, shape)
        if not torch.equal(found, pictures):
            wrong(
                f"it differs for {shape[0]} pictures of {shape[1]} by {shape[2]}, patches of {size}"
            )
    return "cutting loses nothing: the patches hold the whole picture."
