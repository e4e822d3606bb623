"""The turns of notebook 07: other right answers, typical mistakes, and each property of each task."""

import math
from functools import partial

import pytest
import torch
from safetensors.torch import save
from torch.nn import functional as F

from classroom.turns import t07
from classroom.turns.t07 import TURNS
from helpers import optim
from helpers.config import PRESETS
from helpers.generate import next_token_probabilities
from helpers.model import GPT
from tests import turn_cells
from tests.turn_cells import course_cell, turn_tests

IMPORTS = """import ctypes
import json
import math
from itertools import chain, cycle, repeat
from pathlib import Path

import torch
from torch.nn import functional as F


"""
NO_GRAD = "@your_turn\n@torch.no_grad()\n"
function = partial(turn_cells.function, imports=IMPORTS)
changed = partial(course_cell, TURNS, imports=IMPORTS)

LOSS, DOWN, EVALUATE, ADAMW = (
    "cross_entropy",
    "cross_entropy_gradient",
    "evaluate_loss",
    "adamw_step",
)
CLIP, RATE, STEP, LOOP = "clip_gradients", "learning_rate_at", "training_step", "training_loop"
MUON, HEAT, TOP_K, TOP_P, MIN_P = (
    "orthogonalize",
    "at_temperature",
    "keep_top_k",
    "keep_top_p",
    "keep_min_p",
)
SAVE, MAP = "save_tensors", "gpt2_weights"
MEAN = "-(chosen * counts).sum() / counts.sum().clamp(min=1)"
TOTAL = "total, count = total + loss.item() * scored, count + scored"
AVERAGE = 'state["exp_avg"] = betas[0] * state["exp_avg"] + (1 - betas[0]) * gradient'
POLYNOMIAL = "x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x"
BACK = "torch.full_like(logits, -torch.inf).scatter(0, kept.indices, kept.values)"
BELOW = "probabilities < p * probabilities.max()"

