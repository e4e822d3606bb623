"""Part 7 of `my_llm.py`: the training loop."""

import math
import signal
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

from classroom.mine.data import endless_batches, windows
from classroom.mine.files import save_checkpoint


def next_token_loss(model, inputs, targets):
    """Mean cross-entropy in nats per token of (B, T) inputs and targets."""
    device = next(model.parameters()).device
    logits = model(inputs.to(device))  # (B, T, V)
    return F.cross_entropy(logits.flatten(0, 1), targets.to(device).flatten())


def create_optimizer(model, weight_decay):
    """AdamW; matrices decay, biases and normalization scales do not."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    rest = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [{"params": matrices}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=weight_decay, fused=True)


def learning_rate_at(step, steps, peak, warmup_steps=0, final_share=0.1):
    """A linear rise to `peak`, then half a cosine down to its `final_share`."""
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return peak * (final_share + (1 - final_share) * cosine)


def training_step(model, optimizer, inputs, targets, config, step):
    """Take one optimizer step; return the loss before it."""
    rate = learning_rate_at(step, config.steps, config.learning_rate, config.warmup_steps)
    for group in optimizer.param_groups:
        group["lr"] = rate
    loss = next_token_loss(model, inputs, targets)
    loss.backward()
    if not math.isfinite(loss.item()):
        raise ValueError(f"the loss is {loss.item()} at step {step}")
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


@torch.no_grad()
def evaluate_loss(model, ids, batch_size, most_batches=20):
    """Mean loss over windows of `ids` that do not overlap, in nats per token."""
    length = model.config.context_length
    inputs, targets = (each.split(batch_size) for each in windows(ids, length, length))
    pairs = list(zip(inputs, targets, strict=True))[:most_batches]
    was_training, _ = model.training, model.eval()
    total = sum(next_token_loss(model, *pair).item() * len(pair[0]) for pair in pairs)
    model.train(was_training)
    return total / sum(len(inputs) for inputs, _ in pairs)


def train(model, optimizer, ids, config, state=None, folder=None, tokenizer=None):
    """Train in place on `ids`, (to learn from, held out); `state` is that of a checkpoint."""
    stop, before, length = [], signal.getsignal(signal.SIGINT), model.config.context_length
    if state is None:
        torch.manual_seed(config.seed)
        state = {"step": 0, "losses": [], "validation": [], "settings": config._asdict()}
    stream = endless_batches(ids[0], config, length, skip=state["step"])
    model.train()
    # Ctrl-C once ends the training after this step; twice, at once
    signal.signal(signal.SIGINT, lambda *_: stop.append(signal.signal(signal.SIGINT, before)))
    while state["step"] < config.steps and not stop:
        start, step = time.perf_counter(), state["step"] + 1
        loss = training_step(model, optimizer, *next(stream), config, step - 1)
        state["losses"].append(loss)
        state["step"] = step
        if sys.stdout.isatty():
            left = (config.steps - step) * (time.perf_counter() - start) / 60
            print(f"\rstep {step}: loss {loss:.3f}, {left:.1f} minutes left ", end="", flush=True)
        if due := step == config.steps or step % config.evaluate_every == 0:
            loss = evaluate_loss(model, ids[1], config.batch_size)
            state["validation"].append([step, loss])
            print(f"\rstep {step} of {config.steps}: held-out loss {loss:.3f}  ")
        if folder and (due or stop):
            save_checkpoint(folder, model, optimizer, state, tokenizer)
    signal.signal(signal.SIGINT, before)
    model.eval()
    return state
