"""Train the course's adapter for SmolLM2: `python -m tools.makers.smollm2_adapter`.

LoRA on SmolLM2-135M-Instruct learns the course's questions (the wordings of the training split), a
share of the tasks of `classroom.worlds.tasks`, and to say that it does not know. Each wording is read
`PASSES` times, most with the answer broken off where it differs from all others. The layers from `FIRST`
on learn; what comes below them is computed once for each row and kept. The threshold of refusing is
chosen on the validation wordings; with `--part train` no more is asked, so that settings can be chosen.
With `--part test` it is asked, once, the wordings of the test, of the forum, and foreign questions.
`helpers/assets/smollm2_adapter` is the folder that this wrote.
"""

import argparse
import json
import platform
import random
import sys
import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors.torch import load_file

from classroom.worlds import course_qa, tasks
from helpers.assistant.adapter import (
    TENSORS,
    AdapterSettings,
    save_adapter,
)
from helpers.assistant.asking import all_scores, are_refused, are_right, replies_to
from helpers.assistant.chat import AssistantChat, load_assistant, load_chatml
from helpers.assistant.learning import fit_adapter, with_lora
from helpers.assistant.making import (
    Foreign,
    Recipe,
    Split,
    choose_on_validation,
    loader_of,
    mean,
    measure_on_test,
    references_of,
    train_config,
)
from helpers.assistant.refusal import DO_NOT_KNOW, load_refusal
from helpers.assistant.rows import Turn, make_row, many_rows
from helpers.checkpoint import load_weights, read_state
from helpers.device import keep_memory, use_every_core
from helpers.evaluate import exact_match, nearest_reference, share_by_kind
from helpers.fast import speed_up
from helpers.files import read_json, sha256, write_whole
from helpers.llama.chat import SYSTEM
from helpers.runs.run import History, Run, newest_checkpoint
from helpers.texts.corpora import fetch
from helpers.train import OPTIMIZERS
from tools.makers.chat_model import AGAIN
from tools.makers.course_texts import typed
from tools.makers.upper_layers import UpperLayers
from tools.terminal import run_command

COMMAND = "python -m tools.makers.smollm2_adapter --out runs/adapter"
NAME = "SmolLM2 with the course's adapter"
LICENSE = (
    "The adapter is part of the course (MIT); SmolLM2-135M-Instruct, which it needs: Apache-2.0."
)
RECIPE = Recipe(rank=32, alpha=32.0, learning_rate=4e-3, tokens=2_400_000, batch_tokens=1024)
FIRST, PASSES = 20, 3  # of SmolLM2's 30 layers, the upper ten learn
TASKS_SEED, TEST_TASKS_SEED = 11, 2
N_TASKS = 2000
WHOLE_TIMES = 12  # wordings of each question whose answer is learned whole
KEPT = 4  # tokens of the other answers: they tell all answers apart
TYPED_SHARE = 0.25  # of the wordings are changed as somebody in a hurry types them
N_MEASURED_TASKS, N_CHOSEN_TASKS, N_BEFORE = 448, 240, 128
REFUSED_TIMES = 2
COURSE = Foreign(*map(course_qa.foreign_questions, ("train", "validation", "test")))


def turns(split):
    """The course's questions of a split, as turns."""
    return [Turn(question, answer) for question, answer in course_qa.questions(split)]


def course_split(n_questions=None):
    """What is learned and what is held out; `n_questions` takes the first so many answers only."""
    kept = [question.answer for question in course_qa.load_course_qa()[:n_questions]]
    parts = [
        [turn for turn in turns(name) if turn.answer in kept]
        for name in ("train", "validation", "test")
    ]
    return Split(*parts, by_rule=False)


def task_turn(task):
    """A task as it is asked in a chat: the instruction, and on the next line what it is about."""
    return Turn("\n".join(part for part in task[1:3] if part), task.output)


