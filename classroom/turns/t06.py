"""The turns of notebook 06: GPT-2 from layer normalization to a whole model that writes.

Shapes: B sequences, T new tokens, S tokens so far, C embedding dimensions, H heads, D = C / H.
"""

import contextlib
import math
from dataclasses import replace
from types import SimpleNamespace
from unittest import mock

import torch
from torch import nn
from torch.nn import functional as F

from classroom.turns.layer_checks import needs_any_device, needs_dropout_of_weights
from classroom.turns.turn import Turns
from helpers import attention, generate, kv_cache, layers, model
from helpers.config import PRESETS


class MultiHeadAttention(nn.Module):
    """What the reader wrote in notebook 05, ready to be handed a cache."""

    def __init__(self, config):
        super().__init__()
        width = config.embedding_dim
        self.n_heads, self.dropout = config.n_heads, config.dropout
        self.query = nn.Linear(width, width, bias=config.qkv_bias)
        self.key = nn.Linear(width, width, bias=config.qkv_bias)
        self.value = nn.Linear(width, width, bias=config.qkv_bias)
        self.output = nn.Linear(width, width)

    def forward(self, x, cache=None, layer=0):  # the last two come in lecture 25
        queries, keys, values = (
            part(x).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)  # (B, H, T, D)
            for part in (self.query, self.key, self.value)
        )
        dropout = self.dropout if self.training else 0.0
        context = F.scaled_dot_product_attention(
            queries, keys, values, dropout_p=dropout, is_causal=True
        )
        return self.output(context.transpose(1, 2).flatten(2))  # (B, T, C)


TURNS = Turns("06", given={"MultiHeadAttention": MultiHeadAttention})
your_turn = TURNS.your_turn

# The course's versions


class LayerNorm(nn.Module):
    def __init__(self, embedding_dim, epsilon=1e-5):
        super().__init__()
        self.epsilon = epsilon
        self.scale = nn.Parameter(torch.ones(embedding_dim))
        self.shift = nn.Parameter(torch.zeros(embedding_dim))

    def forward(self, x):
        mean = x.mean(dim=-1, keepdim=True)
        variance = x.var(dim=-1, keepdim=True, unbiased=False)
        return self.scale * (x - mean) / torch.sqrt(variance + self.epsilon) + self.shift


def gelu(x):
    inside = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + torch.tanh(inside))


class FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.expand = nn.Linear(config.embedding_dim, 4 * config.embedding_dim)
        self.project = nn.Linear(4 * config.embedding_dim, config.embedding_dim)

    def forward(self, x):
        return self.project(gelu(self.expand(x)))


class TransformerBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.norm_attention = LayerNorm(config.embedding_dim)
        self.attention = MultiHeadAttention(config)
        self.norm_feed_forward = LayerNorm(config.embedding_dim)
        self.feed_forward = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x, cache=None, layer=0):
        x = x + self.dropout(self.attention(self.norm_attention(x), cache, layer))
        return x + self.dropout(self.feed_forward(self.norm_feed_forward(x)))


def initialize(model, n_layers):
    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, nn.Embedding)):
            adds = name.endswith(("attention.output", "feed_forward.project"))
            nn.init.normal_(module.weight, std=0.02 / math.sqrt(2 * n_layers) if adds else 0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.embedding_dim)
        self.position_embedding = nn.Embedding(config.context_length, config.embedding_dim)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config.n_layers))
        self.final_norm = LayerNorm(config.embedding_dim)
        self.output_head = nn.Linear(config.embedding_dim, config.vocab_size, bias=False)
        initialize(self, config.n_layers)
        if config.tie_weights:
            self.output_head.weight = self.token_embedding.weight

    def forward(self, token_ids, cache=None):
        return self.output_head(self.hidden_states(token_ids, cache))


def hidden_states(self, token_ids, cache=None):
    past = 0 if cache is None else cache.length
    end = past + token_ids.shape[1]
    if end > self.config.context_length:
        raise ValueError(f"{end} tokens are more than {self.config.context_length}")
    positions = torch.arange(past, end, device=token_ids.device)
    x = self.dropout(self.token_embedding(token_ids) + self.position_embedding(positions))
    for layer, block in enumerate(self.blocks):
        x = block(x, cache, layer)
    if cache is not None:
        cache.advance(token_ids.shape[1])
    return self.final_norm(x)


def count_parameters(config):
    width, tables = config.embedding_dim, 1 if config.tie_weights else 2
    attention = 4 * width**2 + width + (3 * width if config.qkv_bias else 0)
    feed_forward = 8 * width**2 + 5 * width
    block = 2 * 2 * width + attention + feed_forward
    embeddings = (tables * config.vocab_size + config.context_length) * width
    return embeddings + config.n_layers * block + 2 * width


