"""What a person sees and does while a model trains: a progress bar, and ways to stop it."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

_ASKED: ContextVar[threading.Event | None] = ContextVar("asked to stop", default=None)


@contextlib.contextmanager
def stop_when(event: threading.Event) -> Iterator[None]:
    """Within it, training ends as by Ctrl-C once `event`, a `threading.Event`, is set.

    The step is finished, and `history.interrupted` says that there should have been more. Only
    training in the same thread is stopped.
    """
    token = _ASKED.set(event)
    try:
        yield
    finally:
        _ASKED.reset(token)


class ProgressBar:
    """A bar with the loss and the tokens per second; tqdm adds the time that is left.

    `on_step(step, loss, learning_rate, tokens_per_second)` is called at every step.
    """

    def __init__(
        self,
        config: Any,
        loader: Any,
        done: int,
        wanted: bool,
        on_step: Callable[[int, float, float, float], None] | None = None,
    ) -> None:
        from tqdm.auto import tqdm

        self.tokens_per_step = config.accumulate * loader.batch_size * loader.tokens_a_row
        options = {"total": config.steps, "initial": done, "unit": "step", "mininterval": 0.5}
        try:
            self.bar = tqdm(**options, disable=not wanted)
        except OSError:  # nobody reads what we would draw
            self.bar = tqdm(**options, disable=True)
        self.before, self.on_step = time.perf_counter(), on_step

    def update(self, step: int, loss: float, learning_rate: float) -> None:
        """Count a step, and show its loss and speed."""
        now = time.perf_counter()
        speed = self.tokens_per_step / (now - self.before)
        self.before = now
        self.bar.set_postfix_str(f"loss {loss:.3f}, {speed:,.0f} tokens/s", refresh=False)
        self._draw(self.bar.update)
        if self.on_step is not None:
            self.on_step(step, loss, learning_rate, speed)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._draw(self.bar.close)

    def _draw(self, draw):
        try:
            draw()
        except OSError:  # the terminal is gone; the training goes on without it
            self.bar.disable = True


class StopButton:
    """Ctrl-C once finishes the step and stops; twice stops at once, as usual.

    A request of the system to end (SIGTERM), a closed terminal (SIGHUP) and the event of
    `stop_when` do what the first Ctrl-C does.
    """

    def __init__(self) -> None:
        self.interrupted, self.asked = False, _ASKED.get()
        self.before: dict[int, Any] = {}

    @property
    def pressed(self) -> bool:
        """Whether the run was asked to stop."""
        return self.interrupted or (self.asked is not None and self.asked.is_set())

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                number = getattr(signal, name, None)  # Windows has no SIGHUP
                ignored = signal.SIG_IGN if name == "SIGHUP" else None  # by nohup
                if number is not None and signal.getsignal(number) != ignored:
                    self.before[number] = signal.signal(number, self._press)
        return self

    def _press(self, number, _):
        self.interrupted = True
        if number == signal.SIGINT:  # a closed terminal may be told twice, which is not impatience
            signal.signal(number, self.before[number])

    def __exit__(self, *_):
        for number, handler in self.before.items():
            signal.signal(number, handler)
