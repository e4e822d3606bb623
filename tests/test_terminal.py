"""Commands and their terminals: no traceback, whatever the streams are, or have become."""

import ast
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools import terminal

ROOT = Path(__file__).resolve().parent.parent
POSIX = pytest.mark.skipif(os.name == "nt", reason="needs a shell")
COMMAND = "import sys; from tools.terminal import run_command\ndef main(arguments):\n{}\n"


def line(body):
    """A command line whose `main` has this body."""
    code = COMMAND.format("\n".join(f"    {part}" for part in body.splitlines()))
    return [sys.executable, "-c", f"{code}sys.exit(run_command(main, title='course.py it'))"]


def call(body, **variables):
    return subprocess.run(
        line(body), cwd=ROOT, env={**os.environ, **variables}, capture_output=True, timeout=60
    )


def test_every_command_comes_through_the_door():
    wrong = []
    for path in [*ROOT.glob("tools/*.py"), *ROOT.glob("tools/makers/*.py")]:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
                body = ast.unparse(node.body)
                if not body.startswith("sys.exit(run_command("):
                    wrong.append(f"{path.name}: {body}")
    assert not wrong, wrong


def test_an_unexpected_error_is_one_line_and_a_file(tmp_path):
    said = call("{}['weights']", TMPDIR=str(tmp_path), TEMP=str(tmp_path))
    assert said.returncode == 1 and b"Traceback" not in said.stderr
    assert b"course.py it: KeyError: 'weights'" in said.stderr
    (file,) = tmp_path.glob("course-*.txt")
    assert "Traceback" in file.read_text("utf-8") and str(file).encode() in said.stderr


@pytest.mark.parametrize(
    "body, status, words",
    [
        ("raise KeyboardInterrupt", 130, b"stopped"),
        ("open('no/such/file')", 1, b"no/such/file"),
        ("raise MemoryError", 1, b"not enough memory"),
        ("sys.exit('a word')", 1, b"a word"),
        ("return 3", 3, b""),
        ("return None", 0, b""),
    ],
)
def test_every_end_has_its_status(body, status, words):
    said = call(body)
    assert said.returncode == status and words in said.stderr
    assert b"Traceback" not in said.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-16", "utf-8"])
def test_any_encoding_of_the_output(encoding):
    body = "print('caf\\xe9 \\u65e5 \\ud800'); print('\\u65e5', file=sys.stderr)"
    said = call(body, PYTHONIOENCODING=encoding)
    assert said.returncode == 0 and "caf" in said.stdout.decode(encoding)


@pytest.mark.parametrize(
    "data, expected",
    [
        (b"\xef\xbb\xbf/reset\n", "/reset"),
        ("/reset\n".encode("utf-16"), "/reset"),
        (b"\xfe\xff" + "/reset\n".encode("utf-16-be"), "/reset"),
        (b"caf\xe9?\n", "caf\ufffd?"),
        (b"", ""),
    ],
)
def test_any_encoding_of_the_input(data, expected, monkeypatch):
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(data)), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stream)
    terminal.open_streams()
    terminal.read_as_marked(stream)
    assert stream.readline().strip() == expected


@POSIX
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_empty_ones(closed):
    body = "sys.stdin.read(); print('out'); print('err', file=sys.stderr); return 7"
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *line(body)]
    said = subprocess.run(shell, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True)
    assert said.returncode == 7 and b"Error" not in said.stderr


@POSIX
def test_a_reader_that_leaves_ends_the_command_without_a_word():
    body = "for n in range(10**6): print(n)"
    process = subprocess.Popen(line(body), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(5)
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait(60) == terminal.LEFT
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_under_the_output_is_told():
    with open("/dev/full", "w") as full:
        said = subprocess.run(line("print('text')"), cwd=ROOT, stdout=full, stderr=subprocess.PIPE)
    assert said.returncode == 1 and b"No space left" in said.stderr


def test_a_module_that_cannot_be_imported_is_one_line(tmp_path):
    command = [sys.executable, "-m", "tools.terminal", "tools.no_such_command"]
    variables = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path)}
    said = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert said.returncode == 1 and "course.py no_such_command: ImportError" in said.stderr
    assert "Traceback" not in said.stderr


@POSIX
def test_a_user_without_a_home_gets_one(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr(terminal.os.path, "expanduser", lambda path: path)
    monkeypatch.setattr(terminal.tempfile, "gettempdir", lambda: str(tmp_path))
    terminal.give_home()
    assert Path(os.environ["HOME"]).parent == tmp_path and Path(os.environ["HOME"]).is_dir()


@POSIX
@pytest.mark.parametrize("kind", ["missing", "a file", "read-only"])
def test_a_home_that_cannot_be_written_to_is_replaced(tmp_path, monkeypatch, kind):
    home = tmp_path / "home"
    if kind == "a file":
        home.touch()
    if kind == "read-only":
        home.mkdir()
        writable = os.access  # root may write anywhere
        monkeypatch.setattr(
            os, "access", lambda path, how: path != str(home) and writable(path, how)
        )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(terminal.tempfile, "gettempdir", lambda: str(tmp_path))
    terminal.give_home()
    assert os.environ["HOME"] != str(home) and Path(os.environ["HOME"]).is_dir()
    given = os.environ["HOME"]
    terminal.give_home()
    assert os.environ["HOME"] == given


@POSIX
@pytest.mark.parametrize("width", ["1", "0", "-7", "abc"])
def test_narrow_terminals(width):
    command = [sys.executable, "-m", "tools.terminal", "tools.zip", "--help"]
    variables = {**os.environ, "COLUMNS": width, "TERM": "dumb"}
    said = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert said.returncode == 0 and "usage" in said.stdout and said.stderr == ""


@POSIX
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_request_to_end_reaches_the_command_that_we_wait_for(name):
    inner = (
        "import signal, sys, time\n"
        f"signal.signal(signal.{name}, lambda *_: sys.exit(9))\n"
        "print('on', flush=True)\ntime.sleep(60)\n"
    )
    code = "import sys; from tools import environment; "
    code += f"sys.exit(environment.wait([sys.executable, '-c', {inner!r}]))"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"on\n"
    process.send_signal(getattr(signal, name))  # to us alone
    assert process.wait(30) == 9
    process.stdout.close()
