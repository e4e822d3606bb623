"""The turns of notebook 11: from a GPT to a Llama, a file's weights, a chat, and a form to fill in.

Shapes: B sequences, T new tokens, S tokens so far, C embedding dimensions, H query heads, G heads of
keys and values, D dimensions per head, V tokens in the vocabulary, N blocks of a file or tokens of a
batch, E experts.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import regex
import torch
from torch import nn
from torch.nn import functional as F

from classroom.turns.turn import Turns
from helpers.llama import blocks as formats
from helpers.llama import model
from helpers.llama.config import LlamaConfig
from helpers.llama.load import GGUF, theirs


def rotary_angles(config, past, length):
    """The cosines and sines of `length` positions after `past` earlier ones, (T, D / 2) each."""
    base, size = config.rope_base, config.head_dim
    frequencies = torch.tensor([base ** (-pair / size) for pair in range(0, size, 2)])
    angles = torch.outer(torch.arange(past, past + length).float(), frequencies)
    return angles.cos(), angles.sin()


TURNS = Turns("11", given={"rotary_angles": rotary_angles})
your_turn = TURNS.your_turn

# The course's versions


class RMSNorm(nn.Module):
    def __init__(self, size, epsilon=1e-5):
        super().__init__()
        self.epsilon = epsilon
        self.scale = nn.Parameter(torch.ones(size))

    def forward(self, x):
        mean_square = x.square().mean(dim=-1, keepdim=True)
        return self.scale * x / torch.sqrt(mean_square + self.epsilon)


def rotate(x, cosines, sines):
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosines - second * sines, first * sines + second * cosines], dim=-1)


class SwiGLU(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate = nn.Linear(config.embedding_dim, config.hidden_dim, bias=False)
        self.expand = nn.Linear(config.embedding_dim, config.hidden_dim, bias=False)
        self.project = nn.Linear(config.hidden_dim, config.embedding_dim, bias=False)

    def forward(self, x):
        return self.project(F.silu(self.gate(x)) * self.expand(x))


def grouped_attention(queries, keys, values):
    shared_by = queries.shape[1] // keys.shape[1]
    keys = keys.repeat_interleave(shared_by, dim=1)
    values = values.repeat_interleave(shared_by, dim=1)
    new, known = queries.shape[2], keys.shape[2]
    mask = torch.ones(new, known, dtype=torch.bool, device=keys.device).tril(known - new)
    return F.scaled_dot_product_attention(queries, keys, values, mask)


class GroupedQueryAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.head_dim = size = config.head_dim
        self.query = nn.Linear(config.embedding_dim, config.n_heads * size, bias=False)
        self.key = nn.Linear(config.embedding_dim, config.kv_heads * size, bias=False)
        self.value = nn.Linear(config.embedding_dim, config.kv_heads * size, bias=False)
        self.output = nn.Linear(config.n_heads * size, config.embedding_dim, bias=False)

    def forward(self, x, angles, cache=None, layer=0):
        parts = (self.query(x), self.key(x), self.value(x))
        parts = (part.unflatten(-1, (-1, self.head_dim)).transpose(1, 2) for part in parts)
        queries, keys, values = parts
        queries, keys = rotate(queries, *angles), rotate(keys, *angles)
        if cache is not None:
            keys, values = cache.extend(layer, keys, values)
        return self.output(grouped_attention(queries, keys, values).transpose(1, 2).flatten(2))


class LlamaBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.norm_attention = RMSNorm(config.embedding_dim, config.norm_epsilon)
        self.attention = GroupedQueryAttention(config)
        self.norm_feed_forward = RMSNorm(config.embedding_dim, config.norm_epsilon)
        self.feed_forward = SwiGLU(config)

    def forward(self, x, angles, cache=None, layer=0):
        x = x + self.attention(self.norm_attention(x), angles, cache, layer)
        return x + self.feed_forward(self.norm_feed_forward(x))


class Llama(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.embedding_dim)
        self.blocks = nn.ModuleList(LlamaBlock(config) for _ in range(config.n_layers))
        self.final_norm = RMSNorm(config.embedding_dim, config.norm_epsilon)
        self.output_head = nn.Linear(config.embedding_dim, config.vocab_size, bias=False)
        if config.tie_weights:
            self.output_head.weight = self.token_embedding.weight

    def forward(self, token_ids, cache=None):
        return self.output_head(self.hidden_states(token_ids, cache))


def hidden_states(self, token_ids, cache=None):
    past = 0 if cache is None else cache.length
    angles = rotary_angles(self.config, past, token_ids.shape[1])
    x = self.token_embedding(token_ids)
    for layer, block in enumerate(self.blocks):
        x = block(x, angles, cache, layer)
    if cache is not None:
        cache.advance(token_ids.shape[1])
    return self.final_norm(x)


def gguf_name(name):
    parts = {"blocks.": "blk.", "token_embedding": "token_embd", "output_head": "output"}
    parts |= {"final_norm.scale": "output_norm.weight"}
    parts |= {"norm_attention.scale": "attn_norm.weight"}
    parts |= {"norm_feed_forward.scale": "ffn_norm.weight"}
    parts |= {"attention.query": "attn_q", "attention.key": "attn_k", "attention.value": "attn_v"}
    parts |= {"attention.output": "attn_output", "feed_forward.gate": "ffn_gate"}
    parts |= {"feed_forward.expand": "ffn_up", "feed_forward.project": "ffn_down"}
    for ours, file_name in parts.items():
        name = name.replace(ours, file_name)
    return name


def unpack_q4_1(blocks):
    numbers = np.concatenate([blocks["pairs"] & 15, blocks["pairs"] >> 4], axis=-1)
    scale = blocks["scale"].astype(np.float32)[:, None]
    least = blocks["least"].astype(np.float32)[:, None]
    return least + scale * numbers


def chat_ids(tokenizer, messages):
    begin, end = (tokenizer.special_tokens[name] for name in ("<|im_start|>", "<|im_end|>"))
    line_end, ids = tokenizer.encode_ordinary("\n"), []
    for role, text in messages:
        ids += [begin, *tokenizer.encode_ordinary(f"{role}\n")]
        ids += [*tokenizer.encode_ordinary(text.strip()), end, *line_end]
    return [*ids, begin, *tokenizer.encode_ordinary("assistant\n")]


def allowed_tokens(tokens, pattern, written):
    form = regex.compile(pattern)
    return torch.tensor(
        [
            token != "" and form.fullmatch(written + token, partial=True) is not None
            for token in tokens
        ]
    )


def route(logits, k):
    best = logits.topk(k, dim=-1)
    weights = best.values.softmax(dim=-1)
    return torch.zeros_like(logits).scatter(-1, best.indices, weights)


# The checks

TINY = LlamaConfig(
    512, 64, embedding_dim=32, hidden_dim=48, n_heads=4, n_layers=2, n_kv_heads=2, rope_base=100.0
)


def _randomized(module, std=0.3):
    """Random numbers in all parameters, so that all of them count."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=std)
    return module.eval()


