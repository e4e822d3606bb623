"""The turns of notebook 13: a judge, a reward model, best of n, DPO step by step, and its drift.

Shapes: B answers, T tokens, C dimensions of a hidden state, V tokens in the vocabulary, N answers to one
prompt.
"""

import copy
import math

import torch
from torch import nn
from torch.nn import functional as F

from classroom.turns.turn import Turns

TURNS = Turns("13")
your_turn = TURNS.your_turn

# The first optimizer loads more of PyTorch, for seconds: now, and not while a check is timed.
torch.optim.SGD([nn.Parameter(torch.zeros(1))])

# The course's versions


def win_rate(ours, theirs):
    points = 0.0
    for one, other in zip(ours, theirs, strict=True):
        points += 1.0 if one > other else 0.5 if one == other else 0.0
    return points / len(ours)


def bradley_terry_gradient(scores, pairs):
    better, worse = pairs.unbind(1)
    surprise = torch.sigmoid(scores[worse] - scores[better])
    gradient = torch.zeros_like(scores)
    gradient.index_add_(0, better, -surprise)
    gradient.index_add_(0, worse, surprise)
    return gradient / len(pairs)


def reward_loss(chosen, rejected):
    return -F.logsigmoid(chosen - rejected).mean()


class RewardModel(nn.Module):
    def __init__(self, gpt, size):
        super().__init__()
        self.gpt = gpt
        self.score = nn.Linear(size, 1, bias=False)

    def forward(self, token_ids, lengths):
        hidden = self.gpt.hidden_states(token_ids)
        last = hidden[torch.arange(len(hidden)), lengths - 1]
        return self.score(last).squeeze(-1)


def best_of_n(rewards, scores, n):
    ranked = scores[rewards.argsort()]
    total = len(rewards)
    chances = [math.comb(place, n - 1) / math.comb(total, n) for place in range(total)]
    return (torch.tensor(chances) * ranked).sum().item()


def optimal_policy(reference, rewards, beta):
    return torch.softmax(reference.log() + rewards / beta, dim=-1)


def answer_log_probs(model, inputs, targets):
    losses = F.cross_entropy(
        model(inputs).flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="none"
    )
    return -losses.view_as(targets).sum(dim=-1)


def dpo_loss(chosen, rejected, reference_chosen, reference_rejected, beta):
    chosen_reward = beta * (chosen - reference_chosen)
    rejected_reward = beta * (rejected - reference_rejected)
    return -F.logsigmoid(chosen_reward - rejected_reward).mean()


def dpo_step(model, reference, optimizer, inputs, targets, beta):
    with torch.no_grad():
        before = answer_log_probs(reference, inputs, targets).chunk(2)
    now = answer_log_probs(model, inputs, targets).chunk(2)
    loss = dpo_loss(*now, *before, beta)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def kl_per_token(logits, reference_logits, mask):
    log_p = logits.log_softmax(dim=-1)
    log_q = reference_logits.log_softmax(dim=-1)
    return (log_p.exp() * (log_p - log_q)).sum(dim=-1)[mask].mean()


def keep_best(groups, grade, at_least):
    kept = []
    for place, answers in enumerate(groups):
        best = max(answers, key=lambda answer: grade(place, answer))
        if grade(place, best) >= at_least:
            kept.append((place, best))
    return kept


# The checks


@TURNS.turn(win_rate)
def check_win_rate(trial):
    ours = [(True, 1, -2), (True, 0, -1), (False, 1, -3), (True, 0, -1)]
    theirs = [(True, 0, -1), (True, 0, -1), (True, -1, -9), (True, 0, -4)]
    trial.close(
        ours,
        theirs,
        gives=0.625,
        why="two wins, one tie and one loss of four are (2 + 1/2) / 4",
        mistakes=[
            (0.5, "a tie counts half, for both sides"),
            (0.75, "a tie is half a win, not a whole one"),
            (2 / 3, "a tie counts half; it is not left out"),
            (2.5, "divide by the number of prompts"),
            (0.375, "that is the rate of the other side: the first list is ours"),
        ],
    )
    trial.close(
        theirs,
        ours,
        gives=0.375,
        why="the two sides' rates add up to 1",
    )
    trial.close(
        [(True, 1, -5)],
        [(False, 1, -1)],
        gives=1.0,
        why="grades are compared as tuples: a right answer wins, however long it is",
    )
    trial.close([3, 1], [3, 2], gives=0.25, why="any grades that Python can compare will do")


