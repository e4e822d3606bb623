"""The turns of notebook 12: other right answers, typical mistakes, and each property of each task."""

from functools import partial

import numpy as np
import pytest
import torch

from classroom.turns import t12
from classroom.turns.t12 import TURNS
from helpers.config import GPTConfig
from helpers.difference import quantize_rows
from helpers.kv_cache import KVCache
from helpers.model import GPT
from tests import turn_cells
from tests.turn_cells import course_cell, turn_tests

IMPORTS = """import torch


"""
function = partial(turn_cells.function, imports=IMPORTS)
changed = partial(course_cell, TURNS, imports=IMPORTS)

COST, LEAST, SCALED, Q4 = "pass_cost", "least_seconds", "scaled_gradients", "quantize_q4_0"
CONTINUOUS, AVERAGE, PARTS, SPLIT = (
    "continuous_steps", "average_gradients", "fit_parts", "best_split",
)  # fmt: skip
CACHE = "cache = 2 * layers * width * (known + new)"
LOOP = "for _ in range(ahead):\n            guesses.append(draft(written + guesses))"

RIGHT = [
    function(
        "pass_cost(config, new, known, n_bytes)",
        "C, L, V = config.embedding_dim, config.n_layers, config.vocab_size",
        "block = 4 * C * C + 2 * C * 4 * C",
        "operations = sum(2 * (L * block + V * C) + L * 4 * C * (known + i + 1) for i in range(new))",
        "return [operations, (L * block + V * C + L * 2 * C * (known + new)) * n_bytes]",
    ),
    function(
        "least_seconds(operations, n_bytes, peak, bandwidth)",
        "computing, reading = operations / peak, n_bytes / bandwidth",
        "return computing if computing > reading else reading",
    ),
    function(
        "scaled_gradients(loss, weights, scale)",
        "before = [w.grad for w in weights]",
        "for w in weights: w.grad = None",
        "(scale * loss).backward()",
        "gradients = [w.grad.to(torch.float32).div(scale) for w in weights]",
        "for w, gradient in zip(weights, before): w.grad = gradient",
        "if any(not torch.isfinite(g).all() for g in gradients): return None",
        "return tuple(gradients)",
    ),
    function(
        "quantize(weights, size)",
        "rows, columns = weights.shape",
        "groups = weights.reshape(rows, columns // size, size)",
        "scales = groups.abs().max(dim=2, keepdim=True).values / 127",
        "numbers = torch.where(scales > 0, groups / scales, 0.0)",
        "return numbers.round().char(), scales",
    ),
    function(
        "quantize(weights, size)",
        "groups = weights.unflatten(1, (-1, size))",
        "largest = groups.abs().amax(-1, keepdim=True)",
        "numbers = (groups * 127 / largest.clamp(min=1e-35)).round()",
        "return numbers.to(torch.int8), largest / 127",
    ),
    function(
        "dequantize(numbers, scales)",
        "return (numbers.float() * scales).reshape(len(numbers), -1)",
    ),
    function(
        "quantize_q4_0(weights)",
        "scales, pairs = torch.zeros(len(weights), dtype=torch.half), torch.empty(len(weights), 16, dtype=torch.uint8)",
        "for row, block in enumerate(weights):",
        "    extreme = block[block.abs().argmax()]",
        "    scale = extreme / -8",
        "    scales[row] = scale",
        "    factor = 1 / scale if scale != 0 else torch.tensor(0.0)",
        "    numbers = (block * factor + 8.5).floor().clamp(0, 15).to(torch.uint8)",
        "    pairs[row] = numbers[:16] + 16 * numbers[16:]",
        "return scales, pairs",
    ),
    function(
        "quantize_q4_0(weights)",
        "highest, lowest = weights.amax(1, keepdim=True), weights.amin(1, keepdim=True)",
        "scales = torch.where(highest >= -lowest, highest, lowest) / -8",
        "inverse = torch.where(scales == 0, 0, 1 / scales)",
        "numbers = (weights * inverse + 8.5).floor().clamp(0, 15).to(torch.uint8)",
        "return scales[:, 0].half(), numbers[:, :16] + numbers[:, 16:] * 16",
    ),
    function(
        "speculate(target, draft, ids, n_new, ahead)",
        "new = []",
        "while len(new) < n_new:",
        "    text = [*ids, *new]",
        "    for _ in range(ahead): text.append(draft(text))",
        "    chosen = target(text)",
        "    place = len(ids) + len(new)",
        "    while place < len(text) and text[place] == chosen[place - 1]: place += 1",
        "    new = text[len(ids):place] + [chosen[place - 1]]",
        "return new[:n_new]",
    ),
    function(
        "continuous_steps(lengths, slots)",
        "free_at = [0] * slots",
        "for length in lengths:",
        "    first = free_at.index(min(free_at))",
        "    free_at[first] += length",
        "return max(free_at)",
    ),
    function(
        "average_gradients(model, all_reduce, n_processes)",
        "gradients = [p.grad for p in model.parameters() if p.grad is not None]",
        "bucket = torch.cat([g.flatten() for g in gradients])",
        "all_reduce(bucket)",
        "parts = (bucket / n_processes).split([g.numel() for g in gradients])",
        "for gradient, part in zip(gradients, parts):",
        "    gradient.copy_(part.view_as(gradient))",
    ),
    function(
        "fit_parts(n, d, losses, a, b)",
        "columns = torch.stack([1 / losses, n**-a / losses, d**-b / losses], 1)",
        "return torch.linalg.pinv(columns) @ torch.ones(len(n), dtype=n.dtype)",
    ),
    function(
        "best_split(size_scale, a, data_scale, b, operations)",
        "low, high = 1.0, operations / 6",
        "for _ in range(300):",
        "    n = (low * high) ** 0.5",
        "    d = operations / 6 / n",
        "    if a * size_scale * n**-a > b * data_scale * d**-b: low = n",
        "    else: high = n",
        "return n, d",
    ),
]  # fmt: skip

