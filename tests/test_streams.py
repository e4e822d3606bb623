"""Shards: many files as one sequence, whose batches train a model and go on after a stop."""

import numpy as np
import pytest
import torch

from classroom.worlds import tales
from helpers.checkpoint import load_model
from helpers.config import GPTConfig
from helpers.model import GPT
from helpers.runs.run import Run
from helpers.streams import LARGE, TokenShards, shard_loader, write_shard
from helpers.streams.shards import read_shard
from helpers.streams.sources import check_shard, check_stories
from helpers.texts import sources
from helpers.texts.loaders import create_loader
from helpers.texts.prepare import prepare
from helpers.train import TrainConfig, train
from tools import data
from tools import train as command

IDS = np.random.default_rng(0).integers(0, 50, 300)


@pytest.fixture
def paths(tmp_path):
    """The same ids in three shards of unequal length."""
    names = [tmp_path / f"train_{number}.bin" for number in range(3)]
    for path, part in zip(names, np.split(IDS, [40, 47]), strict=True):
        assert write_shard(path, part) == len(part)
    return names


def test_a_shard_has_the_header_of_llm_c(tmp_path):
    write_shard(tmp_path / "one.bin", [5, 50256, 0])
    data = (tmp_path / "one.bin").read_bytes()
    assert len(data) == 1024 + 6
    assert np.frombuffer(data[:16], "<i4").tolist() == [20240520, 1, 3, 0]
    assert np.frombuffer(data[1024:], "<u2").tolist() == [5, 50256, 0]
    assert read_shard(tmp_path / "one.bin").tolist() == [5, 50256, 0]


def test_several_shards_read_as_one(paths):
    shards = TokenShards(paths, 50)
    assert len(shards) == 300 and shards[:].tolist() == IDS.tolist()
    assert shards[38:50].tolist() == IDS[38:50].tolist()
    assert shards[np.array([[0, 39, 40], [46, 47, 299]])].tolist() == [
        IDS[[0, 39, 40]].tolist(), IDS[[46, 47, 299]].tolist(),
    ]  # fmt: skip
    assert shards[47] == IDS[47] and shards[5:5].tolist() == []
    for wrong in (300, -1):
        with pytest.raises(IndexError, match="300"):
            shards[wrong]


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_are_those_of_one_long_sequence(paths, shuffle):
    ours = shard_loader(paths, 50, 7, 4, seed=3, shuffle=shuffle)
    plain = create_loader(IDS, 7, 4, seed=3, shuffle=shuffle)
    assert len(ours) == len(plain) > 5
    for (inputs, targets), (others, their_targets) in zip(ours, plain, strict=True):
        assert torch.equal(inputs, others) and torch.equal(targets, their_targets)


def test_nothing_is_read_before_it_is_needed(paths, monkeypatch):
    loader, read = shard_loader(paths, 50, 7, 1, shuffle=False), []
    look_up = TokenShards.__getitem__
    monkeypatch.setattr(
        TokenShards, "__getitem__", lambda self, where: read.append(np.size(where)) or look_up(self, where)
    )  # fmt: skip
    next(iter(loader))
    assert read == [8]


def test_training_on_shards_is_training_on_the_sequence_and_goes_on(paths, tmp_path):
    config = TrainConfig(
        steps=6, batch_size=4, warmup_steps=1, evaluate_every=6, evaluate_batches=1, checkpoint_every=4
    )  # fmt: skip

    def run(tokens, folder=None, resume=False):
        torch.manual_seed(0)
        model = GPT(GPTConfig(50, 7, 16, 2, 1, dropout=0.0))
        return train(model, tokens, IDS, config, Run(folder, resume, progress=False)).train_losses

    whole = run(create_loader(IDS, 7, 4))
    assert run(shard_loader(paths, 50, 7, 4), tmp_path / "run") == whole
    (newest,) = [path for path in (tmp_path / "run").iterdir() if path.name.endswith("6")]
    for path in newest.iterdir():
        path.unlink()
    newest.rmdir()
    assert run(shard_loader(paths, 50, 7, 4), tmp_path / "run", resume=True) == whole


