"""The turns of notebook 14: a checker, pass@k, from REINFORCE to GRPO, votes, distillation, a tool.

Shapes: B answers, T tokens, V tokens in the vocabulary. Log-probabilities are in nats.
"""

import copy
import math
import re
from itertools import combinations

import torch
from torch import nn
from torch.nn import functional as F

from classroom.turns.turn import Turns
from helpers.loss import IGNORED
from helpers.reinforce import group_advantages as right_advantages
from helpers.reinforce import grpo_clip_loss, masked_mean, response_log_probs
from helpers.reinforce import kl_penalty as right_penalty

OPERATIONS = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "×": lambda a, b: a * b}


def calculate(call):
    """The calculator: what a call such as 17+25 or 40-8 gives, or ? where it is none."""
    parts = re.fullmatch(r"(\d+)([+-])(\d+)", call)
    return str(OPERATIONS[parts[2]](int(parts[1]), int(parts[3]))) if parts else "?"


TURNS = Turns("14", given={"OPERATIONS": OPERATIONS, "calculate": calculate})
your_turn = TURNS.your_turn

# The course's versions


def check_answer(steps, numbers, target):
    if steps is None or sorted(steps[::2]) != sorted(numbers):
        return 0.0
    first, one, second, other, third = steps
    reached = OPERATIONS[other](OPERATIONS[one](first, second), third)
    return float(reached == target)


def pass_at_k(n, right, k):
    return 1 - math.comb(n - right, k) / math.comb(n, k)


def answer_log_probs(model, inputs, targets):
    log_probs = model(inputs).log_softmax(dim=-1)
    mask = targets != -100
    chosen = log_probs.gather(-1, targets.masked_fill(~mask, 0)[..., None])[..., 0]
    return chosen.masked_fill(~mask, 0), mask


def reinforce_loss(rewards, log_probs, mask):
    losses = -rewards[:, None] * log_probs
    return losses[mask].mean()


def group_advantages(rewards, group_size, normalize=True):
    groups = rewards.view(-1, group_size)
    advantages = groups - groups.mean(dim=1, keepdim=True)
    if normalize:
        advantages = advantages / (groups.std(dim=1, keepdim=True) + 1e-6)
    all_equal = groups.amax(dim=1, keepdim=True) == groups.amin(dim=1, keepdim=True)
    return advantages.masked_fill(all_equal, 0.0).flatten()


def clipped_loss(advantages, log_probs, old_log_probs, clip=0.2):
    ratio = (log_probs - old_log_probs).exp()
    gain = ratio * advantages[:, None]
    held = ratio.clamp(1 - clip, 1 + clip) * advantages[:, None]
    return -torch.minimum(gain, held)


def kl_penalty(log_probs, reference_log_probs):
    difference = reference_log_probs - log_probs
    return difference.exp() - difference - 1


def grpo_update(model, optimizer, inputs, targets, rewards, group_size, updates=2):
    advantages = group_advantages(rewards, group_size)
    with torch.no_grad():
        old, _ = answer_log_probs(model, inputs, targets)
    losses = []
    for _ in range(updates):
        log_probs, mask = answer_log_probs(model, inputs, targets)
        loss = clipped_loss(advantages, log_probs, old)[mask].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def vote(answers):
    return max(answers, key=answers.count)


def distillation_loss(student_logits, teacher_logits, temperature=1.0):
    wanted = (teacher_logits / temperature).softmax(dim=-1)
    log_probs = (student_logits / temperature).log_softmax(dim=-1)
    return temperature**2 * -(wanted * log_probs).sum(dim=-1).mean()


def with_calculator(next_token, question, most=40):
    text = question
    for _ in range(most):
        text += next_token(text)
        if text.endswith("="):
            call = text.split("[")[-1][:-1]
            text += calculate(call) + "]"
        if text.endswith("."):
            break
    return text[len(question) :]


# The checks


