"""Write a GPT or a Llama as a folder that `transformers` loads.

It is the way of `helpers.pretrained` and `helpers.llama.load` backward: rename, transpose, and say in
`config.json` which architecture it is. Loading the folder again gives the same weights, bit for bit.

Shapes: C embedding dimensions.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from helpers.bpe import BPETokenizer
from helpers.files import replacing
from helpers.interchange.templates import STOPS, TEMPLATES, check_template
from helpers.llama.load import SAFETENSORS, theirs
from helpers.llama.model import Llama
from helpers.model import GPT
from helpers.pretrained import RENAMED, shapes_only
from helpers.tokenizer import END_OF_TEXT


def export_hf(
    model: GPT | Llama,
    tokenizer: BPETokenizer,
    folder: Path | str,
    chat: str | None = None,
) -> Path:
    """Write model and tokenizer into `folder`, for AutoModelForCausalLM and AutoTokenizer; return it.

    `chat` names the template of conversations: "course" for the course's chat model, "chatml" for
    SmolLM2 and Qwen. An older folder is replaced. Raises ValueError for what `transformers` has no
    setting for (grouped queries in a GPT, a RoPE scaling of each pair), for a model that was packed,
    quantized or adapted, and for an unknown template.

    >>> import tempfile
    >>> from helpers.config import PRESETS
    >>> tokenizer = BPETokenizer.train("abc", 257, ("<|endoftext|>",))
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = export_hf(GPT(PRESETS["tiny"]), tokenizer, f"{place}/mine")
    ...     print(*sorted(path.name for path in folder.iterdir()))
    config.json generation_config.json model.safetensors tokenizer.json tokenizer_config.json
    """
    check_template(chat)
    settings = gpt2_settings(model) if isinstance(model, GPT) else llama_settings(model)
    tensors = gpt2_tensors(model) if isinstance(model, GPT) else llama_tensors(model)
    stop = END_OF_TEXT if chat is None else STOPS[chat]
    ends = (
        {"eos_token_id": tokenizer.special_tokens[stop]} if stop in tokenizer.special_tokens else {}
    )
    about: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": model.config.context_length,
        "clean_up_tokenization_spaces": False,
    }
    if ends:
        about |= {"eos_token": stop, "pad_token": stop}
    if chat is not None:
        about["chat_template"] = TEMPLATES[chat]
    with replacing(folder) as unfinished:
        unfinished.mkdir()
        save_file(tensors, unfinished / "model.safetensors", metadata={"format": "pt"})
        for name, contents in (
            ("config.json", settings | ends),
            ("generation_config.json", ends),
            ("tokenizer_config.json", about),
        ):
            text = json.dumps(contents, indent=1, ensure_ascii=False)
            (unfinished / name).write_text(text + "\n", encoding="utf-8")
        (unfinished / "tokenizer.json").write_text(tokenizer.to_hf(), encoding="utf-8")
    return Path(os.fspath(folder))


def gpt2_settings(model: GPT) -> dict[str, Any]:
    """The `config.json` of a GPT, as Hugging Face's GPT-2 reads it."""
    config = model.config
    if config.n_kv_heads not in (None, config.n_heads):
        raise ValueError(f"n_kv_heads is {config.n_kv_heads}; GPT-2 has no grouped queries")
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": config.vocab_size,
        "n_positions": config.context_length,
        "n_embd": config.embedding_dim,
        "n_head": config.n_heads,
        "n_layer": config.n_layers,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "embd_pdrop": config.dropout,
        "attn_pdrop": config.dropout,
        "resid_pdrop": config.dropout,
        "tie_word_embeddings": config.tie_weights,
        "dtype": str(model.token_embedding.weight.dtype).removeprefix("torch."),
    }


