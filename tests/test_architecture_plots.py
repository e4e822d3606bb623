"""The figures of notebook 06: what they draw, and alternative texts that say what is to be seen."""

import pytest
import torch
from torch.nn import functional as F

from classroom.drawings import architecture_plots as plots


@pytest.fixture
def shown(monkeypatch):
    """What a figure hands to `show`: its axes (the first of several) and its alternative text."""
    pictures = []

    def keep(picture, alt):
        pictures.append((picture.flat[0] if hasattr(picture, "flat") else picture, alt))

    monkeypatch.setattr(plots, "show", keep)
    return pictures


def test_layer_sizes(shown):
    plots.plot_layer_sizes({("small", False): [1.0, 0.1], ("small", True): [1.0, 0.9]})
    ((ax, alt),) = shown
    dashed, solid = ax.get_lines()
    assert dashed.get_color() == solid.get_color() and dashed.get_linestyle() == "--"
    assert "small not normalized 0.1, small normalized 0.9." in alt


def test_before_and_after(shown):
    before = torch.tensor([[0.0, 2.0], [1.0, 3.0]])
    plots.plot_before_and_after(before, torch.tensor([[-1.0, 1.0], [-1.0, 1.0]]))
    ((ax, alt),) = shown
    assert [bar.get_height() for bar in ax.patches] == [0, 2, 1, 3]
    assert "from 0.00 to 3.00; after, from -1.00 to 1.00" in alt


def test_bends(shown):
    plots.plot_bends({"ReLU": F.relu, "GELU": F.gelu})
    ((ax, alt),) = shown
    assert len(ax.get_lines()) == 2
    assert alt.endswith("lowest values: ReLU 0.00, GELU -0.17.")


def test_gradients(shown):
    plots.plot_gradients({"without": [[1e-6, 1e-3], [1e-5, 1e-3]], "with": [[2.0, 1.0]]})
    ((ax, alt),) = shown
    assert len(ax.get_lines()) == 3 and len(ax.get_legend().get_texts()) == 2
    assert alt.endswith("without 1e-03, with 2e+00.")


def test_reach(shown):
    plots.plot_reach(torch.ones(3, 3).triu())
    plots.plot_reach(torch.ones(3, 3))
    assert "itself and all later results, and none before" in shown[0][1]
    assert "other results too" in shown[1][1]


def test_stream(shown):
    plots.plot_stream({"6, plain": [0.1, 1.0], "6, scaled": [0.1, 0.2], "12, plain": [0.1, 2.0]})
    ((ax, alt),) = shown
    first, second, third = ax.get_lines()
    assert first.get_color() == second.get_color() != third.get_color()
    assert [line.get_linestyle() for line in ax.get_lines()] == ["-", "--", "-"]
    assert "6, scaled from 0.10 to 0.20" in alt


def test_the_legend_of_streams_covers_no_line(shown):
    depths = (6, 12, 24, 48)
    curves = {f"{n}, plain": [0.03, *(0.14 * k**0.5 for k in range(1, n + 1))] for n in depths}
    curves |= {f"{n}, scaled": [0.03 + 0.065 * k / n for k in range(n + 1)] for n in depths}
    plots.plot_stream(dict(sorted(curves.items())))
    ((ax, _),) = shown
    ax.figure.canvas.draw()
    box = ax.get_legend().get_window_extent()
    points = [ax.transData.transform(line.get_xydata()) for line in ax.get_lines()]
    assert not any(box.contains(*point) for line in points for point in line)


def test_logits(shown):
    plots.plot_logits(torch.tensor([-1.0, 0.0, 1.0]))
    ((_, alt),) = shown
    assert alt.endswith(
        "3 tokens form one bell with mean 0.0 and deviation 1.0; the highest is 1.0."
    )


def test_step_times(shown):
    plots.plot_step_times([16, 1024], [0.1, 2.0], [0.02, 0.03])
    ((_, alt),) = shown
    assert alt.endswith("takes 20 times as long without a cache, and 1.5 times as long with one.")
