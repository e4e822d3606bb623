"""The turns of notebook 05: attention, from dot products to many heads, and without the table.

Shapes: B sequences, T tokens that look, S tokens looked at, C embedding dimensions, H heads,
D = C / H dimensions per head.
"""

import torch
import torch._dynamo  # the checks need it, and it loads slowly: not within their time limit
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from classroom.turns.layer_checks import needs_any_device, needs_dropout_of_weights
from classroom.turns.registry import wrong
from classroom.turns.turn import Turns
from helpers import attention as package
from helpers.config import GPTConfig

TURNS = Turns("05")
your_turn = TURNS.your_turn

# The course's versions


def attention_scores(queries, keys):
    return queries @ keys.transpose(-2, -1)


def softmax(scores):
    powers = torch.exp(scores - scores.max(dim=-1, keepdim=True).values)
    return powers / powers.sum(dim=-1, keepdim=True)


def self_attention(x, weight_query, weight_key, weight_value):
    queries, keys, values = x @ weight_query, x @ weight_key, x @ weight_value
    scores = attention_scores(queries, keys) / keys.shape[-1] ** 0.5
    return softmax(scores) @ values


def causal_mask(query_length, key_length):
    positions = torch.arange(key_length)
    return positions <= positions[key_length - query_length :, None]


def attend(queries, keys, values, mask=None):
    scores = attention_scores(queries, keys) / keys.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = softmax(scores)
    return weights @ values, weights


def split_heads(x, n_heads):
    return x.unflatten(-1, (n_heads, -1)).transpose(1, 2)


def join_heads(x):
    return x.transpose(1, 2).flatten(2)


class MultiHeadAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.n_heads, self.dropout = config.n_heads, config.dropout
        width, bias = config.embedding_dim, config.qkv_bias
        self.query = nn.Linear(width, width, bias=bias)
        self.key = nn.Linear(width, width, bias=bias)
        self.value = nn.Linear(width, width, bias=bias)
        self.output = nn.Linear(width, width)

    def forward(self, x):
        layers = (self.query, self.key, self.value)
        queries, keys, values = (split_heads(layer(x), self.n_heads) for layer in layers)
        context = F.scaled_dot_product_attention(
            queries, keys, values, dropout_p=self.dropout * self.training, is_causal=True
        )
        return self.output(join_heads(context))


def attention_weights(layer, x):
    queries = split_heads(layer.query(x), layer.n_heads)
    keys = split_heads(layer.key(x), layer.n_heads)
    mask = causal_mask(x.shape[1], x.shape[1]).to(x.device)
    return attend(queries, keys, keys, mask)[1]


def attend_in_blocks(query, keys, values, block):
    largest, total, mixture = -torch.inf, 0.0, 0.0
    for some_keys, some_values in zip(keys.split(block), values.split(block), strict=True):
        scores = some_keys @ query / len(query) ** 0.5
        new_largest = scores.max().clamp(min=largest)
        shrink = torch.exp(largest - new_largest)
        powers = torch.exp(scores - new_largest)
        total = total * shrink + powers.sum()
        mixture = mixture * shrink + powers @ some_values
        largest = new_largest
    return mixture / total


# The checks


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _gradient(function, x):
    """The slope of a weighted sum of what `function` gives, with respect to x."""
    x = x.clone().requires_grad_()
    result = function(x)
    if not isinstance(result, torch.Tensor) or not result.requires_grad:
        return torch.full_like(x, torch.nan)
    return torch.autograd.grad((result * _random(*result.shape, seed=9)).sum(), x)[0]


@TURNS.turn(attention_scores)
def check_attention_scores(trial):
    queries = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    keys = torch.tensor([[1.0, 2.0], [3.0, 0.0]])
    trial.close(
        queries,
        keys,
        gives=torch.tensor([[1.0, 3.0], [4.0, 0.0], [3.0, 3.0]]),
        why="row i, column j is the dot product of query i and key j",
        mistakes=[
            (keys @ queries.T, "each row belongs to one query, each column to one key"),
            (queries @ keys, "multiply by the keys transposed, so that rows meet rows"),
            (queries @ keys.T / 2**0.5, "no division yet; its reason comes in lecture 15"),
            ((queries @ keys.T).softmax(-1), "these are weights; softmax is the next step"),
        ],
    )
    queries, keys = _random(2, 2, 2), _random(2, 2, 2, seed=1)
    trial.close(
        queries,
        keys,
        gives=queries @ keys.mT,
        why="with a batch in front, each text has its own table",
        mistakes=[
            (
                queries @ keys.permute(2, 1, 0),
                ".T turns all dimensions around, the batch too; swap the last two only",
            )
        ],
    )
    queries, keys = _random(2, 3, 4, 5), _random(2, 3, 6, 5, seed=1)
    trial.close(
        queries, keys, gives=queries @ keys.mT, why="any number of dimensions may be in front"
    )


