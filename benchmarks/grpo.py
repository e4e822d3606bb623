"""Learning to reason from rewards alone: GRPO with its parts removed, its controls, and distillation.

    python3 course.py bench grpo            several hours on two cores; it goes on where it was stopped
    python3 course.py bench grpo --so-far   write what earlier calls have measured, and measure nothing
    python3 course.py bench grpo --quick    a few steps of each; nothing is written

Every run begins with a model that was taught the format alone: correct arithmetic and comparisons, tries
in the order of a list, a target that none of them reaches. Then a program's verdict on its own answers
is all it learns from.
Settings were chosen on the validation problems; figures are from the test problems.

- main: Countdown, and sorting, whose rule reaches lists longer than any in training
- parts: the same with fewer steps, with one part of GRPO removed or added at a time, with rewards
  that ask for less or can be hacked, with fewer tries, and without a word on how far off a try was
- controls: programs that search, the most frequent form, imitation of solutions
- distillation: the course's GPT teaches a smaller one

Each run is saved in runs/bench_grpo/ as soon as it is made, with checkpoints while it is being made.
"""

import argparse
import hashlib
import json
import random
import shutil
import statistics
import sys
import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from benchmarks import _grpo_distil, _record
from benchmarks._grpo_loop import (
    NO_CLIP,
    Recipe,
    accuracy,
    answers_to,
    imitate,
    reinforce,
    rows,
    sampled,
)
from benchmarks._grpo_report import distillation_table, section, sorting_table, table
from benchmarks._grpo_tasks import Countdown, Sorting
from classroom.worlds import countdown, sorting
from helpers.chat import BASE_MODEL
from helpers.checkpoint import load_weights
from helpers.files import sha256
from helpers.loss import IGNORED

COMMAND = "python3 course.py bench grpo"
SEEDS = range(5)
DISTILLED = 2  # seeds of distillation, whose runs are the longest
FORMAT_STEPS, SORTING_FORMAT_STEPS = 500, 400
MAIN = Recipe(
    steps=160, problems=32, group_size=8, updates=1, learning_rate=2e-3, kl=0.01, normalize=False,
    evaluate_every=20,
)  # fmt: skip
SHORT = replace(MAIN, steps=40)
SORT = Recipe(steps=400, problems=32, learning_rate=5e-3)
PARTS = {
    "GRPO": {},
    "no baseline": {"baseline": False},
    "divided by the deviation": {"normalize": True},
    "four updates of the same answers": {"updates": 4},
    "four updates, no clip": {"updates": 4, "clip": NO_CLIP},
    "no KL": {"kl": 0.0},
}
HACKED, TARGET_ALONE = "reward that believes", "reward for the target alone"
FOUR_TRIES, BLIND = "four tries", "no comparisons"
IMITATION = "imitation of solutions"
SAMPLES, SAMPLED = 64, 100  # answers per problem for pass@k, and of how many problems
TRAINED_LENGTHS, LONGER = (2, 3, 4, 5, 6), (7, 8, 9)
LISTS = 100  # of each length
VOTES = (1, 3, 9, 27)
FOLDER = Path(__file__).resolve().parents[1] / "runs" / "bench_grpo"
CODE = [
    *(f"benchmarks/{name}.py" for name in ("grpo", "_grpo_loop", "_grpo_tasks", "_grpo_distil")),
    *(f"classroom/worlds/{name}.py" for name in ("countdown", "sorting")),
    *(f"helpers/{name}.py" for name in ("reinforce", "generate", "llama/model", "optim")),
]


class Sizes:
    """How much of everything: all of it, or a little for `--quick`."""

    def __init__(self, quick=False):
        self.quick = quick
        self.test = countdown.split()["test"][: 8 if quick else None]
        self.samples, self.sampled, self.together = (4, 2, 2) if quick else (SAMPLES, SAMPLED, 10)
        self.lists = 3 if quick else LISTS
        self.format = (2, 2) if quick else (FORMAT_STEPS, SORTING_FORMAT_STEPS)
        small = {"steps": 2, "problems": 4, "group_size": 4} if quick else {}
        self.main, self.short, self.sort = (
            replace(recipe, **small) for recipe in (MAIN, SHORT, SORT)
        )
        self.distil = (2, 4) if quick else (_grpo_distil.STEPS, _grpo_distil.HELD_OUT)


