"""Checkpoints: round trips, nothing half-written, foreign and broken files refused by name."""

import errno
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from helpers.bpe import BPETokenizer
from helpers.checkpoint import checkpoints, load_checkpoint, load_model, save_checkpoint, save_model
from helpers.config import GPTConfig
from helpers.model import GPT
from helpers.optim import create_optimizer

CONFIG = GPTConfig(300, 16, 16, 2, 2, dropout=0.0)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return GPT(CONFIG)


@pytest.fixture
def trained(model):
    optimizer = create_optimizer(model)
    model(torch.tensor([[1, 2, 3]])).logsumexp(-1).sum().backward()
    optimizer.step()
    return model, optimizer


@pytest.mark.parametrize("tie_weights", [True, False])
def test_a_saved_model_gives_the_same_logits(tmp_path, tie_weights):
    model = GPT(GPTConfig(300, 16, 16, 2, 2, dropout=0.1, tie_weights=tie_weights)).eval()
    tokenizer = BPETokenizer.train("low lower lowest " * 20, 270)
    save_model(tmp_path / "m", model, tokenizer)
    loaded, loaded_tokenizer = load_model(tmp_path / "m")
    ids = torch.tensor([[3, 1, 4, 1, 5]])
    assert torch.equal(loaded(ids), model(ids))
    assert not loaded.training and loaded.config == model.config
    assert loaded_tokenizer.encode("lowest") == tokenizer.encode("lowest")
    if tie_weights:
        assert loaded.output_head.weight is loaded.token_embedding.weight


def test_bf16_halves_the_file(tmp_path, model):
    full = save_model(tmp_path / "full", model) / "model.safetensors"
    half = save_model(tmp_path / "half", model, dtype=torch.bfloat16) / "model.safetensors"
    assert half.stat().st_size < 0.6 * full.stat().st_size
    loaded, _ = load_model(tmp_path / "half")
    torch.testing.assert_close(
        loaded(torch.tensor([[1]])), model(torch.tensor([[1]])), atol=1e-2, rtol=0.05
    )


def test_a_checkpoint_restores_everything(tmp_path, trained):
    model, optimizer = trained
    torch.manual_seed(77)
    save_checkpoint(tmp_path, model, optimizer, {"step": 3, "note": "x"})
    expected = torch.rand(3)
    fresh = GPT(CONFIG)
    fresh_optimizer = create_optimizer(fresh)
    state = load_checkpoint(tmp_path / "step-00000003", fresh, fresh_optimizer)
    assert state == {"step": 3, "note": "x"}
    assert torch.equal(torch.rand(3), expected)
    for (name, a), b in zip(model.named_parameters(), fresh.parameters(), strict=True):
        assert torch.equal(a, b), name
        assert optimizer.state[a].keys() == fresh_optimizer.state[b].keys()
        for key in optimizer.state[a]:
            assert torch.equal(optimizer.state[a][key], fresh_optimizer.state[b][key]), (name, key)


def test_only_the_newest_checkpoints_stay(tmp_path, trained):
    for step in (1, 2, 30):
        save_checkpoint(tmp_path, *trained, {"step": step}, keep=2)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000002", "step-00000030"]


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path, trained, monkeypatch):
    save_checkpoint(tmp_path, *trained, {"step": 1})

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("helpers.checkpoint._save_tensors", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(tmp_path, *trained, {"step": 2})
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000001"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_saving_over_a_model_replaces_it(tmp_path, model):
    save_model(tmp_path / "m", model)
    with torch.no_grad():
        model.final_norm.shift.fill_(5.0)
    save_model(tmp_path / "m", model)
    assert load_model(tmp_path / "m")[0].final_norm.shift[0] == 5.0
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_damaged_checkpoint_is_refused(tmp_path, trained):
    folder = save_checkpoint(tmp_path, *trained, {"step": 1})
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(bytes(data))
    with pytest.raises(ValueError, match="model.safetensors is missing or damaged"):
        load_checkpoint(folder, *trained)


def change_tensors(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("final_norm.scale"), "final_norm.scale is missing"),
        (lambda t: t.update(other=torch.zeros(1)), "other does not belong"),
        (
            lambda t: t.update({"final_norm.scale": torch.zeros(3)}),
            r"final_norm.scale has shape \(3,\); this model needs \(16,\)",
        ),
    ],
)
def test_foreign_tensors_are_named(tmp_path, model, change, message):
    folder = save_model(tmp_path / "m", model)
    change_tensors(folder, change)
    with pytest.raises(ValueError, match=message):
        load_model(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.safetensors", b"not tensors", "truncated"),
        ("model.safetensors", None, "is missing"),
        ("config.json", b"{", "not JSON"),
        ("config.json", b"[]", "holds a list"),
        ("config.json", b'{"height": 1}', "unknown settings: height"),
        ("config.json", None, "is missing"),
    ],
)
def test_broken_files_are_named(tmp_path, model, name, content, message):
    folder = save_model(tmp_path / "m", model)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_model(folder)


def test_a_cut_file_is_refused_and_a_pickle_never_opened(tmp_path, model):
    folder = save_model(tmp_path / "m", model)
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="truncated"):
        load_model(folder)
    torch.save({"a": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(ValueError, match="truncated"):
        load_model(folder)


def test_a_foreign_state_file_is_refused(tmp_path, trained):
    folder = save_checkpoint(tmp_path, *trained, {"step": 1})
    (folder / "state.json").write_text(json.dumps({"epoch": 3}))
    with pytest.raises(ValueError, match="checkpoint"):
        load_checkpoint(folder, *trained)
