"""Replies of servers, judges and talkers that are no answers: one line, nothing counted, no secret.

What comes from elsewhere is data: each row is another way in which it can be wrong.
"""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom.pages.chat_stream import StreamingWindow
from classroom.pages.chat_window import ChatWindow, Conversation
from classroom.pages.talkers import ChatServer
from classroom.study.question_writer import ask_for_questions, parse_question, read_questions
from helpers.judge import (
    JudgeError,
    judge_answers,
    mean_score,
    parse_choice,
    parse_score,
    position_bias,
)
from tests.local_server import ChatHandler, serving


def answer(**message):
    return json.dumps({"choices": [{"message": message}]}).encode()


# the status, the body, and its headers
NO_ANSWERS = {
    "nothing": (200, b"", {}),
    "a page to log in": (200, b"<html><form>Password</form></html>", {"Content-Type": "text/html"}),
    "null": (200, b"null", {}),
    "a list": (200, b"[]", {}),
    "a text": (200, b'"hi"', {}),
    "a number": (200, b"5", {}),
    "an empty object": (200, b"{}", {}),
    "choices is null": (200, b'{"choices": null}', {}),
    "choices is empty": (200, b'{"choices": []}', {}),
    "choices is an object": (200, b'{"choices": {"0": {}}}', {}),
    "choices of texts": (200, b'{"choices": ["hi"]}', {}),
    "no message": (200, b'{"choices": [{}]}', {}),
    "a message that is a text": (200, b'{"choices": [{"message": "hi"}]}', {}),
    "the older protocol": (200, b'{"choices": [{"text": "hi"}]}', {}),
    "another maker's protocol": (200, b'{"content": [{"type": "text", "text": "hi"}]}', {}),
    "Ollama's own protocol": (200, b'{"message": {"content": "hi"}, "done": true}', {}),
    "no content": (200, answer(role="assistant"), {}),
    "content is null": (200, answer(content=None), {}),
    "content is a number": (200, answer(content=5), {}),
    "content is true": (200, answer(content=True), {}),
    "content is an object": (200, answer(content={"text": "hi"}), {}),
    "content is empty": (200, answer(content=""), {}),
    "content is spaces": (200, answer(content=" \n\t\u00a0"), {}),
    "content is an empty list": (200, answer(content=[]), {}),
    "content of pictures": (200, answer(content=[{"type": "image_url", "image_url": "x"}]), {}),
    "content of parts without a text": (200, answer(content=[{"type": "text"}]), {}),
    "a draft alone": (200, answer(content="<think>The answer is 5.</think>"), {}),
    "a draft that does not end": (200, answer(content="<thinking>The answer is 5."), {}),
    "all in the reasoning": (200, answer(content="", reasoning_content="It is 5."), {}),
    "a call of a tool": (200, answer(content=None, tool_calls=[{"id": "1"}]), {}),
    "a refusal": (200, answer(content=None, refusal="I cannot."), {}),
    "an error with status 200": (200, b'{"error": {"message": "overloaded", "code": 529}}', {}),
    "an error that is a text": (200, b'{"error": "no such model"}', {}),
    "an error that is null": (200, b'{"error": null}', {}),
    "a stream": (200, b'data: {"choices": [{"delta": {"content": "hi"}}]}\n\ndata: [DONE]\n', {}),
    "lines of JSON": (200, answer(content="a") + b"\n" + answer(content="b"), {}),
    "half": (200, answer(content="hello")[:-9], {}),
    "fewer bytes than promised": (200, answer(content="hi"), {"Content-Length": "999"}),
    "a length that is no number": (200, b"", {"Content-Length": "many"}),
    "Latin-1": (200, b'{"choices": [{"message": {"content": "caf\xe9"}}]}', {}),
    "packed": (200, b"\x1f\x8b\x08\x00rest", {"Content-Encoding": "gzip"}),
    "deep brackets": (200, b"[" * 99_999, {}),
    "an endless number": (200, b"9" * 5000, {}),
    "no content at all": (204, b"", {}),
    "moved": (301, b"", {"Location": "http://elsewhere.example/secret"}),
    "found": (302, b"", {"Location": "//elsewhere.example/?key=secret"}),
    "moved to nowhere": (307, b"", {}),
    "moved to another scheme": (308, b"", {"Location": "file:///etc/passwd"}),
    "moved to a user": (302, b"", {"Location": "http://me:secret@elsewhere.example/"}),
    "moved by control characters": (302, b"", {"Location": "\x1b[31m"}),
    "a bad request": (400, b'{"error": {"message": "bad\\nrequest secret"}}', {}),
    "a wrong key": (401, b'{"error": {"message": "Incorrect key: secret"}}', {}),
    "no credit": (402, b'{"message": "pay"}', {}),
    "not found, in HTML": (404, b"<h1>404</h1>", {}),
    "a list of errors": (422, b'{"detail": [{"loc": ["body"], "msg": "field required"}]}', {}),
    "a limit": (429, b'{"error": {"message": "slow down"}}', {"Retry-After": "9999"}),
    "an error without a body": (500, b"", {}),
    "an error in another encoding": (502, b"caf\xe9", {}),
    "an error of half a character": (503, b'{"error": "\\ud83d"}', {}),
    "a status of our own": (599, b"{}", {}),
}


