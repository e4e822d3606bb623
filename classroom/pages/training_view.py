"""A training run, live: the loss as a plot, a slider for the learning rate, a Stop button.

The run is `helpers.train.train` in its own thread, so that the notebook can react to the button
meanwhile.
"""

import copy
import html
import sys
import threading
from dataclasses import dataclass, replace

from classroom.pages.knobs import card, in_words, live_and_still, make_button, make_slider
from helpers.plots import COLORS, INK, image_tag, new_axes, png_bytes
from helpers.runs.progress import stop_when
from helpers.runs.run import Run as Settings
from helpers.train import History, train

FAINT = "#b9b4a5"
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3)  # in addition to the one in the config


_TRAINED = set()  # the ids of the models that a window trains now


@dataclass
class Run:
    """One run: its learning rate, its history, and how it ended."""

    learning_rate: float
    history: History
    ended: str = ""  # "", "done", "stopped", or what went wrong


def plot_training(runs, steps, floor=None, ax=None):
    """Draw the losses of runs over the steps: the last run in color, earlier ones faint.

    A thin line is the training loss of each step, a thick one the held-out loss; `floor` is a known
    lowest loss.
    """
    ax = ax if ax is not None else new_axes(7, 3.6)
    for run in runs:
        seen, last = run.history, run is runs[-1]
        evaluated = seen.evaluated_steps, seen.validation_losses
        if not last:
            ax.plot(*evaluated, color=FAINT, linewidth=2)
            if seen.evaluated_steps:
                x, y = seen.evaluated_steps[-1], seen.validation_losses[-1]
                ax.text(x, y, f" {run.learning_rate:g}", color=INK, fontsize=8, va="center")
            continue
        trained = range(1, len(seen.train_losses) + 1)
        ax.plot(trained, seen.train_losses, color=COLORS[0], linewidth=0.8, label="training")
        name = f"held out, learning rate {run.learning_rate:g}"
        ax.plot(*evaluated, color=COLORS[1], linewidth=2.2, marker="o", markersize=4, label=name)
        ax.legend(frameon=False, loc="upper right")
    if floor is not None:
        ax.axhline(floor, color=INK, linestyle="--", linewidth=1)
    ax.set_xlim(0, steps * 1.06)
    ax.set_xlabel("step")
    ax.set_ylabel("loss (nats per token)")
    return ax


def describe_run(run, steps):
    """Describe in a sentence how far a run is and what its losses are.

    >>> describe_run(Run(1e-3, History()), steps=100)
    'Learning rate 0.001: step 0 of 100, begun.'
    """
    seen = run.history
    losses = f", training loss {seen.train_losses[-1]:.3f}" if seen.train_losses else ""
    if seen.validation_losses:
        losses += f", held out {seen.validation_losses[-1]:.3f}"
    state = run.ended or ("running" if seen.step else "begun")
    return f"Learning rate {run.learning_rate:g}: step {seen.step} of {steps}{losses}, {state}."


class TrainingExplorer:
    """Train a model and watch its loss; stop it, change the learning rate, train again and compare.

    Arguments as for `train`; every run starts from the weights that `model` has now. The buttons use
    `start()` and `stop()`, which do not block the notebook. `train()` runs to the end in the main
    thread; a busy kernel does not react to buttons, so only Interrupt stops it. Colab does not show
    updates from threads, so its Train button uses the main thread as well.
    `learning_rate`, `train_button`, `stop_button`, `image` and `words` are plain ipywidgets, so a
    test can use them without a browser.
    """

    def __init__(self, model, train_tokens, validation_tokens, config, floor=None):
        import ipywidgets as widgets

        self.model, self.data = model, (train_tokens, validation_tokens)
        self.config, self.floor, self.runs = config, floor, []
        self.first_weights = copy.deepcopy(model.state_dict())
        rates = sorted({*RATES, config.learning_rate})
        self.learning_rate = make_slider("learning rate", rates, config.learning_rate)
        self.train_button = make_button("Train", self.start)
        self.stop_button = make_button("Stop", self.stop, disabled=True)
        self.image, self.words = widgets.Image(format="png"), widgets.HTML()
        self._stopped, self._thread, self._lock = threading.Event(), None, threading.Lock()
        buttons = widgets.HBox([self.train_button, self.stop_button])
        self.widget = widgets.VBox([self.learning_rate, buttons, self.words, self.image])
        self._draw()

    @property
    def busy(self):
        """True while a run is going on in its thread."""
        return self._thread is not None and self._thread.is_alive()

    def train(self):
        """Train to the end, or until the kernel is interrupted; return the run's `History`."""
        self._prepare(hears_stop=False)
        return self._train()

    def start(self):
        """Start a run and return at once; does nothing while one is going on."""
        if self.busy:
            return
        if id(self.model) in _TRAINED:
            self.words.value = card("Another window trains this model: stop that run first.")
            return
        if "google.colab" in sys.modules:
            self.train()
            return
        self._prepare(hears_stop=True)
        self._thread = threading.Thread(target=self._train, daemon=True)
        self._thread.start()

    def stop(self):
        """Make the run end after its current step; `model` keeps what it has learned."""
        self._stopped.set()
        self.stop_button.disabled = True

    def wait(self, seconds=600):
        """Wait until the run has ended; raises TimeoutError if it takes longer."""
        if self._thread is not None:
            self._thread.join(seconds)
            if self._thread.is_alive():
                raise TimeoutError(f"the run has not ended in {seconds} seconds")

    def describe(self):
        """What the page shows, in a sentence."""
        if not self.runs:
            return "No run yet: press Train."
        return describe_run(self.runs[-1], self.config.steps)

    def _prepare(self, hears_stop):
        if self.busy or id(self.model) in _TRAINED:
            raise RuntimeError("a run of this model is going on: stop it first")
        self._stopped.clear()
        self.train_button.disabled, self.stop_button.disabled = True, not hears_stop
        self.model.load_state_dict(self.first_weights)
        self.runs.append(Run(self.learning_rate.value, History()))
        self._draw()
        _TRAINED.add(id(self.model))

    def _train(self):
        run = self.runs[-1]
        config = replace(self.config, learning_rate=run.learning_rate)

        def seen(_step, _model, history):
            run.history = history
            self._draw()

        try:
            with stop_when(self._stopped):
                run.history = train(
                    self.model, *self.data, config, Settings(on_evaluate=seen, progress=False)
                )
            run.ended = "stopped" if run.history.interrupted else "done"
        except FloatingPointError as error:
            run.ended = f"broken off: {error}"
        except Exception as error:
            run.ended = f"broken off: {in_words(error)}"
            if threading.current_thread() is not self._thread:
                raise  # the cell shows it as well
        finally:
            _TRAINED.discard(id(self.model))
            self.model.eval()
            self.train_button.disabled, self.stop_button.disabled = False, True
            self._draw()
        return run.history

    def _draw(self):
        with self._lock:
            self.image.value = png_bytes(self._plot())
            self.words.value = card(html.escape(self.describe()))

    def _plot(self):
        return plot_training(self.runs, self.config.steps, self.floor)

    def __repr__(self):
        return f"TrainingExplorer({len(self.runs)} runs of {self.config.steps} steps)"

    def _repr_mimebundle_(self, **_):
        return live_and_still(repr(self), image_tag(self._plot(), self.describe()), self.widget)
