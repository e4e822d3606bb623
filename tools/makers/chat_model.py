"""Fine-tune the course's GPT into its chat model: `python -m tools.makers.chat_model`.

It learns the course's questions (all wordings but the last of each) and the tasks of
`classroom.worlds.tasks`. All weights learn; what changed is saved in eight bits per number. Then it is asked
what it never saw. `helpers/assets/chat_model` is the folder that this command wrote.
"""

import argparse
import json
import platform
import random
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch

from classroom.worlds import tasks
from classroom.worlds.course_qa import questions
from helpers.chat import BASE_MODEL, ChatModel
from helpers.checkpoint import load_model
from helpers.device import choose_device, keep_memory, use_every_core
from helpers.difference import NAME, add_difference, save_difference
from helpers.evaluate import answer_all, exact_match, is_right_answer, share_by_kind, token_f1
from helpers.fast import fused_next_token_loss, speed_up
from helpers.files import sha256
from helpers.instructions import Instruction, format_chat, instruction_loader
from helpers.runs.run import Run
from helpers.train import TrainConfig, train
from tools.makers.course_texts import draw_tasks
from tools.terminal import run_command

COMMAND = "python -m tools.makers.chat_model --out runs/chat_model"
N_TASKS, TASKS_SEED, TEST_TASKS_SEED = 40_000, 1, 2
QUESTION_TIMES = 12
# Long ones too: a place in the context at which nothing was learned is a place to get lost.
CONVERSATION_SHARE, CONVERSATION_LENGTHS = 0.4, (2, 3, 4, 5, 6)
N_MEASURED_TASKS, N_MEASURED_LATE = 1200, 100
SMALL_WORDS = frozenset(
    "a an the is are was do does did can could you me tell explain what how why of in on to it we i "
    "please say about".split()
)
OPENINGS = ("Can you tell me", "Please explain:", "I want to know:", "Tell me,", "Hello,", "And")
RECIPE = TrainConfig(
    steps=1600,
    batch_size=24,
    learning_rate=0.005,
    warmup_steps=50,
    weight_decay=0.0,
    optimizer="muon",
    evaluate_every=250,
    evaluate_batches=20,
    checkpoint_every=500,
    final_share=0.0,
)


def conversations(n_tasks=N_TASKS, question_times=QUESTION_TIMES, seed=TASKS_SEED):
    """What the chat model learns from: single turns, and some conversations of two to six.

    Every training wording of every question comes `question_times` times, beside `n_tasks` tasks.
    """
    rng = random.Random(seed)
    asked = questions("train") * question_times
    held_out = {_bare(question) for question, _ in questions("test")}
    turns = []
    for question, answer in asked:
        varied = vary(question, rng)
        kept = question if _bare(varied) in held_out else varied
        turns.append(_turn(kept, answer))
    turns += map(_task_turn, draw_tasks(n_tasks, seed, "train"))
    rng.shuffle(turns)
    found, place = [], 0
    while place < len(turns):
        length = rng.choice(CONVERSATION_LENGTHS) if rng.random() < CONVERSATION_SHARE else 1
        found.append(turns[place : place + length])
        place += length
    return found


def vary(question, rng):
    """A question as somebody else might type it: opened in another way, shortened, carelessly.

    Small words are left out more often than others.

    >>> vary("What is a token?", random.Random(37))
    'Hello, what is a token?'
    """
    words = question.split()
    if rng.random() < 0.5:
        words = [w for w in words if rng.random() > (0.3 if w.lower() in SMALL_WORDS else 0.08)]
    text = " ".join(words) or question
    if rng.random() < 0.2:
        text = f"{rng.choice(OPENINGS)} {text[0].lower()}{text[1:]}"
    return text.rstrip("?.!").lower() if rng.random() < 0.15 else text


def measure(model, tokenizer):
    """Ask what was held out: the last wording of every question, and tasks of the test split.

    Returns shares of right answers, and the answers themselves for who wants to read them.
    """
    asked = questions("test")
    references = list(dict.fromkeys(answer for _, answer in asked))
    answers = answer_all(model, tokenizer, [format_chat(q) for q, _ in asked], 90)
    right = [
        is_right_answer(answer, own, references)
        for answer, (_, own) in zip(answers, asked, strict=True)
    ]
    overlap = [token_f1(a, own) for a, (_, own) in zip(answers, asked, strict=True)]
    items = tasks.sample(N_MEASURED_TASKS, TEST_TASKS_SEED, "test")
    said = answer_all(model, tokenizer, [format_chat(t.instruction, t.input) for t in items], 40)
    exact = [exact_match(answer, task.output) for answer, task in zip(said, items, strict=True)]
    return {
        "questions": {"asked": len(asked), "right": _mean(right), "token_f1": _mean(overlap)},
        "late_questions": {"asked": N_MEASURED_LATE, "right": measure_late(model, tokenizer)},
        "tasks": {
            "asked": len(items),
            "right": _mean(exact),
            "by_kind": share_by_kind([task.kind for task in items], exact),
        },
        "answers": {
            "questions": [
                (q, own, a, r)
                for (q, own), a, r in zip(asked, answers, right, strict=True)
            ],
            "tasks": [
                (t.kind, t.instruction, t.input, t.output, a)
                for t, a in zip(items, said, strict=True)
            ],
        },
    }  # fmt: skip