def gpt2_tensors(model: GPT) -> dict[str, torch.Tensor]:
    """The weights of a GPT under GPT-2's names; queries, keys and values become one matrix (C, 3C)."""
    ours = plain_parameters(model, GPT)
    bias = torch.zeros(model.config.embedding_dim, dtype=ours["token_embedding.weight"].dtype)
    theirs = {
        "wte.weight": ours["token_embedding.weight"],
        "wpe.weight": ours["position_embedding.weight"],
        "ln_f.weight": ours["final_norm.scale"],
        "ln_f.bias": ours["final_norm.shift"],
    }
    for number in range(model.config.n_layers):
        old, block = f"h.{number}.", f"blocks.{number}."
        for kind in ("weight", "bias"):
            # a model without these biases has the same logits as one with zeros
            parts = [
                ours.get(f"{block}attention.{n}.{kind}", bias) for n in ("query", "key", "value")
            ]
            theirs[f"{old}attn.c_attn.{kind}"] = torch.cat([part.t() for part in parts], dim=-1)
        for their_name, our_name in RENAMED.items():
            weight, shift = (
                ("scale", "shift") if their_name.startswith("ln") else ("weight", "bias")
            )
            theirs[f"{old}{their_name}.weight"] = ours[f"{block}{our_name}.{weight}"].t()
            theirs[f"{old}{their_name}.bias"] = ours[f"{block}{our_name}.{shift}"]
    named = {f"transformer.{name}": weight.contiguous() for name, weight in theirs.items()}
    if not model.config.tie_weights:
        named["lm_head.weight"] = ours["output_head.weight"].contiguous()
    return named


def llama_settings(model: Llama) -> dict[str, Any]:
    """The `config.json` of a Llama, a Qwen 2 (biases) or a Qwen 3 (normalized queries and keys)."""
    config = model.config
    kind = "qwen3" if config.qk_norm else "qwen2" if config.qkv_bias else "llama"
    if config.qk_norm and config.qkv_bias:
        raise ValueError("no family of transformers has both qkv_bias and qk_norm")
    if kind == "qwen2" and config.head_dim * config.n_heads != config.embedding_dim:
        raise ValueError(
            f"Qwen 2 has no head_size of its own, and this model's is {config.head_dim}"
        )
    settings = {
        "architectures": [f"{kind.capitalize()}ForCausalLM"],
        "model_type": kind,
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.context_length,
        "hidden_size": config.embedding_dim,
        "intermediate_size": config.hidden_dim,
        "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.kv_heads,
        "num_hidden_layers": config.n_layers,
        "head_dim": config.head_dim,
        "hidden_act": "silu",
        "rms_norm_eps": config.norm_epsilon,
        "rope_theta": config.rope_base,
        "tie_word_embeddings": config.tie_weights,
        "dtype": str(model.token_embedding.weight.dtype).removeprefix("torch."),
    }
    if config.rope_divisors is not None:
        factor = common_divisor(config.rope_divisors)
        settings["rope_scaling"] = {"rope_type": "linear", "factor": factor}
    return settings


def common_divisor(divisors: tuple[float, ...]) -> float:
    """The one factor by which all rotary frequencies are slowed.

    Raises ValueError where they differ: neither format has a setting for a factor of each pair,
    and those that Llama 3.1's were made from are no longer known.
    """
    if len(set(divisors)) > 1:
        raise ValueError("the RoPE scaling has a divisor for each pair, which cannot be written")
    return divisors[0]


def llama_tensors(model: Llama) -> dict[str, torch.Tensor]:
    """The weights of a Llama under Hugging Face's names; a tied head is left out."""
    named = {}
    for our_name, weight in plain_parameters(model, Llama).items():
        name = theirs(our_name, SAFETENSORS)
        named[name if name.startswith("lm_head") else f"model.{name}"] = weight.contiguous()
    return named


def plain_parameters(model: Any, kind: type) -> dict[str, torch.Tensor]:
    """The parameters by name; ValueError, naming one, if they are not those of a plain `kind`."""
    with shapes_only():
        expected = {name: p.shape for name, p in kind(model.config).named_parameters()}
    found = {name: p.detach().cpu() for name, p in model.named_parameters()}
    foreign = sorted(expected.keys() ^ found.keys())
    if foreign:
        raise ValueError(f"{foreign[0]} is not as in a plain {kind.__name__}; export it as it was")
    return found
