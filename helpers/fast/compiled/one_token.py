"""Transformer blocks as one kernel: what writing one more token needs, compiled.

A block makes dozens of small operations for a token, and to start one costs more than it computes.
`torch.compile` writes all of them as one C++ function: norms, products, attention, activation. The
blocks of a model are alike, so a few are compiled, and the others lend that code their weights. The
C++ can be read: start Python with TORCH_LOGS=output_code.
Source: Ansel et al. 2024 (PyTorch 2).

Shapes: S tokens so far, C embedding dimensions, H query heads, G key and value heads, D dimensions
per head, V tokens in the vocabulary.
"""

from types import FunctionType
from typing import Any

import torch
from torch import nn

from helpers.fast.compiled.rows import RowLinear, by_rows, written_down
from helpers.fast.compiled.training import check_compiler
from helpers.fast.llama import MergedLlama, merge_products
from helpers.fast.quantize import QuantizedLinear, bits_of_x
from helpers.kv_cache import KVCache
from helpers.llama.model import Llama
from helpers.model import GPT

MOST_BLOCKS = 5  # compiled together: fewer calls for a token, and longer to compile
MOST_CALLING = 15  # where products are a library's and need no compiling
LEAST_PAST = 2  # tokens; PyTorch compiles lengths of 0 and 1 on their own
# A product and a sum in one instruction, which rounds once: a tenth more speed.
CONTRACTED: Any = {"cpp.enable_floating_point_contract_flag": "fast"}
# With vectors of 512 bits words of several numbers go through the stack one by one, seven times as slow.
HALF_VECTORS: Any = {"cpp.simdlen": 256}
# Otherwise each block of each token is asked whether all its parts are still what they were.
UNASKED: Any = {"guard_filter_fn": torch.compiler.skip_guard_on_all_nn_modules_unsafe}


