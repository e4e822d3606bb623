"""The turns of notebook 09: prompts, batches that score answers alone, fine-tuning, and judging.

Shapes: B conversations in a batch, T tokens of the longest, V tokens in the vocabulary.
"""

import math
import random
import re

import torch
from torch import nn
from torch.nn import functional as F

from classroom.turns.turn import Turns

TURNS = Turns("09")
your_turn = TURNS.your_turn

# The first optimizer loads more of PyTorch, for seconds: now, and not while a check is timed.
torch.optim.AdamW([nn.Parameter(torch.zeros(1))])

# The course's versions


def alpaca_prompt(instruction, input=""):
    text = "Below is an instruction that describes a task. "
    text += "Write a response that appropriately completes the request."
    text += f"\n\n### Instruction:\n{instruction}"
    if input:
        text += f"\n\n### Input:\n{input}"
    return text + "\n\n### Response:\n"


def chat_prompt(messages):
    text = ""
    for role, content in messages:
        if role not in ("system", "user", "assistant", "tool"):
            raise ValueError(f"there is no role {role!r}")
        if "<|im_start|>" in content or "<|im_end|>" in content:
            raise ValueError(f"a mark in the message {content!r}")
        text += f"<|im_start|>{role}\n{content.strip()}<|im_end|>\n"
    return text + "<|im_start|>assistant\n"


def inputs_and_targets(prompt, answer, end):
    inputs = [end, *prompt, *answer]
    targets = [-100] * len(prompt) + [*answer, end]
    return inputs, targets


def collate(rows, end):
    width = max(len(inputs) for inputs, _ in rows)
    inputs = [[*row, *[end] * (width - len(row))] for row, _ in rows]
    targets = [[*row, *[-100] * (width - len(row))] for _, row in rows]
    return torch.tensor(inputs), torch.tensor(targets)


def answer_loss(logits, targets):
    total = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
    return total / (targets != -100).sum().clamp(min=1)


def length_batches(lengths, batch_size, pool, rng):
    order = list(range(len(lengths)))
    rng.shuffle(order)
    batches, size = [], batch_size * pool
    for start in range(0, len(order), size):
        near = sorted(order[start : start + size], key=lambda place: lengths[place])
        batches += [near[i : i + batch_size] for i in range(0, len(near), batch_size)]
    rng.shuffle(batches)
    return batches


@torch.no_grad()
def greedy_answer(model, prompt, end, limit):
    ids = [end, *prompt]
    answer = []
    for _ in range(limit):
        token = model(torch.tensor([ids]))[0, -1].argmax().item()
        if token == end:
            break
        ids.append(token)
        answer.append(token)
    return answer