@TURNS.turn(softmax)
def check_softmax(trial):
    scores = torch.tensor([1.0, 2.0, 3.0])
    trial.close(
        scores,
        gives=scores.softmax(-1),
        why="each weight is e to its score, divided by the sum",
        mistakes=[
            (scores.exp(), "divide by the sum, so that the weights sum to 1"),
            (scores / scores.sum(), "raise e to the scores first; scores may be negative"),
            (scores.log_softmax(-1), "this is its logarithm"),
        ],
    )
    table = torch.tensor([[0.0, 1.0, 2.0], [3.0, 3.0, 3.0]])
    trial.close(
        table,
        gives=table.softmax(-1),
        why="each row is shared out alone",
        mistakes=[
            (table.softmax(0), "the columns sum to 1; each row belongs to one query, so dim=-1"),
            (table.exp() / table.exp().sum(), "the whole table sums to 1; each row should"),
        ],
    )
    trial.close(
        _random(2, 3, 4, 5),
        gives=_random(2, 3, 4, 5).softmax(-1),
        why="it works along the last dimension, whatever is in front",
    )
    large = torch.tensor([[1000.0, 1001.0], [0.0, 1.0]])
    nan_row = torch.tensor([[torch.nan] * 2, large[1].softmax(-1).tolist()])
    trial.close(
        large,
        gives=large.softmax(-1),
        why="a large score in one row must not spoil another; subtract each row's own largest",
        mistakes=[
            (nan_row, "e to the power of 1000 is inf; subtract each row's largest score first")
        ],
        tolerance=1e-3,
    )
    small = torch.tensor([-1000.0, -1001.0])
    trial.close(
        small,
        gives=small.softmax(-1),
        why="where all scores are far below 0 every power is 0; subtract the largest, whatever it is",
        tolerance=1e-3,
    )
    trial.close(
        torch.tensor([[0.0, -torch.inf, 0.0]]),
        gives=torch.tensor([[0.5, 0.0, 0.5]]),
        why="a score of minus infinity is a forbidden key, with weight 0; lecture 16 needs it",
    )
    before = torch.tensor([1.0, 2.0])
    trial.call(before)
    trial.that(before.tolist() == [1.0, 2.0], "it changes the scores that it is given")
    trial.same(
        _gradient(trial.attempt, _random(2, 3)),
        _gradient(lambda x: x.softmax(-1), _random(2, 3)),
        "the gradient of softmax",
        "attention learns through it; keep to tensor operations, without detach, item or no_grad",
    )


BY_TWO = "you divide by √2, whatever the size of a key: use keys.shape[-1]"


