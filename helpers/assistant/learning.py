"""Train an adapter: LoRA on a frozen Llama, through the training loop of `helpers.train`.

What makes it fast on a CPU is what it leaves out. Frozen weights get no gradient, so a backward
pass costs what a forward pass does, not twice that. The output head has 49,152 rows, a fifth of
SmolLM2's weights: it is computed only where a token of an answer is to be predicted.

Shapes: B rows, T tokens, N scored tokens, C embedding dimensions, V tokens in the vocabulary.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from helpers.assistant.adapter import TARGETS
from helpers.assistant.rows import RowLoader
from helpers.lora import apply_lora
from helpers.loss import IGNORED
from helpers.runs.run import History, Run
from helpers.train import TrainConfig, train


class Adapted(nn.Module):
    """A model as its training sees it: of its parameters, the corrections alone.

    So optimizer, checkpoints and checks of a run hold a hundredth of the model, and a run that goes
    on needs the base model's file as well. The model itself is in `model`.

    >>> from helpers.llama import Llama, LlamaConfig
    >>> shape = LlamaConfig(512, 64, 64, 128, n_heads=4, n_layers=1, n_kv_heads=2)
    >>> adapted = Adapted(apply_lora(Llama(shape), rank=1, targets=("query", "value")))
    >>> [name for name, _ in adapted.named_parameters()][:2]
    ['blocks.0.attention.query.down', 'blocks.0.attention.query.up']
    """

    model: Any

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.__dict__["model"] = model  # no part of this module, as PyTorch counts parts
        self.config = model.config

    def named_parameters(self, *_: Any, **__: Any) -> Iterator[tuple[str, nn.Parameter]]:
        """The parameters that learn, by their names in the model."""
        return ((n, p) for n, p in self.model.named_parameters() if p.requires_grad)

    def train(self, mode: bool = True) -> "Adapted":
        """Set the mode of the model, too."""
        self.model.train(mode)
        return super().train(mode)

    def forward(self, token_ids: torch.Tensor) -> torch.Tensor:
        return self.model(token_ids)

    def hidden_states(self, token_ids: torch.Tensor) -> torch.Tensor:
        """What the model knows at each token, (B, T, C), before the output head."""
        return self.model.hidden_states(token_ids)


def answer_loss(adapted: Adapted, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy, in nats, of the scored targets (B, T) after inputs (B, T).

    Equal to `helpers.loss.next_token_loss`; logits (N, V) are made of the scored positions alone.
    """
    scored = targets != IGNORED
    hidden = adapted.hidden_states(inputs)[scored]  # (N, C)
    return F.cross_entropy(adapted.model.output_head(hidden).float(), targets[scored])


def with_lora(
    model: nn.Module, rank: int, alpha: float, targets: Iterable[str] = TARGETS, seed: int = 0
) -> Adapted:
    """Freeze a Llama, give it LoRA, and return it as its training sees it.

    Raises ValueError or TypeError as `helpers.lora.apply_lora` does.
    """
    torch.manual_seed(seed)
    return Adapted(apply_lora(model, rank, alpha, targets))  # type: ignore[arg-type]


def fit_adapter(
    adapted: Adapted,
    training: RowLoader,
    validation: RowLoader,
    config: TrainConfig,
    run: Run | None = None,
) -> History:
    """Train the corrections in place; see `helpers.train.train` for the rest and for the errors."""
    run = Run() if run is None else run
    run.loss = answer_loss
    return train(adapted, training, validation, config, run)  # type: ignore[arg-type]