def finetune(model, batches, rates):
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, weight_decay=0.0)
    losses = []
    model.train()
    for (inputs, targets), rate in zip(batches, rates, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = answer_loss(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses


def parse_score(reply):
    said = re.sub(r"\b0( to | ?- ?)100\b|(/|out of) ?100\b", " ", reply)
    numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", said)]
    if len(numbers) != 1 or not 0 <= numbers[0] <= 100:
        return None
    return round(numbers[0])


def pass_at_k(n, right, k):
    return 1 - math.comb(n - right, k) / math.comb(n, k)


# The checks

OPENING = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request."
)


@TURNS.turn(alpaca_prompt)
def check_alpaca_prompt(trial):
    bare = f"{OPENING}\n\n### Instruction:\nSay hello.\n\n### Response:\n"
    trial.equal(
        "Say hello.",
        gives=bare,
        why="the opening line, the heading and the instruction, the heading of the response, each "
        "part after an empty line",
        mistakes=[
            (bare.rstrip("\n"), "the line break after '### Response:' is missing: training had it"),
            (
                bare.replace("### Response", "### Input:\n\n\n### Response"),
                "there is no input, so its heading is left out",
            ),
            (
                bare.replace("\n\n", "\n"),
                "an empty line stands before each heading: two line breaks",
            ),
        ],
    )
    full = bare.replace("Say hello.", "Add up.").replace(
        "### Response", "### Input:\n2 and 3\n\n### Response"
    )
    trial.equal(
        "Add up.",
        "2 and 3",
        gives=full,
        why="an input has a heading of its own, between the instruction and the response",
        mistakes=[
            (full.replace("### Input:\n2 and 3\n\n", ""), "the input is left out"),
            (full.replace("\n\n### Input:", ""), "the input needs its heading"),
        ],
    )


@TURNS.turn(chat_prompt)
def check_chat_prompt(trial):
    asked = "<|im_start|>user\nHi!<|im_end|>\n"
    opened = "<|im_start|>assistant\n"
    trial.equal(
        [("user", "Hi!")],
        gives=asked + opened,
        why="a message is its mark and role, a line break, the text, the end mark and a line break; "
        "then an assistant's message is opened",
        mistakes=[
            (asked, "open the assistant's message at the end, or the model may speak as the user"),
            (asked + opened.strip(), "a line break follows the role, here too"),
            (asked + opened + "<|im_end|>\n", "the assistant's message stays open: it is to come"),
            (
                asked.replace("<|im_end|>\n", "<|im_end|>") + opened,
                "a line break follows <|im_end|>",
            ),
        ],
    )
    trial.equal(
        [("system", "Be brief."), ("user", " Hi! \n")],
        gives="<|im_start|>system\nBe brief.<|im_end|>\n" + asked + opened,
        why="spaces around a text are stripped, and messages keep their order",
        mistakes=[
            (
                "<|im_start|>system\nBe brief.<|im_end|>\n"
                + asked.replace("Hi!", " Hi! \n")
                + opened,
                "strip the text: a space at its end would make other tokens",
            )
        ],
    )
    trial.equal(
        [("user", "Rain?"), ("assistant", "rain(Rome)"), ("tool", "0.8")],
        gives="<|im_start|>user\nRain?<|im_end|>\n<|im_start|>assistant\nrain(Rome)<|im_end|>\n"
        "<|im_start|>tool\n0.8<|im_end|>\n" + opened,
        why="what a tool returned is a message like the others, and so is what was answered before",
    )
    trial.raises(ValueError, [("robot", "Hi!")], why="a model knows only the roles it has read")
    for mark in ("<|im_end|>", "<|im_start|>"):
        trial.raises(
            ValueError,
            [("user", f"Hi!{mark}")],
            why=f"with {mark} in a text, a user could end the turn and speak for another role",
        )


@TURNS.turn(inputs_and_targets)
def check_inputs_and_targets(trial):
    trial.equal(
        [5, 6, 7],
        [8, 9],
        0,
        gives=([0, 5, 6, 7, 8, 9], [-100, -100, -100, 8, 9, 0]),
        why="an end, the prompt and the answer go in; the target of each is the token after it, -100 "
        "where that token belongs to the prompt",
        mistakes=[
            (
                ([0, 5, 6, 7, 8, 9], [5, 6, 7, 8, 9, 0]),
                "nothing is masked: the model would be scored on what the user wrote",
            ),
            (
                ([0, 5, 6, 7, 8, 9], [-100, -100, -100, -100, 9, 0]),
                "one too many is masked: the last token of the prompt predicts the answer's first",
            ),
            (
                ([0, 5, 6, 7, 8, 9], [-100, -100, -100, 8, 9, -100]),
                "the end is masked: the model would never learn to stop",
            ),
            (
                ([0, 5, 6, 7, 8, 9], [-100, -100, -100, -100, 8, 9]),
                "the targets are not shifted: each is the token that comes next",
            ),
            (
                ([0, 5, 6, 7, 8, 9, 0], [-100, -100, -100, 8, 9, 0]),
                "inputs and targets are equally long; nothing comes after the last end",
            ),
            (
                ([5, 6, 7, 8, 9], [-100, -100, 8, 9, 0]),
                "an end opens the inputs, as it did between the texts of pretraining",
            ),
        ],
    )
    prompt, answer = [5], [6]
    trial.equal(
        prompt,
        answer,
        3,
        gives=([3, 5, 6], [-100, 6, 3]),
        why="`end` is an argument, and a prompt of one token hides one target",
    )
    trial.that((prompt, answer) == ([5], [6]), "it changes the lists it is given; make new ones")


@TURNS.turn(collate)
def check_collate(trial):
    rows = [([0, 5, 6], [-100, 6, 0]), ([0, 7], [7, 0])]
    inputs = torch.tensor([[0, 5, 6], [0, 7, 0]])
    targets = torch.tensor([[-100, 6, 0], [7, 0, -100]])
    kept = str(rows)
    trial.close(
        rows,
        0,
        gives=(inputs, targets),
        why="shorter rows are filled up on the right: the inputs with the end, the targets with -100",
        mistakes=[
            (
                (inputs, targets.masked_fill(torch.tensor([[False] * 3, [False, False, True]]), 0)),
                "the padding is scored: after an end it would learn to predict an end",
            ),
            (
                (inputs, targets.masked_fill(targets == 0, -100)),
                "every end is masked, the real ones too: the model would never learn to stop",
            ),
            (
                (torch.tensor([[0, 5, 6], [0, 0, 7]]), torch.tensor([[-100, 6, 0], [-100, 7, 0]])),
                "pad on the right: on the left every token would move to another position",
            ),
        ],
    )
    trial.that(str(rows) == kept, "it changes the rows it is given; make new ones")
    found = trial.call(rows, 9)
    trial.same(
        found,
        (torch.tensor([[0, 5, 6], [0, 7, 9]]), targets),
        "collate(rows, 9)",
        "the inputs are filled with the end that is given; -100 is no token, and an embedding has no "
        "row for it",
    )
    trial.that(
        all(part.dtype == torch.long for part in found),
        "return 64-bit integers, as torch.tensor makes them of a list: cross_entropy takes no others",
    )
    trial.close(
        rows[1:],
        0,
        gives=(torch.tensor([[0, 7]]), torch.tensor([[7, 0]])),
        why="a batch is as wide as its own longest row, no wider",
    )


@TURNS.turn(answer_loss)
def check_answer_loss(trial):
    torch.manual_seed(0)
    logits = 3 * torch.randn(2, 4, 5)
    targets = torch.tensor([[-100, 1, 2, 0], [3, -100, -100, -100]])
    each = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(2, 4)
    right = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    by_row = (each.sum(1) / (targets != -100).sum(1)).mean()
    trial.close(
        logits,
        targets,
        gives=right,
        why="the mean of minus log p(target) over the targets that are not -100",
        mistakes=[
            (each.mean(), "divide by the number of scored targets, not by all positions"),
            (each.sum(), "that is the sum; divide by the number of scored targets"),
            (by_row, "every scored target has the same weight, in whichever row it is"),
        ],
    )
    moving = logits.clone().requires_grad_()
    loss = trial.call(moving, targets)
    trial.that(
        isinstance(loss, torch.Tensor) and loss.requires_grad,
        "the loss must stay a tensor with its gradient: without .item(), without .detach()",
    )
    (found,) = torch.autograd.grad(loss, moving)
    again = logits.clone().requires_grad_()
    expected = torch.autograd.grad(
        F.cross_entropy(again.flatten(0, 1), targets.flatten()), again
    )[0]  # fmt: skip
    trial.same(found, expected, "the gradient of answer_loss", "masked positions get none")
    silent = logits.clone().requires_grad_()
    nothing = trial.call(silent, torch.full((2, 4), -100))
    trial.that(
        torch.is_tensor(nothing) and float(nothing) == 0.0,
        "where nothing is scored the loss is a tensor of 0: a mean over no targets would be NaN",
    )
    trial.that(
        nothing.requires_grad,
        "where nothing is scored the loss must still go backward: a new tensor of 0 stops the loop",
    )
    (found,) = torch.autograd.grad(nothing, silent, allow_unused=True)
    trial.that(
        found is None or not found.any(),  # NaN counts as any
        "where nothing is scored the gradient is 0: if it is NaN, so are all weights after one step",
    )


@TURNS.turn(length_batches)
def check_length_batches(trial):
    lengths = [9, 2, 7, 4, 1, 8, 3, 6, 5, 10, 12, 11, 14]

    def batches(pool, seed=0):
        found = trial.call(lengths, 3, pool, random.Random(seed))
        trial.that(
            isinstance(found, list) and all(hasattr(batch, "__len__") for batch in found),
            "return a list of batches, each a list of positions in `lengths`",
        )
        return [list(batch) for batch in found]

    whole = batches(100)
    seen = sorted(place for batch in whole for place in batch)
    trial.that(seen != sorted(lengths), "a batch holds positions, not the lengths themselves")
    trial.that(
        seen == list(range(len(lengths))),
        f"every position from 0 to {len(lengths) - 1} comes once, also in a last, smaller batch",
    )
    sizes = sorted(map(len, whole))
    trial.that(
        sizes == [1, 3, 3, 3, 3],
        f"13 positions in batches of 3 make sizes of 3, 3, 3, 3 and 1, not {sizes}",
    )
    ranked = sorted(range(len(lengths)), key=lambda place: lengths[place])
    wanted = {frozenset(ranked[i : i + 3]) for i in range(0, len(ranked), 3)}
    trial.that(
        {frozenset(batch) for batch in whole} == wanted,
        "in a pool with room for all, the three shortest make a batch, the next three another",
    )
    orders = {tuple(map(frozenset, batches(100, seed))) for seed in range(5)}
    trial.that(
        len(orders) > 1,
        "shuffle the finished batches: else training always begins with the shortest",
    )
    mixed = {frozenset(map(frozenset, batches(1, seed))) for seed in range(5)}
    trial.that(
        len(mixed) > 1,
        "draw the pools anew: with pool=1 the batches themselves are made by chance",
    )
    trial.that(
        batches(1, 3) == batches(1, 3),
        "take the chance from rng alone, so that the same seed gives the same batches",
    )
    # five draws: in one, pools of two batches may spread as much as none by chance
    one, two = ([batches(pool, seed) for seed in range(5)] for pool in (1, 2))
    trial.that(
        _spread(two, lengths) < _spread(one, lengths)
        and any(set(map(frozenset, found)) != wanted for found in two),
        "a pool holds batch_size * pool positions: sort within it, not within everything",
    )


def _spread(epochs, lengths):
    """The longest less the shortest of each batch, over all batches of some epochs."""
    found = [[lengths[place] for place in batch] for epoch in epochs for batch in epoch if batch]
    return sum(max(batch) - min(batch) for batch in found)


class _Reciter(nn.Module):
    """A model that says a fixed text after the prompt; it notes what it is given.

    `height` is the logit of its next token; those of the others are 0.
    """

    def __init__(self, text, prompt_length, height, size=12):
        super().__init__()
        self.text, self.before, self.height, self.size = text, prompt_length, height, size
        self.weight = nn.Parameter(torch.zeros(1))
        self.given, self.with_gradient = [], []

    def forward(self, token_ids):
        self.given.append(token_ids.tolist())
        self.with_gradient.append(torch.is_grad_enabled())
        place = token_ids.shape[1] - self.before
        logits = torch.zeros(*token_ids.shape, self.size)
        logits[:, :-1, 11] = 9.0  # what earlier positions predict is not asked for
        logits[:, -1, self.text[min(place, len(self.text) - 1)]] = self.height
        return logits + self.weight


@TURNS.turn(greedy_answer)
def check_greedy_answer(trial):
    def ask(text, prompt, end, limit, height=9.0):
        model = _Reciter(text, len(prompt) + 1, height)
        found = trial.call(model, prompt, end, limit)
        return list(found) if found is not None else found, model

    found, model = ask([4, 5, 0, 6], [1, 2], 0, 9)
    trial.that(found is not None, "it returned None: is there a return?")
    trial.that(
        model.given[:1] == [[[0, 1, 2]]],
        f"first the model reads an end and the prompt, as in training: [[0, 1, 2]], not {model.given[:1]}",
    )
    trial.that(
        found[:1] != [4] or model.given[1:2] == [[[0, 1, 2, 4]]],
        "each new token is appended to what the model reads next",
    )
    trial.that(found != [4, 5, 0], "the end is no part of the answer")
    trial.that(found != [1, 2, 4, 5], "return the new tokens alone, without the prompt")
    trial.that(found[:1] != [11], "the next token is predicted at the last position: logits[0, -1]")
    trial.that(
        found[:4] != [4, 5, 0, 6], "stop at the end: what follows it is not meant for anybody"
    )
    trial.that(
        found == [4, 5],
        f"after the tokens 4 and 5 comes the end 0: the answer is [4, 5], not {found}",
    )
    prompt = [1, 2]
    found, _ = ask([4, 5, 6, 7, 0], prompt, 0, 2)
    trial.that(found == [4, 5], f"`limit` new tokens are the most: two, and it gave {len(found)}")
    unsure, _ = ask([4, 5, 6, 4, 5, 6, 0], prompt, 0, 9, height=0.5)
    trial.that(
        unsure == [4, 5, 6, 4, 5, 6],
        "take the likeliest token, argmax, also where the model is unsure; do not draw one",
    )
    found, _ = ask([4, 0, 7, 7], [1], 7, 9)
    trial.that(found == [4, 0], "the end is the argument `end`, whichever id it is")
    trial.that(
        not any(model.with_gradient),
        "answering needs no gradients: without torch.no_grad() they cost memory at every token",
    )
    ask([4, 0], prompt, 0, 5)
    trial.that(prompt == [1, 2], "it changes the prompt it is given; make a new list")


class _Tiny(nn.Module):
    """Embedding, dropout and head: enough to be trained, and to notice how."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(6, 4)
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.head = nn.Linear(4, 6)
        self.modes = []

    def forward(self, token_ids):
        self.modes.append(self.training)
        x = self.embedding(token_ids)
        return self.head(x + self.frozen(x))


def _batches(n):
    generator = torch.Generator().manual_seed(1)
    for _ in range(n):
        ids = torch.randint(6, (2, 4), generator=generator)
        yield ids[:, :-1], ids[:, 1:].masked_fill(torch.tensor([True, False, False]), -100)


MISSING_IN_FINETUNE = {
    "without zero_grad": "gradients of earlier steps are still there: set them to zero first",
    "one rate": "each step has a learning rate of its own: set group['lr'] before the step",
    "decay": "weight_decay=0.0: with decay the weights would be pulled away from what they know",
    "no clipping": "clip the norm of all gradients to 1.0 before the step",
}


@TURNS.turn(finetune)
def check_finetune(trial):
    rates = [0.01, 0.1, 0.02]

    def trained(run, batches=None):
        model = _Tiny()
        given = list(_batches(3)) if batches is None else batches
        return model, run(model, given, rates)

    model, losses = trained(trial.call)
    right, wanted = trained(finetune)
    trial.that(losses is not None, "it returned None: return the losses, one per step")
    trial.that(
        isinstance(losses, list) and len(losses) == 3 and all(isinstance(x, float) for x in losses),
        "return a list of three floats, the loss of each step: loss.item()",
    )
    trial.that(
        abs(losses[0] - wanted[0]) < 1e-5,
        f"the first loss is {wanted[0]:.4f}, before any step, and it gave {losses[0]:.4f}",
    )
    trial.that(
        torch.equal(model.frozen.weight, right.frozen.weight),
        "a frozen weight moved: give the optimizer those that require a gradient",
    )
    trial.that(
        not torch.equal(model.head.weight, _Tiny().head.weight),
        "no weight moved: is there a backward() and a step()?",
    )
    for name, message in MISSING_IN_FINETUNE.items():
        other, _ = trained(lambda *a, n=name: _variant(*a, n))
        if not torch.allclose(other.head.weight, right.head.weight, atol=1e-6):
            same = torch.allclose(other.head.weight, model.head.weight, atol=1e-6)
            trial.that(not same, message)
    trial.same(
        model.head.weight,
        right.head.weight,
        "the head after three steps",
        "per step: the rate, the loss, zero_grad, backward, clip to 1.0, AdamW's step",
        tolerance=1e-4,
    )
    trial.same(
        torch.tensor(losses), torch.tensor(wanted), "the losses", "the loss of each step, in order"
    )
    trial.that(all(model.modes), "training needs model.train(): dropout is on while it learns")
    trial.that(not model.training, "leave the model in model.eval(), ready to answer")

    silent = [(inputs, torch.full_like(targets, -100)) for inputs, targets in _batches(1)]
    _, found = trained(trial.call, [*silent, *_batches(2)])
    trial.that(
        found[0] == 0.0,
        f"the loss of a batch in which nothing is scored is 0, not {found[0]}: use answer_loss",
    )

    def endless():
        while True:
            yield from _batches(3)

    _, found = trained(trial.call, endless())
    trial.that(len(found) == 3, "there are as many steps as rates, even if batches never end")


def _variant(model, batches, rates, without):
    """The loop with a typical mistake."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, weight_decay=0.01 if without == "decay" else 0.0)
    model.train()
    for (inputs, targets), rate in zip(batches, rates, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rates[0] if without == "one rate" else rate
        if without != "without zero_grad":
            optimizer.zero_grad()
        answer_loss(model(inputs), targets).backward()
        if without != "no clipping":
            nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
    return []


@TURNS.turn(parse_score)
def check_parse_score(trial):
    plain = {
        "85": (85, "the reply is the number"),
        "Score: 85.": (85, "words and a full stop may stand around it"),
        "85/100": (85, "the scale is no score: drop '/100' before you look for numbers"),
        "I give it 85 out of 100.": (85, "the scale is no score: 'out of 100' is dropped"),
        "On a scale from 0 to 100, I say 85": (85, "the scale is no score: '0 to 100' is dropped"),
        "On 0 - 100: 85": (85, "the scale is no score: '0 - 100' is dropped"),
        "On 0-100: 85": (85, "a scale may be written without spaces around its sign"),
        "85 / 100": (85, "a scale may be written with spaces around its sign"),
        "100": (100, "100 alone is a score, the best"),
        "0": (0, "0 is a score, the worst; do not take it for none"),
        "72.6": (73, "a score is rounded to a whole number"),
    }
    for reply, (score, why) in plain.items():
        found = trial.call(reply)
        says = f"parse_score({reply!r}) gives {found!r}, and should give {score}"
        trial.that(found is not None or reply != "85", f"{says}: is there a return?")
        trial.that(found is not None and round(found) == score, f"{says}: {why}")
        trial.that(isinstance(found, int), f"{says}: a score is a whole number: round it")
    none = {
        "A good answer.": "there is no number: None, so that it can be counted as unread",
        "120": "a score over 100 is none",
        "-5": "a score under 0 is none; the minus sign belongs to the number",
        "Two of the 3 facts are right: 70": "of several numbers, which one is meant? None is honest",
        "Between 50 to 100": "the scale begins at 0; '50 to 100' is two numbers, of which none is the score",
        "Between 50 - 100": "the scale begins at 0; '50 - 100' is two numbers, of which none is the score",
    }
    for reply, why in none.items():
        found = trial.call(reply)
        trial.that(
            found is None, f"parse_score({reply!r}) gives {found!r}, and should give None: {why}"
        )


@TURNS.turn(pass_at_k)
def check_pass_at_k(trial):
    naive = 1 - (1 - 2 / 5) ** 2
    trial.close(
        5,
        2,
        2,
        gives=0.7,
        why="of the 10 pairs of 5 samples, 3 hold no right one: 1 - 3/10",
        mistakes=[
            (naive, "that draws each sample from all five again; k of n samples are all different"),
            (0.3, "that is the share of pairs without a right one; take it from 1"),
            (0.4, "that is the share of right samples, pass@1"),
            (0.1, "that is the share of pairs in which both are right; one is enough"),
        ],
    )
    trial.close(8, 2, 1, gives=0.25, why="with one try it is the share of right samples")
    trial.close(6, 0, 3, gives=0.0, why="where nothing is right, more tries do not help")
    trial.close(4, 3, 2, gives=1.0, why="one wrong sample cannot fill two tries")
    trial.close(4, 1, 4, gives=1.0, why="all samples together hold the right one")
    trial.close(
        2000,
        1000,
        1000,
        gives=1.0,
        why="the counts become huge: divide whole numbers, or multiply ratios",
        tolerance=1e-9,
    )
