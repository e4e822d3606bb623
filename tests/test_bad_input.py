"""Bad input, in one table: what each function and each flag of a command must say to it.

A row holds the call, the type of its error and what the message must name: the value and its
limit, not the sentence around them. `tests.refused_calls` has many more, whose messages need only
be clear. Files are in test_bad_files, replies of servers and judges in test_bad_replies. What a
module's own tests refuse is not repeated here. Below the tables, random input looks for errors of
any other type.
"""

import copy
import itertools
import json
import math
import re

import pytest
import regex
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom.pages.embedding_explorer import EmbeddingExplorer
from classroom.pages.embedding_view import nearest_words
from classroom.pages.talkers import ChatServer
from classroom.study.question_generator import QuestionGenerator, find_questions, make_set
from classroom.study.question_generator import question_generator as generator
from classroom.study.question_writer import parse_question, question_prompt
from classroom.turns import check
from classroom.turns.registry import exercises_by_notebook
from classroom.worlds import tales
from helpers.attention import causal_mask
from helpers.bpe import BPETokenizer
from helpers.checkpoint import load_checkpoint, load_model, read_state, save_model
from helpers.classifier import FinetuneConfig
from helpers.config import GPTConfig
from helpers.eliza import Eliza
from helpers.eliza.script import parse_script
from helpers.fast import speed_up
from helpers.fast.head_loss import head_loss
from helpers.fast.packing import pack_weights
from helpers.fast.quantize import quantize_int8
from helpers.generate import generate, penalize_repetition, sample_next
from helpers.judge import JudgeError, mean_score, parse_choice, parse_score
from helpers.limits import check_number, check_whole
from helpers.lora import apply_lora
from helpers.optim import create_optimizer
from helpers.pretrained import config_from_gpt2
from helpers.runs.run import Run
from helpers.texts.documents import DocumentLoader
from helpers.texts.loaders import TokenWindows, create_loader, read_tokens, write_tokens
from helpers.texts.prepare import split_text
from helpers.tokenizer import WordTokenizer
from helpers.train import TrainConfig, evaluate_loss, saved_config, train
from tests.refused_calls import (
    BROKEN,
    BYTES,
    GPT2,
    IDS,
    INF,
    LOADER,
    MODEL,
    NAN,
    PLAIN,
    REFUSED,
    WORDS,
    new,
)
from tools import bench, chat, figures, lab, notebooks, repo, run
from tools import data as texts_command
from tools import train as training
from tools import zip as zip_command
from tools.makers import chat_model, course_gpt

SQUARE = [[0, 1], [1, 0], [0, -1], [-1, 0]]
DOCUMENTS = DocumentLoader([[5, 6], [7]], 0, 2)


def trained(tokens, held_out=(1,) * 99, folder=None):
    """Train a copy of the model for one step; it must not come to that."""
    config = TrainConfig(steps=1, batch_size=1, warmup_steps=0)
    return train(copy.deepcopy(MODEL), tokens, held_out, config, Run(folder, progress=False))


def nan_linear():
    layer = torch.nn.Linear(4, 4)
    torch.nn.init.constant_(layer.weight, NAN)
    return torch.nn.Sequential(layer)


