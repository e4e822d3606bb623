"""Makes and keeps the course's `.venv`, and runs commands in it. Standard library only."""

import collections
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from tools.connection import connect, connection_hash, mend_moved, venv_python
from tools.surroundings import (
    SetupError,
    end_of,
    explain,
    for_command,
    for_python,
    last_lines,
    run,
)
from tools.terminal import wait_for

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("lab", "test", "dev", "compare")
LATER = ("book", "browser")  # extras that are installed when they are first needed
BY_HAND = ("tensorboard",)  # extras that a reader installs who wants them
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# exits with 0 in a virtual environment of a Python that the course supports
SUPPORTED = (
    "import sys; sys.exit(sys.prefix == sys.base_prefix"
    " or not (3, 11) <= sys.version_info[:2] <= (3, 13))"
)
# what `python -m venv` makes, in the order in which it does, and what the set-up adds
PARTS = set(
    "bin Scripts include Include lib lib64 Lib share etc pyvenv.cfg .gitignore CACHEDIR.TAG"
    " setup.log torch.json course.json".split()
)
SMALL = "--small"  # of `setup` and `lab`: no downloads besides the packages
SPACE_NEEDED = 3_000_000_000  # bytes: what .venv takes, and pip's own temporary copies


def requirements(root=ROOT, extras=EXTRAS):
    """All that the course installs, as pip takes it; torch comes first."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    return sorted(dict.fromkeys(wanted), key=lambda line: not line.startswith("torch"))


def fingerprint(root=ROOT, extras=EXTRAS):
    """A hash that changes when a requirement or a pin does."""
    text = json.dumps(requirements(root, extras)) + (root / "constraints.txt").read_text("utf-8")
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def read_stamp(venv):
    """What the last finished set-up wrote, or nothing."""
    try:
        stamp = json.loads((venv / "course.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def works(python):
    """Whether this interpreter runs, in an environment, and is one the course supports."""
    try:
        return run([python, "-c", SUPPORTED], timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def check_place(venv):
    """Raise SetupError where `.venv` is something that the set-up must neither use nor delete."""
    if venv.is_symlink() and not venv.exists():
        raise SetupError(
            f"{venv.name} is a link to {os.readlink(venv)}, which does not exist: make that folder "
            "or delete the link, and run the same command again."
        )
    if venv.exists() and not venv.is_dir():
        raise SetupError(
            f"{venv.name} is a file, and the set-up needs a folder of that name: move the file "
            "away and run the same command again."
        )
    if venv.is_dir() and not (venv / "pyvenv.cfg").is_file():
        strange = sorted({path.name for path in venv.iterdir()} - PARTS)
        if strange:
            raise SetupError(
                f"{venv.name} is no virtual environment, but holds {strange[0]}: move it away and "
                "run the same command again."
            )


def reason_to_make(venv):
    """Why `.venv` has to be made, or nothing where it works; a fault elsewhere is a SetupError.

    Only an environment without a Python, or with one of another version, is made again: whatever
    else keeps it from starting would keep the next one from starting, too.
    """
    check_place(venv)
    python = venv_python(venv)
    if not python.exists():
        return "its Python is missing" if venv.is_dir() and any(venv.iterdir()) else "it is new"
    try:
        said = run([python, "-c", f"print('runs'); {SUPPORTED}"], timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"{python} does not start: {error}\n{explain(str(error))}") from None
    if said.returncode == 0:
        return ""
    if said.stdout.strip().endswith("runs"):
        return "it is not complete, or its Python is of another version"
    raise SetupError(f"{python} does not start:\n{last_lines(said.stdout)}")


def step(title, command, log):
    """Run one command, its output in a log file; show the seconds, and explain a failure."""
    print(f"  {title} ...", end="", flush=True)
    start = time.monotonic()
    command = list(map(str, command))
    said = collections.deque(maxlen=200)  # kept here, too: a full disk takes no log
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(open_log(log))
        write_log(stream, f"$ {' '.join(command)}\n".encode("utf-8", "surrogateescape"))
        process = subprocess.Popen(
            command,
            env=for_command(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            for line in process.stdout:
                said.append(line)
                write_log(stream, line)
            code = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
    print(f" {time.monotonic() - start:.0f} s", flush=True)
    if code:
        text = b"".join(said).decode("utf-8", errors="replace")
        print(end_of(text), file=sys.stderr)
        raise SetupError(f"{title}: that did not work. {explain(text)}")


def open_log(path):
    """The log, to append to; where it cannot be written, nowhere: the log is no reason to stop."""
    try:
        return open(path, "ab", buffering=0)
    except OSError:
        return open(os.devnull, "wb", buffering=0)


def write_log(stream, data):
    """Write to the log as far as the disk allows."""
    with contextlib.suppress(OSError):
        stream.write(data)


def make_venv(venv, python=sys.executable):
    """Make a virtual environment; where python3-venv is missing, one without its own pip.

    What an environment of the same version holds is kept, so that nothing is downloaded again.
    """
    if venv.is_dir() and not same_version(venv):
        if venv.is_symlink() and any(venv.iterdir()):
            raise SetupError(
                f"{venv.name} is a link to {os.readlink(venv)}, whose environment does not work here: "
                "delete the link and run the same command again."
            )
        for path in venv.iterdir():  # the folder itself may be a link, or a disk of its own
            remove(path)
    for link in venv_python(venv).parent.glob("python*"):
        remove(link)
    for options in ([], ["--without-pip"]):
        made = run([python, "-m", "venv", *options, venv.resolve()])  # venv itself refuses links
        if made.returncode == 0 and works(venv_python(venv)):
            return
    raise SetupError(f"{venv.name} could not be made: {last_lines(made.stdout)}")


def same_version(venv):
    """Whether an environment was made for the version of Python that runs this."""
    try:
        text = (venv / "pyvenv.cfg").read_text("utf-8", errors="replace")
    except OSError:
        return False
    made_for = re.search(r"^version\w* *= *(\d+)\.(\d+)", text, re.MULTILINE)
    return bool(made_for) and tuple(map(int, made_for.groups())) == sys.version_info[:2]


def remove(path):
    """Remove a file, a link or a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def pip_command(venv):
    """How to call pip for this environment: its own, or the one of the Python that runs us."""
    python = venv_python(venv)
    inside = [str(python), "-m", "pip"]
    outside = [sys.executable, "-m", "pip", "--python", str(python)]
    said = []
    for command in (inside, outside):
        found = run([*command, "--version"])
        if found.returncode == 0:
            return [*command, "--disable-pip-version-check", "--no-input"]
        said.append(found.stdout)
        if command is inside and run([python, "-m", "ensurepip", "--default-pip"]).returncode == 0:
            if run([*inside, "--version"]).returncode == 0:  # it was half made
                return [*inside, "--disable-pip-version-check", "--no-input"]
    if not all("No module named pip" in text for text in said):
        raise SetupError(f"pip does not start:\n{last_lines(said[-1])}")
    raise SetupError(
        "There is no pip here. Install one first (Debian, Ubuntu: sudo apt install python3-venv) "
        "and run the same command again."
    )


