"""The figures of notebook 12: what they draw, and alternative texts that say what is to be seen."""

import pytest

from benchmarks._scaling_fit import Law
from classroom.drawings import scaling_plots as plots
from classroom.turns.t12 import continuous_steps

LAW = Law(0.4, 9.0, 0.35, 1500.0, 0.6)


@pytest.fixture
def shown(monkeypatch):
    """What a figure hands to `show`: its axes and its alternative text."""
    pictures = []
    monkeypatch.setattr(plots, "show", lambda picture, alt: pictures.append((picture, alt)))
    return pictures


def test_roofline(shown):
    plots.plot_roofline(400.0, 20.0, {"a token": (0.5, 5.0), "a prompt": (100.0, 300.0)})
    ((ax, alt),) = shown
    roof = ax.get_lines()[0]
    assert list(roof.get_ydata())[1:] == [400, 400] and roof.get_xdata()[1] == 20
    assert roof.get_ydata()[0] == pytest.approx(20 * roof.get_xdata()[0])
    assert "corner at 20" in alt and "a token: 0.5 operations per byte, 50%" in alt
    assert "a prompt: 100.0 operations per byte, 75%" in alt


def test_the_roof_reaches_beyond_every_point(shown):
    plots.plot_roofline(40.0, 20.0, {"a token": (0.001, 0.01), "a prompt": (125.0, 30.0)})
    ((ax, _),) = shown
    roof = ax.get_lines()[0]
    assert roof.get_xdata()[0] <= 0.001 and roof.get_xdata()[-1] >= 250
    assert ax.get_ylim()[0] < 0.01


def test_number_lines(shown):
    plots.plot_number_lines({"fine": [0.0, 0.5, 1.0, 2.0], "coarse": [0.0, 2.0]}, (0, 1))
    ((ax, alt),) = shown
    assert [len(line.get_xdata()) for line in ax.get_lines()] == [3, 1]
    assert alt.endswith("fine 3, coarse 1.")


def test_scaling(shown):
    rows = [{"n": n, "d": d, "test": LAW.loss(n, d)} for n in (1e5, 1e6) for d in (1e6, 1e7)]
    larger = {"n": 2e6, "d": 2e7, "test": LAW.loss(2e6, 2e7)}
    plots.plot_scaling(rows, LAW, 0.41, larger)
    plots.plot_scaling(rows, LAW, 0.41)
    (ax, alt), (bare, _) = shown
    assert len(ax.get_lines()) == len(bare.get_lines()) + 1 == 2 * 2 + 1 + 2
    points, curve = ax.get_lines()[:2]
    assert points.get_ydata()[0] == pytest.approx(curve.get_ydata()[0])
    assert "4 runs" in alt and "floor is 0.400, the entropy 0.410" in alt


def test_best_splits(shown):
    other = Law(1.8, 482.0, 0.35, 2085.0, 0.37)
    plots.plot_best_splits({"ours": LAW, "theirs": other}, [1e12, 1e14], [("a model", 1e13, 20)])
    ((ax, alt),) = shown
    ours, theirs, star = (list(line.get_ydata()) for line in ax.get_lines())
    n, d = LAW.best_split(1e14)
    assert ours[1] == pytest.approx(d / n) and len(theirs) == 2 and star == [20]
    ax.figure.canvas.draw()
    assert {"20", "50", "100"} <= {label.get_text() for label in ax.get_yticklabels()}
    assert (
        f"ours from {ours[0]:,.0f} to {ours[1]:,.0f}" in alt and "a star for a model at 20" in alt
    )


def test_the_frontier_holds_what_no_cheaper_run_beats(shown):
    losses = {(1e5, 1e6): 3.0, (1e6, 1e6): 3.5, (1e5, 2e7): 2.0, (1e6, 1e7): 1.0}
    rows = [{"n": n, "d": d, "test": loss} for (n, d), loss in losses.items()]
    frontier = plots.plot_frontier(rows[::-1], 0.4)
    assert [row["test"] for row in frontier] == [3.0, 2.0, 1.0]
    ((ax, alt),) = shown
    assert list(ax.get_lines()[0].get_xdata()) == [6e11, 1.2e13, 6e13]
    assert "4 runs" in alt and "the 3 that no cheaper one beats, from 3.00 to 1.00" in alt


@pytest.mark.parametrize("continuous", [False, True])
def test_timeline(shown, continuous):
    texts = [9, 2, 3, 2, 8, 1]
    plots.plot_timeline(texts, 2, continuous)
    ((ax, alt),) = shown
    bars = [(bar.get_x(), bar.get_width()) for bar in ax.patches]
    assert [width for _, width in bars] == texts
    steps = continuous_steps(texts, 2) if continuous else 9 + 3 + 8
    assert max(begin + width for begin, width in bars) == steps and f"{steps} of 20 steps" in alt
    assert ax.get_xlim() == (0, 20.5)
    assert len({bar.get_facecolor() for bar in ax.patches}) == 1
