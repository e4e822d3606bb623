"""The figures of notebook 11: what they draw, and alternative texts that say what is to be seen."""

import math

import pytest
import torch

from classroom.drawings import llama_plots as plots


@pytest.fixture
def shown(monkeypatch):
    """What a figure hands to `show`: its axes and its alternative text."""
    pictures = []
    monkeypatch.setattr(plots, "show", lambda picture, alt: pictures.append((picture, alt)))
    return pictures


def test_turning(shown):
    angles = torch.arange(9)[:, None] * torch.tensor([math.tau / 4, math.tau / 16])
    plots.plot_turning(angles, [0, 1])
    ((ax, alt),) = shown
    fast, slow = ax.get_lines()
    assert fast.get_ydata()[4] == pytest.approx(1) and slow.get_ydata()[8] == pytest.approx(-1)
    assert "pair 0 2.00, pair 1 0.50" in alt


def test_head_scores(shown):
    scores = torch.zeros(3, 2)
    scores[2, 1] = 0.75
    plots.plot_head_scores(scores, "attention")
    ((ax, alt),) = shown
    assert ax.images[0].get_array().shape == (2, 3)
    assert "2 heads in 3 layers" in alt and "0.75, of head 1 in layer 2" in alt


def test_lens(shown):
    plots.plot_lens({"Paris": [0.0, 0.5], "the": [1.0, 0.25]})
    ((ax, alt),) = shown
    assert [line.get_label() for line in ax.get_lines()[:2]] == ["Paris", "the"]
    assert "at the end: Paris 0.50, the 0.25." in alt


def test_changes(shown):
    gpt = [1.0, 1.2, 1.1, 1.0, 1.2]
    above = {"GPT": gpt, "norm": [0.9, 1.0, 1.1, 0.9, 1.1], "gate": gpt}
    plots.plot_changes(above, "GPT")
    ((ax, alt),) = shown
    assert [label.get_text() for label in ax.get_yticklabels()] == ["norm", "gate"]
    assert ax.get_lines()[1].get_xdata().tolist() == pytest.approx([-0.1, -0.2, 0.0, -0.1, -0.1])
    assert "norm -0.10 ± 0.09" in alt and "gate +0.00 ± 0.00" in alt


def test_loads(shown):
    plots.plot_loads({"without": [0.1, 0.9], "with": [0.5, 0.5]})
    ((ax, alt),) = shown
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == [0.9, 0.1, 0.5, 0.5]
    assert "without 90% to 10%" in alt and "Even would be 50.0%" in alt
