"""Fine-tune the course's GPT into its chat model: `python -m tools.makers.chat_model`.

It learns the course's questions in their wordings for training and the tasks of
`classroom.worlds.tasks`; to some foreign questions, it learns to say that it does not know. All weights
learn; what changed is saved in eight bits per number. On validation data a threshold is chosen: where
the model is less sure of its answer, it says that, too. Then it is asked what it never saw: with
`--part train` not yet, so that settings can be chosen on validation data, and with `--part test` that
alone. `helpers/assets/chat_model` is the folder that this command wrote.
"""

import argparse
import json
import platform
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch

from classroom.worlds.course_qa import questions
from helpers.assistant.refusal import choose_refusal, load_refusal, save_refusal
from helpers.chat import BASE_MODEL, load_chat_model
from helpers.checkpoint import load_model
from helpers.device import choose_device, keep_memory, use_every_core
from helpers.difference import NAME, save_difference
from helpers.evaluate import exact_match
from helpers.fast import fused_next_token_loss, speed_up
from helpers.files import read_json, sha256
from helpers.runs.run import Run
from helpers.train import TrainConfig, train
from tools.makers import chat_measures, chat_texts
from tools.makers.wording_controls import accuracies
from tools.terminal import run_command

COMMAND = "python -m tools.makers.chat_model --out runs/chat_model"
BEFORE = {"n_questions": 60, "n_tasks": 160, "n_late": 10}  # asked of the untouched GPT
VALIDATION = {"n_tasks": 400, "n_late": 20}
AGAIN = (
    "It was chosen again after the test had been asked once, since it refused too many tasks; the "
    "model was not changed, and the test was asked a second time."
)
RECIPE = TrainConfig(
    steps=8296,
    batch_size=128,
    learning_rate=0.008,
    warmup_steps=50,
    weight_decay=0.0,
    optimizer="muon",
    evaluate_every=500,
    evaluate_batches=15,
    checkpoint_every=250,
    final_share=0.0,
)


def run(folder, config, base=BASE_MODEL, n_tasks=chat_texts.N_TASKS, resume=False):
    """Fine-tune into a folder and ask the validation data; return the report so far.

    Returns None where Ctrl-C stopped the run. Everything may be chosen by what this says.
    """
    folder = Path(folder)
    around = Run(folder, resume)
    config = replace(config, precision=around.precision(config.precision, choose_device("cpu")))
    torch.manual_seed(config.seed)
    model, tokenizer = load_model(base)
    before = chat_measures.measure(model, tokenizer, **BEFORE)
    learned, parts = chat_texts.conversations(n_tasks), chat_texts.broken_off()
    texts = chat_texts.read_again()
    longest = model.config.context_length
    loader = chat_texts.training_loader(tokenizer, learned, parts, texts, config, longest)
    validation = chat_texts.validation_loader(tokenizer, config, longest)
    start = time.perf_counter()
    around.tokenizer, around.loss = tokenizer, fused_next_token_loss
    history = train(speed_up(model), loader, validation, config, around)
    if history.interrupted:
        print(f"Stopped at step {history.step}; saved. Go on with the same command and --resume.")
        return None
    seconds = time.perf_counter() - start
    saved = save_difference(folder / "difference", model, load_model(base)[0])
    report = {
        "base_sha256": sha256(Path(base) / "model.safetensors"),
        "sha256": sha256(saved / NAME),
        "parameters": model.n_parameters(),
        "questions": {split: len(questions(split)) for split in ("train", "validation", "test")},
        "conversations": len(learned),
        "broken_off": len(parts),
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
        "train_config": asdict(config),
        "minutes": None if resume else round(seconds / 60, 1),
        "curve": list(zip(history.evaluated_steps, history.validation_losses, strict=True)),
        "before": _figures(before),
    }
    _write(folder, report)
    return choose(folder, base)


