"""Swap in, from outside, what computes the same faster: one door to this folder."""

from torch import nn

from helpers.attention import MultiHeadAttention
from helpers.fast.attention import FastAttention, FastGroupedQueryAttention, FastSwiGLU
from helpers.fast.compiled.one_token import check_writing, compile_writing
from helpers.fast.four_bits import quantize_int4
from helpers.fast.llama import merge_products
from helpers.fast.lora import FastLoRALinear
from helpers.fast.packing import pack_weights
from helpers.fast.products import FastLinear
from helpers.fast.quantize import quantize_int8
from helpers.fast.swap import replace_linear
from helpers.llama.model import GroupedQueryAttention, SwiGLU
from helpers.lora import LoRALinear

FASTER = {
    nn.Linear: FastLinear,
    MultiHeadAttention: FastAttention,
    GroupedQueryAttention: FastGroupedQueryAttention,
    SwiGLU: FastSwiGLU,
    LoRALinear: FastLoRALinear,
}


def speed_up(
    model: nn.Module,
    generation: bool = False,
    eight_bits: bool = False,
    compiled: bool = False,
    four_bits: bool = False,
) -> nn.Module:
    """Let a model compute the same faster, in place; return the model.

    Layers keep their parameters and their names, so that optimizers, checkpoints and the math are
    as before. With `generation` the weights are packed as well, where this processor can, and with
    `eight_bits` or `four_bits` rounded to so many bits, and a Llama's products are merged: such a
    model is for generating alone, and its layers have other names. With `compiled` it writes through
    `helpers.fast.compiled.one_token`, which needs a C++ compiler. In training, pass
    `helpers.fast.head_loss.fused_next_token_loss` as the loss of the run, too.

    Raises TypeError where `model` is not a module, and ValueError where it has no linear layer, there
    is no compiler, or both numbers of bits are asked for.

    >>> from helpers.config import PRESETS; from helpers.model import GPT
    >>> model = speed_up(GPT(PRESETS["tiny"]))
    >>> type(model.output_head).__name__, model.n_parameters() == GPT(PRESETS["tiny"]).n_parameters()
    ('FastLinear', True)
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a module, not {type(model).__name__}")
    if eight_bits and four_bits:
        raise ValueError("weights have either eight bits or four: leave out one of the two")
    if compiled:
        check_writing(model)
    if eight_bits or four_bits or generation or compiled:
        replace_linear(model, lambda layer: layer)  # what can refuse comes first
        merge_products(model)
    if four_bits:
        quantize_int4(model)
    elif eight_bits:
        quantize_int8(model)
    elif generation and not compiled:  # packed weights cannot be read by what is compiled
        pack_weights(model)
    for module in model.modules():
        if type(module) in FASTER:
            module.__class__ = FASTER[type(module)]
    return compile_writing(model) if compiled else model
