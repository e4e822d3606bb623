"""The linear layer's other ways: the same product and gradients, and each only where it is meant."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.testing import assert_close

from helpers import products
from helpers.products import by_convolution, linear, of_few_rows

lengths = st.lists(st.integers(1, 9), min_size=1, max_size=3)
sizes = st.integers(1, 40)


@pytest.fixture(params=["plain", "tiles", "halved"])
def processor(request, monkeypatch):
    """The three kinds of processor, as far as they choose a way; none changes what comes out."""
    rows = range(1, 65 if request.param == "tiles" else 1)
    monkeypatch.setitem(products.FEW_ROWS, torch.bfloat16, rows)
    monkeypatch.setattr(products, "HALF_USED", request.param == "halved")
    monkeypatch.setattr(products, "MANY", 2000)
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
    for ours, theirs in zip(found, wanted, strict=True):
        assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    assert found[0].is_contiguous()


@settings(deadline=None, max_examples=60)
@given(before=lengths, width=sizes, out=sizes, bias=st.booleans())
def test_few_rows_are_the_same_product(before, width, out, bias):
    inputs = a_product((*before, width), out, bias)
    assert_close(of_few_rows(*inputs), F.linear(*inputs), atol=1e-4, rtol=1e-4)


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


def test_each_way_is_taken_where_it_is_meant(processor, monkeypatch):
    taken = []
    for name in ("of_few_rows", "by_convolution"):
        way = getattr(products, name)
        watched = lambda *inputs, way=way, name=name: taken.append(name) or way(*inputs)  # noqa: E731
        monkeypatch.setattr(products, name, watched)
    few, many = a_product((9, 24), 7, True), a_product((70, 24), 7, True)
    half = a_product((9, 24), 7, True, torch.bfloat16)
    with torch.no_grad():
        for inputs in (few, half, many):
            linear(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        linear(*many)
    linear(*few)  # gradients are wanted, and it is too small to be worth a convolution
    few_ways = ["of_few_rows"] * (2 if processor == "tiles" else 1)
    assert taken == few_ways + ["by_convolution"] * (processor == "halved")


def test_on_other_processors_training_is_pytorchs_to_the_bit(monkeypatch):
    monkeypatch.setattr(products, "HALF_USED", False)
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
