"""The turns of notebook 13: other right answers, typical mistakes, and each property of each task."""

from functools import partial

from classroom.turns.t13 import TURNS
from tests import turn_cells
from tests.turn_cells import turn_tests

IMPORTS = (
    "import math\n\nimport torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\n\n"
)
function = partial(turn_cells.function, imports=IMPORTS)
changed = partial(turn_cells.course_cell, TURNS, imports=IMPORTS)

WIN, GRADIENT, REWARD, LOSS = "win_rate", "bradley_terry_gradient", "RewardModel", "reward_loss"
BEST, OPTIMAL, PROBS, DPO = "best_of_n", "optimal_policy", "answer_log_probs", "dpo_loss"
STEP, KL, KEEP = "dpo_step", "kl_per_token", "keep_best"
HEADS = {
    WIN: "win_rate(ours, theirs)",
    GRADIENT: "bradley_terry_gradient(scores, pairs)",
    LOSS: "reward_loss(chosen, rejected)",
    BEST: "best_of_n(rewards, scores, n)",
    OPTIMAL: "optimal_policy(reference, rewards, beta)",
    PROBS: "answer_log_probs(model, inputs, targets)",
    DPO: "dpo_loss(chosen, rejected, reference_chosen, reference_rejected, beta)",
    STEP: "dpo_step(model, reference, optimizer, inputs, targets, beta)",
    KL: "kl_per_token(logits, reference_logits, mask)",
    KEEP: "keep_best(groups, grade, at_least)",
}


def written(name, *lines):
    return function(HEADS[name], *lines)


LOG_PROBS = "log_p = model(inputs).log_softmax(-1)"
CHANCES = "chances = [math.comb(place, n - 1) / math.comb(total, n) for place in range(total)]"

RIGHT = [
    written(WIN, "wins = sum(a > b for a, b in zip(ours, theirs))", "ties = sum(a == b for a, b in zip(ours, theirs))", "return (wins + ties / 2) / len(ours)"),
    written(
        GRADIENT,
        "gradient = torch.zeros(len(scores))",
        "for better, worse in pairs.tolist():",
        "    p = 1 / (1 + torch.exp(scores[worse] - scores[better]))",
        "    gradient[better] -= (1 - p) / len(pairs)",
        "    gradient[worse] += (1 - p) / len(pairs)",
        "return gradient",
    ),
    written(LOSS, "return F.softplus(rejected - chosen).mean()"),
    changed(REWARD, ("last = hidden[torch.arange(len(hidden)), lengths - 1]", "where = (lengths - 1)[:, None, None].expand(-1, 1, hidden.shape[-1])\n        last = hidden.gather(1, where)[:, 0]"), ("self.score(last).squeeze(-1)", "self.score(last)[:, 0]")),
    written(
        BEST,
        "from itertools import combinations",
        "found = [max(drawn, key=lambda i: rewards[i].item()) for drawn in combinations(range(len(rewards)), n)]",
        "return scores[found].mean().item()",
    ),
    written(OPTIMAL, "logits = torch.log(reference) + rewards / beta", "weights = torch.exp(logits - logits.max())", "return weights / weights.sum()"),
    written(PROBS, LOG_PROBS, "each = log_p.gather(-1, targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)", "return (each * (targets != -100)).sum(-1)"),
    written(DPO, "gap = (chosen - rejected) - (reference_chosen - reference_rejected)", "return F.softplus(-beta * gap).mean()"),
    written(
        STEP,
        "optimizer.zero_grad()",
        "half = len(inputs) // 2",
        "now = answer_log_probs(model, inputs, targets)",
        "then = answer_log_probs(reference, inputs, targets).detach()",
        "loss = dpo_loss(now[:half], now[half:], then[:half], then[half:], beta)",
        "loss.backward()",
        "optimizer.step()",
        "return loss.detach().item()",
    ),
    written(KL, "p, q = (F.log_softmax(each, dim=-1)[mask] for each in (logits, reference_logits))", "return F.kl_div(q, p, reduction='batchmean', log_target=True)"),
    changed(KL, (".mean()", ".mean().item()")),
    written(
        KEEP,
        "found = []",
        "for i in range(len(groups)):",
        "    grades = [grade(i, answer) for answer in groups[i]]",
        "    if max(grades) >= at_least:",
        "        found.append((i, groups[i][grades.index(max(grades))]))",
        "return found",
    ),
]  # fmt: skip

