"""The figures of notebook 09: what they draw, and alternative texts that say what is to be seen."""

import pytest

from classroom.drawings import instruction_plots as plots


@pytest.fixture
def shown(monkeypatch):
    """What a figure hands to `show`: its axes and its alternative text."""
    pictures = []
    monkeypatch.setattr(plots, "show", lambda picture, alt: pictures.append((picture, alt)))
    return pictures


def test_accuracies_by_the_number_of_examples(shown):
    plots.plot_by_examples({"reverse": {10: [0.1, 0.3], 300: [0.9, 0.9]}}, {"a guess": 0.25})
    ((ax, alt),) = shown
    means, guess = ax.get_lines()[0], ax.get_lines()[-1]
    assert means.get_xydata().tolist() == [[10, 0.2], [300, 0.9]]
    assert list(guess.get_ydata()) == [0.25, 0.25] and ax.get_xscale() == "log"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["10", "300"]
    assert "reverse 0.20 to 0.90" in alt and "a guess 0.25" in alt


def test_one_seed_has_no_error_bar(shown):
    plots.plot_by_examples({"reverse": {10: [0.5]}})
    assert "reverse 0.50 to 0.50" in shown[0][1]


def test_losses(shown):
    plots.plot_losses([4.0, 2.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25], "loss")
    ((ax, alt),) = shown
    assert ax.get_lines()[0].get_xydata()[0].tolist() == [1, 4.0] and ax.get_yscale() == "log"
    assert "3 on average in the first quarter, 0.25 in the last" in alt


def test_kinds_are_sorted(shown):
    plots.plot_kinds({"sort": 0.5, "pick": 1.0, "tense": 0.25})
    ((ax, alt),) = shown
    assert [bar.get_width() for bar in ax.patches] == [0.25, 0.5, 1.0]
    assert "from pick with 1.00 down to tense with 0.25" in alt
