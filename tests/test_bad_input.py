"""Bad input, in one table: what each function and each flag of a command must say to it.

A row holds the call, the type of its error and what the message must name: the value and its
limit, not the sentence around them. What a module's own tests refuse is not repeated here. Below
the table, random input looks for errors of any other type.
"""

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
from classroom.worlds import inbox, tales, tasks
from helpers import chat as chats
from helpers.attention import causal_mask
from helpers.bpe import BPETokenizer
from helpers.checkpoint import load_checkpoint, load_model, read_state, save_model
from helpers.classifier import FinetuneConfig
from helpers.config import GPTConfig
from helpers.eliza import Eliza
from helpers.eliza.script import parse_script
from helpers.fast.head_loss import head_loss
from helpers.fast.packing import PackedLinear, pack_weights
from helpers.fast.quantize import quantize_int8
from helpers.generate import complete, generate, penalize_repetition, sample_next
from helpers.instructions import Instruction, encode_conversation, fit_prompt, instruction_loader
from helpers.judge import mean_score, parse_choice, parse_score, position_bias
from helpers.kv_cache import KVCache
from helpers.limits import check_number, check_whole
from helpers.lora import apply_lora, merge_lora
from helpers.model import GPT
from helpers.optim import create_optimizer
from helpers.texts import corpora
from helpers.texts.documents import DocumentLoader
from helpers.texts.loaders import TokenWindows, create_loader, read_tokens, write_tokens
from helpers.texts.prepare import split_text
from helpers.tokenizer import WordTokenizer
from helpers.train import TrainConfig, evaluate_loss, saved_config, train
from tools import chat
from tools import data as texts_command
from tools import train as training
from tools.makers import chat_model, course_gpt

torch.manual_seed(0)
MODEL = GPT(GPTConfig(300, 16, 16, 2, 2, dropout=0.0)).eval()
BROKEN = GPT(MODEL.config).eval()
torch.nn.init.constant_(BROKEN.final_norm.scale, math.nan)
IDS = torch.tensor([[1, 2, 3]])
BYTES = BPETokenizer.train("low lower lowest " * 20, 270)
PLAIN = BPETokenizer.train("low", 256, special_tokens=())
WORDS = WordTokenizer.from_text("a b c")
NAN, INF = math.nan, math.inf
LOADER = create_loader([1] * 9, 2, 1)
SQUARE = [[0, 1], [1, 0], [0, -1], [-1, 0]]
NO_ADDRESS = {"LLM_COURSE_CHAT_URL": "nowhere", "LLM_COURSE_CHAT_MODEL": "m"}
DOCUMENTS = DocumentLoader([[5, 6], [7]], 0, 2)


