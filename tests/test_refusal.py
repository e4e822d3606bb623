"""Refusing what a model does not know: the score of an answer, and the threshold."""

import json
import math

import pytest
import torch

from helpers.assistant.refusal import (
    NAME,
    SCORES,
    Refusal,
    answer_log_probabilities,
    answer_score,
    choose_threshold,
    load_refusal,
    save_refusal,
    share_below,
)
from helpers.config import PRESETS
from helpers.llama import Llama, LlamaConfig
from helpers.model import GPT

LLAMA = LlamaConfig(
    vocab_size=50, context_length=24, embedding_dim=16, n_layers=1, n_heads=2, n_kv_heads=1,
    hidden_dim=32,
)  # fmt: skip


@pytest.fixture(params=["gpt", "llama"])
def model(request):
    torch.manual_seed(0)
    return (GPT(PRESETS["tiny"]) if request.param == "gpt" else Llama(LLAMA)).eval()


def test_log_probabilities_are_those_of_the_whole_text(model):
    prompt, answer = [1, 2, 3], [7, 4, 9, 4]
    with torch.no_grad():
        logits = model(torch.tensor([prompt + answer]))[0].log_softmax(dim=-1)
    expected = [logits[len(prompt) - 1 + i, token] for i, token in enumerate(answer)]
    found = answer_log_probabilities(model, prompt, answer)
    torch.testing.assert_close(found, torch.stack(expected))


def test_scores_by_hand(monkeypatch):
    values = torch.tensor([-1.0] * 8 + [-4.0, -12.0])
    monkeypatch.setattr(
        "helpers.assistant.refusal.answer_log_probabilities", lambda *_: values
    )  # fmt: skip
    found = {how: answer_score(None, [1], [2], how) for how in SCORES}
    assert found == pytest.approx({"mean": -2.4, "lowest": -12.0, "first": -1.0, "sum": -24.0})


def test_a_long_prompt_loses_its_front(model):
    limit = model.config.context_length
    long = [i % 40 for i in range(2 * limit)]
    torch.testing.assert_close(
        answer_log_probabilities(model, long, [5, 6]),
        answer_log_probabilities(model, long[-(limit - 2) :], [5, 6]),
    )
    # an answer that fills the context keeps the tokens that have something before them
    assert len(answer_log_probabilities(model, [1], [3] * (limit + 5))) == limit - 1


@pytest.mark.parametrize("prompt, answer", [([], [1]), ([1], [])])
def test_nothing_to_score_is_refused(model, prompt, answer):
    with pytest.raises(ValueError, match="tokens"):
        answer_score(model, prompt, answer)


def test_an_unknown_score_is_refused(model):
    with pytest.raises(ValueError, match="mean, lowest"):
        answer_score(model, [1], [2], "median")


def best_by_trying(known, foreign, share):
    """The most foreign scores that any threshold refuses within the limit, by trying them all."""
    tried = [value + step for value in (*known, *foreign) for step in (-1e-9, 1e-9)]
    kept = [t for t in tried if share_below(known, t) <= share]
    return max(share_below(foreign, t) for t in kept)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_no_threshold_refuses_more_within_the_limit(seed, share):
    torch.manual_seed(seed)
    known, foreign = (-torch.rand(40)).tolist(), (-torch.rand(30) - 0.4).tolist()
    threshold = choose_threshold(known, foreign, share)
    assert share_below(known, threshold) <= share
    assert share_below(foreign, threshold) == best_by_trying(known, foreign, share)


def test_equal_scores_cannot_be_told_apart():
    assert share_below([-1.0, -1.0], choose_threshold([-1.0], [-1.0], 0.0)) == 0.0
    assert share_below([-1.0, -1.0], choose_threshold([-1.0], [-1.0], 1.0)) == 1.0


@pytest.mark.parametrize(
    "arguments, word",
    [
        (([], [-1.0]), "known"),
        (([-1.0], []), "foreign"),
        (([-1.0], [math.nan]), "NaN"),
        (([-1.0], [-math.inf]), "infinite"),
        (([-1.0], [-2.0], 1.5), "most_known_refused"),
    ],
)
def test_bad_scores_are_refused(arguments, word):
    with pytest.raises(ValueError, match=word):
        choose_threshold(*arguments)


def test_a_refusal_comes_back_from_its_folder(tmp_path):
    assert load_refusal(tmp_path) is None
    refusal = Refusal(-0.25, "lowest", "I know the museum.")
    save_refusal(tmp_path, refusal)
    assert load_refusal(tmp_path) == refusal


def test_it_refuses_below_the_threshold(model):
    score = answer_score(model, [1, 2], [3, 4], "lowest")
    assert Refusal(score + 0.01, "lowest").refuses(model, [1, 2], [3, 4])
    assert not Refusal(score - 0.01, "lowest").refuses(model, [1, 2], [3, 4])


@pytest.mark.parametrize(
    "change", [{"below": "x"}, {"below": math.nan}, {"how": "median"}, {"says": 3}, {"more": 1}]
)
def test_a_damaged_file_is_refused(tmp_path, change):
    (tmp_path / NAME).write_text(json.dumps({**Refusal(-1.0)._asdict(), **change}), "utf-8")
    with pytest.raises(ValueError, match="damaged"):
        load_refusal(tmp_path)
