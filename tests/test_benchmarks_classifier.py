"""The figures of the classifiers: of the GPT that is here, and told in the table as recorded."""

import hashlib
import json
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
