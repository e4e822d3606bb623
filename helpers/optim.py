"""The optimizers of GPT training, which weights decay, and how the learning rate moves."""

import math
from typing import Any

import torch
from torch import nn

from helpers.device import PROCESSOR
from helpers.limits import check_number


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
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


def create_optimizer(
    model: nn.Module,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.1,
    betas: tuple[float, float] = (0.9, 0.95),
) -> torch.optim.AdamW:
    """Return PyTorch's AdamW over the two groups of `parameter_groups`.

    Raises ValueError for a rate or a decay below 0.
    """
    check_number("learning_rate", learning_rate, least=0)
    check_number("weight_decay", weight_decay, least=0)
    return torch.optim.AdamW(
        parameter_groups(model, weight_decay), lr=learning_rate, betas=betas, fused=True
    )


class _MuonInFloat32(torch.optim.Muon):
    """PyTorch's Muon with its matrix products in float32, where it takes bfloat16."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                start, momentum = torch.zeros_like(weight.grad), group["momentum"]
                mean = self.state[weight].setdefault("momentum_buffer", start)
                mean.lerp_(weight.grad, 1 - momentum)
                update = _orthogonal(weight.grad.lerp(mean, momentum), group)
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                scale = 0.2 * math.sqrt(max(weight.shape))  # "match_rms_adamw"
                weight.add_(update, alpha=-group["lr"] * scale)


def _orthogonal(matrix: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
    wide = matrix.T if len(matrix) > matrix.shape[1] else matrix
    x, (a, b, c) = wide / wide.norm().clamp(min=group["eps"]), group["ns_coefficients"]
    for _ in range(group["ns_steps"]):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if wide is not matrix else x


class MuonWithAdamW(torch.optim.Optimizer):
    """Muon for the matrices inside the blocks, AdamW for embeddings, head, norms and biases.

    Muon turns the averaged gradient of a matrix into the nearest orthogonal matrix before the
    step: every direction that the gradient points to moves alike, also the faint ones. AdamW's
    rate is `adamw_share` of Muon's. Both are PyTorch's own (without AVX-512, Muon in float32); this
    joins them into one optimizer with one state. With matrices alone, as in LoRA, there is no AdamW.
    Source: Jordan et al. 2024 (Muon).

    >>> from helpers.config import PRESETS
    >>> from helpers.model import GPT
    >>> [len(group["params"]) for group in MuonWithAdamW(GPT(PRESETS["tiny"])).param_groups]
    [12, 24]
    """

    def __init__(
        self,
        model: nn.Module,
        learning_rate: float = 0.02,
        weight_decay: float = 0.0,
        adamw_share: float = 0.5,
    ) -> None:
        matrices: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                inside = name.startswith("blocks.") and parameter.ndim == 2
                (matrices if inside else rest).append(parameter)
        # without AVX-512 a processor takes about 50 times as long for a product in bfloat16
        slow = not PROCESSOR.get("avx512_f") and all(m.device.type == "cpu" for m in matrices)
        muon = (_MuonInFloat32 if slow else torch.optim.Muon)(
            matrices,
            lr=learning_rate,
            weight_decay=weight_decay,
            momentum=0.95,
            adjust_lr_fn="match_rms_adamw",
        )
        self.parts: list[torch.optim.Optimizer] = [muon]
        if rest:
            rate = learning_rate * adamw_share
            self.parts.append(
                torch.optim.AdamW(rest, lr=rate, weight_decay=0.0, betas=(0.9, 0.95), fused=True)
            )
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        for part, group in zip(self.parts, self.param_groups, strict=True):
            part.param_groups, part.state = [group], self.state
        for group in self.param_groups[1:]:
            group["rate_share"] = adamw_share

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take one step with both parts; `closure` is not supported."""
        if closure is not None:
            raise ValueError("MuonWithAdamW takes no closure")
        for part in self.parts:
            part.step()


def learning_rate_at(
    step: int, steps: int, peak: float, warmup_steps: int = 0, final_share: float = 0.1
) -> float:
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
