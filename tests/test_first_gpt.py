"""The small GPT that comes with the course is the one that its card describes."""

import hashlib
from pathlib import Path

import pytest

import helpers
from helpers.checkpoint import load_model
from helpers.compression import bits_per_byte
from helpers.corpora import corpus_hash, load_corpus
from helpers.train import split_text

FOLDER = Path(helpers.__file__).parent / "assets" / "first_gpt"
CARD = (FOLDER / "README.md").read_text("utf-8")


def test_the_weights_are_those_of_the_card():
    digest = hashlib.sha256((FOLDER / "model.safetensors").read_bytes()).hexdigest()
    assert digest in CARD


def test_shape_and_size_are_those_of_the_card():
    model, tokenizer = load_model(FOLDER)
    assert f"{model.n_parameters():,}" in CARD
    assert tokenizer.vocab_size == model.config.vocab_size == 2048


@pytest.mark.slow
def test_its_loss_is_that_of_the_card():
    if corpus_hash("pydocs") not in CARD:
        pytest.skip("this Python carries other help pages than the card's")
    model, tokenizer = load_model(FOLDER)
    held_out = split_text(load_corpus("pydocs"))[1]
    assert bits_per_byte(model, tokenizer, held_out) == pytest.approx(1.947, abs=0.005)