@TURNS.turn(self_attention)
def check_self_attention(trial):
    x = torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0], [2.0, 1.0, 0.0]])
    given = x, *(_random(3, 2, seed=seed) for seed in (1, 2, 3))
    q, k, v = (x @ matrix for matrix in given[1:])

    def mixed(scores, values=v):
        return scores.softmax(-1) @ values

    trial.close(
        *given,
        gives=mixed(q @ k.T / 2**0.5),
        why="the context is softmax(q kᵀ / √D) v",
        mistakes=[
            (mixed(q @ k.T), "divide the scores by the square root of D"),
            (mixed(q @ k.T / 2), "divide by the square root of D, not by D"),
            (mixed(q @ k.T / 3**0.5), "D is the size of a key; you divide by the root of C"),
            (mixed(q @ k.T) / 2**0.5, "divide the scores before softmax, not the result"),
            (mixed(q @ k.T / 2**0.5, x), "mix the values, not the inputs"),
            (mixed(q @ k.T / 2**0.5, k), "mix the values: keys are only for being found"),
            (mixed(k @ q.T / 2**0.5), "queries and keys have changed places; rows are queries"),
            ((q @ k.T / 2**0.5).softmax(0) @ v, "each row of the weights must sum to 1"),
        ],
    )
    x = _random(2, 4, 3, seed=4)
    parts = [x @ matrix for matrix in given[1:]]
    trial.close(
        x,
        *given[1:],
        gives=F.scaled_dot_product_attention(*parts),
        why="with a batch in front, each text looks at itself only",
    )
    wide = _random(3, 5, seed=5)
    trial.close(
        x,
        *given[1:3],
        wide,
        gives=F.scaled_dot_product_attention(*parts[:2], x @ wide),
        why="values may have another size than keys; D is that of the keys",
    )
    given = x, *(_random(3, 5, seed=seed) for seed in (6, 7, 8))
    q, k, v = (x @ matrix for matrix in given[1:])
    trial.close(
        *given,
        gives=mixed(q @ k.mT / 5**0.5, v),
        why="keys may have any size, and D is that size",
        mistakes=[(mixed(q @ k.mT / 2**0.5, v), BY_TWO)],
    )


def _needs_mask(trial, query_length, key_length):
    found = trial.call(query_length, key_length)
    call = f"causal_mask({query_length}, {key_length})"
    if found is None:
        wrong(f"{call} returned None: is there a return?")
    trial.that(
        isinstance(found, torch.Tensor) and found.dtype == torch.bool,
        f"{call} holds {getattr(found, 'dtype', type(found).__name__)}, and should hold True and "
        "False: ~ turns a mask around, and that needs truth values",
    )
    return found, call


@TURNS.turn(causal_mask)
def check_causal_mask(trial):
    found, call = _needs_mask(trial, 3, 3)
    right = package.causal_mask(3, 3)
    trial.same(
        found.int() if found.shape == right.shape else found,
        right.int(),
        call,
        "each query sees itself and everything before it",
        mistakes=[
            (right.T.int(), "it is upside down: no token may look ahead"),
            ((~right).int(), "True and False have changed places: True is 'may look'"),
            (
                (right & ~torch.eye(3, dtype=torch.bool)).int(),
                "a token must see itself; else the first has nothing to look at, which gives NaN",
            ),
        ],
    )
    found, call = _needs_mask(trial, 2, 4)
    trial.same(
        found.int(),
        package.causal_mask(2, 4).int(),
        call,
        "the last of 2 queries belongs to the last of 4 keys and sees all, the one before it 3",
        mistakes=[
            (
                torch.ones(2, 4).tril().int(),
                "the last query belongs to the last key: two older tokens come before both",
            )
        ],
    )
    for lengths in ((1, 5), (1, 1), (3, 8)):
        found, call = _needs_mask(trial, *lengths)
        trial.same(found.int(), package.causal_mask(*lengths).int(), call, "the rule is the same")


@TURNS.turn(attend)
def check_attend(trial):
    queries = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    keys = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    values = torch.tensor([[1.0], [2.0], [4.0]])
    right = package.attend(queries, keys, values)
    undivided = (queries @ keys.T).softmax(-1)
    trial.close(
        queries,
        keys,
        values,
        gives=right,
        why="without a mask it is softmax(q kᵀ / √D) v, and the weights beside it",
        mistakes=[
            (right[::-1], "return the context first, then the weights"),
            (right[0], "return two things: the context and the weights"),
            ((undivided @ values, undivided), "divide the scores by the square root of D"),
        ],
    )
    mask = package.causal_mask(3, 3)
    scores = queries @ keys.T / 2**0.5
    zeros = scores.masked_fill(~mask, 0.0).softmax(-1)
    later, turned = right[1] * mask, package.attend(queries, keys, values, mask.T)
    trial.close(
        queries,
        keys,
        values,
        mask,
        gives=package.attend(queries, keys, values, mask),
        why="a score where the mask is False becomes -inf before softmax",
        mistakes=[
            (
                right,
                "the mask is not used: tokens look ahead (masked_fill gives a new tensor)",
            ),
            (turned, "the mask is transposed: rows are queries, columns are keys"),
            (
                package.attend(queries, keys, values, ~mask),
                "True is where a query may look; forbid where the mask is False, ~mask",
            ),
            ((zeros @ values, zeros), "e to the power of 0 is 1: the future leaks in; use -inf"),
            (
                (later @ values, later),
                "the rows no longer sum to 1; forbid the scores, before softmax",
            ),
        ],
    )
    _attend_with_any_mask(trial, queries, keys, values, mask)