@TURNS.turn(check_answer)
def check_check_answer(trial):
    trial.close(
        (3, "+", 5, "×", 7),
        (3, 5, 7),
        38,
        gives=0.0,
        why="read from left to right, it is 56: × does not come before +",
    )
    steps = (5, "-", 3, "×", 7)
    trial.close(
        steps,
        (3, 5, 7),
        14,
        gives=1.0,
        why="(5 - 3) × 7 is 14 and uses 3, 5 and 7 once each, in whatever order: the reward is 1.0",
    )
    trial.close((3, "+", 5, "×", 7), (3, 5, 7), 14, gives=0.0, why="(3 + 5) × 7 is 56, not 14")
    trial.close(
        (7, "+", 7, "×", 1), (3, 5, 7), 14, gives=0.0, why="the numbers must be the given ones"
    )
    trial.close(
        (9, "-", 2, "+", 2), (9, 2, 2), 9, gives=1.0, why="2 is given twice, and used twice"
    )
    trial.close(
        (2, "×", 9, "-", 9), (9, 2, 2), 9, gives=0.0, why="9 is used twice, and given only once"
    )
    trial.close(None, (3, 5, 7), 14, gives=0.0, why="None is a text that is no expression")
    trial.close((1, "-", 9, "×", 8), (8, 9, 1), -64, gives=1.0, why="a target may be negative")


@TURNS.turn(pass_at_k)
def check_pass_at_k(trial):
    trial.close(
        5,
        2,
        2,
        gives=0.7,
        why="of the ten pairs among five answers, seven hold a right one",
        mistakes=[
            (1 - (3 / 5) ** 2, "that draws with repetition: an answer cannot be taken twice"),
            (0.4, "that is the share of right answers; k of them are drawn"),
            (0.3, "that is the share of choices that miss"),
        ],
    )
    for told in ([1, 0, 0, 1, 0], [0, 0, 0], [1, 1, 1], [0, 1, 0, 0, 0, 1, 1]):
        for k in range(1, len(told) + 1):
            chosen = [any(part) for part in combinations(told, k)]
            trial.close(
                len(told),
                sum(told),
                k,
                gives=sum(chosen) / len(chosen),
                why="it is the share of all choices of k answers that hold a right one",
            )
    trial.close(
        200, 30, 100, gives=1 - math.comb(170, 100) / math.comb(200, 100), why="large n works too"
    )


class _Even(nn.Module):
    """Logits from a table, so that each token has a probability known beforehand."""

    def __init__(self, vocab_size=5):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.table = nn.Parameter(torch.randn(vocab_size, vocab_size, generator=generator))

    def forward(self, token_ids):
        return self.table[token_ids]


INPUTS = torch.tensor([[0, 1, 2, 3], [4, 3, 2, 0]])
TARGETS = torch.tensor([[IGNORED, 2, 3, 4], [IGNORED, 2, 0, IGNORED]])


@TURNS.turn(answer_log_probs)
def check_answer_log_probs(trial):
    model = _Even()
    right = response_log_probs(model, INPUTS, TARGETS)
    found = trial.call(model, INPUTS, TARGETS)
    trial.that(
        isinstance(found, (tuple, list)) and len(found) == 2,
        "return two tensors: the log-probabilities and the mask",
    )
    chosen = model(INPUTS).softmax(-1).gather(-1, TARGETS.clamp(min=0)[..., None])[..., 0]
    logits = model(INPUTS).gather(-1, TARGETS.clamp(min=0)[..., None])[..., 0]
    call = "answer_log_probs(model, inputs, targets)"
    trial.same(
        found[1],
        right[1],
        f"the mask of {call}",
        "True where a target counts, also where it is token 0; False where it is -100",
        [(~right[1], "the other way around: True where the target counts")],
    )
    mask = right[1]
    trial.same(
        found[0][mask],
        right[0][mask],
        f"where the mask is True, {call}",
        "the logarithm of the probability that the model gives to the target",
        [
            (-right[0][mask], "that is the loss, minus the log-probability"),
            (chosen[mask], "these are probabilities; take log_softmax"),
            (logits[mask], "these are logits; they become log-probabilities by log_softmax"),
        ],
    )
    trial.that(
        bool(found[0].isfinite().all()), "where a target is ignored, the value must be finite"
    )
    trial.that(
        found[0].shape == TARGETS.shape, "the log-probabilities must have the targets' shape"
    )
    trial.that(found[0].requires_grad, "no gradient reaches the model: it could not learn")
    (gradient,) = torch.autograd.grad(found[0][mask].sum(), model.parameters())
    (wanted,) = torch.autograd.grad(right[0][mask].sum(), model.parameters())
    trial.same(gradient, wanted, "the gradient of the log-probabilities", "it reaches every logit")


