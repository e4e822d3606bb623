"""The lectures' experiment: GPT-2 small from a random start on one short story, ten rounds.

    python3 course.py bench memorizing      some minutes on two cores

The Verdict where it is in the cache, else the course's own story. Notebook 07 draws the curves of
memorizing.json. Settings of Raschka, Build a Large Language Model (2024), section 5.2: batches of
two, context 256, AdamW at 4e-4 with decay 0.1, dropout 0.1, neither warm-up, cosine nor clipping;
an output head of its own, no biases in query, key and value, and PyTorch's own first weights.
"""

import sys
import time
from dataclasses import replace

import numpy as np
import torch

from benchmarks import _record
from helpers.config import PRESETS
from helpers.device import choose_precision, use_every_core
from helpers.fast import speed_up
from helpers.model import GPT
from helpers.runs.run import Run
from helpers.texts.corpora import data_folder, gpt2_encoding, load_corpus
from helpers.texts.loaders import create_loader
from helpers.texts.prepare import prepare, split_text
from helpers.train import TrainConfig, evaluate_loss, train

CONTEXT, ROUNDS = 256, 10
CODE = [
    "benchmarks/memorizing.py",
    *(f"helpers/{name}.py" for name in ("model", "attention", "layers", "optim", "train")),
]


def text_and_tokens():
    """(name, training token ids, held-out token ids, vocabulary size)."""
    if (data_folder() / "the-verdict.txt").is_file():
        encoding = gpt2_encoding()
        parts = split_text(load_corpus("the-verdict"))
        ids = [np.array(encoding.encode(part), dtype=np.int64) for part in parts]
        return "The Verdict", *ids, encoding.n_vocab
    tokenizer, training, held_out, *_ = prepare(load_corpus("story"), 2048)
    return "the course's story", training, held_out, tokenizer.vocab_size


def measure():
    """Train, and return everything that the notebook draws."""
    name, training, held_out, vocab_size = text_and_tokens()
    shape = replace(
        PRESETS["gpt2-small"], context_length=CONTEXT, vocab_size=vocab_size,
        tie_weights=False, qkv_bias=False,
    )  # fmt: skip
    torch.manual_seed(123)
    model = speed_up(GPT(shape))
    for module in model.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Embedding):
            module.reset_parameters()
    n_batches = len(create_loader(training, CONTEXT, 2))
    precision = "bf16" if choose_precision("auto") == torch.bfloat16 else "fp32"
    config = TrainConfig(
        steps=ROUNDS * n_batches, batch_size=2, learning_rate=4e-4, warmup_steps=0,
        weight_decay=0.1, evaluate_every=5, final_share=1.0, clip_norm=1e9, seed=123, precision=precision,
    )  # fmt: skip
    training_losses = []

    def note(step, model, history):
        training_losses.append(evaluate_loss(model, training, 2))
        print(step, f"{training_losses[-1]:.3f} {history.validation_losses[-1]:.3f}", flush=True)

    started = time.perf_counter()
    history = train(model, training, held_out, config, Run(on_evaluate=note, progress=False))
    return {
        "text": name,
        "training_tokens": len(training),
        "held_out_tokens": len(held_out),
        "parameters": model.n_parameters(),
        "precision": precision,
        "minutes": round((time.perf_counter() - started) / 60, 1),
        "steps": history.evaluated_steps,
        "training_loss": training_losses,
        "held_out_loss": history.validation_losses,
    }


if __name__ == "__main__":
    use_every_core()
    command = "python3 course.py bench memorizing"
    print(_record.write("memorizing", command, CODE, ["torch"], measure()))
    sys.exit(0)
