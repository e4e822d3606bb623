"""Training steps: tokens per second of a 10.7M GPT, beside transformers and llms-from-scratch.

    python3 course.py bench steps              about a quarter of an hour on two quiet cores
    python3 course.py bench steps --quick      a toy size in seconds; nothing is written

6 layers, 6 heads, 384 wide, context 256, batch 16, vocabulary 65, dropout 0, biases everywhere. A
step is forward, backward, clipping at 1 and AdamW (PyTorch's fused form), the same for all. Ours is
`helpers.train.training_step`; the others get PyTorch's fused attention where they have it,
no cache, and the same autocast in bf16. `llms-from-scratch` has two models: the book's, and
`GPTModelFast`, which is the one to beat. Those that are missing are installed first.

All run in one process, which keeps the memory that it frees (`helpers.device.keep_memory`).

Where there is a C++ compiler, every model is measured through `torch.compile` as well, ours by what
`helpers.train --compile` does.

The share of the peak is the operations of a step's matrix products over those that a large square
product does in the same time, measured in the same run. A token takes, with L layers, C wide, T
long and V tokens in the vocabulary,

    forward = 2 * (12 * L * C**2 + C * V) + 4 * L * T * C

operations: the matrices of the blocks, the head, and every query with every key and value. (The
half that the causal mask throws away is counted, as is usual.) Backward takes twice as many.

In the same rounds these products are made alone, with nothing between them, each in the way that
`helpers.fast.products` takes here: the speed that no step of ours can pass; the
target is 90% of it.
"""

import argparse
import json
import sys
from functools import partial
from importlib.util import find_spec
from itertools import repeat

import torch
from torch.nn import functional as F

from benchmarks import _peers, _products, _record, _speed
from helpers.config import GPTConfig
from helpers.device import keep_memory, use_every_core
from helpers.fast import fused_next_token_loss, speed_up
from helpers.fast.compiled.training import Compiled, can_compile
from helpers.model import GPT
from helpers.optim import create_optimizer
from helpers.train import TrainConfig, training_step

COMMAND = "python3 course.py bench steps"
CODE = [
    "benchmarks/steps.py",
    "benchmarks/_speed.py",
    "benchmarks/_products.py",
    *(f"helpers/{name}.py" for name in ("model", "attention", "layers", "optim", "train")),
    *(f"helpers/fast/{name}.py" for name in ("products", "attention", "head_loss")),
    "helpers/fast/compiled/training.py",
]
CONFIG, BATCH, ROUNDS = GPTConfig(65, 256, 384, 6, 6, dropout=0.0), 16, 7
TOY, TOY_BATCH = GPTConfig(65, 16, 24, 2, 2, dropout=0.0), 2
OURS, COMPILED, PEERS = "helpers", ", compiled", ("transformers", "llms_from_scratch")
TARGET, SHARE_OF_PRODUCTS = 1.3, 0.9


def flops_a_step(config, batch_size):
    """Operations of the matrix products of one step; the formula stands above."""
    layers, width, length = config.n_layers, config.embedding_dim, config.context_length
    matrices = 12 * layers * width**2 + width * config.vocab_size
    forward = 2 * matrices + 4 * layers * length * width
    return 3 * forward * batch_size * length


def our_step(config, inputs, targets, precision, compiled=False):
    """One step of `helpers`, as `course.py train` takes it, with --compile or without."""
    model = speed_up(GPT(config).to(inputs.device).train())
    optimizer, plan = create_optimizer(model), TrainConfig(precision=precision)
    trained = Compiled(model) if compiled else model
    batches, loss_of = repeat((inputs, targets)), fused_next_token_loss
    return partial(training_step, trained, optimizer, batches, plan, 100, loss_of)


def their_step(model, inputs, targets, precision, compiled=False):
    """The same step for any other model, written as one would: `model(inputs)` gives logits."""
    model = model.to(inputs.device).train()
    optimizer, device = create_optimizer(model), inputs.device.type
    forward = torch.compile(model) if compiled else model

    def step():
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            logits = forward(inputs)
            logits = getattr(logits, "logits", logits)  # (B, T, V)
            loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step


def transformers_gpt(config):
    """GPT-2 of `transformers`, with PyTorch's fused attention and without a cache."""
    from transformers import GPT2Config, GPT2LMHeadModel

    shape = GPT2Config(
        vocab_size=config.vocab_size, n_positions=config.context_length, use_cache=False,
        n_embd=config.embedding_dim, n_layer=config.n_layers, n_head=config.n_heads,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
        attn_implementation="sdpa",
    )  # fmt: skip
    return GPT2LMHeadModel(shape)


def book_gpt(name, config):
    """One of the two models of `llms-from-scratch`."""
    from llms_from_scratch import ch04

    shape = {
        "vocab_size": config.vocab_size, "context_length": config.context_length,
        "emb_dim": config.embedding_dim, "n_heads": config.n_heads, "n_layers": config.n_layers,
        "drop_rate": 0.0, "qkv_bias": True,
    }  # fmt: skip
    return getattr(ch04, name)(shape)


def others():
    """The other models that are installed: name to a function of a config."""
    found = {}
    if find_spec("transformers"):
        found["transformers GPT2LMHeadModel"] = transformers_gpt
    if find_spec("llms_from_scratch"):
        for name in ("GPTModel", "GPTModelFast"):
            found[f"llms-from-scratch {name}"] = partial(book_gpt, name)
    return found


