"""The linear layer's other ways: the same product and gradients, and each only where it is meant."""

import math
from unittest import mock

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.testing import assert_close

from helpers.fast import products
from helpers.fast.products import by_convolution, linear, of_few_rows, of_one_row

lengths = st.lists(st.integers(1, 9), min_size=1, max_size=3)
sizes = st.integers(1, 40)


@pytest.fixture(params=["plain", "tiles", "halved", "late"])
def processor(request, monkeypatch):
    """The kinds of processor, as far as they choose a way; none changes what comes out."""
    rows = range(1, 65 if request.param == "tiles" else 1)
    monkeypatch.setitem(products.FEW_ROWS, torch.bfloat16, rows)
    monkeypatch.setitem(products.FEW_ROWS, torch.float32, range(1, 33))
    monkeypatch.setattr(products, "MKL_USES_HALF", request.param == "halved")
    monkeypatch.setattr(products, "BIAS_IS_SLOW", request.param == "late")
    for dtype in products.LEAST_MULTIPLICATIONS:
        monkeypatch.setitem(products.LEAST_MULTIPLICATIONS, dtype, 2000)
    return request.param


def a_product(shape, out, bias, dtype=torch.float32):
    torch.manual_seed(0)
    x, weight = torch.randn(shape, dtype=dtype), torch.randn(out, shape[-1], dtype=dtype)
    return x, weight, torch.randn(out, dtype=dtype) if bias else None


def with_gradients(way, *inputs):
    """What comes out, and the gradients of its weighted sum for every input."""
    inputs = [None if each is None else each.clone().requires_grad_() for each in inputs]
    y = way(*inputs)
    weights = torch.linspace(-1, 1, y.numel()).view_as(y)
    wanted = [each for each in inputs if each is not None]
    return [y, *torch.autograd.grad((y * weights).sum(), wanted)]


@settings(deadline=None, max_examples=60)
@given(before=lengths, width=sizes, out=sizes, bias=st.booleans())
def test_a_convolution_is_the_same_product_with_the_same_gradients(before, width, out, bias):
    inputs = a_product((*before, width), out, bias)
    found, wanted = with_gradients(by_convolution, *inputs), with_gradients(F.linear, *inputs)
    error = max(1e-4, 1e-6 * math.prod(before))  # a gradient sums a term for every row
    for ours, theirs in zip(found, wanted, strict=True):
        assert_close(ours, theirs, atol=error, rtol=1e-4)
    assert found[0].is_contiguous()


@settings(deadline=None, max_examples=60)
@given(before=lengths, width=sizes, out=sizes, bias=st.booleans())
def test_few_rows_are_the_same_product(before, width, out, bias):
    inputs = a_product((*before, width), out, bias)
    assert_close(of_few_rows(*inputs), F.linear(*inputs), atol=1e-4, rtol=1e-4)


@settings(deadline=None, max_examples=40)
@given(threads=st.integers(1, 5), width=sizes, out=sizes)
def test_one_row_on_any_number_of_cores(threads, width, out):
    x, weight, _ = a_product((width,), out, False)
    with mock.patch.object(torch, "get_num_threads", lambda: threads):
        assert_close(of_one_row(x, weight), weight @ x, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("dtype, error", [(torch.float32, 1e-4), (torch.bfloat16, 0.1)])
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(1, 70), bias=st.booleans())
def test_every_processor_gives_what_pytorch_gives(processor, dtype, error, rows, bias):
    for shape in ((rows, 24), (rows, 1, 24)):
        inputs = a_product(shape, 7, bias, dtype)
        found, wanted = with_gradients(linear, *inputs), with_gradients(F.linear, *inputs)
        with torch.no_grad():
            found, wanted = [*found, linear(*inputs)], [*wanted, F.linear(*inputs)]
        for ours, theirs in zip(found, wanted, strict=True):
            assert ours.dtype == dtype
            assert_close(ours, theirs, atol=error, rtol=error)


@pytest.mark.parametrize("autocast", [False, True])
def test_each_way_is_taken_where_it_is_meant(processor, autocast, monkeypatch):
    taken = []
    for name in ("of_few_rows", "by_convolution"):
        way = getattr(products, name)
        watched = lambda *inputs, way=way, name=name: taken.append(name) or way(*inputs)  # noqa: E731
        monkeypatch.setattr(products, name, watched)

    def way_of(rows, out, dtype, bias=True, use=False):
        inputs = a_product((rows, 24), out, bias, dtype)
        taken.clear()
        with torch.autocast("cpu", torch.bfloat16, autocast), torch.set_grad_enabled(not use):
            assert linear(*inputs).shape == (rows, out)
        return taken[-1] if taken else "plain"

    wide, half, conv = torch.float32, torch.bfloat16, "by_convolution"
    assert way_of(9, 7, wide, use=True) == "of_few_rows" and way_of(9, 7, wide) == "plain"
    few_halves = "of_few_rows" if processor == "tiles" else "plain"
    assert way_of(9, 7, half, use=True) == few_halves
    assert way_of(70, 30, wide) == (conv if processor == "halved" and not autocast else "plain")
    late = processor == "late"
    assert way_of(70, 80, half) == way_of(70, 80, half, use=True) == (conv if late else "plain")
    assert way_of(70, 60, half) == way_of(70, 80, half, bias=False) == "plain"
    assert late == (way_of(70, 80, wide) == conv) or not autocast


def test_on_other_processors_training_is_pytorchs_to_the_bit(monkeypatch):
    monkeypatch.setattr(products, "MKL_USES_HALF", False)
    monkeypatch.setattr(products, "BIAS_IS_SLOW", False)
    inputs = a_product((512, 256), 256, True)
    for ours, theirs in zip(
        with_gradients(linear, *inputs), with_gradients(F.linear, *inputs), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_no_rows_and_a_wrong_width(processor):
    weight = torch.ones(7, 24)
    assert linear(torch.zeros(0, 24), weight).shape == (0, 7)
    with torch.no_grad():
        for rows in (1, 8, 400):
            with pytest.raises(RuntimeError):
                linear(torch.zeros(rows, 23), weight)
