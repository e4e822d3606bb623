"""SmolLM2 writing: tokens per second of ours, of transformers and of llama.cpp, from the same file.

    python3 course.py bench smollm2            about ten minutes on two quiet cores
    python3 course.py bench smollm2 --quick    few tokens, one round; nothing is written

Needs the file (`course.py data smollm2`); transformers and llama-cpp-python are installed where they
are missing and can be. All continue the same words of the course's story greedily, one text at a time, with a
key-value cache, and stop at nothing. Writing is what comes after a short prompt and a first token,
whose time is taken off; reading is a longer prompt and one token.

llama.cpp computes with the file's packed weights, about five bits each. Ours and transformers unpack
them to fp32 or bf16; `speed_up` packs them again, with `four_bits=True` into the file's own levels, and
with `eight_bits=True` into eight bits. So one more token reads different amounts of memory, which the
table shows. Where there is a C++ compiler, ours is
measured with `compiled=True`, too; compiling is done before anything is timed.
"""

import argparse
import copy
import json
import statistics
import sys
from functools import partial
from importlib.util import find_spec

import torch

from benchmarks import _peers, _record, _speed
from benchmarks._llama_cpp import LlamaCpp, bytes_of_file
from benchmarks.generation import bytes_a_step, our_run, their_run
from helpers.device import use_every_core
from helpers.fast import speed_up
from helpers.fast.compiled.training import can_compile
from helpers.fast.packing import can_pack
from helpers.files import sha256
from helpers.llama import load_gguf
from helpers.texts import available, fetch, load_corpus

COMMAND = "python3 course.py bench smollm2"
CODE = [
    "benchmarks/smollm2.py",
    "benchmarks/_speed.py",
    "benchmarks/_llama_cpp.py",
    *(f"helpers/{name}.py" for name in ("generate", "kv_cache", "llama/model")),
    *(
        f"helpers/fast/{name}.py"
        for name in ("products", "llama", "packing", "quantize", "four_bits")
    ),
    *(f"helpers/fast/compiled/{name}.py" for name in ("called", "rows", "one_token")),
]
PEERS = ("transformers", "llama_cpp")
PROMPT, NEW, LONG_PROMPT, ROUNDS = 32, 128, 256, 7
LLAMA_CPP, TRANSFORMERS = "llama.cpp Q4_1", "transformers"
PACKED, COMPILED = ", packed", ", compiled"
# Times the speed of the other program: (what is done, program, least).
TARGETS = (
    ("writes", LLAMA_CPP, 1.0), ("writes", TRANSFORMERS, 2.0), ("reads", LLAMA_CPP, 2.0),
)  # fmt: skip


def transformers_model(model, dtype):
    """transformers' Llama with the same weights."""
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.set_verbosity_error()
    config = model.config
    shape = LlamaConfig(
        vocab_size=config.vocab_size, hidden_size=config.embedding_dim,
        intermediate_size=config.hidden_dim, num_hidden_layers=config.n_layers,
        num_attention_heads=config.n_heads, num_key_value_heads=config.kv_heads,
        max_position_embeddings=config.context_length, rms_norm_eps=config.norm_epsilon,
        rope_theta=config.rope_base, tie_word_embeddings=config.tie_weights,
        bos_token_id=1, eos_token_id=None, pad_token_id=2, attn_implementation="sdpa",
    )  # fmt: skip
    theirs = LlamaForCausalLM(shape).eval()
    names = {
        "token_embedding": "model.embed_tokens", "blocks.": "model.layers.",
        "norm_attention.scale": "input_layernorm.weight", "final_norm.scale": "model.norm.weight",
        "norm_feed_forward.scale": "post_attention_layernorm.weight",
        "attention.query": "self_attn.q_proj", "attention.key": "self_attn.k_proj",
        "attention.value": "self_attn.v_proj", "attention.output": "self_attn.o_proj",
        "feed_forward.gate": "mlp.gate_proj", "feed_forward.expand": "mlp.up_proj",
        "feed_forward.project": "mlp.down_proj", "output_head": "lm_head",
    }  # fmt: skip
    weights = {}
    for name, weight in model.state_dict().items():
        for ours, other in names.items():
            name = name.replace(ours, other)
        weights[name] = weight
    theirs.load_state_dict(weights)
    return theirs.to(dtype)


def forms(path, context):
    """Every form that is measured: name to (function that generates, bytes of a step)."""
    ours, _ = load_gguf(path)
    found = {}
    for precision, dtype in _speed.DTYPES.items():
        model = speed_up(copy.deepcopy(ours).to(dtype))
        found[f"helpers {precision}"] = partial(our_run, model), bytes_a_step(model)
        if can_pack(model.output_head.weight):
            packed = speed_up(copy.deepcopy(model), generation=True)
            found[f"helpers {precision}{PACKED}"] = partial(our_run, packed), bytes_a_step(model)
        if can_compile():
            compiled = speed_up(copy.deepcopy(model), compiled=True)
            found[f"helpers {precision}{COMPILED}"] = (
                partial(our_run, compiled),
                bytes_a_step(model),
            )
        if find_spec("transformers"):
            theirs = transformers_model(ours, dtype)
            found[f"{TRANSFORMERS} {precision}"] = partial(their_run, theirs), bytes_a_step(model)
    for name, bits in {"int8": {"eight_bits": True}, "int4": {"four_bits": True}}.items():
        small = speed_up(copy.deepcopy(ours), **bits)
        found[f"helpers {name}"] = partial(our_run, small), bytes_a_step(small)
        if can_compile():
            compiled = speed_up(copy.deepcopy(ours), compiled=True, **bits)
            found[f"helpers {name}{COMPILED}"] = partial(our_run, compiled), bytes_a_step(small)
    if find_spec("llama_cpp"):
        found[LLAMA_CPP] = LlamaCpp(path, context).run, bytes_of_file(path)
    return found


