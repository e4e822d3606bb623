"""Type a text and see how several tokenizers split it, one strip of tiles per tokenizer."""

import html

from classroom.pages.knobs import card, in_words, live_and_still, telling
from classroom.pages.token_view import token_strip
from helpers.tokenizer import UNKNOWN

MOST_TOKENS = 300  # tiles per strip; with thousands, the page is too slow while you type


def tokens_and_ids(tokenizer, text):
    """Return the tokens of a text and their ids.

    Takes a `WordTokenizer`, a `BPETokenizer`, a `tiktoken.Encoding`, or anything with `encode` and
    `decode`. Tokens are str for words, bytes for pieces of UTF-8. Raises ValueError if the
    tokenizer cannot encode the text.

    >>> from helpers.bpe import BPETokenizer
    >>> tokens_and_ids(BPETokenizer.train("low low low", vocab_size=259), "low!")
    ([b'low', b'!'], [257, 33])
    """
    if hasattr(tokenizer, "special_tokens_set"):  # tiktoken
        token_ids = tokenizer.encode(text, allowed_special="all")
        return [tokenizer.decode_single_token_bytes(i) for i in token_ids], token_ids
    if hasattr(tokenizer, "split"):
        return tokenizer.split(text), tokenizer.encode(text)
    if hasattr(tokenizer, "decode_bytes"):
        token_ids = tokenizer.encode(text, allowed_special="all")
        return [tokenizer.decode_bytes([i]) for i in token_ids], token_ids
    token_ids = tokenizer.encode(text)
    return [tokenizer.decode([i]) for i in token_ids], token_ids


def compare_tokenizers(tokenizers, text, most=MOST_TOKENS):
    """Return HTML with one strip of tiles for each of the named tokenizers, ids below the tokens.

    Dark tiles are words that became `<|unk|>`. If a tokenizer cannot encode the text, its error is
    shown. Only the first `most` tokens are drawn; the caption counts all.
    """
    strips = []
    for name, tokenizer in tokenizers.items():
        try:
            tokens, token_ids = tokens_and_ids(tokenizer, text)
        except Exception as error:  # a reader's own tokenizer may fail in any way
            strips.append(card(html.escape(f"{name}: {in_words(error)}")))
            continue
        unknown = getattr(tokenizer, "vocab", {}).get(UNKNOWN)
        lost = [i for i, token_id in enumerate(token_ids) if token_id == unknown]
        words = f"{name}: " + ("1 token" if len(tokens) == 1 else f"{len(tokens)} tokens")
        if tokens:
            words += f", {len(text) / len(tokens):.1f} characters per token"
        words += f", {len(lost)} unknown" if unknown is not None else ""
        words += f" (the first {most} shown)" if len(tokens) > most else ""
        shown = [place for place in lost if place < most]
        strips.append(token_strip(tokens[:most], token_ids[:most], shown, words))
    return "".join(f'<div style="margin-bottom:8px">{strip}</div>' for strip in strips)


class TokenizerExplorer:
    """A box to type into, and below it the tokens of each tokenizer, updated on every key.

    `tokenizers` maps names to tokenizers. `box` and `page` are plain ipywidgets, so a test can use
    them without a browser. Raises ValueError if there is no tokenizer.
    """

    def __init__(self, tokenizers, text="Type here."):
        import ipywidgets as widgets

        if not tokenizers:
            raise ValueError("tokenizers is empty; give at least one")
        self.tokenizers = dict(tokenizers)
        self.box = widgets.Textarea(
            value=text, description="text", layout={"width": "99%", "height": "64px"}
        )
        self.page = widgets.HTML(layout={"width": "99%"})
        self.box.observe(telling(self.page, self._typed), names="value")
        self._typed()
        self.widget = widgets.VBox([self.box, self.page], layout={"width": "99%"})

    def _typed(self, _=None):
        self.page.value = compare_tokenizers(self.tokenizers, self.box.value)

    def __repr__(self):
        return f"TokenizerExplorer({', '.join(self.tokenizers)})"

    def _repr_mimebundle_(self, **_):
        return live_and_still(repr(self), self.page.value, self.widget)
