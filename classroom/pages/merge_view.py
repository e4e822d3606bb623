"""Byte pair merges, step by step: which pair is merged next, and the tokens after it."""

import html

from classroom.pages.bpe_view import pair_places, replay_merges
from classroom.pages.knobs import card, live_and_still, make_button, telling
from classroom.pages.token_view import token_strip, visible
from helpers.bpe.train import compile_pattern
from helpers.plots import INK, PAPER


class MergeExplorer:
    """Replay a `BPETokenizer`'s merges on a short text, one by one, with a slider and buttons.

    The text is split into pre-tokens, encoded as bytes, and then merged in the order in which the
    merges were learned. The dark tiles are the pair that is merged next. Type another text and press
    Enter. `box`, `slider`, `page`, `back` and `forward` are plain ipywidgets, so a test can use
    them without a browser.
    """

    def __init__(self, tokenizer, text):
        import ipywidgets as widgets

        self.tokenizer = tokenizer
        self.token_ids = {token: number for number, token in tokenizer.vocab.items()}
        wide = {"style": {"description_width": "60px"}}
        # The value changes on Enter, not on every key, in ipywidgets 7 and 8.
        self.box = widgets.Text(
            value=text, description="text", continuous_update=False,
            layout={"width": "460px"}, **wide,
        )  # fmt: skip
        self.slider = widgets.IntSlider(
            description="merges", min=0, max=1, layout={"width": "460px"}, **wide
        )
        self.back = make_button("Back", lambda: self.go(-1), tooltip="undo one merge")
        self.forward = make_button("Merge the dark pair", lambda: self.go(1))
        self.page = widgets.HTML(layout={"width": "99%"})
        self.box.observe(telling(self.page, self._typed), names="value")
        self.slider.observe(telling(self.page, self._moved), names="value")
        self._typed()
        buttons = widgets.HBox([self.back, self.forward])
        self.widget = widgets.VBox(
            [self.box, self.slider, buttons, self.page], layout={"width": "99%"}
        )

    @property
    def tokens(self):
        """The tokens at the slider's step, of all pre-tokens in one list."""
        return [token for row in self.steps[self.slider.value][1] for token in row]

    def go(self, steps):
        """Go forward by a number of merges (back if negative), as far as there are any."""
        self.slider.value = max(0, min(self.slider.max, self.slider.value + steps))

    def _typed(self, _=None):
        pieces = compile_pattern(self.tokenizer.pattern).findall(self.box.value)
        self.steps = replay_merges([piece.encode() for piece in pieces], self.tokenizer.merges)
        last = len(self.steps) - 1
        self.slider.value = 0
        self.slider.max = max(1, last)  # a slider from 0 to 0 cannot be drawn
        self.slider.disabled = not last
        self._moved()

    def _moved(self, _=None):
        last = len(self.steps) - 1
        if self.slider.value > last:  # nothing merges, but the slider was moved
            self.slider.value = last
        self.page.value = self.html(self.slider.value)
        self.back.disabled = self.slider.value == 0
        self.forward.disabled = self.slider.value == last

    def html(self, number):
        """The text after a number of merges as a page: the next merge, the tiles, the merges so far."""
        rows = self.steps[number][1]
        done = f"{number} of {len(self.steps) - 1} merges done."
        if number < len(self.steps) - 1:
            rank = self.steps[number + 1][0]
            pair = self.tokenizer.merges[rank]
            new = self.token_ids[b"".join(pair)]
            words = f"{done} Next is {_sum(pair)}, merge {rank + 1} of the vocabulary: token {new}."
            words = words.replace(_sum(pair), f"<b>{html.escape(_sum(pair))}</b>")
        else:
            pair, words = None, f"{done} No pair that is left is in the list of merges."
        tokens, dark = [], []
        for row in rows:
            dark += [len(tokens) + place for place in (pair_places(row, pair) if pair else ())]
            tokens += row
        size = len(self.box.value.encode())
        caption = f"{size} bytes, {len(tokens)} tokens"
        ids = [self.token_ids[token] for token in tokens]
        return card(words) + token_strip(tokens, ids, dark, caption) + self._history(number)

    def _history(self, number):
        chips = [
            f"{place}. {html.escape(_sum(self.tokenizer.merges[rank]))}"
            for place, (rank, _) in enumerate(self.steps[1 : number + 1], 1)
        ]
        style = f"background:{PAPER};color:{INK};padding:4px 12px;margin-top:3px;border-radius:6px;font-size:90%"
        said = " &nbsp; ".join(f'<span style="white-space:nowrap">{chip}</span>' for chip in chips)
        return f'<div style="{style}">Done: {said}</div>' if chips else ""

    def __repr__(self):
        return f"MergeExplorer({self.box.value!r}, {len(self.steps) - 1} merges)"

    def still(self, most=12):
        """All steps below one another, at most `most`, for where no kernel runs."""
        strips = []
        for number, (rank, rows) in enumerate(self.steps[: most + 1]):
            done = "bytes" if rank is None else f"{number}. {_sum(self.tokenizer.merges[rank])}"
            strips.append(token_strip([token for row in rows for token in row], caption=done))
        return "".join(strips)

    def _repr_mimebundle_(self, **_):
        return live_and_still(repr(self), self.still(), self.widget)


def _sum(pair):
    return " + ".join(map(visible, pair))
