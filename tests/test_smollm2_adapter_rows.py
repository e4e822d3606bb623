"""The command that makes the course's adapter: what is learned from, and its two parts, on a tiny model."""

import json
import random
from collections import Counter

import pytest

from classroom.worlds import course_qa
from helpers.assistant.chat import AssistantChat, load_chatml
from helpers.assistant.making import Foreign, Recipe, Split
from helpers.assistant.rows import Turn
from tests.test_gguf import small_model, write
from tools.makers import smollm2_adapter as maker

ASKED = {"sat on the mat": ("the cat", "a cat", "cat"), "a dog": ("the mat", "a mat", "mat")}
TURNS = [Turn(wording, answer) for answer, wordings in ASKED.items() for wording in wordings]
SPLIT = Split(TURNS, TURNS[:2], TURNS[3:5], by_rule=False)
QUICK = Recipe(rank=2, alpha=4.0, tokens=400, batch_tokens=64)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Few tasks and foreign questions; one wording of each question whole, none changed."""
    foreign = Foreign(["the dog"], ["the mat", "a mat"], ["a cat"])
    quick = {"N_TASKS": 3, "WHOLE_TIMES": 1, "KEPT": 2, "TYPED_SHARE": 0.0, "FIRST": 1}
    for name, value in quick.items():
        monkeypatch.setattr(maker, name, value)
    monkeypatch.setattr(maker, "COURSE", foreign)
    monkeypatch.setattr(maker, "N_MEASURED_TASKS", 2)
    monkeypatch.setattr(maker, "course_split", lambda n_questions=None: SPLIT)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write(tmp_path_factory.mktemp("base") / "tiny.gguf", small_model(context_length=512))


def test_every_answer_is_learned_whole_and_the_other_wordings_broken_off(base):
    parts = load_chatml(base)
    chat = AssistantChat("", lambda: parts)
    whole, rest = maker.whole_and_rest(TURNS, random.Random(0))
    assert sorted(whole + rest) == sorted(TURNS)
    assert {turn.answer for turn in whole} == {"sat on the mat", "a dog"} and len(whole) == 2
    asked = {tuple(chat.question(turn.asked)): turn for turn in TURNS}
    learned = []
    for row in maker.course_rows(chat, SPLIT, Recipe(tokens=4000, batch_tokens=64)):
        start = row.scored.index(True)
        turn = asked.get(tuple(row.ids[:start]))
        if turn is not None and len(row.ids) == start + maker.KEPT:
            assert all(row.scored[start:])
            assert row.ids[start:] == parts[1].encode_ordinary(turn.answer)[: maker.KEPT]
            learned.append(turn)
    answers = Counter(turn.answer for turn in learned)
    assert answers == {"sat on the mat": 2, "a dog": 2} and len(set(learned)) == 4


def test_wordings_are_left_out_where_there_are_too_many_tokens(base):
    parts = load_chatml(base)
    chat = AssistantChat("", lambda: parts)
    few, all_rows = (
        maker.course_rows(chat, SPLIT, Recipe(tokens=n, batch_tokens=64)) for n in (1, 4000)
    )
    assert len(all_rows) - len(few) == 4  # the wordings that are not learned whole


def test_the_test_is_asked_in_a_part_of_its_own(base, tmp_path, monkeypatch):
    monkeypatch.setattr(maker, "fetch", lambda name: base)
    folder = tmp_path / "run"
    report = maker.run(folder, QUICK)
    assert "after" not in report and set(report["validation"]) == {
        "right_without_refusal", "known_refused", "foreign_refused", "tasks_refused", "below",
    }  # fmt: skip
    assert not (folder / "adapter" / "README.md").exists()
    whole = maker.ask_test(folder, n_questions=2)
    assert whole == json.loads((folder / "adapter" / "report.json").read_text("utf-8"))
    assert (folder / "adapter" / "README.md").read_text("utf-8") == maker.card(whole)
    assert whole["after"]["foreign_asked"] == 1 and whole["after"]["tasks"]["asked"] == 2


def test_no_held_out_wording_is_learned():
    held_out = {
        course_qa.without_marks(asked)
        for split in ("validation", "test", "forum")
        for asked, _ in course_qa.questions(split)
    }
    assert not held_out & {course_qa.without_marks(turn.asked) for turn in maker.turns("train")}
