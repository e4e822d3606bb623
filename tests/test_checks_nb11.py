"""The checks of notebook 11: right answers pass, each typical mistake has its own message."""

import torch

from tests.turn_cells import exercise_tests

# 11.1


def route(logits, bias, k):
    scores = logits.sigmoid()
    moved = scores + bias
    least = moved.topk(k, dim=-1).values[:, -1:]
    chosen = scores.masked_fill(moved < least, 0)
    return chosen / chosen.sum(dim=-1, keepdim=True)


def kept(logits, bias, k):
    return route(logits, bias, k) > 0


def with_bias(logits, bias, k):
    moved = (logits.sigmoid() + bias) * kept(logits, bias, k)
    return moved / moved.sum(-1, keepdim=True)


def by_softmax(logits, bias, k):
    return logits.masked_fill(~kept(logits, bias, k), -torch.inf).softmax(-1)


def through_the_bias(logits, bias, k):
    return route(logits, bias, k) + (bias - bias.detach())


# 11.2


def balance(probabilities):
    n_experts = probabilities.shape[1]
    chosen = torch.nn.functional.one_hot(probabilities.argmax(-1), n_experts).float()
    return n_experts * (chosen.mean(0) * probabilities.mean(0)).sum()


def shares(probabilities):
    return torch.eye(probabilities.shape[1])[probabilities.argmax(-1)].mean(0)


# 11.3


def count(config, n_tokens, window, every):
    numbers = 0
    for layer in range(1, config.n_layers + 1):
        length = n_tokens if layer % every == 0 else min(n_tokens, window)
        numbers += 2 * config.kv_heads * config.head_dim * length
    return numbers


def no_minimum(config, n_tokens, window, every):
    whole = config.n_layers // every
    length = whole * n_tokens + (config.n_layers - whole) * window
    return 2 * config.kv_heads * config.head_dim * length


RIGHT = {"11.1": route, "11.2": balance, "11.3": count}

MISTAKES = [
    ("11.1", lambda x, b, k: route(x, 0 * b, k), "the bias is not used"),
    ("11.1", with_bias, "the bias only chooses"),
    ("11.1", lambda x, b, k: x.sigmoid() * kept(x, b, k), "must add up to 1"),
    ("11.1", by_softmax, "not a softmax"),
    ("11.1", lambda x, b, k: route(x, b, k)[0], "return a tensor (N, E)"),
    ("11.1", lambda x, b, k: route(x, b, 2), "it differs for 5 tokens"),
    ("11.1", lambda x, b, k: route(x, b, k).detach(), "no gradient"),
    ("11.1", through_the_bias, "takes part in the gradient"),
    ("11.2", lambda p: balance(p) / p.shape[1], "multiply by the number of experts"),
    ("11.2", lambda p: p.shape[1] * shares(p).square().sum(), "which have no gradient"),
    ("11.2", lambda p: p.shape[1] * p.mean(0).square().sum(), "the square of the mean"),
    ("11.2", lambda p: 2 * balance(p) / p.shape[1], "for 7 tokens and 4 experts"),
    ("11.2", lambda p: balance(p.detach()), "the loss has no gradient"),
    ("11.2", lambda p: balance(p) + 1, "should give"),
    ("11.3", lambda c, n, w, e: count(c, n, n, e), "a cache without windows"),
    ("11.3", lambda c, n, w, e: count(c, w, w, e), "every layer slides"),
    ("11.3", lambda c, n, w, e: 24 * 192 * (n + w) - count(c, n, w, e), "the other way around"),
    ("11.3", lambda c, n, w, e: count(c, n, w, e) // 2, "keys and there are values"),
    ("11.3", no_minimum, "shorter than the window"),
    ("11.3", lambda c, n, w, e: count(c, n, w, e) + 1, "12 layers, 10,000 tokens"),
]


test_right, test_mistake, test_stub = exercise_tests(RIGHT, MISTAKES)