def countdown_figures(model, task, sizes, samples=False):
    """Greedy answers to test problems; if wanted, right ones among samples, and its tries alone.

    An answer without an end counts as wrong, and none of its values is looked at.
    """
    asked = sizes.test
    prompts, answers, rewards = sampled(model, task, asked, 1, 0.0, seed=1)
    told = [countdown.decode(answer) for answer in answers.tolist()]
    tries = [countdown.tries_of(text) for text in told]
    ended = [each for each in tries if each]
    right = [countdown.reward(problem, text) for problem, text in zip(asked, told, strict=True)]
    tokens = (rows(prompts, answers, task.end)[1] != IGNORED).sum().item()
    found = {
        "accuracy": statistics.mean(right), "rewarded": rewards.mean().item(),
        "true": statistics.mean([all(map(countdown.is_true, each)) for each in ended] or [0]),
        "ended": len(ended) / len(told), "tokens": tokens / len(told),
        "ends": endings(asked, told, task.most_tries),
        "shown": list(zip(asked[:6], told[:6], strict=True)),
        "tries_when_right": [len(each) for each, ok in zip(tries, right, strict=True) if ok],
    }  # fmt: skip
    if samples:
        counts = []
        for start in range(0, sizes.sampled, sizes.together):
            part = asked[start : start + sizes.together]
            scores = sampled(model, task, part, sizes.samples, 1.0, seed=2 + start)[2]
            counts += scores.view(len(part), -1).sum(dim=1).int().tolist()
        found["right_of_samples"] = counts
        found["tries_when_checked"] = checked_tries(model, task, asked)
    return found


def endings(asked, told, most_tries):
    """How often an answer ends after a right try, and after a wrong one, the last allowed left out."""
    marks = {1.0: [], 0.0: []}
    for problem, text in zip(asked, told, strict=True):
        words = text.split()
        for start in range(0, len(words) - countdown.TRY + 1, countdown.TRY):
            *steps, mark = words[start : start + countdown.TRY]
            if start < (most_tries - 1) * countdown.TRY:
                right = countdown.reward(problem, " ".join([*steps, countdown.END]))
                marks[right].append(mark == countdown.END)
    right, wrong = (statistics.mean(marks[kind] or [0.0]) for kind in (1.0, 0.0))
    return {"right": right, "wrong": wrong}


def checked_tries(model, task, asked):
    """How many greedy tries each problem needed where a checker writes every mark; 0: none was right.

    So the model chooses the tries, and whether it would have ended makes no difference.
    """
    rng, needed = random.Random("prompts 1"), [0] * len(asked)
    rows_of = {place: task.prompt(problem, rng) for place, problem in enumerate(asked)}
    for n in range(1, task.most_tries + 1):
        told = answers_to(model, torch.tensor(list(rows_of.values())), countdown.TRY - 1, task.end)
        for (place, ids), new in zip(list(rows_of.items()), told.tolist(), strict=True):
            target = asked[place][1]
            steps = countdown.parse(countdown.decode(new))
            if countdown.reward(asked[place], f"{countdown.decode(new)} {countdown.END}"):
                needed[place] = n
                del rows_of[place]
                continue
            high = steps is not None and countdown.value(steps) > target
            mark = countdown.HIGH if high and task.compares else countdown.LOW
            rows_of[place] = [*ids, *new, *countdown.encode(mark)]
        if not rows_of:
            break
    return needed


def sorting_figures(model, task, sizes):
    """Greedy accuracy at every length, and what a vote among samples adds at the longest."""
    lengths = (*TRAINED_LENGTHS, *LONGER)
    lists = {n: sorting.held_out([n], sizes.lists, seed=1) for n in lengths}
    found = {"accuracy": {str(n): accuracy(model, task, lists[n])[0] for n in lengths}}
    longest = lists[lengths[-1]]
    _, answers, rewards = sampled(model, task, longest, VOTES[-1], 1.0, seed=1)
    found["one_sample"] = rewards.mean().item()
    found["votes"] = {}
    for n in VOTES:
        right = 0
        for place, numbers in enumerate(longest):
            said = answers[place * VOTES[-1] : place * VOTES[-1] + n].tolist()
            ((most, _),) = Counter(map(tuple, said)).most_common(1)
            right += sorting.reward(numbers, most)
        found["votes"][str(n)] = right / len(longest)
    return found