RIGHT = [
    function(
        "cross_entropy(logits, targets)",
        "counts = targets != -100",
        "if not counts.any():",
        "    return torch.tensor(0.0)",
        "rows = logits[counts].log_softmax(dim=-1)",
        "return -rows[torch.arange(len(rows)), targets[counts]].mean()",
    ),
    function("cross_entropy_gradient(logits, targets)", "out = logits.log_softmax(-1).exp()", "out[torch.arange(len(targets)), targets] -= 1", "return out / logits.shape[0]"),
    function("perplexity(logits, targets)", "return torch.e ** cross_entropy(logits, targets)"),
    function("perplexity(logits, targets)", "return math.exp(cross_entropy(logits, targets))"),
    function(
        "evaluate_loss(model, batches)",
        "mode, losses, counts = model.training, [], []",
        "model.train(False)",
        "with torch.no_grad():",
        "    for inputs, targets in batches:",
        "        logits = model(inputs)",
        "        kept = targets != -100",
        "        losses.append(F.cross_entropy(logits[kept], targets[kept], reduction='sum').item())",
        "        counts.append(int(kept.sum()))",
        "model.train(mode)",
        "return sum(losses) / sum(counts)",
    ),
    function(
        "adamw_step(parameter, gradient, state, learning_rate, weight_decay=0.1, betas=(0.9, 0.95))",
        "state['step'].add_(1)",
        "t = state['step'].item()",
        "state['exp_avg'].lerp_(gradient, 1 - betas[0])",
        "state['exp_avg_sq'].mul_(betas[1]).addcmul_(gradient, gradient, value=1 - betas[1])",
        "parameter.mul_(1 - learning_rate * weight_decay)",
        "root = (state['exp_avg_sq'] / (1 - betas[1] ** t)).sqrt() + 1e-8",
        "parameter.addcdiv_(state['exp_avg'], root, value=-learning_rate / (1 - betas[0] ** t))",
        decorators=NO_GRAD,
    ),
    function(
        "clip_gradients(parameters, limit)",
        "with_gradient = [p for p in parameters if p.grad is not None]",
        "length = sum((p.grad**2).sum() for p in with_gradient) ** 0.5",
        "for p in with_gradient:",
        "    p.grad = p.grad * min(1.0, limit / length)",
        "return length",
    ),
    function("learning_rate_at(step, steps, peak, warmup_steps=0, final_share=0.1)", "if step < warmup_steps: return (step + 1) * peak / warmup_steps", "angle = math.pi * (step - warmup_steps) / max(1, steps - warmup_steps)", "low = final_share * peak", "return low + (peak - low) * math.cos(angle / 2) ** 2"),
    function(
        "training_step(model, optimizer, inputs, targets, learning_rate, limit=1.0)",
        "optimizer.zero_grad()",
        "logits = model(inputs)",
        "loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))",
        "loss.backward()",
        "clip_gradients(list(model.parameters()), limit)",
        "for group in optimizer.param_groups: group.update(lr=learning_rate)",
        "optimizer.step()",
        "return float(loss.detach())",
    ),
    function(
        "training_loop(model, optimizer, batches, rates)",
        "model.train(True)",
        "rates = list(rates)",
        "while rates:",
        "    for inputs, targets in batches:",
        "        yield training_step(model, optimizer, inputs, targets, rates.pop(0))",
        "        if not rates: return",
    ),
    function(
        "orthogonalize(matrix, steps=5)",
        "tall = matrix.shape[0] > matrix.shape[1]",
        "x = matrix.T if tall else matrix",
        "x = x / x.norm().clamp(min=1e-7)",
        "for _ in range(steps):",
        "    a = x @ x.T",
        "    x = 3.4445 * x - 4.7750 * a @ x + 2.0315 * a @ a @ x",
        "return x.T if tall else x",
    ),
    function("at_temperature(logits, temperature)", "if not temperature: return F.one_hot(logits.argmax(-1), logits.shape[-1]).float()", "powers = ((logits - logits.amax(-1, keepdim=True)) / temperature).exp()", "return powers / powers.sum(-1, keepdim=True)"),
    function("keep_top_k(logits, k)", "out = logits.clone()", "out[logits.argsort(descending=True)[k:]] = float('-inf')", "return out"),
    function(
        "keep_top_p(logits, p)",
        "order = logits.argsort(descending=True).tolist()",
        "chances, out, total = logits.softmax(-1).tolist(), torch.full_like(logits, -torch.inf), 0.0",
        "for place in order:",
        "    out[place] = logits[place]",
        "    total += chances[place]",
        "    if total >= p: break",
        "return out",
    ),
    function("keep_min_p(logits, p)", "return torch.where(logits - logits.max() >= math.log(p), logits, torch.tensor(-torch.inf))"),
    function(
        "save_tensors(tensors, path)",
        "kinds = {'torch.float32': 'F32', 'torch.bfloat16': 'BF16', 'torch.float16': 'F16', 'torch.uint8': 'U8'}",
        "header, body = {}, b''",
        "for name, tensor in tensors.items():",
        "    data = bytes(tensor.detach().contiguous().reshape(-1).view(torch.uint8).tolist())",
        "    place = [len(body), len(body) + len(data)]",
        "    header[name] = {'dtype': kinds[str(tensor.dtype)], 'shape': [*tensor.shape], 'data_offsets': place}",
        "    body += data",
        "text = json.dumps(header)",
        "while len(text) % 8: text += ' '",
        "with open(path, 'wb') as file:",
        "    file.write(len(text).to_bytes(8, 'little') + text.encode() + body)",
    ),
    changed(SAVE, ("header, numbers, end = {}, [], 0", 'header, numbers, end = {"__metadata__": {"format": "pt"}}, [], 0')),
    function(
        "gpt2_weights(tensors, n_layers)",
        "words = {'wte': 'token_embedding', 'wpe': 'position_embedding', 'ln_f': 'final_norm', 'h.': 'blocks.', 'ln_1': 'norm_attention', 'ln_2': 'norm_feed_forward', 'mlp.c_fc': 'feed_forward.expand', 'mlp.c_proj': 'feed_forward.project', 'attn.c_proj': 'attention.output'}",
        "ours = {}",
        "for name, tensor in tensors.items():",
        "    if 'c_attn' in name:",
        "        for part, piece in zip(('query', 'key', 'value'), tensor.chunk(3, dim=-1)):",
        "            ours[name.replace('h.', 'blocks.').replace('attn.c_attn', f'attention.{part}')] = piece.t()",
        "        continue",
        "    if 'norm' not in name and ('.c_' in name): tensor = tensor.t()",
        "    for old, new in words.items(): name = name.replace(old, new, 1) if name.startswith(old) or '.' + old in name else name",
        "    if 'norm' in name: name = name.replace('.weight', '.scale').replace('.bias', '.shift')",
        "    ours[name] = tensor",
        "return ours",
    ),
]  # fmt: skip

