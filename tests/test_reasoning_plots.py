"""The figures of notebook 14: what they draw, and alternative texts that say what is to be seen."""

import pytest

from classroom.drawings import reasoning_plots as plots
from classroom.turns.t14 import clipped_loss


@pytest.fixture
def shown(monkeypatch):
    """What a figure hands to `show`: its axes and its alternative text."""
    pictures = []
    monkeypatch.setattr(plots, "show", lambda picture, alt: pictures.append((picture, alt)))
    return pictures


def test_curves(shown):
    curves = {"before": ([1, 2, 4], [0.1, 0.2, 0.3]), "after": ([1, 2, 4], [0.5, 0.6, 0.75])}
    plots.plot_curves(curves, "k", "pass@k", mark=2, log=True)
    ((ax, alt),) = shown
    one, other, mark = ax.get_lines()
    assert list(one.get_ydata()) == [0.1, 0.2, 0.3] and list(other.get_xdata()) == [1, 2, 4]
    assert list(mark.get_xdata()) == [2, 2] and ax.get_xscale() == "log"
    assert "before from 0.10 at 1 to 0.30 at 4; after from 0.50 at 1 to 0.75 at 4" in alt


def test_points_are_marked_in_all_curves_or_in_none(shown):
    short, long = (range(3), [0.1, 0.2, 0.3]), (range(30), [0.5] * 30)
    plots.plot_curves({"one": short, "other": short}, "step")
    plots.plot_curves({"one": short, "other": long}, "step")
    marked = [[line.get_marker() == "o" for line in ax.get_lines()] for ax, _ in shown]
    assert marked == [[True, True], [False, False]]


def test_the_axis_is_free_where_values_leave_0_to_1(shown):
    plots.plot_curves({"tokens": ([1, 2], [1.0, 7.0])}, "step", "tokens")
    assert shown[0][0].get_ylim()[1] > 7


def test_clip(shown):
    plots.plot_clip(clipped_loss, 0.3)
    ((ax, alt),) = shown
    good, bad = (line.get_ydata() for line in ax.get_lines()[:2])
    assert max(good) == pytest.approx(1.3) and good[-1] == pytest.approx(1.3)
    assert bad[0] == pytest.approx(-0.7) and bad[-1] == pytest.approx(-1.8)
    assert "rises up to 1.30" in alt and "stays at -0.70" in alt


def test_parts(shown):
    plots.plot_parts({"GRPO": ([0.1, 0.3], [0.5, 0.7]), "no clip": ([0.125], [0.25, 0.25])})
    ((ax, alt),) = shown
    assert [label.get_text() for label in ax.get_yticklabels()] == ["GRPO", "no clip"]
    start, _, mean = ax.get_lines()[:3]
    assert start.get_xdata() == pytest.approx([0.2]) and mean.get_xdata() == pytest.approx([0.6])
    assert "GRPO 0.20 to 0.60 (0.50 to 0.70); no clip 0.12 to 0.25" in alt
