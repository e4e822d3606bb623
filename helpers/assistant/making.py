"""Make an assistant from a table of questions: split, train, choose the threshold, measure, save.

Of each question one wording is kept for choosing the threshold and one for the measurement; neither
is learned from. Questions that are foreign to the table are of three kinds as well: to learn from,
to choose, to measure. The model itself learns to say that it does not know, and the threshold
catches more.
"""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from helpers.assistant.adapter import AdapterSettings, corrections_of, save_adapter
from helpers.assistant.asking import all_scores, are_refused, are_right, replies_to
from helpers.assistant.chat import AssistantChat, load_assistant, load_chatml
from helpers.assistant.learning import fit_adapter, with_lora
from helpers.assistant.refusal import choose_refusal, load_refusal, save_refusal
from helpers.assistant.rows import Row, RowLoader, Turn, make_row, many_rows
from helpers.assistant.wordings import rule_wordings, vary
from helpers.checkpoint import checkpoints
from helpers.evaluate import nearest_reference
from helpers.fast import speed_up
from helpers.files import read_json, sha256, write_whole
from helpers.limits import check_whole
from helpers.llama.chat import SYSTEM
from helpers.runs.run import Run
from helpers.train import TrainConfig

FEWEST_WORDINGS = 4  # of a question: two to learn from, one to choose, one to measure
RULE_WORDINGS = 6
MOST_KNOWN_REFUSED = 0.025  # in validation; of other questions it may refuse more
BEFORE, REPORT = "before.json", "report.json"


class Question(NamedTuple):
    """A question, its answer, and other wordings of it."""

    question: str
    answer: str
    wordings: tuple[str, ...] = ()


class Foreign(NamedTuple):
    """Questions that have nothing to do with the table: to learn from, to choose with, to measure."""

    train: Sequence[str]
    validation: Sequence[str]
    test: Sequence[str]


class Split(NamedTuple):
    """The wordings to learn from, to choose with, to measure, and whether rules made some of them."""

    train: list[Turn]
    validation: list[Turn]
    test: list[Turn]
    by_rule: bool


@dataclass(frozen=True)
class Recipe:
    """How to make an assistant: LoRA's rank and alpha, the rate, and how much is read.

    `tokens` limits the work, in tokens; within it, each wording is read at least `least_times` and
    at most `most_times` times.
    """

    rank: int = 8
    alpha: float = 16.0
    learning_rate: float = 2e-3
    tokens: int = 250_000
    least_times: int = 4
    most_times: int = 16
    batch_tokens: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("tokens", "least_times", "batch_tokens"):
            check_whole(name, getattr(self, name), least=1)
        check_whole("most_times", self.most_times, least=self.least_times)


def split_wordings(questions: Sequence[Question], seed: int = 0) -> Split:
    """Return what is learned from and what is held out: of each question, the last two wordings.

    A question of fewer than four wordings gets more by rule. Raises ValueError for a question for which
    the rules find too few.

    >>> split = split_wordings([Question("Are dogs allowed?", "No.", ("dogs ok?", "my dog", "pets?"))])
    >>> [turn.asked for turn in split.train], split.validation[0].asked, split.test[0].asked
    (['Are dogs allowed?', 'dogs ok?'], 'my dog', 'pets?')
    """
    taken = {words.casefold() for q in questions for words in (q.question, *q.wordings)}
    split = Split([], [], [], any(len(q.wordings) + 1 < FEWEST_WORDINGS for q in questions))
    for question, answer, others in questions:
        words = [question, *others]
        if len(words) < FEWEST_WORDINGS:
            for made in rule_wordings(question, 3 * RULE_WORDINGS, seed):
                if made.casefold() not in taken and len(words) < RULE_WORDINGS:
                    taken.add(made.casefold())
                    words.append(made)
        if len(words) < FEWEST_WORDINGS:
            raise ValueError(f"{question!r} needs {FEWEST_WORDINGS} wordings; it has {len(words)}")
        *learned, chosen, measured = words
        split.train.extend(Turn(asked, answer) for asked in learned)
        split.validation.append(Turn(chosen, answer))
        split.test.append(Turn(measured, answer))
    return split


