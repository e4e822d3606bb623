"""What ties `.venv` to the course: its packages, its kernel, JupyterLab's defaults.

Standard library only.
"""

import contextlib
import hashlib
import json
import os
from pathlib import Path

from helpers import WAITING
from tools.surroundings import output_of

# JupyterLab's defaults in .venv; what a reader chooses in its settings wins
LAB_DEFAULTS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
    "@jupyterlab/docmanager-extension:plugin": {
        "defaultViewers": {"markdown": "Markdown Preview"},  # a lecture note opens as a page
    },
}


def venv_python(venv):
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def startup_line(root):
    """What every Python of the environment does as it starts: finds the course, spins less.

    A line of code rather than a bare path: its bytes are read alike under every encoding. A
    variable in kernel.json would win over the reader's own; this one does not.
    """
    folder = f"os.fsdecode({os.fsencode(root)!r})"
    spin_less = f"[os.environ.setdefault(*pair) for pair in {list(WAITING.items())}]"
    return (
        f"import os, sys; sys.path.append({folder}); "
        f"'OMP_WAIT_POLICY' in os.environ or {spin_less}\n"
    )


def connection_hash(root):
    """A hash that changes when what `connect` writes does."""
    text = startup_line(root) + json.dumps(LAB_DEFAULTS)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def connect(venv, root):
    """Lets the environment find the course's packages, registers the kernel, quiets JupyterLab."""
    code = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    python = str(venv_python(venv))
    said = output_of("Asking Python for the folder of its packages", [python, "-c", code])
    # UTF-8 on both sides, whatever the locale: the same bytes name the same folder
    place = os.fsdecode(said.strip().encode("utf-8", "surrogateescape"))
    (Path(place) / "course.pth").write_text(startup_line(root), "ascii")
    if not (venv / "share/jupyter/kernels/python3/kernel.json").exists():
        command = [python, "-m", "ipykernel", "install", "--sys-prefix", "--name", "python3"]
        output_of("Registering the kernel", command)
    defaults = venv / "share/jupyter/lab/settings/overrides.d/course.json"
    defaults.parent.mkdir(parents=True, exist_ok=True)
    defaults.write_text(json.dumps(LAB_DEFAULTS, indent=1) + "\n", "utf-8")


def mend_moved(venv, old):
    """After the folder moved: activation scripts and first lines that name the new place."""
    for script in venv_python(venv).parent.iterdir():
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = script.read_text("utf-8")
            if not script.is_symlink() and old in text:
                script.write_text(text.replace(old, str(venv)), "utf-8", newline="")
