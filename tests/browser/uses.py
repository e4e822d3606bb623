"""What a learner does with each widget, and what the page has to show then; one function a widget."""

import re

import torch
from playwright.sync_api import expect

from helpers.bpe import BPETokenizer
from helpers.corpora import load_corpus
from helpers.eliza import Eliza
from helpers.flash_cards import load_cards
from helpers.generate import next_token_probabilities
from helpers.quiz_bank import load_quiz
from helpers.sampling_view import describe
from helpers.tokenizer import split_words
from helpers.training_view import RATES
from tests.browser.pages import plain, press, turn

LONG = 120_000  # milliseconds: a model answers, or trains


def use_quiz(quiz):
    """The right answer to the first question, a wrong one to the second; the score follows."""
    bank = {plain(question.question): question for question in load_quiz()}
    for number, answer_right in enumerate((True, False)):
        asked = bank[plain(quiz.locator("b").first.inner_text())]
        choices = [
            plain(text) for text in quiz.locator(".widget-hbox .widget-html").all_inner_texts()
        ]
        assert sorted(choices) == sorted(map(plain, (asked.answer, *asked.wrong)))
        picked = asked.answer if answer_right else asked.wrong[0]
        press(quiz.get_by_role("button", name="ABCD"[choices.index(plain(picked))], exact=True))
        said = (
            f"Right. {asked.why}" if answer_right else f"Not quite, the answer is: {asked.answer}."
        )
        expect(quiz.get_by_role("status")).to_contain_text(plain(said))
        right = quiz.get_by_role(
            "button", name="ABCD"[choices.index(plain(asked.answer))], exact=True
        )
        expect(right).to_have_class(re.compile("mod-success"))
        expect(quiz.locator(".widget-html").first).to_contain_text(
            f"So far 1 of {number + 1} right."
        )
        if answer_right:
            press(quiz.get_by_role("button", name="Next question"), "Space")
            expect(quiz.locator(".widget-html").first).to_contain_text("Question 2 of")


def use_cards(window):
    """Turn the first card; know it; do not know the second."""
    cards = {plain(card.question): card for card in load_cards()}
    page = window.locator(".widget-html").first
    n_cards = int(re.search(r"(\d+) to go", page.inner_text())[1])
    for button, left in (("I knew it", n_cards - 1), ("Not yet", n_cards - 1)):
        card = cards[plain(window.locator("b").first.inner_text())]
        expect(window.get_by_role("button", name=button)).to_be_disabled()
        press(window.get_by_role("button", name="Show the answer"))
        expect(page).to_contain_text(
            card.answer.split("`")[0].split("$")[0].split("*")[0].strip()[:60]
        )
        press(window.get_by_role("button", name=button))
        expect(page).to_contain_text(f"{left} to go")
        expect(page).not_to_contain_text(card.question)
    press(window.get_by_role("button", name="Show the answer"))


def use_chat(window):
    """Type to ELIZA and the GPTs, send a suggestion, begin again."""
    eliza = Eliza.default()
    eliza.respond("I am trying to learn about LLMs.")
    reply, box = eliza.respond("I am sad"), window.locator("input[type=text]")
    box.fill("I am sad")
    box.press("Enter")
    row = window.locator("tr", has_text="You: I am sad").locator("xpath=following-sibling::tr[1]")
    replies = row.locator("td")
    expect(replies.first).to_have_text(reply, timeout=LONG)
    assert all(text.strip() for text in replies.all_inner_texts()) and replies.count() >= 2
    expect(box).to_have_value("")
    press(window.get_by_role("button", name="Start again"))
    expect(window.locator("tr", has_text="You:")).to_have_count(0)
    suggestion = window.get_by_role("button").first
    words = suggestion.inner_text().removesuffix("...")
    press(suggestion, "Space")
    expect(window.locator("tr", has_text=f"You: {words}")).to_have_count(1, timeout=LONG)


