"""The programs without a language model that the chat model is held against."""

import pytest
import torch

from tools.makers.wording_controls import Wordings, accuracies, features

LEARNED = [
    ("what is a token", "A"), ("tokens explained", "A"), ("define token", "A"),
    ("what is attention", "B"), ("attention explained", "B"), ("define attention", "B"),
]  # fmt: skip


def test_both_find_the_answer_of_a_misspelled_wording():
    asked = [("tokns pls", "A"), ("attntion", "B"), ("attention", "B"), ("token", "A")]
    assert accuracies(LEARNED, asked) == {"nearest": 1.0, "linear": 1.0}


def test_wrong_labels_count_as_wrong():
    found = accuracies(LEARNED, [("token", "B"), ("token", "A")])
    assert found == {"nearest": 0.5, "linear": 0.5}


def test_words_alone_do_not_see_through_a_typo():
    assert accuracies(LEARNED, [("attenti attenti", "B")], letters=True)["linear"] == 1.0
    assert "<attenti>" in features("attenti") and features("attenti", letters=False) == {
        "<attenti>"
    }


def test_rows_have_length_1_and_an_unknown_wording_none():
    rows = Wordings(LEARNED).rows([*LEARNED, ("xyz", "A")]).to_dense()
    assert rows.norm(dim=1).tolist() == pytest.approx([1.0] * 6 + [0.0], abs=1e-5)
    assert torch.equal(rows, Wordings(LEARNED).rows([*LEARNED, ("xyz", "A")]).to_dense())
