"""The generator, over the bank and over a server of this test's own that behaves well or badly."""

import html
import json
import re
import time

import pytest

from classroom.pages.talkers import OLLAMA, ChatServer
from classroom.study.question_generator import (
    SECONDS,
    TOKENS,
    QuestionGenerator,
    find_questions,
    find_writers,
    make_set,
    question_generator,
)
from classroom.study.quiz import QuizQuestion, load_quiz
from classroom.study.quiz_bank import nearest_topics
from tests.local_server import ChatHandler, serving

BANK = set(load_quiz())


def entries(count):
    return [
        {
            "question": f"What is {n} + {n}?",
            "choices": [2 * n, 2 * n + 1, 2 * n + 2, 2 * n + 3],
            "right": 0,
            "why": "Twice the number.",
        }
        for n in range(count)
    ]


class Server(ChatHandler):
    """Speaks OpenAI's protocol, in the way its `mode` says."""

    mode = "well"
    heard = []

    def content(self, wanted):
        good = entries(wanted)
        if self.mode == "refusing":
            return "I am sorry, I cannot write about that."
        if self.mode == "half":
            return json.dumps([*good[:-1], {**good[-1], "choices": ["a", "b"]}])
        return json.dumps(good)

    def do_POST(self):
        body = self.body()
        self.heard.append(body)
        if self.mode == "busy":
            return self.send_error(429, "Too Many Requests")
        if self.mode == "slow":
            time.sleep(1.5)
        wanted = int(re.search(r"Write (\d+) ", body["messages"][-1]["content"])[1])
        answer = {"choices": [{"message": {"content": self.content(wanted)}}]}
        if self.mode == "silent":
            answer = {"choices": [{"message": {"content": None, "refusal": "No."}}]}
        data = {"html": b"<html>", "deep": b"[" * 90_000}.get(
            self.mode, json.dumps(answer).encode()
        )
        self.send(data, promised=len(data) + 99 if self.mode == "cut" else None)


@pytest.fixture
def server(monkeypatch):
    Server.mode, Server.heard = "well", []
    with serving(Server, monkeypatch) as address:
        yield ChatServer(address, "writer", seconds=1)


def visible(buttons):
    return [button.description for button in buttons if button.layout.display != "none"]


# --- the bank


@pytest.mark.parametrize("topic", [15, "15", " lecture 15", "Lecture15"])
def test_a_lecture_by_its_number(topic):
    found = find_questions(topic, 4)
    assert {question.lecture for question in found} == {15} and len(set(found)) == 4
    assert find_questions(topic, 4) == found
    assert any(find_questions(topic, 4, seed) != found for seed in range(1, 5))


def test_a_word_of_an_explanation_is_found_too():
    """Where no question, topic or answer holds the word."""
    texts = {q: f"{q.topic} {q.question} {q.answer}".lower() for q in BANK}
    words = {word for q in BANK for word in re.findall(r"[a-z]{9,}", q.why.lower())}
    rare = sorted(word for word in words if not any(word[:7] in text for text in texts.values()))
    assert rare
    for word in rare[:5]:
        assert all(word[:7] in question.why.lower() for question in find_questions(word, 3))


@pytest.mark.parametrize("topic", ["49", "48", "lecture -3", 99])
def test_an_unknown_lecture_names_the_limits(topic):
    with pytest.raises(ValueError, match="lecture must be 0 to 47, not"):
        find_questions(topic)
    found = make_set(topic)
    assert found.words.startswith("There is no such lecture: lecture must be 0 to 47, not")
    assert found.questions == found.suggestions == ()


def test_a_set_of_the_bank():
    found = make_set("softmax", 3)
    assert len(found.questions) == 3 and set(found.questions) <= BANK
    assert found.words == "From the course's own bank." and found.suggestions == ()


def test_fewer_questions_than_wanted_are_announced():
    topic = next(
        word for word in ("librarian", "scheduler", "inverse", "octopus", "perplexity", "hash")
        if 0 < len(_all(word)) < 10
    )  # fmt: skip
    found = make_set(topic, 10)
    assert found.words.endswith(f" Only {len(found.questions)} instead of 10.")


def _all(word):
    try:
        return find_questions(word, 10)
    except ValueError:
        return []


def test_an_unknown_topic_offers_the_nearest():
    found = make_set("sofmtax")
    assert found.questions == () and found.suggestions == tuple(nearest_topics("sofmtax"))
    assert "no questions about 'sofmtax'; near it are: " in found.words
    assert all(topic in found.words for topic in found.suggestions)


@pytest.mark.parametrize(
    ("topic", "words"),
    [("", "Type a topic"), (" \n", "Type a topic"), ("x" * 101, "100 characters at most; .* 101")],
)
def test_a_topic_that_is_none_is_met_with_advice(topic, words):
    found = make_set(topic)
    assert re.search(words, found.words) and found.questions == ()


# --- a server


def test_a_server_writes(server):
    found = make_set("sums", 3, writer=server)
    assert [question.answer for question in found.questions] == ["0", "2", "4"]
    assert all(isinstance(question, QuizQuestion) for question in found.questions)
    assert "Written by writer at 127.0.0.1" in found.words and "nobody checked" in found.words
    (body,) = Server.heard
    assert len(body["messages"]) == 1 and "3 multiple-choice questions about sums" in str(body)
    make_set("sums", 2, writer=server)
    assert len(Server.heard[1]["messages"]) == 1  # each set starts anew


