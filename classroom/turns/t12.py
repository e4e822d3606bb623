"""The turns of notebook 12: costs, number formats, guessing ahead, many processes, scaling laws.

Shapes: R rows of a matrix, blocks of 32 weights, or runs of a fit; C columns.
"""

import numpy as np
import torch
from torch import nn

from classroom.turns.trial import is_tensor
from classroom.turns.turn import Turns
from helpers.config import GPTConfig
from helpers.llama.blocks import FORMATS

TURNS = Turns("12")
your_turn = TURNS.your_turn

# The course's versions


def pass_cost(config, new, known, n_bytes):
    width, layers = config.embedding_dim, config.n_layers
    matrices = 12 * layers * width**2 + config.vocab_size * width
    pairs = new * known + new * (new + 1) // 2
    operations = 2 * new * matrices + 4 * layers * width * pairs
    cache = 2 * layers * width * (known + new)
    return operations, n_bytes * (matrices + cache)


def least_seconds(operations, n_bytes, peak, bandwidth):
    return max(operations / peak, n_bytes / bandwidth)


def scaled_gradients(loss, weights, scale):
    gradients = torch.autograd.grad(loss * scale, weights)
    gradients = [gradient.float() / scale for gradient in gradients]
    finite = all(gradient.isfinite().all() for gradient in gradients)
    return gradients if finite else None


def quantize(weights, size):
    groups = weights.unflatten(1, (-1, size))
    scales = groups.abs().amax(dim=-1, keepdim=True) / 127
    numbers = (groups / scales.clamp(min=1e-30)).round()
    return numbers.to(torch.int8), scales


def dequantize(numbers, scales):
    return (numbers * scales).flatten(1)


def quantize_q4_0(weights):
    place = weights.abs().argmax(dim=1, keepdim=True)
    scales = weights.gather(1, place) / -8
    inverse = torch.where(scales == 0, 0, 1 / scales)
    numbers = (weights * inverse + 8.5).to(torch.uint8).clamp(max=15)
    return scales[:, 0].half(), numbers[:, :16] | numbers[:, 16:] << 4


def speculate(target, draft, ids, n_new, ahead):
    written = list(ids)
    while len(written) < len(ids) + n_new:
        guesses = []
        for _ in range(ahead):
            guesses.append(draft(written + guesses))
        chosen = target(written + guesses)[len(written) - 1 :]
        kept = 0
        while kept < ahead and guesses[kept] == chosen[kept]:
            kept += 1
        written += chosen[: kept + 1]
    return written[len(ids) : len(ids) + n_new]


def continuous_steps(lengths, slots):
    waiting, active, steps = list(lengths), [], 0
    while waiting or active:
        while waiting and len(active) < slots:
            active.append(waiting.pop(0))
        active = [left - 1 for left in active if left > 1]
        steps += 1
    return steps


def average_gradients(model, all_reduce, n_processes):
    for parameter in model.parameters():
        if parameter.grad is not None:
            all_reduce(parameter.grad)
            parameter.grad /= n_processes


def fit_parts(n, d, losses, a, b):
    columns = torch.stack([torch.ones_like(n), n**-a, d**-b], dim=1)
    relative = columns / losses[:, None]
    return torch.linalg.lstsq(relative, torch.ones_like(n)[:, None]).solution[:, 0]


def best_split(size_scale, a, data_scale, b, operations):
    product = operations / 6
    n = (a * size_scale / (b * data_scale) * product**b) ** (1 / (a + b))
    return n, product / n


# What the notebook uses beside them


def read_q4_0(scales, pairs):
    """The weights (R, 32) of blocks, as the course's reader of GGUF files reads their bytes.

    >>> read_q4_0(torch.ones(1).half(), torch.full((1, 16), 0x98, dtype=torch.uint8))[0, 15:17]
    tensor([0., 1.])
    """
    q4_0 = next(each for each in FORMATS.values() if each.name == "Q4_0")
    blocks = np.zeros(len(scales), q4_0.layout)
    blocks["scale"], blocks["pairs"] = scales.numpy(), pairs.numpy()
    return torch.from_numpy(q4_0.unpack(blocks)).view(-1, 32)


# The checks


class _Small(GPTConfig):
    """A configuration that a message shows with the three numbers that the cost depends on."""

    def __repr__(self):
        return f"width {self.embedding_dim}, {self.n_layers} layers, vocabulary {self.vocab_size}"


