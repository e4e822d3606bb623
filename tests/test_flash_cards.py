"""Flash cards: read from the notes, asked until known, by buttons and by functions."""

import datetime
import re

import pytest

from classroom.study import progress as study
from classroom.study.flash_cards import (
    DAYS,
    FlashCards,
    box_of,
    due_cards,
    grade,
    load_cards,
    marked_up,
)
from tools.lectures import read_map

TODAY = datetime.date(2026, 3, 1)


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("LLM_COURSE_STATE", str(tmp_path / "state.json"))


def test_every_note_has_cards_with_full_answers():
    cards = load_cards()
    assert len(cards) >= 170
    assert {card.lecture for card in cards} == {int(lecture.number) for lecture in read_map()}
    assert len({card.name for card in cards}) == len(cards)
    for card in cards:
        assert card.question.endswith(("?", ".")) and len(card.answer.split()) >= 30, card.name
        assert "<!--" not in card.answer and "](" not in card.answer
    with pytest.raises(ValueError, match="lecture 99"):
        load_cards(99)


def test_markup_is_set_and_nothing_else_is_trusted():
    said = marked_up("**Why** `x * y` and *not* $a < b_1 * c$ <script>?")
    assert said == ("<b>Why</b> <code>x * y</code> and <i>not</i> $a &lt; b_1 * c$ &lt;script&gt;?")


def test_no_card_shows_its_markup():
    for card in load_cards():
        said = marked_up(card.question + "\n" + card.answer)
        rest = re.sub(r"<code>.*?</code>|\$[^$]+\$", "", said, flags=re.DOTALL)
        assert not set("`$*") & set(rest), card.name


def test_a_known_card_comes_back_later_and_later():
    card, day, gaps = load_cards(15)[0], TODAY, []
    for _ in range(6):
        back = grade(card, True, day)
        gaps.append((back - day).days)
        day = back
    assert gaps == [*DAYS[1:], DAYS[-1], DAYS[-1]] and box_of(card) == 5
    assert grade(card, False, day) == day and box_of(card) == 1


def test_what_is_due():
    cards = load_cards(15)
    assert due_cards(cards, TODAY) == cards
    grade(cards[0], True, TODAY)
    grade(cards[1], False, TODAY)
    assert cards[0] not in due_cards(cards, TODAY)
    assert cards[0] in due_cards(cards, TODAY + datetime.timedelta(days=1))
    assert cards[1] in due_cards(cards, TODAY)


ODD = [None, "x", [3], [2, 5], {"box": 3}, [2, "yesterday"], [-1, "2024-01-01"], [9, "2099-01-01"]]


@pytest.mark.parametrize("entry", [*ODD, [True, "2099-01-01"], [[], "2099-01-01"]])
def test_an_entry_of_another_shape_is_a_new_card(entry):
    cards = load_cards(15)
    study.remember("cards", cards[0].name, entry)
    assert box_of(cards[0]) == 1 and due_cards(cards, TODAY) == cards
    grade(cards[0], True, TODAY)
    assert box_of(cards[0]) == 2


def test_the_window_asks_until_all_are_known():
    pytest.importorskip("ipywidgets")
    cards = load_cards(15)[:2]
    window = FlashCards(cards, TODAY)
    assert cards[0].answer[:20] not in window.page.value and window.knew_button.disabled
    window.turn_button.click()
    assert not window.knew_button.disabled and window.turn_button.disabled
    window.not_yet_button.click()
    for _ in range(2):
        window.turn_button.click()
        window.knew_button.click()
    assert "No card is due" in window.page.value and window.turn_button.disabled
    bundle = window._repr_mimebundle_()
    assert "text/html" in bundle and "2 cards" in bundle["text/plain"]


def test_two_presses_or_two_windows_grade_a_card_once():
    cards = load_cards(15)[:1]
    first, second = FlashCards(cards, TODAY), FlashCards(cards, TODAY)
    for window in (first, second):
        window.turn_button.click()
        window.knew_button.click()
        window.knew_button.click()  # on its way before the button was gray
    assert box_of(cards[0]) == 2 and second.waiting == []
