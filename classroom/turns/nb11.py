"""Checks for notebook 11: the load balance of a router in two ways, and the cache of sliding windows."""

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


def _routed(logits, bias, k):
    """The right weights (N, E): chosen with the bias, weighed without. Source: DeepSeek-AI 2024."""
    scores = logits.sigmoid()
    kept = torch.zeros_like(scores).scatter(-1, (scores + bias).topk(k, dim=-1).indices, 1.0)
    return scores * kept / (scores * kept).sum(dim=-1, keepdim=True)


@exercise("11.1", "Balance by a bias")
def balance_by_a_bias(route):
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0], [0.0, 0.5, 3.0, 2.5]])
    bias = torch.tensor([-0.6, 0.0, 0.0, 0.5])
    found = attempted(route(logits, bias, 2))
    if not isinstance(found, torch.Tensor) or tuple(found.shape) != (2, 4):
        wrong("return a tensor (N, E): a weight for every expert, 0 for those that do not work")
    right, scores = _routed(logits, bias, 2), logits.sigmoid()
    kept, moved = right > 0, scores + bias
    if _same(found, _routed(logits, 0 * bias, 2)):
        wrong("the bias is not used: it is added to the scores before the best are chosen")
    if _same(found, moved * kept / (moved * kept).sum(-1, keepdim=True)):
        wrong("the bias only chooses: the weights are made from the scores without it")
    if _same(found, scores * kept):
        wrong("each token's weights must add up to 1: divide by their sum")
    if _same(found, logits.masked_fill(~kept, -torch.inf).softmax(-1)):
        wrong("here the score of an expert is the sigmoid of its logit, not a softmax")
    torch.manual_seed(0)
    for n, experts, k in ((2, 4, 2), (5, 8, 1), (3, 6, 6)):
        logits, bias = torch.randn(n, experts), torch.randn(experts)
        if not _same(route(logits, bias, k), _routed(logits, bias, k)):
            wrong(f"it differs for {n} tokens, {experts} experts and k = {k}")
    logits, bias = torch.randn(3, 4, requires_grad=True), torch.zeros(4, requires_grad=True)
    weights = route(logits, bias, 2)
    if not weights.requires_grad:
        wrong("the weights have no gradient, so the router could not learn")
    weights[0].max().backward()
    if bias.grad is not None and bias.grad.abs().sum() > 0:
        wrong("the bias takes part in the gradient: it may choose, and must not weigh")
    return (
        "after each step the bias of a crowded expert goes down a little, that of an idle one up."
    )


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
