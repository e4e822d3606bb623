"""How notebook outputs are compared: numbers with a tolerance, everything else exactly.

nbval compares strings. Here a string becomes one whose equality knows that 0.30000000000000004
and 0.3 are the same result on two machines, while 3 and 4, or 'cat' and 'hat', never are.
"""

import math
import re

RELATIVE = 1e-3  # trained figures move by about this much between processors
LAST_PLACE_FROM = 3  # with so many decimals, one unit in the last place may be rounding

DECIMAL = re.compile(r"(?<![\w.])[-+]?(?:\d+\.\d*|\d+(?=[eE][-+]?\d))(?:[eE][-+]?\d+)?(?![\w.]*\d)")
PIXELS = re.compile(r"""(src=)(["'])data:image/[^"']*\2""")
PROGRESS = re.compile(r"^\s*(?:[^\n]*: )?\s*\d+%\|[^\n]*\[[^\n]*\]\s*$")
WIDGET = "application/vnd.jupyter.widget-view+json"


def close(left, right):
    """Whether two printed decimals are the same result."""
    places = [len(re.split("[eE]", text.partition(".")[2])[0]) for text in (left, right)]
    plain = "e" not in (left + right).lower()
    one_unit = 1.01 * 10.0 ** -min(places) if plain and min(places) >= LAST_PLACE_FROM else 0.0
    return math.isclose(float(left), float(right), rel_tol=RELATIVE, abs_tol=one_unit)


class Output(str):
    """Printed text; equal to another where the words agree and the decimals are close.

    >>> Output("loss 2.3456789") == Output("loss 2.3456788")
    True
    >>> Output("loss 2.3") == Output("cost 2.3"), Output("step 3") == Output("step 4")
    (False, False)
    """

    def __eq__(self, other):
        if not isinstance(other, str):
            return NotImplemented
        if str.__eq__(self, other):
            return True
        left, right = DECIMAL.findall(self), DECIMAL.findall(other)
        if len(left) != len(right) or DECIMAL.sub("#", self) != DECIMAL.sub("#", other):
            return False
        return all(map(close, left, right))

    def __ne__(self, other):
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    __hash__ = str.__hash__


def comparable(text):
    """Text as it is compared: without the pixels of embedded pictures, decimals with tolerance."""
    return Output(PIXELS.sub(r"\1\2\2", text)) if isinstance(text, str) else text


def is_progress_bar(output):
    """Whether an output is tqdm's notebook bar, which means nothing once the work is done."""
    data = output.get("data", {})
    return WIDGET in data and bool(PROGRESS.match(data.get("text/plain", "")))
