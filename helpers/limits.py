"""What a number may be: checks that name the value and its limit, for every option of the package."""

import math
from typing import Any


def check_whole(name: str, value: Any, least: int, most: int | None = None) -> None:
    """Refuse a value that is no whole number of `least` or more (up to `most`, where given).

    Raises TypeError for what is no whole number, and ValueError for one outside its limits.

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
    """Refuse a value that is no finite number within its limits; `least` and `most` are allowed.

    Refused, too, is what single precision would make 0, or what no integer of 64 bits holds.
    Raises TypeError for what is no number, and ValueError for one outside its limits.

    >>> check_number("top_p", 1.5, above=0, most=1)
    Traceback (most recent call last):
    ValueError: top_p is 1.5; it must be above 0 and at most 1
    """
    limits = {"above": above, "at least": least, "below": below, "at most": most}
    parts = [f"{word} {limit}" for word, limit in limits.items() if math.isfinite(limit)]
    words = f"{least} or more" if parts == [f"at least {least}"] else " and ".join(parts)
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} is {value!r}; it must be a number, {words}")
    if math.isfinite(value) and not (value == 0 or 1e-44 <= abs(value) < 1e18):
        raise ValueError(f"{name} is {value}; it must be {words}, and of a size to compute with")
    inside = value > above and value >= least and value < below and value <= most
    if not (inside and math.isfinite(value)):  # this way round, not-a-number is refused too
        raise ValueError(f"{name} is {value}; it must be {words}")