def has_card():
    """Whether an NVIDIA card is at work here."""
    try:
        said = run(["nvidia-smi", "-L"], timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.returncode == 0 and "GPU" in said.stdout


def torch_options(pip, torch, venv, constraints):
    """Extra options for installing torch: PyTorch's CPU index where pip would fetch CUDA in vain.

    On Linux the package index serves a build with several GB of NVIDIA libraries. Without a card
    they are of no use.
    """
    if not sys.platform.startswith("linux") or has_card():
        return []
    report = venv / "torch.json"
    ask = [*pip, "install", "--dry-run", "--quiet", "--no-deps", "--report", str(report)]
    if run([*ask, "-c", constraints, torch]).returncode:
        return []  # the real installation will fail as well, and say why
    needed = [
        name
        for package in json.loads(report.read_text("utf-8"))["install"]
        for name in package["metadata"].get("requires_dist", [])
    ]
    if any(name.startswith(("nvidia", "cuda")) and "extra ==" not in name for name in needed):
        # that index has torch, but not the pinned versions of what torch needs: those come next
        return ["--index-url", CPU_INDEX, "--no-deps", "--timeout", "30", "--retries", "2"]
    return []


def install(venv, root=ROOT):
    """Installs the pinned set, torch first."""
    log = venv / "setup.log"
    constraints = str(root / "constraints.txt")
    pip = pip_command(venv)
    torch, *rest = requirements(root)
    options = torch_options(pip, torch, venv, constraints)
    base = [*pip, "install", "--prefer-binary", "-c", constraints]
    try:
        step("PyTorch (about 200 MB, the first time)", [*base, *options, torch], log)
    except SetupError as error:
        if "--index-url" not in options:
            raise
        raise SetupError(
            f"{error}\nThe CPU build of PyTorch comes from {CPU_INDEX}. If that address is "
            f"closed here, install torch into .venv by hand and run the same command again."
        ) from None
    step("the other packages", [*base, torch, *rest], log)
    modules = "torch, numpy, tiktoken, matplotlib, ipywidgets, jupyterlab, nbval"
    step("a first import", [str(venv_python(venv)), "-c", f"import {modules}"], log)


def ensure(root=ROOT):
    """Brings `.venv` to the tested state, at once if it is there already; returns its Python."""
    venv = root / ".venv"
    python = venv_python(venv)
    stamp = read_stamp(venv)
    wanted = {
        "requirements": fingerprint(root),
        "folder": str(venv),
        "connection": connection_hash(root),
    }
    if stamp == wanted and python.exists():
        return python
    why = reason_to_make(venv)
    if not why:
        if isinstance(before := stamp.get("folder"), str) and before != str(venv):
            mend_moved(venv, before)
    else:
        if shutil.disk_usage(venv if venv.is_dir() else root).free < SPACE_NEEDED:
            raise SetupError("The set-up needs about 3 GB of free disk space; there is less here.")
        print(f"Making .venv ({why})")
        make_venv(venv)
        stamp = {}
    if stamp.get("requirements") != wanted["requirements"]:
        print("Installing the tested packages (some minutes, once):")
        install(venv, root)
    connect(venv, root)
    (venv / "course.json").write_text(json.dumps(wanted), "utf-8")
    return python


def add_extra(name, root=ROOT):
    """Installs what one command needs besides the rest, the first time and when a pin changes."""
    venv = root / ".venv"
    stamp, wanted = venv / f"{name}.stamp", fingerprint(root, (name,))
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return
    print(f"Installing the packages of the {name} (a minute, once):")
    command = [*pip_command(venv), "install", "--prefer-binary", "-c", root / "constraints.txt"]
    packages = requirements(root, (name,))
    step(f"the packages of the {name}", [*map(str, command), *packages], venv / "setup.log")
    stamp.write_text(wanted, "utf-8")


def fetch_first(python):
    """The last step of the set-up: a chat model and the lectures' texts, if they can be had."""
    print("Fetching a chat model and the texts of the lectures (100 MB, once; --small: without):")
    wait([str(python), "-m", "tools.terminal", "tools.data", "--first"])


def dispatch(name, arguments, needs_venv):
    """Runs `tools/<name>.py`; what can go wrong on the way becomes one clear message."""
    small = name in ("setup", "lab") and SMALL in arguments
    try:
        before = read_stamp(ROOT / ".venv").get("requirements")
        python = ensure() if needs_venv else sys.executable
        if needs_venv and before is None and not small:
            fetch_first(python)
        if name in LATER:
            add_extra(name)
        if name == "test" and "--browser" in arguments:
            add_extra("browser")
    except SetupError as error:
        print(f"course.py: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        raise  # not a fault of the set-up: our reader has left
    except OSError as error:
        print(f"course.py: {error}\n{explain(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ncourse.py: stopped; run the same command to go on.", file=sys.stderr)
        return 130
    if name == "setup":
        print("Everything is installed. Next: python3 course.py lab")
        return 0
    if small:
        arguments = [word for word in arguments if word != SMALL]
    return wait([str(python), "-m", "tools.terminal", f"tools.{name}", *arguments])


def wait(command):
    """Run a command in the course's folder and return its exit status."""
    return wait_for(subprocess.Popen(command, cwd=ROOT, env=for_python()))
