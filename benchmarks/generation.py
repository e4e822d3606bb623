"""Generation at 124M: tokens per second of ours and of transformers, and of 8-bit weights.

    python3 course.py bench generation            about five minutes on two quiet cores
    python3 course.py bench generation --quick    a toy size in seconds; nothing is written

GPT-2's smallest shape with random weights (no word depends on the speed, and no speed on the
words), 128 tokens after 32, greedy, with a key-value cache; batches of 1 and 8. Ours is
`helpers.generate.generate`; transformers' is `model.generate` with PyTorch's fused attention. Both
stop at nothing. Ours is measured after `helpers.fast.speed_up.speed_up`, and with its options
`generation` (packed weights) and `eight_bits` (from fp32 weights), and, where there is a C++ compiler,
with `compiled` for one text at a time, which is compiled before anything is timed. llama.cpp writes one text with
the same weights, exported as Q8_0. Programs that are missing are installed first, where they can be.

To make a token, every weight but the embeddings' has to be read once, whatever the batch: the bytes
of all blocks and of the output head. The share of the limit is that number over what the memory can
deliver in the time of a step, measured in the same run by reading half a gigabyte in three ways.
"""

import argparse
import copy
import json
import sys
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from benchmarks import _peers, _record, _speed
from benchmarks._llama_cpp import LlamaCpp
from helpers.bpe import BPETokenizer
from helpers.config import PRESETS, GPTConfig
from helpers.device import use_every_core
from helpers.fast import speed_up
from helpers.fast.compiled.training import can_compile
from helpers.fast.four_bits import FourBitLinear
from helpers.fast.packing import can_pack
from helpers.fast.quantize import QuantizedLinear, bits_of_x
from helpers.generate import generate
from helpers.interchange import export_gguf
from helpers.model import GPT
from helpers.tokenizer import END_OF_TEXT

COMMAND = "python3 course.py bench generation"
CODE = [
    "benchmarks/generation.py",
    "benchmarks/_speed.py",
    "benchmarks/_llama_cpp.py",
    *(f"helpers/{name}.py" for name in ("generate", "kv_cache", "model", "attention", "layers")),
    *(f"helpers/fast/{name}.py" for name in ("products", "attention", "packing", "quantize")),
    *(f"helpers/fast/compiled/{name}.py" for name in ("called", "rows", "one_token")),
]
CONFIG, PROMPT, NEW, ROUNDS, BATCHES = PRESETS["gpt2-small"], 32, 128, 5, (1, 8)
TOY = GPTConfig(300, 32, 32, 2, 2, dropout=0.0)
PEERS = ("transformers", "llama_cpp")
THEIRS, LLAMA_CPP = "transformers", "llama.cpp Q8_0"
PACKED, COMPILED = ", packed", ", compiled"
SHARES = {"fp32": 0.85, "bf16": 0.70, "int8": 0.55}  # of the memory's limit, at batch 1
LLAMA_CPP_TARGET = 1.0  # times llama.cpp's speed, with int8 weights, at batch 1


def bytes_a_step(model):
    """Bytes of weights that one more token has to read: of every linear layer, biases left out."""
    total = 0
    for module in model.modules():
        if isinstance(module, QuantizedLinear):
            total += module.numbers.nbytes + module.scales.nbytes
        elif isinstance(module, FourBitLinear):
            total += module.levels.nbytes + module.steps.nbytes
        elif isinstance(module, nn.Linear):
            total += module.weight.nbytes
    return total


def transformers_model(config, dtype, device):
    """GPT-2 of `transformers` in the same shape, ready to generate."""
    from transformers import GPT2Config, GPT2LMHeadModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    shape = GPT2Config(
        vocab_size=config.vocab_size, n_positions=config.context_length,
        n_embd=config.embedding_dim, n_layer=config.n_layers, n_head=config.n_heads,
        bos_token_id=0, eos_token_id=None, pad_token_id=0, attn_implementation="sdpa",
    )  # fmt: skip
    return GPT2LMHeadModel(shape).to(device, dtype).eval()


def our_run(model, token_ids, n_new):
    """Generate with ours, and see that all came."""
    assert len([*generate(model, token_ids, n_new)]) == n_new