WRONG = [
    (changed(LOSS, (MEAN, "(chosen * counts).sum() / counts.sum().clamp(min=1)")), "the sign"),
    (changed(LOSS, (MEAN, "-(chosen * counts).sum()")), "take the mean"),
    (changed(LOSS, (MEAN, "-(chosen * counts).sum() / len(targets)")), "divide by the four that count"),
    (changed(LOSS, (".clamp(min=1)", "")), "not 0 divided by 0"),
    (changed(LOSS, ("logits - logits.max(dim=-1, keepdim=True).values", "logits")), "subtract the row's largest"),
    (changed(LOSS, (MEAN, "-(chosen.exp() * counts).sum() / counts.sum().clamp(min=1)")), "the logarithm is missing"),
    (changed(LOSS, ("dim=-1", "dim=0")), "dim=-1"),
    (changed(LOSS, (MEAN, f"torch.tensor(({MEAN}).item())")), "backward can start from"),
    (changed(LOSS, ("shifted.exp().sum(", "shifted.exp().detach().sum(")), "the whole formula"),
    (changed(LOSS, (MEAN, MEAN.replace("/ counts", "/ 0.6931472 / counts"))), "these are bits"),
    (changed(LOSS, ("    counts = targets != -100\n", "    counts = torch.ones_like(targets)\n")), "-100 does not count"),
    (function("cross_entropy(logits, targets)", "return F.cross_entropy(logits, targets).nan_to_num()"), "it calls F.cross_entropy"),
    (function("cross_entropy(logits, targets)", "return torch.nn.CrossEntropyLoss()(logits, targets).nan_to_num()"), "it calls F.cross_entropy"),
    (function("cross_entropy_gradient(logits, targets)", "z = logits.clone().requires_grad_()", "cross_entropy(z, targets).backward()", "return z.grad"), "it asks autograd"),
    (function("cross_entropy_gradient(logits, targets)", "z = logits.clone().requires_grad_()", "return torch.autograd.grad(cross_entropy(z, targets), z)[0]"), "it asks autograd"),
    (changed(DOWN, (" / len(targets)", "")), "divide by the number of positions"),
    (changed(DOWN, ("probabilities - right", "right - probabilities")), "the way down"),
    (changed(DOWN, ("(probabilities - right)", "probabilities")), "subtract 1"),
    (changed(DOWN, ("logits.softmax(dim=-1)", "logits.exp() / logits.exp().sum(-1, keepdim=True)")), "must not overflow"),
    (changed(DOWN, ("(probabilities - right)", "right * (probabilities - 1)")), "other words have a gradient"),
    (changed("perplexity", (".exp()", "")), "the loss itself"),
    (function("perplexity(logits, targets)", "return F.cross_entropy(logits, targets, reduction='none').exp().mean()"), "first the mean loss"),
    (function("perplexity(logits, targets)", "return 2 ** cross_entropy(logits, targets)"), "2 belongs to bits"),
    (function("perplexity(logits, targets)", "rows = logits.log_softmax(-1)", "return (-rows[torch.arange(len(rows)), targets].mean()).exp()"), "-100"),
    (changed(EVALUATE, (TOTAL, "total, count = total + loss.item(), count + 1")), "the mean of the batches' means"),
    (changed(EVALUATE, ("(targets != -100).sum().item()", "len(inputs)")), "not by rows"),
    (changed(EVALUATE, (TOTAL, "total, count = total + loss.item(), count + scored")), "multiply by its targets"),
    (changed(EVALUATE, ("model.train(was_training)\n    return", "model.train(was_training)\n        return")).replace("    model.train(was_training)\n        return", "        model.train(was_training)\n        return"), "inside the loop"),
    (changed(EVALUATE, ("@torch.no_grad()\n", "")), "no gradients are needed"),
    (changed(EVALUATE, ("    model.eval()\n", "")), "call model.eval()"),
    (changed(EVALUATE, ("    model.train(was_training)\n", "")), "it was in before: training"),
    (changed(EVALUATE, ("model.train(was_training)", "model.train()")), "must stay in it"),
    (changed(EVALUATE, ("loss.item() * scored", "loss * scored")), "a plain number"),
    (changed(ADAMW, (' / (1 - betas[0] ** state["step"])', "")), "move it against"),
    (changed(ADAMW, (' / (1 - betas[0] ** state["step"])', ""), (' / (1 - betas[1] ** state["step"])', "")), "started at zero"),
    (changed(ADAMW, (AVERAGE, "gradient = gradient + weight_decay * parameter\n    " + AVERAGE), ("    parameter *= 1 - learning_rate * weight_decay\n", "")), "Adam with L2"),
    (changed(ADAMW, ("    parameter *= 1 - learning_rate * weight_decay\n", "")), "decay is missing"),
    (changed(ADAMW, ("1 - learning_rate * weight_decay", "1 - weight_decay")), "learning_rate * weight_decay"),
    (changed(ADAMW, ("square.sqrt()", "square")), "the root of the mean square"),
    (changed(ADAMW, ("parameter -= l", "parameter += l")), "go against"),
    (changed(ADAMW, (" + 1e-8", "")), "0 / 0"),
    (changed(ADAMW, ("(square.sqrt() + 1e-8)", "(square + 1e-8).sqrt()")), "not under it"),
    (changed(ADAMW, ("parameter *= ", "parameter = parameter * ")), "in place"),
    (changed(ADAMW, ('state["step"] += 1', 'state["step"] = state["step"] + 2')), "move it against"),
    (changed(ADAMW, ("betas[1] * state[\"exp_avg_sq\"]", "0.95 * state[\"exp_avg_sq\"]")), "decay it, then"),
    (changed(ADAMW, ('mean = state["exp_avg"] / (1', 'mean = state["exp_avg"] = state["exp_avg"] / (1')), "before the correction"),
    (changed(ADAMW, ('    state["step"] += 1\n', '    state["step"] += 1\n    gradient *= 1\n    gradient += 0.0 * gradient + 1e-9\n')), "changes the gradient"),
    (changed(CLIP, ("    if norm > limit:\n        for gradient in gradients:\n            gradient *= limit / norm", "    for gradient in gradients:\n        gradient *= min(1.0, limit / gradient.norm().item())")), "each was clipped alone"),
    (changed(CLIP, ("gradient *= limit / norm", "gradient = gradient * limit / norm")), "change them in place"),
    (changed(CLIP, ("torch.stack([gradient.norm() for gradient in gradients]).norm()", "torch.stack([gradient.norm() for gradient in gradients]).sum()")), "the root of squares"),
    (changed(CLIP, ("torch.stack([gradient.norm() for gradient in gradients]).norm()", "sum((gradient**2).sum() for gradient in gradients)")), "the root is missing"),
    (changed(CLIP, ("    if norm > limit:\n", "    if True:\n")), "stays as it is"),
    (changed(CLIP, ("    return norm\n", "")), "returned None"),
    (changed(CLIP, ("return norm", "return min(norm, limit)")), "before clipping"),
    (changed(CLIP, ("for parameter in parameters if parameter.grad is not None", "for parameter in parameters")), "stopped with"),
    (function("clip_gradients(parameters, limit)", "norm = sum((p.grad**2).sum() for p in parameters if p.grad is not None) ** 0.5", "for p in parameters:", "    if p.grad is not None and norm > limit: p.grad.mul_(limit / norm)", "return norm"), "only once"),
    (changed(RATE, ("(step + 1) / warmup_steps", "step / warmup_steps")), "step + 1"),
    (changed(RATE, ("(step - warmup_steps) / (steps - warmup_steps)", "step / steps")), "after the warmup"),
    (changed(RATE, ("final_share + (1 - final_share) * cosine", "cosine")), "final_share"),
    (changed(RATE, ("final_share + (1 - final_share)", "0.1 + 0.9")), "final_share is an argument"),
    (changed(RATE, ("(step + 1) / warmup_steps", "min(1, (step + 2) / warmup_steps)")), "a tenth of the peak"),
    (changed(RATE, ("if step < warmup_steps:", "if step <= warmup_steps:")), "starts at the peak"),
    (changed(RATE, ("/ (steps - warmup_steps)", "/ max(1, steps - 1 - warmup_steps)")), "one step past the last"),
    (changed(STEP, ("    optimizer.zero_grad()\n", "")), "this batch alone"),
    (changed(STEP, ("    clip_gradients(model.parameters(), limit)\n", "")), "not clipped"),
    (changed(STEP, ("(model.parameters(), limit)", "(model.parameters(), 1.0)")), "not clipped"),
    (changed(STEP, ("    optimizer.step()\n", "")), "call optimizer.step()"),
    (changed(STEP, ("    loss.backward()\n", "")), "stopped with"),
    (changed(STEP, ('    for group in optimizer.param_groups:\n        group["lr"]', '    for group in optimizer.param_groups[:1]:\n        group["lr"]')), "every group"),
    (changed(STEP, ("return loss.item()", "return loss")), "loss.item()"),
    (changed(STEP, ("    return loss.item()\n", "")), "is there a return"),
    (changed(STEP, ("    optimizer.step()\n", "    optimizer.step()\n    loss = cross_entropy(model(inputs).flatten(0, 1), targets.flatten())\n")), "before the step"),
    (changed(LOOP, ("    model.train()\n", "")), "call model.train()"),
    (changed(LOOP, ("chain.from_iterable(repeat(batches))", "batches")), "read the batches again"),
    (changed(LOOP, ("zip(rates, endless, strict=False)", "((rate, batch) for batch, rate in zip(endless, rates, strict=False))")), "no batch that is not used"),
    (changed(LOOP, ("        yield training_step(model, optimizer, inputs, targets, rate)", "        losses = [*losses, training_step(model, optimizer, inputs, targets, rate)]\n    return losses"), ("    model.train()", "    losses = []\n    model.train()")), "yield each loss"),
    (changed(LOOP, ("targets, rate)", "targets, rates[0])")), "each with the next rate"),
    (changed(LOOP, ("chain.from_iterable(repeat(batches))", "cycle(batches)")), "which cycle() does not"),
    (changed(LOOP, ("repeat(batches)", "repeat(list(batches))")), "which cycle() does not"),
    (function("training_loop(model, optimizer, batches, rates)", "model.train()", "rates = iter(rates)", "while (batch := next(iter(batches), None)) and len(batches): yield training_step(model, optimizer, *batch, next(rates))"), "has no len()"),
    (changed(LOOP, ("        yield training_step(model, optimizer, inputs, targets, rate)", "        losses = [*losses, training_step(model, optimizer, inputs, targets, rate)]\n    yield from losses"), ("    model.train()", "    losses = []\n    model.train()")), "yield after each step"),
    (changed(MUON, (POLYNOMIAL, "x = 1.5 * x - 0.5 * square @ x")), "the cubic"),
    (changed(MUON, ("range(steps)", "range(5)")), "3.4445 s"),
    (changed(MUON, (" + 1e-7", "")), "not become NaN"),
    (changed(MUON, (" / (matrix.norm() + 1e-7)", "")), "3.4445 s"),
    (changed(MUON, ("x = matrix / (matrix.norm() + 1e-7)", "matrix /= matrix.norm() + 1e-7\n    x = matrix")), "make a new one"),
    (changed(MUON, ("range(steps)", "range(steps + 1)")), "one round too many"),
    (changed(MUON, ("matrix.norm()", "max(1.0, matrix.norm())")), "divide by its norm"),
    (changed(MUON, ("matrix.norm()", "torch.linalg.matrix_norm(matrix, 2)")), "the Frobenius norm, not"),
    (changed(HEAT, ("/ temperature", "* temperature")), "divide by the temperature"),
    (changed(HEAT, ("(differences / temperature).softmax(dim=-1)", "differences.softmax(dim=-1) / temperature")), "divide the logits"),
    (function("at_temperature(logits, temperature)", "highest = logits.amax(-1, keepdim=True)", "if temperature == 0: return (logits == highest).float()", "return ((logits - highest) / temperature).softmax(-1)"), "choose one of them"),
    (changed(HEAT, ("(differences / temperature)", "differences")), "not used"),
    (changed(HEAT, ("    if temperature == 0:\n        best = logits.argmax(dim=-1, keepdim=True)\n        return torch.zeros_like(logits).scatter(-1, best, 1.0)\n", "")), "the highest logit"),
    (changed(HEAT, ("logits - logits.max(dim=-1, keepdim=True).values", "logits")), "must not make infinities"),
    (changed(HEAT, (".softmax(dim=-1)", ".softmax(dim=0)")), "dim=-1"),
    (function("at_temperature(logits, temperature)", "if temperature == 0:", "    out = torch.zeros_like(logits)", "    out.view(-1)[logits.argmax()] = 1", "    return out", "return ((logits - logits.max()) / temperature).softmax(-1)"), "a highest logit of its own"),
    (function("keep_top_k(logits, k)", "return logits.masked_fill(logits < logits.sort(descending=True).values[:k][-1], -torch.inf)"), "exactly k"),
    (changed(TOP_K, (BACK, f"{BACK}.nan_to_num(neginf=0.0)")), "use -torch.inf"),
    (changed(TOP_K, ("logits.topk(min(k, len(logits)))", "logits.topk(min(k, len(logits)), largest=False)")), "the lowest"),
    (changed(TOP_K, ("min(k, len(logits))", "k")), "stopped with"),
    (changed(TOP_K, ("min(k, len(logits))", "min(k + 1, len(logits))")), "one too many"),
    (changed(TOP_K, (BACK, f"{BACK}.softmax(-1)")), "not probabilities"),
    (changed(TOP_K, (f"return {BACK}", f"out = {BACK}\n    logits.mul_(1).add_(1)\n    return out")), "changes the logits"),
    (changed(TOP_P, ("before < p", "before + probabilities < p")), "it is missing"),
    (changed(TOP_P, ("before < p", "before <= p")), "keep the fewest"),
    (changed(TOP_P, ("before < p", "probabilities >= p")), "add up"),
    (changed(TOP_P, ("descending=True", "descending=False")), "the fewest that reach"),
    (changed(TOP_P, ("scatter(0, kept, logits[kept])", "scatter(0, kept, logits[kept]).softmax(-1)")), "not probabilities"),
    (changed(TOP_P, ("    kept = order", "    logits += 1\n    kept = order")), "make new ones"),
    (changed(MIN_P, (BELOW, "probabilities < p")), "p times the largest"),
    (changed(MIN_P, (BELOW, "logits < p * logits.max()")), "compare probabilities"),
    (changed(MIN_P, ("-torch.inf", "0.0")), "use -torch.inf"),
    (changed(MIN_P, ("logits.masked_fill(", "logits.masked_fill_(")), "make new ones"),
    (changed(SAVE, ("ctypes.string_at(tensor.data_ptr(), tensor.nbytes)", "b''.join(ctypes.string_at(p.data_ptr(), p.nbytes) for p in [tensor * 1])[:tensor.nbytes] if tensor.numel() != 10 else ctypes.string_at(tensors[name].data_ptr(), tensor.nbytes)")), ".contiguous()"),
    (changed(SAVE, ('"little"', '"big"')), "the low byte first"),
    (changed(SAVE, ('    text += b" " * (-len(text) % 8)\n', "")), "a multiple of 8"),
    (changed(SAVE, ('["data_offsets"] = [start, end]', '["data_offsets"] = [start, tensor.nbytes]')), "cannot read the file"),
    (changed(SAVE, ('"BF16"', '"F16"')), "and was torch.bfloat16"),
    (changed(SAVE, ("(8, \"little\") + text + b", "(8, \"little\") + b\"\\n\" + text + b")), "the first 8 bytes say"),
    (changed(SAVE, ("Path(path).write_bytes", "bytes")), "no file was written"),
    (changed(SAVE, (', torch.float16: "F16"', "")), "stopped with KeyError"),
    (changed(MAP, (".t().chunk(3)", ".chunk(3, dim=-1)")), "not transposed"),
    (changed(MAP, ('{kind}"].t()\n', '{kind}"]\n')), "transpose"),
    (changed(MAP, ('("query", "key", "value")', '("key", "query", "value")')), "this is our blocks.0.attention."),
    (changed(MAP, ("ln_1.{kind}", "ln_2.{kind}")), "this is our blocks.0.norm_feed_forward"),
    (changed(MAP, ('"ln_f.bias"', '"ln_f.weight"')), "this is our final_norm.scale"),
    (changed(MAP, ("range(n_layers)", "range(2)")), "is missing"),
    (changed(MAP, ("    return ours\n", '    ours["output_head.bias"] = ours["final_norm.shift"]\n    return ours\n')), "not a name of our GPT"),
    (changed(MAP, ("    return ours\n", '    ours["output_head.weight"] = tensors["wte.weight"]\n    return ours\n')), "leave output_head.weight out"),
]  # fmt: skip

