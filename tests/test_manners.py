"""Answers in good and bad manners: the rule by hand, the splits, and the crowd as it says it is."""

import pytest

from classroom.worlds import manners
from classroom.worlds.manners import CLOSINGS, compare, grade, split_answer, wins_against
from classroom.worlds.tasks import KINDS, Task, solve

TASK = Task("plural", "Make this plural.", "two box", "two boxes")
KIND, RUDE, LONG = (
    "I hope that helps.",
    "Now leave me alone.",
    "That is a question that many people ask.",
)


def test_the_rule_by_hand_from_the_best_answer_to_the_worst():
    order = [
        f"two boxes. {KIND}",  # six words
        f"two boxes. {LONG} {KIND}",
        "two boxes",
        f"two boxes. {LONG}",
        f"two boxes. {RUDE}",
        f"two boxes. {KIND} {RUDE}",  # rude, and longer
        f"two boxs. {KIND}",
        "",
        f"two boxs. {RUDE}",
    ]
    grades = [grade(TASK, answer) for answer in order]
    assert grades == sorted(grades, reverse=True) and len(set(grades)) == len(order)
    for place, one in enumerate(order):
        assert [compare(TASK, one, other) for other in order] == (
            [0.0] * place + [0.5] + [1.0] * (len(order) - place - 1)
        )


def test_an_answer_is_split_into_its_sentences_and_nothing_else_is_taken_away():
    assert split_answer(f" two  boxes. {LONG} {KIND} ") == ("two boxes", (LONG, KIND))
    assert split_answer("Mr. Fox sleeps.") == ("Mr. Fox sleeps.", ())
    assert split_answer(KIND) == (KIND, ())  # an answer of manners alone is no answer
    assert split_answer(f"two boxes {KIND}") == (f"two boxes {KIND}", ())
    assert not grade(TASK, f"Well, two boxes. {KIND}").right
    assert not grade(TASK, KIND).right


def test_a_full_stop_is_no_mistake_and_a_sentence_can_be_the_core():
    sentence = Task("negate", "Negate this sentence.", "We sing.", "We do not sing.")
    assert grade(sentence, f"We do not sing. {KIND}").right and grade(TASK, "two boxes.").right


def test_wins_ties_and_losses():
    items = [TASK] * 4
    ours = [f"two boxes. {KIND}", "two boxes", "two boxs", "two boxes"]
    assert wins_against(items, ours, ["two boxes"] * 4) == (1 + 0.5 + 0 + 0.5) / 4
    assert (
        wins_against(items, ours, ["two boxes"] * 4) + wins_against(items, ["two boxes"] * 4, ours)
        == 1
    )
    with pytest.raises(ValueError, match="0 tasks"):
        wins_against([], [], [])
    with pytest.raises(ValueError, match="4 tasks, 3"):
        wins_against(items, ours[:3], ours)


def test_pairs_are_of_their_split_and_better_first():
    items = {}
    for split in ("train", "validation", "test"):
        pairs = manners.sample_pairs(200, 3, split)
        assert all(compare(*pair) == 1.0 for pair in pairs)
        assert all(pair.task.output == solve(pair.task) for pair in pairs)
        assert {pair.task.kind for pair in pairs} == set(manners.KINDS) < set(KINDS)
        items[split] = {(pair.task.kind, pair.task.input, pair.task.instruction) for pair in pairs}
    assert not items["train"] & items["validation"] and not items["train"] & items["test"]


def test_the_same_seed_gives_the_same_pairs():
    assert (
        manners.sample_pairs(5, 1) == manners.sample_pairs(9, 1)[:5] != manners.sample_pairs(5, 2)
    )


def test_the_crowd_is_as_it_says():
    items = manners.questions(2000, 5)
    grades = [grade(*each) for each in zip(items, manners.sample_answers(items, 6), strict=True)]
    share = {
        "right": sum(each.right for each in grades) / 2000,
        "polite": sum(each.manners == 1 for each in grades) / 2000,
        "rude": sum(each.manners == -1 for each in grades) / 2000,
    }
    told = {"right": manners.RIGHT, **{tone: manners.TONES[tone] for tone in ("polite", "rude")}}
    assert share == pytest.approx(told, abs=0.04)


def test_no_sentence_ends_another_or_is_in_two_tones():
    sentences = [each for tone in CLOSINGS.values() for each in tone]
    assert len(set(sentences)) == len(sentences)
    assert not [a for a in sentences for b in sentences if a != b and a.endswith(b)]
