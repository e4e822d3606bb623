"""The figures of the classifiers: of the GPT that is here, and told in the table as recorded."""

import copy
import hashlib
import json
import math
import statistics

import pytest
import torch

from benchmarks import _record, classifier


@pytest.fixture(scope="module")
def record():
    return json.loads((_record.HERE / "classifier.json").read_text("utf-8"))


def test_the_figures_are_of_the_gpt_that_is_here(record):
    weights = classifier.BASE_MODEL / classifier.WEIGHTS
    assert record["gpt_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_the_table_says_what_was_recorded(record):
    text = (_record.HERE / "README.md").read_text("utf-8")
    assert "\n".join(classifier.section(record)) in text


def test_every_mean_is_of_all_seeds(record):
    short = [
        (task, name, size)
        for task, rows in record["accuracy"].items()
        for name, sizes in rows.items()
        for size, runs in sizes.items()
        if len(runs) != len(classifier.SEEDS)
    ]
    assert short == []


def test_counting_is_at_chance_where_words_never_decide(record):
    rows = record["accuracy"]["debts"]
    assert {run for name in classifier.N_GRAMS for runs in rows[name].values() for run in runs} == {
        0.5
    }


def test_mean_and_standard_error_by_hand():
    assert classifier.cell([0.5, 0.7, 0.9, 0.7]) == "0.700 ± 0.082"
    assert statistics.stdev([0.5, 0.7, 0.9, 0.7]) / 2 == pytest.approx(0.0816, abs=1e-4)


def test_an_advantage_in_standard_errors_by_hand():
    gap, errors = classifier.advantage([0.8, 1.0], [0.5, 0.5])
    assert gap == pytest.approx(0.4) and errors == pytest.approx(0.4 / 0.1)
    assert classifier.advantage([0.5, 0.5], [0.5, 0.5]) == (0.0, 0.0)
    assert classifier.advantage([0.5, 0.5], [1.0, 1.0]) == (-0.5, -math.inf)


FEW, BOOK = [50, 150, 500], [50, 150, 500, 1045]
HEADS = ("pretrained, head alone", "random start, head alone")
REAL = ("MiniLM, head alone", "MiniLM at random, head alone", "SmolLM2, head alone")
LORA = ("pretrained, LoRA", "random start, LoRA")
SHOWN = {  # in notebook 08: of each task the variants, and the numbers of labels
    "debts": ((*classifier.N_GRAMS, *HEADS, *REAL, *LORA, "pretrained", "random start"), FEW),
    "sms": ((*classifier.N_GRAMS, *HEADS, *REAL, "pretrained"), BOOK),
    "inbox": ((*classifier.N_GRAMS, "pretrained", "pretrained, LoRA", "random start"), FEW),
}


@pytest.mark.parametrize("task", SHOWN)
def test_it_makes_every_figure_that_the_notebook_shows(monkeypatch, tmp_path, task):
    for name in ("training", "held_out"):
        monkeypatch.setattr(classifier, name, lambda *_: ([], []))
    for name in ("by_counting", "by_tuning"):
        monkeypatch.setattr(classifier, name, lambda *_: 0.5)
    monkeypatch.setattr(classifier.Vectors, "accuracy", lambda *_: 0.5)
    results = classifier.Results(tmp_path / "partial.json")
    classifier.measure_task(task, results, "test")
    names, sizes = SHOWN[task]
    wanted = {name: {str(size): [0.5] * len(classifier.SEEDS) for size in sizes} for name in names}
    assert results.of[task] == wanted


def test_the_starts_are_compared_wherever_both_were_run(record):
    changed = copy.deepcopy(record)
    rows = changed["accuracy"]["debts"]
    rows["pretrained, LoRA"] = {"50": [0.8, 1.0], "500": [0.9, 0.9]}
    rows["random start, LoRA"] = {"50": [0.5, 0.5]}
    told = "\n".join(classifier.section(changed))
    assert "minus random start, LoRA: +0.400 at 50 (4.0 standard errors)." in told
    assert "minus random start, the head alone: " in told


def test_runs_of_other_settings_are_kept_apart(monkeypatch):
    before = classifier.kept_in("test")
    assert classifier.kept_in("test") == before != classifier.kept_in("validation")
    monkeypatch.setattr(classifier, "DECAY", 2 * classifier.DECAY)
    assert classifier.kept_in("test") != before


def test_a_stopped_bench_goes_on(tmp_path):
    runs, path = iter([0.5, 0.6, 0.7]), tmp_path / "partial.json"
    first = classifier.Results(path)
    for seed in (0, 1):
        first.measure("debts", "GPT", 50, seed, lambda: next(runs))
    again = classifier.Results(path)
    for seed in (0, 1, 2):
        again.measure("debts", "GPT", 50, seed, lambda: next(runs))
    assert json.loads(path.read_text())["debts"]["GPT"]["50"] == [0.5, 0.6, 0.7]
    late = classifier.Results(path, minutes=0)
    with pytest.raises(TimeoutError, match="go on"):
        late.measure("debts", "GPT", 50, 3, lambda: 0.8)


def test_each_text_is_read_once():
    read = []

    def reader():
        def vectors(texts):
            read.extend(texts)
            return torch.tensor([[float(len(text)), 1.0] for text in texts])

        return vectors

    vectors = classifier.Vectors(reader)
    given = (["a", "bb", "aaaaaaaa", "bbbbbbbbb"], [0, 0, 1, 1])
    assert vectors.accuracy(given, (["c", "a", "ccccccccc"], [0, 0, 1])) == 1.0
    assert vectors.accuracy(given, (["c", "bb"], [0, 1])) == 0.5
    assert sorted(read) == sorted({*given[0], "c", "ccccccccc"})
