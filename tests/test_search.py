"""Search: BM25 worked by hand, ranks, and the passages of the notes."""

import math
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from classroom.worlds.passages import NOTES, note_passages
from helpers.evaluate import words_of
from helpers.family.search import BM25, best_places, fuse
from tools.lectures import read_map

PASSAGES = ["the old key opens the door", "the door is red", "a red fox", "a fox and a fox"]
# 6, 4, 3 and 5 words: 4.5 on average
THE = math.log(1 + (4 - 2 + 0.5) / (2 + 0.5))  # ln 2: in two of four passages
KEY = math.log(1 + (4 - 1 + 0.5) / (1 + 0.5))  # ln 10/3: in one


def test_bm25_by_hand():
    """`the` is twice in the first passage of 6 words and once in the second of 4, `key` once."""
    first, second = 1.2 * (0.25 + 0.75 * 6 / 4.5), 1.2 * (0.25 + 0.75 * 4 / 4.5)
    assert (first, second) == pytest.approx((1.5, 1.1))
    expected = [
        THE * 2 * 2.2 / (2 + 1.5) + KEY * 1 * 2.2 / (1 + 1.5),
        THE * 1 * 2.2 / (1 + 1.1),
        0.0,
        0.0,
    ]
    assert expected[:2] == pytest.approx([1.9309, 0.7261], abs=1e-4)
    assert BM25(PASSAGES).scores("The key, the KEY!").tolist() == pytest.approx(expected)


def test_a_second_occurrence_is_worth_less():
    scores = BM25(["fox bird bird", "fox fox bird", "fox fox fox"], b=0.0).scores("fox")
    assert scores[2] - scores[1] < scores[1] - scores[0]


def test_length_counts_by_b():
    texts = ["fox", "fox and much else besides"]
    assert BM25(texts, b=0.0).scores("fox").unique().numel() == 1
    short, long = BM25(texts).scores("fox")
    assert short > long


def test_a_rare_word_weighs_more_and_a_common_one_still_something():
    index = BM25(["a red fox", "a red bird", "a blue bird"])
    assert (
        index.weight("never") > index.weight("blue") > index.weight("red") > index.weight("a") > 0
    )


def straight(passages, question, k1=1.2, b=0.75):
    """The formula, one word after another, from the texts themselves."""
    texts = [words_of(passage) for passage in passages]
    mean = sum(map(len, texts)) / len(texts)
    scores = []
    for text in texts:
        score = 0.0
        for word in set(words_of(question)):
            n = sum(word in other for other in texts)
            idf = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
            count = text.count(word)
            score += idf * count * (k1 + 1) / (count + k1 * (1 - b + b * len(text) / mean))
        scores.append(score)
    return scores


LINES = st.lists(st.sampled_from("red fox key door the a".split()), max_size=8).map(" ".join)


@given(st.lists(LINES, min_size=1, max_size=6).filter(any), LINES)
def test_bm25_is_its_formula(passages, question):
    assert BM25(passages).scores(question).tolist() == pytest.approx(straight(passages, question))


def test_texts_without_words_are_refused():
    for passages in ([], ["", "?!"]):
        with pytest.raises(ValueError, match="no word"):
            BM25(passages)


def test_best_gives_the_earlier_of_equals():
    assert best_places(torch.tensor([1.0, 3.0, 3.0, 2.0]), k=9) == [1, 2, 3, 0]
    assert best_places(torch.zeros(100), k=3) == [0, 1, 2]


def test_fusing_by_hand():
    """Ranks 1, 2, 3 and 2, 3, 1: only places count, not how far apart the scores are."""
    fused = fuse(torch.tensor([100.0, 2.0, 1.0]), torch.tensor([0.2, 0.1, 0.3]))
    assert fused.tolist() == pytest.approx([1 / 61 + 1 / 62, 1 / 62 + 1 / 63, 1 / 63 + 1 / 61])
    assert fuse(torch.tensor([0.3, 0.9])).tolist() == pytest.approx([1 / 62, 1 / 61])


def test_passages_are_prose_of_every_note():
    passages = note_passages()
    assert {passage.lecture for passage in passages} == {int(note.number) for note in read_map()}
    left = [p.text[:60] for p in passages if re.search(r"<!--|```|\]\(|\*\*|>>>|arxiv", p.text)]
    assert not left
    assert all(p.text.strip() and p.title in (NOTES.glob(f"{p.lecture:02}_*").__next__()).read_text("utf-8")
               for p in passages)  # fmt: skip


def test_passages_are_not_cut_where_it_hurts():
    """An answer stays with its question, a mistake is alone, and a heading goes with what is below."""
    passages = [p for p in note_passages(100) if p.lecture == 4]
    questions = [p for p in passages if p.section == "Interview questions"]
    assert all(
        re.match(r"Q\d+\. ", p.text) and len(re.findall(r"Q\d\. ", p.text)) == 1 for p in questions
    )
    mistakes = [p for p in passages if p.section == "What people get wrong"]
    assert all(p.text.startswith('"') for p in mistakes)
    assert {"One half is enough", "Two sets that overlap"} <= {p.section for p in passages}
    assert not any(p.text.startswith("One half is enough") for p in passages)


def test_passages_keep_every_paragraph_and_their_size():
    """More words a passage, fewer passages, and the same text in the same order."""
    alone, joined = note_passages(1), note_passages(150)
    assert len(alone) > len(joined) > 44
    assert " ".join(p.text for p in alone) == " ".join(p.text for p in joined)
    singles = {p.text for p in alone}
    long = [p.text for p in joined if len(p.text.split()) > 300]
    assert all(text in singles for text in long)
    with pytest.raises(ValueError, match="0"):
        note_passages(0)
