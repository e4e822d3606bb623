"""`python my_llm.py` in an empty folder, and what the assembler does with damaged parts."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
import torch

from classroom.mine import desk
from classroom.mine.assemble import assemble
from classroom.study import measure
from classroom.study import progress as study
from classroom.turns.kept import Kept
from classroom.worlds import tales
from helpers.checkpoint import load_model
from helpers.compression import bits_per_byte
from helpers.llama.gguf import GGUFFile
from helpers.pretrained import load_gpt2
from helpers.texts import load_corpus
from helpers.texts.prepare import split_text
from tools.mine import main as mine_command

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("mine") / "my_llm.py"
    path.write_text(assemble([]).text, "utf-8")
    return path


@pytest.fixture
def place(tmp_path, file):
    """An empty folder with my_llm.py and a text."""
    (tmp_path / "my_llm.py").write_text(file.read_text("utf-8"), "utf-8")
    (tmp_path / "story.txt").write_text(load_corpus("story"), "utf-8")
    return tmp_path


def environment():
    """Without this project on the path."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return keep | {"OMP_NUM_THREADS": "1"}


def run(place, *arguments, typed=""):
    command = [sys.executable, "my_llm.py", *arguments]
    return subprocess.run(
        command,
        cwd=place,
        env=environment(),
        input=typed,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_it_trains_and_talks_in_an_empty_folder(place):
    done = run(place, "train", "story.txt", "--preset", "tiny", "--steps", "110")
    assert done.returncode == 0 and done.stderr == "", done
    losses = [float(loss) for loss in re.findall(r"held-out loss ([\d.]+)", done.stdout)]
    assert len(losses) == 2 and max(losses) < 5  # guessing among 512 tokens takes 6.2
    bits = float(re.search(r"([\d.]+) bits per byte", done.stdout)[1])
    assert 1 < bits < 5 and "my_llm.py talk" in done.stdout
    assert {path.name for path in (place / "my_llm").iterdir()} == {
        "model",
        "step-00000100",
        "step-00000110",
    }
    said = run(
        place,
        "talk",
        "--temperature",
        "0",
        typed="The printer\n\nhalf \ud83d".encode("utf-8", "replace").decode(),
    )
    assert said.returncode == 0 and said.stderr == ""
    assert said.stdout.startswith("The printer") and len(said.stdout) > 60
    assert run(place, "talk", "--temperature", "0", typed="The printer").stdout in said.stdout
    drawn = run(place, "talk", "--top-k", "1", typed="The printer")  # the likeliest, always
    assert drawn.stdout == run(place, "talk", "--temperature", "0", typed="The printer").stdout
    refused = run(place, "talk", "--top-p", "2", typed="The printer")
    assert refused.returncode == 1 and refused.stdout == "" and "min-p over 0" in refused.stderr
    again = run(place, "train", "story.txt")
    assert again.returncode == 1 and "finished run" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "missing.txt"), "there is no file missing.txt"),
        (("train", "."), "there is no file ."),
        (("train", "short.txt"), "short.txt is too short"),
        (("train", "empty.txt"), "empty.txt is too short"),
        (("train", "latin.txt"), "latin.txt is not UTF-8"),
        (("talk",), "there is no model in my_llm: first run python my_llm.py train TEXT"),
        (("talk", "--out", "nowhere"), "there is no model in nowhere"),
    ],
)
def test_an_error_is_one_sentence(place, arguments, said):
    (place / "short.txt").write_text("To be, or not to be: that is the question.\n")
    (place / "empty.txt").write_text("")
    (place / "latin.txt").write_bytes("naïve".encode("latin-1"))
    done = run(place, *arguments)
    assert done.returncode == 1 and said in done.stderr, done
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert not (place / "my_llm").exists()


def test_without_a_text_it_says_what_is_missing(place):
    done = run(place, "train")
    assert done.returncode == 2 and "train needs a text" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_a_stop_saves_and_the_same_command_goes_on(place):
    command = [sys.executable, "my_llm.py", "train", "story.txt", "--preset", "tiny"]
    command += ["--steps", "100"]
    process = subprocess.Popen(
        command, cwd=place, env=environment(), stdout=subprocess.PIPE, text=True, bufsize=1
    )
    for line in process.stdout:
        if "parameters" in line:
            break
    time.sleep(1)  # it is in its first steps
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 130 and "Stopped and saved at step" in said
    step = int(re.search(r"at step (\d+)", said)[1])
    assert 0 < step < 100
    done = run(place, "train", "story.txt")
    assert done.returncode == 0 and f"Going on with my_llm/step-{step:08d}" in done.stdout
    state = json.loads((place / "my_llm" / "step-00000100" / "state.json").read_text())["state"]
    assert state["step"] == len(state["losses"]) == 100
    assert state["losses"][-1] < state["losses"][0] - 1


