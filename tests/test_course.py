"""course.py from the outside: its messages, and what each command leaves behind."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import venv
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

import conftest
import course
from tools import connection, environment

ROOT = Path(__file__).resolve().parent.parent


def call(*arguments, cwd=ROOT, **variables):
    """Runs course.py as a reader would."""
    return subprocess.run(
        [sys.executable, str(cwd / "course.py"), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        env={**os.environ, **variables},
    )


@pytest.fixture
def copy(tmp_path):
    """A folder with what the set-up reads, and nothing else."""
    for name in ("course.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pyc*"))
    (tmp_path / "helpers").mkdir()
    shutil.copy(ROOT / "helpers" / "__init__.py", tmp_path / "helpers")
    return tmp_path


def no_network():
    """pip's settings for a machine that reaches no index at all."""
    settings = {name: "" for name in os.environ if name.upper().startswith("PIP_")}
    nowhere = "http://127.0.0.1:9/simple"
    return settings | {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": nowhere,
        "PIP_RETRIES": "1",
        "PIP_DEFAULT_TIMEOUT": "5",
    }


def test_no_command_shows_the_commands():
    said = call()
    assert said.returncode == 2
    for name, _, _ in course.COMMANDS:
        assert f"  {name} " in said.stdout


@pytest.mark.parametrize("word, guess", [("tset", "test"), ("notebook", "notebooks")])
def test_an_unknown_command_gets_a_guess(word, guess):
    said = call(word)
    assert said.returncode == 2
    assert f"Did you mean '{guess}'?" in said.stderr and "Traceback" not in said.stderr


def test_every_command_has_its_file():
    for name, _, _ in course.COMMANDS:
        assert name == "setup" or (ROOT / "tools" / f"{name}.py").exists()


def test_the_wrong_python_is_named(monkeypatch, capsys):
    monkeypatch.setattr(course.sys, "version_info", (3, 9, 18, "final", 0))
    assert course.main(["lab"]) == 1
    assert "this is Python 3.9; the course needs Python 3.11 to 3.13" in capsys.readouterr().err


def test_an_old_python_can_read_course_py():
    """Nothing newer than Python 3.6 in the file that has to explain itself to one."""
    import ast

    with pytest.raises(SyntaxError):  # so old a parser does refuse what is newer
        ast.parse("(a := 1)", feature_version=(3, 6))
    assert ast.parse((ROOT / "course.py").read_text("utf-8"), feature_version=(3, 6)).body


def test_the_versions_agree():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    low, high = course.LOWEST, course.HIGHEST
    assert project["requires-python"] == f">={low[0]}.{low[1]},<{high[0]}.{high[1] + 1}"


# what pip prints -> what the reader is told


@pytest.mark.parametrize(
    "said, advice",
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("Failed to establish a new connection: Name or service not known", "Check the network"),
        ("ERROR: No matching distribution (from versions: none)", "Check the network"),
        ("PermissionError: [Errno 13] Permission denied", "could not be written"),
        ("Segmentation fault", "delete .venv"),
    ],
)
def test_failures_are_explained(said, advice):
    assert advice in environment.explain(said)


def test_a_failing_step_tells_its_last_lines(tmp_path, capsys):
    code = "print('one'); raise SystemExit('[Errno 28] No space left on device')"
    with pytest.raises(environment.SetupError, match="Packages: .*disk is full"):
        environment.step("Packages", [sys.executable, "-c", code], tmp_path / "log")
    assert "No space left" in capsys.readouterr().err


def test_setup_without_network_is_one_message(copy):
    said = call("setup", cwd=copy, **no_network())
    assert said.returncode == 1
    assert "Check the network and run the same command again" in said.stderr
    assert "Traceback" not in said.stderr
    assert not environment.read_stamp(copy / ".venv"), "a set-up that failed leaves no stamp"


def test_setup_refuses_a_full_disk(copy, monkeypatch):
    usage = shutil.disk_usage(copy)._replace(free=10**8)
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(environment.SetupError, match="3 GB of free disk space"):
        environment.ensure(copy)
    assert not (copy / ".venv").exists()


# .venv: made, kept, mended


