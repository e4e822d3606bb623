"""Checks of the numbers that users give; an error names the value and its limits."""

import math
from typing import Any


def check_whole(name: str, value: Any, least: int, most: int | None = None) -> None:
    """Check that a value is a whole number from `least` to `most` (None: no upper limit).

    Raises TypeError if it is not a whole number, ValueError if it is outside its limits.

    >>> check_whole("batch_size", 0, least=1)
    Traceback (most recent call last):
    ValueError: batch_size is 0; it must be 1 or more
    """
    limits = f"{least} or more" if most is None else f"{least} to {most}"
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} is {value!r}; it must be a whole number, {limits}")
    if value < least or (most is not None and value > most):
        raise ValueError(f"{name} is {value}; it must be {limits}")


def check_number(
    name: str,
    value: Any,
    above: float = -math.inf,
    least: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
) -> None:
    """Check that a value is a finite number with above < value < below and least <= value <= most.

    Raises TypeError if it is not a number. Raises ValueError if it is outside its limits, NaN or
    infinite, or of a size that fp32 cannot hold: nearer to 0 than 1e-44, or 1e18 and more.

    >>> check_number("top_p", 1.5, above=0, most=1)
    Traceback (most recent call last):
    ValueError: top_p is 1.5; it must be above 0 and at most 1
    """
    limits = {"above": above, "at least": least, "below": below, "at most": most}
    parts = [f"{word} {limit}" for word, limit in limits.items() if math.isfinite(limit)]
    words = f"{least} or more" if parts == [f"at least {least}"] else " and ".join(parts)
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} is {value!r}; it must be a number, {words}")
    if not (math.isfinite(value) and above < value < below and least <= value <= most):
        raise ValueError(f"{name} is {value}; it must be {words}")
    if value != 0 and not 1e-44 <= abs(value) < 1e18:
        raise ValueError(f"{name} is {value}; fp32 cannot compute with a number of this size")
