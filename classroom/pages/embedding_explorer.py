"""Type a word and see its neighbors: marked in a plane of all words, and listed with their cosines.

The plane shows two directions of many; the list is computed in all of them. So the neighbors are
not always the nearest points in the picture, and the page says how many of them are.
"""

import html
from difflib import get_close_matches

import numpy as np

from classroom.pages.embedding_view import (
    nearest_words,
    plot_neighbors,
    principal_components,
    within_reach,
)
from classroom.pages.knobs import card, live_and_still, make_button, telling
from helpers.limits import check_whole
from helpers.plots import COLORS, INK, image_tag, png_bytes

MOST = 12  # neighbors that can be shown, and buttons for further words
SPELLINGS = 5


def find_label(word, labels):
    """Return the label that equals a word, else one that differs only in capitals, else None.

    Spaces around the word and around the labels are ignored.

    >>> find_label(" Monday ", ["sunday", "monday"])
    'monday'
    """
    if word in labels:
        return word
    plain = word.strip().casefold()
    return next((label for label in labels if label.strip().casefold() == plain), None)


def nearest_spellings(word, labels, count=SPELLINGS):
    """Return up to `count` labels with a similar spelling, the most similar first.

    >>> nearest_spellings("mondy", ["sunday", "monday", "three"])
    ['monday']
    """
    by_plain = {label.strip().casefold(): label for label in labels}
    found = get_close_matches(word.strip().casefold(), by_plain, n=count, cutoff=0.6)
    return [by_plain[name] for name in found]


def nearest_in_plane(word, points, labels, count=5):
    """Return the `count` labels whose points (N, 2) are nearest to that of a word.

    >>> nearest_in_plane("a", np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 1.0]]), ["a", "b", "c"], 1)
    ['c']
    """
    row = list(labels).index(word)
    distances = np.linalg.norm(points - points[row], axis=1)
    order = [place for place in np.argsort(distances, kind="stable") if place != row]
    return [labels[place] for place in order[:count]]


