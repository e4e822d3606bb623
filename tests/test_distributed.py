"""Many processes: the losses of one process, its checkpoints, and one voice.

As a script under torchrun (`python -m torch.distributed.run`), this file is each of the processes.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.checkpoint import checkpoints, load_model, read_state
from helpers.config import GPTConfig
from helpers.device import choose_device
from helpers.fast.processes.group import from_first, is_first, joined, n_processes, rank
from helpers.fast.processes.parallel import ParallelRun, shard
from helpers.model import GPT
from helpers.texts.documents import DocumentLoader
from helpers.train import TrainConfig, evaluate_loss, train

ROOT = Path(__file__).resolve().parent.parent
SHAPE = GPTConfig(50, 8, 16, 2, 2, dropout=0.0)
QUICK = TrainConfig(
    steps=12, batch_size=4, accumulate=2, learning_rate=1e-2, warmup_steps=2, evaluate_every=4,
    evaluate_batches=2, checkpoint_every=5,
)  # fmt: skip
TOKENS = np.random.default_rng(0).integers(0, 50, 400)


def go_on(folder, fsdp=False, device="cpu", config=QUICK, shape=SHAPE):
    """Begin the run in a folder, or go on with it; return its history."""
    torch.manual_seed(0)
    model = GPT(shape).to(device)
    model = shard(model) if fsdp else model
    resume = from_first(bool(checkpoints(folder)))
    return train(model, TOKENS, TOKENS, config, ParallelRun(folder, resume=resume, progress=False))


def in_two_processes(*arguments, module=None):
    """Run this file, or a module, in two processes; return what they printed."""
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    program = ["-m", module] if module else [__file__]
    done = subprocess.run(
        [*start, *program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        cwd=ROOT, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    return done


def losses(folder):
    history = read_state(checkpoints(folder)[-1])["history"]
    return history["train_losses"] + history["validation_losses"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A run in one process: its folder."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    go_on(folder)
    return folder


def first_part(folder, into):
    """Copy a run as it was after its checkpoint of step 10."""
    import shutil

    shutil.copytree(folder, into)
    shutil.rmtree(checkpoints(into)[-1])
    assert [path.name for path in checkpoints(into)] == ["step-00000010"]
    return into


@pytest.mark.parametrize("way", ["ddp", "fsdp"])
def test_two_processes_have_the_losses_and_checkpoints_of_one(tmp_path, alone, way):
    both, resumed = tmp_path / "both", first_part(alone, tmp_path / "resumed")
    done = in_two_processes(way, both, resumed)
    assert done.returncode == 0, done.stderr[-3000:]
    expected = pytest.approx(losses(alone), abs=1e-5)
    assert losses(both) == expected
    assert losses(resumed) == expected  # one process began, two went on
    back = first_part(both, tmp_path / "back")
    go_on(back)
    assert losses(back) == expected  # two began, one went on
    one, two = (load_model(checkpoints(folder)[-1])[0] for folder in (alone, both))
    for (name, a), b in zip(one.named_parameters(), two.parameters(), strict=True):
        if not name.endswith("key.bias"):  # its gradient is rounding, which Adam blows up
            torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3, msg=name)
    lines = [json.loads(line) for line in (both / "log.jsonl").open()]
    assert [line["step"] for line in lines] == [4, 8, 12]
    assert done.stdout.count("from the first") == 1 and "mean 1.5" in done.stdout


@pytest.mark.parametrize("way", ["ddp-muon", "fsdp-muon"])
def test_muon_in_two_processes_has_the_losses_of_one(tmp_path, way):
    go_on(tmp_path / "alone", config=replace(QUICK, optimizer="muon"))
    resumed = first_part(tmp_path / "alone", tmp_path / "resumed")
    done = in_two_processes(way, tmp_path / "both", resumed)
    assert done.returncode == 0, done.stderr[-3000:]
    expected = pytest.approx(losses(tmp_path / "alone"), abs=1e-4)  # Muon rounds to bfloat16
    assert losses(tmp_path / "both") == expected
    assert losses(resumed) == expected


@pytest.mark.parametrize("way", ["ddp-dropout", "fsdp-dropout"])
def test_dropout_draws_other_masks_in_each_process(tmp_path, way):
    go_on(tmp_path / "alone", shape=replace(SHAPE, dropout=0.2))
    done = in_two_processes(way, tmp_path / "both", tmp_path / "again")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "each draws its own" in done.stdout
    one, both = losses(tmp_path / "alone"), losses(tmp_path / "both")
    assert both == losses(tmp_path / "again")  # the seed decides all masks
    assert both != one and both == pytest.approx(one, abs=0.1)  # other masks, the same learning


def test_the_command_runs_in_two_processes(tmp_path):
    text = tmp_path / "words.txt"
    words = np.random.default_rng(0).choice("the cat sat on a mat and saw one dog".split(), 3000)
    text.write_text(" ".join(words).replace(" one", "\none"))
    flags = f"--text {text} --preset tiny --device cpu --precision fp32 --steps 4 --batch-size 4"
    done = in_two_processes(*flags.split(), "--out", tmp_path / "two", module="tools.train")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("bits per byte") == 3
    assert (tmp_path / "two" / "report.json").exists()
    wrong = in_two_processes(*flags.split(), "--batch-size", 3, module="tools.train")
    assert wrong.returncode != 0 and "batch_size 3 cannot be shared by 2" in wrong.stderr


def test_alone_nothing_changes():
    assert n_processes() == 1 and rank() == 0 and is_first()
    assert ParallelRun().mean(3.5) == 3.5 and from_first("x") == "x"
    batch = torch.arange(4), torch.arange(4)
    assert torch.equal(next(ParallelRun().batches([batch]))[0], batch[0])
    with joined("cpu"):
        assert n_processes() == 1
    with pytest.raises(ValueError, match="start the command with torchrun"):
        shard(GPT(SHAPE))


def test_what_a_launcher_left_behind_starts_nothing(monkeypatch):
    for name, value in {"WORLD_SIZE": "2", "RANK": "0", "SLURM_NTASKS": "2"}.items():
        monkeypatch.setenv(name, value)
    with joined("cpu"):
        assert n_processes() == 1
    for name, value in {"LOCAL_RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "x"}.items():
        monkeypatch.setenv(name, value)
    for name, value in {"MASTER_PORT": "x", "RANK": "2", "WORLD_SIZE": "two"}.items():
        monkeypatch.setenv("MASTER_PORT", "29512")
        monkeypatch.setenv(name, value)
        with pytest.raises(ValueError, match=f"{name} is"), joined("cpu"):
            pass


def test_batches_that_cannot_be_shared_are_refused(monkeypatch):
    monkeypatch.setattr("helpers.fast.processes.parallel.n_processes", lambda: 2)
    loader = DocumentLoader([[1], [2], [3]], 0, 3)
    with pytest.raises(ValueError, match="batch_size 3 cannot be shared by 2 processes"):
        ParallelRun().begin(None, None, loader, {})
    with pytest.raises(ValueError, match="unequal weight"):
        ParallelRun().begin(None, None, DocumentLoader([[1], [2]], 0, 2), {})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("fsdp", [False, True])
def test_a_card_trains_by_nccl(tmp_path, monkeypatch, fsdp):
    for name, value in {"WORLD_SIZE": 1, "RANK": 0, "LOCAL_RANK": 0, "MASTER_PORT": 29511}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    with joined("cuda"):
        history = go_on(tmp_path, fsdp, choose_device("cuda"))
    assert history.train_losses == pytest.approx(go_on(tmp_path / "cpu").train_losses, abs=1e-3)


def worker(way, *folders):
    """What each of the processes does: train in each folder, and speak if it is the first.

    `way` is "ddp" or "fsdp", then "-muon" or "-dropout" where these are wanted.
    """
    torch.set_num_threads(1)
    config = replace(QUICK, optimizer="muon") if "muon" in way else QUICK
    shape = replace(SHAPE, dropout=0.2) if "dropout" in way else SHAPE
    with joined("cpu"):
        for folder in folders:
            history = go_on(Path(folder), "fsdp" in way, config=config, shape=shape)
            assert history.step == QUICK.steps
        mask = torch.nn.functional.dropout(torch.ones(64), 0.5).sum().item()
        every_mask = [None] * n_processes()
        torch.distributed.all_gather_object(every_mask, torch.rand(3).tolist() + [mask])
        if is_first():
            print("each draws its own" if every_mask[0] != every_mask[1] else "all draw alike")
        model = GPT(SHAPE)
        assert ParallelRun().mean(evaluate_loss(model, TOKENS)) > 0
        average = ParallelRun().mean(rank() + 1)
        if is_first():
            print(f"from the first of {n_processes()}, mean {average}")
    if "fsdp" not in way:  # at Python's end one of them could abort it
        assert "gloo" not in "".join(own_threads())


def own_threads():
    """The names of this process's threads, where the system tells them."""
    return [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]


if __name__ == "__main__":
    worker(*sys.argv[1:])
