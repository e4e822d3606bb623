"""How long PyTorch's threads spin while they wait: set wherever the course starts Python."""

import os
import subprocess
import sys
import venv
from functools import partial
from pathlib import Path

import pytest

import helpers
from tools import connection, environment

ROOT = Path(__file__).resolve().parent.parent
OURS = ("OMP_WAIT_POLICY", *helpers.WAITING)
CHOSEN = [
    {},
    {"GOMP_SPINCOUNT": "7"},
    {"KMP_BLOCKTIME": "7"},
    {"OMP_WAIT_POLICY": "ACTIVE"},
]


def expected(chosen):
    """What a process ends up with, where the reader has chosen this."""
    return chosen if "OMP_WAIT_POLICY" in chosen else helpers.WAITING | chosen


def bare(**more):
    """This environment without the variables in question."""
    return {name: value for name, value in os.environ.items() if name not in OURS} | more


SHOW = f"import os; print({{n: os.environ[n] for n in {OURS} if n in os.environ}})"


def shown(python, code, chosen, **more):
    done = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120,
        env=bare(**chosen, **more),
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("chosen", CHOSEN, ids=str)
def test_an_import_of_helpers_sets_it(chosen):
    assert shown(sys.executable, f"import helpers; {SHOW}", chosen) == str(expected(chosen))


@pytest.mark.parametrize("chosen", CHOSEN, ids=str)
def test_course_py_sets_it_for_every_command(chosen):
    code = f"import sys; from tools import environment; environment.wait([sys.executable, '-S', '-c', {SHOW!r}])"
    assert shown(sys.executable, code, chosen) == str(expected(chosen))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """An environment without packages, connected to a course in a folder with other letters."""
    root = tmp_path_factory.mktemp("course") / "Kürs"
    (root / "classroom").mkdir(parents=True)
    (root / "classroom" / "__init__.py").write_text("print('found')")
    kernel = root / ".venv" / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    venv.create(root / ".venv", symlinks=os.name != "nt")
    kernel.parent.mkdir(parents=True)
    kernel.write_text("{}")
    environment.connect(root / ".venv", root)
    return environment.venv_python(root / ".venv")


@pytest.mark.parametrize("chosen", CHOSEN, ids=str)
def test_every_python_of_the_environment_sets_it(home, chosen):
    """So the kernel does, whoever starts it; a variable in kernel.json would win over the reader's."""
    assert shown(str(home), SHOW, chosen, PYTHONPATH="") == str(expected(chosen))


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_the_environment_finds_the_course_under_every_encoding(home, locale, tmp_path):
    settings = {"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONPATH": ""}
    done = subprocess.run(
        [str(home), "-c", "import classroom"], capture_output=True, text=True, cwd=tmp_path,
        env=bare(**settings),
    )  # fmt: skip
    assert done.stdout == "found\n" and "course.pth" not in done.stderr


def test_a_venv_of_before_is_connected_again(tmp_path, monkeypatch):
    """Nothing is installed for it."""
    done = []
    monkeypatch.setattr(environment, "install", lambda *a: done.append("install"))
    monkeypatch.setattr(environment, "connect", lambda *a: done.append("connect"))
    monkeypatch.setattr(environment, "SPACE_NEEDED", 0)
    monkeypatch.setattr(environment, "make_venv", partial(venv.create, symlinks=os.name != "nt"))
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text((ROOT / name).read_text("utf-8"), "utf-8")
    environment.ensure(tmp_path)
    environment.ensure(tmp_path)
    assert done == ["install", "connect"]
    monkeypatch.setattr(connection, "startup_line", lambda root: "import another")
    environment.ensure(tmp_path)
    environment.ensure(tmp_path)
    assert done == ["install", "connect", "connect"]


def spin_count(code):
    """What GNU's OpenMP says that it has read, in a process that runs this code."""
    done = subprocess.run(
        [sys.executable, "-c", f"import os; [os.environ.pop(n, 0) for n in {OURS}]; {code}"],
        capture_output=True, text=True, cwd=ROOT, timeout=120, env=bare(OMP_DISPLAY_ENV="VERBOSE"),
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if "GOMP_SPINCOUNT" in line]
    return lines[0].split("'")[1]


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="PyTorch has GNU's OpenMP on Linux"
)
def test_openmp_reads_it_once_when_torch_is_loaded():
    ours = helpers.WAITING["GOMP_SPINCOUNT"]
    assert spin_count("import helpers, torch") == ours
    late = spin_count("import torch, helpers")
    assert late != ours and int(late) > 20 * int(ours), "too late: the default, and no harm"
