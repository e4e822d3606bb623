"""The turns of notebook 07: the loss, the optimizer, the loop, sampling, and weights as files.

Shapes: B sequences, T tokens, N = B · T positions, V tokens in the vocabulary.
"""

import ctypes
import json
import math
import tempfile
from itertools import chain, repeat
from pathlib import Path
from unittest import mock

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from classroom.turns.registry import wrong
from classroom.turns.trial import named
from classroom.turns.turn import Slow, Turns
from helpers import optim
from helpers.config import GPTConfig
from helpers.model import GPT
from helpers.pretrained import convert_gpt2, gpt2_shapes

TURNS = Turns("07")
your_turn = TURNS.your_turn

# The course's versions


def cross_entropy(logits, targets):
    counts = targets != -100
    shifted = logits - logits.max(dim=-1, keepdim=True).values
    log_probabilities = shifted - shifted.exp().sum(dim=-1, keepdim=True).log()
    chosen = log_probabilities.gather(-1, targets.clamp(min=0)[:, None])[:, 0]  # (N,)
    return -(chosen * counts).sum() / counts.sum().clamp(min=1)


def cross_entropy_gradient(logits, targets):
    probabilities = logits.softmax(dim=-1)
    right = F.one_hot(targets, num_classes=logits.shape[-1])
    return (probabilities - right) / len(targets)


def perplexity(logits, targets):
    return cross_entropy(logits, targets).exp()


@torch.no_grad()
def evaluate_loss(model, batches):
    was_training, total, count = model.training, 0.0, 0
    model.eval()
    for inputs, targets in batches:
        scored = (targets != -100).sum().item()
        loss = cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        total, count = total + loss.item() * scored, count + scored
    model.train(was_training)
    return total / count


@torch.no_grad()
def adamw_step(parameter, gradient, state, learning_rate, weight_decay=0.1, betas=(0.9, 0.95)):
    state["step"] += 1
    state["exp_avg"] = betas[0] * state["exp_avg"] + (1 - betas[0]) * gradient
    state["exp_avg_sq"] = betas[1] * state["exp_avg_sq"] + (1 - betas[1]) * gradient**2
    mean = state["exp_avg"] / (1 - betas[0] ** state["step"])  # both averages started at zero
    square = state["exp_avg_sq"] / (1 - betas[1] ** state["step"])
    parameter *= 1 - learning_rate * weight_decay
    parameter -= learning_rate * mean / (square.sqrt() + 1e-8)


@torch.no_grad()
def clip_gradients(parameters, limit):
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm().item()
    if norm > limit:
        for gradient in gradients:
            gradient *= limit / norm
    return norm


def learning_rate_at(step, steps, peak, warmup_steps=0, final_share=0.1):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / (steps - warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return peak * (final_share + (1 - final_share) * cosine)


def training_step(model, optimizer, inputs, targets, learning_rate, limit=1.0):
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    loss = cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
    loss.backward()
    clip_gradients(model.parameters(), limit)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def training_loop(model, optimizer, batches, rates):
    model.train()
    endless = chain.from_iterable(repeat(batches))
    for rate, (inputs, targets) in zip(rates, endless, strict=False):
        yield training_step(model, optimizer, inputs, targets, rate)


def orthogonalize(matrix, steps=5):
    x = matrix / (matrix.norm() + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x


def at_temperature(logits, temperature):
    if temperature == 0:
        best = logits.argmax(dim=-1, keepdim=True)
        return torch.zeros_like(logits).scatter(-1, best, 1.0)
    differences = logits - logits.max(dim=-1, keepdim=True).values
    return (differences / temperature).softmax(dim=-1)


def keep_top_k(logits, k):
    kept = logits.topk(min(k, len(logits)))
    return torch.full_like(logits, -torch.inf).scatter(0, kept.indices, kept.values)


def keep_top_p(logits, p):
    probabilities, order = logits.softmax(dim=-1).sort(descending=True)
    before = probabilities.cumsum(dim=-1) - probabilities
    kept = order[before < p]
    return torch.full_like(logits, -torch.inf).scatter(0, kept, logits[kept])


def keep_min_p(logits, p):
    probabilities = logits.softmax(dim=-1)
    return logits.masked_fill(probabilities < p * probabilities.max(), -torch.inf)


def save_tensors(tensors, path):
    names = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16", torch.uint8: "U8"}
    header, numbers, end = {}, [], 0
    for name in sorted(tensors, key=lambda name: (-tensors[name].element_size(), name)):
        tensor = tensors[name].detach().cpu().contiguous()
        start, end = end, end + tensor.nbytes
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape)}
        header[name]["data_offsets"] = [start, end]
        numbers.append(ctypes.string_at(tensor.data_ptr(), tensor.nbytes))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(len(text).to_bytes(8, "little") + text + b"".join(numbers))


