"""Who owes whom: each text has its twin, nothing held out is in training, and counting is at chance."""

import re
from collections import Counter

import pytest

from classroom.worlds import debts, tales
from helpers.baselines import NaiveBayes, words_and_signs
from helpers.chat import BASE_MODEL
from helpers.checkpoint import load_model


@pytest.fixture(scope="module")
def drawn():
    return {split: debts.sample(600, seed=7, split=split) for split in debts.SPLITS}


def bag(text, longest=1):
    words = words_and_signs(text)
    return Counter(
        tuple(words[start : start + n])
        for n in range(1, longest + 1)
        for start in range(len(words) - n + 1)
    )


def test_the_same_seed_gives_the_same_texts(drawn):
    assert debts.sample(600, seed=7, split="test") == drawn["test"]
    assert debts.sample(600, seed=8, split="test") != drawn["test"]


@pytest.mark.parametrize(("n", "split", "words"), [(3, "train", "even"), (-2, "train", "even"), (2, "exam", "exam")])  # fmt: skip
def test_wrong_arguments_are_named(n, split, words):
    with pytest.raises(ValueError, match=words):
        debts.sample(n, 0, split)


def test_each_text_has_its_twin_of_the_same_words_and_the_other_label(drawn):
    for texts in drawn.values():
        for one, twin in zip(texts[::2], texts[1::2], strict=True):
            assert one.text != twin.text and bag(one.text) == bag(twin.text)
            assert {one.label, twin.label} == set(debts.LABELS)


def test_names_and_sentences_of_a_split_are_its_own():
    for lists in (debts.GIRLS, debts.BOYS):
        names = [name for split in debts.SPLITS for name in lists[split].split()]
        assert len(set(names)) == len(names)
    forms = [form for split in debts.SPLITS for form in debts.LOANS[split]]
    assert len(set(forms)) == len(forms)


def test_known_n_grams_are_those_of_the_twin(drawn):
    """No n-gram model can tell a held-out text from its twin: what it knows of both is equal."""
    known = set().union(*(bag(debt.text, 9) for debt in drawn["train"]))
    for split in ("validation", "test"):
        for one, twin in zip(drawn[split][::2], drawn[split][1::2], strict=True):
            first, second = (
                Counter({gram: n for gram, n in bag(debt.text, 9).items() if gram in known})
                for debt in (one, twin)
            )
            assert first == second


@pytest.mark.parametrize("longest", [1, 2, 3])
def test_counting_is_at_chance(drawn, longest):
    texts, labels = zip(
        *((debt.text, int(debt.label == "she")) for debt in drawn["train"]), strict=True
    )
    bayes = NaiveBayes(texts, labels, longest)
    said = bayes.predict([debt.text for debt in drawn["test"]])
    assert (
        sum(a == (debt.label == "she") for a, debt in zip(said, drawn["test"], strict=True)) == 300
    )


def test_the_label_by_hand():
    """The lender is named first, so the second of the two names owes."""
    for split in debts.SPLITS:
        girls, boys = debts.GIRLS[split].split(), debts.BOYS[split].split()
        for debt in debts.sample(400, 3, split):
            first, second = re.findall("|".join(girls + boys), debt.text)
            assert (first in girls) != (second in girls)
            assert debt.label == ("she" if second in girls else "he"), debt


def test_the_task_is_absent_from_the_tales_and_its_names_are_not():
    read = " ".join(tales.sample(400, seed=1))
    assert not re.search(r"\b(lent|lend|owes?|owed)\b", read)
    _, tokenizer = load_model(BASE_MODEL)
    names = " ".join(" ".join(lists.values()) for lists in (debts.GIRLS, debts.BOYS)).split()
    assert [name for name in names if len(tokenizer.encode_ordinary(f" {name}")) != 1] == []
