"""Runs notebooks: cell by cell, with a time limit, watching the memory."""

import contextlib
import os
import re
import tempfile
import threading
import time
from dataclasses import dataclass

import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

CELL_SECONDS = 1800
STARTUP_SECONDS = 120
COLORS = re.compile(r"\x1b\[[0-9;]*m")


class ExecutionFailed(Exception):
    """A cell failed; the text shows its number, its source and its error."""


@dataclass
class Usage:
    """What a run took: seconds, and the peak memory of the kernel and its children in bytes."""

    seconds: float = 0.0
    peak_bytes: int = 0


class Client(NotebookClient):
    """Executes a notebook, leaving out some cells, and remembers where it is."""

    left_out = frozenset()
    current = None

    async def async_execute_cell(self, cell, cell_index, **options):
        if cell_index in self.left_out:
            return cell
        self.current = (cell_index, cell)
        return await super().async_execute_cell(cell, cell_index, **options)


def missing_data(tags):
    """The downloads that an `online` cell names in its tags and that are not in the cache."""
    if "online" not in tags:
        return []
    from helpers.texts import corpora

    named = [tag for tag in tags if tag in corpora.CORPORA]
    with open(os.devnull, "w") as silence, contextlib.redirect_stdout(silence):
        return [name for name in named if not corpora.available(name, shows="")]


def only_a_message(cell):
    """Whether a cell's committed output is nothing, or the line that says what is missing."""
    said = "".join(output.get("text", "?") for output in cell.outputs)
    return not said or (said.startswith("This cell ") and said.count("\n") == 1)


def left_out_cells(notebook):
    """The positions of `online` cells to leave alone: no data here, but outputs from elsewhere."""
    return frozenset(
        index
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
        and missing_data(cell.metadata.get("tags", []))
        and not only_a_message(cell)
    )


@contextlib.contextmanager
def measured():
    """Measures the time of a block and the peak memory of the processes it starts."""
    usage, done, us = Usage(), threading.Event(), psutil.Process()
    before = {child.pid for child in us.children(recursive=True)}

    def watch():
        while not done.wait(0.2):
            total = 0
            for child in us.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    total += child.memory_info().rss if child.pid not in before else 0
            usage.peak_bytes = max(usage.peak_bytes, total)

    watcher, start = threading.Thread(target=watch, daemon=True), time.monotonic()
    watcher.start()
    try:
        yield usage
    finally:
        done.set()
        watcher.join()
        usage.seconds = time.monotonic() - start


def describe(client, error):
    """A failing cell for the reader: number, source, then the error without colors."""
    index, cell = client.current or (0, None)
    if cell is None:
        return f"The kernel did not start: {error}"
    if isinstance(error, CellExecutionError):
        said = COLORS.sub("", error.traceback or "").strip() or f"{error.ename}: {error.evalue}"
    elif isinstance(error, CellTimeoutError):
        said = f"It ran for more than {client.timeout} s; --timeout gives it longer."
    else:
        said = "The kernel died; most often the memory was full."
    return f"Cell {index + 1}:\n\n{cell.source}\n\n{said}"


def execute(notebook, folder, left_out=frozenset(), cell_seconds=CELL_SECONDS):
    """Runs all cells of a notebook object in a fresh kernel; returns the Usage.

    Raises ExecutionFailed with the failing cell's source and error.
    """
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # else a warning in some kernels
    client = Client(
        notebook,
        timeout=cell_seconds,
        startup_timeout=STARTUP_SECONDS,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
        extra_arguments=["--log-level=CRITICAL"],  # what a kernel logs as it ends is no output
        resources={"metadata": {"path": str(folder)}},
    )
    client.left_out = left_out
    with measured() as usage, tempfile.TemporaryDirectory() as empty:
        # without the reader's answers, which would change what a notebook shows
        variables = {**os.environ, "LLM_COURSE_STATE": os.path.join(empty, "progress.json")}
        try:
            client.execute(env=variables)
        except (CellExecutionError, CellTimeoutError, DeadKernelError, RuntimeError) as error:
            raise ExecutionFailed(describe(client, error)) from error
    return usage
