"""The classifier: padding is invisible, the right token is read, what is frozen stays, and it learns."""

import math

import pytest
import torch

from helpers.bpe import BPETokenizer
from helpers.classifier import (
    TRAINABLE,
    FinetuneConfig,
    TextClassifier,
    accuracy,
    balance,
    choose_trainable,
    classification_loss,
    encode_texts,
    finetune,
    fit_head,
    pad,
    predict,
    split,
    vectors_of,
)
from helpers.config import PRESETS
from helpers.model import GPT

TOKENIZER = BPETokenizer.train("the cat sat on the mat. " * 20, 270, ("<|endoftext|>",))
END = TOKENIZER.special_tokens["<|endoftext|>"]


def small(n_classes=2, seed=0):
    torch.manual_seed(seed)
    return TextClassifier(GPT(PRESETS["tiny"]), n_classes).eval()


def test_padding_changes_nothing():
    classifier = small()
    alone = classifier(torch.tensor([[5, 6, 7]]), torch.tensor([3]))
    ids, lengths = pad([[5, 6, 7], [1, 2, 3, 4, 5, 6]], padding_id=0)
    torch.testing.assert_close(classifier(ids, lengths)[:1], alone)


def test_the_scores_come_from_the_last_real_token():
    classifier = small()
    hidden = classifier.gpt.hidden_states(torch.tensor([[5, 6, 7]]))
    by_hand = hidden[0, 2] @ classifier.head.weight.T + classifier.head.bias
    scores = classifier(torch.tensor([[5, 6, 7, 0]]), torch.tensor([3]))
    torch.testing.assert_close(scores[0], by_hand)


def infinite_slope(model):
    """0, with an infinite slope: the loss is a number, and its gradient is none."""
    return (model.head.bias.sum() * 0).sqrt()


@pytest.mark.parametrize(
    "broken, words",
    [(lambda model: math.nan, "nan at step 2"), (infinite_slope, "gradient .*NaN .*step 2")],
    ids=["loss", "gradient"],
)
def test_nan_stops_with_the_step_and_keeps_the_weights(monkeypatch, broken, words):
    calls, kept, classifier = [], [], small()

    def loss(model, inputs, labels):
        calls.append(1)
        found = classification_loss(model, inputs, labels)
        if len(calls) == 3:
            kept.extend(parameter.detach().clone() for parameter in model.parameters())
            return found + broken(model)
        return found

    monkeypatch.setattr("helpers.classifier.classification_loss", loss)
    rows = [[1, 2, 3], [4, 5, 6]] * 4
    with pytest.raises(FloatingPointError, match=words):
        finetune(classifier, (rows, [0, 1] * 4), None, FinetuneConfig(batch_size=2), progress=False)
    for was, now in zip(kept, classifier.parameters(), strict=True):
        assert torch.equal(was, now) and now.isfinite().all()


def test_texts_are_framed_and_cut():
    rows = encode_texts(TOKENIZER, ["the cat", "", "the mat " * 50], max_tokens=10)
    assert [row[0] for row in rows] == [END] * 3 and [row[-1] for row in rows] == [END] * 3
    assert TOKENIZER.decode(rows[0][1:-1]) == "the cat"
    assert rows[1] == [END, END] and len(rows[2]) == 10
    with pytest.raises(ValueError, match="max_tokens is 2"):
        encode_texts(TOKENIZER, ["the"], 2)


def test_balance_takes_as_many_of_each():
    pairs = [("ham", str(i)) for i in range(50)] + [("spam", str(i)) for i in range(7)]
    kept = balance(pairs, seed=3)
    labels = [label for label, _ in kept]
    assert labels.count("ham") == labels.count("spam") == 7 and set(kept) <= set(pairs)
    assert kept == balance(pairs, seed=3) != balance(pairs, seed=4)
    with pytest.raises(ValueError, match="no texts"):
        balance([])


def test_the_book_s_split_of_1494_messages():
    parts = split(list(range(1494)))
    assert list(map(len, parts)) == [1045, 149, 300] and sum(parts, []) == list(range(1494))
    with pytest.raises(ValueError, match="add up"):
        split([1, 2, 3], (0.5, 0.6))
    with pytest.raises(ValueError, match="too few"):
        split([1, 2])


