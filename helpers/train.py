"""The training loop: batches, loss, gradients, steps, and what is worth watching meanwhile.

Shapes: B sequences, T tokens, V tokens in the vocabulary. Losses are in nats a token.
"""

import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch

from helpers.checkpoint import (
    checkpoint_name,
    checkpoints,
    load_checkpoint,
    read_state,
    save_checkpoint,
)
from helpers.device import PRECISIONS, precision_name
from helpers.fast.compiled import Compiled
from helpers.fast.distributed import (
    check_share,
    from_first,
    in_parallel,
    is_first,
    mean_of_all,
    own_rows,
    vary_dropout,
)
from helpers.fast.head_loss import IGNORED, head_loss
from helpers.limits import check_number, check_whole
from helpers.optim import MuonWithAdamW, create_optimizer, learning_rate_at
from helpers.runs.progress import ProgressBar, StopButton
from helpers.runs.safety import (
    append_log,
    check_loss,
    check_weights,
    cut_log,
    naming_the_last_checkpoint,
)
from helpers.texts.loaders import create_loader, fingerprint

OPTIMIZERS = {"adamw": create_optimizer, "muon": MuonWithAdamW}


@dataclass(frozen=True)
class TrainConfig:
    """How to train; each field is a flag of `python -m tools.train`.

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

    def __post_init__(self):
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


@dataclass
class History:
    """What a run has seen so far: a loss a step, and a validation loss every few steps."""

    step: int = 0
    train_losses: list = field(default_factory=list)
    evaluated_steps: list = field(default_factory=list)
    validation_losses: list = field(default_factory=list)
    interrupted: bool = False


def next_token_loss(model, inputs, targets):
    """Mean cross-entropy, in nats a token, of the model's logits for (B, T) inputs and targets.

    Targets of -100 are padding and do not count.
    """
    hidden = model.hidden_states(inputs)  # (B, T, C)
    return head_loss(hidden, model.output_head.weight, targets)


@torch.no_grad()
def evaluate_loss(model, tokens, batch_size=16, batches=None):
    """Mean loss over windows of `tokens` that do not overlap, in nats a token.

    `tokens` may be a loader, too: then its batches are read, and `batch_size` is its own.
    `batches` limits how many batches are read, the same ones each time (None: all).
    Raises ValueError where `tokens` are fewer than one window, or for less than one batch.
    """
    if batches is not None:
        check_whole("batches", batches, least=1)
    was_training = model.training
    model.eval()
    loader = _loader(tokens, model, batch_size, shuffle=False, drop_last=False)
    total, count = 0.0, 0
    for number, (inputs, targets) in enumerate(loader):
        if number == batches:
            break
        loss = next_token_loss(model, *_to_device_of(model, inputs, targets))
        counted = (targets != IGNORED).sum().item()
        total, count = total + loss.item() * counted, count + counted
    model.train(was_training)
    return total / count


def train(
    model,
    train_tokens,
    validation_tokens,
    config,
    folder=None,
    resume=False,
    tokenizer=None,
    on_evaluate=None,
    progress=True,
    compiled=False,
    on_step=None,
):
    """Train `model` in place and return its `History`.

    `train_tokens` and `validation_tokens` are rows of token ids, or loaders of batches.
    With a `folder`, checkpoints and a JSON-lines log are written there, and `resume` goes on from
    the newest one to the same numbers, bit for bit on one machine. Ctrl-C finishes the step, saves
    and returns with `history.interrupted` set. `on_evaluate(step, model, history)` is called after
    each evaluation, with the model in evaluation mode, and `on_step(step, loss, learning_rate,
    tokens_a_second)` after each step. `compiled` sends the steps through `torch.compile`. Among
    many processes (`helpers.fast.distributed`) all call this alike, and share each batch. Raises ValueError for a text too short, nothing to
    resume or a folder in use; FloatingPointError where the loss explodes or is no number, and
    OSError where the disk is full: both name the last good checkpoint.
    """
    precision = precision_name(config.precision, model.token_embedding.weight.device)
    config = replace(config, precision=from_first(precision))
    optimizer = OPTIMIZERS[config.optimizer](model, config.learning_rate, config.weight_decay)
    loader = _loader(train_tokens, model, config.batch_size, seed=config.seed)
    check_share(loader)
    torch.manual_seed(config.seed)
    run = {"train_config": asdict(config), "training_tokens": fingerprint(train_tokens)}
    history = (_resume if resume else _begin)(folder, model, optimizer, loader, run)

    def evaluate():
        _evaluate(model, validation_tokens, config, history, folder, on_evaluate)

    def save():
        if folder and not (Path(folder) / checkpoint_name(history.step)).exists():
            check_weights(model, history.step)
            state = {"step": history.step, "history": asdict(history)}
            state |= {"loader": loader.state_dict()} | run
            save_checkpoint(folder, model, optimizer, state, tokenizer)

    bar = ProgressBar(config, loader, history.step, progress and is_first(), on_step)
    trained = Compiled(in_parallel(model)) if compiled else in_parallel(model)
    with naming_the_last_checkpoint(folder), bar:
        _take_steps(model, trained, optimizer, loader, config, history, evaluate, save, bar)
    return history


def _take_steps(model, trained, optimizer, loader, config, history, evaluate, save, bar):
    """Train from where `history` stands to the end or Ctrl-C; evaluate and save on the way."""
    batches = own_rows(_endless(loader))
    vary_dropout(config.seed + history.step)
    model.train()
    with StopButton() as stop:
        while history.step < config.steps and not mean_of_all(stop.pressed):
            loss = mean_of_all(training_step(trained, optimizer, batches, config, history.step))
            check_loss(loss, model.config.vocab_size, history.step, optimizer)
            history.train_losses.append(loss)
            history.step += 1
            bar.update(history.step, loss, optimizer.param_groups[0]["lr"])
            if history.step % config.evaluate_every == 0 or history.step == config.steps:
                evaluate()
            if config.checkpoint_every and history.step % config.checkpoint_every == 0:
                save()
    history.interrupted = history.step < config.steps
    if history.interrupted or config.checkpoint_every:
        save()
    model.eval()


def training_step(model, optimizer, batches, config, step):
    """Take one optimizer step over `accumulate` batches; return their mean loss in nats a token.

    Each batch weighs as many as it has scored targets, so that the step is that of one large batch.
    """
    plan = config.steps, config.learning_rate, config.warmup_steps, config.final_share
    rate = learning_rate_at(step, *plan)
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("rate_share", 1.0)
    parts = [_to_device_of(model, *next(batches)) for _ in range(config.accumulate)]
    scored = [(targets != IGNORED).sum() for _, targets in parts]
    mean_loss = 0.0
    for (inputs, targets), count in zip(parts, scored, strict=True):
        with _autocast(inputs.device, config.precision):
            loss = next_token_loss(model, inputs, targets) * (count / sum(scored))
        loss.backward()
        mean_loss += loss.item()
    if not math.isfinite(mean_loss):
        raise FloatingPointError(f"loss is {mean_loss} at step {step}, learning rate {rate:.2g}")
    torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return mean_loss


def _evaluate(model, validation_tokens, config, history, folder, on_evaluate):
    loss = evaluate_loss(model, validation_tokens, config.batch_size, config.evaluate_batches)
    history.evaluated_steps.append(history.step)
    history.validation_losses.append(loss)
    if folder and is_first():
        recent = history.train_losses[-config.evaluate_every :]
        line = {"step": history.step, "train": sum(recent) / len(recent), "validation": loss}
        append_log(folder, line)
    if on_evaluate is not None:
        on_evaluate(history.step, model.eval(), history)
        model.train()


def saved_config(folder):
    """Return the `TrainConfig` of the newest checkpoint in a run's folder.

    Raises ValueError where there is none.
    """
    return TrainConfig(**read_state(_newest(folder))["train_config"])


def _newest(folder):
    found = checkpoints(folder) if folder else []
    if not found:
        raise ValueError(f"nothing to resume: there is no checkpoint in {folder}")
    return found[-1]


def _begin(folder, *_):
    if folder and checkpoints(folder):
        raise ValueError(f"{folder} holds a run already; resume it or take another folder")
    return History()


def _resume(folder, model, optimizer, loader, run):
    newest = _newest(folder)
    before = read_state(newest)
    for name, value in run["train_config"].items():
        if before["train_config"].get(name) != value:
            was = before["train_config"].get(name)
            raise ValueError(f"{name} was {was} in {newest} and is {value} now")
    if before["training_tokens"] != run["training_tokens"]:
        raise ValueError(f"{newest} was made from other training tokens")
    state = load_checkpoint(newest, model, optimizer)
    loader.load_state_dict(state["loader"])
    if is_first():
        cut_log(folder, state["step"])
    return History(**{**state["history"], "interrupted": False})


def _loader(tokens, model, batch_size, **options):
    """A loader over a row of token ids; a loader stays as it is."""
    if hasattr(tokens, "state_dict"):
        return tokens
    return create_loader(tokens, model.config.context_length, batch_size, **options)


def _endless(loader):
    while True:
        yield from loader


def _to_device_of(model, *tensors):
    device = model.token_embedding.weight.device
    return [tensor.to(device, non_blocking=True) for tensor in tensors]


def _autocast(device, precision):
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
