"""The merge explorer without a browser: step, slide, type another word."""

import html
import re

import pytest

from classroom.pages.merge_view import MergeExplorer
from classroom.pages.token_view import DARK
from helpers.bpe import BPETokenizer

TOKENIZER = BPETokenizer.train("low low low lower lowest", vocab_size=260)
STORY = "She sells sea shells by the sea shore. The shells she sells are sea shells, she is sure."


def tiles(page):
    return [html.unescape(name) for name in re.findall(r"<code[^>]*>(.*?)</code>", page)]


def dark(page):
    found = re.findall(rf"background:{DARK};color:#ffffff\"><code[^>]*>(.*?)</code>", page)
    return [html.unescape(name) for name in found]


@pytest.fixture
def explorer():
    return MergeExplorer(TOKENIZER, "low lower")


def test_it_starts_with_bytes_and_names_the_next_pair(explorer):
    assert tiles(explorer.page.value) == list("low·lower")
    assert dark(explorer.page.value) == ["o", "w", "o", "w"]
    assert "0 of 3 merges done. Next is <b>o + w</b>, merge 1" in explorer.page.value
    assert "9 bytes, 9 tokens" in explorer.page.value
    assert explorer.back.disabled and not explorer.forward.disabled


def test_the_button_merges_the_dark_pair(explorer):
    explorer.forward.click()
    assert explorer.slider.value == 1 and explorer.tokens[:2] == [b"l", b"ow"]
    assert dark(explorer.page.value) == ["l", "ow", "l", "ow"]
    assert "1. o + w" in explorer.page.value
    explorer.back.click()
    assert explorer.slider.value == 0 and explorer.forward.disabled is False


def test_the_end_is_what_the_tokenizer_encodes(explorer):
    explorer.slider.value = explorer.slider.max
    assert explorer.forward.disabled and dark(explorer.page.value) == []
    ids = [int(number) for number in re.findall(r'75%">(\d+)<', explorer.page.value)]
    assert ids == TOKENIZER.encode("low lower")
    assert "No pair that is left" in explorer.page.value
    explorer.go(1)
    assert explorer.slider.value == 3


@pytest.mark.parametrize("text", ["sea shells", "The shore!", "unseen é🙂 words", "aaaa", "She  "])
def test_other_texts_end_as_they_are_encoded(text):
    tokenizer = BPETokenizer.train(STORY, vocab_size=300)
    explorer = MergeExplorer(tokenizer, "sure")
    explorer.box.value = text
    assert explorer.slider.value == 0
    explorer.go(10**6)
    assert explorer.tokens == [tokenizer.vocab[i] for i in tokenizer.encode(text)]
    sizes = [sum(map(len, rows)) for _, rows in explorer.steps]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == len(sizes)


def test_a_shorter_text_after_the_last_step(explorer):
    explorer.slider.value = 3
    explorer.box.value = "ow"
    assert explorer.slider.value == 0 and explorer.slider.max == 1
    assert dark(explorer.page.value) == ["o", "w"]


@pytest.mark.parametrize("text", ["", "xyz"])
def test_nothing_to_merge(explorer, text):
    explorer.box.value = text
    assert explorer.slider.disabled and explorer.back.disabled and explorer.forward.disabled
    assert "0 of 0 merges done. No pair" in explorer.page.value
    explorer.slider.value = 1
    assert explorer.slider.value == 0


def test_a_reader_without_a_kernel_sees_every_step(explorer):
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == "MergeExplorer('low lower', 3 merges)"
    captions = re.findall(r'margin-bottom:3px">(.*?)</div>', bundle["text/html"])
    assert captions == ["bytes", "1. o + w", "2. l + ow", "3. · + low"]
    assert tiles(explorer.still(most=1)) == [*"low·lower", "l", "ow", "·", "l", "ow", "e", "r"]
