"""Sums in words, answered directly or by a call of a calculator, which a loop outside the model runs.

    question   take 25 from 417 ?        with a tool   [417-25=392]392.        directly   392.

Of the answer with a tool the model writes `[417-25=`; the loop appends `392]`, which is not scored
in training, and the model goes on. Digits, signs and words are one token each. The pairs of numbers are
split, so that no held-out pair is trained in any wording.
Source of the idea: Schick et al. 2023 (Toolformer).
"""

import random
import re
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from helpers.limits import check_whole

WORDINGS = (
    ("{a} plus {b} ?", "+"),
    ("add {b} to {a} ?", "+"),
    ("{a} and {b} more ?", "+"),
    ("{a} minus {b} ?", "-"),
    ("take {b} from {a} ?", "-"),
    ("{a} without {b} ?", "-"),
)
WORDS = ("plus", "add", "to", "and", "more", "minus", "take", "from", "without")
TOKENS = (*"0123456789+-[]=.?", *WORDS)
DIGITS = 3  # at most; short numbers are as frequent as long ones, or they would be rare
HELD_OUT = 5  # one pair of numbers in so many


class Sum(NamedTuple):
    """A question, the call that answers it, and the result."""

    question: str
    call: str
    result: str

    def with_tool(self) -> list[tuple[str, bool]]:
        """The answer in parts, and of each whether the model writes it."""
        return [(f"[{self.call}=", True), (f"{self.result}]", False), (f"{self.result}.", True)]

    def directly(self) -> list[tuple[str, bool]]:
        """The answer without a tool, as `with_tool` tells it."""
        return [(f"{self.result}.", True)]


def held_out(a: int, b: int) -> bool:
    """Whether a pair of numbers is kept for the test; a + b and b + a go together."""
    low, high = sorted((a, b))
    return zlib.crc32(f"{low} {high}".encode()) % HELD_OUT == 0


def sample(n: int, rng: random.Random, test: bool = False) -> list[Sum]:
    """Draw n sums of training, or of the test; raises ValueError for n below 0.

    >>> sample(1, random.Random(1))[0]
    Sum(question='9 plus 4 ?', call='9+4', result='13')
    """
    check_whole("n", n, least=0)
    found: list[Sum] = []
    while len(found) < n:
        a, b = (rng.randrange(10 ** rng.randint(1, DIGITS)) for _ in range(2))
        wording, sign = rng.choice(WORDINGS)
        if sign == "-" and a < b:
            a, b = b, a
        if held_out(a, b) == test:
            result = a + b if sign == "+" else a - b
            found.append(Sum(wording.format(a=a, b=b), f"{a}{sign}{b}", str(result)))
    return found


def encode(text: str) -> list[int]:
    """The token ids of a text; spaces only separate. Raises ValueError for an unknown piece.

    >>> encode("1 plus 25 ?")
    [1, 17, 2, 5, 16]
    """
    pieces = re.findall(r"[a-z]+|\S", text)
    unknown = [piece for piece in pieces if piece not in TOKENS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no token of a sum")
    return [TOKENS.index(piece) for piece in pieces]


def decode(token_ids: Iterable[int]) -> str:
    """The pieces of token ids in a row, as answers are written.

    >>> decode(encode("[17+25="))
    '[17+25='
    """
    return "".join(TOKENS[token] for token in token_ids)
