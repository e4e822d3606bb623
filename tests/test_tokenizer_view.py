"""The typing box without a browser: set its text, read the tiles."""

import html
import re

import pytest

from classroom.pages.token_view import DARK
from classroom.pages.tokenizer_view import TokenizerExplorer, compare_tokenizers, tokens_and_ids
from helpers.bpe import BPETokenizer
from helpers.tokenizer import WordTokenizer

TEXT = "low low lower lowest"
WORDS = WordTokenizer.from_text(TEXT)
BYTES = BPETokenizer.train("", vocab_size=257)
PAIRS = BPETokenizer.train(TEXT, vocab_size=260)


class Letters:
    """A tokenizer with nothing but `encode` and `decode`."""

    def encode(self, text):
        return [ord(letter) for letter in text]

    def decode(self, token_ids):
        return "".join(map(chr, token_ids))


def tiles(strip):
    return [html.unescape(name) for name in re.findall(r"<code[^>]*>(.*?)</code>", strip)]


def ids(strip):
    return [int(number) for number in re.findall(r'75%">(\d+)<', strip)]


def captions(page):
    return re.findall(r'margin-bottom:3px">(.*?)</div>', page)


def test_three_kinds_of_tokenizers_cut_by_hand():
    assert tokens_and_ids(BYTES, "lo") == ([b"l", b"o"], [108, 111])
    assert tokens_and_ids(PAIRS, "low lows") == ([b"low", b" low", b"s"], [257, 258, 115])
    assert tokens_and_ids(WORDS, "low no") == (
        ["low", "no"],
        [WORDS.vocab["low"], WORDS.vocab["<|unk|>"]],
    )
    assert tokens_and_ids(Letters(), "hi") == (["h", "i"], [104, 105])


def test_tiktoken_cuts_as_ours_does():
    pytest.importorskip("tiktoken")
    text = "lower é<|endoftext|>"
    assert tokens_and_ids(PAIRS.to_tiktoken(), text) == tokens_and_ids(PAIRS, text)
    assert tokens_and_ids(PAIRS, text)[1][-1] == PAIRS.special_tokens["<|endoftext|>"]


@pytest.mark.parametrize("text", ["", "low", " lowest é🙂\n", "<|endoftext|>"])
def test_pieces_of_bytes_give_the_text_back(text):
    for tokenizer in (BYTES, PAIRS):
        tokens, token_ids = tokens_and_ids(tokenizer, text)
        assert b"".join(tokens).decode() == text == tokenizer.decode(token_ids)


def test_typing_changes_every_strip():
    explorer = TokenizerExplorer({"bytes": BYTES, "words": WORDS, "pairs": PAIRS}, "low")
    assert tiles(explorer.page.value) == ["l", "o", "w", "low", "low"]
    explorer.box.value = "low!"
    assert tiles(explorer.page.value) == ["l", "o", "w", "!", "low", "!", "low", "!"]
    assert ids(explorer.page.value)[-2:] == [257, 33]
    assert captions(explorer.page.value) == [
        "bytes: 4 tokens, 1.0 characters per token",
        "words: 2 tokens, 2.0 characters per token, 1 unknown",
        "pairs: 2 tokens, 2.0 characters per token",
    ]
    explorer.box.value = ""
    assert tiles(explorer.page.value) == [] and captions(explorer.page.value)[0] == (
        "bytes: 0 tokens"
    )


def test_unknown_words_are_dark():
    page = compare_tokenizers({"words": WORDS}, "low zebra")
    assert re.findall(r"background:(#\w+);color:#ffffff", page) == [DARK]


def test_a_tokenizer_that_refuses_says_why_and_the_others_go_on():
    strict = WordTokenizer({"low": 0}, special_tokens=())
    page = compare_tokenizers({"<strict>": strict, "bytes": BYTES}, "no")
    assert "&lt;strict&gt;: &#x27;no&#x27; is not in the vocabulary of 1 tokens" in page
    assert tiles(page) == ["n", "o"]


def test_a_long_text_is_counted_whole_and_drawn_in_part():
    page = compare_tokenizers({"bytes": BYTES}, "a" * 30, most=10)
    assert len(tiles(page)) == 10 and "30 tokens" in page and "the first 10 shown" in page


def test_a_reader_without_a_kernel_sees_the_strips():
    explorer = TokenizerExplorer({"bytes": BYTES}, "<b>")
    bundle = explorer._repr_mimebundle_()
    assert tiles(bundle["text/html"]) == ["<", "b", ">"] and "<b>" not in bundle["text/html"]
    assert bundle["text/plain"] == "TokenizerExplorer(bytes)"


def test_no_tokenizer_is_refused():
    with pytest.raises(ValueError, match="tokenizers is empty"):
        TokenizerExplorer({})