SMALL = _Small(100, 64, 8, 2, 3, dropout=0.0)


def _cost(trial, *arguments, **options):
    """Compare a cost, which may be a list as well as a tuple."""

    def attempt(*given):
        found = trial.attempt(*given)
        return tuple(found) if isinstance(found, list) else found

    trial.equal(*arguments, **options, function=attempt)


def _check_many_tokens(trial, matrices, unit):
    """The cost of several new tokens, as of a prompt."""
    whole = 2 * 4 * matrices + 4 * unit * 10, 2 * (matrices + 2 * unit * 4)
    _cost(
        trial,
        SMALL,
        4,
        0,
        2,
        gives=whole,
        why="four new tokens make 1 + 2 + 3 + 4 pairs, and read the matrices once",
        mistakes=[
            (
                (2 * 4 * matrices + 4 * unit * 16, whole[1]),
                "the mask is missing: the first token sees one, the last sees four",
            ),
            (
                (whole[0], 2 * (4 * matrices + 2 * unit * 4)),
                "the matrices are read once for all new tokens; that is what a batch is for",
            ),
            (
                (2 * matrices + 4 * unit * 10, whole[1]),
                "each of the new tokens multiplies with all matrices",
            ),
        ],
    )


@TURNS.turn(pass_cost)
def check_pass_cost(trial):
    matrices, unit = 12 * 3 * 64 + 800, 3 * 8  # of all blocks and the head; layers times width
    right = 2 * matrices + 4 * unit * 6, 4 * (matrices + 2 * unit * 6)
    _cost(
        trial,
        SMALL,
        1,
        5,
        4,
        gives=right,
        why="a token multiplies with every matrix once, and looks at itself and 5 earlier tokens",
        mistakes=[
            ((right[0] // 2, right[1]), "a weight costs two operations, a product and a sum"),
            (
                (2 * matrices, right[1]),
                "the attention is missing: 4 C operations per layer and pair",
            ),
            ((right[0], 4 * matrices), "the cache is read as well: keys and values of every layer"),
            ((right[0], right[1] // 4), "these are numbers; each takes n_bytes bytes"),
            (
                (2 * matrices + 4 * unit * 5, right[1]),
                "a token looks at itself, too: one pair more",
            ),
            (
                (right[0] - 1600, right[1] - 3200),
                "the output head is a matrix as well: V times C",
            ),
            (
                (right[0], 4 * (matrices + unit * 6)),
                "there are keys and there are values: twice as many numbers",
            ),
            (
                (right[0], 4 * (matrices + 2 * unit * 5)),
                "the new token's key and value are in the cache, too",
            ),
        ],
    )
    _check_many_tokens(trial, matrices, unit)
    for new, known in ((3, 7), (1, 0), (64, 0)):
        _cost(
            trial,
            SMALL,
            new,
            known,
            1,
            gives=pass_cost(SMALL, new, known, 1),
            why=f"{new} new tokens after {known}: each sees the known ones and the new ones up to itself",
        )
    other = _Small(50, 64, 16, 4, 5, dropout=0.0)
    _cost(
        trial,
        other,
        2,
        3,
        4,
        gives=pass_cost(other, 2, 3, 4),
        why="take layers, width and vocabulary from the config",
    )


@TURNS.turn(least_seconds)
def check_least_seconds(trial):
    trial.close(
        100.0,
        10.0,
        50.0,
        2.0,
        gives=5.0,
        why="computing takes 2 seconds and reading 5: both go on at once, and the slower one decides",
        mistakes=[
            (7.0, "both go on at the same time, so they do not add up"),
            (2.0, "reading takes longer here, and the processor waits"),
            (0.5, "operations over peak, bytes over bandwidth"),
        ],
    )
    trial.close(300.0, 10.0, 50.0, 2.0, gives=6.0, why="here computing takes longer than reading")
    trial.close(
        0.0, 10.0, 50.0, 4.0, gives=2.5, why="a copy computes nothing, and still takes time"
    )


def _half_loss(weights, inputs, factor):
    """A loss in float32 over half-precision products; the gradient is the inputs times factor."""
    return sum((w * x).float().sum() for w, x in zip(weights, inputs, strict=True)) * factor


def _half_weights():
    return [
        torch.tensor([1.0, -2.0], dtype=torch.half, requires_grad=True),
        torch.tensor([[0.5]], dtype=torch.half, requires_grad=True),
    ]


def _check_skipped_steps(trial, inputs):
    """inf or NaN in any gradient gives None."""
    for place in (0, 1):
        large = [x.clone() for x in inputs]
        large[place].mul_(100)
        weights = _half_weights()
        found = trial.call(_half_loss(weights, large, 1.0), weights, 2.0**14)
        trial.that(
            found is None,
            "a gradient of 100 times 16,384 is inf in half precision: such a step must be "
            "skipped, so return None, whichever weight it is",
        )
    lost, weights = [inputs[0], torch.full_like(inputs[1], torch.nan)], _half_weights()
    found = trial.call(_half_loss(weights, lost, 1.0), weights, 1024.0)
    trial.that(found is None, "a gradient that is NaN spoils the step like inf does: return None")


def _check_what_was_in_grad(trial, inputs):
    """Gradients that were there before the call count for nothing, and stay."""
    weights = _half_weights()
    for w in weights:
        w.grad = torch.ones_like(w)
    found = trial.call(_half_loss(weights, inputs, 1.0), weights, 1024.0)
    trial.same(
        found,
        tuple(x.float() for x in inputs),
        "with gradients in .grad before the call, it",
        "what was in .grad before does not belong to this loss; torch.autograd.grad leaves it alone",
    )
    trial.that(
        all(w.grad is not None and bool((w.grad == 1).all()) for w in weights),
        "it changes gradients that were in .grad before the call, and they should stay as they "
        "are: torch.autograd.grad leaves them alone",
    )


@TURNS.turn(scaled_gradients)
def check_scaled_gradients(trial):
    inputs = [torch.tensor([1.0, 0.5], dtype=torch.half), torch.tensor([[-2.0]], dtype=torch.half)]
    tiny, scale = 2.0**-26, 2.0**16
    right = tuple(x.float() * tiny for x in inputs)
    weights = _half_weights()
    found = trial.call(_half_loss(weights, inputs, tiny), weights, scale)
    called = "scaled_gradients(loss, weights, 65536)"
    trial.that(found is not None, f"{called} gives None, and all these gradients are finite")
    trial.that(
        isinstance(found, (list, tuple)) and len(found) == 2,
        f"{called} must give a list with one gradient per weight",
    )
    kinds = {getattr(part, "dtype", None) for part in found}
    trial.that(kinds == {torch.float32}, f"{called}: return the gradients as float32, not {kinds}")
    # in units of the tiny factor, so that the comparison is not blind to it
    trial.same(
        tuple(part / tiny for part in found),
        tuple(part / tiny for part in right),
        f"{called}, divided by 2**-26,",
        "multiply the loss by the scale before the gradients, and divide them by it after",
        mistakes=[
            (
                tuple(torch.zeros_like(part) for part in right),
                "all zero: they underflowed in half precision. Scale the loss first, and turn the "
                "gradients to float32 before dividing",
            ),
            (
                tuple(part * scale / tiny for part in right),
                "the gradients are still multiplied by the scale",
            ),
        ],
    )
    one = trial.call(_half_loss(weights := _half_weights(), inputs, 1.0), weights, 1024.0)
    trial.same(
        one, tuple(x.float() for x in inputs), "with scale 1024", "the scale must not change them"
    )
    _check_skipped_steps(trial, inputs)
    weights = _half_weights()
    again = [trial.call(_half_loss(weights, inputs, tiny), weights, scale) for _ in range(2)]
    trial.that(
        all(w.grad is None for w in weights),
        "it leaves scaled gradients in .grad, where the next backward adds to them: "
        "torch.autograd.grad returns gradients without keeping them",
    )
    trial.same(
        tuple(again[1]), tuple(again[0]), "a second call", "it must give what the first gave"
    )
    trial.that(
        all(bool(w.isfinite().all()) and float(w.detach().abs().max()) <= 2 for w in weights),
        "it changes the weights; return the gradients alone",
    )
    _check_what_was_in_grad(trial, inputs)


def _pair(found, name):
    return isinstance(found, (tuple, list)) and len(found) == 2


@TURNS.turn(quantize)
def check_quantize(trial):
    # no weight lies half-way between two numbers, where the order of operations would decide
    weights = torch.tensor([[1.0, -0.52, 0.02, 0.013], [0.1, 0.3, 4.1, -8.0]])
    before = weights.clone()
    right = quantize(weights, 2)
    found = trial.call(weights, 2)
    call = "quantize(a matrix (2, 4), 2)"
    trial.that(_pair(found, call), f"{call} must give two values: numbers and scales")
    numbers, scales = found
    kind = getattr(numbers, "dtype", None)
    trial.that(kind == torch.int8, f"{call}: the numbers are {kind}, and should be torch.int8")
    whole = quantize(weights, 4)
    trial.same(
        tuple(found),
        right,
        call,
        "each group of 2 has its own scale, its largest absolute value over 127",
        mistakes=[
            ((whole[0].view(2, 2, 2), whole[1]), "that is one scale per row; each group has one"),
            (
                ((weights.view(2, 2, 2) / right[1].clamp(min=1e-30)).to(torch.int8), right[1]),
                "the numbers are cut off; round them",
            ),
            ((right[0], 1 / right[1]), "that is the inverse: number times scale is the weight"),
            (
                (right[0].flatten(1), right[1].flatten(1)),
                "keep the groups: (R, groups, size), and the scales (R, groups, 1)",
            ),
        ],
    )
    trial.that(torch.equal(weights, before), "it changes the weights it is given")
    torch.manual_seed(0)
    for rows, columns, size in ((3, 12, 4), (1, 8, 8), (5, 6, 1)):
        weights = torch.randn(rows, columns)
        weights[0, 0] = 30.0
        trial.close(
            weights,
            size,
            gives=quantize(weights, size),
            why="groups lie along a row, side by side; negative numbers count by their size",
        )
    found = trial.call(torch.tensor([[1.2e-9, -2e-9]]), 2)
    trial.that(_pair(found, call), "quantize(a matrix of tiny weights, 2) must give two values")
    trial.same(
        (found[0], found[1] / (2e-9 / 127)),
        (torch.tensor([[[76, -127]]], dtype=torch.int8), torch.ones(1, 1, 1)),
        "quantize(the weights 1.2e-9 and -2e-9, 2), with the scale over the right one,",
        "small weights have a small scale: whatever guards against 0 must be smaller still",
    )
    found = trial.call(torch.zeros(1, 4), 4)
    trial.that(
        bool((torch.as_tensor(found[1]) == 0).all()) and int(found[0].abs().max()) == 0,
        "a group of zeros has scale 0, by which nothing can be divided: its numbers are 0",
    )


@TURNS.turn(dequantize)
def check_dequantize(trial):
    numbers = torch.tensor([[[127, -64], [1, 0]], [[-127, 2], [5, 5]]], dtype=torch.int8)
    scales = torch.tensor([[[0.5], [2.0]], [[1.0], [0.1]]])
    right = torch.tensor([[63.5, -32.0, 2.0, 0.0], [-127.0, 2.0, 0.5, 0.5]])
    trial.close(
        numbers,
        scales,
        gives=right,
        why="number times scale, then back to (R, C)",
        mistakes=[
            (right.view(2, 2, 2), "that still has the groups; make it (R, C) again"),
            (right.flatten(), "keep the rows: (R, C)"),
            ((numbers.float() / scales).flatten(1), "number times scale is the weight"),
        ],
    )
    torch.manual_seed(0)
    for groups, size in ((1, 6), (3, 2)):
        numbers = torch.randint(-127, 128, (4, groups, size), dtype=torch.int8)
        scales = torch.rand(4, groups, 1)
        trial.close(
            numbers, scales, gives=dequantize(numbers, scales), why="each group has its own scale"
        )


def _blocks_of(trial, found, call):
    """The two values of one block, of the right types and shapes."""
    trial.that(_pair(found, call), f"{call} must give two values: scales and pairs")
    scales, pairs = found
    kinds = getattr(scales, "dtype", None), getattr(pairs, "dtype", None)
    trial.that(
        kinds == (torch.half, torch.uint8),
        f"{call} gives {kinds}; the scales are float16 and the pairs bytes, torch.uint8",
    )
    shapes = tuple(scales.shape), tuple(pairs.shape)
    trial.that(shapes == ((1,), (1, 16)), f"{call} gives shapes {shapes}, not ((1,), (1, 16))")
    return scales, pairs


@TURNS.turn(quantize_q4_0)
def check_quantize_q4_0(trial):
    block = torch.zeros(1, 32)
    block[0, 0], block[0, 1], block[0, 16], block[0, 17] = -8.0, 7.0, 3.2, -2.7
    found = trial.call(block)
    call = "quantize_q4_0(one block)"
    scales, pairs = _blocks_of(trial, found, call)
    right = quantize_q4_0(block)
    numbers = torch.cat([right[1] & 15, right[1] >> 4], dim=1)
    trial.same(
        (scales.float(), pairs.int()),
        (right[0].float(), right[1].int()),
        call,
        "the scale makes the extreme weight exactly −8, and numbers are stored 8 higher",
        mistakes=[
            (
                (-right[0].float(), pairs.int()),
                "the sign of the scale: the extreme weight is divided by −8",
            ),
            (
                (right[0].float(), (numbers[:, :16] << 4 | numbers[:, 16:]).int()),
                "the low half of a byte is a weight of the first 16, the high half one of the last",
            ),
            (
                (right[0].float(), (numbers[:, ::2] | numbers[:, 1::2] << 4).int()),
                "byte i holds the weights i and i + 16, not two neighbors",
            ),
            (
                (torch.tensor([8 / 7]), pairs.int()),
                "Q4_0 has 16 numbers, from −8 to 7: the extreme one becomes −8",
            ),
        ],
    )
    for value, why in ((8.0, "an extreme weight above 0 has a negative scale"), (-8.0, "")):
        block = torch.full((1, 32), value / 2)
        block[0, 5], block[0, 21] = value, -0.99 * value  # a tie would leave the scale open
        trial.close(
            block,
            gives=quantize_q4_0(block),
            why=why or "the weight opposite to the extreme would be 8: it is cut to 7",
        )
    block = torch.zeros(1, 32)
    block[0, 0], block[0, 3] = -8.003, 3.5008  # in float16 the scale would be 1, and 12 come out
    trial.close(
        block,
        gives=quantize_q4_0(block),
        why="round with the inverse of the scale in float32; it becomes float16 at the end",
    )
    zero = trial.call(torch.zeros(2, 32))
    trial.that(
        bool((zero[0] == 0).all()) and bool((zero[1] == 0x88).all()),
        "a block of zeros has scale 0 and the number 8 everywhere, and nothing is divided by 0",
    )
    torch.manual_seed(0)
    weights = torch.randn(50, 32) * torch.logspace(-3, 1, 50)[:, None]
    trial.close(
        weights,
        gives=quantize_q4_0(weights),
        why="round to the nearest of 16 numbers, with a scale for each block",
    )


def _models(seed, vocabulary=12):
    """A target and a draft as functions of ids, which agree now and then."""
    generator = torch.Generator().manual_seed(seed)
    table = torch.randint(vocabulary, (vocabulary, vocabulary), generator=generator).tolist()

    def choice(ids):
        return table[ids[-2] if len(ids) > 1 else 0][ids[-1]]

    def target(ids):
        return [choice(ids[: end + 1]) for end in range(len(ids))]

    def draft(ids):
        return choice(ids) if sum(ids) % 3 else (choice(ids) + 1) % vocabulary

    return target, choice, draft


def _greedy(choice, ids, n_new):
    written = list(ids)
    for _ in range(n_new):
        written.append(choice(written))
    return written[len(ids) :]


def _counted(function, calls):
    def counting(ids):
        calls.append(list(ids))
        return function(ids)

    return counting


def _check_passes(trial, name, kind, passes, least):
    """The passes of a call with the ids [3, 1] and three guesses: how many, and what the first reads."""
    trial.that(
        len(passes) <= len(least),
        f"with a draft, {kind}, the target is called {len(passes)} times, and should be "
        f"at most {len(least)} times: a pass keeps all guesses before the first that "
        "differs, and adds a token of its own",
    )
    n_guesses = len(passes[0]) - 2 if passes else 0
    trial.that(
        n_guesses == 3,
        f"the first pass of {name} reads {n_guesses} guesses, and should read 3, as ahead says",
    )


@TURNS.turn(speculate)
def check_speculate(trial):
    name = "speculate(target, draft, [3, 1], 10, 3)"
    target, choice, draft = _models(7)
    asked = []
    trial.call(target, _counted(draft, asked), [2], 6, 2)
    trial.that(
        [len(ids) for ids in asked[:2]] == [1, 2],
        "the draft must see its own guesses: draft(written + guesses)",
    )
    for seed in range(3):
        target, choice, draft = _models(seed)
        drafts = {
            "one that is right": choice,
            "one that is always wrong": lambda ids, right=choice: (right(ids) + 1) % 12,
            "one that is right now and then": draft,
        }
        ids, right = [3, 1], _greedy(choice, [3, 1], 10)
        for kind, guesser in drafts.items():
            passes, least = [], []
            speculate(_counted(target, least), guesser, ids, 10, 3)
            found = trial.call(_counted(target, passes), guesser, ids, 10, 3)
            trial.that(found is not None, f"{name} returned None: is there a return?")
            trial.that(ids == [3, 1], f"{name} changes the list of ids; copy it first")
            found = list(found)
            trial.that(
                found[:2] != [3, 1] or found[:10] == right,
                f"{name} gives the old ids as well; return the new ones",
            )
            trial.that(
                len(found) == 10,
                f"{name} gives {len(found)} ids, and should give 10: what is too much is cut off",
            )
            trial.that(
                found == right,
                f"with a draft, {kind}, {name} gives {found}, and the target alone writes {right}: "
                "a guess is kept only if the target chooses the same, and after the first "
                "difference the target's own token comes",
            )
            _check_passes(trial, name, kind, passes, least)
    target, choice, draft = _models(7)
    for n_new, ahead in ((1, 4), (7, 1), (5, 0)):
        trial.equal(
            target,
            draft,
            [2],
            n_new,
            ahead,
            gives=_greedy(choice, [2], n_new),
            why=f"{n_new} new tokens with {ahead} guesses per pass",
            name="speculate",
        )


@TURNS.turn(continuous_steps)
def check_continuous_steps(trial):
    trial.equal(
        [5, 1, 1, 3],
        2,
        gives=5,
        why="beside the 5 the other slot writes 1, then 1, then 3 tokens",
        mistakes=[
            (8, "that waits for a whole batch: a free slot takes the next text at once"),
            (10, "that is one text after another"),
            (6, "a text that ends frees its slot for the very next step"),
        ],
    )
    for lengths, slots in (
        ([4, 4, 4], 1),
        ([2, 3], 5),
        ([], 3),
        ([1] * 7, 3),
        ([6, 2, 2, 9, 1], 3),
    ):
        given = list(lengths)
        trial.equal(
            given,
            slots,
            gives=continuous_steps(lengths, slots),
            why=f"{slots} slots, texts of {lengths} tokens, in this order",
        )
        trial.that(given == lengths, "it changes the list of lengths; copy it first")


IN_PLACE = (
    "all_reduce changes its tensor in place and returns nothing: go on with the tensor itself"
)


def _or_in_place(trial):
    """The attempt; where it computes with what `all_reduce` returns, it gives that message."""

    def attempt(*arguments):
        try:
            return trial.attempt(*arguments)
        except TypeError as error:
            if "NoneType" in str(error):
                return IN_PLACE
            raise

    return attempt


@TURNS.turn(average_gradients)
def check_average_gradients(trial):
    for n_processes, total in ((2, 6.0), (4, 6.0)):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2), nn.Linear(2, 1))
        for parameter in model[2].parameters():
            parameter.requires_grad_(False)
        model(torch.randn(5, 3)).sum().backward()
        own = [p.grad.clone() for p in model.parameters() if p.grad is not None]
        before, sent = [p.detach().clone() for p in model.parameters()], []

        def all_reduce(tensor, sent=sent, total=total):
            sent.append(tensor.numel())
            tensor.detach().mul_(total)  # the sum over all processes, in place

        used_nothing = trial.call(model, all_reduce, n_processes, function=_or_in_place(trial))
        trial.that(used_nothing is not IN_PLACE, IN_PLACE)
        found = [p.grad for p in model.parameters() if p.grad is not None]
        trial.that(
            all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True)),
            "the weights have changed; only gradients are averaged, the optimizer does the rest",
        )
        trial.that(
            bool(sent), "all_reduce was not called: each process would go on with its own gradients"
        )
        trial.that(len(found) >= len(own), IN_PLACE)
        trial.that(
            len(found) == len(own), "a frozen parameter has no gradient, and must be skipped"
        )
        trial.same(
            tuple(found),
            tuple(part * total / n_processes for part in own),
            f"average_gradients in {n_processes} processes: the gradients",
            "the mean over all processes: the sum that all_reduce makes, over their number",
            mistakes=[
                (tuple(part * total for part in own), "that is the sum; divide by n_processes"),
                (
                    tuple(part / n_processes for part in own),
                    "all_reduce changes a tensor in place, and that tensor is not used here",
                ),
                (tuple(own), "the gradients are those of one process"),
            ],
        )
        n_numbers = sum(part.numel() for part in own)
        trial.that(
            sum(sent) == n_numbers,
            f"{sum(sent)} numbers were sent, and the gradients have {n_numbers}: send each once",
        )