def training_rows(
    chat: AssistantChat, split: Split, foreign: Sequence[str], says: str, recipe: Recipe
) -> list[Row]:
    """Return the rows to learn from: all wordings many times, and foreign questions with a refusal."""
    held_out = {_bare(turn.asked) for turn in (*split.validation, *split.test)}

    def varied(text: str, rng: random.Random) -> str:
        other = vary(text, rng)
        return text if _bare(other) in held_out else other

    once = many_rows(chat, split.train, 2, varied, seed=recipe.seed)
    tokens_of_one = sum(len(row.ids) for row in once) / 2
    times = min(max(int(recipe.tokens / tokens_of_one), recipe.least_times), recipe.most_times)
    rows = many_rows(chat, split.train, times, varied, seed=recipe.seed)
    refused = [Turn(question, says) for question in foreign]
    if refused:  # one answer for all of them: it is soon known by heart
        repeats = max(1, times // 4)
        rows += many_rows(chat, refused, repeats, vary, 0.2, seed=recipe.seed)
    random.Random(recipe.seed).shuffle(rows)
    return rows


def train_config(rows: Sequence[Row], recipe: Recipe, loader: RowLoader) -> TrainConfig:
    """Return how to train on all rows once: a short warm-up, then half a cosine down to zero."""
    steps = len(loader)
    return TrainConfig(
        steps=steps,
        batch_size=loader.batch_size,
        learning_rate=recipe.learning_rate,
        warmup_steps=min(steps, max(1, steps // 20)),
        weight_decay=0.0,
        evaluate_every=max(1, steps // 4),
        evaluate_batches=200,
        checkpoint_every=min(50, steps),
        seed=recipe.seed,
        final_share=0.0,
    )


def loader_of(rows: Sequence[Row], recipe: Recipe, shuffle: bool = True) -> RowLoader:
    """Return batches of rows of one width, with at most `batch_tokens` tokens each."""
    widest = -(-max(len(row.ids) for row in rows) // 8) * 8
    size = max(recipe.batch_tokens, widest)
    return RowLoader(rows, 64, recipe.seed, shuffle=shuffle, round_to=8, batch_tokens=size)


def make_assistant(
    base: Path | str,
    folder: Path | str,
    questions: Sequence[Question],
    foreign: Foreign,
    says: str,
    name: str = "an assistant",
    recipe: Recipe | None = None,
    resume: bool = False,
    precision: str = "auto",
    license: str = "",
    progress: bool = True,
) -> dict[str, Any] | None:
    """Make an assistant on the model of a GGUF file and save it; return the report.

    `says` is the answer to foreign questions. Returns None where Ctrl-C stopped the training, which
    `resume` continues. Raises ValueError for a folder in use or questions that cannot be split, and
    as `helpers.train.train` does.
    """
    recipe = Recipe() if recipe is None else recipe
    folder = Path(folder)
    if not resume and (checkpoints(folder / "run") or (folder / REPORT).exists()):
        raise ValueError(
            f"{folder} holds an assistant or a run already; resume it or take another folder"
        )
    split = split_wordings(questions, recipe.seed)
    model, tokenizer = load_chatml(base)
    before = _before(folder, AssistantChat("", lambda: (model, tokenizer), SYSTEM), split, resume)
    around = Run(folder / "run", resume, progress=progress)
    chat = AssistantChat("", lambda: (model, tokenizer))
    rows = training_rows(chat, split, foreign.train, says, recipe)
    learned = _learn(chat, split, rows, recipe, precision, around)
    if learned is None:
        return None
    settings = AdapterSettings(sha256(base), recipe.rank, recipe.alpha, "", name, license)
    save_adapter(folder, corrections_of(model), settings)
    report = {
        "questions": len(questions),
        "learned_wordings": len(split.train),
        "held_out_by_rule": split.by_rule,
        **learned,
        "recipe": asdict(recipe),
        "before": before,
        "after": measure(load_assistant(folder, base, speed_up), folder, split, foreign, says),
    }
    write_whole(folder / REPORT, json.dumps(report, indent=1) + "\n")
    return report


def _learn(chat, split, rows, recipe, precision, around):
    """Train LoRA for the model of a chat in place; return what it took, None where it was stopped."""
    model = chat.load()[0]
    loader = loader_of(rows, recipe)
    validation = loader_of([make_row(chat, [turn]) for turn in split.validation], recipe, False)
    adapted = with_lora(model, recipe.rank, recipe.alpha, seed=recipe.seed)
    speed_up(model)
    config = replace(train_config(rows, recipe, loader), precision=precision)
    start = time.perf_counter()
    history = fit_adapter(adapted, loader, validation, config, around)
    if history.interrupted:
        return None
    return {
        "steps": config.steps,
        "tokens": sum(len(row.ids) for row in rows),
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "validation_losses": history.validation_losses,
    }


def measure(
    chat: AssistantChat, folder: Path | str, split: Split, foreign: Foreign, says: str
) -> dict[str, Any]:
    """Choose when to refuse on the validation part, save it into `folder`, measure on the test part."""
    chosen = choose_on_validation(chat, folder, split, foreign, says)
    return {"validation": chosen, **measure_on_test(chat, folder, split, foreign)}


def choose_on_validation(
    chat: AssistantChat,
    folder: Path | str,
    split: Split,
    foreign: Foreign,
    says: str,
    tasks: Sequence[str] = (),
) -> dict[str, float]:
    """Choose when to refuse and save it into `folder`; return what it comes to on the same part.

    `tasks` are prompts with answers of another length; few of them may be refused either.
    """
    known = replies_to(chat, [turn.asked for turn in split.validation])
    strangers = replies_to(chat, foreign.validation)
    groups = {"known": known, **({"tasks": replies_to(chat, tasks)} if tasks else {})}
    scores = {name: all_scores(group, says) for name, group in groups.items()}
    refusal, tried = choose_refusal(scores, all_scores(strangers, says), MOST_KNOWN_REFUSED, says)
    save_refusal(folder, refusal)
    right = mean(are_right(known, split.validation, references_of(split)))
    return {"right_without_refusal": right} | tried[refusal.how]


def measure_on_test(
    chat: AssistantChat, folder: Path | str, split: Split, foreign: Foreign
) -> dict[str, Any]:
    """Ask the test part, with the threshold that `folder` holds.

    `right` counts what the reader sees: an answer that is refused is not right. Raises ValueError for
    a folder without a threshold.
    """
    refusal = load_refusal(folder)
    if refusal is None:
        raise ValueError(f"{folder} has no threshold yet: choose it on validation data first")
    replies = replies_to(chat, [turn.asked for turn in split.test])
    right = are_right(replies, split.test, references_of(split))
    refused = are_refused(replies, refusal)
    shown = [r and not no for r, no in zip(right, refused, strict=True)]
    return {
        "right": mean(shown),
        "right_by_words": right_by_words(split),
        "right_without_refusal": mean(right),
        "known_refused": mean(refused),
        "foreign_refused": mean(are_refused(replies_to(chat, foreign.test), refusal)),
        "foreign_asked": len(foreign.test),
        "answers": [[r.asked, r.answer, ok] for r, ok in zip(replies, shown, strict=True)],
    }


def right_by_words(split: Split, most: int = 200) -> float:
    """Accuracy without any model: the answer of the learned wording that shares most words.

    Of a large table so many questions are asked, evenly. It is the control of what a model adds.
    """
    asked = split.test[:: max(1, len(split.test) // most)]
    wordings = [turn.asked for turn in split.train]
    nearest = [split.train[nearest_reference(turn.asked, wordings)[0]] for turn in asked]
    return mean([near.answer == turn.answer for near, turn in zip(nearest, asked, strict=True)])


def references_of(split: Split) -> list[str]:
    """Return every answer once."""
    return list(dict.fromkeys(turn.answer for turn in split.train))


def mean(values: Sequence[bool]) -> float:
    """The share of true values, to four digits; 0 for none."""
    return round(sum(values) / max(1, len(values)), 4)


def _before(folder, chat, split, resume):
    """What the untouched model answers to the held-out wordings, in its own format; asked once."""
    path = folder / BEFORE
    if resume and path.is_file():
        return read_json(path)
    replies = replies_to(chat, [turn.asked for turn in split.test])
    right = are_right(replies, split.test, references_of(split))
    said = {"right": mean(right), "answers": [[r.asked, r.answer] for r in replies[:5]]}
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(said, indent=1) + "\n")
    return said


def _bare(text):
    """Letters and digits alone: two wordings that differ in nothing else are one."""
    return "".join(c for c in text.casefold() if c.isalnum())