@torch.no_grad()
def generate_greedy(model, token_ids, max_new_tokens):
    for _ in range(max_new_tokens):
        logits = model(token_ids[:, -model.config.context_length :])
        new = logits[:, -1].argmax(dim=-1, keepdim=True)
        token_ids = torch.cat([token_ids, new], dim=1)
    return token_ids


class KVCache:
    def __init__(self, config):
        self.keys, self.values = [None] * config.n_layers, [None] * config.n_layers
        self.length = 0

    def extend(self, layer, keys, values):
        if self.keys[layer] is not None:
            keys = torch.cat([self.keys[layer], keys], dim=2)
            values = torch.cat([self.values[layer], values], dim=2)
        self.keys[layer], self.values[layer] = keys, values
        return keys, values

    def advance(self, n_tokens):
        self.length += n_tokens


def forward(self, x, cache=None, layer=0):
    layers = (self.query, self.key, self.value)
    parts = (layer(x).unflatten(-1, (self.n_heads, -1)) for layer in layers)  # (B, T, H, D)
    queries, keys, values = (part.transpose(1, 2) for part in parts)
    if cache is not None:
        keys, values = cache.extend(layer, keys, values)
    new, known = queries.shape[2], keys.shape[2]
    mask = torch.ones(new, known, dtype=torch.bool, device=x.device).tril(known - new)
    dropout = self.dropout if self.training else 0.0
    context = F.scaled_dot_product_attention(queries, keys, values, mask, dropout)
    return self.output(context.transpose(1, 2).flatten(2))


@torch.no_grad()
def generate_cached(model, token_ids, max_new_tokens):
    fits = model.config.context_length - token_ids.shape[1] + 1
    steps = max(0, min(max_new_tokens, fits))
    cache, new = KVCache(model.config), token_ids
    for _ in range(steps):
        new = model(new, cache)[:, -1].argmax(dim=-1, keepdim=True)
        token_ids = torch.cat([token_ids, new], dim=1)
    return generate_greedy(model, token_ids, max_new_tokens - steps)


# The checks

TINY = PRESETS["tiny"]  # 2 blocks, 4 heads, width 64, vocabulary 512, context 64