RUNS = [(n, d) for n in (1e4, 1e5, 1e6) for d in (1e6, 1e7, 1e8)]


@TURNS.turn(fit_parts)
def check_fit_parts(trial):
    n, d = torch.tensor(RUNS, dtype=torch.float64).T
    for floor, size_scale, a, data_scale, b in (
        (0.5, 40.0, 0.4, 3000.0, 0.6),
        (2.0, 5.0, 0.2, 90.0, 0.3),
    ):
        losses = floor + size_scale * n**-a + data_scale * d**-b
        right = torch.tensor([floor, size_scale, data_scale], dtype=torch.float64)
        found = trial.call(n, d, losses, a, b)
        trial.that(found is not None, "fit_parts returned None: is there a return?")
        trial.that(
            is_tensor(found) and tuple(found.shape) == (3,),
            f"fit_parts must give a tensor of three numbers, not a {type(found).__name__} "
            f"{tuple(getattr(found, 'shape', ()))}",
        )
        trial.same(
            found.double() / right,
            torch.ones(3, dtype=torch.float64),
            "fit_parts, over the floor, A and B that made the losses,",
            "the columns are 1, N to the power −a, and D to the power −b",
            tolerance=1e-4,
        )
    torch.manual_seed(0)
    losses = losses * (1 + 0.05 * torch.randn(len(n), dtype=torch.float64))
    columns = torch.stack([torch.ones_like(n), n**-0.3, d**-0.3], dim=1)
    absolute = torch.linalg.lstsq(columns, losses[:, None]).solution[:, 0]
    right = fit_parts(n, d, losses, 0.3, 0.3)
    trial.same(
        trial.call(n, d, losses, 0.3, 0.3).double() / right,
        torch.ones(3, dtype=torch.float64),
        "fit_parts of noisy losses, over the right answer,",
        "the errors are relative: divide each row, and its target, by the loss",
        mistakes=[
            (
                absolute / right,
                "these are absolute errors; divide each row, and its target, by the loss",
            )
        ],
        tolerance=1e-4,
    )


