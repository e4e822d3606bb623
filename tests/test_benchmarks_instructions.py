"""The figures of fine-tuning: of the GPT that is here, and told in the table as recorded."""

import json

import pytest
import torch

from benchmarks import _record, instructions
from classroom.worlds.tasks import Task
from helpers.files import sha256


@pytest.fixture(scope="module")
def record():
    return json.loads((_record.HERE / "instructions.json").read_text("utf-8"))


def test_the_figures_are_of_the_gpt_that_is_here(record):
    assert record["gpt_sha256"] == sha256(instructions.BASE_MODEL / "model.safetensors")


def test_the_table_says_what_was_recorded(record):
    text = (_record.HERE / "README.md").read_text("utf-8")
    assert "\n".join(instructions.section(record)) in text


def test_every_run_is_of_a_setting_and_a_seed_of_its_own(record):
    seeds = {}
    for run in record["runs"]:
        seeds.setdefault((run["kind"], run["variant"], run["n"]), []).append(run["seed"])
    known = {(*which, n) for which, sizes in instructions.RUNS.items() for n in sizes}
    assert set(seeds) <= known
    assert all(len(found) == len(set(found)) for found in seeds.values())
    assert max(map(len, seeds.values())) == record["settings"]["seeds"]


def test_the_layout_of_pretraining():
    task = Task("sort", "Sort these.", "tea, milk", "milk, tea")
    assert instructions.own_layout(task) == " Sort these.\n tea, milk\n"
    assert instructions.own_layout(task._replace(input="")) == " Sort these.\n"


def test_the_known_kinds_and_the_others_are_all_kinds():
    drawn = {
        part: {t.kind for t in instructions.draw(part, 300, 1, "test")}
        for part in ("known", "others")
    }
    assert drawn["known"] == set(instructions.KNOWN) and drawn["others"] == set(instructions.OTHERS)
    assert not drawn["known"] & drawn["others"]


def test_the_controls_start_without_and_with_the_heads_that_copy():
    plain, copying = (
        instructions.begun(f"{how} start, 500 steps")[0] for how in ("random", "copying")
    )
    base = instructions.begun("500 steps")[0]
    assert plain.config == copying.config == base.config
    tokens = torch.randperm(base.config.vocab_size, generator=torch.Generator().manual_seed(0))[:20]
    repeated = torch.cat([tokens, tokens])[None]  # (1, 40)
    with torch.no_grad():
        said = [model.eval()(repeated)[0, 20:-1].argmax(-1) for model in (plain, copying)]
    right = [(found == tokens[1:]).float().mean().item() for found in said]
    assert right[0] < 0.2 and right[1] > 0.8


def test_mean_and_standard_error_by_hand():
    assert instructions.spread([0.5, 0.7, 0.9, 0.7]) == "0.70 ± 0.08"


def test_a_curve_has_a_list_over_the_seeds():
    runs = [
        {"kind": "reverse", "variant": "masked", "n": n, "seed": seed, "right": n / 10 + seed}
        for seed in (0, 1)
        for n in (1, 2)
    ]
    record = {"runs": [*runs, {**runs[0], "variant": "LoRA"}]}
    assert instructions.curve(record, "reverse") == {1: [0.1, 1.1], 2: [0.2, 1.2]}
