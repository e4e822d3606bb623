"""The training loop: equal to a plain one, resumable bit for bit, stopped safely; the command."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import types
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from helpers.checkpoint import checkpoints, load_model
from helpers.config import GPTConfig
from helpers.fast import fused_next_token_loss
from helpers.fast.compiled.training import Compiled, can_compile
from helpers.model import GPT
from helpers.optim import create_optimizer, learning_rate_at
from helpers.runs.board import Board
from helpers.runs.run import Run
from helpers.texts.documents import DocumentLoader
from helpers.texts.loaders import create_loader
from helpers.texts.prepare import prepare, split_text
from helpers.train import TrainConfig, evaluate_loss, next_token_loss, train, training_step
from tools.train import main

SHAPE = GPTConfig(50, 8, 16, 2, 2, dropout=0.1)
QUICK = TrainConfig(
    steps=12, batch_size=4, learning_rate=1e-2, warmup_steps=2, evaluate_every=4,
    evaluate_batches=2, checkpoint_every=5, precision="fp32",
)  # fmt: skip


@pytest.fixture
def tokens():
    return np.random.default_rng(0).integers(0, 50, 400)


def new_model(seed=0, shape=SHAPE):
    torch.manual_seed(seed)
    return GPT(shape)


def test_loss_at_the_start_is_near_that_of_guessing(tokens):
    assert evaluate_loss(new_model(), tokens) == pytest.approx(np.log(50), abs=0.1)


def test_loss_equals_the_mean_of_minus_log_probabilities():
    model = new_model().eval()
    inputs, targets = torch.tensor([[1, 2, 3]]), torch.tensor([[2, 3, 4]])
    probabilities = model(inputs).softmax(-1)
    by_hand = -sum(probabilities[0, t, targets[0, t]].log() for t in range(3)) / 3
    torch.testing.assert_close(next_token_loss(model, inputs, targets), by_hand)


def test_evaluation_weighs_every_token_alike_and_leaves_the_mode(tokens):
    model = new_model().train()
    loss = evaluate_loss(model, tokens[:50], batch_size=4)  # 6 windows: batches of 4 and 2
    model.eval()
    windows = torch.tensor(tokens[:49]).unfold(0, 9, 8)
    by_hand = F.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())
    assert loss == pytest.approx(by_hand.item(), rel=1e-5)
    assert not model.training and evaluate_loss(model.train(), tokens) and model.training


def test_training_equals_a_plain_loop(tokens):
    ours, plain = new_model(), new_model()
    history = train(ours, tokens, tokens, QUICK, Run(progress=False))
    optimizer = create_optimizer(plain, QUICK.learning_rate, QUICK.weight_decay)
    loader = create_loader(tokens, SHAPE.context_length, QUICK.batch_size, seed=QUICK.seed)
    torch.manual_seed(QUICK.seed)
    losses = []
    while len(losses) < QUICK.steps:
        for inputs, targets in loader:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate_at(len(losses), QUICK.steps, QUICK.learning_rate, 2)
            loss = F.cross_entropy(plain(inputs).flatten(0, 1), targets.flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(plain.parameters(), QUICK.clip_norm)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            if len(losses) == QUICK.steps:
                break
    assert history.train_losses == pytest.approx(losses, rel=1e-5)
    # A key's bias changes no output: its gradient is rounding, which Adam blows up to full steps.
    torch.testing.assert_close(ours(inputs), plain.eval()(inputs), rtol=1e-3, atol=1e-4)
    for (name, a), b in zip(ours.named_parameters(), plain.parameters(), strict=True):
        if not name.endswith("key.bias"):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_accumulated_batches_equal_one_large_batch():
    shape = replace(SHAPE, dropout=0.0)
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(50, (8, 9), generator=generator)
    pairs = [(ids[i : i + 2, :-1], ids[i : i + 2, 1:]) for i in range(0, 8, 2)]
    steps = []
    for config, batches in [
        (replace(QUICK, accumulate=4), pairs),
        (replace(QUICK, accumulate=1), [(ids[:, :-1], ids[:, 1:])]),
    ]:
        model = new_model(shape=shape)
        loss = training_step(model, create_optimizer(model), iter(batches), config, step=3)
        steps.append((loss, [p.detach() for p in model.parameters()]))
    assert steps[0][0] == pytest.approx(steps[1][0], rel=1e-6)
    torch.testing.assert_close(steps[0][1], steps[1][1], atol=1e-5, rtol=1e-4)


def test_accumulated_batches_weigh_by_their_scored_targets():
    ids = torch.randint(50, (4, 9), generator=torch.Generator().manual_seed(2))
    inputs, targets = ids[:, :-1], ids[:, 1:].clone()
    targets[1:, 2:] = -100  # the first row has eight targets, the others two
    weights = []
    for parts in (1, 2, 4):
        model = new_model(shape=replace(SHAPE, dropout=0.0))
        optimizer = create_optimizer(model, 1e-2, 0.0)
        batches = zip(inputs.chunk(parts), targets.chunk(parts), strict=True)
        loss = training_step(model, optimizer, batches, replace(QUICK, accumulate=parts), 0)
        weights.append((loss, [parameter.detach().clone() for parameter in model.parameters()]))
    for loss, parameters in weights[1:]:
        assert loss == pytest.approx(weights[0][0], abs=1e-5)
        for one, other in zip(parameters, weights[0][1], strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("loss_of", [next_token_loss, fused_next_token_loss])
def test_a_batch_with_nothing_scored_weighs_nothing(loss_of):
    documents, marks = [[1, 2, 3], [4, 5, 6]], [[True] * 4, [False] * 4]
    shape = replace(SHAPE, dropout=0.0)
    losses = []
    for rows in (2, 1):
        loader = DocumentLoader(documents, 0, rows, scored=marks, shuffle=False)
        config = replace(QUICK, accumulate=2 // rows)
        model = new_model(shape=shape)
        optimizer = create_optimizer(model, 1e-2, 0.0)
        losses.append(evaluate_loss(model, loader, loss_of=loss_of))
        losses.append(training_step(model, optimizer, iter(loader), config, 0, loss_of))
    assert losses == pytest.approx([losses[0]] * 4, abs=1e-5)


def test_an_evaluation_of_nothing_is_refused_before_the_first_step():
    marks = [[False] * 4, [True] * 4]
    held_out = DocumentLoader([[1, 2, 3], [4, 5, 6]], 0, 1, scored=marks, shuffle=False)
    model, steps = new_model(), []
    run = Run(progress=False, on_step=lambda *step: steps.append(step))
    with pytest.raises(ValueError, match="held-out part: nothing is scored"):
        train(model, [1] * 99, held_out, replace(QUICK, evaluate_batches=1), run)
    assert steps == []
    train(model, [1] * 99, held_out, replace(QUICK, steps=2, evaluate_batches=2), run)
    assert len(steps) == 2


def test_a_pattern_is_learned():
    tokens = np.tile(np.arange(10), 60)
    model = new_model(shape=replace(SHAPE, dropout=0.0))
    train(model, tokens, tokens, replace(QUICK, steps=80), Run(progress=False))
    assert evaluate_loss(model, tokens) < 0.3  # only a window's first token is hard to know


def test_resuming_gives_the_same_losses_bit_for_bit(tmp_path, tokens):
    whole = train(new_model(), tokens, tokens, QUICK, Run(tmp_path / "whole", progress=False))
    part = tmp_path / "part"

    class Stop(Exception):
        pass

    def stop_at_8(step, model, history):
        if step == 8:
            raise Stop

    with pytest.raises(Stop):  # dies after step 8; the newest checkpoint is step 5
        train(new_model(), tokens, tokens, QUICK, Run(part, on_evaluate=stop_at_8, progress=False))
    assert [path.name for path in checkpoints(part)] == ["step-00000005"]
    resumed_model = new_model(seed=123)
    resumed = train(resumed_model, tokens, tokens, QUICK, Run(part, resume=True, progress=False))
    assert resumed.train_losses == whole.train_losses
    assert resumed.validation_losses == whole.validation_losses
    final, _ = load_model(checkpoints(tmp_path / "whole")[-1])
    for a, b in zip(final.parameters(), resumed_model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_resume_refuses_other_settings_other_data_and_an_empty_folder(tmp_path, tokens):
    train(new_model(), tokens, tokens, QUICK, Run(tmp_path / "run", progress=False))
    changed = replace(QUICK, learning_rate=0.5)
    with pytest.raises(ValueError, match="learning_rate was 0.01 .* is 0.5 now"):
        train(
            new_model(), tokens, tokens, changed, Run(tmp_path / "run", resume=True, progress=False)
        )
    with pytest.raises(ValueError, match="other training tokens"):
        train(
            new_model(),
            tokens[1:],
            tokens,
            QUICK,
            Run(tmp_path / "run", resume=True, progress=False),
        )
    with pytest.raises(ValueError, match="nothing to resume"):
        train(
            new_model(), tokens, tokens, QUICK, Run(tmp_path / "none", resume=True, progress=False)
        )


def test_control_c_finishes_the_step_saves_and_returns(tmp_path, tokens):
    def press(step, model, history):
        os.kill(os.getpid(), signal.SIGINT) if step == 4 else None

    before = signal.getsignal(signal.SIGINT)
    model = new_model()
    history = train(model, tokens, tokens, QUICK, Run(tmp_path, on_evaluate=press, progress=False))
    assert history.interrupted and history.step == 4
    assert signal.getsignal(signal.SIGINT) is before
    assert checkpoints(tmp_path)[-1].name == "step-00000004"
    finished = train(
        new_model(5), tokens, tokens, QUICK, Run(tmp_path, resume=True, progress=False)
    )
    assert finished.step == QUICK.steps and not finished.interrupted


def test_a_loss_that_is_no_number_stops_with_step_and_rate(tokens):
    model = new_model()
    with torch.no_grad():
        model.final_norm.scale[0] = float("nan")
    with pytest.raises(FloatingPointError, match=r"loss is nan at step 0, learning rate 0\.005"):
        train(model, tokens, tokens, QUICK, Run(progress=False))


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_gradient_that_is_no_number_leaves_the_weights(tokens, optimizer):
    model = new_model()
    before = [parameter.detach().clone() for parameter in model.parameters()]

    def loss(model, *batch):
        edge = (model.final_norm.shift.sum() * 0).sqrt()  # 0, with an infinite slope
        return next_token_loss(model, *batch) + edge

    config = replace(QUICK, optimizer=optimizer)
    with pytest.raises(FloatingPointError, match="gradient.*step 0"):
        train(model, tokens, tokens, config, Run(progress=False, loss=loss))
    for was, now in zip(before, model.parameters(), strict=True):
        assert torch.equal(was, now)


def test_bf16_learns_as_fp32_does():
    tokens = np.tile(np.arange(10), 60)
    shape = replace(SHAPE, dropout=0.0)
    losses = {}
    for precision in ("fp32", "bf16"):
        model = new_model(shape=shape)
        train(
            model,
            tokens,
            tokens,
            replace(QUICK, steps=60, precision=precision),
            Run(progress=False),
        )
        losses[precision] = evaluate_loss(model, tokens)
        assert next(model.parameters()).dtype == torch.float32
    assert losses["bf16"] == pytest.approx(losses["fp32"], abs=0.1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"warmup_steps": 13},
        {"clip_norm": -1},
    ],
)
def test_bad_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(QUICK, **wrong)


def test_a_text_shorter_than_the_context_is_refused():
    with pytest.raises(ValueError, match="8"):
        train(new_model(), np.arange(5), np.arange(40), QUICK, Run(progress=False))


def test_prepare_keeps_the_held_out_part_apart():
    text = "".join(f"line {n} of the text\n" for n in range(200))
    tokenizer, train_ids, held_out_ids, train_text, held_out_text = prepare(text, 280, 0.25)
    assert train_text + held_out_text == text and train_text.endswith("\n")
    assert tokenizer.decode(train_ids.tolist()) == train_text
    assert tokenizer.decode(held_out_ids.tolist()) == held_out_text
    assert len(held_out_text) / len(text) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(("text", "share"), [("", 0.1), ("  \n", 0.1), ("abc", 0.0), ("abc", 1.0)])
def test_split_refuses_empty_texts_and_odd_shares(text, share):
    with pytest.raises(ValueError, match="empty|share"):
        split_text(text, share)


@pytest.fixture
def text_file(tmp_path):
    words = np.random.default_rng(0).choice(
        "the cat sat on a mat and saw one dog run".split(), 4000
    )
    path = tmp_path / "words.txt"
    path.write_text(" ".join(words).replace(" one", "\none"))
    return path


def command(text_file, out, *flags):
    steps = ("--steps", "40", "--warmup-steps", "5", "--evaluate-every", "10")
    return [*("--text", str(text_file), "--preset", "tiny", "--out", str(out)), *steps, *flags]


def test_the_command_trains_reports_and_resumes(tmp_path, text_file, capsys):
    out = tmp_path / "run"
    assert main(command(text_file, out, "--precision", "fp32")) == 0
    printed = capsys.readouterr().out
    report = json.loads((out / "report.json").read_text())
    assert set(report["bits_per_byte"]) == {"this model", "gzip -9", "xz -9e"}
    assert all(0 < bits < 8 for bits in report["bits_per_byte"].values())
    assert "bits per byte" in printed and "parameters" in printed
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    model, tokenizer = load_model(out / "model")
    assert model.config.vocab_size == tokenizer.vocab_size
    assert len((out / "log.jsonl").read_text().splitlines()) == 4
    assert main(command(text_file, out)) == 1
    assert "--resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--corpus", "nothing"], "nothing"),
        (["--preset", "huge"], "unknown preset 'huge'"),
        (["--device", "abacus"], "unknown device 'abacus'"),
        (["--text", "no-such-file.txt"], "no-such-file.txt"),
        (["--steps", "0"], "steps is 0"),
        (["--precision", "fp7"], "unknown precision 'fp7'"),
        (["--resume", "--out", "empty"], "nothing to resume"),
    ],
)
def test_bad_flags_give_one_line_and_no_traceback(flags, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["--preset", "tiny", "--corpus", "story", *flags]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1


def test_a_killed_command_resumes_to_the_same_log(tmp_path, text_file):
    flags = ("--checkpoint-every", "10", "--precision", "fp32", "--evaluate-every", "5")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    start = [sys.executable, "-m", "tools.train"]
    whole, part = tmp_path / "whole", tmp_path / "part"
    subprocess.run([*start, *command(text_file, whole, *flags)], check=True, capture_output=True)
    victim = subprocess.Popen(
        [*start, *command(text_file, part, *flags)], env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not checkpoints(part) and victim.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    victim.kill()
    victim.wait()
    assert checkpoints(part), "the run ended before its first checkpoint"
    if not (part / "report.json").exists():
        again = [*start, *command(text_file, part, *flags, "--resume")]
        subprocess.run(again, check=True, capture_output=True)
    reports = [json.loads((run / "report.json").read_text()) for run in (whole, part)]
    assert reports[0]["validation_loss"] == reports[1]["validation_loss"]
    assert re.match(r"\d", str(reports[0]["bits_per_byte"]["this model"]))


def first_checkpoint_alone(folder):
    """Make a finished run one that was stopped at its checkpoint of step 10."""
    shutil.rmtree(checkpoints(folder)[-1])
    assert [path.name for path in checkpoints(folder)] == ["step-00000010"]


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(), reason="torch.compile needs a C++ compiler")
def test_compiled_steps_have_the_same_losses_and_checkpoints(tmp_path, tokens, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "kernels"))
    shape, folders = replace(SHAPE, dropout=0.0), {}
    for compiled in (False, True):
        folder = folders[compiled] = tmp_path / f"compiled-{compiled}"
        model = new_model(shape=shape)
        history = train(
            model,
            tokens,
            tokens,
            QUICK,
            Run(folder, progress=False, wrap=Compiled if compiled else None),
        )
        if not compiled:
            expected = pytest.approx(history.train_losses, abs=1e-4)
        assert history.train_losses == expected
    for compiled, folder in folders.items():  # each goes on from the other's checkpoint
        first_checkpoint_alone(folder)
        history = train(new_model(1, shape), tokens, tokens, QUICK, Run(folder, resume=True, progress=False, wrap=Compiled if not compiled else None))  # fmt: skip
        assert history.train_losses == expected
        names = [name for name, _ in load_model(checkpoints(folder)[-1])[0].named_parameters()]
        assert names == [name for name, _ in model.named_parameters()]


def test_without_a_compiler_one_line_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert main(["--corpus", "story", "--compile", "--out", str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: compiling needs the C++ compiler") and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_without_tensorboard_one_line_says_how_to_install_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("helpers.runs.board.find_spec", lambda name: None)
    assert main(["--corpus", "story", "--tensorboard", "--out", str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err
    assert "pip install -c constraints.txt tensorboard" in error and error.count("\n") == 1
    with pytest.raises(ValueError, match="no TensorBoard here"):
        Board(tmp_path)


def test_a_board_is_told_every_step_and_validation_loss(tmp_path, tokens, monkeypatch):
    written = []

    class Writer:
        def __init__(self, folder, purge_step):
            written.append((folder, purge_step))

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr("helpers.runs.board.find_spec", lambda name: True)
    board = Board(tmp_path)
    history = train(
        new_model(), tokens, tokens, QUICK, Run(tmp_path, progress=False, on_step=board.step)
    )
    board.validation(12, history.validation_losses[-1])
    assert written[0] == (str(tmp_path / "tensorboard"), None)
    losses = [(value, step) for name, value, step in written[1:] if name == "loss/training"]
    assert losses == [(loss, step) for step, loss in enumerate(history.train_losses, 1)]
    rates = [value for name, value, _ in written[1:] if name == "learning rate"]
    assert rates == [
        learning_rate_at(step, 12, 1e-2, QUICK.warmup_steps, QUICK.final_share)
        for step in range(12)
    ]
    speeds = [value for name, value, _ in written[1:] if name == "tokens per second"]
    assert len(speeds) == 12 and min(speeds) > 0
    assert written[-1] == ("loss/validation", history.validation_losses[-1], 12)
    Board(tmp_path, resume=True)
    assert written[-1] == (str(tmp_path / "tensorboard"), 13)


def test_tensorboard_reads_what_the_command_wrote(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    flags = "--corpus story --preset tiny --device cpu --precision fp32 --steps 4 --batch-size 4"
    folder = tmp_path / "run"
    assert (
        main([*flags.split(), "--evaluate-every", "2", "--tensorboard", "--out", str(folder)]) == 0
    )
    events = reader.EventAccumulator(str(folder / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("loss/training")] == [1, 2, 3, 4]
    lines = [json.loads(line) for line in (folder / "log.jsonl").open()]
    found = [(event.step, event.value) for event in events.Scalars("loss/validation")]
    assert found == [(line["step"], pytest.approx(line["validation"])) for line in lines]
    assert {"learning rate", "tokens per second"} <= set(events.Tags()["scalars"])
