"""The turns of notebook 14: other right answers, typical mistakes, and each property of each task."""

from functools import partial

from classroom.turns.t14 import TURNS
from tests import turn_cells
from tests.turn_cells import course_cell, turn_tests

IMPORTS = """import math

import torch
from torch.nn import functional as F


"""
function = partial(turn_cells.function, imports=IMPORTS)
changed = partial(course_cell, TURNS, imports=IMPORTS)

CHECK, LOGS, LOSS, GROUPS = "check_answer", "answer_log_probs", "reinforce_loss", "group_advantages"
CLIP, UPDATE, DISTIL, TOOL = (
    "clipped_loss",
    "grpo_update",
    "distillation_loss",
    "with_calculator",
)
USED = "sorted(steps[::2]) != sorted(numbers)"
OLD = "    with torch.no_grad():\n        old, _ = answer_log_probs(model, inputs, targets)\n"
NOW = "log_probs, mask = answer_log_probs(model, inputs, targets)"
GO_ON = "text += next_token(text)"

RIGHT = [
    function(
        "check_answer(steps, numbers, target)",
        "left = list(numbers)",
        "for number in (steps or ())[::2]:",
        "    if number not in left: return 0.0",
        "    left.remove(number)",
        "if left: return 0.0",
        "reached = OPERATIONS[steps[1]](steps[0], steps[2])",
        "return 1.0 if OPERATIONS[steps[3]](reached, steps[4]) == target else 0.0",
    ),
    changed(CHECK, ("return float(reached == target)", "return reached == target")),
    function(
        "pass_at_k(n, right, k)",
        "missed = 1.0",
        "for drawn in range(k):",
        "    missed *= max(0, n - right - drawn) / (n - drawn)",
        "return 1 - missed",
    ),
    function(
        "answer_log_probs(model, inputs, targets)",
        "logits = model(inputs)",
        "loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100, reduction='none')",
        "return -loss.view_as(targets), targets != -100",
    ),
    function(
        "reinforce_loss(rewards, log_probs, mask)",
        "total = torch.where(mask, rewards.unsqueeze(1) * log_probs, 0.0).sum()",
        "return -total / mask.sum()",
    ),
    function(
        "group_advantages(rewards, group_size, normalize=True)",
        "parts = []",
        "for group in rewards.split(group_size):",
        "    part = group - group.mean() if group.max() > group.min() else group * 0",
        "    parts.append(part / (group.std() + 1e-6) if normalize else part)",
        "return torch.cat(parts)",
    ),
    function(
        "clipped_loss(advantages, log_probs, old_log_probs, clip=0.2)",
        "advantage = advantages.unsqueeze(1)",
        "ratio = torch.exp(log_probs - old_log_probs)",
        "least, most = torch.tensor(1 - clip), torch.tensor(1 + clip)",
        "good = torch.minimum(ratio, most) * advantage",
        "bad = torch.maximum(ratio, least) * advantage",
        "return -torch.where(advantage > 0, good, bad)",
    ),
    function(
        "kl_penalty(log_probs, reference_log_probs)",
        "ratio = torch.exp(reference_log_probs - log_probs)",
        "return ratio - 1 - (reference_log_probs - log_probs)",
    ),
    changed(UPDATE, (OLD, "    old = answer_log_probs(model, inputs, targets)[0].detach()\n"), ("[mask].mean()", " * mask"), ("        optimizer.zero_grad()\n", "        loss = loss.sum() / mask.sum()\n        optimizer.zero_grad(set_to_none=False)\n")),
    function(
        "vote(answers)",
        "best = answers[0]",
        "for answer in answers:",
        "    if answers.count(answer) > answers.count(best): best = answer",
        "return best",
    ),
    function(
        "distillation_loss(student_logits, teacher_logits, temperature=1.0)",
        "size = student_logits.shape[-1]",
        "wanted = (teacher_logits.reshape(-1, size) / temperature).softmax(-1)",
        "return F.cross_entropy(student_logits.reshape(-1, size) / temperature, wanted) * temperature * temperature",
    ),
    function(
        "with_calculator(next_token, question, most=40)",
        "written = ''",
        "while most and not written.endswith('.'):",
        "    written, most = written + next_token(question + written), most - 1",
        "    if written[-1] == '=':",
        "        written += calculate(written[:-1].split('[')[-1]) + ']'",
        "return written",
    ),
]  # fmt: skip