@TURNS.turn(reinforce_loss)
def check_reinforce_loss(trial):
    rewards = torch.tensor([1.0, 0.0, -0.5])
    log_probs = torch.tensor([[-1.0, -2.0, 0.0], [-0.5, -1.0, -3.0], [-2.0, 0.0, 0.0]])
    mask = torch.tensor([[True, True, False], [True, True, True], [True, False, False]])
    weighted = rewards[:, None] * log_probs
    right = masked_mean(-weighted, mask)
    padded = torch.where(mask, log_probs, torch.tensor([[-5.0], [-1.0], [-3.0]]))
    trial.close(
        rewards,
        log_probs,
        mask,
        gives=right,
        why="minus the reward of the answer times the log-probability, averaged over counted tokens",
        mistakes=[
            (-right, "the sign: what the optimizer makes small must get large for good answers"),
            (-weighted.mean(), "the mean is over the tokens where the mask is True, no others"),
            (-weighted[mask].sum(), "that is the sum; take the mean"),
            (-log_probs[mask].mean(), "the rewards are not used"),
        ],
    )
    trial.close(
        rewards,
        padded,
        mask,
        gives=right,
        why="what is masked must not count, whatever its value",
    )
    moving = log_probs.clone().requires_grad_()
    loss = trial.call(rewards, moving, mask)
    trial.that(isinstance(loss, torch.Tensor) and loss.requires_grad, "the loss has no gradient")
    (gradient,) = torch.autograd.grad(loss, moving)
    wanted = (-rewards[:, None] * mask) / mask.sum()
    trial.same(gradient, wanted, "its gradient", "each counted token is pushed by its reward")


REWARDS = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0])


@TURNS.turn(group_advantages)
def check_group_advantages(trial):
    groups = REWARDS.view(-1, 4)
    plain = right_advantages(REWARDS, 4, normalize_by_std=False)
    trial.close(
        REWARDS,
        4,
        False,
        gives=plain,
        why="from each reward take the mean of its group of four neighbors",
        mistakes=[
            (REWARDS - REWARDS.mean(), "that is the mean of all; each group has its own"),
            (
                (REWARDS - REWARDS.mean()) * (torch.arange(12) < 8),
                "that is the mean of all; each group has its own",
            ),
            ((groups.mean(1, keepdim=True) - groups).flatten(), "the sign: better is positive"),
            (
                (REWARDS.view(4, -1) - REWARDS.view(4, -1).mean(0)).flatten(),
                "a group are neighbors: view(-1, group_size), mean over dim=1",
            ),
            (right_advantages(REWARDS, 4), "with normalize=False nothing is divided"),
        ],
    )
    found = trial.call(torch.ones(4), 4, True)
    trial.that(
        isinstance(found, torch.Tensor) and bool((found == 0).all()),
        "a group whose rewards are equal must get 0: add 1e-6 to the deviation",
    )
    found = trial.call(torch.full((14,), 0.7), 7, True)
    trial.that(
        bool((found == 0).all()),
        "seven rewards of 0.7 are equal, but their mean is off by a rounding error, which dividing makes "
        "large: where amax and amin of a group agree, fill in 0",
    )
    std = groups.std(1, keepdim=True, unbiased=False) + 1e-6
    trial.close(
        REWARDS,
        4,
        True,
        gives=right_advantages(REWARDS, 4),
        why="then divide by the standard deviation of the group",
        mistakes=[
            (plain, "with normalize=True it is divided by the deviation of the group"),
            ((plain.view(-1, 4) / std).flatten(), "torch's std, which divides by n - 1"),
            (plain / REWARDS.std(), "each group has a deviation of its own"),
        ],
    )
    trial.close(
        torch.tensor([0.5, 2.0, -1.0, 1.0, 3.0, 2.0]),
        3,
        gives=right_advantages(torch.tensor([0.5, 2.0, -1.0, 1.0, 3.0, 2.0]), 3),
        why="rewards may be any numbers, groups of any size; normalize is True by default",
    )