def _randomized(module, std=0.3):
    """Random numbers in all parameters, biases and normalizations too, so that all of them count."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=std)
    return module.eval()


def _fits(trial, module, reference, name):
    """The module's parameters have the names and shapes of the reference's; it takes its values."""
    trial.that(isinstance(module, nn.Module), f"{name} must be an nn.Module")
    found = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    right = {key: tuple(value.shape) for key, value in reference.state_dict().items()}
    missing = [key for key in right if key not in found]
    trial.that(not missing, f"{name} has no parameter {missing[:1]}: weights are loaded by name")
    left = [key for key in found if key not in right]
    trial.that(not left, f"{name} has {left[:1]} besides, which trained weights do not hold")
    bad = [
        f"{key} of shape {found[key]}, not {right[key]}"
        for key in right
        if found[key] != right[key]
    ]
    trial.that(not bad, f"{name} has {bad[:1]}")
    trained = dict(module.named_parameters(remove_duplicate=False))
    fixed = [key for key in dict(reference.named_parameters()) if key not in trained]
    trial.that(not fixed, f"{name}: {fixed[:1]} is not trained; make it an nn.Parameter")
    module.load_state_dict(reference.state_dict())
    return module.eval()


def _gradients(run, inputs):
    """The gradients of a weighted sum of what `run()` gives."""
    out = run()
    weights = torch.linspace(-1, 1, out.numel()).view_as(out)
    found = torch.autograd.grad((out * weights).sum(), inputs, allow_unused=True)
    return tuple(
        torch.zeros_like(i) if g is None else g for g, i in zip(found, inputs, strict=True)
    )


def _same_gradients(trial, module, reference, x, name, why):
    x = x.clone().requires_grad_()
    reference_inputs = [x, *dict(sorted(reference.named_parameters())).values()]
    inputs = [x, *dict(sorted(module.named_parameters())).values()]
    found = _gradients(lambda: module(x), inputs)
    right = _gradients(lambda: reference(x), reference_inputs)
    trial.same(found, right, f"the gradient through {name}", why, tolerance=1e-4)


def _wrong_norms(x, scale, shift):
    """What typical mistakes make of x (..., 6), with a scale and a shift."""
    plain, whole = F.layer_norm(x, (6,)), (x - x.mean()) / x.var(unbiased=False).sqrt()
    centered = x - x.mean(-1, keepdim=True)
    variance = x.var(-1, keepdim=True, unbiased=False) + 1e-5
    by_token = (x - x.mean(1, keepdim=True)) / (
        x.var(1, keepdim=True, unbiased=False) + 1e-5
    ).sqrt()
    return [
        (scale * plain * math.sqrt(5 / 6) + shift, "divide by n, unbiased=False, not n - 1"),
        (plain, "scale and shift are not used"),
        (scale * plain, "the shift is not added"),
        (plain + shift, "the scale is not multiplied"),
        (scale * whole + shift, "one mean for all tokens; take dim=-1, each token alone"),
        (scale * by_token + shift, "the mean goes over the tokens; take dim=-1, each token alone"),
        (scale * centered / variance + shift, "divide by the root of the variance"),
        (scale * x / variance.sqrt() + shift, "the mean is not subtracted"),
    ]


@TURNS.turn(LayerNorm)
def check_layer_norm(trial):
    norm = trial.call(6)
    start = [norm.scale, norm.shift] if hasattr(norm, "scale") and hasattr(norm, "shift") else None
    if start is not None:
        start = tuple(torch.as_tensor(part).detach().clone() for part in start)
    norm = _fits(trial, norm, reference := layers.LayerNorm(6), "LayerNorm(6)")
    trial.same(
        start,
        (torch.ones(6), torch.zeros(6)),
        "LayerNorm(6).scale, .shift",
        "at the start the scale is 1 and the shift 0",
    )
    _randomized(reference)
    norm.load_state_dict(reference.state_dict())
    x = torch.randn(2, 3, 6) * torch.tensor([[[1.0], [5.0], [2.0]]]) + 2
    trial.close(
        x,
        gives=reference(x),
        why="subtract each token's mean, divide by its deviation, then scale and shift",
        mistakes=_wrong_norms(x, norm.scale, norm.shift),
        function=norm,
        name="norm",
        tolerance=2e-5,
    )
    equal = trial.call(torch.full((2, 6), 7.0), function=norm, name="norm")
    trial.that(
        bool(torch.isfinite(equal).all()),
        "six equal numbers have the variance 0 and give NaN: add epsilon before the root",
    )
    small = 1e-3 * torch.randn(4, 6)
    trial.close(
        small,
        gives=reference(small),
        why="for small numbers epsilon counts: it is added to the variance, under the root",
        function=norm,
        name="norm",
    )
    wide = trial.call(6, 0.5)
    trial.close(
        x,
        gives=F.layer_norm(x, (6,), eps=0.5),
        why="epsilon is an argument; keep it in self",
        function=wide,
        name="LayerNorm(6, epsilon=0.5)",
    )
    _same_gradients(
        trial, norm, reference, x, "LayerNorm", "training goes through the mean and variance too"
    )


@TURNS.turn(gelu)
def check_gelu(trial):
    x = torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0])
    before = x.clone()
    inside = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    trial.close(
        x,
        gives=F.gelu(x, approximate="tanh"),
        why="it is half of x, times 1 + tanh(√(2/π) · (x + 0.044715 x³))",
        mistakes=[
            (F.relu(x), "that is ReLU"),
            (F.gelu(x), "that is the exact one; GPT-2's weights were trained with tanh"),
            (x * torch.sigmoid(1.702 * x), "that is another approximation, by the sigmoid"),
            (x * (1 + torch.tanh(inside)), "one half is missing"),
            (0.5 * (1 + torch.tanh(inside)), "that is the share; multiply by x"),
            (0.5 * x * torch.tanh(inside), "1 is added to the tanh"),
        ],
        tolerance=1e-6,
    )
    trial.that(torch.equal(x, before), "it changes the tensor it is given; make a new one")
    x = torch.linspace(-6, 6, 24).view(2, 3, 4)
    trial.close(x, gives=F.gelu(x, approximate="tanh"), why="each number alone, in any shape")
    x.requires_grad_()
    trial.same(
        _gradients(lambda: trial.call(x), [x]),
        _gradients(lambda: F.gelu(x, approximate="tanh"), [x]),
        "the gradient through gelu",
        "training needs its slope: use torch's functions on the tensor",
    )


@TURNS.turn(FeedForward)
def check_feed_forward(trial):
    reference = _randomized(layers.FeedForward(TINY))
    network = _fits(trial, trial.call(TINY), reference, "FeedForward(config)")
    x = torch.randn(2, 3, 64)
    hidden = reference.expand(x)
    trial.close(
        x,
        gives=reference(x),
        why="expand, then gelu, then project",
        mistakes=[
            (reference.project(hidden), "without gelu the two layers are one matrix"),
            (reference.project(F.relu(hidden)), "that is ReLU between them; use gelu"),
            (reference.project(F.gelu(hidden)), "that is the exact GELU; use gelu, of turn 2"),
            (F.gelu(reference.project(hidden), approximate="tanh"), "gelu belongs in the middle"),
            (F.gelu(reference(x), approximate="tanh"), "no gelu after the last layer"),
        ],
        function=network,
        name="feed_forward",
        tolerance=1e-6,
    )
    small = replace(TINY, embedding_dim=8, n_heads=2)
    reference = _randomized(layers.FeedForward(small))
    network = _fits(trial, trial.call(small), reference, "FeedForward of another config")
    _same_gradients(
        trial, network, reference, torch.randn(2, 3, 8), "FeedForward", "all weights must learn"
    )


class _Recorder(nn.Module):
    """Stands for a part of a model: keeps what it is called with, returns its input plus one."""

    def __init__(self, **_):
        super().__init__()
        self.calls = []

    def forward(self, x, *more, **named):
        self.calls.append((x, *more, *named.values()))
        return x + 1


def _block_by(block, x, order):
    """A block with one typical mistake, on the parts of a right one."""
    attend, feed = block.attention, block.feed_forward
    first, second = block.norm_attention, block.norm_feed_forward
    if order == "post":
        x = first(x + attend(x))
        return second(x + feed(x))
    if order == "no shortcuts":
        return feed(second(attend(first(x))))
    if order == "one shortcut":
        return feed(second(x + attend(first(x))))
    if order == "no norms":
        x = x + attend(x)
        return x + feed(x)
    if order == "one norm":
        x = x + attend(first(x))
        return x + feed(first(x))
    if order == "swapped":
        x = x + attend(second(x))
        return x + feed(first(x))
    if order == "after":
        x = x + first(attend(x))
        return x + second(feed(x))
    if order == "feed first":
        x = x + feed(second(x))
        return x + attend(first(x))
    if order == "parallel":
        return x + attend(first(x)) + feed(second(x))
    x = first(x)
    x = x + attend(x)
    x = second(x)
    return x + feed(x)  # the shortcut starts after the normalization


@TURNS.turn(TransformerBlock)
def check_transformer_block(trial):
    reference = _randomized(model.TransformerBlock(TINY))
    block = _fits(trial, trial.call(TINY), reference, "TransformerBlock(config)")
    trial.that(
        block.norm_attention is not block.norm_feed_forward,
        "norm_attention and norm_feed_forward are one object; make two, each learns its own scale",
    )
    x = torch.randn(2, 5, 64)
    mistakes = {
        "post": "the sum is normalized, as in 2017; GPT-2 normalizes a branch's input",
        "no shortcuts": "the shortcuts are missing: add what came in",
        "one shortcut": "the second branch has a shortcut too",
        "no norms": "each branch begins with a normalization",
        "one norm": "the second branch has a normalization of its own, norm_feed_forward",
        "swapped": "the two normalizations are swapped",
        "after": "a branch normalizes what it reads, not what it adds",
        "feed first": "attention comes first, then the feed-forward network",
        "parallel": "the feed-forward branch starts from the sum, not from x",
        "late shortcut": "the shortcut starts before the normalization, not after it",
    }
    trial.close(
        x,
        gives=reference(x),
        why="x + attention(normalized x), then that + feed_forward(normalized that)",
        mistakes=[(_block_by(reference, x, order), why) for order, why in mistakes.items()],
        function=block,
        name="block",
        tolerance=1e-4,
    )
    _same_gradients(trial, block, reference, x, "TransformerBlock", "all weights must learn")
    torch.manual_seed(0)
    dropped = trial.call(replace(TINY, dropout=0.9999)).train()
    out = trial.call(x, function=dropped, name="block")
    trial.that(
        (out == x).float().mean().item() > 0.95,
        "with config.dropout = 0.9999 in training nearly nothing may be added to x: dropout is "
        "applied at the end of both branches, and not on the shortcut",
    )
    block.attention = _Recorder()
    trial.call(x, cache := object(), 1, function=block, name="block")
    trial.that(
        block.attention.calls[0][1:] == (cache, 1),
        "block(x, cache, 1) must call self.attention(..., cache, 1): hand both on",
    )


@TURNS.turn(initialize)
def check_initialize(trial):
    for n_layers in (2, 8):
        config = replace(TINY, tie_weights=False)
        gpt = _randomized(model.GPT(config), std=3.0)
        norms = {k: v.clone() for k, v in gpt.state_dict().items() if "norm" in k}
        torch.manual_seed(0)
        trial.call(gpt, n_layers)
        _check_weights(trial, gpt, n_layers)
        trial.that(
            all(torch.equal(gpt.state_dict()[k], v) for k, v in norms.items()),
            "it changes the normalizations, which start from scale 1 and shift 0 already",
        )
    one, other = (block.feed_forward.expand.weight for block in gpt.blocks)
    trial.that(not torch.equal(one, other), "two blocks got the same numbers: draw for each")
    share = (one.abs() < 0.02).float().mean().item()
    trial.that(
        abs(share - 0.683) < 0.03,
        f"{share:.0%} of the weights are within one deviation, and should be 68%: use a normal "
        "distribution, without cutting it",
    )


def _check_weights(trial, gpt, n_layers):
    """Deviations, means and biases of all linear layers and embeddings."""
    residual = 0.02 / math.sqrt(2 * n_layers)
    wrong_ones = {
        0.02: "it adds to the stream: divide by √(2 · n_layers)",
        0.02 / math.sqrt(n_layers): "each block adds twice, so it is √(2 · n_layers)",
        0.02 / (2 * n_layers): "the root is missing: √(2 · n_layers)",
    }
    for name, module in gpt.named_modules():
        if not isinstance(module, (nn.Linear, nn.Embedding)):
            continue
        found = module.weight.std().item()
        adds = name.endswith(("attention.output", "feed_forward.project"))
        right = residual if adds else 0.02
        reason = "it starts from a normal distribution of that deviation"
        for size, sentence in wrong_ones.items():
            if adds and abs(found / size - 1) < 0.05:
                reason = sentence
        if not adds and abs(found / residual - 1) < 0.05:
            reason = "only attention.output and feed_forward.project are made smaller"
        trial.that(
            abs(found / right - 1) < 0.05,
            f"with n_layers = {n_layers} the weights of {name} have the deviation {found:.4f}, and "
            f"should have {right:.4f}: {reason}",
        )
        trial.that(
            abs(module.weight.mean().item()) < 0.1 * right, f"the weights of {name} have no mean 0"
        )
        if getattr(module, "bias", None) is not None:
            trial.that(bool((module.bias == 0).all()), f"the bias of {name} must start from 0")


@TURNS.turn(GPT)
def check_gpt(trial):
    for config in (TINY, replace(TINY, tie_weights=False, qkv_bias=False, n_layers=3)):
        name = f"GPT with tie_weights={config.tie_weights}"
        _fits(trial, trial.call(config), model.GPT(config), name)
        gpt = trial.call(config)
        trial.that(
            getattr(gpt, "config", None) is config,
            "self.config must keep the config: others ask it",
        )
        trial.that(
            (gpt.output_head.weight is gpt.token_embedding.weight) == config.tie_weights,
            "with config.tie_weights the head's weight is the embedding's weight, one tensor"
            if config.tie_weights
            else "without config.tie_weights the head has a weight of its own",
        )
        trial.that(
            len(set(gpt.blocks)) == config.n_layers,
            "the blocks are all one block, which learns one set of weights: [block] * n repeats the "
            "same object, so make each block anew",
        )
        _check_started(trial, gpt, config)
    dropout = getattr(trial.call(replace(TINY, dropout=0.3)), "dropout", None)
    trial.that(
        isinstance(dropout, nn.Dropout) and dropout.p == 0.3,
        "self.dropout must be nn.Dropout(config.dropout)",
    )
    _check_head(trial)


def _check_started(trial, gpt, config):
    """The weights are those of `initialize`, not PyTorch's."""
    std = gpt.token_embedding.weight.std().item()
    trial.that(
        abs(std / 0.02 - 1) < 0.1,
        f"the token embedding has the deviation {std:.2f}, and should have 0.02: call initialize",
    )
    for block in gpt.blocks:
        std = block.feed_forward.project.weight.std().item()
        right = 0.02 / math.sqrt(2 * config.n_layers)
        trial.that(
            abs(std / right - 1) < 0.1,
            f"feed_forward.project has the deviation {std:.4f}, and should have {right:.4f}: call "
            "initialize after the blocks are made, with config.n_layers",
        )


