"""GGUF files: blocks worked by hand, small models there and back, and files that lie."""

import dataclasses
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from helpers.llama import Llama, LlamaChat, LlamaConfig, load_gguf
from helpers.llama.blocks import FORMATS, unpack
from helpers.llama.config import linear_divisors
from helpers.llama.gguf import GGUFFile, read_header
from helpers.llama.load import from_neighbors
from tests.gguf_files import (
    float_tensors,
    gguf_bytes,
    model_settings,
    neighbors,
    small_tokenizer,
    to_q8_0,
    tokenizer_settings,
)

BY_NAME = {each.name: each for each in FORMATS.values()}
NUMBER = {each.name: number for number, each in FORMATS.items()}


def weights(name, *parts):
    """Unpack one block that is put together from bytes, NumPy numbers and lists of bytes."""
    data = b"".join(
        bytes(part) if isinstance(part, list | bytes) else part.tobytes() for part in parts
    )
    return unpack(np.frombuffer(data, np.uint8), BY_NAME[name]).tolist()


# --- blocks by hand -----------------------------------------------------------------------------


def test_plain_numbers():
    assert weights("F32", np.float32(0.1)) == [np.float32(0.1)]
    assert weights("F16", np.float16(-2.5)) == [-2.5]
    assert weights("BF16", [0xC0, 0x3F]) == [1.5]  # 0x3FC00000 is 1.5 as a float32


def test_q8_0_by_hand():
    numbers = np.array([-128, 127, 3] + 29 * [0], np.int8)
    assert weights("Q8_0", np.float16(0.5), numbers)[:4] == [-64.0, 63.5, 1.5, 0.0]


def test_q4_0_by_hand():
    pairs = [0xF0, 0x18] + 14 * [0x88]  # weight 0 is 0 - 8, weight 16 is 15 - 8
    found = weights("Q4_0", np.float16(0.25), pairs)
    assert found[:3] == [-2.0, 0.0, 0.0] and found[16:19] == [1.75, -1.75, 0.0]


def test_q4_1_by_hand():
    found = weights("Q4_1", np.float16(0.5), np.float16(-3), [0x2F, 0x01] + 14 * [0])
    assert found[:3] == [4.5, -2.5, -3.0] and found[16:18] == [-2.0, -3.0]


def test_q5_0_by_hand():
    fifth = [0b00000001, 0, 0b00000010, 0]  # the fifth bits of weights 0 and 17
    found = weights("Q5_0", np.float16(1), fifth, [0x03, 0x40] + 14 * [0])
    assert found[0] == 16 + 3 - 16 and found[1] == 0 - 16 and found[17] == 16 + 4 - 16


def test_q4_k_by_hand():
    """Group 1 has bytes of its own; group 6 is put together from three of them."""
    six_bits = 12 * [0]
    six_bits[1], six_bits[5] = 5, 7  # scale and least of group 1
    six_bits[2], six_bits[6] = 0b10_000000, 0b01_000000  # their upper bits, for group 6
    six_bits[10] = 0x93  # their lower bits: scale 2 * 16 + 3, least 1 * 16 + 9
    pairs = 128 * [0]
    pairs[4] = 0x60  # group 1 is the high halves of the first 32 bytes
    pairs[96] = 0x0B  # group 6 is the low halves of the last 32
    found = weights("Q4_K", np.float16(0.5), np.float16(2), six_bits, pairs)
    assert found[32 + 4] == 0.5 * 5 * 6 - 2 * 7 and found[32] == -2 * 7
    assert found[6 * 32] == 0.5 * 35 * 11 - 2 * 25 and found[6 * 32 + 1] == -2 * 25
    assert found[:32] == 32 * [0.0]


def test_q6_k_by_hand():
    low, high = 128 * [0], 64 * [0]
    low[0], high[0] = 0x7A, 0b11_00_01_10  # weights 0, 32, 64 and 96 share the byte of high bits
    low[32] = 0x05
    scales = np.zeros(16, np.int8)
    scales[[0, 2, 4, 6, 8]] = 1, -2, 3, 4, 5
    low[64], high[32] = 0x0C, 0b01
    found = weights("Q6_K", low, high, scales, np.float16(0.5))
    assert found[0] == 0.5 * 1 * (0b10_1010 - 32)
    assert found[32] == 0.5 * -2 * (0b01_0101 - 32)
    assert found[64] == 0.5 * 3 * (0b00_0111 - 32)
    assert found[96] == 0.5 * 4 * (0b11_0000 - 32)
    assert found[128] == 0.5 * 5 * (0b01_1100 - 32)
    assert found[16] == 0  # its scale is 0


