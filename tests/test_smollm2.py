"""The real SmolLM2: what it says, transformers' logits, and llama.cpp's ids of 10,000 strings."""

import base64
import json
import math
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from classroom.pages.talkers import smollm2
from helpers.files import sha256
from helpers.generate import generate
from helpers.llama import load_gguf
from helpers.llama.gguf import GGUFFile
from helpers.llama.tokens import tokenizer_from_gguf
from helpers.texts import available, data_folder, load_corpus
from helpers.texts.sources import CORPORA
from tools.makers.llama_ids import DIGEST_BYTES, FILE, digest, hash_of, make_strings

RECORDED = json.loads(FILE.read_text("utf-8"))


@pytest.fixture(scope="module")
def path():
    if not available("smollm2"):
        pytest.skip("needs smollm2: python3 course.py data smollm2")
    return data_folder() / CORPORA["smollm2"].downloads[0].file


@pytest.fixture(scope="module")
def loaded(path):
    return load_gguf(path)


@pytest.fixture(scope="module")
def story_ids(loaded):
    return torch.tensor([loaded[1].encode(load_corpus("story"))[:1024]])


def test_the_strings_are_the_recorded_ones():
    strings = make_strings()
    assert len(strings) == RECORDED["n_strings"] == 10_000
    assert hash_of(strings) == RECORDED["strings_sha256"]


def test_every_string_has_llama_cpps_ids(path):
    assert sha256(path) == RECORDED["model_sha256"]
    tokenizer = tokenizer_from_gguf(GGUFFile(path).settings)
    digests = base64.b64decode(RECORDED["digests"])
    strings, n_ids, wrong = make_strings(), 0, []
    for number, text in enumerate(strings):
        ids = tokenizer.encode_ordinary(text)
        n_ids += len(ids)
        place = number * DIGEST_BYTES
        if digest(ids) != digests[place : place + DIGEST_BYTES]:
            wrong.append(text)
    assert not wrong, f"{len(wrong)} strings, the first are {wrong[:3]!r}"
    assert n_ids == RECORDED["n_ids"]


def test_its_sizes(loaded):
    model, tokenizer = loaded
    assert model.n_parameters() == 134_515_008
    assert tokenizer.vocab_size == model.config.vocab_size == 49152
    assert tokenizer.decode(tokenizer.encode("Kätzchen, 1984!\n\t…")) == "Kätzchen, 1984!\n\t…"


def test_it_knows_the_capital_of_france(path):
    chat = smollm2()
    assert chat.respond("What is the capital of France?") == "The capital of France is Paris."
    assert "".join(chat.stream("And of Italy?")).strip() and len(chat.turns) == 2


def test_it_predicts_the_story(loaded, story_ids):
    model, tokenizer = loaded
    with torch.no_grad():
        logits = model(story_ids)[0, :-1]
    nats = torch.nn.functional.cross_entropy(logits, story_ids[0, 1:], reduction="sum").item()
    n_bytes = len(tokenizer.decode_bytes(story_ids[0, 1:]))
    assert nats / math.log(2) / n_bytes == pytest.approx(1.35, abs=0.01)


@pytest.mark.slow
def test_logits_and_text_equal_transformers(path, loaded, story_ids):
    """transformers reads the same file, if the packages gguf and accelerate are installed."""
    why = "reads the file with transformers, which takes gguf and accelerate"
    for name in ("gguf", "accelerate"):
        pytest.importorskip(name, reason=why)
    transformers = pytest.importorskip("transformers", reason=why)
    transformers.utils.logging.disable_progress_bar()
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32
    ).eval()
    ids = story_ids[:, :200]
    with torch.no_grad():
        assert_close(loaded[0](ids), theirs(ids).logits, atol=1e-3, rtol=0)
    theirs.generation_config.eos_token_id = None
    start = {"input_ids": ids[:, :40], "attention_mask": torch.ones(1, 40)}
    greedy = theirs.generate(**start, max_new_tokens=60, do_sample=False, pad_token_id=2)
    ours = torch.stack(list(generate(loaded[0], ids[:, :40], 60)), dim=1)
    assert torch.equal(ours, greedy[:, 40:])


def test_the_recorded_file_is_small():
    assert Path(FILE).stat().st_size < 100_000
