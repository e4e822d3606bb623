"""Text files in pieces: the tokens of the whole text, in little memory, and the command on them."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.bpe import BPETokenizer
from helpers.files import read_text
from helpers.texts import prepare as prepare_module
from helpers.texts import token_files
from helpers.texts.prepare import prepare, split_text
from helpers.texts.token_files import cut_file, prepare_file, read_pieces
from tools.train import main

TOKENIZER = BPETokenizer.train("low lower lowest é \n\n 12 it's " * 9, 300)


@given(st.text(alphabet="ab é\n\t'1𝄞\u3000.", max_size=80), st.integers(1, 9))
def test_pieces_have_the_text_and_the_tokens_of_the_whole(tmp_path_factory, text, size):
    path = tmp_path_factory.mktemp("text") / "t.txt"
    path.write_bytes(text.encode("utf-8"))
    pieces = list(read_pieces(path, size=size))
    assert "".join(pieces) == text
    token_ids = [i for piece in pieces for i in TOKENIZER.encode_ordinary(piece)]
    assert token_ids == TOKENIZER.encode_ordinary(text)


@pytest.fixture
def text_file(tmp_path):
    words = np.random.default_rng(0).choice(
        "the cat sat on a mat and saw one dog run".split(), 9000
    )
    path = tmp_path / "words.txt"
    path.write_text(" ".join(words).replace(" one", "\none"), "utf-8")
    return path


def test_a_file_is_prepared_as_its_text_is(tmp_path, text_file, monkeypatch):
    monkeypatch.setattr(token_files, "PIECE", 1000)
    text = text_file.read_bytes().decode()
    tokenizer, train_ids, held_out_ids, train_text, held_out_text = prepare_file(
        text_file, 280, tmp_path / "tokens"
    )
    assert tokenizer.decode(train_ids) == train_text and train_text.endswith("\n")
    assert tokenizer.decode(held_out_ids) == held_out_text
    assert train_text + held_out_text == text
    assert len(held_out_text) / len(text) == pytest.approx(0.1, abs=0.01)
    assert isinstance(train_ids, np.memmap)
    before = (tmp_path / "tokens" / "train.npy").stat().st_mtime_ns
    prepare_file(text_file, 280, tmp_path / "tokens")
    assert (tmp_path / "tokens" / "train.npy").stat().st_mtime_ns == before


@given(st.text(alphabet="ab é\n\r𝄞", min_size=1, max_size=60), st.integers(1, 9))
def test_a_file_is_cut_where_its_text_is(tmp_path_factory, text, size):
    path = tmp_path_factory.mktemp("text") / "t.txt"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_files, "PIECE", size)
        if text.strip():
            assert cut_file(path) == len(split_text(text)[0].encode())


@pytest.mark.parametrize("limit", [1 << 20, 20_001])
def test_a_text_and_its_file_give_the_same_tokens(tmp_path, monkeypatch, limit):
    for module in (prepare_module, token_files):
        monkeypatch.setattr(module, "TOKENIZER_BYTES", limit)
    monkeypatch.setattr(token_files, "PIECE", 1000)
    path = tmp_path / "stories.txt"
    path.write_bytes("".join(f"É a cät {n}.\r\n<|endoftext|>\n" for n in range(999)).encode())
    from_text = prepare(read_text(path), 300)
    from_file = prepare_file(path, 300, tmp_path / "tokens")
    assert from_text[0].vocab == from_file[0].vocab
    assert [list(ids) for ids in from_text[1:3]] == [list(ids) for ids in from_file[1:3]]
    assert from_text[3:] == from_file[3:]
    end = from_text[0].special_tokens["<|endoftext|>"]
    assert sum((ids == end).sum() for ids in from_text[1:3]) == 999


def test_token_files_of_something_else_are_made_again(tmp_path, text_file):
    other, folder = tmp_path / "other.txt", tmp_path / "tokens"
    prepare_file(text_file, 280, folder)
    other.write_text("zebra zulu zone\n" * 999)
    for path, size in ((other, 280), (other, 270), (text_file, 270)):
        tokenizer, ids, *_, held_out = prepare_file(path, size, folder)
        assert tokenizer.vocab_size <= size and path.read_text().endswith(held_out)
        assert tokenizer.decode(ids) + held_out == path.read_text()


def test_the_command_streams_and_resumes(tmp_path, text_file, capsys):
    out = tmp_path / "run"
    flags = ["--text", str(text_file), "--stream", "--preset", "tiny", "--out", str(out)]
    assert main([*flags, "--steps", "4", "--precision", "fp32"]) == 0
    report = json.loads((out / "report.json").read_text())
    assert set(report["bits_per_byte"]) == {"this model", "gzip -9", "xz -9e"}
    assert main([*flags, "--resume"]) == 0  # the run is whole: it only reports again
    assert json.loads((out / "report.json").read_text()) == report
    assert main(["--stream", "--preset", "tiny"]) == 1
    assert "--stream needs a file: give --text" in capsys.readouterr().err


def test_bad_files_are_named(tmp_path):
    (tmp_path / "blank").write_text(" \n")
    with pytest.raises(ValueError, match="blank is empty"):
        cut_file(tmp_path / "blank")
    for content in (b"ab \xff cd", b"ab \xc3"):
        (tmp_path / "binary").write_bytes(content)
        with pytest.raises(ValueError, match="binary is not UTF-8 text"):
            list(read_pieces(tmp_path / "binary", size=3))
    with pytest.raises(FileNotFoundError):
        list(read_pieces(tmp_path / "missing"))


MEMORY = """
import resource, sys
from helpers.texts.token_files import read_pieces
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert sum(map(len, read_pieces(sys.argv[1]))) == 48 << 20
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "large.txt"
    with open(path, "w") as file:
        for _ in range(48):
            file.write("word and word\n" * ((1 << 20) // 14) + " " * ((1 << 20) % 14))
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 24, "megabytes for a file of 48"
