"""From GPT-2's parts to Llama's, one change at a time: what each is worth at equal size and steps.

    python3 course.py bench llama            about an hour on one core
    python3 course.py bench llama --quick    a few steps of each; nothing is written

Every model learns the same tales in the same order, whole tales in rows of their own, and is measured
on tales that none has seen. The tales come from a source whose entropy is known, so a loss is told as
its distance to the best possible one. All models have as many parameters as the GPT (of a mixture of
experts: as many that work on a token); the hidden size of the feed-forward network makes up for what
a change adds or saves. The learning rate was chosen for the GPT alone, on tales of their own; the
largest effects are measured at half and twice that rate, too.

Each run is saved in llama.runs.json at once, and a second start goes on where the first ended.
"""

import argparse
import json
import math
import statistics
import sys
import time
from dataclasses import asdict, replace
from functools import cache
from itertools import cycle

import numpy as np
import torch

from benchmarks import _record
from benchmarks._llama_steps import LLAMA, Parts, SteppedGPT, same_size
from classroom.worlds.tales import log_prob, sample
from helpers.bpe import BPETokenizer
from helpers.loss import IGNORED, next_token_loss
from helpers.optim import create_optimizer
from helpers.tokenizer import END_OF_TEXT
from helpers.train import TrainConfig, evaluate_loss, training_step

SEEDS, TALES, HELD_OUT = range(5), 8, 400
RECIPE = TrainConfig(steps=500, batch_size=TALES, warmup_steps=50, learning_rate=4e-3)
GPT, TOGETHER = "GPT", "all of Llama's"
CHANGES = {
    GPT: {},
    "RMSNorm": {"rms_norm": True},
    "rotary positions": {"rotary": True},
    "SwiGLU": {"feed_forward": "swiglu"},
    "squared ReLU": {"feed_forward": "squared_relu"},
    "grouped queries, 2 of 4": {"n_kv_heads": 2},
    "one head of keys": {"n_kv_heads": 1},
    "no biases": {"biases": False},
    "untied head": {"tied": False},
    "QK-norm": {"qk_norm": True},
    "windows of 16": {"window": 16},
    TOGETHER: LLAMA,
    "latent attention": {"rotary": True, "latent": 32},
    "experts, no balance": {"n_experts": 8},
    "experts, balance": {"n_experts": 8, "balance": 0.01},
}
RUNS = _record.HERE / "llama.runs.json"
CODE = [
    "benchmarks/_llama_steps.py",
    *(f"helpers/{name}.py" for name in ("attention", "layers", "llama/model", "optim", "train")),
]


@cache
def tokenizer():
    """A byte pair encoding of the tales, trained on tales of their own."""
    text = "\n".join(sample(2000, seed=1))
    return BPETokenizer.train(text, Parts().vocab_size, special_tokens=(END_OF_TEXT,))


def rows_of(tales):
    """Inputs and targets (B, T) of some tales; a tale begins after the end of the one before.

    Short ones are filled up with ends, whose targets do not count.
    """
    end = tokenizer().special_tokens[END_OF_TEXT]
    rows = [[end, *tokenizer().encode_ordinary(tale), end] for tale in tales]
    length = max(map(len, rows)) - 1
    inputs, targets = np.full((len(rows), length), end), np.full((len(rows), length), IGNORED)
    for number, row in enumerate(rows):
        inputs[number, : len(row) - 1], targets[number, : len(row) - 1] = row[:-1], row[1:]
    return torch.from_numpy(inputs), torch.from_numpy(targets)


def batches_of(n_batches, seed):
    """Batches of tales of about the same length, in random order."""
    tales = sorted(sample(n_batches * TALES, seed), key=lambda tale: (len(tale), tale))
    order = np.random.default_rng(seed).permutation(n_batches)
    return [rows_of(tales[TALES * number : TALES * (number + 1)]) for number in order]


