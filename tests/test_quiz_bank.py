"""The quiz bank: enough questions, fair choices, nothing given away, and how they are picked."""

import dataclasses
import re
from collections import Counter, defaultdict

import pytest
import yaml

from classroom.study.quiz_bank import (
    _FILE,
    QuizQuestion,
    ask,
    generate_questions,
    load_quiz,
    nearest_topics,
    questions,
    shuffled,
)

ALL = load_quiz()
LECTURES = range(48)  # and the notes before and beyond the lectures
LEAST = 10  # questions a lecture


def words(text):
    return text.split()


def normal(text):
    return " ".join(re.findall(r"[\w.^/+-]+", text.lower())).strip(". ")


def problems(question):
    """Everything that is wrong with one question, in words."""
    four = [question.answer, *question.wrong]
    texts = [question.question, question.why, question.topic, *four]
    if not all(isinstance(text, str) for text in texts):
        return ["a text is no text"]
    found = [f"not ASCII: {text}" for text in texts if not text.isascii()]
    found += [f"blanks: {text!r}" for text in texts if text != " ".join(text.split()) or not text]
    if len({normal(text) for text in four}) != 4:
        found.append("two choices are the same")
    if not 8 <= len(words(question.question)) <= 30:
        found.append(f"{len(words(question.question))} words in the question")
    found += [f"length of {text!r}" for text in four if not 1 <= len(words(text)) <= 18]
    if not 10 <= len(words(question.why)) <= 45:
        found.append(f"{len(words(question.why))} words in the explanation")
    if len(re.findall(r"[.?!](?= [A-Z]|$)", question.why)) not in (1, 2):
        found.append("an explanation has one or two sentences")
    ratio = len(question.answer) / (sum(map(len, question.wrong)) / 3)
    if not 0.5 <= ratio <= 2:
        found.append(f"the answer is {ratio:.2f} times as long as the wrong ones")
    if any(
        re.search(r"\b(all|none|both) of (the )?(above|these)\b", text.lower()) for text in four
    ):
        found.append("a choice that speaks of the others")
    return found


GOOD = QuizQuestion(
    "What is the dot product of (1, 2) and (3, 4)?",
    "11",
    ("10", "14", "21"),
    "Multiply number by number and add: 1 x 3 + 2 x 4 makes eleven.",
    14,
    "dot product",
)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"question": "What is it?"}, "3 words in the question"),
        ({"answer": "eleven, as 1 x 3 + 2 x 4"}, "times as long"),
        ({"wrong": ("10", "10.", "21")}, "the same"),
        ({"wrong": ("10", "14", "all of the above")}, "speaks of the others"),
        ({"why": "It is so."}, "3 words in the explanation"),
        (
            {"why": "It is, in a word or in five, so. It is. It is so for all of them."},
            "one or two",
        ),
        ({"answer": "1\u00d71"}, "not ASCII"),
        ({"topic": " dot"}, "blanks"),
    ],
)
def test_the_rules_bite(change, message):
    assert problems(GOOD) == []
    assert any(message in found for found in problems(dataclasses.replace(GOOD, **change)))


def test_every_lecture_has_its_questions():
    counts = Counter(question.lecture for question in ALL)
    wrong = [f"lecture {each} has {counts[each]}" for each in LECTURES if counts[each] < LEAST]
    wrong += [f"{each.question}: {problem}" for each in ALL for problem in problems(each)]
    assert not wrong, "\n".join(wrong)


def test_every_question_belongs_to_a_lecture_and_they_stand_in_order():
    lectures = [question.lecture for question in ALL]
    assert lectures == sorted(lectures) and set(lectures) == set(LECTURES)


def test_no_question_comes_twice():
    seen = Counter(normal(question.question) for question in ALL)
    assert [text for text, n in seen.items() if n > 1] == []


def test_hardly_any_two_questions_look_alike():
    """Two questions of one lecture may share words, not nearly all of them."""
    for lecture in LECTURES:
        bags = [(q.question, set(normal(q.question).split())) for q in questions(lecture)]
        for place, (one, left) in enumerate(bags):
            for other, right in bags[:place]:
                assert len(left & right) / len(left | right) < 0.9, (one, other)


def test_no_answer_is_given_away_by_its_length():
    """Over the bank, and roughly within each lecture: a rule of length must not find answers."""
    longest, shortest = defaultdict(int), defaultdict(int)
    for question in ALL:
        others = [len(text) for text in question.wrong]
        longest[question.lecture] += len(question.answer) > max(others)
        shortest[question.lecture] += len(question.answer) < min(others)
    assert sum(longest.values()) <= 0.35 * len(ALL)
    assert sum(shortest.values()) <= 0.35 * len(ALL)
    for lecture in LECTURES:
        n = len(questions(lecture))
        assert max(longest[lecture], shortest[lecture]) <= 0.6 * n, lecture