@TURNS.turn(best_split)
def check_best_split(trial):
    for size_scale, a, data_scale, b, operations in (
        (100.0, 0.5, 1000.0, 0.5, 6e12),
        (400.0, 0.34, 410.0, 0.28, 1e18),
        (7.0, 0.3, 2000.0, 0.6, 1e13),
    ):
        right = best_split(size_scale, a, data_scale, b, operations)
        given = size_scale, a, data_scale, b, operations
        found = trial.call(*given)
        call = f"best_split{given}"
        trial.that(_pair(found, call), f"{call} must give two numbers: parameters and tokens")
        n, d = map(float, found)
        trial.that(
            abs(6 * n * d / operations - 1) < 1e-3,
            f"{call}: 6 · N · D is {6 * n * d:.3g}, and the budget is {operations:.3g}",
        )
        even = (operations / 6) ** 0.5
        turned = best_split(data_scale, b, size_scale, a, operations)
        trial.same(
            (n / right[0], d / right[1]),
            (1.0, 1.0),
            f"{call}, over the best N and D,",
            "at the best split a · A / N^a equals b · B / D^b",
            mistakes=[
                ((turned[0] / right[0], turned[1] / right[1]), "A and a belong to the parameters"),
                (
                    (even / right[0], even / right[1]),
                    "that is as many tokens as parameters; which split has the least loss?",
                ),
            ],
            tolerance=2e-2,
        )
