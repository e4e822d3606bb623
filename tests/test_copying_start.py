"""First weights that copy: measured before any training, on words in an order that never was."""

import pytest
import torch

from helpers.config import GPTConfig, get_preset
from helpers.copying_start import slices, start_copying
from helpers.model import GPT


@pytest.fixture(scope="module")
def untrained():
    torch.manual_seed(0)
    return start_copying(GPT(get_preset("course")))


@pytest.fixture(scope="module")
def repeated():
    """Eight rows of sixty words drawn by chance, each read twice."""
    half = torch.randint(0, 8192, (8, 60), generator=torch.Generator().manual_seed(1))
    return torch.cat([half, half], dim=1)


def test_two_heads_look_at_the_token_before(untrained, repeated):
    weights = untrained.attention_weights(repeated)[0]  # (B, H, T, T)
    before = weights.diagonal(-1, -2, -1).mean(dim=(0, 2))  # (H,)
    assert before[:2].min() > 0.95 and before[2:].max() < 0.2


def test_four_heads_look_at_what_followed(untrained, repeated):
    weights = untrained.attention_weights(repeated)[1]
    places = torch.arange(61, 120)
    followed = weights[:, :, places, places - 59].mean(dim=(0, 2))
    assert followed[:4].min() > 0.9 and followed[4:].max() < 0.2


@torch.no_grad()
def test_it_copies_without_any_training(untrained, repeated):
    guesses = untrained(repeated)[:, 60:-1].argmax(dim=-1)
    assert (guesses == repeated[:, 61:]).float().mean() > 0.9
    usual = GPT(get_preset("course"))
    guesses = usual(repeated)[:, 60:-1].argmax(dim=-1)
    assert (guesses == repeated[:, 61:]).float().mean() < 0.05


@torch.no_grad()
def test_it_begins_with_an_open_mind(untrained):
    """Words that never came before: no guess is far likelier than the others."""
    words = torch.randperm(8192, generator=torch.Generator().manual_seed(2))[:200][None]
    assert untrained(words)[:, :-1].softmax(dim=-1).max() < 0.1


def test_rooms_share_nothing_and_fill_the_width():
    held = [place for part in slices(256) for place in range(256)[part]]
    assert held == list(range(256))


def test_the_same_seed_gives_the_same_weights():
    def fresh(seed):
        torch.manual_seed(0)
        return start_copying(GPT(GPTConfig(50, 32, 64, 4, 2, dropout=0.0)), seed).state_dict()

    one, same, other = fresh(1), fresh(1), fresh(2)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["token_embedding.weight"], other["token_embedding.weight"])


@pytest.mark.parametrize(
    "config",
    [
        GPTConfig(50, 32, 64, 4, 1),
        GPTConfig(50, 32, 64, 2, 2),
        GPTConfig(50, 32, 64, 4, 2, n_kv_heads=2),
        GPTConfig(50, 32, 64, 4, 2, tie_weights=False),
    ],
)
def test_a_model_without_room_for_it_is_refused(config):
    with pytest.raises(ValueError, match="copying needs two blocks"):
        start_copying(GPT(config))
