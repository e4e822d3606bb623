"""The figures of notebook 13: what they draw, and alternative texts that say what is to be seen."""

import pytest

from classroom.drawings import preference_plots as plots


@pytest.fixture
def shown(monkeypatch):
    """What a figure hands to `show`: its axes and its alternative text."""
    pictures = []
    monkeypatch.setattr(plots, "show", lambda picture, alt: pictures.append((picture, alt)))
    return pictures


def test_policies(shown):
    plots.plot_policies(["a", "b"], {"before": [0.5, 0.5], "after": [0.25, 0.75]})
    ((ax, alt),) = shown
    assert [bar.get_height() for bar in ax.patches] == [0.5, 0.5, 0.25, 0.75]
    assert "after: 0.25, 0.75" in alt


def test_best_of_n(shown):
    at = {"1": 0.5, "2": 0.75, "4": 0.25}
    seed = {n: {"reward": int(n), "true": y, "right": y, "polite": y} for n, y in at.items()}
    plots.plot_best_of_n({"few": [seed, seed]})
    ((axes, alt),) = shown
    assert axes[1].get_lines()[0].get_xydata().tolist() == [[1, 0.5], [2, 0.75], [4, 0.25]]
    assert "true, few: 0.50 at 1, largest 0.75 at 2, 0.25 at 4" in alt


def test_a_reward_is_drawn_as_its_gain(shown):
    curves = [
        {n: {"reward": zero + int(n), "true": 0.5, "right": 0.5, "polite": 0.5} for n in ("1", "2")}
        for zero in (0.0, 100.0)
    ]
    plots.plot_best_of_n({"few": curves})
    ((axes, _),) = shown
    assert axes[0].get_lines()[0].get_ydata().tolist() == [0.0, 1.0]


@pytest.mark.parametrize("n", [1, 2])
def test_gains(shown, n):
    names = ("best", "good", "other", "rejected")
    seeds = [
        [{"step": 0} | dict.fromkeys(names, 0.0), {"step": 4} | {w: k * i for i, w in enumerate(names)}]
        for k in (-1.0, -3.0)
    ]  # fmt: skip
    plots.plot_gains({f"run {i}": seeds for i in range(n)})
    ((axes, alt),) = shown
    ax = axes.flat[0] if n > 1 else axes
    assert [line.get_ydata()[-1] for line in ax.get_lines()[:4]] == [0.0, -2.0, -4.0, -6.0]
    assert ax.get_lines()[0].get_xdata().tolist() == [0, 4]
    assert alt.count("chosen, right and polite -2.0, chosen, others -4.0, rejected -6.0 nats") == n


def test_betas(shown):
    plots.plot_betas({"0.1": ([0.8, 0.9], [0.2, 0.4])})
    ((ax, alt),) = shown
    assert [text.get_text() for text in ax.texts] == ["β = 0.1"]
    assert "beta 0.1: 0.85 of wins at 0.30 nats per token" in alt


def test_methods(shown):
    plots.plot_methods({"DPO": [0.9], "chosen": [0.6, 0.8]})
    ((ax, alt),) = shown
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.7, 0.9])
    assert "DPO 0.90; chosen 0.70" in alt