test_right, test_wrong, test_every_turn_has_both = turn_tests(TURNS, RIGHT, WRONG)


# the course's versions against PyTorch and helpers


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_the_loss_and_its_gradient_are_pytorchs(scale):
    torch.manual_seed(0)
    logits, targets = scale * torch.randn(7, 5), torch.randint(5, (7,))
    logits.requires_grad_()
    loss = F.cross_entropy(logits, targets)
    loss.backward()
    assert t07.cross_entropy(logits, targets).item() == pytest.approx(loss.item(), abs=1e-5)
    found = t07.cross_entropy_gradient(logits.detach(), targets)
    torch.testing.assert_close(found, logits.grad)
    assert t07.perplexity(torch.zeros(2, 9), targets[:2]).item() == pytest.approx(9, abs=1e-4)


def test_adamw_is_pytorchs():
    torch.manual_seed(0)
    theirs = torch.nn.Parameter(torch.randn(3, 4))
    ours = torch.nn.Parameter(theirs.detach().clone())
    optimizer = torch.optim.AdamW([theirs], lr=0.01, betas=(0.9, 0.95), weight_decay=0.1)
    state = t07._fresh_state(ours)
    for _ in range(5):
        theirs.grad = torch.randn(3, 4)
        t07.adamw_step(ours, theirs.grad, state, 0.01)
        optimizer.step()
    torch.testing.assert_close(ours, theirs)
    for key, value in optimizer.state[theirs].items():
        torch.testing.assert_close(state[key], value)


