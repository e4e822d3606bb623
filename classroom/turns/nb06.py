"""Checks for notebook 06: the cache's bytes, RMSNorm, post-norm, a GPT without modules."""

import math
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from classroom.turns.registry import attempted, exercise, wrong
from helpers.config import PRESETS, GPTConfig
from helpers.model import GPT, TransformerBlock


@exercise("06.1", "What the cache weighs")
def cache_bytes(weigh):
    config = GPTConfig()
    expected = 2 * 12 * 12 * 64 * 100 * 4
    found = attempted(weigh(config, 100, 4))
    explained = {
        expected // 2: "there are keys and there are values: twice as much",
        expected // 12: "every layer has keys and values of its own",
        expected * 12: "a head has config.head_dim numbers; all heads together have embedding_dim",
        expected // 4: "a number has several bytes: multiply with bytes_per_number",
        2 * expected: "keys and values, that is a factor 2; yours counts one of them too many",
    }
    if found in explained:
        wrong(explained[found])
    if found != expected:
        wrong(f"100 tokens of GPT-2 at 4 bytes take {expected:,} bytes, not {found:,}")
    grouped = replace(config, n_kv_heads=4)
    if weigh(grouped, 100, 4) == expected:
        wrong(
            "with n_kv_heads=4 three query heads share their keys and values: use config.kv_heads"
        )
    for other in (grouped, PRESETS["tiny"], PRESETS["gpt2-xl"]):
        for tokens, size in ((0, 4), (1, 2), (777, 1)):
            right = 2 * other.n_layers * other.kv_heads * other.head_dim * tokens * size
            if weigh(other, tokens, size) != right:
                wrong(f"{tokens} tokens at {size} bytes in {other} take {right:,} bytes")
    return "two vectors in every layer for every token; sharing heads makes the cache smaller."


