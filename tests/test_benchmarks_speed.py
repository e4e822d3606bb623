"""The measurements of steps and of generation, at a toy size: what they record, not how fast it is."""

import json
import sys

import pytest
import torch

from benchmarks import _products, _record, _speed, generation, steps
from helpers.config import PRESETS
from helpers.fast.packing import can_pack
from helpers.fast.quantize import quantize_int8
from helpers.model import GPT


@pytest.fixture(autouse=True)
def small_limits(monkeypatch):
    """The machine's limits, measured on less than they should be."""
    monkeypatch.setitem(_speed.SQUARE, "cpu", 256)
    monkeypatch.setitem(_speed.ROW_BYTES, "cpu", 2**20)


def test_operations_of_a_step_by_hand():
    """One layer, 2 wide, 3 tokens long, 5 in the vocabulary, one text."""
    config = steps.GPTConfig(5, 3, 2, 1, 1)
    matrices = 4 * 2 * 2 + 2 * (2 * 8)  # query, key, value, output; expand and project
    a_token = 2 * (matrices + 2 * 5) + 2 * 2 * (3 * 2)  # scores and context: 3 keys of 2 each
    assert steps.flops_a_step(config, 1) == 3 * 3 * a_token
    assert steps.flops_a_step(config, 4) == 4 * steps.flops_a_step(config, 1)


def test_the_products_alone_are_those_of_the_formula(monkeypatch):
    counted = []

    def count(a, b, out):
        counted.append(2 * a.numel() * b.shape[-1])
        assert out.shape == (*a.shape[:-1], b.shape[-1])

    monkeypatch.setattr(torch, "mm", count)
    monkeypatch.setattr(torch, "bmm", count)
    _products.products_alone(steps.TOY, steps.TOY_BATCH, "fp32")()
    assert sum(counted) == steps.flops_a_step(steps.TOY, steps.TOY_BATCH)


def test_the_measured_model_has_the_parameters_of_the_target():
    assert round(GPT(steps.CONFIG).n_parameters() / 1e6, 1) == 10.8  # with 0.1M of positions
    assert GPT(steps.CONFIG).n_parameters() - 256 * 384 == pytest.approx(10.7e6, rel=0.01)


def test_median_and_quartiles_by_hand():
    assert _speed.spread([4, 1, 2, 3, 5]) == {"median": 3, "quartiles": [2, 4]}
    assert _speed.spread([7]) == {"median": 7, "quartiles": [7, 7]}
    times = {"ours": [1.0, 2.0, 4.0], "slow": [9.0, 9.0, 9.0], "quick": [2.0, 2.0, 2.0]}
    found = _speed.ratios(times, "ours", ["slow", "quick"])
    assert found == {"beside": "quick", "median": 1.0, "quartiles": [0.75, 1.5]}


def test_runs_take_turns_and_the_first_round_is_not_counted():
    said = []
    runs = {name: lambda name=name: said.append(name) for name in "ab"}
    times = _speed.paired(runs, rounds=2)
    assert said == ["a", "b", "a", "b", "b", "a"]
    assert {name: len(each) for name, each in times.items()} == {"a": 2, "b": 2}


def test_every_model_takes_the_same_step():
    """The others learn the same data to the same loss, near enough: it is the same work."""
    torch.manual_seed(0)
    inputs, targets = torch.randint(65, (2, 2, 16))
    runs = {"ours": steps.our_step(steps.TOY, inputs, targets, "fp32")}
    for name, create in steps.others().items():
        model = create(steps.TOY)
        untied = 65 * 24 if name.startswith("llms") else 0
        masks = sum(b.numel() for b in model.buffers())
        n_parameters = sum(p.numel() for p in model.parameters())
        assert n_parameters == GPT(steps.TOY).n_parameters() + untied, (name, masks)
        runs[name] = steps.their_step(model, inputs, targets, "fp32")
    for run in runs.values():
        first = run()
        last = [run() for _ in range(40)][-1]
        assert last < first - 0.5


