"""Checks for notebook 11: a router, its load balance, and the cache of sliding windows."""

from dataclasses import replace

import torch

from classroom.turns.registry import attempted, exercise, wrong
from helpers.llama import LlamaConfig


def _same(found, expected):
    return (
        isinstance(found, torch.Tensor)
        and found.shape == expected.shape
        and torch.allclose(found.float(), expected.float(), rtol=1e-4, atol=1e-6)
    )


def _routed(logits, k):
    """The right weights (N, E): softmax over the k largest of each row, 0 elsewhere."""
    best = logits.topk(k, dim=-1)
    return torch.zeros_like(logits).scatter(-1, best.indices, best.values.softmax(-1))


@exercise("11.1", "A router")
def a_router(route):
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0], [0.0, 0.5, 3.0, 2.5]])
    found = attempted(route(logits, 2))
    if not isinstance(found, torch.Tensor) or tuple(found.shape) != (2, 4):
        wrong("return a tensor (N, E): a weight for every expert, 0 for those that do not work")
    if _same(found, logits.softmax(-1)):
        wrong("all experts work here: only the k largest of each token keep a weight")
    kept = _routed(logits, 2) > 0
    if _same(found, kept.float()):
        wrong(
            "the experts that work are right, but weigh the same: use the softmax of their logits"
        )
    if _same(found, logits.softmax(-1) * kept):
        wrong("each token's weights must add up to 1: take the softmax over the chosen logits")
    if _same(found, logits * kept):
        wrong("these are logits; take the softmax of the chosen ones")
    torch.manual_seed(0)
    for n, experts, k in ((2, 4, 2), (5, 8, 1), (3, 6, 6), (1, 3, 2)):
        logits = torch.randn(n, experts)
        if not _same(route(logits, k), _routed(logits, k)):
            wrong(f"it differs for {n} tokens, {experts} experts and k = {k}")
    logits = torch.randn(3, 4, requires_grad=True)
    if not route(logits, 2).requires_grad:
        wrong("the weights have no gradient, so the router could not learn")
    return "k of E experts work on a token, so the parameters grow and the work does not."


@exercise("11.2", "Load balance")
def load_balance(loss):
    even = torch.tensor([[5.0, 0.0], [0.0, 5.0]]).softmax(-1)
    one = torch.tensor([[5.0, 0.0], [5.0, 0.0]]).softmax(-1)
    found = attempted(loss(even))
    for probabilities, name in ((even, "each expert has one token"), (one, "one expert has all")):
        right = float(_balance(probabilities))
        found = float(loss(probabilities))
        if abs(found - right) < 1e-4:
            continue
        explained = {
            right / 2: "multiply by the number of experts, so that an even load gives 1",
            float(_shares(probabilities).square().sum()) * 2: "that is the square of the shares, "
            "which have no gradient: multiply each share by the mean probability",
            float(probabilities.mean(0).square().sum()) * 2: "that is the square of the mean "
            "probabilities: one factor is the share of tokens whose best expert it is",
        }
        reason = next((said for value, said in explained.items() if abs(found - value) < 1e-4), "")
        wrong(
            f"where {name} it gives {found:.4f}, and should give {right:.4f}: {reason}".rstrip(": ")
        )
    torch.manual_seed(0)
    for n, experts in ((7, 4), (3, 8)):
        probabilities = torch.randn(n, experts).softmax(-1)
        if abs(float(loss(probabilities)) - float(_balance(probabilities))) > 1e-4:
            wrong(f"it differs for {n} tokens and {experts} experts")
    probabilities = torch.randn(4, 3).softmax(-1).requires_grad_()
    if not loss(probabilities).requires_grad:
        wrong("the loss has no gradient: return a tensor, and leave the probabilities attached")
    return "1 where all experts have the same load; its gradient takes from the crowded expert."


def _shares(probabilities):
    chosen = probabilities.argmax(-1)
    return torch.bincount(chosen, minlength=probabilities.shape[1]) / len(probabilities)


def _balance(probabilities):
    """Experts times the sum of share and mean probability. Source: Fedus et al. 2021, section 2.2."""
    return probabilities.shape[1] * (_shares(probabilities) * probabilities.mean(0)).sum()


@exercise("11.3", "The cache of sliding windows")
def window_cache(count):
    config = LlamaConfig(n_layers=12, n_kv_heads=3)
    a_token = 2 * config.kv_heads * config.head_dim
    found = attempted(count(config, 10_000, 1024, 6))
    right = a_token * (2 * 10_000 + 10 * 1024)
    explained = {
        a_token * 12 * 10_000: "that is a cache without windows",
        a_token * 12 * 1024: "every layer slides here; each `every`-th layer keeps all tokens",
        a_token * (10 * 10_000 + 2 * 1024): "the other way around: one layer in `every` keeps all",
        right // 2: "there are keys and there are values: twice as many",
    }
    if found in explained:
        wrong(explained[found])
    if found != right:
        wrong(f"12 layers, 10,000 tokens, a window of 1,024, every 6th whole: {right:,}")
    for layers, tokens, window, every in ((7, 100, 16, 3), (5, 8, 16, 2), (4, 50, 10, 1)):
        other = replace(config, n_layers=layers)
        whole = layers // every
        expected = a_token * (whole * tokens + (layers - whole) * min(tokens, window))
        if count(other, tokens, window, every) != expected:
            wrong(
                f"{layers} layers, {tokens} tokens, a window of {window}, every {every}: "
                f"{expected:,}; a text shorter than the window fills no more than itself"
            )
    return "a long text costs its full cache only in one layer of six."