def _attend_with_any_mask(trial, queries, keys, values, mask):
    some = torch.tensor([[True, False, True], [False, True, True], [True, True, False]])
    trial.close(
        queries,
        keys,
        values,
        some,
        gives=package.attend(queries, keys, values, some),
        why="a mask need not be causal: what is False in it is forbidden, and nothing else",
    )
    heads = _random(2, 3, 4, 5), _random(2, 3, 6, 5, seed=1), _random(2, 3, 6, 2, seed=2)
    longer = package.causal_mask(4, 6)
    trial.close(
        *heads,
        longer,
        gives=package.attend(*heads, longer),
        why="it works for any dimensions in front, and for more keys than queries",
        mistakes=[(package.attend(heads[0] * (5 / 2) ** 0.5, *heads[1:], longer), BY_TWO)],
    )

    given = {"queries": queries, "keys": keys, "values": values}
    for name, tensor in given.items():

        def of(function, name=name):
            return lambda x: function(**(given | {name: x}), mask=mask)[0]

        trial.same(
            _gradient(of(trial.attempt), tensor),
            _gradient(of(package.attend), tensor),
            f"the gradient of attend at the {name}",
            "queries, keys and values learn through it; keep to tensor operations, without detach",
        )


@TURNS.turn(split_heads)
def check_split_heads(trial):
    x = torch.tensor([[[11, 12, 13, 14], [21, 22, 23, 24], [31, 32, 33, 34]]])
    trial.close(
        x,
        2,
        gives=torch.tensor([[[[11, 12], [21, 22], [31, 32]], [[13, 14], [23, 24], [33, 34]]]]),
        why="head 1 has the first two columns of all tokens, head 2 the last two",
        mistakes=[
            (
                x.view(1, 2, 3, 2),
                "the shape is right, but a head holds halves of different tokens: cut, then swap",
            ),
            (x.view(1, 3, 2, 2), "swap T and H after the cut: the shape is (B, H, T, D)"),
            (
                x.view(1, 3, 2, 2).permute(0, 3, 1, 2),
                "each head takes every other column; a head has neighboring columns",
            ),
        ],
    )
    for shape, n_heads in (((2, 5, 12), 3), ((3, 2, 4), 4), ((2, 3, 4), 1), ((1, 1, 6), 2)):
        x = _random(*shape)
        right = x.view(*shape[:2], n_heads, -1).transpose(1, 2)
        trial.close(
            x, n_heads, gives=right, why=f"(B, T, C) = {shape} with {n_heads} heads is cut so"
        )


@TURNS.turn(join_heads)
def check_join_heads(trial):
    x = torch.tensor([[[[11, 12], [21, 22], [31, 32]], [[13, 14], [23, 24], [33, 34]]]])
    trial.close(
        x,
        gives=torch.tensor([[[11, 12, 13, 14], [21, 22, 23, 24], [31, 32, 33, 34]]]),
        why="each token gets the results of its heads side by side",
        mistakes=[
            (x.reshape(1, 3, 4), "tokens are mixed up: swap H and T back before you join"),
            (
                x.permute(0, 2, 3, 1).flatten(2),
                "the heads alternate; head 1 comes first, whole, then head 2",
            ),
            (x.transpose(1, 2), "join the last two dimensions: (B, T, H, D) is (B, T, C)"),
        ],
    )
    for shape in ((2, 3, 5, 4), (3, 4, 2, 1), (2, 1, 3, 4)):
        x = _random(*shape)
        trial.close(
            x, gives=torch.cat(x.unbind(1), dim=-1), why=f"{shape} is joined head after head"
        )


SMALL = GPTConfig(9, 8, embedding_dim=6, n_heads=2, n_layers=1, dropout=0.0, qkv_bias=False)
DROPPING = GPTConfig(9, 64, embedding_dim=6, n_heads=2, n_layers=1, dropout=0.5)
WIDER = GPTConfig(9, 8, embedding_dim=8, n_heads=4, n_layers=1, dropout=0.0)


