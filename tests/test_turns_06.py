"""The turns of notebook 06: other right answers, typical mistakes, and each property of each task."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from classroom.turns import t06
from classroom.turns.t06 import TURNS
from helpers import kv_cache
from helpers.config import PRESETS
from helpers.generate import generate
from helpers.model import GPT
from tests import turn_cells
from tests.turn_cells import course_cell, turn_tests

IMPORTS = """import math

import torch
from torch import nn
from torch.nn import functional as F


"""
function = partial(turn_cells.function, imports=IMPORTS)
method = partial(turn_cells.method, imports=IMPORTS)
changed = partial(course_cell, TURNS, imports=IMPORTS)


BLOCK_END = "return x + self.dropout(self.feed_forward(self.norm_feed_forward(x)))"
BLOCK_START = "x = x + self.dropout(self.attention(self.norm_attention(x), cache, layer))"
PREALLOCATED = (
    IMPORTS
    + """@your_turn
class KVCache:
    def __init__(self, config):
        self.kept = {}
        self.length = 0

    def extend(self, layer, keys, values):
        end = self.length + keys.shape[2]
        if layer not in self.kept:
            self.kept[layer] = [torch.empty(*keys.shape[:2], 64, 16) for _ in range(2)]
        for whole, new in zip(self.kept[layer], (keys, values)):
            whole[:, :, self.length : end] = new
        return [whole[:, :, :end] for whole in self.kept[layer]]

    def advance(self, n_tokens):
        self.length = self.length + n_tokens
