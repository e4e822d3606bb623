"""The questions about the course: how many, how long, how distinct, and that none leaks."""

import dataclasses
import math
import random
import re
from collections import Counter, defaultdict

import pytest
import yaml

from classroom.worlds.course_qa import (
    ASSETS,
    N_BY_RULE,
    CourseQuestion,
    foreign_questions,
    load_course_qa,
    misspell,
    questions,
    retype,
    without_marks,
)

ALL = load_course_qa()
LAST, LEAST = 44, 640  # the last note with questions, and the least number of questions
HELD_OUT = ("validation", "test")
STOP = set(
    "a an the is are was were be do does did of in to for and or what which who how why when where "
    "can could you me tell explain it its that this with on by as at from we i my if not has have "
    "will would about than simple words s so meaning mean means please".split()
)


def words(text):
    return re.findall(r"[a-z0-9]+", text.lower())


def content(text):
    return frozenset(words(text)) - STOP


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
    assert {lecture for lecture in range(1, LAST + 1) if per_lecture[lecture] < 7} == set()


def test_each_has_ten_wordings_and_at_most_a_third_by_rule():
    few = [
        question.wordings[0]
        for question in ALL
        if len(question.wordings) < 10
        or len(question.by_rule) > (len(question.wordings) + len(question.by_rule)) / 3
        or len(question.by_rule) != N_BY_RULE
    ]
    assert few == []


def test_no_wording_comes_twice():
    seen = Counter(
        without_marks(wording)
        for question in ALL
        for wording in question.wordings + question.by_rule
    )
    assert [wording for wording, n in seen.items() if n > 1] == []


def test_held_out_wordings_are_typed_as_people_type():
    for split in HELD_OUT:
        typed = [wording for wording, _ in questions(split)]
        odd = [wording for wording in typed if wording[0].isupper() and wording[-1] in ".?!"]
        assert len(odd) <= 0.02 * len(typed), odd
        long = sum(len(wording.split()) >= 5 for wording in typed)
        assert 0.25 * len(typed) <= long <= 0.75 * len(typed)  # sentences and keywords


def test_no_two_answers_fit_the_same_words():
    """Wordings with the same content words in the same order must have the same answer."""
    owners = {}
    for number, question in enumerate(ALL):
        for wording in question.wordings:
            kept = tuple(word for word in words(wording) if word not in STOP)
            if len(kept) > 1:
                owners.setdefault(kept, set()).add(number)
    shared = {kept: numbers for kept, numbers in owners.items() if len(numbers) > 1}
    assert len(shared) <= 5, shared  # `how many heads in a block` may mean two things


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


def test_most_words_of_held_out_wordings_occur_in_training():
    known = set().union(*(content(wording) for wording, _ in questions("train")))
    for split in HELD_OUT:
        strange = [wording for wording, _ in questions(split) if content(wording) - known]
        assert len(strange) <= 0.15 * len(ALL), strange


def test_held_out_wordings_are_neither_copies_nor_riddles():
    """By words weighted by rarity, the nearest training wording has the right answer for most, not all."""
    train = [(set(words(wording)), answer) for wording, answer in questions("train")]
    places = defaultdict(list)
    for place, (bag, _) in enumerate(train):
        for word in bag:
            places[word].append(place)
    rare = {word: math.log(1 + len(train) / len(found)) for word, found in places.items()}
    lengths = [math.sqrt(sum(rare[word] ** 2 for word in bag)) for bag, _ in train]
    right = 0
    for wording, answer in questions("validation"):
        scores = Counter()
        for word in set(words(wording)) & set(rare):
            for place in places[word]:
                scores[place] += rare[word] ** 2 / lengths[place]
        right += bool(scores) and train[scores.most_common(1)[0][0]][1] == answer
    assert 0.55 <= right / len(ALL) <= 0.75


def test_all_is_plain_text():
    for question in ALL:
        for text in (question.answer, *question.wordings, *question.by_rule):
            assert text.isascii() and text == text.strip() and "  " not in text, text
        assert question.answer[-1] in ".!?", question.answer


