"""The training loop: batches, loss, gradients, steps, and what is worth watching meanwhile.

Shapes: B sequences, T tokens, V tokens in the vocabulary. Losses are in nats per token.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from helpers.device import PRECISIONS
from helpers.limits import check_number, check_whole
from helpers.loss import IGNORED, next_token_loss
from helpers.model import GPT
from helpers.optim import MuonWithAdamW, create_optimizer, learning_rate_at
from helpers.runs.progress import ProgressBar, StopButton
from helpers.runs.run import History, Run
from helpers.runs.safety import check_gradients, check_loss, naming_the_last_checkpoint
from helpers.texts.loaders import create_loader, fingerprint

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": create_optimizer,
    "muon": MuonWithAdamW,
}


@dataclass(frozen=True)
class TrainConfig:
    """How to train; each field is a flag of `python3 course.py train`.

    A step takes `batch_size * accumulate` sequences. `precision` is fp32, bf16 or auto, which
    takes bf16 where it is faster. `checkpoint_every=0` writes a checkpoint only on Ctrl-C.
    Raises ValueError for a number out of range or an unknown name, TypeError for a wrong type.
    """

    steps: int = 1000
    batch_size: int = 16
    accumulate: int = 1
    learning_rate: float = 1e-3
    warmup_steps: int = 50
    weight_decay: float = 0.1
    clip_norm: float = 1.0
    evaluate_every: int = 100
    evaluate_batches: int = 20
    checkpoint_every: int = 500
    seed: int = 0
    precision: str = "fp32"
    optimizer: str = "adamw"
    final_share: float = 0.1

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate", "evaluate_every", "evaluate_batches"):
            check_whole(name, getattr(self, name), least=1)
        for name in ("learning_rate", "clip_norm"):
            check_number(name, getattr(self, name), above=0)
        check_whole("warmup_steps", self.warmup_steps, least=0, most=self.steps)
        check_whole("checkpoint_every", self.checkpoint_every, least=0)
        check_whole("seed", self.seed, least=0, most=2**32 - 1)
        check_number("weight_decay", self.weight_decay, least=0)
        check_number("final_share", self.final_share, least=0, most=1)
        for name, known in (("optimizer", (*OPTIMIZERS,)), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                value = getattr(self, name)
                raise ValueError(f"unknown {name} {value!r}; known: {', '.join(known)}")


# Steps and rates that suit a preset; everything else keeps TrainConfig's defaults.
RECIPES = {
    "tiny": TrainConfig(steps=300, batch_size=32, learning_rate=3e-3, warmup_steps=30),
    "laptop": TrainConfig(steps=400, batch_size=16, learning_rate=2e-3, warmup_steps=40),
}


def training_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterator[Any],
    config: TrainConfig,
    step: int,
    loss_of: Callable[..., torch.Tensor] = next_token_loss,
) -> float:
    """Take one optimizer step over `accumulate` batches; return their mean loss.

    Each batch weighs as many as it has scored targets, so that the step is that of one large batch;
    one without any weighs nothing.
    Raises FloatingPointError for a loss that is NaN or inf, before the weights are touched.
    """
    plan = config.steps, config.learning_rate, config.warmup_steps, config.final_share
    rate = learning_rate_at(step, *plan)
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("rate_share", 1.0)
    device = next(model.parameters()).device
    parts = [to_device(next(batches), device) for _ in range(config.accumulate)]
    scored = [(targets != IGNORED).sum() for _, targets in parts]
    mean_loss = 0.0
    for (inputs, targets), count in zip(parts, scored, strict=True):
        if count == 0:
            continue
        with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            loss = loss_of(model, inputs, targets) * (count / sum(scored))
        loss.backward()
        mean_loss += loss.item()
    if not math.isfinite(mean_loss):
        raise FloatingPointError(f"loss is {mean_loss} at step {step}, learning rate {rate:.2g}")
    nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return mean_loss


@torch.no_grad()
def evaluate_loss(
    model: GPT,
    tokens: Any,
    batch_size: int = 16,
    batches: int | None = None,
    loss_of: Callable[..., torch.Tensor] = next_token_loss,
) -> float:
    """Mean loss over windows of `tokens` that do not overlap, in nats per token.

    `tokens` may be a loader, too: then its batches are read, and `batch_size` is its own.
    `batches` limits how many batches are read, the same ones each time (None: all).
    Raises ValueError where `tokens` are fewer than one window, or for less than one batch.
    """
    if batches is not None:
        check_whole("batches", batches, least=1)
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    loader = as_loader(tokens, model, batch_size, shuffle=False, drop_last=False)
    total, count = 0.0, 0
    for number, batch in enumerate(loader):
        if number == batches:
            break
        inputs, targets = to_device(batch, device)
        if scored := (targets != IGNORED).sum().item():
            total += loss_of(model, inputs, targets).item() * scored
            count += scored
    model.train(was_training)
    if not count:
        raise ValueError(f"every target is {IGNORED}: there is nothing to predict")
    return total / count


def train(
    model: GPT,
    train_tokens: Any,
    validation_tokens: Any,
    config: TrainConfig,
    run: Run | None = None,
) -> History:
    """Train `model` in place and return its `History`.

    `train_tokens` and `validation_tokens` are rows of token ids, or loaders of batches; `run` says
    where checkpoints go and who is told. Ctrl-C finishes the step, saves and returns with
    `history.interrupted` set. Raises ValueError for a text too short, nothing to resume or a
    folder in use; FloatingPointError where the loss explodes, or it or a gradient is NaN, and OSError
    where the disk is full: both name the last good checkpoint, and the weights are those before.
    """
    run = Run() if run is None else run
    precision = run.precision(config.precision, next(model.parameters()).device)
    config = replace(config, precision=precision)
    optimizer = OPTIMIZERS[config.optimizer](model, config.learning_rate, config.weight_decay)
    loader = as_loader(train_tokens, model, config.batch_size, seed=config.seed)
    held_out = _held_out(validation_tokens, model, config)
    torch.manual_seed(config.seed)
    about = {"train_config": asdict(config), "training_tokens": fingerprint(train_tokens)}
    history = run.begin(model, optimizer, loader, about)
    optimizer.register_step_pre_hook(lambda *_: check_gradients(model, history.step))
    stepped, batches = run.stepped(model), run.batches(loader)
    bar = ProgressBar(config, loader, history.step, run.progress, run.on_step)
    model.train()
    with naming_the_last_checkpoint(run.folder), bar, StopButton() as stop:
        while history.step < config.steps and not run.mean(stop.pressed):
            loss = training_step(stepped, optimizer, batches, config, history.step, run.loss)
            loss = run.mean(loss)
            check_loss(loss, model.config.vocab_size, history.step, optimizer)
            history.train_losses.append(loss)
            history.step += 1
            bar.update(history.step, loss, optimizer.param_groups[0]["lr"])
            if history.step % config.evaluate_every == 0 or history.step == config.steps:
                _evaluate(model, held_out, config, history, run)
            if config.checkpoint_every and history.step % config.checkpoint_every == 0:
                run.save(model, optimizer, loader, history, about)
        history.interrupted = history.step < config.steps
        if history.interrupted or config.checkpoint_every:
            run.save(model, optimizer, loader, history, about)
    model.eval()
    return history


def saved_config(folder: Path | str) -> TrainConfig:
    """Return the `TrainConfig` of the newest checkpoint in a run's folder.

    Raises ValueError where there is none, or one of other settings.
    """
    try:
        return TrainConfig(**Run(folder).read_saved()["train_config"])
    except TypeError as error:
        raise ValueError(f"the run in {folder} has settings of another kind: {error}") from None


def as_loader(tokens: Any, model: GPT, batch_size: int, **options: Any) -> Any:
    """Return a loader over a row of token ids; a loader is returned as it is.

    Raises ValueError for ids that the model has no row for.
    """
    loader = tokens
    if not hasattr(tokens, "state_dict"):
        loader = create_loader(tokens, model.config.context_length, batch_size, **options)
    rows, needed = model.config.vocab_size, getattr(loader, "vocab_size", 0)
    if needed > rows:
        raise ValueError(f"token id {needed - 1} is outside the vocabulary, 0 to {rows - 1}")
    return loader


def _held_out(tokens, model, config):
    """The loader of the held-out part, made and checked before the first step."""
    try:
        loader = as_loader(tokens, model, config.batch_size, shuffle=False, drop_last=False)
    except ValueError as error:
        raise ValueError(f"the held-out part: {error}") from None
    read = islice(loader, config.evaluate_batches)
    if not any((targets != IGNORED).any() for _, targets in read):
        raise ValueError("the held-out part: nothing is scored in the batches that are evaluated")
    return loader


def to_device(batch: Any, device: torch.device) -> Any:
    """Put a tensor, or every tensor of a batch, on a device."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    return tuple(to_device(part, device) for part in batch)


def _evaluate(model, tokens, config, history, run):
    options = config.batch_size, config.evaluate_batches, run.loss
    history.evaluated_steps.append(history.step)
    history.validation_losses.append(evaluate_loss(model, tokens, *options))
    run.note(model, history, config.evaluate_every)
