"""Files of another kind at every reader: an error names the file, or the reader begins again.

The same ways to be wrong go to every reader of JSON; weights and token files have their own.
"""

import contextlib
import json
import shutil
import socket

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from classroom.study import progress
from classroom.study.flash_cards import due_cards, grade, load_cards
from classroom.turns.kept import Kept, keep, kept_turns
from helpers.bpe import BPETokenizer
from helpers.chat import load_chat_model
from helpers.checkpoint import load_checkpoint, load_model, read_state, save_checkpoint, save_model
from helpers.config import GPTConfig
from helpers.difference import add_difference, save_difference
from helpers.eliza import Eliza
from helpers.files import read_json, read_text
from helpers.judge import judge_answers
from helpers.model import GPT
from helpers.optim import create_optimizer
from helpers.pretrained import gpt2_shapes, load_gpt2
from helpers.texts.loaders import read_tokens, write_tokens
from helpers.texts.token_files import prepare_file, read_pieces
from helpers.train import saved_config
from tests.refused_calls import BYTES, GPT2, MODEL
from tools import working_copy
from tools.environment import read_stamp

DEEP = b"[" * 100_000
# ways in which a file that should hold a JSON object can be something else
NOT_JSON = {
    "nothing": b"",
    "spaces": b" \n\n",
    "null": b"null",
    "a list": b"[1, 2]",
    "a number": b"5",
    "a text": b'"x"',
    "cut off": b'{"a": [1,',
    "two objects": b'{"a": 1}{"b": 2}',
    "deep brackets": DEEP,
    "a number without end": b'{"a": ' + b"9" * 5000 + b"}",
    "single quotes": b"{'a': 1}",
    "a comment": b'{"a": 1} // one',
    "UTF-16": '{"a": "é"}'.encode("utf-16"),
    "Latin-1": b'{"a": "\xe9"}',
    "zeros": bytes(64),
    "a web page": b"<!DOCTYPE html><title>404</title>",
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
    "a pickle": b"\x80\x04\x95\x0c\x00",
    "an archive": b"PK\x03\x04rest",
}


@pytest.fixture
def saved(tmp_path):
    """A folder with one good file of each kind."""
    save_model(tmp_path / "model", MODEL, BYTES)
    save_checkpoint(tmp_path / "run", MODEL, create_optimizer(MODEL), {"step": 1})
    save_difference(tmp_path / "difference", MODEL, MODEL)
    (tmp_path / "difference" / "report.json").write_text('{"base_sha256": "other"}')
    tensors = {name: torch.zeros(shape) for name, shape in gpt2_shapes(GPT(SMALL).config).items()}
    (tmp_path / "gpt2").mkdir()
    save_file(tensors, tmp_path / "gpt2" / "model.safetensors")
    (tmp_path / "gpt2" / "config.json").write_text(json.dumps(GPT2))
    shutil.copytree(tmp_path / "gpt2", tmp_path / "shards")
    (tmp_path / "shards" / "model.safetensors").rename(tmp_path / "shards" / "one.safetensors")
    places = {"weight_map": dict.fromkeys(tensors, "one.safetensors")}
    (tmp_path / "shards" / "model.safetensors.index.json").write_text(json.dumps(places))
    return tmp_path


SMALL = GPTConfig(5, 4, 2, 1, 1)
# the file, and what reads it
READERS = {
    "model/config.json": lambda path: load_model(path.parent),
    "model/tokenizer.json": lambda path: load_model(path.parent),
    "run/step-00000001/state.json": lambda path: read_state(path.parent),
    "run/step-00000001/config.json": lambda path: load_model(path.parent),
    "difference/report.json": lambda path: load_chat_model(path.parent, path.parents[1] / "model"),
    "gpt2/config.json": lambda path: load_gpt2(path.parent),
    "shards/model.safetensors.index.json": lambda path: load_gpt2(path.parent),
}


def refusal(call):
    """What a call says that must raise a ValueError, or what is wrong with that."""
    try:
        return None, f"gives {call()!r}"[:100]
    except ValueError as error:
        return str(error), None
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"[:200]


@pytest.mark.parametrize("name", READERS)
def test_json_of_another_kind_names_its_file(saved, name):
    wrong = []
    for kind, content in NOT_JSON.items():
        (saved / name).write_bytes(content)
        said, fault = refusal(lambda: READERS[name](saved / name))
        if fault or name.rpartition("/")[2] not in said or "\n" in said or len(said) > 400:
            wrong.append(f"{kind}: {fault or said}")
    assert not wrong, "\n".join(wrong)


def test_a_byte_order_mark_is_no_fault(saved):
    for name, read in READERS.items():
        if name != "difference/report.json":
            before = read(saved / name)
            (saved / name).write_bytes(b"\xef\xbb\xbf" + (saved / name).read_bytes())
            assert repr(read(saved / name)) == repr(before), name


