"""What first weights that can copy are worth: the same small GPT from both starts, over seeds.

    python3 course.py bench copying_start      about five minutes on one core

Half of the texts are tales, half are lists to copy, as in the reading of the course's GPT; of a list
only the answer is scored. Notebook 07 draws the figures of copying_start.json.
"""

import json
import math
import os
import statistics
import sys
import time
from pathlib import Path

import torch

from benchmarks import _record
from classroom.worlds import tales
from classroom.worlds.practice import list_texts
from classroom.worlds.tale_probes import accuracy, tale_loader
from helpers.bpe import BPETokenizer
from helpers.config import GPTConfig
from helpers.copying_start import start_copying
from helpers.fast import fused_next_token_loss, speed_up
from helpers.loss import IGNORED
from helpers.model import GPT
from helpers.runs.run import Run
from helpers.texts.documents import DocumentLoader
from helpers.train import TrainConfig, evaluate_loss, train

SEEDS = range(5)
SHAPE = GPTConfig(1024, 192, 96, n_heads=4, n_layers=2, dropout=0.0)
CONFIG = TrainConfig(
    steps=240, batch_size=16, learning_rate=0.02, warmup_steps=20, weight_decay=0.0,
    evaluate_every=60, evaluate_batches=1, optimizer="muon", final_share=0.0,
)  # fmt: skip
STARTS = {"by chance": lambda model: model, "by hand": start_copying}
HELD_OUT = 60  # tales, lists, and probes of each
CODE = [
    "benchmarks/copying_start.py",
    "helpers/copying_start.py",
    "classroom/worlds/practice.py",
    *(f"helpers/{name}.py" for name in ("model", "attention", "layers", "optim", "train")),
]


def answered(tokenizer, text):
    """The token ids of a text of lists, and for each and the end whether it is scored."""
    ids, scored = [], []
    for number, block in enumerate(text.split("\n\n")):
        asked, line_end, answer = block.rpartition("\n")
        for part, counts in (("\n\n" * (number > 0) + asked + line_end, False), (answer, True)):
            new = tokenizer.encode_ordinary(part)
            ids, scored = ids + new, scored + [counts] * len(new)
    return ids, [*scored, True]


def loader(tokenizer, texts, lists, seed=None):
    """Batches of tales and answered lists; without a seed in order, else shuffled."""
    rows = [answered(tokenizer, text) for text in lists]
    rows += [(ids, [True] * (len(ids) + 1)) for ids in tokenizer.encode_batch(texts)]
    rows = [row for row in rows if len(row[0]) < SHAPE.context_length]
    end_id = tokenizer.special_tokens["<|endoftext|>"]
    return DocumentLoader(
        [ids for ids, _ in rows], end_id, CONFIG.batch_size, seed or 0, seed is not None,
        drop_last=seed is not None, round_to=16, scored=[scored for _, scored in rows],
    )  # fmt: skip


@torch.no_grad()
def answers_right(model, batches):
    """Of the scored tokens, the share to which the model gives the highest score."""
    right = count = 0
    for inputs, targets in batches:
        asked = targets != IGNORED
        best = model(inputs).argmax(dim=-1)
        right += (best == targets)[asked].sum().item()
        count += asked.sum().item()
    return right / count


def one_run(tokenizer, texts, lists, held_out, start, seed):
    """Train from one start and seed; return the figures of each evaluation."""
    torch.manual_seed(seed)
    model = speed_up(STARTS[start](GPT(SHAPE)))
    found = []

    def look(step, model, history):
        found.append(
            {
                "step": step,
                "copied": answers_right(model, held_out["lists"]),
                "tales": evaluate_loss(model, held_out["tales"]),
                "recall": accuracy(model, tokenizer, held_out["probes"]),
            }
        )

    mixed = loader(tokenizer, texts, lists, seed + 1)
    run = Run(on_evaluate=look, loss=fused_next_token_loss, progress=False)
    train(model, mixed, held_out["tales"], CONFIG, run)
    return found


def measure(partial):
    """All runs, each written to the file `partial` as soon as it is there."""
    n = CONFIG.steps * CONFIG.batch_size // 2 + 1000
    texts, lists = tales.sample(n, 1), list_texts(n, 1)
    sample = [*texts[:4000], *lists[:4000]]
    tokenizer = BPETokenizer.train(sample, SHAPE.vocab_size, ("<|endoftext|>",))
    told = tales.sample(HELD_OUT, 999)
    held_out = {
        "lists": loader(tokenizer, [], sorted(set(list_texts(HELD_OUT, 2)) - set(lists))),
        "tales": tale_loader(tokenizer, told),
        "probes": tales.probes(HELD_OUT, 7, "recall"),
    }
    n_tokens = sum(len(ids) + 1 for ids in held_out["tales"].documents)
    figures = {
        "parameters": GPT(SHAPE).n_parameters(),
        "floor": -sum(map(tales.log_prob, told)) * math.log(2) / n_tokens,
        "runs": json.loads(partial.read_text("utf-8")) if partial.exists() else {},
    }
    for seed in SEEDS:
        for start in STARTS:
            name, began = f"{start}, seed {seed}", time.process_time()
            if name not in figures["runs"]:
                figures["runs"][name] = one_run(tokenizer, texts, lists, held_out, start, seed)
                partial.write_text(json.dumps(figures["runs"]), "utf-8")
            last = figures["runs"][name][-1]
            shown = ", ".join(f"{key} {value:.3f}" for key, value in last.items())
            print(f"{name}: {shown}; {time.process_time() - began:.0f} s", flush=True)
    return figures


def table(record):
    """The section of benchmarks/README.md: mean and standard deviation over seeds."""
    steps = [row["step"] for row in next(iter(record["runs"].values()))]
    lines = [
        *_record.made_by("copying_start", record),
        f"{record['parameters']:,} parameters, batches of {CONFIG.batch_size} texts, half tales and "
        f"half lists; mean ± standard deviation over {len(SEEDS)} seeds. The floor of the tales is "
        f"{record['floor']:.3f} nats per token.",
        "",
        "| first weights | step | tokens of list answers right | tales, nats per token | recall |",
        "|---|---|---|---|---|",
    ]
    for start in STARTS:
        runs = [run for name, run in record["runs"].items() if name.startswith(start)]
        for place, step in enumerate(steps):
            cells = []
            for key in ("copied", "tales", "recall"):
                values = [run[place][key] for run in runs]
                cells.append(f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}")
            lines.append(f"| {start} | {step} | " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    torch.set_num_threads(1)
    unfinished = Path(os.environ.get("COPYING_START_PARTIAL", "copying_start.partial.json"))
    figures = measure(unfinished)
    command = "python3 course.py bench copying_start"
    record = {"machine": _record.machine(["torch"]), "command": command, **figures}
    _record.write("copying_start", command, CODE, ["torch"], figures)
    _record.write_section("What first weights that can copy are worth", table(record))
    unfinished.unlink()
    sys.exit(0)