def choose(folder, base=BASE_MODEL):
    """Ask the validation data and choose the threshold of the refusal; return the report so far."""
    folder = Path(folder)
    saved = folder / "difference"
    report = read_json(saved / "report.json")
    model, tokenizer = load_chat_model(saved, base)
    asked = chat_measures.measure(model, tokenizer, "validation", **VALIDATION)
    _, foreign = chat_measures.ask_foreign(model, tokenizer, "validation")
    refusal, tried = choose_refusal(asked["scores"], foreign, chat_measures.MOST_KNOWN_REFUSED)
    save_refusal(saved, refusal)
    report["chosen_again"] = "after" in report
    report |= {"validation": _figures(asked), "refusal": {**refusal._asdict(), "validation": tried}}
    return _write(folder, report, asked["answers"])


def finish(folder, base=BASE_MODEL):
    """Ask the model of a folder what is held out, once, when all is chosen; return the whole report.

    The GPT that it was made from is asked the same in the layout of its own texts: what it gets right
    there, fine-tuning did not teach.
    """
    folder = Path(folder)
    saved = folder / "difference"
    report = read_json(saved / "report.json")
    model, tokenizer = load_chat_model(saved, base)
    after = chat_measures.measure(model, tokenizer)
    alone = chat_measures.measure_in_own_layout(load_model(base)[0], tokenizer)
    forum = chat_measures.measure_forum(model, tokenizer)
    said, foreign = chat_measures.ask_foreign(model, tokenizer, "test")
    scores = {
        "known": after["scores"]["questions"],
        "forum": forum["scores"]["questions"],
        "foreign": foreign,
        "tasks": after["scores"]["tasks"],
    }
    report |= {"after": _figures(after), "forum": _figures(forum)}
    report["before_in_own_layout"] = _figures(alone)
    report["controls"] = {
        split: accuracies(questions("train"), questions(split))
        for split in ("validation", "test", "forum")
    }
    report["refusal"]["test"] = chat_measures.refused(load_refusal(saved), scores)
    report["right_and_shown"] = shown(load_refusal(saved), after, forum)
    answers = {"forum": forum["answers"], "foreign": said, "before": alone["answers"]}
    answers |= after["answers"]
    (saved / "README.md").write_text(card(report), "utf-8")
    return _write(folder, report, answers)


def shown(refusal, after, forum):
    """The shares that are right where a refusal counts as wrong, as whoever chats sees it."""
    rows, scores = after["answers"], after["scores"]
    right = {
        "questions": [row[-1] for row in rows["questions"]],
        "tasks": [exact_match(row[-1], row[-2]) for row in rows["tasks"]],
        "forum": [row[-1] for row in forum["answers"]],
    }
    scores = {**scores, "forum": forum["scores"]["questions"]}
    return {
        name: chat_measures.right_and_shown(refusal, each, scores[name])
        for name, each in right.items()
    }


def card(report):
    """The model card of a report, in Markdown."""
    forum, refused, config = report["forum"], report["refusal"]["test"], report["train_config"]
    return "\n".join(
        [
            "# The course's chat model",
            "",
            f"What fine-tuning changed in the {report['parameters']:,} weights of the course's GPT,",
            "in eight bits per number. It answers questions about the course and does small tasks.",
            "It knows nothing else, and it can be wrong while it sounds sure.",
            "",
            f"- command: `{COMMAND}`, seed {config['seed']}"
            + (f", {report['minutes']} minutes" if report["minutes"] else ""),
            f"- Python {report['python']}, torch {report['torch']}, CPU, {config['precision']}",
            f"- {report['conversations']:,} conversations and {report['broken_off']:,} questions whose "
            f"answers are broken off, {config['steps']:,} steps of at most {config['batch_size']} rows",
            f"- {report['questions']['train']:,} wordings of {report['questions']['test']} questions "
            "from `classroom.worlds.course_qa`, and the tasks of `classroom.worlds.tasks`",
            f"- SHA-256 of the difference: `{report['sha256']}`",
            f"- SHA-256 of the GPT it belongs to: `{report['base_sha256']}`",
            "",
            *_before_and_after(report),
            "",
            f"Of {forum['asked']} questions in the manner of public forums it answers "
            f"{forum['right']:.1%}; their nearest wording of the training overlaps by "
            f"{forum['overlap_median']:.2f} (median of token F1).",
            "",
            "Programs without a language model, on the same questions: the most similar training wording, and",
            "a linear classifier of words and runs of letters:",
            "",
            "| | nearest wording | linear |",
            "|---|---|---|",
            *(
                f"| {split} | {found['nearest']:.1%} | {found['linear']:.1%} |"
                for split, found in report["controls"].items()
            ),
            "",
            "To foreign questions, and where it is unsure of its answer, it says that it does not know. "
            "The threshold was chosen on validation data. "
            + (f"{AGAIN} " if report["chosen_again"] else "")
            + "On the test, with foreign questions on other subjects, it refuses",
            "",
            "| | asked | refused |",
            "|---|---|---|",
            *(
                f"| {kind} | {part['asked']} | {part['refused']:.1%} |"
                for kind, part in refused.items()
            ),
            "",
            "The accuracies above are of the answers before any is refused. Where a refusal counts as wrong,",
            ", ".join(f"{kind} {share:.1%}" for kind, share in report["right_and_shown"].items())
            + ".",
            "",
        ]
    )