def gpt2_weights(tensors, n_layers):
    names = {"token_embedding.weight": "wte.weight", "position_embedding.weight": "wpe.weight"}
    names |= {"final_norm.scale": "ln_f.weight", "final_norm.shift": "ln_f.bias"}
    ours = {new: tensors[old] for new, old in names.items()}
    layers = {"attn.c_proj": "attention.output", "mlp.c_fc": "feed_forward.expand"}
    layers["mlp.c_proj"] = "feed_forward.project"
    for theirs, block in ((f"h.{number}.", f"blocks.{number}.") for number in range(n_layers)):
        for kind, of_norm in (("weight", "scale"), ("bias", "shift")):
            ours[f"{block}norm_attention.{of_norm}"] = tensors[f"{theirs}ln_1.{kind}"]
            ours[f"{block}norm_feed_forward.{of_norm}"] = tensors[f"{theirs}ln_2.{kind}"]
            parts = tensors[f"{theirs}attn.c_attn.{kind}"].t().chunk(3)
            for name, part in zip(("query", "key", "value"), parts, strict=True):
                ours[f"{block}attention.{name}.{kind}"] = part
            for old, new in layers.items():
                ours[f"{block}{new}.{kind}"] = tensors[f"{theirs}{old}.{kind}"].t()
    return ours


# The checks


