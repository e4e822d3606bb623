"""Generation: sampling by hand, the cache against none, padding, stopping, and bad input."""

import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from helpers.config import PRESETS
from helpers.generate import (
    complete,
    generate,
    next_token_probabilities,
    penalize_repetition,
    sample_next,
)
from helpers.model import GPT

SMALL = replace(PRESETS["tiny"], vocab_size=60, context_length=12, embedding_dim=16, n_heads=2)


def random_model(config=SMALL, seed=0):
    torch.manual_seed(seed)
    model = GPT(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def tokens(*arguments, **options):
    return torch.stack(list(generate(*arguments, **options)), dim=1).tolist()


def log(*probabilities):
    return torch.tensor(probabilities, dtype=torch.float64).log()


def assert_distribution(*arguments, expected, **options):
    found = next_token_probabilities(*arguments, **options)
    assert_close(found, torch.tensor(expected, dtype=torch.float64))


# Sampling, by hand


def test_temperature_by_hand():
    logits = log(0.2, 0.8)
    # Temperature 1/2 squares the odds: 0.04 to 0.64, which is 1 to 16.
    assert_distribution(logits, 0.5, expected=[1 / 17, 16 / 17])
    # Temperature 2 takes their square root: 1 to 2.
    assert_distribution(logits, 2.0, expected=[1 / 3, 2 / 3])
    assert_distribution(logits, 1.0, expected=[0.2, 0.8])


def test_temperature_zero_is_the_best_alone():
    assert next_token_probabilities(log(0.2, 0.5, 0.3), 0).tolist() == [0, 1, 0]


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 1e-44])
def test_a_tiny_temperature_makes_no_infinities(temperature):
    logits = torch.tensor([[3.0, 90.0, -80.0]])
    assert next_token_probabilities(logits, temperature).tolist() == [[0, 1, 0]]
    assert sample_next(logits, temperature).tolist() == [1]


def test_top_k_by_hand():
    logits = log(0.4, 0.1, 0.2, 0.3)
    assert_distribution(logits, top_k=2, expected=[4 / 7, 0, 0, 3 / 7])
    assert_distribution(logits, top_k=1, expected=[1.0, 0, 0, 0])
    assert_distribution(logits, top_k=99, expected=[0.4, 0.1, 0.2, 0.3])


def test_top_k_keeps_exactly_k_of_equals():
    assert (next_token_probabilities(torch.zeros(10), top_k=3) > 0).sum() == 3


def test_top_p_by_hand():
    logits = log(0.15, 0.5, 0.05, 0.3)
    # 0.5 alone is not 0.7; 0.5 and 0.3 are.
    assert_distribution(logits, top_p=0.7, expected=[0, 5 / 8, 0, 3 / 8])
    assert_distribution(logits, top_p=0.4, expected=[0, 1.0, 0, 0])
    assert_distribution(logits, top_p=1.0, expected=[0.15, 0.5, 0.05, 0.3])


def test_top_k_comes_before_top_p():
    logits = log(0.4, 0.3, 0.2, 0.1)
    # Of the best two, 4/7 and 3/7, the first alone reaches one half.
    assert_distribution(logits, 1.0, 2, 0.5, expected=[1.0, 0, 0, 0])


@given(
    logits=st.lists(
        st.integers(-500, 500).map(lambda tenths: tenths / 10), min_size=2, max_size=12
    ),
    temperature=st.floats(0.05, 5),
    top_k=st.none() | st.integers(1, 15),
    top_p=st.none() | st.floats(0.01, 1.0),
)
def test_what_sampling_draws_from_is_a_distribution(logits, temperature, top_k, top_p):
    logits = torch.tensor(logits, dtype=torch.float64)
    probabilities = next_token_probabilities(logits, temperature, top_k, top_p)
    assert probabilities.sum().item() == pytest.approx(1)
    assert probabilities.min() >= 0
    kept = (probabilities > 0).sum().item()
    assert 1 <= kept <= min(len(logits), top_k or len(logits))
    assert probabilities[logits == logits.max()].max() == probabilities.max()
    whole = (logits / temperature).softmax(-1)
    if top_p is not None and top_k is None and top_p < 1:
        assert whole[probabilities > 0].sum().item() >= top_p - 1e-9


