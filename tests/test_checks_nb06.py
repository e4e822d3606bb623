"""The checks of notebook 06: right answers pass, each typical mistake has its own message."""

import math

import pytest
import torch
from torch.nn import functional as F

from classroom.turns.nb06 import _plain_forward
from classroom.turns.registry import judge
from tests.turn_cells import exercise_tests

# 06.1


def weigh(config, n_tokens, bytes_per_number):
    a_token = 2 * config.n_layers * config.kv_heads * config.head_dim
    return a_token * n_tokens * bytes_per_number


def ungrouped(config, n_tokens, size):
    return 2 * config.n_layers * config.embedding_dim * n_tokens * size


# 06.2


def rms(x, scale, epsilon=1e-5):
    return scale * x / torch.sqrt(x.square().mean(dim=-1, keepdim=True) + epsilon)


# 06.3


def post(block, x):
    x = block.norm_attention(x + block.attention(x))
    return block.norm_feed_forward(x + block.feed_forward(x))


def half(block, x):
    return block.norm_attention(x + block.attention(x))


def swapped(block, x):
    x = block.norm_feed_forward(x + block.attention(x))
    return block.norm_attention(x + block.feed_forward(x))


def branch_normalized(block, x):
    x = x + block.norm_attention(block.attention(x))
    return x + block.norm_feed_forward(block.feed_forward(x))


def no_shortcut(block, x):
    return block.norm_feed_forward(block.feed_forward(block.norm_attention(block.attention(x))))


def half_post(block, x):
    x = block.norm_attention(x + block.attention(x))
    return x + block.feed_forward(block.norm_feed_forward(x))


# 06.4


def forward(model, token_ids, **wrong):
    """As a learner writes it: weights only."""
    causal, scale_by = wrong.get("causal", True), wrong.get("scale_by")
    config, length = model.config, token_ids.shape[1]
    x = model.token_embedding.weight[token_ids]
    x = x + (model.position_embedding.weight[:length] if wrong.get("positions", True) else 0)
    for block in model.blocks:
        at, ff = block.attention, block.feed_forward
        normed = norm(block.norm_attention, x)
        q, k, v = (
            (normed @ part.weight.T + part.bias).unflatten(-1, (config.n_heads, -1)).transpose(1, 2)
            for part in (at.query, at.key, at.value)
        )
        scores = q @ k.transpose(-2, -1) / math.sqrt(scale_by or config.head_dim)
        if causal:
            scores = scores.masked_fill(torch.ones(length, length).triu(1).bool(), -torch.inf)
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        x = x + mixed @ at.output.weight.T + at.output.bias
        hidden = norm(block.norm_feed_forward, x) @ ff.expand.weight.T + ff.expand.bias
        hidden = F.gelu(hidden, approximate=wrong.get("gelu", "tanh"))
        x = x + hidden @ ff.project.weight.T + ff.project.bias * wrong.get("bias", 1)
    if wrong.get("final", True):
        x = norm(model.final_norm, x)
    return x @ model.token_embedding.weight.T


def norm(layer, x):
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
    return layer.scale * (x - mean) / torch.sqrt(variance + layer.epsilon) + layer.shift


def with_mistake(**wrong):
    return lambda model, token_ids: forward(model, token_ids, **wrong)


RIGHT = {"06.1": weigh, "06.2": rms, "06.3": post, "06.4": forward}

MISTAKES = [
    ("06.1", lambda c, n, b: weigh(c, n, b) // 2, "keys and there are values"),
    ("06.1", lambda c, n, b: weigh(c, n, b) // c.n_layers, "every layer has keys"),
    ("06.1", lambda c, n, b: weigh(c, n, b) * c.n_heads, "a head has config.head_dim numbers"),
    ("06.1", lambda c, n, b: weigh(c, n, 1), "multiply with bytes_per_number"),
    ("06.1", ungrouped, "three query heads share"),
    ("06.1", lambda c, n, b: weigh(c, n, b) + 1, "take 7,372,800 bytes, not 7,372,801"),
    ("06.1", lambda c, n, b: weigh(c, max(n, 1), b), "0 tokens at 4 bytes"),
    ("06.2", lambda x, s: F.layer_norm(x, x.shape[-1:], s), "does not subtract the mean"),
    ("06.2", lambda x, s: s * x / x.square().mean().sqrt(), "for the whole batch"),
    ("06.2", lambda x, s: s * x / x.norm(dim=-1, keepdim=True), "the sum of the squares"),
    ("06.2", lambda x, s: rms(x, torch.ones_like(s)), "does not depend on scale"),
    ("06.2", lambda x, s: rms(x, s, 0.0), "a vector of zeros"),
    ("06.2", lambda x, s: s * x / (x.square().mean(-1, True).sqrt() + 1e-5), "under the root"),
    ("06.2", lambda x, s: rms(x, s) ** 2, "expected [1.2, 1.6, 0, 0]"),
    ("06.2", lambda x, s: rms(x, s).mean(-1), "a (2, 4) input gives a (2, 4) output"),
    ("06.3", lambda block, x: block(x), "that is GPT-2's order"),
    ("06.3", half, "the first half"),
    ("06.3", swapped, "are swapped"),
    ("06.3", branch_normalized, "normalize the sum instead"),
    ("06.3", no_shortcut, "the shortcuts are missing"),
    ("06.3", half_post, "it differs"),
    ("06.4", lambda model, ids: model(ids), "it called the model's own"),
    ("06.4", lambda model, ids: forward(model, ids)[:, -1], "logits have the shape"),
    ("06.4", with_mistake(causal=False), "look at later ones"),
    ("06.4", with_mistake(positions=False), "the position embedding is missing"),
    ("06.4", with_mistake(final=False), "the final normalization is missing"),
    ("06.4", with_mistake(scale_by=64), "divided by the root of a head's size"),
    ("06.4", with_mistake(gelu="none"), "the GELU is the exact one"),
    ("06.4", with_mistake(bias=0), "the logits differ by up to"),
]


test_right, test_mistake, test_stub = exercise_tests(RIGHT, MISTAKES)


@pytest.mark.parametrize("name", RIGHT)
def test_code_that_stops_is_reported(name):
    assert "stopped with ZeroDivisionError" in judge(name, lambda *_: 1 / 0)


@pytest.mark.parametrize("flag", ["split_heads", "shortcuts"])
def test_the_other_mistakes_of_a_forward_pass_are_told_apart(flag):
    def attempt(model, token_ids):
        for part in model.modules():
            part._forward_hooks.clear()  # the reference may call modules, a learner may not
        return _plain_forward(model, token_ids, **{flag: False})

    words = {"split_heads": "the heads look as one", "shortcuts": "the shortcuts are missing"}
    assert words[flag] in judge("06.4", attempt)
