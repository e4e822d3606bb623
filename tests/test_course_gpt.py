"""The command that trains the course's GPT, and the trained one that its card describes."""

import hashlib
import json
from pathlib import Path

import pytest
import torch

import helpers
from classroom.worlds import tales
from helpers.checkpoint import load_model
from helpers.config import PRESETS, GPTConfig
from helpers.train import evaluate_loss
from tools.makers import course_gpt, course_rows
from tools.makers.course_texts import Source

FOLDER = Path(helpers.__file__).parent / "assets" / "course_gpt"
there = pytest.mark.skipif(not FOLDER.exists(), reason="the course's GPT is not trained yet")


@pytest.fixture
def quick(monkeypatch):
    """A run of seconds: few texts, a tiny model."""
    texts = tales.sample(150, seed=3)
    sources = {
        "tales": Source(texts[:120], texts[120:130]),
        "notes": Source(["Attention mixes values. " * 30] * 3, ["A query asks. " * 40], times=2),
    }
    monkeypatch.setattr(course_gpt, "course_sources", lambda n_tales: sources)
    # both runs of a test must choose the same precision, also on a busy machine
    monkeypatch.setattr("helpers.device.bfloat16_speedup", lambda device: 1.0)
    monkeypatch.setitem(PRESETS, "course", GPTConfig(600, 256, 32, 4, 2, dropout=0.0))
    monkeypatch.setattr(
        course_gpt,
        "RECIPE",
        course_gpt.replace(course_gpt.RECIPE, batch_size=4, warmup_steps=2, checkpoint_every=5),
    )
    return sources


def test_the_command_trains_resumes_and_writes_a_card(quick, tmp_path, capsys):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert course_gpt.main(["--out", str(whole), "--steps", "10"]) == 0
    assert course_gpt.main(["--out", str(broken), "--steps", "10"]) == 0
    for path in sorted(broken.glob("step-*"))[1:]:
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    assert course_gpt.main(["--out", str(broken), "--steps", "10", "--resume"]) == 0
    first, second = (
        json.loads((folder / "model" / "report.json").read_text("utf-8"))
        for folder in (whole, broken)
    )
    assert second.pop("minutes") is None and first.pop("minutes") >= 0
    assert first == second
    card = (whole / "model" / "README.md").read_text("utf-8")
    assert first["sha256"] in card and f"{first['tales']['loss']:.4f}" in card
    assert first["tales"]["loss"] > first["tales"]["floor"] > 0
    model, tokenizer = load_model(whole / "model")
    assert model.config.vocab_size == tokenizer.vocab_size


def test_rows_begin_with_documents_and_long_ones_go_on(quick):
    shape = course_gpt.replace(PRESETS["course"], context_length=64)
    tokenizer, training, held_out = course_rows.prepare(quick, shape, batch_size=4)
    texts = [text for source in quick.values() for text in source.training * source.times]
    assert "".join(tokenizer.decode(row.tolist()) for row in training.documents) == "".join(texts)
    assert max(map(len, training.documents)) == 63
    assert sum(bool(marks[-1]) for marks in training.scored) == len(texts)
    assert all(marks[:-1].all() for marks in training.scored)
    assert len(held_out.documents) >= 11


def test_of_tasks_only_answers_are_scored_but_for_one_text_in_four(quick):
    asked = " Name the opposite.\n bad\n good\n\n What is 3 + 4?\n 7"
    quick["tasks"] = Source([asked] * 8, [asked], asks=True)
    tokenizer, training, _ = course_rows.prepare(quick, PRESETS["course"], batch_size=4)
    scored = []
    for ids, marks in zip(training.documents[-8:], training.scored[-8:], strict=True):
        assert tokenizer.decode(ids.tolist()) == asked and marks[-1]
        scored.append(
            tokenizer.decode([i for i, mark in zip(ids, marks[:-1], strict=True) if mark])
        )
    assert scored == [asked, *[" good\n\n 7"] * 3] * 2