def _bt_loss(scores, pairs):
    return -F.logsigmoid(scores[pairs[:, 0]] - scores[pairs[:, 1]]).mean()


@TURNS.turn(bradley_terry_gradient)
def check_bradley_terry_gradient(trial):
    scores = torch.tensor([0.0, 0.0, 0.0])
    trial.close(
        scores,
        torch.tensor([[0, 1]]),
        gives=torch.tensor([-0.5, 0.5, 0.0]),
        why="with equal scores P is 1/2: the winner's slope is -(1 - P), the loser's 1 - P",
        mistakes=[
            (
                torch.tensor([0.5, -0.5, 0.0]),
                "the sign: a step against the gradient raises winners",
            ),
            (torch.tensor([-0.5, 0.0, 0.0]), "the loser has a slope, too: 1 - P"),
            (torch.tensor([-1.0, 1.0, 0.0]), "weigh each pair by its surprise, 1 - P"),
        ],
    )
    scores = torch.tensor([1.0, -0.5, 0.25, 2.0])
    pairs = torch.tensor([[0, 1], [2, 1], [0, 3], [2, 0], [0, 1]])
    moving = scores.clone().requires_grad_()
    (right,) = torch.autograd.grad(_bt_loss(moving, pairs), moving)
    better, worse = pairs.unbind(1)
    surprise = torch.sigmoid(scores[worse] - scores[better])
    once = torch.zeros(4)
    once[better] -= surprise
    once[worse] += surprise
    by_p = torch.zeros(4).index_add_(0, better, surprise - 1).index_add_(0, worse, 1 - surprise)
    trial.close(
        scores,
        pairs,
        gives=right,
        why="the mean over the pairs of -(1 - P) for the winner and 1 - P for the loser",
        mistakes=[
            (5 * right, "that is the sum over the pairs; take the mean"),
            (
                once / 5,
                "an answer may be in many pairs: add up all of them (index_add_, or a loop)",
            ),
            (once, "an answer may be in many pairs: add up all of them, then take the mean"),
            (by_p / 5, "that is P; a pair that is already won surely should hardly count: 1 - P"),
            (-right, "the sign: a step against the gradient raises winners"),
        ],
    )
    trial.that(
        torch.equal(scores, torch.tensor([1.0, -0.5, 0.25, 2.0])),
        "it changes the scores it is given; make a new tensor",
    )
    trial.that(
        _works_without_gradients(trial.attempt, scores, pairs),
        "write the slope itself, without autograd: it should work where PyTorch records nothing",
    )


@torch.no_grad()
def _works_without_gradients(attempt, *arguments):
    try:
        attempt(*arguments)
    except RuntimeError:
        return False
    return True


@TURNS.turn(reward_loss)
def check_reward_loss(trial):
    chosen, rejected = torch.tensor([2.0, 0.0, 1.0]), torch.tensor([0.0, 1.0, 1.0])
    gap = chosen - rejected
    right = torch.log1p(torch.exp(-gap)).mean()
    trial.close(
        chosen,
        rejected,
        gives=right,
        why="the mean of -ln sigmoid(chosen - rejected)",
        mistakes=[
            (torch.log1p(torch.exp(gap)).mean(), "the chosen one should have the larger reward"),
            (-right, "the sign: a loss is minus the logarithm"),
            (3 * right, "take the mean over the pairs"),
            (-torch.sigmoid(gap).mean(), "the logarithm is missing"),
            (-gap.mean(), "without the sigmoid the gap would be pushed apart forever"),
        ],
    )
    far = trial.call(torch.tensor([-200.0]), torch.tensor([0.0]))
    trial.same(
        far,
        torch.tensor(200.0),
        "reward_loss of a reward 200 too low",
        "the sigmoid is 0 here, or e to the 200 too large: F.logsigmoid computes ln sigmoid at once",
    )
    moving = chosen.clone().requires_grad_()
    loss = trial.call(moving, rejected)
    trial.that(
        isinstance(loss, torch.Tensor) and loss.requires_grad,
        "the loss must stay a tensor with its gradient: without .item(), without .detach()",
    )
    (found,) = torch.autograd.grad(loss, moving)
    trial.same(
        found, -torch.sigmoid(-gap) / 3, "the gradient at the chosen rewards", "-(1 - P) / B"
    )