def measure_late(model, tokenizer, seed=0):
    """Share of held-out wordings answered right after two other questions and their answers."""
    rng, right = random.Random(seed), []
    asked = questions("test")
    references = list(dict.fromkeys(answer for _, answer in asked))
    for question, own in rng.choices(asked, k=N_MEASURED_LATE):
        chat = ChatModel("chat", lambda: (model, tokenizer))
        chat.turns = [(q, f" {a}") for q, a in rng.sample(asked, 2)]
        right.append(is_right_answer(chat.respond(question), own, references))
    return _mean(right)


def run(folder, config, base=BASE_MODEL, n_tasks=N_TASKS, resume=False):
    """Fine-tune into a folder and return the report, or None where Ctrl-C stopped the run."""
    folder = Path(folder)
    around = Run(folder, resume)
    config = replace(config, precision=around.precision(config.precision, choose_device("cpu")))
    torch.manual_seed(config.seed)
    model, tokenizer = load_model(base)
    limit = model.config.context_length
    before = measure(model, tokenizer)
    learned = conversations(n_tasks)
    options = {"batch_size": config.batch_size, "max_tokens": limit, "round_to": 16}
    options |= {"prompt_format": format_chat}
    loader = instruction_loader(tokenizer, learned, seed=config.seed, **options)
    held_out = [_turn(*asked) for asked in questions("test")]
    held_out += list(map(_task_turn, tasks.sample(len(held_out), 3, "validation")))
    validation = instruction_loader(tokenizer, held_out, shuffle=False, **options)
    start = time.perf_counter()
    around.tokenizer, around.loss = tokenizer, fused_next_token_loss
    history = train(speed_up(model), loader, validation, config, around)
    if history.interrupted:
        print(f"Stopped at step {history.step}; saved. Go on with the same command and --resume.")
        return None
    seconds = time.perf_counter() - start
    untouched = load_model(base)[0]
    saved = save_difference(folder / "difference", model, untouched)
    report = {
        "base_sha256": sha256(Path(base) / "model.safetensors"),
        "sha256": sha256(saved / NAME),
        "parameters": model.n_parameters(),
        "conversations": len(learned),
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
        "train_config": asdict(config),
        "minutes": round(seconds / 60, 1),
        "curve": list(zip(history.evaluated_steps, history.validation_losses, strict=True)),
        "before": _without_answers(before),
    }
    after = measure(add_difference(saved, untouched).eval(), tokenizer)
    report |= {"after": _without_answers(after)}
    (folder / "answers.json").write_text(json.dumps(after["answers"], indent=1) + "\n", "utf-8")
    (saved / "report.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    (saved / "README.md").write_text(card(report), "utf-8")
    return report


def card(report):
    """The model card of a report, in Markdown."""
    before, after = report["before"], report["after"]
    kinds = [
        f"| {kind} | {before['tasks']['by_kind'][kind]:.0%} | {share:.0%} |"
        for kind, share in after["tasks"]["by_kind"].items()
    ]
    config = report["train_config"]
    return "\n".join(
        [
            "# The course's chat model",
            "",
            f"What fine-tuning changed in the {report['parameters']:,} weights of the course's GPT,",
            "in eight bits per number. It answers questions about the course and does small tasks.",
            "It knows nothing else, and it can be wrong while it sounds sure.",
            "",
            f"- command: `{COMMAND}`, seed {config['seed']}, {report['minutes']} minutes",
            f"- Python {report['python']}, torch {report['torch']}, CPU, {config['precision']}",
            f"- {report['conversations']:,} conversations, {config['steps']:,} steps of "
            f"{config['batch_size']}",
            f"- SHA-256 of the difference: `{report['sha256']}`",
            f"- SHA-256 of the GPT it belongs to: `{report['base_sha256']}`",
            "",
            "Asked in wordings and about items that it never saw:",
            "",
            "| | before | after |",
            "|---|---|---|",
            f"| course questions ({after['questions']['asked']}) "
            f"| {before['questions']['right']:.1%} | {after['questions']['right']:.1%} |",
            f"| the same, asked as third ({after['late_questions']['asked']}) "
            f"| {before['late_questions']['right']:.1%} | {after['late_questions']['right']:.1%} |",
            f"| tasks ({after['tasks']['asked']}), exact match | {before['tasks']['right']:.1%} "
            f"| {after['tasks']['right']:.1%} |",
            *kinds,
            "",
        ]
    )


def _bare(question):
    """Letters and spaces alone: two questions that differ in nothing else are one."""
    return "".join(c for c in question.lower() if c.isalnum() or c == " ").strip()


def _turn(instruction, output, input=""):
    return Instruction(instruction, input, f" {output}")


def _task_turn(task):
    return _turn(task.instruction, task.output, task.input)


def _without_answers(measured):
    return {name: part for name, part in measured.items() if name != "answers"}


def _mean(values):
    return sum(values) / len(values)


def main(arguments=None):
    """Run the command line; return 0, 130 where it was stopped, 1 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m tools.makers.chat_model", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/chat_model"))
    parser.add_argument("--base", type=Path, default=BASE_MODEL, help="folder of the GPT")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--steps", type=int, default=RECIPE.steps)
    parser.add_argument("--tasks", type=int, default=N_TASKS, help="how many tasks to learn from")
    options = parser.parse_args(arguments)
    use_every_core()
    keep_memory()
    try:
        warmup = min(RECIPE.warmup_steps, options.steps)
        config = replace(
            RECIPE, steps=options.steps, warmup_steps=warmup, precision="auto"
        )  # fmt: skip
        report = run(options.out, config, options.base, options.tasks, options.resume)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 130 if report is None else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
