"""Windows by hand, against the plain loop of the lecture, resuming, and files larger than memory."""

import itertools
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.texts.loaders import TokenWindows, create_loader, read_tokens, write_tokens


def windows_with_a_loop(tokens, context_length, stride):
    """The sliding window as lecture 9 writes it."""
    pairs = []
    for start in range(0, len(tokens) - context_length, stride):
        inputs = tokens[start : start + context_length]
        pairs.append((inputs, tokens[start + 1 : start + context_length + 1]))
    return pairs


def as_lists(batches):
    return [(inputs.tolist(), targets.tolist()) for inputs, targets in batches]


def endless(loader):
    while True:
        yield from loader


# --- windows ----------------------------------------------------------------------------------


def test_windows_by_hand():
    windows = TokenWindows([5, 6, 7, 8, 9, 10], context_length=3, stride=2)
    assert len(windows) == 2
    assert as_lists(windows) == [([5, 6, 7], [6, 7, 8]), ([7, 8, 9], [8, 9, 10])]
    assert windows[0][0].dtype == torch.int64


@given(
    tokens=st.lists(st.integers(0, 70_000), min_size=2, max_size=60),
    context_length=st.integers(1, 20),
    stride=st.integers(1, 25),
)
def test_windows_equal_the_loop(tokens, context_length, stride):
    if len(tokens) <= context_length:
        with pytest.raises(ValueError, match="too few"):
            TokenWindows(tokens, context_length, stride)
        return
    expected = windows_with_a_loop(tokens, context_length, stride)
    assert as_lists(TokenWindows(tokens, context_length, stride)) == expected
    if stride == context_length:
        assert len(TokenWindows(tokens, context_length)) == len(expected)


@pytest.mark.parametrize(
    "tokens",
    [
        list(range(50)),
        tuple(range(50)),
        range(50),
        torch.arange(50),
        np.arange(50, dtype=np.uint16),
        np.arange(50, dtype=np.int32),
    ],
)
def test_every_kind_of_row_gives_the_same_windows(tokens):
    inputs, targets = next(iter(create_loader(tokens, 8, 4, shuffle=False)))
    assert inputs.dtype == targets.dtype == torch.int64
    assert inputs.is_contiguous() and targets.is_contiguous()
    assert inputs[1].tolist() == list(range(8, 16)) and targets[1].tolist() == list(range(9, 17))


def test_torch_data_loader_takes_the_windows():
    windows = TokenWindows(torch.arange(100), 8)
    theirs = torch.utils.data.DataLoader(windows, batch_size=4, drop_last=True)
    assert as_lists(theirs) == as_lists(create_loader(torch.arange(100), 8, 4, shuffle=False))


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (dict(tokens=[1, 2, 3], context_length=3), ValueError, "3 tokens are too few.*3.*4"),
        (dict(tokens=[], context_length=1), ValueError, "0 tokens"),
        (dict(tokens=[1, 2, 3], context_length=0), ValueError, "context_length.*0"),
        (dict(tokens=[1, 2, 3], context_length=1, stride=0), ValueError, "stride.*0"),
        (dict(tokens=[1, 2, -3], context_length=1), ValueError, "-3 is below 0"),
        (dict(tokens=[1, 2, 9], context_length=1, vocab_size=9), ValueError, "9 .* 9"),
        (dict(tokens=[1.5, 2, 3], context_length=1), TypeError, "integer"),
        (dict(tokens="abc", context_length=1), TypeError, "str"),
        (dict(tokens=torch.rand(5), context_length=1), TypeError, "integers"),
        (
            dict(tokens=torch.ones(2, 5, dtype=torch.long), context_length=1),
            ValueError,
            "one dimension",
        ),
    ],
)
def test_bad_rows_are_refused(arguments, error, match):
    with pytest.raises(error, match=match):
        TokenWindows(**arguments)


def test_an_index_past_the_end():
    windows = TokenWindows(range(10), 3)
    assert windows[-1][0].tolist() == windows[len(windows) - 1][0].tolist()
    for index in (3, -4):
        with pytest.raises(IndexError, match="of 3"):
            windows[index]


# --- batches ----------------------------------------------------------------------------------


def test_an_epoch_visits_every_window_once():
    loader = create_loader(range(101), 10, 3, drop_last=False, seed=4)
    starts = [row[0] for inputs, _ in as_lists(loader) for row in inputs]
    assert sorted(starts) == list(range(0, 100, 10)) and starts != sorted(starts)
    assert len(loader) == 4 and loader.epoch == 1


def test_drop_last():
    assert [len(inputs) for inputs, _ in create_loader(range(101), 10, 3)] == [3, 3, 3]
    assert len(create_loader(range(101), 10, 3)) == 3
    with pytest.raises(ValueError, match="10 windows do not fill one batch of 11"):
        create_loader(range(101), 10, 11)
    assert len(create_loader(range(101), 10, 11, drop_last=False)) == 1
    with pytest.raises(ValueError, match="batch_size.*0"):
        create_loader(range(101), 10, 0)


def test_each_epoch_and_seed_has_its_own_order():
    loader = create_loader(range(401), 10, 4, seed=1)
    first, second = as_lists(loader), as_lists(loader)
    assert first != second
    assert as_lists(create_loader(range(401), 10, 4, seed=1)) == first
    assert as_lists(create_loader(range(401), 10, 4, seed=2)) not in (first, second)