def their_run(model, token_ids, n_new):
    """Generate with `transformers`, and see that all came."""
    with torch.inference_mode():
        found = model.generate(
            token_ids, attention_mask=torch.ones_like(token_ids), use_cache=True,
            max_new_tokens=n_new, min_new_tokens=n_new, do_sample=False,
        )  # fmt: skip
    assert found.shape[1] == token_ids.shape[1] + n_new


def llama_cpp_run(model, context):
    """llama.cpp's way to generate with the weights of a GPT in Q8_0, and the bytes of a step."""
    tokenizer = BPETokenizer.train("abc", 257, (END_OF_TEXT,))  # its words do not matter here
    with tempfile.TemporaryDirectory() as place:
        path = export_gguf(model, tokenizer, Path(place) / "model.gguf", "Q8_0")
        writer = LlamaCpp(path, context)
    return writer.run, bytes_a_step(model) // 4 * 34 // 32  # 32 numbers and their scale: 34 bytes


def models(config, device, context):
    """Every form that is measured: name to (function that generates, bytes of a step)."""
    torch.manual_seed(0)
    ours, found = GPT(config).to(device).eval(), {}
    for precision, dtype in _speed.DTYPES.items():
        model = speed_up(copy.deepcopy(ours).to(dtype))
        found[f"helpers {precision}"] = partial(our_run, model), bytes_a_step(model)
        if can_pack(model.output_head.weight):
            packed = speed_up(copy.deepcopy(model), generation=True)
            found[f"helpers {precision}{PACKED}"] = partial(our_run, packed), bytes_a_step(model)
        if device == "cpu" and can_compile():
            compiled = speed_up(copy.deepcopy(model), compiled=True)
            found[f"helpers {precision}{COMPILED}"] = (
                partial(our_run, compiled),
                bytes_a_step(model),
            )
        if find_spec("transformers"):
            theirs = transformers_model(config, dtype, device)
            found[f"{THEIRS} {precision}"] = partial(their_run, theirs), bytes_a_step(model)
    if device == "cpu" and find_spec("llama_cpp"):
        found[LLAMA_CPP] = llama_cpp_run(ours, context)
    small = speed_up(copy.deepcopy(ours), eight_bits=True)
    found["helpers int8"] = partial(our_run, small), bytes_a_step(small)
    if device == "cpu" and can_compile():
        compiled = speed_up(ours, eight_bits=True, compiled=True)
        found[f"helpers int8{COMPILED}"] = partial(our_run, compiled), bytes_a_step(small)
    return found


def measure(config, n_prompt, n_new, rounds, device="cpu", batches=BATCHES):
    """Tokens per second of every form at every batch size, the ratios, and the shares of the limit."""
    forms = models(config, device, n_prompt + n_new)
    limit = _speed.read_bandwidth(device)
    found = {"read_bytes_a_second": limit, "batches": {}}
    for batch_size in batches:
        ids = torch.randint(config.vocab_size, (batch_size, n_prompt), device=device)
        runs = {
            name: partial(run, ids, n_new)
            for name, (run, _) in forms.items()
            if batch_size == 1 or (name != LLAMA_CPP and COMPILED not in name)
        }
        times = _speed.paired(runs, rounds, device)
        limit = max(limit, _speed.read_bandwidth(device))
        rows = {}
        for name, seconds in times.items():
            speed = _speed.spread([batch_size * n_new / each for each in seconds])
            steps = speed["median"] / batch_size
            rows[name] = {"tokens_a_second": speed, "bytes_a_step": forms[name][1]}
            rows[name]["share_of_limit"] = steps * forms[name][1] / limit
        found["batches"][str(batch_size)] = {"rows": rows, "ratios": ratios(times)}
    return found | {"read_bytes_a_second": limit}


def ratios(times):
    """How many times faster ours is than the others', and 8 bits than our fastest fp32."""
    found, plain = {}, forms_of("fp32", times)
    for form in forms_of("int8", times):
        found[form] = _speed.ratios(times, f"helpers {form}", [f"helpers {each}" for each in plain])
        if LLAMA_CPP in times:
            found[f"{form} (Q8_0)"] = _speed.ratios(times, f"helpers {form}", [LLAMA_CPP])
    for precision in _speed.DTYPES:
        for form in forms_of(precision, times):
            if f"{THEIRS} {precision}" in times:
                found[form] = _speed.ratios(times, f"helpers {form}", [f"{THEIRS} {precision}"])
    return found