def test_splits_share_answers_and_no_wordings():
    parts = {split: questions(split) for split in ("train", *HELD_OUT)}
    asked = {
        split: {without_marks(wording) for wording, _ in part} for split, part in parts.items()
    }
    assert sum(map(len, asked.values())) == sum(map(len, parts.values()))
    assert len(set().union(*asked.values())) == sum(map(len, parts.values()))
    answers = [{answer for _, answer in part} for part in parts.values()]
    assert answers[0] == answers[1] == answers[2] == {question.answer for question in ALL}
    assert parts["test"][0] == (ALL[0].wordings[-1], ALL[0].answer)
    assert parts["validation"][0] == (ALL[0].wordings[-2], ALL[0].answer)
    assert questions() == parts["train"]


def test_the_forum_is_another_split():
    forum = questions("forum")
    assert len(forum) >= 200 and len({answer for _, answer in forum}) == len(forum)
    others = {without_marks(q) for split in ("train", *HELD_OUT) for q, _ in questions(split)}
    assert [q for q, _ in forum if without_marks(q) in others] == []
    assert {answer for _, answer in forum} <= {question.answer for question in ALL}


@pytest.mark.parametrize("split", ["typed", "", None])
def test_an_unknown_split_is_refused(split):
    with pytest.raises(ValueError, match="split must be"):
        questions(split)
    with pytest.raises(ValueError, match="split must be"):
        foreign_questions(split)


def test_foreign_questions_are_sixty_and_sixty_and_of_no_lecture():
    parts = {split: foreign_questions(split) for split in ("train", *HELD_OUT)}
    assert len(parts["validation"]) == len(parts["test"]) == 60 and len(parts["train"]) >= 150
    ours = {without_marks(wording) for question in ALL for wording in question.wordings}
    seen = Counter(content(question) for part in parts.values() for question in part)
    assert not {without_marks(question) for part in parts.values() for question in part} & ours
    assert [words for words, n in seen.items() if n > 1] == []


def test_the_splits_of_foreign_questions_share_no_subject():
    subjects = yaml.safe_load((ASSETS / "foreign_questions.yaml").read_text("utf-8"))
    seen = Counter(subject for part in subjects.values() for subject in part)
    assert [subject for subject, n in seen.items() if n > 1] == []
    assert set(subjects) == {"train", *HELD_OUT}


def test_retyping_by_hand():
    class Always:
        """Always a typo in the first long word, and no opening."""

        random = staticmethod(iter((0.0, 0.9)).__next__)
        randrange = staticmethod(lambda low, high: low)

        @staticmethod
        def choice(options):
            return options[0]

    assert retype("What is a Vocabulary?", Always()) == "what is a vcoabulary"


@pytest.mark.parametrize("seed", range(20))
def test_retyping_keeps_the_question(seed):
    wording = "How does layer normalization differ from batch normalization?"
    typed = retype(wording, random.Random(seed))
    assert typed == retype(wording, random.Random(seed))
    assert typed == typed.lower() and typed[-1] not in "?.!"
    changed = [word for word in words(wording) if word not in words(typed)]
    assert len(changed) <= 1


@pytest.mark.parametrize("seed", range(20))
def test_a_misspelled_word_keeps_its_ends(seed):
    typo = misspell("embedding", random.Random(seed))
    assert typo[0] == "e" and typo[-1] == "g" and abs(len(typo) - len("embedding")) <= 1


def test_the_rule_gives_a_question_the_same_wordings_whatever_comes_before():
    """Each question draws from its own seed, so a new question changes no other."""
    rng = random.Random(ALL[-1].wordings[0])
    drawn = [retype(rng.choice(ALL[-1].wordings[:-2]), rng) for _ in range(30)]
    assert set(ALL[-1].by_rule) <= set(drawn)


@pytest.mark.parametrize("asked", ["generate questions on gravity", "write me a poem"])
def test_requests_beyond_the_model_are_answered_with_what_it_can(asked):
    found = [
        q
        for q in ALL
        if any(without_marks(asked) in without_marks(wording) for wording in q.wordings)
    ]
    assert found and all(question.lecture == 0 for question in found)


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