# what only remembers: a file that cannot be read is kept aside, and nothing stops


def test_a_state_of_another_kind_is_kept_aside_and_begun_again(tmp_path, monkeypatch):
    path, cards = tmp_path / "state.json", load_cards(15)
    monkeypatch.setenv("LLM_COURSE_STATE", str(path))
    for kind, content in NOT_JSON.items():
        path.write_bytes(content)
        assert progress.read_state("cards") == {} and len(due_cards(cards)) == len(cards), kind
        grade(cards[0], True)
        assert path.with_name("state.json.damaged").read_bytes() == content, kind
        assert len(due_cards(cards)) == len(cards) - 1, kind
    for entry in (5, None, "x", [], {"15.1": 5}):
        path.write_text(json.dumps({"cards": entry, "exercises": {"01.1": "2026-01-01"}}))
        assert len(due_cards(cards)) == len(cards)
        grade(cards[0], True)
        assert progress.read_state("exercises") == {"01.1": "2026-01-01"}, entry


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs a file that is no file")
def test_a_state_that_is_no_file_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as place:
        place.bind("state.json")
        monkeypatch.setenv("LLM_COURSE_STATE", "state.json")
        assert progress.read_state("cards") == {} and not progress.remember("cards", "15.1", 1)
        assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_other_memories_of_another_kind_are_empty(tmp_path, monkeypatch):
    monkeypatch.setenv("LLM_COURSE_STATE", str(tmp_path / "state.json"))
    turn = Kept("99", 1, "double", "def double(x): ...\n", [], [], 1, "2026-01-01")
    assert keep(turn) is None
    (file,) = (tmp_path / "state-turns").iterdir()
    for kind, content in NOT_JSON.items():
        for name in ("course.json", working_copy.RECORD):
            (tmp_path / name).write_bytes(content)
        assert read_stamp(tmp_path).get("requirements") is None, kind
        assert working_copy._read_record(tmp_path).get("01") is None, kind
        file.write_bytes(content)
        assert kept_turns() == [], kind
        assert keep(turn) is None and kept_turns() == [turn], kind
        assert file.with_suffix(".damaged").read_bytes() == content, kind


def test_results_of_another_kind_are_not_counted_and_not_lost(tmp_path):
    item = {"question": "a", "reference": "b", "answer": "c"}
    for kind, content in NOT_JSON.items():
        path = tmp_path / f"{kind}.jsonl"
        path.write_bytes(content)
        with contextlib.suppress(ValueError):  # not UTF-8: refused, and the file is as it was
            assert judge_answers([item], lambda prompt: "70", path, False)[0]["score"] == 70, kind
        assert path.read_bytes().startswith(content), kind


def test_texts_in_other_encodings_are_named(tmp_path):
    path = tmp_path / "text"
    for content in ("é".encode("utf-16"), b"caf\xe9 ", b"\xc3", b"ab\x80", b"\xed\xa0\x80"):
        path.write_bytes(content)
        for read in (
            read_text,
            Eliza.load,
            lambda path: list(read_pieces(path)),
            lambda path: prepare_file(path, 300, tmp_path / "tokens"),
        ):
            said, fault = refusal(lambda read=read: read(path))
            assert said and path.name in said, (content, fault, said)


# weights