def course_rows(chat, split, recipe):
    """All rows to learn from, in a random order: wordings are left out where there are too many tokens."""
    rng = random.Random(recipe.seed)
    whole, rest = whole_and_rest(split.train, rng)
    drawn = [task_turn(task) for task in tasks.sample(N_TASKS, TASKS_SEED, "train")]
    rows = many_rows(chat, [as_typed(turn, rng) for turn in whole], 1, seed=recipe.seed)
    rows += many_rows(chat, drawn, 1, seed=recipe.seed)
    refused = [Turn(question, DO_NOT_KNOW) for question in COURSE.train]
    rows += many_rows(chat, refused, REFUSED_TIMES, course_qa.retype, 0.2, seed=recipe.seed)
    left = recipe.tokens - sum(len(row.ids) for row in rows)
    for turn in rest:
        row = make_row(chat, [as_typed(turn, rng)], KEPT)
        left -= len(row.ids)
        if left < 0:
            break
        rows.append(row)
    rng.shuffle(rows)
    return rows


def whole_and_rest(turns, rng):
    """The turns in a random order, in two parts: `WHOLE_TIMES` of each answer, and all others."""
    seen, whole, rest = Counter(), [], []
    for turn in rng.sample(turns, len(turns)):
        seen[turn.answer] += 1
        (whole if seen[turn.answer] <= WHOLE_TIMES else rest).append(turn)
    return whole, rest


def as_typed(turn, rng):
    """The turn, or one as somebody in a hurry types it."""
    return Turn(typed(turn.asked, rng), turn.answer) if rng.random() < TYPED_SHARE else turn


