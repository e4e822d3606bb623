"""The figures of notebook 00: they draw the data, and their alternative texts say it."""

import math

import pytest

from classroom.drawings import ground_plots
from classroom.turns.t00 import Value


@pytest.fixture
def shown(monkeypatch):
    """The (axes, alternative text) of each figure that is shown."""
    figures = []
    monkeypatch.setattr(ground_plots, "show", lambda picture, alt: figures.append((picture, alt)))
    return figures


def test_alternative_texts_name_the_values(shown):
    ground_plots.plot_arrows({"a": [2, 1], "b": [-1, 0.5]})
    ground_plots.plot_function({"exp": math.exp}, 0, 1)
    ground_plots.plot_valley(lambda p: p[0] ** 2 + p[1] ** 2, {"rate 1": [[1, 1], [0.5, 0.25]]})
    ground_plots.plot_decisions(lambda p: p[0] - p[1], {(0, 1): -1, (1, 0): 1})
    ground_plots.plot_training([3.0, 2.0, 1.0], {"floor": 0.5})
    ground_plots.plot_looks(["the", "cat"], [[[1.0], [0.75, 0.25]], [[1.0], [0.1, 0.9]]])
    owed = [
        "b to (-1, 0.5)",
        "exp from 1.00 to 2.72",
        "in 1 steps to (0.50, 0.25)",
        "+1.00 at (1, 0)",
    ]
    owed += ["from 3.0", "head 0 at 'the' (0.75), head 1 at 'cat' (0.90)"]
    assert [words in alt for words, (_, alt) in zip(owed, shown, strict=True)] == [True] * 6


def test_a_graph_has_a_box_for_each_value_and_an_arrow_for_each_slope(shown):
    a, b = Value(2.0), Value(-3.0)
    c = a * b
    d = c + a
    ground_plots.plot_graph(d, {"a": a, "b": b})
    ((ax, alt),) = shown
    boxes = [text.get_text() for text in ax.texts if "data" in text.get_text()]
    assert sorted(box.splitlines()[-2] for box in boxes) == [
        "data -3.00",
        "data -4.00",
        "data -6.00",
        "data 2.00",
    ]
    slopes = [text.get_text() for text in ax.texts if text.get_text() in ("1", "2", "-3")]
    assert sorted(slopes) == ["-3", "1", "1", "2"] and "4 values" in alt
