"""Pictures carry their alternative text, stay small, and source is shown as it stands."""

import base64
import inspect
import io
import re

import numpy as np
import pytest
from PIL import Image

from helpers import attention, plots


def png_of(tag):
    data = re.search(r'src="data:image/png;base64,([^"]+)"', tag).group(1)
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_picture_has_its_words_and_an_opaque_paper():
    ax = plots.new_axes(3, 2)
    ax.plot([0, 1], [1, 0])
    tag = plots.image_tag(ax, alt='A line that falls from "1" to 0 & ends')
    assert 'alt="A line that falls from &quot;1&quot; to 0 &amp; ends"' in tag
    picture = png_of(tag)
    assert picture.size == (330, 220)
    corner = picture.convert("RGBA").getpixel((0, 0))
    assert corner[3] == 255 and min(corner[:3]) > 240


def test_a_picture_without_words_is_refused():
    with pytest.raises(ValueError, match="alt is empty"):
        plots.image_tag(plots.new_axes(), alt="  ")


def test_the_same_picture_gives_the_same_bytes():
    tags = []
    for _ in range(2):
        ax = plots.plot_matrix(np.arange(6.0).reshape(2, 3), ["a", "b"], ["x", "y", "z"])
        tags.append(plots.image_tag(ax, alt="Six numbers"))
    assert tags[0] == tags[1]


def test_new_axes_gives_one_or_many():
    assert hasattr(plots.new_axes(), "plot")
    assert plots.new_axes(rows=2, columns=3).shape == (2, 3)
    assert plots.new_axes(columns=3).shape == (3,)


def test_a_matrix_is_drawn_with_its_numbers_and_labels():
    ax = plots.plot_matrix(np.array([[0.25, 1.0]]), ["row"], ["left", "right"])
    assert [text.get_text() for text in ax.texts] == ["0.25", "1.00"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["left", "right"]


def test_loss_curves_have_their_floor():
    ax = plots.plot_losses({"model": ([1, 2], [3.0, 2.0])}, floor=1.5)
    assert [line.get_label() for line in ax.lines] == ["model", "lowest possible"]
    assert list(ax.lines[1].get_ydata()) == [1.5, 1.5]


def test_source_is_live_and_without_docstrings():
    source = plots.source_of(attention.attend)
    assert '"""' not in source and source.startswith("def attend(")
    whole = inspect.getsource(attention.attend)
    assert all(line in whole for line in source.splitlines())
    assert '"""' in plots.source_of(attention.attend, docstring=True)


def test_source_of_a_class_drops_every_docstring_and_still_compiles():
    source = plots.source_of(attention.MultiHeadAttention)
    assert '"""' not in source
    compile(source, "shown", "exec")


def test_a_stored_color_bar_keeps_its_colors():
    ax = plots.new_axes(4, 3)
    noise = np.random.default_rng(0).normal(0, 0.1, (200, 200))
    image = ax.imshow(noise, vmin=-1, vmax=1, cmap="RdBu_r")
    ax.figure.colorbar(image, ax=ax)
    stored = np.asarray(png_of(plots.image_tag(ax, alt="noise")).convert("RGB")).astype(int)
    of_bar = 255 * image.cmap(np.linspace(0, 1, 17))[:, None, :3]
    distance = np.abs(stored.reshape(-1, 3) - of_bar).max(axis=2).min(axis=1)
    assert distance.max() < 20
