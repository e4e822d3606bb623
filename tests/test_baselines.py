"""The filters without a network: by hand, and on the inbox."""

import math

import pytest

from classroom.worlds import inbox
from helpers.baselines import KeywordRule, NaiveBayes, n_grams, words_and_signs


def test_words_numbers_and_signs():
    assert words_and_signs("Don't pay $1,200!") == ["don't", "pay", "$", "0", ",", "0", "!"]


def test_naive_bayes_by_hand():
    bayes = NaiveBayes(["free money", "free tea", "tea now"], [1, 0, 0])
    # vocabulary: free money tea now (4). Class 1: 2 words, class 0: 4 words.
    scores = bayes.scores("free money unknown")
    assert scores[1] == pytest.approx(math.log(1) + math.log(2 / 6) + math.log(2 / 6))
    assert scores[0] == pytest.approx(math.log(2) + math.log(2 / 8) + math.log(1 / 8))
    assert bayes.predict(["free money"]) == [1]


def test_what_they_are_worth_on_the_inbox():
    messages = {split: inbox.sample(1500, 5, split) for split in ("train", "test")}
    texts = {split: [m.text for m in part] for split, part in messages.items()}
    labels = {split: [int(m.label == "spam") for m in part] for split, part in messages.items()}

    def right(filter_):
        said = filter_.predict(texts["test"])
        return sum(a == b for a, b in zip(said, labels["test"], strict=True)) / len(said)

    assert 0.4 < right(KeywordRule()) < 0.8
    assert right(KeywordRule()) < right(NaiveBayes(texts["train"], labels["train"])) < 0.95


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="0 texts"):
        NaiveBayes([], [])
    with pytest.raises(ValueError, match="1 texts and 2 labels"):
        NaiveBayes(["a"], [0, 1])


def test_runs_of_words_see_the_order():
    texts, labels = ["mia lent tom", "tom lent mia"] * 2, [1, 0] * 2
    assert (
        NaiveBayes(texts, labels).scores(texts[0])[1]
        == NaiveBayes(texts, labels).scores(texts[1])[1]
    )
    assert NaiveBayes(texts, labels, longest=2).predict(texts) == labels
    assert n_grams("a b c", 3) == ["a", "b", "c", "a b", "b c", "a b c"]