def test_the_order_is_the_same_on_every_machine():
    loader = create_loader(range(9), 1, 1, seed=123)
    assert loader.order(0).tolist() == [3, 0, 5, 4, 1, 7, 2, 6]
    assert loader.order(1).tolist() == [2, 7, 4, 3, 1, 5, 6, 0]


def test_starting_again_begins_the_same_epoch_anew():
    loader = create_loader(range(401), 10, 4)
    first = as_lists([next(iter(loader))])
    assert as_lists([next(iter(loader))]) == first
    assert as_lists(loader)[0] == first[0] and loader.epoch == 1


@given(stop=st.integers(0, 25), more=st.integers(1, 12))
def test_resuming_gives_the_batches_that_would_have_come(stop, more):
    def new():
        return create_loader(range(401), 10, 4, stride=10, seed=7)  # 10 batches an epoch

    straight = as_lists(itertools.islice(endless(new()), stop + more))
    first = new()
    batches = endless(first)
    for _ in range(stop):
        next(batches)
    second = new()
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert as_lists(itertools.islice(endless(second), more)) == straight[stop:]


def test_a_state_of_other_data_is_refused():
    state = create_loader(range(401), 10, 4, seed=7).state_dict()
    for change in (
        dict(seed=8),
        dict(batch_size=5),
        dict(context_length=9),
        dict(tokens=range(500)),
        dict(shuffle=False),
    ):
        arguments = dict(tokens=range(401), context_length=10, batch_size=4, seed=7) | change
        with pytest.raises(ValueError, match="the saved loader had"):
            create_loader(**arguments).load_state_dict(state)
    loader = create_loader(range(401), 10, 4, seed=7)
    for bad in (dict(position=11), dict(position=-1), dict(epoch=-1), dict(epoch=None)):
        with pytest.raises(ValueError, match="position|epoch"):
            loader.load_state_dict(state | bad)
    with pytest.raises(ValueError, match="had windows None"):
        loader.load_state_dict({})


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vocab_size", "bytes_each"), [(300, 2), (65_536, 2), (65_537, 4), (None, 4)]
)
def test_files_round_trip(tmp_path, vocab_size, bytes_each):
    ids = np.random.default_rng(0).integers(0, min(vocab_size or 2**32, 2**32), 5000)
    path = tmp_path / "tokens.npy"
    assert write_tokens(path, (int(number) for number in ids), vocab_size) == 5000
    tokens = read_tokens(path)
    assert isinstance(tokens, np.memmap) and tokens.itemsize == bytes_each
    assert (tokens == ids).all()
    assert [file.name for file in tmp_path.iterdir()] == ["tokens.npy"]


def test_files_in_many_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr("helpers.texts.loaders._CHUNK", 7)
    for number, ids in enumerate((range(100), torch.arange(100), iter(range(100)))):
        write_tokens(tmp_path / f"{number}.npy", ids, 100)
        assert read_tokens(tmp_path / f"{number}.npy").tolist() == list(range(100))


def test_a_loader_reads_a_file_as_it_reads_a_list(tmp_path):
    ids = np.random.default_rng(1).integers(0, 50_257, 3000)
    write_tokens(tmp_path / "tokens.npy", ids, 50_257)
    from_file = create_loader(read_tokens(tmp_path / "tokens.npy"), 16, 8, seed=3)
    assert isinstance(from_file.windows.tokens, np.memmap)
    assert as_lists(from_file) == as_lists(create_loader(ids.tolist(), 16, 8, seed=3))


@pytest.mark.parametrize(
    ("ids", "vocab_size", "error", "match"),
    [
        ([], None, ValueError, "no token ids"),
        ([1, 2, 300], 300, ValueError, "300 is not below the limit of 300"),
        ([1, -1], 300, ValueError, "-1 is below 0"),
        ([2**32], None, ValueError, "4294967296"),
        ([1.0], None, TypeError, "integer"),
        (np.array([1.0]), None, TypeError, "integers"),
        ("text", None, TypeError, "integers"),
    ],
)
def test_bad_ids_leave_no_file(tmp_path, ids, vocab_size, error, match):
    with pytest.raises(error, match=match):
        write_tokens(tmp_path / "tokens.npy", ids, vocab_size)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "tokens.npy"
    write_tokens(path, range(10))

    def stopped():
        yield 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_tokens(path, stopped())
    assert read_tokens(path).tolist() == list(range(10))
    assert list(tmp_path.iterdir()) == [path]


def test_foreign_and_broken_files_are_refused(tmp_path):
    write_tokens(tmp_path / "whole.npy", range(1000))
    whole = (tmp_path / "whole.npy").read_bytes()
    np.save(tmp_path / "table.npy", np.zeros((3, 3), dtype=np.uint16))
    np.save(tmp_path / "floats.npy", np.zeros(3))
    np.savez(tmp_path / "many.npz", a=np.zeros(3))
    (tmp_path / "cut.npy").write_bytes(whole[:-100])
    (tmp_path / "head.npy").write_bytes(whole[:40])
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "text.npy").write_text("hello")
    for name in (
        "table.npy",
        "floats.npy",
        "many.npz",
        "cut.npy",
        "head.npy",
        "empty.npy",
        "text.npy",
    ):
        with pytest.raises(ValueError, match="token"):
            read_tokens(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_tokens(tmp_path / "missing.npy")
