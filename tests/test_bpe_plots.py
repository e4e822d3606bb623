"""The figures of notebook 03: their alternative texts say what the data says."""

import pytest
import torch

from classroom.drawings import bpe_plots

MERGES = [(b"w", b"e"), (b"l", b"o"), (b"lo", b"w")]


@pytest.fixture
def shown(monkeypatch):
    """The (axes, alternative text) of each figure that is shown."""
    figures = []
    monkeypatch.setattr(bpe_plots, "show", lambda picture, alt: figures.append((picture, alt)))
    return figures


def test_the_ladder_has_a_row_for_each_merge_that_changes_a_word(shown):
    bpe_plots.plot_ladder([b"low", b"lower"], MERGES)
    bpe_plots.plot_ladder([b"low"], MERGES)
    (both, alt), (one, _) = shown
    assert "w + e; l + o; lo + w. In the end low is low; lower is lo, we, r." in alt
    written = [[text.get_text() for text in ax.texts] for ax in (both, one)]
    assert [words.count("r") for words in written] == [4, 0]
    assert "w + e" in written[0] and "w + e" not in written[1]


def test_alternative_texts_name_the_values(shown):
    bpe_plots.plot_compression([256, 1000], [1.0, 3.84], [1.0, 3.25])
    bpe_plots.plot_languages(
        {"one": {"English": 10, "Hindi": 41}, "two": {"English": 9, "Hindi": 7}}
    )
    bpe_plots.plot_similarities({"before": torch.eye(4), "after": torch.ones(4, 2)})
    owed = [
        "at 1,000 tokens the trained text has 3.84 and unseen text 3.25",
        "one: English 10, Hindi 41; two: English 9, Hindi 7",
        "after, about 1.0 on average",
    ]
    assert [words in alt for words, (_, alt) in zip(owed, shown, strict=True)] == [True] * 3


def test_the_data_is_drawn(shown):
    bpe_plots.plot_compression([256, 1000], [1.0, 3.84], [1.0, 3.25])
    bpe_plots.plot_languages({"one": {"a": 10, "b": 41}, "two": {"a": 9, "b": 7}})
    (lines, _), (bars, _) = shown
    assert [list(line.get_ydata()) for line in lines.lines] == [[1.0, 3.84], [1.0, 3.25]]
    assert [bar.get_width() for bar in bars.patches] == [10, 41, 9, 7]


def test_cosines_by_hand():
    rows = torch.tensor([[3.0, 4.0], [6.0, 8.0], [-4.0, 3.0]])
    right = torch.tensor([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
    assert torch.allclose(bpe_plots.mutual_cosines(rows), right, atol=1e-6)
