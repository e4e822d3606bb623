"""Scaling laws at home: does a fit of small runs find the entropy of the tales, which we know?

    python3 course.py bench scaling             about an hour and a half on two quiet cores
    python3 course.py bench scaling --resume    goes on with what runs/scaling holds
    python3 course.py bench scaling --quick     toy sizes in seconds; nothing is written

Five sizes of GPT and four budgets of tokens, each trained once through fresh tales with a schedule of
its own. Then loss = floor + A / N^a + B / D^b is fitted to the twenty held-out losses, with the floor
free. N counts the parameters that multiply (all but the position embeddings), D the tokens read. The
source of the tales has a known entropy, which no other benchmark of this kind can offer, so the floor
can be checked. A larger run that the fit has not seen checks how it extrapolates; the control is to
repeat the loss of the largest run in the fit.

The learning rate of each size is chosen on tales of their own, at the second budget; the losses in
the fit come from other tales. Finished runs are kept in runs/scaling, and a run under way has
checkpoints there.
"""

import argparse
import json
import math
import shutil
import statistics
import sys
import time
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
import torch

from benchmarks import _record
from benchmarks import _scaling_report as report
from benchmarks._scaling_fit import bootstrap, fit, interval
from classroom.worlds.tales import log_prob, sample
from helpers.bpe import BPETokenizer
from helpers.checkpoint import checkpoints
from helpers.config import GPTConfig
from helpers.device import use_every_core
from helpers.fast import fused_next_token_loss, speed_up
from helpers.files import write_whole
from helpers.model import GPT
from helpers.runs.run import Run
from helpers.texts.documents import DocumentLoader
from helpers.tokenizer import END_OF_TEXT
from helpers.train import TrainConfig, evaluate_loss, train

COMMAND = "python3 course.py bench scaling"
CODE = [
    "benchmarks/scaling.py",
    "benchmarks/_scaling_fit.py",
    *(f"helpers/{name}.py" for name in ("model", "attention", "layers", "optim", "train")),
    *(f"helpers/fast/{name}.py" for name in ("products", "attention", "head_loss")),
]
VOCABULARY, CONTEXT, HEAD_DIM, BATCH = 512, 256, 16, 8
SIZES = ((32, 2), (48, 3), (80, 3), (112, 4), (160, 5))  # width, layers
BUDGETS = (2_500, 7_500, 22_500, 67_500)  # tales, each read once
LARGER = ((208, 5), 84_000)  # not in the fit
RATES = (3e-3, 6e-3, 1.2e-2)
CHOSEN_AT = 1  # the budget at which the rate is chosen
TOKENIZER, LEARN, VALIDATION, TEST = 1, 2, 3, 4  # seeds of tales for each purpose
HELD_OUT, SEEDS, TIMES = 400, 3, 400
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
    """The first n tales to learn from, as token ids; they are kept in `folder`."""
    kept = folder and folder / "tales.npz"
    if kept and kept.is_file():
        saved = np.load(kept)
        if len(saved["ends"]) >= n:
            return np.split(saved["ids"][: saved["ends"][n - 1]], saved["ends"][: n - 1])
    rows = [np.array(row, np.uint16) for row in tokenizer().encode_batch(sample(n, LEARN))]
    if kept:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(kept, ids=np.concatenate(rows), ends=np.cumsum([len(row) for row in rows]))
    return rows


