"""The notebooks as Colab runs them: an empty folder, a kernel without `helpers`, Colab's versions.

A second environment, in build/colab-env, has what tests/colab_constraints.txt pins. Only these
tests use it. Nothing that it has may be changed by a notebook.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig

import nbformat
import pytest

from classroom.pages import widgets
from tests.turn_cells import SOLUTION, turns_of
from tools import environment, notebook_parts
from tools import zip as zip_tool
from tools.lectures import ROOT

pytestmark = [pytest.mark.colab, pytest.mark.slow]

CONSTRAINTS = ROOT / "tests" / "colab_constraints.txt"
VENV = ROOT / "build" / "colab-env"
INSTALL_SECONDS, CELL_SECONDS = 1500, 600
NOTEBOOKS = {path.name[:2]: path for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))}
CHOSEN = os.environ.get("COURSE_COLAB", "01 05").split()  # COURSE_COLAB=all runs every one
UPLOADED = list(NOTEBOOKS) if CHOSEN == ["all"] else CHOSEN
WIDGET = "application/vnd.jupyter.widget-view+json"
# Colab's own module is loaded when a notebook starts
LAUNCH = (
    "import sys, types; sys.path.remove(''); "
    "sys.modules['google'] = types.ModuleType('google'); "
    "sys.modules['google.colab'] = types.ModuleType('google.colab'); "
    "from ipykernel import kernelapp; kernelapp.launch_new_instance()"
)


def wanted():
    """What the environment's stamp has to say: the pins and the Python."""
    text = CONSTRAINTS.read_text("utf-8") + sys.version
    return hashlib.sha256(text.encode()).hexdigest()


def install():
    """Make the environment and install exactly the pins. Raises what subprocess raises."""
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(VENV)], check=True)
    pip, pins = environment.pip_command(VENV), str(CONSTRAINTS)
    (torch,) = re.findall(r"^torch==.*$", CONSTRAINTS.read_text("utf-8"), re.MULTILINE)
    options = environment.torch_options(pip, torch, VENV, pins)
    line = [*pip, "install", "--quiet", "--prefer-binary", "--no-deps"]
    if options:  # PyTorch's own index has CPU builds, and nothing else
        subprocess.run([*line, *options, torch], check=True, timeout=INSTALL_SECONDS)
    subprocess.run([*line, "-r", pins], check=True, timeout=INSTALL_SECONDS)


def freeze():
    """Every package of the environment with its version."""
    line = [*environment.pip_command(VENV), "freeze", "--all"]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.fixture(scope="module")
def python():
    """The environment's Python; made the first time, and when a pin changes."""
    stamp, found = VENV / "colab.stamp", environment.venv_python(VENV)
    if not (stamp.is_file() and stamp.read_text("utf-8") == wanted() and environment.works(found)):
        try:
            install()
        except (OSError, subprocess.SubprocessError, environment.SetupError) as error:
            pytest.skip(f"the second environment could not be made: {error}")
        stamp.write_text(wanted(), "utf-8")
    return found


@pytest.fixture
def place(tmp_path):
    """An empty folder, in which a notebook will lie alone."""
    (tmp_path / "content").mkdir()
    return tmp_path / "content"