@pytest.mark.parametrize("name", BY_NAME)
def test_every_format_equals_the_gguf_package(name):
    gguf = pytest.importorskip("gguf", reason="compares with the gguf package, installed by hand")
    rng = np.random.default_rng(0)
    layout = BY_NAME[name].layout
    blocks = rng.integers(0, 256, 40 * layout.itemsize, np.uint8).view(layout)
    for part in ("scale", "least", "weight"):
        if part in (layout.names or ()):
            blocks[part] = rng.normal(size=40) * 1000
    data = np.frombuffer(blocks.tobytes(), np.uint8)
    kind = gguf.GGMLQuantizationType[name]
    assert np.array_equal(
        unpack(data, BY_NAME[name]), gguf.quants.dequantize(data, kind).view(np.float32)
    )


def test_pieces_of_a_large_tensor_fit_together(monkeypatch):
    rng = np.random.default_rng(0)
    data = np.frombuffer(to_q8_0(torch.randn(64, 96)), np.uint8)
    whole = unpack(data, BY_NAME["Q8_0"])
    monkeypatch.setattr("helpers.llama.blocks.AT_ONCE", 32 * int(rng.integers(3, 50)))
    assert np.array_equal(unpack(data, BY_NAME["Q8_0"]), whole)


# --- whole files --------------------------------------------------------------------------------

TOKENIZER = small_tokenizer()
CONFIG = LlamaConfig(
    vocab_size=TOKENIZER.vocab_size,
    context_length=64,
    embedding_dim=32,
    hidden_dim=64,
    n_heads=4,
    n_layers=2,
    n_kv_heads=2,
    head_size=8,
    rope_base=1000.0,
)


def small_model(**changes):
    torch.manual_seed(0)
    model = Llama(dataclasses.replace(CONFIG, **changes)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, float(parameter.ndim == 1), 0.3)
    return model


def described(model, architecture="llama"):
    return model_settings(model.config, architecture) | tokenizer_settings(TOKENIZER)


def write(path, model, architecture="llama", change=None, **settings):
    tensors = float_tensors(model, architecture)
    if change:
        change(tensors)
    path.write_bytes(gguf_bytes(described(model, architecture) | settings, tensors))
    return path


def logits(model):
    with torch.no_grad():
        return model(torch.arange(40)[None])


@pytest.mark.parametrize(
    "architecture, changes",
    [
        ("llama", {}),
        ("llama", {"tie_weights": False}),
        ("llama", {"n_kv_heads": 4}),
        ("qwen2", {"qkv_bias": True}),
        ("qwen3", {"qk_norm": True, "head_size": 12}),
    ],
)
def test_a_model_comes_back_from_its_file(tmp_path, architecture, changes):
    model = small_model(**changes)
    again, tokenizer = load_gguf(write(tmp_path / "a.gguf", model, architecture))
    epsilon = pytest.approx(model.config.norm_epsilon)  # a float32 in the file
    assert again.config.norm_epsilon == epsilon and not again.training
    assert dataclasses.replace(again.config, norm_epsilon=1e-5) == model.config
    assert_close(logits(again), logits(model), atol=1e-5, rtol=1e-5)
    assert tokenizer.encode("the cat sat!") == TOKENIZER.encode("the cat sat!")
    assert tokenizer.special_tokens == TOKENIZER.special_tokens


def test_without_the_reordering_another_model_comes_back(tmp_path):
    """The control: a Llama written as if it were a Qwen has other logits."""
    model = small_model()
    tensors = float_tensors(model, "qwen2")  # not reordered
    (tmp_path / "a.gguf").write_bytes(gguf_bytes(described(model), tensors))
    assert not torch.allclose(logits(load_gguf(tmp_path / "a.gguf")[0]), logits(model), atol=0.1)


def test_the_reordering_is_undone():
    weight = torch.arange(24.0)[:, None]
    assert torch.equal(from_neighbors(neighbors(weight, 3), 3), weight)


def test_quantized_files_are_read(tmp_path):
    model = small_model()
    tensors = float_tensors(model)
    for name, (shape, _, data) in list(tensors.items()):
        if len(shape) == 2:
            weight = torch.frombuffer(bytearray(data), dtype=torch.float32)
            tensors[name] = (shape, NUMBER["Q8_0"], to_q8_0(weight))
    (tmp_path / "a.gguf").write_bytes(gguf_bytes(described(model), tensors))
    again = load_gguf(tmp_path / "a.gguf")[0]
    difference = (logits(again) - logits(model)).std() / logits(model).std()
    assert 0 < difference < 0.1
    assert (
        load_gguf(tmp_path / "a.gguf", torch.bfloat16)[0].output_head.weight.dtype == torch.bfloat16
    )