CALLS = {
    "limits": [
        (lambda: check_whole("n", 2.5, least=1), TypeError, "n 2.5 1"),
        (lambda: check_whole("n", True, least=1), TypeError, "n True"),
        (lambda: check_whole("n", 7, least=1, most=6), ValueError, "n 7 1 6"),
        (lambda: check_number("x", "1", least=0), TypeError, "x 1 0"),
        (lambda: check_number("x", NAN, above=0, below=1), ValueError, "nan above 0 below 1"),
    ],
    "config": [
        (lambda: GPTConfig(dropout="x"), TypeError, "dropout x 0 1"),
        (lambda: GPTConfig(tie_weights="no"), TypeError, "tie_weights no"),
        (lambda: GPTConfig(vocab_size=10**30), ValueError, f"vocab_size {10**30}"),
        (lambda: GPTConfig(n_layers=10**9), ValueError, "n_layers 1000000000 10,000"),
        (lambda: GPTConfig(n_layers=True), ValueError, "n_layers True"),
        (lambda: config_from_gpt2(GPT2 | {"n_embd": "768"}), ValueError, "n_embd 768"),
        (lambda: config_from_gpt2(GPT2 | {"n_layer": 1e400}), ValueError, "n_layer inf"),
        (lambda: config_from_gpt2(GPT2 | {"n_layer": 10**9}), ValueError, "n_layers 1000000000"),
        (lambda: config_from_gpt2(GPT2 | {"vocab_size": None}), ValueError, "vocab_size None"),
        (lambda: config_from_gpt2(GPT2 | {"n_head": [12]}), ValueError, "n_head 12"),
        (lambda: config_from_gpt2(GPT2 | {"resid_pdrop": "x"}), ValueError, "resid_pdrop x"),
        (
            lambda: config_from_gpt2(GPT2 | {"tie_word_embeddings": 1}),
            ValueError,
            "tie_word_embeddings 1",
        ),
        (lambda: save_model("no", MODEL, dtype=torch.int8), ValueError, "torch.int8"),
        (lambda: save_model("no", MODEL, dtype="bf16"), ValueError, "bf16"),
        (lambda: save_model(__file__, MODEL), FileExistsError, "file"),
    ],
    "train": [
        (lambda: TrainConfig(steps="3"), TypeError, "steps 3 1"),
        (lambda: TrainConfig(batch_size=1.5), TypeError, "batch_size 1.5 1"),
        (lambda: TrainConfig(learning_rate=INF), ValueError, "learning_rate inf 0"),
        (lambda: TrainConfig(weight_decay=-1), ValueError, "weight_decay -1 0"),
        (lambda: TrainConfig(clip_norm=NAN), ValueError, "clip_norm nan 0"),
        (lambda: TrainConfig(final_share=2), ValueError, "final_share 2 1 0"),
        (lambda: TrainConfig(seed=-1), ValueError, "seed -1 0 4294967295"),
        (lambda: TrainConfig(checkpoint_every=-1), ValueError, "checkpoint_every -1 0"),
        (lambda: TrainConfig(precision="fp7"), ValueError, "precision fp7 bf16"),
        (lambda: TrainConfig(optimizer="sgd"), ValueError, "optimizer sgd adamw"),
        (lambda: evaluate_loss(MODEL, [1] * 99, batches=0), ValueError, "batches 0 1"),
        (lambda: evaluate_loss(MODEL, [1] * 99, batches=1.5), TypeError, "batches 1.5 1"),
        (lambda: split_text("abc", 1.5), ValueError, "held_out_share 1.5 0 1"),
        (lambda: trained([400] * 99), ValueError, "400 299"),
        (lambda: trained([-1] * 99), ValueError, "-1 0"),
        (lambda: trained([1] * 9), ValueError, "9 16 17"),
        (lambda: trained(DocumentLoader([[400]], 0, 1)), ValueError, "400 299"),
        (lambda: trained(DocumentLoader([[5]], 300, 1)), ValueError, "300 299"),
        (lambda: trained([1] * 99, [1] * 9), ValueError, "held-out 9 16 17"),
        (lambda: trained([1] * 99, [400] * 99), ValueError, "held-out 400 299"),
        (
            lambda: trained([1] * 99, folder=f"{__file__}/run"),
            NotADirectoryError,
            f"{__file__}/run",
        ),
    ],
    "optim": [
        (lambda: create_optimizer(MODEL, -1.0), ValueError, "learning_rate -1.0 0"),
        (lambda: create_optimizer(MODEL, 1.0, -2), ValueError, "weight_decay -2 0"),
    ],
    "loaders": [
        (lambda: TokenWindows([1, 2, 3], 2.5), TypeError, "context_length 2.5 1"),
        (lambda: TokenWindows([2**70] * 4, 2), ValueError, "64"),
        (lambda: TokenWindows(b"abcdefgh" * 4, 2), TypeError, "bytes"),
        (lambda: create_loader([1] * 9, 2, 2, seed=-1), ValueError, "seed -1 0 4294967295"),
        (lambda: LOADER.load_state_dict(None), TypeError, "NoneType"),
        (lambda: DOCUMENTS.load_state_dict([]), TypeError, "list"),
        (lambda: DocumentLoader([[5]], 0, 1, round_to=0), ValueError, "round_to 0 1"),
        (lambda: DocumentLoader([[5]], 0, 1, scored=[[False] * 2]), ValueError, "scored"),
        (lambda: DocumentLoader([[-5]], 0, 1), ValueError, "-5 0"),
        (lambda: DocumentLoader([[5]], -1, 1), ValueError, "-1 0"),
    ],
    "bpe": [
        (lambda: BPETokenizer.train("a", 300, pattern="("), ValueError, "pattern ("),
        (lambda: BPETokenizer.train("a", 300, pattern=5), TypeError, "pattern str int"),
        (lambda: BPETokenizer.train("a", 300, n_processes="2"), TypeError, "n_processes 2 1"),
        (lambda: BYTES.encode_ordinary(5), TypeError, "str int"),
        (lambda: BYTES.encode_bytes("low"), TypeError, "bytes str"),
        (lambda: BYTES.decode([1.5]), ValueError, "1.5 0 263"),
        (lambda: BYTES.decode([[1]]), TypeError, "token"),
    ],
    "words": [
        (lambda: WordTokenizer({"a": "b"}), TypeError, "str int a b"),
        (lambda: WordTokenizer.from_text("a", vocab_size="5"), TypeError, "vocab_size 5"),
    ],
    "eliza": [
        (lambda: parse_script(None), TypeError, "NoneType"),
        (lambda: parse_script("(" * 30_000 + ")" * 30_000), ValueError, "line 1"),
    ],
    "model": [
        (lambda: MODEL(IDS + 299), IndexError, "range"),
        (lambda: MODEL(IDS.repeat(1, 6)), ValueError, "18 16"),
        (lambda: causal_mask(-1, 2), ValueError, "-1 2"),
        (
            lambda: head_loss(torch.ones(2, 3), torch.ones(5, 3), torch.tensor([1, 5])),
            ValueError,
            "5 0 4",
        ),
        (
            lambda: head_loss(torch.ones(2, 3), torch.ones(5, 3), torch.tensor([1, -7])),
            ValueError,
            "-7 0 4",
        ),
    ],
    "generate": [
        (lambda: new(max_new_tokens=1.5), TypeError, "max_new_tokens 1.5 0"),
        (lambda: new(temperature=INF), ValueError, "temperature inf 0"),
        (lambda: new(temperature="hot"), TypeError, "temperature hot 0"),
        (lambda: new(top_k=2.5), TypeError, "top_k 2.5 1"),
        (lambda: new(repetition_penalty=INF), ValueError, "repetition_penalty inf 0"),
        (lambda: new(seed=2**70), ValueError, "seed 1180591620717411303424 0 9223372036854775807"),
        (lambda: new(seed="x"), TypeError, "seed x 0 9223372036854775807"),
        (lambda: list(generate(MODEL, [1], 3)), TypeError, "token_ids list"),
        (lambda: list(generate(MODEL, IDS.float(), 3)), TypeError, "token_ids torch.float32"),
        (lambda: list(generate(MODEL, IDS - 9, 3)), ValueError, "-8 0 299"),
        (lambda: sample_next(torch.tensor([[NAN] * 3]), 1.0), FloatingPointError, "logits"),
        (lambda: list(generate(BROKEN, IDS, 3, temperature=1.0)), FloatingPointError, "logits"),
        (lambda: penalize_repetition(IDS, IDS, 0), ValueError, "repetition_penalty 0"),
    ],
    "texts": [
        (lambda: tales.sample(-1, 0), ValueError, "n -1 0"),
        (lambda: tales.probes(1, 0, "x"), ValueError, "kind x agreement"),
    ],
    "adapting": [
        (lambda: FinetuneConfig(warmup_share=2), ValueError, "warmup_share 2 0 1"),
        (lambda: apply_lora(MODEL, targets="query"), TypeError, "targets query"),
        (lambda: apply_lora(MODEL, targets=("query", "valuex")), ValueError, "valuex"),
        (lambda: apply_lora(MODEL, targets=("querykey", "value")), ValueError, "querykey"),
        (lambda: apply_lora(MODEL, targets=()), ValueError, "no matrix"),
        (lambda: apply_lora(MODEL, 2, NAN), ValueError, "alpha nan 0"),
        (lambda: apply_lora(MODEL, 2, INF), ValueError, "alpha inf 0"),
        (lambda: apply_lora(MODEL, 2, -8), ValueError, "alpha -8 0"),
        (lambda: apply_lora(MODEL, 2, "16"), TypeError, "alpha 16 0"),
        (lambda: apply_lora(MODEL, 99), ValueError, "rank 99 1 16"),
        (lambda: apply_lora(MODEL, 2.5), TypeError, "rank 2.5 1 16"),
        (lambda: quantize_int8(nan_linear()), ValueError, "finite"),
        (lambda: pack_weights(nan_linear()), ValueError, "finite"),
        (lambda: speed_up(nan_linear(), generation=True), ValueError, "finite"),
    ],
    "talking": [
        (lambda: check("99.9", str), ValueError, "99.9"),
        (lambda: check(5.1, str), ValueError, "5.1"),
        (lambda: parse_score("4/5"), JudgeError, "4/5"),
        (lambda: parse_score("1,000"), JudgeError, "1,000"),
        (lambda: parse_score("Between 80 and 90"), JudgeError, "80 90"),
        (lambda: parse_score("<think>85"), JudgeError, "score"),
        (lambda: parse_choice("A good question."), JudgeError, "good question"),
        (lambda: mean_score([{"score": "85"}]), ValueError, "85 0 100"),
        (lambda: mean_score([{"score": NAN}]), ValueError, "nan 0 100"),
    ],
    "pages to touch": [
        (lambda: EmbeddingExplorer([[1, 2]], "ab"), ValueError, "1 2"),
        (lambda: EmbeddingExplorer([1, 2, 3], "abc"), ValueError, "3"),
        (lambda: EmbeddingExplorer(SQUARE[:2], "ab"), ValueError, "3 2"),
        (lambda: EmbeddingExplorer([[1], [2], [3]], "abc"), ValueError, "3 2"),
        (lambda: EmbeddingExplorer(SQUARE, "abca"), ValueError, "label"),
        (lambda: EmbeddingExplorer([[NAN, 1]] * 3, "abc"), ValueError, "NaN"),
        (lambda: EmbeddingExplorer(SQUARE, "abcd", "e"), ValueError, "e 4"),
        (lambda: EmbeddingExplorer(SQUARE, "abcd", "a", 13), ValueError, "count 13 1 12"),
        (lambda: EmbeddingExplorer(SQUARE, "abcd", "a", 1.5), TypeError, "count 1.5 1 12"),
        (lambda: EmbeddingExplorer(SQUARE, "abcd", 7), TypeError, "word int"),
        (lambda: nearest_words("e", SQUARE, "abcd"), ValueError, "e 4"),
        (lambda: nearest_words("a", SQUARE, "abcd", 0), ValueError, "count 0 1"),
        (lambda: nearest_words("a", SQUARE, "abc"), ValueError, "4 2 3"),
        (lambda: find_questions("softmax", 0), ValueError, "n 0 1 10"),
        (lambda: find_questions("softmax", 11), ValueError, "n 11 1 10"),
        (lambda: find_questions(None), TypeError, "topic NoneType"),
        (lambda: make_set("softmax", "3"), TypeError, "n 3 1 10"),
        (lambda: generator("softmax", 99, {}), ValueError, "n 99 1 10"),
        (lambda: QuestionGenerator("softmax", -1), ValueError, "n -1 1 10"),
        (lambda: question_prompt(" "), ValueError, "topic 0 1 100"),
        (lambda: question_prompt("x" * 101), ValueError, "topic 101 1 100"),
        (lambda: parse_question([], "x"), ValueError, "JSON"),
        (lambda: ChatServer("http://x", "m", max_tokens=0), ValueError, "max_tokens 0 1"),
        (lambda: ChatServer("http://x", "m", seconds=0), ValueError, "seconds 0"),
        (lambda: ChatServer("file:///etc/passwd", "m"), ValueError, "file http https"),
        (lambda: ChatServer("http://", "m"), ValueError, "host"),
        (lambda: ChatServer("http://x:y/v1", "m"), ValueError, "http://x:y/v1"),
        (lambda: ChatServer("http://x:99999", "m"), ValueError, "99999"),
        (lambda: ChatServer("http://a b/v1", "m"), ValueError, "a b"),
        (lambda: ChatServer("http://x", "m", "“secret”"), ValueError, "key"),
        (lambda: ChatServer("http://x", "m", "a\nb"), ValueError, "key"),
    ],
}


