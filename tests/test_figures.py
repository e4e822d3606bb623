"""Each committed figure of the lecture notes is what its code draws, and is used."""

import re
from functools import cache
from pathlib import Path

import matplotlib
import pytest
import torch

from helpers.config import GPTConfig
from helpers.model import GPT
from tools.figures import FOLDER, ROOT, figure_functions, figure_modules, main

LARGEST = 80_000  # bytes: a page shows several
EVERY = dict(figure_functions())
PIN = re.search(r"^matplotlib==(\S+)", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)


@cache
def drawn(name):
    return EVERY[name]().svg()  # raises where words overlap or leave their box


def committed(name):
    return (FOLDER / name).read_text("utf-8")


def anchors(drawing):
    """Where strokes begin and where words stand: what hardly moves between versions."""
    body = drawing.partition("</defs>")[2]
    found = re.findall(r'(?: d="M|translate\()(-?[\d.]+) (-?[\d.]+)', body)
    return [float(number) for pair in found for number in pair]


def same(drawing, other):
    """The same figure: byte by byte where matplotlib is the pinned one, else nearly."""
    if matplotlib.__version__ == PIN[1]:
        return drawing == other
    return anchors(drawing) == pytest.approx(anchors(other), abs=1.0)  # of a page 1,000 wide


def test_committed_figures_are_what_their_code_draws():
    wrong = []
    for name in EVERY:
        try:
            if not same(drawn(name), committed(name)):
                wrong.append(f"{name}: run python3 course.py figures {name[:2]}")
        except (ValueError, FileNotFoundError) as error:
            wrong.append(f"{name}: {error}")
    assert not wrong, "\n".join(wrong)


def test_figures_are_small_and_say_what_they_are():
    wrong = []
    for name in EVERY:
        drawing = committed(name)
        if len(drawing.encode()) >= LARGEST:
            wrong.append(f"{name} has {len(drawing.encode())} bytes")
        for part, least in (("title", 6), ("desc", 41)):
            text = re.search(rf"<{part}[^>]*>(.+?)</{part}>", drawing, re.DOTALL)
            if text is None or len(text[1]) < least:
                wrong.append(f"{name}: its <{part}> says too little")
    assert not wrong, "\n".join(wrong)


def test_no_figure_is_left_over_and_none_is_drawn_twice():
    files = {path.name for path in FOLDER.glob("*.svg")}
    assert files <= set(EVERY), f"no function draws {files - set(EVERY)}"
    drawings = [drawn(name) for name in EVERY]
    assert len(set(drawings)) == len(drawings)


def test_every_figure_of_a_written_note_is_used():
    pages = {path.name[:2]: path for path in FOLDER.parent.glob("[0-9][0-9]_*.md")}
    pages["README"] = ROOT / "README.md"
    text = "".join(path.read_text("utf-8") for path in pages.values())
    unused = [name for name in EVERY if name[:2] in pages and f"figures/{name}" not in text]
    assert unused == []


def test_a_function_draws_one_figure_and_takes_nothing():
    for name, function in EVERY.items():
        assert function.__code__.co_argcount == 0, f"{name}: hide helpers behind an underscore"
        assert function.__doc__, f"{name}: say in a docstring what it shows"


def test_the_figure_of_gpt2s_file_gives_each_layer_the_shape_that_it_has():
    with torch.device("meta"):
        weights = GPT(GPTConfig()).state_dict()
    layers = {name.split(".")[-2]: tuple(w.shape) for name, w in weights.items() if w.ndim == 2}
    written = {}
    for words in EVERY["32_names_and_shapes.svg"]().ledger.words:
        match = re.fullmatch(r"([a-z_, ]+?)  (?:each  )?\((\d+), (\d+)\)", words.content)
        if match:
            written |= dict.fromkeys(match[1].split(", "), (int(match[2]), int(match[3])))
    assert set(written) == {"query", "key", "value", "output", "expand", "project"}
    assert {name: layers[name] for name in written} == written


def test_an_unknown_lecture_is_refused():
    with pytest.raises(ValueError, match="lecture 99 has no figures"):
        list(figure_modules(lectures=["99"]))


def test_the_command_writes_what_is_missing_and_leaves_the_rest(tmp_path, capsys):
    source = 'from classroom.whiteboard import Board\n\n\ndef {0}():\n    """One."""\n    {1}\n'
    good = 'return Board(300, 200, "Nothing yet", "An empty board.")'
    Path(tmp_path, "lecture_07.py").write_text(source.format("empty", good))
    assert main(["7"], tmp_path) == 0
    assert "07_empty.svg" in capsys.readouterr().out
    assert main([], tmp_path) == 0
    assert "unchanged" in capsys.readouterr().out
    bad = f'board = {good[7:]}\n    board.text(290, 100, "too far")\n    return board'
    Path(tmp_path, "lecture_08.py").write_text(source.format("spoiled", bad))
    assert main(["8"], tmp_path) == 1
    assert "leaves the page" in capsys.readouterr().err
    assert not Path(tmp_path, "08_spoiled.svg").exists()


def test_drafts_are_pictures_to_look_at(tmp_path, capsys):
    source = 'from classroom.whiteboard import Board\n\n\ndef far():\n    """One."""\n    board = Board(300, 200, "A title", "A text.")\n    board.text(290, 100, "too far")\n    return board\n'
    Path(tmp_path, "lecture_07.py").write_text(source)
    assert main(["7", "--look", str(tmp_path / "look")], tmp_path) == 0
    assert "leaves the page" in capsys.readouterr().out
    assert (tmp_path / "look" / "07_far.png").read_bytes().startswith(b"\x89PNG")
