"""The training explorer without a browser: press Train, press Stop, train again."""

import io
import signal
import sys
import threading
import time
import types
from dataclasses import replace

import pytest
import torch
from PIL import Image

from classroom.pages.training_view import TrainingExplorer, describe_run, plot_training
from helpers.config import GPTConfig
from helpers.model import GPT
from helpers.runs.progress import StopButton, stop_when
from helpers.runs.run import Run
from helpers.train import TrainConfig, train

TOKENS = [n % 7 for n in range(200)]
CONFIG = TrainConfig(
    steps=12, batch_size=2, learning_rate=1e-2, warmup_steps=2, evaluate_every=4, evaluate_batches=1
)
ENDLESS = TrainConfig(
    steps=10**6, batch_size=2, warmup_steps=2, evaluate_every=50, evaluate_batches=1
)


def tiny():
    torch.manual_seed(0)
    return GPT(GPTConfig(8, 8, 8, 2, 1, dropout=0.0))


def explorer_of(config=CONFIG):
    return TrainingExplorer(tiny(), TOKENS, TOKENS[:60], config)


def wait_until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_it_starts_with_an_empty_picture():
    explorer = explorer_of()
    assert "No run yet: press Train." in explorer.words.value
    assert Image.open(io.BytesIO(explorer.image.value)).format == "PNG"
    assert explorer.stop_button.disabled and not explorer.train_button.disabled


def test_its_losses_are_those_of_train():
    explorer = explorer_of()
    history = explorer.train()
    expected = train(tiny(), TOKENS, TOKENS[:60], CONFIG, Run(progress=False))
    assert history.train_losses == expected.train_losses
    assert history.validation_losses == expected.validation_losses
    assert "step 12 of 12" in explorer.words.value and "done." in explorer.words.value
    assert f"held out {expected.validation_losses[-1]:.3f}" in explorer.describe()


def test_the_button_trains_beside_the_notebook_and_the_picture_follows():
    explorer = explorer_of()
    pictures = set()
    explorer.image.observe(lambda change: pictures.add(change["new"]), names="value")
    explorer.train_button.click()
    explorer.wait(60)
    assert explorer.runs[0].history.step == 12 and explorer.runs[0].ended == "done"
    assert len(pictures) >= 3  # one an evaluation
    assert explorer.stop_button.disabled and not explorer.train_button.disabled


def test_stop_ends_training_and_nothing_else():
    explorer = explorer_of(ENDLESS)
    explorer.train_button.click()
    assert explorer.train_button.disabled and not explorer.stop_button.disabled
    explorer.train_button.click()  # a second press does nothing
    with pytest.raises(RuntimeError, match="going on"):
        explorer.train()
    wait_until(lambda: explorer.runs[0].history.step > 0)
    explorer.stop_button.click()
    explorer.wait(60)
    assert len(explorer.runs) == 1 and not explorer.busy
    assert explorer.runs[0].history.interrupted and "stopped." in explorer.words.value
    assert 0 < explorer.runs[0].history.step < ENDLESS.steps
    assert not explorer.train_button.disabled


def test_a_busy_kernel_offers_no_stop_button():
    explorer, seen = explorer_of(), []
    explorer.words.observe(lambda _: seen.append(explorer.stop_button.disabled), names="value")
    explorer.train()
    assert len(seen) >= 3 and all(seen)


