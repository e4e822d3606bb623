"""What does fine-tuning teach? Three kinds of tasks, ten to 300 examples of each, five seeds.

    python3 course.py bench instructions      about an hour on one core

One kind of task was read in pretraining, two were not (`classroom.worlds.new_tasks`). Controls start
from random weights, without and with the heads set by hand to copy with which pretraining began, and
some of them train ten times as long. Notebook 09 draws the figures of instructions.json and repeats
one run. Settings were chosen on the validation parts; each seed is a file in runs/, so a run that was
stopped goes on.
"""

import json
import random
import statistics
import sys
import time
from pathlib import Path

import torch

from benchmarks import _record
from classroom.worlds import new_tasks, tales, tasks
from classroom.worlds.tale_probes import tale_loader
from helpers.chat import BASE_MODEL
from helpers.checkpoint import load_model
from helpers.copying_start import start_copying
from helpers.evaluate import answer_all, exact_match
from helpers.files import sha256
from helpers.instructions import Instruction, format_chat, instruction_loader
from helpers.lora import apply_lora
from helpers.model import GPT
from helpers.runs.run import Run
from helpers.train import TrainConfig, evaluate_loss, train

SEEDS, SIZES, TEST_SIZE = range(5), (10, 30, 100, 300), 100
STEPS, LONG, BATCH_SIZE, RATE, LORA_RATE = 50, 500, 8, 1e-3, 3e-3
KNOWN = ("plural", "negate", "compare", "extract")
OTHERS = tuple(kind for kind in tasks.KINDS if kind not in KNOWN)
SHOTS = (0, 1, 4)
# (kind of task, variant): the numbers of examples. "masked" scores the answers alone.
RUNS = {
    ("reverse", "masked"): SIZES,
    ("known", "masked"): SIZES,
    ("reverse", f"{LONG} steps"): (30, 300),
    ("letters", "masked"): (30, 300),
    ("reverse", "prompts scored too"): (30, 100, 300),
    ("reverse", "LoRA"): (300,),
    ("reverse", "random start"): (300,),
    ("reverse", "copying start"): (300,),
    ("reverse", f"random start, {LONG} steps"): (300,),
    ("reverse", f"copying start, {LONG} steps"): (300,),
    ("known", "random start"): (300,),
    ("letters", f"{LONG} steps"): (300,),
}
CODE = [
    "benchmarks/instructions.py",
    *(
        f"helpers/{name}.py"
        for name in ("copying_start", "evaluate", "instructions", "lora", "model", "train")
    ),
    "classroom/worlds/new_tasks.py",
]
PARTS = Path(__file__).parents[1] / "runs" / "bench_instructions"


def draw(kind, n, seed, split):
    """Tasks of the kinds that were read in pretraining, of the others, or of a new kind."""
    if kind in new_tasks.KINDS:
        return new_tasks.sample(n, seed, split, kind)
    return tasks.sample(n, seed, split, OTHERS if kind == "others" else KNOWN)


def own_layout(task):
    """A task as the pretraining texts write it: a line each, with a space before it."""
    return "".join(f" {part}\n" for part in (task.instruction, task.input) if part)


def right(model, tokenizer, items, prompts):
    """The share of items whose first line of an answer is exactly right."""
    said = answer_all(model, tokenizer, prompts, max_new_tokens=24)
    first = [answer.split("\n")[0] for answer in said]
    return statistics.mean(exact_match(a, t.output) for a, t in zip(first, items, strict=True))


def in_chat(model, tokenizer, items):
    """The accuracy in the layout of the chat."""
    return right(model, tokenizer, items, [format_chat(t.instruction, t.input) for t in items])


def begun(variant):
    """Return (model, tokenizer) as a variant starts with them."""
    model, tokenizer = load_model(BASE_MODEL)
    if variant.startswith("random start"):
        model = GPT(model.config)
    if variant.startswith("copying start"):
        model = start_copying(GPT(model.config))
    if variant == "LoRA":
        apply_lora(model, rank=8)
    return model, tokenizer


