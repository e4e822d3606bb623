"""A judge that answers well, badly, late or not at all: nothing is lost and everything is said."""

import json
import time

import pytest

from classroom.pages.talkers import ChatServer
from helpers.judge import (
    JudgeError,
    judge_answers,
    mean_score,
    parse_choice,
    parse_score,
    position_bias,
    score_prompt,
    server_judge,
)
from tests.local_server import ChatHandler, serving

ITEMS = [
    {"question": f"What is {n} + 1?", "reference": str(n + 1), "answer": str(n + 1 - n % 2)}
    for n in range(6)
]


def fair(prompt):
    """A judge of this test's own: 100 for the right answer, 20 for another."""
    quoted = prompt.split("`")
    return "100" if quoted[3] == quoted[5] else "20"


class Counted:
    """A judge that counts, and fails at some of its calls."""

    def __init__(self, ask=fair, fails=None):
        self.ask, self.fails, self.calls = ask, fails or {}, 0

    def __call__(self, prompt):
        self.calls += 1
        if self.calls in self.fails:
            failure = self.fails[self.calls]
            if isinstance(failure, Exception):
                raise failure
            return failure
        return self.ask(prompt)


class Server(ChatHandler):
    """Speaks OpenAI's protocol, in the way its `mode` says."""

    mode = "fair"

    def do_POST(self):
        body = self.body()
        assert len(body["messages"]) == 1, "each prompt must start anew"
        if self.mode == "refuse":
            return self.send_error(429, "Too Many Requests")
        if self.mode == "slow":
            time.sleep(1.5)
        content = fair(body["messages"][0]["content"])
        answer = {"choices": [{"message": {"content": content}}]}
        self.send(b"<html>" if self.mode == "html" else json.dumps(answer).encode())


@pytest.fixture
def server(monkeypatch):
    Server.mode = "fair"
    with serving(Server, monkeypatch) as address:
        yield ChatServer(address, "judge", seconds=1)


@pytest.mark.parametrize(
    "reply, score",
    [
        ("85", 85),
        (" 0 ", 0),
        ("Score: 92/100", 92),
        ("87.5", 88),
        ("**70**", 70),
        ("100%", 100),
        ("On a scale from 0 to 100, I rate this answer 85.", 85),
        ("Rating (0-100): 85", 85),
        ("<think>The question has 2 parts, 1 is right.</think>\n\n85", 85),
        ("2 parts, 1 is right.</think>85", 85),
        ("1. Correct.\n2. Complete.\nScore: 95", 95),
        ("There are 5 reasons why this deserves a score of 90", 90),
        ("It deserves a score of 100", 100),
        ("85\n\nOf 2 parts, 1 is missing.", 85),
        ("**90** out of 100", 90),
        ("100 out of 100", 100),
    ],  # fmt: skip
)
def test_scores_are_read(reply, score):
    assert parse_score(reply) == score


@pytest.mark.parametrize("reply", [
    "", "very good", "150", "-5", None, "4/5", "4 out of 5", "Score: 4 out of 5", "9.2e+124", "1,000",
    "Between 80 and 90", "Score: 85-90", "80 or 70", "<think>85", "Score 1: good, score 2: bad", "8" * 400,
])  # fmt: skip
def test_what_is_no_score_is_refused(reply):
    with pytest.raises(JudgeError):
        parse_score(reply)


@pytest.mark.parametrize(
    "reply", ["", "both", "A or B", "C", "A good question.", "<think>A</think>"]
)
def test_what_is_no_choice_is_refused(reply):
    with pytest.raises(JudgeError):
        parse_choice(reply)


def test_every_answer_gets_its_score(tmp_path):
    results = judge_answers(ITEMS, fair, tmp_path / "scores.jsonl", progress=False)
    assert [result["score"] for result in results] == [100, 20] * 3
    assert mean_score(results) == (60.0, 6)


def test_a_second_run_asks_for_nothing(tmp_path):
    path = tmp_path / "scores.jsonl"
    first = judge_answers(ITEMS, fair, path, progress=False)
    again = Counted()
    assert judge_answers(ITEMS, again, path, progress=False) == first and again.calls == 0


def test_a_lost_connection_loses_no_answer(tmp_path):
    path = tmp_path / "scores.jsonl"
    broken = Counted(fails={4: ConnectionError("judge cannot be reached")})
    with pytest.raises(ConnectionError, match="cannot be reached"):
        judge_answers(ITEMS, broken, path, progress=False)
    assert len(path.read_text().splitlines()) == 3
    rest = Counted()
    results = judge_answers(ITEMS, rest, path, progress=False)
    assert rest.calls == 3 and len(results) == 6 and mean_score(results)[1] == 6


