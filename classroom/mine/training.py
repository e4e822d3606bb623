"""Part 7 of `my_llm.py`: the training loop."""

import math
import signal
import sys
import time

import torch

from classroom.mine.data import endless_batches, windows
from classroom.mine.files import save_checkpoint
from classroom.mine.settings import DEVICE
from classroom.turns.t07 import adamw_step, evaluate_loss, learning_rate_at, training_loop


class AdamW(torch.optim.Optimizer):
    """AdamW over a model; matrices decay, biases and normalization scales do not."""

    def __init__(self, model, weight_decay):
        decays = [(part, weight_decay if part.ndim >= 2 else 0.0) for part in model.parameters()]
        super().__init__([{"params": part, "weight_decay": d} for part, d in decays], {"lr": 0.0})

    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                if not state:
                    zeros = torch.zeros_like(parameter)
                    state.update(step=torch.tensor(0.0), exp_avg=zeros, exp_avg_sq=zeros.clone())
                adamw_step(parameter, parameter.grad, state, group["lr"], group["weight_decay"])


def train(model, optimizer, ids, config, state=None, folder=None, tokenizer=None):
    """Train in place on `ids`, (to learn from, held out); `state` is that of a checkpoint."""
    stop, before, length = [], signal.getsignal(signal.SIGINT), model.config.context_length
    if state is None:
        torch.manual_seed(config.seed)
        state = {"step": 0, "losses": [], "validation": [], "settings": config._asdict()}
    stream = endless_batches(ids[0], config, length, skip=state["step"])
    parts = [part.to(DEVICE).split(config.batch_size) for part in windows(ids[1], length, length)]
    held_out, plan = list(zip(*parts, strict=True))[:20], (config.steps, *config[2:4])
    rates = [learning_rate_at(step, *plan) for step in range(state["step"], config.steps)]
    # Ctrl-C once ends the training after this step; twice, at once
    signal.signal(signal.SIGINT, lambda *_: stop.append(signal.signal(signal.SIGINT, before)))
    start, first = time.perf_counter(), state["step"]
    for step, loss in enumerate(training_loop(model, optimizer, stream, rates), first + 1):
        if not math.isfinite(loss):
            raise ValueError(f"the loss is {loss} at step {step - 1}")
        state["losses"].append(loss)
        state["step"] = step
        if sys.stdout.isatty():
            left = (config.steps - step) * (time.perf_counter() - start) / (step - first) / 60
            print(f"\rstep {step}: loss {loss:.3f}, {left:.1f} minutes left ", end="", flush=True)
        if due := step == config.steps or step % config.evaluate_every == 0:
            loss = evaluate_loss(model, held_out)
            state["validation"].append([step, loss])
            print(f"\rstep {step} of {config.steps}: held-out loss {loss:.3f}  ")
        if folder and (due or stop):
            save_checkpoint(folder, model, optimizer, state, tokenizer)
        if stop:
            break
    signal.signal(signal.SIGINT, before)
    model.eval()
    return state
