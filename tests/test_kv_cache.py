"""The key-value cache: the same numbers as without it, its size, and its limits."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from helpers.config import PRESETS
from helpers.kv_cache import KVCache
from helpers.model import GPT

TINY = PRESETS["tiny"]


def random_model(config):
    torch.manual_seed(0)
    model = GPT(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def test_extend_by_hand():
    cache = KVCache(replace(TINY, embedding_dim=4, n_heads=2, n_layers=2), max_length=3)
    first = torch.arange(8.0).view(1, 2, 2, 2)
    keys, values = cache.extend(1, first, first + 100)
    assert torch.equal(keys, first) and torch.equal(values, first + 100)
    cache.advance(2)
    second = torch.full((1, 2, 1, 2), -1.0)
    keys, values = cache.extend(1, second, second)
    assert torch.equal(keys, torch.cat([first, second], dim=2))
    assert torch.equal(values, torch.cat([first + 100, second], dim=2))
    assert cache.length == 2  # counted once for all layers, by advance


@settings(deadline=None, max_examples=25)
@given(data=st.data(), kv_heads=st.sampled_from([None, 1, 2]))
def test_any_way_to_feed_a_text_gives_the_same_logits(data, kv_heads):
    """All at once, or cut into pieces of any length: the logits agree at every position."""
    model = random_model(replace(TINY, context_length=12, n_kv_heads=kv_heads))
    pieces = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    pieces = [size for end, size in enumerate(pieces) if sum(pieces[: end + 1]) <= 12]
    token_ids = torch.randint(512, (2, sum(pieces)))
    cache = KVCache(model.config, batch_size=2)
    with torch.no_grad():
        parts = [model(piece, cache=cache) for piece in token_ids.split(pieces, dim=1)]
        assert_close(torch.cat(parts, dim=1), model(token_ids), atol=1e-4, rtol=1e-4)
    assert cache.length == token_ids.shape[1]


def test_bytes():
    # Keys and values: 2 * 2 layers * 3 sequences * 4 heads * 64 tokens * 16 numbers * 4 bytes.
    assert KVCache(TINY, batch_size=3).n_bytes() == 2 * 2 * 3 * 4 * 64 * 16 * 4
    shared = KVCache(replace(TINY, n_kv_heads=1), batch_size=3, dtype=torch.bfloat16)
    assert shared.n_bytes() == KVCache(TINY, batch_size=3).n_bytes() / 8


def test_limits_are_named():
    with pytest.raises(ValueError, match="max_length is 65; it must be 1 to 64"):
        KVCache(TINY, max_length=65)
    with pytest.raises(ValueError, match="max_length is 0; it must be 1"):
        KVCache(TINY, max_length=0)
    with pytest.raises(ValueError, match="batch_size is 0; it must be 1 or more"):
        KVCache(TINY, batch_size=0)


def test_overflow_is_refused_and_leaves_the_cache_as_it_was():
    model = random_model(TINY)
    cache = KVCache(TINY, max_length=4)
    with torch.no_grad():
        model(torch.tensor([[1, 2, 3]]), cache=cache)
        with pytest.raises(ValueError, match="5 tokens do not fit a cache of 4"):
            model(torch.tensor([[4, 5]]), cache=cache)
        assert cache.length == 3
        again = model(torch.tensor([[4]]), cache=cache)
        assert_close(again, model(torch.tensor([[1, 2, 3, 4]]))[:, -1:], atol=1e-4, rtol=1e-4)


def test_another_batch_size_is_refused():
    model = random_model(TINY)
    with pytest.raises(ValueError, match="1 sequences do not fit a cache of 2"):
        model(torch.tensor([[1, 2]]), cache=KVCache(TINY, batch_size=2))