def test_steps_record(tmp_path):
    record = json.loads(json.dumps(steps.run(steps.TOY, steps.TOY_BATCH, 2)))
    for precision in ("fp32", "bf16"):
        found = record["cpu"][precision]
        assert set(found["rows"]) == {"helpers", *steps.others(), _products.NAME}
        for row in found["rows"].values():
            low, high = row["tokens_a_second"]["quartiles"]
            assert 0 < low <= row["tokens_a_second"]["median"] <= high
            assert 0 < row["share_of_peak"] < 1
        assert ("ratio" in found) == bool(steps.others())
    record |= {"command": steps.COMMAND, "machine": _record.machine(["torch"])}
    lines = steps.section(record)
    _record.write_section("Steps", lines, tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text("utf-8")
    assert text.count("| helpers |") == 2 and "## Steps" in text


def test_steps_compiled_stand_beside(monkeypatch):
    monkeypatch.setattr(steps.torch, "compile", lambda f: f)
    monkeypatch.setattr(steps, "others", lambda: {"other": lambda config: GPT(config)})
    record = steps.run(steps.TOY, steps.TOY_BATCH, 2, compiled=True)
    for found in record["cpu"].values():
        names = ["helpers", "other", "helpers, compiled", "other, compiled", _products.NAME]
        assert [*found["rows"]] == names
        assert found["limit"]["beside"] == "other"
        assert found["ours_compiled"]["beside"] == "other"
        assert found["both_compiled"]["beside"] == "other, compiled"
    assert ["compiled" in what for what, *_ in record["targets"]] == [False, False, True] * 2
    lines = steps.section(record | {"command": "", "machine": _record.machine(["torch"])})
    assert sum(line.startswith("Both compiled") for line in lines) == 2


def test_a_missing_package_says_so(monkeypatch):
    monkeypatch.setattr(steps, "find_spec", lambda name: None)
    monkeypatch.setattr(generation, "find_spec", lambda name: None)
    monkeypatch.setattr(generation, "can_compile", lambda: False)
    record = steps.run(steps.TOY, steps.TOY_BATCH, 1)
    assert [what[:4] for what, *_ in record["targets"]] == ["fp32", "bf16"]
    assert sum("not installed" in line for line in steps.table(record["cpu"])) == 4
    small = generation.run(generation.TOY, 4, 3, 1)
    assert [what[:4] for what, *_ in small["targets"]] == ["fp32", "bf16", "int8"]


def test_targets_of_generation_take_the_fastest_form():
    shares = {
        "helpers fp32": 0.8,
        "helpers fp32, packed": 0.9,
        "helpers bf16": 0.5,
        "helpers int8": 0.4,
        "helpers int8, compiled": 0.6,
    }
    rows = {name: {"share_of_limit": share} for name, share in shares.items()}
    ratios = {"int8 (Q8_0)": {"median": 0.5}, "int8, compiled (Q8_0)": {"median": 1.5}}
    targets = generation.targets_of({"batches": {"1": {"rows": rows, "ratios": ratios}}})
    assert [(round(measured, 2), met) for _, measured, _, met in targets] == [
        (0.9, True), (0.5, False), (0.6, True), (1.5, True),
    ]  # fmt: skip


def test_bytes_of_a_step_by_hand():
    model = GPT(PRESETS["tiny"])  # two layers, 64 wide, 512 in the vocabulary
    weights = 2 * 12 * 64 * 64 + 64 * 512
    assert generation.bytes_a_step(model) == 4 * weights
    rows = 2 * (9 * 64) + 512  # a scale of four bytes each
    assert generation.bytes_a_step(quantize_int8(model)) == weights + 4 * rows
    assert generation.bytes_a_step(model.bfloat16()) == weights + 2 * rows


def test_generation_record(tmp_path, monkeypatch):
    monkeypatch.setattr(generation, "can_compile", lambda: True)
    monkeypatch.setenv("CXX", sys.executable)
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)  # tested elsewhere
    record = json.loads(json.dumps(generation.run(generation.TOY, 4, 6, 2)))
    assert set(record["cpu"]["batches"]) == {"1", "8"}
    forms = {"helpers fp32", "helpers bf16", "helpers int8"}
    compiled = {f"{form}{generation.COMPILED}" for form in forms}
    assert compiled <= set(record["cpu"]["batches"]["1"]["rows"])
    assert not compiled & set(record["cpu"]["batches"]["8"]["rows"])
    forms |= {f"helpers fp32{generation.PACKED}"} if can_pack(torch.ones(1)) else set()
    for found in record["cpu"]["batches"].values():
        assert forms <= set(found["rows"])
        assert "int8" in found["ratios"]
        for row in found["rows"].values():
            assert row["tokens_a_second"]["median"] > 0 and row["share_of_limit"] > 0
    assert len(record["targets"]) == 3 + bool(generation.find_spec("llama_cpp"))
    record |= {"command": generation.COMMAND, "machine": _record.machine(["torch"])}
    _record.write_section("Generation", generation.section(record), tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text("utf-8")
    assert text.count("| helpers int8 |") == 2 and "GB/s" in text
