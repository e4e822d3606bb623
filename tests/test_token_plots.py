"""The figures of notebook 02: their alternative texts say what the data says."""

from collections import Counter

import pytest

from classroom.drawings import token_plots


@pytest.fixture
def shown(monkeypatch):
    """The (axes, alternative text) of each figure that is shown."""
    figures = []
    monkeypatch.setattr(token_plots, "show", lambda picture, alt: figures.append((picture, alt)))
    return figures


def test_alternative_texts_name_the_values(shown):
    token_plots.plot_frequencies(Counter("eeettq"), Counter("aab"))
    token_plots.plot_unknown({"story": ([50, 100], [0.5, 0.25])})
    token_plots.plot_growth([1, 2, 2, 3])
    token_plots.plot_shares({"English": 0.0, "Japanese": 1.0})
    token_plots.plot_lengths({"words": (10, 1500)}, [(256, 4000), (300, 3000)])
    owed = ["from e down to q", "story at 25%", "1 to 3 after 4", "Japanese 100%", "4,000 to 3,000"]
    assert [words in alt for words, (_, alt) in zip(owed, shown, strict=True)] == [True] * 5


def test_the_data_is_drawn(shown):
    token_plots.plot_unknown({"a": ([50, 100], [0.5, 0.25]), "b": ([50], [0.1])})
    token_plots.plot_shares({"English": 0.0, "Japanese": 1.0})
    (lines, _), (bars, _) = shown
    assert [list(line.get_ydata()) for line in lines.lines] == [[50, 25], [10]]
    assert [bar.get_width() for bar in bars.patches] == [0, 100]