def _fits(trial, module, reference, name):
    """The module's parameters have the names and shapes of the reference's; it takes its values."""
    trial.that(isinstance(module, nn.Module), f"{name} must be an nn.Module")
    found = {key: tuple(value.shape) for key, value in module.named_parameters()}
    right = {key: tuple(value.shape) for key, value in reference.named_parameters()}
    missing = [key for key in right if key not in found]
    trial.that(not missing, f"{name} has no parameter {missing[:1]}: weights are loaded by name")
    left = [key for key in found if key not in right]
    trial.that(not left, f"{name} has {left[:1]} besides, which a Llama's file does not hold")
    bad = [
        f"{key} of shape {found[key]}, not {right[key]}"
        for key in right
        if found[key] != right[key]
    ]
    trial.that(not bad, f"{name} has {bad[:1]}")
    module.load_state_dict(reference.state_dict())
    return module.eval()


def _gradient(run, x):
    """The gradient at x of a weighted sum of what `run(x)` gives."""
    x = x.detach().clone().requires_grad_()
    out = run(x)
    if not out.requires_grad:
        return torch.zeros_like(x)
    weights = torch.linspace(-1, 1, out.numel()).view_as(out)
    (found,) = torch.autograd.grad((out * weights).sum(), x, allow_unused=True)
    return torch.zeros_like(x) if found is None else found


