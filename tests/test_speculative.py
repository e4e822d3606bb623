"""Speculative decoding: the text is that of the model alone, whatever the draft says."""

import pytest
import torch

from helpers.config import GPTConfig
from helpers.fast.speculative import ModelDraft, agreement, speculative
from helpers.generate import generate
from helpers.model import GPT

SHAPE = GPTConfig(40, 64, 16, 2, 2, dropout=0.0, tie_weights=False)


def model_of(seed, **changes):
    torch.manual_seed(seed)
    model = GPT(GPTConfig(**{**SHAPE.__dict__, **changes})).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # a new model would repeat one token
            parameter += 0.3 * torch.randn_like(parameter)
        model.position_embedding.weight.mul_(8)  # so that each position asks for another token
    return model


def greedy(model, ids, n):
    return [int(token) for token in generate(model, ids, n)]


def never(model, ids, n):
    """A draft that is always wrong: the token after the right one."""
    right = iter(greedy(model, ids, n))
    texts = {}
    written = ids[0].tolist()
    for token in right:
        texts[tuple(written)] = token
        written.append(token)

    def draft(so_far, count):
        return [(texts[tuple(so_far)] + 1) % SHAPE.vocab_size] * count

    return draft


IDS = torch.tensor([[3, 1, 4, 1, 5]])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ahead", [0, 1, 3, 7])
def test_the_text_is_the_models_own_with_any_draft(seed, ahead):
    model = model_of(seed)
    right = greedy(model, IDS, 40)
    assert len(set(right)) > 5, "a text of one token would prove little"
    drafts = {
        "another model": ModelDraft(model_of(seed + 10, n_layers=1)),
        "itself": ModelDraft(model),
        "always wrong": never(model, IDS, 40),
        "one token": lambda ids, n: [7] * n,
    }
    for name, draft in drafts.items():
        passes = list(speculative(model, draft, IDS, 40, ahead))
        assert sum(passes, []) == right, name
        assert all(1 <= len(new) <= ahead + 1 for new in passes), name
        if name == "itself":
            assert len(passes) == -(-40 // (ahead + 1))
        if name == "always wrong":
            assert len(passes) == 40


def test_a_pass_reads_what_is_new_and_nothing_twice():
    model, read = model_of(0), []
    whole = model.hidden_states
    model.hidden_states = lambda ids, cache=None: read.append(ids.shape[1]) or whole(ids, cache)
    passes = list(speculative(model, lambda ids, n: [7] * n, IDS, 12, ahead=3))
    assert read[0] == 5 + 3 and len(read) == len(passes)
    assert all(length <= 4 for length in read[1:])


def test_a_draft_with_a_cache_guesses_what_it_would_without(monkeypatch):
    model = model_of(1)
    draft, seen = ModelDraft(model), [3, 1, 4]
    for new in ([], [1], [5, 9, 2], [6]):
        seen = seen + new
        fresh = ModelDraft(model)
        assert draft(seen, 4) == fresh(seen, 4) == greedy(model, torch.tensor([seen]), 4)
    assert draft([3, 1], 2) == greedy(model, torch.tensor([[3, 1]]), 2)  # it can go back, too
    assert draft(seen, 0) == []


def test_agreement_by_hand():
    assert agreement([], [4]) == 0
    assert agreement([4, 5], [4, 5, 6]) == 2
    assert agreement([4, 5, 6], [4, 9, 6, 1]) == 1


def test_what_cannot_be_written_is_refused():
    model = model_of(0)
    with pytest.raises(ValueError, match="65.* 64"):
        list(speculative(model, ModelDraft(model), IDS, 60))
    with pytest.raises(ValueError, match=r"\(2, 5\)"):
        list(speculative(model, ModelDraft(model), IDS.repeat(2, 1), 3))
    with pytest.raises(ValueError, match="2 guesses; 3"):
        list(speculative(model, lambda ids, n: [1, 2], IDS, 10, ahead=3))
    assert list(speculative(model, ModelDraft(model), IDS, 0)) == []