def missing(words, message):
    """Those of a row's words that a message lacks."""
    return [w for w in words.split() if not re.search(rf"(?<!\w){re.escape(w)}(?!\w)", message)]


def test_a_bad_call_names_the_value_and_the_limit():
    wrong = []
    for group, rows in CALLS.items():
        for number, (call, error, words) in enumerate(rows, 1):
            try:
                said, message = type(None), f"gives {call()!r}"
            except Exception as caught:
                said, message = type(caught), str(caught)
            if said is not error or missing(words, message):
                wrong.append(
                    f"{group} {number}: {error.__name__} {words!r}, not {said.__name__}: {message}"
                )
    assert not wrong, "\n".join(wrong)


# What Python says where an operation happened to fail first: no reader knows what to do about it.
NOT_OURS = re.compile(
    r"unsupported operand|has no attribute|object is not|index out of range|indices must|at 0x|"
    r"invalid literal|could not convert|unpack|not supported between|size mismatch|mat1|scalar type|"
    r"unexpected keyword|positional argument|an integer is required|subscriptable|must match the size|"
    r"recursion depth|Expected|cannot be interpreted|zip\(\)|is empty\b.*arg|must be real number|__"
)


@pytest.mark.parametrize("kind", REFUSED)
def test_a_refused_call_says_one_clear_thing_and_changes_nothing(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = {name: value.clone() for name, value in MODEL.state_dict().items()}
    wrong = []
    for number, (call, error) in enumerate(REFUSED[kind], 1):
        try:
            said, message = None, f"gives {call()!r}"[:200]
        except Exception as caught:
            said, message = type(caught), str(caught)
        clear = 10 < len(message) < 300 and "\n" not in message and not NOT_OURS.search(message)
        if said is not error or not clear:
            wrong.append(f"{number}: {error.__name__}, not {said and said.__name__}: {message}")
    assert not wrong, "\n".join(wrong)
    assert list(tmp_path.iterdir()) == []
    assert MODEL.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in MODEL.state_dict().items())
    assert all(p.requires_grad for p in MODEL.parameters()) and not MODEL.training


