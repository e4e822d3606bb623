"""Two real processes: the reader's averaging, DDP and FSDP2 give the gradients of one process."""

import math
from math import sqrt

import pytest

from classroom.turns.t12 import average_gradients
from classroom.worlds.processes import (
    imports_of,
    in_two_processes,
    shape,
    source_without_decorators,
)
from helpers.model import GPT


def sums(model, all_reduce, n_processes):
    for parameter in model.parameters():
        all_reduce(parameter.grad)


def fails(model, all_reduce, n_processes):
    raise RuntimeError("no bytes today")


@pytest.mark.slow
def test_three_ways_have_the_gradients_of_one_process():
    found = in_two_processes(average_gradients)
    n_bytes = 4 * GPT(shape()).n_parameters()
    assert found["alone"][0] > 0.05 and found["alone"][1] == 0
    for way in ("by hand", "DDP", "FSDP2"):
        assert found[way][0] < 1e-4, way
    assert found["by hand"][1] == found["DDP"][1] == n_bytes
    assert n_bytes < found["FSDP2"][1] < 4 * n_bytes


@pytest.mark.slow
def test_a_sum_is_seen_and_an_error_told():
    assert in_two_processes(sums)["by hand"][0] > 0.5
    with pytest.raises(RuntimeError, match="no bytes today"):
        in_two_processes(fails)


def test_a_decorator_is_left_behind():
    def twice(function):
        return function

    @twice
    def greet(name):
        return f"hello {name}"

    assert source_without_decorators(greet).startswith("def greet(name):")


def test_imports_go_with_a_function():
    def root(model, all_reduce, n_processes):
        return sqrt(math.pi) + len(fails.__name__)

    assert "from math import sqrt as sqrt" in imports_of(root)
    assert "import math as math" in imports_of(root)
