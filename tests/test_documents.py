"""Whole documents in rows: nothing lost, padding uncounted, the same order again."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.config import PRESETS
from helpers.fast.head_loss import IGNORED
from helpers.model import GPT
from helpers.runs.run import Run
from helpers.texts.documents import DocumentLoader
from helpers.train import TrainConfig, evaluate_loss, train

DOCUMENTS = [[5, 6, 7], [8], [9, 10], [11, 12, 13, 14], [15, 16]]


def documents_of(loader):
    """The documents that one epoch hands out, read back from its targets."""
    seen = []
    for inputs, targets in loader:
        assert inputs.shape == targets.shape
        for row_in, row_out in zip(inputs.tolist(), targets.tolist(), strict=True):
            ids = [token for token in row_out if token != IGNORED]
            assert ids[-1] == 0 and row_in[0] == 0
            assert row_in[1 : len(ids)] == ids[:-1]
            assert all(token == 0 for token in row_in[len(ids) :])
            seen.append(ids[:-1])
    return seen


@given(
    st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=9), min_size=1, max_size=40),
    st.integers(1, 5),
)
def test_an_epoch_holds_every_document_once(documents, batch_size):
    loader = DocumentLoader(documents, end_id=0, batch_size=batch_size, drop_last=False)
    assert sorted(documents_of(loader)) == sorted(documents)
    assert loader.epoch == 1


def test_rows_are_rounded_up_with_padding():
    loader = DocumentLoader(DOCUMENTS, 0, 2, drop_last=False, round_to=8)
    assert {inputs.shape[1] for inputs, _ in loader} == {8}
    assert sorted(documents_of(loader)) == sorted(DOCUMENTS)


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=60),
    st.integers(1, 9),
    st.booleans(),
    st.sampled_from([1, 8]),
)
def test_batches_of_so_many_tokens_hold_every_document_once(lengths, batch_size, shuffle, round_to):
    documents = [[1 + i % 30] * length for i, length in enumerate(lengths)]
    options = dict(batch_tokens=96, shuffle=shuffle, round_to=round_to)
    loader = DocumentLoader(documents, 0, batch_size, drop_last=False, **options)
    n_batches, shapes = len(loader), [inputs.shape for inputs, _ in loader]
    assert len(shapes) == n_batches
    assert all(rows * places <= 96 and rows <= batch_size for rows, places in shapes)
    assert sorted(documents_of(loader)) == sorted(documents)


@pytest.mark.parametrize("batch_tokens", [None, 96])
def test_the_first_documents_come_before_all_others(batch_tokens):
    documents = [[1 + i % 7] * (1 + i % 9) for i in range(50)]
    first = [i % 4 == 1 for i in range(50)]
    options = dict(drop_last=False, round_to=8, batch_tokens=batch_tokens)
    loader = DocumentLoader(documents, 0, 4, first=first, **options)
    n_batches, seen = len(loader), documents_of(loader)
    assert len(loader._batches(0)) == n_batches
    wanted = sorted(each for each, mark in zip(documents, first, strict=True) if mark)
    assert sorted(seen[: len(wanted)]) == wanted
    assert sorted(seen) == sorted(documents)
    with pytest.raises(ValueError, match="first has 1 values, documents 50"):
        DocumentLoader(documents, 0, 4, first=[True])


def test_long_documents_come_in_small_batches():
    documents = [[1] * 15] * 32 + [[2] * 63] * 8
    loader = DocumentLoader(documents, 0, 16, batch_tokens=128)
    assert sorted(inputs.shape for inputs, _ in loader) == [(2, 64)] * 4 + [(8, 16)] * 4
    with pytest.raises(ValueError, match="batch_tokens is 63; it must be 64 or more"):
        DocumentLoader(documents, 0, 16, batch_tokens=63)


def test_without_shuffling_the_order_stays():
    loader = DocumentLoader(DOCUMENTS, 0, 2, shuffle=False, drop_last=False)
    assert documents_of(loader) == DOCUMENTS


def test_it_goes_on_with_the_very_next_batch():
    def fresh():
        return DocumentLoader(DOCUMENTS * 10, end_id=0, batch_size=4, seed=3)

    reference = [inputs.tolist() for inputs, _ in fresh()]
    loader = fresh()
    batches = iter(loader)
    first = [next(batches)[0].tolist() for _ in range(5)]
    resumed = fresh()
    resumed.load_state_dict(loader.state_dict())
    assert first + [inputs.tolist() for inputs, _ in resumed] == reference
    with pytest.raises(ValueError, match="seed"):
        DocumentLoader(DOCUMENTS * 10, 0, 4, seed=4).load_state_dict(loader.state_dict())


def test_another_epoch_has_another_order():
    loader = DocumentLoader(DOCUMENTS * 10, end_id=0, batch_size=4)
    assert documents_of(loader) != documents_of(loader)


@pytest.mark.parametrize(
    ("documents", "batch_size", "message"),
    [
        (DOCUMENTS, 0, "batch_size"),
        (DOCUMENTS, 6, "do not fill"),
        ([], 1, "do not fill"),
        ([[1], []], 1, "document 1"),
    ],
)
def test_bad_input_is_named(documents, batch_size, message):
    with pytest.raises(ValueError, match=message):
        DocumentLoader(documents, 0, batch_size)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_model_trains_on_documents_and_resumes_bit_for_bit(tmp_path, optimizer):
    documents = [np.arange(1, 6) + 10 * (i % 3) for i in range(64)]
    held_out = DocumentLoader(documents[:9], 0, 4, shuffle=False, drop_last=False)
    settings = dict(batch_size=8, warmup_steps=5, evaluate_every=30, optimizer=optimizer)
    rate = {"adamw": 3e-3, "muon": 0.02}[optimizer]

    def run(steps_before_stop, folder, resume=False):
        torch.manual_seed(0)
        model = GPT(PRESETS["tiny"])
        config = TrainConfig(steps=60, learning_rate=rate, checkpoint_every=30, **settings)
        loader = DocumentLoader(documents, 0, 8)
        history = train(model, loader, held_out, config, Run(folder, resume=resume, progress=False))
        return model, history

    model, history = run(60, tmp_path / "a")
    assert evaluate_loss(model, held_out) == pytest.approx(history.validation_losses[-1])
    assert history.validation_losses[-1] < 0.5 < history.validation_losses[0] + 0.5
    newest = sorted((tmp_path / "a").glob("step-*"))
    for path in newest[-1].iterdir():
        path.unlink()
    newest[-1].rmdir()
    again, resumed = run(60, tmp_path / "a", resume=True)
    assert resumed.train_losses == history.train_losses
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_only_what_is_scored_counts():
    marks = [[False, True, True], [True, False]]
    loader = DocumentLoader([[5, 6], [7]], 0, 2, shuffle=False, scored=marks)
    inputs, targets = next(iter(loader))
    assert inputs.tolist() == [[0, 5, 6], [0, 7, 0]]
    assert targets.tolist() == [[-100, 6, 0], [7, -100, -100]]
    with pytest.raises(ValueError, match="a value for each token"):
        DocumentLoader([[5, 6], [7]], 0, 2, scored=[[True, True], [True, True]])
