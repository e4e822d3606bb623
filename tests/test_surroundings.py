"""The set-up among a reader's settings: it works, or says what to do, and deletes nothing of theirs."""

import os
import subprocess
import sys
import venv as venv_module
import zipfile
from pathlib import Path

import pytest

from tools import bench, environment, execute, notebooks, run, surroundings

ROOT = Path(__file__).resolve().parent.parent
POSIX = pytest.mark.skipif(os.name == "nt", reason="shell scripts and links")


@pytest.fixture
def made(tmp_path):
    """A virtual environment without pip, and with a file in its packages."""
    folder = tmp_path / ".venv"
    venv_module.create(folder, symlinks=os.name != "nt")
    python = environment.venv_python(folder)
    code = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    packages = Path(surroundings.output_of("asking", [python, "-c", code]).strip())
    (packages / "kept.py").write_text("here = 1\n")
    return folder, packages


def test_python_is_not_led_elsewhere(made, monkeypatch):
    folder, _ = made
    for name in ("HOME", "PATH", "STARTUP", "USERBASE", "SAFEPATH", "INSPECT", "WARNINGS"):
        monkeypatch.setenv(f"PYTHON{name}", "/nowhere")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    variables = surroundings.for_python()
    assert not [name for name in variables if variables[name] == "/nowhere"]
    assert variables["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert environment.reason_to_make(folder) == ""


def test_pip_keeps_where_packages_come_from_and_not_where_they_go():
    listed = [
        "global.index-url='https://mirror.example/simple'",
        "global.proxy='http://old.example'",
        ":env:.proxy='http://new.example'",
        "install.extra-index-url='https://a.example\\nhttps://b.example'",
        "install.user='true'", ":env:.target='/x'", "global.require-virtualenv='1'",
        "install.prefix='/x'", ":env:.dry-run='1'", "download.cert='/other'", ":env:.cert=''",
    ]  # fmt: skip
    assert surroundings.pip_settings("\n".join(listed)) == {
        "index-url": "https://mirror.example/simple",
        "proxy": "http://new.example",
        "extra-index-url": "https://a.example\nhttps://b.example",
    }


TAGS = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel(folder):
    """A package of one module, as a wheel."""
    about = "Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.0\n"
    with zipfile.ZipFile(folder / "tiny_thing-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("tiny_thing.py", "")
        archive.writestr("tiny_thing-1.0.dist-info/METADATA", about)
        archive.writestr("tiny_thing-1.0.dist-info/WHEEL", TAGS)
        archive.writestr("tiny_thing-1.0.dist-info/RECORD", "")


def test_a_readers_pip_settings_do_not_move_the_installation(made, tmp_path, monkeypatch):
    folder, packages = made
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True).returncode:
        pytest.skip("this environment has no pip of its own")
    (tmp_path / "wheels").mkdir()
    wheel(tmp_path / "wheels")
    lines = ["[global]", "no-index = true", f"find-links = {tmp_path / 'wheels'}", "user = true"]
    lines += ["[install]", "user = true", f"target = {tmp_path / 'elsewhere'}"]
    (tmp_path / "pip.conf").write_text("\n".join(lines))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    line = [*pip, "--python", environment.venv_python(folder), "install", "tiny-thing"]
    environment.step("a package", line, tmp_path / "log")
    assert (packages / "tiny_thing.py").exists() and not (tmp_path / "elsewhere").exists()


@POSIX
@pytest.mark.parametrize("kind", ["a file", "a link to nothing", "a folder of the reader's"])
def test_what_is_in_the_way_is_named_and_stays(tmp_path, kind):
    place = tmp_path / ".venv"
    if kind == "a file":
        place.write_text("mine")
    elif kind == "a link to nothing":
        place.symlink_to(tmp_path / "gone")
    else:
        place.mkdir()
        (place / "diary.txt").write_text("mine")
    words = {"a file": "is a file", "a link to nothing": "gone"}.get(kind, "diary.txt")
    with pytest.raises(environment.SetupError, match=words):
        environment.reason_to_make(place)
    assert place.is_symlink() or [path for path in tmp_path.rglob("*") if path.is_file()]


@POSIX
def test_a_link_to_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "large disk").mkdir()
    (tmp_path / ".venv").symlink_to(tmp_path / "large disk")
    assert environment.reason_to_make(tmp_path / ".venv")
    environment.make_venv(tmp_path / ".venv")
    assert (tmp_path / ".venv").is_symlink() and (tmp_path / "large disk/pyvenv.cfg").is_file()