def finetuned(kind, variant, n, seed):
    """Fine-tune on n examples of a kind; return (model, tokenizer, the examples)."""
    torch.manual_seed(seed)
    model, tokenizer = begun(variant)
    steps = LONG if variant.endswith(f"{LONG} steps") else STEPS
    learned = draw(kind, n, 100 + seed, "train")
    turns = [Instruction(task.instruction, task.input, f" {task.output}") for task in learned]
    loader = instruction_loader(
        tokenizer, turns, BATCH_SIZE, format_chat, variant != "prompts scored too", seed=seed,
        round_to=8,
    )  # fmt: skip
    config = TrainConfig(
        steps=steps, batch_size=BATCH_SIZE, learning_rate=LORA_RATE if variant == "LoRA" else RATE,
        warmup_steps=10, weight_decay=0.0, evaluate_every=steps, evaluate_batches=1, seed=seed,
        checkpoint_every=0, final_share=0.0,
    )  # fmt: skip
    train(model, loader, loader, config, Run(progress=False))
    return model, tokenizer, learned


def kept(model, tokenizer, known):
    """What a model still can: the loss on held-out tales, and known tasks in their own layout."""
    told = tale_loader(tokenizer, tales.sample(100, seed=999))
    return {
        "tale_loss": evaluate_loss(model, told),
        "own_layout": right(model, tokenizer, known, [own_layout(task) for task in known]),
    }


def reworded(learned, seed):
    """Words of the training in wordings of the test, so that only the words differ from its tasks."""
    rng, wordings = random.Random(seed), new_tasks.HELD_OUT_WORDINGS["letters"]
    return [task._replace(instruction=rng.choice(wordings)) for task in learned]


def one_run(kind, variant, n, seed, part="test"):
    """Fine-tune once; return accuracies on held-out tasks, and what was forgotten where asked."""
    began = time.process_time()
    model, tokenizer, learned = finetuned(kind, variant, n, seed)
    found = {"kind": kind, "variant": variant, "n": n, "seed": seed}
    found["right"] = in_chat(model, tokenizer, draw(kind, TEST_SIZE, 1, part))
    if kind == "letters":
        found["right_in_training"] = in_chat(model, tokenizer, reworded(learned[:TEST_SIZE], seed))
    if kind == "known":
        found["others"] = in_chat(model, tokenizer, draw("others", TEST_SIZE, 1, part))
    if kind == "reverse" and n == 300 and variant in ("masked", "LoRA"):
        found |= kept(model, tokenizer, draw("known", TEST_SIZE, 1, part))
    return found | {"seconds": time.process_time() - began}


def untouched(part="test"):
    """The base without any training: in both layouts, with examples before the task, and a guess."""
    model, tokenizer = load_model(BASE_MODEL)
    found = {}
    for kind in ("known", "others", *new_tasks.KINDS):
        items = draw(kind, TEST_SIZE, 1, part)
        found[kind] = {"chat layout": in_chat(model, tokenizer, items)}
        for shots in SHOTS:
            shown = draw(kind, shots * len(items), 7, "train")
            prompts = []
            for place, task in enumerate(items):
                before = shown[place * shots : (place + 1) * shots]
                solved = "".join(f"{own_layout(each)} {each.output}\n\n" for each in before)
                prompts.append(solved + own_layout(task))
            share = right(model, tokenizer, items, prompts)
            found[kind][f"own layout, {shots} shown"] = share
    answers = [task.output for task in draw("letters", TEST_SIZE, 1, part)]
    found["letters"]["the best constant answer"] = answers.count(statistics.mode(answers)) / len(
        answers
    )
    return found | {"kept": kept(model, tokenizer, draw("known", TEST_SIZE, 1, part))}


