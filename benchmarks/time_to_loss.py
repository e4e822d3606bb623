"""Time to loss: nanoGPT's small CPU recipe and ours, to the same loss on Tiny Shakespeare.

    python3 course.py bench time_to_loss            about nine minutes on two quiet cores
    python3 course.py bench time_to_loss --quick    a few steps of everything; nothing is written

Both see the same characters, 90 % to learn from and 10 % held out, at a context of 64.
The baseline is the recipe that nanoGPT documents for a CPU, made again from its description: 4
layers, 4 heads, 128 wide, no biases, dropout 0, batches of 12, 2,000 steps of AdamW (its fused
form), rate 1e-3 down to 1e-4 by a cosine after 100 steps of warm-up, beta2 0.99, decay 0.1,
gradients clipped at 1. Ours is `_fast_gpt.py`, three layers of the same width, and 200 steps of
`helpers.optim`'s Muon on batches of 16, its rate a straight line down to zero. Both in fp32.

A time is the wall time of a run's steps, drawing of batches included, evaluation and set-up left
out, after some steps of a throw-away model that nobody times. The loss is that of the last step's
model over every window of 64 in the held-out part that does not overlap another, in fp32, the
same windows for all. Seed by seed all variants run one after the other, so that a slow minute of
the machine meets them alike. Where there is a CUDA device, baseline and ours run there too.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

from benchmarks import _record
from benchmarks import _time_to_loss_report as report
from benchmarks._fast_gpt import FastGPT, Shape
from helpers.config import GPTConfig
from helpers.device import use_every_core
from helpers.model import GPT
from helpers.optim import MuonWithAdamW, learning_rate_at, parameter_groups
from helpers.texts.corpora import available, load_corpus

COMMAND = "python3 course.py bench time_to_loss"
CODE = [
    "benchmarks/time_to_loss.py",
    "benchmarks/_fast_gpt.py",
    *(f"helpers/{name}.py" for name in ("model", "attention", "layers", "optim")),
    *(f"helpers/fast/{name}.py" for name in ("products", "attention")),
]
CONTEXT, SEEDS = 64, 3


@dataclass(frozen=True)
class Recipe:
    """How to train: `create` makes (model, optimizer) for a vocabulary; `rate` is a step's share
    of the optimizer's learning rate."""

    create: Callable
    rate: Callable
    steps: int
    batch_size: int
    clip_norm: float | None = None
    precision: str = "fp32"


def create_baseline(vocab_size):
    """nanoGPT's model, which is GPT-2's without biases, and its AdamW."""
    model = GPT(GPTConfig(vocab_size, CONTEXT, 128, 4, 4, dropout=0.0, qkv_bias=False))
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            module.bias = None
        if hasattr(module, "shift"):
            module.shift.requires_grad_(False)  # LayerNorm's bias stays at zero
    groups = parameter_groups(model, 0.1)
    return model, torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=True)


def create_ours(vocab_size, muon=True, **switches):
    """`FastGPT`, and Muon for the matrices of its blocks."""
    model = FastGPT(Shape(vocab_size, CONTEXT, **switches))
    if muon:
        return model, MuonWithAdamW(model, learning_rate=0.014, adamw_share=1.0)
    return model, torch.optim.AdamW(model.parameters(), lr=8e-3, weight_decay=0.0, fused=True)


