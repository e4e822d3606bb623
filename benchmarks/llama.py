"""From GPT-2's parts to Llama's, one change at a time: what each is worth at equal size and steps.

    python3 course.py bench llama            about half an hour on one core
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

SEEDS, CHECK_SEEDS = range(5), 3
TALES, HELD_OUT = 4, 400  # tales per step, and to measure on
VALIDATION, TEST = 2, 3  # seeds of the tales to choose the rate with, and to measure on
RATES = (1e-3, 2e-3, 4e-3, 8e-3)
RECIPE = TrainConfig(steps=300, batch_size=TALES, warmup_steps=30, learning_rate=2e-3)
GPT, TOGETHER = "GPT", "all of Llama's"
WIDE = ", wide start"  # a control: a gate multiplies two numbers that are small at the start
CONTROLS = (GPT + WIDE, "SwiGLU" + WIDE)
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
COMMAND = "python3 course.py bench llama"
EXPERTS = [name for name, change in CHANGES.items() if "n_experts" in change]
SINGLE = [name for name in CHANGES if name not in (GPT, TOGETHER, *EXPERTS)]
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

    Short ones are filled up with ends, whose targets do not count; what does not fit is cut off.
    """
    end, most = tokenizer().special_tokens[END_OF_TEXT], Parts().context_length + 1
    rows = [[end, *tokenizer().encode_ordinary(tale), end][:most] for tale in tales]
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
    assert max(inputs.shape[1] for inputs, _ in batches) < Parts().context_length, "a tale was cut"
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
    """A new model with one of `CHANGES`, as large as the GPT; with WIDE, it starts otherwise.

    The first weights of its feed-forward networks are then five times as large, a deviation of 0.1.
    """
    change = CHANGES[name.removesuffix(WIDE)]
    model = SteppedGPT(same_size(replace(Parts(), **change), baseline_size()))
    if name.endswith(WIDE):
        for block in model.blocks:
            for layer in (block.feed_forward.gate, block.feed_forward.expand):
                if layer is not None:
                    layer.weight.data.mul_(5)
    return model


def balanced_loss(model, inputs, targets):
    """The loss, plus the weighted imbalance of all layers with experts while they learn."""
    loss = next_token_loss(model, inputs, targets)
    if not model.config.balance or not model.training:
        return loss
    uneven = [block.feed_forward.imbalance for block in model.blocks]
    return loss + model.config.balance * torch.stack(uneven).mean()