def test_samples_follow_the_probabilities():
    generator = torch.Generator().manual_seed(0)
    logits = log(0.1, 0.6, 0.3).expand(20_000, 3)
    drawn = Counter(sample_next(logits, 1.0, generator=generator).tolist())
    for token, share in enumerate((0.1, 0.6, 0.3)):
        assert drawn[token] / 20_000 == pytest.approx(share, abs=0.015)


def test_repetition_penalty_by_hand():
    logits = torch.tensor([[3.0, -3.0, 1.0], [3.0, -3.0, 0.0]])
    seen = torch.tensor([[0, 0, 1], [2, 2, 2]])
    expected = [[2.0, -4.5, 1.0], [3.0, -3.0, 0.0]]  # once each, however often seen
    assert penalize_repetition(logits, seen, 1.5).tolist() == expected


def test_repetition_penalty_forbids_loops():
    model = random_model()
    start = torch.tensor([[1, 2]])
    (plain,) = tokens(model, start, 10)
    (penalized,) = tokens(model, start, 10, repetition_penalty=1e6)
    assert len(set(penalized)) == 10 and not {1, 2} & set(penalized)
    assert len(set(plain)) < 10


# The generator


@settings(deadline=None, max_examples=20)
@given(batch=st.integers(1, 3), length=st.integers(1, 15), new=st.integers(1, 12))
def test_cached_equals_uncached_past_the_context_too(batch, length, new):
    model = random_model()
    start = torch.randint(60, (batch, length), generator=torch.Generator().manual_seed(length))
    cached = tokens(model, start, new)
    assert cached == tokens(model, start, new, use_cache=False)
    assert [len(row) for row in cached] == [new] * batch


def test_past_the_context_the_model_sees_the_last_tokens():
    model = random_model()
    text = torch.randint(60, (1, 20))
    expected = model(text[:, -12:])[0, -1].argmax().item()
    assert tokens(model, text, 1) == [[expected]]
    new = torch.tensor(tokens(model, text, 5))
    seen = torch.cat([text, new], dim=1)
    for step in range(5):
        window = seen[:, step + 8 : step + 20]
        assert model(window)[0, -1].argmax() == new[0, step]


def test_a_seed_repeats_itself_and_leaves_the_global_one_alone():
    model, start = random_model(), torch.tensor([[1, 2, 3]])
    torch.manual_seed(5)
    untouched = torch.rand(1)
    torch.manual_seed(5)
    first = tokens(model, start, 9, temperature=1.0, seed=7)
    assert torch.equal(torch.rand(1), untouched)
    assert first == tokens(model, start, 9, temperature=1.0, seed=7)
    assert first == tokens(model, start, 9, temperature=1.0, seed=7, use_cache=False)
    assert first != tokens(model, start, 9, temperature=1.0, seed=8)


def test_top_k_one_is_greedy():
    model, start = random_model(), torch.tensor([[1, 2, 3]])
    assert tokens(model, start, 9, temperature=2.0, top_k=1) == tokens(model, start, 9)


def test_stopping_waits_for_every_sequence():
    model = random_model()
    start = torch.tensor([[1], [2]])
    free = tokens(model, start, 10)
    stop = free[0][3]
    stopped = tokens(model, start, 10, stop_id=stop)
    ends = [row.index(stop) if stop in row else 9 for row in free]
    assert len(stopped[0]) == max(ends) + 1
    for row, original, end in zip(stopped, free, ends, strict=True):
        assert row[: end + 1] == original[: end + 1]
        assert set(row[end + 1 :]) <= {stop}


def test_stopping_at_once_yields_the_stop_token_alone():
    model, start = random_model(), torch.tensor([[1, 2]])
    (first,) = tokens(model, start, 1)
    assert tokens(model, start, 10, stop_id=first[0]) == [first]


def test_it_yields_while_it_works():
    """One token can be shown before the next is computed."""
    calls = []
    model = random_model()
    hook = model.blocks[0].register_forward_hook(lambda *_: calls.append(1))
    stream = generate(model, torch.tensor([[1, 2]]), 5)
    assert calls == []
    next(stream)
    assert len(calls) == 1
    hook.remove()


def test_with_the_cache_each_step_sees_one_token():
    model, widths = random_model(), []
    model.blocks[0].register_forward_hook(lambda _, inputs, __: widths.append(inputs[0].shape[1]))
    tokens(model, torch.tensor([[1, 2, 3]]), 4)
    assert widths == [3, 1, 1, 1]
    widths.clear()
    tokens(model, torch.tensor([[1, 2, 3]]), 4, use_cache=False)
    assert widths == [3, 4, 5, 6]