def one_token(
    block: Any, x: torch.Tensor, places: tuple, keys: torch.Tensor, values: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What a block makes of one new token (1, 1, C), after keys and values (1, G, S, D).

    `places` are a Llama's rotary angles, for other models nothing. Returns the new x, and the
    token's own key and value (1, G, 1, D).
    """
    query, key, value = block.attention.project(block.norm_attention(x), *places)
    context = attend_to_past(query, key, value, keys, values)
    x = x + block.attention.output(context.to(x.dtype))
    return x + block.feed_forward(block.norm_feed_forward(x)), key, value


def attend_to_past(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
) -> torch.Tensor:
    """Attention of one query (1, H, 1, D) to keys (1, G, S, D) and its own (1, G, 1, D): (1, 1, C).

    The products are written out as sums, which are compiled together with what surrounds them. The
    softmax is one over all S + 1 keys, whose scores are never put side by side.

    >>> new, old = torch.zeros(1, 1, 1, 2), torch.ones(1, 1, 3, 2)
    >>> attend_to_past(new, new, new, old, old).tolist()
    [[[0.75, 0.75]]]
    """
    query = query.float().unflatten(1, (keys.shape[1], -1)) * key.shape[-1] ** -0.5
    old = (query * keys[:, :, None]).sum(dim=-1)  # (1, G, H / G, S)
    own = (query * key[:, :, None]).sum(dim=-1)  # (1, G, H / G, 1)
    highest = torch.maximum(old.amax(dim=-1, keepdim=True), own)
    old, own = (old - highest).exp(), (own - highest).exp()
    seen = (old[..., None] * values[:, :, None]).sum(dim=-2) + own * value  # (1, G, H / G, D)
    context = seen / (old.sum(dim=-1, keepdim=True) + own)
    return written_down(context.flatten(1))[:, None]  # read across heads, one by one, it is slow


def through_blocks(
    blocks: Any, x: torch.Tensor, places: tuple, keys: tuple, values: tuple
) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
    """`one_token` of several blocks, one after the other; keys and values are those of each."""
    new: tuple[list, list] = [], []
    for layer, block in enumerate(blocks):
        x, key, value = one_token(block, x, places, keys[layer], values[layer])
        new[0].append(key)
        new[1].append(value)
    return x, *new


class CompiledHead(nn.Module):
    """An output head that is compiled for one token; (..., C) to (..., V)."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.of_one_row: Any = torch.compile(own_copy(_apply), options=options_for(layer))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.numel() > x.shape[-1] or torch.is_grad_enabled():
            return self.layer(x)
        return self.of_one_row(self.layer, x.flatten()[None]).view(*x.shape[:-1], -1)


def _apply(layer, x):
    return layer(x)


def options_for(layers: nn.Module) -> dict[str, Any]:
    """How to compile layers: with vectors of half the length where numbers share a word."""
    share = any(isinstance(part, RowLinear) and part.n > 1 for part in layers.modules())
    wide = torch.backends.cpu.get_cpu_capability() == "AVX512"
    return CONTRACTED | (HALF_VECTORS if share and wide else {})


class WritesCompiled(nn.Module):
    """What a GPT and a Llama with compiled blocks have in common."""

    blocks_of_token: Any
    n_together: int

    def hidden_states(self, token_ids: torch.Tensor, cache: KVCache | None = None) -> torch.Tensor:
        """As the plain model's; one token after others, with a cache, goes through compiled blocks."""
        as_before: Any = super()
        if cache is None or self.training or torch.is_grad_enabled():
            return as_before.hidden_states(token_ids, cache)
        one = token_ids.numel() == cache.keys.shape[1] == 1 and token_ids.device.type == "cpu"
        if not one or not LEAST_PAST <= cache.length < cache.max_length:
            return as_before.hidden_states(token_ids, cache)
        return self._write(token_ids, cache)

    def beginning(self, token_ids: torch.Tensor, past: int) -> tuple[torch.Tensor, tuple]:
        """What the first block reads, x (1, 1, C), and the `places` of `one_token`."""
        raise NotImplementedError

    def _write(self, token_ids, cache):
        past = cache.length
        x, places = self.beginning(token_ids, past)
        # One view a layer; the number of tokens may change without compiling again.
        keys, values = (part[:, :, :, :past].unbind(0) for part in (cache.keys, cache.values))
        for view in keys + values:
            torch._dynamo.maybe_mark_dynamic(view, 2)
        blocks, new = [*self.blocks], ([], [])
        for first in range(0, len(blocks), self.n_together):
            group = [part[first : first + self.n_together] for part in (blocks, keys, values)]
            x, *added = self.blocks_of_token(group[0], x, places, *group[1:])
            new[0].extend(added[0])
            new[1].extend(added[1])
        cache.keys[:, :, :, past : past + 1] = torch.stack(new[0])
        cache.values[:, :, :, past : past + 1] = torch.stack(new[1])
        cache.advance(1)
        return self.final_norm(x)


class CompiledGPT(WritesCompiled, GPT):
    """`GPT` whose blocks are compiled for one token."""

    def beginning(self, token_ids: torch.Tensor, past: int) -> tuple[torch.Tensor, tuple]:
        return self.embed(token_ids, past), ()


class CompiledLlama(WritesCompiled, MergedLlama):
    """`MergedLlama` whose blocks are compiled for one token."""

    def beginning(self, token_ids: torch.Tensor, past: int) -> tuple[torch.Tensor, tuple]:
        return self.token_embedding(token_ids), (self.angles(token_ids, past),)


KINDS = {GPT: CompiledGPT, MergedLlama: CompiledLlama}


def compile_writing(model: Any) -> Any:
    """Let a GPT or a Llama write each new token through compiled blocks; return the model.

    The first token takes ten seconds to a minute, in which kernels are written and compiled; PyTorch
    keeps them for the next program. Prompts, and several texts at once, are computed as before.
    Raises ValueError without a C++ compiler or where blocks differ in their parts, and TypeError
    for another kind of model.
    """
    check_writing(model)
    head = model.output_head
    by_rows(merge_products(model))
    if isinstance(head, QuantizedLinear) and bits_of_x() == 8:
        model.output_head = head  # a processor that multiplies bytes needs no loop for it
    else:
        model.output_head = CompiledHead(model.output_head)
    model.__class__ = KINDS[type(model)]
    options = options_for(model.blocks) | UNASKED
    model.blocks_of_token = torch.compile(own_copy(through_blocks), options=options)
    n_layers = len(model.blocks)
    by_loops = any(isinstance(part, RowLinear) for part in model.blocks.modules())
    most = MOST_BLOCKS if by_loops else MOST_CALLING
    model.n_together = max(n for n in range(1, most + 1) if n_layers % n == 0)
    return model


def check_writing(model: Any) -> None:
    """Raise what `compile_writing` would, and change nothing."""
    check_compiler()
    if type(model) not in (*KINDS, Llama):
        raise TypeError(f"only a GPT or a Llama writes compiled, not {type(model).__name__}")
    first, *others = ([*map(_kind, block.named_modules())] for block in model.blocks)
    if any(other != first for other in others):
        raise ValueError("blocks that differ cannot share compiled code; merge LoRA layers first")


def _kind(named):
    name, module = named
    tensors = module.named_parameters(recurse=False)
    return name, type(module), [(own, part.shape, part.dtype) for own, part in tensors]


def own_copy(function: Any) -> Any:
    """A copy of a function, so that what is compiled for one model is never taken for another.

    PyTorch keeps compiled code with the code of a function, and asks the inputs whether it fits.
    Since the modules are not asked here, two models must not share it.

    >>> own_copy(attend_to_past).__code__ is attend_to_past.__code__
    False
    """
    return FunctionType(function.__code__.replace(), function.__globals__, function.__name__)