@POSIX
def test_a_python_that_does_not_start_is_no_reason_to_begin_again(made):
    folder, packages = made
    python = environment.venv_python(folder)
    python.unlink()
    python.write_text("#!/bin/sh\necho 'libm.so.6: cannot open shared object file'; exit 127\n")
    python.chmod(0o755)
    with pytest.raises(environment.SetupError, match="libm.so.6: cannot open"):
        environment.reason_to_make(folder)
    assert (packages / "kept.py").exists()


@POSIX
def test_a_new_python_of_the_same_version_keeps_the_packages(made):
    folder, packages = made
    environment.venv_python(folder).unlink()
    environment.venv_python(folder).symlink_to("/usr/bin/no-such-python")
    assert "missing" in environment.reason_to_make(folder)
    environment.make_venv(folder)
    assert environment.works(environment.venv_python(folder)) and (packages / "kept.py").exists()


@POSIX
def test_an_environment_behind_a_link_is_not_emptied(made, tmp_path):
    folder, packages = made
    folder.rename(tmp_path / "another")
    (tmp_path / "another/pyvenv.cfg").write_text("version = 3.1.0\n")
    folder.symlink_to(tmp_path / "another")
    with pytest.raises(environment.SetupError, match="is a link"):
        environment.make_venv(folder)
    assert (packages / "kept.py").exists()


def test_an_environment_without_its_settings_is_not_used(made):
    """Without pyvenv.cfg its Python is the system's, and pip would install there."""
    folder, _ = made
    (folder / "pyvenv.cfg").unlink()
    assert "not complete" in environment.reason_to_make(folder)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"folder": 3}', "\ufeff{}"])
def test_a_damaged_stamp_is_none(made, text):
    folder, _ = made
    (folder / "course.json").write_text(text, "utf-8")
    assert environment.read_stamp(folder).get("requirements") is None


def test_the_end_of_a_long_output_is_short():
    said = surroundings.end_of("\n".join(["first", *["p" * 999] * 9, "the reason"]))
    assert said.endswith("the reason") and len(said) < 1700 and "first" not in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_hides_no_output(capsys):
    code = "print('the reason'); raise SystemExit('[Errno 28] No space left on device')"
    with pytest.raises(environment.SetupError, match="disk is full"):
        environment.step("Packages", [sys.executable, "-c", code], Path("/dev/full"))
    assert "the reason" in capsys.readouterr().err


def test_a_failing_command_of_the_set_up_is_heard():
    code = "import sys; print('no kernel today', file=sys.stderr); sys.exit(3)"
    with pytest.raises(environment.SetupError, match="no kernel today"):
        surroundings.output_of("Registering", [sys.executable, "-c", code])


CONNECT = """
import sys
from pathlib import Path
from tools import environment
folder = Path(sys.argv[1])
environment.connect(folder / ".venv", folder)
print(environment.reason_to_make(folder / ".venv") or "works")
"""


@POSIX
@pytest.mark.parametrize("name", ["Kürs", "l'été  à deux", "日本"])
def test_any_folder_under_any_locale(tmp_path, name):
    folder = tmp_path / name
    venv_module.create(folder / ".venv", symlinks=True)
    kernel = folder / ".venv/share/jupyter/kernels/python3/kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.touch()
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    variables = {**os.environ, **plain, "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-c", CONNECT, str(folder)]
    said = subprocess.run(line, env=variables, capture_output=True, text=True)
    assert said.stdout.strip() == "works", said.stderr
    code = "import sys; print(ascii(sys.path[-1]))"
    python = environment.venv_python(folder / ".venv")
    found = surroundings.output_of("asking", [python, "-c", code])
    assert found.strip() == ascii(str(folder))


@POSIX
def test_a_place_that_cannot_be_written_to_is_found_before_the_work(monkeypatch):
    def never(*_, **__):
        raise AssertionError("the work began")

    monkeypatch.setattr(execute, "execute", never)
    monkeypatch.setattr(subprocess, "Popen", never)
    monkeypatch.setattr(bench, "ROOT", Path(os.devnull))
    for work in (
        lambda: run.main(["01"], build=Path(os.devnull) / "build"),
        lambda: notebooks.regenerate(Path(os.devnull) / "01_eliza_vs_gpt.ipynb"),
        lambda: bench.run("generation"),
    ):
        with pytest.raises(OSError, match="cannot be written to"):
            work()
