"""Writing through compiled blocks: the same logits and words as the plain model's."""

import copy
import sys
from dataclasses import replace

import pytest
import torch
import torch._dynamo  # before a test replaces what it takes from torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from helpers.config import GPTConfig
from helpers.fast import speed_up
from helpers.fast.compiled import rows
from helpers.fast.compiled.called import CalledLinear
from helpers.fast.compiled.one_token import attend_to_past, options_for
from helpers.fast.compiled.rows import RowLinear, by_rows, product_of_row, words_of
from helpers.fast.compiled.training import can_compile
from helpers.fast.quantize import QuantizedLinear, bits_of_x
from helpers.generate import generate
from helpers.kv_cache import KVCache
from helpers.llama import Llama, LlamaConfig
from helpers.lora import LoRALinear
from helpers.model import GPT

GPT_SHAPE = GPTConfig(64, 48, 32, 4, 3, dropout=0.0)
LLAMA_SHAPE = LlamaConfig(64, 48, 32, 48, n_heads=4, n_layers=2, n_kv_heads=2)
MODELS = {
    "GPT": (GPT, GPT_SHAPE),
    "Llama": (Llama, LLAMA_SHAPE),
    "Qwen 2": (Llama, replace(LLAMA_SHAPE, qkv_bias=True)),
    "Qwen 3": (Llama, replace(LLAMA_SHAPE, qk_norm=True, head_size=16, n_kv_heads=1)),
}


def random_model(name):
    kind, shape = MODELS[name]
    torch.manual_seed(0)
    model = kind(shape).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.normal_(1.0, 0.3)
    return model


needs_bytes = pytest.mark.skipif(bits_of_x() is None, reason="PyTorch multiplies no bytes here")
needs_compiler = pytest.mark.skipif(not can_compile(), reason="there is no C++ compiler")


@pytest.fixture
def uncompiled(monkeypatch):
    """What would be compiled is computed as it is written."""
    monkeypatch.setenv("CXX", sys.executable)
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)


def logits(model, ids, n_prompt):
    """The logits (T, V) after each of ids (1, T) from the prompt's last on, one by one."""
    dtype = model.token_embedding.weight.dtype
    cache = KVCache(model.config, dtype=dtype)
    pieces = [ids[:, :n_prompt], *ids[:, n_prompt:].split(1, dim=1)]
    with torch.no_grad():
        found = [model.output_head(model.hidden_states(each, cache)[:, -1]) for each in pieces]
    return torch.cat(found)


@pytest.mark.parametrize("n_rows", [1, 7, 8, 16, 21])  # a loop takes up to eight at once
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_row_times_a_matrix(dtype, n_rows):
    torch.manual_seed(0)
    x, weight = torch.randn(24), torch.randn(n_rows, 24).to(dtype)
    found = product_of_row(x, words_of(weight), 4 // weight.element_size())
    assert_close(found, weight.float() @ x)


def test_a_row_times_all_bytes():
    numbers = torch.arange(-128, 128).to(torch.int8).repeat(5)[: 5 * 248].view(5, 248)
    x = torch.randn(248, dtype=torch.double)
    found = product_of_row(x.float(), words_of(numbers), 4)
    assert_close(found.double(), numbers.double() @ x, atol=0.02, rtol=1e-5)


@pytest.mark.parametrize("n_kv_heads", [1, 2, 4])
def test_looking_back_equals_pytorchs_attention(n_kv_heads):
    torch.manual_seed(0)
    query = torch.randn(1, 4, 1, 8)
    keys, values = torch.randn(2, 1, n_kv_heads, 6, 8)
    wanted = F.scaled_dot_product_attention(query, keys, values, enable_gqa=True)
    past = keys[:, :, :5], values[:, :, :5]
    found = attend_to_past(query, keys[:, :, 5:], values[:, :, 5:], *past)
    assert_close(found, wanted.transpose(1, 2).flatten(2))


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("n_prompt", [1, 5])
@pytest.mark.parametrize("name", MODELS)
def test_logits_are_the_plain_models(name, n_prompt):
    plain = random_model(name)
    fast = speed_up(copy.deepcopy(plain), compiled=True)
    ids = torch.randint(64, (1, 12))
    assert_close(logits(fast, ids, n_prompt), logits(plain, ids, n_prompt), atol=1e-5, rtol=1e-4)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", ["GPT", "Llama"])
def test_eight_bits_lose_nothing_more(name):
    small = speed_up(random_model(name), eight_bits=True)
    rounded = speed_up(random_model(name), generation=True, compiled=True)  # its layers' names
    by_name = dict(small.named_modules())
    for path, layer in rounded.named_modules():
        if isinstance(layer, RowLinear):
            weight = by_name[path.removesuffix(".layer")].weight
            layer.words.copy_(weight)
            layer.layer.weight = nn.Parameter(weight.clone())
    fast = speed_up(random_model(name), eight_bits=True, compiled=True)
    ids = torch.randint(64, (1, 12))
    # A prompt of one token: more would be computed with x rounded, which the others are not.
    assert_close(logits(fast, ids, 1)[3:], logits(rounded, ids, 1)[3:], atol=0.02, rtol=0.02)


@pytest.mark.usefixtures("uncompiled")
def test_what_is_written_is_written_by_the_blocks_of_a_token(monkeypatch):
    fast, calls = speed_up(random_model("GPT"), compiled=True), []
    inner = fast.blocks_of_token
    monkeypatch.setattr(fast, "blocks_of_token", lambda *each: calls.append(1) or inner(*each))
    ids = torch.tensor([[1, 2, 3]])
    assert len([*generate(fast, ids, 9)]) == 9
    assert len(calls) == 8  # three blocks together; the first token comes with the prompt
    [*generate(fast, ids.repeat(2, 1), 4)]
    fast(ids)
    assert len(calls) == 8


@pytest.mark.usefixtures("uncompiled")
def test_the_caches_end_is_said_as_before():
    fast = speed_up(random_model("Llama"), compiled=True)
    cache = KVCache(fast.config, max_length=4)
    with torch.no_grad():
        fast(torch.tensor([[1, 2, 3]]), cache)
        fast(torch.tensor([[4]]), cache)
        with pytest.raises(ValueError, match="5 tokens do not fit a cache of 4"):
            fast(torch.tensor([[5]]), cache)


@pytest.mark.usefixtures("uncompiled")
def test_a_copy_writes_with_its_own_weights():
    fast = speed_up(random_model("GPT"), compiled=True)
    other = copy.deepcopy(fast)
    with torch.no_grad():
        other.final_norm.scale.zero_()
        other.final_norm.shift.zero_()
    ids = torch.randint(64, (1, 8))
    assert logits(other, ids, 3).abs().max() == 0
    assert logits(fast, ids, 3).abs().max() > 0


@pytest.mark.parametrize("width", [6, 8])
def test_several_rows_go_to_the_layer(width):
    layer = RowLinear(QuantizedLinear(nn.Linear(width, 3)))
    assert layer.fits == (width == 8)
    x = torch.randn(2, width)
    assert torch.equal(layer(x), layer.layer(x))


def test_every_linear_layer_is_wrapped_once():
    model = by_rows(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)))
    assert [type(each).__name__ for each in model] == ["RowLinear", "ReLU", "RowLinear"]


