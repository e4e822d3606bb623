"""The matrix products of a training step and nothing else: what no step can be faster than.

Each is made in the way that `helpers.fast.products` takes here. Their inputs lie ready, and results go
where memory was taken before, but for those of a convolution. Everything else that a step does, from
normalizing to the optimizer, is left out.
"""

import torch

from benchmarks._speed import DTYPES
from helpers.fast.products import by_convolution, convolution_pays

NAME = "the matrix products alone"


def products_alone(config, batch_size, precision, device="cpu"):
    """A function that makes the products of one step: forward, then twice as many backward.

    Query, key and value are one product, as the quickest programs have it.
    """
    width, length = config.embedding_dim, config.context_length
    rows, heads = batch_size * length, batch_size * config.n_heads

    def matrix(*shape):
        return torch.randn(shape, device=device).to(DTYPES[precision])

    block = [(width, 3 * width), (width, width), (width, 4 * width), (4 * width, width)]
    layers = [_layer(matrix, rows, *shape) for shape in block]
    head = _layer(matrix, rows, width, config.vocab_size)
    scores, vectors = matrix(2, heads, length, length), matrix(7, heads, length, config.head_dim)

    def step():
        for _ in range(config.n_layers):
            for layer in layers:
                _of_layer(*layer)
            _of_attention(*scores, *vectors)
        _of_layer(*head)

    return step


def _layer(matrix, rows, n_in, n_out):
    """A layer's input, weight and output, and room for the gradients of the first two."""
    shapes = (rows, n_in), (n_in, n_out), (rows, n_out), (rows, n_in), (n_in, n_out)
    return [matrix(*shape) for shape in shapes]


def _of_layer(x, weight, y, for_x, for_weight):
    if x.device.type == "cpu" and convolution_pays(len(x), weight.T, x.dtype, has_bias=False):
        turned = weight.T.requires_grad_()
        torch.autograd.grad(by_convolution(x.requires_grad_(), turned), (x, turned), y)
        return
    torch.mm(x, weight, out=y)
    torch.mm(y, weight.T, out=for_x)
    torch.mm(x.T, y, out=for_weight)


def _of_attention(scores, for_scores, queries, keys, values, context, for_q, for_k, for_v):
    torch.bmm(queries, keys.mT, out=scores)
    torch.bmm(scores, values, out=context)
    torch.bmm(scores.mT, context, out=for_v)
    torch.bmm(context, values.mT, out=for_scores)
    torch.bmm(for_scores, keys, out=for_q)
    torch.bmm(for_scores.mT, queries, out=for_k)