@exercise("06.2", "RMSNorm")
def rms_norm(norm):
    x = torch.tensor([[3.0, 4.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    ones = torch.ones(4)
    found = attempted(norm(x, ones))
    if tuple(found.shape) != (2, 4):
        wrong(f"a (2, 4) input gives a (2, 4) output, yours has {tuple(found.shape)}")
    if _same(found, F.layer_norm(x, (4,))):
        wrong("that is layer normalization: RMSNorm does not subtract the mean")
    if _same(found, x / x.square().mean().sqrt()):
        wrong("one root mean square for the whole batch: take the mean over dim=-1, for each token")
    if _same(found, x / x.norm(dim=-1, keepdim=True)):
        wrong("that is the sum of the squares; take the root of their mean")
    if not _same(found, torch.tensor([[1.2, 1.6, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])):
        wrong("[3, 4, 0, 0] has the mean square 25/4, root 2.5: expected [1.2, 1.6, 0, 0]")
    torch.manual_seed(0)
    x, scale = torch.randn(2, 3, 8), torch.randn(8)
    if _same(norm(x, scale), norm(x, torch.ones(8))):
        wrong("the result does not depend on scale: multiply by it at the end")
    if not torch.isfinite(norm(torch.zeros(2, 4), ones)).all():
        wrong("a vector of zeros gives NaN: add epsilon before taking the root")
    tiny = torch.full((1, 4), 1e-3)
    if not torch.allclose(norm(tiny, ones), F.rms_norm(tiny, (4,), ones, 1e-5), rtol=1e-3):
        wrong("for small numbers it differs: epsilon is 1e-5 and belongs under the root")
    if not _same(norm(x, scale), F.rms_norm(x, (8,), scale, 1e-5)):
        wrong("it differs from torch's rms_norm on a random (2, 3, 8) input")
    return "no mean and no shift: half the parameters of layer normalization. Llama uses it."


@exercise("06.3", "The order of 2017")
def post_norm(run):
    torch.manual_seed(0)
    block = _all_random(TransformerBlock(PRESETS["tiny"]).eval())
    x = torch.randn(2, 5, 64)
    found = attempted(run(block, x))
    attention, feed_forward = block.attention, block.feed_forward
    first, second = block.norm_attention, block.norm_feed_forward
    middle = first(x + attention(x))
    if _same(found, block(x)):
        wrong("that is GPT-2's order: here the sum is normalized, not the branch's input")
    if _same(found, middle):
        wrong("that is the first half: the feed-forward network has a branch too")
    swapped = second(x + attention(x))
    if _same(found, first(swapped + feed_forward(swapped))):
        wrong("the two normalizations are swapped: norm_attention belongs to attention's sum")
    outside = x + first(attention(x))
    if _same(found, outside + second(feed_forward(outside))):
        wrong("the branch's result is normalized and then added; normalize the sum instead")
    if _same(found, second(feed_forward(first(attention(x))))):
        wrong("the shortcuts are missing: add what came in before you normalize")
    if not _same(found, second(middle + feed_forward(middle))):
        wrong(
            "it differs: x + attention(x), normalized; then that + feed_forward(that), normalized"
        )
    alone = first(x[:, :1] + attention(x[:, :1]))
    if not _same(run(block, x[:, :1]), second(alone + feed_forward(alone))):
        wrong("for a single token it differs")
    times = _last_gradient(run) / _last_gradient(lambda block, x: block(x))
    return (
        "what runs down the shortcut is normalized at every sum. In a stack of 24 untrained blocks "
        f"the last one's gradient is now {times:.0f} times as large as in GPT-2's order."
    )


def _last_gradient(run, n_blocks=24):
    """The size of the last block's gradient in an untrained stack, as Xiong et al. 2020 measure."""
    torch.manual_seed(0)
    blocks = [TransformerBlock(PRESETS["tiny"]).eval() for _ in range(n_blocks)]
    for parameter in (parameter for block in blocks for parameter in block.parameters()):
        if parameter.ndim == 2:
            nn.init.xavier_uniform_(parameter)
    x = torch.randn(2, 16, 64)
    for block in blocks:
        x = run(block, x)
    x = F.layer_norm(x, (64,))  # what stands before the output head in both orders
    weight = blocks[-1].feed_forward.expand.weight
    return torch.autograd.grad((x * torch.randn_like(x)).mean(), weight)[0].norm().item()


@exercise("06.4", "A GPT without modules")
def gpt_forward(forward):
    for seed, config in enumerate(
        (PRESETS["tiny"], replace(PRESETS["tiny"], n_heads=2, n_layers=3))
    ):
        torch.manual_seed(seed)
        model = _all_random(GPT(config).eval())
        token_ids = torch.randint(config.vocab_size, (2, 7))
        found, called = _watched(forward, model, token_ids)
        _explain_forward(attempted(found), model, token_ids, called)
    return "that is all of GPT-2: every number of the model, and nothing else."


@torch.no_grad()
def _watched(forward, model, token_ids):
    """The result of an attempt, and the names of the modules that it called."""
    called = []
    hooks = [
        part.register_forward_hook(lambda part, *_: called.append(type(part).__name__))
        for part in model.modules()
    ]
    found = forward(model, token_ids)
    for hook in hooks:
        hook.remove()
    return found, called


def _explain_forward(found, model, token_ids, called):
    expected = (*token_ids.shape, model.config.vocab_size)
    if tuple(found.shape) != expected:
        wrong(f"logits have the shape {expected}, yours {tuple(found.shape)}")
    if called:
        wrong(f"it called the model's own {called[0]}: use its weights, not its modules")
    mistakes = {
        "causal": "tokens look at later ones: mask the scores above the diagonal with -inf",
        "positions": "the position embedding is missing",
        "final_norm": "the final normalization is missing",
        "head_scale": "scores are divided by the root of a head's size, not of the embedding's",
        "tanh": "the GELU is the exact one; GPT-2's is approximate='tanh'",
        "split_heads": "the heads look as one: split the C numbers into H heads of D",
        "shortcuts": "the shortcuts are missing: add each branch to what came in",
    }
    with torch.no_grad():
        for name, message in mistakes.items():
            if _same(found, _plain_forward(model, token_ids, **{name: False}), tolerance=1e-3):
                wrong(message)
        if not _same(found, model(token_ids), tolerance=1e-3):
            gap = (found - model(token_ids)).abs().max().item()
            wrong(f"the logits differ by up to {gap:.3f}: compare block by block with model.blocks")


def _plain_forward(
    model, token_ids, causal=True, positions=True, final_norm=True, head_scale=True, tanh=True,
    split_heads=True, shortcuts=True,
):  # fmt: skip
    """The forward pass, with one part left out or wrong for each flag that is False."""
    config, length = model.config, token_ids.shape[1]
    heads = config.n_heads if split_heads else 1
    size = config.head_dim if head_scale else config.embedding_dim
    if not split_heads:
        size = config.embedding_dim
    x = model.token_embedding.weight[token_ids]
    if positions:
        x = x + model.position_embedding.weight[:length]
    for block in model.blocks:
        attention, normed = block.attention, block.norm_attention(x)
        q, k, v = (
            part(normed).unflatten(-1, (heads, -1)).transpose(1, 2)
            for part in (attention.query, attention.key, attention.value)
        )
        scores = q @ k.transpose(-2, -1) / math.sqrt(size)
        if causal:
            future = torch.ones(length, length).triu(1).bool()
            scores = scores.masked_fill(future, -torch.inf)
        change = attention.output((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))
        x = x + change if shortcuts else change
        hidden = block.feed_forward.expand(block.norm_feed_forward(x))
        hidden = F.gelu(hidden, approximate="tanh" if tanh else "none")
        change = block.feed_forward.project(hidden)
        x = x + change if shortcuts else change
    return (model.final_norm(x) if final_norm else x) @ model.output_head.weight.T


def _all_random(module):
    """Give biases and normalizations random values, too, so that leaving one out shows."""
    for name, parameter in module.named_parameters():
        nn.init.normal_(parameter, mean=1.0 if name.endswith("scale") else 0.0, std=0.3)
    return module


def _same(found, expected, tolerance=1e-4):
    return torch.allclose(found, expected, atol=tolerance, rtol=tolerance)