class Runs:
    """All runs made so far, one file each; without a folder nothing is kept.

    With `so_far` no run is made: where a file is missing, the row is None.
    """

    def __init__(self, folder=FOLDER, sizes=None, so_far=False):
        self.folder, self.sizes, self.so_far = folder, sizes or Sizes(), so_far

    def identity(self):
        sizes = self.sizes
        recipes = [asdict(recipe) for recipe in (sizes.main, sizes.short, sizes.sort)]
        return {"code": _record.code_hash(CODE[1:]), "recipes": recipes, "format": sizes.format}

    def row(self, name, seed, make, **about):
        """The figures of a run; `make(folder)` is called where they are not there yet.

        What is `about` the run, beside the code and the recipes, makes it another one where it differs.
        """
        if self.folder is None:
            return make(None)
        of = json.loads(json.dumps(self.identity() | about))
        key = hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:8]
        path = self.folder / f"{name.replace(' ', '_')}-{seed}.json"
        place = path.with_name(f"{path.stem}-{key}")  # its checkpoints
        if path.is_file() and (saved := json.loads(path.read_text("utf-8")))["of"] == of:
            return saved["row"]
        if self.so_far:
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        row = make(place)
        path.write_text(json.dumps({"of": of, "row": row}) + "\n", "utf-8")
        shutil.rmtree(place, ignore_errors=True)
        print(f"{name}, seed {seed}: {shown(row)}", flush=True)
        return row

    def taught_the_format(self, task, kind, steps, seed):
        """A new model that writes the format of a task and has seen no solution."""
        torch.manual_seed(seed)
        model = task.new_model()
        key = f"format-{kind}-{seed}-{steps}-{self.identity()['code'][:8]}"
        path = None if self.folder is None else self.folder / f"{key}.safetensors"
        if path and path.is_file():
            load_weights(model, load_file(path))
            return model
        rate, batch = task.format_rate, task.format_batch
        imitate(model, task.format_example, steps, seed, rate, batch, task.end)
        if path:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_file({name: p.detach().contiguous() for name, p in model.named_parameters()}, path)
        return model

    def countdown(self, name, seed, recipe, task, imitated=False, samples=False):
        """Format, then rewards (or solutions to imitate); figures before and after."""
        kind = f"countdown{task.most_tries}{'' if task.compares else '-blind'}"

        def taught():
            return self.taught_the_format(task, kind, self.sizes.format[0], seed)

        def make(folder):
            began = time.process_time()
            model = taught()
            format_seconds = time.process_time() - began
            before = countdown_figures(model, task, self.sizes, samples)
            begun, history = time.process_time(), []
            if imitated:
                updates = recipe.steps * recipe.problems * recipe.group_size // 128
                imitate(model, task.solved_example, max(1, updates), seed, end=task.end)
            else:
                reference = taught() if recipe.kl else None
                validation = countdown.split()["validation"][: len(self.sizes.test)]
                history = reinforce(model, task, recipe, seed, folder, validation, reference)
            seconds = time.process_time() - begun
            after = countdown_figures(model, task, self.sizes, samples)
            return {
                "before": before, "after": after, "history": history, "seconds": seconds,
                "format_seconds": format_seconds, "parameters": model.n_parameters(),
            }  # fmt: skip

        score = task.score.__name__
        about = {"recipe": asdict(recipe), "score": score, "most_tries": task.most_tries}
        about |= {"compares": task.compares, "imitated": imitated, "samples": samples}
        return self.row(name, seed, make, **about)

    def start(self, seed):
        """Greedy accuracy of a format model on the validation problems, where the main run's curve begins."""
        task, validation = Countdown(), countdown.split()["validation"][: len(self.sizes.test)]

        def make(folder):
            kind = f"countdown{task.most_tries}"
            model = self.taught_the_format(task, kind, self.sizes.format[0], seed)
            return {"accuracy": accuracy(model, task, validation)[0]}

        return self.row("start", seed, make)

    def sorting(self, seed):
        """Sorting: format, then rewards; accuracy at every length before and after."""

        def make(folder):
            lengths = (*TRAINED_LENGTHS, *LONGER)
            unseen = sorting.held_out([n for n in lengths if n > 2], self.sizes.lists, seed=1)
            task = Sorting(TRAINED_LENGTHS, unseen)
            model = self.taught_the_format(task, "sorting", self.sizes.format[1], seed)
            before, begun = sorting_figures(model, task, self.sizes), time.process_time()
            history = reinforce(model, task, self.sizes.sort, seed, folder)
            seconds = time.process_time() - begun
            after = sorting_figures(model, task, self.sizes)
            return {"before": before, "after": after, "history": history, "seconds": seconds}

        return self.row("sorting", seed, make)


