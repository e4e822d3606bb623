"""`course.py lab [NN] [options]`: opens JupyterLab on the first notebook, or on another one.

Prints the address. Options go to JupyterLab (`--port=9000`). Where there is no screen (a server, a container) it opens no browser.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from tools.lectures import ROOT
from tools.notebooks import chosen

FIRST = "01"
QUIET = "jupyterlab.NeverCheckForUpdate"  # works the same without a network


def has_screen():
    """Whether a browser could show anything here."""
    if sys.platform in ("win32", "darwin"):
        return not os.environ.get("SSH_CONNECTION")
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def servers():
    """The running servers of this folder, by process id."""
    from jupyter_server.serverapp import list_running_servers

    every = list_running_servers()
    return {server["pid"]: server for server in every if Path(server["root_dir"]) == ROOT}


def address(server, page):
    """Where a page is, on a running server."""
    return f"{server['url']}lab/tree/{page}?token={server['token']}"


def command(page, options):
    """JupyterLab's command line: quiet, in the course's folder, on one page."""
    line = [sys.executable, "-m", "jupyterlab", page, f"--ServerApp.root_dir={ROOT}"]
    line += ["--ServerApp.log_level=ERROR", "--LabApp.log_level=ERROR", "--LabApp.news_url=None"]
    line += [f"--LabApp.check_for_updates_class={QUIET}", "--ServerApp.answer_yes=True"]
    if not has_screen():
        line.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        line.append("--allow-root")
    return line + options


def main(arguments):
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    named = bool(arguments) and not arguments[0].startswith("-")
    try:
        path = chosen([arguments[0] if named else FIRST])[0]
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    page = path.relative_to(ROOT).as_posix()
    before = servers()
    process = subprocess.Popen(command(page, arguments[named:]), cwd=ROOT)
    shown = False
    while True:
        try:
            if shown:
                return process.wait()
            code = process.poll()
            if code is not None:
                return code
            now = servers()
            for server in (now[pid] for pid in now.keys() - before.keys()):
                print(
                    f"\nJupyterLab is at\n\n    {address(server, page)}\n\nCtrl-C stops it.",
                    flush=True,
                )
                shown = True
            time.sleep(0.2)
        except KeyboardInterrupt:
            shown = True  # JupyterLab got it too and ends by itself


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
