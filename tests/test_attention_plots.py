"""The plots and drawings of notebook 05 show the numbers they are given, and say what they show."""

import pytest
import torch

from classroom.drawings import attention_drawings, attention_plots

BOARDS = [name for name in dir(attention_drawings) if name.startswith("draw_")]


@pytest.fixture
def shown(monkeypatch):
    """The (axes, alternative text) of each figure that is shown."""
    figures = []
    for module in (attention_plots, attention_drawings):
        monkeypatch.setattr(module, "show", lambda picture, alt: figures.append((picture, alt)))
    return figures


def lines(ax):
    return {line.get_label(): list(line.get_ydata()) for line in ax.lines}


@pytest.mark.parametrize("name", BOARDS)
def test_drawings_have_no_faults_and_say_what_they_show(name, shown):
    board = getattr(attention_drawings, name)()
    assert board.faults() == []
    attention_drawings.display_board(board)
    assert shown[0] == (board, board.description) and len(board.description) > 80


def test_every_shape_is_on_the_map_of_shapes():
    board = attention_drawings.draw_attention_shapes()
    words = " ".join(words.content for words in board.ledger.words)
    for shape, times in {"(B, T, C)": 2, "(B, H, T, D)": 4, "(B, H, T, T)": 2, "(C, C)": 2}.items():
        assert words.count(shape) == times, shape


def test_copy_accuracy(shown):
    attention_plots.plot_copy_accuracy([1, 4], {"a": [1.0, 0.5], "b": [1.0, 0.9]}, 2, 0.1)
    attention_plots.plot_copy_accuracy([1, 2], {"a": [1, 1]}, 2, 0.1)
    (ax, alt), (short, _) = shown
    assert lines(ax)["a"] == [1.0, 0.5] and lines(ax)["b"] == [1.0, 0.9]
    assert lines(ax)["guessing"] == [0.1, 0.1] and "a, b" in alt
    assert "longer" in ax.texts[0].get_text() and not short.texts


def test_arrows_have_their_names(shown):
    attention_plots.plot_arrows(torch.tensor([[0.1, 0.2, 0.3], [0.5, 0.2, 0.1]]), ["a", "b"])
    near = torch.tensor([[0.9, 0.0, 0.0], [0.1, 0.2, 0.3], [0.1, 0.2, 0.31]])
    attention_plots.plot_arrows(near, ["c", "a", "b"])
    (ax, _), (crowded, alt) = shown
    assert [text.get_text() for text in ax.texts] == ["a", "b"]
    assert [text.get_text() for text in crowded.texts] == ["c", "a", "   b"], "no overlap"
    assert "a and b point most nearly the same way" in alt


def test_maps_side_by_side_have_one_color_scale(shown):
    tables = {"left": torch.tensor([[0.2, 0.8], [0.8, 0.2]]), "right": torch.full((2, 2), 0.5)}
    attention_plots.plot_maps(tables, ["x", "y"])
    attention_plots.plot_maps({"one": torch.eye(2)}, ["x", "y"])
    (axes, alt), (one, _) = shown
    assert [ax.get_title() for ax in axes] == ["left", "right"]
    assert torch.equal(torch.as_tensor(axes[1].images[0].get_array()), tables["right"])
    limits = [ax.images[0].get_clim() for ax in axes]
    assert limits[0] == limits[1] == pytest.approx((0, 0.8))
    assert [text.get_color() for text in axes[1].texts] == ["white"] * 4
    assert axes[0].texts[0].get_color() != "white"
    assert (
        "left; most attention: x at y, y at x; " in alt and "right; most attention: spread" in alt
    )
    assert len(one) == 1


def test_weight_bars(shown):
    rows = {"raw": torch.tensor([0.9, 0.1]), "divided": torch.tensor([0.6, 0.4])}
    attention_plots.plot_weight_bars(rows)
    ((ax, alt),) = shown
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([0.9, 0.1, 0.6, 0.4])
    assert "raw 0.900, divided 0.600" in alt


def test_gradients(shown):
    attention_plots.plot_gradients([2, 8], {"raw": {"mean": [0.3, 1.2], "median": [0.3, 0.01]}})
    ((ax, alt),) = shown
    assert lines(ax) == {"raw, mean": [0.3, 1.2], "raw, median": [0.3, 0.01]}
    assert "raw: mean from 0.300 to 1.200; raw: median from 0.300 to 0.010" in alt


def test_heads(shown):
    attention_plots.plot_heads_of([torch.ones(1, 3, 2, 2) / 2] * 2)
    ((axes, alt),) = shown
    assert axes.shape == (2, 3) and "2 layers with 3 heads" in alt


def test_formation(shown):
    scores = {"layer 1": torch.tensor([[0.1, 0.2], [0.3, 0.4]])}
    attention_plots.plot_formation({"two": [3.0, 1.0, 0.5]}, scores, every=2)
    ((axes, alt),) = shown
    assert lines(axes[0])["two"] == [3.0, 1.0, 0.5]
    assert lines(axes[1])["layer 1, head 2"] == pytest.approx([0.2, 0.4])
    assert list(axes[1].lines[0].get_xdata()) == [0, 2] and "3 steps" in alt


def test_ablations(shown):
    attention_plots.plot_ablations({"whole": 0.1, "without": 4.0}, guess=3.2)
    ((ax, alt),) = shown
    assert [bar.get_width() for bar in ax.patches] == [0.1, 4.0]
    assert {text.get_text() for text in ax.texts} == {"0.10", "4.00"} and "3.2" in alt
    assert all(text.get_bbox_patch() for text in ax.texts)  # the dashed line stays behind them