def _check_head(trial):
    """`forward` hands on to `hidden_states` and applies the head to what comes back."""
    hidden, given = torch.randn(2, 3, 64), []

    def known(self, token_ids, cache=None):
        given.append((token_ids, cache))
        return hidden

    gpt = type("GPT", (trial.attempt,), {"hidden_states": known})(TINY)
    token_ids, cache = torch.tensor([[1, 2, 3], [4, 5, 6]]), object()
    logits = hidden @ gpt.output_head.weight.T
    trial.close(
        token_ids,
        cache,
        gives=logits,
        why="the logits are the output head's of all the hidden states",
        mistakes=[
            (logits.softmax(-1), "these are probabilities; the model gives logits"),
            (logits[:, -1], "give the logits of every position; training needs all of them"),
            (gpt.final_norm(hidden) @ gpt.output_head.weight.T, "hidden_states normalizes already"),
        ],
        function=gpt,
        name="gpt",
    )
    trial.that(
        len(given) == 1 and given[0][0] is token_ids and given[0][1] is cache,
        "gpt(token_ids, cache) must call self.hidden_states(token_ids, cache) once",
    )


@TURNS.turn(hidden_states, of="GPT")
def check_hidden_states(trial):
    reference = _randomized(model.GPT(TINY))
    gpt = trial.attempt(TINY).eval()
    gpt.load_state_dict(reference.state_dict())
    token_ids = torch.randint(512, (2, 7))
    x = reference.token_embedding(token_ids)
    right = reference.hidden_states(token_ids)
    trial.close(
        token_ids,
        gives=right,
        why="token plus position embedding, through all the blocks, then the final normalization",
        mistakes=[
            (_through(reference, x), "the position embedding is missing"),
            (
                _through(reference, reference.embed(token_ids), normalize=False),
                "the final normalization is missing",
            ),
            (
                reference.final_norm(reference.embed(token_ids)),
                "the blocks are missing, or their result is not used",
            ),
            (reference.output_head(right), "these are logits; forward applies the head"),
            (
                _through(reference, reference.embed(token_ids), each=True),
                "final_norm works once, after the last block",
            ),
        ],
        function=gpt.hidden_states,
        name="gpt.hidden_states",
        tolerance=1e-4,
    )
    _check_context(trial, gpt)
    _check_handed_on(trial)


