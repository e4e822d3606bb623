"""What a learner does with each widget, and what the page has to show then; one function each."""

import re
import time

from classroom.study.flash_cards import load_cards
from classroom.study.question_generator import make_set
from classroom.study.quiz_bank import load_quiz
from helpers.eliza import Eliza
from tests.browser import explorers
from tests.browser.pages import ANSWER_SECONDS, expect, plain, press, turn

LONG = 120_000  # milliseconds: a model answers, or trains


def use_quiz(quiz):
    """The right answer to the first question, a wrong one to the second; the score follows."""
    bank = {plain(question.question): question for question in load_quiz()}
    for number, answer_right in enumerate((True, False)):
        asked = bank[plain(quiz.locator("b").first.inner_text())]
        wanted = sorted(map(plain, (asked.answer, *asked.wrong)))
        choices = _choices(quiz, wanted)
        assert sorted(choices) == wanted
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


def _choices(quiz, wanted):
    """The texts of the choices, in their order; they reach the page after the question does."""
    until = time.monotonic() + ANSWER_SECONDS
    while True:
        texts = quiz.locator(".widget-hbox .widget-html").all_inner_texts()
        choices = [plain(text) for text in texts]
        if sorted(choices) == wanted or time.monotonic() > until:
            return choices
        quiz.page.wait_for_timeout(100)


def use_cards(window):
    """Turn the first card; know it; do not know the second; turn on to one with a formula."""
    page = window.locator(".widget-htmlmath")
    n_cards = int(re.search(r"(\d+) to go", page.inner_text())[1])
    for button, left in (("I knew it", n_cards - 1), ("Not yet", n_cards - 1)):
        question = page.locator("b").first.inner_text()
        expect(window.get_by_role("button", name=button)).to_be_disabled()
        _turn_card(window, page)
        press(window.get_by_role("button", name=button))
        expect(page).to_contain_text(f"{left} to go")
        expect(page).not_to_contain_text(question)
    for _ in range(6):
        if _turn_card(window, page):
            break
        press(window.get_by_role("button", name="Not yet"))


def _turn_card(window, page):
    """Show a card's answer; returns how many formulas it has, all of them set."""
    expect(window.get_by_role("button", name="Show the answer")).to_be_enabled()
    cards = {_words(card.question): card for card in load_cards()}
    card = cards[_words(page.locator("b").first.inner_text())]
    press(window.get_by_role("button", name="Show the answer"))
    formulas = re.findall(r"\$[^$]+\$", card.question + card.answer)
    expect(page.locator("mjx-container")).to_have_count(len(formulas))
    opening = re.split(r"[$`*]", card.answer)[0]
    expect(page).to_contain_text(plain(opening)[:60])
    expect(page).not_to_contain_text("$")
    return len(formulas)


def _words(markdown):
    return plain(re.sub(r"[`*]", "", markdown))


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


def use_generator(generator):
    """Another topic, one question more, a right answer; then a topic with a slip."""
    box, heading = generator.locator("input[type=text]"), generator.locator("b").first
    said = generator.locator(".widget-html").first
    box.fill("softmax")
    box.press("Enter")
    first = make_set("softmax", 3, seed=1).questions[0]
    expect(heading).to_have_text(plain(first.question))
    assert turn(generator, "questions", "ArrowRight") == "4"
    press(generator.get_by_role("button", name="Generate"))
    asked = make_set("softmax", 4, seed=2).questions[0]
    expect(heading).to_have_text(plain(asked.question))
    expect(generator.get_by_text("Question 1 of 4")).to_be_visible()
    rows = generator.locator(".widget-hbox:has(> button):has(> .widget-html)")
    choices = [plain(text) for text in rows.locator(".widget-html").all_inner_texts()]
    press(rows.locator("button").nth(choices.index(plain(asked.answer))))
    expect(generator.get_by_role("status").last).to_contain_text(f"Right. {plain(asked.why)}")
    box.fill("softmacks")
    box.press("Enter")
    expect(said).to_contain_text("softmacks")
    expect(heading).not_to_be_visible()
    press(generator.get_by_role("button", name="softmax", exact=True))
    expect(heading).to_be_visible()
    expect(box).to_have_value("softmax")


# by the widget's name, or by its name and the notebook's number
USES = {
    "Quiz": use_quiz,
    "FlashCards": use_cards,
    "ChatWindow": use_chat,
    "ChatWindow 09": use_streaming_chat,
    "Knobs 02": use_vocabulary,
    "Knobs 04": use_windows,
    "TokenizerExplorer": explorers.use_tokenizers,
    "MergeExplorer": explorers.use_merges,
    "TrainingExplorer": explorers.use_training,
    "LandscapeExplorer": explorers.use_landscape,
    "SamplingExplorer": explorers.use_sampling,
    "EmbeddingExplorer": explorers.use_embeddings,
    "QuestionGenerator": use_generator,
}