def _scores(n=6, size=5, seed=0, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(n, size, generator=generator)
    return logits, torch.randint(size, (n,), generator=generator)


def _mean_of_two_rows(trial, logits):
    """Two rows by hand, and what typical mistakes would give for them."""
    small = logits[:2, :3], torch.tensor([2, 0])
    rows = small[0].log_softmax(-1)[[0, 1], small[1]]
    trial.close(
        *small,
        gives=-rows.mean(),
        why="minus the mean of the logarithms of what softmax gives to the targets",
        mistakes=[
            (rows.mean(), "the sign: probabilities are below 1, their logarithms negative"),
            (-rows.sum(), "that is the sum over the positions; take the mean"),
            (-rows.exp().mean(), "the logarithm is missing"),
            (-rows.exp().mean().log(), "first the logarithms, then the mean"),
            (-rows.mean() / math.log(2), "these are bits; the natural logarithm gives nats"),
            (-small[0][[0, 1], small[1]].mean(), "softmax is missing: logits are not logarithms"),
            (
                -small[0].log_softmax(0)[[0, 1], small[1]].mean(),
                "softmax goes over the words of one position, dim=-1",
            ),
        ],
    )


@TURNS.turn(
    cross_entropy,
    slow=Slow(
        lambda version: version(torch.zeros(2048, 1024), torch.zeros(2048, dtype=torch.long)),
        "it goes through positions or words one at a time",
    ),
)
def check_cross_entropy(trial):
    logits, targets = _scores()
    with mock.patch.object(F, "cross_entropy", wraps=F.cross_entropy) as theirs:
        trial.call(logits, targets)
    trial.that(not theirs.called, "it calls F.cross_entropy, which is what you are to write here")
    log_probabilities = logits.log_softmax(-1)
    chosen = log_probabilities[range(6), targets]
    _mean_of_two_rows(trial, logits)
    trial.close(logits, targets, gives=-chosen.mean(), why="the mean over all positions")
    masked = targets.clone()
    masked[[1, 4]] = -100
    kept = [0, 2, 3, 5]
    trial.close(
        logits,
        masked,
        gives=-chosen[kept].mean(),
        why="a target of -100 does not count",
        mistakes=[
            (
                -chosen[kept].sum() / 6,
                "two of six targets are -100: divide by the four that count, or a batch with much "
                "padding would look better than it is",
            ),
        ],
    )
    trial.close(
        logits,
        torch.full_like(targets, -100),
        gives=torch.tensor(0.0),
        why="if no target counts, the loss is 0, not 0 divided by 0",
    )
    trial.close(
        100 * logits,
        targets,
        gives=F.cross_entropy(100 * logits, targets),
        why="e to a large score is more than a number can hold: subtract the row's largest first",
    )
    scores = logits.clone().requires_grad_()
    loss = trial.call(scores, masked)
    trial.that(
        torch.is_tensor(loss) and loss.requires_grad,
        "the loss must be a tensor that backward can start from: no .item() and no float()",
    )
    loss.backward()
    right = logits.clone().requires_grad_()
    F.cross_entropy(right, masked).backward()
    trial.same(
        scores.grad,
        right.grad,
        "the gradient through cross_entropy",
        "training goes through the whole formula, the sum of the exponentials too",
    )


@TURNS.turn(perplexity)
def check_perplexity(trial):
    logits, targets = _scores()
    loss = F.cross_entropy(logits, targets)
    each = F.cross_entropy(logits, targets, reduction="none")
    trial.close(
        logits,
        targets,
        gives=loss.exp().item(),
        why="e to the power of the mean loss",
        mistakes=[
            (loss.item(), "that is the loss itself"),
            (
                each.exp().mean().item(),
                "first the mean loss, then e: else one token that seemed impossible decides all",
            ),
            ((2**loss).item(), "2 belongs to bits; the loss is in nats, so take e"),
            (loss.exp().item() * math.log(2), "take e to the loss and nothing more"),
        ],
    )
    trial.close(
        torch.zeros(3, 7),
        torch.tensor([0, 3, 6]),
        gives=7.0,
        why="a model that cannot tell 7 words apart has perplexity 7",
        tolerance=1e-4,
    )
    targets[2] = -100
    trial.close(
        logits,
        targets,
        gives=F.cross_entropy(logits, targets).exp().item(),
        why="a target of -100 does not count here either",
    )


@TURNS.turn(cross_entropy_gradient)
def check_cross_entropy_gradient(trial):
    with (
        mock.patch.object(torch.autograd, "backward", wraps=torch.autograd.backward) as backward,
        mock.patch.object(torch.autograd, "grad", wraps=torch.autograd.grad) as grad,
    ):
        trial.call(*_scores())
    trial.that(
        not (backward.called or grad.called),
        "it asks autograd, which is what the next cell compares with: use the formula above",
    )
    for n, size in ((2, 3), (6, 5)):
        logits, targets = _scores(n, size)
        probabilities, right = logits.softmax(-1), F.one_hot(targets, size)
        trial.close(
            logits,
            targets,
            gives=(probabilities - right) / n,
            why="probability, minus 1 at the target, divided by the number of positions",
            mistakes=[
                (probabilities - right, "the loss is a mean, so divide by the number of positions"),
                ((right - probabilities) / n, "that is the way down; the gradient points up"),
                (probabilities / n, "subtract 1 at the target"),
                (-right * (1 - probabilities) / n, "the other words have a gradient, too"),
            ],
        )
    logits = 1000 * logits
    trial.close(
        logits,
        targets,
        gives=(logits.softmax(-1) - right) / n,
        why="large scores must not overflow",
    )


class _Lookup(nn.Module):
    """A model whose logits depend on the token alone; it keeps how it was called."""

    def __init__(self, size=7):
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(size, size)
        self.modes, self.with_gradients, self.read = [], False, 0

    def forward(self, token_ids):
        self.modes.append(self.training)
        self.with_gradients |= torch.is_grad_enabled()
        self.read += 1
        return 2 * self.table(token_ids)

    def __repr__(self):
        return "model"


class _Batches(list):
    def __repr__(self):
        return "batches"


def _uneven_batches():
    torch.manual_seed(1)
    batches = _Batches()
    for rows in (3, 3, 1):
        targets = torch.randint(7, (rows, 4))
        targets[0, 2:] = -100
        batches.append((torch.randint(7, (rows, 4)), targets))
    return batches


@TURNS.turn(evaluate_loss)
def check_evaluate_loss(trial):
    model, batches = _Lookup(), _uneven_batches()
    logits = [2 * model.table(inputs).detach().flatten(0, 1) for inputs, _ in batches]
    asked = [targets.flatten() for _, targets in batches]
    each = [F.cross_entropy(*pair) for pair in zip(logits, asked, strict=True)]
    sizes = [len(inputs) for inputs, _ in batches]
    right = F.cross_entropy(torch.cat(logits), torch.cat(asked)).item()
    by_rows = sum(loss * size for loss, size in zip(each, sizes, strict=True)) / sum(sizes)
    counted = sum((targets != -100).sum() for targets in asked)
    trial.close(
        model,
        batches,
        gives=right,
        why="the loss of all targets together, divided by how many count",
        mistakes=[
            (
                (sum(each) / len(each)).item(),
                "that is the mean of the batches' means: the last batch is smaller and counts less",
            ),
            (
                by_rows.item(),
                "rows differ in how many targets count: weigh by targets, not by rows",
            ),
            (each[0].item(), "that is the first batch alone: is the return inside the loop?"),
            (each[-1].item(), "that is the last batch alone"),
            (
                (sum(each) / counted).item(),
                "a batch's loss is a mean: multiply by its targets first",
            ),
        ],
    )
    trial.that(
        not model.with_gradients, "no gradients are needed here: @torch.no_grad() saves them"
    )
    trial.that(
        not any(model.modes), "call model.eval(): dropout would make the loss larger than it is"
    )
    trial.that(
        model.training, "afterwards the model must be in the mode it was in before: training"
    )
    model.eval()
    trial.call(model, batches)
    trial.that(not model.training, "a model that was in evaluation mode before must stay in it")
    found = trial.call(model, batches)
    trial.that(
        isinstance(found, float),
        f"it gives a {type(found).__name__}; return a plain number, with .item()",
    )


def _fresh_state(parameter):
    zeros = torch.zeros_like(parameter)
    return {"step": torch.tensor(0.0), "exp_avg": zeros, "exp_avg_sq": zeros.clone()}


def _adamw_by(gradients, rate, decay, betas, change=""):
    """Where AdamW brings a parameter, and its state; with `change`, with one typical mistake."""
    torch.manual_seed(3)
    parameter = torch.randn(2, 3)
    mean, square = torch.zeros(2, 3), torch.zeros(2, 3)
    for step, gradient in enumerate(gradients, 1):
        gradient = gradient + decay * parameter if change == "L2" else gradient
        mean = betas[0] * mean + (1 - betas[0]) * gradient
        square = betas[1] * square + (1 - betas[1]) * gradient**2
        first = mean if change == "biased" else mean / (1 - betas[0] ** step)
        second = square if change == "biased" else square / (1 - betas[1] ** step)
        first = gradient if change == "no mean" else first
        mean = first if change == "corrected" else mean
        root = second if change == "no root" else second.sqrt()
        move = rate * first / ((second + 1e-8).sqrt() if change == "inside" else root + 1e-8)
        shrink = 1 - (decay if change == "no rate" else rate * decay)
        shrink = 1.0 if change in ("L2", "no decay") else shrink
        parameter = shrink * parameter + (move if change == "up" else -move)
    return parameter, {"exp_avg": mean, "exp_avg_sq": square}


@TURNS.turn(adamw_step)
def check_adamw_step(trial):
    torch.manual_seed(4)
    gradients = [torch.randn(2, 3) * torch.tensor([1.0, 0.01, 10.0]) for _ in range(4)]
    mistakes = {
        "biased": "both averages started at zero: divide by 1 - beta ** step",
        "L2": "decay shrinks the parameter itself; added to the gradient it is Adam with L2",
        "no decay": "weight decay is missing",
        "no rate": "a step of decay is learning_rate * weight_decay",
        "no root": "divide by the root of the mean square",
        "up": "go against the gradient: subtract",
        "inside": "1e-8 is added to the root, not under it",
        "corrected": "the state keeps the averages before the correction, which is for one step only",
        "no mean": "the step is made of the averaged gradient, not of the last one",
    }
    for betas, decay, count in (((0.9, 0.95), 0.1, 4), ((0.9, 0.95), 0.1, 1), ((0.5, 0.8), 0.4, 4)):
        torch.manual_seed(3)
        parameter = nn.Parameter(torch.randn(2, 3))
        state, options = _fresh_state(parameter), (0.05, decay, betas)
        for gradient in gradients[:count]:
            kept = gradient.clone()
            trial.call(parameter, gradient, state, *options)
            trial.that(torch.equal(gradient, kept), "it changes the gradient; leave it as it is")
        right, averages = _adamw_by(gradients[:count], *options)
        wrongs = {name: _adamw_by(gradients[:count], *options, name)[0] for name in mistakes}
        torch.manual_seed(3)
        wrongs = [(value, mistakes[name]) for name, value in wrongs.items()]
        before = torch.randn(2, 3)
        trial.same(
            parameter,
            right,
            f"the parameter after {count} step{'s' * (count > 1)}",
            "decay it, then move it against mean / (root of mean square + 1e-8)",
            [*wrongs, (before, "change the parameter in place: parameter *= …, parameter -= …")],
        )
        for key, meaning in (("exp_avg", "gradient"), ("exp_avg_sq", "gradient's square")):
            trial.same(
                state[key],
                averages[key],
                f"state[{key!r}] after {count} step{'s' * (count > 1)}",
                f"it is the running average of the {meaning}, before the correction",
            )
        trial.that(float(state["step"]) == count, "state['step'] counts the steps, from 1 on")
    _tiny_gradients(trial)


def _tiny_gradients(trial):
    """One step with gradients of 0 and 1e-8, where epsilon counts."""
    parameter, gradient = nn.Parameter(torch.ones(2)), torch.tensor([0.0, 1e-8])
    trial.call(parameter, gradient, _fresh_state(parameter), 0.5, 0.0)
    trial.same(
        parameter,
        torch.tensor([1.0, 0.75]),
        "the parameter (1, 1) after a step of 0.5 with the gradients (0, 1e-8)",
        "1e-8 is added to the root",
        mistakes=[
            (torch.tensor([math.nan, 0.5]), "0 / 0 is not a number: add 1e-8 to the root"),
        ],
    )


def _with_gradients(*rows):
    parameters = [nn.Parameter(torch.zeros(len(row))) for row in rows]
    for parameter, row in zip(parameters, rows, strict=True):
        parameter.grad = torch.tensor(row)
    return parameters


class _Named(list):
    def __repr__(self):
        return "parameters"


@TURNS.turn(clip_gradients)
def check_clip_gradients(trial):
    parameters = _Named(_with_gradients([3.0], [0.0, 4.0]))
    norm = trial.call(parameters, 1.0)
    found = torch.cat([parameter.grad for parameter in parameters])
    trial.same(
        found,
        torch.tensor([0.6, 0.0, 0.8]),
        "the gradients (3), (0, 4), clipped to 1,",
        "together they have the length 5, so each is multiplied by 1/5",
        mistakes=[
            (torch.tensor([1.0, 0.0, 1.0]), "each was clipped alone: that changes the direction"),
            (torch.tensor([3.0, 0.0, 4.0]), "they are unchanged: change them in place"),
            (
                torch.tensor([3 / 7, 0.0, 4 / 7]),
                "lengths of parts do not add up: take the root of squares",
            ),
            (torch.tensor([3 / 25, 0.0, 4 / 25]), "the root is missing"),
        ],
    )
    trial.that(norm is not None, "it returned None: return the length before clipping")
    trial.same(
        torch.as_tensor(norm).detach().float(),
        torch.tensor(5.0),
        "what it returned",
        "return the length before clipping, which is worth watching",
    )
    parameters = _Named(_with_gradients([0.3], [0.0, 0.4]))
    trial.call(parameters, 1.0)
    trial.same(
        torch.cat([parameter.grad for parameter in parameters]),
        torch.tensor([0.3, 0.0, 0.4]),
        "gradients of length 0.5, clipped to 1,",
        "what is short enough stays as it is",
    )
    parameters = [*_with_gradients([6.0, 8.0]), nn.Parameter(torch.zeros(2))]
    trial.call((parameter for parameter in parameters), 5.0)
    trial.that(parameters[1].grad is None, "a parameter without a gradient keeps none")
    trial.same(
        parameters[0].grad,
        torch.tensor([3.0, 4.0]),
        "the gradient (6, 8), given by model.parameters(), clipped to 5,",
        "model.parameters() can be read only once: make a list first",
    )


@TURNS.turn(learning_rate_at)
def check_learning_rate_at(trial):
    first = optim.learning_rate_at(0, 100, 1.0, 10)
    trial.close(
        0, 100, 1.0, 10, gives=first, why="the first of 10 warmup steps has a tenth of the peak",
        mistakes=[(0.0, "the first step would teach nothing: use step + 1")],
    )  # fmt: skip
    for step in (4, 9):
        trial.close(
            step, 100, 1.0, 10,
            gives=optim.learning_rate_at(step, 100, 1.0, 10),
            why="it rises in a straight line and reaches the peak at the last warmup step",
        )  # fmt: skip
    wrong_middle, too_far = (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * x)) for x in (0.55, 45 / 89))
    trial.close(
        55, 100, 2.0, 10,
        gives=optim.learning_rate_at(55, 100, 2.0, 10),
        why="halfway between the warmup and the end it is halfway between peak and final share",
        mistakes=[
            (2 * wrong_middle, "the cosine begins after the warmup, not at step 0"),
            (2 * too_far, "x reaches 1 one step past the last: divide by steps - warmup_steps"),
            (2 * 0.5, "the last tenth is missing: it falls to final_share * peak, not to 0"),
        ],
    )  # fmt: skip
    trial.close(
        10,
        100,
        2.0,
        10,
        gives=2.0,
        why="the cosine starts at the peak, in the first step after the warmup",
    )
    for step in (20, 77, 99):
        trial.close(
            step, 100, 3.0, 10,
            gives=optim.learning_rate_at(step, 100, 3.0, 10),
            why="half a cosine down to final_share of the peak",
        )  # fmt: skip
    trial.close(0, 10, 1.0, gives=1.0, why="without warmup the first step has the peak rate")
    trial.close(
        7, 10, 1.0, 0, 0.0,
        gives=optim.learning_rate_at(7, 10, 1.0, 0, 0.0),
        why="final_share is an argument",
    )  # fmt: skip
    trial.close(4, 5, 1.0, 5, gives=1.0, why="a run may consist of warmup alone")


