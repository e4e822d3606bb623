"""Calls that must be refused before anything is done, by where they arrive; see test_bad_input.

A row is the call and the type of its error. The message is checked by rule: one line, in words of
the course's own and not in Python's about the operation that happened to fail first.
"""

import math

import numpy as np
import torch

from classroom.pages.embedding_view import plot_windows
from classroom.pages.knobs import Knobs
from classroom.pages.sampling_view import plot_next_token
from classroom.pages.talkers import BaseGPT, ChatServer, choose_gpt
from classroom.pages.token_view import show_tokens
from classroom.study.flash_cards import load_cards
from classroom.study.quiz import quiz
from classroom.study.quiz_bank import generate_questions, questions
from classroom.turns import check
from classroom.worlds import course_qa, inbox, tales
from classroom.worlds.english import number_in_digits, number_in_words
from classroom.worlds.grammar.grammar import Grammar
from classroom.worlds.tasks import tasks
from helpers.baselines import NaiveBayes
from helpers.bpe import BPETokenizer
from helpers.chat import ChatModel
from helpers.checkpoint import save_model
from helpers.classifier import (
    FinetuneConfig,
    TextClassifier,
    balance,
    choose_trainable,
    encode_texts,
    finetune,
    predict,
    split,
)
from helpers.config import GPTConfig
from helpers.device import choose_device
from helpers.difference import quantize_rows, save_difference
from helpers.eliza import Eliza
from helpers.evaluate import answer_all, is_right_answer, nearest_reference, share_by_kind, token_f1
from helpers.fast.packing import pack_weights
from helpers.fast.quantize import quantize_int8
from helpers.generate import complete, generate, next_token_probabilities, sample_next
from helpers.instructions import Instruction, fit_prompt, instruction_loader
from helpers.judge import mean_score, position_bias, score_prompt
from helpers.kv_cache import KVCache
from helpers.landscape import loss_landscape
from helpers.lora import apply_lora, merge_lora
from helpers.model import GPT
from helpers.optim import MuonWithAdamW, create_optimizer, learning_rate_at
from helpers.pretrained import config_from_gpt2
from helpers.runs.run import Run
from helpers.texts.corpora import fetch, load_corpus
from helpers.texts.documents import DocumentLoader
from helpers.texts.loaders import TokenWindows, create_loader
from helpers.texts.prepare import split_text
from helpers.texts.sources import parse_sms
from helpers.tokenizer import WordTokenizer
from helpers.train import TrainConfig, evaluate_loss, train

torch.manual_seed(0)
MODEL = GPT(GPTConfig(300, 16, 16, 2, 2, dropout=0.0)).eval()
BROKEN = GPT(MODEL.config).eval()
torch.nn.init.constant_(BROKEN.final_norm.scale, math.nan)
CLASSIFIER = TextClassifier(GPT(MODEL.config), 2)
IDS = torch.tensor([[1, 2, 3]])
BYTES = BPETokenizer.train("low lower lowest " * 20, 270)
PLAIN = BPETokenizer.train("low", 256, special_tokens=())
WORDS = WordTokenizer.from_text("a b c")
NAN, INF = math.nan, math.inf
LOADER = create_loader([1] * 9, 2, 1)
NO_ADDRESS = {"LLM_COURSE_CHAT_URL": "nowhere", "LLM_COURSE_CHAT_MODEL": "m"}
GPT2 = {"vocab_size": 5, "n_positions": 4, "n_embd": 2, "n_head": 1, "n_layer": 1}
ITEM = {"question": "a", "reference": "b", "answer": "c"}


def shaped(**options):
    """A small configuration with these options."""
    sizes = {"vocab_size": 9, "context_length": 4, "embedding_dim": 4, "n_heads": 2, "n_layers": 1}
    return GPTConfig(**(sizes | options))


def fresh():
    return GPT(MODEL.config)


def new(**options):
    """Generate three tokens with these options."""
    return list(generate(MODEL, IDS, **({"max_new_tokens": 3} | options)))