def _in_heads(x, weights, way, scale=1.0):
    """A forward pass up to the joining, with the weights of a layer and something changed."""
    q, k, v = (split_heads(part, 2) for part in _projected(x, weights))
    return way(q * scale, k, v)


def _projected(x, weights):
    return [x @ weights[f"{name}.weight"].T for name in ("query", "key", "value")]


def _viewed(x, weights):
    """Queries, keys and values cut into two heads without the swap: halves of different tokens."""
    return [part.view(len(x), 2, x.shape[1], -1) for part in _projected(x, weights)]


def _wrong_layers(x, state):
    """What typical mistakes give on x, with the weights of a layer."""

    def out(context):
        return F.linear(context, state["output.weight"], state["output.bias"])

    def with_mask(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    return [
        (
            out(join_heads(_in_heads(x, state, F.scaled_dot_product_attention))),
            "there is no causal mask: tokens look ahead",
        ),
        (
            join_heads(_in_heads(x, state, with_mask)),
            "the output layer is not used: the heads' results are never mixed",
        ),
        (
            out(join_heads(_in_heads(x, state, with_mask, scale=3**0.5))),
            "divide the scores by the square root of D, the size of one head",
        ),
        (
            out(join_heads(_in_heads(x, state, with_mask, scale=(3 / 6) ** 0.5))),
            "D is the size of one head; you divide by the root of C",
        ),
        (
            out(join_heads(_in_heads(x, state, lambda q, k, v: with_mask(k, q, v)))),
            "queries and keys have changed places",
        ),
        (
            out(join_heads(with_mask(*_viewed(x, state)))),
            "use split_heads: a view cuts heads out of different tokens",
        ),
        (
            out(with_mask(*_projected(x, state))),
            "split into heads first: this is one head of size C",
        ),
        (
            out(_in_heads(x, state, with_mask).reshape(2, 5, 6)),
            "use join_heads: a plain reshape mixes up the tokens",
        ),
    ]


@TURNS.turn(MultiHeadAttention)
def check_multi_head_attention(trial):
    _check_names(trial)
    layer, reference = _with_equal_weights(trial, SMALL)
    state, x = reference.state_dict(), _random(2, 5, 6)
    trial.close(
        x,
        gives=reference(x).detach(),
        why="with the weights of helpers' class it must give the same",
        mistakes=_wrong_layers(x, state),
        function=layer,
        name="layer",
    )
    trial.close(
        x[:1, :1],
        gives=reference(x[:1, :1]).detach(),
        why="a text may have a single token",
        function=layer,
        name="layer",
    )
    trial.same(
        _gradient(layer, x),
        _gradient(reference, x),
        "the gradient of the layer",
        "training goes through it; keep to tensor operations",
    )
    _check_learning(trial, layer, reference, x)
    _check_other_sizes(trial)
    needs_dropout_of_weights(trial, trial.call(DROPPING), DROPPING.n_heads)
    layer = trial.call(SMALL).to("meta")
    needs_any_device(trial, lambda: layer(torch.zeros(1, 3, 6, device="meta")))


def _with_equal_weights(trial, config):
    """The learner's layer and helpers' with the same weights, doubled so that softmax is not flat."""
    torch.manual_seed(0)
    reference = package.MultiHeadAttention(config).eval()
    state = {name: 2 * tensor for name, tensor in reference.state_dict().items()}
    reference.load_state_dict(state)
    layer = trial.call(config).eval()
    layer.load_state_dict(state)
    return layer, reference


def _check_learning(trial, layer, reference, x):
    """Every parameter gets the gradient that it gets in helpers' class."""
    for module in (layer, reference):
        (module(x) * _random(2, 5, 6, seed=9)).sum().backward()
    for name, parameter in reference.named_parameters():
        found = layer.get_parameter(name).grad
        trial.that(found is not None, f"{name} gets no gradient, so it cannot learn")
        trial.same(found, parameter.grad, f"the gradient of {name}", "all four layers learn")


def _check_names(trial):
    for config in (SMALL, DROPPING):
        layer = trial.call(config)
        trial.that(isinstance(layer, nn.Module), "it must be an nn.Module")
        right = {
            n: tuple(p.shape) for n, p in package.MultiHeadAttention(config).named_parameters()
        }
        found = {n: tuple(t.shape) for n, t in layer.state_dict().items()}
        kept = [name for name, _ in layer.named_buffers() if name in found and name not in right]
        trial.that(
            not kept,
            f"{kept[0] if kept else ''} is a buffer that would be saved among the weights, and "
            "trained ones hold none; with persistent=False it stays out of them",
        )
        different = sorted(set(right.items()) ^ set(found.items()))
        trial.that(
            not different,
            f"with qkv_bias={config.qkv_bias} its weights must be those of helpers' class, so that "
            f"trained ones can be loaded; {different[0][0] if different else ''} is "
            f"{found.get(different[0][0], 'missing') if different else ''} in yours and "
            f"{right.get(different[0][0], 'not there') if different else ''} in helpers",
        )
    trial.that(
        getattr(layer, "n_heads", None) == 2,
        "keep the number of heads in self.n_heads: the next turn asks the layer for it",
    )


def _check_other_sizes(trial):
    """Sizes come from the config: another width, more heads, and biases."""
    layer, reference = _with_equal_weights(trial, WIDER)
    x = _random(2, 5, 8)
    trial.close(
        x,
        gives=reference(x).detach(),
        why="with 4 heads of size 2 and with biases it must work too: take sizes from the config",
        function=layer,
        name="layer",
    )


@TURNS.turn(attention_weights)
def check_attention_weights(trial):
    layer, reference = _two_layers(SMALL)
    x = _random(2, 5, 6)
    q, k, _ = reference.project(x)
    right = reference.weights(x).detach()
    trial.close(
        layer,
        x,
        gives=right,
        why="they are the weights that attend returns, for each head",
        mistakes=[
            ((q @ k.mT / 3**0.5).softmax(-1).detach(), "the causal mask is missing"),
            (
                package.attend(3**0.5 * q, k, k, package.causal_mask(5, 5))[1].detach(),
                "divide the scores by the square root of D, the size of one head",
            ),
            (
                package.attend(q, q, q, package.causal_mask(5, 5))[1].detach(),
                "compare queries with keys, not with themselves",
            ),
            (right.mean(dim=1), "keep the heads apart: (B, H, T, T)"),
            (package.attend(q, k, k, package.causal_mask(5, 5))[0].detach(), "this is the context"),
            (
                package.attend(k, q, q, package.causal_mask(5, 5))[1].detach(),
                "queries and keys have changed places",
            ),
            (
                package.attend(layer.query(x), layer.key(x), x, package.causal_mask(5, 5))[
                    1
                ].detach(),
                "split the queries and keys into heads first",
            ),
        ],
    )
    layer, reference = _two_layers(WIDER)
    x = _random(3, 4, 8)
    trial.close(
        layer, x, gives=reference.weights(x).detach(), why="the layer says how many heads it has"
    )


def _two_layers(config):
    """A layer of this notebook, which has no method `weights`, and the package's, equal."""
    torch.manual_seed(0)
    layer, reference = MultiHeadAttention(config), package.MultiHeadAttention(config)
    reference.load_state_dict(layer.state_dict())
    return layer, reference


class _Watch(TorchDispatchMode):
    """Watches operations on keys and values: how many keys were used before their values.

    Each number of a key, and of every copy of it, carries its row; those of values follow after.
    """

    COPIES = ("clone", "_to_copy", "index", "index_select", "gather", "cat", "stack", "copy")

    def __init__(self, keys, values):
        super().__init__()
        rows = torch.arange(len(keys))
        self.n_keys, self.used, self.waiting = len(keys), set(), 0
        self.rows, self.alive = {}, []
        for tensor, first in ((keys, 0), (values, len(keys))):
            self._follow(tensor, (rows + first).repeat_interleave(tensor.shape[1]))

    def _follow(self, tensor, rows):
        self.rows[tensor.untyped_storage().data_ptr()] = rows
        self.alive.append(tensor)

    def _rows_of(self, thing):
        if isinstance(thing, (list, tuple)):
            return type(thing)(map(self._rows_of, thing))
        if isinstance(thing, torch.Tensor):
            rows = self.rows.get(thing.untyped_storage().data_ptr())
            if rows is not None:
                return rows.as_strided(thing.size(), thing.stride(), thing.storage_offset())
        return thing

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        rows = self._rows_of(args)
        if func.is_view or func.overloadpacket.__name__ in ("detach", "unsafe_split"):
            return result
        if func.overloadpacket.__name__ in self.COPIES:
            if any(new is not old for new, old in zip(_flat(rows), _flat(args), strict=True)):
                copied = func(*rows)
                self._follow(result, copied.flatten())
            return result
        for new, old in zip(_flat(rows), _flat(args), strict=True):
            if new is not old:
                self._use(new)
        return result

    def _use(self, rows):
        self.used |= set(rows.flatten().tolist())
        keys = {row for row in self.used if row < self.n_keys}
        values = {row - self.n_keys for row in self.used if row >= self.n_keys}
        self.waiting = max(self.waiting, len(keys - values))


def _flat(things):
    for thing in things:
        yield from _flat(thing) if isinstance(thing, (list, tuple)) else [thing]


@TURNS.turn(attend_in_blocks)
def check_attend_in_blocks(trial):
    query, keys, values = _random(3), _random(10, 3, seed=1), _random(10, 2, seed=2)
    _check_one_block(trial, query, keys[:4], values[:4])
    rising = torch.ones(3), torch.linspace(0, 6, 8)[:, None] * torch.ones(8, 3), values[:8]
    trial.close(
        *rising,
        2,
        gives=_exact(*rising),
        why="when a later block brings a larger score, shrink the old sum and the old mixture by "
        "e to the power of (old largest - new largest)",
    )
    falling = rising[0], rising[1].flip(0), rising[2]
    trial.close(
        *falling,
        2,
        gives=_exact(*falling),
        why="here the first block has the largest score, and it stays the largest",
    )
    trial.close(
        query,
        keys,
        values,
        4,
        gives=_exact(query, keys, values),
        why="10 keys in blocks of 4 leave a last block of 2, which counts too",
        mistakes=[(_exact(query, keys[:8], values[:8]), "the last, shorter block is left out")],
    )
    for factor, what in ((200, "large"), (-200, "large negative")):
        given = query.abs() * factor, keys.abs() + 1, values
        trial.close(
            *given,
            4,
            gives=_exact(*given),
            why=f"{what} scores overflow or vanish: subtract the largest score so far, which is "
            "-inf at the start, before the exponential",
        )
    _check_count(trial, query)


def _exact(query, keys, values):
    return package.attend(query[None], keys, values)[0][0]


def _check_one_block(trial, *given):
    """All keys are in a single block."""
    query, keys, values = given
    trial.close(
        *given,
        4,
        gives=_exact(*given),
        why="already one block alone differs from attend",
        mistakes=[
            ((keys @ query).softmax(-1) @ values, "divide the scores by √D"),
            (
                (keys @ query / 2).softmax(-1) @ values,
                "D is the size of the query, here 3; you divide by the root of the block, 4",
            ),
            (_unfinished(*given), "divide the mixture by the sum of the powers at the end"),
        ],
    )
    query, keys = _random(5, seed=5), _random(4, 5, seed=6)
    trial.close(
        query,
        keys,
        values,
        4,
        gives=_exact(query, keys, values),
        why="the query may have any size",
        mistakes=[
            (
                (keys @ query / 3**0.5).softmax(-1) @ values,
                "you divide by √3, whatever the size of the query: use len(query)",
            )
        ],
    )


def _check_count(trial, query):
    for n_keys, block in ((40, 4), (7, 3), (5, 8), (3, 1)):
        keys, values = _random(n_keys, 3, seed=3), _random(n_keys, 2, seed=4)
        with _Watch(keys, values) as watch:
            found = trial.call(query, keys, values, block)
        call = f"attend_in_blocks(query, keys, values, {block}) with {n_keys} keys"
        trial.same(found, _exact(query, keys, values), call, "it must equal attend")
        trial.that(
            len(watch.used) == 2 * n_keys,
            f"{call} does not work on the tensors themselves, so its scores cannot be counted",
        )
        trial.that(
            watch.waiting <= block,
            f"{call} had scored {watch.waiting} keys before it used their values; at most {block} "
            "may wait: go through the blocks once, and take keys and values together",
        )


def _unfinished(query, keys, values):
    scores = keys @ query / len(query) ** 0.5
    return (scores - scores.max()).exp() @ values
