"""The record of the transformer family: every part whole, and the README says what it holds."""

import json

import pytest

from benchmarks import _family_report as report
from benchmarks import _record, family

RECORD = json.loads((_record.HERE / "family.json").read_text("utf-8"))


@pytest.mark.parametrize("part", family.PARTS)
def test_each_model_has_a_figure_for_every_seed(part):
    names = family.PARTS[part][1]
    seeds = len(family.SEEDS_OF[part])
    assert RECORD["seeds"][part] == seeds and tuple(RECORD[part]) == names
    for figures in RECORD[part].values():
        assert {len(values) for key, values in figures.items() if key != "parameters"} == {seeds}


def test_the_record_was_made_with_the_settings_of_the_code():
    assert RECORD["rates"]["tales"] == family.RATES
    assert RECORD["settings"]["tales"] == family.TALES
    assert RECORD["settings"]["longer"] == family.LONGER
    assert RECORD["code"] == family.CODE


def test_the_readme_says_what_the_record_holds():
    text = (_record.HERE / "README.md").read_text("utf-8")
    section = text.partition("\n## The transformer family\n\n")[2].partition("\n## ")[0]
    assert section.splitlines() == report.section(RECORD)


def test_a_longer_run_takes_the_steps_of_its_name(monkeypatch):
    taken = []
    monkeypatch.setattr("benchmarks._family_tales.tale_run", lambda *given: taken.append(given))
    family.longer_run("5000 steps", 0)
    family.longer_run("5000 steps", 0, 2)
    assert taken == [("BERT", 0, 5000, 2e-3), ("BERT", 0, 2, 2e-3)]