def _through(gpt, x, normalize=True, each=False):
    for block in gpt.blocks:
        x = gpt.final_norm(block(x)) if each else block(x)
    return gpt.final_norm(x) if normalize else x


def _check_context(trial, gpt):
    """The whole context is allowed, and one token more is not."""
    trial.call(torch.zeros(1, 64, dtype=torch.long), function=gpt.hidden_states, name="64 tokens")
    trial.attempt = gpt.hidden_states
    trial.raises(
        ValueError,
        torch.zeros(1, 65, dtype=torch.long),
        why="the context has 64 positions; say so before the table is asked for a 65th",
    )


def _check_handed_on(trial):
    """Dropout after the sum; a cache moves the positions, goes to every block, and is advanced."""
    gpt = trial.attempt.__self__
    sums = gpt.dropout = _Recorder()
    gpt.blocks = nn.ModuleList(_Recorder() for _ in range(2))
    read, done = [], []

    def advance(n_tokens):
        read.append(n_tokens)
        done.append(sum(len(block.calls) for block in gpt.blocks))

    cache = SimpleNamespace(length=10, advance=advance)
    token_ids = torch.tensor([[3, 4, 5]])
    trial.call(token_ids, cache, name="gpt.hidden_states")
    table, places = gpt.token_embedding.weight, gpt.position_embedding.weight
    trial.that(len(sums.calls) == 1, "self.dropout works once, on the sum of the embeddings")
    trial.same(
        sums.calls[0][0],
        table[token_ids] + places[10:13],
        "after a cache of 10 tokens, token plus position embedding",
        "positions are counted on from cache.length",
        mistakes=[(table[token_ids] + places[:3], "positions go on from cache.length, 10")],
    )
    for number, block in enumerate(gpt.blocks):
        trial.that(
            len(block.calls) == 1 and block.calls[0][1:] == (cache, number),
            f"block {number} must be called as block(x, cache, {number})",
        )
    trial.that(
        read == [3],
        f"cache.advance must be called once, with the 3 new tokens; the calls were {read}",
    )
    trial.that(
        done == [2],
        "cache.advance comes after the last block: until then the cache's length is that of the old "
        "tokens, in every layer",
    )
    trial.raises(
        ValueError,
        torch.zeros(1, 55, dtype=torch.long),
        cache,
        why="10 tokens in the cache and 55 new ones are more than the context of 64",
    )