@TURNS.turn(clipped_loss)
def check_clipped_loss(trial):
    advantages = torch.tensor([2.0, -2.0])
    old = torch.full((2, 4), -1.0)
    new = old + torch.tensor([0.5, 1.0, 1.5, 1.1]).log()
    right = grpo_clip_loss(advantages, new, old)
    ratio = (new - old).exp()
    column = advantages[:, None]
    trial.close(
        advantages,
        new,
        old,
        gives=right,
        why="minus the smaller of ratio times advantage and clipped ratio times advantage",
        mistakes=[
            (-ratio * column, "nothing is clipped"),
            (-ratio.clamp(0.8, 1.2) * column, "take the minimum of both, clipped and not clipped"),
            (
                -torch.maximum(ratio * column, ratio.clamp(0.8, 1.2) * column),
                "the smaller of the two gains, not the larger",
            ),
            (-right, "the sign: it is a loss"),
            (
                -torch.minimum((new - old) * column, (new - old).clamp(0.8, 1.2) * column),
                "the ratio of two probabilities is exp of the difference of their logarithms",
            ),
            (grpo_clip_loss(advantages, old, new), "the ratio is new over old"),
        ],
    )
    trial.close(
        advantages,
        new,
        old,
        0.4,
        gives=grpo_clip_loss(advantages, new, old, 0.4),
        why="clip is an argument",
    )
    moving = new.clone().requires_grad_()
    loss = trial.call(advantages, moving, old)
    trial.that(isinstance(loss, torch.Tensor) and loss.requires_grad, "the loss has no gradient")
    (gradient,) = torch.autograd.grad(loss.sum(), moving)
    again = new.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(grpo_clip_loss(advantages, again, old).sum(), again)
    trial.same(
        gradient, wanted, "its gradient", "0 where the clip holds, else through the new probability"
    )


@TURNS.turn(kl_penalty)
def check_kl_penalty(trial):
    now, before = torch.tensor([[-1.0, -0.5, -2.0]]), torch.tensor([[-1.0, -1.5, -0.5]])
    right = right_penalty(now, before)
    trial.close(
        now,
        before,
        gives=right,
        why="with d = reference minus model: exp(d) - d - 1",
        mistakes=[
            (now - before, "that is right on average, and negative for some tokens"),
            ((now - before).square() / 2, "that is half the square, an approximation"),
            (
                right_penalty(before, now),
                "the other way around: d is the reference minus the model",
            ),
        ],
    )
    moving = now.clone().requires_grad_()
    found = trial.call(moving, before)
    trial.that(isinstance(found, torch.Tensor) and found.requires_grad, "it has no gradient")
    trial.that(bool((found >= 0).all()), "it is never negative")
    (gradient,) = torch.autograd.grad(found.sum(), moving)
    trial.same(gradient, 1 - (before - now).exp(), "its gradient", "it pulls toward the reference")


RATE = 4.0  # so large that ratios meet the clip


class _Watched(torch.optim.SGD):
    """An optimizer that counts its steps and looks whether gradients were zeroed before each."""

    def __init__(self, parameters):
        super().__init__(parameters, lr=RATE)
        self.steps = 0

    def step(self, closure=None):
        self.steps += 1
        return super().step(closure)


@TURNS.turn(grpo_update)
def check_grpo_update(trial):
    inputs, targets = INPUTS.repeat(2, 1), TARGETS.repeat(2, 1)
    targets[2, 1] = 0
    rewards = torch.tensor([1.0, 0.0, 0.25, 1.0])
    for size, updates in ((4, 1), (4, 3), (2, 2)):
        model, mine = _Even(), _Even()
        optimizer = _Watched(model.parameters())
        wanted = _updated(mine, inputs, targets, rewards, size, updates)
        losses = trial.call(model, optimizer, inputs, targets, rewards, size, updates)
        call = f"grpo_update(..., group_size={size}, updates={updates})"
        trial.that(
            optimizer.steps == updates, f"{call} takes {optimizer.steps} steps, not {updates}"
        )
        trial.that(losses is not None, f"{call} returned None: return the losses")
        trial.that(
            isinstance(losses, list)
            and len(losses) == updates
            and all(isinstance(loss, (int, float)) for loss in losses),
            "return a list with one loss, a number, per update",
        )
        wrong = []
        for why, change in _MISTAKES.items():
            other = _Even()
            _updated(other, inputs, targets, rewards, size, updates, **change)
            wrong.append((other.table, why))
        trial.same(
            model.table,
            mine.table,
            f"the weights after {call}",
            "advantages, then the clipped loss averaged over counted tokens, then a step",
            wrong,
        )
        trial.same(
            torch.tensor(losses, dtype=torch.float32), torch.tensor(wanted), f"the losses of {call}",
            "each loss is that before its step",
        )  # fmt: skip


