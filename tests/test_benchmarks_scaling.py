"""`bench scaling`: the fit finds laws that are known, runs are kept and resumed, and the report says so."""

import json
import math
import os
import random

import pytest
import torch

from benchmarks import _profile, _record, scaling
from benchmarks import _scaling_report as report
from benchmarks import _scaling_runs as training
from benchmarks._scaling_fit import (
    Law,
    bootstrap,
    fit,
    interval,
    left_out,
    power_law,
    simulated_floors,
    solve,
)
from classroom.worlds.tales import log_prob, sample
from helpers.model import GPT

GRID = [(n, d) for n in (4e4, 1e5, 3e5, 7e5, 2e6) for d in (4e5, 1.2e6, 4e6, 1e7)]
MACHINE = {"processor": "a chip, 2 cores", "software": "Python", "load": 0.1}


def runs_of(law, noise=0.0, seed=0):
    rng = random.Random(seed)
    losses = [law.loss(n, d) * (1 + rng.gauss(0, noise)) for n, d in GRID]
    return [n for n, _ in GRID], [d for _, d in GRID], losses


@pytest.mark.parametrize(
    "law", [Law(0.4, 9.0, 0.35, 1500.0, 0.6), Law(1.7, 400.0, 0.5, 90.0, 0.3), Law(0.05, 2, 0.2, 900, 0.5)]
)  # fmt: skip
def test_a_known_law_is_found(law):
    found = fit(*runs_of(law))
    for name, value in vars(law).items():
        assert getattr(found, name) == pytest.approx(value, rel=2e-2), name
    assert found.floor == pytest.approx(law.floor, rel=2e-3)
    assert found.loss(1e7, 1e8) == pytest.approx(law.loss(1e7, 1e8), rel=1e-3)


def test_with_noise_the_fit_is_as_good_as_that_of_an_optimizer_from_many_starts():
    n, d, losses = runs_of(Law(0.4, 9.0, 0.35, 1500.0, 0.6), noise=0.01)
    n, d, losses = (torch.tensor(x, dtype=torch.float64) for x in (n, d, losses))
    found = fit(n, d, losses)
    ours = sum(
        (found.loss(a, b) / c - 1) ** 2 for a, b, c in zip(*map(list, (n, d, losses)), strict=True)
    )
    best = math.inf
    for a in (0.2, 0.5, 1.0):
        for b in (0.3, 0.6, 1.0):
            start = [math.log(0.3), 2.0, math.log(a), 6.0, math.log(b)]
            logs = torch.tensor(start, dtype=torch.float64, requires_grad=True)
            optimizer = torch.optim.LBFGS([logs], max_iter=300, line_search_fn="strong_wolfe")

            def error(logs=logs):
                floor, size, a, data, b = logs.exp()
                return ((floor + size * n**-a + data * d**-b) / losses - 1).square().sum()

            def closure(optimizer=optimizer, error=error):
                optimizer.zero_grad()
                (found := error()).backward()
                return found

            optimizer.step(closure)
            best = min(best, error().item())
    assert ours <= best * (1 + 1e-4)


def test_the_floor_lies_in_its_interval_and_more_noise_makes_it_wider():
    law, widths = Law(0.4, 9.0, 0.35, 1500.0, 0.6), []
    for noise in (0.002, 0.02):
        laws = bootstrap(*runs_of(law, noise), times=30)
        low, high = interval([each.floor for each in laws])
        assert len(laws) > 15 and low <= high
        widths.append(high - low)
        if noise < 0.01:
            assert low < law.floor < high
    assert widths[0] < widths[1]


def test_a_run_that_counts_twice_is_as_two_runs():
    n, d, losses = runs_of(Law(0.4, 9.0, 0.35, 1500.0, 0.6), noise=0.01)
    counts = [2, *[1] * (len(n) - 1)]
    once = fit(n, d, losses, counts)
    twice = fit([n[0], *n], [d[0], *d], [losses[0], *losses])
    assert once.floor == pytest.approx(twice.floor, rel=1e-6)


def test_least_squares_by_hand():
    pairs = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
    n, d = (
        torch.tensor(x, dtype=torch.float64) for x in ([1.0, 2.0, 4.0, 1.0], [1.0, 1.0, 2.0, 4.0])
    )
    losses = 3 + 2 / n + 5 / d
    errors, parts = solve(pairs, n, d, losses, torch.ones(4))
    assert errors[0] == pytest.approx(0, abs=1e-12)
    assert parts[0].tolist() == pytest.approx([3, 2, 5], rel=1e-6)
    errors, _ = solve(pairs, n, d, 3 - 2 / n + 5 / d, torch.ones(4))
    assert errors[0] == math.inf  # A would be negative


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (([1.0] * 5, [1.0] * 5, [1.0] * 5), "6 or more"),
        (([1.0] * 6, [1.0] * 6, [1.0] * 7), "three values"),
        (([1.0] * 6, [1.0] * 6, [1.0] * 5 + [math.nan]), "above 0"),
        (([1.0] * 6, [0.0] * 6, [1.0] * 6), "above 0"),
    ],
)
def test_runs_that_cannot_be_fitted_are_refused(runs, message):
    with pytest.raises(ValueError, match=message):
        fit(*runs)


