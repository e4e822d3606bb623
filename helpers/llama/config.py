"""The sizes of a Llama in one frozen dataclass, and how its rotary positions reach further.

Shapes: C embedding dimensions, H query heads, D dimensions per head.
"""

import math
from dataclasses import dataclass, fields

from helpers.config import MOST, MOST_LAYERS
from helpers.limits import check_number, check_whole


@dataclass(frozen=True)
class LlamaConfig:
    """Every number that determines the architecture of a Llama; the defaults are SmolLM2-135M.

    `n_kv_heads` and `head_size` may be None: as many heads of keys and values as of queries, and
    C / H dimensions per head. `rope_divisors` makes each rotary frequency slower by a factor of its
    own (None: all stay). Qwen 2 has `qkv_bias`, Qwen 3 `qk_norm`. Raises ValueError for a size that
    is too small or does not divide, and TypeError for a value of another kind.
    Sources: Touvron et al. 2023 (Llama); Allal et al. 2025 (SmolLM2).

    >>> config = LlamaConfig()
    >>> config.head_dim, config.kv_heads, config.n_heads
    (64, 3, 9)
    """

    vocab_size: int = 49152
    context_length: int = 8192
    embedding_dim: int = 576
    hidden_dim: int = 1536
    n_heads: int = 9
    n_layers: int = 30
    n_kv_heads: int | None = 3
    head_size: int | None = None
    rope_base: float = 100_000.0
    rope_divisors: tuple[float, ...] | None = None
    norm_epsilon: float = 1e-5
    qkv_bias: bool = False
    qk_norm: bool = False
    tie_weights: bool = True

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is int or (field.type == int | None and value is not None):
                most = MOST_LAYERS if field.name == "n_layers" else MOST
                check_whole(field.name, value, least=1, most=most)
            if field.type is bool and not isinstance(value, bool):
                raise TypeError(f"{field.name} is {value!r}; it must be True or False")
        if self.head_size is None and self.embedding_dim % self.n_heads:
            raise ValueError(
                f"embedding_dim {self.embedding_dim} is not divisible by n_heads {self.n_heads}"
            )
        if self.n_heads % self.kv_heads:
            raise ValueError(
                f"n_heads {self.n_heads} is not divisible by n_kv_heads {self.kv_heads}"
            )
        if self.head_dim % 2:
            raise ValueError(f"head_size is {self.head_dim}; rotary positions need an even number")
        check_number("rope_base", self.rope_base, above=1)
        check_number("norm_epsilon", self.norm_epsilon, least=0, below=1)
        for divisor in self.rope_divisors or ():
            check_number("rope_divisors", divisor, above=0)
        if self.rope_divisors is not None and len(self.rope_divisors) != self.head_dim // 2:
            raise ValueError(
                f"rope_divisors has {len(self.rope_divisors)} values; a head of {self.head_dim} "
                f"dimensions has {self.head_dim // 2} pairs"
            )

    @property
    def head_dim(self) -> int:
        """The size of one head's query, key or value vector."""
        return self.embedding_dim // self.n_heads if self.head_size is None else self.head_size

    @property
    def kv_heads(self) -> int:
        """The number of heads of keys and values."""
        return self.n_heads if self.n_kv_heads is None else self.n_kv_heads


def rope_frequencies(head_dim: int, base: float) -> list[float]:
    """The angle, in radians per position, by which each pair of dimensions is rotated: D / 2.

    >>> rope_frequencies(4, base=100.0)
    [1.0, 0.1]
    """
    return [base ** (-pair / head_dim) for pair in range(0, head_dim, 2)]


def linear_divisors(head_dim: int, factor: float) -> tuple[float, ...]:
    """Position interpolation: `factor` times as many positions share the angles of before.

    Source: Chen et al. 2023.

    >>> linear_divisors(4, factor=8.0)
    (8.0, 8.0)
    """
    return (factor,) * (head_dim // 2)


def llama3_divisors(
    head_dim: int,
    base: float,
    factor: float,
    low_frequency_factor: float,
    high_frequency_factor: float,
    original_context: int,
) -> tuple[float, ...]:
    """Llama 3.1's long context: slow pairs are slowed by `factor`, fast ones stay as they are.

    A pair is fast if it turns at least `high_frequency_factor` times within the original context,
    slow if at most `low_frequency_factor` times; in between, its frequency is a mixture of both.
    Source: Grattafiori et al. 2024 (Llama 3), section 3.4.2, and Meta's code for the three ranges.

    >>> [round(x, 3) for x in llama3_divisors(8, 10_000.0, 8.0, 1.0, 4.0, 128)]
    [1.0, 2.339, 8.0, 8.0]
    """
    divisors = []
    for frequency in rope_frequencies(head_dim, base):
        turns = original_context * frequency / (2 * math.pi)
        span = high_frequency_factor - low_frequency_factor
        kept = min(max((turns - low_frequency_factor) / span, 0.0), 1.0)  # 1: fast, 0: slow
        divisors.append(1 / (kept + (1 - kept) / factor))
    return tuple(divisors)