def test_no_new_tokens():
    assert list(generate(random_model(), torch.tensor([[1]]), 0)) == []


def test_works_in_bfloat16():
    model = random_model().to(torch.bfloat16)
    start = torch.tensor([[1, 2, 3], [4, 5, 6]])
    assert [len(row) for row in tokens(model, start, 12)] == [12, 12]


@pytest.mark.parametrize("past", [False, True])
def test_greedy_equals_transformers(past):
    """The same random weights and the same start: the same tokens, cached on both sides."""
    transformers = pytest.importorskip(
        "transformers", reason="compares with transformers, an optional extra"
    )
    from helpers.pretrained import convert_gpt2

    torch.manual_seed(3)
    theirs = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=60, n_positions=40, n_embd=16, n_head=2, n_layer=2,
            bos_token_id=0, eos_token_id=0, pad_token_id=0,
        )
    ).eval()  # fmt: skip
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model = GPT(replace(SMALL, context_length=40))
    stored = {n.removeprefix("transformer."): t for n, t in theirs.state_dict().items()}
    model.load_state_dict(convert_gpt2(stored, model.config))
    start = torch.randint(1, 60, (1, 6))
    options = {"do_sample": False, "max_new_tokens": 30, "eos_token_id": None}
    if past:
        options["repetition_penalty"] = 1.3
    expected = theirs.generate(start, attention_mask=torch.ones_like(start), **options)
    penalty = options.get("repetition_penalty", 1.0)
    mine = tokens(model.eval(), start, 30, repetition_penalty=penalty)
    assert mine == expected[:, 6:].tolist()


# Text


class Letters:
    """A tokenizer of letters, for these tests."""

    def __init__(self, special_tokens=None):
        self.special_tokens = {"<|endoftext|>": 59} if special_tokens is None else special_tokens

    def encode(self, text):
        return [ord(letter) - ord("A") for letter in text]

    def decode(self, token_ids):
        return "".join(chr(token + ord("A")) for token in token_ids)


def test_complete_adds_to_the_prompt():
    model, letters = random_model(), Letters()
    text = complete(model, letters, "ABC", max_new_tokens=5)
    (new,) = tokens(model, torch.tensor([[0, 1, 2]]), 5, stop_id=59)
    assert text == "ABC" + letters.decode([token for token in new if token != 59])


def test_complete_leaves_the_stop_token_out():
    model, letters = random_model(), Letters()
    ((first,),) = tokens(model, torch.tensor([[0, 1, 2]]), 1)
    assert complete(model, letters, "ABC", stop_id=first) == "ABC"


def test_complete_starts_an_empty_prompt_from_the_end_of_text():
    model, letters = random_model(), Letters()
    (new,) = tokens(model, torch.tensor([[59]]), 4, stop_id=59)
    assert complete(model, letters, "", 4) == letters.decode([t for t in new if t != 59])
    with pytest.raises(ValueError, match="the prompt is empty"):
        complete(model, Letters({}), "")


# Bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "temperature is -1; it must be 0 or more"),
        ({"temperature": math.nan}, "temperature is nan; it must be 0 or more"),
        ({"top_k": 0}, "top_k is 0; it must be 1 or more"),
        ({"top_p": 0}, "top_p is 0; it must be above 0 and at most 1"),
        ({"top_p": 1.5}, "top_p is 1.5; it must be above 0 and at most 1"),
        ({"temperature": 1, "top_k": -3}, "top_k is -3"),
        ({"repetition_penalty": 0}, "repetition_penalty is 0; it must be above 0"),
        ({"repetition_penalty": math.nan}, "repetition_penalty is nan; it must be above 0"),
        ({"max_new_tokens": -2}, "max_new_tokens is -2; it must be 0 or more"),
    ],
)
def test_bad_options_are_named_with_their_limits(options, message):
    with pytest.raises(ValueError, match=message):
        list(generate(random_model(), torch.tensor([[1]]), **({"max_new_tokens": 1} | options)))


@pytest.mark.parametrize("shape", [(3,), (1, 0), (0, 2)])
def test_a_wrong_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"token_ids has shape .*; give \(B, T\), both above 0"):
        list(generate(random_model(), torch.zeros(shape, dtype=torch.long), 1))


def test_an_unknown_token_is_refused():
    with pytest.raises(ValueError, match="token id 60 is outside 0 to 59"):
        list(generate(random_model(), torch.tensor([[60]]), 1))