@TURNS.turn(RMSNorm)
def check_rms_norm(trial):
    reference = model.RMSNorm(6)
    norm = trial.call(6)
    start = getattr(norm, "scale", None)
    start = None if start is None else torch.as_tensor(start).detach().clone()
    _fits(trial, norm, reference, "RMSNorm(6)")
    trial.same(start, torch.ones(6), "RMSNorm(6).scale", "the scale is 1 at the start")
    _randomized(reference)
    norm.load_state_dict(reference.state_dict())
    x = torch.randn(2, 3, 6) * torch.tensor([[[1.0], [5.0], [2.0]]]) + 2
    scale = reference.scale
    trial.close(
        x,
        gives=reference(x),
        why="divide by the root of the mean of the squares, then multiply by scale",
        mistakes=[
            (scale * F.layer_norm(x, (6,)), "that is layer normalization; no mean is subtracted"),
            (F.rms_norm(x, (6,)), "scale is not used"),
            (
                scale * x / x.norm(dim=-1, keepdim=True),
                "that is the root of the sum; take the mean",
            ),
            (scale * x / x.square().mean().sqrt(), "one size for all tokens; take dim=-1"),
            (scale * x / x.square().mean(-1, keepdim=True), "the root is missing"),
        ],
        function=norm,
        name="norm",
    )
    small = 1e-3 * torch.randn(4, 6)
    trial.close(
        small,
        gives=reference(small),
        why="for small numbers epsilon counts: it is added to the mean square, under the root",
        function=norm,
        name="norm",
    )
    trial.close(
        x,
        gives=F.rms_norm(x, (6,), eps=0.5),
        why="epsilon is an argument; keep it in self",
        function=trial.call(6, 0.5),
        name="RMSNorm(6, epsilon=0.5)",
    )
    trial.same(
        _gradient(norm, x),
        _gradient(reference, x),
        "the gradient through RMSNorm",
        "training goes through the root mean square too",
    )


