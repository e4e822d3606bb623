"""The quiz page: its state without a browser, what it says, and what stands still."""

import dataclasses
import re
import sys

import pytest

from classroom.study import quiz as module
from classroom.study import quiz_bank
from classroom.study.quiz import Quiz, QuizQuestion, Round, load_quiz, questions, quiz

SHARP = QuizQuestion(
    "Is <b>1 < 2</b> true, false, or neither of them?",
    "true & so",
    ("false", "<script>alert(1)</script>", "neither"),
    "One is less than two, as everybody knows who can count.",
    3,
    "order",
)


def test_one_module_has_all_that_a_reader_needs():
    for name in ("QuizQuestion", "load_quiz", "questions", "shuffled", "ask", "generate_questions"):
        assert getattr(module, name) is getattr(quiz_bank, name) and name in module.__all__


def test_a_round_counts_first_answers_only():
    some = questions(7)[:3]
    on = Round(some)
    assert on.right == 0
    wrong = (on.places[0] + 1) % 4
    said = on.answer(0, wrong)
    assert said.startswith("Not quite") and some[0].answer in said and some[0].why in said
    assert on.answer(0, on.places[0]) == said and on.right == 0  # too late
    assert on.answer(2, on.places[2]) == f"Right. {some[2].why}"
    assert (on.right, len(on.answers)) == (1, 2)


def test_no_questions_no_quiz():
    with pytest.raises(ValueError, match="at least one question"):
        Round([])


def test_the_page_that_stands_still_has_everything_and_trusts_nothing():
    page = Round([SHARP, *questions(7)[:1]]).html()
    assert "Is &lt;b&gt;1 &lt; 2&lt;/b&gt; true" in page and "<script" not in page
    assert page.count("<li>") == 8 and page.count("<details>") == 2
    # the letter in the folded answer is the place in the list
    for card in page.split("</details>")[:-1]:
        items = re.findall(r"<li>(.*?)</li>", card)
        letter, answer = re.search(r"</summary>([A-D]): (.*?)\. ", card).groups()
        assert items["ABCD".index(letter)] == answer


def test_a_walk_through_the_page():
    page = Quiz(questions(7)[:2])
    first, second = page.questions
    assert "Question 1 of 2, lecture 7.<br>" in page.heading.value
    for place, text in enumerate(page.texts):
        choice = page.round.choices[0][place]
        assert (
            page.buttons[place].tooltip == choice
            and page.buttons[place].description == "ABCD"[place]
        )
        assert module.html.escape(choice) in text.value
    right = page.round.places[0]
    page.buttons[right].click()
    assert "Right. " in page.verdict.value and 'role="status"' in page.verdict.value
    assert page.buttons[right].button_style == "success" and "1 of 1 right" in page.heading.value
    page.next.click()
    assert "Question 2 of 2" in page.heading.value and page.verdict.value == ""
    assert {button.button_style for button in page.buttons} == {""}
    right = page.round.places[1]
    page.buttons[right - 1].click()
    assert f"Not quite, the answer is: {module.html.escape(second.answer)}" in page.verdict.value
    styles = [button.button_style for button in page.buttons]
    assert styles[right] == "success" and styles[right - 1] == "warning"
    page.buttons[right].click()  # no second try
    assert "1 of 2 right" in page.heading.value
    page.next.click()
    assert "The end: 1 of 2 right." in page.heading.value
    assert page.choices.layout.display == "none" and page.next.description == "Start again"
    page.next.click()
    assert "Question 1 of 2" in page.heading.value and "right" not in page.heading.value
    assert page.choices.layout.display is None


def test_a_question_may_be_left_out():
    page = Quiz(questions(7)[:2])
    page.next.click()
    page.next.click()
    assert "The end: 0 of 0 right.</b> Left out: 2." in page.heading.value


def test_texts_are_never_taken_for_html():
    page = Quiz([SHARP])
    shown = page.heading.value + "".join(text.value for text in page.texts)
    assert "<script" not in shown and "<b>1" not in shown
    page.press((page.round.places[0] + 1) % 4)
    assert "true &amp; so" in page.verdict.value


def test_the_live_page_has_a_still_one_beside_it():
    page = quiz(lecture=15)
    bundle = page._repr_mimebundle_(include=None, exclude=None)
    assert bundle["text/plain"] == f"Quiz({len(questions(15))} questions, lecture 15)"
    assert bundle["text/html"].count("<details>") == len(questions(15))
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == page.view.model_id
    again = quiz(lecture=15)._repr_mimebundle_()
    assert again["text/html"] == bundle["text/html"]  # the same every time it is run


def test_without_ipywidgets_the_still_page_remains(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    bundle = quiz(lecture=15)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}


def test_which_questions_are_asked():
    assert quiz(lecture=9).questions == questions(9)
    topic = questions(9)[0].topic
    assert quiz(topic=topic).questions == questions(topic=topic)
    assert len(quiz().questions) == 10 and repr(quiz()).startswith("Quiz(10 questions, lectures ")
    five = quiz(lecture=9, n=5, seed=3).questions
    assert len(set(five)) == 5 and five == [q for q in load_quiz() if q in five]
    assert quiz(lecture=9, n=5, seed=3).questions == five
    many = len(questions(9))
    for n in (0, many + 1):
        with pytest.raises(ValueError, match=f"n must be 1 to {many}, not {n}"):
            quiz(lecture=9, n=n)
    with pytest.raises(ValueError, match="lecture must be 0 to 47, not 99"):
        quiz(lecture=99)


def test_a_page_can_begin_again_with_other_questions():
    page = Quiz(questions(7)[:2])
    page.press(0)
    page.next.click()
    page.begin(questions(9)[:3], seed=2)
    assert "Question 1 of 3, lecture 9.<br>" in page.heading.value and page.verdict.value == ""
    assert {button.button_style for button in page.buttons} == {""}
    assert page.round.answers == {} and page.seed == 2 and page.questions == questions(9)[:3]


def test_questions_from_elsewhere_belong_to_a_topic():
    page = Quiz([dataclasses.replace(SHARP, lecture=None, topic="a < b")])
    assert "Question 1 of 1, on a &lt; b.<br>" in page.heading.value
    assert repr(page) == "Quiz(1 questions, on a < b)"


def test_a_press_after_the_last_question_does_nothing():
    page = Quiz(questions(lecture=15)[:1])
    page.go_on()
    page.buttons[0].click()
    assert page.round.answers == {}
