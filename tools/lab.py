"""`course.py lab [NN] [options]`: opens JupyterLab on the first notebook, or on another one.

The notebooks are your own copy: an update of the course overwrites nothing that you changed. Where
the course has a newer version of such a notebook, this command says so;
`course.py lab --take NN` then puts the newer one into your copy and keeps yours beside it.

Prints the address. Options go to JupyterLab (`--port=9000`). Where there is no screen (a server, a
container) it opens no browser. `LLM_COURSE_WORK` names another folder for the copy.
"""

import datetime
import os
import subprocess
import sys
import time
from pathlib import Path

from tools import working_copy
from tools.notebooks import chosen
from tools.terminal import passing_on, run_command

FIRST = "01"
QUIET = "jupyterlab.NeverCheckForUpdate"  # works the same without a network


def has_screen():
    """Whether a browser could show anything here."""
    if sys.platform in ("win32", "darwin"):
        return not os.environ.get("SSH_CONNECTION")
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def servers(work):
    """The running servers of this folder, by process id."""
    from jupyter_server.serverapp import list_running_servers

    every = list_running_servers()
    return {server["pid"]: server for server in every if Path(server["root_dir"]) == work}


def address(server, page):
    """Where a page is, on a running server."""
    return f"{server['url']}lab/tree/{page}?token={server['token']}"


def command(page, options, work):
    """JupyterLab's command line: quiet, in the reader's copy, on one page."""
    line = [sys.executable, "-m", "jupyterlab", page, f"--ServerApp.root_dir={work}"]
    line += ["--ServerApp.log_level=ERROR", "--LabApp.log_level=ERROR", "--LabApp.news_url=None"]
    line += [f"--LabApp.check_for_updates_class={QUIET}", "--ServerApp.answer_yes=True"]
    if not has_screen():
        line.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        line.append("--allow-root")
    return line + options


def say_what_is_newer(names):
    """Name the notebooks that the reader has changed and the course as well."""
    print(f"The course has a newer version of {', '.join(names)}; yours stays as it is.")
    print("To take the newer one and keep yours beside it:", end=" ")
    print(f"python3 course.py lab --take {names[0][:2]}")


def take(originals, work):
    """Put the course's versions into the copy, and say where the reader's own are."""
    today = datetime.date.today().isoformat()
    for original in originals:
        kept = working_copy.take(original, work, today)
        yours = f"yours is now {kept.name}" if kept else "you had changed nothing in it"
        print(f"{original.name} is the course's newest version; {yours}.")
    return 0


def main(arguments):
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    taking = arguments[:1] == ["--take"]
    named = bool(arguments) and not arguments[0].startswith("-")
    numbers = arguments[1:] if taking else [arguments[0] if named else FIRST]
    try:
        if not numbers:
            raise ValueError("course.py lab --take needs the number of a notebook, such as 05")
        originals, work = chosen(numbers), working_copy.folder().resolve()
        newer = working_copy.update(work)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if taking:
        return take(originals, work)
    if newer:
        say_what_is_newer(newer)
    return open_lab(f"notebooks/{originals[0].name}", arguments[named:], work)


def open_lab(page, options, work):
    """Run JupyterLab until it ends; return its exit status."""
    before = servers(work)
    process = subprocess.Popen(command(page, options, work), cwd=work)
    with passing_on(process):
        return show_address(process, page, work, before)


def show_address(process, page, work, before):
    """Print the address of a JupyterLab once it has one, and wait until it ends."""
    shown = False
    while True:
        try:
            if shown:
                return process.wait()
            code = process.poll()
            if code is not None:
                return code
            now = servers(work)
            for server in (now[pid] for pid in now.keys() - before.keys()):
                print(f"\nYour notebooks are in {work / 'notebooks'}")
                print(
                    f"JupyterLab is at\n\n    {address(server, page)}\n\nCtrl-C stops it.",
                    flush=True,
                )
                shown = True
            time.sleep(0.2)
        except KeyboardInterrupt:
            shown = True  # JupyterLab got it too and ends by itself


if __name__ == "__main__":
    sys.exit(run_command(main))