class Server(ChatHandler):
    given = None

    def do_POST(self):
        self.body()
        code, body, headers = self.given
        self.send(body, code=code, headers=headers)


@pytest.fixture
def server(monkeypatch):
    with serving(Server, monkeypatch) as address:
        yield address


def test_what_is_no_answer_is_one_line_without_the_key(server):
    wrong = []
    for kind, given_answer in NO_ANSWERS.items():
        Server.given = given_answer
        gpt = ChatServer(server, "parrot", key="secret", seconds=10)
        try:
            message = f"gives {gpt.respond('hello')!r}"
        except ConnectionError as error:
            said = str(error)
            clear = said.startswith("parrot at 127.0.0.1:") and said.isprintable()
            if clear and len(said) < 400 and "secret" not in said.replace("/secret", ""):
                assert gpt.messages == []
                continue
            message = said
        except Exception as error:
            message = repr(error)
        wrong.append(f"{kind}: {message}")
    assert not wrong, "\n".join(wrong)


def test_a_good_answer_after_a_bad_one(server):
    gpt = ChatServer(server, "parrot", seconds=10)
    Server.given = NO_ANSWERS["half"]
    with pytest.raises(ConnectionError):
        gpt.respond("hello")
    Server.given = (200, answer(content="hi"), {})
    assert gpt.respond("hello") == "hi" and len(gpt.messages) == 2


# judges

NO_SCORES = [
    "n/a", "I cannot rate this.", "A+", "eighty", "八十", "LXXX", "101", "-0.5", "100.5", "-85", "1e2",
    "8 5", "85 90", "85-90", "85 to 90", "80 or 90", "8/10", "17/20", "9 out of 10", "★★★★☆", "1.5.2",
    "1,5,9", "0x55", "NaN", "inf", "1e999", "٨٥ and 90", "Score: A\nScore: 85\nScore: 90",
    "Correctness: 90\nStyle: 70", "Answer 1: 90, answer 2: 80", "<think>85</think>",
    "<thinking>\n85\n", "Question 3 of 5", "{}", "null", "score:", "%",
]  # fmt: skip
NO_CHOICES = [
    "a", "b", "AB", "A, B", "A and B", "A/B", "Both A and B", "Neither A nor B", "C", "1",
    "A good answer deserves more.",  "<think>B</think>", "<think>B", "Alpha", "BA", "",
    "Answer A is right. Answer B is right.",
]  # fmt: skip


def gives(parse, replies):
    """The replies that a parser takes, with what it makes of them."""
    taken = []
    for reply in replies:
        try:
            taken.append((reply, parse(reply)))
        except JudgeError as error:
            assert len(str(error)) < 200 and "\n" not in str(error)
    return taken


def test_a_number_that_is_no_score_is_never_counted(tmp_path):
    assert gives(parse_score, NO_SCORES) == []
    items = [{"question": q, "reference": "b", "answer": "c"} for q in map(str, range(99))]
    replies = iter([*NO_SCORES, *["70"] * 99])
    items = items[: len(NO_SCORES) + 1]
    results = judge_answers(items, lambda prompt: next(replies), tmp_path / "r.jsonl", False)
    assert mean_score(results) == (70.0, 1)


def test_a_letter_that_is_no_choice_is_never_counted():
    assert gives(parse_choice, NO_CHOICES) == []
    for reply in NO_CHOICES:
        assert position_bias([("q", "a", "b")], lambda prompt, r=reply: r)["unread"] == 1


@given(
    st.integers(0, 100), st.sampled_from(["{}", "Score: {}", "**{}**", "{}/100", "{}%\n", "= {}."])
)
def test_a_plain_score_is_read(score, form):
    assert parse_score(form.format(score)) == score


PIECES = st.lists(
    st.sampled_from(
        "85 8 100 0 - . , / % e ( ) : \n <think> </think> score rating of out to and A B answer ** 1".split(" ")
    )
    | st.text(max_size=4),
    max_size=12,
)  # fmt: skip


@given(PIECES.map(" ".join) | PIECES.map("".join) | st.text())
@settings(deadline=None)
def test_a_reply_of_anything_is_a_score_or_refused(reply):
    for parse, allowed in ((parse_score, range(101)), (parse_choice, "AB")):
        try:
            assert parse(reply) in allowed
        except JudgeError as error:
            assert "\n" not in str(error)


def test_a_judge_that_is_no_judge_is_refused():
    for reply in (None, 5.5, b"85", [85], {"score": 85}):
        try:
            assert parse_score(reply) in range(101)
        except JudgeError as error:
            assert str(error)


