"""A training run that is killed, that meets a full disk, or whose loss explodes.

As a command, `python tests/test_survival.py FOLDER KILLS`, this file trains in processes of its
own, kills each at a random moment, and looks at what is left.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import helpers.checkpoint
from helpers.checkpoint import (
    checkpoints,
    load_checkpoint,
    load_model,
    read_state,
    save_checkpoint,
    save_model,
)
from helpers.config import GPTConfig
from helpers.model import GPT
from helpers.optim import create_optimizer
from helpers.runs.run import Run
from helpers.train import TrainConfig, train

ROOT = Path(__file__).resolve().parent.parent
SHAPE = GPTConfig(50, 8, 16, 2, 2, dropout=0.1)
QUICK = TrainConfig(
    steps=30, batch_size=4, learning_rate=1e-2, warmup_steps=2, evaluate_every=3,
    evaluate_batches=2, checkpoint_every=2,
)  # fmt: skip
TOKENS = np.random.default_rng(0).integers(0, 50, 400)


def go_on(folder, config=QUICK, **options):
    """Begin the run in a folder, or go on with it."""
    torch.set_num_threads(1)  # sums in another order would differ in the last digit
    torch.manual_seed(0)
    run = Run(folder, resume=bool(checkpoints(folder)), progress=False, **options)
    return train(GPT(SHAPE), TOKENS, TOKENS, config, run)


def result(folder):
    """All that a finished run left behind."""
    last = checkpoints(folder)[-1]
    files = ("model.safetensors", "training.safetensors", "state.json")
    return [(last / name).read_bytes() for name in files] + [(folder / "log.jsonl").read_text()]


def check_leftovers(folder):
    """Whatever the moment of the kill was: each checkpoint is whole, and at most three are there."""
    found = checkpoints(folder)
    assert len(found) <= 3, found
    for path in found:
        model = GPT(SHAPE)
        state = load_checkpoint(path, model, create_optimizer(model))
        assert state["step"] == int(path.name[5:]) == len(state["history"]["train_losses"])


def run_and_kill(folder, seconds):
    """Train in a process and kill it after some seconds; return whether it came to its end."""
    child = os.fork()
    if not child:
        try:
            go_on(folder)
            os._exit(0)
        except BaseException as error:
            print(f"the run failed: {error!r}", file=sys.stderr)
            os._exit(1)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the run failed by itself"
    return not os.WIFSIGNALED(status)


def survive(base, n_kills):
    """Kill runs `n_kills` times; each goes on until its end, which must be that of a whole run."""
    torch.set_num_threads(1)
    model, optimizer = trained()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()  # loads what PyTorch loads late, so that the kills hit training and writing
    begun = time.perf_counter()
    assert run_and_kill(base / "whole", None)
    duration, expected = time.perf_counter() - begun, result(base / "whole")
    rng, kills, finished = random.Random(1), 0, 0
    while True:
        folder = base / f"part-{finished}"
        if run_and_kill(folder, rng.uniform(0, duration) if kills < n_kills else None):
            assert result(folder) == expected, f"another result after {kills} kills"
            finished += 1
            if kills == n_kills:
                break
        else:
            kills += 1
        if folder.exists():
            check_leftovers(folder)
    print(json.dumps({"kills": kills, "finished": finished}))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 is for Linux and macOS")
@pytest.mark.parametrize("n_kills", [5, pytest.param(100, marks=pytest.mark.slow)])
def test_a_killed_run_ends_as_if_nothing_had_happened(tmp_path, n_kills):
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path), str(n_kills)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=1500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["kills"] == n_kills and report["finished"] >= 1


class Killed(BaseException):
    """Stands for a kill at a chosen place."""


def trained():
    torch.manual_seed(0)
    model = GPT(SHAPE)
    return model, create_optimizer(model)


def test_a_kill_between_the_two_renames_loses_no_model(tmp_path, monkeypatch):
    model, _ = trained()
    save_model(tmp_path / "m", model)

    def second_never_comes(old, new):
        raise Killed

    monkeypatch.setattr("helpers.files.os.replace", second_never_comes)
    monkeypatch.setattr(
        "helpers.files.restore", lambda path: None
    )  # whoever is killed cleans nothing
    with pytest.raises(Killed):
        save_model(tmp_path / "m", model)
    assert not (tmp_path / "m").exists()
    monkeypatch.undo()
    assert load_model(tmp_path / "m")[0].config == SHAPE


def test_a_kill_while_an_old_checkpoint_is_removed_leaves_no_half_one(tmp_path, monkeypatch):
    model, optimizer = trained()
    for step in (1, 2):
        save_checkpoint(tmp_path, model, optimizer, {"step": step})
    monkeypatch.setattr(
        "helpers.checkpoint.remove", lambda path: next(path.glob("model*")).unlink()
    )
    save_checkpoint(tmp_path, model, optimizer, {"step": 3})
    monkeypatch.undo()
    assert [path.name[-1] for path in checkpoints(tmp_path)] == ["2", "3"]
    for path in checkpoints(tmp_path):
        load_checkpoint(path, model, optimizer)
    save_checkpoint(tmp_path, model, optimizer, {"step": 4})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000003", "step-00000004"]


def test_kills_before_the_old_checkpoint_is_removed_do_not_fill_the_folder(tmp_path, monkeypatch):
    model, optimizer = trained()
    remove = helpers.checkpoint._remove

    def kill_at_the_end(old, folder):
        if (folder / f"step-{step:08d}").exists():
            raise Killed
        remove(old, folder)

    monkeypatch.setattr("helpers.checkpoint._remove", kill_at_the_end)
    for step in range(6):
        with pytest.raises(Killed):
            save_checkpoint(tmp_path, model, optimizer, {"step": step})
    assert [path.name[-1] for path in checkpoints(tmp_path)] == ["3", "4", "5"]


def test_the_log_of_a_resumed_run_says_each_step_once(tmp_path):
    def stop(step, model, history):
        if step == 9:
            raise Killed

    with pytest.raises(Killed):
        go_on(tmp_path, on_evaluate=stop)
    with open(tmp_path / "log.jsonl", "a") as log:
        log.write('{"step": 12, "tr')  # what a kill within a line leaves
    go_on(tmp_path)
    steps = [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").open()]
    assert steps == list(range(3, 31, 3))


def test_a_folder_in_use_is_not_overwritten(tmp_path):
    go_on(tmp_path, replace(QUICK, steps=4))
    with pytest.raises(ValueError, match="holds a run already; resume it or take another folder"):
        train(GPT(SHAPE), TOKENS, TOKENS, QUICK, Run(tmp_path, progress=False))


FULL_DISK = """
import resource, sys
from test_survival import go_on, Path
def fill(step, model, history):
    if step == 6:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