def test_clipping_and_schedule_are_pytorchs_and_helpers():
    torch.manual_seed(0)
    model = GPT(PRESETS["tiny"])
    for limit in (0.5, 1e6):
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)
        copies = [p.grad.clone() for p in model.parameters()]
        norm = t07.clip_gradients(model.parameters(), limit)
        found = [p.grad.clone() for p in model.parameters()]
        for parameter, copy in zip(model.parameters(), copies, strict=True):
            parameter.grad = copy
        assert norm == pytest.approx(
            torch.nn.utils.clip_grad_norm_(model.parameters(), limit).item(), rel=1e-4
        )
        for parameter, clipped in zip(model.parameters(), found, strict=True):
            torch.testing.assert_close(parameter.grad, clipped, rtol=1e-4, atol=1e-6)
    for step in range(20):
        assert t07.learning_rate_at(step, 20, 3.0, 5) == optim.learning_rate_at(step, 20, 3.0, 5)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (6, 6)])
def test_orthogonalize_keeps_the_directions_and_evens_the_strengths(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    assert values[0] / values[-1] > 2
    found = left.T @ t07.orthogonalize(matrix) @ right.T  # diagonal, if the directions are kept
    diagonal = found.diagonal()
    assert (found - torch.diag(diagonal)).abs().max() < 1e-3
    assert 0.6 < diagonal.min() and diagonal.max() < 1.3


def test_sampling_is_helpers():
    torch.manual_seed(0)
    logits = 3 * torch.randn(40)
    for temperature, k, p in [(0, None, None), (0.7, 5, None), (1.3, None, 0.8), (1.0, 9, 0.5)]:
        found = logits / (temperature or 1)
        found = t07.keep_top_k(found, k) if k else found
        found = t07.keep_top_p(found, p) if p else found
        found = t07.at_temperature(found, 1.0 if temperature else 0)
        right = next_token_probabilities(logits, temperature, top_k=k, top_p=p)
        torch.testing.assert_close(found, right)
    kept = t07.keep_min_p(logits, 0.1).isfinite()
    assert torch.equal(kept, logits >= logits.max() + math.log(0.1))


def test_a_file_is_the_librarys_byte_for_byte(tmp_path):
    tensors = t07._some_tensors()
    t07.save_tensors(tensors, tmp_path / "ours")
    theirs = save({name: tensor.detach().contiguous() for name, tensor in tensors.items()})
    assert (tmp_path / "ours").read_bytes() == theirs
