"""The training runs of `benchmarks/scaling.py`: GPTs of several sizes on so many fresh tales each.

A run is a GPT of (width, layers) that reads its tales once. Finished runs are kept, one file each;
a run under way has checkpoints beside them.
"""

import json
import math
import shutil
import time
from functools import cache

import numpy as np
import torch

from benchmarks import _record
from classroom.worlds.tales import log_prob, sample
from helpers.bpe import BPETokenizer
from helpers.checkpoint import checkpoints
from helpers.config import GPTConfig
from helpers.fast import fused_next_token_loss, speed_up
from helpers.files import write_whole
from helpers.model import GPT
from helpers.runs.run import Run
from helpers.texts.documents import DocumentLoader
from helpers.tokenizer import END_OF_TEXT
from helpers.train import TrainConfig, evaluate_loss, train

RUN_CODE = [
    "benchmarks/_scaling_runs.py",
    *(f"helpers/{name}.py" for name in ("model", "attention", "layers", "optim", "train")),
    *(f"helpers/fast/{name}.py" for name in ("products", "attention", "head_loss")),
]
VOCABULARY, CONTEXT, HEAD_DIM, BATCH = 512, 256, 16, 8
TOKENIZER, LEARN, VALIDATION, TEST = 1, 2, 3, 4  # seeds of tales for each purpose
HELD_OUT = 400
SPARE = 20  # in 84,000 tales two are longer than the context, and none is held out
FOLDER = _record.HERE.parent / "runs" / "scaling"


@cache
def tokenizer():
    """A small vocabulary, trained on tales of their own."""
    return BPETokenizer.train(sample(2000, TOKENIZER), VOCABULARY, special_tokens=(END_OF_TEXT,))


@cache
def held_out(seed, n):
    """Rows of n unseen tales."""
    return tokenizer().encode_batch(sample(n, seed))


@cache
def entropy(n):
    """What the test tales take under their true source, in nats per token: no model does better."""
    nats = -math.log(2) * sum(map(log_prob, sample(n, TEST)))
    return nats / sum(len(row) + 1 for row in held_out(TEST, n))


def training_rows(n, folder=None):
    """The first n tales to learn from that fit the context, as token ids; kept in `folder`."""
    kept = folder and folder / "tales.npz"
    if kept and kept.is_file():
        saved = np.load(kept)
        if len(saved["ends"]) >= n:
            return np.split(saved["ids"][: saved["ends"][n - 1]], saved["ends"][: n - 1])
    encoded = tokenizer().encode_batch(sample(n + SPARE, LEARN))
    rows = [np.array(row, np.uint16) for row in encoded if len(row) < CONTEXT][:n]
    if kept:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(kept, ids=np.concatenate(rows), ends=np.cumsum([len(row) for row in rows]))
    return rows


def shape_of(width, layers):
    """The GPT of this width: heads of 16 dimensions, and a context for all but the longest tales."""
    return GPTConfig(VOCABULARY, CONTEXT, width, width // HEAD_DIM, layers, dropout=0.0)


def n_multiplied(shape):
    """The parameters N of the law: all but the position embeddings, which are only looked up."""
    with torch.device("meta"):
        model = GPT(shape)
    return model.n_parameters() - model.position_embedding.weight.numel()


def loader_of(rows, seed=0, shuffle=True):
    """Whole tales in batches, from the end of the tale before to their own."""
    end = tokenizer().special_tokens[END_OF_TEXT]
    return DocumentLoader(rows, end, BATCH, seed, shuffle, drop_last=shuffle)


def one_run(size, rows, rate, seed=0, folder=None, unseen=HELD_OUT):
    """Train a GPT of (width, layers) once through `rows`; return N, D and its held-out losses.

    They are measured on so many `unseen` tales each, to choose with and to test with. With a folder
    the run has checkpoints there, and goes on from the newest.
    """
    shape, started = shape_of(*size), time.perf_counter()
    tales, steps = len(rows), len(rows) // BATCH
    rows = rows[: steps * BATCH]
    config = TrainConfig(
        steps=steps, batch_size=BATCH, learning_rate=rate, warmup_steps=min(100, steps // 10),
        evaluate_every=steps, evaluate_batches=1, checkpoint_every=500 if folder else 0, seed=seed,
    )  # fmt: skip
    torch.manual_seed(seed)
    model = speed_up(GPT(shape))
    around = Run(
        folder, bool(folder and checkpoints(folder)), progress=False, loss=fused_next_token_loss
    )
    tests = {"validation": VALIDATION, "test": TEST}
    watched = loader_of(held_out(VALIDATION, unseen)[:BATCH], shuffle=False)
    history = train(model, loader_of(rows, seed), watched, config, around)
    if history.interrupted:
        raise KeyboardInterrupt
    row = {
        "size": list(size), "tales": tales, "rate": rate, "seed": seed,
        "n": n_multiplied(shape), "d": sum(len(row) + 1 for row in rows),
    }  # fmt: skip
    for name, kind in tests.items():
        row[name] = evaluate_loss(model, loader_of(held_out(kind, unseen), shuffle=False))
    return row | {"seconds": time.perf_counter() - started}


def seconds_per_step(size, rows, steps=30):
    """How long a step of this size takes, over a short run; its two small tests count as well."""
    return one_run(size, rows[: steps * BATCH], rate=1e-3, unseen=BATCH)["seconds"] / steps


class Runs:
    """The runs made so far, by size, tales, rate and seed: a file each, written when it is finished.

    Raises ValueError for a folder that holds runs unless `resume` is set, and for runs of other code.
    """

    def __init__(self, folder=FOLDER, resume=False, unseen=HELD_OUT):
        self.folder, self.unseen, self.rows = folder, unseen, {}
        if not folder:
            return
        self.done, self.of = folder / "finished", _record.code_hash(RUN_CODE)
        files = sorted(self.done.glob("*.json"))
        if files and not resume:
            raise ValueError(f"{folder} holds {len(files)} runs: give --resume or remove it")
        for path in files:
            saved = json.loads(path.read_text("utf-8"))
            if saved["of"] != self.of:
                raise ValueError(f"{path} was made by other code: remove it")
            self.rows[path.stem] = saved["row"]

    def row(self, size, tales, rate, seed=0):
        """The figures of a run, which is made now if it is not there."""
        key = f"width_{size[0]}-layers_{size[1]}-tales_{tales}-rate_{rate:g}-seed_{seed}"
        if key not in self.rows:
            place = self.folder and self.folder / key
            rows = training_rows(tales, self.folder)
            row = self.rows[key] = one_run(size, rows, rate, seed, place, self.unseen)
            if self.folder:
                self.done.mkdir(parents=True, exist_ok=True)
                saved = {"of": self.of, "row": row}
                write_whole(self.done / f"{key}.json", json.dumps(saved, indent=1))
                shutil.rmtree(place, ignore_errors=True)
            print(f"{key:58} {row['test']:.4f}  {row['seconds']:.0f} s", flush=True)
        return self.rows[key]

    def mean(self, size, tales, rate, seeds=1):
        """The figures of runs from so many seeds: mean losses, and all their test losses."""
        made = [self.row(size, tales, rate, seed) for seed in range(seeds)]
        means = {name: sum(row[name] for row in made) / seeds for name in ("validation", "test")}
        return made[0] | means | {"tests": [row["test"] for row in made]}
