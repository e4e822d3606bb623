"""Scores of continuations against the definition, and choices of models that know or do not."""

import math

import pytest
import torch

from classroom.worlds import tales
from classroom.worlds.tale_probes import (
    accuracy,
    chance,
    choices,
    continuation_log_probs,
)
from helpers.bpe import BPETokenizer
from helpers.config import GPTConfig
from helpers.model import GPT
from helpers.tokenizer import END_OF_TEXT


@pytest.fixture(scope="module")
def tokenizer():
    return BPETokenizer.train(tales.sample(300, seed=0), 800, special_tokens=(END_OF_TEXT,))


@pytest.fixture(scope="module")
def model(tokenizer):
    torch.manual_seed(0)
    return GPT(GPTConfig(tokenizer.vocab_size, 256, 32, 2, 1, dropout=0.0)).eval()


def test_a_score_is_the_sum_of_its_tokens(model, tokenizer):
    prefix, word = "Mia hid a key", " behind the chessboard"
    end = tokenizer.special_tokens[END_OF_TEXT]
    before, ids = tokenizer.encode(prefix), tokenizer.encode(prefix + word)
    log_probs = model(torch.tensor([[end, *ids]]))[0].log_softmax(-1)
    by_hand = sum(log_probs[place, ids[place]].item() for place in range(len(before), len(ids)))
    pairs = [("Tom", " was"), (prefix, word), ("A much longer text before it, to pad", " it")]
    assert continuation_log_probs(model, tokenizer, pairs)[1] == pytest.approx(by_hand, abs=1e-4)


def test_the_scores_of_single_tokens_sum_to_one(model, tokenizer):
    after = tokenizer.encode("Mia was")
    end = tokenizer.special_tokens[END_OF_TEXT]
    whole = model(torch.tensor([[end, *after]]))[0, -1].softmax(-1)
    token = max(
        tokenizer.vocab, key=lambda i: tokenizer.vocab[i].startswith(b" ") * whole[i].item()
    )
    word = tokenizer.decode([token])
    score = continuation_log_probs(model, tokenizer, [("Mia was", word)])[0]
    assert math.exp(score) == pytest.approx(whole[token].item(), rel=1e-3)


def test_a_word_inside_a_token_is_refused(model, tokenizer):
    with pytest.raises(ValueError, match="boundary"):
        continuation_log_probs(model, tokenizer, [("Mia w", "as")])


class Oracle(torch.nn.Module):
    """A model that finds the tokens of right words likely, wherever they stand."""

    def __init__(self, tokenizer, probes, sign):
        super().__init__()
        liked = torch.zeros(tokenizer.vocab_size)
        self.liked = torch.nn.Parameter(liked, requires_grad=False)
        for probe in probes:
            self.liked[tokenizer.encode(probe.right)] = sign

    def hidden_states(self, ids):
        return torch.zeros(*ids.shape, 1)

    def output_head(self, hidden):
        return self.liked.expand(len(hidden), -1)


def test_one_who_knows_is_right_and_one_who_is_wrong_is_not(tokenizer):
    probe = tales.probes(1, 0, "agreement")
    assert choices(Oracle(tokenizer, probe, 9.0), tokenizer, probe) == [True]
    assert choices(Oracle(tokenizer, probe, -9.0), tokenizer, probe) == [False]


def test_an_untrained_model_is_near_chance(model, tokenizer):
    probes = tales.probes(150, 1, "recall")
    assert abs(accuracy(model, tokenizer, probes) - chance(probes)) < 0.15
    with pytest.raises(ValueError, match="no probes"):
        accuracy(model, tokenizer, [])
