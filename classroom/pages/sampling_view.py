"""Explore sampling: sliders for temperature, top-k and top-p above a bar for every token."""

import base64
import html

import torch

from classroom.pages.knobs import live_and_still, telling
from helpers.generate import next_token_probabilities
from helpers.plots import COLORS, INK, new_axes, png_bytes

KNOBS = {  # name: (lowest, highest, step, initial)
    "temperature": (0.1, 3.0, 0.1, 1.0),
    "top_p": (0.1, 1.0, 0.05, 1.0),
}


def plot_next_token(logits, tokens, temperature=1.0, top_k=None, top_p=None, ax=None):
    """Draw the distribution that sampling uses, with pale bars behind it for the plain softmax.

    `logits` (V,) belong to the V `tokens`. Raises ValueError if their numbers differ.

    >>> ax = plot_next_token(torch.tensor([1.0, 0.0]), ["yes", "no"], top_k=1)
    >>> [round(float(bar.get_width()), 2) for bar in ax.patches[2:]]
    [1.0, 0.0]
    """
    if logits.shape != (len(tokens),):
        raise ValueError(f"logits have shape {tuple(logits.shape)} for {len(tokens)} tokens")
    ax = ax if ax is not None else new_axes(6.5, 0.6 + 0.32 * len(tokens))
    before = logits.softmax(dim=-1).tolist()
    after = next_token_probabilities(logits, temperature, top_k, top_p).tolist()
    ax.barh(range(len(tokens)), before, height=0.8, color="#dcd8cc")
    ax.barh(range(len(tokens)), after, height=0.5, color=COLORS[0])
    for place, probability in enumerate(after):
        text = f"{probability:.3f}" if probability else "cut"
        ax.text(max(probability, before[place]) + 0.01, place, text, va="center", color=INK)
    ax.set_yticks(range(len(tokens)), tokens)
    ax.invert_yaxis()
    ax.set_xlim(0, 1.1)
    ax.set_xlabel("probability (pale: before the knobs)")
    return ax


def describe(probabilities, tokens):
    """Describe a distribution (V,) in a sentence: how many tokens are possible, and the first.

    >>> describe(torch.tensor([0.9, 0.1, 0.0]), ["yes", "no", "never"])
    '2 of 3 tokens can be drawn; yes leads with 0.900.'
    """
    best = int(probabilities.argmax())
    left = int((probabilities > 0).sum())
    lead = f"{tokens[best]} leads with {probabilities[best]:.3f}"
    return f"{left} of {len(tokens)} tokens can be drawn; {lead}."


class SamplingExplorer:
    """Three sliders and a button above a plot: see a distribution change, sample from it.

    `sliders`, `image`, `words` and `button` are plain ipywidgets, so a test can use them without a
    browser. Where no kernel runs, the initial plot is shown.
    """

    def __init__(self, logits, tokens, seed=0):
        import ipywidgets as widgets

        self.logits, self.tokens = logits, list(tokens)
        self.generator = torch.Generator().manual_seed(seed)
        wide = {"style": {"description_width": "90px"}, "layout": {"width": "420px"}}
        self.sliders = {
            name: widgets.FloatSlider(
                description=name.replace("_", "-"),
                min=low,
                max=high,
                step=step,
                value=value,
                **wide,
            )
            for name, (low, high, step, value) in KNOBS.items()
        }
        self.sliders["top_k"] = widgets.IntSlider(
            description="top-k", min=1, max=len(self.tokens), value=len(self.tokens), **wide
        )
        self.button = widgets.Button(description="Draw a token")
        self.image, self.words = widgets.Image(format="png"), widgets.HTML()
        for slider in self.sliders.values():
            slider.observe(telling(self.words, self._moved), names="value")
        self.button.on_click(telling(self.words, self._drawn))
        self._moved()
        parts = [*self.sliders.values(), self.button, self.words, self.image]
        self.widget = widgets.VBox(parts)

    def settings(self):
        """The current values of the three sliders, by the names that `generate` takes."""
        return {name: slider.value for name, slider in self.sliders.items()}

    def probabilities(self):
        """The distribution (V,) at the current settings."""
        return next_token_probabilities(self.logits, **self.settings())

    def _moved(self, _=None):
        self.image.value = png_bytes(plot_next_token(self.logits, self.tokens, **self.settings()))
        self.words.value = html.escape(describe(self.probabilities(), self.tokens))

    def _drawn(self, _=None):
        drawn = torch.multinomial(self.probabilities(), 1, generator=self.generator).item()
        self.words.value = f"Drawn: <b>{html.escape(self.tokens[drawn])}</b>"

    def __repr__(self):
        return f"SamplingExplorer({len(self.tokens)} tokens)"

    def _repr_mimebundle_(self, **_):
        """The live widget, and a static picture for where no kernel runs."""
        picture = base64.b64encode(self.image.value).decode()
        alt = html.escape(describe(self.probabilities(), self.tokens), quote=True)
        still = f'<img alt="{alt}" src="data:image/png;base64,{picture}">'
        return live_and_still(repr(self), still, self.widget)