def test_what_is_no_shard_is_refused(tmp_path, paths):
    path = tmp_path / "bad.bin"
    good = paths[0].read_bytes()
    for content, message in (
        (b"", "0 bytes"), (good[:-2], "truncated"), (good + b"xx", "truncated"),
        (b"\1" + good[1:], "not a shard"), (good[:4] + b"\2" + good[5:], "version 2"),
    ):  # fmt: skip
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_shard(path)
    for ids, message in (([], "is 0; it must be 1"), ([70_000], "70000"), ([-1], "-1")):
        with pytest.raises(ValueError, match=message):
            write_shard(path, ids)
    with pytest.raises(ValueError, match="no shards"):
        TokenShards([], 50)
    with pytest.raises(ValueError, match="limit of 20"):
        TokenShards(paths, 20)[:]
    with pytest.raises(ValueError, match="too few"):
        shard_loader(paths, 50, 300, 1)


def test_large_corpora_are_in_the_table_with_size_and_license(capsys):
    assert set(LARGE) <= set(sources.CORPORA)
    data.main([])
    listing = capsys.readouterr().out
    for name, corpus in LARGE.items():
        assert name in listing and corpus.size in listing and corpus.license in listing
        assert all(item.contents for item in corpus.downloads)


def test_downloads_are_checked_by_their_contents(tmp_path):
    path = tmp_path / "stories.txt"
    path.write_text("Once upon a time there was a sock.\n<|endoftext|>\n" * 150)
    check_stories(path)
    path.write_text("Once upon a time there was a page of another kind.\n" * 150)
    with pytest.raises(ValueError, match="stories"):
        check_stories(path)
    write_shard(path, [1, 50256])
    check_shard(path)
    write_shard(path, [1, 50257])
    with pytest.raises(ValueError, match="50257"):
        check_shard(path)


# --- the command -------------------------------------------------------------------------------


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """A folder of shards of tales, and a tokenizer in the place of GPT-2's."""
    text = "\n".join(tales.sample(60, seed=3))
    tokenizer, learned, held_out, *_ = prepare(text, 512)
    monkeypatch.setattr(command, "load_gpt2_tokenizer", lambda: tokenizer)
    folder = tmp_path / "tales"
    folder.mkdir()
    for name, ids in (
        ("val_0", held_out),
        *(("train_0", learned[:999]), ("train_1", learned[999:])),
    ):
        write_shard(folder / f"{name}.bin", ids)
    return folder, tokenizer


def test_the_command_trains_on_shards(corpus, tmp_path, capsys):
    folder, tokenizer = corpus
    arguments = ["--shards", str(folder), "--preset", "tiny", "--out", str(tmp_path / "run")]
    assert command.main([*arguments, "--steps", "6", "--evaluate-every", "3"]) == 0
    told = capsys.readouterr().out
    learned = sum(len(read_shard(folder / f"train_{n}.bin")) for n in range(2))
    assert f"{learned:,} tokens to learn from" in told and "this model" in told
    model, saved = load_model(tmp_path / "run" / "model")
    assert model.config.vocab_size == tokenizer.vocab_size == saved.vocab_size


def test_shards_are_held_out_by_name_or_the_last(corpus, tmp_path):
    folder, _ = corpus
    assert [path.name for path in command.find_shards(folder).held_out] == ["val_0.bin"]
    (folder / "val_0.bin").unlink()
    learned, held_out = command.find_shards(folder)
    assert [path.name for path in (*learned, *held_out)] == ["train_0.bin", "train_1.bin"]


@pytest.mark.parametrize("more, word", [([], "shards"), (["--text", "a.txt"], "--text")])
def test_what_cannot_be_read_is_said(tmp_path, capsys, more, word):
    assert command.main(["--shards", str(tmp_path), *more]) == 1
    assert word in capsys.readouterr().err