DEEP = b"[" * 100_000
NUMPY = b"\x93NUMPY\x01\x00"
FILES = [
    (read_tokens, b"", "token file"),
    (read_tokens, b"PK\x03\x04 an archive", "token file"),
    (read_tokens, NUMPY + b"\x10\x00" + b"{" + b"(" * 15, "token file"),
    (read_tokens, NUMPY + b"\x50\x00" + b"{'descr': '<u4', 'fortran_order': False, 'shape': "
     b"(99999999999999999999,)}".ljust(29) + b"\n", "token file"),
    (BPETokenizer.load, b"\xff", "not a tokenizer file"),
    (BPETokenizer.load, b"{}", "not a tokenizer file.*'format'"),
    (BPETokenizer.load, DEEP, "not a tokenizer file.*recursion"),
    (BPETokenizer.load, json.dumps({
        "format": "helpers.bpe", "version": 1, "pattern": "x", "merges": [],
        "special_tokens": {}, "vocab": {"a": "b"},
    }).encode(), "an id is not an integer"),
    (Eliza.load, b"\xff", "broken: .*0xff"),
    (Eliza.load, b"(Hi)\n(", "broken: line 2: .* never closed"),
]  # fmt: skip


def test_a_broken_file_is_named(tmp_path):
    for load, content, message in FILES:
        (tmp_path / "broken").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            load(tmp_path / "broken")
        with pytest.raises(FileNotFoundError, match="missing"):
            load(tmp_path / "missing")