def header(raw, rest=bytes(8)):
    return len(raw).to_bytes(8, "little") + raw + rest


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return json.dumps({"x": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).encode()


NOT_SAFETENSORS = {
    "nothing": b"",
    "seven bytes": bytes(7),
    "no header": bytes(8),
    "a header longer than the file": (2**40).to_bytes(8, "little") + b"{}",
    "a header of every length": b"\xff" * 8 + b"{}",
    "a header of NaN": header(b"NaN"),
    "a header that is a list": header(b"[]"),
    "a header in UTF-16": header("{}".encode("utf-16")),
    "a header of deep brackets": header(DEEP),
    "a header cut off": header(b'{"x": {"dtype"'),
    "no data": header(entry(), b""),
    "too much data": header(entry(), bytes(99)),
    "an end before its beginning": header(entry(offsets=(8, 0))),
    "a beginning below 0": header(entry(offsets=(-8, 0))),
    "a gap at the front": header(entry(offsets=(4, 12)), bytes(12)),
    "a shape below 0": header(entry(shape=(-2,))),
    "a shape without end": header(entry(shape=(2**62, 2**62))),
    "a shape that is a text": header(entry(shape="2")),
    "a shape of fractions": header(entry(shape=(1.5,))),
    "an unknown type": header(entry(dtype="F99")),
    "a type that is a number": header(entry(dtype=5)),
    "one name twice": header(entry()[:-1] + b", " + entry()[1:]),
    "metadata of numbers": header(b'{"__metadata__": {"a": 5}}', b""),
    "a pickle": b"\x80\x04\x95" + bytes(40),
    "an archive of PyTorch": b"PK\x03\x04" + bytes(40),
    "GGUF": b"GGUF\x03\x00\x00\x00" + bytes(40),
    "a pointer of Git LFS": NOT_JSON["a pointer of Git LFS"],
    "a web page": NOT_JSON["a web page"],
}
WEIGHTS = {
    "model/model.safetensors": lambda path: load_model(path.parent),
    "difference/difference.safetensors": lambda path: add_difference(
        path.parent, GPT(MODEL.config)
    ),
    "gpt2/model.safetensors": lambda path: load_gpt2(path.parent),
    "shards/one.safetensors": lambda path: load_gpt2(path.parent),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_of_another_kind_name_their_file(saved, name):
    wrong = []
    for kind, content in NOT_SAFETENSORS.items():
        (saved / name).write_bytes(content)
        said, fault = refusal(lambda: WEIGHTS[name](saved / name))
        if fault or name.rpartition("/")[2] not in said and "tensor" not in said:
            wrong.append(f"{kind}: {fault or said}")
    assert not wrong, "\n".join(wrong)


# a good file of the wrong weights
CHANGES = {
    "one is missing": lambda found: found.popitem(),
    "one too many": lambda found: found.update(more=torch.ones(1)),
    "another shape": lambda found: found.update({min(found): torch.ones(3, 5)}),
    "turned": lambda found: found.update({min(found, key=lambda n: -found[n].ndim): torch.ones(7)}),
    "no dimension": lambda found: found.update({min(found): torch.tensor(1.0)}),
    "whole numbers": lambda found: found.update({n: t.long() for n, t in found.items()}),
    "bytes": lambda found: found.update({n: t.to(torch.uint8) for n, t in found.items()}),
    "truth values": lambda found: found.update({n: t.bool() for n, t in found.items()}),
    "complex numbers": lambda found: found.update(
        {n: t.to(torch.complex64) for n, t in found.items()}
    ),
    "other names": lambda found: [found.update({f"model.{n}": found.pop(n)}) for n in list(found)],
    "empty": lambda found: found.clear(),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_wrong_weights_are_named(saved, name):
    good, wrong = load_file(saved / name), []
    for kind, change in CHANGES.items():
        tensors = dict(good)
        change(tensors)
        save_file(tensors, saved / name)
        said, fault = refusal(lambda: WEIGHTS[name](saved / name))
        if fault or not said:
            wrong.append(f"{kind}: {fault}")
    assert not wrong, "\n".join(wrong)


def test_a_checkpoint_that_was_touched_is_refused_before_anything_is_loaded(saved):
    folder = saved / "run" / "step-00000001"
    before = {name: value.clone() for name, value in MODEL.state_dict().items()}
    for name in ("model.safetensors", "training.safetensors"):
        good = (folder / name).read_bytes()
        for content in (good[:-1], good + b"\0", good[:-1] + b"\1", b"", *NOT_SAFETENSORS.values()):
            (folder / name).write_bytes(content)
            said, fault = refusal(lambda: load_checkpoint(folder, MODEL, create_optimizer(MODEL)))
            assert said and name in said, fault
        (folder / name).write_bytes(good)
    for name, value in MODEL.state_dict().items():
        assert torch.equal(value, before[name])
    load_checkpoint(folder, MODEL, create_optimizer(MODEL))


STATES = {
    "no step": {},
    "a step that is a text": {"step": "9"},
    "settings that are a list": {"step": 1, "train_config": []},
    "settings of another kind": {"step": 1, "train_config": {"speed": 3}},
    "settings out of range": {"step": 1, "train_config": {"steps": -1}},
    "settings that are texts": {"step": 1, "train_config": {"steps": "1"}},
    "no history": {"step": 1, "train_config": {}},
}


def test_a_run_of_another_kind_is_named(saved):
    path = saved / "run" / "step-00000001" / "state.json"
    hashes = json.loads(path.read_text())["sha256"]
    for kind, state in STATES.items():
        path.write_text(json.dumps({"state": state, "sha256": hashes}))
        with pytest.raises((ValueError, TypeError)) as caught:
            saved_config(saved / "run")
        assert len(str(caught.value)) > 10, kind


# token files


def numpy_file(array):
    def write(path):
        with open(path, "wb") as file:
            np.save(file, array, allow_pickle=True)

    return write


TOKEN_FILES = {
    "fractions": numpy_file(np.ones(9)),
    "below 0 is possible": numpy_file(np.ones(9, np.int64)),
    "rows": numpy_file(np.ones((3, 3), np.uint16)),
    "one number": numpy_file(np.uint16(3)),
    "truth values": numpy_file(np.ones(9, bool)),
    "texts": numpy_file(np.array(["a", "b"])),
    "objects": numpy_file(np.array([{}, []], object)),
    "dates": numpy_file(np.array(["2026-01-01"], "datetime64[D]")),
    "records": numpy_file(np.zeros(3, [("a", "u2")])),
    "a list of JSON": lambda path: path.write_text("[1, 2, 3]"),
    "raw numbers": lambda path: path.write_bytes(np.ones(9, np.uint16).tobytes()),
    "an archive": lambda path: np.savez(path.open("wb"), a=np.ones(3)),
    "cut off": lambda path: (
        write_tokens(path, range(99)),
        path.write_bytes(path.read_bytes()[:-3]),
    ),
    "a header alone": lambda path: (
        write_tokens(path, range(99)),
        path.write_bytes(path.read_bytes()[:128]),
    ),
    "another version": lambda path: path.write_bytes(b"\x93NUMPY\x09\x00\x10\x00" + b" " * 16),
}


def test_token_files_of_another_kind_are_named(tmp_path):
    path, wrong = tmp_path / "train.npy", []
    for kind, write in TOKEN_FILES.items():
        write(path)
        said, fault = refusal(lambda: read_tokens(path))
        if fault or str(path) not in said:
            wrong.append(f"{kind}: {fault or said}")
    assert not wrong, "\n".join(wrong)


def test_token_files_that_were_damaged_are_told_or_made_again(tmp_path):
    text, folder = tmp_path / "a.txt", tmp_path / "tokens"
    text.write_text("the cat sat on the mat\n" * 200)
    whole = prepare_file(text, 300, folder)[1].tolist()
    for name in ("made_from.json", "tokenizer.json", "train.npy", "held_out.npy"):
        good = (folder / name).read_bytes()
        for content in (b"", b"{}", good[: len(good) // 2], bytes(99)):
            (folder / name).write_bytes(content)
            try:
                assert prepare_file(text, 300, folder)[1].tolist() == whole
            except ValueError as error:
                assert name in str(error)
        (folder / name).write_bytes(good)


# at random


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_change_of_a_file_is_found_or_harmless(tmp_path_factory, data):
    """Bytes of a small model's files are replaced, cut off or repeated."""
    folder = tmp_path_factory.mktemp("changed")
    save_model(folder, MODEL, BYTES)
    path = folder / data.draw(st.sampled_from(sorted(p.name for p in folder.iterdir())))
    good = path.read_bytes()
    place = data.draw(st.integers(0, min(len(good) - 1, 2000)))
    kept = data.draw(st.sampled_from([good[place:], good[place + 1 :], b"", good]))
    path.write_bytes(good[:place] + data.draw(st.binary(max_size=3)) + kept)
    with contextlib.suppress(ValueError):
        model, tokenizer = load_model(folder)
        assert model.config.context_length >= 1
        if tokenizer is not None:
            tokenizer.decode(tokenizer.encode("low é"))


SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**20) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["cards", "exercises", "x"]), SHAPES) | SHAPES)
@settings(max_examples=60, deadline=None)
def test_a_state_file_of_anything(tmp_path_factory, state):
    path, cards = tmp_path_factory.mktemp("state") / "state.json", load_cards(15)
    path.write_text(json.dumps(state))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_COURSE_STATE", str(path))
        assert 0 <= len(due_cards(cards)) <= len(cards)
        assert progress.remember("cards", "15.1", [2, "2999-01-01"])
        assert len(due_cards(cards)) < len(cards)
    kept = read_json(path)
    if isinstance(state, dict):
        same = {
            name: json.dumps(value, sort_keys=True)
            for name, value in state.items()
            if name != "cards"
        }
        assert {name: json.dumps(kept[name], sort_keys=True) for name in same} == same


@given(st.dictionaries(st.sampled_from(sorted(GPT2)), SHAPES), st.binary(max_size=20))
@settings(max_examples=40, deadline=None)
def test_a_configuration_of_anything(tmp_path_factory, changes, rest):
    folder = tmp_path_factory.mktemp("gpt2")
    (folder / "config.json").write_text(json.dumps(GPT2 | changes))
    (folder / "model.safetensors").write_bytes(rest)
    said, fault = refusal(lambda: load_gpt2(folder))
    assert said, fault


def test_a_tokenizer_never_reads_a_pickle_or_another_format(tmp_path):
    path = tmp_path / "tokenizer.json"
    for content in (
        {"model": {"type": "BPE"}, "version": "1.0"},
        {"!": 0},
        {"format": "helpers.bpe"},
    ):
        path.write_text(json.dumps(content))
        said, fault = refusal(lambda: BPETokenizer.load(path))
        assert said and str(path) in said, fault
