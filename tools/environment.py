"""Makes and keeps the course's `.venv`, and runs commands in it. Standard library only."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from helpers import shorten_spinning
from tools.connection import connect, connection_hash, mend_moved, venv_python

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("lab", "test", "dev", "compare")
LATER = ("book", "browser")  # extras that are installed when they are first needed
BY_HAND = ("tensorboard",)  # extras that a reader installs who wants them
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
SPACE_NEEDED = 3_000_000_000  # bytes: what .venv takes, and pip's own temporary copies

# what pip says -> what to tell the reader
EXPLANATIONS = (
    (
        ("No space left on device", "Errno 28", "not enough space on the disk", "WinError 112"),
        "The disk is full. Free about 3 GB and run the same command again.",
    ),
    (
        ("Permission denied", "Errno 13", "WinError 5"),
        "A file could not be written. Close what uses .venv, check who owns the folder, try again.",
    ),
    (
        (
            "name resolution",
            "Name or service not known",
            "getaddrinfo failed",
            "nodename nor servname",
            "NewConnectionError",
            "ConnectionError",
            "ConnectTimeout",
            "Read timed out",
            "Max retries exceeded",
            "Network is unreachable",
            "ProxyError",
            "SSLError",
            "from versions: none",
        ),
        "The packages could not be downloaded. Check the network and run the same command again.",
    ),
)


class SetupError(Exception):
    """Something in the way of the set-up that the reader can mend; its text says how."""


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
        return json.loads((venv / "course.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def works(python):
    """Whether this interpreter runs and is one the course supports."""
    code = "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))"
    try:
        return subprocess.run([python, "-c", code], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def explain(text):
    """Turns what a failed command said into one sentence that says what to do."""
    for signs, sentence in EXPLANATIONS:
        if any(sign in text for sign in signs):
            return sentence
    return "The lines above say why. If nothing helps, delete .venv and run the same command again."


def step(title, command, log):
    """Runs one command with its output in a log file; shows the seconds, explains a failure."""
    print(f"  {title} ...", end="", flush=True)
    start = time.monotonic()
    with log.open("a", encoding="utf-8", errors="replace") as stream:
        place = stream.tell()
        stream.write(f"$ {' '.join(map(str, command))}\n")
        stream.flush()
        code = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT).returncode
    print(f" {time.monotonic() - start:.0f} s", flush=True)
    if code:
        with log.open("rb") as stream:
            stream.seek(place)
            said = stream.read().decode("utf-8", errors="replace")
        print("\n".join(said.splitlines()[-8:]), file=sys.stderr)
        raise SetupError(f"{title}: that did not work. {explain(said)}")


def make_venv(venv, python=sys.executable):
    """Makes a virtual environment; where python3-venv is missing, one without its own pip."""
    for options in ([], ["--without-pip"]):
        shutil.rmtree(venv, ignore_errors=True)
        made = subprocess.run(
            [python, "-m", "venv", *options, str(venv)], capture_output=True, text=True
        )
        if made.returncode == 0 and works(venv_python(venv)):
            return
    said = made.stdout + made.stderr
    raise SetupError(f"{venv.name} could not be made: {said.strip()}\n{explain(said)}")


def pip_command(venv):
    """How to call pip for this environment: its own, or the one of the Python that runs us."""
    inside = [str(venv_python(venv)), "-m", "pip"]
    outside = [sys.executable, "-m", "pip", "--python", str(venv_python(venv))]
    for command in (inside, outside):
        if subprocess.run([*command, "--version"], capture_output=True).returncode == 0:
            return [*command, "--disable-pip-version-check", "--no-input"]
    raise SetupError(
        "There is no pip here. Install one first (Debian, Ubuntu: sudo apt install python3-venv) "
        "and run the same command again."
    )


def has_card():
    """Whether an NVIDIA card is at work here."""
    try:
        said = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30)
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
    if subprocess.run([*ask, "-c", constraints, torch], capture_output=True).returncode:
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
    if works(python):
        if stamp.get("folder", str(venv)) != str(venv):
            mend_moved(venv, stamp["folder"])
    else:
        if shutil.disk_usage(root).free < SPACE_NEEDED:
            raise SetupError("The set-up needs about 3 GB of free disk space; there is less here.")
        print("Making .venv")
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


def dispatch(name, arguments, needs_venv):
    """Runs `tools/<name>.py`; what can go wrong on the way becomes one clear message."""
    try:
        python = ensure() if needs_venv else sys.executable
        if name in LATER:
            add_extra(name)
        if name == "test" and "--browser" in arguments:
            add_extra("browser")
    except SetupError as error:
        print(f"course.py: {error}", file=sys.stderr)
        return 1
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"course.py: {error}\n{explain(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ncourse.py: stopped; run the same command to go on.", file=sys.stderr)
        return 130
    if name == "setup":
        print("Everything is installed. Next: python3 course.py lab")
        return 0
    return wait([str(python), "-m", f"tools.{name}", *arguments])


def wait(command):
    """Runs a command in the course's folder; Ctrl-C reaches it, and we wait until it has ended."""
    # Windows: our files are UTF-8 everywhere
    settings = shorten_spinning({"PYTHONUTF8": "1", **os.environ})
    process = subprocess.Popen(command, cwd=ROOT, env=settings)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue
