"""The optimizer of GPT training: AdamW, which weights decay, and how the learning rate moves."""

import math

import torch


def parameter_groups(model, weight_decay):
    """Split the parameters in two: matrices, which decay, and the rest, which do not.

    Biases and normalization scales have one dimension; pulling them to zero only hurts.
    Source: Loshchilov and Hutter 2019 (AdamW); the split is GPT-3's usual practice.

    >>> groups = parameter_groups(torch.nn.Linear(2, 3), 0.1)
    >>> [(group["weight_decay"], len(group["params"])) for group in groups]
    [(0.1, 1), (0.0, 1)]
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


def create_optimizer(model, learning_rate=1e-3, weight_decay=0.1, betas=(0.9, 0.95)):
    """Return PyTorch's AdamW over the two groups of `parameter_groups`."""
    return torch.optim.AdamW(
        parameter_groups(model, weight_decay), lr=learning_rate, betas=betas, fused=True
    )


def learning_rate_at(step, steps, peak, warmup_steps=0, final_share=0.1):
    """Learning rate of a step (from 0): a linear rise to `peak`, then half a cosine down.

    The last step's rate is near `final_share * peak`. Raises ValueError for a step outside 0 to
    steps - 1 or a warm-up longer than the run. Source: Loshchilov and Hutter 2017 (SGDR).

    >>> [round(learning_rate_at(step, 10, 1.0, warmup_steps=2), 2) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.55, 0.13]
    """
    if not 0 <= step < steps:
        raise ValueError(f"step {step} is outside 0 to {steps - 1}")
    if not 0 <= warmup_steps <= steps:
        raise ValueError(f"warmup_steps {warmup_steps} is outside 0 to steps {steps}")
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return peak * (final_share + (1 - final_share) * cosine)
