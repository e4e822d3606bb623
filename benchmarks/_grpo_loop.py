"""GRPO on answers that a program checks: sample, score, compare within a group, take a step.

Notebook 14 has its reader write this loop; here it also stops and goes on, and its parts can be
switched off one at a time.

Shapes: B answers, P tokens of a prompt, T tokens of an answer.
"""

import random
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from helpers.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from helpers.generate import generate
from helpers.loss import IGNORED, next_token_loss
from helpers.optim import MuonWithAdamW, learning_rate_at
from helpers.reinforce import (
    group_advantages,
    grpo_clip_loss,
    kl_penalty,
    masked_mean,
    response_log_probs,
)

NO_CLIP = 1e9  # a ratio that nothing reaches


@dataclass(frozen=True)
class Recipe:
    """How to learn from rewards; `baseline`, `normalize`, `clip` and `kl` are what `bench grpo` varies."""

    steps: int = 150
    problems: int = 64  # a step, with a group of answers to each
    group_size: int = 16
    updates: int = 2  # from the same answers; with one, nothing would ever be clipped
    learning_rate: float = 2e-3
    clip: float = 0.2
    kl: float = 0.0
    baseline: bool = True
    normalize: bool = True
    temperature: float = 1.0
    evaluate_every: int = 10
    checkpoint_every: int = 10


def answers_to(model, prompts, most, end, temperature=0.0, seed=None):
    """Answers (B, T) to prompts (B, P) of at most `most` tokens; after its end, each repeats `end`."""
    model.eval()
    new = generate(model, prompts, most, temperature=temperature, stop_id=end, seed=seed)
    return torch.stack(list(new), dim=1)


def rows(prompts, answers, end):
    """Inputs and targets (B, P + T - 1): neither prompts nor what follows the end is scored."""
    whole = torch.cat([prompts, answers], dim=1)
    ended = (answers == end).cumsum(dim=1)
    after = (ended > 1) | ((ended == 1) & (answers != end))
    targets = whole[:, 1:].clone()
    targets[:, : prompts.shape[1] - 1] = IGNORED
    targets[:, prompts.shape[1] - 1 :][after] = IGNORED
    return whole[:, :-1], targets


def padded(pairs, end):
    """Inputs and targets (B, T) of pairs (prompt, answer) of any lengths, answers scored alone."""
    length = max(len(prompt) + len(answer) for prompt, answer in pairs) - 1
    inputs = torch.full((len(pairs), length), end)
    targets = torch.full((len(pairs), length), IGNORED)
    for row, (prompt, answer) in enumerate(pairs):
        whole = torch.tensor([*prompt, *answer])
        inputs[row, : len(whole) - 1] = whole[:-1]
        targets[row, len(prompt) - 1 : len(whole) - 1] = whole[len(prompt) :]
    return inputs, targets


def imitate(model, example, steps, seed, learning_rate=4e-3, batch_size=128, end=0):
    """Learn from examples (prompt, answer) that `example(rng)` draws; return the losses.

    Format training and the supervised control are both this.
    """
    model.train()
    optimizer, losses = MuonWithAdamW(model, learning_rate), []
    for step in range(steps):
        rng = random.Random(f"imitate {seed} {step}")
        inputs, targets = padded([example(rng) for _ in range(batch_size)], end)
        set_rate(optimizer, learning_rate_at(step, steps, learning_rate, min(20, steps)))
        loss = next_token_loss(model, inputs, targets)
        descend(model, optimizer, loss)
        losses.append(loss.item())
    return losses


def set_rate(optimizer, rate):
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("rate_share", 1.0)


def descend(model, optimizer, loss):
    """One step down a loss, with the gradient's norm at most 1."""
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def sampled(model, task, problems, group_size, temperature, seed):
    """A group of answers to each problem: prompts (B, P), answers (B, T), rewards (B,)."""
    rng = random.Random(f"prompts {seed}")
    prompts = torch.tensor([task.prompt(problem, rng) for problem in problems])
    prompts = prompts.repeat_interleave(group_size, dim=0)
    answers = answers_to(model, prompts, task.most(problems[0]), task.end, temperature, seed)
    asked = [problem for problem in problems for _ in range(group_size)]
    scores = [task.reward(p, answer) for p, answer in zip(asked, answers.tolist(), strict=True)]
    return prompts, answers, torch.tensor(scores)


