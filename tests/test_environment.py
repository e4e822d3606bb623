"""What the course installs: one list, told to pip, to conda and to this very environment alike."""

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools import environment

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONDA_NAMES = {"torch": "pytorch"}  # the one name that differs

BASE = "torch numpy tiktoken matplotlib ipywidgets tqdm pooch requests safetensors regex pyyaml".split()

# what Colab had installed in the summer of 2026; the course must run there without changing it
COLAB = {"torch": "2.11.0", "numpy": "2.1.3", "matplotlib": "3.10.0", "ipywidgets": "7.7.1"}


def pins():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin.name): pin for pin in found}


def requirements():
    return [Requirement(line) for line in environment.requirements()]


def extra_requirements():
    """What some commands install only when they are called."""
    extras = (*environment.LATER, *environment.BY_HAND)
    return [Requirement(line) for extra in extras for line in EXTRAS[extra]]


def test_the_base_install_is_small():
    assert [Requirement(line).name for line in PROJECT["dependencies"]] == BASE
    everything = {canonicalize_name(requirement.name) for requirement in requirements()}
    assert not everything & {"tensorflow", "pandas", "scikit-learn"}


def test_torch_comes_first():
    assert requirements()[0].name == "torch"


def test_every_extra_is_installed():
    extras = [*environment.EXTRAS, *environment.LATER, *environment.BY_HAND]
    assert sorted(extras) == sorted(EXTRAS)


def test_colab_keeps_its_versions():
    ranges = {Requirement(line).name: Requirement(line) for line in PROJECT["dependencies"]}
    for name, version in COLAB.items():
        assert ranges[name].specifier.contains(version), f"{name} {version} is shut out"
    assert SpecifierSet(PROJECT["requires-python"]).contains("3.13.5")


def test_torch_has_an_upper_bound():
    """Without one, pip takes the newest CUDA build, several GB, even on a machine without a card."""
    (torch,) = [Requirement(line) for line in PROJECT["dependencies"] if line.startswith("torch")]
    assert not torch.specifier.contains("2.14.0") and torch.specifier.contains("2.9.0")


def test_every_requirement_is_pinned_within_its_range():
    pinned, wrong = pins(), []
    for requirement in [*requirements(), *extra_requirements()]:
        pin = pinned.get(canonicalize_name(requirement.name))
        versions = [each.version for each in pin.specifier] if pin else []
        if len(versions) != 1 or not requirement.specifier.contains(versions[0]):
            wrong.append(f"{requirement} is pinned as {pin}")
    assert not wrong, "\n".join(wrong)


def test_constraints_name_versions_only():
    def plain(pin):
        text = rf"{re.escape(pin.name)}==[^+,]+"
        return not pin.url and not pin.extras and re.fullmatch(text, str(pin))

    assert [str(pin) for pin in pins().values() if not plain(pin)] == []


def test_conda_gets_the_same_set():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    assert conda["channels"] == ["conda-forge", "nodefaults"]
    python, *packages = [Requirement(line) for line in conda["dependencies"]]
    assert python.name == "python"
    assert python.specifier == SpecifierSet(PROJECT["requires-python"])
    expected = {
        CONDA_NAMES.get(requirement.name, requirement.name): requirement.specifier
        for requirement in requirements()
    }
    assert {package.name: package.specifier for package in packages} == expected


def installed(name):
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0", "3.13.0"])
def test_the_pins_admit_every_supported_python(python):
    """A pin that needs 3.11.5 locks out Debian 12, whose Python is 3.11.2."""
    for name, pin in pins().items():
        package = installed(name)
        if package is None or not pin.specifier.contains(Version(package.version).public):
            continue  # not the pinned one: nothing to learn from it here
        needs = package.metadata.get("Requires-Python")
        assert not needs or SpecifierSet(needs).contains(python), f"{pin}: {needs}"


def test_this_environment_is_the_pinned_one():
    stamp = environment.read_stamp(Path(sys.prefix))
    if stamp.get("requirements") != environment.fingerprint():
        pytest.skip("these tests do not run in a finished .venv of the course")
    for requirement in requirements():
        package = installed(requirement.name)
        version = Version(package.version).public  # 2.13.0+cpu is 2.13.0
        assert pins()[canonicalize_name(requirement.name)].specifier.contains(version)


@pytest.mark.slow
def test_the_package_takes_its_data_along(tmp_path):
    """A wheel of the course holds every file of both packages."""
    pytest.importorskip("setuptools")
    wanted = set()
    packages = ("helpers", "classroom")
    for path in (path for name in packages for path in (ROOT / name).rglob("*")):
        if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts):
            wanted.add(path.relative_to(ROOT).as_posix())
    ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in packages:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "."]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    if "No module named pip" in built.stderr:
        pytest.skip("this environment has no pip of its own")
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith(packages)}
    assert inside == wanted


def test_no_index_host_is_committed():
    hosts = re.compile(r"pypi\.org|files\.pythonhosted|/opt/|file://")
    for name in ("pyproject.toml", "constraints.txt", "environment.yml", "course.py", ".ci/run"):
        assert not hosts.search((ROOT / name).read_text("utf-8")), name