class _Recorded:
    """Gradient descent that keeps what it was given at each step, with two groups."""

    def __init__(self, model):
        self.table = model.table.weight
        self.param_groups = [{"params": [self.table], "lr": 123.0}, {"params": [], "lr": 123.0}]
        self.seen, self.rates = [], []

    @torch.no_grad()
    def step(self):
        gradient = self.table.grad
        self.seen.append(None if gradient is None else gradient.clone())
        self.rates.append([group["lr"] for group in self.param_groups])
        if gradient is not None:
            self.table -= self.rates[-1][0] * gradient

    def zero_grad(self, set_to_none=True):
        self.table.grad = None

    def __repr__(self):
        return "optimizer"


def _gradient_of(model, inputs, targets, limit):
    table = model.table.weight.detach().clone().requires_grad_()
    loss = F.cross_entropy((2 * table[inputs]).flatten(0, 1), targets.flatten())
    (gradient,) = torch.autograd.grad(loss, table)
    return loss.item(), gradient * min(1.0, limit / gradient.norm().item())


@TURNS.turn(training_step)
def check_training_step(trial):
    model, (inputs, targets) = _Lookup(), _uneven_batches()[0]
    optimizer = _Recorded(model)
    for limit, rate in ((0.05, 0.5), (1.0, 0.25)):
        loss, gradient = _gradient_of(model, inputs, targets, limit)
        whole = _gradient_of(model, inputs, targets, math.inf)[1]
        before = model.table.weight.detach().clone()
        found = trial.call(model, optimizer, inputs, targets, rate, limit)
        trial.that(len(optimizer.seen) > 0, "the weights were not changed: call optimizer.step()")
        seen = optimizer.seen[-1]
        trial.that(
            seen is not None, "there was no gradient at optimizer.step(): backward comes first"
        )
        trial.same(
            seen,
            gradient,
            f"the gradient at optimizer.step(), clipped to {limit},",
            "it is that of this batch alone, clipped",
            mistakes=[(whole, "it was not clipped to the limit")],
        )
        trial.that(
            optimizer.rates[-1] == [rate, rate],
            f"the rates of the two groups were {optimizer.rates[-1]}, and should be {rate}: set "
            'group["lr"] of every group, before the step',
        )
        trial.same(
            before - rate * gradient,
            model.table.weight.detach(),
            "the weight after one step",
            "one call takes one step",
        )
        if found is None:
            wrong("training_step(...) returned None: is there a return?")
        trial.that(
            isinstance(found, float),
            f"it gives a {type(found).__name__}: return loss.item(), or each step keeps its graph",
        )
        trial.same(found, loss, "the loss", "return the loss of the batch before the step")