_MISTAKES = {
    "the old log-probabilities are those before the first update, for all updates": {"fresh": True},
    "the rewards are used, and not the advantages within each group": {"baseline": False},
    "zero the gradients before each backward": {"zero": False},
    "only the tokens where the mask is True count": {"masked": False},
    "the loss is not clipped": {"clip": 1e9},
    "group_advantages divides by the deviation unless it is told otherwise": {"normalize": False},
    "the mean runs over all marked tokens together, not over each answer first": {
        "by_answer": True
    },
}


def _updated(
    model, inputs, targets, rewards, size, updates, fresh=False, baseline=True, zero=True,
    masked=True, clip=0.2, normalize=True, by_answer=False,
):  # fmt: skip
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=RATE), []
    advantages = right_advantages(rewards, size, normalize) if baseline else rewards
    before = copy.deepcopy(model)
    for _ in range(updates):
        log_probs, mask = response_log_probs(model, inputs, targets)
        old = (model if fresh else before)(inputs).log_softmax(-1)
        old = old.gather(-1, targets.clamp(min=0)[..., None])[..., 0].masked_fill(~mask, 0).detach()
        loss = grpo_clip_loss(advantages, log_probs, old, clip)
        if by_answer:
            loss = ((loss * mask).sum(1) / mask.sum(1)).mean()
        else:
            loss = loss[mask].mean() if masked else loss.mean()
        if zero:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@TURNS.turn(vote)
def check_vote(trial):
    trial.equal(
        ["42", "41", "42"],
        gives="42",
        why="42 was said twice, 41 once",
        mistakes=[("41", "that is the rarest")],
    )
    trial.equal(
        ["7", "9", "7", "9", "8"],
        gives="7",
        why="where several are equally frequent, the one that came first wins",
    )
    trial.equal(
        ["9", "7", "7", "9"],
        gives="9",
        why="where several are equally frequent, the one that came first wins",
    )
    trial.equal(
        [3, 1, 1, 3],  # small numbers, since a set of them has the same order in every process
        gives=3,
        why="where several are equally frequent, the one that came first wins",
    )
    trial.equal(["5"], gives="5", why="a single answer wins")
    trial.equal([(3, 1), (1, 3), (1, 3)], gives=(1, 3), why="answers may be tuples of token ids")
    answers = ["b", "a", "a", "b", "c", "c", "c"]
    trial.equal(answers, gives="c", why="c was said three times")
    trial.that(answers == ["b", "a", "a", "b", "c", "c", "c"], "it changes the list it is given")


