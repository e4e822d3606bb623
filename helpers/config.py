"""The sizes of a GPT in one frozen dataclass, and the presets that the course uses."""

from dataclasses import dataclass, fields

from helpers.limits import check_number

MOST, MOST_LAYERS = 100_000_000, 10_000  # more in a file is a mistake


@dataclass(frozen=True)
class GPTConfig:
    """Every number that determines the architecture of a GPT; the defaults are GPT-2 small.

    `n_kv_heads` is the number of heads of keys and values, which queries share (None: as many as
    queries). Raises ValueError if a number is too small or the heads do not divide the embedding,
    and TypeError if `dropout` is not a number or a flag is not a bool.
    Source: Radford et al. 2019 (GPT-2), table 2; grouped queries from Ainslie et al. 2023.

    >>> GPTConfig(embedding_dim=768, n_heads=12).head_dim
    64
    """

    vocab_size: int = 50257
    context_length: int = 1024
    embedding_dim: int = 768
    n_heads: int = 12
    n_layers: int = 12
    n_kv_heads: int | None = None
    dropout: float = 0.1
    qkv_bias: bool = True
    tie_weights: bool = True

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            counts = field.type in (int, "int") or (
                field.name == "n_kv_heads" and value is not None
            )
            most = MOST_LAYERS if field.name == "n_layers" else MOST
            if counts and not (type(value) is int and 1 <= value <= most):
                raise ValueError(
                    f"{field.name} is {value!r}; it must be a whole number above 0, at most {most:,}"
                )
        if self.embedding_dim % self.n_heads:
            raise ValueError(
                f"embedding_dim {self.embedding_dim} is not divisible by n_heads {self.n_heads}"
            )
        if self.n_heads % self.kv_heads:
            raise ValueError(
                f"n_heads {self.n_heads} is not divisible by n_kv_heads {self.kv_heads}"
            )
        check_number("dropout", self.dropout, least=0, below=1)
        for name in ("qkv_bias", "tie_weights"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} is {getattr(self, name)!r}; it must be True or False")

    @property
    def head_dim(self) -> int:
        """The size of one head's query, key or value vector."""
        return self.embedding_dim // self.n_heads

    @property
    def kv_heads(self) -> int:
        """The number of heads of keys and values."""
        return self.n_heads if self.n_kv_heads is None else self.n_kv_heads


PRESETS = {
    "tiny": GPTConfig(512, 64, 64, 4, 2, dropout=0.0),
    "laptop": GPTConfig(2048, 128, 256, 8, 4, dropout=0.0),
    "course": GPTConfig(8192, 256, 256, 8, 6, dropout=0.0),
    "gpt2-small": GPTConfig(),
    "gpt2-medium": GPTConfig(embedding_dim=1024, n_heads=16, n_layers=24),
    "gpt2-large": GPTConfig(embedding_dim=1280, n_heads=20, n_layers=36),
    "gpt2-xl": GPTConfig(embedding_dim=1600, n_heads=25, n_layers=48),
}


def get_preset(name: str) -> GPTConfig:
    """Return the preset called `name`; raises ValueError, naming the known ones, for another.

    >>> get_preset("gpt2-xl").n_layers
    48
    """
    if name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}; known: {', '.join(PRESETS)}")
    return PRESETS[name]