WRONG = [
    (changed(COST, ("2 * new * matrices", "new * matrices"), ("4 * layers * width * pairs", "2 * layers * width * pairs")), "two operations"),
    (changed(COST, (" + 4 * layers * width * pairs", "")), "the attention is missing"),
    (changed(COST, ("(matrices + cache)", "matrices")), "the cache is read as well"),
    (changed(COST, ("n_bytes * (", "(")), "each takes n_bytes"),
    (changed(COST, ("new * (new + 1) // 2", "new * (new - 1) // 2")), "looks at itself"),
    (changed(COST, (" + config.vocab_size * width", "")), "the output head"),
    (changed(COST, ("cache = 2 * ", "cache = ")), "keys and there are values"),
    (changed(COST, (CACHE, CACHE.replace("(known + new)", "known"))), "are in the cache, too"),
    (changed(COST, ("new * (new + 1) // 2", "new * new")), "the mask is missing"),
    (changed(COST, ("n_bytes * (matrices", "n_bytes * (new * matrices")), "read once for all new"),
    (changed(COST, ("2 * new * matrices", "2 * matrices")), "each of the new tokens"),
    (changed(COST, ("new * known + ", "known + ")), "3 new tokens after 7"),
    (changed(COST, ("config.n_layers", "3")), "from the config"),
    (changed(LEAST, ("max(operations / peak, n_bytes / bandwidth)", "operations / peak + n_bytes / bandwidth")), "do not add up"),
    (changed(LEAST, ("max(", "min(")), "the processor waits"),
    (changed(LEAST, ("operations / peak, n_bytes / bandwidth", "n_bytes / bandwidth, 0")), "computing takes longer"),
    (changed(LEAST, ("operations / peak, n_bytes / bandwidth", "peak / operations, bandwidth / n_bytes")), "operations over peak"),
    (changed(SCALED, ("loss * scale", "loss")), "all zero"),
    (changed(SCALED, (".float() / scale", ".float()")), "still multiplied"),
    (changed(SCALED, ("gradient.float() / scale", "(gradient / scale).float()")), "all zero"),
    (changed(SCALED, ("gradient.float() / scale", "gradient / scale")), "as float32"),
    (changed(SCALED, (" if finite else None", "")), "return None"),
    (changed(SCALED, ("all(gradient.isfinite().all() for gradient in gradients)", "gradients[0].isfinite().all()")), "whichever weight"),
    (changed(SCALED, (".isfinite().all()", ".isinf().logical_not().all()")), "that is NaN"),
    (function("scaled_gradients(loss, weights, scale)", "(loss * scale).backward()", "found = [w.grad.float() / scale for w in weights]", "return found if all(g.isfinite().all() for g in found) else None"), "in .grad"),
    (function("scaled_gradients(loss, weights, scale)", "(loss * scale).backward()", "found = [w.grad.float() / scale for w in weights]", "for w in weights: w.grad = None", "return found if all(g.isfinite().all() for g in found) else None"), "does not belong to this loss"),
    (function("scaled_gradients(loss, weights, scale)", "for w in weights: w.grad = None", "(loss * scale).backward()", "found = [w.grad.float() / scale for w in weights]", "for w in weights: w.grad = None", "return found if all(g.isfinite().all() for g in found) else None"), "should stay as they are"),
    (function("scaled_gradients(loss, weights, scale)", "return None"), "are finite"),
    (changed("quantize", ("weights.unflatten(1, (-1, size))", "weights.unflatten(1, (-1, size))"), (".round()", "")), "round them"),
    (changed("quantize", ("groups.abs().amax(dim=-1, keepdim=True)", "weights.abs().amax(dim=1)[:, None, None].expand(-1, groups.shape[1], 1)")), "quantize("),
    (changed("quantize", (".to(torch.int8)", "")), "should be torch.int8"),
    (changed("quantize", ("groups / scales.clamp(min=1e-30)", "(groups / scales).nan_to_num(nan=9)")), "nothing can be divided"),
    (changed("quantize", ("min=1e-30", "min=1e-6")), "smaller still"),
    (changed("quantize", ("min=1e-30", "min=1e-6")), "the weights 1.2e-9 and -2e-9"),
    (changed("quantize", (" / 127\n", " / 127\n    scales = torch.where(scales == 0, 1.0, scales)\n")), "has scale 0"),
    (changed("quantize", ("scales.clamp(min=1e-30)", "scales"), ("/ 127\n", "/ 127 + 1e-20\n")), "has scale 0"),
    (changed("quantize", (".abs()", "")), "quantize("),
    (changed("quantize", ("return numbers.to(torch.int8), scales", "return numbers.to(torch.int8).flatten(1), scales.flatten(1)")), "keep the groups"),
    (changed("quantize", ("numbers.to(torch.int8), scales", "numbers.to(torch.int8)")), "two values"),
    (changed("dequantize", (".flatten(1)", "")), "make it (R, C) again"),
    (changed("dequantize", (".flatten(1)", ".flatten()")), "keep the rows"),
    (changed("dequantize", ("numbers * scales", "numbers / scales")), "number times scale"),
    (changed(Q4, ("/ -8", "/ 8"), ("weights * inverse", "weights * -inverse")), "the sign of the scale"),
    (changed(Q4, ("numbers[:, :16] | numbers[:, 16:] << 4", "numbers[:, :16] << 4 | numbers[:, 16:]")), "the low half"),
    (changed(Q4, ("numbers[:, :16] | numbers[:, 16:] << 4", "numbers[:, ::2] | numbers[:, 1::2] << 4")), "not two neighbors"),
    (changed(Q4, (".clamp(max=15)", "")), "quantize_q4_0("),
    (changed(Q4, ("+ 8.5", "+ 8")), "quantize_q4_0("),
    (changed(Q4, ("torch.where(scales == 0, 0, 1 / scales)", "1 / scales")), "nothing is divided by 0"),
    (changed(Q4, (".half()", "")), "the scales are float16"),
    (changed(Q4, ("weights.gather(1, place) / -8", "(weights.gather(1, place) / -8).half().float()")), "becomes float16 at the end"),
    (changed("speculate", ("while kept < ahead and guesses[kept] == chosen[kept]:", "while kept < ahead:")), "only if the target"),
    (changed("speculate", ("range(ahead)", "range(ahead + 1)")), "reads 4 guesses, and should read 3"),
    (changed("speculate", ("range(ahead)", "range(2 * ahead)"), ("kept < ahead", "kept < 2 * ahead")), "reads 6 guesses, and should read 3"),
    (changed("speculate", ("kept < ahead and ", "kept < ahead - 1 and ")), "at most 3 times"),
    (changed("speculate", ("chosen[: kept + 1]", "chosen[: max(kept, 1)]")), "at most 3 times"),
    (changed("speculate", ("        written += chosen", "        kept = kept if kept == ahead else 0\n        written += chosen")), "before the first that differs"),
    (changed("speculate", ("[len(ids) : len(ids) + n_new]", "[len(ids) :]")), "is cut off"),
    (changed("speculate", ("return written[len(ids) : len(ids) + n_new]", "return written[: len(ids) + n_new]")), "the old ids"),
    (changed("speculate", ("written = list(ids)", "written, ids = ids, list(ids)")), "changes the list"),
    (changed("speculate", ("draft(written + guesses)", "draft(written)")), "its own guesses"),
    (changed("speculate", ("[len(written) - 1 :]", "[len(written) :]")), "speculate("),
    (changed(CONTINUOUS, ("while waiting and len(active) < slots:", "while waiting and not active or waiting and steps < 0:")), "continuous_steps("),
    (function("continuous_steps(lengths, slots)", "return sum(max(lengths[i:i + slots]) for i in range(0, len(lengths), slots))"), "takes the next text at once"),
    (function("continuous_steps(lengths, slots)", "return sum(lengths)"), "one text after another"),
    (changed(CONTINUOUS, ("if left > 1", "if left > 0")), "continuous_steps("),
    (changed(CONTINUOUS, ("list(lengths)", "lengths")), "changes the list"),
    (changed(CONTINUOUS, ("waiting.pop(0)", "waiting.pop()")), "continuous_steps("),
    (changed(AVERAGE, ("            parameter.grad /= n_processes\n", "")), "divide by n_processes"),
    (changed(AVERAGE, ("all_reduce(parameter.grad)", "all_reduce(parameter.grad.clone())")), "changes a tensor in place"),
    (changed(AVERAGE, ("            all_reduce(parameter.grad)\n", "")), "was not called"),
    (changed(AVERAGE, ("all_reduce(parameter.grad)", "all_reduce(parameter)"), ("            parameter.grad /= n_processes\n", "            parameter.data /= n_processes\n")), "the weights have changed"),
    (changed(AVERAGE, ("        if parameter.grad is not None:\n            ", "        if True:\n            ")), "stopped with"),
    (changed(AVERAGE, ("            all_reduce(parameter.grad)\n            parameter.grad /= n_processes", "            parameter.grad = all_reduce(parameter.grad) / n_processes")), "returns nothing"),
    (changed(AVERAGE, ("            all_reduce(parameter.grad)\n            parameter.grad /= n_processes", "            parameter.grad /= n_processes\n            parameter.grad = all_reduce(parameter.grad)")), "returns nothing"),
    (changed(AVERAGE, ("            all_reduce(parameter.grad)\n", "            all_reduce(parameter.grad)\n            all_reduce(torch.zeros_like(parameter))\n")), "send each once"),
    (changed(PARTS, ("relative = columns / losses[:, None]", "relative = columns"), ("torch.ones_like(n)[:, None]).sol", "losses[:, None]).sol")), "absolute errors"),
    (changed(PARTS, ("n**-a", "n**a")), "to the power −a"),
    (changed(PARTS, ("d**-b", "d**-a")), "to the power −b"),
    (changed(PARTS, (".solution[:, 0]", ".solution")), "three numbers"),
    (changed(PARTS, (".solution[:, 0]", ".solution[:, 0].numpy()")), "not a ndarray (3,)"),
    (changed(SPLIT, ("operations / 6", "operations")), "the budget is"),
    (changed(SPLIT, ("(a * size_scale / (b * data_scale) * product**b)", "(b * data_scale / (a * size_scale) * product**a)")), "belong to the parameters"),
    (function("best_split(size_scale, a, data_scale, b, operations)", "n = (operations / 6) ** 0.5", "return n, n"), "as many tokens as parameters"),
    (changed(SPLIT, ("return n, product / n", "return n")), "two numbers"),
    (changed(SPLIT, ("a * size_scale / (b * data_scale)", "size_scale / data_scale")), "at the best split"),
]  # fmt: skip