@TURNS.turn(distillation_loss)
def check_distillation_loss(trial):
    torch.manual_seed(0)
    student, teacher = torch.randn(2, 3, 5), 2 * torch.randn(2, 3, 5)
    for temperature in (1.0, 2.0):
        wanted = (teacher / temperature).softmax(-1)
        log_probs = (student / temperature).log_softmax(-1)
        right = temperature**2 * -(wanted * log_probs).sum(-1).mean()
        mistakes = [
            (
                temperature**2
                * F.cross_entropy(student.flatten(0, 1), teacher.argmax(-1).flatten()),
                "that learns the teacher's best token alone; use its whole distribution",
            ),
            (
                temperature**2
                * -((student / temperature).softmax(-1) * (teacher / temperature).log_softmax(-1))
                .sum(-1)
                .mean(),
                "the other way around: the teacher's probabilities weigh the student's logarithms",
            ),
            (
                temperature**2 * -(wanted * log_probs).mean(),
                "sum over the vocabulary, then take the mean over tokens",
            ),
            (-right, "the sign: it is a loss"),
            (
                right + temperature**2 * (wanted * wanted.log()).sum(-1).mean(),
                "that is the KL, smaller by the teacher's entropy; its gradient is the same, but the "
                "cross-entropy is asked for",
            ),
        ]
        if temperature != 1:
            cold = -(teacher.softmax(-1) * student.log_softmax(-1)).sum(-1).mean()
            warm = temperature**2 * -(teacher.softmax(-1) * log_probs).sum(-1).mean()
            mistakes += [
                (warm, "divide the teacher's logits by the temperature as well"),
                (cold, "divide both logits by the temperature"),
                (right / temperature**2, "multiply by temperature²: gradients shrink by as much"),
            ]
        trial.close(
            student,
            teacher,
            temperature,
            gives=right,
            why="minus the sum of teacher probability times student log-probability, then the mean",
            mistakes=mistakes,
        )
    first, second = student.clone().requires_grad_(), teacher.clone().requires_grad_()
    loss = trial.call(first, second)
    trial.that(isinstance(loss, torch.Tensor) and loss.requires_grad, "the loss has no gradient")
    (gradient,) = torch.autograd.grad(loss, first)
    wanted = (student.softmax(-1) - teacher.softmax(-1)) / 6
    trial.same(gradient, wanted, "its gradient", "student probability minus teacher probability")


def _writer(*pieces):
    """A model that writes these pieces, one character at a time, whatever it reads."""
    return _Writer("".join(pieces))


class _Writer:
    """A model that writes these tokens, whatever it reads, and is shown as next_token in messages."""

    def __init__(self, tokens):
        self.told, self.seen = iter(tokens), []

    def __call__(self, text):
        self.seen.append(text)
        return next(self.told)

    def __repr__(self):
        return "next_token"


@TURNS.turn(with_calculator)
def check_with_calculator(trial):
    write = _writer("[17+25=", "42.")
    found = trial.call(write, "17 plus 25? ")
    right = "[17+25=42]42."
    trial.that(
        found != "17 plus 25? " + right, "return what was written, without the question before it"
    )
    trial.that(found == right, f"it returned {found!r}, and should return {right!r}: after an = the "
               "result of the call and a ] are appended, and the model goes on")  # fmt: skip
    trial.that(
        write.seen[:2] == ["17 plus 25? ", "17 plus 25? ["],
        "next_token gets the whole text so far: the question and what was written",
    )
    trial.that(
        write.seen[7] == "17 plus 25? [17+25=42]", "the model must see the result before it goes on"
    )
    other = trial.call(_writer("[1+1=", "2."), "17 plus 25? ")
    trial.that(
        other == "[1+1=2]2.",
        f"the model wrote the call 1+1 and got {other!r}: compute what it wrote, never the question",
    )
    twice = trial.call(_writer("[1+2=", "3 [3-9=", "-6."), "? ")
    trial.that(
        twice == "[1+2=3]3 [3-9=-6]-6.",
        f"two calls gave {twice!r}: each is what follows the last [",
    )
    bad = trial.call(_writer("[one+2=", "."), "? ")
    trial.that(bad == "[one+2=?].", "what is no call gets calculate's answer, a question mark")
    bare = trial.call(_writer("6=", "."), "2 and 4? ")
    trial.that(
        bare == "6=?].", "an = without a [ is no call either: calculate says ?, and it goes on"
    )
    dotted = trial.call(_writer("[1.", "2=", "."), "No. 7? ")
    trial.that(
        dotted == "[1.", "stop after a . at the end of what was written, not after one elsewhere"
    )
    pieces = _Writer(["[17", "+", "25", "=", "42", " is", " it", "."])
    found = trial.call(pieces, "No. 7: 17 plus 25? ", 8)
    trial.that(
        found == "[17+25=42]42 is it.",
        f"eight tokens of several characters gave {found!r}: most counts the model's tokens, and a . in "
        "the question ends nothing",
    )
    endless = _writer("a" * 100)
    found = trial.call(endless, "? ", 10)
    trial.that(
        isinstance(found, str) and len(endless.seen) == 10,
        f"a model that never ends was asked for {len(endless.seen)} tokens; the limit was 10",
    )