# questions that a model wrote

GOOD = {"question": "What is 2 + 2?", "choices": ["3", "4", "5", "6"], "right": 1, "why": "Count."}
NO_QUESTIONS = {
    "no question": {"question": ""},
    "a question that is null": {"question": None},
    "a question that is a list": {"question": ["What?"]},
    "a question of pages": {"question": "w" * 9999},
    "three choices": {"choices": ["3", "4", "5"]},
    "five choices": {"choices": ["3", "4", "5", "6", "7"]},
    "choices by letter": {"choices": {"A": "3", "B": "4", "C": "5", "D": "6"}},
    "choices in one text": {"choices": "3, 4, 5, 6"},
    "a choice twice": {"choices": ["3", "4", "4.", "6"]},
    "a choice that is empty": {"choices": ["3", "4", " ", "6"]},
    "a choice that is null": {"choices": ["3", "4", None, "6"]},
    "a choice of truth": {"choices": ["3", "4", True, "6"]},
    "a choice of the others": {"choices": ["3", "4", "5", "All of the above"]},
    "the right one by letter": {"right": "B"},
    "the right one as a text": {"right": "1"},
    "the right one after the last": {"right": 4},
    "the right one below 0": {"right": -1},
    "the right one is true": {"right": True},
    "the right one is a fraction": {"right": 1.0},
    "the right one is null": {"right": None},
    "no reason": {"why": ""},
    "a reason that is an object": {"why": {"because": "it is"}},
}


def test_a_question_that_cannot_be_asked_is_left_out():
    wrong = []
    for kind, change in NO_QUESTIONS.items():
        found, problems = read_questions(json.dumps(GOOD | change), "sums")
        if found or len(problems) != 1 or "\n" in problems[0]:
            wrong.append(f"{kind}: {found} {problems}")
    for name in GOOD:
        part = {other: value for other, value in GOOD.items() if other != name}
        if read_questions(json.dumps(part), "sums") != ([], [f"no {name}"]):
            wrong.append(name)
    assert not wrong, "\n".join(wrong)
    assert parse_question(GOOD, "sums").answer == "4"


@pytest.mark.parametrize(
    "reply", ["", "No.", "[]", "{}", "[" * 9999, "{" * 9999, '{"question": ', "\x00"]
)
def test_a_reply_without_a_question_says_so(reply):
    with pytest.raises(ValueError, match="no question that can be used"):
        ask_for_questions("sums", 3, lambda prompt: reply)


VALUES = st.none() | st.booleans() | st.integers(-2, 9) | st.floats() | st.text(max_size=9)
ENTRIES = st.dictionaries(st.sampled_from(sorted(GOOD)), VALUES | st.lists(VALUES, max_size=5))


@given(st.lists(ENTRIES.map(lambda change: GOOD | change), max_size=4), st.text(max_size=9))
@settings(deadline=None)
def test_questions_of_anything(entries, around):
    found, problems = read_questions(f"{around}{json.dumps(entries)}{around}", "sums")
    assert len(found) + len(problems) <= len(entries) + 2 * len(around)
    for question in found:
        assert question.question.strip() and len({question.answer, *question.wrong}) == 4


# talkers: whatever they do, the window has a turn for it

TALKERS = {
    "None": lambda text: None,
    "a number": lambda text: 5,
    "nothing": lambda text: "",
    "half a character": lambda text: "\ud83d",
    "a terminal's colors": lambda text: "\x1b[31mred",
    "markup": lambda text: "<script>alert(1)</script>",
    "an error without a text": lambda text: (_ for _ in ()).throw(ValueError()),
    "no memory": lambda text: (_ for _ in ()).throw(MemoryError()),
    "an error of many lines": lambda text: (_ for _ in ()).throw(RuntimeError("a\nb")),
    "too deep": lambda text: (_ for _ in ()).throw(RecursionError("deep")),
    "an assertion": lambda text: (_ for _ in ()).throw(AssertionError()),
    "a key": lambda text: {}[text],
}


class Talker:
    name, kind = "Parrot", "chat"

    def __init__(self, act):
        self.act = act

    def respond(self, text):
        return self.act(text)

    def stream(self, text):
        yield self.act(text)

    def reset(self):
        pass


@pytest.mark.parametrize("kind", TALKERS)
def test_a_talker_may_do_anything(kind):
    conversation = Conversation({"Parrot": Talker(TALKERS[kind]), "Echo": Talker(str.upper)})
    window = ChatWindow(conversation)
    window.send("hello")
    assert conversation.html().encode()
    assert len(conversation.turns) == 1 and "HELLO" in conversation.html()
    assert "<script>" not in conversation.html()
    streaming = StreamingWindow(Talker(TALKERS[kind]))
    streaming.send("hello")
    streaming.wait(10)
    assert not streaming.busy and streaming.page.value.encode()
