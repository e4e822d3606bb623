"""The landscape explorer without a browser: move the slice, look nearer."""

import pytest
import torch

from classroom.pages.landscape_view import LandscapeExplorer, plot_landscape
from helpers.landscape import Landscape

PLACES = torch.linspace(-1, 1, 5)
BOWL = Landscape(PLACES, PLACES[:, None] ** 2 + 3 * PLACES[None] ** 2)
FLAT = Landscape(PLACES, torch.full((5, 5), 2.0))


def slice_of(axes, number=0):
    return [round(value, 3) for value in axes[-1].lines[number].get_ydata().tolist()]


def test_the_slice_goes_along_the_first_direction():
    assert slice_of(plot_landscape({"bowl": BOWL})) == [1.0, 0.25, 0.0, 0.25, 1.0]
    assert slice_of(plot_landscape({"bowl": BOWL}, 1.0)) == [4.0, 3.25, 3.0, 3.25, 4.0]
    axes = plot_landscape({"bowl": BOWL}, -0.5, reach=0.5)
    assert slice_of(axes) == [1.0, 0.75, 1.0]
    assert axes[0].lines[0].get_ydata() == [-0.5, -0.5]  # the dashed line in the map


def test_the_map_has_the_first_direction_across():
    axes = plot_landscape({"bowl": BOWL})
    assert axes[0].get_xlabel() == "first direction" and axes[0].get_title() == "bowl"
    (low, high), (bottom, top) = axes[0].get_xlim(), axes[0].get_ylim()
    assert (low, high) == (-1, 1) and (bottom, top) == (-1, 1)


def test_two_landscapes_share_their_colors():
    axes = plot_landscape({"bowl": BOWL, "flat": FLAT})
    first, second = (ax.collections[0] for ax in axes[:2])
    assert first.get_clim() == second.get_clim()
    assert slice_of(axes, 1) == [2.0] * 5


def test_a_slice_outside_the_picture_goes_to_its_edge():
    assert slice_of(plot_landscape({"bowl": BOWL}, 1.0, reach=0.5)) == [1.0, 0.75, 1.0]


def test_a_flat_landscape_can_be_drawn():
    assert slice_of(plot_landscape({"flat": FLAT})) == [2.0] * 5


def test_sliders_change_picture_and_words():
    explorer = LandscapeExplorer({"bowl": BOWL, "flat": FLAT})
    assert "bowl: 0.00 to 1.00 on the slice at 0. flat: 2.00 to 2.00" in explorer.words.value
    before = explorer.image.value
    explorer.sliders["slice_at"].value = 1.0
    assert "bowl: 3.00 to 4.00 on the slice at 1." in explorer.words.value
    assert explorer.image.value != before
    explorer.sliders["reach"].value = 0.5
    assert "bowl: 0.75 to 1.00 on the slice at 0.5." in explorer.words.value  # stays inside


def test_a_reader_without_a_kernel_sees_the_picture():
    bundle = LandscapeExplorer({"a < b": BOWL})._repr_mimebundle_()
    assert bundle["text/html"].startswith('<img alt="a &lt; b: 0.00 to 1.00 on the slice at 0."')
    assert bundle["text/plain"] == "LandscapeExplorer(a < b)"


def test_what_does_not_fit_together_is_refused():
    other = Landscape(2 * PLACES, BOWL.losses)
    with pytest.raises(ValueError, match="different places"):
        plot_landscape({"one": BOWL, "two": other})
    with pytest.raises(ValueError, match="landscapes is empty"):
        LandscapeExplorer({})
