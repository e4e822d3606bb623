"""Register and check exercises: a check never raises an error, it explains.

There is one module per notebook (`nb01`, `nb02`, …), with one readable function per exercise.
"""

import dis
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

COLUMNS = 88  # of a notebook's output: JupyterLab breaks a longer line within a word


class Wrong(Exception):
    """The result of an attempt is wrong; the message says how it differs, and why it matters."""


class NotAttempted(Exception):
    """The stub is unchanged."""


@dataclass(frozen=True)
class Exercise:
    """One exercise: its name ('05.1'), a short title, and the function that checks an attempt."""

    name: str
    title: str
    check: Callable


EXERCISES: dict[str, Exercise] = {}


def exercise(name, title):
    """Register the decorated function as the check of exercise `name`."""

    def register(function):
        EXERCISES[name] = Exercise(name, title, function)
        return function

    return register


def wrong(message):
    """Stop the check: `message` says how the result differs and why it matters."""
    raise Wrong(message)


def attempted(result):
    """Return `result`, or stop the check if the stub is unchanged (it returned nothing).

    >>> attempted(3)
    3
    """
    if result is None or result is Ellipsis:
        raise NotAttempted
    return result


def judge(name, attempt):
    """Run the check of exercise `name` and return its verdict as a sentence.

    Raises ValueError if there is no exercise of that name.
    """
    name = str(name)
    number = name.split(".")[0]
    if number.isdigit() and name not in EXERCISES:
        try:
            import_module(f"classroom.turns.nb{number}")
        except ModuleNotFoundError:
            pass
    if name not in EXERCISES:
        near = get_close_matches(name, EXERCISES, 5, 0.0)
        raise ValueError(f"no exercise {name!r}; the nearest are {', '.join(sorted(near))}")
    try:
        return f"Right: {EXERCISES[name].check(attempted(attempt))}"
    except (NotAttempted, NotImplementedError):
        forgotten = does_something(attempt)
        return (
            "Not yet: it returned None: is there a return?" if forgotten else "Not attempted yet."
        )
    except Wrong as difference:
        return f"Not yet: {difference}"
    except Exception as error:  # an attempt may fail in any way; the reader needs the reason
        return f"Not yet: your code stopped with {type(error).__name__}: {error}"


def does_something(function):
    """Whether a function has more in it than a docstring, dots and a constant.

    >>> does_something(lambda x: None), does_something(lambda x: print(x))
    (False, True)
    """
    code = getattr(function, "__code__", None)
    idle = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
    return code is not None and any(step.opname not in idle for step in dis.get_instructions(code))


def wrapped(verdict):
    """A verdict whose long lines are broken between words; an indented line stays as it is.

    >>> print(wrapped("attend: not yet: " + "a row of weights " * 5))
    attend: not yet: a row of weights a row of weights a row of weights a row of weights a
    row of weights
    """
    lines = []
    for line in verdict.split("\n"):
        if len(line) > COLUMNS and not line.startswith(" "):
            held = re.sub(" {2,}", lambda spaces: "\0" * len(spaces[0]), line)  # in a string
            line = textwrap.fill(
                held,
                COLUMNS,
                expand_tabs=False,
                replace_whitespace=False,
                break_long_words=False,
                break_on_hyphens=False,
            ).replace("\0", " ")
        lines.append(line)
    return "\n".join(lines)


def exercises_by_notebook():
    """The names of all exercises of every notebook, in order.

    >>> exercises_by_notebook()["08"]
    ['08.1', '08.2', '08.3']
    """
    numbers = sorted(path.stem[2:] for path in Path(__file__).parent.glob("nb[0-9][0-9].py"))
    for number in numbers:
        import_module(f"classroom.turns.nb{number}")
    return {n: sorted(name for name in EXERCISES if name[:2] == n) for n in numbers}
