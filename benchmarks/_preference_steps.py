"""The parts of `bench preferences`, of which notebook 13 uses some: batches, sampling, four trainings.

Shapes: B answers in a batch, T tokens of the longest.
"""

import copy
import random
from collections.abc import Iterator, Sequence

import torch
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_

from classroom.turns.t13 import RewardModel
from classroom.worlds.manners import Pair
from classroom.worlds.tasks import Task
from helpers.generate import next_token_probabilities
from helpers.instructions import Instruction, encode_conversation, format_chat
from helpers.kv_cache import KVCache
from helpers.loss import IGNORED, next_token_loss
from helpers.optim import create_optimizer, learning_rate_at
from helpers.preferences import dpo_loss, reward_loss
from helpers.reinforce import response_log_probs
from helpers.tokenizer import end_of_text_id

WARMUP, CLIP, MAX_NEW_TOKENS = 5, 1.0, 32


def prompted(tokenizer, task: Task) -> list[int]:
    """Return the token ids of a task as the chat model reads it, up to where its answer begins."""
    text = format_chat(task.instruction, task.input)
    return [end_of_text_id(tokenizer), *tokenizer.encode_ordinary(text)]


def encoded(tokenizer, task: Task, answer: str) -> tuple[list[int], list[int]]:
    """Return the token ids and targets of a prompt with its answer; the prompt's targets are ignored."""
    turn = Instruction(task.instruction, task.input, f" {answer}")
    ids, scored = encode_conversation(tokenizer, [turn], format_chat)
    end = end_of_text_id(tokenizer)
    targets = [i if counts else IGNORED for i, counts in zip([*ids, end], scored, strict=True)]
    return [end, *ids], targets


