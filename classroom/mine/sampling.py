"""Part 5 of `my_llm.py`: from scores to text, one token at a time."""

import codecs

import torch

from classroom.mine.model import KVCache
from classroom.mine.tokenizer import END_OF_TEXT


@torch.no_grad()
def generate(model, token_ids, max_new_tokens, temperature=0.0):
    """Yield new token ids, one at a time, that continue the list `token_ids`."""
    limit, token_ids = model.config.context_length, list(token_ids)
    cache, known = KVCache(model.config), 0
    for _ in range(max_new_tokens):
        if len(token_ids) > limit:  # the window slides, and the cached positions no longer hold
            hidden = model.hidden_states(torch.tensor([token_ids[-limit:]]))
        else:
            hidden = model.hidden_states(torch.tensor([token_ids[known:]]), cache)
        known, logits = len(token_ids), model.output_head(hidden[0, -1])  # (V,)
        scaled = (logits / max(temperature, 1e-3)).softmax(dim=-1)
        token_ids.append(int(torch.multinomial(scaled, 1) if temperature else logits.argmax()))
        yield token_ids[-1]


def continuation(model, tokenizer, prompt, max_new_tokens=60, temperature=0.8):
    """Yield what the model adds to a prompt, in pieces of text, until a document ends."""
    end_of_text = tokenizer.special_tokens.get(END_OF_TEXT)
    token_ids = tokenizer.encode(prompt) or [end_of_text or 0]
    decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a token may end in a character
    for token_id in generate(model, token_ids, max_new_tokens, temperature):
        if token_id == end_of_text:
            return
        yield decoder.decode(tokenizer.vocab[token_id])