go_on(Path(sys.argv[1]), on_evaluate=fill)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a file's size")
def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path):
    """No file may grow past 4 KB from step 6 on, as on a disk that is full."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "run")],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    said = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and "OSError: cannot write" in said
    assert said.endswith(f"the last good checkpoint is {tmp_path / 'run' / 'step-00000004'}")
    check_leftovers(tmp_path / "run")
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith(".")]
    assert go_on(tmp_path / "run").train_losses == go_on(tmp_path / "whole").train_losses


@pytest.mark.parametrize("value", [float("nan"), 1e6])
def test_a_loss_that_explodes_names_step_rate_and_checkpoint(tmp_path, value):
    def break_it(step, model, history):
        if step == 9:
            with torch.no_grad():
                model.final_norm.scale.fill_(value)

    message = (
        r"loss (is nan|explodes: .*) at step 9, learning rate 0\.00.*; the last good .*00000008$"
    )
    with pytest.raises(FloatingPointError, match=message):
        go_on(tmp_path, on_evaluate=break_it)
    assert read_state(checkpoints(tmp_path)[-1])["step"] == 8


def test_a_model_with_a_weight_that_is_no_number_is_never_kept(tmp_path):
    def break_it(step, model, history):
        if step == 6:
            with torch.no_grad():
                model.position_embedding.weight[7, 0] = float("inf")

    with pytest.raises(
        FloatingPointError, match="position_embedding.weight contains NaN .* step 6"
    ):
        go_on(tmp_path, on_evaluate=break_it)
    assert read_state(checkpoints(tmp_path)[-1])["step"] == 4


if __name__ == "__main__":
    survive(Path(sys.argv[1]), int(sys.argv[2]))