def test_rope_scaling_of_files(tmp_path):
    model = small_model(rope_divisors=linear_divisors(8, 4.0))
    scaling = {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0}
    again, _ = load_gguf(write(tmp_path / "linear.gguf", model, **scaling))
    assert again.config.rope_divisors == (4.0,) * 4
    assert_close(logits(again), logits(model), atol=1e-5, rtol=1e-5)

    divisors = (1.0, 1.5, 4.0, 8.0)
    model = small_model(rope_divisors=divisors)

    def add(tensors):
        tensors["rope_freqs.weight"] = ((4,), 0, np.array(divisors, np.float32).tobytes())

    again, _ = load_gguf(write(tmp_path / "divisors.gguf", model, change=add))
    assert again.config.rope_divisors == divisors
    assert_close(logits(again), logits(model), atol=1e-5, rtol=1e-5)


def test_a_version_2_file_and_another_alignment_are_read(tmp_path):
    model = small_model()
    settings = described(model) | {"general.alignment": 64}
    data = gguf_bytes(settings, float_tensors(model), version=2, alignment=64)
    (tmp_path / "a.gguf").write_bytes(data)
    assert_close(logits(load_gguf(tmp_path / "a.gguf")[0]), logits(model), atol=1e-5, rtol=1e-5)


# --- files that are not right -------------------------------------------------------------------


def refused(path, words):
    with pytest.raises(ValueError, match=words) as error:
        load_gguf(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"general.architecture": "gemma3"}, "'gemma3'"),
        ({"llama.expert_count": 8}, "expert_count is 8"),
        ({"llama.rope.scaling.type": "yarn"}, "'yarn'"),
        ({"llama.rope.dimension_count": 4}, "4 dimensions per head"),
        ({"llama.block_count": 3}, "3 layers"),
        ({"llama.block_count": 10**15}, "n_layers"),
        ({"llama.block_count": 1}, "does not belong"),
        ({"llama.embedding_length": 64}, "has shape"),
        ({"llama.attention.head_count": "four"}, "n_heads"),
        ({"llama.attention.head_count": 0}, "n_heads"),
        ({"llama.rope.freq_base": 0.0}, "rope_base"),
        ({"tokenizer.ggml.model": "llama"}, "'llama'"),
        ({"tokenizer.ggml.pre": "tekken"}, "'tekken'"),
        ({"tokenizer.ggml.tokens": ["a", "b"]}, "token types"),
        ({"tokenizer.ggml.tokens": 5}, "tokenizer.ggml.tokens"),
        ({"tokenizer.ggml.token_type": ["a"] * TOKENIZER.vocab_size}, "token_type"),
        ({"tokenizer.ggml.merges": ["ab"]}, "merge 'ab'"),
        ({"tokenizer.ggml.merges": ["ż q"]}, "cannot be used"),
        ({"general.alignment": 0}, "alignment"),
    ],
)
def test_what_a_file_says_in_vain_is_named(tmp_path, settings, words):
    refused(write(tmp_path / "a.gguf", small_model(), **settings), words)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda t: t.pop("blk.1.ffn_up.weight"), "blk.1.ffn_up.weight .*missing"),
        (lambda t: t.pop("token_embd.weight"), "token_embd.weight is missing"),
        (lambda t: t.update(extra=((2,), 0, bytes(8))), "extra .*does not belong"),
        (lambda t: t.update(extra=((2,), 99, bytes(8))), "format number 99"),
        (lambda t: t.update(extra=((256,), 13, bytes(176))), "format Q5_K"),
        (lambda t: t.update(extra=((33,), 8, bytes(68))), "multiple of 32"),
        (lambda t: t.update(extra=((0, 4), 0, b"")), "shape"),
        (lambda t: t.update(extra=((1, 1, 1, 1, 1), 0, bytes(4))), "5 dimensions"),
        (lambda t: t.update(extra=((2**40, 2**40), 0, bytes(4))), "truncated"),
    ],
)
def test_wrong_tensors_are_named(tmp_path, change, words):
    refused(write(tmp_path / "a.gguf", small_model(), change=change), words)