def test_half_a_line_from_a_crash_is_asked_again(tmp_path):
    path = tmp_path / "scores.jsonl"
    judge_answers(ITEMS, fair, path, progress=False)
    path.write_text(path.read_text()[:-20])
    rest = Counted()
    assert mean_score(judge_answers(ITEMS, rest, path, progress=False)) == (60.0, 6)
    assert rest.calls == 1
    assert all(json.loads(line) for line in path.read_text().splitlines()[-1:])


def test_lines_of_another_shape_are_not_counted_and_not_lost(tmp_path):
    path, item = tmp_path / "scores.jsonl", ITEMS[0]
    odd = [5, [], None, {}, item | {"question": [1]}]
    odd += [item | {"score": score} for score in ("85", 1e99, -1, True, float("nan"), [90])]
    text = "\ufeff" + "".join(json.dumps(each) + "\n" for each in odd) + "[" * 99_999 + "\n"
    path.write_text(text, "utf-8")
    judge = Counted()
    assert mean_score(judge_answers(ITEMS[:1], judge, path, progress=False)) == (100.0, 1)
    assert judge.calls == 1 and path.read_text("utf-8").startswith(text)
    known = json.dumps(item | {"score": 40})
    path.write_bytes(b"\xef\xbb\xbf" + known.encode())
    assert judge_answers(ITEMS[:1], judge, path, progress=False)[0]["score"] == 40
    path.write_text(known, "utf-16")
    with pytest.raises(ValueError, match="UTF-8"):
        judge_answers(ITEMS, judge, path, progress=False)
    assert judge.calls == 1 and path.read_text("utf-16") == known


def test_a_reply_that_is_no_score_is_kept_and_asked_again_later(tmp_path):
    path = tmp_path / "scores.jsonl"
    vague = Counted(fails={2: "I would rather not say."})
    results = judge_answers(ITEMS, vague, path, progress=False)
    assert results[1]["score"] is None and "rather not say" in results[1]["problem"]
    assert mean_score(results)[1] == 5
    rest = Counted()
    assert judge_answers(ITEMS, rest, path, progress=False)[1]["score"] == 20 and rest.calls == 1


def test_a_judge_behind_a_server(server, tmp_path):
    results = judge_answers(ITEMS, server_judge(server), tmp_path / "s.jsonl", progress=False)
    assert mean_score(results) == (60.0, 6)


@pytest.mark.parametrize(
    "mode, message",
    [("refuse", "429 Too Many"), ("html", "not a chat answer"), ("slow", "no answer in 1 seconds")],
)
def test_a_server_that_misbehaves_is_named(server, tmp_path, mode, message):
    path = tmp_path / "scores.jsonl"
    judge_answers(ITEMS[:2], server_judge(server), path, progress=False)
    Server.mode = mode
    with pytest.raises(ConnectionError, match=message):
        judge_answers(ITEMS, server_judge(server), path, progress=False)
    assert len(path.read_text().splitlines()) == 2


def test_a_server_that_is_not_running_is_named(tmp_path):
    nobody = ChatServer("http://127.0.0.1:9/v1", "judge", seconds=1)
    with pytest.raises(ConnectionError, match="cannot be reached"):
        judge_answers(ITEMS, server_judge(nobody), tmp_path / "s.jsonl", progress=False)


def test_the_place_of_an_answer_can_decide():
    pairs = [("Which is longer?", "aaaa", "b"), ("Which is longer?", "c", "dddd")]

    def longer(prompt):
        first = prompt.split("Answer A: ")[1].split("\n")[0]
        second = prompt.split("Answer B: ")[1].split("\n")[0]
        return "A" if len(first) > len(second) else "B"

    assert position_bias(pairs, longer)["consistent"] == 1
    assert position_bias(pairs, lambda _: "A")["first place"] == 1
    assert position_bias(pairs, lambda _: "B")["second place"] == 1
    assert position_bias(pairs, lambda _: "hm")["unread"] == 1
    with pytest.raises(ValueError, match="no pairs"):
        position_bias([], fair)


def test_bad_items_are_named():
    with pytest.raises(ValueError, match="no reference and no answer"):
        score_prompt({"question": "?"})
    with pytest.raises(ValueError, match="could be parsed"):
        mean_score([{"score": None}])