def test_losses_that_rise_with_size_are_no_law():
    n, d = (list(x) for x in zip(*GRID, strict=True))
    with pytest.raises(ValueError, match="negative"):
        fit(n, d, [1 + math.log(a) + math.log(b) for a, b in GRID])


def test_the_best_split_has_the_least_loss():
    law = Law(0.4, 9.0, 0.35, 1500.0, 0.6)
    n, d = law.best_split(1e14)
    assert 6 * n * d == pytest.approx(1e14)
    assert all(law.loss(n * f, d / f) > law.loss(n, d) for f in (0.9, 1.1, 0.5, 2))


def test_what_is_left_out_is_predicted_by_the_law_and_not_by_its_controls():
    law = Law(0.4, 9.0, 0.35, 1500.0, 0.6)
    n, d, losses = runs_of(law)
    errors = left_out(n, d, losses, law.floor)
    assert errors["the law"] < 1e-3
    assert errors["a law without a floor"] > 0.1 and errors["the nearest run"] > 0.1
    # by hand: every run left out is repeated from the nearest of the twelve that are not
    by_hand = []
    for a, b, loss in zip(n, d, losses, strict=True):
        if a == 2e6 or b == 1e7:
            by_hand.append((law.loss(min(a, 7e5), min(b, 4e6)) - loss) / (loss - law.floor))
    assert len(by_hand) == 8
    assert errors["the nearest run"] == pytest.approx(sum(by_hand) / 8, rel=1e-9)


def test_a_fit_that_is_no_law_predicts_nothing():
    n, d, losses = runs_of(Law(0.4, 9.0, 0.35, 1500.0, 0.6))
    rising = [loss + 5 * math.log(a * b) for a, b, loss in zip(n, d, losses, strict=True)]
    assert left_out(n, d, rising, 0.1)["the law"] == math.inf


def test_a_law_without_a_floor_is_found_by_its_logarithm():
    n, d = (list(x) for x in zip(*GRID, strict=True))
    losses = [7 / (a**0.1 * b**0.2) for a, b in GRID]
    found = power_law(n, d, losses)
    assert (found.size_exponent, found.data_exponent) == pytest.approx((0.1, 0.2))
    assert found.loss(1e7, 1e8) == pytest.approx(7 / (1e7**0.1 * 1e8**0.2))


def test_floors_of_the_law_itself_spread_with_the_noise():
    law, (n, d) = Law(0.4, 9.0, 0.35, 1500.0, 0.6), zip(*GRID, strict=True)
    assert simulated_floors(law, n, d, [0.0] * len(n), times=1) == pytest.approx([0.4], rel=2e-3)
    floors = simulated_floors(law, n, d, [0.004] * len(n), times=8)
    assert 0.001 < max(floors) - min(floors) < 0.1


# the runs


def test_every_run_is_planned_and_the_middle_is_the_middle():
    plan = scaling.planned()
    assert scaling.middle(scaling.SIZES) == (80, 3) and scaling.middle(scaling.BUDGETS) == 22_500
    assert len(plan) == 5 * (2 + 2 + 1 + 1) + 5 * (2 + 2 + 1 + 1) + 2 + 1
    assert plan.count(((80, 3), 22_500)) == 4 and plan.count(((80, 3), 67_500)) == 2
    assert plan.count(((32, 2), 7_500)) == 4 and plan[-1] == scaling.LARGER


def test_a_long_forecast_stops_before_anything_is_trained(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scaling, "seconds_per_step", lambda size, rows: 0.05)
    runs = scaling.Runs(tmp_path, unseen=4)
    with pytest.raises(ValueError, match="give --long"):
        scaling.check_hours(runs, scaling.planned(), 2.0)
    assert "forecast: 2." in capsys.readouterr().out and not runs.rows
    runs.rows = {str(i): {"size": (80, 3), "tales": 67_500} for i in range(3)}
    scaling.check_hours(runs, scaling.planned(), 2.0)


