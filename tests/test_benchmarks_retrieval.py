"""The figures of the search: by hand on small scores, and told in the table as recorded."""

import json

import pytest
import torch

from benchmarks import _record, retrieval
from classroom.worlds.course_qa import load_course_qa

LECTURES = torch.tensor([1, 1, 2, 3])  # of four passages


@pytest.fixture(scope="module")
def record():
    return json.loads(retrieval.PATH.read_text("utf-8"))


def test_found_by_hand():
    scores = torch.tensor([[0.9, 0.1, 0.8, 0.2], [0.9, 0.1, 0.8, 0.2], [0.0, 0.0, 0.0, 0.0]])
    wanted = torch.tensor([2, 3, 1])
    assert retrieval.found(scores, LECTURES, wanted, 1).tolist() == [False, False, True]
    assert retrieval.found(scores, LECTURES, wanted, 2).tolist() == [True, False, True]
    assert retrieval.found(scores, LECTURES, wanted, 3).tolist() == [True, True, True]


def test_notes_are_ranked_by_their_best_passage():
    best, notes = retrieval.by_note(torch.tensor([[0.1, 0.7, 0.5, 0.6]]), LECTURES)
    assert notes.tolist() == [0, 1, 2, 3]
    assert best[0].tolist() == pytest.approx([-torch.inf, 0.7, 0.5, 0.6])
    assert retrieval.found(best, notes, torch.tensor([2]), 2).tolist() == [False]
    assert retrieval.found(best, notes, torch.tensor([2]), 3).tolist() == [True]


def test_chance_by_hand():
    """Of 4 passages 3 are drawn: the one of lecture 2 in 3/4 of the draws, one of lecture 1 always."""
    assert retrieval.by_chance(LECTURES, torch.tensor([2])) == pytest.approx(3 / 4)
    assert retrieval.by_chance(LECTURES, torch.tensor([1, 2])) == pytest.approx((1 + 3 / 4) / 2)
    one = retrieval.by_chance(LECTURES, torch.tensor([1]), depth=1)
    assert one == pytest.approx(1 / 2)


def test_judged_by_hand():
    references = ["a token is a piece of text", "an id is a number", "a loss is a number"]
    said = ["a token is a piece of text", "a loss is a number", "token"]
    figures = retrieval.judged(said, [references[0], references[1], references[0]], references)
    assert figures["right"] == pytest.approx(1 / 3) and figures["nearest"] == pytest.approx(2 / 3)
    assert figures["token_f1_each"] == [1.0, 0.6, 0.25]


def test_answers_of_a_stopped_run_are_taken_over(monkeypatch):
    asked = []

    def answers(chat, prompts):
        asked.append(prompts)
        return [prompt.upper() for prompt in prompts]

    monkeypatch.setattr(retrieval, "answers", answers)
    first = retrieval.go_on(None, ["a", "b"], None)
    second = retrieval.go_on(None, ["c", "b", "d"], first)
    assert asked == [["a", "b"], ["c", "d"]] and second["said"] == ["C", "B", "D"]


def test_the_questions_leave_out_small_talk_and_the_splits_share_none():
    train, test = retrieval.asked("train")[0], retrieval.asked("test")[0]
    entries = [q for q in load_course_qa() if q.lecture]
    assert len(test) == len(entries) and not set(train) & set(test)
    assert len(train) == sum(len(q.split("train")) for q in entries)


def test_the_table_says_what_was_recorded(record):
    text = (_record.HERE / "README.md").read_text("utf-8")
    assert "\n".join(retrieval.section(record)) in text


def test_the_record_is_whole(record):
    search = record["search"]
    assert search["n_test"] == len(retrieval.asked("test")[0])
    assert set(search["recall"]) == set(retrieval.WAYS)
    for way in retrieval.WAYS:
        at = search["recall"][way]
        assert at["1"] <= at["3"] <= at["10"]
    for said in record.get("rag", {}).get("answers", {}).values():
        assert len(said["said"]) == record["rag"]["n"]