def _before_and_after(report):
    """The accuracies of the GPT, in the chat layout and in its own, and of the chat model, as lines."""
    before, alone, after = (report[n] for n in ("before", "before_in_own_layout", "after"))
    rows = {
        "questions": f"course questions ({after['questions']['asked']})",
        "late_questions": f"the same, asked as third ({after['late_questions']['asked']})",
        "tasks": f"tasks ({after['tasks']['asked']}), exact match",
    }
    lines = []
    for part, what in rows.items():
        own = f"{alone[part]['right']:.1%}" if part in alone else ""
        shares = f"{before[part]['right']:.1%} | {own} | {after[part]['right']:.1%}"
        lines.append(f"| {what} | {shares} |")
    by_kind, own = (figures["tasks"]["by_kind"] for figures in (before, alone))
    lines += [
        f"| {kind} | {by_kind.get(kind, 0.0):.0%} | {own.get(kind, 0.0):.0%} | {share:.0%} |"
        for kind, share in after["tasks"]["by_kind"].items()
    ]
    asked = ", ".join(str(before[part]["asked"]) for part in rows)
    return [
        "Asked in wordings and about items that it never saw. Before, in the chat layout, the untouched "
        f"GPT was asked fewer of them ({asked}). Its own layout is that of its texts, in which a question or",
        "a task is followed by its answer: what it gets right there, fine-tuning did not teach.",
        "",
        "| | before, chat layout | before, own layout | after |",
        "|---|---|---|---|",
        *lines,
    ]


def _write(folder, report, answers=None):
    """Write the report, and beside the model's folder all answers for those who read them."""
    (folder / "difference" / "report.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    if answers is not None:
        (folder / "answers.json").write_text(json.dumps(answers, indent=1) + "\n", "utf-8")
    return report


def _figures(measured):
    return {name: part for name, part in measured.items() if name not in ("answers", "scores")}


def main(arguments=None):
    """Run the command line; return 0, 130 where it was stopped, 1 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m tools.makers.chat_model", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/chat_model"))
    parser.add_argument("--base", type=Path, default=BASE_MODEL, help="folder of the GPT")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--steps", type=int, default=RECIPE.steps)
    parser.add_argument(
        "--tasks", type=int, default=chat_texts.N_TASKS, help="how many tasks to learn from"
    )
    parser.add_argument("--part", choices=("train", "choose", "test"), help="one part alone")
    options = parser.parse_args(arguments)
    use_every_core()
    keep_memory()
    try:
        warmup = min(RECIPE.warmup_steps, options.steps)
        config = replace(
            RECIPE, steps=options.steps, warmup_steps=warmup, precision="auto"
        )  # fmt: skip
        report = True
        if options.part == "choose":
            choose(options.out, options.base)
        elif options.part != "test":
            report = run(options.out, config, options.base, options.tasks, options.resume)
        if report is not None and options.part in (None, "test"):
            finish(options.out, options.base)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 130 if report is None else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