@TURNS.turn(training_loop)
def check_training_loop(trial):
    model, batches = _Lookup().eval(), _Shuffled(_uneven_batches())
    optimizer = _Recorded(model)
    rates = [0.1, 0.4, 0.3, 0.2, 0.05, 0.01, 0.02]
    expected = _losses(batches.parts, (0, 1, 2, 1, 2, 0, 2), rates)
    found = trial.call(model, optimizer, batches, rates)
    trial.that(
        hasattr(found, "__next__"),
        f"it gives {_kind(found)}: yield each loss as soon as it is there, so that whoever "
        "trains can look at the model in between",
    )
    losses = [next(found)]
    trial.that(
        len(optimizer.seen) == 1,
        f"after the first loss {len(optimizer.seen)} steps were taken: yield after each step",
    )
    trial.that(all(model.modes), "call model.train() at the start: else there is no dropout")
    try:
        losses += list(found)
    except Exception as error:
        wrong(f"after {len(losses)} losses it stopped with {named(error)}")
    trial.that(
        len(losses) == len(rates),
        f"for 7 rates and 3 batches it took {len(losses)} steps: read the batches again, and stop "
        "with the last rate",
    )
    trial.same(
        torch.tensor(losses),
        torch.tensor(expected),
        "the losses of 7 steps",
        "all batches of an epoch, then those of the next, each with the next rate",
        mistakes=[
            (
                torch.tensor(_losses(batches.parts, (0, 1, 2, 0, 1, 2, 0), rates)),
                "the order of the first epoch came again: a loader shuffles each time it is asked, "
                "so ask it again, which cycle() does not",
            ),
        ],
    )
    trial.that(
        [row[0] for row in optimizer.rates] == rates,
        f"the rates were {[row[0] for row in optimizer.rates]}, and should be {rates}",
    )
    drawn = []

    def many():
        for _ in range(50):
            drawn.append(1)
            yield batches.parts[0]

    try:
        list(trial.call(model, optimizer, many(), rates[:2]))
    except TypeError as error:
        wrong(f"all that is known of batches is that a for loop can read them, but {named(error)}")
    trial.that(
        len(drawn) == 2,
        f"for 2 rates it read {len(drawn)} batches: ask for no batch that is not used",
    )