def test_of_practice_only_answers_are_scored_and_a_quarter_of_what_is_asked_comes_first(quick):
    asked = " Name the opposite.\n bad\n good"
    quick["tasks"] = Source([asked] * 8, [asked], asks=True)
    quick["sums"] = Source([" 3 + 4\n 7"] * 8, [" 1 + 1\n 2"], asks=True, by_chance=True)
    _, training, _ = course_rows.prepare(quick, PRESETS["course"], batch_size=4)
    every = [sum(marks) for marks in training.scored[-8:]]
    assert every == [every[0]] * 8 and every[0] < len(training.scored[-1])
    assert training.first[-16:].tolist() == [False, True, False, False] * 4
    assert not training.first[:-16].any()


def test_words_of_a_typed_source_are_met_whole_and_in_pieces(quick):
    asked = " what is attention"
    quick["questions"] = Source([asked] * 200, [asked], is_typed=True)
    tokenizer, training, _ = course_rows.prepare(quick, PRESETS["course"], batch_size=4)
    rows = [tuple(row.tolist()) for row in training.documents[-200:]]
    assert {tokenizer.decode(list(row)) for row in rows} == {asked}
    whole = rows.count(tuple(tokenizer.encode_ordinary(asked)))
    assert 0.9**3 - 0.1 < whole / 200 < 0.9**3 + 0.15  # a cut may fall between two tokens
    assert len(set(rows)) > 5


def test_the_tokenizer_has_single_digits_and_whole_chat_marks(quick):
    tokenizer, *_ = course_rows.prepare(quick, PRESETS["course"], batch_size=4)
    for mark in course_rows.CHAT_MARKS:
        assert [tokenizer.decode([i]) for i in tokenizer.encode_ordinary(f".{mark}")][-1] == mark
    pieces = [tokenizer.decode([i]) for i in tokenizer.encode_ordinary("a 365 and 1966")]
    assert [piece.strip() for piece in pieces if piece.strip().isdigit()] == list("3651966")
    assert [tokenizer.decode([i]) for i in tokenizer.encode_ordinary("zzzyed")][-1] == "ed"
    strange = "é 漢字 \t x2!?  \n\n<| |> don't\n"
    assert tokenizer.decode(tokenizer.encode(strange)) == strange


def test_nothing_to_resume_is_one_line(quick, tmp_path, capsys):
    assert course_gpt.main(["--out", str(tmp_path / "none"), "--resume"]) == 1
    assert "nothing to resume" in capsys.readouterr().err


@there
def test_the_weights_are_those_of_the_card():
    digest = hashlib.sha256((FOLDER / "model.safetensors").read_bytes()).hexdigest()
    report = json.loads((FOLDER / "report.json").read_text("utf-8"))
    assert report["sha256"] == digest
    assert (FOLDER / "README.md").read_text("utf-8") == course_gpt.card(report)


@there
def test_it_is_small_and_the_readers_own_class_loads_it():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 16_000_000
    model, tokenizer = load_model(FOLDER)
    assert type(model).__module__ == "helpers.model"
    assert 6_000_000 <= model.n_parameters() <= 8_000_000
    assert model.output_head.weight is model.token_embedding.weight


@there
@pytest.mark.slow
def test_its_loss_on_tales_is_that_of_the_card():
    report = json.loads((FOLDER / "report.json").read_text("utf-8"))
    model, tokenizer = load_model(FOLDER)
    held_out = tales.sample(500, course_gpt.HELD_OUT_TALES_SEED)
    loader = course_gpt.tale_loader(tokenizer, held_out)
    assert evaluate_loss(model, loader) == pytest.approx(report["tales"]["loss"], abs=0.005)
    end = tokenizer.special_tokens[course_rows.END_OF_TEXT]
    with torch.no_grad():
        assert model(torch.tensor([[end]])).argmax() != end