def new(**options):
    """Generate three tokens with these options."""
    return list(generate(MODEL, IDS, **({"max_new_tokens": 3} | options)))


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
    ],
    "optim": [
        (lambda: create_optimizer(MODEL, -1.0), ValueError, "learning_rate -1.0 0"),
        (lambda: create_optimizer(MODEL, 1.0, -2), ValueError, "weight_decay -2 0"),
    ],
    "loaders": [
        (lambda: TokenWindows([1, 2], 2), ValueError, "2 tokens are too few for a context of 2"),
        (lambda: TokenWindows([1, 2, 3], 0), ValueError, "context_length is 0; .* 1 or more"),
        (lambda: TokenWindows([1, 2, 3], 2.5), TypeError, "context_length is 2.5"),
        (lambda: TokenWindows([1, 2, 3], 2, 0), ValueError, "stride is 0; it must be 1 or more"),
        (lambda: TokenWindows([1, -2, 3], 2), ValueError, "token id -2 is below 0"),
        (lambda: TokenWindows([1, 9, 3], 2, vocab_size=9), ValueError, "id 9 .* limit of 9"),
        (lambda: TokenWindows([2**70] * 4, 2), ValueError, "does not fit into 64 bits"),
        (lambda: TokenWindows(b"abcdefgh" * 4, 2), TypeError, "must be integers, got bytes"),
        (lambda: TokenWindows("abc", 2), TypeError, "must be integers, got str"),
        (lambda: TokenWindows(np.zeros(4), 2), TypeError, "must be integers, got float64"),
        (
            lambda: TokenWindows(np.zeros((2, 2), int), 2),
            ValueError,
            r"one dimension, got shape \(2, 2",
        ),
        (lambda: create_loader([1] * 9, 2, 0), ValueError, "batch_size is 0; it must be 1 or more"),
        (lambda: create_loader([1] * 9, 2, 5), ValueError, "4 windows do not fill .* batch of 5"),
        (lambda: create_loader([1] * 9, 2, 2, seed=-1), ValueError, "seed is -1"),
        (lambda: LOADER.load_state_dict(None), TypeError, "a dictionary, not NoneType"),
        (lambda: LOADER.load_state_dict({"windows": 3}), ValueError, "windows 3, this one has 4"),
        (lambda: DOCUMENTS.load_state_dict([]), TypeError, "a dictionary, not list"),
        (lambda: DocumentLoader([[5]], 0, 2), ValueError, "1 documents do not fill a batch of 2"),
        (lambda: DocumentLoader([[5]], 0, 1, round_to=0), ValueError, "round_to is 0"),
        (lambda: DocumentLoader([[]], 0, 1), ValueError, "document 0 has no tokens"),
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
        (lambda: MODEL(IDS + 299), IndexError, "out of range"),
        (lambda: MODEL(IDS - 9), IndexError, "out of range"),
        (lambda: MODEL(IDS.repeat(1, 6)), ValueError, "18 tokens are more than .* length 16"),
        (lambda: causal_mask(3, 2), ValueError, "3 queries cannot end at key 2"),
        (lambda: causal_mask(-1, 2), ValueError, "-1 queries cannot end at key 2"),
        (lambda: KVCache(MODEL.config, 0), ValueError, "batch_size is 0; it must be 1 or more"),
        (lambda: KVCache(MODEL.config, 1, 99), ValueError, "max_length 99 must be 1 to .* 16"),
        (lambda: pack_weights("model"), TypeError, "model must be a module, not str"),
        (lambda: pack_weights(torch.nn.ReLU()), ValueError, "no linear layer to replace"),
        (
            lambda: PackedLinear(torch.nn.Linear(2, 2, device="meta")),
            ValueError,
            "float32 on meta cannot be packed",
        ),
        (lambda: quantize_int8("model"), TypeError, "model must be a module, not str"),
        (lambda: quantize_int8(torch.nn.ReLU()), ValueError, "no linear layer to replace"),
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
        (lambda: new(max_new_tokens=-1), ValueError, "max_new_tokens is -1; it must be 0 or more"),
        (lambda: new(max_new_tokens=1.5), TypeError, "max_new_tokens is 1.5; .* a whole number"),
        (lambda: new(temperature=INF), ValueError, "temperature is inf; it must be 0 or more"),
        (lambda: new(temperature="hot"), TypeError, "temperature is 'hot'; it must be a number"),
        (lambda: new(top_k=0), ValueError, "top_k is 0; it must be 1 or more"),
        (lambda: new(top_k=2.5), TypeError, "top_k is 2.5; it must be a whole number"),
        (lambda: new(top_p=1.5), ValueError, "top_p is 1.5; it must be above 0 and at most 1"),
        (lambda: new(repetition_penalty=INF), ValueError, "repetition_penalty is inf; .* above 0"),
        (lambda: new(seed=2**70), ValueError, "seed is 1180591620717411303424; .* 0 to 92233"),
        (lambda: new(seed="x"), TypeError, "seed is 'x'; it must be a whole number"),
        (lambda: list(generate(MODEL, [1], 3)), TypeError, "not list"),
        (lambda: list(generate(MODEL, IDS.float(), 3)), TypeError, "not torch.float32"),
        (lambda: list(generate(MODEL, IDS[0], 3)), ValueError, r"shape \(3,\)"),
        (lambda: list(generate(MODEL, IDS - 9, 3)), ValueError, "token id -8 is outside 0 to 299"),
        (lambda: sample_next(torch.tensor([[NAN] * 3]), 1.0), FloatingPointError, "logits are NaN"),
        (
            lambda: list(generate(BROKEN, IDS, 3, temperature=1.0)),
            FloatingPointError,
            "logits are NaN",
        ),
        (lambda: penalize_repetition(IDS, IDS, 0), ValueError, "repetition_penalty is 0; .* above"),
        (lambda: complete(MODEL, PLAIN, ""), ValueError, "the prompt is empty"),
    ],
    "texts": [
        (lambda: corpora.load_corpus("x"), ValueError, "unknown corpus 'x'; there are story"),
        (lambda: corpora.fetch("story"), ValueError, "'story' is embedded"),
        (lambda: corpora.available("x"), ValueError, "unknown corpus 'x'"),
        (lambda: tales.sample(-1, 0), ValueError, "n is -1; it must be 0 or more"),
        (lambda: tales.probes(1, 0, "x"), ValueError, "kind is 'x'; it must be one of"),
        (lambda: inbox.sample(1, 0, "exam"), ValueError, "split is 'exam'; .* train, validation"),
        (lambda: inbox.kinds("eggs"), ValueError, "label is 'eggs'; it must be one of ham, spam"),
        (lambda: tasks.sample(-1, 0), ValueError, "n is -1; it must be at least 0"),
        (lambda: tasks.sample(1, 0, kinds=()), ValueError, "kinds is empty"),
        (lambda: compressor_bits_per_byte("a", ""), ValueError, "held-out text is empty"),
        (lambda: bits_per_byte(MODEL, PLAIN, "a"), ValueError, r"tokenizer with <\|endoftext\|>"),
    ],
    "adapting": [
        (lambda: FinetuneConfig(warmup_share=2), ValueError, "warmup_share 2 0 1"),
    ],
    "talking": [
        (lambda: chats.ChatModel("x", None, max_new_tokens=0), ValueError, "max_new_tokens is 0"),
        (lambda: chats.course_chat().respond(" "), ValueError, "no text to answer"),
        (lambda: nearest_reference("a", []), ValueError, "no reference answers"),
        (lambda: is_right_answer("a", "b", ["c"]), ValueError, "not among the references"),
        (lambda: parse_score("101"), ValueError, "the score 101 is outside 0 to 100"),
        (lambda: parse_choice("A or B"), ValueError, "neither A nor B alone in 'A or B'"),
        (lambda: mean_score([]), ValueError, "could be parsed"),
        (lambda: position_bias([], str), ValueError, "no pairs"),
        (lambda: checks.check("99.9", str), ValueError, "no exercise '99.9'"),
        (lambda: checks.check(5.1, str), ValueError, "no exercise '5.1'"),
        (lambda: choose_device("abacus"), ValueError, "unknown device 'abacus'; known: auto, cpu"),
        (lambda: choose_precision("fp7"), ValueError, "unknown precision 'fp7'; known: auto"),
    ],
    "pages to touch": [
        (lambda: EmbeddingExplorer([[1, 2]], "ab"), ValueError, r"shape \(1, 2\) for 2 labels"),
        (lambda: EmbeddingExplorer([1, 2, 3], "abc"), ValueError, r"shape \(3,\) for 3 labels"),
        (lambda: EmbeddingExplorer(SQUARE[:2], "ab"), ValueError, r"plane needs \(3, 2\) or more"),
        (lambda: EmbeddingExplorer([[1], [2], [3]], "abc"), ValueError, r"needs \(3, 2\) or more"),
        (lambda: EmbeddingExplorer(SQUARE, "abca"), ValueError, "a label occurs twice"),
        (lambda: EmbeddingExplorer([[NAN, 1]] * 3, "abc"), ValueError, "contain NaN or inf"),
        (
            lambda: EmbeddingExplorer(SQUARE, "abcd", "e"),
            ValueError,
            "'e' is not among the 4 words",
        ),
        (lambda: EmbeddingExplorer(SQUARE, "abcd", "a", 13), ValueError, "count is 13; .* 1 to 12"),
        (lambda: EmbeddingExplorer(SQUARE, "abcd", "a", 1.5), TypeError, "count is 1.5; .* whole"),
        (lambda: EmbeddingExplorer(SQUARE, "abcd", 7), TypeError, "word must be a str, not int"),
        (lambda: nearest_words("e", SQUARE, "abcd"), ValueError, "'e' is not among the 4 words"),
        (lambda: nearest_words("a", SQUARE, "abcd", 0), ValueError, "count is 0; it must be 1 or"),
        (lambda: nearest_words("a", SQUARE, "abc"), ValueError, r"shape \(4, 2\) for 3 labels"),
        (lambda: plot_neighbors(np.eye(2), "ab", "a", "c"), ValueError, "'c' is not among the 2"),
        (lambda: find_questions("softmax", 0), ValueError, "n is 0; it must be 1 to 10"),
        (lambda: find_questions("softmax", 11), ValueError, "n is 11; it must be 1 to 10"),
        (lambda: find_questions(None), TypeError, "topic must be a word .* not NoneType"),
        (lambda: find_questions("44"), ValueError, "lecture must be 1 to 43, not 44"),
        (lambda: make_set("softmax", "3"), TypeError, "n is '3'; it must be a whole number"),
        (lambda: generator("softmax", 99, {}), ValueError, "n is 99; it must be 1 to 10"),
        (lambda: QuestionGenerator("softmax", -1), ValueError, "n is -1; it must be 1 to 10"),
        (lambda: generator("softmax", 3, NO_ADDRESS), ValueError, "'nowhere' is not a web address"),
        (lambda: question_prompt(" "), ValueError, "topic has 0 characters; it must have 1 to 100"),
        (lambda: question_prompt("x" * 101), ValueError, "topic has 101 characters; .* 1 to 100"),
        (lambda: parse_question([], "x"), ValueError, "JSON that cannot be read"),
        (lambda: parse_question({}, "x"), ValueError, "no question, no choices, no right, no why"),
        (lambda: generate_questions("qqq"), ValueError, "no questions about 'qqq'; near it are"),
        (lambda: bank(topic="sofmtax"), ValueError, "'sofmtax'; near it are: .*softmax"),
        (lambda: ChatServer("nowhere", "m"), ValueError, "must begin with http:// or https://"),
        (lambda: ChatServer("http://x", "m", max_tokens=0), ValueError, "max_tokens is 0; .* 1 or"),
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


@pytest.mark.parametrize("load", [load_model, read_state, saved_config])
def test_a_folder_without_a_model_is_named(tmp_path, load):
    with pytest.raises(ValueError, match="missing|no checkpoint in") as caught:
        load(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", DEEP])
def test_broken_json_of_a_model_is_named(tmp_path, content):
    for name in ("config.json", "state.json"):
        (tmp_path / name).write_bytes(content)
    for load in (
        load_model,
        lambda folder: load_checkpoint(folder, MODEL, None),
    ):
        with pytest.raises(ValueError, match=str(tmp_path)):
            load(tmp_path)


def test_broken_json_of_a_model_is_named(tmp_path):
    for content in (b"", b"[]", b"{}", DEEP, b'{"rank": 8}'):
        for name in ("config.json", "state.json", "adapter.json", "adapter.safetensors"):
            (tmp_path / name).write_bytes(content)
        for load in (load_model, lambda folder: load_checkpoint(folder, MODEL, None), add_adapter):
            with pytest.raises(ValueError, match=str(tmp_path)):
                load(tmp_path)


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
    (training, "--text binary", "binary is not UTF-8 text: invalid start byte at byte 0"),
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
    (chat, "--model unspoken", "unspoken has no tokenizer"),
    (chat, "--model nowhere", "nowhere/config.json is missing"),
    (chat, "--model saved --temperature -1", "temperature is -1.0; it must be 0 or more"),
    (chat, "--model saved --temperature inf", "temperature is inf"),
    (chat, "--model saved --max-new-tokens 0", "max_new_tokens is 0; it must be 1 or more"),
    (texts_command, "nothing", "unknown corpus 'nothing'; there are story"),
]


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """A folder with bad files to start commands in; nothing is measured."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("helpers.device.bfloat16_speedup", lambda device: 1.0)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").write_text("\n")
    save_model(tmp_path / "saved", MODEL, BYTES)
    save_model(tmp_path / "unspoken", MODEL)


@pytest.mark.parametrize(
    ("module", "flags", "message"),
    [pytest.param(*row, id=f"{row[0].__name__} {row[1]}") for row in FLAGS],
)
def test_a_bad_flag_gives_one_line_and_no_traceback(quick, capfd, module, flags, message):
    base = ["--preset", "tiny", "--corpus", "story"] if module is training else []
    assert module.main([*base, *flags.split()]) == 1
    said = capfd.readouterr()
    line = said.out + said.err if module is texts_command else said.err
    assert line.count("\n") == 1 and "Traceback" not in line

    assert re.search(message, line), line


@pytest.mark.parametrize(
    ("module", "flags", "message"),
    [
        (training, "--steps many", "--steps: invalid int value: 'many'"),
        (training, "--learning-rate fast", "--learning-rate: invalid float value: 'fast'"),
        (training, "--epochs 3", "unrecognized arguments: --epochs 3"),
        (course_gpt, "--tales many", "--tales: invalid int value: 'many'"),
        (chat_model, "--tasks many", "--tasks: invalid int value: 'many'"),
        (chat, "--max-new-tokens all", "--max-new-tokens: invalid int value: 'all'"),
    ],
)
def test_a_flag_that_cannot_be_read_shows_the_usage(capsys, module, flags, message):
    with pytest.raises(SystemExit) as stopped:
        module.main(flags.split())
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and message in error
    assert error.startswith(("usage: python -m", "usage: course.py"))


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