def measure(path, n_prompt, n_new, rounds, n_long=LONG_PROMPT):
    """Tokens per second of every form, reading and writing, and how ours compares."""
    _, tokenizer = load_gguf(path)
    text = torch.tensor([tokenizer.encode_ordinary(load_corpus("story"))[: max(n_prompt, n_long)]])
    every, limit = forms(path, max(n_prompt + n_new, n_long + 1)), _speed.read_bandwidth()
    runs = {}
    for name, (run, _) in every.items():
        runs[f"{name}, begins"] = partial(run, text[:, :n_prompt], 1)
        runs[f"{name}, writes"] = partial(run, text[:, :n_prompt], n_new)
        runs[f"{name}, reads"] = partial(run, text[:, :n_long], 1)
    times = _speed.paired(runs, rounds)
    rows, seconds = {}, {"writes": {}, "reads": {}}
    for name, (_, read_bytes) in every.items():
        first, whole = times[f"{name}, begins"], times[f"{name}, writes"]
        seconds["writes"][name] = [b - a for a, b in zip(first, whole, strict=True)]
        seconds["reads"][name] = times[f"{name}, reads"]
        speed = _speed.spread([(n_new - 1) / each for each in seconds["writes"][name]])
        rows[name] = {
            "reads": _speed.spread([n_long / each for each in seconds["reads"][name]]),
            "writes": speed,
            "bytes_a_step": read_bytes,
            "share_of_limit": speed["median"] * read_bytes / limit,
        }
    compared = {what: ratios(each) for what, each in seconds.items()}
    return {"read_bytes_a_second": limit, "rows": rows, "ratios": compared}


def ratios(seconds):
    """How many times faster our fastest form is than the fastest of each other program."""
    ours = min(
        (name for name in seconds if name.startswith("helpers")),
        key=lambda name: statistics.median(seconds[name]),
    )
    found = {}
    for program in (TRANSFORMERS, LLAMA_CPP):
        others = [name for name in seconds if name.startswith(program)]
        if others:
            found[program] = _speed.ratios(seconds, ours, others) | {"ours": ours}
    return found


def targets_of(found):
    """The targets for which the other program is installed."""
    return [
        _record.target(
            f"{what}: tokens per second, times those of {program}",
            found["ratios"][what][program]["median"], "at least", least,
        )
        for what, program, least in TARGETS
        if program in found["ratios"][what]
    ]  # fmt: skip


def table(found):
    """All forms as a Markdown table, and the comparisons."""
    lines = [
        "| form | writes, tokens/s (quartiles) | reads, tokens/s | MB read a token "
        "| share of the memory's limit |",
        "|---|---|---|---|---|",
    ]
    for name, row in found["rows"].items():
        lines.append(
            f"| {name} | {_speed.rate(row['writes'])} | {_speed.rate(row['reads'])} "
            f"| {row['bytes_a_step'] / 1e6:,.0f} | {row['share_of_limit']:.0%} |"
        )
    lines += ["", "| | compared | times as fast (quartiles) |", "|---|---|---|"]
    for what, compared in found["ratios"].items():
        for ratio in compared.values():
            beside = f"{ratio['ours']} beside {ratio['beside']}"
            lines.append(f"| {what} | {beside} | {_speed.times_faster(ratio)} |")
    return lines


def section(record):
    """The README's section, as lines."""
    return [
        *_record.made_by("smollm2", record),
        f"Writes {record['new']} tokens after {record['prompt']}, greedy; reads "
        f"{record['long_prompt']}; {record['threads']} threads, medians of {record['rounds']} "
        f"interleaved rounds. The memory is read at {record['read_bytes_a_second'] / 1e9:.1f} GB/s.",
        "",
        *_record.target_table(record["targets"]),
        "",
        *table(record),
    ]


def main(arguments=None):
    """Measure, write `smollm2.json` and the README's section; 0 where the targets are met."""
    parser = argparse.ArgumentParser(prog="course.py bench smollm2")
    parser.add_argument("--quick", action="store_true", help="few tokens; nothing is written")
    options = parser.parse_args(arguments)
    if not available("smollm2", shows="the speed of SmolLM2"):
        return 1
    path = fetch("smollm2")
    if options.quick:
        print("\n".join(table(measure(path, 16, 8, 1, 16))))
        return 0
    use_every_core()
    _peers.install(*PEERS)
    found = measure(path, PROMPT, NEW, ROUNDS)
    figures = {
        "prompt": PROMPT, "new": NEW, "long_prompt": LONG_PROMPT, "rounds": ROUNDS,
        "threads": torch.get_num_threads(), "model_sha256": sha256(path), **found,
        "targets": targets_of(found),
    }  # fmt: skip
    written = _record.write("smollm2", COMMAND, CODE, _peers.libraries(*PEERS), figures)
    record = json.loads(written.read_text("utf-8"))
    _record.write_section("SmolLM2 beside transformers and llama.cpp", section(record))
    print("\n".join(section(record)))
    return 0 if all(met for *_, met in record["targets"]) else 1


if __name__ == "__main__":
    sys.exit(main())
