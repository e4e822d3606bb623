"""Practice texts: right answers, and nothing among them that the tasks hold out."""

import random
import re

import pytest

from classroom.worlds import practice, tasks
from classroom.worlds.english import number_in_words
from classroom.worlds.tasks.words import split_of, words


def blocks(texts):
    return [block.split("\n") for text in texts for block in text.split("\n\n")]


@pytest.fixture(scope="module")
def lists():
    return blocks(practice.list_texts(3000, seed=1))


@pytest.fixture(scope="module")
def sums():
    return blocks(practice.sum_texts(3000, seed=1))


def test_the_answer_of_a_list_is_made_of_its_words(lists):
    for lines in lists:
        wording, given, answer = (line.removeprefix(" ") for line in lines)
        words, kept = given.replace(",", "").split(), answer.replace(",", "").split()
        if wording.startswith("Leave out"):
            words.remove(wording.removesuffix(".").split()[-1])
        if wording.endswith("with and."):
            assert kept.pop(-2) == "and"
        if wording in ("Say how it begins.", "Say how it ends."):
            words = [words[0] if "begins" in wording else words[-1]]
        assert kept == words


def test_every_form_and_length_comes(lists):
    asked = {re.sub(r"Leave out \w+", "Leave out {}", lines[0].strip()) for lines in lists}
    assert asked == set(practice.LISTS)
    lengths = {len(lines[1].split()) for lines in lists}
    assert lengths == set(range(2, practice.MOST_WORDS + 1))


def test_no_list_of_the_tasks_is_given_away(lists):
    for _, given, _ in lists:
        chosen = given.replace(",", "").split()
        assert {split_of(kind, *chosen) for kind in ("and", "commas", "pick")} == {"train"}


def numbers_of(text):
    """A sum in digits, in words or in both: its numbers, and + or -."""
    values = {number_in_words(i): i for i in range(100)} | {str(i): i for i in range(100)}
    first, sign, second = text.split()
    return values[first], {"plus": "+", "minus": "-"}.get(sign, sign), values[second]


def test_sums_are_right_and_none_is_held_out(sums):
    held_out = {
        numbers_of(item)
        for split in ("test", "validation")
        for form, item in map(tasks.item_of, tasks.sample(6000, 3, split, ["arithmetic"]))
        if form != "arithmetic.story"
    }
    mixed = 0
    for text, answer in sums:
        first, sign, second = numbers_of(text)
        result = first + second if sign == "+" else first - second
        in_digits = [part.isdigit() for part in (*text.split()[::2], answer.strip())]
        assert answer == f" {result if in_digits[0] else number_in_words(result)}"
        mixed += in_digits[0] != in_digits[1]
        assert (first, sign, second) not in held_out
    assert mixed / len(sums) == pytest.approx(practice.MIXED_SHARE, abs=0.02)
    assert len({text for text, _ in sums}) > 5000


def test_drawn_sums_reach_from_the_least_to_the_largest():
    rng = random.Random(0)
    drawn = [practice.draw_sum(rng, least=21) for _ in range(5000)]
    whole = {max(first, result) for first, _, _, result in drawn}
    assert whole == set(range(21, practice.LARGEST + 1))
    for first, sign, second, result in drawn:
        assert result == (first + second if sign == "+" else first - second) > 0 < second


def test_contrasts_name_both_words_of_each_pair_in_either_order_and_ask_no_task():
    sentences = set(
        re.split(r"(?<=[.?]) (?=[A-Z])", " ".join(practice.contrast_texts(12_000, seed=1)))
    )
    expected = {
        form.format(one=one, other=other)
        for form in practice.CONTRASTS
        for pair in zip(words("opposite"), words("opposite", 1), strict=True)
        for one, other in (pair, pair[::-1])
    }
    assert sentences == expected
    assert not [sentence for sentence in sentences if "opposite" in sentence.lower()]