class _Shuffled:
    """Batches that a for loop can read, in another order each time."""

    def __init__(self, parts):
        self.parts, self.epoch = list(parts), 0

    def __iter__(self):
        start, self.epoch = self.epoch % len(self.parts), self.epoch + 1
        return iter(self.parts[start:] + self.parts[:start])

    def __repr__(self):
        return "batches"


def _losses(parts, order, rates):
    """The losses of steps with these batches in this order, from the same first weights."""
    model = _Lookup()
    optimizer = _Recorded(model)
    pairs = zip(order, rates, strict=True)
    return [training_step(model, optimizer, *parts[number], rate) for number, rate in pairs]


def _kind(value):
    """How a value that is no generator is called in a message."""
    return "None" if value is None else f"a {type(value).__name__}"


def _through(matrix, steps, coefficients=(3.4445, -4.7750, 2.0315), norm=torch.linalg.vector_norm):
    """What the iteration does, by the singular values alone; their length is the Frobenius norm."""
    a, b, c = coefficients
    left, values, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    values = values / norm(values)
    for _ in range(steps):
        values = a * values + b * values**3 + c * values**5
    return ((left * values) @ right).float()


@TURNS.turn(orthogonalize)
def check_orthogonalize(trial):
    torch.manual_seed(0)
    for shape, steps in (((3, 3), 1), ((4, 6), 5), ((6, 4), 5), ((5, 5), 3)):
        matrix = torch.randn(*shape)
        kept = matrix.clone()
        trial.close(
            matrix,
            steps,
            gives=_through(matrix, steps),
            why="each singular value s becomes 3.4445 s - 4.7750 s³ + 2.0315 s⁵, again and again",
            mistakes=[
                (
                    _through(matrix, steps, (1.5, -0.5, 0.0)),
                    "that is the cubic; take all three terms",
                ),
                (
                    _through(matrix, steps, norm=torch.max),
                    "divide by the Frobenius norm, not by the largest singular value",
                ),
                (_through(1 * matrix, steps + 1), "one round too many"),
                (_through(matrix, steps - 1), "one round is missing"),
                (matrix, "nothing happened"),
            ],
            tolerance=1e-3,
        )
        trial.that(torch.equal(matrix, kept), "it changes the matrix it is given; make a new one")
    scaled = trial.call(1e-4 * matrix, 5)
    trial.same(
        scaled,
        _through(matrix, 5),
        "for a matrix that is 10,000 times smaller it",
        "the length of the gradient does not count: divide by its norm first",
        tolerance=1e-2,
    )
    trial.close(
        torch.zeros(3, 2),
        5,
        gives=torch.zeros(3, 2),
        why="a gradient of zeros has no direction and must stay zero, not become NaN",
    )