WRONG = [
    (changed(CHECK, (USED, "set(steps[::2]) != set(numbers)")), "9 is used twice"),
    (changed(CHECK, (f"steps is None or {USED}", "steps is None")), "must be the given ones"),
    (changed(CHECK, (USED, "list(steps[::2]) != list(numbers)")), "the reward is 1.0"),
    (changed(CHECK, ("steps is None or ", "")), "stopped with"),
    (changed(CHECK, ("OPERATIONS[other](OPERATIONS[one](first, second), third)", "OPERATIONS[one](first, OPERATIONS[other](second, third))")), "left to right"),
    (changed(CHECK, ("float(reached == target)", "float(reached == abs(target))")), "may be negative"),
    (changed(CHECK, ("float(reached == target)", "1.0")), "× does not come before"),
    (function("pass_at_k(n, right, k)", "return 1 - (1 - right / n) ** k"), "with repetition"),
    (function("pass_at_k(n, right, k)", "return right / n"), "share of right answers"),
    (function("pass_at_k(n, right, k)", "return math.comb(n - right, k) / math.comb(n, k)", ""), "choices that miss"),
    (function("pass_at_k(n, right, k)", "return min(1.0, k * right / n)"), "seven hold a right one"),
    (changed(LOGS, ("masked_fill(~mask, 0), mask", "masked_fill(~mask, 0), ~mask")), "the other way around"),
    (changed(LOGS, ("targets != -100", "targets > 0")), "also where it is token 0"),
    (changed(LOGS, (".log_softmax(dim=-1)", ".softmax(dim=-1)")), "these are probabilities"),
    (changed(LOGS, (".log_softmax(dim=-1)", "")), "these are logits"),
    (changed(LOGS, ("return chosen", "chosen = -chosen\n    return chosen")), "that is the loss"),
    (changed(LOGS, ("masked_fill(~mask, 0), mask", "masked_fill(~mask, -torch.inf), mask")), "must be finite"),
    (changed(LOGS, (", mask\n", "\n")), "return two tensors"),
    (changed(LOGS, ("model(inputs)", "model(inputs).detach()")), "no gradient reaches the model"),
    (changed(LOSS, ("-rewards[:, None]", "rewards[:, None]")), "the sign"),
    (changed(LOSS, ("losses[mask].mean()", "losses.mean()")), "where the mask is True, no others"),
    (changed(LOSS, ("losses[mask].mean()", "losses[mask].sum()")), "that is the sum"),
    (changed(LOSS, ("-rewards[:, None] * log_probs", "-log_probs")), "rewards are not used"),
    (changed(LOSS, ("losses[mask].mean()", "losses.sum() / mask.sum()")), "what is masked must not count"),
    (changed(LOSS, ("* log_probs", "* log_probs.detach()")), "no gradient"),
    (changed(GROUPS, ("groups.mean(dim=1, keepdim=True)", "groups.mean()")), "the mean of all"),
    (changed(GROUPS, ("groups - groups.mean(dim=1, keepdim=True)", "groups.mean(dim=1, keepdim=True) - groups")), "better is positive"),
    (changed(GROUPS, ("rewards.view(-1, group_size)", "rewards.view(group_size, -1).T")), "neighbors"),
    (changed(GROUPS, ("    if normalize:\n        advantages", "    if True:\n        advantages")), "nothing is divided"),
    (changed(GROUPS, ("    if normalize:\n        advantages", "    if False:\n        advantages")), "divided by the deviation of the group"),
    (changed(GROUPS, ("groups.std(dim=1, keepdim=True)", "groups.std(dim=1, keepdim=True, unbiased=False)")), "n - 1"),
    (changed(GROUPS, (" + 1e-6", ""), (".masked_fill(all_equal, 0.0)", "")), "add 1e-6"),
    (changed(GROUPS, (".masked_fill(all_equal, 0.0)", "")), "a rounding error"),
    (changed(GROUPS, ("normalize=True", "normalize=False")), "True by default"),
    (changed(CLIP, ("torch.minimum(gain, held)", "gain")), "nothing is clipped"),
    (changed(CLIP, ("torch.minimum(gain, held)", "held")), "minimum of both"),
    (changed(CLIP, ("torch.minimum(", "torch.maximum(")), "not the larger"),
    (changed(CLIP, ("-torch.minimum(", "torch.minimum(")), "the sign"),
    (changed(CLIP, (".exp()", "")), "exp of the difference"),
    (changed(CLIP, ("log_probs - old_log_probs", "old_log_probs - log_probs")), "new over old"),
    (changed(CLIP, ("1 - clip, 1 + clip", "0.8, 1.2")), "clip is an argument"),
    (changed(CLIP, ("gain = ratio", "gain = ratio.detach()")), "the clip holds"),
    (changed("kl_penalty", ("difference.exp() - difference - 1", "-difference")), "negative for some tokens"),
    (changed("kl_penalty", ("difference.exp() - difference - 1", "difference.square() / 2")), "half the square"),
    (changed("kl_penalty", ("reference_log_probs - log_probs", "log_probs - reference_log_probs")), "the other way around"),
    (changed("kl_penalty", ("reference_log_probs - log_probs", "reference_log_probs - log_probs.detach()")), "no gradient"),
    (changed(UPDATE, (OLD, ""), (NOW, f"{NOW}\n        old = log_probs.detach()")), "before the first update"),
    (changed(UPDATE, ("group_advantages(rewards, group_size)", "rewards")), "not the advantages"),
    (changed(UPDATE, ("        optimizer.zero_grad()\n", "")), "zero the gradients"),
    (changed(UPDATE, ("[mask].mean()", ".mean()")), "only the tokens"),
    (changed(UPDATE, ("clipped_loss(advantages, log_probs, old)", "clipped_loss(advantages, log_probs, old, 1e9)")), "not clipped"),
    (changed(UPDATE, ("group_advantages(rewards, group_size)", "group_advantages(rewards, group_size, False)")), "divides by the deviation"),
    (changed(UPDATE, ("clipped_loss(advantages, log_probs, old)[mask].mean()", "((clipped_loss(advantages, log_probs, old) * mask).sum(1) / mask.sum(1)).mean()")), "not over each answer first"),
    (changed(UPDATE, ("range(updates)", "range(2)")), "steps, not"),
    (changed(UPDATE, ("    return losses", "")), "return the losses"),
    (changed(UPDATE, ("loss.item()", "loss")), "a list"),
    (function("vote(answers)", "return min(answers, key=answers.count)"), "the rarest"),
    (function("vote(answers)", "return max(reversed(answers), key=answers.count)"), "came first wins"),
    (function("vote(answers)", "return max(set(answers), key=answers.count)"), "came first wins"),
    (function("vote(answers)", "return max(sorted(set(answers)), key=answers.count) if len(answers) > 6 else max(answers, key=answers.count) if answers.sort() is None else 0"), "came first wins"),
    (function("vote(answers)", "best = max(answers, key=answers.count)", "answers.sort(key=str)", "return best"), "changes the list"),
    (changed(DISTIL, ("(teacher_logits / temperature).softmax(dim=-1)", "F.one_hot(teacher_logits.argmax(-1), teacher_logits.shape[-1])")), "best token alone"),
    (changed(DISTIL, ("wanted = (teacher_logits", "wanted = (student_logits"), ("log_probs = (student_logits", "log_probs = (teacher_logits")), "the other way around"),
    (changed(DISTIL, (".sum(dim=-1).mean()", ".mean()")), "sum over the vocabulary"),
    (changed(DISTIL, ("-(wanted * log_probs)", "(wanted * (wanted.log() - log_probs))")), "smaller by the teacher's entropy"),
    (changed(DISTIL, ("teacher_logits / temperature", "teacher_logits")), "the teacher's logits"),
    (changed(DISTIL, ("* -(wanted", "* (wanted")), "the sign"),
    (changed(DISTIL, ("temperature**2 * ", "")), "multiply by temperature"),
    (changed(DISTIL, ("temperature**2 * ", ""), ("teacher_logits / temperature", "teacher_logits"), ("student_logits / temperature", "student_logits")), "divide both logits"),
    (changed(TOOL, ("text[len(question) :]", "text")), "without the question"),
    (changed(TOOL, ('text.split("[")[-1]', 'text.split("[")[1]')), "the last ["),
    (changed(TOOL, ('text.split("[")[-1][:-1]', 'text[text.rindex("[") + 1 : -1]')), "stopped with ValueError"),
    (changed(TOOL, ('text.endswith(".")', '"." in text')), "not after one elsewhere"),
    (changed(TOOL, ("for _ in range(most):", "while len(text) - len(question) < most:")), "most counts"),
    (changed(TOOL, ("            text += calculate(call) + \"]\"\n", "            pass\n")), "a ] are appended"),
    (changed(TOOL, ("calculate(call)", "calculate(question.replace(' plus ', '+').rstrip('? '))")), "never the question"),
    (changed(TOOL, ("range(most)", "range(40)")), "the limit was 10"),
    (changed(TOOL, (GO_ON, "text += next_token(text[len(question) :])")), "the whole text so far"),
    (changed(TOOL, ("calculate(call)", "str(eval(call))")), "stopped with"),
]  # fmt: skip


(
    test_right_answers_of_another_shape,
    test_mistakes_have_their_own_message,
    test_every_turn_has_mistakes_and_another_right_answer,
) = turn_tests(TURNS, RIGHT, WRONG)
