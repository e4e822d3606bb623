"""`bench smollm2`: transformers gets the same weights, and the table tells what was measured."""

import statistics

import pytest
import torch

from benchmarks import smollm2
from helpers.llama import Llama, LlamaConfig

SMALL = LlamaConfig(97, 64, embedding_dim=32, hidden_dim=48, n_heads=4, n_layers=2, n_kv_heads=2)


@pytest.mark.slow
@pytest.mark.parametrize("tied", [False, True])
def test_transformers_computes_the_same(tied):
    pytest.importorskip("transformers", reason="compares with transformers")
    torch.manual_seed(0)
    ours = Llama(LlamaConfig(**SMALL.__dict__ | {"tie_weights": tied})).eval()
    ids = torch.randint(97, (1, 30))
    theirs = smollm2.transformers_model(ours, torch.float32)
    with torch.no_grad():
        torch.testing.assert_close(ours(ids), theirs(ids).logits, atol=1e-4, rtol=0)


def test_ours_is_compared_with_the_fastest_of_each_program():
    writing = {
        "helpers fp32": [4.0, 4.0, 4.0],
        "helpers int8": [2.0, 1.0, 2.0],
        "transformers fp32": [9.0, 9.0, 9.0],
        "transformers bf16": [6.0, 6.0, 3.0],
        "llama.cpp Q4_1": [1.0, 1.0, 1.0],
    }
    found = smollm2.ratios(writing)
    theirs, cpp = found["transformers"], found["llama.cpp Q4_1"]
    assert (theirs["ours"], theirs["beside"]) == ("helpers int8", "transformers bf16")
    assert theirs["median"] == statistics.median([6 / 2, 6 / 1, 3 / 2])
    assert cpp["median"] == statistics.median([1 / 2, 1, 1 / 2])


def test_the_table_by_hand():
    speed = {"median": 50.0, "quartiles": [45.0, 55.0]}
    row = {"reads": speed, "writes": speed, "bytes_a_step": 538e6, "share_of_limit": 0.5}
    ratio = {"median": 2.0, "quartiles": [1.5, 2.5], "beside": "b", "ours": "a"}
    ratios = {"writes": {"transformers": ratio}, "reads": {}}
    lines = smollm2.table({"rows": {"helpers fp32": row}, "ratios": ratios})
    assert "| helpers fp32 | 50.0 (45.0–55.0) | 50.0 (45.0–55.0) | 538 | 50% |" in lines
    assert "| writes | a beside b | 2.00 (1.50–2.50) |" in lines


def test_the_targets_are_of_the_programs_that_are_there():
    ratios = {
        "writes": {"transformers": {"median": 2.5}},
        "reads": {"transformers": {"median": 1.0}},
    }
    found = smollm2.targets_of({"ratios": ratios})
    assert [(what, met) for what, *_, met in found] == [
        ("writes: tokens per second, times those of transformers", True)
    ]
    for each in ratios.values():
        each[smollm2.LLAMA_CPP] = {"median": 1.5}
    met = [met for *_, met in smollm2.targets_of({"ratios": ratios})]
    assert met == [True, True, False]


def test_without_the_file_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LLM_COURSE_DATA", str(tmp_path))
    assert smollm2.main([]) == 1
    assert "the speed of SmolLM2" in capsys.readouterr().out