def shape_of(width, layers):
    """The GPT of this width: heads of 16 dimensions, and room for the longest tale."""
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

    They are measured on so many `unseen` tales each, to choose with and to test with. With a folder the run has checkpoints there, and goes on from the newest.
    """
    shape, started = shape_of(*size), time.perf_counter()
    steps = len(rows) // BATCH
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
    row = {"n": n_multiplied(shape), "d": sum(len(row) + 1 for row in rows), "rate": rate}
    for name, tales in tests.items():
        row[name] = evaluate_loss(model, loader_of(held_out(tales, unseen), shuffle=False))
    return row | {"seconds": time.perf_counter() - started}


class Runs:
    """The runs made so far, by size, tales, rate and seed; each is saved when it is finished."""

    def __init__(self, folder=FOLDER, resume=False, unseen=HELD_OUT):
        self.folder, self.unseen, self.rows = folder, unseen, {}
        self.path = folder and folder / "runs.json"
        if self.path and self.path.is_file():
            saved = json.loads(self.path.read_text("utf-8"))
            if not resume:
                raise ValueError(
                    f"{folder} holds {len(saved['runs'])} runs: give --resume or remove it"
                )
            if saved["of"] != _record.code_hash(CODE):
                raise ValueError(f"the runs in {folder} were made by other code: remove it")
            self.rows = saved["runs"]

    def row(self, size, tales, rate, seed=0):
        """The figures of a run, which is made now if it is not there."""
        width, layers = size
        key = f"width {width}, {layers} layers, {tales} tales, rate {rate:g}, seed {seed}"
        if key not in self.rows:
            place = self.folder and self.folder / key.replace(", ", "-").replace(" ", "_")
            rows = training_rows(tales, self.folder)
            row = self.rows[key] = one_run(size, rows, rate, seed, place, self.unseen)
            if self.path:
                saved = {"of": _record.code_hash(CODE), "runs": self.rows}
                write_whole(self.path, json.dumps(saved, indent=1))
                shutil.rmtree(place, ignore_errors=True)
            print(f"{key:62} {row['test']:.4f}  {row['seconds']:.0f} s", flush=True)
        return self.rows[key]


def best_rate(runs, size, budget, rates):
    """The rate with the least loss on the tales for choosing, and all losses there."""
    tried = {rate: runs.row(size, budget, rate)["validation"] for rate in rates}
    return min(tried, key=tried.get), {f"{rate:g}": loss for rate, loss in tried.items()}


def measure(
    runs, sizes=SIZES, budgets=BUDGETS, larger=LARGER, rates=RATES, seeds=SEEDS, times=TIMES
):
    """Choose the rates, train everything, fit, and predict the larger run."""
    if runs.folder:
        training_rows(max(*budgets, larger[1]), runs.folder)
    chosen = {size: best_rate(runs, size, budgets[CHOSEN_AT], rates) for size in sizes}
    grid = [(size, tales, chosen[size][0]) for tales in budgets for size in sizes]
    rows = [runs.row(*each) for each in grid]
    middle = grid[len(grid) // 2]
    spread = [runs.row(*middle, seed)["test"] for seed in range(seeds)]
    last = runs.row(*larger, chosen[sizes[-1]][0])
    figures = {
        "entropy": entropy(runs.unseen), "vocabulary": VOCABULARY, "batch": BATCH,
        "held_out": runs.unseen,
        "sizes": [[*size, n_multiplied(shape_of(*size))] for size in sizes], "tales": list(budgets),
        "rates": {f"width {size[0]}": tried for size, (_, tried) in chosen.items()},
        "rows": rows, "larger": last, "seeds": {"run": [*middle[0], middle[1]], "losses": spread},
        "minutes": sum(row["seconds"] for row in runs.rows.values()) / 60,
    }  # fmt: skip
    return figures | fitted(figures, times)


def fitted(figures, times=TIMES):
    """The law, how far it spreads when runs are drawn again, its prediction and the targets."""
    points = [[row[key] for row in figures["rows"]] for key in ("n", "d", "test")]
    law, last = fit(*points), figures["larger"]
    floors = [each.floor for each in bootstrap(*points, times=times)]
    found = {
        "law": asdict(law), "floor_interval": interval(floors), "bootstraps": len(floors),
        "predicted": law.loss(last["n"], last["d"]), "repeated": min(points[2]),
        "misfit": statistics.mean(
            abs(law.loss(n, d) / loss - 1) for n, d, loss in zip(*points, strict=True)
        ),
    }  # fmt: skip
    return found | {"targets": report.targets(found, last["test"], figures["entropy"])}


def recorded(path=_record.HERE / "scaling.json"):
    """The committed figures, or None where they have not been made yet."""
    return json.loads(Path(path).read_text("utf-8")) if Path(path).is_file() else None


def main(arguments=None):
    """Measure, write `scaling.json` and the README's section; 0 where the targets are met."""
    parser = argparse.ArgumentParser(prog="course.py bench scaling")
    parser.add_argument("--quick", action="store_true", help="toy sizes; nothing is written")
    parser.add_argument("--resume", action="store_true", help="go on with the runs kept before")
    options = parser.parse_args(arguments)
    use_every_core()
    if options.quick:
        sizes, budgets = ((16, 1), (32, 1), (48, 1)), (32, 64, 128)
        found = measure(Runs(None, unseen=16), sizes, budgets, ((48, 2), 128), (1e-2,), 1, 20)
        print("\n".join(report.section(found | {"command": COMMAND, "machine": None})))
        return 0
    try:
        figures = measure(Runs(FOLDER, options.resume))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; go on with --resume.")
        return 1
    path = _record.write("scaling", COMMAND, CODE, ["torch"], figures)
    record = json.loads(path.read_text("utf-8"))
    _record.write_section("Scaling laws with a known floor", report.section(record))
    print("\n".join(report.section(record)))
    return 0 if all(met for *_, met in record["targets"]) else 1


if __name__ == "__main__":
    sys.exit(main())
