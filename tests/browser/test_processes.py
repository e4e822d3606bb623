"""Nothing is left behind: not after a test that fails, not after Ctrl-C, not after a kill."""

import contextlib
import os
import signal
import subprocess
import sys

import psutil
import pytest

from tests.browser import server
from tools.lectures import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def begin(name):
    """Start one of the tests in ending.py; returns its process once its notebook is open."""
    line = [sys.executable, "-m", "pytest", "-s", "-q", "-p", "no:cacheprovider"]
    ours = ("COURSE_TEST_PART", "COURSE_BROWSER_SECONDS")
    alone = {name: value for name, value in os.environ.items() if name not in ours}
    process = subprocess.Popen(
        [*line, f"tests/browser/ending.py::{name}"], cwd=ROOT, text=True, env=alone,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    said = []
    for text in process.stdout:
        said.append(text)
        if "at work" in text:
            return process
    pytest.fail("it did not begin:\n" + "".join(said[-40:]))


def alive(processes):
    with_state = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                with_state.append(process)
    return with_state


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize(
    "name, sent, code",
    [("test_fails", None, 1), ("test_waits", signal.SIGINT, 2), ("test_waits", signal.SIGTERM, 2)],
    ids=["failed", "interrupted", "killed"],
)
def test_all_processes_end(in_time, mark, name, sent, code):
    process = begin(name)
    theirs = psutil.Process(process.pid).children(recursive=True)
    started = server.describe(theirs)
    try:
        if sent is not None:
            for kind in ("jupyterlab", "ipykernel_launcher", "chrom"):
                assert kind in started, started
            process.send_signal(sent)
        said, _ = process.communicate(timeout=120)
    finally:
        left = alive([*theirs, psutil.Process(process.pid)] if process.poll() is None else theirs)
        names = server.describe(left)
        server.end_all(left)
    assert names == "" and process.returncode == code, said[-3000:]
    assert "left behind" not in said
