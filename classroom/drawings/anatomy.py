"""A GPT part by part: its parameters, their memory, and the computation per token.

Shapes: C embedding dimensions, V tokens in the vocabulary, S tokens that a new token attends to.
"""

from typing import NamedTuple

import torch

from helpers.model import GPT
from helpers.plots import COLORS, new_axes, show

# The part that a parameter belongs to, by what its name contains; the first match counts.
_PARTS = {
    "token_embedding": "token embedding",
    "position_embedding": "position embedding",
    "attention.output": "attention: output",
    "attention.query": "attention: queries",
    "attention.key": "attention: keys",
    "attention.value": "attention: values",
    "feed_forward.expand": "feed-forward: expand",
    "feed_forward.project": "feed-forward: project",
    "final_norm": "final normalization",
    "norm_": "two normalizations",
    "output_head": "output head",
}
# The colors of the drawings in `classroom.drawings.blueprints`: blue tables, orange attention, teal networks.
_BLUE, _, _GREEN, _ORANGE, _PURPLE, _TEAL = COLORS[:6]
_KINDS = {
    "token embedding": _BLUE,
    "position embedding": _PURPLE,
    "attention": _ORANGE,
    "feed-forward": _TEAL,
    "output head": _GREEN,
}


class Part(NamedTuple):
    """One kind of layer: the parameters of each, and the number of such layers in the model."""

    name: str
    each: int
    times: int

    @property
    def total(self):
        """The parameters in all layers of this kind."""
        return self.each * self.times


def parameter_table(config):
    """Count the parameters of a GPT part by part: a list of `Part`, in the model's order.

    They are counted on the real model, built without memory (on PyTorch's meta device). A tied
    output head has no parameters of its own.

    >>> from helpers.config import PRESETS
    >>> parameter_table(PRESETS["gpt2-small"])[0]
    Part(name='token embedding', each=38597376, times=1)
    """
    with torch.device("meta"):
        model = GPT(config)
    totals = {}
    for name, parameter in model.named_parameters():
        part = next(part for key, part in _PARTS.items() if key in name)
        totals[part] = totals.get(part, 0) + parameter.numel()
    totals.setdefault("output head", 0)
    repeated = ("attention", "feed-forward", "two")
    return [
        Part(part, total // times, times)
        for part, total in totals.items()
        for times in [config.n_layers if part.startswith(repeated) else 1]
    ]


def count_parameters(config):
    """Count all trainable parameters of a GPT without building it in memory.

    >>> from helpers.config import GPTConfig
    >>> count_parameters(GPTConfig(tie_weights=False, qkv_bias=False))
    163009536
    """
    return sum(part.total for part in parameter_table(config))


def flops_per_token(config, context):
    """Floating-point operations for one token that attends to `context` tokens, by part.

    Matrix products only: a multiplication and an addition for each weight of a matrix and for each
    component of the keys and values. Everything else is small in comparison. Raises ValueError if
    `context` is not from 1 to the context length.
    Sources: Kaplan et al. 2020, section 2.1, for the matrices; Chowdhery et al. 2022, appendix B, for
    the look at other tokens, of which Kaplan et al. count half.

    >>> from helpers.config import PRESETS
    >>> flops_per_token(PRESETS["tiny"], context=1)["output head"] == 2 * 64 * 512
    True
    """
    if not 1 <= context <= config.context_length:
        raise ValueError(f"context is {context}; it must be 1 to {config.context_length}")
    width, layers = config.embedding_dim, config.n_layers
    kv_width = config.kv_heads * config.head_dim
    return {
        "attention: project": layers * 2 * width * (2 * width + 2 * kv_width),
        "attention: look": layers * 2 * (2 * context * width),
        "feed-forward": layers * 2 * (2 * 4 * width * width),
        "output head": 2 * width * config.vocab_size,
    }


def plot_parameters(configs, ax=None):
    """Plot the parameters of each kind of part; `configs` maps a name to a `GPTConfig`."""
    ax = ax if ax is not None else new_axes(8, 0.6 * len(configs) + 1.4)
    tables = [parameter_table(config) for config in configs.values()]
    left = [0.0] * len(configs)
    for kind, color in _KINDS.items():
        millions = [
            sum(part.total for part in table if part.name.startswith(kind)) / 1e6
            for table in tables
        ]
        if any(millions):  # a tied output head has no parameters
            ax.barh(list(configs), millions, left=left, label=kind, height=0.6, color=color)
        left = [start + width for start, width in zip(left, millions, strict=True)]
    for row, table in enumerate(tables):
        total = sum(part.total for part in table) / 1e6
        ax.text(left[row], row, f" {total:,.0f} M", va="center", fontsize=9)
    ax.margins(x=0.12)
    ax.invert_yaxis()
    ax.grid(False, axis="y")
    ax.set_xlabel("million parameters")
    ax.legend(frameon=False, fontsize=9)
    return ax


def show_parameters(configs):
    """Show `plot_parameters` with the largest kind of part of each model as alternative text."""
    largest = []
    for name, config in configs.items():
        table = parameter_table(config)
        total = sum(part.total for part in table)
        shares = {
            kind: sum(part.total for part in table if part.name.startswith(kind)) / total
            for kind in _KINDS
        }
        kind = max(shares, key=shares.get)
        largest.append(f"{name} {kind} {shares[kind]:.0%}")
    show(plot_parameters(configs), alt=f"Parameters by part; the most: {', '.join(largest)}.")