def measure(config, batch_size, rounds, precision, device="cpu", compiled=False):
    """Tokens per second of every model in one precision, our ratios, and the share of the peak."""
    torch.manual_seed(0)
    shape = batch_size, config.context_length
    inputs, targets = torch.randint(config.vocab_size, (2, *shape), device=device)
    steps = {}
    for end, form in [("", False), (COMPILED, True)][: 1 + compiled]:
        steps[OURS + end] = our_step(config, inputs, targets, precision, form)
        for name, create in others().items():
            steps[name + end] = their_step(create(config), inputs, targets, precision, form)
    steps[_products.NAME] = _products.products_alone(config, batch_size, precision, device)
    peak = _speed.matrix_peak(precision, device)
    times = _speed.paired(steps, rounds, device)
    peak = max(peak, _speed.matrix_peak(precision, device))
    n_tokens, flops = batch_size * config.context_length, flops_a_step(config, batch_size)
    rows = {}
    for name, seconds in times.items():
        speed = _speed.spread([n_tokens / each for each in seconds])
        rows[name] = {"tokens_a_second": speed}
        rows[name]["share_of_peak"] = flops / n_tokens * speed["median"] / peak
        rows[name]["ours_is_faster"] = _speed.ratios(times, OURS, [name])
    return {"peak_flops": peak, "rows": rows} | ratios(times, compiled)


def ratios(times, compiled):
    """Ours over the best other: both as they come, ours compiled, both compiled."""
    rivals = [*others()]
    if not rivals:
        return {}
    found = {"ratio": _speed.ratios(times, OURS, rivals)}
    found["limit"] = _speed.ratios(times, _products.NAME, rivals)
    if compiled:
        both = [name + COMPILED for name in rivals]
        found["ours_compiled"] = _speed.ratios(times, OURS + COMPILED, rivals)
        found["both_compiled"] = _speed.ratios(times, OURS + COMPILED, both)
    return found


def targets_of(found):
    """Targets of a precision: the share of the products' speed, and times the best of the others."""
    rows = []
    for precision, each in found.items():
        share = each["rows"][_products.NAME]["ours_is_faster"]["median"]
        what = f"{precision}: tokens per second, of those of its matrix products alone"
        rows.append(_record.target(what, share, "at least", SHARE_OF_PRODUCTS))
        for key, words in (("ratio", ""), ("ours_compiled", ", ours compiled")):
            if ratio := each.get(key):
                what = f"{precision}{words}: tokens per second, times those of {ratio['beside']}"
                what += ", the best other"
                rows.append(_record.target(what, ratio["median"], "at least", TARGET))
    return rows


def table(found):
    """The rows of all models as a Markdown table."""
    lines = [
        "| precision | model | tokens/s (quartiles) | share of the peak | ours is so many times faster |",
        "|---|---|---|---|---|",
    ]
    for precision, each in found.items():
        for name, row in each["rows"].items():
            lines.append(
                f"| {precision} | {name} | {_speed.rate(row['tokens_a_second'])} "
                f"| {row['share_of_peak']:.0%} | {_speed.times_faster(row['ours_is_faster'])} |"
            )
        for missing in {"transformers", "llms-from-scratch"}:
            if not any(missing in name for name in each["rows"]):
                lines.append(f"| {precision} | {missing} | not installed | | |")
    return lines


def section(record):
    """The README's section, as lines."""
    peaks = {name: each["peak_flops"] / 1e9 for name, each in record["cpu"].items()}
    lines = [
        *_record.made_by("steps", record),
        f"A GPT of {record['parameters']:,} parameters, batches of {record['batch_size']} times "
        f"{record['context_length']} tokens, {record['threads']} threads; medians of "
        f"{record['rounds']} interleaved rounds. The peak of a matrix product: "
        + ", ".join(f"{peak:,.0f} billion operations per second in {p}" for p, peak in peaks.items())
        + ".",
        "", *_record.target_table(record["targets"]), "", *table(record["cpu"]),
    ]  # fmt: skip
    for precision, each in record["cpu"].items():
        if limit := each.get("limit"):
            lines += ["", f"The matrix products alone, {precision}: {_speed.times_faster(limit)} times "
                      f"as fast as a whole step of {limit['beside']}."]  # fmt: skip
        if both := each.get("both_compiled"):
            lines += ["", f"Both compiled, {precision}: ours is {_speed.times_faster(both)} times as "
                      f"fast as {both['beside']}."]  # fmt: skip
    if "cuda" in record:
        lines += ["", f"On {record['cuda_device']}:", "", *table(record["cuda"])]
    return lines


def run(config, batch_size, rounds, compiled=False):
    """Measure both precisions on the CPU, and on the GPU where there is one."""
    record = {
        "parameters": GPT(config).n_parameters(), "batch_size": batch_size, "rounds": rounds,
        "context_length": config.context_length, "threads": torch.get_num_threads(),
    }  # fmt: skip
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        how = config, batch_size, rounds
        record[device] = {p: measure(*how, p, device, compiled) for p in _speed.DTYPES}
    if "cuda" in record:
        record["cuda_device"] = torch.cuda.get_device_name()
    return record | {"targets": targets_of(record["cpu"])}


def main(arguments=None):
    """Measure, write `steps.json` and the README's section; 0 where the targets are met."""
    parser = argparse.ArgumentParser(prog="course.py bench steps")
    parser.add_argument("--quick", action="store_true", help="a toy size; nothing is written")
    options = parser.parse_args(arguments)
    if options.quick:
        print("\n".join(table(run(TOY, TOY_BATCH, 2)["cpu"])))
        return 0
    use_every_core()
    keep_memory()
    _peers.install(*PEERS)
    found = run(CONFIG, BATCH, ROUNDS, can_compile())
    path = _record.write("steps", COMMAND, CODE, _peers.libraries(*PEERS), found)
    record = json.loads(path.read_text("utf-8"))
    _record.write_section("Steps", section(record))
    print("\n".join(section(record)))
    return 0 if all(met for *_, met in record["targets"]) else 1


if __name__ == "__main__":
    sys.exit(main())