"""
)

RIGHT = [
    changed(
        "LayerNorm",
        ("mean = x.mean(dim=-1, keepdim=True)", "x = x - x.sum(-1, keepdim=True) / x.shape[-1]"),
        ("variance = x.var(dim=-1, keepdim=True, unbiased=False)", "v = (x * x).mean(-1, True)"),
        (
            "self.scale * (x - mean) / torch.sqrt(variance + self.epsilon)",
            "x * (v + self.epsilon) ** -0.5 * self.scale",
        ),
    ),
    function("gelu(x)", "return F.gelu(x, approximate='tanh')"),
    function("gelu(x)", "return x * torch.sigmoid(2 * (2 / math.pi) ** 0.5 * (x + 0.044715 * x * x * x))"),
    changed(
        "FeedForward", ("return self.project(gelu(self.expand(x)))", "x = gelu(self.expand(x))\n        return self.project(x)")
    ),
    changed(
        "TransformerBlock",
        (BLOCK_START, "change = self.attention(self.norm_attention(x), cache=cache, layer=layer)"),
        (BLOCK_END, "x = x + self.dropout(change)\n        change = self.feed_forward(self.norm_feed_forward(x))\n        return self.dropout(change) + x"),
    ),
    function(
        "initialize(model, n_layers)",
        "for name, parameter in model.named_parameters():",
        "    if 'norm' in name: continue",
        "    if name.endswith('bias'): parameter.data.zero_(); continue",
        "    parameter.data.normal_(0, 0.02)",
        "    if name.endswith(('attention.output.weight', 'feed_forward.project.weight')):",
        "        parameter.data /= (2 * n_layers) ** 0.5",
    ),
    changed(
        "GPT",
        ("        if config.tie_weights:\n            self.output_head.weight = self.token_embedding.weight\n", ""),
        ("        initialize(self", "        if config.tie_weights:\n            self.token_embedding.weight = self.output_head.weight\n        initialize(self"),
    ),
    changed(
        "GPT.hidden_states",
        ("positions = torch.arange(past, end, device=token_ids.device)", "rows = self.position_embedding.weight[past:end]"),
        ("self.position_embedding(positions)", "rows"),
        ("for layer, block in enumerate(self.blocks):", "for layer in range(len(self.blocks)):"),
        ("x = block(x, cache, layer)", "x = self.blocks[layer](x, cache=cache, layer=layer)"),
    ),
    function(
        "count_parameters(config)",
        "c = config.embedding_dim",
        "n = config.vocab_size * c * (2 - config.tie_weights) + config.context_length * c + 2 * c",
        "for _ in range(config.n_layers):",
        "    n += 12 * c * c + 10 * c + 3 * c * config.qkv_bias",
        "return n",
    ),
    function(
        "generate_greedy(model, token_ids, max_new_tokens)",
        "text = token_ids.clone()",
        "with torch.no_grad():",
        "    while text.shape[1] < token_ids.shape[1] + max_new_tokens:",
        "        best = model(text[:, -model.config.context_length:])[:, -1].softmax(-1).max(-1).indices",
        "        text = torch.cat((text, best[:, None]), 1)",
        "return text",
    ),
    PREALLOCATED,
    method(
        "MultiHeadAttention",
        "forward(self, x, cache=None, layer=0)",
        "parts = [p(x).unflatten(-1, (self.n_heads, -1)) for p in (self.query, self.key, self.value)]",
        "q, k, v = (part.transpose(1, 2) for part in parts)",
        "if cache is not None: k, v = cache.extend(layer, k, v)",
        "scores = q @ k.mT / q.shape[-1] ** 0.5",
        "past = k.shape[2] - q.shape[2]",
        "places = torch.arange(k.shape[2], device=x.device)",
        "later = places[None] > places[past:, None]",
        "weights = scores.masked_fill(later, -torch.inf).softmax(-1)",
        "weights = F.dropout(weights, self.dropout, self.training)",
        "return self.output((weights @ v).transpose(1, 2).flatten(2))",
    ),
    function(
        "generate_cached(model, token_ids, max_new_tokens)",
        "cache, text = KVCache(model.config), token_ids",
        "with torch.no_grad():",
        "    for left in range(max_new_tokens, 0, -1):",
        "        if text.shape[1] > model.config.context_length:",
        "            return generate_greedy(model, text, left)",
        "        new = model.hidden_states(text[:, cache.length:], cache)[:, -1]",
        "        text = torch.cat([text, model.output_head(new).argmax(-1)[:, None]], 1)",
        "return text",
    ),
]  # fmt: skip

NORM = "LayerNorm"
ATTENTION = "MultiHeadAttention.forward"
FEED = "return self.project(gelu(self.expand(x)))"
STATES = "GPT.hidden_states"
GREEDY = "model(token_ids[:, -model.config.context_length :])"
# the first words of the turn's own message; each also is the one property that this version lacks
WRONG = [
    (changed(NORM, (", unbiased=False", "")), "divide by n, unbiased=False"),
    (changed(NORM, ("variance + self.epsilon", "variance")), "add epsilon before the root"),
    (changed(NORM, ("torch.sqrt(variance + self.epsilon)", "(variance.sqrt() + self.epsilon)")), "under the root"),
    (changed(NORM, ("variance + self.epsilon", "variance + 1e-5")), "epsilon is an argument"),
    (changed(NORM, ("torch.sqrt(variance + self.epsilon)", "(variance + self.epsilon)")), "the root of the variance"),
    (changed(NORM, ("x - mean", "x")), "the mean is not subtracted"),
    (changed(NORM, ("mean(dim=-1", "mean(dim=1"), ("var(dim=-1", "var(dim=1")), "goes over the tokens"),
    (changed(NORM, (" + self.shift", "")), "the shift is not added"),
    (changed(NORM, ("self.scale * (x - mean)", "(x - mean)")), "the scale is not multiplied"),
    (changed(NORM, ("x.mean(dim=-1, keepdim=True)", "x.mean()"), ("x.var(dim=-1, keepdim=True, unbiased=False)", "x.var(unbiased=False)")), "each token alone"),
    (changed(NORM, ("x.var(dim=-1", "x.detach().var(dim=-1")), "goes through the mean and variance"),
    (changed(NORM, ("nn.Parameter(torch.ones(embedding_dim))", "torch.ones(embedding_dim)")), "no parameter ['scale']"),
    (changed(NORM, ("self.shift", "self.bias")), "no parameter ['shift']"),
    (changed(NORM, ("self.scale = nn.Parameter(torch.ones(embedding_dim))", "self.register_buffer('scale', torch.ones(embedding_dim))")), "make it an nn.Parameter"),
    (changed(NORM, ("torch.ones(embedding_dim)", "torch.randn(embedding_dim)")), "at the start the scale is 1"),
    (changed(NORM, ("        return self.scale", "        self.scale")), "is there a return?"),
    (function("gelu(x)", "return F.gelu(x)"), "that is the exact one"),
    (function("gelu(x)", "return F.relu(x)"), "that is ReLU"),
    (function("gelu(x)", "return x * torch.sigmoid(1.702 * x)"), "by the sigmoid"),
    (changed("gelu", ("0.5 * x *", "x *")), "one half is missing"),
    (changed("gelu", ("0.5 * x *", "0.5 *")), "multiply by x"),
    (changed("gelu", ("(1 + torch.tanh(inside))", "torch.tanh(inside)")), "1 is added"),
    (changed("gelu", ("return 0.5 * x *", "return x.mul_(0.5) *")), "make a new one"),
    (changed("gelu", ("x**3)", "x.detach()**3)")), "training needs its slope"),
    (changed("gelu", ("torch.tanh(inside)", "torch.tanh(inside).flatten()[: len(x)]")), "gelu("),
    (changed("FeedForward", (FEED, "return self.project(self.expand(x))")), "one matrix"),
    (changed("FeedForward", (FEED, "return self.project(F.relu(self.expand(x)))")), "that is ReLU"),
    (changed("FeedForward", (FEED, "return gelu(self.project(self.expand(x)))")), "in the middle"),
    (changed("FeedForward", (FEED, "return gelu(self.project(gelu(self.expand(x))))")), "after the last"),
    (changed("FeedForward", ("4 * config.embedding_dim", "256")), "of another config"),
    (changed("FeedForward", ("config.embedding_dim)\n\n", "config.embedding_dim, bias=False)\n\n")), "no parameter ['project.bias']"),
    (changed("FeedForward", ("self.project(gelu", "self.project(gelu"), ("self.expand(x)", "self.expand(x).detach()")), "all weights must learn"),
    (changed("TransformerBlock", (BLOCK_START, "x = self.norm_attention(x + self.attention(x, cache, layer))"), (BLOCK_END, "return self.norm_feed_forward(x + self.feed_forward(x))")), "as in 2017"),
    (changed("TransformerBlock", ("x = x + self", "x = self"), ("return x + self", "return self")), "the shortcuts are missing"),
    (changed("TransformerBlock", ("return x + self", "return self")), "has a shortcut too"),
    (changed("TransformerBlock", ("self.norm_feed_forward(x)", "self.norm_attention(x)")), "a normalization of its own"),
    (changed("TransformerBlock", ("self.norm_feed_forward(x)", "x"), ("self.norm_attention(x)", "x")), "begins with a normalization"),
    (changed("TransformerBlock", (BLOCK_START, "a = self.dropout(self.attention(self.norm_attention(x), cache, layer))"), ("return x + ", "return x + a + ")), "not from x"),
    (changed("TransformerBlock", (BLOCK_START, "x = self.norm_attention(x)\n        x = x + self.dropout(self.attention(x, cache, layer))\n        x = self.norm_feed_forward(x)"), ("self.norm_feed_forward(x)))", "x))")), "starts before the normalization"),
    (changed("TransformerBlock", ("self.norm_attention(x)", "self.n(x)"), ("self.norm_feed_forward(x)", "self.norm_attention(x)"), ("self.n(x)", "self.norm_feed_forward(x)")), "are swapped"),
    (changed("TransformerBlock", ("x + self.dropout(self.feed_forward(self.norm_feed_forward(x)))", "x + self.feed_forward(self.norm_feed_forward(x))")), "dropout is applied"),
    (changed("TransformerBlock", ("return x + ", "return self.dropout(x) + ")), "not on the shortcut"),
    (changed("TransformerBlock", (BLOCK_START, "x = x + self.dropout(self.norm_attention(self.attention(x, cache, layer)))"), (BLOCK_END, "return x + self.dropout(self.norm_feed_forward(self.feed_forward(x)))")), "what it reads"),
    (changed("TransformerBlock", (BLOCK_START, "x = x + self.dropout(self.feed_forward(self.norm_feed_forward(x)))"), (BLOCK_END, "return x + self.dropout(self.attention(self.norm_attention(x), cache, layer))")), "attention comes first"),
    (changed("TransformerBlock", ("self.norm_feed_forward = LayerNorm(config.embedding_dim)", "self.norm_feed_forward = self.norm_attention")), "are one object"),
    (changed("TransformerBlock", (", cache, layer)", ")")), "hand both on"),
    (changed("TransformerBlock", (", cache, layer)", ", cache)")), "hand both on"),
    (changed("TransformerBlock", ("self.norm_feed_forward", "self.norm_2")), "no parameter ['norm_feed_forward.scale']"),
    (changed("initialize", (" / math.sqrt(2 * n_layers) if adds else 0.02", "")), "it adds to the stream"),
    (changed("initialize", ("2 * n_layers", "n_layers")), "each block adds twice"),
    (changed("initialize", ("math.sqrt(2 * n_layers)", "(2 * n_layers)")), "the root is missing"),
    (changed("initialize", ('("attention.output", "feed_forward.project")', '("output", "project", "head")')), "only attention.output"),
    (changed("initialize", ("2 * n_layers", "2 * 2")), "n_layers = 8"),
    (changed("initialize", ("(nn.Linear, nn.Embedding)", "nn.Linear")), "token_embedding"),
    (changed("initialize", ("nn.init.zeros_", "nn.init.normal_")), "must start from 0"),
    (changed("initialize", ("nn.init.normal_(module.weight, std=", "nn.init.normal_(module.weight, 0.01, std=")), "no mean 0"),
    (changed("initialize", ("    for name,", "    for p in model.parameters():\n        nn.init.normal_(p, std=0.02)\n    for name,")), "changes the normalizations"),
    (changed("initialize", ("    for name,", "    for name,"), ("        if isinstance(module, (", "        torch.manual_seed(0)\n        if isinstance(module, (")), "draw for each"),
    (changed("initialize", ("nn.init.normal_(module.weight, std=0.02 / math.sqrt(2 * n_layers) if adds else 0.02)", "s = 0.02 / math.sqrt(2 * n_layers) if adds else 0.02\n            nn.init.uniform_(module.weight, -s * 3**0.5, s * 3**0.5)")), "use a normal"),
    (changed("GPT", ("        if config.tie_weights:\n            self.output_head.weight = self.token_embedding.weight\n", "")), "one tensor"),
    (changed("GPT", ("if config.tie_weights:", "if True:")), "a weight of its own"),
    (changed("GPT", ("self.output_head.weight = self.token_embedding.weight", "self.output_head.weight.data = self.token_embedding.weight.data.clone()")), "one tensor"),
    (changed("GPT", ("        initialize(self, config.n_layers)\n", "")), "call initialize"),
    (changed("GPT", ("initialize(self, config.n_layers)", "initialize(self, 1)")), "with config.n_layers"),
    (changed("GPT", ("config.vocab_size, bias=False", "config.vocab_size")), "which trained weights do not hold"),
    (changed("GPT", ("self.config = config", "pass")), "self.config must keep"),
    (changed("GPT", ("nn.Dropout(config.dropout)", "nn.Dropout(0.1)")), "must be nn.Dropout"),
    (changed("GPT", ("range(config.n_layers)", "range(2)")), "blocks.2"),
    (changed("GPT", ("nn.ModuleList(", "list(")), "no parameter"),
    (changed("GPT", ("TransformerBlock(config) for _ in range(config.n_layers)", "[TransformerBlock(config)] * config.n_layers")), "all one block"),
    (changed("GPT", ("self.hidden_states(token_ids, cache))", "self.hidden_states(token_ids))")), "self.hidden_states(token_ids, cache) once"),
    (changed("GPT", ("cache))\n", "cache)).softmax(-1)\n")), "these are probabilities"),
    (changed("GPT", ("cache))\n", "cache))[:, -1]\n")), "every position"),
    (changed("GPT", ("self.output_head(self.hidden_states(token_ids, cache))", "self.output_head(self.final_norm(self.hidden_states(token_ids, cache)))")), "normalizes already"),
    (changed(STATES, (" + self.position_embedding(positions)", "")), "position embedding is missing"),
    (changed(STATES, ("return self.final_norm(x)", "return x")), "final normalization is missing"),
    (changed(STATES, ("x = block(x", "block(x")), "their result is not used"),
    (changed(STATES, ("return self.final_norm(x)", "return self.output_head(self.final_norm(x))")), "forward applies the head"),
    (changed(STATES, ("if end >", "if False and end >")), "should stop with ValueError"),
    (changed(STATES, ("if end >", "if end >=")), "64 tokens"),
    (changed(STATES, ("if end >", "if token_ids.shape[1] >")), "should stop with ValueError"),
    (changed(STATES, ("self.dropout(self.token_embedding(token_ids) + self.position_embedding(positions))", "self.token_embedding(token_ids) + self.position_embedding(positions)")), "dropout works once"),
    (changed(STATES, ("self.dropout(self.token_embedding(token_ids) + ", "self.dropout(self.token_embedding(token_ids)) + (")), "token plus position embedding"),
    (changed(STATES, ("arange(past, end", "arange(end - past")), "positions go on"),
    (changed(STATES, ("block(x, cache, layer)", "block(x)")), "block 0 must be called"),
    (changed(STATES, ("block(x, cache, layer)", "block(x, cache, 0)")), "block 1 must be called"),
    (changed(STATES, ("cache.advance(token_ids.shape[1])", "pass")), "cache.advance must be called once"),
    (changed(STATES, ("        x = block(x, cache, layer)\n", "        x = block(x, cache, layer)\n        if cache is not None:\n            cache.advance(token_ids.shape[1])\n"), ("    if cache is not None:\n        cache.advance(token_ids.shape[1])\n    return", "    return")), "the calls were [3, 3]"),
    (changed(STATES, ("x = block(x, cache, layer)", "x = self.final_norm(block(x, cache, layer))")), "works once, after the last"),
    (changed(STATES, ("    if cache is not None:\n        cache.advance(token_ids.shape[1])\n", ""), ("    positions", "    if cache is not None:\n        cache.advance(token_ids.shape[1])\n    positions")), "comes after the last block"),
    (function("count_parameters(config)", "return sum(p.numel() for p in GPT(config).parameters())"), "it builds the model"),
    (function("count_parameters(config)", "with torch.device('meta'):", "    return sum(p.numel() for p in GPT(config).parameters())"), "it builds the model"),
    (changed("count_parameters", ("1 if config.tie_weights else 2", "2")), "count it once"),
    (changed("count_parameters", ("1 if config.tie_weights else 2", "1")), "a second table"),
    (changed("count_parameters", ("(3 * width if config.qkv_bias else 0)", "0")), "have a bias here"),
    (changed("count_parameters", ("(3 * width if config.qkv_bias else 0)", "3 * width")), "have none"),
    (changed("count_parameters", (" + config.context_length", "")), "position embedding is missing"),
    (changed("count_parameters", ("config.context_length", "1024")), "every size comes"),
    (changed("count_parameters", (" + 2 * width", "")), "the final normalization"),
    (changed("count_parameters", ("block = 2 * 2 * width + ", "block = ")), "two normalizations of each block"),
    (changed("count_parameters", ("2 * 2 * width", "2 * width")), "each with a scale and a shift"),
    (changed("count_parameters", (" + 5 * width", "")), "two biases are missing"),
    (changed("count_parameters", ("4 * width**2 + width +", "3 * width**2 +")), "a fourth matrix"),
    (changed("count_parameters", ("return embeddings", "return 0.5 + embeddings")), "of type float"),
    (changed("generate_greedy", ("[:, -1].argmax", "[:, 0].argmax")), "highest logit at the last position"),
    (changed("generate_greedy", ("argmax", "argmin")), "that is the lowest logit"),
    (changed("generate_greedy", (GREEDY, "model(token_ids)")), "the last 12 only"),
    (changed("generate_greedy", ("-model.config.context_length :", "-11:")), "last context_length"),
    (changed("generate_greedy", (GREEDY, "model(token_ids[:, : model.config.context_length])")), "last context_length"),
    (changed("generate_greedy", ("return token_ids", "return token_ids[:, -max_new_tokens:]")), "new tokens only"),
    (changed("generate_greedy", ("@torch.no_grad()\n", "")), "torch.no_grad()"),
    (changed("generate_greedy", ("token_ids[:, -model.config.context_length :]", "token_ids[:1, -model.config.context_length :]"), ("token_ids, new]", "token_ids, new.expand(len(token_ids), 1)]")), "highest logit at the last"),
    (changed("generate_greedy", (GREEDY, "torch.cat([model(row[None]) for row in token_ids[:, -model.config.context_length :]])")), "once for all rows"),
    (changed("generate_greedy", ("    for _", "    token_ids[:, 0] = token_ids[:, 0] + 0 if max_new_tokens else 1\n    for _")), "the text stays"),
    (changed("KVCache", ("return keys, values", "return self.values[layer], self.keys[layer]")), "are swapped"),
    (changed("KVCache", ("torch.cat([self.keys[layer], keys], dim=2)", "keys"), ("torch.cat([self.values[layer], values], dim=2)", "values")), "only the new ones"),
    (changed("KVCache", ("[self.keys[layer], keys]", "[keys, self.keys[layer]]")), "in order"),
    (changed("KVCache", ("[layer]", "[0]")), "layer 1 gets back"),
    (changed("KVCache", ("        return keys", "        self.length += keys.shape[2]\n        return keys")), "extend must not change"),
    (changed("KVCache", ("self.length += n_tokens", "self.length += 1")), "advance adds n_tokens"),
    (changed("KVCache", ("self.length += n_tokens", "self.length = n_tokens")), "advance adds n_tokens"),
    (changed("KVCache", ("self.length = 0", "pass")), "has the length 0"),
    (changed("KVCache", ("    def __init__(self, config):\n        self.keys, self.values = [None] * config.n_layers, [None] * config.n_layers", "    keys, values = [None] * 9, [None] * 9\n\n    def __init__(self, config):")), "keep everything in self"),
    (changed(ATTENTION, ("values, mask, dropout)", "values, None, dropout)")), "the mask is missing"),
    (changed(ATTENTION, ("values, mask, dropout)", "values, None, dropout, is_causal=True)")), "counts from the first key"),
    (changed(ATTENTION, ("values, mask, dropout)", "values, mask if cache is None else None, dropout)")), "new tokens look at later"),
    (changed(ATTENTION, ("keys, values = cache.extend", "cache.extend")), "are not used"),
    (changed(ATTENTION, ("cache.extend(layer", "cache.extend(0")), "hand layer to cache.extend"),
    (changed(ATTENTION, ("    new, known", "    if cache is not None:\n        cache.advance(x.shape[1])\n    new, known")), "attention, with"),
    (changed(ATTENTION, ("dropout = self.dropout if self.training else 0.0", "dropout = 0.0")), "there is no dropout"),
    (changed(ATTENTION, ("dropout = self.dropout if self.training else 0.0", "dropout = self.dropout")), "after eval()"),
    (changed(ATTENTION, ("values, mask, dropout)", "values, mask)"), ("return self.output(context.transpose(1, 2).flatten(2))", "return F.dropout(self.output(context.transpose(1, 2).flatten(2)), dropout)")), "as a whole"),
    (changed(ATTENTION, (", device=x.device", "")), "another device"),
    (changed(ATTENTION, ("    mask = torch.ones(new, known, dtype=torch.bool, device=x.device).tril(known - new)\n", "    mask = torch.ones(new, known, dtype=torch.bool).tril(known - new)\n    mask = mask.to(x.device) if cache is None else mask\n")), "another device"),
    (changed(ATTENTION, ("values, mask, dropout)", "values.detach(), mask, dropout)")), "training goes through it"),
    (changed("generate_cached", ("model(new, cache)", "model(token_ids)")), "only the newest token"),
    (changed("generate_cached", ("steps = max(0, min(max_new_tokens, fits))", "steps = max_new_tokens")), "the last 12 only"),
    (changed("generate_cached", ("return generate_greedy(model, token_ids, max_new_tokens - steps)", "return token_ids")), "writing past"),
    (changed("generate_cached", ("        new = model(new, cache)", "        new = model(token_ids[:, -1:], cache)")), "highest logit at the last"),
    (changed("generate_cached", ("        new = model(new, cache)", "        new = model(new, KVCache(model.config))")), "keep one cache"),
    (changed("generate_cached", ("token_ids.shape[1] + 1", "token_ids.shape[1]")), "until the 12th token"),
    (changed("generate_cached", ("@torch.no_grad()\n", "")), "torch.no_grad()"),
    (changed("generate_cached", ("for _ in range(steps):", "for _ in range(steps and steps - 1):"), ("max_new_tokens - steps", "max_new_tokens - max(steps - 1, 0)")), "only the newest token"),
]  # fmt: skip


(
    test_right_answers_of_another_shape,
    test_mistakes_have_their_own_message,
    test_every_turn_has_mistakes_and_another_right_answer,
) = turn_tests(TURNS, RIGHT, WRONG)


def whole_gpt():
    """The course's GPT of this notebook with all its methods, as it is at the notebook's end."""
    names = {"hidden_states": t06.hidden_states}
    return type("GPT", (t06.GPT,), names)


@pytest.fixture
def cached(monkeypatch):
    monkeypatch.setattr(t06.MultiHeadAttention, "forward", t06.forward)


def test_the_first_weights_are_those_of_helpers():
    torch.manual_seed(0)
    ours = whole_gpt()(PRESETS["tiny"]).state_dict()
    torch.manual_seed(0)
    theirs = GPT(PRESETS["tiny"]).state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("kind", [t06.KVCache, kv_cache.KVCache])
def test_the_whole_gpt_writes_what_helpers_writes(kind, cached, monkeypatch):
    monkeypatch.setattr(t06, "KVCache", kind)
    torch.manual_seed(0)
    theirs = GPT(PRESETS["tiny"]).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    ours = whole_gpt()(PRESETS["tiny"]).eval()
    ours.load_state_dict(theirs.state_dict())
    prompt = torch.tensor([[1, 2, 3]])
    expected = torch.stack(list(generate(theirs, prompt, 70)), dim=1)
    assert torch.equal(t06.generate_cached(ours, prompt, 70)[:, 3:], expected)
    assert torch.equal(torch.stack(list(generate(ours, prompt, 70)), dim=1), expected)


# the right values of what the notebook claims


@pytest.mark.parametrize("tied", [True, False])
def test_a_model_with_one_table_for_both_repeats_itself(tied, cached):
    torch.manual_seed(0)
    model = whole_gpt()(replace(PRESETS["laptop"], tie_weights=tied)).eval()
    prompt = torch.randint(model.config.vocab_size, (1, 8))
    written = t06.generate_cached(model, prompt, 24)[0, 8:]
    repeated = int((written[1:] == written[:-1]).sum())
    assert repeated > 18 if tied else repeated < 5


def test_the_first_gradient_vanishes_for_small_weights_without_shortcuts():
    def ratio(shortcuts, std):
        torch.manual_seed(0)
        layers = [torch.nn.Linear(64, 64) for _ in range(24)]
        x = torch.randn(16, 64)
        for layer in layers:
            if std:
                torch.nn.init.normal_(layer.weight, std=std)
            change = t06.gelu(layer(x))
            x = x + change if shortcuts else change
        ends = [layers[0].weight, layers[-1].weight]
        first, last = torch.autograd.grad(x.square().mean(), ends)
        return float(first.abs().mean() / last.abs().mean())

    assert ratio(shortcuts=False, std=None) < 1e-9
    assert 1e-2 < ratio(shortcuts=False, std=(2 / 64) ** 0.5) < 1e3
    assert 1e-1 < ratio(shortcuts=True, std=None) < 1e1
