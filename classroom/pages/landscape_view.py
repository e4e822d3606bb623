"""Views of the loss landscape: contours from above, and a slice through them that you can move."""

import html

from classroom.pages.knobs import card, live_and_still, make_slider, telling
from helpers.plots import COLORS, INK, image_tag, new_axes, png_bytes

LEVELS = 14
MARKS = ["o", "s", "D", "^"]


def plot_landscape(landscapes, slice_at=0.0, reach=None):
    """Draw each named `Landscape` from above, and beside them one slice through all of them.

    The slice runs along the first direction, at `slice_at` on the second (a dashed line). `reach`
    limits the distance from the center, also that of the slice. A color means the same loss in all
    plots. Raises ValueError if the landscapes have different places.
    """
    from matplotlib.colors import BoundaryNorm

    first = next(iter(landscapes.values()))
    if any(each.places.tolist() != first.places.tolist() for each in landscapes.values()):
        raise ValueError("the landscapes have different places: measure them with one radius")
    reach = first.places[-1].item() if reach is None else reach
    inside = first.places.abs() <= reach + 1e-6
    places = first.places[inside]
    row = _row(first.places, slice_at, reach)
    shown = {name: each.losses[inside][:, inside] for name, each in landscapes.items()}
    low = min(each.min().item() for each in shown.values())
    high = max(each.max().item() for each in shown.values())
    columns = len(landscapes) + 1
    axes = new_axes(3.3 * columns + 0.5, 3.3, columns=columns)
    # finer near the lowest loss, so that a bowl is visible next to a plateau
    levels = [low + max(high - low, 1e-6) * (step / LEVELS) ** 2 for step in range(LEVELS + 1)]
    options = {"levels": levels, "cmap": "YlGnBu_r", "norm": BoundaryNorm(levels, 256)}
    for ax, (name, losses) in zip(axes, shown.items(), strict=False):
        mesh = ax.contourf(places, places, losses.T, **options)
        ax.contour(places, places, losses.T, levels=levels, colors=INK, linewidths=0.3)
        at = first.places[row].item()
        ax.axhline(at, color=COLORS[1], linestyle="--", linewidth=1.5, clip_on=False, zorder=5)
        ax.plot(0, 0, "+", color=COLORS[1], markersize=12, markeredgewidth=2.5)
        ax.set(title=name, xlabel="first direction", ylabel="second direction", aspect="equal")
        ax.grid(False)
        ax.locator_params(nbins=5)  # so that the numbers do not touch
    bar = {"shrink": 0.8, "ticks": levels[::2], "format": "%.2f"}
    axes[0].figure.colorbar(mesh, ax=list(axes[:-1]), label="loss (nats per token)", **bar)
    for color, mark, (name, each) in zip(COLORS, MARKS, landscapes.items(), strict=False):
        line = each.losses[inside][:, row]
        axes[-1].plot(places, line, color=color, marker=mark, markersize=3, label=name)
    axes[-1].set(xlabel="first direction", ylabel="loss", title="along the dashed line")
    axes[-1].set_ylim(low - 0.04 * (high - low), high + 0.2 * (high - low) + 1e-6)
    axes[-1].locator_params(axis="x", nbins=5)
    axes[-1].legend(frameon=False, fontsize=8, loc="upper center", ncols=2)
    return axes


def _row(places, slice_at, reach):
    """The index of the place nearest to `slice_at` that is within `reach`."""
    return int((places - max(-reach, min(reach, slice_at))).abs().argmin())


class LandscapeExplorer:
    """Move a slice through the loss landscape of one or more models, and zoom in.

    `landscapes` maps names to `Landscape`s with the same places. `sliders`, `words` and `image` are
    plain ipywidgets, so a test can use them without a browser. Errors as for `plot_landscape`.
    """

    def __init__(self, landscapes):
        import ipywidgets as widgets

        self.landscapes = dict(landscapes)
        if not self.landscapes:
            raise ValueError("landscapes is empty; give at least one")
        places = [round(place, 3) for place in next(iter(self.landscapes.values())).places.tolist()]
        middle = len(places) // 2
        self.sliders = {
            "slice_at": make_slider("slice at", places, places[middle]),
            "reach": make_slider("how far", places[middle + 1 :], places[-1]),
        }
        self.image, self.words = widgets.Image(format="png"), widgets.HTML()
        for slider in self.sliders.values():
            slider.observe(telling(self.words, self._moved), names="value")
        self._moved()
        self.widget = widgets.VBox([*self.sliders.values(), self.words, self.image])

    def settings(self):
        """The current values of the sliders, by the names that `plot_landscape` takes."""
        return {name: slider.value for name, slider in self.sliders.items()}

    def describe(self):
        """The lowest and highest loss on the slice, for each landscape, in a sentence each."""
        sentences, (slice_at, reach) = [], self.settings().values()
        for name, each in self.landscapes.items():
            row = _row(each.places, slice_at, reach)
            line = each.losses[each.places.abs() <= reach + 1e-6][:, row]
            low, high, at = line.min().item(), line.max().item(), each.places[row].item()
            sentences.append(f"{name}: {low:.2f} to {high:.2f} on the slice at {at:.2g}.")
        return " ".join(sentences)

    def _moved(self, _=None):
        self.image.value = png_bytes(plot_landscape(self.landscapes, **self.settings()))
        self.words.value = card(html.escape(self.describe()))

    def __repr__(self):
        return f"LandscapeExplorer({', '.join(self.landscapes)})"

    def _repr_mimebundle_(self, **_):
        picture = plot_landscape(self.landscapes, **self.settings())
        return live_and_still(repr(self), image_tag(picture, self.describe()), self.widget)