WRONG = [
    (changed(WIN, ("0.5 if one == other else 0.0", "0.0")), "a tie counts half"),
    (changed(WIN, ("one > other", "one >= other")), "not a whole one"),
    (changed(WIN, (" / len(ours)", "")), "number of prompts"),
    (written(WIN, "w = sum(a > b for a, b in zip(ours, theirs))", "t = sum(a == b for a, b in zip(ours, theirs))", "return w / (len(ours) - t)"), "not left out"),
    (changed(WIN, ("one > other", "one < other")), "the other side"),
    (written(WIN, "w = sum(sum(a) > sum(b) for a, b in zip(ours, theirs)) + sum(a == b for a, b in zip(ours, theirs)) / 2", "return w / len(ours)"), "win_rate"),
    (changed(GRADIENT, ("better, -surprise", "better, surprise"), ("worse, surprise", "worse, -surprise")), "the sign"),
    (changed(GRADIENT, ("    gradient.index_add_(0, worse, surprise)\n", "")), "the loser has a slope"),
    (changed(GRADIENT, ("surprise = torch.sigmoid(scores[worse] - scores[better])", "surprise = torch.ones(len(pairs))")), "weigh each pair"),
    (changed(GRADIENT, ("gradient.index_add_(0, better, -surprise)", "gradient[better] -= surprise"), ("gradient.index_add_(0, worse, surprise)", "gradient[worse] += surprise")), "may be in many pairs"),
    (changed(GRADIENT, (" / len(pairs)", "")), "the sum over the pairs"),
    (changed(GRADIENT, ("scores[worse] - scores[better]", "scores[better] - scores[worse]")), "hardly count"),
    (changed(GRADIENT, ("torch.zeros_like(scores)", "scores.zero_()")), "bradley_terry_gradient"),
    (changed(GRADIENT, ("    return", "    scores -= 0.1 * gradient\n    return")), "changes the scores"),
    (written(GRADIENT, "moving = scores.clone().requires_grad_()", "better, worse = pairs.unbind(1)", "loss = -F.logsigmoid(moving[better] - moving[worse]).mean()", "return torch.autograd.grad(loss, moving)[0]"), "without autograd"),
    (changed(LOSS, ("chosen - rejected", "rejected - chosen")), "the larger reward"),
    (changed(LOSS, ("-F.log", "F.log")), "the sign"),
    (changed(LOSS, (".mean()", ".sum()")), "take the mean"),
    (changed(LOSS, ("F.logsigmoid", "torch.sigmoid")), "the logarithm is missing"),
    (written(LOSS, "return (rejected - chosen).mean()"), "without the sigmoid"),
    (changed(LOSS, ("F.logsigmoid(chosen - rejected)", "torch.log(torch.sigmoid(chosen - rejected))")), "F.logsigmoid computes"),
    (changed(LOSS, ("rejected).mean()", "rejected).mean().detach()")), "stay a tensor"),
    (changed(LOSS, ("chosen - rejected", "chosen.detach() - rejected + 0 * chosen")), "the gradient at"),
    (changed(REWARD, ("torch.arange(len(hidden)), lengths - 1", ":, -1")), "what follows is padding"),
    (changed(REWARD, (".squeeze(-1)", "")), "squeeze the last"),
    (changed(REWARD, ("torch.arange(len(hidden)), lengths - 1", ":")), "of its last token"),
    (changed(REWARD, ("torch.arange(len(hidden)), lengths - 1", ":, 0")), "has not seen the answer"),
    (changed(REWARD, ("hidden[torch.arange(len(hidden)), lengths - 1]", "hidden.mean(1)")), "which has seen all"),
    (changed(REWARD, (", bias=False", "")), "no bias"),
    (changed(REWARD, ("hidden = self.gpt.hidden_states(token_ids)", "hidden = self.gpt(token_ids)")), "take hidden_states"),
    (changed(REWARD, ("hidden = self.gpt.hidden_states(token_ids)", "hidden = self.gpt.hidden_states(token_ids).detach()")), "must reach the head and the GPT"),
    (changed(REWARD, ("self.gpt = gpt", "self.gpt = [gpt]"), ("self.gpt.hid", "self.gpt[0].hid")), "keep the GPT in self"),
    (changed(REWARD, ("self.gpt = gpt", "self.body = gpt"), ("self.gpt.hid", "self.body.hid")), "as self.gpt"),
    (changed(REWARD, (".squeeze(-1)", ".squeeze()")), "a batch of one answer"),
    (written(BEST, "return scores[rewards.argmax()].item()"), "draw n of them"),
    (written(BEST, "return scores[:n].max().item() if n > 1 else scores.mean().item()"), "rank by reward"),
    (written(BEST, "return scores[rewards[:n].argmax()].item() if n > 1 else scores.mean().item()"), "the first two"),
    (written(BEST, "return scores[rewards.argmax()].item() if n > 1 else scores.mean().item()"), "best of all"),
    (changed(BEST, (CHANCES, "chances = [((place + 1) / total) ** n - (place / total) ** n for place in range(total)]")), "no answer is drawn twice"),
    (changed(OPTIMAL, ("torch.softmax(reference.log() + rewards / beta, dim=-1)", "reference * torch.exp(rewards / beta)")), "divide by the sum"),
    (changed(OPTIMAL, ("reference.log() + ", "")), "it is left out"),
    (changed(OPTIMAL, ("reference.log()", "reference")), "the reference's logarithm"),
    (changed(OPTIMAL, ("rewards / beta", "rewards * beta")), "do not multiply"),
    (changed(OPTIMAL, (" / beta", "")), "beta is not used"),
    (written(OPTIMAL, "return torch.softmax(torch.log(reference + 1e-9) + rewards / beta, dim=-1)"), "nothing is added to the 0"),
    (written(OPTIMAL, "w = reference * torch.exp((rewards - rewards.max()) / beta)", "return w / w.sum()"), "what the reference never says"),
    (written(OPTIMAL, "w = reference * torch.exp(rewards / beta)", "return w / w.sum()"), "too large for a float"),
    (changed(PROBS, ("-losses", "losses")), "these are losses"),
    (changed(PROBS, (".sum(dim=-1)", ".sum(dim=-1) / (targets != -100).sum(dim=-1)")), "the sum, not the mean"),
    (changed(PROBS, (".sum(dim=-1)", ".sum()")), "one number per answer"),
    (changed(PROBS, (".sum(dim=-1)", "")), "sum the tokens"),
    (changed(PROBS, ("targets.flatten(), ignore_index=-100", "targets.clamp(min=0).flatten()")), "leave out targets"),
    (changed(PROBS, ("return -losses.view_as(targets).sum(dim=-1)", "return (-losses.view_as(targets).sum(dim=-1)).exp()")), "the logarithm, not the probability"),
    (written(PROBS, "p = model(inputs).softmax(-1)", "each = p.gather(-1, targets.clamp(min=0)[..., None])[..., 0]", "return (each * (targets != -100)).sum(-1)"), "take log_softmax"),
    (written(PROBS, LOG_PROBS + "[:, :-1]", "targets = targets[:, 1:]", "each = log_p.gather(-1, targets.clamp(min=0)[..., None])[..., 0]", "return (each * (targets != -100)).sum(-1)"), "shifted already"),
    (written(PROBS, LOG_PROBS, "each = log_p.gather(-1, inputs[..., None])[..., 0]", "return (each * (targets != -100)).sum(-1)"), "that is of the inputs"),
    (changed(PROBS, (".sum(dim=-1)", ".sum(dim=-1).detach()")), "keep the gradient"),
    (changed(PROBS, (".view_as(targets).sum(dim=-1)", ".view_as(targets)[:, :4].sum(dim=-1) * 4 / targets.shape[1]")), "padding changes nothing"),
    (changed(DPO, ("chosen - reference_chosen", "chosen"), ("rejected - reference_rejected", "rejected"), ("beta * (chosen)", "0.1 * chosen"), ("beta * (rejected)", "0.1 * rejected")), "subtract the reference"),
    (changed(DPO, ("chosen_reward - rejected_reward", "rejected_reward - chosen_reward")), "the sign"),
    (changed(DPO, ("chosen_reward = beta * ", "chosen_reward = "), ("rejected_reward = beta * ", "rejected_reward = ")), "beta is not used"),
    (changed(DPO, ("beta * (chosen", "1 / beta * (chosen"), ("beta * (rej", "1 / beta * (rej")), "multiply by beta"),
    (changed(DPO, (".mean()", ".sum()")), "the mean over the pairs"),
    (changed(DPO, ("chosen_reward = beta * ", "chosen_reward = "), ("rejected_reward = beta * ", "rejected_reward = "), ("return -", "return -beta * ")), "dpo_loss"),
    (changed(DPO, ("F.logsigmoid(chosen_reward - rejected_reward)", "torch.log(torch.sigmoid(chosen_reward - rejected_reward))")), "does not overflow"),
    (changed(DPO, (".mean()", ".mean().detach()")), "stay a tensor"),
    (changed(DPO, ("(rejected - reference_rejected)", "(rejected.detach() - reference_rejected + 0 * rejected)")), "opposite signs"),
    (changed(STEP, ("    optimizer.step()\n", "")), "have not moved"),
    (changed(STEP, ("    optimizer.zero_grad()\n", "")), "zero_grad"),
    (changed(STEP, ("dpo_loss(*now, *before, beta)", "dpo_loss(*now[::-1], *before[::-1], beta)")), "the first half"),
    (changed(STEP, ("answer_log_probs(reference,", "answer_log_probs(model,")), "come from the reference"),
    (changed(STEP, ("*before, beta)", "*before, 0.1)")), "beta is an argument"),
    (changed(STEP, ("with torch.no_grad():\n        before", "if True:\n        before")), "torch.no_grad()"),
    (changed(STEP, ("loss.item()", "loss")), ".item()"),
    (changed(STEP, ("    return loss.item()", "    return dpo_loss(*answer_log_probs(model, inputs, targets).chunk(2), *before, beta).item()")), "before the step"),
    (changed(KL, ("(log_p - log_q)", "(log_q - log_p)")), "the sign"),
    (changed(KL, (".sum(dim=-1)[mask]", ".mean(dim=-1)[mask]")), "do not average"),
    (changed(KL, ("log_p.exp() * (log_p - log_q)", "log_q.exp() * (log_q - log_p)")), "kl_per_token"),
    (changed(KL, ("[mask].mean()", ".mean()")), "the mask is not used"),
    (changed(KL, ("[mask].mean()", "[mask].sum()")), "per token"),
    (changed(KL, ("(log_p.exp() * (log_p - log_q)).sum(dim=-1)[mask].mean()", "((log_p.exp() * (log_p - log_q)).sum(dim=-1) * mask).mean()")), "the number of marked tokens"),
    (changed(KL, ("(log_p.exp() * (log_p - log_q)).sum(dim=-1)[mask].mean()", "((log_p.exp() * (log_p - log_q)).sum(-1) * mask).sum(1).div(mask.sum(1)).mean()")), "the same weight"),
    (changed(KL, ("(log_p - log_q)", "(logits - reference_logits)")), "log_softmax"),
    (changed(KEEP, ("        if grade(place, best) >= at_least:\n            kept.append((place, best))", "        kept.append((place, best))")), "below at_least"),
    (changed(KEEP, (">= at_least", "> at_least")), "at_least itself"),
    (changed(KEEP, ("max(answers, ", "max(answers[::-1], ")), "the first is kept"),
    (changed(KEEP, ("kept.append((place, best))", "kept.append(best)")), "keep the number"),
    (written(KEEP, "best = [(i, max(a, key=lambda each: grade(i, each))) for i, a in enumerate(groups)]", "return list(enumerate(b for i, b in best if grade(i, b) >= at_least))"), "counts all prompts"),
    (written(KEEP, "return [(i, a) for i, answers in enumerate(groups) for a in answers if grade(i, a) >= at_least and grade(i, a) == max(grade(i, b) for b in answers)]"), "one answer per prompt"),
    (changed(KEEP, ("grade(place, best) >= at_least", "float(grade(place, best)) >= at_least")), "keep_best"),
    (changed(KEEP, ("    return kept", "    groups.clear()\n    return kept")), "changes the groups"),
]  # fmt: skip

test_right, test_wrong, test_all = turn_tests(TURNS, RIGHT, WRONG)
