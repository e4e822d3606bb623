"""Sliders for the arguments of a function, above the page that it returns.

A widget works only with a running kernel. So each one also stores its page as plain HTML, for those
who read the notebook on a website or before running it.
"""

import html
import inspect

INK, PAPER, LINE = "#22262e", "#fbfaf6", "#d9d6cb"


def live_and_still(words, still, widget):
    """Return the output of a cell in three forms: plain text, static HTML, and the widget.

    A notebook shows the richest form that it can. Return it from `_repr_mimebundle_`. The widget's
    CSS class is `course-` plus the name that `words` begin with, as in `course-Knobs`, for style
    sheets and tests.
    """
    widget.add_class(f"course-{words.partition('(')[0]}")
    return {
        "text/plain": words,
        "text/html": still,
        "application/vnd.jupyter.widget-view+json": {
            "version_major": 2,
            "version_minor": 0,
            "model_id": widget.model_id,
        },
    }


def card(inside):
    """Return HTML on a light card with dark text, legible on dark pages; screen readers announce it.

    >>> card("loss 2.31").startswith('<div role="status" style="background:#fbfaf6')
    True
    """
    return (
        f'<div role="status" style="background:{PAPER};color:{INK};border:1px solid {LINE};'
        "border-radius:6px;padding:5px 12px;margin:2px 0;line-height:1.45;white-space:normal;"
        f'max-width:100%;box-sizing:border-box">{inside}</div>'
    )


def in_words(error):
    """Say an error in one line; those of a kind that a reader causes are said without their kind.

    >>> in_words(KeyError("weights"))
    "KeyError: 'weights'"
    """
    said = str(error) or type(error).__name__
    plain = isinstance(error, (ValueError, OSError)) and not isinstance(error, UnicodeError)
    return said if plain else f"{type(error).__name__}: {error}"


def telling(page, act):
    """Return a callback for `act()`: its error, which no cell would show, appears on `page`."""

    def called(*_):
        try:
            act()
        except Exception as error:
            page.value = card(html.escape(in_words(error)))

    return called


class Knobs:
    """Sliders for the parameters of a function, over the HTML that it returns for their values.

    Each parameter gets its possible values: a `range` for whole numbers, or any list. A slider
    starts at the parameter's default, else at the first value. Tab goes from slider to slider,
    the arrow keys move one. `sliders` and `page` are plain ipywidgets, so a test can use them
    without a browser. Raises ValueError unless each parameter has values, and no other name has.

    >>> knobs = Knobs(lambda n=3: "*" * n, n=range(1, 6))
    >>> knobs.sliders["n"].value = 5
    >>> knobs.page.value
    '*****'
    """

    def __init__(self, function, **values):
        import ipywidgets as widgets

        parameters = inspect.signature(function).parameters
        if set(parameters) != set(values):
            wanted, given = ", ".join(parameters), ", ".join(values)
            raise ValueError(f"the function takes {wanted}; values are given for {given}")
        self.function, self.page = function, widgets.HTML(layout={"width": "99%"})
        self.sliders = {}
        for name, parameter in parameters.items():
            default = parameter.default
            start = values[name][0] if default is parameter.empty else default
            self.sliders[name] = make_slider(name, values[name], start)
            self.sliders[name].observe(telling(self.page, self._moved), names="value")
        self._moved()
        self.widget = widgets.VBox([*self.sliders.values(), self.page])

    def settings(self):
        """The current values, by the names of the parameters."""
        return {name: slider.value for name, slider in self.sliders.items()}

    def _moved(self, _=None):
        self.page.value = self.function(**self.settings())

    def __repr__(self):
        values = ", ".join(f"{name}={value}" for name, value in self.settings().items())
        return f"Knobs({values})"

    def _repr_mimebundle_(self, **_):
        still = f"<div>{html.escape(repr(self)[6:-1])}</div>{self.page.value}"
        return live_and_still(repr(self), still, self.widget)


def make_slider(name, values, start):
    """Return a slider over a `range` or a list of values; raises ValueError for another start."""
    import ipywidgets as widgets

    if start not in values:
        raise ValueError(f"{name} starts at {start!r}, which is not among {values!r}")
    words = name.replace("_", " ")
    wide = {"style": {"description_width": "120px"}, "layout": {"width": "460px"}}
    if isinstance(values, range):
        low, high = values[0], values[-1]
        return widgets.IntSlider(
            description=words, min=low, max=high, step=values.step, value=start, **wide
        )
    return widgets.SelectionSlider(description=words, options=list(values), value=start, **wide)


def make_button(words, press, **options):
    """Return a button that is as wide as its text and calls `press()`."""
    import ipywidgets as widgets

    button = widgets.Button(description=words, layout={"width": "auto"}, **options)
    button.on_click(lambda _: press())
    return button