def _check_not_built(trial):
    """No module may be made, not even one on the meta device, which takes no memory."""
    made = []

    def refuse(module, *_, **__):
        made.append(module)
        raise RuntimeError("a count needs no module")

    with mock.patch.object(nn.Module, "__init__", refuse), contextlib.suppress(Exception):
        trial.attempt(TINY)  # any other error comes again below, and is told there
    trial.that(not made, "it builds the model to count it; compute the number from the sizes alone")


@TURNS.turn(count_parameters)
def check_count_parameters(trial):
    _check_not_built(trial)
    config = PRESETS["gpt2-small"]
    width, layers_ = config.embedding_dim, config.n_layers
    right = 124_439_808
    differences = {
        config.vocab_size * width: "the output head shares the embedding's table: count it once",
        -config.context_length * width: "the position embedding is missing",
        -2 * width: "the final normalization is missing: a scale and a shift",
        -4 * width * layers_: "the two normalizations of each block are missing",
        -2 * width * layers_: "each block has two normalizations, each with a scale and a shift",
        -3 * width * layers_: "queries, keys and values have a bias here: config.qkv_bias",
        -5 * width * layers_: "the feed-forward network's two biases are missing",
        -9 * width * layers_: "the biases of the linear layers are missing",
        -(width**2 + width) * layers_: "attention has a fourth matrix, its output",
    }
    trial.equal(
        config,
        gives=right,
        why="add the embeddings, the blocks and the final normalization",
        mistakes=[(right + difference, why) for difference, why in differences.items()],
    )
    trial.equal(
        replace(config, tie_weights=False),
        gives=163_037_184,
        why="without config.tie_weights the head is a second table",
    )
    trial.equal(
        replace(config, qkv_bias=False),
        gives=124_412_160,
        why="without config.qkv_bias queries, keys and values have none",
    )
    for variant in (TINY, replace(TINY, context_length=8, n_layers=1)):
        count = model.GPT(variant).n_parameters()
        trial.equal(variant, gives=count, why="every size comes from the config")


