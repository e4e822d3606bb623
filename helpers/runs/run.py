"""A training run: where it is kept, how it is watched, and how it goes on after a stop."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from helpers.bpe import BPETokenizer
from helpers.checkpoint import checkpoints, load_checkpoint, read_state, save_checkpoint
from helpers.device import precision_name
from helpers.loss import next_token_loss
from helpers.model import GPT
from helpers.runs.log import append_log, cut_log
from helpers.runs.safety import check_weights


@dataclass
class History:
    """What a run has seen so far: a loss per step, and a validation loss every few steps."""

    step: int = 0
    train_losses: list[float] = field(default_factory=list)
    evaluated_steps: list[int] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    interrupted: bool = False


@dataclass
class Run:
    """What surrounds the steps of a training run; without options nothing is kept.

    With a `folder`, checkpoints and a log of JSON lines are written there, the `tokenizer` with
    them, and `resume` goes on from the newest checkpoint to the same numbers, bit for bit on one
    machine. `on_evaluate(step, model, history)` is called after each evaluation, with the model in
    evaluation mode, and `on_step(step, loss, learning_rate, tokens_per_second)` after each step.
    `loss(model, inputs, targets)` is what training lowers, and `wrap(model)` what its steps call:
    both are where `helpers.fast` comes in.

    >>> Run().begin(None, None, None, {}).step
    0
    """

    folder: Path | str | None = None
    resume: bool = False
    tokenizer: BPETokenizer | None = None
    on_evaluate: Callable[[int, Any, History], None] | None = None
    on_step: Callable[[int, float, float, float], None] | None = None
    progress: bool = True
    loss: Callable[..., torch.Tensor] = next_token_loss
    wrap: Callable[[nn.Module], nn.Module] | None = None
    saved_step: int | None = field(default=None, init=False)

    def precision(self, wanted: str, device: torch.device) -> str:
        """Return "fp32" or "bf16": measured once for "auto", and the same after a resume."""
        if wanted == "auto" and self.resume:
            return self.read_saved()["train_config"]["precision"]
        return precision_name(wanted, device)

    def begin(self, model: Any, optimizer: Any, loader: Any, about: dict[str, Any]) -> History:
        """Return a new history, or restore the newest checkpoint and return its history.

        `about` says what the run is made from. Raises ValueError where the folder is in use, where
        there is nothing to resume, or where the run to resume was made from something else.
        """
        if not self.resume:
            if self.folder and checkpoints(self.folder):
                raise ValueError(
                    f"{self.folder} holds a run already; resume it or take another folder"
                )
            return History()
        newest = newest_checkpoint(self.folder)
        _check_same(newest, read_state(newest), about)
        state = self.load(newest, model, optimizer)
        loader.load_state_dict(state["loader"])
        self.saved_step = state["step"]
        self.cut_log(newest.parent, state["step"])
        return History(**{**state["history"], "interrupted": False})

    def stepped(self, model: nn.Module) -> nn.Module:
        """Return what the training steps call: the model, or what `wrap` makes of it."""
        return model if self.wrap is None else self.wrap(model)

    def batches(self, loader: Any) -> Iterator[Any]:
        """Yield a loader's batches, epoch after epoch, without an end."""
        while True:
            yield from loader

    def mean(self, value: float) -> float:
        """Return a number's mean over all processes: here there is one."""
        return value

    def note(self, model: GPT, history: History, every: int) -> None:
        """Write the newest evaluation into the log, and call `on_evaluate`."""
        if self.folder:
            recent = history.train_losses[-every:]
            line = {"step": history.step, "train": sum(recent) / len(recent)}
            line["validation"] = history.validation_losses[-1]
            self.log(self.folder, line)
        if self.on_evaluate is not None:
            self.on_evaluate(history.step, model.eval(), history)
            model.train()

    def save(
        self, model: GPT, optimizer: Any, loader: Any, history: History, about: dict[str, Any]
    ) -> None:
        """Write a checkpoint, once per step, where there is a folder.

        Raises FloatingPointError for NaN or inf among the weights: such a model is not kept.
        """
        if self.folder and self.saved_step != history.step:
            check_weights(model, history.step)
            state = {"step": history.step, "history": asdict(history)}
            self.write(model, optimizer, state | {"loader": loader.state_dict()} | about)
            self.saved_step = history.step

    def read_saved(self) -> dict[str, Any]:
        """Return the state of the newest checkpoint; raises ValueError where there is none."""
        return read_state(newest_checkpoint(self.folder))

    def write(self, model: GPT, optimizer: Any, state: dict[str, Any]) -> None:
        """Write one checkpoint into the run's folder."""
        assert self.folder is not None
        save_checkpoint(self.folder, model, optimizer, state, self.tokenizer)

    def load(self, checkpoint: Path, model: GPT, optimizer: Any) -> dict[str, Any]:
        """Restore model and optimizer from a checkpoint; return its state."""
        return load_checkpoint(checkpoint, model, optimizer)

    def log(self, folder: Path | str, line: dict[str, float]) -> None:
        """Append one line to the log."""
        append_log(folder, line)

    def cut_log(self, folder: Path | str, step: int) -> None:
        """Drop the log's lines after a step."""
        cut_log(folder, step)


def newest_checkpoint(folder: Path | str | None) -> Path:
    """Return the newest checkpoint in a run's folder; raises ValueError where there is none."""
    found = checkpoints(folder) if folder else []
    if not found:
        raise ValueError(f"nothing to resume: there is no checkpoint in {folder}")
    return found[-1]


def _check_same(newest, before, about):
    for name, value in about["train_config"].items():
        was = before["train_config"].get(name)
        if was != value:
            raise ValueError(f"{name} was {was} in {newest} and is {value} now")
    if before["training_tokens"] != about["training_tokens"]:
        raise ValueError(f"{newest} was made from other training tokens")