def loss_of(model, reference, inputs, targets, advantages, old_log_probs, recipe):
    """GRPO's loss on some answers: the clipped one, and the weighted penalty if there is one."""
    log_probs, mask = response_log_probs(model, inputs, targets)
    losses = grpo_clip_loss(advantages, log_probs, old_log_probs, recipe.clip)
    if recipe.kl:
        with torch.no_grad():
            before, _ = response_log_probs(reference, inputs, targets)
        losses = losses + recipe.kl * kl_penalty(log_probs, before)
    return masked_mean(losses, mask)


def grpo_step(model, reference, optimizer, task, recipe, seed):
    """Sample, score, compare, update; return what is worth watching.

    Groups whose answers are all equally good have nothing to teach and are left out (Yu et al. 2025).
    """
    problems = task.problems(recipe.problems, random.Random(f"problems {seed}"))
    prompts, answers, rewards = sampled(
        model, task, problems, recipe.group_size, recipe.temperature, seed
    )
    advantages = rewards
    if recipe.baseline:
        advantages = group_advantages(rewards, recipe.group_size, recipe.normalize)
    useful = advantages.view(-1, recipe.group_size).any(dim=1).repeat_interleave(recipe.group_size)
    inputs, targets = rows(prompts[useful], answers[useful], task.end)
    tokens = (rows(prompts, answers, task.end)[1] != IGNORED).sum().item()
    watched = {"reward": rewards.mean().item(), "tokens": tokens / len(answers)}
    watched["useful"] = useful.float().mean().item()
    if not len(inputs):
        return watched
    model.train()
    with torch.no_grad():
        old, _ = response_log_probs(model, inputs, targets)
    for _ in range(recipe.updates):
        given = inputs, targets, advantages[useful], old
        descend(model, optimizer, loss_of(model, reference, *given, recipe))
    return watched


@torch.no_grad()
def accuracy(model, task, problems, seed=0):
    """Greedy accuracy on problems with prompts of one length, and tokens per answer."""
    prompts, answers, rewards = sampled(model, task, problems, 1, 0.0, seed)
    tokens = (rows(prompts, answers, task.end)[1] != IGNORED).sum().item()
    return rewards.mean().item(), tokens / len(problems)


def reinforce(model, task, recipe, seed, folder=None, held_out=None, reference=None):
    """Train by GRPO; return the history, a list with one entry per step.

    With a folder, checkpoints are written there, and a second call goes on from the newest one and
    ends as one that was never stopped. Raises ValueError for a folder of another run.
    """
    optimizer = MuonWithAdamW(model, recipe.learning_rate)
    about = {"recipe": asdict(recipe), "seed": seed}
    history, warmup = [], min(5, recipe.steps)
    if folder and checkpoints(folder):
        newest = checkpoints(folder)[-1]
        state = load_checkpoint(newest, model, optimizer)
        if state["about"] != about:
            raise ValueError(f"{newest} belongs to another run: {state['about']}")
        history = state["history"]
    for step in range(len(history), recipe.steps):
        set_rate(optimizer, learning_rate_at(step, recipe.steps, recipe.learning_rate, warmup, 0.1))
        watched = grpo_step(model, reference, optimizer, task, recipe, 100_000 * seed + step)
        last = step == recipe.steps - 1
        if held_out and ((step + 1) % recipe.evaluate_every == 0 or last):
            watched["held_out"], watched["held_out_tokens"] = accuracy(model, task, held_out)
            if folder:
                told = ", ".join(f"{name} {value:.3f}" for name, value in watched.items())
                print(f"  step {step + 1}: {told}", flush=True)
        history.append(watched)
        if folder and ((step + 1) % recipe.checkpoint_every == 0 or last):
            state = {"step": step + 1, "about": about, "history": history}
            save_checkpoint(Path(folder), model, optimizer, state)
    return history


def distilled_loss(student, teacher, inputs, targets, temperature=1.0):
    """Cross-entropy of a student against a teacher's distribution, over scored tokens."""
    with torch.no_grad():
        wanted = (teacher(inputs) / temperature).softmax(dim=-1)
    losses = F.cross_entropy(
        (student(inputs) / temperature).transpose(1, 2), wanted.transpose(1, 2), reduction="none"
    )
    return masked_mean(losses, targets != IGNORED) * temperature**2
