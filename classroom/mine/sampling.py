"""Part 5 of `my_llm.py`: from scores to text, one token at a time."""

import codecs

import torch

from classroom.mine.model import KVCache
from classroom.mine.tokenizer import END_OF_TEXT
from classroom.turns.t07 import at_temperature, keep_min_p, keep_top_k, keep_top_p


def next_token_probabilities(logits, temperature=1.0, top_k=None, top_p=None, min_p=None):
    """The distribution that sampling draws from, (V,): the temperature comes before the cuts."""
    shares = [share for share in (top_p, min_p) if share is not None]
    if temperature < 0 or (top_k or 1) < 1 or not all(0 < share <= 1 for share in shares):
        raise ValueError("temperature is at least 0, top-k 1, top-p and min-p over 0 and up to 1")
    logits = at_temperature(logits, temperature).log()
    for cut, limit in ((keep_top_k, top_k), (keep_top_p, top_p), (keep_min_p, min_p)):
        logits = cut(logits, limit) if limit else logits
    return at_temperature(logits, 1.0)


@torch.no_grad()
def generate(model, token_ids, max_new_tokens, temperature=0.0, **cuts):
    """Yield new token ids, one at a time, that continue the list `token_ids`."""
    limit, device = model.config.context_length, model.output_head.weight.device
    token_ids, cache, known = list(token_ids), KVCache(model.config), 0
    for _ in range(max_new_tokens):
        fits = len(token_ids) <= limit  # else the window slides, and cached positions do not hold
        new = torch.tensor([token_ids[known:] if fits else token_ids[-limit:]], device=device)
        hidden = model.hidden_states(new, cache if fits else None)
        known, logits = len(token_ids), model.output_head(hidden[0, -1])  # (V,)
        shares = next_token_probabilities(logits, temperature, **cuts)
        token_ids.append(int(torch.multinomial(shares, 1) if temperature else logits.argmax()))
        yield token_ids[-1]


def continuation(model, tokenizer, prompt, max_new_tokens=60, **sampling):
    """Yield what the model adds to a prompt, in pieces of text, until a document ends."""
    end_of_text = tokenizer.special_tokens.get(END_OF_TEXT)
    token_ids = tokenizer.encode(prompt) or [end_of_text or 0]
    decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a token may end in a character
    for token_id in generate(model, token_ids, max_new_tokens, **sampling):
        if token_id == end_of_text:
            return
        yield decoder.decode(tokenizer.vocab[token_id])