def test_other_files_are_named(tmp_path):
    path = tmp_path / "a.gguf"
    with pytest.raises(FileNotFoundError):
        load_gguf(path)
    for data, words in (
        (b"", "empty"),
        (b"GG", "ends at byte 2"),
        (b"PK\x03\x04" + bytes(99), "letters GGUF"),
        (b"GGUF" + struct.pack("<I", 1) + bytes(99), "version is 1"),
        (b"GGUF" + struct.pack(">I", 3) + bytes(99), "version"),  # of a big-endian machine
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), "more than the file can hold"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63), "more than the file can hold"),
    ):
        path.write_bytes(data)
        refused(path, words)


def test_two_tensors_with_one_place_or_name_are_refused(tmp_path):
    data = gguf_bytes({}, {"one": ((8,), 0, bytes(32)), "two": ((8,), 0, bytes(32))})
    entry = struct.pack("<Q", 32)
    place = data.index(b"two") + 3 + 4 + 8 + 4
    assert data[place : place + 8] == entry
    (tmp_path / "a.gguf").write_bytes(data[:place] + bytes(8) + data[place + 8 :])
    with pytest.raises(ValueError, match="inside the tensor before"):
        GGUFFile(tmp_path / "a.gguf")
    (tmp_path / "b.gguf").write_bytes(data.replace(b"two", b"one"))
    with pytest.raises(ValueError, match="same name"):
        GGUFFile(tmp_path / "b.gguf")


WHOLE = gguf_bytes(described(small_model()), float_tensors(small_model()))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(WHOLE) - 1))
def test_a_truncated_file_is_refused(tmp_path_factory, length):
    path = tmp_path_factory.mktemp("cut") / "a.gguf"
    path.write_bytes(WHOLE[:length])
    refused(path, "empty|ends at byte|truncated|more than the file can hold|letters GGUF")


HEADER = WHOLE.index(b"blk.1.ffn_down") + 80


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, HEADER - 9),
    st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**31, 2**63, 2**64 - 1])),
    st.sampled_from([1, 4, 8]),
)
def test_a_header_that_lies_is_refused_or_harmless(place, number, width):
    """Any count, size, kind or offset may be another one: one clear error, or a readable file."""
    lie = struct.pack("<Q", number)[:width]
    data = np.frombuffer(WHOLE[:place] + lie + WHOLE[place + width :], np.uint8)
    try:
        _, tensors = read_header(data)
    except ValueError:
        return
    total = sum(entry.end - entry.start for entry in tensors.values())
    assert total <= len(data)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, WHOLE.index(b"tokenizer.ggml.tokens")),
    st.integers(0, 2**64 - 1),
    st.sampled_from([1, 4, 8]),
)
def test_a_file_that_lies_about_its_model_gives_one_error(tmp_path_factory, place, number, width):
    path = tmp_path_factory.mktemp("lie") / "a.gguf"
    path.write_bytes(WHOLE[:place] + struct.pack("<Q", number)[:width] + WHOLE[place + width :])
    try:
        model, _ = load_gguf(path)
    except ValueError as error:
        assert "\n" not in str(error) and str(path) in str(error)
    else:
        assert model.n_parameters() == small_model().n_parameters()


# --- talking ------------------------------------------------------------------------------------


def test_a_chat_has_the_format_of_the_model(tmp_path):
    path = write(tmp_path / "a.gguf", small_model(context_length=256))
    chat = LlamaChat("small", path, system="Be kind.", max_new_tokens=5)
    chat.turns = [("the cat", " sat <|im_end|>")]
    model, tokenizer = chat.load()
    ids = chat._prompt("the dog")
    assert tokenizer.decode(ids) == (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nthe cat<|im_end|>\n"
        "<|im_start|>assistant\nsat <|im_end|><|im_end|>\n<|im_start|>user\nthe dog<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    special = set(tokenizer.special_tokens.values())
    # a beginning and an end for each of four messages, and the beginning of the answer
    assert sum(token in special for token in ids) == 9
    chat.reset()
    assert isinstance(chat.respond("the cat"), str) and len(chat.turns) == 1


def test_a_model_without_the_tokens_of_the_format_cannot_chat(tmp_path):
    settings = tokenizer_settings(TOKENIZER)
    kinds = [1] * TOKENIZER.vocab_size
    path = write(
        tmp_path / "a.gguf",
        small_model(),
        **{
            "tokenizer.ggml.token_type": kinds,
            "tokenizer.ggml.pre": settings["tokenizer.ggml.pre"],
        },
    )
    with pytest.raises(ValueError, match="no token <|im_start|>"):
        LlamaChat("small", path).respond("hi")
