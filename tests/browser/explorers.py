"""What a learner does with each explorer, and what the page has to show then."""

import re

import torch

from classroom.pages.sampling_view import describe
from classroom.pages.training_view import RATES
from helpers.bpe import BPETokenizer
from helpers.generate import next_token_probabilities
from helpers.texts.corpora import load_corpus
from helpers.tokenizer import split_words
from tests.browser.pages import expect, press, turn

LONG = 120_000  # milliseconds: a model trains


def use_tokenizers(explorer):
    """Type another text: three tokenizers cut it as their own code says."""
    text, story = "Unreadable, the kettle! ÄÖ", load_corpus("story")
    pairs = BPETokenizer.train(story, 1000, special_tokens=())
    explorer.locator("textarea").fill(text)
    expect(explorer.get_by_text(f"bytes: {len(text.encode())} tokens")).to_be_visible()
    expect(
        explorer.get_by_text(f"words of the story: {len(split_words(text))} tokens")
    ).to_be_visible()
    count = f"byte pairs of the story: {len(pairs.encode(text))} tokens"
    expect(explorer.get_by_text(count)).to_be_visible()
    explorer.locator("textarea").press("End")
    explorer.page.keyboard.type("?")  # the strips follow every key
    expect(explorer.get_by_text(f"bytes: {len(text.encode()) + 1} tokens")).to_be_visible()


def use_merges(explorer):
    """Merge twice, go back once, slide to the end; then another text."""
    page = explorer.locator(".widget-html").last
    forward = explorer.get_by_role("button", name="Merge the dark pair")
    press(forward)
    expect(page).to_contain_text("1 of 15 merges done.")
    assert turn(explorer, "merges", "ArrowRight") == "2"
    expect(page).to_contain_text("2 of 15 merges done.")
    n_tokens = int(re.search(r"21 bytes, (\d+) tokens", page.inner_text())[1])
    press(explorer.get_by_role("button", name="Back"))
    expect(page).to_contain_text("1 of 15 merges done.")
    fewer = int(re.search(r"21 bytes, (\d+) tokens", page.inner_text())[1])
    assert 21 > fewer > n_tokens
    assert turn(explorer, "merges", "End") == "15"
    expect(page).to_contain_text("No pair that is left is in the list of merges.")
    expect(forward).to_be_disabled()
    box = explorer.locator("input[type=text]")
    box.fill("the the")
    box.press("Enter")
    expect(page).to_contain_text("7 bytes, 7 tokens")
    expect(page).to_contain_text("0 of ")


def use_attention(explorer):
    """Point at a token; choose another head by mouse, a third by keyboard."""
    tokens = explorer.locator(".pane:visible .token")
    tokens.nth(4).hover()
    shown = explorer.locator(".pane:visible .token .row:visible")
    expect(shown).to_contain_text("token 5,")
    tokens.nth(6).focus()
    explorer.page.mouse.move(0, 0)
    expect(shown).to_contain_text("token 7,")
    explorer.page.keyboard.press("Tab")
    expect(shown).to_contain_text("token 8,")
    first = explorer.locator(".head").first
    first.locator("label").click()
    expect(first.locator("input")).to_be_checked()
    expect(explorer.locator(".pane:visible")).to_have_count(1)
    expect(first.locator(".pane")).to_be_visible()
    second = explorer.locator(".head").nth(1)
    second.locator("label").focus()
    expect(second.locator(".pane")).to_be_visible()
    expect(explorer.locator(".pane:visible")).to_have_count(1)
    second.locator("label").click()
    tokens.nth(5).focus()


def use_training(explorer):
    """Another learning rate, train, and stop before the end; the curve is drawn anew."""
    page, image = explorer.locator(".widget-html").last, explorer.locator("img")
    train, stop = (
        explorer.get_by_role("button", name=name, exact=True) for name in ("Train", "Stop")
    )
    expect(page).to_contain_text(re.compile(r"step (\d+) of \1"))
    steps = int(re.search(r"of (\d+)", page.inner_text())[1])
    rate = turn(explorer, "learning rate", "ArrowRight")
    assert float(rate) == min(rate for rate in RATES if rate > 3e-3)
    before = image.get_attribute("src")
    press(train)
    expect(page).to_contain_text(
        re.compile(rf"Learning rate {rate}: step [1-9]\d* of {steps}, training loss"), timeout=LONG
    )
    press(stop)
    expect(page).to_contain_text("stopped.", timeout=LONG)
    assert int(re.search(r"step (\d+) of", page.inner_text())[1]) < steps
    expect(train).to_be_enabled()
    expect(stop).to_be_disabled()
    assert image.get_attribute("src") != before