def nanogpt_rate(step, steps):
    """Warm-up over a twentieth of the run, then a cosine down to a tenth."""
    return learning_rate_at(step, steps, 1.0, warmup_steps=steps // 20, final_share=0.1)


def down_to_zero(step, steps):
    """A straight line from 1 to 0. Source: Bergsma et al. 2025."""
    return 1 - step / steps


BASELINE = Recipe(create_baseline, nanogpt_rate, steps=2000, batch_size=12, clip_norm=1.0)
OURS = Recipe(create_ours, down_to_zero, steps=200, batch_size=16)


def changed(**switches):
    """Our recipe with some switches of `create_ours` set otherwise."""
    return replace(OURS, create=lambda vocab_size: create_ours(vocab_size, **switches))


def recipes():
    """The baseline, ours, ours without each of its ideas, and two ideas that do not pay here."""
    return {
        "baseline": BASELINE,
        "ours": OURS,
        "without rotary positions": changed(rotary=False),
        "without normalized queries and keys": changed(qk_norm=False),
        "without squared ReLU": changed(squared_relu=False),
        "without zero-initialized projections": changed(zero_init=False),
        "without token shift": changed(token_shift=False),
        "without Muon": changed(muon=False),
        "without the decay to zero": replace(OURS, rate=nanogpt_rate),
        "with a fourth layer": changed(n_layers=4),
        "with bfloat16": replace(OURS, precision="bf16"),
    }


def character_ids(text):
    """Return (ids to learn from, ids held out, vocabulary size): a number a character."""
    number = {character: i for i, character in enumerate(sorted(set(text)))}
    ids = torch.tensor([number[character] for character in text])
    return *ids.split([int(0.9 * len(ids)), len(ids) - int(0.9 * len(ids))]), len(number)


def take_steps(recipe, model, optimizer, tokens, seed):
    """Train a model on random windows of `tokens` (on its device); return the wall time."""
    window = torch.arange(CONTEXT + 1)
    generator = torch.Generator().manual_seed(seed)
    peaks = [group["lr"] for group in optimizer.param_groups]
    half = torch.autocast(tokens.device.type, torch.bfloat16, enabled=recipe.precision == "bf16")
    wait(tokens.device)
    started = time.perf_counter()
    for step in range(recipe.steps):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * recipe.rate(step, recipe.steps)
        last = len(tokens) - CONTEXT
        starts = torch.randint(last, (recipe.batch_size, 1), generator=generator)
        rows = tokens[(starts + window).to(tokens.device)]  # (B, T + 1)
        with half:
            logits = model(rows[:, :-1])  # (B, T, V)
        F.cross_entropy(logits.flatten(0, 1).float(), rows[:, 1:].flatten()).backward()
        if recipe.clip_norm:
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    wait(tokens.device)
    return time.perf_counter() - started


def wait(device):
    """Let a CUDA device finish what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()


@torch.no_grad()
def held_out_loss(model, tokens, batch_size=64):
    """Mean loss, nats per character, over all windows of `tokens` that do not overlap."""
    n_windows = (len(tokens) - 1) // CONTEXT
    inputs = tokens[: n_windows * CONTEXT].view(n_windows, CONTEXT)
    targets = tokens[1 : n_windows * CONTEXT + 1].view(n_windows, CONTEXT)
    total = 0.0
    for rows, wanted in zip(inputs.split(batch_size), targets.split(batch_size), strict=True):
        logits = model(rows).flatten(0, 1)
        total += F.cross_entropy(logits, wanted.flatten(), reduction="sum").item()
    return total / targets.numel()


def one_run(recipe, tokens, held_out, vocab_size, seed):
    """Train once from a seed; return {"seconds", "loss"}."""
    for steps in (min(5, recipe.steps), recipe.steps):  # first a throw-away model
        torch.manual_seed(seed)
        model, optimizer = recipe.create(vocab_size)
        model.to(tokens.device)
        seconds = take_steps(replace(recipe, steps=steps), model, optimizer, tokens, seed)
    return {"seconds": seconds, "loss": held_out_loss(model, held_out)}


def measure(found, text, seeds, device="cpu"):
    """Run every recipe from every seed; return a list of runs for each name."""
    tokens, held_out, vocab_size = character_ids(text)
    tokens, held_out = tokens.to(device), held_out.to(device)
    runs = {name: [] for name in found}
    for seed in range(seeds):
        for name, recipe in found.items():
            run = one_run(recipe, tokens, held_out, vocab_size, seed)
            runs[name].append(run)
            print(
                f"  seed {seed}  {name:40} {run['seconds']:6.1f} s  {run['loss']:.3f}", flush=True
            )
    return runs


def main(arguments=None):
    """Measure, write `time_to_loss.json` and the README's section; 0 where the targets are met."""
    parser = argparse.ArgumentParser(prog="course.py bench time_to_loss")
    parser.add_argument("--quick", action="store_true", help="a few steps; nothing is written")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"runs of each; {SEEDS}")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error(f"--seeds is {options.seeds}; it must be 1 or more")
    if not options.quick and not available("tinyshakespeare", shows="the time to a loss on it"):
        return 1
    found, seeds = recipes(), options.seeds
    if options.quick:
        found, seeds = {name: replace(each, steps=2) for name, each in found.items()}, 1
    else:
        use_every_core()
    text = load_corpus("story" if options.quick else "tinyshakespeare")
    record = {"seeds": seeds, "threads": torch.get_num_threads()}
    runs = measure(found, text, seeds)
    record |= {"targets": report.targets(runs)}
    record["runs"] = {
        name: report.summary(found[name], of, runs["ours"], CONTEXT) for name, of in runs.items()
    }
    if torch.cuda.is_available():
        record |= measure_cuda(found, text, seeds)
    if options.quick:
        print("\n".join(report.table(record["runs"])))
        return 0
    path = _record.write("time_to_loss", COMMAND, CODE, ["torch"], record)
    record = json.loads(path.read_text("utf-8"))
    _record.write_section("Time to loss", report.section(record))
    print("\n".join(report.section(record)))
    return 0 if all(met for *_, met in record["targets"]) else 1


def measure_cuda(found, text, seeds):
    """Baseline and ours on the card."""
    pair = {name: found[name] for name in ("baseline", "ours")}
    runs = measure(pair, text, seeds, "cuda")
    summaries = {
        name: report.summary(pair[name], of, runs["ours"], CONTEXT) for name, of in runs.items()
    }
    return {"cuda_device": torch.cuda.get_device_name(), "cuda": summaries}


if __name__ == "__main__":
    sys.exit(main())
