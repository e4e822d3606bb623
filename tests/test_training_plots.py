"""The figures of notebook 07: what they draw, and alternative texts that say what is to be seen."""

import pytest
import torch

from classroom.drawings import training_plots as plots


@pytest.fixture
def shown(monkeypatch):
    """What a figure hands to `show`: its axes and its alternative text."""
    pictures = []
    monkeypatch.setattr(plots, "show", lambda picture, alt: pictures.append((picture, alt)))
    return pictures


def test_given(shown):
    table = torch.tensor([[0.25, 0.75], [0.5, 0.5]])
    plots.plot_given(table, ["a", "a b"], ["b", "c"], torch.tensor([1, 0]))
    ((ax, alt),) = shown
    assert len(ax.patches) == 2 and "c 0.75, b 0.50" in alt


def test_word_bits(shown):
    plots.plot_word_bits(["one", " two", " three"], [3.0, 0.0, 1.0])
    ((ax, alt),) = shown
    assert [patch.get_height() for patch in ax.patches] == [3, 0, 1]
    assert "3 words: 1 cost nothing, one most, 3.0" in alt


def test_rates_and_losses(shown):
    plots.plot_rates({"rising": [0.1, 0.2]})
    plots.plot_training({"training": [4.0, 2.0], "held out": ([2], [3.0])}, floor=1.5, title="x")
    (rates, said), (losses, told) = shown
    assert list(rates.get_lines()[0].get_ydata()) == [0.1, 0.2]
    assert "rising: 0.1 at first, 0.2 at most, 0.2 at the end" in said
    assert list(losses.get_lines()[0].get_xdata()) == [1, 2]
    assert "training from 4.0 to 2.0" in told and "1.50" in told


def test_singular_values_and_learned(shown):
    plots.plot_singular_values({"gradient": torch.tensor([2.0, 0.5])})
    plots.plot_learned([10, 20], {"recall": [0.3, 0.9]}, {"recall": 0.25})
    (_, said), (ax, told) = shown
    assert "gradient from 2 down to 0.5" in said
    assert [list(line.get_ydata()) for line in ax.get_lines()] == [[0.3, 0.9], [0.25, 0.25]]
    assert "recall from 0.30 to 0.90 (dotted line 0.25)" in told


def test_bars(shown):
    plots.plot_bits({"gzip": 2.5, "xz": 1.5})
    plots.plot_choices(["a", "b"], {"cold": torch.tensor([1.0, 0.0])})
    (bars, said), (_, told) = shown
    assert [patch.get_width() for patch in bars.patches] == [2.5, 1.5] and "gzip 2.50" in said
    assert "cold: a 1.00, 1 words over 0.005" in told


def test_entropies(shown):
    plots.plot_entropies([0.1, 10], torch.tensor([0.0, 0.6]), 0.69)
    ((_, alt),) = shown
    assert "from 0.00 up to 0.60; the most is 0.69" in alt


def test_copying(shown):
    rows = [{"step": 5, "copied": 0.2, "tales": 3.0}, {"step": 10, "copied": 0.4, "tales": 2.0}]
    better = [row | {"copied": 0.9} for row in rows]
    runs = {f"{start}, seed {n}": r for n in (0, 1) for start, r in (("a", rows), ("b", better))}
    plots.plot_copying({"runs": runs, "floor": 1.0})
    ((axes, alt),) = shown
    assert len(axes) == 2 and "first weights a: 0.20 to 0.40" in alt
    assert "first weights b: 0.90 to 0.90" in alt