@TURNS.turn(at_temperature)
def check_at_temperature(trial):
    logits = torch.tensor([1.0, 3.0, 0.0, 2.0])
    for temperature in (0.5, 1.0, 3.0):
        right = (logits / temperature).softmax(-1)
        trial.close(
            logits,
            temperature,
            gives=right,
            why="divide the logits by the temperature, then softmax",
            mistakes=[
                ((logits * temperature).softmax(-1), "divide by the temperature: 0.5 must sharpen"),
                (logits.softmax(-1) / temperature, "divide the logits, before softmax"),
                (logits.softmax(-1), "the temperature is not used"),
                (logits / temperature, "these are logits; softmax comes last"),
            ],
        )
    trial.close(
        logits,
        0,
        gives=torch.tensor([0.0, 1.0, 0.0, 0.0]),
        why="temperature 0 gives everything to the highest logit",
    )
    trial.close(
        logits,
        1e-40,
        gives=torch.tensor([0.0, 1.0, 0.0, 0.0]),
        why="a tiny temperature must not make infinities: subtract the largest logit first",
    )
    trial.that(
        float(trial.call(torch.tensor([2.0, 2.0, 0.0]), 0).sum()) == 1.0,
        "where two logits are the highest, temperature 0 must choose one of them: the sum is 1",
    )
    rows = torch.stack([logits, -logits])
    trial.close(
        rows, 0.7, gives=(rows / 0.7).softmax(-1), why="rows (B, V) are independent: use dim=-1"
    )
    trial.close(
        rows,
        0,
        gives=torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]),
        why="each row (B, V) has a highest logit of its own",
    )


def _cut(logits, kept):
    out = torch.full_like(logits, -torch.inf)
    out[kept] = logits[kept]
    return out


def _stays(trial, logits, kept):
    trial.that(torch.equal(logits, kept), "it changes the logits it is given; make new ones")


@TURNS.turn(keep_top_k)
def check_keep_top_k(trial):
    logits = torch.tensor([1.0, 4.0, -2.0, 3.0, 0.0])
    before = logits.clone()
    for k, kept in ((1, [1]), (3, [0, 1, 3])):
        lowest = logits.sort().indices[:k]
        trial.close(
            logits,
            k,
            gives=_cut(logits, kept),
            why="the k highest stay as they are, all others become minus infinity",
            mistakes=[
                (logits * (logits >= logits.topk(k).values[-1]), "0 is a logit: use -torch.inf"),
                (_cut(logits, lowest), "these are the lowest"),
                (_cut(logits, logits.topk(min(5, k + 1)).indices), "that keeps one too many"),
                (_cut(logits, kept).softmax(-1), "give logits, not probabilities"),
                (logits.topk(k).values, "keep all V positions: the others become minus infinity"),
            ],
        )
        _stays(trial, logits, before)
    ties = torch.tensor([2.0, 1.0, 1.0, 1.0])
    found = trial.call(ties, 2)
    trial.that(
        torch.is_tensor(found) and found.shape == (4,) and int(found.isfinite().sum()) == 2,
        "of equal scores at the border too many stay: exactly k tokens are kept, whichever",
    )
    trial.close(logits, 50, gives=logits, why="a k above the number of tokens keeps them all")


@TURNS.turn(keep_top_p)
def check_keep_top_p(trial):
    logits = torch.tensor([1.0, 4.0, -2.0, 3.0, 0.0])
    before, probabilities = logits.clone(), logits.softmax(-1)
    for p, kept in (
        (0.5, [1]),
        (0.8, [1, 3]),
        (0.96, [0, 1, 3]),
        (0.3, [1]),
        (1.0, [0, 1, 2, 3, 4]),
    ):
        reached = [1, 3, 0, 4, 2][: max(0, len(kept) - 1)]
        trial.close(
            logits,
            p,
            gives=_cut(logits, kept),
            why=f"of the probabilities 0.697, 0.256, 0.035, 0.013, 0.002 the fewest that reach {p}",
            mistakes=[
                (_cut(logits, reached), "the one that reaches p belongs to them: it is missing"),
                (
                    _cut(logits, (probabilities >= p).nonzero()[:, 0]),
                    "add up, from the likeliest on",
                ),
                (_cut(logits, kept).softmax(-1), "give logits, not probabilities"),
                (logits * _cut(logits, kept).isfinite(), "0 is a logit: use -torch.inf"),
            ],
        )
        _stays(trial, logits, before)
    found = trial.call(torch.zeros(2), 0.5)
    kept = int(found.isfinite().sum()) if torch.is_tensor(found) else 0
    trial.that(
        kept == 1,
        f"one of two equal tokens reaches 0.5 alone, and {kept} are kept: keep the fewest",
    )


