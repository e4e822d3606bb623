"""How every command meets its terminal: streams of any encoding, closed, or left by their reader.

    if __name__ == "__main__":
        sys.exit(run_command(main))

A command answers with text and an exit status, never with a traceback: an error that it did not
expect becomes one line, and the traceback goes into a file. `python -m tools.terminal MODULE ...`
does the same for a whole module, its imports included. Standard library only.
"""

import codecs
import contextlib
import errno
import os
import runpy
import signal
import sys
import tempfile
import traceback
from pathlib import Path

STOPPED, LEFT = 128 + 2, 128 + 13  # as a shell reports SIGINT, and SIGPIPE
STREAMS = {"stdin": "r", "stdout": "w", "stderr": "w"}
PASSED_ON = ("SIGTERM", "SIGHUP")
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def run_command(main, arguments=None, title=None):
    """Call `main(arguments)`, by default with the command line's; return the exit status."""
    title = title or f"course.py {Path(sys.argv[0]).stem}"
    open_streams()
    give_home()
    shown = [stream for stream in (sys.stdout, sys.stderr) if stream.isatty()]
    try:
        status = main(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        status = STOPPED
        tell(f"\n{title}: stopped.")
    except SystemExit as end:
        status = end.code
    except Exception as error:
        if left_by_reader(error, shown):
            status = LEFT
        else:
            status = 1
            tell(f"{title}: {described(error)}")
    if isinstance(status, str):
        tell(status)
        status = 1
    return flushed(status or 0, title, shown)


def open_streams():
    """Let no stream be missing, and none fail at a character that it cannot show or read."""
    for name, mode in STREAMS.items():
        stream = getattr(sys, name)
        if stream is None:  # closed when we were started, as by `<&-`
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def give_home():
    """Let the libraries that we use find a home for a user who has none that can be written to.

    Users of services and containers have a home that does not exist, or only a root folder.
    """
    if not os.environ.get("HOME"):
        os.environ.pop("HOME", None)
    own = os.path.expanduser("~")
    usable = os.path.isabs(own) and os.path.isdir(own) and os.access(own, os.W_OK)
    if usable or not hasattr(os, "getuid"):
        return
    home = Path(tempfile.gettempdir()) / f"llm-course-{os.getuid()}"
    with contextlib.suppress(OSError):
        home.mkdir(mode=0o700, exist_ok=True)
        if home.stat().st_uid == os.getuid():  # nobody else put it there
            os.environ["HOME"] = str(home)


def read_as_marked(stream):
    """Let piped text that begins with a byte order mark be read in the encoding it names."""
    if stream.isatty() or not hasattr(stream, "buffer"):
        return
    start = stream.buffer.peek(3)[:3]
    for mark, encoding in MARKS.items():
        if start.startswith(mark):
            stream.reconfigure(encoding=encoding)


def left_by_reader(error, shown=()):
    """Whether an error says that nobody reads our output any more: a pipe, or a closed terminal."""
    if not isinstance(error, OSError):
        return False
    hung_up = error.errno == errno.EIO and any(not stream.isatty() for stream in shown)
    return hung_up or isinstance(error, BrokenPipeError)


def forget(stream):
    """Send what is written from here on nowhere, and what still waits to be written, too."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def tell(line):
    """Say a line on standard error, if anyone still listens."""
    try:
        print(line, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        forget(sys.stderr)


def described(error):
    """An unexpected error in a line or two; its traceback is kept in a file."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for this."
    if isinstance(error, OSError):
        return str(error) or type(error).__name__
    said = f"{type(error).__name__}: {error}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="course-", suffix=".txt", delete=False, encoding="utf-8", errors="replace"
        ) as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return said
    return f"{said}\nThis should not have happened. Where it did is in {file.name}"


def flushed(status, title, shown):
    """Write out what waits, while an error can still be told; return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            forget(stream)
            if left_by_reader(error, shown):
                status = status or LEFT
            else:
                tell(f"{title}: {error}")
                status = status or 1
    return status


@contextlib.contextmanager
def passing_on(process):
    """Within it, SIGTERM and SIGHUP go to a process that we started; Ctrl-C reaches it anyway."""

    def pass_on(number, _):
        with contextlib.suppress(OSError):
            process.send_signal(number)

    before = {}
    for name in PASSED_ON:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as by nohup
            before[number] = signal.signal(number, pass_on)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for(process):
    """Wait until a process has ended, whatever we are told meanwhile; return its exit status."""
    with passing_on(process):
        while True:
            try:
                status = process.wait()
            except KeyboardInterrupt:
                continue  # it got that, too
            return status if status >= 0 else 128 - status


def start(arguments):
    """Run a module as `python -m` does."""
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    sys.exit(run_command(start, title=f"course.py {sys.argv[1].rpartition('.')[2]}"))