def shown(row):
    """What a run reached, in a few words."""
    after = row.get("after", row).get("accuracy", row.get("tasks"))
    return f"{after:.3f}" if isinstance(after, float) else str(after)


def measure(runs, seeds=SEEDS):
    """Everything, the main runs first; a way of which a seed is missing is left out."""
    sizes = runs.sizes

    def ways(makers, seeds=seeds):
        made = {name: [make(seed) for seed in seeds] for name, make in makers.items()}
        return {name: rows for name, rows in made.items() if None not in rows}

    first = {
        "main": lambda seed: runs.countdown("main", seed, sizes.main, Countdown(), samples=True),
        "start": runs.start, "sorting": runs.sorting,
    }  # fmt: skip
    variants = {name: (Countdown(), change, False) for name, change in PARTS.items()}
    variants[HACKED] = Countdown(score=countdown.trusting_reward), {}, False
    variants[TARGET_ALONE] = Countdown(score=countdown.reward), {}, False
    variants[FOUR_TRIES] = Countdown(most_tries=4), {}, False
    variants[BLIND] = Countdown(compares=False), {}, False
    variants[IMITATION] = Countdown(), {}, True

    def part(name, task, change, imitated):
        recipe = replace(sizes.main if imitated else sizes.short, **change)
        return lambda seed: runs.countdown(name, seed, recipe, task, imitated)

    teacher = sha256(BASE_MODEL / "model.safetensors")  # students of another one are other runs

    def distilled(way):
        return lambda seed: runs.row(
            way, seed, lambda folder: _grpo_distil.distil(way, seed, *sizes.distil), teacher=teacher
        )

    found = {"main": [], "start": [], "sorting": []} | ways(first)
    return found | {
        "parts": ways({name: part(name, *variant) for name, variant in variants.items()}),
        "distillation": ways(
            {way: distilled(way) for way in _grpo_distil.WAYS}, seeds[:DISTILLED]
        ),
        "teacher": runs.row(
            "teacher", 0, lambda folder: _grpo_distil.teacher_alone(sizes.distil[1]), teacher=teacher
        ),
        "gpt_sha256": teacher,
        "controls": controls(sizes.test), "recipes": runs.identity()["recipes"],
        "trained_lengths": TRAINED_LENGTHS,
    }  # fmt: skip


def controls(test):
    """What programs reach that learn nothing, and one that learns an order from the training problems."""
    train = countdown.split()["train"]
    form, order = countdown.most_frequent_form(train), countdown.best_order(train)
    tries = (1, 2, 3, 4, 8, 16, 32, 54)
    return {
        "most_frequent_form": countdown.score_of_form(form, test),
        "form": str(form),
        "random_search": {str(n): countdown.random_search(test, n) for n in tries},
        "walk_search": {str(n): countdown.walk_search(test, n) for n in tries},
        "order_search": {str(n): countdown.order_search(order, test, n) for n in tries},
        "exhaustive_search": statistics.mean(bool(countdown.solutions(*p)) for p in test),
        "problems": {name: len(part) for name, part in countdown.split().items()},
    }


def recorded():
    """The committed figures, or None where the benchmark was not run yet."""
    path = _record.HERE / "grpo.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def main(arguments=None):
    """Measure, write `grpo.json` and the README's section."""
    parser = argparse.ArgumentParser(prog="course.py bench grpo")
    parser.add_argument("--quick", action="store_true", help="a few steps; nothing is written")
    parser.add_argument("--so-far", action="store_true", help="write what was measured before")
    options = parser.parse_args(arguments)
    if options.quick:
        found = measure(Runs(None, Sizes(quick=True)), SEEDS[:1])
        print("\n".join([*table(found), *sorting_table(found), *distillation_table(found)]))
        return 0
    found = measure(Runs(so_far=options.so_far))
    if not found["main"]:
        print("Of the main run not every seed is there yet; nothing was written.", file=sys.stderr)
        return 1
    _record.write("grpo", COMMAND, CODE, ["torch"], found)
    record = recorded()
    _record.write_section("Learning to reason from rewards", section(record))
    print("\n".join(section(record)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