def use_landscape(explorer):
    """The slice moves, and the view comes nearer: the sentence and the picture follow."""
    page, image = explorer.locator(".widget-html").last, explorer.locator("img")
    expect(page).to_contain_text("on the slice at 0.")
    place = float(turn(explorer, "slice at", "End"))
    expect(page).to_contain_text(f"on the slice at {place:.2g}.")
    before, highest = image.get_attribute("src"), _highest(page)
    reach = float(turn(explorer, "how far", "ArrowLeft", 2))
    assert 0 < reach < place
    expect(page).to_contain_text(f"on the slice at {reach:.2g}.")  # it cannot lie outside
    assert image.get_attribute("src") != before
    assert _highest(page)[-1] < highest[-1]  # nearer to the bottom of the trained one's bowl


def _highest(page):
    return [float(high) for high in re.findall(r"to (\d+\.\d+) on the slice", page.inner_text())]


WORDS = "closer every effort forward inches moves pizza toward you".split()
LOGITS = torch.tensor([4.51, 0.89, -1.90, 6.75, 1.63, -1.62, -1.89, 6.28, 1.79])


def use_sampling(explorer):
    """Warm, then sharp, then one token alone: sentence, picture and draws follow."""
    page, image = explorer.locator(".widget-html").last, explorer.locator("img")
    before = image.get_attribute("src")
    assert float(turn(explorer, "temperature", "ArrowRight", 5)) == 1.5
    expect(page).to_have_text(describe(next_token_probabilities(LOGITS, 1.5), WORDS))
    expect(image).not_to_have_attribute("src", before)
    assert float(turn(explorer, "top-p", "ArrowLeft", 4)) == 0.8
    expect(page).to_have_text(describe(next_token_probabilities(LOGITS, 1.5, None, 0.8), WORDS))
    assert turn(explorer, "top-k", "Home") == "1"
    expect(page).to_contain_text("1 of 9 tokens can be drawn; forward leads with 1.000.")
    press(explorer.get_by_role("button", name="Draw a token"))
    expect(page).to_have_text("Drawn: forward")
    assert turn(explorer, "top-k", "ArrowRight") == "2"
    left = next_token_probabilities(LOGITS, 1.5, 2, 0.8)
    expect(page).to_have_text(describe(left, WORDS))  # a second step would leave it as it is
    press(explorer.get_by_role("button", name="Draw a token"), "Space")
    drawn = [word for word, share in zip(WORDS, left.tolist(), strict=True) if share]
    expect(page).to_have_text(re.compile(f"Drawn: ({'|'.join(drawn)})"))


def use_embeddings(explorer):
    """More neighbors; go on to the nearest; a word with a slip, and back by its button."""
    page, image = explorer.locator(".widget-html"), explorer.locator("img")
    rows, box = page.locator("tr"), explorer.locator("input[type=text]")
    expect(rows).to_have_count(5)
    before = image.get_attribute("src")
    assert turn(explorer, "neighbors", "ArrowRight", 2) == "7"
    expect(rows).to_have_count(7)
    expect(image).not_to_have_attribute("src", before)
    listed = [row.split() for row in rows.all_inner_texts()]
    cosines = [float(row[-1]) for row in listed]
    assert cosines == sorted(cosines, reverse=True) and -1 <= cosines[-1] < cosines[0] < 1
    press(explorer.get_by_role("button", name=listed[0][0], exact=True))
    expect(page.locator("b")).to_have_text(listed[0][0])
    expect(box).to_have_value(listed[0][0])
    box.fill("mondya")
    box.press("Enter")
    expect(page).to_contain_text("'mondya' is not among the")
    expect(rows).to_have_count(0)
    press(explorer.get_by_role("button", name="monday", exact=True), "Space")
    expect(page.locator("b")).to_have_text("monday")
    assert [row.split() for row in rows.all_inner_texts()] == listed
