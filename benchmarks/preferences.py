"""Preferences on the course's chat model: reward models, best of n, DPO and its neighbors, five seeds.

    python3 course.py bench preferences            about a quarter of an hour on one core
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

import torch

from benchmarks import _preference_steps as train
from benchmarks import _record
from classroom.turns.t13 import best_of_n, keep_best
from classroom.worlds import course_qa, tasks
from classroom.worlds.manners import (
    KINDS,
    compare,
    grade,
    questions,
    sample_answers,
    sample_pairs,
    wins_against,
)
from helpers.chat import BASE_MODEL, CHAT_MODEL, load_chat_model
from helpers.evaluate import answer_all, is_right_answer
from helpers.files import sha256
from helpers.instructions import format_chat

SEEDS = range(5)
CROWD, CROWD_RATE = 960, 6e-4  # tasks that the crowd answers for the model before
PAIRS, TEST_PAIRS, TEST_SIZE, SAMPLED, KEPT_SIZE = 320, 200, 300, 100, 40
STEPS = {"crowd": 84, "reward": 40, "dpo": 40, "chosen": 40, "best": 40}
FEW, FEW_STEPS = 40, 40  # pairs of the reward model that is over-optimized
BETAS, BETA, BETA_SEEDS = (0.1, 0.5, 2.0), 0.5, 3  # other betas: the first seeds alone
N, PROMPTS = 64, 24  # answers per prompt, and prompts, for best of n
DRAWN, GROUPS = 8, 100  # answers per prompt, and prompts, for rejection sampling
SIZES = (1, 2, 4, 8, 16, 32, 64)
OTHERS = tuple(kind for kind in tasks.KINDS if kind not in KINDS)
BEFORE, DPO, CHOSEN, BEST, ALONE = (
    "the model before",
    "DPO",
    "fine-tuned on chosen answers",
    "fine-tuned on the best of 8",
    "DPO from the chat model itself",
)
CODE = [
    "benchmarks/preferences.py",
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


def manners_of(items, answers):
    """Return what share of answers is right, polite and rude, and their mean number of words."""
    grades = [grade(*each) for each in zip(items, answers, strict=True)]
    return {
        "right": statistics.mean(each.right for each in grades),
        "polite": statistics.mean(each.manners == 1 for each in grades),
        "rude": statistics.mean(each.manners == -1 for each in grades),
        "words": statistics.mean(each.words for each in grades),
    }


def kept(model, tokenizer, size=KEPT_SIZE, part="test"):
    """Return the accuracy on what was not trained on: course questions, and other kinds of tasks.

    Of a task the core of the answer counts, so that a polite sentence after it is no mistake.
    """
    asked = course_qa.questions("test" if part == "test" else "train")[:: max(1, 500 // size)][
        :size
    ]
    references = list({answer for _, answer in course_qa.questions("test")})
    said = answer_all(model, tokenizer, [format_chat(question) for question, _ in asked])
    right = [is_right_answer(a, own, references) for a, (_, own) in zip(said, asked, strict=True)]
    others = tasks.sample(size, 11, part, OTHERS)
    answers = train.answers_of(model, tokenizer, others)
    done = [grade(*each).right for each in zip(others, answers, strict=True)]
    return {"questions": statistics.mean(right), "other_tasks": statistics.mean(done)}


class HeldOut:
    """The held-out tasks, and what the chat model and the model before answer to them."""

    def __init__(self, chat, before, tokenizer, size=TEST_SIZE, part="test"):
        self.tokenizer, self.before, self.part = tokenizer, before, part
        self.items = questions(size, 21, part)
        self.chat = train.answers_of(chat, tokenizer, self.items)
        self.greedy = train.answers_of(before, tokenizer, self.items)
        self.few = self.items[:SAMPLED]
        self.sampled = train.answers_of(before, tokenizer, self.few, 1.0, 31)

    def figures(self, model, seed, keep=True):
        """Return all that is said of a model in the table."""
        greedy = train.answers_of(model, self.tokenizer, self.items)
        sampled = train.answers_of(model, self.tokenizer, self.few, 1.0, 41 + seed)
        found = {
            "wins": wins_against(self.items, greedy, self.greedy),
            "wins_sampled": wins_against(self.few, sampled, self.sampled),
            "wins_over_chat": wins_against(self.items, greedy, self.chat),
            **manners_of(self.items, greedy),
            "kl": train.drift(model, self.before, self.tokenizer, self.few, sampled),
        }
        size = KEPT_SIZE if len(self.items) == TEST_SIZE else 4
        return found | (kept(model, self.tokenizer, size, self.part) if keep else {})


def gains_of(trace, last=10):
    """Return the mean gains of chosen and rejected answers in the last steps of a run of DPO, in nats."""
    return [statistics.mean(step[which] for step in trace[-last:]) for which in (1, 2)]


def over_optimized(reward, samples, tokenizer):
    """Return, for each n, the mean reward and the mean true score of the best of n, in that order.

    The true score of an answer is its win rate against all answers to its prompt.
    """
    curves = {n: [] for n in SIZES}
    for task, answers in samples:
        rewards = train.rewards_of(reward, tokenizer, [task] * len(answers), answers)
        wins = [[compare(task, one, other) for other in answers] for one in answers]
        true = torch.tensor(wins).mean(dim=1)
        right = torch.tensor([float(grade(task, answer).right) for answer in answers])
        polite = torch.tensor([float(grade(task, answer).manners == 1) for answer in answers])
        words = torch.tensor([float(grade(task, answer).words) for answer in answers])
        for n in [n for n in SIZES if n <= len(answers)]:
            looked_at = (rewards, true, right, polite, words)
            curves[n].append([best_of_n(rewards, score, n) for score in looked_at])
    names = ("reward", "true", "right", "polite", "words")
    return {
        str(n): dict(zip(names, map(statistics.mean, zip(*rows, strict=True)), strict=True))
        for n, rows in curves.items()
        if rows
    }


def drawn_answers(model, tokenizer, items, n, seed):
    """Return n sampled answers to each task, as a list of lists."""
    many = [task for task in items for _ in range(n)]
    said = train.answers_of(model, tokenizer, many, 1.0, seed)
    return [said[i * n : (i + 1) * n] for i in range(len(items))]


def accuracy(reward, tokenizer, pairs):
    """Return the share of pairs whose chosen answer has the larger reward."""
    items = [pair.task for pair in pairs]
    chosen = train.rewards_of(reward, tokenizer, items, [pair.chosen for pair in pairs])
    rejected = train.rewards_of(reward, tokenizer, items, [pair.rejected for pair in pairs])
    return (chosen > rejected).float().mean().item()


def best_answers(model, tokenizer, seed, groups=GROUPS, drawn=DRAWN):
    """Rejection sampling: return tasks and their best answers of those drawn, if right and polite."""
    items = questions(groups, 51 + seed)
    answers = drawn_answers(model, tokenizer, items, drawn, 61 + seed)
    found = keep_best(answers, lambda i, answer: tuple(grade(items[i], answer)), (True, 1, -99))
    return [items[i] for i, _ in found], [answer for _, answer in found]


def one_seed(seed, chat, before, tokenizer, test, samples, quick=False):
    """Return the figures of all methods for one seed."""
    began, steps = time.process_time(), {name: 2 if quick else n for name, n in STEPS.items()}
    pairs = sample_pairs(16 if quick else PAIRS, 71 + seed)
    held_out = sample_pairs(8 if quick else TEST_PAIRS, 5, test.part)
    found = {"seed": seed, "methods": {}, "gains": {}, "betas": {}}
    reward = train.rewarded(before, tokenizer, pairs, steps["reward"], seed)
    few = train.rewarded(before, tokenizer, pairs[:FEW], 2 if quick else FEW_STEPS, seed)
    for name, model in (("many", reward), ("few", few)):
        curve = over_optimized(model, samples, tokenizer)
        found[name] = {"accuracy": accuracy(model, tokenizer, held_out), "curve": curve}
    for beta in BETAS if seed < BETA_SEEDS else [BETA]:
        model, trace = train.preferring(before, tokenizer, pairs, steps["dpo"], seed, beta)
        found["betas"][str(beta)] = test.figures(model, seed, keep=beta == BETA)
        if beta == BETA:
            found["methods"][DPO], found["trace"] = found["betas"][str(beta)], trace
            found["gains"][DPO] = gains_of(trace)
    model, trace = train.preferring(chat, tokenizer, pairs, steps["dpo"], seed, BETA)
    found["methods"][ALONE] = test.figures(model, seed)
    found["gains"][ALONE], found["trace_alone"] = gains_of(trace), trace
    items, chosen = [pair.task for pair in pairs], [pair.chosen for pair in pairs]
    model = train.finetuned(before, tokenizer, items, chosen, steps["chosen"], seed)
    found["methods"][CHOSEN] = test.figures(model, seed)
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
    """Return the figures of the model before and of all seeds; a seed that is on disk is not made again."""
    chat, tokenizer = load_chat_model()
    before = crowd_model(chat, tokenizer, 2 if quick else STEPS["crowd"])
    part = "validation" if quick else "test"
    test = HeldOut(chat, before, tokenizer, 6 if quick else TEST_SIZE, part)
    items = questions(2 if quick else PROMPTS, 81, part)
    samples = list(
        zip(items, drawn_answers(before, tokenizer, items, 4 if quick else N, 91), strict=True)
    )
    base = {BEFORE: test.figures(before, 0), "the chat model": test.figures(chat, 0)}
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
    return base, runs


def spread(values):
    """Return mean and standard error as a cell of a table."""
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values) / len(values) ** 0.5:.2f}"


def over_seeds(record, method, figure):
    """Return a figure of a method, one value per seed."""
    return [run["methods"][method][figure] for run in record["runs"] if method in run["methods"]]


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


def section(record):
    """Return the README's section, as lines."""
    rows = [
        f"| {name} | " + " | ".join(f"{figures[each]:.2f}" for each in COLUMNS) + " |"
        for name, figures in record["base"].items()
    ]
    for name in (DPO, ALONE, CHOSEN, BEST):
        cells = [spread(over_seeds(record, name, each)) for each in COLUMNS]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    betas = []
    for beta in map(str, BETAS):
        figures = [run["betas"][beta] for run in record["runs"] if beta in run["betas"]]
        cells = [spread([each[name] for each in figures]) for name in ("wins", "right", "kl")]
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
    right = {
        name: spread([r[name]["accuracy"] for r in record["runs"]]) for name in ("many", "few")
    }
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
        f"Best of n by a reward model of {PAIRS} pairs (accuracy on held-out pairs {right['many']}) and one "
        f"of {FEW} ({right['few']}). The true score is the win rate against all {N} answers to the prompt:",
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
    base, runs = measure(range(1) if quick else SEEDS, quick=quick)
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