def test_what_a_server_writes_badly_is_left_out_and_said(server):
    Server.mode = "half"
    found = make_set("sums", 3, writer=server)
    assert len(found.questions) == 2
    assert found.words.endswith(" Only 2 instead of 3. Left out: 2 choices instead of 4.")


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("busy", "answered 429 Too Many Requests. From"),
        ("slow", "no answer in 1 seconds. From"),
        ("html", "sent a reply that is not a chat answer. From"),
        ("deep", "sent a reply that is not a chat answer. From"),
        ("cut", "sent a reply that is not a chat answer. From"),
        ("silent", "sent an empty answer. From"),
        (
            "refusing",
            "no question that can be used: 'I am sorry, I cannot write about that.'. From",
        ),
    ],
)
def test_a_server_that_fails_is_named_and_the_bank_takes_over(server, mode, message):
    Server.mode = mode
    found = make_set("softmax", 3, writer=server)
    assert message in found.words and found.words.count(server.name) == 1
    assert found.words.endswith(" From the course's own bank instead.")
    assert len(found.questions) == 3 and set(found.questions) <= BANK


def test_a_server_that_is_not_running(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    nobody = ChatServer("http://127.0.0.1:9/v1", "nobody", seconds=1)
    found = make_set("gravity", 3, writer=nobody)
    assert "nobody at 127.0.0.1:9 cannot be reached" in found.words
    assert "no questions about 'gravity'; near it are" in found.words and found.suggestions


def test_servers_are_those_of_the_environment():
    assert find_writers({}) == []
    named = {"LLM_COURSE_CHAT_URL": "http://127.0.0.1:9/v1", "LLM_COURSE_CHAT_MODEL": "m"}
    named |= {"LLM_COURSE_CHAT_KEY": "k", "LLM_COURSE_OLLAMA_MODEL": "llama3.2"}
    one, two = find_writers(named)
    assert (one.name, one.key, one.seconds, one.max_tokens) == (
        "m at 127.0.0.1:9", "k", SECONDS, TOKENS,
    )  # fmt: skip
    assert two.url.startswith(OLLAMA) and two.model == "llama3.2"
    assert len(question_generator(environment=named).menu.options) == 3


# --- the widget


def test_pressing_generate_brings_other_questions():
    view = QuestionGenerator("attention", 3)
    assert view.said.value.count("From the course&#x27;s own bank.") == 1
    assert "Question 1 of 3, lecture" in view.quiz.heading.value
    assert view.menu.layout.display == "none"
    sets = {view.set.questions}
    for _ in range(4):
        view.button.click()
        sets.add(view.set.questions)
        assert not view.button.disabled and view.quiz.number == 0
    assert len(sets) > 2
    assert html.escape(view.set.questions[0].question) in view.quiz.heading.value
    view.quiz.press(view.quiz.round.places[0])
    assert "1 of 1 right" in view.quiz.heading.value


def test_a_typed_topic_and_the_slider_count():
    view = QuestionGenerator("attention", 3)
    view.box.value = "7"
    assert {question.lecture for question in view.set.questions} == {7}
    view.slider.value = 5
    view.button.click()
    assert "Question 1 of 5, lecture 7." in view.quiz.heading.value


def test_an_unknown_topic_offers_buttons_that_work():
    view = QuestionGenerator("attention", 3)
    view.box.value = "sofmtax"
    assert view.quiz.view.layout.display == "none"
    offered = visible(view.suggestions)
    assert offered == nearest_topics("sofmtax")
    assert all(html.escape(topic) in view.said.value for topic in offered)
    view.suggestions[0].click()
    assert view.box.value == offered[0] and view.quiz.view.layout.display is None
    assert visible(view.suggestions) == [] and "Question 1 of 3" in view.quiz.heading.value


def test_an_unknown_topic_can_be_the_first():
    view = QuestionGenerator("<gravity>", 3)
    assert view.quiz.view.layout.display == "none" and visible(view.suggestions)
    still = view._repr_mimebundle_()["text/html"]
    assert "&lt;gravity&gt;" in still and "<gravity>" not in still and "<li>" not in still


def test_the_menu_chooses_who_writes_and_only_the_button_asks(server):
    view = QuestionGenerator("attention", 3, [server])
    assert view.menu.layout.display is None and not Server.heard
    view.menu.value = 1
    view.box.value = "sums"
    assert "Press Generate." in view.said.value and not Server.heard
    view.button.click()
    assert len(Server.heard) == 1 and "Written by writer" in view.said.value
    assert "Question 1 of 3, on sums." in view.quiz.heading.value
    Server.mode, view.box.value = "busy", "gravity"
    view.button.click()
    assert "answered 429" in view.said.value and "no questions about" in view.said.value
    assert visible(view.suggestions)
    view.menu.value = 0
    view.box.value = "softmax"
    assert len(Server.heard) == 2 and set(view.set.questions) <= BANK


def test_the_page_says_that_somebody_is_writing(server):
    view = QuestionGenerator("sums", 3, [server])
    view.menu.value = 1
    seen = []
    server.respond = lambda prompt: seen.append((view.said.value, view.button.disabled)) or "no"
    view.button.click()
    assert "is writing" in seen[0][0] and seen[0][1] is True and not view.button.disabled


def test_a_reader_without_a_kernel_sees_the_questions():
    view = question_generator("softmax", 3, environment={})
    bundle = view._repr_mimebundle_()
    assert bundle["text/html"].count("<details>") == 3
    assert "Questions about <b>softmax</b>. From the course" in bundle["text/html"]
    assert bundle["text/plain"] == "QuestionGenerator('softmax', 3 questions)"
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == view.widget.model_id
    again = question_generator("softmax", 3, environment={})._repr_mimebundle_()
    assert again["text/html"] == bundle["text/html"]


def test_any_error_of_a_writer_is_said():
    class Broken:
        name = "broken"

        def reset(self):
            pass

        def respond(self, text):
            raise RuntimeError("no weights")

    found = make_set("attention", 2, writer=Broken())
    assert "broken: RuntimeError: no weights" in found.words and len(found.questions) == 2
