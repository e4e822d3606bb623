"""Run what a reader wrote with a limit on its time and on what it prints.

In the main thread, where notebooks run, the system's timer interrupts the code; that ends even a
regular expression that backtracks without end. On Windows, which has no such timer, and in other
threads, a second thread sets an exception in the first, which ends every loop written in Python.
Neither slows the code down, as tracing would, and neither leaves a thread computing.
"""

import builtins
import contextlib
import ctypes
import io
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

SECONDS = 10.0
CHARACTERS = 5000
AGAIN_SECONDS = 0.01  # the code may catch every exception, so it is interrupted again and again


class OutOfTime(BaseException):
    """The time is over; no `except Exception` in the code catches it."""


class TooMuchPrinted(BaseException):
    """More was printed than anyone would read."""


@dataclass
class Outcome:
    """What a run gave: a value or an error, what it printed, and how long it took."""

    value: Any = None
    error: BaseException | None = None
    printed: str = ""
    seconds: float = 0.0


class _Printed(io.StringIO):
    """Standard output that ends after so many characters."""

    def __init__(self, characters):
        super().__init__()
        self.left = characters

    def write(self, text):
        super().write(text[: max(self.left, 0)])
        self.left -= len(text)
        if self.left < 0:
            raise TooMuchPrinted
        return len(text)


def limited(work, seconds=SECONDS, characters=CHARACTERS):
    """Call `work()` and return its Outcome; only the reader's own interrupt passes through.

    >>> limited(lambda: print("hello") or 3).value
    3
    """
    outcome, printed = Outcome(), _Printed(characters)
    main = threading.current_thread() is threading.main_thread()
    limit = _Alarm if main and hasattr(signal, "setitimer") else _Watch
    start = time.perf_counter()
    try:
        with _no_questions(), _same_chance(), contextlib.redirect_stdout(printed):
            with contextlib.redirect_stderr(printed), limit(seconds):
                outcome.value = _inside(work)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a `sys.exit()` too
        outcome.error = error
    outcome.seconds = time.perf_counter() - start
    outcome.printed = printed.getvalue()
    return outcome


@contextlib.contextmanager
def _no_questions():
    """A check must not wait for what somebody types."""

    def refuse(*_):
        raise RuntimeError("a check cannot answer input(); use the arguments")

    asked = builtins.input
    builtins.input = refuse
    try:
        yield
    finally:
        builtins.input = asked


@contextlib.contextmanager
def _same_chance():
    """A check may draw random numbers; the notebook's own draws stay what they were.

    So does whether gradients are kept, also where the code is interrupted under `torch.no_grad()`.
    """
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    before = random.getstate()
    numpy_before = numpy.random.get_state() if numpy else None
    torch_before = torch.get_rng_state() if torch else None
    gradients_before = torch.is_grad_enabled() if torch else None
    try:
        yield
    finally:
        random.setstate(before)
        if numpy:
            numpy.random.set_state(numpy_before)
        if torch:
            torch.set_rng_state(torch_before)
            torch.set_grad_enabled(gradients_before)


def _inside(work):
    """Call `work`; that this function is on the stack says that the reader's code is running."""
    return work()


def _is_inside(frame):
    while frame is not None:
        if frame.f_code is _inside.__code__:
            return True
        frame = frame.f_back
    return False


class _Alarm:
    """Interrupts the main thread with the system's timer, again and again once the time is over."""

    def __init__(self, seconds):
        self.seconds = seconds

    def _ring(self, number, frame):
        if _is_inside(frame):
            raise OutOfTime

    def __enter__(self):
        self.handler = signal.signal(signal.SIGALRM, self._ring)
        self.timer = signal.setitimer(signal.ITIMER_REAL, self.seconds, AGAIN_SECONDS)

    def __exit__(self, *_):
        signal.setitimer(signal.ITIMER_REAL, *self.timer)
        signal.signal(signal.SIGALRM, self.handler or signal.SIG_DFL)


class _Watch:
    """Interrupts the thread that entered it from another, once the time is over."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.done = threading.Event()
        self.thread = threading.get_ident()
        self.watcher = threading.Thread(target=self._wait, daemon=True)
        self.has_rung = False

    def _wait(self):
        self.done.wait(self.seconds)
        while not self.done.is_set():
            if _is_inside(sys._current_frames().get(self.thread)):
                self._ring()
            self.done.wait(AGAIN_SECONDS)

    def _ring(self):
        self.has_rung = True
        thread, error = ctypes.c_ulong(self.thread), ctypes.py_object(OutOfTime)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, error)

    def __enter__(self):
        self.watcher.start()

    def __exit__(self, *_):
        # One that is called back leaves a flag set, and Python 3.11 then waits without end as soon as
        # anything traces a function. One that arrives clears it, so the last is sent and awaited.
        is_last = False
        while True:  # an interrupt may still be under way
            try:
                self.done.set()
                self.watcher.join()
                if is_last or not self.has_rung:
                    return
                is_last = True
                self._ring()
                while True:
                    time.sleep(0)
            except OutOfTime:
                continue
