"""Training through `torch.compile`: fused kernels, written and compiled for this very model.

The first step takes a minute or so; the ones after it are faster. The parameters stay those of
the model itself, so that checkpoints are the same with and without it, and evaluation and
sampling, whose shapes change from call to call, go on uncompiled.
Source: Ansel et al. 2024 (PyTorch 2).
"""

import os
import shutil
import sys
from typing import Any

import torch
from torch import nn


def check_compiler() -> None:
    """Raise ValueError where `torch.compile` would find no C++ compiler for its kernels."""
    default = {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    wanted = os.environ.get("CXX", default)
    if shutil.which(wanted) is None:
        raise ValueError(f"compiling needs the C++ compiler {wanted!r}, which is not installed")


def can_compile() -> bool:
    """Whether `check_compiler` would raise nothing."""
    try:
        check_compiler()
    except ValueError:
        return False
    return True


class Compiled(nn.Module):
    """A GPT, or this process's copy of one, whose `hidden_states` are compiled for training.

    Raises ValueError without a C++ compiler, or for a model that is spread over processes.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        check_compiler()
        if hasattr(model, "reshard"):
            raise ValueError("compiling does not work with FSDP: leave out one of the two")
        self.model = model
        self.output_head: Any = model.output_head
        self.hidden_states: Any = torch.compile(model.hidden_states)

    def forward(self, token_ids: torch.Tensor) -> torch.Tensor:
        """Return logits (B, T, V) for token ids (B, T)."""
        return self.output_head(self.hidden_states(token_ids))