def padded(rows: Sequence[tuple[list[int], list[int]]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (inputs, targets), both (B, T): rows filled up on the right with their first token."""
    width = max(len(inputs) for inputs, _ in rows)
    inputs = [[*row, *row[:1] * (width - len(row))] for row, _ in rows]
    targets = [[*row, *[IGNORED] * (width - len(row))] for _, row in rows]
    return torch.tensor(inputs), torch.tensor(targets)


def with_ends(rows: Sequence[tuple[list[int], list[int]]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (token ids (B, T), lengths (B,)) for a reward model, which reads the end of an answer."""
    whole = [([*inputs, targets[-1]], targets) for inputs, targets in rows]
    return padded(whole)[0], torch.tensor([len(inputs) for inputs, _ in whole])


def batches(n: int, size: int, steps: int, seed: int) -> Iterator[list[int]]:
    """Yield `steps` lists of `size` places from 0 to n - 1; all have had their turn before one returns."""
    rng, order = random.Random(seed), []
    for _ in range(steps):
        while len(order) < size:
            order += rng.sample(range(n), n)
        yield order[:size]
        order = order[size:]


def steps_of(model, loss_of, n, size, steps, rate, seed) -> list:
    """Take AdamW steps on `loss_of(places)`, which returns a loss and what to keep; return what is kept."""
    optimizer, kept = create_optimizer(model, rate, 0.0), []
    model.train()
    for step, places in enumerate(batches(n, size, steps, seed)):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, steps, rate, min(WARMUP, steps))
        loss, kept_now = loss_of(places)
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        kept.append(kept_now)
    model.eval()
    return kept


def finetuned(model, tokenizer, items, answers, steps, seed, size=16, rate=3e-4):
    """Return a copy of a model, trained on answers; the loss counts answers alone."""
    model = copy.deepcopy(model)
    rows = [encoded(tokenizer, *each) for each in zip(items, answers, strict=True)]

    def loss_of(places):
        loss = next_token_loss(model, *padded([rows[place] for place in places]))
        return loss, loss.item()

    steps_of(model, loss_of, len(rows), size, steps, rate, seed)
    return model


def encoded_pairs(tokenizer, pairs: Sequence[Pair]):
    """Return two lists of encoded rows: the chosen answers' and the rejected ones'."""
    return (
        [encoded(tokenizer, pair.task, pair.chosen) for pair in pairs],
        [encoded(tokenizer, pair.task, pair.rejected) for pair in pairs],
    )


def pair_batch(encoded_rows, places):
    """Return (inputs, targets), (2B, T): first the chosen answers of some pairs, then the rejected ones."""
    return padded([rows[place] for rows in encoded_rows for place in places])


def rewarded(model, tokenizer, pairs, steps, seed, size=8, rate=2e-4) -> RewardModel:
    """Return a reward model that starts from a copy of `model` and learns from pairs."""
    torch.manual_seed(seed)
    reward = RewardModel(copy.deepcopy(model), model.config.embedding_dim)
    rows = encoded_pairs(tokenizer, pairs)

    def loss_of(places):
        together = [each[place] for each in rows for place in places]
        loss = reward_loss(*reward(*with_ends(together)).chunk(2))
        return loss, loss.item()

    steps_of(reward, loss_of, len(pairs), size, steps, rate, seed)
    return reward


@torch.no_grad()
def rewards_of(reward, tokenizer, items, answers, size=64) -> torch.Tensor:
    """Return the reward of each answer, (N,)."""
    rows = [encoded(tokenizer, *each) for each in zip(items, answers, strict=True)]
    order = sorted(range(len(rows)), key=lambda place: len(rows[place][0]))
    found = torch.empty(len(rows))
    for start in range(0, len(order), size):
        places = order[start : start + size]
        found[places] = reward(*with_ends([rows[place] for place in places]))
    return found


def preferring(
    model, tokenizer, pairs, steps, seed, beta=0.5, size=8, rate=2e-4, watch=None, every=4
):
    """DPO: return a copy of a model, trained on pairs, and a trace of (loss, chosen's gain, rejected's).

    `watch(step, model)`, if given, is called before the first step, after every fourth, and after the last.
    """
    reference, model = model, copy.deepcopy(model)
    rows, taken = encoded_pairs(tokenizer, pairs), 0

    def loss_of(places):
        nonlocal taken
        if watch and taken % every == 0:
            watch(taken, model)
        taken += 1
        inputs, targets = pair_batch(rows, places)
        with torch.no_grad():
            before, mask = response_log_probs(reference, inputs, targets)
        before = (before * mask).sum(-1)
        now = (response_log_probs(model, inputs, targets)[0] * mask).sum(-1)
        loss = dpo_loss(*now.chunk(2), *before.chunk(2), beta)
        chosen, rejected = (now - before).detach().chunk(2)
        return loss, (loss.item(), chosen.mean().item(), rejected.mean().item())

    trace = steps_of(model, loss_of, len(pairs), size, steps, rate, seed)
    if watch:
        watch(steps, model)
    return model, trace


@torch.no_grad()
def answers_of(model, tokenizer, items, temperature=0.0, seed=0, limit=MAX_NEW_TOKENS, size=64):
    """Return an answer to each task: the greedy one, or one sampled at a temperature."""
    end, generator = end_of_text_id(tokenizer), torch.Generator().manual_seed(seed)
    rows = [prompted(tokenizer, task) for task in items]
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
    answers = [""] * len(rows)
    for start in range(0, len(order), size):
        places = order[start : start + size]
        chosen = [rows[place] for place in places]
        for place, ids in zip(
            places, _together(model, chosen, temperature, generator, limit, end), strict=True
        ):
            answers[place] = tokenizer.decode(ids).strip()
    return answers


def _together(model, rows, temperature, generator, limit, end):
    """Answer rows of token ids together: where a row still has prompt left, its own next token counts."""
    lengths = [len(row) for row in rows]
    cache = KVCache(model.config, len(rows), max(lengths) + limit)
    answers, done = [[] for _ in rows], [False] * len(rows)
    inputs = torch.tensor([row[: min(lengths)] for row in rows])  # (B, T)
    for position in range(min(lengths), max(lengths) + limit):
        logits = model.output_head(model.hidden_states(inputs, cache)[:, -1])  # (B, V)
        probabilities = next_token_probabilities(logits, temperature)
        new = torch.multinomial(probabilities, 1, generator=generator).flatten().tolist()
        for i, row in enumerate(rows):
            if position < len(row):
                new[i] = row[position]
            elif not done[i]:
                done[i] = new[i] == end
                if not done[i]:
                    answers[i].append(new[i])
                    done[i] = len(answers[i]) == limit
        if all(done):
            break
        inputs = torch.tensor(new)[:, None]  # (B, 1)
    return answers


@torch.no_grad()
def log_probs_of(model, tokenizer, items, answers, size=64) -> torch.Tensor:
    """Return the log-probability of each whole answer, in nats, (N,)."""
    rows = [encoded(tokenizer, *each) for each in zip(items, answers, strict=True)]
    parts = []
    for start in range(0, len(rows), size):
        log_probs, mask = response_log_probs(model, *padded(rows[start : start + size]))
        parts.append((log_probs * mask).sum(-1))
    return torch.cat(parts)


@torch.no_grad()
def drift(model, reference, tokenizer, items, answers, size=64) -> float:
    """Return KL(model || reference), in nats per token of answers that the model sampled itself.

    At each of their tokens the sum over the vocabulary is exact.
    """
    rows = [encoded(tokenizer, *each) for each in zip(items, answers, strict=True)]
    total, count = 0.0, 0
    for start in range(0, len(rows), size):
        inputs, targets = padded(rows[start : start + size])
        mask = targets != IGNORED
        log_p, log_q = (F.log_softmax(each(inputs)[mask], dim=-1) for each in (model, reference))
        total += (log_p.exp() * (log_p - log_q)).sum().item()
        count += int(mask.sum())
    return total / count
