"""Bits a byte: the model's by hand, the compressors' on texts whose answer is known."""

import math
import random

import pytest
import torch

from helpers.bpe import BPETokenizer
from helpers.compression import bits_per_byte, compressor_bits_per_byte, text_bits
from helpers.config import GPTConfig
from helpers.model import GPT


@pytest.fixture
def small_gpt():
    torch.manual_seed(0)
    return GPT(GPTConfig(300, 16, 16, 2, 1, dropout=0.0)).eval()


def bits_one_by_one(model, ids):
    """The same sum with one forward pass a token, each with its own window."""
    context, half = model.config.context_length, model.config.context_length // 2
    bits = 0.0
    for target in range(1, len(ids)):
        window = 0 if target <= context else math.ceil((target - context) / half) * half
        logits = model(torch.tensor([ids[window:target]]))[0, -1]
        bits -= logits.log_softmax(-1)[ids[target]].item() / math.log(2)
    return bits


@pytest.mark.parametrize("length", [2, 3, 16, 17, 18, 24, 25, 40, 97])
def test_every_token_is_counted_once_with_half_a_context(small_gpt, length):
    ids = torch.randint(300, (length,), generator=torch.Generator().manual_seed(length)).tolist()
    assert text_bits(small_gpt, ids, batch_size=3) == pytest.approx(
        bits_one_by_one(small_gpt, ids), rel=1e-4
    )


def test_one_token_costs_nothing(small_gpt):
    assert text_bits(small_gpt, [5]) == 0.0


def test_uniform_model_needs_the_logarithm_of_the_vocabulary(small_gpt):
    with torch.no_grad():
        small_gpt.output_head.weight.zero_()
    tokenizer = BPETokenizer.train("", 257, special_tokens=("<|endoftext|>",))
    assert bits_per_byte(small_gpt, tokenizer, "héllo") == pytest.approx(math.log2(300), rel=1e-5)


def test_documents_are_read_one_by_one_and_their_ends_count(small_gpt):
    tokenizer = BPETokenizer.train("", 257, special_tokens=("<|endoftext|>",))
    texts, end = ["one text", "and another"], tokenizer.special_tokens["<|endoftext|>"]
    bits = sum(
        bits_one_by_one(small_gpt, [end, *tokenizer.encode_ordinary(text), end]) for text in texts
    )
    n_bytes = sum(len(text.encode()) for text in texts)
    assert bits_per_byte(small_gpt, tokenizer, texts) == pytest.approx(bits / n_bytes, rel=1e-4)


def test_random_bytes_do_not_compress_and_repeats_do():
    letters = random.Random(0)
    noise = "".join(letters.choice("abcdefghijklmnop") for _ in range(20_000))
    bits = compressor_bits_per_byte("x" * 100, noise)
    assert all(4.0 <= value < 4.8 for value in bits.values())
    repeated = compressor_bits_per_byte(noise, noise[:5000])
    assert repeated["xz -9e"] < 0.1


def test_xz_learns_from_far_back_where_gzip_forgets():
    letters = random.Random(1)
    far, near = ("".join(letters.choice("abcdefgh") for _ in range(40_000)) for _ in range(2))
    bits = compressor_bits_per_byte(far + near, far[:10_000])
    assert bits["xz -9e"] < 0.5 < bits["gzip -9"]


def test_empty_texts_are_refused(small_gpt):
    tokenizer = BPETokenizer.train("", 257, special_tokens=("<|endoftext|>",))
    with pytest.raises(ValueError, match="held-out text is empty"):
        compressor_bits_per_byte("abc", "")
    with pytest.raises(ValueError, match="needs a text"):
        bits_per_byte(small_gpt, tokenizer, "")