def _opinionated():
    """A small GPT with a short context, in which a mistake changes the tokens that are written."""
    gpt = _randomized(model.GPT(replace(TINY, vocab_size=64, context_length=12)), std=0.5)
    for name, parameter in gpt.named_parameters():
        if "norm" in name or name.endswith("bias"):
            nn.init.constant_(parameter, 1.0 if name.endswith("scale") else 0.0)
    return _Watched(gpt)


class _Watched(nn.Module):
    """A GPT that keeps the length of what it reads, and whether gradients were being kept."""

    def __init__(self, gpt):
        super().__init__()
        self.gpt, self.config, self.read, self.with_gradients = gpt, gpt.config, [], False

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.gpt, name)

    def __repr__(self):
        return "model"

    def forward(self, token_ids, cache=None):
        self._note(token_ids)
        return self.gpt(token_ids, cache)

    def hidden_states(self, token_ids, cache=None):
        self._note(token_ids)
        return self.gpt.hidden_states(token_ids, cache)

    def _note(self, token_ids):
        self.read.append(token_ids.shape[1])
        self.with_gradients |= torch.is_grad_enabled()


def _written(gpt, token_ids, count):
    """The right continuation, by the course's generator without a cache."""
    new = list(generate.generate(gpt, token_ids, count, use_cache=False))
    return torch.cat([token_ids, *(part[:, None] for part in new)], dim=1)


def _check_writing(trial, lengths, window, mistakes=()):
    """Greedy choices, for a batch, past the context, for nothing; what was read at each step."""
    gpt, token_ids = _opinionated(), torch.tensor([[9, 8, 7, 6, 5], [1, 2, 3, 4, 5]])
    kept = token_ids.clone()
    right, lowest = _written(gpt.gpt, token_ids, 6), gpt.gpt(token_ids)[:, -1].argmin(-1)
    found = trial.call(gpt, token_ids, 6)
    at_first = torch.is_tensor(found) and found.shape == right.shape
    trial.that(not (at_first and torch.equal(found[:, 5], lowest)), "that is the lowest logit")
    trial.same(
        found,
        right,
        f"{trial.name}(model, 2 texts of 5 tokens, 6)",
        "each new token is the one with the highest logit at the last position",
        mistakes=[
            (right[:, 5:], "these are the new tokens only; give the text with them appended"),
            *((way(gpt.gpt, token_ids, 6), why) for way, why in mistakes),
        ],
    )
    trial.that(torch.equal(token_ids, kept), "it changes the token ids it is given")
    trial.that(not gpt.with_gradients, "nothing is learned here: write under torch.no_grad()")
    trial.that(gpt.read == lengths, f"it reads {gpt.read} tokens, not {lengths}: {window}")
    trial.close(gpt, token_ids, 0, gives=kept, why="no new tokens: the text stays as it is")
    try:
        found = trial.attempt(gpt, token_ids, 11)
    except ValueError as error:
        trial.that("context" not in str(error), "past 12 tokens the model gets the last 12 only")
        raise
    trial.same(
        found,
        _written(gpt.gpt, token_ids, 11),
        "writing past the context of 12 tokens",
        "past the context length the model reads the last context_length tokens",
    )
    long = torch.arange(14)[None]
    trial.close(
        gpt,
        long,
        3,
        gives=_written(gpt.gpt, long, 3),
        why="a prompt longer than the context: the model reads its last 12 tokens",
    )


@TURNS.turn(generate_greedy)
def check_generate_greedy(trial):
    _check_writing(
        trial, [5, 6, 7, 8, 9, 10], "each step reads the whole text so far, once for all rows"
    )


