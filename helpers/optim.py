"""The optimizers of GPT training, which weights decay, and how the learning rate moves."""

import math
from typing import Any

import torch
from torch import nn

from helpers.device import PROCESSOR
from helpers.limits import check_number

LARGE = 2**20  # numbers in a matrix that Muon takes alone


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


class _Muon(torch.optim.Muon):
    """PyTorch's Muon, for several matrices of one shape at once; its default "dtype" is its products'."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            alike: dict[Any, list[torch.Tensor]] = {}
            for weight in (each for each in group["params"] if each.grad is not None):
                kind = weight.shape if weight.numel() < LARGE else weight
                alike.setdefault(kind, []).append(weight)
            for weights in alike.values():
                self._step(weights, group)

    def _step(self, weights, group):
        rate, momentum, updates = group["lr"], group["momentum"], []
        for weight in weights:
            if "momentum_buffer" not in self.state[weight]:
                self.state[weight]["momentum_buffer"] = torch.zeros_like(weight.grad)
            mean = self.state[weight]["momentum_buffer"].lerp_(weight.grad, 1 - momentum)
            updates.append(weight.grad.lerp(mean, momentum).to(self.defaults["dtype"]))
        scale = 0.2 * math.sqrt(max(weights[0].shape))  # "match_rms_adamw"
        for weight, update in zip(weights, _orthogonal(torch.stack(updates), group), strict=True):
            weight.mul_(1 - rate * group["weight_decay"]).add_(update, alpha=-rate * scale)


def _orthogonal(matrices: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
    wide = matrices.mT if matrices.shape[1] > matrices.shape[2] else matrices
    x = wide / wide.flatten(1).norm(dim=1).clamp(min=group["eps"])[:, None, None]
    a, b, c = group["ns_coefficients"]
    for _ in range(group["ns_steps"]):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if wide is not matrices else x


class MuonWithAdamW(torch.optim.Optimizer):
    """Muon for the matrices inside the blocks, AdamW for embeddings, head, norms and biases.

    Muon turns the averaged gradient of a matrix into the nearest orthogonal matrix before the
    step: every direction that the gradient points to moves alike, also the faint ones. AdamW's
    rate is `adamw_share` of Muon's. Both are PyTorch's (Muon takes matrices of one shape together, in
    float32 without AVX-512), with one state. With matrices alone, as in LoRA, there is no AdamW.
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
        learning = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        matrices = [p for n, p in learning if n.startswith("blocks.") and p.ndim == 2]
        rest = [p for n, p in learning if not n.startswith("blocks.") or p.ndim != 2]
        # without AVX-512 a processor takes about 50 times as long for a product in bfloat16
        slow = not PROCESSOR.get("avx512_f") and all(m.device.type == "cpu" for m in matrices)
        muon = _Muon(matrices, learning_rate, weight_decay, adjust_lr_fn="match_rms_adamw")
        muon.defaults["dtype"] = torch.float32 if slow else torch.bfloat16
        self.parts: list[torch.optim.Optimizer] = [muon]
        if rest:
            others = [{"params": rest, "weight_decay": 0.0, "rate_share": adamw_share}]
            rate = learning_rate * adamw_share
            self.parts.append(torch.optim.AdamW(others, rate, betas=(0.9, 0.95), fused=True))
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        for part, group in zip(self.parts, self.param_groups, strict=True):
            part.param_groups, part.state = [group], self.state

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
