"""Scores of answers: worked by hand, at their edges, and asked of a model in batches."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.bpe import BPETokenizer
from helpers.config import GPTConfig
from helpers.evaluate import (
    answer_all,
    exact_match,
    is_right_answer,
    nearest_reference,
    share_by_kind,
    token_f1,
    words_of,
)
from helpers.generate import generate
from helpers.model import GPT


def test_overlap_by_hand():
    # shared: the, cat (2); 3 words said, 4 wanted: precision 2/3, recall 2/4.
    assert token_f1("The cat sat.", "the black cat sleeps") == pytest.approx(4 / 7)
    for one, other in (("dog", "cat"), ("", "cat"), ("", ""), ("", "..."), ("?", "!"), ("-5", "5"),
                       ("Привет", "Пока"), ("是", "不是"), ("½", "¾")):  # fmt: skip
        assert token_f1(one, other) == 0, (one, other)
    assert not is_right_answer("是", "不是", ["不是", "也许"])
    assert token_f1("NAI\u0308VE − हिन्दी", "naïve, हिन्दी!") == 1
    assert token_f1("the the the", "the") == pytest.approx(0.5)


@given(st.text(max_size=30), st.text(max_size=30))
def test_overlap_is_symmetric_and_between_0_and_1(one, other):
    score = token_f1(one, other)
    assert 0 <= score <= 1 and score == token_f1(other, one)
    assert token_f1(one, one) == bool(words_of(one))
    same = sorted(words_of(one)) == sorted(words_of(other))
    assert (score == 1) == (same and bool(words_of(one)))


def test_an_exact_match_forgives_only_space():
    assert exact_match("seven\n", " seven") and not exact_match("Seven", "seven")


def test_the_nearest_reference_decides():
    references = ["A token is a piece of text.", "An embedding is a row of numbers."]
    assert nearest_reference("a row of numbers", references)[0] == 1
    assert is_right_answer("a token is a piece", references[0], references)
    assert not is_right_answer("a token is one row of numbers", references[0], references)
    assert not is_right_answer("token", references[0], references)
    with pytest.raises(ValueError, match="no reference"):
        nearest_reference("x", [])
    with pytest.raises(ValueError, match="not among"):
        is_right_answer("x", "y", references)


def test_kinds_need_an_answer_each():
    assert share_by_kind([], []) == {}
    with pytest.raises(ValueError):
        share_by_kind(["sum"], [])


def test_many_prompts_at_once_get_the_answers_they_get_alone():
    torch.manual_seed(1)
    tokenizer = BPETokenizer.train("the cat sat on the mat. " * 20, 280, ("<|endoftext|>",))
    model = GPT(GPTConfig(tokenizer.vocab_size, 48, 32, 2, 2, dropout=0.0)).eval()
    prompts = ["the cat", "on", "the mat sat on the cat", "sat"]
    together = answer_all(model, tokenizer, prompts, max_new_tokens=12, batch_size=3)
    end = "<|endoftext|>"
    for prompt, answer in zip(prompts, together, strict=True):
        end_id = tokenizer.special_tokens[end]
        ids = torch.tensor([[end_id, *tokenizer.encode(prompt)]])
        alone = [t.item() for t in generate(model, ids, 12, stop_id=end_id)]
        alone = alone[: alone.index(end_id)] if end_id in alone else alone
        assert tokenizer.decode(alone).strip() == answer
    with pytest.raises(ValueError, match="longer than 8"):
        answer_all(model, tokenizer, ["the mat sat on the cat on the mat " * 3], 40)