test_right_answers_are_right, test_mistakes_are_told, test_every_turn_is_tested = turn_tests(
    TURNS, RIGHT, WRONG
)


def test_the_matrices_are_those_of_the_model_and_its_cache():
    config = GPTConfig(100, 64, 32, 4, 3, dropout=0.0, qkv_bias=False)
    model = GPT(config)
    matrices = sum(
        p.numel() for name, p in model.named_parameters() if p.ndim == 2 and "position" not in name
    )
    _, n_bytes = t12.pass_cost(config, 10, 20, 4)
    assert n_bytes == 4 * matrices + KVCache(config, 1, 30).n_bytes()
    operations, _ = t12.pass_cost(config, 1, 0, 4)
    assert operations == 2 * matrices + 4 * 3 * 32


@pytest.mark.parametrize("size", [4, 12])
def test_rows_and_groups_are_as_in_helpers(size):
    torch.manual_seed(0)
    weights = torch.randn(5, 12)
    numbers, scales = t12.quantize(weights, size)
    by_rows, their_scales = quantize_rows(weights.reshape(-1, size))
    assert torch.equal(numbers.reshape(-1, size), by_rows)
    assert torch.equal(scales.reshape(-1, 1), their_scales)
    gap = (t12.dequantize(numbers, scales) - weights).abs()
    assert (gap <= scales.expand(-1, -1, size).flatten(1) / 2 + 1e-7).all()


def test_q4_0_is_read_back_by_the_reader_of_files():
    torch.manual_seed(0)
    weights = torch.cat([torch.randn(200, 32), torch.zeros(1, 32)])
    scales, pairs = t12.quantize_q4_0(weights)
    numbers = torch.cat([pairs & 15, pairs >> 4], dim=1).float() - 8
    found = t12.read_q4_0(scales, pairs)
    assert torch.equal(found, scales.float()[:, None] * numbers)
    step = scales.float().abs()[:, None]
    assert ((found - weights).abs() <= 1.01 * step).all()  # at the cut end a whole step
    assert ((found - weights).abs() <= 0.51 * step).float().mean() > 0.95


def test_q4_0_is_that_of_the_package_gguf():
    quants = pytest.importorskip("gguf.quants")
    from gguf import GGMLQuantizationType

    weights = torch.randn(500, 32, generator=torch.Generator().manual_seed(1))
    theirs = quants.quantize(weights.numpy(), GGMLQuantizationType.Q4_0)  # (500, 18) bytes
    scales, pairs = t12.quantize_q4_0(weights)
    assert (theirs[:, 2:] == pairs.numpy()).all()
    assert (theirs[:, :2].copy().view(np.float16)[:, 0] == scales.numpy()).all()