def test_explanations_say_more_than_the_answer():
    for question in ALL:
        said, answer = set(normal(question.why).split()), set(normal(question.answer).split())
        assert len(said - answer) >= 5, question.question


def test_the_file_has_a_line_for_each_question():
    lines = _FILE.read_text("utf-8").splitlines()
    assert sum(line.startswith("- question: ") for line in lines) == len(ALL)
    keys = {"question", "lecture", "topic", "answer", "wrong", "why"}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    assert all(set(entry) == keys for entry in yaml.load("\n".join(lines), Loader=loader))


# --- choosing, shuffling, answering


def test_questions_of_a_lecture_and_of_a_topic():
    assert questions() == ALL
    topic = questions(14)[0].topic
    assert {q.topic for q in questions(topic=topic.upper())} == {topic}
    assert {(q.lecture, q.topic) for q in questions(14, topic)} == {(14, topic)}
    for lecture in (48, "14", -1):
        with pytest.raises(ValueError, match="lecture must be 0 to 47"):
            questions(lecture)
    with pytest.raises(ValueError, match="softmax"):
        questions(topic="sofmtax")
    with pytest.raises(ValueError, match="lecture 1 has no questions about 'softmax'"):
        questions(1, "softmax")


def test_load_quiz_hands_out_a_list_of_its_own():
    mine = load_quiz()
    mine.clear()
    assert len(load_quiz()) == len(ALL)


@pytest.mark.parametrize("seed", range(4))
def test_the_right_answer_is_everywhere_equally_often(seed):
    places, by_lecture = Counter(), defaultdict(Counter)
    for question in ALL:
        choices, place = shuffled(question, seed)
        assert choices[place] == question.answer
        assert sorted(choices) == sorted([question.answer, *question.wrong])
        places[place] += 1
        by_lecture[question.lecture][place] += 1
    assert all(0.22 <= places[place] / len(ALL) <= 0.28 for place in range(4))
    for counts in by_lecture.values():
        assert max(counts.values()) - min(counts[place] for place in range(4)) <= 1


def test_a_seed_gives_one_order_and_another_gives_others():
    assert [shuffled(q, 1) for q in ALL] == [shuffled(q, 1) for q in ALL]
    moved = sum(shuffled(q, 1) != shuffled(q, 2) for q in ALL)
    assert moved > 0.8 * len(ALL)
    orders = {tuple(shuffled(GOOD, seed)[0]) for seed in range(200)}
    assert len(orders) == 24  # a question from elsewhere: any order can come


def test_what_is_said_to_a_choice():
    assert ask(GOOD, "11") == f"Right. {GOOD.why}"
    assert ask(GOOD, "14") == f"Not quite, the answer is: 11. {GOOD.why}"
    with pytest.raises(ValueError, match="'12' is not one of the four answers"):
        ask(GOOD, "12")


@pytest.mark.parametrize("wrong", [("10", "14"), ("10", "14", "11"), ("10", "10", "14")])
def test_a_question_needs_four_different_answers(wrong):
    with pytest.raises(ValueError, match="three wrong answers"):
        dataclasses.replace(GOOD, wrong=wrong)


# --- the generator of lecture 1


def test_the_generator_finds_what_fits():
    found = generate_questions("softmax", n=4)
    assert len(found) == len(set(found)) == 4
    assert all("softmax" in q.topic for q in found)  # those with the topic come first
    assert generate_questions("softmax", 4) == found
    assert len({tuple(generate_questions("token", 3, seed)) for seed in range(5)}) > 1
    assert generate_questions("the Softmax?", 4) == found


def test_the_generator_asks_for_all_words_where_it_can():
    for question in generate_questions("causal mask", 5):
        text = f"{question.topic} {question.question} {question.answer}".lower()
        assert "causal" in text and "mask" in text


def test_the_generator_knows_the_forms_of_a_word():
    lectures = {question.lecture for question in generate_questions("positions", n=60)}
    assert 11 in lectures  # positional embeddings
    assert generate_questions("tokens", 5) == generate_questions("token", 5)


def test_fewer_come_back_where_fewer_fit():
    everything = generate_questions("ELIZA", n=1000)
    assert 3 <= len(everything) < 60


@pytest.mark.parametrize("topic", ["photosynthesis", "", "what is the"])
def test_an_unknown_topic_names_its_neighbors(topic):
    with pytest.raises(ValueError, match="near it are: .+, .+, .+"):
        generate_questions(topic)


def test_a_slip_of_the_finger_is_met_with_the_right_word():
    assert "softmax" in " ".join(nearest_topics("sofmtax"))
    assert any("ELIZA" in topic for topic in nearest_topics("elisa"))
    assert len(nearest_topics("anything", n=3)) == 3


def test_the_generator_gives_one_question_or_more():
    with pytest.raises(ValueError, match="n must be at least 1, not 0"):
        generate_questions("softmax", 0)