def test_a_folder_without_a_model_is_named(tmp_path):
    for load in (load_model, read_state, saved_config):
        with pytest.raises(ValueError, match=str(tmp_path)):
            load(tmp_path)


def test_broken_json_of_a_model_is_named(tmp_path):
    for content in (b"", b"[]", b"{}", DEEP):
        for name in ("config.json", "state.json"):
            (tmp_path / name).write_bytes(content)
        for load in (load_model, lambda folder: load_checkpoint(folder, MODEL, None)):
            with pytest.raises(ValueError, match=str(tmp_path)):
                load(tmp_path)


def test_absurd_sizes_are_found_before_memory_is_taken(tmp_path):
    save_model(tmp_path, MODEL)
    config = json.loads((tmp_path / "config.json").read_text())
    sizes = [name for name, value in config.items() if type(value) is int]
    for name in sizes:
        for value in (config[name] * 2, 99_999_999, 10**400, -1, "16", [16], True):
            (tmp_path / "config.json").write_text(json.dumps(config | {name: value}))
            if config | {name: value} != config | {"n_heads": config["n_heads"] * 2}:
                with pytest.raises(ValueError):
                    load_model(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8-sig")
    assert load_model(tmp_path)[0].config == MODEL.config  # a byte order mark is no fault


def test_a_state_of_another_shape_is_named(tmp_path):
    (tmp_path / "step-00000001").mkdir()
    whole = {"step": 1, "history": {}, "loader": {}, "training_tokens": ""}
    settings = [None, [], "x", {"steps": "many"}, {"epochs": 3}]
    states = [{}, *({**whole, "train_config": config} for config in settings)]
    for state in states:
        content = {"state": state, "sha256": {}}
        (tmp_path / "step-00000001" / "state.json").write_text(json.dumps(content))
        with pytest.raises((ValueError, TypeError), match="run|steps"):
            saved_config(tmp_path)


def test_numbers_can_be_written_only_where_there_is_a_folder(tmp_path):
    with pytest.raises(ValueError, match="no token ids"):
        write_tokens(tmp_path / "t.npy", [])
    with pytest.raises(ValueError, match="64 bits"):
        write_tokens(tmp_path / "t.npy", [2**70])
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_tokens(tmp_path / "nowhere" / "t.npy", [1])


FLAGS = [  # the command, its flags, and what its one line on standard error must say
    (training, "--corpus nothing", "corpus nothing story"),
    (training, "--preset huge", "preset huge tiny"),
    (training, "--device abacus", "device abacus auto"),
    (training, "--text missing.txt", "missing.txt"),
    (training, "--text binary", "binary UTF-8 0"),
    (training, "--text .", "directory"),
    (training, "--text empty", "empty"),
    (training, "--steps 0", "steps 0 1"),
    (training, "--steps -5", "steps -5 1"),
    (training, "--batch-size 0", "batch_size 0 1"),
    (training, "--accumulate 0", "accumulate 0"),
    (training, "--learning-rate -1", "learning_rate -1.0 0"),
    (training, "--learning-rate nan", "learning_rate nan 0"),
    (training, "--warmup-steps 999", "warmup_steps 999 0 300"),
    (training, "--weight-decay -1", "weight_decay -1.0 0"),
    (training, "--clip-norm 0", "clip_norm 0.0 0"),
    (training, "--evaluate-every 0", "evaluate_every 0"),
    (training, "--evaluate-batches 0", "evaluate_batches 0"),
    (training, "--checkpoint-every -1", "checkpoint_every -1 0"),
    (training, "--seed -1", "seed -1 0 4294967295"),
    (training, "--precision fp7", "precision fp7 auto fp32 bf16"),
    (training, "--optimizer sgd", "optimizer sgd adamw"),
    (training, "--final-share 2", "final_share 2.0 1"),
    (training, "--compile --fsdp", "--compile --fsdp"),
    (training, "--resume --out empty-folder", "checkpoint empty-folder"),
    (course_gpt, "--steps 0", "steps 0 1"),
    (course_gpt, "--tales 0", "tales 0 1"),
    (chat_model, "--steps 0", "steps 0 1"),
    (chat_model, "--base nowhere", "nowhere"),
    (chat, "--model unspoken", "unspoken tokenizer"),
    (chat, "--model nowhere", "nowhere/config.json"),
    (chat, "--model saved --temperature -1", "-1.0 0"),
    (chat, "--model saved --temperature inf", "inf"),
    (chat, "--model saved --max-new-tokens 0", "max_new_tokens 0 1"),
    (texts_command, "nothing", "corpus nothing story"),
    (texts_command, "../etc", "corpus ../etc story"),
    (training, "--stream", "--stream --text"),
    (training, "--out /dev/null/x", "/dev/null"),
    (training, "--device cuda:99", "cuda:99"),
    (training, "--seed 9999999999", "9999999999 4294967295"),
    (training, "--learning-rate 1e400", "learning_rate inf"),
    (training, "--text utf-16", "utf-16 UTF-8"),
    (training, "--text latin-1", "latin-1 UTF-8"),
    (training, "--text short", "40 64 65"),
    (training, "--text saved/model.safetensors", "UTF-8"),
    (chat, "--model empty", "empty"),
    (chat, "--model saved --max-new-tokens -5", "max_new_tokens -5 1"),
    (chat, "--model saved --temperature nan", "nan"),
    (lab, "99", "99 01_eliza_vs_gpt"),
    (lab, "--take", "--take 05"),
    (lab, "--take x", "x 01_eliza_vs_gpt"),
    (notebooks, "99", "99 01_eliza_vs_gpt"),
    (run, "xx", "xx 01_eliza_vs_gpt"),
    (figures, "99", "99"),
    (figures, "x", "0x"),
    (bench, "nothing", "nothing generation"),
    (repo, "x", "x OWNER/NAME"),
    (repo, "a/b/c", "a/b/c OWNER/NAME"),
    (repo, "../..", "OWNER/NAME"),
    (repo, "a/..", "a/.. OWNER/NAME"),
    (repo, "https://elsewhere.example/a/b", "OWNER/NAME"),
    (repo, "é/b", "é/b OWNER/NAME"),
]


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """A folder with bad files to start commands in; nothing is measured."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("helpers.device.bfloat16_speedup", lambda device: 1.0)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "utf-16").write_text("a text of words\n" * 99, "utf-16")
    (tmp_path / "latin-1").write_text("un café noir\n" * 99, "latin-1")
    (tmp_path / "short").write_text("a text of words\n" * 9)
    save_model(tmp_path / "saved", MODEL, BYTES)
    save_model(tmp_path / "unspoken", MODEL)


def test_a_bad_flag_gives_one_line_and_no_traceback(quick, capfd):
    wrong = []
    for module, flags, words in FLAGS:
        base = ["--preset", "tiny", "--corpus", "story"] if module is training else []
        code = module.main([*base, *flags.split()])
        said = capfd.readouterr()
        line = said.out + said.err if module is texts_command else said.err
        if code != 1 or line.count("\n") != 1 or "Traceback" in line or missing(words, line):
            wrong.append(f"{module.__name__} {flags}: {words!r}, not {code} {line}")
    assert not wrong, "\n".join(wrong)


UNREADABLE = [
    (training, "--steps many"),
    (training, "--learning-rate fast"),
    (training, "--epochs 3"),
    (course_gpt, "--tales many"),
    (chat_model, "--tasks many"),
    (chat, "--max-new-tokens all"),
    (chat, "--temperature warm"),
    (training, "--stream yes"),
    (zip_command, "--fast"),
    (run, "--timeout soon"),
    (notebooks, "--no-runs"),
]


def test_a_flag_that_cannot_be_read_shows_the_usage(capsys):
    wrong = []
    for module, flags in UNREADABLE:
        with pytest.raises(SystemExit) as stopped:
            module.main(flags.split())
        said = capsys.readouterr().err
        if stopped.value.code != 2 or missing(flags, said) or not said.startswith("usage: "):
            wrong.append(f"{module.__name__} {flags}: {said}")
    assert not wrong, "\n".join(wrong)


# From here on: whatever comes, no error but the documented ones.

NUMBERS = st.one_of(
    st.integers(-3, 40), st.just(2**70), st.floats(), st.booleans(), st.none(), st.text(max_size=2)
)
DOCUMENTED = (ValueError, TypeError)


def survives(call, *documented):
    """Call, and let through only errors of the documented types, each with a message."""
    try:
        return call()
    except (*DOCUMENTED, *documented) as error:
        assert str(error)


@given(st.one_of(st.text(), NUMBERS, st.binary()), st.sampled_from([(), "all", "x", ["x"], 5]))
def test_encoding_anything(text, allowed_special):
    for token_ids in (
        survives(lambda: BYTES.encode(text, allowed_special)),
        survives(lambda: BYTES.encode_ordinary(text)),
    ):
        assert token_ids is None or BYTES.decode(token_ids) == text
    token_ids = survives(lambda: BYTES.encode_bytes(text))
    assert token_ids is None or BYTES.decode_bytes(token_ids) == text
    words = survives(lambda: WORDS.encode(text))
    assert words is None or set(words) <= set(WORDS.vocab.values())
    tokenizer = survives(lambda: WordTokenizer.from_text(text))
    assert tokenizer is None or tokenizer.decode(tokenizer.encode(text)) is not None


@given(st.one_of(st.lists(NUMBERS), st.lists(st.lists(st.integers())), NUMBERS))
def test_decoding_anything(token_ids):
    for tokenizer in (BYTES, WORDS):
        text = survives(lambda tokenizer=tokenizer: tokenizer.decode(token_ids))
        assert text is None or isinstance(text, str)


@given(st.dictionaries(st.one_of(st.text(max_size=2), st.integers()), NUMBERS))
def test_a_vocabulary_of_anything(vocab):
    tokenizer = survives(lambda: WordTokenizer(vocab))
    assert tokenizer is None or tokenizer.vocab == vocab


@given(st.text(max_size=6), NUMBERS)
def test_training_a_tokenizer_with_any_pattern(pattern, vocab_size):
    found = [survives(lambda: BPETokenizer.train("ab ab", 258, pattern=pattern, n_processes=1))]
    if vocab_size != 2**70:
        found.append(survives(lambda: BPETokenizer.train("ab ab", vocab_size, n_processes=1)))
        assert found[1] is None or found[1].vocab_size <= vocab_size
    for tokenizer in filter(None, found):
        kept = "".join(match.group() for match in regex.finditer(tokenizer.pattern, "ab cd"))
        assert tokenizer.decode(tokenizer.encode("ab cd")) == kept


SCRIPT_WORDS = st.sampled_from(
    "( ) ( ) ( ) 0 1 2 5 9999 = * / ; hi NONE MEMORY POST PRE NEWKEY DLIST DLIST(/X) START \n".split(
        " "
    )
)


@given(st.one_of(st.lists(SCRIPT_WORDS, max_size=30).map(" ".join), st.text()))
def test_an_eliza_script_of_anything(script):
    for text in (f"(Hi.) (NONE ((0) (Go on.))) {script}", script):
        parsed = survives(lambda text=text: parse_script(text))
        assert parsed is None or Eliza(parsed).respond("hi, what is it?").strip()


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
@settings(max_examples=40, deadline=None)
def test_generating_with_anything(tokens, temperature, top_k, top_p, penalty, seed):
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    tokens = 3 if isinstance(tokens, int) and tokens > 3 else tokens
    tries = [{"max_new_tokens": tokens, "repetition_penalty": penalty, **options}]
    # one at a time, too: the rest of the options is good
    tries += [{"temperature": 1.0, name: value} for name, value in options.items()]
    for chosen in tries:
        made = survives(lambda chosen=chosen: new(**chosen))
        assert all(0 <= token.item() < MODEL.config.vocab_size for token in made or [])


@given(st.lists(st.lists(st.floats(width=32), min_size=3, max_size=3), min_size=1, max_size=2))
def test_sampling_from_any_logits(logits):
    for temperature in (0.0, 1e-30, 1.0):
        found = survives(
            lambda t=temperature: sample_next(torch.tensor(logits), t), FloatingPointError
        )
        assert found is None or set(found.tolist()) <= {0, 1, 2}


@given(st.sampled_from([GPTConfig, TrainConfig, FinetuneConfig]), st.data())
def test_settings_of_anything(kind, data):
    names = sorted(kind.__dataclass_fields__)
    values = data.draw(st.dictionaries(st.sampled_from(names), NUMBERS, max_size=3))
    config = survives(lambda: kind(**values))
    for value in vars(config or kind()).values():
        assert not isinstance(value, float) or math.isfinite(value)


@given(st.one_of(st.lists(NUMBERS, max_size=30), NUMBERS, st.binary()), NUMBERS, NUMBERS, NUMBERS)
def test_windows_of_anything(tokens, context_length, batch_size, stride):
    loader = survives(lambda: create_loader(tokens, context_length, batch_size, stride))
    if loader is not None:
        for inputs, targets in loader:
            assert inputs.shape == targets.shape == (batch_size, context_length)


@given(st.one_of(st.dictionaries(st.sampled_from(["epoch", "position"]), NUMBERS), NUMBERS))
def test_a_loader_state_of_anything(state):
    loader = create_loader([1] * 9, 2, 1)
    state = loader.state_dict() | state if isinstance(state, dict) else state
    before = loader.state_dict()
    survives(lambda: loader.load_state_dict(state))
    assert loader.state_dict() in (before, state)


@given(st.binary(max_size=200))
def test_a_token_file_of_anything(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("tokens") / "t.npy"
    for data in (content, NUMPY + content, NUMPY + b"\x46\x00" + content):
        path.write_bytes(data)
        tokens = survives(lambda: read_tokens(path))
        assert tokens is None or (tokens.ndim == 1 and tokens.dtype.kind in "iu")


def header_of(names, size):
    """Anything that may be in the header of a safetensors file."""
    numbers = st.one_of(st.integers(-1, 2 * size), st.just(2**63), st.floats(), st.none())
    entry = st.fixed_dictionaries({
        "dtype": st.sampled_from(["F32", "BF16", "I8", "I64", "F99", 5]),
        "shape": st.lists(numbers, max_size=3),
        "data_offsets": st.lists(numbers, max_size=3),
    })  # fmt: skip
    return st.dictionaries(st.sampled_from([*names, "other"]), entry | numbers, max_size=4)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_safetensors_file_of_anything(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("model")
    save_model(folder, MODEL)
    path = folder / "model.safetensors"
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, rest = json.loads(content[8 : 8 + length]), content[8 + length :]
    header |= data.draw(header_of(list(header), len(rest)))
    raw = data.draw(st.just(json.dumps(header).encode()) | st.binary(max_size=30))
    size = data.draw(st.sampled_from([len(raw), len(raw) + 1, 0, 2**63]))
    path.write_bytes(size.to_bytes(8, "little") + raw + rest[: data.draw(st.integers(0, 99))])
    survives(lambda: load_model(folder))


JSON = st.recursive(
    NUMBERS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner), max_leaves=5
)  # fmt: skip
PARTS = ("format", "version", "pattern", "vocab", "merges", "special_tokens")


@given(st.dictionaries(st.sampled_from(PARTS), JSON, max_size=2))
@settings(max_examples=50, deadline=None)
def test_a_tokenizer_file_of_anything(tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("tokenizer") / "t.json"
    PLAIN.save(path)
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")
    tokenizer = survives(lambda: BPETokenizer.load(path))
    if tokenizer is not None and "pattern" not in changes:
        assert tokenizer.decode(tokenizer.encode("ab cd")) == "ab cd"


ATTEMPTS = [
    5,
    "a word",
    lambda: None,
    lambda *given: 5,
    lambda *given: ["a", None],
    lambda *given: torch.zeros(2, 2),
    lambda *given: given,
    lambda *given: 1 / 0,
]


def test_a_check_explains_any_attempt(capsys):
    wrong = []
    for name in itertools.chain.from_iterable(exercises_by_notebook().values()):
        for attempt in ATTEMPTS:
            check(name, attempt)
            said = capsys.readouterr().out.strip()
            if not said.startswith(("Not yet: ", "Not attempted yet.")):
                wrong.append(f"{name}: {said}")
    assert not wrong, "\n".join(wrong)