@TURNS.turn(KVCache)
def check_kv_cache(trial):
    torch.manual_seed(0)
    cache, other = trial.call(TINY), trial.call(TINY)
    trial.that(getattr(cache, "length", None) == 0, "a new cache has the length 0")
    keys, values = torch.randn(2, 2, 4, 5, 16), torch.randn(2, 2, 4, 5, 16)  # for two layers
    for start, end in ((0, 3), (3, 4), (4, 5)):
        for layer in (0, 1):
            part = slice(start, end)
            trial.close(
                layer,
                keys[layer, :, :, part],
                values[layer, :, :, part],
                gives=(keys[layer, :, :, :end], values[layer, :, :, :end]),
                why=f"layer {layer} gets back all of its {end} keys and values so far, in order",
                mistakes=[
                    (
                        (keys[layer, :, :, part], values[layer, :, :, part]),
                        "only the new ones; give back the old ones too",
                    ),
                    (
                        (values[layer, :, :, :end], keys[layer, :, :, :end]),
                        "keys and values are swapped",
                    ),
                ],
                function=cache.extend,
                name="cache.extend",
            )
            trial.that(
                cache.length == start,
                "extend must not change the length: every layer extends, and one advance counts",
            )
        trial.call(end - start, function=cache.advance, name="cache.advance")
        trial.that(
            cache.length == end,
            f"after {end} tokens the length is {cache.length}: advance adds n_tokens",
        )
    trial.that(other.length == 0, "a second cache has changed: keep everything in self")
    new = torch.ones(2, 4, 1, 16)
    trial.close(
        0,
        new,
        2 * new,
        gives=(new, 2 * new),
        why="a second cache is empty at first: keep everything in self",
        function=other.extend,
        name="other.extend",
    )


@TURNS.turn(forward, of="MultiHeadAttention")
def check_cached_attention(trial):
    reference = _randomized(attention.MultiHeadAttention(TINY))
    ours = trial.attempt(TINY).eval()
    ours.load_state_dict(reference.state_dict())
    x = torch.randn(2, 8, 64)
    whole = reference(x)
    trial.close(
        x,
        gives=whole,
        why="without a cache nothing changes: each token looks at itself and what came before",
        mistakes=[(_open(reference, x), "tokens look at later ones: the mask is missing")],
        function=ours,
        name="attention",
        tolerance=1e-4,
    )
    cache = kv_cache.KVCache(TINY, batch_size=2)
    cache.keys.zero_()
    for start, end in ((0, 4), (4, 5), (5, 8)):
        new = x[:, start:end]
        trial.close(
            new,
            gives=whole[:, start:end],
            why=f"tokens {start + 1} to {end} see the {start} in the cache and each other: the mask "
            "has a row for each new token and a column for each known one",
            mistakes=[
                (reference(new), "the cache's keys and values are not used"),
                (_first_only(reference, x, start, end), "is_causal counts from the first key"),
                (_open(reference, x[:, :end])[:, start:], "new tokens look at later ones"),
            ],
            function=lambda x: ours(x, cache, 1),
            name=f"attention, with {start} tokens in the cache,",
            tolerance=1e-4,
        )
        cache.advance(end - start)
    trial.that(
        bool(cache.keys[1].abs().sum() > 0) and cache.length == 8,
        "hand layer to cache.extend, and leave advance to the model",
    )
    _same_gradients(trial, ours, reference, x, "attention", "training goes through it as before")
    needs_dropout_of_weights(trial, trial.attempt(replace(TINY, dropout=0.5)), TINY.n_heads)
    needs_any_device(trial, lambda: _on_meta(trial))


def _on_meta(trial):
    """Two tokens without a cache, and with one that holds two."""
    layer, cache = trial.attempt(TINY).to("meta"), KVCache(TINY)
    x = torch.zeros(1, 2, 64, device="meta")
    layer(x)
    for _ in range(2):
        layer(x, cache, 0)
        cache.advance(2)


def _mixed(module, x, mask):
    queries, keys, values = module.project(x)
    context, _ = attention.attend(queries, keys, values, mask)
    return module.output(context.transpose(1, 2).flatten(2))


def _open(module, x):
    return _mixed(module, x, None)


def _first_only(module, x, start, end):
    """What `is_causal=True` gives for new tokens behind a cache: row 0 sees key 0 only."""
    queries, keys, values = module.project(x[:, :end])
    mask = torch.ones(end - start, end).tril().bool()
    context, _ = attention.attend(queries[:, :, start:], keys, values, mask)
    return module.output(context.transpose(1, 2).flatten(2))


@TURNS.turn(generate_cached)
def check_generate_cached(trial):
    why = "first the whole prompt, then only the newest token each time"
    forgets = "the newest token alone, without what came before: keep one cache for all steps"
    _check_writing(trial, [5, 1, 1, 1, 1, 1], why, [(_forgetful, forgets)])
    gpt = _opinionated()
    trial.call(gpt, torch.tensor([[9, 8, 7, 6, 5]]), 10)
    right = [5, *[1] * 7, 12, 12]
    trial.that(
        gpt.read == right,
        f"with a context of 12, writing 10 tokens after 5 it reads {gpt.read}, not {right}: the "
        "cache serves until the 12th token is read, and generate_greedy goes on",
    )


def _forgetful(gpt, token_ids, count):
    """What comes of a new cache at each step."""
    new = token_ids
    for _ in range(count):
        new = gpt(new)[:, -1].argmax(dim=-1, keepdim=True)
        token_ids = torch.cat([token_ids, new], dim=1)
    return token_ids
