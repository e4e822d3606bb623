"""Warm-up, cosine, clipping, weight decay, accumulation: what happens without each, over seeds.

    python3 course.py bench training_choices      about ten minutes on one core

Notebook 07 draws the figures of training_choices.json and repeats one run.
"""

import statistics
import sys
from dataclasses import replace

import torch

from benchmarks import _record
from helpers.config import PRESETS
from helpers.model import GPT
from helpers.runs.run import Run
from helpers.texts.corpora import load_corpus
from helpers.texts.prepare import prepare
from helpers.train import TrainConfig, train

SEEDS = range(5)
BASE = TrainConfig(
    steps=150, batch_size=16, learning_rate=3e-3, warmup_steps=15, evaluate_every=150,
    evaluate_batches=100,
)  # fmt: skip
RATES = {"3e-3, a good rate": 3e-3, "3e-2, ten times as high": 3e-2}
WITHOUT = {
    "everything": {},
    "no warm-up": {"warmup_steps": 0},
    "no cosine (constant rate)": {"final_share": 1.0},
    "no clipping": {"clip_norm": 1e9},
    "no weight decay": {"weight_decay": 0.0},
    "4 batches of 4 instead of one of 16": {"batch_size": 4, "accumulate": 4},
}
CODE = [
    "benchmarks/training_choices.py",
    *(f"helpers/{name}.py" for name in ("model", "attention", "layers", "optim", "train")),
]


def one_run(tokens, held_out, config, seed):
    """Train the tiny preset from one seed; return its last held-out loss in nats per token."""
    config = replace(config, seed=seed)
    torch.manual_seed(seed)
    model = GPT(PRESETS["tiny"])
    try:
        history = train(model, tokens, held_out, config, Run(progress=False))
    except FloatingPointError:
        return float("inf")
    return history.validation_losses[-1]


def measure():
    """Held-out losses of every choice at every rate, a list over seeds each."""
    _, tokens, held_out, _, _ = prepare(load_corpus("story"), PRESETS["tiny"].vocab_size)
    losses = {}
    for rate_name, rate in RATES.items():
        losses[rate_name] = {}
        for name, change in WITHOUT.items():
            config = replace(BASE, learning_rate=rate, **change)
            losses[rate_name][name] = [one_run(tokens, held_out, config, s) for s in SEEDS]
            mean, spread = (f(losses[rate_name][name]) for f in (statistics.mean, statistics.stdev))
            print(f"{rate_name:26} {name:38} {mean:.3f} ± {spread:.3f}", flush=True)
    return losses


if __name__ == "__main__":
    torch.set_num_threads(1)
    command = "python3 course.py bench training_choices"
    figures = {"seeds": len(SEEDS), "held_out_loss": measure()}
    print(_record.write("training_choices", command, CODE, ["torch"], figures))
    sys.exit(0)
