"""Pictures of the input pipeline: what is drawn is what was given."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from classroom.pages.embedding_view import (
    plot_pipeline,
    plot_windows,
    plot_words,
    principal_components,
)
from helpers.plots import PAPER


@pytest.mark.parametrize(("stride", "windows"), [(1, 6), (2, 3), (4, 2)])
def test_every_window_is_drawn(stride, windows):
    ax = plot_windows(10, 4, stride)
    assert len(ax.patches) == windows * 5
    outlined = [p for p in ax.patches if to_hex(p.get_facecolor()) == PAPER]
    assert [int(p.get_x()) for p in outlined] == [4 + stride * row for row in range(windows)]


def test_windows_that_do_not_fit():
    with pytest.raises(ValueError, match="4 tokens, context 4"):
        plot_windows(4, 4, 1)
    with pytest.raises(ValueError, match="stride 0"):
        plot_windows(9, 4, 0)


def test_principal_components_keep_a_plane():
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 7)) + 5
    points = principal_components(plane)
    distances = np.linalg.norm(plane[:, None] - plane[None], axis=-1)
    np.testing.assert_allclose(
        np.linalg.norm(points[:, None] - points[None], axis=-1), distances, atol=1e-9
    )
    assert points[:, 0].var() >= points[:, 1].var()


def test_groups_are_named_on_the_map_and_their_words_listed():
    groups = {"colors": ["red", "blue"], "days": ["monday"]}
    ax = plot_words(torch.eye(3), groups)
    listed = ["colors: red, blue", "days: monday"]
    assert [text.get_text() for text in ax.texts] == ["colors", "days", *listed]
    assert [len(dots.get_offsets()) for dots in ax.collections] == [2, 1]
    with pytest.raises(ValueError, match="2 vectors do not fit 3 words"):
        plot_words(torch.eye(2), groups)


def test_the_pipeline_adds_up():
    vectors, places = torch.rand(3, 4), torch.rand(3, 4)
    ax = plot_pipeline(["The", " cat", " sat"], [5, 6, 7], vectors, places)
    drawn = [image.get_array().data[:, 0] for image in ax.images]
    np.testing.assert_allclose(drawn[:3], vectors)
    np.testing.assert_allclose(drawn[6:], vectors + places, rtol=1e-6)
    written = [text.get_text() for text in ax.texts]
    assert "'The cat sat'" in written and "·cat" in written and "6" in written


def test_a_word_far_from_its_group_is_named():
    rng = np.random.default_rng(0)
    vectors = np.concatenate([rng.normal(0, 0.1, (9, 5)), rng.normal(3, 0.1, (9, 5))])
    vectors[4] = 1.5
    ax = plot_words(vectors, {"a": list("abcdefghi"), "b": list("rstuvwxyz")})
    assert [text.get_text() for text in ax.texts][:3] == ["a", "b", "e"]


def test_names_do_not_cover_each_other():
    rng = np.random.default_rng(0)
    groups = {f"group{k}": [f"word{k}{n}" for n in range(7)] for k in range(8)}
    vectors = np.concatenate([rng.normal(k % 2, 0.1, (7, 5)) for k in range(8)])
    ax = plot_words(vectors, groups)
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    covered = [
        (one, two)
        for one in range(len(boxes))
        for two in range(one)
        if boxes[one].padded(-1).overlaps(boxes[two].padded(-1))
    ]
    assert covered == []