def run(
    folder,
    recipe,
    resume=False,
    n_questions=None,
    precision="auto",
    optimizer="adamw",
    finish=False,
):
    """Train into a folder and ask the validation part; return the report so far.

    Returns None where Ctrl-C stopped the run. With `finish` nothing is trained: the newest checkpoint
    is taken as it is.
    """
    folder, base = Path(folder), fetch("smollm2")
    split = course_split(n_questions)
    model, tokenizer = load_chatml(base)
    speed_up(model)
    before = before_training(folder, AssistantChat("", lambda: (model, tokenizer), SYSTEM), split)
    chat = AssistantChat("", lambda: (model, tokenizer))
    rows = course_rows(chat, split, recipe)
    loader = loader_of(rows, recipe)
    held_out = [make_row(chat, [turn], KEPT) for turn in split.validation]
    validation = loader_of(held_out, recipe, False)
    config = replace(train_config(rows, recipe, loader), precision=precision, optimizer=optimizer)
    config = replace(config, steps=PASSES * config.steps, evaluate_every=config.steps // 2 + 1)
    n_tokens = sum(len(row.ids) for row in rows)
    print(
        f"{len(rows):,} rows, {n_tokens:,} tokens, {config.steps:,} steps, {precision}", flush=True
    )
    adapted = UpperLayers(
        with_lora(model, recipe.rank, recipe.alpha, seed=recipe.seed).model, FIRST
    )
    speed_up(model)
    start = time.perf_counter()
    if finish:
        history = take_newest(folder, adapted)
    else:
        history = fit_adapter(adapted, loader, validation, config, Run(folder, resume))
    if history.interrupted:
        print(f"Stopped at step {history.step}; saved. Go on with the same command and --resume.")
        return None
    minutes = None if resume or finish else round((time.perf_counter() - start) / 60, 1)
    about = {
        "recipe": asdict(recipe),
        "train_config": asdict(config),
        "rows": len(rows),
        "tokens": n_tokens,
        "first": FIRST,
        "passes": PASSES,
        "steps": history.step,
        "minutes": minutes,
        "curve": list(zip(history.evaluated_steps, history.validation_losses, strict=True)),
        "before": before,
    }
    return save_and_choose(folder, base, adapted.corrections(), split, about)


def save_and_choose(folder, base, corrections, split, about):
    """Save an adapter into `folder/adapter` and choose its threshold; return the report so far."""
    saved, recipe = folder / "adapter", about["recipe"]
    settings = AdapterSettings(sha256(base), recipe["rank"], recipe["alpha"], "", NAME, LICENSE)
    save_adapter(saved, corrections, settings)
    report = {
        "base_sha256": settings.base_sha256,
        "sha256": sha256(saved / TENSORS),
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
        **about,
    }
    return choose(folder, base, split, report)


def choose(folder, base, split, report):
    """Choose the threshold of the refusal on the validation part; return the report so far."""
    saved = folder / "adapter"
    chat = load_assistant(saved, base, speed_up)
    prompts = [
        task_turn(task).asked for task in tasks.sample(N_CHOSEN_TASKS, TASKS_SEED, "validation")
    ]
    report["chosen_again"] = "after" in report
    found = choose_on_validation(chat, saved, split, COURSE, DO_NOT_KNOW, prompts)
    report |= {"validation": found, "refusal": read_json(saved / "refusal.json")}
    print(report["validation"], flush=True)
    write_whole(saved / "report.json", json.dumps(report, indent=1) + "\n")
    return report


def ask_test(folder, n_questions=None):
    """Ask the adapter of a folder what is held out, once, when all is chosen; return the whole report."""
    folder, base = Path(folder), fetch("smollm2")
    saved, split = folder / "adapter", course_split(n_questions)
    report = read_json(saved / "report.json")
    chat = load_assistant(saved, base, speed_up)
    report["after"], answers = measure_all(chat, saved, split, n_questions is None)
    write_whole(folder / "answers.json", json.dumps(answers, indent=1) + "\n")
    write_whole(saved / "report.json", json.dumps(report, indent=1) + "\n")
    write_whole(saved / "README.md", card(report))
    print(card(report), flush=True)
    return report


def take_newest(folder, adapted):
    """Take the corrections of the newest checkpoint; return what its run had seen until then."""
    newest = newest_checkpoint(folder)
    load_weights(adapted, load_file(newest / "model.safetensors"))
    return History(**read_state(newest)["history"] | {"interrupted": False})


def before_training(folder, chat, split):
    """What the untouched model answers in its own format, to a part of the test; asked once."""
    path = folder / "before.json"
    if path.is_file():
        return read_json(path)
    asked = split.test[:: max(1, len(split.test) // N_BEFORE)]
    items = tasks.sample(64, TEST_TASKS_SEED, "test")
    said = {
        "asked": len(asked),
        "right": share_right(replies_to(chat, [t.asked for t in asked]), asked, split),
        "tasks": mean(exact(chat, items)[0]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(said) + "\n")
    return said


def measure_all(chat, saved, split, with_forum=True):
    """Ask everything that is held out for the test; return shares, and the answers."""
    after = measure_on_test(chat, saved, split, COURSE)
    answers, refusal = {"questions": after.pop("answers")}, load_refusal(saved)
    items = tasks.sample(N_MEASURED_TASKS, TEST_TASKS_SEED, "test")
    right, replies = exact(chat, items)
    refused = are_refused(replies, refusal)
    shown = [r and not no for r, no in zip(right, refused, strict=True)]
    after["tasks"] = {
        "asked": len(items),
        "right": mean(shown),
        "right_without_refusal": mean(right),
        "refused": mean(refused),
        "by_kind": share_by_kind([task.kind for task in items], shown),
    }
    if with_forum:
        forum, trained = turns("forum"), [turn.asked for turn in split.train]
        replies = replies_to(chat, [turn.asked for turn in forum])
        refused = are_refused(replies, refusal)
        right = are_right(replies, forum, references_of(split))
        near = [nearest_reference(turn.asked, trained)[1] for turn in forum]
        after["forum"] = {
            "asked": len(forum),
            "right_without_refusal": mean(right),
            "right": mean([r and not no for r, no in zip(right, refused, strict=True)]),
            "refused": mean(refused),
            "nearest_wording_f1": round(sum(near) / len(near), 3),
        }
        answers["forum"] = [[r.asked, r.answer, ok] for r, ok in zip(replies, right, strict=True)]
    strangers = replies_to(chat, COURSE.test)
    scores = all_scores(strangers, DO_NOT_KNOW)[refusal.how]
    answers["foreign"] = [[r.asked, r.answer, s] for r, s in zip(strangers, scores, strict=True)]
    return after, answers


def share_right(replies, asked, split):
    """The share of replies that are right among all references."""
    return mean(are_right(replies, asked, references_of(split)))


def exact(chat, items):
    """For each task, whether the answer is exactly right; and the replies."""
    replies = replies_to(chat, [task_turn(task).asked for task in items], 40)
    right = [exact_match(r.answer, t.output) for r, t in zip(replies, items, strict=True)]
    return right, replies


def card(report):
    """The model card of a report, in Markdown."""
    before, after, recipe = report["before"], report["after"], report["recipe"]
    forum = after.get("forum", {"asked": 0, "right": 0, "nearest_wording_f1": 0})
    lines = [
        "# The course's adapter for SmolLM2",
        "",
        f"LoRA of rank {recipe['rank']} on every matrix of the blocks from number {report['first']} on of",
        "SmolLM2-135M-Instruct, in eight bits per number. With it SmolLM2 answers questions about the",
        "course, does small tasks, and says that it does not know the rest. It knows no more than that, and it can be wrong.",
        "",
        f"- command: `{COMMAND}`, seed {recipe['seed']}"
        + (f", {report['minutes']} minutes" if report["minutes"] else ", in several parts"),
        f"- Python {report['python']}, torch {report['torch']}, CPU, "
        f"{report['train_config']['precision']}, {report['train_config']['optimizer']}",
        f"- {report['rows']:,} rows, {report['tokens']:,} tokens, read {report['passes']} times, "
        f"{report['train_config']['steps']:,} steps",
        f"- SHA-256 of the adapter: `{report['sha256']}`",
        f"- SHA-256 of the file of SmolLM2 it belongs to: `{report['base_sha256']}`",
        f"- license: {LICENSE}",
        "",
        "Asked in wordings that it never saw; what it refuses counts as wrong. The threshold was chosen on "
        "validation data." + (f" {AGAIN}" if report["chosen_again"] else ""),
        "",
        "| | before | after |",
        "|---|---|---|",
        f"| course questions | {before['right']:.1%} of {before['asked']} | {after['right']:.1%} |",
        f"| the same without a model, by shared words | | {after['right_by_words']:.1%} |",
        f"| in the manner of forums ({forum['asked']}) | | {forum['right']:.1%} |",
        f"| tasks, exact match ({after['tasks']['asked']}) | {before['tasks']:.1%} "
        f"| {after['tasks']['right']:.1%} |",
        f"| known questions refused | | {after['known_refused']:.1%} |",
        f"| foreign questions refused ({after['foreign_asked']}) | | {after['foreign_refused']:.1%} |",
        "",
    ]
    return "\n".join(lines)


def main(arguments=None):
    """Run the command line; return 0, 130 where it was stopped, 1 for bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.makers.smollm2_adapter", description=__doc__
    )
    parser.add_argument("--out", type=Path, default=Path("runs/adapter"))
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--finish", action="store_true", help="measure the newest checkpoint")
    parser.add_argument("--tokens", type=int, default=RECIPE.tokens, help="how much is read")
    parser.add_argument("--rank", type=int, default=RECIPE.rank)
    parser.add_argument("--learning-rate", type=float, default=RECIPE.learning_rate)
    parser.add_argument("--optimizer", choices=sorted(OPTIMIZERS), default="adamw")
    parser.add_argument("--precision", default="auto", help="fp32, bf16 or auto")
    parser.add_argument("--questions", type=int, help="only the first so many answers, for a trial")
    parser.add_argument("--part", choices=("train", "choose", "test"), help="one part alone")
    options = parser.parse_args(arguments)
    use_every_core()
    keep_memory()
    try:
        recipe = replace(
            RECIPE,
            rank=options.rank,
            alpha=float(options.rank),
            learning_rate=options.learning_rate,
            tokens=options.tokens,
        )
        report = True
        if options.part == "choose":
            report = read_json(options.out / "adapter" / "report.json")
            choose(options.out, fetch("smollm2"), course_split(options.questions), report)
        elif options.part != "test":
            report = run(
                options.out,
                recipe,
                options.resume,
                options.questions,
                options.precision,
                options.optimizer,
                options.finish,
            )
        if report is not None and options.part in (None, "test"):
            ask_test(options.out, options.questions)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 130 if report is None else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
