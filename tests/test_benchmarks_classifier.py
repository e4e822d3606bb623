"""The figures of the spam filter: of the GPT that is here, and told in the table as recorded."""

import hashlib
import json
import statistics

import pytest

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


def test_mean_and_standard_error_by_hand():
    assert classifier.cell([0.5, 0.7, 0.9, 0.7]) == "0.700 ± 0.082"
    assert statistics.stdev([0.5, 0.7, 0.9, 0.7]) / 2 == pytest.approx(0.0816, abs=1e-4)
