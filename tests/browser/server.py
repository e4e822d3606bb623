"""JupyterLab for the tests: a free port, a token, folders of its own; and all its processes ended."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import psutil

from tools.lectures import ROOT

MARK = "COURSE_BROWSER_TEST"  # in the environment of every process that the tests start
START_SECONDS, END_SECONDS = 120, 40
QUIET = "jupyterlab.NeverCheckForUpdate"
CHOSEN = {  # every cell is drawn, and no question is asked
    "notebook-extension/tracker": {"windowingMode": "none", "autoStartDefaultKernel": True},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


@dataclass
class Lab:
    """A running JupyterLab: where it listens, the token that it wants, its folder."""

    base: str
    token: str
    folder: Path

    def page(self, name):
        """The address of a notebook's page."""
        return f"{self.base}/lab/tree/notebooks/{name}?token={self.token}&reset"

    def ask(self, path, method="GET", tries=5):
        """Ask its interface; returns the answer's bytes."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.base}/api/{path}", headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code < 500 or tries == 1:
                raise
        time.sleep(1)  # so it answers while a kernel is only half there
        return self.ask(path, method, tries - 1)

    def kernels(self):
        """The kernels that run: id, state and so on."""
        return json.loads(self.ask("kernels"))

    def end_kernels(self):
        """Shut every kernel down."""
        for kernel in self.kernels():
            self.ask(f"kernels/{kernel['id']}", "DELETE")


def free_port():
    """A port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def settings(folder):
    """The environment for JupyterLab: nothing of the reader's own, and every cell drawn at once."""
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    places = {f"JUPYTER_{name}": str(folder / name.lower()) for name in names}
    places |= {f"JUPYTERLAB_{n}_DIR": str(folder / n.lower()) for n in ("SETTINGS", "WORKSPACES")}
    for name, chosen in CHOSEN.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(chosen), "utf-8")
    return {
        **os.environ,
        **places,
        "JUPYTER_PATH": f"{sys.prefix}/share/jupyter",  # the kernels of this environment
        "LLM_COURSE_STATE": str(folder / "progress.json"),  # every card is new
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def command(port, token, root):
    """JupyterLab's command line."""
    line = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}"]
    line += [f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={token}"]
    line += ["--ServerApp.port_retries=0", "--LabApp.news_url=None"]
    line += [f"--LabApp.check_for_updates_class={QUIET}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        line.append("--allow-root")
    return line


def wait_for(lab, process, log):
    """Wait until it answers. Raises RuntimeError with the end of its log where it does not."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            return lab.ask("status")
        except (urllib.error.URLError, OSError):
            if process.poll() is not None or time.monotonic() > end:
                said = log.read_text("utf-8", errors="replace")[-2000:]
                raise RuntimeError(f"JupyterLab does not answer:\n{said}") from None
            time.sleep(0.3)


@contextlib.contextmanager
def running(folder):
    """JupyterLab over copies of the notebooks, until the block ends; however it ends."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    lab, log = Lab("", secrets.token_hex(16), folder), folder / "lab.log"
    port = free_port()
    lab.base = f"http://127.0.0.1:{port}"
    line, places = command(port, lab.token, folder), settings(folder / "jupyter")
    with open(log, "w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            line, cwd=folder, env=places, stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        wait_for(lab, process, log)
        yield lab
    finally:
        process.send_signal(signal.SIGTERM)  # it ends its kernels as well
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def marked(mark):
    """The processes of this machine that carry the mark, but not this one."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            dead = process.status() == psutil.STATUS_ZOMBIE
            if process.pid != os.getpid() and not dead and process.environ().get(MARK) == mark:
                found.append(process)
    return found


def family():
    """This process's children and theirs, as far as they are alive."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def describe(processes):
    """A line a process: its number and how it was started."""
    lines = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            lines.append(f"{process.pid} {' '.join(process.cmdline())[:120]}")
    return "\n".join(lines)


def end_all(processes):
    """Kill processes and wait until they are gone; returns those that are not."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    return psutil.wait_procs(processes, timeout=END_SECONDS)[1]


def wait_until_gone(find, seconds=END_SECONDS):
    """Give processes some time to end by themselves; returns those that `find()` still finds."""
    end = time.monotonic() + seconds
    while (left := find()) and time.monotonic() < end:
        time.sleep(0.2)
    return left
