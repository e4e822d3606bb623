"""The figures of notebook 08: what they draw, and alternative texts that say what is to be seen."""

import matplotlib.pyplot as plt
import pytest
import torch

from classroom.drawings import classifier_plots as plots


@pytest.fixture
def shown(monkeypatch):
    """What a figure hands to `show`: its axes (the first of several) and its alternative text."""
    pictures = []

    def keep(picture, alt):
        pictures.append((picture.flat[0] if hasattr(picture, "flat") else picture, alt))

    monkeypatch.setattr(plots, "show", keep)
    yield pictures
    plt.close("all")


def test_training(shown):
    plots.plot_training([0.7] * 10 + [0.5] * 5 + [0.1] * 10, [1e-4] * 12 + [1e-3] * 13)
    ((ax, alt),) = shown
    assert list(ax.get_lines()[0].get_ydata())[-1] == 0.1
    assert "25 batches; the mean of ten goes from 0.7 to 0.1" in alt
    assert "rises to 0.001, then falls toward zero" in alt


def test_lengths(shown):
    plots.plot_lengths([5, 7, 7, 30])
    ((ax, alt),) = shown
    assert sum(bar.get_height() for bar in ax.patches) == 4
    assert "from 5 to 30 tokens; half of the messages have at most 7" in alt


def test_confusion(shown):
    plots.plot_confusion(torch.tensor([[40, 2], [5, 33]]), ["ham", "spam"])
    ((ax, alt),) = shown
    assert [text.get_text() for text in ax.texts] == ["40", "2", "5", "33"]
    assert "40 ham called ham, 2 ham called spam, 5 spam called ham, 33 spam called spam" in alt


def test_precision_and_recall(shown):
    points = {"one": [(0.6, 1.0), (0.8, 0.95), (1.0, 0.3)], "other": [(0.5, 0.4)]}
    plots.plot_precision_recall(points, {"chosen": (0.8, 0.95)})
    ((ax, alt),) = shown
    assert list(ax.get_lines()[0].get_xdata()) == [1.0, 0.95, 0.3]  # recall is the x axis
    assert "one 0.80; other 0.00" in alt and ax.texts[0].get_text() == "chosen"


def test_calibration(shown):
    plots.plot_calibration([(0.6, 0.5, 10), (0.95, 0.9, 40)])
    ((ax, alt),) = shown
    assert ax.collections[0].get_offsets().tolist() == [[0.6, 0.5], [0.95, 0.9]]
    assert "0.95 sure and 0.90 right" in alt


def test_recorded(shown):
    results = {"counting": {"500": [0.8, 0.8], "50": [0.5, 0.7]}, "GPT": {"50": [0.9, 0.9]}}
    plots.show_recorded(results, "inbox")
    ((ax, alt),) = shown
    assert "counting 0.60 at 50, 0.80 at 500; GPT 0.90 at 50" in alt
    first = ax.containers[0]
    low, high = first.lines[2][0].get_segments()[0][:, 1]
    assert (low + high) / 2 == pytest.approx(0.6) and high - low == pytest.approx(4 * 0.1)
    ours, theirs = (container.lines[0].get_xdata()[0] for container in ax.containers)
    assert ours < theirs  # beside each other, though both have 50 labels


def test_a_dozen_recorded_variants_look_different():
    ax = plots.plot_recorded({f"variant {n}": {"50": [0.5, 0.6]} for n in range(12)})
    lines = [container.lines[0] for container in ax.containers]
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == 12
    plt.close("all")