def test_the_sizes_are_as_they_are_said_to_be():
    for size in (*scaling.SIZES, scaling.LARGER[0]):
        shape = scaling.shape_of(*size)
        with torch.device("meta"):
            model = GPT(shape)
        matrices = 12 * shape.n_layers * shape.embedding_dim**2 + 512 * shape.embedding_dim
        assert scaling.n_multiplied(shape) == pytest.approx(matrices, rel=0.06)
        assert model.n_parameters() > scaling.n_multiplied(shape)
    assert scaling.LARGER[1] > max(scaling.BUDGETS)


def test_the_entropy_is_that_of_the_test_tales():
    tales, rows = sample(6, training.TEST), training.held_out(training.TEST, 6)
    nats = -sum(log_prob(tale) for tale in tales) * math.log(2)
    assert scaling.entropy(6) == pytest.approx(nats / (sum(map(len, rows)) + 6))
    assert max(map(len, rows)) < training.CONTEXT
    assert training.tokenizer().decode(list(rows[0])) == tales[0]


def test_tales_are_kept_and_a_smaller_budget_is_the_beginning_of_a_larger(tmp_path):
    fresh = scaling.training_rows(12, tmp_path)
    again = scaling.training_rows(5, tmp_path)
    assert [list(row) for row in again] == [list(row) for row in fresh[:5]]
    assert [list(row) for row in scaling.training_rows(5)] == [list(row) for row in again]


def test_tales_longer_than_the_context_are_left_out(monkeypatch):
    rows = scaling.training_rows(8)
    longest = max(map(len, rows))
    monkeypatch.setattr(training, "CONTEXT", longest)
    fitting = scaling.training_rows(8)
    kept = [list(row) for row in rows if len(row) < longest]
    assert [list(row) for row in fitting][: len(kept)] == kept and len(fitting) == 8


def test_the_rate_falls_with_the_budget_as_far_as_that_helps():
    class Made(dict):
        def row(self, size, tales, rate):
            self[tales, rate] = {"validation": abs(math.log(rate * tales / 0.3))}
            return self[tales, rate]

    runs, budgets = Made(), (25, 50, 100, 400)
    chosen, losses = scaling.chosen_rates(runs, (16, 1), budgets, (3e-3, 6e-3, 1.2e-2))
    assert chosen == {25: 1.2e-2, 50: 6e-3, 100: 3e-3, 400: 7.5e-4}
    assert {rate for tales, rate in runs if tales == 400} == {3e-3, 1.5e-3, 7.5e-4, 3.75e-4}
    assert set(losses) == set(budgets) and min(losses[400], key=losses[400].get) == "0.00075"


@pytest.mark.parametrize(("least", "expected"), [(0.05, 6), (0.01, 4), (0.002, 5)])
def test_a_best_rate_at_an_end_is_tried_against_the_one_beyond(least, expected):
    class Made(dict):
        def row(self, size, tales, rate):
            self[rate] = {"validation": abs(math.log(rate / least))}
            return self[rate]

    runs = Made()
    best, tried = scaling.widened(runs, (16, 1), 32, (6e-3, 3e-3, 1.2e-2))
    assert min(runs) < best < max(runs) and tried[f"{best:g}"] == min(tried.values())
    assert len(runs) == expected and scaling.widened(Made(), (16, 1), 32, (1e-2,))[0] == 1e-2


def test_a_run_learns_and_is_found_again(tmp_path, monkeypatch):
    runs = scaling.Runs(tmp_path, unseen=4)
    row = runs.row((16, 1), 32, 1e-2)
    assert row["d"] == sum(len(ids) + 1 for ids in scaling.training_rows(32))
    assert scaling.entropy(4) < row["test"] < math.log(scaling.VOCABULARY) + 0.2
    monkeypatch.setattr(training, "one_run", lambda *_: pytest.fail("it is there"))
    with pytest.raises(ValueError, match="1 runs: give --resume"):
        scaling.Runs(tmp_path)
    assert scaling.Runs(tmp_path, resume=True).row((16, 1), 32, 1e-2) == row
    assert runs.mean((16, 1), 32, 1e-2)["tests"] == [row["test"]]
    (path,) = (tmp_path / "finished").iterdir()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"of": "another"}))
    with pytest.raises(ValueError, match="other code"):
        scaling.Runs(tmp_path, resume=True)


