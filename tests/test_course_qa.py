"""The questions about the course: how many, how long, how distinct, and that none leaks."""

import dataclasses
import math
import re
from collections import Counter, defaultdict

import pytest
import yaml

from classroom.worlds.course_qa import (
    ASSETS,
    CourseQuestion,
    foreign_questions,
    load_course_qa,
    questions,
)

ALL = load_course_qa()
# words that carry no content
LAST, LEAST = 43, 430  # the last lecture with questions, and the least number of questions
STOP = set(
    "a an the is are was were be do does did of in to for and or what which who how why when where "
    "can could you me tell explain it its that this with on by as at from we i my if not has have "
    "will would about than simple words".split()
)


def words(text):
    return re.findall(r"[a-z0-9]+", text.lower())


def content(text):
    return set(re.findall(r"[a-z]+", text.lower())) - STOP


def bag_of(text):
    """The words of a text, the second `a` as ("a", 2): so sets compare as bags do, only faster."""
    seen = Counter()
    bag = set()
    for word in words(text):
        seen[word] += 1
        bag.add((word, seen[word]))
    return bag


def f1(one, other):
    """Token F1 of two bags of words."""
    return 2 * len(one & other) / (len(one) + len(other))


def is_resources(question):
    return "Raschka" in question.answer


def test_there_are_enough_of_them():
    per_lecture = Counter(question.lecture for question in ALL)
    assert sum(n for lecture, n in per_lecture.items() if lecture) >= LEAST
    assert set(per_lecture) == set(range(LAST + 1))  # 0: small talk
    assert {lecture for lecture in range(1, LAST + 1) if per_lecture[lecture] < 10} == set()


def test_each_has_four_wordings_and_no_wording_comes_twice():
    assert [question for question in ALL if len(question.wordings) < 4] == []
    seen = Counter(
        wording.lower() for question in ALL for wording in question.wordings + question.typed
    )
    assert [wording for wording, n in seen.items() if n > 1] == []


def test_each_is_typed_in_four_ways_and_more():
    assert [question for question in ALL if len(question.typed) < 4] == []
    typed = [wording for wording, _ in questions("typed")]
    plain = sum(wording[0].islower() and wording[-1] != "?" for wording in typed)
    assert plain >= 0.6 * len(typed)  # as people type: no capital, no question mark


def test_answers_are_short_but_for_the_list_of_resources():
    odd = []
    for question in ALL:
        n_words = len(question.answer.split())
        if not 12 <= n_words <= (70 if is_resources(question) else 40):
            odd.append((n_words, question.answer))
    assert odd == []


def test_answers_differ_in_their_words():
    bags = [bag_of(question.answer) for question in ALL]
    alike = [
        (ALL[i].answer, ALL[j].answer)
        for i in range(len(ALL))
        for j in range(i)
        if f1(bags[i], bags[j]) >= 0.6
    ]
    assert alike == []


def test_overlap_by_hand():
    assert f1(bag_of("a small dog"), bag_of("The small brown dog.")) == 4 / 7
    assert f1(bag_of("one and one"), bag_of("one")) == 2 / 4


def test_answers_begin_in_their_own_way():
    beginnings = Counter(tuple(words(question.answer)[:5]) for question in ALL)
    assert [start for start, n in beginnings.items() if n > 1] == []


def test_words_of_held_out_wordings_occur_in_training():
    known = set().union(*(content(wording) for wording, _ in questions("train")))
    strange = [wording for wording, _ in questions("test") if content(wording) - known]
    assert len(strange) <= 0.05 * len(ALL), strange


def test_held_out_wordings_hold_the_terms_that_tell_questions_apart():
    """Even without word order, the nearest training wording nearly always has the same answer."""
    train = [(content(wording), answer) for wording, answer in questions("train")]
    places = defaultdict(list)
    for place, (bag, _) in enumerate(train):
        for word in bag:
            places[word].append(place)
    rare = {word: math.log((len(train) + 1) / len(found)) for word, found in places.items()}
    lengths = [math.sqrt(sum(map(rare.get, bag)) + 1) for bag, _ in train]
    right = 0
    for wording, answer in questions("test"):
        scores = Counter()
        for word in content(wording) & set(rare):
            for place in places[word]:
                scores[place] += rare[word] ** 2 / lengths[place]
        right += bool(scores) and train[scores.most_common(1)[0][0]][1] == answer
    assert right >= 0.95 * len(ALL)


def test_beginnings_of_held_out_wordings_recur_in_training():
    def start(wording):
        return tuple(words(wording)[:2])

    known = Counter(start(wording) for wording, _ in questions("train"))
    strange = [wording for wording, _ in questions("test") if known[start(wording)] < 2]
    assert len(strange) <= 0.15 * len(ALL), strange


def test_all_is_plain_text():
    for question in ALL:
        for text in (question.answer, *question.wordings, *question.typed):
            assert text.isascii() and text == text.strip() and "  " not in text, text
        assert question.answer[-1] in ".!?", question.answer


def test_splits_share_answers_and_no_wordings():
    train, test = questions("train"), questions("test")
    assert len(train) + len(test) == sum(len(question.wordings) for question in ALL)
    assert not {wording for wording, _ in train} & {wording for wording, _ in test}
    assert {answer for _, answer in train} == {answer for _, answer in test}
    assert test[0] == (ALL[0].wordings[-1], ALL[0].answer)
    assert questions() == train


@pytest.mark.parametrize("split", ["validation", "", None])
def test_an_unknown_split_is_refused(split):
    with pytest.raises(ValueError, match="split must be one of train, test, typed"):
        questions(split)


def test_the_question_of_lecture_1_gets_the_resources():
    asked = "I am trying to learn about LLMs. Could you provide some resources?"
    (question,) = [question for question in ALL if asked in question.wordings]
    assert question.lecture == 1
    for name in ("Raschka", "Vizuara", "Attention Is All You Need", "GPT-2", "GPT-3"):
        assert name in question.answer


def test_questions_are_frozen_and_the_list_is_a_copy():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ALL[0].answer = "another"
    assert isinstance(ALL[0], CourseQuestion) and isinstance(ALL[0].wordings, tuple)
    load_course_qa().clear()
    assert load_course_qa() == ALL


def test_foreign_questions_are_of_no_lecture_and_none_comes_twice():
    parts = {split: foreign_questions(split) for split in ("train", "validation", "test")}
    assert len(parts["validation"]) == len(parts["test"]) == 60 and len(parts["train"]) >= 150
    ours = {frozenset(content(words)) for question in ALL for words in question.wordings}
    seen = Counter(frozenset(content(question)) for part in parts.values() for question in part)
    assert not set(seen) & ours
    assert [words for words, n in seen.items() if n > 1] == []


def test_the_splits_of_foreign_questions_share_no_subject():
    subjects = yaml.safe_load((ASSETS / "foreign_questions.yaml").read_text("utf-8"))
    seen = Counter(subject for part in subjects.values() for subject in part)
    assert [subject for subject, n in seen.items() if n > 1] == []
    assert set(subjects) == {"train", "validation", "test"}
