"""Tasks that no model of the course was pretrained on: right answers, and nothing in two splits."""

import re

import pytest

from classroom.worlds import new_tasks
from classroom.worlds.tasks.words import words
from tools.makers.course_texts import task_texts

SPLITS = ("train", "validation", "test")


def drawn(kind, split, n=2000):
    return new_tasks.sample(n, 1, split, kind)


def test_answers_by_hand():
    assert new_tasks.solve("reverse", "tea, milk, bread") == "bread, milk, tea"
    assert new_tasks.solve("letters", "giraffe") == "7"


@pytest.mark.parametrize("kind", new_tasks.KINDS)
def test_every_answer_is_that_of_its_item(kind):
    assert all(task.output == new_tasks.solve(kind, task.input) for task in drawn(kind, "train"))


def test_no_set_of_words_is_in_two_splits():
    sets = [{frozenset(t.input.split(", ")) for t in drawn("reverse", split)} for split in SPLITS]
    assert not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])


def test_no_word_is_in_two_splits_in_any_of_its_forms():
    other = dict(zip(words("noun", 1), words("noun"), strict=True))
    other |= dict(zip(words("verb", 1), words("verb"), strict=True))
    nouns_and_verbs = set(words("noun")) & {*words("verb"), *words("verb", 1)}
    sets = [{other.get(t.input, t.input) for t in drawn("letters", split)} for split in SPLITS]
    shared = (sets[0] & sets[1]) | (sets[0] & sets[2]) | (sets[1] & sets[2])
    assert shared <= nouns_and_verbs  # "saw" and the like are drawn as both


def test_the_wordings_of_the_test_are_held_out():
    for kind in new_tasks.KINDS:
        learned, held = ({t.instruction for t in drawn(kind, split)} for split in ("train", "test"))
        assert learned == set(new_tasks.WORDINGS[kind])
        assert held == set(new_tasks.HELD_OUT_WORDINGS[kind]) and not learned & held


def test_the_words_of_a_held_out_list_are_in_training_in_other_lists():
    learned = {word for task in drawn("reverse", "train") for word in task.input.split(", ")}
    held = {word for task in drawn("reverse", "test") for word in task.input.split(", ")}
    assert held <= learned


def test_pretraining_has_none_of_their_wordings():
    read = "\n".join(task_texts(3000, "train"))
    every = [*new_tasks.WORDINGS.values(), *new_tasks.HELD_OUT_WORDINGS.values()]
    assert [text for texts in every for text in texts if text in read] == []
    assert not re.search(r"\b(revers|backward|last to first)", read)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [((-1, 0), "n is"), ((1, 0, "exam"), "split"), ((1, 0, "test", "x"), "kind")],
)
def test_bad_arguments(arguments, word):
    with pytest.raises(ValueError, match=word):
        new_tasks.sample(*arguments)