def trained(tokens, held_out=(1,) * 99):
    """Train a copy of the model for one step; it must not come to that."""
    config = TrainConfig(steps=1, batch_size=1, warmup_steps=0)
    return train(fresh(), tokens, held_out, config, Run(progress=False))


def tuned(rows, labels, validation=None):
    """Fine-tune the classifier; it must not come to that."""
    return finetune(CLASSIFIER, (rows, labels), validation, FinetuneConfig(), progress=False)


REFUSED = {
    "sizes": [
        (lambda: shaped(embedding_dim=6, n_heads=4), ValueError),
        (lambda: shaped(n_kv_heads=3), ValueError),
        (lambda: shaped(n_kv_heads=0), ValueError),
        (lambda: shaped(context_length=-1), ValueError),
        (lambda: shaped(context_length=2.0), ValueError),
        (lambda: shaped(vocab_size=None), ValueError),
        (lambda: shaped(dropout=1), ValueError),
        (lambda: shaped(dropout=NAN), ValueError),
        (lambda: shaped(dropout=None), TypeError),
        (lambda: shaped(qkv_bias=None), TypeError),
        (lambda: config_from_gpt2({}), ValueError),
        (lambda: config_from_gpt2(GPT2 | {"model_type": "llama"}), ValueError),
        (lambda: config_from_gpt2(GPT2 | {"activation_function": "relu"}), ValueError),
        (lambda: config_from_gpt2(GPT2 | {"n_inner": 7}), ValueError),
        (lambda: config_from_gpt2(GPT2 | {"n_inner": "8"}), ValueError),
        (lambda: config_from_gpt2(GPT2 | {"layer_norm_epsilon": []}), ValueError),
        (lambda: config_from_gpt2(GPT2 | {"n_head": 0}), ValueError),
        (lambda: config_from_gpt2(GPT2 | {"n_positions": -4}), ValueError),
        (lambda: config_from_gpt2(GPT2 | {"n_embd": [2]}), ValueError),
        (lambda: config_from_gpt2(GPT2 | {"activation_function": {"a": 1}}), ValueError),
    ],
    "models": [
        (lambda: KVCache(MODEL.config, 0), ValueError),
        (lambda: KVCache(MODEL.config, 1, 17), ValueError),
        (lambda: KVCache(MODEL.config, 1.5), TypeError),
        (lambda: KVCache(MODEL.config, 1, "4"), TypeError),
        (lambda: MODEL(IDS, KVCache(MODEL.config, 2)), ValueError),
        (lambda: save_model("no", apply_lora(fresh(), 2)), ValueError),
        (lambda: save_model("no", pack_weights(fresh())), ValueError),
        (lambda: save_model("no", quantize_int8(fresh())), ValueError),
        (lambda: choose_device("tpu"), ValueError),
        (lambda: choose_device(None), ValueError),
        (lambda: choose_device("cuda:99"), ValueError),
    ],
    "sampling": [
        (lambda: new(temperature=-1), ValueError),
        (lambda: new(temperature=True), TypeError),
        (lambda: new(top_k=0), ValueError),
        (lambda: new(top_p=0), ValueError),
        (lambda: new(top_p=1.1), ValueError),
        (lambda: new(top_p=NAN), ValueError),
        (lambda: new(top_p="0.9"), TypeError),
        (lambda: new(max_new_tokens=-1), ValueError),
        (lambda: new(max_new_tokens=None), TypeError),
        (lambda: new(repetition_penalty=0), ValueError),
        (lambda: new(repetition_penalty="2"), TypeError),
        (lambda: new(stop_id="x"), TypeError),
        (lambda: new(stop_id=1.5), TypeError),
        (lambda: new(seed=1.5), TypeError),
        (lambda: list(generate(MODEL, IDS[0], 1)), ValueError),
        (lambda: list(generate(MODEL, IDS[:, :0], 1)), ValueError),
        (lambda: list(generate(MODEL, IDS + 999, 1)), ValueError),
        (lambda: list(generate(MODEL, None, 1)), TypeError),
        (lambda: complete(MODEL, PLAIN, "", 3), ValueError),
        (lambda: complete(MODEL, BYTES, 5, 3), TypeError),
        (lambda: next_token_probabilities(torch.zeros(3), -1), ValueError),
        (lambda: next_token_probabilities(torch.zeros(3), 1, -1), ValueError),
        (lambda: sample_next(torch.tensor([[INF] * 3]), 1.0), FloatingPointError),
        (lambda: ChatModel("x", None, max_new_tokens=0), ValueError),
        (lambda: ChatModel("x", lambda: (MODEL, BYTES)).respond(""), ValueError),
        (lambda: ChatModel("x", lambda: (MODEL, BYTES)).respond(None), TypeError),
        (lambda: ChatModel("x", lambda: (MODEL, PLAIN)).respond("hi"), ValueError),
        (lambda: ChatModel("x", lambda: (MODEL, BYTES), temperature=-1).respond("hi"), ValueError),
        (
            lambda: ChatModel("x", lambda: (BROKEN, BYTES), temperature=1.0).respond("hi"),
            FloatingPointError,
        ),
    ],
    "training": [
        (lambda: TrainConfig(steps=0), ValueError),
        (lambda: TrainConfig(warmup_steps=-1), ValueError),
        (lambda: TrainConfig(warmup_steps=2000), ValueError),
        (lambda: TrainConfig(accumulate=None), TypeError),
        (lambda: TrainConfig(evaluate_every=INF), TypeError),
        (lambda: TrainConfig(learning_rate="x"), TypeError),
        (lambda: TrainConfig(learning_rate=1e30), ValueError),
        (lambda: TrainConfig(precision=None), ValueError),
        (lambda: TrainConfig(optimizer=[]), ValueError),
        (lambda: TrainConfig(seed=2**32), ValueError),
        (lambda: TrainConfig(final_share=-0.1), ValueError),
        (lambda: trained([]), ValueError),
        (lambda: trained("a text that is long enough for a window"), TypeError),
        (lambda: trained([[1] * 99]), TypeError),
        (lambda: trained([1.5] * 99), TypeError),
        (lambda: trained([None] * 99), TypeError),
        (lambda: trained(None), TypeError),
        (lambda: trained([1] * 99, []), ValueError),
        (lambda: trained([1] * 99, None), TypeError),
        (lambda: trained([1] * 99, "text" * 50), TypeError),
        (lambda: trained(DocumentLoader([[5] * 40], 0, 1)), ValueError),
        (lambda: trained([1] * 99, DocumentLoader([[5] * 40], 0, 1)), ValueError),
        (lambda: evaluate_loss(MODEL, [1] * 3), ValueError),
        (lambda: evaluate_loss(MODEL, [999] * 99), ValueError),
        (lambda: evaluate_loss(MODEL, [1] * 99, batch_size=0), ValueError),
        (lambda: create_optimizer(MODEL, NAN), ValueError),
        (lambda: create_optimizer(MODEL, "1"), TypeError),
        (lambda: create_optimizer(MODEL, 1.0, 0.1, (0.9, 2)), ValueError),
        (lambda: MuonWithAdamW(MODEL, -1), ValueError),
        (lambda: MuonWithAdamW(MODEL, adamw_share=-1), ValueError),
        (lambda: learning_rate_at(0, 0, 1.0), ValueError),
        (lambda: Run(None, resume=True).begin(MODEL, None, None, {}), ValueError),
        (lambda: split_text(""), ValueError),
        (lambda: split_text("abc", -0.1), ValueError),
        (lambda: split_text("abc", NAN), ValueError),
    ],
    "token ids and tokenizers": [
        (lambda: TokenWindows([], 2), ValueError),
        (lambda: TokenWindows([1, 2, 3], 0), ValueError),
        (lambda: TokenWindows([1, 2, 3], 2, 0), ValueError),
        (lambda: TokenWindows([1, 2, 3], 2, 1, 2), ValueError),
        (lambda: TokenWindows([-1, 2, 3], 2), ValueError),
        (lambda: TokenWindows([True] * 9, "2"), TypeError),
        (lambda: TokenWindows(np.ones((3, 3), int), 2), ValueError),
        (lambda: TokenWindows(torch.ones(9), 2), TypeError),
        (lambda: TokenWindows(None, 2), TypeError),
        (lambda: TokenWindows(5, 2), TypeError),
        (lambda: create_loader([1] * 9, 2, 0), ValueError),
        (lambda: create_loader([1] * 9, 2, 99), ValueError),
        (lambda: create_loader([1] * 9, 2, "2"), TypeError),
        (lambda: LOADER.load_state_dict({}), ValueError),
        (lambda: LOADER.load_state_dict(LOADER.state_dict() | {"epoch": -1}), ValueError),
        (lambda: LOADER.load_state_dict(LOADER.state_dict() | {"position": 99}), ValueError),
        (lambda: LOADER.load_state_dict(LOADER.state_dict() | {"epoch": "1"}), ValueError),
        (lambda: LOADER.load_state_dict(LOADER.state_dict() | {"epoch": True}), ValueError),
        (lambda: DocumentLoader([], 0, 1), ValueError),
        (lambda: DocumentLoader([[]], 0, 1), ValueError),
        (lambda: DocumentLoader([["a"]], 0, 1), TypeError),
        (lambda: DocumentLoader([[1.5]], 0, 1), TypeError),
        (lambda: DocumentLoader(["ab"], 0, 1), TypeError),
        (lambda: DocumentLoader([[5]], "0", 1), TypeError),
        (lambda: DocumentLoader([[5]], None, 1), TypeError),
        (lambda: DocumentLoader([[5]], 0, 1, scored=[[True]]), ValueError),
        (lambda: DocumentLoader([[5]], 0, 1, scored=[]), ValueError),
        (lambda: DocumentLoader([[5]], 0, 1, first=[]), ValueError),
        (lambda: DocumentLoader([[5]], 0, 1, batch_tokens=1), ValueError),
        (lambda: DocumentLoader([[2**70]], 0, 1), ValueError),
        (lambda: DocumentLoader([5], 0, 1), TypeError),
        (lambda: BPETokenizer.train("", 10), ValueError),
        (lambda: BPETokenizer.train(None, 300), TypeError),
        (lambda: BPETokenizer.train([1, 2], 300), TypeError),
        (lambda: BPETokenizer.train("a", "300"), TypeError),
        (lambda: BPETokenizer.train("a", 300, special_tokens="x"), TypeError),
        (lambda: BPETokenizer.train("a", 300, special_tokens=[""]), ValueError),
        (lambda: BPETokenizer.train("a", 300, special_tokens=["x", "x"]), ValueError),
        (lambda: BPETokenizer.train("a", 300, special_tokens=[5]), TypeError),
        (lambda: BYTES.encode("x", allowed_special="some"), ValueError),
        (lambda: BYTES.encode(None), TypeError),
        (lambda: BYTES.decode([-1]), ValueError),
        (lambda: BYTES.decode([10**6]), ValueError),
        (lambda: BYTES.decode("ab"), ValueError),
        (lambda: BYTES.encode_batch("abc"), TypeError),
        (lambda: BYTES.encode_batch([1]), TypeError),
        (lambda: WordTokenizer({}), ValueError),
        (lambda: WordTokenizer({"a": 0, "b": 0}), ValueError),
        (lambda: WordTokenizer({"a": -1}), ValueError),
        (lambda: WordTokenizer({"a": 0}, ["z"]), ValueError),
        (lambda: WORDS.decode([99]), ValueError),
        (lambda: WORDS.encode(5), TypeError),
        (lambda: WordTokenizer.from_text(5), TypeError),
        (lambda: WordTokenizer.from_text("a", vocab_size=0), ValueError),
    ],
    "adapting and measuring": [
        (lambda: apply_lora(MODEL, 0), ValueError),
        (lambda: apply_lora(MODEL, 2, True), TypeError),
        (lambda: apply_lora(MODEL, 2, 16, [5]), ValueError),
        (lambda: apply_lora(apply_lora(fresh(), 2), 2), ValueError),
        (lambda: merge_lora(fresh()), ValueError),
        (lambda: apply_lora(pack_weights(fresh()), 2), ValueError),
        (lambda: quantize_int8(quantize_int8(fresh())), ValueError),
        (lambda: quantize_rows(torch.ones(3)), ValueError),
        (lambda: quantize_rows(torch.tensor([[NAN]])), ValueError),
        (lambda: save_difference("no", MODEL, GPT(shaped())), ValueError),
        (lambda: TextClassifier(MODEL, 1), ValueError),
        (lambda: TextClassifier(MODEL, "2"), TypeError),
        (lambda: balance([]), ValueError),
        (lambda: split([1, 2], (0.5, 0.6)), ValueError),
        (lambda: split([1], (0.5, 0.5)), ValueError),
        (lambda: split([1, 2, 3], (1.5, -0.5)), ValueError),
        (lambda: split([1, 2, 3], (NAN, 1)), ValueError),
        (lambda: encode_texts(BYTES, ["a"], 2), ValueError),
        (lambda: encode_texts(PLAIN, ["a"], 9), ValueError),
        (lambda: encode_texts(BYTES, "a text", 9), TypeError),
        (lambda: encode_texts(BYTES, [None], 9), TypeError),
        (lambda: choose_trainable(CLASSIFIER, "tail"), ValueError),
        (lambda: tuned([], []), ValueError),
        (lambda: tuned([[1]], [0, 1]), ValueError),
        (lambda: tuned([[1]], [2]), ValueError),
        (lambda: tuned([[1]], [-1]), ValueError),
        (lambda: tuned([[1]], ["spam"]), TypeError),
        (lambda: tuned([[1]], [0.5]), TypeError),
        (lambda: tuned([[]], [0]), ValueError),
        (lambda: tuned([[1] * 99], [0]), ValueError),
        (lambda: tuned([[999]], [0]), ValueError),
        (lambda: tuned(["ab"], [0]), TypeError),
        (lambda: tuned([[1, 2]], [0], ([], [])), ValueError),
        (lambda: predict(CLASSIFIER, []), ValueError),
        (lambda: predict(CLASSIFIER, [[]]), ValueError),
        (lambda: predict(CLASSIFIER, [[1] * 99]), ValueError),
        (lambda: FinetuneConfig(epochs=0), ValueError),
        (lambda: FinetuneConfig(batch_size="8"), TypeError),
        (lambda: FinetuneConfig(learning_rate=NAN), ValueError),
        (lambda: NaiveBayes([], []), ValueError),
        (lambda: NaiveBayes(["a"], []), ValueError),
        (lambda: loss_landscape(MODEL, len, points=4), ValueError),
        (lambda: loss_landscape(MODEL, len, points=1), ValueError),
        (lambda: loss_landscape(MODEL, len, radius=0), ValueError),
        (lambda: loss_landscape(MODEL, len, radius=NAN), ValueError),
        (lambda: loss_landscape(MODEL, len, seed=-1), ValueError),
        (lambda: instruction_loader(BYTES, [], 1), ValueError),
        (lambda: instruction_loader(PLAIN, [Instruction("a", "", "b")], 1), ValueError),
        (
            lambda: instruction_loader(BYTES, [Instruction("a", "", "b")], 1, max_tokens=2),
            ValueError,
        ),
        (lambda: instruction_loader(BYTES, [[]], 1), ValueError),
        (lambda: instruction_loader(BYTES, [{"instruction": "a"}], 1), TypeError),
        (lambda: fit_prompt([1], 8, 9), ValueError),
    ],
    "answers and judges": [
        (lambda: mean_score([]), ValueError),
        (lambda: mean_score([{"score": None}]), ValueError),
        (lambda: mean_score([{"score": True}]), ValueError),
        (lambda: mean_score([{"score": -1}]), ValueError),
        (lambda: mean_score([{"score": [5]}]), ValueError),
        (lambda: mean_score([{}]), ValueError),
        (lambda: position_bias([], str), ValueError),
        (lambda: score_prompt({}), ValueError),
        (lambda: score_prompt({"question": 1}), ValueError),
        (lambda: nearest_reference("a", []), ValueError),
        (lambda: is_right_answer("a", "b", ["c"]), ValueError),
        (lambda: share_by_kind(["a"], []), ValueError),
        (lambda: token_f1(5, "a"), TypeError),
        (lambda: answer_all(MODEL, PLAIN, ["hi"]), ValueError),
        (lambda: answer_all(MODEL, BYTES, [None]), TypeError),
        (lambda: answer_all(MODEL, BYTES, ["hi"], batch_size=0), ValueError),
    ],
    "lessons": [
        (lambda: load_cards(99), ValueError),
        (lambda: load_cards("15"), ValueError),
        (lambda: questions(lecture=99), ValueError),
        (lambda: quiz(lecture="x"), ValueError),
        (lambda: generate_questions("attention", 0), ValueError),
        (lambda: inbox.sample(-1, 0), ValueError),
        (lambda: inbox.sample(1, 0, "dev"), ValueError),
        (lambda: tasks.sample(-1, 0), ValueError),
        (lambda: tasks.sample(1, 0, "x"), ValueError),
        (lambda: tasks.sample(1, 0, kinds=["x"]), ValueError),
        (lambda: tasks.sample(1, 0, kinds=[]), ValueError),
        (lambda: course_qa.questions("x"), ValueError),
        (lambda: course_qa.foreign_questions("forum"), ValueError),
        (lambda: Grammar("", "x"), ValueError),
        (lambda: tales.sample("3", 0), TypeError),
        (lambda: tales.sample(1.5, 0), TypeError),
        (lambda: number_in_words(-1), ValueError),
        (lambda: number_in_words(10**9), ValueError),
        (lambda: number_in_digits("umpteen"), ValueError),
        (lambda: check("01.99", str), ValueError),
        (lambda: check(None, str), ValueError),
        (lambda: load_corpus("x"), ValueError),
        (lambda: load_corpus(None), ValueError),
        (lambda: fetch(""), ValueError),
        (lambda: parse_sms("no tab"), ValueError),
        (lambda: Eliza.default().respond(None), TypeError),
        (lambda: Eliza.default().respond(b"hi"), TypeError),
    ],
    "pages and talkers": [
        (lambda: plot_next_token(torch.zeros(3), ["a"]), ValueError),
        (lambda: show_tokens(["a"], [1, 2]), ValueError),
        (lambda: plot_windows(3, 4, 1), ValueError),
        (lambda: plot_windows(9, 4, 0), ValueError),
        (lambda: Knobs(len), ValueError),
        (lambda: Knobs(len, a=[]), ValueError),
        (lambda: choose_gpt(NO_ADDRESS), ValueError),
        (lambda: BaseGPT("x", lambda: (MODEL, BYTES)).respond(5), TypeError),
        (lambda: ChatServer("", ""), ValueError),
        (lambda: ChatServer(None, "m"), ValueError),
        (lambda: ChatServer("http://x", None), TypeError),
        (lambda: ChatServer("http://x", ""), ValueError),
        (lambda: ChatServer("http://x", "m", 5), TypeError),
        (lambda: ChatServer("http://x", "m", b"k"), TypeError),
        (lambda: ChatServer("http://x", "m", seconds="x"), TypeError),
        (lambda: ChatServer("http://x", "m", max_tokens=1.5), TypeError),
        (lambda: ChatServer("ftp://x", "m"), ValueError),
        (lambda: ChatServer("http://[::1", "m"), ValueError),
        (lambda: ChatServer("//x/v1", "m"), ValueError),
        (lambda: ChatServer("http://:80", "m"), ValueError),
        (lambda: ChatServer("http://x" + "y" * 70, "m"), ValueError),
        (lambda: ChatServer("http://x\x00/v1", "m"), ValueError),
    ],
}
