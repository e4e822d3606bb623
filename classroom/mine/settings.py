"""Part 1 of `my_llm.py`: sizes and settings."""

from collections import namedtuple
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class GPTConfig:
    """The sizes of a GPT; the defaults are GPT-2 small."""

    vocab_size: int = 50257
    context_length: int = 1024
    embedding_dim: int = 768
    n_heads: int = 12
    n_layers: int = 12
    n_kv_heads: int | None = None
    dropout: float = 0.1
    qkv_bias: bool = True
    tie_weights: bool = True

    head_dim = property(lambda self: self.embedding_dim // self.n_heads)


# how to train: a step takes `batch_size` windows of the text
FIELDS = "steps batch_size learning_rate warmup_steps weight_decay evaluate_every seed"
TrainConfig = namedtuple("TrainConfig", FIELDS, defaults=(1000, 16, 1e-3, 50, 0.1, 100, 0))
PRESETS = {
    "tiny": (GPTConfig(512, 64, 64, 4, 2, dropout=0.0), TrainConfig(300, 32, 3e-3, 30)),
    "laptop": (GPTConfig(2048, 128, 256, 8, 4, dropout=0.0), TrainConfig(400, 16, 2e-3, 40)),
}
DEVICE = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