FAKE_VENV = """
import os, runpy, sys
if "--without-pip" not in sys.argv:
    os.makedirs(os.path.join(sys.argv[-1], "bin"), exist_ok=True)
    sys.exit("ensurepip is not available")
sys.path[:] = [path for path in sys.path if path != os.environ["PYTHONPATH"]]
sys.modules.pop("venv", None)
runpy.run_module("venv", run_name="__main__", alter_sys=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for the Python")
def test_a_python_without_venv_gets_one_without_pip(tmp_path, monkeypatch):
    """Debian without python3-venv: `python3 -m venv` fails half-way, `--without-pip` works."""
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "venv.py").write_text(FAKE_VENV, "utf-8")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}/fake" exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    environment.make_venv(tmp_path / "env", python)
    assert environment.works(environment.venv_python(tmp_path / "env"))
    really = environment.run

    def without_ensurepip(command, **options):
        return really([sys.executable, "-c", "1/0"] if "ensurepip" in command else command)

    monkeypatch.setattr(environment, "run", without_ensurepip)
    assert "--python" in environment.pip_command(tmp_path / "env"), "pip comes from outside"
    monkeypatch.undo()
    assert "--python" not in environment.pip_command(tmp_path / "env"), "pip was put into it"


@pytest.fixture
def quick(copy, monkeypatch):
    """A copy whose packages are 'installed' at once; counts the installations."""
    done = []
    monkeypatch.setattr(environment, "install", lambda folder, root: done.append(folder))
    monkeypatch.setattr(environment, "connect", lambda folder, root: None)
    monkeypatch.setattr(environment, "SPACE_NEEDED", 0)
    monkeypatch.setattr(
        environment, "make_venv", partial(venv.create, clear=True, symlinks=os.name != "nt")
    )
    return copy, done


def test_a_second_run_installs_nothing(quick):
    root, done = quick
    python = environment.ensure(root)
    assert environment.works(python) and len(done) == 1
    environment.ensure(root)
    assert len(done) == 1


def test_a_changed_pin_installs_again(quick):
    root, done = quick
    environment.ensure(root)
    with (root / "constraints.txt").open("a") as stream:
        stream.write("another-package==1.0\n")
    environment.ensure(root)
    assert len(done) == 2


def test_the_address_of_the_repository_installs_nothing(quick):
    from tools import repo

    root, done = quick
    environment.ensure(root)
    text = (root / "pyproject.toml").read_text("utf-8")
    (root / "pyproject.toml").write_text(repo.set_address(text, "someone/course"), "utf-8")
    environment.ensure(root)
    assert len(done) == 1


def test_the_book_installs_its_packages_once(quick, monkeypatch):
    root, done = quick
    steps = []
    monkeypatch.setattr(environment, "step", lambda title, command, log: steps.append(command))
    monkeypatch.setattr(environment, "pip_command", lambda folder: ["pip"])
    environment.ensure(root)
    environment.add_extra("book", root)
    environment.add_extra("book", root)
    assert len(steps) == 1 and len(done) == 1
    assert any(word.startswith("sphinx") for word in steps[0])
    with (root / "constraints.txt").open("a") as stream:
        stream.write("another-package==1.0\n")
    environment.add_extra("book", root)
    assert len(steps) == 2


def test_a_half_made_venv_is_finished(quick):
    root, done = quick
    venv.create(root / ".venv")  # and then the power went
    environment.ensure(root)
    assert len(done) == 1


def test_a_venv_whose_python_is_gone_is_made_again(quick):
    root, done = quick
    python = environment.ensure(root)
    python.unlink()  # as when the Python it was made from is uninstalled
    assert environment.works(environment.ensure(root)) and len(done) == 2


def test_a_moved_venv_is_mended(quick):
    root, done = quick
    environment.ensure(root)
    moved = root.parent / "moved"
    root.rename(moved)
    scripts = environment.venv_python(moved / ".venv").parent
    (scripts / "tool").write_text(f"#!{root / '.venv'}/bin/python\nprint(1)\n")
    environment.ensure(moved)
    assert len(done) == 1, "nothing had to be installed"
    assert (scripts / "tool").read_text().startswith(f"#!{moved / '.venv'}")
    assert environment.read_stamp(moved / ".venv")["folder"] == str(moved / ".venv")


def answers(monkeypatch, report, card=False):
    """Lets pip's dry run give this report."""
    import json

    def run(command, **options):
        if "--report" in command:
            Path(command[command.index("--report") + 1]).write_text(json.dumps(report))
        return subprocess.CompletedProcess(command, 0, "")

    monkeypatch.setattr(environment.sys, "platform", "linux")
    monkeypatch.setattr(environment, "has_card", lambda: card)
    monkeypatch.setattr(environment, "run", run)


