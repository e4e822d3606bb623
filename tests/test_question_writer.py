"""Replies of a model, good and bad: what is a question is kept, what is not is named."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom.study.question_writer import (
    ask_for_questions,
    counted_kinds,
    parse_question,
    question_prompt,
    read_questions,
)
from classroom.study.quiz import Quiz

GOOD = {
    "question": "What pulls an apple to the ground?",
    "choices": ["light", "gravity", "sound", "heat"],
    "right": 1,
    "why": "Masses attract each other.",
}
OTHER = {**GOOD, "question": "Who described gravity in 1687?", "right": 0}


def test_the_prompt_asks_for_what_is_checked():
    prompt = question_prompt("  gravity\n waves ", 5)
    assert prompt.startswith("Write 5 multiple-choice questions about gravity waves.")
    example = json.loads(prompt.splitlines()[1])
    assert list(example) == list(GOOD) and len(example["choices"]) == 4
    assert "{n}" not in prompt and "{topic}" not in question_prompt("{n} and {topic}", 1)[60:]


def test_an_entry_becomes_a_question():
    question = parse_question(GOOD, "gravity")
    assert (question.answer, question.wrong) == ("gravity", ("light", "sound", "heat"))
    assert (question.topic, question.lecture) == ("gravity", None)
    assert question.why == GOOD["why"]
    for right, choice in enumerate(GOOD["choices"]):
        assert parse_question({**GOOD, "right": right}, "gravity").answer == choice


@pytest.mark.parametrize(
    ("reply", "count"),
    [
        (json.dumps([GOOD, OTHER]), 2),
        (json.dumps(GOOD), 1),
        ("Sure! Here they are:\n```json\n" + json.dumps([GOOD, OTHER], indent=2) + "\n```\nEnjoy!", 2),
        (json.dumps({"questions": [GOOD, OTHER]}), 2),
        (json.dumps(GOOD) + "\n" + json.dumps(OTHER), 2),
        (json.dumps(GOOD).replace("apple to", "apple\\n to").replace("\\n", "\n"), 1),
        ("I use {braces} and {more: of them}. " + json.dumps(GOOD), 1),
    ],
)  # fmt: skip
def test_questions_are_found_wherever_they_stand(reply, count):
    found, problems = read_questions(reply, "gravity")
    assert len(found) == count and problems == []
    assert found[0] == parse_question(GOOD, "gravity")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"choices": ["a", "b", "c"]}, "3 choices instead of 4"),
        ({"choices": ["a", "b", "c", "d", "e"]}, "5 choices instead of 4"),
        ({"choices": "abcd"}, "0 choices instead of 4"),
        ({"choices": ["Light", "light.", "sound", "heat"]}, "two choices are the same"),
        ({"choices": ["a", "", "c", "d"]}, "an empty text"),
        ({"choices": ["a", None, "c", "d"]}, "an empty text"),
        ({"choices": ["a", ["b"], "c", "d"]}, "an empty text"),
        ({"choices": ["light", "sound", "heat", "All of the above"]}, "speaks of the others"),
        ({"choices": ["light", "sound", "heat", "both A and C"]}, "speaks of the others"),
        ({"right": 4}, "the right choice is '4', not 0 to 3"),
        ({"right": -1}, "the right choice is '-1', not 0 to 3"),
        ({"right": "gravity"}, "the right choice is 'gravity'"),
        ({"right": True}, "the right choice is 'True'"),
        ({"right": 1.0}, "the right choice is '1.0'"),
        ({"right": None}, "the right choice is 'None'"),
        ({"why": "  "}, "an empty text"),
        ({"question": ""}, "an empty text"),
        ({"question": "x" * 601}, "a text of 601 characters"),
    ],
)
def test_what_is_malformed_is_left_out_and_named(change, problem):
    found, problems = read_questions(json.dumps([OTHER, {**GOOD, **change}]), "gravity")
    assert len(found) == 1 and len(problems) == 1
    assert problem in problems[0]


@pytest.mark.parametrize("name", GOOD)
def test_a_part_that_is_missing_is_named(name):
    entry = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(ValueError, match=f"^no {name}$"):
        parse_question(entry, "gravity")


def test_a_question_that_comes_twice_is_asked_once():
    again = {**GOOD, "question": "what pulls an apple to the ground", "right": 2}
    found, problems = read_questions(json.dumps([GOOD, again, OTHER]), "gravity")
    assert [question.answer for question in found] == ["gravity", "light"]
    assert problems == ["a question that came before"]


def test_a_reply_that_breaks_off_keeps_what_was_whole():
    for reply in (json.dumps([GOOD, OTHER]), json.dumps({"questions": [GOOD, OTHER]})):
        found, problems = read_questions(reply[:-20], "gravity")
        assert [question.question for question in found] == [GOOD["question"]]
        assert problems == ["JSON that cannot be read"]


def test_letters_before_the_choices_go_since_the_choices_are_shuffled():
    choices = ["A) light", "B) gravity", "C) sound", "D) heat"]
    assert parse_question({**GOOD, "choices": choices}, "x") == parse_question(GOOD, "x")
    choices = ["A. Smith", "light", "sound", "heat"]
    assert parse_question({**GOOD, "choices": choices, "right": 0}, "x").answer == "A. Smith"


def test_numbers_are_choices_too():
    question = parse_question({**GOOD, "choices": [1, 2.5, -3, 0], "right": 2}, "sums")
    assert (question.answer, question.wrong) == ("-3", ("1", "2.5", "0"))


def test_hostile_replies_end_soon_and_harm_nothing():
    for reply in ("{" * 50_000, '{"question": ' * 8_000, "[" * 99_000, '{"a":' * 30_000, None, 7):
        assert read_questions(reply, "x")[0] == []
    half = json.dumps(GOOD).replace("light", "\\ud800")  # half of a character
    question = read_questions(half, "x")[0][0]
    assert question.wrong[0] == "?"
    question.question.encode("utf-8")
    markup = json.dumps({**GOOD, "question": "<script>alert(1)</script> or not?"})
    page = Quiz(read_questions(markup, "<b>")[0])
    assert "<script" not in page.round.html() + page.heading.value
    assert "on &lt;b&gt;." in page.heading.value


@settings(deadline=None, max_examples=60)
@given(
    st.text(max_size=60), st.integers(0, 180), st.sampled_from(["", "{", '{"question": 3}', "}"])
)
def test_any_reply_gives_good_questions_or_none(noise, cut, piece):
    reply = noise + piece + json.dumps([GOOD, OTHER])[:cut] + noise + piece
    for question in read_questions(reply, "x")[0]:
        assert len({question.answer, *question.wrong}) == 4 and question.why


def test_asking_gives_no_more_than_was_asked_for():
    heard = []

    def ask(prompt):
        heard.append(prompt)
        return json.dumps([GOOD, OTHER])

    assert len(ask_for_questions("gravity", 1, ask)[0]) == 1
    assert heard == [question_prompt("gravity", 1)]


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("I am sorry, but I cannot help with that.", "be used: 'I am sorry, but I cannot help"),
        ("", "be used: ''"),
        (json.dumps([{"question": "Why?"}] * 2), r"no choices, no right, no why \(2 times\)"),
    ],
)
def test_a_reply_without_a_question_is_refused_with_the_reason(reply, message):
    with pytest.raises(ValueError, match=message):
        ask_for_questions("gravity", 3, lambda prompt: reply)


def test_kinds_of_problems_are_counted():
    assert counted_kinds(["b", "a", "b", "b"]) == "b (3 times); a"
    assert counted_kinds([]) == ""