def use_streaming_chat(window):
    """A typed question gets an answer; a second one is stopped while it is being answered."""
    box, stop = window.locator("input[type=text]"), window.get_by_role("button", name="Stop")
    answers = window.locator("tr:not(:has(b)) td")
    before = answers.count()
    box.fill("What is attention?")
    box.press("Enter")
    expect(window.locator("tr", has_text="You: What is attention?")).to_have_count(1)
    expect(answers).to_have_count(before + 1)
    expect(answers.last).not_to_be_empty(timeout=LONG)
    expect(stop).to_be_disabled(timeout=LONG)
    assert len(answers.last.inner_text()) > 10
    press(window.get_by_role("button", name="Start again"))
    expect(window.locator("tr", has_text="You:")).to_have_count(0)
    press(window.get_by_role("button").first)
    expect(answers.last).not_to_be_empty(timeout=LONG)
    expect(stop).to_be_disabled(timeout=LONG)


def use_vocabulary(knobs):
    """A larger vocabulary leaves fewer words unknown."""
    assert turn(knobs, "keep", "ArrowRight") == "400"
    tiles, unknown = knobs.locator("code"), knobs.locator("code", has_text="<|unk|>")
    expect(knobs.get_by_text("400 tokens kept")).to_be_visible()
    before = unknown.count()
    expect(knobs.get_by_text(f"{before / tiles.count():.0%} unknown")).to_be_visible()
    assert turn(knobs, "keep", "End") == "900"
    expect(knobs.get_by_text("900 tokens kept")).to_be_visible()
    assert 0 < unknown.count() < before
    expect(knobs.get_by_text(f"{unknown.count() / tiles.count():.0%} unknown")).to_be_visible()


def use_windows(knobs):
    """The window slides by three tokens, and grows by two; the last tile is the dark one."""
    tiles = knobs.locator("code")
    first = tiles.all_inner_texts()
    assert len(first) == 9
    assert turn(knobs, "start", "ArrowRight", 3) == "3"
    expect(tiles.first).to_have_text(first[3])
    assert turn(knobs, "context", "ArrowRight", 2) == "10"
    expect(tiles).to_have_count(11)
    assert tiles.all_inner_texts()[:6] == first[3:]
    paint = "place => getComputedStyle(place.parentElement).backgroundColor"
    dark = [tile.evaluate(paint) == "rgb(158, 42, 58)" for tile in tiles.all()]
    assert dark == [False] * 10 + [True]


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
    expect(page).to_contain_text("step 120 of 120")
    rate = turn(explorer, "learning rate", "ArrowRight")
    assert float(rate) == min(rate for rate in RATES if rate > 3e-3)
    before = image.get_attribute("src")
    press(train)
    expect(page).to_contain_text(
        re.compile(rf"Learning rate {rate}: step [1-9]\d* of 120, training loss"), timeout=LONG
    )
    press(stop)
    expect(page).to_contain_text("stopped.", timeout=LONG)
    assert int(re.search(r"step (\d+) of 120", page.inner_text())[1]) < 120
    expect(train).to_be_enabled()
    expect(stop).to_be_disabled()
    assert image.get_attribute("src") != before


def use_landscape(explorer):
    """The slice moves, and the view comes nearer: the sentence and the picture follow."""
    page, image = explorer.locator(".widget-html").last, explorer.locator("img")
    expect(page).to_contain_text("on the slice at 0.")
    place = float(turn(explorer, "slice at", "ArrowRight", 3))
    assert place > 0
    expect(page).to_contain_text(f"on the slice at {place:.2g}.")
    before = image.get_attribute("src")
    highest = _highest(page)
    turn(explorer, "how far", "ArrowLeft", 2)
    expect(image).not_to_have_attribute("src", before)
    assert all(near <= far for near, far in zip(_highest(page), highest, strict=True))


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
    assert turn(explorer, "top-k", "ArrowRight", 2) == "3"
    press(explorer.get_by_role("button", name="Draw a token"), "Space")
    expect(page).to_have_text(re.compile(r"Drawn: (forward|toward|closer)"))


# by the widget's name, or by its name and the notebook's number
USES = {
    "Quiz": use_quiz,
    "FlashCards": use_cards,
    "ChatWindow": use_chat,
    "ChatWindow 09": use_streaming_chat,
    "Knobs 02": use_vocabulary,
    "Knobs 04": use_windows,
    "TokenizerExplorer": use_tokenizers,
    "MergeExplorer": use_merges,
    "TrainingExplorer": use_training,
    "LandscapeExplorer": use_landscape,
    "SamplingExplorer": use_sampling,
}
