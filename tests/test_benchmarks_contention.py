"""The measurement of contention: what it computes, and what a training's process listens to."""

import json
import subprocess
import sys

import pytest

from benchmarks import _record, contention

FOUND = {
    "the course's": {"alone": [[4.0], [2.0], [4.4]], "two at once": [[1.5, 1.5], [1, 1], [1.1, 1]]},
    "none": {"alone": [[4.0], [2.5], [4.4]], "two at once": [[0.2, 0.2]] * 3},
    "GOMP_SPINCOUNT=1000": {"alone": [[4.0]], "two at once": [[2.0, 2.0]]},
    "OMP_WAIT_POLICY=PASSIVE": {"alone": [[3.5]], "two at once": [[2.0, 2.0]]},
}


def test_rounds_are_paired():
    """Shares 0.75, 1.00, 0.48; alone 1.0, 0.8, 1.0 of no setting."""
    together, alone = contention.targets(FOUND)
    assert together[1:] == [0.75, "at least 0.7", True]
    assert alone[1:] == [1.0, "at least 0.98", True]
    slow = json.loads(json.dumps(FOUND))
    slow["the course's"]["alone"] = [[3.0], [2.0], [4.4]]
    assert contention.targets(slow)[1][1:] == [0.8, "at least 0.98", False]


def test_every_setting_is_measured_and_reported(monkeypatch):
    asked = []

    def rates(setting, n_processes, seconds):
        asked.append((tuple(setting), n_processes))
        return [4.0 / n_processes] * n_processes

    monkeypatch.setattr(contention, "rates", rates)
    found = contention.measure(rounds=2, seconds=1)
    ours, none = tuple(contention.WAITING), ()
    assert [setting for setting, n in asked if n == 1][:4] == [ours, none, none, ours]
    assert len(asked) == 2 * (2 * 2 + 2)
    machine = {"processor": "a chip", "software": "Python", "load": 0.1}
    record = {"command": contention.COMMAND, "machine": machine, "steps_per_second": found}
    lines = contention.report(record | {"targets": contention.targets(found)})
    assert [line for line in lines if line.startswith("| none |")] == [
        "| none | 4.00 | 4.00 | 1.00 |"
    ]
    assert len([line for line in lines if line.startswith("| ")]) == 2 + 1 + 1 + 4


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it asks GNU's OpenMP")
@pytest.mark.parametrize("setting", [{}, {"GOMP_SPINCOUNT": "1000"}], ids=str)
def test_a_training_has_the_setting_that_is_measured(setting, monkeypatch):
    """Though importing `helpers` sets another."""
    monkeypatch.setenv("OMP_DISPLAY_ENV", "VERBOSE")
    code = "from benchmarks import contention as c; c.WARM_UP_STEPS = 0; c.BATCH_SIZE = 1; "
    done = subprocess.run(
        [sys.executable, "-c", f"{code} c.train({setting}, 0.1)"],
        input="\n", capture_output=True, text=True, cwd=_record.HERE.parent, timeout=120,
    )  # fmt: skip
    ready, rate = done.stdout.splitlines()
    (line,) = [line for line in done.stderr.splitlines() if "GOMP_SPINCOUNT" in line]
    count = int(line.split("'")[1])
    assert ready == "ready" and float(rate) > 0
    assert count == 1000 if setting else count > 10 * int(contention.WAITING["GOMP_SPINCOUNT"])