@TURNS.turn(rotate)
def check_rotate(trial):
    quarter = torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 1.0]])
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    trial.close(
        x,
        *quarter,
        gives=torch.tensor([[-3.0, -4.0, 1.0, 2.0]]),
        why="by 90 degrees (a, b) becomes (-b, a), where b is in the second half",
        mistakes=[
            (
                torch.tensor([[-2.0, 1.0, -4.0, 3.0]]),
                "a pair is dimension i of each half here, not two neighbors",
            ),
            (
                torch.tensor([[3.0, 4.0, -1.0, -2.0]]),
                "that turns the other way: the first half loses second * sines",
            ),
        ],
    )
    torch.manual_seed(0)
    for shape in ((3, 6), (2, 4, 5, 8)):
        x = torch.randn(*shape)
        angles = torch.rand(shape[-2], shape[-1] // 2) * 6
        before = x.clone()
        trial.close(
            x,
            angles.cos(),
            angles.sin(),
            gives=model.rotate(x, angles.cos(), angles.sin()),
            why="each pair turns by its angle at its position: (a cos - b sin, a sin + b cos)",
        )
        trial.that(torch.equal(x, before), "it changes the tensor it is given; make a new one")
    half = angles.cos(), angles.sin()
    trial.same(
        _gradient(lambda x: trial.call(x, *half), x),
        _gradient(lambda x: model.rotate(x, *half), x),
        "the gradient through rotate",
        "queries and keys learn through the rotation",
    )


@TURNS.turn(SwiGLU)
def check_swiglu(trial):
    reference = _randomized(model.SwiGLU(TINY))
    network = _fits(trial, trial.call(TINY), reference, "SwiGLU(config)")
    x = torch.randn(2, 3, 32)
    gate, expanded = reference.gate(x), reference.expand(x)
    trial.close(
        x,
        gives=reference(x),
        why="silu of the gate times the expanded numbers, then project",
        mistakes=[
            (reference.project(gate * expanded), "the gate has no silu yet"),
            (reference.project(gate * F.silu(expanded)), "silu belongs to the gate, not to expand"),
            (
                reference.project(torch.sigmoid(gate) * expanded),
                "that is a sigmoid gate (GLU); silu(x) is x · sigmoid(x)",
            ),
            (reference.project(F.gelu(gate) * expanded), "that is GEGLU; Llama's gate is silu"),
            (reference.project(F.silu(gate) + expanded), "the gate multiplies, it does not add"),
            (reference.project(F.silu(gate)), "expand is not used"),
        ],
        function=network,
        name="feed_forward",
    )
    trial.same(
        _gradient(network, x),
        _gradient(reference, x),
        "the gradient through SwiGLU",
        "all three matrices must learn",
    )


def _attended(queries, keys, values, mask):
    return F.scaled_dot_product_attention(queries, keys, values, mask)


@TURNS.turn(grouped_attention)
def check_grouped_attention(trial):
    torch.manual_seed(0)
    queries = torch.randn(2, 4, 5, 8)
    for groups, known in ((2, 5), (1, 5), (4, 5), (2, 9)):
        keys, values = torch.randn(2, groups, known, 8), torch.randn(2, groups, known, 8)
        full = [part.repeat_interleave(4 // groups, dim=1) for part in (keys, values)]
        mask = torch.ones(5, known, dtype=torch.bool).tril(known - 5)
        mistakes = [
            (_attended(queries, *full, None), "the mask is missing: nobody looks ahead"),
            (
                _attended(queries, *full, torch.ones(5, known, dtype=torch.bool).tril()),
                "there are older keys before the new ones: the last query belongs to the last key",
            ),
        ]
        if groups == 2:
            tiled = [part.repeat(1, 2, 1, 1) for part in (keys, values)]
            mistakes.append(
                (
                    _attended(queries, *tiled, mask),
                    "heads 0 and 1 share the first keys, 2 and 3 the second: repeat_interleave",
                )
            )
        scores = queries @ full[0].mT
        mistakes.append(
            (
                scores.masked_fill(~mask, -torch.inf).softmax(-1) @ full[1],
                "divide the scores by the root of D",
            )
        )
        trial.close(
            queries,
            keys,
            values,
            gives=_attended(queries, *full, mask),
            why="repeat keys and values for the heads that share them, then causal attention",
            mistakes=mistakes,
        )
    trial.same(
        _gradient(lambda keys: trial.call(queries, keys, values), keys),
        _gradient(
            lambda keys: _attended(queries, keys.repeat_interleave(2, 1), full[1], mask), keys
        ),
        "the gradient at the keys",
        "shared keys learn from all the heads that use them",
    )


class _Kept:
    """A cache that already holds three tokens for each layer, and notes which layer is asked."""

    def __init__(self):
        torch.manual_seed(1)
        self.length, self.asked = 3, []
        self.old = torch.randn(2, 2, 2, 2, 3, 8)

    def extend(self, layer, keys, values):
        self.asked.append(layer)
        old = self.old[layer]
        return torch.cat([old[0], keys], dim=2), torch.cat([old[1], values], dim=2)

    def advance(self, n_tokens):
        raise RuntimeError("the model advances the cache, not the attention")


@TURNS.turn(GroupedQueryAttention)
def check_attention(trial):
    reference = _randomized(model.GroupedQueryAttention(TINY))
    attention = _fits(trial, trial.call(TINY), reference, "GroupedQueryAttention(config)")
    x, angles = torch.randn(2, 5, 32), rotary_angles(TINY, 0, 5)
    still = torch.ones(5, 4), torch.zeros(5, 4)
    queries, keys, values = reference.project(x, still)
    turned = [model.rotate(part, *angles) for part in (queries, keys, values)]

    def mixed(queries, keys, values):
        context = grouped_attention(queries, keys, values)
        return reference.output(context.transpose(1, 2).flatten(2))

    trial.close(
        x,
        angles,
        gives=reference(x, angles),
        why="project, split into heads, rotate queries and keys, attend, join, project",
        mistakes=[
            (mixed(queries, keys, values), "queries and keys are not rotated"),
            (mixed(turned[0], keys, values), "the keys are not rotated"),
            (mixed(queries, turned[1], values), "the queries are not rotated"),
            (mixed(*turned), "values carry content and are not rotated"),
            (
                grouped_attention(*turned[:2], values).transpose(1, 2).flatten(2),
                "the output matrix is not used",
            ),
        ],
        function=attention,
        name="attention",
    )
    after = rotary_angles(TINY, 3, 5)
    cache = _Kept()
    trial.close(
        x,
        after,
        cache,
        1,
        gives=reference(x, after, _Kept(), 1),
        why="with a cache, cache.extend(layer, rotated keys, values) returns all keys and values",
        mistakes=[(reference(x, after), "the keys and values of the cache are not used")],
        function=attention,
        name="attention",
    )
    trial.that(cache.asked == [1], "cache.extend must be called once, with the layer it is given")
    _other_sizes(trial, x)
    trial.same(
        _gradient(lambda x: attention(x, angles), x),
        _gradient(lambda x: reference(x, angles), x),
        "the gradient through attention",
        "training goes through queries, keys and values",
    )


def _other_sizes(trial, x):
    """The size and number of heads are those of the config; a size of 2 fits where C // H is taken."""
    for size, groups in ((2, 4), (16, 1)):
        config = replace(TINY, head_size=size, n_kv_heads=groups)
        reference, angles = (
            _randomized(model.GroupedQueryAttention(config)),
            rotary_angles(config, 0, 5),
        )
        trial.close(
            x,
            angles,
            gives=reference(x, angles),
            why="take H, G and D from the config: D need not be C // H",
            function=_fits(trial, trial.call(config), reference, f"with head_size={size}"),
            name=f"attention with head_size={size}",
        )


class _Recorder(nn.Module):
    """Stands for a part of a model: keeps what it is called with, returns its input plus one."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def forward(self, x, angles, cache=None, layer=0):
        self.calls.append((x, angles, cache, layer))
        return x + 1


@TURNS.turn(LlamaBlock)
def check_block(trial):
    reference = _randomized(model.LlamaBlock(TINY))
    block = _fits(trial, trial.call(TINY), reference, "LlamaBlock(config)")
    x, angles = torch.randn(2, 5, 32), rotary_angles(TINY, 0, 5)
    attended = reference.attention(reference.norm_attention(x), angles)
    normed = reference.norm_feed_forward
    trial.close(
        x,
        angles,
        gives=reference(x, angles),
        why="x + attention(normalized x), then that + feed_forward(normalized that)",
        mistakes=[
            (
                attended + reference.feed_forward(normed(attended)),
                "the first shortcut is missing: add x",
            ),
            (
                reference.feed_forward(normed(x + attended)),
                "the second shortcut is missing: add what came in",
            ),
            (
                x + attended + reference.feed_forward(normed(x)),
                "the second branch starts from the first one's sum, not from x",
            ),
            (
                x + attended + reference.feed_forward(x + attended),
                "the second branch begins with its normalization",
            ),
        ],
        function=block,
        name="block",
        tolerance=1e-4,
    )
    config, small = replace(TINY, norm_epsilon=0.25), 0.1 * x
    other = _randomized(model.LlamaBlock(config))
    trial.close(
        small,
        angles,
        gives=other(small, angles),
        why="both normalizations take config.norm_epsilon: models differ in it",
        function=_fits(trial, trial.call(config), other, "LlamaBlock(config)"),
        name="block with norm_epsilon=0.25",
        tolerance=1e-4,
    )
    block.attention = _Recorder()
    cache = object()
    trial.call(x, angles, cache, 1, function=block, name="block")
    trial.that(
        block.attention.calls[0][1:] == (angles, cache, 1),
        "block(x, angles, cache, 1) must call self.attention(..., angles, cache, 1)",
    )


@TURNS.turn(Llama)
def check_llama(trial):
    for config in (TINY, replace(TINY, tie_weights=False, n_layers=3)):
        llama = trial.call(config)
        tables = [getattr(llama, name, None) for name in ("output_head", "token_embedding")]
        head, embedding = (getattr(table, "weight", None) for table in tables)
        trial.that(
            (head is embedding) == config.tie_weights,
            "with config.tie_weights the head's weight is the embedding's weight, one tensor"
            if config.tie_weights
            else "without config.tie_weights the head has a weight of its own",
        )
        _fits(trial, llama, model.Llama(config), f"Llama with tie_weights={config.tie_weights}")
        trial.that(getattr(llama, "config", None) is config, "self.config must keep the config")
    small = 0.1 * torch.randn(2, 3, 32)
    trial.close(
        small,
        gives=F.rms_norm(small, (32,), eps=0.25),
        why="the final normalization takes config.norm_epsilon",
        function=trial.call(replace(TINY, norm_epsilon=0.25)).final_norm,
        name="final_norm with norm_epsilon=0.25",
    )
    hidden, given = torch.randn(2, 3, 32), []

    def known(self, token_ids, cache=None):
        given.append((token_ids, cache))
        return hidden

    llama = type("Llama", (trial.attempt,), {"hidden_states": known})(TINY)
    token_ids, cache = torch.tensor([[1, 2, 3], [4, 5, 6]]), object()
    logits = hidden @ llama.output_head.weight.T
    trial.close(
        token_ids,
        cache,
        gives=logits,
        why="the logits are the output head's of all the hidden states",
        mistakes=[
            (logits.softmax(-1), "these are probabilities; the model gives logits"),
            (logits[:, -1], "give the logits of every position"),
            (
                llama.output_head(llama.final_norm(hidden)),
                "hidden_states normalizes already",
            ),
        ],
        function=llama,
        name="llama",
    )
    trial.that(
        len(given) == 1 and given[0][0] is token_ids and given[0][1] is cache,
        "llama(token_ids, cache) must call self.hidden_states(token_ids, cache) once",
    )


@TURNS.turn(hidden_states, of="Llama")
def check_hidden_states(trial):
    reference = _randomized(model.Llama(TINY))
    llama = trial.attempt(TINY).eval()
    llama.load_state_dict(reference.state_dict())
    token_ids = torch.randint(512, (2, 7))
    x, angles = reference.token_embedding(token_ids), reference.angles(token_ids)
    through = x
    for block in reference.blocks:
        through = block(through, angles)
    trial.close(
        token_ids,
        gives=reference.hidden_states(token_ids),
        why="the token embedding, through all the blocks, then the final normalization",
        mistakes=[
            (through, "the final normalization is missing"),
            (reference.final_norm(x), "the blocks are missing, or their result is not used"),
            (reference(token_ids), "these are logits; forward applies the head"),
        ],
        function=llama.hidden_states,
        name="llama.hidden_states",
        tolerance=1e-4,
    )
    llama.blocks = nn.ModuleList(_Recorder() for _ in range(2))
    read = []
    cache = SimpleNamespace(length=10, advance=read.append)
    trial.call(token_ids, cache, function=llama.hidden_states, name="llama.hidden_states")
    right = rotary_angles(TINY, 10, 7)
    for number, block in enumerate(llama.blocks):
        trial.that(
            len(block.calls) == 1 and block.calls[0][2:] == (cache, number),
            f"block {number} must be called as block(x, angles, cache, {number})",
        )
        trial.same(
            tuple(block.calls[0][1]),
            right,
            "after a cache of 10 tokens, the angles",
            "positions are counted on from cache.length",
        )
    trial.that(
        read == [7],
        f"cache.advance must be called once, with the 7 new tokens; the calls were {read}",
    )


@TURNS.turn(gguf_name)
def check_gguf_name(trial):
    reasons = {
        "norm_": "a normalization's scale is called weight in the file: attn_norm, ffn_norm",
        "expand": "expand is the file's ffn_up",
        "project": "project is the file's ffn_down",
        "final": "the last normalization is output_norm.weight",
    }
    for config in (replace(TINY, n_layers=13, tie_weights=False),):
        for name, _ in model.Llama(config).named_parameters():
            why = next(
                (reason for part, reason in reasons.items() if part in name),
                "see the table: a block's number stays, the part's name changes",
            )
            trial.equal(name, gives=theirs(name, GGUF), why=why)


def _blocks(scales, leasts, pairs):
    blocks = np.zeros(len(scales), formats.FORMATS[3].layout)
    blocks["scale"], blocks["least"], blocks["pairs"] = scales, leasts, pairs
    return blocks


@TURNS.turn(unpack_q4_1)
def check_unpack(trial):
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 256, (3, 16), dtype=np.uint8)
    blocks = _blocks([0.5, 0.01, 2.0], [-1.0, 0.25, 0.0], pairs)
    before, right = blocks.tobytes(), formats.unpack_q4_1(blocks)
    found = trial.call(blocks)
    trial.that(isinstance(found, np.ndarray), "it should return a numpy array (N, 32)")
    trial.that(
        found.shape == (3, 32),
        f"three blocks are (3, 32) weights, yours has the shape {found.shape}",
    )
    trial.that(
        found.dtype == np.float32,
        f"the weights should be float32, yours are {found.dtype}: numbers of 16 bits round",
    )
    low, high = pairs & 15, pairs >> 4
    scale, least = (blocks[name].astype(np.float32)[:, None] for name in ("scale", "least"))
    neighbors = np.stack([low, high], -1).reshape(3, 32)
    numbers = np.concatenate([low, high], -1)
    trial.same(
        torch.from_numpy(found),
        torch.from_numpy(right),
        "unpack_q4_1(blocks)",
        "each weight is least + scale * (a whole number from 0 to 15)",
        mistakes=[
            (
                torch.from_numpy(least + scale * neighbors),
                "the low halves are the first 16 weights, the high ones the last 16",
            ),
            (
                torch.from_numpy(least + scale * np.concatenate([high, low], -1)),
                "the low halves come first",
            ),
            (torch.from_numpy(scale * numbers), "least is not added"),
            (torch.from_numpy(least - scale * numbers), "least is added to the scaled number"),
            (
                torch.from_numpy(least + scale * (numbers.astype(np.float32) - 8)),
                "Q4_1 counts from least; no 8 is subtracted",
            ),
        ],
        tolerance=1e-6,
    )
    trial.that(blocks.tobytes() == before, "it changes the blocks it is given")
    empty = trial.call(blocks[:0])
    trial.that(empty.shape == (0, 32), "no blocks give an array of shape (0, 32)")


class _Bytes:
    """A tokenizer whose tokens are bytes, with two special tokens; it notes what it is given."""

    special_tokens = {"<|im_start|>": 256, "<|im_end|>": 257}

    def encode_ordinary(self, text):
        return list(text.encode("utf-8"))

    def encode(self, text, allowed_special=()):
        parts = regex.split(r"(<\|im_start\|>|<\|im_end\|>)", text) if allowed_special else [text]
        ids = []
        for part in parts:
            ids += (
                [self.special_tokens[part]] if part in self.special_tokens else list(part.encode())
            )
        return ids


def _read(ids):
    """Ids of `_Bytes` as text, special tokens as < and >."""
    names = {256: "<", 257: ">"}
    return "".join(names.get(token) or chr(token) for token in ids)


@TURNS.turn(chat_ids)
def check_chat_ids(trial):
    tokenizer = _Bytes()
    two = [("system", "Be kind."), ("user", "Hi!")]
    cases = {
        "a system sentence and a question": (two, "<system\nBe kind.>\n<user\nHi!>\n<assistant\n"),
        "a text with space around it": ([("user", "  Hi! \n")], "<user\nHi!>\n<assistant\n"),
        "an answered question and one more": (
            [("user", "a"), ("assistant", "b"), ("user", "c")],
            "<user\na>\n<assistant\nb>\n<user\nc>\n<assistant\n",
        ),
        "no message": ([], "<assistant\n"),
    }
    for what, (messages, right) in cases.items():
        found = trial.call(tokenizer, messages)
        trial.that(
            isinstance(found, list) and all(isinstance(token, int) for token in found),
            "it should return a list of ids",
        )
        shown, reason = _read(found), "compare each character; < is <|im_start|>, > is <|im_end|>"
        if shown == right.removesuffix("<assistant\n"):
            reason = (
                "the assistant's turn must be opened at the end, or the model goes on as the user"
            )
        elif shown == right + ">\n" or shown == right + ">":
            reason = "the assistant's turn is only opened; the model writes its end"
        elif shown.replace("\n", "") == right.replace("\n", ""):
            reason = "a line ends after each role and after each <|im_end|>"
        elif "".join(shown.split()) == "".join(right.split()):
            reason = "strip the text: space around it is not part of the conversation"
        trial.that(shown == right, f"{what} gives {shown!r}, and should give {right!r}: {reason}")
    typed = trial.call(tokenizer, [("user", "<|im_end|>")])
    trial.that(
        typed.count(257) == 1,
        "a reader who types <|im_end|> must not end the turn: encode texts with encode_ordinary",
    )


@TURNS.turn(allowed_tokens)
def check_allowed_tokens(trial):
    tokens = ["a", "ab", "b", "c", "", "abc", "?", " a"]
    cases = [
        ("[ab]+c", "", {"a", "ab", "b", "abc"}),
        ("[ab]+c", "ab", {"a", "ab", "b", "c", "abc"}),
        ("[ab]+c", "abc", set()),
        ("a b?|c", "", {"a", "c"}),
        (r"ab\?", "ab", {"?"}),
        (r"c a?\?", "c", {" a"}),
    ]
    for pattern, written, right in cases:
        gives = torch.tensor([token in right for token in tokens])
        whole = regex.compile(pattern)
        alone = torch.tensor(
            [bool(t) and whole.fullmatch(t, partial=True) is not None for t in tokens]
        )
        done = torch.tensor([bool(t) and whole.fullmatch(written + t) is not None for t in tokens])
        empty = gives.clone()
        empty[4] = True
        trial.close(
            tokens,
            pattern,
            written,
            gives=gives,
            why="a token is allowed if what is written and the token can begin a whole match",
            mistakes=[
                (alone, "what is written already is not looked at"),
                (done, "a match need not be complete yet: partial=True"),
                (empty, "the empty token says nothing: it could be chosen forever"),
            ],
        )


@TURNS.turn(route)
def check_route(trial):
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0], [0.0, 0.5, 3.0, 2.5]])
    right, before = route(logits, 2), logits.clone()
    kept = right > 0
    trial.close(
        logits,
        2,
        gives=right,
        why="the k best of each token get the softmax of their logits, and all others 0",
        mistakes=[
            (logits.softmax(-1), "all experts work here: only the k best keep a weight"),
            (kept.float(), "these are the right experts, and all weigh the same"),
            (kept / 2, "these are the right experts, and all weigh the same"),
            (logits.softmax(-1) * kept, "a token's weights must add up to 1"),
            (logits * kept, "these are logits; take the softmax of the k best"),
            (logits.softmax(0) * kept, "the softmax runs over the experts, not over the tokens"),
        ],
    )
    trial.that(torch.equal(logits, before), "it changes the logits it is given; make new weights")
    torch.manual_seed(0)
    for n, experts, k in ((5, 8, 1), (3, 6, 6), (1, 3, 2)):
        logits = torch.randn(n, experts)
        trial.close(logits, k, gives=route(logits, k), why=f"{k} of {experts} experts work")
    logits = torch.randn(3, 4)
    trial.same(
        _gradient(lambda x: trial.call(x, 2), logits),
        _gradient(lambda x: route(x, 2), logits),
        "the gradient through route",
        "the router learns through the weights",
    )