def forms_of(precision, measured):
    """Which forms of ours in this precision were measured: plain, packed, compiled."""
    forms = (precision, precision + PACKED, precision + COMPILED)
    return [form for form in forms if f"helpers {form}" in measured]


def targets_of(found):
    """The targets of batch 1: each precision's fastest form against the memory and llama.cpp."""
    measured, targets = found["batches"]["1"], []
    for precision, limit in SHARES.items():
        rows = measured["rows"]
        shares = [rows[f"helpers {form}"]["share_of_limit"] for form in forms_of(precision, rows)]
        what = f"{precision}, batch 1: share of the memory's limit"
        targets.append(_record.target(what, max(shares), "at least", limit))
    found = [row["median"] for name, row in measured["ratios"].items() if name.endswith("(Q8_0)")]
    if found:
        what = "int8 weights, batch 1: tokens per second, times llama.cpp's with Q8_0"
        targets.append(_record.target(what, max(found), "at least", LLAMA_CPP_TARGET))
    return targets


def table(found):
    """All forms and batch sizes as a Markdown table."""
    lines = [
        "| batch | form | tokens/s (quartiles) | MB read a step | share of the memory's limit |",
        "|---|---|---|---|---|",
    ]
    for batch_size, each in found["batches"].items():
        for name, row in each["rows"].items():
            lines.append(
                f"| {batch_size} | {name} | {_speed.rate(row['tokens_a_second'])} "
                f"| {row['bytes_a_step'] / 1e6:,.0f} | {row['share_of_limit']:.0%} |"
            )
    lines += ["", "| batch | compared | times as fast (quartiles) |", "|---|---|---|"]
    for batch_size, each in found["batches"].items():
        for name, ratio in each["ratios"].items():
            ours = f"helpers {name.split(' (')[0]} beside {ratio['beside']}"
            lines.append(f"| {batch_size} | {ours} | {_speed.times_faster(ratio)} |")
    return lines


def section(record):
    """The README's section, as lines."""
    cpu = record["cpu"]
    lines = [
        *_record.made_by("generation", record),
        f"{record['new']} tokens after {record['prompt']}, greedy, {record['threads']} threads; "
        f"medians of {record['rounds']} interleaved rounds. The memory is read at "
        f"{cpu['read_bytes_a_second'] / 1e9:.1f} GB/s; the product of bytes is "
        f"{'there' if record['bits_of_x'] else 'missing: weights were widened'}.",
        "", *_record.target_table(record["targets"]), "", *table(cpu),
    ]  # fmt: skip
    if "cuda" in record:
        lines += ["", f"On {record['cuda_device']}:", "", *table(record["cuda"])]
    return lines


def run(config, n_prompt, n_new, rounds):
    """Measure on the CPU, and on the GPU where there is one."""
    record = {
        "prompt": n_prompt, "new": n_new, "rounds": rounds, "threads": torch.get_num_threads(),
        "parameters": GPT(config).n_parameters(), "bits_of_x": bits_of_x(),
    }  # fmt: skip
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        record[device] = measure(config, n_prompt, n_new, rounds, device)
    if "cuda" in record:
        record["cuda_device"] = torch.cuda.get_device_name()
    return record | {"targets": targets_of(record["cpu"])}


def main(arguments=None):
    """Measure, write `generation.json` and the README's section; 0 where the targets are met."""
    parser = argparse.ArgumentParser(prog="course.py bench generation")
    parser.add_argument("--quick", action="store_true", help="a toy size; nothing is written")
    options = parser.parse_args(arguments)
    if options.quick:
        print("\n".join(table(run(TOY, 4, 8, 2)["cpu"])))
        return 0
    use_every_core()
    _peers.install(*PEERS)
    found = run(CONFIG, PROMPT, NEW, ROUNDS)
    path = _record.write("generation", COMMAND, CODE, _peers.libraries(*PEERS), found)
    record = json.loads(path.read_text("utf-8"))
    _record.write_section("Generation", section(record))
    print("\n".join(section(record)))
    return 0 if all(met for *_, met in record["targets"]) else 1


if __name__ == "__main__":
    sys.exit(main())
