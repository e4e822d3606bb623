"""The figures of notebook 04: what is drawn is what was given, and the texts say it."""

import numpy as np
import pytest
import torch

from classroom.drawings import embedding_plots as plots


@pytest.fixture
def shown(monkeypatch):
    """The (axes, alternative text) of each figure that is shown."""
    figures = []
    monkeypatch.setattr(plots, "show", lambda picture, alt: figures.append((picture, alt)))
    return figures


def test_the_texts_count_the_windows_and_name_the_ends(shown):
    plots.show_strides(10, 4, (1, 2, 4))
    plots.show_overfitting({"one": [(5, 0.1, 4), (10, 0.2, 5)], "two": [(5, 1, 4), (10, 2, 3)]})
    plots.show_learned_positions([20, 40], {"mask": [0.5, 1.0], "no mask": [0.1, 0.17]})
    owed = ["stride 1: 6, stride 2: 3, stride 4: 2", "highest: two, one.", "mask 100%, no mask 17%"]
    assert [words in alt for words, (_, alt) in zip(owed, shown, strict=True)] == [True] * 3


def test_curves_are_those_that_were_measured(shown):
    plots.show_overfitting({"stride 8": [(5, 0.1, 4.0), (10, 0.2, 3.0)]})
    plots.show_learned_positions([20, 40], {"mask": [0.5, 1.0]})
    (left, _), (ax, _) = shown
    right = left.figure.axes[1]
    assert [list(line.get_ydata()) for line in (*left.lines, *right.lines)] == [[4.0, 3.0]] * 2
    assert list(right.lines[0].get_xdata()) == [0.1, 0.2]
    assert list(ax.lines[0].get_ydata()) == [50, 100]


def test_waves_and_scores_share_one_color_scale(shown):
    table = torch.rand(6, 4) * 2 - 1
    plots.show_waves(table, dimensions=(0, 2))
    plots.show_scores({"added": np.eye(3) * 4, "rotated": -np.ones((3, 3))})
    (left, _), (axes, alt) = shown
    np.testing.assert_allclose(left.images[0].get_array(), table.T)
    assert [ax.images[0].get_clim() for ax in axes] == [(-1, 4), (-1, 4)]
    assert "all pairs of 3 positions" in alt


def test_arrows_end_where_the_pairs_are(shown):
    plots.show_rotation(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    ax, alt = shown[0]
    assert [note.xy for note in ax.texts if hasattr(note, "xy")] == [(1, 0), (0, 1)]
    assert [note.get_text() for note in ax.texts if note.get_text()] == ["0", "1"]
    assert "positions 0 to 1" in alt


def test_map_and_pipeline_are_described(shown):
    plots.show_word_map(torch.eye(3), {"colors": ["red", "blue"], "days": ["monday"]})
    plots.show_pipeline(["a", "b"], [0, 1], torch.rand(2, 4), torch.rand(2, 4))
    assert "colors, days" in shown[0][1] and "its 2 tokens" in shown[1][1]
    assert len(shown[1][0].images) == 3 * 2
