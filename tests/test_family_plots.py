"""The figures of notebook 10: each shows its data and says so in its alternative text."""

import re

import pytest
import torch

from classroom.drawings import family_plots as plots
from classroom.worlds import digits, translation


@pytest.fixture
def shown(monkeypatch):
    """The alternative texts and axes of what is displayed."""
    kept = []
    monkeypatch.setattr(plots, "show", lambda picture, alt: kept.append((picture, alt)))
    return kept


def test_an_alignment_frames_the_truth(shown):
    pair = translation.translate("the old fox saw the bird".split())
    weights = torch.zeros(4, 6)
    weights[range(4), [2, 1, 0, 3]] = 1.0
    plots.plot_alignment({"trained": weights}, pair)
    ((axes, alt),) = shown
    assert "trained: the largest weight is at the true word for 3 of 4" in alt
    corners = {patch.get_xy() for patch in axes[0].patches}
    assert corners == {(s - 0.5, t - 0.5) for t, s in enumerate(pair.alignment)}


def test_seeds_have_a_dot_each_and_their_mean_is_said(shown):
    plots.plot_seeds({"one": [0.25, 0.75], "other": [1.0]}, "share", {"floor": 0.1}, limits=(0, 1))
    ((ax, alt),) = shown
    assert [len(dots.get_offsets()) for dots in ax.collections] == [2, 1]
    assert "one 0.50" in alt and "other 1.00" in alt and "floor 0.10" in alt


def test_recall_has_a_line_a_seed(shown):
    plots.plot_recall({"GPT": [{"1": 1.0, "8": 0.5}] * 3}, 0.125, "letters")
    ((ax, alt),) = shown
    assert len(ax.lines) == 4 and "GPT 0.50" in alt and "letters" in alt


def test_digits_and_patches_are_pictures(shown):
    pictures, classes = digits.sample(4, 0)
    plots.plot_digits({"some": (pictures, classes)})
    plots.plot_patches(pictures[0], 4)
    (_, one), (axes, other) = shown
    assert str(classes.tolist()) in one and "6 by 6" in other
    wide = axes[1].images[0].get_array()
    assert wide.shape == (10, 90)
    assert re.search("squares", other)
    first = torch.tensor(wide[:4, :4].tolist())
    torch.testing.assert_close(first, pictures[0, :4, :4])