def test_colab_trains_in_the_kernels_own_thread(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    explorer = explorer_of()
    explorer.train_button.click()
    assert explorer.runs[0].ended == "done" and not explorer.busy


def test_stop_before_a_run_does_not_spoil_it():
    explorer = explorer_of()
    explorer.stop()
    assert not explorer.train().interrupted


def test_every_run_starts_from_the_same_weights_with_the_knobs_rate():
    explorer = explorer_of()
    first = explorer.train().train_losses
    again = explorer.train().train_losses
    explorer.learning_rate.value = 0.1
    faster = explorer.train().train_losses
    assert first == again and faster[0] == first[0] and faster != first
    assert [run.learning_rate for run in explorer.runs] == [0.01, 0.01, 0.1]
    ax = plot_training(explorer.runs, CONFIG.steps, floor=0.5)
    assert len(ax.lines) == 2 + 2 + 1  # two old runs, two curves of the new one, the floor


def test_the_configs_own_rate_is_on_the_slider():
    explorer = explorer_of(replace(CONFIG, learning_rate=0.007))
    assert explorer.learning_rate.value == 0.007
    assert 0.003 in explorer.learning_rate.options and 0.01 in explorer.learning_rate.options


def test_a_run_that_breaks_off_says_so(monkeypatch):
    def broken(*_, **__):
        raise FloatingPointError("loss is nan at step 3")

    monkeypatch.setattr("classroom.pages.training_view.train", broken)
    explorer = explorer_of()
    explorer.train()
    assert "broken off: loss is nan at step 3" in explorer.words.value
    assert not explorer.train_button.disabled


def test_waiting_has_an_end():
    explorer = explorer_of(ENDLESS)
    explorer.start()
    with pytest.raises(TimeoutError, match="has not ended in 0.05 seconds"):
        explorer.wait(0.05)
    explorer.stop()
    explorer.wait(60)


def test_a_reader_without_a_kernel_sees_the_curve():
    explorer = explorer_of()
    explorer.train()
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/html"].startswith('<img alt="Learning rate 0.01: step 12 of 12')
    assert bundle["text/plain"] == "TrainingExplorer(1 runs of 12 steps)"
    assert describe_run(explorer.runs[0], 12) in bundle["text/html"]


def test_an_event_stops_training_in_its_thread_only():
    event = threading.Event()
    event.set()
    with stop_when(event):
        with StopButton() as stop:
            assert stop.pressed
        history = train(tiny(), TOKENS, TOKENS[:60], CONFIG, Run(progress=False))
        assert history.interrupted and history.step == 0
        seen = []
        thread = threading.Thread(target=lambda: seen.append(StopButton().pressed))
        thread.start()
        thread.join()
        assert seen == [False]
    assert not StopButton().pressed


def test_an_event_ends_the_run_after_the_step_it_is_at():
    event = threading.Event()
    with stop_when(event):
        history = train(
            tiny(),
            TOKENS,
            TOKENS[:60],
            CONFIG,
            Run(progress=False, on_evaluate=lambda *_: event.set()),
        )
    assert history.step == 4 == len(history.train_losses) and history.interrupted


def test_an_error_in_the_thread_is_on_the_page():
    explorer = TrainingExplorer(tiny(), TOKENS[:3], TOKENS[:60], CONFIG)
    explorer.start()
    explorer.wait()
    assert "broken off" in explorer.words.value and not explorer.train_button.disabled


def test_two_windows_do_not_train_one_model_at_once():
    model = tiny()
    first, second = (TrainingExplorer(model, TOKENS, TOKENS[:60], ENDLESS) for _ in range(2))
    first.start()
    second.start()
    assert "Another window" in second.words.value and second.runs == []
    first.stop()
    first.wait()
    second.start()
    second.stop()
    second.wait()
    assert len(second.runs) == 1


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_end_training_after_the_step(name):
    if not hasattr(signal, name):
        pytest.skip(f"there is no {name} here")
    number = getattr(signal, name)
    before = signal.signal(number, signal.default_int_handler)
    try:
        with StopButton() as stop:
            signal.raise_signal(number)
            if name != "SIGINT":
                signal.raise_signal(number)  # the terminal and the process that waits both tell
            assert stop.pressed
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_nohup_goes_on():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopButton() as stop:
            signal.raise_signal(signal.SIGHUP)
        assert not stop.pressed
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_terminal_that_is_gone_ends_no_training(monkeypatch):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    history = train(tiny(), TOKENS, TOKENS[:60], CONFIG, Run(progress=True))
    assert history.step == CONFIG.steps
