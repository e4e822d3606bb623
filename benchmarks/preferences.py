"""Preferences on the course's chat model: reward models, best of n, DPO and its neighbors, five seeds.

    python3 course.py bench preferences            about half an hour on one core
    python3 course.py bench preferences --quick    a few steps of each; nothing is written

The answers come from `classroom.worlds.manners`, whose rule says exactly which of two is better. First
the chat model learns to answer as the crowd does, in all manners: that is the model before, and the
reference. Then each method starts from it. Settings were chosen on the validation part; the figures are
of held-out tasks in held-out wordings. Each seed draws its own pairs and its own order of them, and is
a file in runs/, so that a run that was stopped goes on; another model or other code starts anew.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

from benchmarks import _preference_steps as train
from benchmarks import _record
from benchmarks._preference_measures import (
    BETA,
    DRAWN,
    GOOD_ENOUGH,
    GROUPS,
    SIZES,
    SUFFIX,
    TEST_SIZE,
    HeldOut,
    Watched,
    best_answers,
    drawn_answers,
    judged,
    over_optimized,
    rules,
)
from classroom.worlds.manners import grade, questions, sample_answers, sample_pairs
from helpers.chat import BASE_MODEL, CHAT_MODEL, load_chat_model
from helpers.files import sha256

SEEDS = range(5)
CROWD, CROWD_RATE = 960, 6e-4  # tasks that the crowd answers for the model before
PAIRS, TEST_PAIRS = 320, 200
STEPS = {"crowd": 84, "reward": 40, "dpo": 40, "chosen": 40, "best": 40}
FEW, FEW_STEPS = 40, 40  # pairs of the reward model that is over-optimized
BETAS, BETA_SEEDS = (0.1, BETA, 2.0), 3  # other betas: the first seeds alone
WATCHED = 64  # held-out pairs whose gains are followed while DPO learns
N, PROMPTS = 64, 24  # answers per prompt, and prompts, for best of n
BEFORE, CHAT, DPO, ALONE, CHOSEN, GOOD, BEST = (
    "the model before",
    "the chat model",
    "DPO",
    "DPO from the chat model itself",
    "fine-tuned on chosen answers",
    "fine-tuned on good chosen answers",
    "fine-tuned on the best of 8",
)
METHODS = (DPO, ALONE, CHOSEN, GOOD, BEST)
CODE = [
    "benchmarks/preferences.py",
    "benchmarks/_preference_measures.py",
    "benchmarks/_preference_steps.py",
    "classroom/turns/t13.py",
    "classroom/worlds/manners.py",
    "helpers/preferences.py",
    "helpers/reinforce.py",
]
PARTS = Path(__file__).parents[1] / "runs" / "bench_preferences"
TARGET = 0.75
RECORD = Path(__file__).with_suffix(".json")


def crowd_model(chat, tokenizer, steps=STEPS["crowd"], seed=0):
    """Return the chat model after it has read how the crowd answers: the model before."""
    items = questions(CROWD, 1)
    answers = sample_answers(items, 2)
    return train.finetuned(chat, tokenizer, items, answers, steps, seed, rate=CROWD_RATE)


def one_seed(seed, chat, before, tokenizer, test, samples, quick=False):
    """Return the figures of all methods for one seed."""
    began, steps = time.process_time(), {name: 2 if quick else n for name, n in STEPS.items()}
    pairs = sample_pairs(16 if quick else PAIRS, 71 + seed)
    held_out = sample_pairs(8 if quick else TEST_PAIRS, 5, test.part)
    found = {"seed": seed, "methods": {}, "betas": {}, "watched": {}}
    watched = sample_pairs(8 if quick else WATCHED, 6, test.part)
    reward = train.rewarded(before, tokenizer, pairs, steps["reward"], seed)
    few = train.rewarded(before, tokenizer, pairs[:FEW], 2 if quick else FEW_STEPS, seed)
    for name, model in (("many", reward), ("few", few)):
        curve = over_optimized(model, samples, tokenizer)
        found[name] = judged(model, tokenizer, held_out) | {"curve": curve}
    for beta in BETAS if seed < BETA_SEEDS else [BETA]:
        watch = Watched(before, tokenizer, watched) if beta == BETA else None
        model, _ = train.preferring(before, tokenizer, pairs, steps["dpo"], seed, beta, watch=watch)
        found["betas"][str(beta)] = test.figures(model, seed, keep=beta == BETA)
        if watch:
            found["methods"][DPO], found["watched"][DPO] = found["betas"][str(beta)], watch.found
    watch = Watched(chat, tokenizer, watched)
    model, trace = train.preferring(chat, tokenizer, pairs, steps["dpo"], seed, BETA, watch=watch)
    found["methods"][ALONE] = test.figures(model, seed, reference=chat)
    found["watched"][ALONE], found["losses_alone"] = watch.found, [loss for loss, *_ in trace]
    items, chosen = [pair.task for pair in pairs], [pair.chosen for pair in pairs]
    model = train.finetuned(before, tokenizer, items, chosen, steps["chosen"], seed)
    found["methods"][CHOSEN] = test.figures(model, seed)
    good = [pair for pair in pairs if grade(pair.task, pair.chosen) >= GOOD_ENOUGH]
    items, chosen = [pair.task for pair in good], [pair.chosen for pair in good]
    model = train.finetuned(before, tokenizer, items, chosen, steps["chosen"], seed)
    found["methods"][GOOD], found["good"] = test.figures(model, seed), len(good)
    items, best = best_answers(before, tokenizer, seed, *((3, 4) if quick else (GROUPS, DRAWN)))
    found["best_kept"] = len(best)
    if len(best) >= 16 or not quick:
        model = train.finetuned(before, tokenizer, items, best, steps["best"], seed)
        found["methods"][BEST] = test.figures(model, seed)
    return found | {"seconds": time.process_time() - began}


def made_from():
    """Return a short name for the chat model and the code that the figures are of."""
    return sha256(CHAT_MODEL / "difference.safetensors")[:8] + _record.code_hash(CODE)[:8]


def measure(seeds=SEEDS, folder=PARTS, quick=False):
    """Return the figures of the models before, of controls and of all seeds; a seed that is on disk is not made again."""
    chat, tokenizer = load_chat_model()
    before = crowd_model(chat, tokenizer, 2 if quick else STEPS["crowd"])
    part = "validation" if quick else "test"
    test = HeldOut(chat, before, tokenizer, 6 if quick else TEST_SIZE, part)
    items = questions(2 if quick else PROMPTS, 81, part)
    samples = list(
        zip(items, drawn_answers(before, tokenizer, items, 4 if quick else N, 91), strict=True)
    )
    base = {BEFORE: test.figures(before, 0), CHAT: test.figures(chat, 0)}
    controls = {
        "suffix": test.with_suffix(),
        "rules": rules(sample_pairs(8 if quick else TEST_PAIRS, 5, part)),
    }
    runs = []
    for seed in seeds:
        path = folder / f"{made_from()}_seed_{seed}.json"
        if not quick and path.exists():
            runs.append(json.loads(path.read_text("utf-8")))
            continue
        runs.append(one_seed(seed, chat, before, tokenizer, test, samples, quick))
        if not quick:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(runs[-1]), "utf-8")
        wins = {name: round(row["wins"], 3) for name, row in runs[-1]["methods"].items()}
        print(f"seed {seed}: {wins}, {runs[-1]['seconds']:.0f} s", flush=True)
    return base, controls, runs


def spread(values):
    """Return mean and standard error as a cell of a table."""
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values) / len(values) ** 0.5:.2f}"


def over_seeds(record, method, figure):
    """Return a figure of a method, one value per seed."""
    return [run["methods"][method][figure] for run in record["runs"] if method in run["methods"]]


def over_betas(record, beta, figure):
    """Return a figure of DPO with a beta (a string), one value for each seed that has all of them."""
    return [run["betas"][beta][figure] for run in record["runs"] if len(run["betas"]) > 1]


COLUMNS = {
    "wins": "wins against the model before",
    "wins_sampled": "the same, both sampled",
    "right": "right",
    "polite": "polite",
    "words": "words",
    "kl": "KL, nats per token",
    "questions": "course questions",
    "other_tasks": "other tasks",
}


def _judges(record):
    """Return a row for each reward model, and one for a rule: the accuracy, and that by what decides."""
    known = record["controls"]["rules"]
    rule = [f"{known[what]:.2f}" for what in ("manners", "by_manners", "by_right")]
    rows = [
        f"| {n} pairs | "
        + " | ".join(
            spread([run[name][what] for run in record["runs"]])
            for what in ("accuracy", "by_manners", "by_right")
        )
        + " |"
        for name, n in (("many", PAIRS), ("few", FEW))
    ]
    return [*rows, f"| (a rule: manners, then length) | {' | '.join(rule)} |"]


def section(record):
    """Return the README's section, as lines."""
    rows = [
        f"| {name} | " + " | ".join(f"{figures[each]:.2f}" for each in COLUMNS) + " |"
        for name, figures in record["base"].items()
    ]
    for name in METHODS:
        cells = [spread(over_seeds(record, name, each)) for each in COLUMNS]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    betas = []
    for beta in map(str, BETAS):
        cells = [spread(over_betas(record, beta, name)) for name in ("wins", "right", "kl")]
        betas.append(f"| {beta} | " + " | ".join(cells) + " |")
    curves = []
    for n in map(str, SIZES):
        cells = []
        for name in ("many", "few"):
            curve = [run[name]["curve"][n] for run in record["runs"]]
            cells += [
                spread([each[what] for each in curve]) for what in ("reward", "true", "right")
            ]
        curves.append(f"| {n} | " + " | ".join(cells) + " |")
    suffix, known = record["controls"]["suffix"], record["controls"]["rules"]
    return [
        *_record.made_by("preferences", record),
        f"{record['processor_minutes']:.0f} processor minutes; drawn in notebook 13. The chat model is the "
        f"one whose SHA-256 begins with `{record['chat_sha256'][:16]}`.",
        f"Shares of {record['settings']['tasks']} held-out tasks in held-out wordings, greedy answers; mean "
        f"and standard error over {len(record['runs'])} seeds, which draw other pairs. A tie counts half.",
        "",
        "| model | " + " | ".join(COLUMNS.values()) + " |",
        "|---|" + "---|" * len(COLUMNS),
        *rows,
        "",
        *_record.target_table(record["targets"]),
        "",
        f"DPO with another beta, {BETA_SEEDS} seeds each:",
        "",
        "| beta | wins | right | KL, nats per token |",
        "|---|---|---|---|",
        *betas,
        "",
        f"A control that learns nothing, the chat model's answers with '{SUFFIX}' appended: wins "
        f"{suffix['wins']:.2f} against the model before, {suffix['wins_over_chat']:.2f} against the chat "
        f"model, right {suffix['right']:.2f}.",
        "",
        f"Reward models on {TEST_PAIRS} held-out pairs, and a rule that sees manners and length alone. "
        f"One that takes the shorter answer has {known['shorter']:.2f}.",
        "",
        "| reward model of | accuracy | where both or neither are right | where one is right |",
        "|---|---|---|---|",
        *_judges(record),
        "",
        f"Best of n by these two; {PROMPTS} prompts, the same for all seeds. The true score is the win rate "
        f"against all {N} answers to the prompt:",
        "",
        f"| n | reward, {PAIRS} pairs | true | right | reward, {FEW} pairs | true | right |",
        "|---|---|---|---|---|---|---|",
        *curves,
    ]  # fmt: skip


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="course.py bench preferences", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a few steps of each; nothing is written"
    )
    quick = parser.parse_args(arguments).quick
    began = time.process_time()
    base, controls, runs = measure(range(1) if quick else SEEDS, quick=quick)
    if quick:
        print("a few steps of each ran; nothing was written")
        return 0
    other = time.process_time() - began
    figures = {
        "settings": {
            "tasks": TEST_SIZE,
            "pairs": PAIRS,
            "steps": STEPS,
            "beta": BETA,
            "crowd": CROWD,
        },
        "chat_sha256": sha256(CHAT_MODEL / "difference.safetensors"),
        "gpt_sha256": sha256(BASE_MODEL / "model.safetensors"),
        "base": base,
        "controls": controls,
        "runs": runs,
        "processor_minutes": round(max(other, sum(run["seconds"] for run in runs)) / 60, 1),
    }
    wins = statistics.mean(over_seeds(figures, DPO, "wins"))
    figures["targets"] = [
        _record.target("DPO against the model before, wins", wins, "at least", TARGET)
    ]
    command = "python3 course.py bench preferences"
    path = _record.write("preferences", command, CODE, ["torch"], figures)
    lines = section(json.loads(path.read_text("utf-8")))
    _record.write_section("Learning from preferences", lines)
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
