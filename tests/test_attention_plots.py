"""The plots and drawings of notebook 05 show the numbers they are given."""

import pytest
import torch

from classroom.drawings import attention_drawings, attention_plots


def lines(ax):
    return {line.get_label(): list(line.get_ydata()) for line in ax.lines}


@pytest.mark.parametrize("name", [n for n in dir(attention_drawings) if n.startswith("draw_")])
def test_drawings_have_no_faults_and_say_what_they_show(name):
    board = getattr(attention_drawings, name)()
    assert board.faults() == []
    assert "<desc>" in board.svg() or "aria-label" in board.svg()


def test_copy_accuracy():
    ax = attention_plots.plot_copy_accuracy([1, 4], {"a": [1.0, 0.5], "b": [1.0, 0.9]}, 2, 0.1)
    assert lines(ax)["a"] == [1.0, 0.5] and lines(ax)["b"] == [1.0, 0.9]
    assert lines(ax)["guessing"] == [0.1, 0.1]
    assert "longer" in ax.texts[0].get_text()
    assert not attention_plots.plot_copy_accuracy([1, 2], {"a": [1, 1]}, 2, 0.1).texts


def test_arrows_have_their_names():
    ax = attention_plots.plot_arrows(torch.tensor([[0.1, 0.2, 0.3], [0.5, 0.2, 0.1]]), ["a", "b"])
    assert [text.get_text() for text in ax.texts] == ["a", "b"]
    near = attention_plots.plot_arrows(
        torch.tensor([[0.1, 0.2, 0.3], [0.1, 0.2, 0.31]]), ["a", "b"]
    )
    assert [text.get_text() for text in near.texts] == ["a", "   b"], "names must not overlap"


def test_attention_maps_side_by_side():
    tables = {"left": torch.eye(2), "right": torch.full((2, 2), 0.5)}
    axes = attention_plots.plot_attentions(tables, ["a", "b"])
    assert [ax.get_title() for ax in axes] == ["left", "right"]
    assert torch.equal(torch.as_tensor(axes[1].images[0].get_array()), tables["right"])
    assert len(attention_plots.plot_attentions({"one": torch.eye(2)}, ["a", "b"])) == 1


def test_matrices_side_by_side():
    parts = {"x": torch.arange(6.0).view(2, 3), "y": torch.arange(4.0).view(2, 2)}
    axes = attention_plots.plot_matrices(parts, ["a", "b"])
    assert axes[0].get_title() == "x (2, 3)"
    assert [text.get_text() for text in axes[1].texts] == ["0.00", "1.00", "2.00", "3.00"]


def test_weight_bars():
    rows = {"raw": torch.tensor([0.9, 0.1]), "divided": torch.tensor([0.6, 0.4])}
    ax = attention_plots.plot_weight_bars(rows)
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == pytest.approx([0.9, 0.1, 0.6, 0.4])


def test_strain():
    axes = attention_plots.plot_strain([2, 8], [2.1, 7.9], {"raw": [0.1, 0.05]})
    assert lines(axes[0])["measured"] == [2.1, 7.9] and lines(axes[1])["raw"] == [0.1, 0.05]


def test_formation():
    scores = {"layer 1": torch.tensor([[0.1, 0.2], [0.3, 0.4]])}
    axes = attention_plots.plot_formation({"two": [3.0, 1.0, 0.5]}, scores, every=2)
    assert lines(axes[0])["two"] == [3.0, 1.0, 0.5]
    assert lines(axes[1])["layer 1, head 2"] == pytest.approx([0.2, 0.4])
    assert list(axes[1].lines[0].get_xdata()) == [0, 2]


def test_ablations():
    ax = attention_plots.plot_ablations({"whole": 0.1, "without": 4.0}, guess=3.2)
    assert [bar.get_width() for bar in ax.patches] == [0.1, 4.0]
    assert {text.get_text() for text in ax.texts} == {"0.10", "4.00"}


def test_growth():
    measured = {"seconds": {"plain": [1, 4]}, "bytes": {"plain": [10, 20]}}
    slopes = {"seconds": {"plain": 2.0}, "bytes": {"plain": 1.0}}
    axes = attention_plots.plot_growth([1, 2], measured, "tokens", slopes)
    assert lines(axes[0]) == {"plain: slope 2.0": [1, 4]}
    assert axes[1].get_ylabel() == "bytes" and axes[1].get_xlabel() == "tokens"
