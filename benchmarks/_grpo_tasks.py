"""The tasks of `bench grpo`: what a problem is, how it is asked, and what an answer is worth."""

import random

import torch

from benchmarks._grpo_loop import descend, set_rate
from classroom.worlds import countdown, sorting, sums
from helpers.llama import Llama, LlamaConfig
from helpers.loss import IGNORED, next_token_loss
from helpers.optim import MuonWithAdamW, learning_rate_at

WIDE = 2.5  # first weights so many times as large as usual: these models are very narrow


def small_llama(vocab_size, context_length, width, n_layers, positions=True):
    """A narrow Llama with larger first weights; without `positions` nothing is rotated."""
    still = None if positions else (1e9,) * (width // 8)
    model = Llama(
        LlamaConfig(
            vocab_size, context_length, width, 2 * width, n_heads=4, n_layers=n_layers,
            n_kv_heads=4, rope_base=100.0, rope_divisors=still,
        )
    )  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(WIDE)
    return model


class Countdown:
    """Three numbers and a target; `score(problem, text)` is the reward.

    Without `compares`, no format example says whether a try was too small or too large.
    """

    end = countdown.encode(countdown.END)[0]
    format_rate, format_batch = 1e-2, 48

    def __init__(
        self, score=countdown.strict_reward, most_tries=countdown.MOST_TRIES, compares=True
    ):
        self.score, self.most_tries, self.compares = score, most_tries, compares

    def new_model(self):
        length = 5 + countdown.TRY * self.most_tries
        return small_llama(len(countdown.vocabulary()), length, width=96, n_layers=3)

    def problems(self, n, rng):
        return rng.sample(countdown.split()["train"], n)

    def prompt(self, problem, rng):
        return countdown.encode(countdown.prompt(problem, rng))

    def most(self, problem):
        return countdown.TRY * self.most_tries

    def reward(self, problem, answer):
        return self.score(problem, countdown.decode(answer))

    def format_example(self, rng):
        """Tries with correct arithmetic, and the target of another problem."""
        asked, answer = countdown.format_example(rng, self.most_tries, self.compares)
        return countdown.encode(asked), countdown.encode(answer)

    def solved_example(self, rng):
        """A training problem with one of its solutions, for the supervised control."""
        problem = rng.choice(countdown.split()["train"])
        found = rng.choice(countdown.solutions(*problem))
        answer = countdown.write_answer([found], problem[1])
        return self.prompt(problem, rng), countdown.encode(answer)


class Sorting:
    """Lists of some lengths; the held-out ones are never asked in training.

    The model has no position encoding: what it knows of where in a list it is comes from the causal
    mask, and nothing ties it to the lengths of training. (With rotary positions, in a trial, the next
    length was rarely right.)
    """

    end = sorting.END
    format_rate, format_batch = 2e-2, 128

    def __init__(self, lengths=(2, 3, 4, 5, 6), held_out=()):
        self.lengths = lengths
        self.held_out = {frozenset(numbers) for numbers in held_out}

    def new_model(self):
        return small_llama(sorting.VOCAB_SIZE, 40, width=48, n_layers=2, positions=False)

    def problems(self, n, rng):
        """Lists of one length, so that their prompts make a rectangle."""
        length, found = rng.choice(self.lengths), []
        while len(found) < n:
            numbers = sorting.problem(length, rng)
            if frozenset(numbers) not in self.held_out:
                found.append(numbers)
        return found

    def prompt(self, problem, rng):
        return sorting.prompt(problem)

    def most(self, problem):
        return len(problem) + 1

    def reward(self, problem, answer):
        return sorting.reward(problem, answer)

    def format_example(self, rng):
        return sorting.format_example(rng.choice(self.lengths), rng)


# Sums, with a calculator or without


def scored_rows(items, way):
    """Inputs and targets (B, T) of sums answered in a way; what the loop appends is not scored."""
    inputs = torch.zeros(len(items), 40, dtype=torch.long)
    targets = torch.full((len(items), 40), IGNORED)
    for row, item in enumerate(items):
        ids = sums.encode(item.question)
        for text, written in getattr(item, way)():
            new = sums.encode(text)
            if written:
                targets[row, len(ids) - 1 : len(ids) + len(new) - 1] = torch.tensor(new)
            ids += new
        inputs[row, : len(ids)] = torch.tensor(ids)
    length = int((targets != IGNORED).any(dim=0).nonzero().max()) + 1
    return inputs[:, :length], targets[:, :length]


def learn_sums(way, steps, seed, rate=2e-2, batch_size=64):
    """A small model of sums; `way` is "with_tool" or "directly"."""
    torch.manual_seed(seed)
    model, rng = small_llama(len(sums.TOKENS), 40, width=48, n_layers=2), random.Random(seed)
    optimizer = MuonWithAdamW(model, rate)
    for step in range(steps):
        inputs, targets = scored_rows(sums.sample(batch_size, rng), way)
        set_rate(optimizer, learning_rate_at(step, steps, rate, min(20, steps)))
        descend(model, optimizer, next_token_loss(model, inputs, targets))
    return model.eval()