class EmbeddingExplorer:
    """A box for a word and a slider, over the plane of N word vectors and a list of neighbors.

    `vectors` (N, C) has a row for each of the N different `labels`. Type a word and press Enter; or
    press one of the buttons, which show the neighbors or, for an unknown word, words with a similar
    spelling. `box`, `slider`, `buttons`, `page` and `image` are plain ipywidgets, so a test can use
    them without a browser. Raises ValueError if vectors and labels do not fit together, or the
    first word is not among them.
    """

    def __init__(self, vectors, labels, word=None, count=5):
        import ipywidgets as widgets

        self.labels = list(labels)
        self.vectors = _checked(vectors, self.labels)
        check_whole("count", count, least=1, most=MOST)
        if not isinstance(word, str | None):
            raise TypeError(f"word must be a str, not {type(word).__name__}")
        first = self.labels[0] if word is None else find_label(word, self.labels)
        if first is None:
            raise ValueError(f"{word!r} is not among the {len(self.labels)} words")
        self.points = principal_components(self.vectors)  # (N, 2)
        spread = ((self.vectors - self.vectors.mean(axis=0)) ** 2).sum()
        self.plane_share = float((self.points**2).sum() / spread) if spread else 0.0
        wide = {"style": {"description_width": "80px"}, "layout": {"width": "340px"}}
        # The value changes on Enter, not on every key, in ipywidgets 7 and 8.
        self.box = widgets.Text(value=first, description="word", continuous_update=False, **wide)
        most = min(MOST, len(self.labels) - 1)
        self.slider = widgets.IntSlider(
            description="neighbors", min=1, max=most, value=min(count, most), **wide
        )
        self.buttons = [make_button("", lambda n=n: self.go(n)) for n in range(MOST)]
        self.page, self.image = widgets.HTML(), widgets.Image(format="png")
        for control in (self.box, self.slider):
            control.observe(telling(self.page, self._changed), names="value")
        self._changed()
        rows = {"flex_flow": "row wrap", "width": "99%"}
        self.widget = widgets.VBox(
            [
                widgets.HBox([self.box, self.slider], layout=rows),
                widgets.HBox(self.buttons, layout=rows),
                widgets.HBox([self.page, self.image], layout={**rows, "align_items": "flex-start"}),
            ]
        )

    @property
    def word(self):
        """The label that is typed in the box; None if there is no such label."""
        return find_label(self.box.value, self.labels)

    def neighbors(self):
        """The neighbors of the word with their cosines, as many as the slider says."""
        return nearest_words(self.word, self.vectors, self.labels, self.slider.value)

    def choices(self):
        """The words on the buttons: neighbors, or similar spellings of an unknown word."""
        if self.word is None:
            return nearest_spellings(self.box.value, self.labels)
        return [name for name, _ in self.neighbors()]

    def go(self, number):
        """Go to the word on button `number`; a button that is not shown does nothing."""
        self.box.value = self.buttons[number].description or self.box.value

    def describe(self):
        """The content of the page as plain text."""
        if self.word is None:
            alike = ", ".join(self.choices()) or "none of them"
            said = f"{self.box.value!r} is not among the {len(self.labels):,} words."
            return f"{said} Spelled like it: {alike}."
        return f"Nearest to {self.word} by the cosine: {', '.join(self.choices())}. {self._note()}"

    def _note(self):
        """How reliable the picture is."""
        names = self.choices()
        near = set(nearest_in_plane(self.word, self.points, self.labels, len(names)))
        outside = int((~within_reach(self.points)[1]).sum())
        crosses = f" {outside} far from all others: crosses on its edge." if outside else ""
        return (
            f"The cosine is taken in all {self.vectors.shape[1]} dimensions. The plane shows "
            f"{self.plane_share:.0%} of the variance of {len(self.labels):,} words; by the "
            f"distance in it, {len(near & set(names))} of these {len(names)} would be found.{crosses}"
        )

    def html(self):
        """The text of the page, and the list of neighbors with a bar for each cosine."""
        if self.word is None:
            return card(html.escape(self.describe()))
        rows = "".join(_row(name, cosine) for name, cosine in self.neighbors())
        style = "border-collapse:collapse;margin:0 0 6px 0;font-size:95%"
        table = f'<table style="{style}"><tbody>{rows}</tbody></table>'
        return card(
            f"<b>{html.escape(self.word)}</b> and its neighbors, by cosine{table}"
            f'<div style="max-width:15em;font-size:90%">{self._note()}</div>'
        )

    def draw(self):
        """The plane, with the word and its neighbors marked."""
        names = self.choices() if self.word is not None else ()
        return plot_neighbors(self.points, self.labels, self.word, names)

    def _changed(self, _=None):
        choices = self.choices()
        for number, button in enumerate(self.buttons):
            shown = number < len(choices)
            button.layout.display = None if shown else "none"
            button.description = choices[number] if shown else ""
        self.page.value = self.html()
        self.image.value = png_bytes(self.draw())  # last, since it is slowest

    def __repr__(self):
        return f"EmbeddingExplorer({len(self.labels)} words, {self.box.value!r})"

    def _repr_mimebundle_(self, **_):
        still = self.html() + image_tag(self.draw(), self.describe())
        return live_and_still(repr(self), still, self.widget)


def _checked(vectors, labels):
    """The vectors as an array (N, C); raises ValueError if they do not fit the labels."""
    vectors = vectors.detach().cpu() if hasattr(vectors, "detach") else vectors
    values = np.asarray(vectors, dtype=np.float64)
    if values.ndim != 2 or len(values) != len(labels):
        raise ValueError(f"vectors have shape {values.shape} for {len(labels)} labels")
    if len(set(labels)) != len(labels):
        raise ValueError("a label occurs twice; all labels must differ")
    if len(labels) < 3 or values.shape[1] < 2:
        raise ValueError(f"vectors have shape {values.shape}; a plane needs (3, 2) or more")
    if not np.isfinite(values).all():
        raise ValueError("vectors contain NaN or inf")
    return values


def _row(name, cosine):
    cell = f"padding:1px 10px 1px 0;border:0;text-align:left;color:{INK}"  # also on a dark page
    bar = (
        f"display:inline-block;height:9px;width:{max(0, round(100 * cosine))}px;"
        f"background:{COLORS[0]};border-radius:2px"
    )
    return (
        f'<tr style="background:transparent"><td style="{cell}">{html.escape(name)}</td>'
        f'<td style="{cell}">{cosine:.2f}</td><td style="{cell}"><span style="{bar}"></span></td>'
        "</tr>"
    )