def test_the_desk_trains_measures_and_puts_a_finished_run_aside(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("LLM_COURSE_STATE", str(tmp_path / "state.json"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folder = tmp_path / "work"
    desk.write(folder)
    measure.tales_file(folder, 150)
    assert desk.train(folder, None, "--preset", "tiny", "--steps", "20") == 0
    figures = study.read_state("model")["figures"]
    assert figures["text"] == "tales.txt" and figures["steps"] == 20
    documents = tales.sample(100, 2)
    floor = -sum(map(tales.log_prob, documents)) / sum(len(d.encode()) for d in documents)
    assert figures["floor"] == round(floor, 3) < figures["bits_per_byte"]
    assert figures["xz"] < figures["gzip"] and figures["tokens_per_second"] > 0
    assert 1 < figures["bytes_per_token"] < 8
    story = tmp_path / "story.txt"
    story.write_text(load_corpus("story"), "utf-8")
    assert desk.train(folder, story, "--preset", "tiny", "--steps", "1") == 0
    assert "The finished run is now" in capfd.readouterr().out and (folder / "my_llm-1").is_dir()
    figures = study.read_state("model")["figures"]
    assert figures["text"] == "story.txt" and "floor" not in figures
    model, tokenizer = load_model(folder / "my_llm" / "model")
    held_out = split_text(load_corpus("story"))[1]
    assert abs(figures["bits_per_byte"] - bits_per_byte(model, tokenizer, held_out)) < 2e-3
    # the trained model goes out to other programs, by the command
    assert mine_command(["export", str(tmp_path / "out"), "--out", str(folder)]) == 0
    assert "transformers" in capfd.readouterr().out
    again = load_gpt2(tmp_path / "out" / "transformers").state_dict()
    assert all(torch.equal(again[name], weight) for name, weight in model.state_dict().items())
    assert GGUFFile(tmp_path / "out" / "my_llm.gguf").settings["general.architecture"] == "gpt2"


def test_nothing_trained_is_nothing_to_export(tmp_path, capsys):
    assert mine_command(["export", str(tmp_path / "out"), "--out", str(tmp_path)]) == 1
    assert "no trained model" in capsys.readouterr().err


# what was kept


def kept(name="gelu", source="def gelu(x):\n    return F.gelu(x, approximate='tanh')\n", **more):
    values = {"notebook": "06", "order": 2, "imports": [], "uses": [], "checks": 9}
    return Kept(**values | {"name": name, "source": source, "date": "2026-01-02"} | more)


def test_what_is_damaged_gives_way_to_the_courses_and_it_says_so():
    damaged = [
        kept(source="def gelu(x):\n    return x.soft("),
        kept(source="def other(x):\n    return x\n"),
        kept(source="gelu = max\n"),
        kept(source=""),
        kept(source="def gelu(x):\n    return x\0\n"),
        kept(imports=["import math; print(1)"]),
        kept(imports=["import"]),
    ]
    course = assemble([])
    for turn in damaged:
        made = assemble([turn])
        assert made.yours == [] and made.text == course.text, turn
        (remark,) = made.remarks
        assert remark.startswith("gelu: ") and "course's version is used" in remark
        assert remark.count(". ") == 1


def test_a_turn_of_the_readers_is_in_the_file_as_it_was_written():
    source = "def gelu(x):\n    # mine\n    return x * torch.sigmoid(1.702 * x)\n"
    made = assemble([kept(source=source)])
    assert made.yours == ["gelu"] and made.remarks == () and source in made.text
    assert f"# yours, checked on 2026-01-02, 9 checks (notebook 06)\n{source}" in made.text


def test_imports_are_taken_along_and_a_clash_is_told():
    source = "def gelu(x):\n    return x * special.ndtr(x)\n"
    made = assemble([kept(source=source, imports=["from torch import special"])])
    assert "from torch import nn, special\n" in made.text and made.yours == ["gelu"]
    source = "def gelu(x):\n    return x * math.ndtr(x)\n"
    made = assemble([kept(source=source, imports=["import torch.special as math"])])
    assert made.yours == [] and "imports math from elsewhere" in made.remarks[0]


def test_what_nothing_uses_is_left_out():
    source = (
        "class FeedForward(nn.Module):\n"
        "    def __init__(self, config):\n"
        "        super().__init__()\n"
        "        self.expand = nn.Linear(config.embedding_dim, 4 * config.embedding_dim)\n"
        "        self.project = nn.Linear(4 * config.embedding_dim, config.embedding_dim)\n\n"
        "    def forward(self, x):\n"
        "        return self.project(F.gelu(self.expand(x), approximate='tanh'))\n"
    )
    imports = ["from torch import nn", "from torch.nn import functional as F"]
    made = assemble([kept("FeedForward", source, imports=imports), kept()])
    assert made.yours == ["FeedForward"] and "def gelu" not in made.text
    assert not {"softmax", "attend", "attention_weights"} & {piece.name for piece in made.pieces}