def test_a_run_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    rows = scaling.training_rows(48)
    whole = scaling.one_run((16, 1), rows, 1e-2, unseen=4)

    class Enough(Exception):
        pass

    def stop_at_4(self, *arguments):
        save(self, *arguments)
        if arguments[3].step == 4:
            raise Enough

    save, every = training.Run.save, training.TrainConfig
    monkeypatch.setattr(training, "TrainConfig", lambda **kw: every(**kw | {"checkpoint_every": 2}))
    monkeypatch.setattr(training.Run, "save", stop_at_4)
    with pytest.raises(Enough):
        scaling.one_run((16, 1), rows, 1e-2, folder=tmp_path / "run", unseen=4)
    monkeypatch.setattr(training.Run, "save", save)
    again = scaling.one_run((16, 1), rows, 1e-2, folder=tmp_path / "run", unseen=4)
    assert again["test"] == whole["test"] and again["d"] == whole["d"]


# the report


def figures_of(law, noise=0.002):
    n, d, losses = runs_of(law, noise)
    rows = [
        {"n": int(a), "d": int(b), "test": c, "tests": [c * 0.998, c * 1.002]}
        for a, b, c in zip(n, d, losses, strict=True)
    ]
    larger = {"n": 5_000_000, "d": 40_000_000, "test": law.loss(5e6, 4e7)}
    figures = {
        "command": "c", "machine": MACHINE, "minutes": 90.0, "batch": 8, "held_out": 400,
        "entropy": law.floor, "rows": rows, "larger": larger, "rates": {"width 32": {"8 tales": {"0.01": 0.7, "0.02": 0.6}, "16 tales": {"0.01": 0.5}}},
    }  # fmt: skip
    return figures | scaling.fitted(figures, times=20)


@pytest.fixture(autouse=True)
def few_simulations(monkeypatch):
    monkeypatch.setattr(scaling, "SIMULATED", 5)


def test_the_noise_is_that_between_seeds():
    rows = [{"tests": [0.99, 1.01]}, {"tests": [2.0]}, {"tests": [0.49, 0.51, 0.5]}]
    squares = 2 * 0.01**2 + 2 * 0.02**2
    assert scaling.noise_of(rows) == pytest.approx(math.sqrt(squares / 3))
    assert scaling.noise_of(rows[1:2]) is None


def test_targets_are_met_where_the_law_holds_and_missed_where_the_floor_is_another():
    good = figures_of(Law(0.4, 9.0, 0.35, 1500.0, 0.6))
    assert [met for *_, met in good["targets"]] == [True] * 6
    found = good | {"floor_interval": [0.41, 0.45]}
    rows = report.targets(found, good["larger"]["test"], entropy=0.3)
    assert [met for *_, met in rows][:2] == [False, False]
    far = report.targets(good | {"predicted": 0.2}, good["larger"]["test"], 0.4)
    assert [met for *_, met in far][2:4] == [False, False]


def test_the_section_shows_every_loss_the_law_and_the_targets(tmp_path):
    record = figures_of(Law(0.4, 9.0, 0.35, 1500.0, 0.6))
    text = "\n".join(report.section(record))
    assert "| 40,000 |" in text and f"{record['rows'][7]['test']:.4f}" in text
    assert f"loss = {record['law']['floor']:.4f} + " in text and "| yes |" in text
    assert "D = 10,000,000" in text and "a chip, 2 cores" in text
    assert f"{record['chance']:.0%} of fits" in text and "width 32: 0.02, 0.01." in text
    assert f"the nearest run {record['left_out']['the nearest run']:.1%}" in text
    assert scaling.recorded(tmp_path / "none.json") is None
    (tmp_path / "some.json").write_text(json.dumps(record))
    assert scaling.recorded(tmp_path / "some.json")["law"] == record["law"]


def test_the_whole_measurement_at_toy_size(capsys):
    assert scaling.main(["--quick"]) == 0
    assert "| target |" in capsys.readouterr().out


def test_a_record_is_of_todays_fit():
    record = scaling.recorded()
    if record is None:
        pytest.skip("bench scaling has not been run yet")
    again = scaling.fitted(record)
    assert again["law"]["floor"] == pytest.approx(record["law"]["floor"], rel=1e-3)
    assert again["predicted"] == pytest.approx(record["predicted"], rel=1e-3)
    assert set(_record.code_hash(record["code"])) and record["entropy"] > 0


# where the time goes


def test_kinds_of_operations_by_hand():
    kinds = {
        "aten::mm": "matrix products", "aten::_softmax": "softmax and loss", "aten::gelu": "GELU",
        "aten::_fused_adamw_": "optimizer", "aten::copy_": "everything else",
        "aten::_scaled_dot_product_flash_attention_for_cpu": "attention",
    }  # fmt: skip
    assert {name: _profile.kind_of(name) for name in kinds} == kinds


def test_shares_add_up_and_see_what_runs(capfd):
    x = torch.randn(400, 400)
    shares = _profile.shares(lambda: [x @ x for _ in range(20)])
    assert capfd.readouterr().err == ""
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=shares.get) == "matrix products"
