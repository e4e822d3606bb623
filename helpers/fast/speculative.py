"""Speculative decoding: a cheap draft guesses some tokens ahead, the model checks all in one pass.

    written     Once upon a time
    guesses                      there was a king
    the model                    there was a fox     keeps "there was a", writes "fox" itself

To make one token, every weight of the model is read once; to check five guesses, it is read once as
well. A guess is kept only where it is what the model itself would have written, so the text is that
of the model alone, whatever the draft says. A bad draft costs time and nothing else.

Sources: Leviathan et al. 2023; Chen et al. 2023. Both also sample; this is the greedy case.
Shapes: T tokens.
"""

from collections.abc import Callable, Iterator

import torch

from helpers.kv_cache import KVCache
from helpers.limits import check_whole
from helpers.model import GPT

Draft = Callable[[list[int], int], list[int]]  # (token ids so far, n) to n guesses


@torch.no_grad()
def speculative(
    model: GPT, draft: Draft, token_ids: torch.Tensor, max_new_tokens: int, ahead: int = 4
) -> Iterator[list[int]]:
    """Yield the new token ids of each pass, 1 to `ahead` + 1 of them, continuing (1, T).

    Together they are what `generate` writes at temperature 0, except where two scores are so close
    that rounding decides. Raises ValueError for more than one text, or one that would grow past the
    context length, and for a draft that gives another number of guesses than asked for.

    >>> from helpers.config import PRESETS
    >>> model = GPT(PRESETS["tiny"]).eval()
    >>> always_seven = lambda ids, n: [7] * n
    >>> sum(map(len, speculative(model, always_seven, torch.tensor([[1, 2]]), 10)))
    10
    """
    check_whole("max_new_tokens", max_new_tokens, least=0)
    check_whole("ahead", ahead, least=0)
    if token_ids.ndim != 2 or len(token_ids) != 1 or not token_ids.numel():
        raise ValueError(
            f"token_ids has shape {tuple(token_ids.shape)}; one text (1, T) is written"
        )
    ids, device = token_ids[0].tolist(), model.token_embedding.weight.device
    end = len(ids) + max_new_tokens
    cache = _cache_for(model, end)
    while len(ids) < end:
        wanted = min(ahead, end - len(ids) - 1)  # one token comes from the model itself
        guesses = draft(ids, wanted)
        if len(guesses) != wanted:
            raise ValueError(f"the draft gave {len(guesses)} guesses; {wanted} were asked for")
        unread = torch.tensor([ids[cache.length :] + guesses], device=device)
        hidden = model.hidden_states(unread, cache)
        chosen = model.output_head(hidden[0, -wanted - 1 :]).argmax(dim=-1).tolist()
        new = chosen[: agreement(guesses, chosen) + 1]
        ids = ids + new
        cache.length = len(ids) - 1  # what was read of wrong guesses is overwritten
        yield new


def agreement(guesses: list[int], chosen: list[int]) -> int:
    """How many guesses, from the first on, are what the model chose.

    >>> agreement([5, 6, 7], [5, 6, 8, 9])
    2
    """
    for count, (guess, choice) in enumerate(zip(guesses, chosen, strict=False)):
        if guess != choice:
            return count
    return len(guesses)


class ModelDraft:
    """A smaller model with the same vocabulary as a draft; its cache keeps what was accepted.

    >>> from helpers.config import PRESETS
    >>> len(ModelDraft(GPT(PRESETS["tiny"]).eval())([1, 2], 3))
    3
    """

    def __init__(self, model: GPT) -> None:
        self.model, self.cache = model, _cache_for(model, model.config.context_length)
        self.read: list[int] = []  # the tokens whose keys and values are in the cache

    @torch.no_grad()
    def __call__(self, ids: list[int], n: int) -> list[int]:
        """Return n guesses, each the likeliest token after the one before."""
        same = min(agreement(self.read, ids), len(ids) - 1)
        self.cache.length, self.read = same, ids[:same]
        unread, guesses = ids[same:], list[int]()
        for _ in range(n):
            device = self.model.token_embedding.weight.device
            hidden = self.model.hidden_states(torch.tensor([unread], device=device), self.cache)
            self.read = self.read + unread
            unread = [int(self.model.output_head(hidden[0, -1]).argmax())]
            guesses += unread
        return guesses


def _cache_for(model, length):
    limit, weight = model.config.context_length, model.token_embedding.weight
    if length > limit:
        raise ValueError(f"{length} tokens are more than the context length {limit}")
    return KVCache(model.config, 1, length, weight.device, weight.dtype)