def test_other_models_are_refused(monkeypatch):
    monkeypatch.setenv("CXX", sys.executable)
    model = nn.Sequential(nn.Linear(4, 2))
    with pytest.raises(TypeError, match="Sequential"):
        speed_up(model, compiled=True)
    assert type(model[0]) is nn.Linear


@pytest.mark.usefixtures("uncompiled")
def test_blocks_that_differ_are_refused():
    model = random_model("GPT")
    model.blocks[1].attention.query = LoRALinear(model.blocks[1].attention.query, rank=2, alpha=4)
    with pytest.raises(ValueError, match="differ"):
        speed_up(model, compiled=True)
    assert type(model.output_head) is nn.Linear


def test_without_a_compiler_it_is_said_and_nothing_changed(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    model = random_model("Llama")
    before = [type(each) for each in model.modules()]
    with pytest.raises(ValueError, match="no-such-compiler"):
        speed_up(model, eight_bits=True, compiled=True)
    assert [type(each) for each in model.modules()] == before


def test_only_numbers_that_share_a_word_need_shorter_vectors(monkeypatch):
    alone, halves = by_rows(nn.Sequential(nn.Linear(8, 8))), nn.Sequential(nn.Linear(8, 8))
    by_rows(halves.bfloat16())
    for capability, found in (("AVX512", 256), ("AVX2", None)):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda it=capability: it)
        assert options_for(halves).get("cpp.simdlen") == found
        assert "cpp.simdlen" not in options_for(alone)


@needs_compiler
def test_compiled_it_is_the_same():
    """Two models in turn: what was compiled for one must not be called for the other."""
    ids, longer = torch.randint(64, (1, 12)), torch.randint(64, (1, 30))
    models = {"Llama": {"eight_bits": True}, "GPT": {"generation": True}}
    fast = {
        name: speed_up(random_model(name), compiled=True, **how) for name, how in models.items()
    }
    plain = {"Llama": speed_up(random_model("Llama"), eight_bits=True), "GPT": random_model("GPT")}
    for _ in range(2):
        for name, error in (("Llama", 0.02), ("GPT", 1e-5)):
            for each in (ids, longer):
                found, wanted = (logits(models[name], each, 4) for models in (fast, plain))
                assert_close(found, wanted, atol=error, rtol=error)
    said = [torch.stack([*generate(models["GPT"], ids, 20)]) for models in (fast, plain)]
    assert torch.equal(*said)


def bytes_of(width=8, bias=True):
    torch.manual_seed(0)
    return QuantizedLinear(nn.Linear(width, 3, bias=bias))


@needs_bytes
@pytest.mark.parametrize("bias", [True, False])
def test_the_product_that_is_called_is_the_layers(bias):
    layer, x = bytes_of(bias=bias), torch.randn(1, 8)
    inputs = x, layer.numbers, layer.scales, layer.bias
    assert torch.equal(torch.ops.llm_course.product_of_one_row(*inputs), layer(x))
    torch.library.opcheck(torch.ops.llm_course.product_of_one_row.default, inputs)


@pytest.mark.parametrize(("bits", "kind"), [(8, CalledLinear), (7, RowLinear), (None, RowLinear)])
def test_bytes_are_called_where_the_processor_multiplies_them(bits, kind, monkeypatch):
    monkeypatch.setattr(rows, "bits_of_x", lambda: bits)
    model = by_rows(nn.Sequential(bytes_of(), nn.Linear(3, 3)))
    assert type(model[0]) is kind and type(model[1]) is RowLinear


@needs_bytes
def test_several_rows_are_not_called(monkeypatch):
    layer = CalledLinear(bytes_of())
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    x = torch.randn(2, 8)
    assert torch.equal(layer(x), layer.layer(x)) and layer.weight.shape == (3, 8)
    assert torch.equal(layer(x[:1]), layer.layer(x[:1]))


@needs_compiler
@pytest.mark.skipif(bits_of_x() != 8, reason="this processor does not multiply bytes")
def test_compiled_code_calls_it():
    torch.manual_seed(0)
    layer, x = bytes_of(), torch.randn(1, 8)
    compiled = torch.compile(CalledLinear(layer), fullgraph=True)
    assert torch.equal(compiled(x), layer(x))
