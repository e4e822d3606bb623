"""The figures of the search: by hand on small scores, and told in the table as recorded."""

import json

import pytest
import torch

from benchmarks import _record, _retrieval_rag, retrieval
from benchmarks._retrieval_report import section
from benchmarks._retrieval_words import STOP_WORDS, content_words, told
from classroom.worlds.course_qa import load_course_qa, questions
from classroom.worlds.passages import Passage, note_passages


@pytest.fixture(scope="module")
def record():
    return json.loads(retrieval.PATH.read_text("utf-8"))


@pytest.fixture
def index():
    """Four passages of three notes, without vectors."""
    made = object.__new__(retrieval.Index)
    made.passages = [
        Passage(2, "A", "B", "a token is a piece of text"),
        Passage(2, "A", "B", "an id is a number"),
        Passage(7, "A", "B", "a piece of text is called a token"),
        Passage(9, "A", "B", "something else"),
    ]
    return made


def test_right_by_three_rulers(index, monkeypatch):
    """Question 0 is of lecture 2 and answered in the first passage and in note 7."""
    entry = next(q for q in load_course_qa() if q.lecture == 2)
    monkeypatch.setattr(retrieval, "load_course_qa", lambda: [entry])
    answers = {0: [(2, "a token is"), (7, "a piece of")]}
    assert index.right([0, 3], 0, answers) == dict(lecture=True, note=True, passage=True)
    assert index.right([1], 0, answers) == dict(lecture=True, note=True, passage=False)
    assert index.right([2], 0, answers) == dict(lecture=False, note=True, passage=True)
    assert index.right([3], 0, answers) == dict(lecture=False, note=False, passage=False)
    assert index.right([0], 0, {}) == dict(lecture=True, note=None, passage=None)


def test_one_passage_per_note(index):
    kept = index.one_for_each_note(torch.tensor([0.5, 0.9, 0.7, 0.1]))
    assert kept.tolist() == pytest.approx([-torch.inf, 0.9, 0.7, 0.1])


@pytest.fixture
def known(monkeypatch):
    """Three questions of notes 2, 2 and 7 with one wording each, whose vectors are known."""
    made = object.__new__(retrieval.KnownQuestions)
    made.numbers, made.lectures = torch.tensor([0, 1, 2]), torch.tensor([2, 2, 7])
    made.vectors = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    return made


def test_known_questions_lead_to_the_note_of_the_nearest(known):
    scores = known.scores(torch.tensor([0.6, 0.8]), n_notes=10)
    assert scores[[2, 7, 9]].tolist() == pytest.approx([1.0, 0.8, -1.0])


def test_the_control_leaves_out_the_wordings_of_the_question_itself(known):
    scores = known.scores(torch.tensor([0.6, 0.8]), n_notes=10, without=1)
    assert scores[[2, 7]].tolist() == pytest.approx([0.6, 0.8])


def test_known_questions_choose_among_each_notes_one_passage(index, known):
    index.known = known
    single = torch.tensor([-torch.inf, 0.9, 0.7, 0.1])
    found = index.by_known_questions(torch.tensor([0.0, 1.0]), single)
    assert found.tolist() == pytest.approx([-torch.inf, 0.8, 1.0, -1.0])


def test_the_known_wordings_are_none_of_those_asked():
    known = {words for words, _ in questions("train")}
    assert not known & {
        words for half in retrieval.HALVES for words in retrieval.asked(half).values()
    }


def test_standardized_by_hand():
    assert retrieval.standardized(torch.tensor([1.0, 2.0, 3.0])).tolist() == [-1.0, 0.0, 1.0]
    assert retrieval.standardized(torch.zeros(3)).tolist() == [0.0, 0.0, 0.0]


def test_content_words_are_never_none():
    assert content_words("Can you tell me what a bigram model is?") == "bigram model"
    assert content_words("What is it?") == "what is it"
    assert all(word == word.casefold() for word in STOP_WORDS)


def test_told_counts_only_what_the_question_has_not():
    right = "a token is a piece of text"
    assert told("it is text, a token", right, "What is a token?") == pytest.approx(1 / 2)
    assert told("What is a token?", right, "What is a token?") == 0.0
    assert told(right, right, "What is a token?") == 1.0


def test_judged_by_hand():
    references = ["a token is a piece of text", "an id is a number", "a loss is a number"]
    said = ["a token is a piece of text", "a loss is a number", "token"]
    asked = ["What is a token?", "What is an id?", "What is a token?"]
    own = [references[0], references[1], references[0]]
    figures = _retrieval_rag.judged(said, own, references, asked)
    assert figures["nearest"] == pytest.approx(2 / 3)
    assert figures["told_each"] == [1.0, 1.0, 0.0]
    assert figures["token_f1"] == pytest.approx((1 + 0.6 + 0.25) / 3)


def test_answers_of_a_stopped_run_are_taken_over_from_the_same_weights(monkeypatch):
    asked = []

    def answers(chat, prompts):
        asked.append(prompts)
        return [prompt.upper() for prompt in prompts]

    monkeypatch.setattr(_retrieval_rag, "answers", answers)
    first = _retrieval_rag.go_on(None, ["a", "b"], None, "one")
    second = _retrieval_rag.go_on(None, ["c", "b", "d"], first, "one")
    assert asked == [["a", "b"], ["c", "d"]] and second["said"] == ["C", "B", "D"]
    _retrieval_rag.go_on(None, ["c", "b"], second, "other")
    assert asked[2] == ["c", "b"]


def test_the_halves_share_no_question_and_leave_out_small_talk():
    halves = [retrieval.asked(half) for half in retrieval.HALVES]
    assert not set(halves[0]) & set(halves[1])
    together = halves[0] | halves[1]
    assert set(together) == {n for n, q in enumerate(load_course_qa()) if q.lecture}
    wordings = load_course_qa()
    assert all(words in wordings[number].split("test") for number, words in together.items())


def test_the_marked_paragraphs_are_in_the_notes():
    """A note may be rewritten; if many marks are lost, they must be made again."""
    passages, marks = note_passages(), retrieval.truth()
    lost = [
        (number, *each)
        for number, known in marks.items()
        for each in known
        if not any(retrieval.holds(passage, *each) for passage in passages)
    ]
    total = sum(map(len, marks.values()))
    assert len(lost) <= total / 20, lost


def test_the_table_says_what_was_recorded(record):
    text = (_record.HERE / "README.md").read_text("utf-8")
    assert "\n".join(section(record)) in text


def test_the_record_is_whole(record):
    search = record["search"]
    assert search["n"] == {half: len(retrieval.asked(half)) for half in retrieval.HALVES}
    for ruler in retrieval.RULERS:
        for way, found in search["recall"].items():
            at = [found[ruler][str(depth)] for depth in retrieval.DEPTHS]
            assert at == sorted(at), (way, ruler)
    for said in record.get("rag", {}).get("answers", {}).values():
        assert len(said["said"]) == record["rag"]["n"]
