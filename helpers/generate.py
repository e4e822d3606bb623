"""From logits to text: greedy choice, temperature, top-k, top-p, repetition, one token at a time.

Shapes: B sequences, T tokens, V tokens in the vocabulary.
"""

from collections.abc import Iterator
from typing import Any

import torch

from helpers.bpe import BPETokenizer
from helpers.kv_cache import KVCache
from helpers.limits import check_number, check_whole
from helpers.model import GPT
from helpers.tokenizer import END_OF_TEXT


def next_token_probabilities(
    logits: torch.Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> torch.Tensor:
    """Turn logits (..., V) into the distribution that sampling draws from, (..., V).

    Temperature 0 puts all probability on the highest score. `top_k` keeps the k likeliest tokens,
    `top_p` the fewest likeliest tokens that together reach p. Raises ValueError for a negative
    temperature, a top_k below 1 or a top_p outside (0, 1].
    Sources: Fan et al. 2018 (top-k), Holtzman et al. 2020 (top-p).

    >>> next_token_probabilities(torch.tensor([0.0, 0.0, -9.0]), top_k=2).tolist()
    [0.5, 0.5, 0.0]
    """
    _check_sampling(temperature, top_k, top_p)
    if temperature == 0:
        best = logits.argmax(dim=-1, keepdim=True)
        return torch.zeros_like(logits).scatter(-1, best, 1.0)
    # The highest score goes to 0 first: a tiny temperature must not make infinities.
    logits = (logits - logits.amax(dim=-1, keepdim=True)) / temperature
    if top_k is not None and top_k < logits.shape[-1]:
        # Of equal scores at the k-th place, topk keeps only as many as make k.
        kept = logits.topk(top_k, dim=-1)
        logits = torch.full_like(logits, -torch.inf).scatter(-1, kept.indices, kept.values)
    probabilities = logits.softmax(dim=-1)
    if top_p is not None and top_p < 1:
        ordered, order = probabilities.sort(dim=-1, descending=True)
        reached_before = ordered.cumsum(dim=-1) - ordered
        ordered = ordered.masked_fill(reached_before >= top_p, 0.0)
        probabilities = torch.zeros_like(probabilities).scatter(-1, order, ordered)
        probabilities = probabilities / probabilities.sum(dim=-1, keepdim=True)
    return probabilities


def penalize_repetition(
    logits: torch.Tensor, token_ids: torch.Tensor, penalty: float
) -> torch.Tensor:
    """Lower the logits (B, V) of every token already in `token_ids` (B, T) by a factor.

    Positive scores are divided by `penalty`, negative ones multiplied. Raises ValueError for a
    penalty of 0 or less. Sources: Keskar et al. 2019 (CTRL), who always divide; transformers.

    >>> penalize_repetition(torch.tensor([[2.0, 2.0]]), torch.tensor([[1]]), 2.0).tolist()
    [[2.0, 1.0]]
    """
    check_number("repetition_penalty", penalty, above=0)
    seen = logits.gather(-1, token_ids)
    seen = torch.where(seen > 0, seen / penalty, seen * penalty)
    return logits.scatter(-1, token_ids, seen)


def sample_next(
    logits: torch.Tensor,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Choose the next token ids (B,) from logits (B, V); temperature 0 takes the likeliest.

    Raises ValueError as `next_token_probabilities` does, and FloatingPointError for logits
    that are NaN: nothing can be drawn from them.
    """
    if temperature == 0:
        _check_sampling(temperature, top_k, top_p)
        return logits.argmax(dim=-1)
    probabilities = next_token_probabilities(logits, temperature, top_k, top_p)
    try:
        return torch.multinomial(probabilities, 1, generator=generator).squeeze(-1)
    except RuntimeError:
        if probabilities.isfinite().all():
            raise
        raise FloatingPointError("some logits are NaN or inf: is the model broken?") from None


@torch.no_grad()
def generate(
    model: GPT,
    token_ids: torch.Tensor,
    max_new_tokens: int,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    repetition_penalty: float = 1.0,
    stop_id: int | None = None,
    seed: int | None = None,
    use_cache: bool = True,
) -> Iterator[torch.Tensor]:
    """Yield new token ids (B,) one step at a time, continuing `token_ids` (B, T).

    Past the context length the model sees the last `context_length` tokens. A sequence that
    produced `stop_id` goes on yielding it; when all have, the generator ends. Dropout stays as the
    model has it: call `model.eval()` first. Raises ValueError for a wrong shape or a bad option,
    TypeError for one of a wrong type, FloatingPointError where the model's logits are NaN.

    >>> from helpers.config import PRESETS
    >>> model = GPT(PRESETS["tiny"]).eval()
    >>> len(list(generate(model, torch.tensor([[1, 2]]), 5)))
    5
    """
    _check_request(model, token_ids, max_new_tokens, repetition_penalty, stop_id, seed)
    _check_sampling(temperature, top_k, top_p)
    generator = None
    if seed is not None:
        generator = torch.Generator(token_ids.device).manual_seed(seed)
    forward = _Forward(model, token_ids, max_new_tokens, use_cache)
    done = torch.zeros(len(token_ids), dtype=torch.bool, device=token_ids.device)
    for _ in range(max_new_tokens):
        logits = forward.last_logits(token_ids)  # (B, V)
        if repetition_penalty != 1.0:
            logits = penalize_repetition(logits, token_ids, repetition_penalty)
        new = sample_next(logits, temperature, top_k, top_p, generator)  # (B,)
        if stop_id is not None:
            new = torch.where(done, stop_id, new)
            done = done | (new == stop_id)
        yield new
        if done.all():
            return
        token_ids = torch.cat([token_ids, new[:, None]], dim=1)


class _Forward:
    """Run the model for the next token: with a cache while the text fits, else on its last part."""

    def __init__(self, model, token_ids, max_new_tokens, use_cache):
        self.model, self.cache = model, None
        self.limit = model.config.context_length
        if use_cache and max_new_tokens > 1 and token_ids.shape[1] < self.limit:
            length = min(self.limit, token_ids.shape[1] + max_new_tokens)
            weight = model.token_embedding.weight
            self.cache = KVCache(model.config, len(token_ids), length, weight.device, weight.dtype)

    def last_logits(self, token_ids):
        if token_ids.shape[1] > self.limit:
            # Positions are counted from the window's start: once it slides, old keys are wrong.
            hidden = self.model.hidden_states(token_ids[:, -self.limit :])
        else:
            known = 0 if self.cache is None else self.cache.length
            hidden = self.model.hidden_states(token_ids[:, known:], self.cache)
        return self.model.output_head(hidden[:, -1])


def complete(
    model: GPT,
    tokenizer: BPETokenizer,
    prompt: str,
    max_new_tokens: int = 100,
    stop_id: int | None = None,
    **options: Any,
) -> str:
    """Return `prompt` and what the model adds to it, as text; `options` go to `generate`.

    An empty prompt starts from the end-of-text token, which comes before every document.
    Raises ValueError where there is neither a prompt nor such a token.
    """
    end_of_text = tokenizer.special_tokens.get(END_OF_TEXT)
    prompt_ids = tokenizer.encode(prompt)
    if not prompt_ids and end_of_text is None:
        raise ValueError(
            f"the prompt is empty and the tokenizer has no {END_OF_TEXT} to start from"
        )
    device = next(model.parameters()).device
    token_ids = torch.tensor([prompt_ids or [end_of_text]], device=device)
    stop_id = end_of_text if stop_id is None else stop_id
    steps = generate(model, token_ids, max_new_tokens, stop_id=stop_id, **options)
    new = [int(token) for token in steps]
    if new and new[-1] == stop_id:
        new.pop()
    return tokenizer.decode(prompt_ids + new)


def _check_request(model, token_ids, max_new_tokens, repetition_penalty, stop_id, seed):
    check_whole("max_new_tokens", max_new_tokens, least=0)
    check_number("repetition_penalty", repetition_penalty, above=0)
    if stop_id is not None:
        check_whole("stop_id", stop_id, least=0)
    if seed is not None:
        check_whole("seed", seed, least=0, most=2**63 - 1)
    if not isinstance(token_ids, torch.Tensor) or token_ids.is_floating_point():
        kind = getattr(token_ids, "dtype", type(token_ids).__name__)
        raise TypeError(f"token_ids must be a tensor of integers (B, T), not {kind}")
    if token_ids.ndim != 2 or token_ids.numel() == 0:
        shape = tuple(token_ids.shape)
        raise ValueError(f"token_ids has shape {shape}; give (B, T), both above 0")
    low, high = token_ids.min().item(), token_ids.max().item()
    if low < 0 or high >= model.config.vocab_size:
        bad = low if low < 0 else high
        raise ValueError(f"token id {bad} is outside 0 to {model.config.vocab_size - 1}")


def _check_sampling(temperature, top_k, top_p):
    check_number("temperature", temperature, least=0)
    if top_k is not None:
        check_whole("top_k", top_k, least=1)
    if top_p is not None:
        check_number("top_p", top_p, above=0, most=1)