def one_run(name, seed, recipe=RECIPE, tested_on=TEST):
    """Train a model from one seed; return its figures.

    `above` is the held-out loss above the entropy, in nats per token, and `tested_on` the seed of
    the tales that it is measured on.
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


def identity():
    """What a saved run must agree with to be used again."""
    return {"code": _record.code_hash(CODE), "recipe": asdict(RECIPE), "held_out": HELD_OUT}


class Runs:
    """All runs made so far, by "name, seed, rate, tales"; each is saved as soon as it is made."""

    def __init__(self, path=RUNS, recipe=RECIPE):
        self.path, self.recipe, self.rows = path, recipe, {}
        if path and path.is_file():
            saved = json.loads(path.read_text("utf-8"))
            self.rows = saved["runs"] if saved["of"] == identity() else {}

    def row(self, name, seed, rate, tested_on=TEST):
        """The figures of a run, which is made now if it is not there."""
        key = f"{name}, seed {seed}, rate {rate:g}, tales {tested_on}"
        if key not in self.rows:
            recipe = replace(self.recipe, learning_rate=rate, seed=seed)
            row = self.rows[key] = one_run(name, seed, recipe, tested_on)
            if self.path:
                saved = {"of": identity(), "runs": self.rows}
                self.path.write_text(json.dumps(saved, indent=1), "utf-8")
            print(f"{key:56} {row['above']:.3f}  {row['seconds']:.0f} s", flush=True)
        return self.rows[key]

    def above(self, name, rate, seeds):
        """The distances to the entropy, one a seed."""
        return [self.row(name, seed, rate)["above"] for seed in seeds]


def measure(runs, seeds=SEEDS, changes=tuple(CHANGES)):
    """Choose the rate, train everything, and look again at what changed most at other rates."""
    tried = {rate: runs.row(GPT, seeds[0], rate, VALIDATION)["above"] for rate in RATES}
    rate = min(tried, key=tried.get)
    for seed in seeds:  # one seed of everything, then the next
        for name in changes:
            runs.row(name, seed, rate)
    above = {name: runs.above(name, rate, seeds) for name in changes}
    effects = {name: abs(mean_and_error(differences(above, name))[0]) for name in SINGLE}
    largest = sorted(effects, key=effects.get)[-2:]
    checks, fewer = {}, seeds[:CHECK_SEEDS]
    for other in (rate / 2, rate * 2):
        checks[f"{other:g}"] = {n: runs.above(n, other, fewer) for n in (GPT, *largest)}
    figures = {
        "rates_tried": {f"{each:g}": loss for each, loss in tried.items()},
        "rate": rate, "above": above,
        "wide_start": {name: runs.above(name, rate, seeds) for name in CONTROLS}, "other_rates": checks, "sizes": sizes(changes),
        "entropy": held_out(TEST)[1], "tales": HELD_OUT, "steps": runs.recipe.steps,
        "loads": {n: [runs.row(n, s, rate)["loads"] for s in seeds] for n in EXPERTS},
        "minutes": sum(row["seconds"] for row in runs.rows.values()) / 60,
    }  # fmt: skip
    return figures


def sizes(names):
    """Of each model: hidden size, parameters that work on a token, and all parameters."""
    with torch.device("meta"):
        models = {name: model_of(name) for name in names}
    return {n: [m.config.hidden_dim, m.n_active(), m.n_parameters()] for n, m in models.items()}


def differences(above, name, base=GPT):
    """How much further from the entropy than the GPT, seed by seed: negative is better."""
    return [one - other for one, other in zip(above[name], above[base], strict=True)]


def mean_and_error(values):
    """The mean over seeds, and its standard error.

    >>> mean_and_error([1.0, 2.0, 3.0])
    (2.0, 0.5773502691896258)
    """
    return statistics.mean(values), statistics.stdev(values) / len(values) ** 0.5


def table(record):
    """Every change as a row of a Markdown table."""
    lines = [
        "| change | nats above the entropy | difference to the GPT, by seed | hidden size "
        "| parameters at work | of all |",
        "|---|---|---|---|---|---|",
    ]
    for name, values in record["above"].items():
        mean, error = mean_and_error(values)
        hidden, active, every = record["sizes"][name]
        difference = ""
        if name != GPT:
            difference = "{:+.3f} ± {:.3f}".format(
                *mean_and_error(differences(record["above"], name))
            )
        lines.append(
            f"| {name} | {mean:.3f} ± {error:.3f} | {difference} | {hidden} | {active:,} | {every:,} |"
        )
    return lines


def check_table(record):
    """The largest effects at other rates, as a Markdown table."""
    lines = ["| rate | change | difference to the GPT at this rate |", "|---|---|---|"]
    for rate, above in record["other_rates"].items():
        for name in list(above)[1:]:
            mean, error = mean_and_error(differences(above, name))
            lines.append(f"| {rate} | {name} | {mean:+.3f} ± {error:.3f} |")
    return lines


def control_line(record):
    """What a wider start changes, in a sentence."""
    (gpt, _), (gated, _) = (mean_and_error(record["wide_start"][name]) for name in CONTROLS)
    moved = mean_and_error(differences(record["wide_start"], *reversed(CONTROLS)))
    return (
        f"With first weights of the feed-forward networks five times as large: the GPT {gpt:.3f}, "
        f"SwiGLU {gated:.3f}, a difference of {moved[0]:+.3f} ± {moved[1]:.3f}."
    )


def load_lines(record):
    """The least and the largest load of an expert, over layers and seeds, in a sentence each."""
    lines = []
    for name, seeds in record["loads"].items():
        shares = [share for layers in seeds for layer in layers for share in layer]
        even = 1 / len(seeds[0][0])
        lines.append(
            f"- {name}: an expert gets {min(shares):.1%} to {max(shares):.1%} of the choices; "
            f"an even share is {even:.1%}."
        )
    return lines


def section(record):
    """The README's section, as lines."""
    tried = ", ".join(f"{rate}: {loss:.3f}" for rate, loss in record["rates_tried"].items())
    return [
        *_record.made_by("llama", record),
        f"{record['minutes']:.0f} minutes of one core; drawn in notebook 11. {record['steps']} steps "
        f"of {TALES} tales, AdamW; measured on {record['tales']} tales, whose source has "
        f"{record['entropy']:.3f} nats per token. Mean and standard error over {len(SEEDS)} seeds.",
        f"Rates tried for the GPT on other tales (nats above the entropy): {tried}.",
        "",
        *table(record),
        "",
        f"The two largest single effects at half and at twice the rate, {CHECK_SEEDS} seeds:",
        "",
        *check_table(record),
        "",
        control_line(record),
        "",
        *load_lines(record),
    ]


def recorded():
    """The committed figures."""
    return json.loads((_record.HERE / "llama.json").read_text("utf-8"))


def main(arguments=None):
    """Measure, write `llama.json` and the README's section."""
    parser = argparse.ArgumentParser(prog="course.py bench llama")
    parser.add_argument("--quick", action="store_true", help="a few steps; nothing is written")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.quick:
        recipe = replace(RECIPE, steps=2, warmup_steps=1)
        print("\n".join(table(measure(Runs(None, recipe), range(2)))))
        return 0
    _record.write("llama", COMMAND, CODE, ["torch"], measure(Runs()))
    RUNS.unlink()
    record = recorded()
    _record.write_section("From GPT-2 to Llama, one change at a time", section(record))
    print("\n".join(section(record)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