CUDA = ["filelock", 'nvidia-cudnn-cu13==9.1; platform_system == "Linux"']


@pytest.mark.parametrize(
    "needs, card, from_cpu_index",
    [(CUDA, False, True), (CUDA, True, False), (["filelock"], False, False)],
)
def test_the_cpu_build_of_torch(monkeypatch, tmp_path, needs, card, from_cpu_index):
    answers(monkeypatch, {"install": [{"metadata": {"requires_dist": needs}}]}, card)
    options = environment.torch_options(["pip"], "torch", tmp_path, "constraints.txt")
    assert (environment.CPU_INDEX in options) == from_cpu_index
    if from_cpu_index:
        assert "--timeout" in options


def test_jupyterlab_asks_no_question(tmp_path):
    """Its defaults in .venv say that no news is wanted; the reader's own configuration stays."""
    from jupyterlab_server.settings_utils import _get_overrides

    venv.create(tmp_path / ".venv", symlinks=os.name != "nt")
    kernel = tmp_path / ".venv/share/jupyter/kernels/python3/kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.touch()
    environment.connect(tmp_path / ".venv", tmp_path)
    found, error = _get_overrides(str(tmp_path / ".venv/share/jupyter/lab/settings"))
    assert error == "" and found == connection.LAB_DEFAULTS
    assert found["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


# the other commands


def test_standard_input_and_the_exit_code_pass_through(tmp_path):
    code = "import sys; from tools import environment; "
    inner = "import sys; print(sys.stdin.read().upper()); sys.exit(3)"
    code += f"sys.exit(environment.wait([sys.executable, '-c', {inner!r}]))"
    said = subprocess.run(
        [sys.executable, "-c", code], input="hé", cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert said.stdout == "HÉ\n" and said.returncode == 3


@pytest.mark.skipif(os.name == "nt", reason="a console's Ctrl-C cannot be sent alone on Windows")
def test_ctrl_c_reaches_the_command_and_its_exit_code_comes_back():
    inner = "import time\ntry:\n print('on', flush=True); time.sleep(60)\nexcept KeyboardInterrupt:\n raise SystemExit(5)"
    code = "import sys; from tools import environment; "
    code += f"sys.exit(environment.wait([sys.executable, '-c', {inner!r}]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout.readline() == b"on\n"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: both get it
    assert process.wait(30) == 5
    process.stdout.close()


def test_ci_and_tests_have_the_same_words():
    text = (ROOT / ".ci" / "run").read_text("utf-8")
    assert text.startswith("#!/bin/sh\n") and "python3 course.py test" in text
    assert os.access(ROOT / ".ci" / "run", os.X_OK) or os.name == "nt"
    assert "python course.py test" in (ROOT / ".github/workflows/test.yml").read_text("utf-8")


def test_the_tests_command_line():
    from tools import test

    everything, threads = test.command([], cores=2)
    assert "notebooks" in everything and "-n" in everything and threads == 1
    quick, _ = test.command(["--quick"], cores=2)
    assert "notebooks" not in quick and "not slow" in quick
    for flag, place in test.APART.items():
        apart, threads = test.command([flag, "-x"], cores=2)
        assert apart[-2:] == [place, "-x"] and (ROOT / place).exists() and threads == 2
    smoke, _ = test.command(["--smoke", "-x"], cores=2)
    assert test.SMOKE in smoke and (ROOT / test.SMOKE).exists() and "not slow" in smoke
    chosen, _ = test.command(["-k", "helpers"], cores=2)
    assert "notebooks" in chosen and test.named(["classroom", "-k", "tests"]) == ["classroom"]
    one, threads = test.command(["tests/test_course.py", "-x"], cores=4)
    assert "notebooks" not in one and one[-2:] == ["tests/test_course.py", "-x"] and threads == 4


def test_the_longest_notebooks_begin_first():
    from tools import test

    numbers = [path.name[:2] for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")]
    assert sorted(numbers) == sorted(test.LONGEST_FIRST)

    def item(name, slow=False):
        return SimpleNamespace(path=Path(name), get_closest_marker=lambda mark: slow or None)

    longest, shortest = (f"{test.LONGEST_FIRST[place]}.ipynb" for place in (0, -1))
    filled = test.LONGEST_FILE
    assert (ROOT / "tests" / filled).is_file()
    items = [item("a.py"), item("b.py"), item("b.py", slow=True), item(shortest), item(longest)]
    items.append(item(filled, slow=True))
    conftest.longest_first(items)
    assert [each.path.name for each in items] == [filled, longest, shortest, "b.py", "b.py", "a.py"]


def test_what_is_solved_in_a_test_is_kept_from_the_reader():
    place = Path(os.environ["LLM_COURSE_STATE"])
    assert place.parent.is_dir() and place.parent.name.startswith("course-tests-")


def test_zip_holds_the_package_and_is_the_same_twice(tmp_path):
    import zipfile

    zip_tool = pytest.importorskip("tools.zip")
    first = zip_tool.write(tmp_path / "a.zip").read_bytes()
    assert first == zip_tool.write(tmp_path / "b.zip").read_bytes()
    names = set(zipfile.ZipFile(tmp_path / "a.zip").namelist())
    assert {"helpers/model.py", "helpers/assets/story.txt", "classroom/assets/quiz.yaml"} <= names
    assert {
        "notebooks/01_eliza_vs_gpt.ipynb",
        "benchmarks/bpe.json",
        "benchmarks/scaling.py",
    } <= names
    assert len([name for name in names if name.startswith("lecture_notes/")]) >= 43
    assert not [name for name in names if "__pycache__" in name or name.startswith(("/", ".."))]


@pytest.mark.parametrize(
    "given, kept",
    [
        ("ann/course", "https://github.com/ann/course"),
        ("https://github.com/ann/course.git", "https://github.com/ann/course"),
        ("none", ""),
    ],
)
def test_repo_sets_the_address(given, kept):
    from tools import repo

    text = repo.set_address((ROOT / "pyproject.toml").read_text("utf-8"), given)
    assert f'\nrepository = "{kept}"\n' in text


@pytest.mark.parametrize("name", ["", "ann", "a b/c", "https://example.com/a/b", 'x/"y"'])
def test_repo_refuses_other_names(name):
    from tools import repo

    with pytest.raises(ValueError, match="OWNER/NAME"):
        repo.set_address('repository = ""', name)


def test_the_address_stands_in_one_place():
    from tools.notebook_parts import repository

    address = repository()
    if not address:
        pytest.skip("the course has no address yet")
    name = address.removeprefix("https://github.com/")
    for path in [*ROOT.glob("*.*"), *ROOT.glob("tools/*.py"), *ROOT.glob("helpers/*.py")]:
        if path.name not in ("pyproject.toml", "README.md") and path.is_file():
            assert name not in path.read_text("utf-8", errors="ignore"), path


def test_bench_lists_what_it_has_and_refuses_the_rest(capsys):
    from tools import bench

    assert bench.main(["--list"]) == 0
    assert "bpe " in capsys.readouterr().out
    assert bench.main(["--help"]) == 0
    assert "python3 course.py bench NAME" in capsys.readouterr().out
    assert bench.main(["no-such-measurement"]) == 1
    assert "There is no measurement 'no-such-measurement'" in capsys.readouterr().err


def test_bench_alone_measures_speed_and_prints_one_table(tmp_path, monkeypatch, capsys):
    from tools import bench

    rows = {
        "steps": [["times the better", 1.4, "at least 1.3", True]],
        "growth": [["memory", 1.25, "at most 1.1", False]],
    }

    def write(name):
        if name in rows:
            record = {"machine": {"processor": "a chip, 2 cores"}, "targets": rows[name]}
            (tmp_path / f"{name}.json").write_text(json.dumps(record))

    monkeypatch.setattr(bench, "run", write)
    (tmp_path / "generation.json").write_text("{}")  # of an earlier run
    assert bench.measure_speed(("steps", "generation", "growth"), tmp_path) == 1
    lines = capsys.readouterr().out.splitlines()[-5:]
    assert lines[0] == "Machine: a chip, 2 cores"
    found = [re.split("  +", line) for line in lines[1:]]
    assert found[1] == ["steps", "times the better", "1.40", "at least 1.3", "yes"]
    assert found[2][:2] == ["generation", "it wrote no figures: see its message above"]
    assert found[3] == ["growth", "memory", "1.25", "at most 1.1", "no"]
    assert bench.measure_speed(("steps",), tmp_path) == 0


def test_lab_is_called_with_the_first_notebook(monkeypatch):
    from tools import lab

    monkeypatch.setattr(lab, "has_screen", lambda: False)
    line = lab.command("notebooks/01_eliza_vs_gpt.ipynb", ["--port=9000"], Path("my_course"))
    assert "--no-browser" in line and line[-1] == "--port=9000"
    assert "notebooks/01_eliza_vs_gpt.ipynb" in line and "--ServerApp.root_dir=my_course" in line


def test_the_workflow_covers_the_three_systems_and_both_ends():
    import yaml

    text = (ROOT / ".github/workflows/test.yml").read_text("utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    assert {"run": "python course.py test"} in jobs["notebooks"]["steps"]
    assert {"run": "python course.py test --smoke"} in jobs["smoke"]["steps"]
    matrix = jobs["smoke"]["strategy"]["matrix"]
    assert {re.sub("-.*", "", system) for system in matrix["os"]} == {"ubuntu", "macos", "windows"}
    low, high = course.LOWEST, course.HIGHEST
    assert {f"3.{low[1]}", f"3.{high[1]}"} <= set(matrix["python"])


@pytest.mark.slow
def test_repo_sets_every_notebook_and_takes_it_back(tmp_path):
    """In a copy: badges, set-up cells and links in all notebooks, and then the same bytes as before."""
    for folder in ("tools", "notebooks", "lecture_notes", "helpers", "classroom"):
        ignored = shutil.ignore_patterns("__pyc*", "figures", "assets", ".ipynb_ch*", "*.tmp")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    for name in ("README.md", "lectures.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)

    def repo(name):
        line = [sys.executable, "-m", "tools.repo", *name]
        said = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert said.returncode == 0, said.stderr
        return said.stdout

    def everything():
        paths = sorted(
            path for path in tmp_path.rglob("*") if path.suffix in (".ipynb", ".md", ".toml")
        )
        return {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in paths}

    before = everything()
    assert "no address yet" in repo([])
    repo(["someone/course"])
    assert repo([]) == "https://github.com/someone/course\n"
    after = everything()
    books = [name for name in after if name.endswith(".ipynb")]
    assert len(books) == len(list((ROOT / "notebooks").glob("*.ipynb")))
    for name in books:
        text = after[name].decode()
        page = f"https://colab.research.google.com/github/someone/course/blob/main/{name}"
        assert text.count(page) == 1, name
        assert text.count('REPOSITORY = \\"https://github.com/someone/course\\"') == 1, name
    assert b"git clone https://github.com/someone/course.git\n" in after["README.md"]
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {*books, "pyproject.toml", "README.md"}
    repo(["none"])
    assert everything() == before


def test_the_tests_in_a_browser_are_dealt_by_their_length():
    pytest.importorskip("playwright.sync_api")
    from tests.browser.conftest import hands
    from tools.test import LONGEST_FIRST

    def item(name):
        return SimpleNamespace(callspec=SimpleNamespace(id=name))

    items = [*map(item, sorted(LONGEST_FIRST)), SimpleNamespace(name="of no notebook")]
    one, other = hands(items, 2)
    assert [each.callspec.id for each in one[:3]] == [LONGEST_FIRST[place] for place in (0, 3, 4)]
    assert [each.callspec.id for each in other[:3]] == [LONGEST_FIRST[n] for n in (1, 2, 5)]
    assert len(one) == len(other) == 8 and hands(items, 1) == [sorted_by_length(items)]


def sorted_by_length(items):
    from tools.test import LONGEST_FIRST

    named = {each.callspec.id: each for each in items[:-1]}
    return [*(named[number] for number in LONGEST_FIRST), items[-1]]