class _Body(nn.Module):
    """Stands for a GPT: hidden states of three dimensions that depend on the tokens before."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(
            torch.tensor([[0.5, 1, 0], [1.0, 0, 2], [-1, 1, 1], [3, -1, 0.5]])
        )

    def hidden_states(self, token_ids):
        return self.table[token_ids].cumsum(dim=1)  # (B, T, 3)

    def forward(self, token_ids):
        raise RuntimeError("these are logits; take hidden_states")


@TURNS.turn(RewardModel)
def check_reward_model(trial):
    body = _Body()
    model = trial.call(body, 3)
    trial.that(isinstance(model, nn.Module), "RewardModel must be an nn.Module")
    own = {name: tuple(p.shape) for name, p in model.named_parameters() if p is not body.table}
    trial.that(
        own == {"score.weight": (1, 3)},
        f"besides the GPT it has one matrix, score.weight of shape (1, 3), no bias; it has {own}",
    )
    trial.that(
        any(p is body.table for p in model.parameters()),
        "keep the GPT in self, so that it learns as well",
    )
    trial.that(getattr(model, "gpt", None) is body, "keep the GPT as self.gpt, by that name")
    with torch.no_grad():
        model.score.weight.copy_(torch.tensor([[1.0, -2.0, 0.5]]))
    token_ids, lengths = torch.tensor([[1, 2, 3, 0], [2, 1, 0, 0]]), torch.tensor([4, 2])
    hidden = body.hidden_states(token_ids)
    each = hidden @ torch.tensor([1.0, -2.0, 0.5])
    right = torch.stack([each[0, 3], each[1, 1]])
    trial.close(
        token_ids,
        lengths,
        gives=right,
        why="the head's number at each row's last token, which is number lengths - 1",
        mistakes=[
            (each[:, -1], "the second row has two tokens; what follows is padding"),
            (right[:, None], "one number per answer: squeeze the last dimension"),
            (each, "one number per answer: that of its last token"),
            (torch.stack([each[0, 0], each[1, 0]]), "the first token has not seen the answer"),
            (each.mean(dim=1), "take the last token, which has seen all others"),
        ],
        function=model,
        name="model",
    )
    trial.close(
        token_ids[:1], lengths[:1], gives=right[:1], function=model, name="model",
        why="a batch of one answer has one reward, (1,): squeeze the last dimension and no other",
    )  # fmt: skip
    trial.call(token_ids, lengths, function=model, name="model").sum().backward()
    grads = body.table.grad is not None and model.score.weight.grad is not None
    trial.that(grads, "the gradient must reach the head and the GPT")


@TURNS.turn(best_of_n)
def check_best_of_n(trial):
    rewards, scores = torch.tensor([0.3, -1.0, 0.9]), torch.tensor([1.0, 0.5, 0.0])
    trial.close(
        rewards,
        scores,
        1,
        gives=0.5,
        why="the best of one is any of the three: the mean score",
        mistakes=[(0.0, "that is the best of all three; draw n of them")],
    )
    trial.close(
        rewards,
        scores,
        3,
        gives=0.0,
        why="of all three the reward takes the last, whose score is 0",
        mistakes=[
            (1.0, "the reward chooses, the score only judges: rank by reward"),
            (7.5 / 27, "no answer is drawn twice: choose n different ones"),
        ],
    )
    trial.close(
        rewards,
        scores,
        2,
        gives=1 / 3,
        why="of the three pairs two hold the answer with reward 0.9 (score 0), one does not (score 1)",
        mistakes=[
            (1.0, "that is the best of the first two; the mean over all pairs is asked for"),
            (0.0, "that is the best of all; the mean over all pairs is asked for"),
        ],
    )
    torch.manual_seed(0)
    rewards, scores = torch.randn(7), torch.rand(7)
    for n in (2, 4, 6):
        trial.close(
            rewards,
            scores,
            n,
            gives=best_of_n(rewards, scores, n),
            why="the answer of rank i from below is the best of n with probability "
            "comb(i, n - 1) / comb(N, n)",
            mistakes=[
                (
                    best_of_n(-rewards, scores, n),
                    "the best has the largest reward, not the smallest",
                )
            ],
        )


@TURNS.turn(optimal_policy)
def check_optimal_policy(trial):
    reference, rewards = torch.tensor([0.5, 0.25, 0.25]), torch.tensor([0.0, math.log(2), 0.0])
    trial.close(
        reference,
        rewards,
        1.0,
        gives=torch.tensor([0.4, 0.4, 0.2]),
        why="times e to the reward: 0.5, 0.5, 0.25, and divided by their sum",
        mistakes=[
            (torch.tensor([0.5, 0.5, 0.25]), "probabilities add up to 1: divide by the sum"),
            (torch.softmax(rewards, -1), "the reference is a factor: it is left out"),
            (torch.softmax(reference + rewards, -1), "add the reward to the reference's logarithm"),
        ],
    )
    half = torch.tensor([0.5, 1.0, 0.25]) / 1.75
    trial.close(
        reference,
        rewards,
        0.5,
        gives=half,
        why="divide the reward by beta: a small beta lets it count more",
        mistakes=[
            (optimal_policy(reference, rewards, 2.0), "divide by beta, do not multiply"),
            (optimal_policy(reference, rewards, 1.0), "beta is not used"),
        ],
    )
    trial.close(
        torch.tensor([0.5, 0.5, 0.0]),
        torch.tensor([1.0, 0.0, 5.0]),
        0.001,
        gives=torch.tensor([1.0, 0.0, 0.0]),
        why="e to the 1000 is too large for a float: add logarithms, and let softmax subtract the largest "
        "sum; a reward of what the reference never says is not the largest of anything",
        mistakes=[
            (
                torch.tensor([0.0, 0.0, 1.0]),
                "what the reference never says stays at 0: ln 0 is -inf, and nothing is added to the 0",
            )
        ],
    )


class _Table(nn.Module):
    """A model whose logits depend on the token alone: a row of a table, (B, T) to (B, T, V)."""

    def __init__(self, seed=0, size=5):
        super().__init__()
        self.table = nn.Parameter(
            torch.randn(size, size, generator=torch.Generator().manual_seed(seed))
        )

    def forward(self, token_ids):
        return self.table[token_ids]


INPUTS = torch.tensor([[0, 1, 2, 3], [0, 4, 3, 0]])
TARGETS = torch.tensor([[-100, 2, 3, 0], [-100, 3, 0, -100]])


@TURNS.turn(answer_log_probs)
def check_answer_log_probs(trial):
    model = _Table()
    log_p = model(INPUTS).log_softmax(-1)
    each = log_p.gather(-1, TARGETS.clamp(min=0)[..., None])[..., 0]
    scored = TARGETS != -100
    right = (each * scored).sum(-1)
    again = log_p[:, :-1].gather(-1, TARGETS[:, 1:].clamp(min=0)[..., None])[..., 0]
    of_inputs = log_p.gather(-1, INPUTS[..., None])[..., 0]
    trial.close(
        model,
        INPUTS,
        TARGETS,
        gives=right,
        why="the sum of ln p(target) over each row's targets that are not -100",
        mistakes=[
            (-right, "these are losses; a log-probability is minus that"),
            ((again * scored[:, 1:]).sum(-1),
             "targets are shifted already: the logits of a place belong to the target of the same place"),
            ((of_inputs * scored).sum(-1), "that is of the inputs; the targets are what comes next"),
            (right / scored.sum(-1), "the sum, not the mean: an answer's probability is a product"),
            (right.sum(), "one number per answer: sum along each row"),
            (right.mean(), "one number per answer: sum along each row"),
            (each * scored, "sum the tokens of each answer"),
            (each.sum(-1), "prompts and padding count here: leave out targets of -100"),
            (right.exp(), "the logarithm, not the probability: products of many tokens underflow"),
            ((log_p.exp().gather(-1, TARGETS.clamp(min=0)[..., None])[..., 0] * scored).sum(-1),
             "these are probabilities: take log_softmax"),
        ],
    )  # fmt: skip
    found = trial.call(model, INPUTS, TARGETS)
    trial.that(found.requires_grad, "keep the gradient: without .item(), without no_grad")
    longer = F.pad(INPUTS, (0, 2)), F.pad(TARGETS, (0, 2), value=-100)
    trial.same(
        trial.call(model, *longer),
        right,
        "answer_log_probs with two more columns of padding",
        "padding changes nothing",
    )


@TURNS.turn(dpo_loss)
def check_dpo_loss(trial):
    same = torch.tensor([-8.0]), torch.tensor([-5.0])
    trial.close(
        *same,
        *same,
        0.1,
        gives=math.log(2),
        why="a model that is its own reference prefers nothing yet: ln 2, however likely the answers are",
        mistakes=[
            (F.softplus(torch.tensor(0.3)).item(), "subtract the reference's log-probabilities")
        ],
    )
    rows = [torch.tensor(row) for row in ([-4.0, -9.0], [-6.0, -3.0], [-5.0, -8.5], [-5.0, -3.5])]
    gap = (rows[0] - rows[2]) - (rows[1] - rows[3])
    right = F.softplus(-0.5 * gap).mean()
    trial.close(
        *rows,
        0.5,
        gives=right,
        why="-ln sigmoid(beta times (chosen's gain - rejected's gain)), the mean over the pairs",
        mistakes=[
            (F.softplus(0.5 * gap).mean(), "the sign: the chosen answer should gain more"),
            (F.softplus(-gap).mean(), "beta is not used"),
            (
                F.softplus(-gap / 0.5).mean(),
                "multiply by beta; its place under the reward was before",
            ),
            (F.softplus(-0.5 * gap).sum(), "take the mean over the pairs"),
            (F.softplus(-0.5 * (rows[0] - rows[1])).mean(), "the reference is not used"),
            (0.5 * F.softplus(-gap).mean(), "beta belongs inside the sigmoid"),
        ],
    )
    far = trial.call(torch.tensor([-900.0]), torch.tensor([0.0]), *[torch.zeros(1)] * 2, 1.0)
    trial.same(
        far, torch.tensor(900.0), "dpo_loss of a pair far off", "F.logsigmoid does not overflow"
    )
    moving = [row.clone().requires_grad_() for row in rows[:2]]
    loss = trial.call(*moving, *rows[2:], 0.5)
    trial.that(
        isinstance(loss, torch.Tensor) and loss.requires_grad,
        "the loss must stay a tensor with its gradient: without .item(), without .detach()",
    )
    weight = 0.5 * torch.sigmoid(-0.5 * gap) / 2
    trial.same(
        torch.autograd.grad(loss, moving),
        (-weight, weight),
        "the gradients at chosen and rejected",
        "both have the weight beta (1 - P), with opposite signs",
    )


@TURNS.turn(dpo_step)
def check_dpo_step(trial):
    inputs = torch.tensor([[0, 1, 2], [0, 3, 4], [0, 1, 4], [0, 3, 2]])
    targets = torch.tensor([[-100, 2, 0], [-100, 4, 0], [-100, 4, 0], [-100, 2, 0]])

    def after(beta=0.5, order=(0, 1), left=False, reference=1):
        """The right table after a step, or that of a mistake."""
        model, frozen = _Table(0), _Table(reference)
        now, then = (answer_log_probs(each, inputs, targets).chunk(2) for each in (model, frozen))
        loss = dpo_loss(*(now[i] for i in order), *(then[i] for i in order), beta)
        (gradient,) = torch.autograd.grad(loss, model.table)
        return loss.item(), (model.table - 0.3 * (gradient + (1.0 if left else 0.0))).detach()

    model, reference = _Table(0), _Table(1)
    kept = copy.deepcopy(reference.state_dict())
    optimizer = torch.optim.SGD([*model.parameters(), *reference.parameters()], lr=0.3)
    model.table.grad = torch.ones_like(model.table)  # left over from before
    found = trial.call(model, reference, optimizer, inputs, targets, 0.5)
    loss, table = after()
    trial.same(
        model.table.detach(),
        table,
        "the weights after dpo_step",
        "the gradient of dpo_loss of the model's and the reference's log-probabilities, and one step",
        mistakes=[
            (_Table(0).table.detach(), "the weights have not moved: backward, then optimizer.step"),
            (after(left=True)[1], "gradients of an earlier step are still there: zero_grad"),
            (after(order=(1, 0))[1], "the first half of the batch was chosen, the second rejected"),
            (after(reference=0)[1], "the reference's log-probabilities come from the reference"),
            (after(beta=0.1)[1], "beta is an argument"),
        ],
    )
    trial.that(
        torch.equal(reference.table, kept["table"]) and reference.table.grad is None,
        "the reference must stay as it is, without gradients: torch.no_grad()",
    )
    trial.that(isinstance(found, float), "return the loss as a number, with .item()")
    model = _Table(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    trial.close(
        model, reference, optimizer, inputs, targets, 0.5,
        gives=loss, why="the loss before the step is returned",
    )  # fmt: skip


@TURNS.turn(kl_per_token)
def check_kl_per_token(trial):
    p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.25, 0.25, 0.5])
    nearly = 1e-30
    row = [(each + nearly).log()[None, None] for each in (p, q)]
    one = torch.ones(1, 1, dtype=torch.bool)
    trial.close(
        *row,
        one,
        gives=math.log(2),
        why="0.5 ln(0.5 / 0.25) twice is ln 2",
        mistakes=[
            (-math.log(2), "the sign: ln p - ln q, where p is the model's"),
            (math.log(2) / 3, "sum over the vocabulary, do not average"),
        ],
    )
    torch.manual_seed(0)
    logits, other = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    mask = torch.tensor([[False, True, True], [True, False, False]])
    log_p, log_q = logits.log_softmax(-1), other.log_softmax(-1)
    each = (log_p.exp() * (log_p - log_q)).sum(-1)
    back = (log_q.exp() * (log_q - log_p)).sum(-1)
    by_row = (each * mask).sum(1) / mask.sum(1)
    trial.close(
        logits,
        other,
        mask,
        gives=each[mask].mean().item(),
        why="the mean, over the tokens that the mask marks, of the sum of p (ln p - ln q)",
        mistakes=[
            (
                back[mask].mean(),
                "that is KL(reference || model): weigh by the model's probabilities",
            ),
            (each.mean(), "the mask is not used"),
            (each[mask].sum(), "per token: take the mean"),
            ((each * mask).mean(), "divide by the number of marked tokens, not by all"),
            (by_row.mean(), "every marked token has the same weight, in whichever row it is"),
            (
                (logits.softmax(-1) * (logits - other)).sum(-1)[mask].mean(),
                "logits are no logarithms of probabilities yet: log_softmax",
            ),
        ],
    )
    trial.close(logits, logits + 3, mask, gives=0.0, why="equal distributions: 0")


@TURNS.turn(keep_best)
def check_keep_best(trial):
    table = {(0, "a"): 0, (0, "c"): -1, (1, "a"): 1, (1, "b"): 3, (2, "a"): 2, (2, "b"): 2}

    def grade(place, answer):
        return table[place, answer]

    groups = [["a", "c"], ["a", "b"], ["a", "b"]]
    trial.equal(
        groups,
        grade,
        2,
        gives=[(1, "b"), (2, "a")],
        why="the best answer to each prompt, with the prompt's number, if its grade is at_least 2",
        mistakes=[
            ([(0, "a"), (1, "b"), (2, "a")], "the best of the first prompt is below at_least"),
            ([(1, "b")], "at_least itself is enough: >="),
            ([(1, "b"), (2, "a"), (2, "b")], "one answer per prompt; of equals, the first"),
            ([(1, "b"), (2, "b")], "of equal answers the first is kept"),
            ([(0, "b"), (1, "a")], "the number counts all prompts, not only those that are kept"),
            (["b", "a"], "keep the number of the prompt with each answer: some are left out"),
        ],
    )
    trial.equal(
        [["c", "a"]],
        lambda place, answer: (True, -len(answer), answer == "a"),
        (True, -5, False),
        gives=[(0, "a")],
        why="grades may be tuples, as those of our judge are",
    )
    trial.that(groups == [["a", "c"], ["a", "b"], ["a", "b"]], "it changes the groups it is given")