@TURNS.turn(keep_min_p)
def check_keep_min_p(trial):
    logits = torch.tensor([1.0, 4.0, -2.0, 3.0, 0.0])
    before, probabilities = logits.clone(), logits.softmax(-1)
    for p, kept in ((0.3, [1, 3]), (0.1, [1, 3]), (0.04, [0, 1, 3]), (1.0, [1])):
        over = (probabilities >= p).nonzero()[:, 0]
        trial.close(
            logits,
            p,
            gives=_cut(logits, kept),
            why=f"what has at least {p} times the probability of the likeliest token stays",
            mistakes=[
                (_cut(logits, over), "the threshold is p times the largest probability, not p"),
                (
                    _cut(logits, (logits >= p * logits.max()).nonzero()[:, 0]),
                    "compare probabilities, not logits",
                ),
                (_cut(logits, kept).softmax(-1), "give logits, not probabilities"),
                (logits * _cut(logits, kept).isfinite(), "0 is a logit: use -torch.inf"),
            ],
        )
        _stays(trial, logits, before)


def _some_tensors():
    torch.manual_seed(0)
    return {
        "b": nn.Parameter(torch.randn(3, 2)),
        "a.half": torch.randn(4).bfloat16(),
        "c.half": torch.randn(3).half(),
        "turned": torch.randn(2, 5).T,
        "step": torch.tensor(7.0),
        "random": torch.arange(11, dtype=torch.uint8),
    }


@TURNS.turn(save_tensors)
def check_save_tensors(trial):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        tensors = _some_tensors()
        trial.call({"w": torch.ones(2)}, path)
        trial.that(path.exists(), "no file was written at that path")
        _check_header(trial, path.read_bytes())
        trial.call(tensors, path)
        try:
            found = load_file(path)
        except (SafetensorError, KeyError, ValueError) as error:
            wrong(f"the safetensors library cannot read the file: {named(error)}")
        missing = sorted(tensors.keys() - found.keys())
        trial.that(not missing, f"{missing[:1]} is not in the file")
        for name, tensor in tensors.items():
            trial.that(
                found[name].dtype == tensor.dtype,
                f"{name} comes back as {found[name].dtype}, and was {tensor.dtype}",
            )
            what = "a transposed tensor is stored in another order: .contiguous() comes first"
            trial.same(
                found[name].float(),
                tensor.detach().float(),
                f"the tensor {name}, read again,",
                what if name == "turned" else "offsets count bytes from the end of the header",
            )


def _check_header(trial, data):
    """A file of one tensor: length, header, numbers."""
    length = int.from_bytes(data[:8], "little")
    if int.from_bytes(data[:8], "big") < len(data) <= length:
        wrong("the length of the header is written with the low byte first: 'little'")
    trial.that(
        8 + length + 8 == len(data),
        f"the first 8 bytes say that the header has {length:,} bytes; with them and two numbers of "
        f"4 bytes the file would have {8 + length + 8:,}, and it has {len(data):,}",
    )
    try:
        header = json.loads(data[8 : 8 + length])
    except ValueError:
        wrong("what follows the first 8 bytes is not JSON")
    if isinstance(header, dict):
        header.pop("__metadata__", None)  # the format allows it, and many files have it
    trial.that(
        header == {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}},
        f"for two ones under the name w the header is {header}",
    )
    trial.that(
        length % 8 == 0,
        f"the header has {length} bytes: fill it with spaces to a multiple of 8, so that the numbers "
        "begin where a processor reads them best",
    )


@TURNS.turn(gpt2_weights)
def check_gpt2_weights(trial):
    config = GPTConfig(11, 6, 8, n_heads=2, n_layers=3, dropout=0.0)
    torch.manual_seed(0)
    tensors = {name: torch.randn(shape) for name, shape in gpt2_shapes(config).items()}
    right = convert_gpt2(tensors, config)
    shape = {name: tuple(weight.shape) for name, weight in GPT(config).state_dict().items()}
    found = trial.call(_Tensors(tensors), config.n_layers)
    if found is None:
        wrong("it returned None: is there a return?")
    names = sorted(right.keys() - {"output_head.weight"})
    trial.that(
        "output_head.weight" not in found,
        "leave output_head.weight out: it is the token embedding, which is there already",
    )
    missing = [name for name in names if name not in found]
    trial.that(not missing, f"{missing[:1]} is missing, as are {len(missing) - 1} more")
    more = sorted(found.keys() - right.keys())
    trial.that(not more, f"{more[:1]} is not a name of our GPT")
    for name in names:
        one, other = found[name], right[name]
        if tuple(one.shape) != shape[name]:
            turned = tuple(one.shape) == shape[name][::-1]
            hint = ": transpose it" if turned else ": c_attn holds queries, keys and values"
            wrong(f"{name} has the shape {tuple(one.shape)}, and should have {shape[name]}{hint}")
        if one.ndim == 2 and torch.equal(one, other.T):
            wrong(f"{name} is not transposed: their rows are inputs, ours are outputs")
        trial.same(one, other, f"{name}", _which(name, one, right))


class _Tensors(dict):
    def __repr__(self):
        return "tensors"


def _which(name, found, right):
    """What to say to a tensor in a wrong place."""
    for other, weight in right.items():
        if weight.shape == found.shape and torch.equal(weight, found):
            return f"this is our {other}"
    return "it is not the right part of their tensor"