class Batches(list):
    """Batches that `evaluate_loss` reads as a loader."""

    def state_dict(self):
        return {}


@cache
def held_out(seed, n=HELD_OUT):
    """Batches of n unseen tales, and the entropy of their source in nats per token, on them."""
    batches = Batches(batches_of(n // TALES, seed))
    nats = -math.log(2) * sum(map(log_prob, sample(n, seed)))
    return batches, nats / sum((targets != IGNORED).sum().item() for _, targets in batches)


@cache
def training_batches(seed, steps):
    return batches_of(steps, 1000 + seed)


@cache
def baseline_size():
    with torch.device("meta"):
        return SteppedGPT(Parts()).n_parameters()


def model_of(name):
    """A new model with one of `CHANGES`, as large as the GPT."""
    return SteppedGPT(same_size(replace(Parts(), **CHANGES[name]), baseline_size()))


def balanced_loss(model, inputs, targets):
    """The loss, plus the weighted imbalance of all layers with experts while they learn."""
    loss = next_token_loss(model, inputs, targets)
    if not model.config.balance or not model.training:
        return loss
    uneven = [block.feed_forward.imbalance for block in model.blocks]
    return loss + model.config.balance * torch.stack(uneven).mean()


def one_run(name, seed, recipe=RECIPE, tested_on=3):
    """Train a model from one seed; return its figures.

    `above` is the held-out loss above the entropy, in nats per token. `tested_on` is the seed of the
    tales: 3 for the figures, 2 to choose the rate.
    """
    torch.manual_seed(seed)
    model = model_of(name)
    optimizer = create_optimizer(model, recipe.learning_rate, recipe.weight_decay)
    batches, started = cycle(training_batches(seed, recipe.steps)), time.process_time()
    for step in range(recipe.steps):
        training_step(model, optimizer, batches, recipe, step, balanced_loss)
    seconds = time.process_time() - started
    tales, entropy = held_out(tested_on)
    row = {"above": evaluate_loss(model, tales) - entropy, "seconds": seconds}
    if model.config.n_experts:
        loads = torch.zeros(model.config.n_layers, model.config.n_experts)
        with torch.no_grad():
            for inputs, _ in tales:
                model(inputs)
                loads += torch.tensor(model.loads()) * inputs.numel()
        row["loads"] = (loads / loads.sum(dim=1, keepdim=True)).tolist()
    return row


def plan(changes=CHANGES, seeds=SEEDS):
    """What is run, in order, as (name, seed, rate): one seed of everything, then the next.

    At the end the GPT, and what changed most of those that cost no more, at other rates.
    """
    main = [(name, seed, RECIPE.learning_rate) for seed in seeds for name in changes]
    rates = [RECIPE.learning_rate / 2, RECIPE.learning_rate * 2]
    return main + [(name, seed, rate) for seed in seeds for rate in rates for name in CHECKED]


def read_runs(path=RUNS):
    """The runs that an earlier start has saved with the same code and settings."""
    if not path.is_file():
        return {}
    saved = json.loads(path.read_text("utf-8"))
    return saved["runs"] if saved["of"] == identity() else {}


def identity():
    """What a saved run must agree with to be used again."""
    return {"code": _record.code_hash(CODE), "recipe": asdict(RECIPE), "held_out": HELD_OUT}


def measure(path=RUNS, recipe=RECIPE):
    """Make every run that is not saved yet; returns all of them, by "name, seed, rate"."""
    runs = read_runs(path)
    for name, seed, rate in plan():
        key = f"{name}, seed {seed}, rate {rate:g}"
        if key not in runs:
            runs[key] = one_run(name, seed, replace(recipe, learning_rate=rate, seed=seed))
            path.write_text(json.dumps({"of": identity(), "runs": runs}, indent=1), "utf-8")
            print(f"{key:50} {runs[key]['above']:.3f} {runs[key]['seconds']:.0f} s", flush=True)
    return runs