def measure(seeds=SEEDS, folder=PARTS):
    """All runs, one file per seed; a file that is there is not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    runs = []
    for seed in seeds:
        path = folder / f"seed_{seed}.json"
        done = json.loads(path.read_text("utf-8")) if path.exists() else []
        for (kind, variant), sizes in RUNS.items():
            for n in sizes:
                if any((r["kind"], r["variant"], r["n"]) == (kind, variant, n) for r in done):
                    continue
                done.append(one_run(kind, variant, n, seed))
                print(done[-1], flush=True)
                path.write_text(json.dumps(done), "utf-8")
        runs += done
    return runs


def spread(shares):
    """Mean and standard error over the seeds, as a cell of a table."""
    if len(shares) == 1:
        return f"{shares[0]:.2f}"
    return f"{statistics.mean(shares):.2f} ± {statistics.stdev(shares) / len(shares) ** 0.5:.2f}"


def curve(record, kind, variant="masked", figure="right"):
    """The figures of a kind and a variant: a list over the seeds for each number of examples."""
    found = {}
    for run in record["runs"]:
        if (run["kind"], run["variant"]) == (kind, variant) and figure in run:
            found.setdefault(run["n"], []).append(run[figure])
    return found


ROWS = {
    "read in pretraining": ("known", "masked", "right"),
    "other kinds read in pretraining, no example of them": ("known", "masked", "others"),
    "read in pretraining; the model starts at random": ("known", "random start", "right"),
    "new: reverse a list": ("reverse", "masked", "right"),
    "the same, prompts scored too": ("reverse", "prompts scored too", "right"),
    "the same, LoRA": ("reverse", "LoRA", "right"),
    "the same, the model starts at random": ("reverse", "random start", "right"),
    f"the same, {LONG} steps": ("reverse", f"{LONG} steps", "right"),
    "the same, at random but for heads set by hand to copy": ("reverse", "copying start", "right"),
    f"the same, at random, {LONG} steps": ("reverse", f"random start, {LONG} steps", "right"),
    f"the same, heads set by hand, {LONG} steps": (
        "reverse", f"copying start, {LONG} steps", "right",
    ),
    "new: count letters": ("letters", "masked", "right"),
    "the same words that were in training": ("letters", "masked", "right_in_training"),
    f"new: count letters, {LONG} steps": ("letters", f"{LONG} steps", "right"),
    f"the same words that were in training, {LONG} steps": (
        "letters", f"{LONG} steps", "right_in_training",
    ),
}  # fmt: skip


def section(record):
    """The README's section, as lines."""
    settings, base = record["settings"], record["untouched"]
    rows = []
    for name, which in ROWS.items():
        figures = curve(record, *which)
        cells = [spread(figures[n]) if n in figures else "" for n in SIZES]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    layouts = list(base["known"])
    forgot = {"untouched": [base["kept"]]}
    for variant in ("masked", "LoRA"):
        forgot[variant] = [
            r for r in record["runs"] if r["variant"] == variant and "tale_loss" in r
        ]
    return [
        *_record.made_by("instructions", record),
        f"{record['processor_minutes']:.0f} processor minutes of training and asking; drawn in notebook 09. The GPT is the one whose "
        f"SHA-256 begins with `{record['gpt_sha256'][:16]}`.",
        f"Accuracy on {TEST_SIZE} held-out tasks in held-out wordings, mean and standard error over "
        f"{settings['seeds']} seeds; {settings['steps']} steps of {settings['batch_size']} examples. "
        "A figure without an error is a single run; an empty cell was not measured.",
        "",
        "| kind of task | " + " | ".join(f"{n} examples" for n in SIZES) + " |",
        "|---|" + "---|" * len(SIZES),
        *rows,
        "",
        "The base without fine-tuning. For the letters, the best constant answer would score "
        f"{base['letters']['the best constant answer']:.2f}:",
        "",
        "| kind of task | " + " | ".join(layouts) + " |",
        "|---|" + "---|" * len(layouts),
        *(
            f"| {kind} | " + " | ".join(f"{base[kind][name]:.2f}" for name in layouts) + " |"
            for kind in ("known", "others", *new_tasks.KINDS)
        ),
        "",
        "What is forgotten while 300 lists are learned:",
        "",
        "| fine-tuned | loss on held-out tales, nats per token | known tasks, own layout |",
        "|---|---|---|",
        *(
            f"| {name} | "
            + " | ".join(
                spread([row[what] for row in kept_rows]) if name != "untouched"
                else f"{kept_rows[0][what]:.2f}"
                for what in ("tale_loss", "own_layout")
            )
            + " |"
            for name, kept_rows in forgot.items()
        ),
    ]  # fmt: skip


def main():
    base = untouched()
    print(base, flush=True)
    runs = measure()
    seeds = len({run["seed"] for run in runs})
    figures = {"settings": {"seeds": seeds, "steps": STEPS, "batch_size": BATCH_SIZE}}
    figures["settings"] |= {"learning_rate": RATE, "learning_rate_of_lora": LORA_RATE}
    figures |= {"untouched": base, "runs": runs}
    figures["gpt_sha256"] = sha256(BASE_MODEL / "model.safetensors")
    seconds = sum(run["seconds"] for run in runs)
    figures["processor_minutes"] = round(seconds / 60, 1)
    path = _record.write(
        "instructions", "python3 course.py bench instructions", CODE, ["torch"], figures
    )
    lines = section(json.loads(path.read_text("utf-8")))
    _record.write_section("What does fine-tuning teach?", lines)
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