@pytest.mark.parametrize("part", TRAINABLE)
def test_what_is_frozen_stays(part):
    classifier = choose_trainable(small(), part)
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    rows, labels = [[1, 2, 3], [4, 5, 6]], [0, 1]
    finetune(classifier, (rows, labels), None, FinetuneConfig(epochs=2), progress=False)
    moved = {n for n, value in classifier.state_dict().items() if not torch.equal(value, before[n])}
    assert "head.weight" in moved
    assert ("gpt.token_embedding.weight" in moved) == (part == "everything")
    assert ("gpt.blocks.1.attention.query.weight" in moved) == (part != "head")
    assert ("gpt.blocks.0.attention.query.weight" in moved) == (part == "everything")


def test_it_learns_a_word_and_repeats_itself():
    texts = ["the cat sat", "the mat sat", "on the cat", "on the mat"] * 4
    labels = [int("cat" in text) for text in texts]
    rows = encode_texts(TOKENIZER, texts, 10)
    runs = []
    for _ in range(2):
        classifier = small()
        config = FinetuneConfig(epochs=15, batch_size=4, learning_rate=3e-3)
        history = finetune(classifier, (rows, labels), (rows, labels), config, progress=False)
        runs.append(history.losses)
    assert runs[0] == runs[1] and len(runs[0]) == 60 and len(history.validation_accuracy) == 15
    assert accuracy(classifier, rows, labels) == 1.0 == history.training_accuracy[-1]


def test_predictions_keep_their_order():
    classifier = small(3)
    rows = [[1, 2, 3, 4, 5], [6], [7, 8]]
    together = predict(classifier, rows, batch_size=2)
    assert together.shape == (3, 3)
    torch.testing.assert_close(together.sum(dim=1), torch.ones(3))
    for row, probabilities in zip(rows, together, strict=True):
        torch.testing.assert_close(predict(classifier, [row])[0], probabilities)


def test_it_predicts_in_half_precision():
    classifier = small()
    rows = [[1, 2, 3], [4, 5]]
    with torch.autocast("cpu", torch.bfloat16):
        half = predict(classifier, rows)
    torch.testing.assert_close(half, predict(classifier, rows), atol=0.02, rtol=0.02)


def test_bad_input_is_refused():
    config, rows = FinetuneConfig(epochs=1), [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match="n_classes is 1"):
        small(1)
    with pytest.raises(ValueError, match="label is 2; it must be 0 to 1"):
        finetune(small(), (rows, [0, 2]), None, config)
    with pytest.raises(ValueError, match="2 texts have 1 labels"):
        finetune(small(), (rows, [0]), None, config)
    with pytest.raises(ValueError, match="no texts to learn"):
        finetune(small(), ([], []), None, config)
    with pytest.raises(ValueError, match="no texts to classify"):
        predict(small(), [])
    with pytest.raises(ValueError, match="unknown part"):
        choose_trainable(small(), "nose")
    with pytest.raises(ValueError, match="epochs is 0"):
        FinetuneConfig(epochs=0)
    with pytest.raises(ValueError, match="learning_rate"):
        FinetuneConfig(learning_rate=0)


def test_vectors_are_those_of_each_text_alone():
    gpt = small().gpt
    rows = [[5, 6, 7], [1, 2, 3, 4, 5, 6], [8]]
    alone = [gpt.hidden_states(torch.tensor([row]))[0, -1] for row in rows]
    torch.testing.assert_close(vectors_of(gpt, rows, batch_size=2), torch.stack(alone))
    with pytest.raises(ValueError, match="no texts"):
        vectors_of(gpt, [])


def test_a_head_finds_the_dimension_that_decides():
    torch.manual_seed(0)
    vectors = torch.randn(300, 20) * torch.linspace(0.1, 5, 20) + 3
    labels = (vectors[:, 4] > 3).int().tolist()
    head = fit_head(vectors[:200], labels[:200], decay=1e-3)
    said = head(vectors[200:]).argmax(dim=-1)
    assert (said == torch.tensor(labels[200:])).float().mean() > 0.9
    assert fit_head(vectors[:200], [label * 2 for label in labels[:200]]).out_features == 3


def test_a_head_needs_a_label_per_vector_and_two_classes():
    for labels in ([0, 1], [1, 1, 1]):
        with pytest.raises(ValueError, match="two different"):
            fit_head(torch.zeros(3, 2), labels)


def test_more_decay_means_smaller_weights():
    vectors = torch.tensor([[0.0, 1.0], [0.2, 0.9], [1.0, 0.1], [0.9, 0.0]])
    sizes = [fit_head(vectors, [0, 0, 1, 1], decay).weight.norm() for decay in (1e-3, 1e-1, 10)]
    assert sizes[0] > sizes[1] > sizes[2]