def execute(python, place, notebook):
    """Run a notebook in the folder, by a kernel of the environment; returns it with its outputs."""
    from jupyter_client.kernelspec import KernelSpecManager
    from nbclient import NotebookClient

    kernels, empty = place.parent / "kernels", place.parent / "home"
    (kernels / "colab").mkdir(parents=True)
    empty.mkdir()
    argv = [str(python), "-c", LAUNCH, "-f", "{connection_file}", "--log-level=ERROR"]
    spec = {"argv": argv, "display_name": "Colab", "language": "python"}
    (kernels / "colab" / "kernel.json").write_text(json.dumps(spec), "utf-8")
    specs = KernelSpecManager(kernel_dirs=[str(kernels)], ensure_native_kernel=False)
    nbformat.write(notebook, str(place / "notebook.ipynb"))
    client = NotebookClient(
        notebook,
        kernel_name="colab",
        timeout=CELL_SECONDS,
        store_widget_state=False,
        resources={"metadata": {"path": str(place)}},
    )
    client.create_kernel_manager().kernel_spec_manager = specs  # it ends the kernel, too
    ours = ("LLM_COURSE", "TIKTOKEN", "PYTHON")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    clean |= {"LLM_COURSE_DATA": str(empty), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    clean |= {"XDG_DATA_HOME": str(place.parent / "data")}  # the machine's own, and fresh
    return client.execute(env=clean)


def read(path, repository="", last="import ipywidgets; print(ipywidgets.__version__)"):
    """A notebook without outputs, set up for a repository, with one more cell at its end."""
    notebook = nbformat.read(str(path), 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if "setup" in cell.metadata.get("tags", []):
            cell.source = notebook_parts.setup_source(repository)
    notebook.cells.append(nbformat.v4.new_code_cell(last))
    return notebook


def outputs(notebook, kind):
    """All outputs of one type of a notebook that has run."""
    every = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output for output in every if output.output_type == kind]


def widgets_of(notebook):
    """The plain words of each widget, in order."""
    data = [output.data for output in outputs(notebook, "execute_result")]
    return [each["text/plain"].partition("(")[0] for each in data if WIDGET in each]


def check(done, path):
    """No red box, the widgets that the committed notebook has, made with Colab's ipywidgets."""
    streams = outputs(done, "stream")
    assert [output.text for output in streams if output.name == "stderr"] == []
    assert "".join(output.text for output in done.cells[-1].outputs) == "7.7.1\n"
    committed = outputs(nbformat.read(str(path), 4), "execute_result")
    plain = [output.data.get("text/plain", "").partition("(")[0] for output in committed]
    named = {thing.__name__ for thing in widgets.DESCRIPTIONS if isinstance(thing, type)}
    expected = [name for name in plain if name in named]
    assert widgets_of(done) == expected and {"Quiz", "FlashCards"} <= set(expected)


def test_the_constraints_are_colabs():
    pins = dict(re.findall(r"^([\w.-]+)==(.+)$", CONSTRAINTS.read_text("utf-8"), re.MULTILINE))
    assert (pins["ipywidgets"], pins["ipython"]) == ("7.7.1", "7.34.0")
    assert pins["numpy"].startswith("2.1.") and pins["matplotlib"].startswith("3.10.")


def test_with_nothing_it_says_what_to_do(python, place):
    from nbclient.exceptions import CellExecutionError

    with pytest.raises(CellExecutionError, match="Upload course.zip beside this notebook"):
        execute(python, place, read(NOTEBOOKS["01"]))
    assert [path.name for path in place.iterdir()] == ["notebook.ipynb"]


@pytest.mark.parametrize("number", UPLOADED)
def test_with_an_uploaded_zip(number, python, place):
    before = freeze()
    zip_tool.write(place / "course.zip")
    check(execute(python, place, read(NOTEBOOKS[number])), NOTEBOOKS[number])
    assert freeze() == before


@pytest.mark.parametrize("number", CHOSEN[:1] if CHOSEN != ["all"] else ["01"])
def test_with_the_repository(number, python, place):
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("needs git and a checkout")
    before, published = freeze(), place.parent / "published.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(ROOT), str(published)], check=True)
    show = ["git", "--git-dir", str(published), "show", f"HEAD:notebooks/{NOTEBOOKS[number].name}"]
    path = place.parent / "published.ipynb"  # of the same commit as its `helpers`
    path.write_bytes(subprocess.run(show, capture_output=True, check=True).stdout)
    check(execute(python, place, read(path, published.as_uri())), path)
    assert (place / "course" / "helpers").is_dir()
    assert freeze() == before


def with_cells(repository, *sources):
    """A notebook like 02: its set-up cell, these cells, and what carries turns in and out."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("", metadata={"tags": ["setup"]})]
        + [nbformat.v4.new_code_cell(source) for source in sources]
    )
    notebook.cells = notebook_parts.with_carry(notebook.cells)
    notebook.cells[0].source = notebook_parts.setup_source(repository)
    return notebook


def said_by(notebook):
    return [output.text for output in outputs(notebook, "stream") if output.name == "stdout"]


MINE = "from classroom.mine.desk import mine\n\nmine()"
STUB = "from classroom.turns.t02 import your_turn\n\n\n@your_turn\ndef encode(text, vocabulary):\n    ..."


@pytest.mark.parametrize("source", ["zip", "repository"])
def test_what_was_written_goes_from_one_machine_to_the_next(source, python, tmp_path):
    """Two fresh machines: a turn is written on the first, and joins my_llm.py on the second."""
    repository, solutions = "", [below for _, _, below in turns_of(NOTEBOOKS["02"])]
    if source == "repository":
        if not shutil.which("git") or not (ROOT / ".git").exists():
            pytest.skip("needs git and a checkout")
        published = tmp_path / "published.git"
        subprocess.run(["git", "clone", "-q", "--bare", str(ROOT), str(published)], check=True)
        repository = published.as_uri()
    places = [tmp_path / name / "content" for name in ("first", "second")]
    for place in places:
        place.mkdir(parents=True)
        if source == "zip":
            zip_tool.write(place / "course.zip")
    answer = SOLUTION.findall(solutions[0])[0]
    start = STUB.partition("\n")[0]
    first = execute(python, places[0], with_cells(repository, start, answer, STUB, MINE))
    right, not_yet, file, kept = said_by(first)
    assert right.startswith("text_to_tokens: right") and "encode: not written yet" in not_yet
    assert file.startswith("my_llm.py: ") and (places[0] / "my_llm.py").is_file()
    assert (
        kept
        == "my_turns.zip holds what you wrote: 1 turn, your progress, my_llm.py and my_chat.py.\n"
    )
    shutil.copy(places[0] / "my_turns.zip", places[1])
    look = "from classroom.turns.kept import kept_turns\n\nprint(*[t.name for t in kept_turns()])"
    card = "from classroom.mine.desk import mine\n\nmine(report=True)"
    second = execute(python, places[1], with_cells(repository, start, look, card, STUB))
    came, names, *_ = said_by(second)
    assert came == "1 of your turns came along. Run their cells, or write on.\n"
    assert names == "text_to_tokens\n"
    (shown,) = [output.data for output in outputs(second, "execute_result")]
    assert shown["text/plain"].startswith("ReportCard(1 of ") and WIDGET in shown
    assert [output.text for output in outputs(second, "stream") if output.name == "stderr"] == []


def test_the_widgets_work_under_its_versions(python):
    """The widgets' own tests once more, on the old ipywidgets; pytest comes from the other one."""
    names = "chat_window chat_stream embedding_explorer flash_cards knobs landscape_view merge_view"
    names += (
        " question_generator quiz report_card sampling_view token_view tokenizer_view training_view"
    )
    files = [f"tests/test_{name}.py" for name in names.split()]
    code = (
        f"import sys; sys.path[:] = [{str(ROOT)!r}] + [p for p in sys.path if p]; "
        f"sys.path.append({sysconfig.get_paths()['purelib']!r}); import ipywidgets, pytest; "
        "assert ipywidgets.__version__ == '7.7.1', ipywidgets.__version__; "
        f"sys.exit(pytest.main(['-q', '-n0', '-p', 'no:cacheprovider', *{files!r}]))"
    )
    said = subprocess.run(
        [str(python), "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert said.returncode == 0, said.stdout[-3000:] + said.stderr[-2000:]
