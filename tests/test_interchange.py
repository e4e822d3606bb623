"""Out and back: transformers' logits, the same weights bit for bit, llama.cpp's format, and refusals."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from helpers.bpe import BPETokenizer
from helpers.bpe.files import printable
from helpers.config import GPTConfig
from helpers.instructions import format_chat
from helpers.interchange import export_gguf, export_hf
from helpers.interchange.gguf import to_neighbors, to_q8_0
from helpers.interchange.templates import modelfile
from helpers.llama import Llama, LlamaConfig, load_gguf, load_llama
from helpers.llama.blocks import FORMATS, unpack
from helpers.llama.gguf import GGUFFile
from helpers.llama.load import from_neighbors
from helpers.lora import apply_lora
from helpers.model import GPT
from helpers.pretrained import load_gpt2

TEXT = "the cat sat on the mat. the dog sat. " * 9
SIZES = {"vocab_size": 300, "context_length": 32, "n_layers": 2}
GPTS = {
    "tied": GPTConfig(**SIZES, embedding_dim=32, n_heads=4, dropout=0.0),
    "untied": GPTConfig(**SIZES, embedding_dim=32, n_heads=4, dropout=0.0, tie_weights=False),
    "no query, key and value biases": GPTConfig(
        **SIZES, embedding_dim=32, n_heads=4, dropout=0.0, qkv_bias=False
    ),
}
LLAMA = {"embedding_dim": 64, "hidden_dim": 96, "n_heads": 4, "n_kv_heads": 2}
LLAMAS = {
    "llama": LlamaConfig(**SIZES, **LLAMA),
    "untied": LlamaConfig(**SIZES, **LLAMA, tie_weights=False),
    "own head size": LlamaConfig(**SIZES, **LLAMA, head_size=8),
    "slower": LlamaConfig(**SIZES, **LLAMA, rope_divisors=(4.0,) * 8),
    "qwen2": LlamaConfig(**SIZES, **LLAMA, qkv_bias=True),
    "qwen3": LlamaConfig(**SIZES, **LLAMA, qk_norm=True),
}


def random_model(kind, config):
    """A model whose every parameter is random, so that no two can be mixed up unseen."""
    torch.manual_seed(0)
    model = kind(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    return model


@pytest.fixture(scope="module")
def tokenizer():
    return BPETokenizer.train(TEXT, 280, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])


@pytest.fixture(params=[("gpt", name) for name in GPTS] + [("llama", name) for name in LLAMAS],
                ids=lambda param: " ".join(param))  # fmt: skip
def model(request):
    family, name = request.param
    kinds = {"gpt": (GPT, GPTS), "llama": (Llama, LLAMAS)}
    return random_model(kinds[family][0], kinds[family][1][name])


def test_transformers_has_the_same_logits(model, tokenizer, tmp_path):
    transformers = pytest.importorskip("transformers")
    folder = export_hf(model, tokenizer, tmp_path / "out")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    ids = torch.randint(280, (2, 20), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert_close(theirs(ids).logits, model(ids), atol=1e-5, rtol=1e-4)


def test_transformers_has_the_same_ids(tokenizer, tmp_path):
    transformers = pytest.importorskip("transformers")
    model = random_model(GPT, GPTS["tied"])
    theirs = transformers.AutoTokenizer.from_pretrained(export_hf(model, tokenizer, tmp_path / "x"))
    for text in (TEXT[:50], "a  b\n\nC 12 ü", "", " the the"):
        assert theirs(text)["input_ids"] == tokenizer.encode(text)
        assert theirs.decode(tokenizer.encode(text)) == text
    end = "<|endoftext|>"
    assert theirs.eos_token_id == tokenizer.special_tokens[end]
    assert theirs(f"a{end}")["input_ids"] == tokenizer.encode(f"a{end}", allowed_special={end})


def test_a_folder_comes_back_bit_for_bit(model, tokenizer, tmp_path):
    folder = export_hf(model, tokenizer, tmp_path / "out")
    again = (load_gpt2 if isinstance(model, GPT) else load_llama)(folder)
    differ = [
        name
        for name, weight in model.state_dict().items()
        if not torch.equal(again.state_dict().get(name, torch.zeros_like(weight)), weight)
    ]
    assert differ == []


@pytest.mark.parametrize("name", LLAMAS)
def test_a_gguf_file_comes_back_bit_for_bit(name, tokenizer, tmp_path):
    model = random_model(Llama, LLAMAS[name])
    again, their_tokenizer = load_gguf(export_gguf(model, tokenizer, tmp_path / "m.gguf", "F32"))
    epsilon = again.config.norm_epsilon  # 32 bits in the file
    assert epsilon == pytest.approx(model.config.norm_epsilon, rel=1e-6)
    assert again.config == dataclasses.replace(
        model.config, head_size=model.config.head_dim, norm_epsilon=epsilon
    )
    assert all(map(torch.equal, again.state_dict().values(), model.state_dict().values()))
    assert their_tokenizer.encode_ordinary(TEXT) == tokenizer.encode_ordinary(TEXT)
    assert their_tokenizer.special_tokens == tokenizer.special_tokens


@pytest.mark.parametrize("name", GPTS)
def test_a_gpts_gguf_file_holds_its_weights(name, tokenizer, tmp_path):
    model = random_model(GPT, GPTS[name])
    file = GGUFFile(export_gguf(model, tokenizer, tmp_path / "m.gguf", "F32"))
    ours = dict(model.named_parameters())
    rows = [ours[f"blocks.1.attention.{n}.weight"] for n in ("query", "key", "value")]
    read = {name: torch.from_numpy(file.read(name)) for name in file.tensors}
    assert torch.equal(read["blk.1.attn_qkv.weight"], torch.cat(rows))
    assert torch.equal(read["token_embd.weight"], ours["token_embedding.weight"])
    assert torch.equal(read["blk.0.ffn_down.bias"], ours["blocks.0.feed_forward.project.bias"])
    assert ("output.weight" in read) is not model.config.tie_weights
    assert sum(weight.numel() for weight in read.values()) == sum(
        parameter.numel() for parameter in ours.values()
    ) + (0 if model.config.qkv_bias else 2 * 3 * 32)  # biases of zeros


@pytest.mark.parametrize(("number_format", "most"), [("F16", 2e-3), ("Q8_0", 1.5 / 127)])
def test_fewer_bits_are_near(number_format, most, tokenizer, tmp_path):
    model = random_model(Llama, LLAMAS["llama"])
    path = export_gguf(model, tokenizer, tmp_path / "m.gguf", number_format)
    again, _ = load_gguf(path)
    for name, weight in model.state_dict().items():
        found = again.state_dict()[name]
        assert (found - weight).abs().max() <= most, name
        if weight.dim() == 1:
            assert torch.equal(found, weight), name


def test_llama_cpps_own_package_reads_the_file(tokenizer, tmp_path):
    gguf = pytest.importorskip("gguf")
    model = random_model(Llama, LLAMAS["llama"])
    reader = gguf.GGUFReader(export_gguf(model, tokenizer, tmp_path / "m.gguf", "Q8_0"))
    assert reader.get_field("llama.block_count").contents() == 2
    tokens = reader.get_field("tokenizer.ggml.tokens").contents()
    assert tokens[:2] == [printable(b"\x00"), printable(b"\x01")] and len(tokens) == 300
    by_name = {tensor.name: tensor for tensor in reader.tensors}
    table = by_name["token_embd.weight"]
    assert gguf.dequantize(table.data, table.tensor_type).shape == (300, 64)


def test_llama_cpp_has_the_same_logits(model, tokenizer, tmp_path):
    llama_cpp = pytest.importorskip("llama_cpp")
    path = export_gguf(model, tokenizer, tmp_path / "m.gguf", "F32")
    theirs = llama_cpp.Llama(str(path), n_ctx=32, logits_all=True, verbose=False, n_threads=1)
    ids = torch.randint(280, (1, 12), generator=torch.Generator().manual_seed(1))
    theirs.eval(ids[0].tolist())
    with torch.no_grad():
        assert_close(torch.tensor(theirs.scores[:12]), model(ids)[0], atol=2e-2, rtol=2e-2)


def test_q8_0_by_hand():
    row = np.zeros((1, 32), np.float32)
    row[0, :3] = 12.7, -12.7, 0.26
    (block,) = to_q8_0(row)
    assert block["numbers"][:4].tolist() == [127, -127, 3, 0]
    assert block["scale"] == np.float16(0.1)
    assert to_q8_0(np.zeros((1, 32), np.float32))["numbers"].tolist() == [[0] * 32]
    back = unpack(np.frombuffer(block.tobytes(), np.uint8), FORMATS[8])
    assert np.abs(back - row[0]).max() <= 0.0505


def test_neighbors_and_halves_are_each_others_way_back():
    weight = torch.randn(24, 5)
    assert torch.equal(from_neighbors(to_neighbors(weight, 3), 3), weight)


def test_the_courses_template_is_the_format_of_training(tokenizer, tmp_path):
    transformers = pytest.importorskip("transformers")
    folder = export_hf(random_model(GPT, GPTS["tied"]), tokenizer, tmp_path / "x", chat="course")
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    turns = [("one\ntwo", "three"), ("four", "")]
    messages = [{"role": "user", "content": "one\ntwo"}, {"role": "assistant", "content": "three"},
                {"role": "user", "content": "four"}]  # fmt: skip
    said = theirs.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert said == f"{format_chat(turns[0][0])} three<|endoftext|>{format_chat(turns[1][0])}"
    with pytest.raises(Exception, match="system"):
        theirs.apply_chat_template([{"role": "system", "content": "x"}], tokenize=False)


def test_chatml(tokenizer, tmp_path):
    transformers = pytest.importorskip("transformers")
    folder = export_hf(random_model(Llama, LLAMAS["llama"]), tokenizer, tmp_path / "x", "chatml")
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    said = theirs.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert said == (
        "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n"
    )
    assert theirs.eos_token == "<|im_end|>"


def test_a_modelfile_stops_where_the_model_does():
    text = modelfile("m.gguf", "chatml")
    assert text.startswith("FROM ./m.gguf\n") and 'PARAMETER stop "<|im_end|>"' in text


def refusals(tokenizer, folder):
    gpt, llama = random_model(GPT, GPTS["tied"]), random_model(Llama, LLAMAS["llama"])
    grouped = GPT(GPTConfig(**SIZES, embedding_dim=32, n_heads=4, n_kv_heads=2))
    uneven = Llama(LlamaConfig(**SIZES, **LLAMA, rope_divisors=(1.0,) * 7 + (8.0,)))
    narrow = Llama(LlamaConfig(**SIZES, **LLAMA | {"hidden_dim": 40}))
    both = Llama(LlamaConfig(**SIZES, **LLAMA, qk_norm=True, qkv_bias=True))
    own_pattern = BPETokenizer.train(TEXT, 260, pattern=r"\w+|\W+")
    file = folder / "m.gguf"
    yield lambda: export_hf(grouped, tokenizer, folder / "x"), "n_kv_heads"
    yield lambda: export_gguf(grouped, tokenizer, file), "n_kv_heads"
    yield lambda: export_hf(uneven, tokenizer, folder / "x"), "RoPE"
    yield lambda: export_gguf(uneven, tokenizer, file), "RoPE"
    yield lambda: export_gguf(narrow, tokenizer, file, "Q8_0"), "ffn_down"
    yield lambda: export_hf(both, tokenizer, folder / "x"), "qk_norm"
    yield lambda: export_gguf(llama, own_pattern, file), "pattern"
    yield lambda: export_gguf(llama, tokenizer, file, "Q3_K"), "Q3_K"
    yield lambda: export_hf(gpt, tokenizer, folder / "x", chat="alpaca"), "alpaca"
    yield lambda: export_gguf(gpt, tokenizer, file, chat="alpaca"), "alpaca"
    yield lambda: export_hf(apply_lora(GPT(GPTS["tied"])), tokenizer, folder / "x"), "plain GPT"


def test_what_neither_format_can_hold_is_refused_and_leaves_nothing(tokenizer, tmp_path):
    accepted = []
    for number, (call, word) in enumerate(refusals(tokenizer, tmp_path)):
        try:
            call()
        except ValueError as error:
            if word not in str(error):
                accepted.append((number, word, str(error)))
        else:
            accepted.append((number, word))
    assert accepted == []
    assert list(tmp_path.iterdir()) == []


def test_a_new_export_replaces_the_old_one(tokenizer, tmp_path):
    first, second = random_model(GPT, GPTS["tied"]), random_model(GPT, GPTS["untied"])
    for model in (first, second):
        folder = export_hf(model, tokenizer, tmp_path / "out")
    assert not load_gpt2(folder).config.tie_weights
    assert math.isfinite(sum(p.sum().item() for p in second.parameters()))
