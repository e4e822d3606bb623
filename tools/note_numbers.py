"""Recomputes the numbers of a lecture note. A wrong digit is a problem, said in one sentence.

Four kinds of things in a note are run, all in one namespace, in the order in which they stand:

- a fenced `python` block: run as it stands, and with `>>>` as a doctest;
- a fenced block below the line `<!-- not run: REASON -->`: only its syntax is checked;
- a hidden block `<!-- python` … `-->`, for what the reader need not see;
- a marker `<!-- = EXPRESSION -->` after a number: the number must be the value, rounded to the
  digits that are written. A list of n values holds for the last n
  numbers before the marker, a text for the words before it, True for a claim.

A number from a paper carries `<!-- source: WHERE -->`. Where a block or marker needs a text that
has to be downloaded, it says so: `<!-- python needs the-verdict`, `<!-- = EXPRESSION needs NAME -->`.
"""

import contextlib
import doctest
import io
import re
from dataclasses import dataclass

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
HIDDEN = re.compile(r"^<!-- python(?: needs ([\w-]+))?[ ]*\n(.*?)-->", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: [^\n]{8,} -->\n\Z")
MARKER = re.compile(r"<!-- (?:= (?P<value>.+?)(?: needs (?P<needs>[\w-]+))?|source: .+?) -->")
NUMBER = re.compile(r"(?<![\w.])[-−]?(?:\d{1,3}(?:(?:,|\{,\})\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?")
EXACT = re.compile(r"\.\d{3}|,\}?\d{3}")  # three decimals, or a thousands separator
NO_PROSE = (
    FENCE,
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"\]\([^)\s]*\)|https?://\S+"),  # addresses
    re.compile(r"[_^]\{[^{}]*\}|[_^]\w"),  # subscripts and exponents
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def check_numbers(text: str, *by_hand: tuple[int, int]) -> list[str]:
    """All that is wrong with the numbers of a note, a sentence each.

    Every number with three decimals or more, or with a thousands separator, needs a marker; in the
    ranges `by_hand`, such as the section with the worked example, every number with a decimal point
    does.

    >>> check_numbers("Half of 0.25 is 0.125<!-- = 0.25 / 2 -->.")
    []
    >>> check_numbers("Half of 0.25 is 0.126<!-- = 0.25 / 2 -->.")
    ['line 1: 0.126 is written, 0.25 / 2 gives 0.125']
    """
    namespace: dict = {"__name__": "note"}
    problems, covered, prose = [], set(), _only_prose(text)
    for step in sorted([*code_blocks(text), *find_markers(text)], key=lambda step: step.line):
        if isinstance(step, Code):
            problem = run(step, namespace)
            if problem:
                return [*problems, problem]
            continue
        numbers = list(NUMBER.finditer(prose, step.start, step.end))
        count, wrong = _check_marker(step, numbers, text, namespace)
        covered.update(number.start() for number in numbers[len(numbers) - count :])
        problems += wrong
    for number in NUMBER.finditer(prose):
        inside = "." in number[0] and any(a <= number.start() < b for a, b in by_hand)
        if number.start() not in covered and (inside or EXACT.search(number[0])):
            problems.append(
                f"line {_line(text, number.start())}: no marker vouches for {number[0]}"
            )
    return problems


@dataclass(frozen=True)
class Code:
    """A block of code in a note, and the downloaded text it `needs`; no reader sees a `hidden` one."""

    line: int
    source: str
    only_syntax: bool = False
    needs: str | None = None
    hidden: bool = False


@dataclass(frozen=True)
class Marker:
    """A marker and the range of text it speaks of; a source has no expression."""

    start: int
    end: int
    line: int
    expression: str | None
    needs: str | None


def code_blocks(text: str) -> list[Code]:
    """All code of a note that runs, visible and hidden, in order."""
    found = [Code(_line(text, m.start()), m[2], False, m[1], True) for m in HIDDEN.finditer(text)]
    for match in FENCE.finditer(text):
        if match[1] == "python":
            only_syntax = bool(NOT_RUN.search(text[: match.start()]))
            found.append(Code(_line(text, match.start()), match[2], only_syntax))
    return sorted(found, key=lambda code: code.line)


def run(code: Code, namespace: dict) -> str | None:
    """Run a block in the namespace; returns what went wrong, or None."""
    if code.needs and not is_here(code.needs):
        return None
    printed, wrong = io.StringIO(), f"line {code.line}: the code"
    try:
        if code.only_syntax:
            compile(code.source, "note", "exec")
        elif ">>>" in code.source:
            test = doctest.DocTestParser().get_doctest(code.source, namespace, "note", "note", 0)
            runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
            failed, _ = runner.run(test, out=printed.write, clear_globs=False)
            namespace.update(test.globs)
            return f"{wrong} gives something else:\n{printed.getvalue()}" if failed else None
        else:
            with contextlib.redirect_stdout(printed):
                exec(compile(code.source, f"<note, line {code.line}>", "exec"), namespace)
    except Exception as error:
        return f"{wrong} fails: {type(error).__name__}: {error}"
    return None


def find_markers(text: str) -> list[Marker]:
    """All markers. One reaches back to the marker before it, or to the start of its paragraph or
    table row; one that stands alone after a blank line belongs to the paragraph above.
    """
    hidden = FENCE.sub(_blank, text)
    markers, before = [], 0
    for match in MARKER.finditer(hidden):
        row = hidden.rfind("\n", 0, match.start()) + 1
        floor = row
        if not hidden[row:].lstrip().startswith("|"):
            written = len(hidden[: match.start()].rstrip())
            floor = hidden.rfind("\n\n", 0, written) + 1
        line = _line(text, match.start())
        scope = (max(before, floor), match.start())
        markers.append(Marker(*scope, line, match["value"], match["needs"]))
        before = match.end()
    return markers


def _check_marker(marker: Marker, numbers, text, namespace):
    """Evaluate a marker; returns how many numbers it vouches for and what is wrong with them."""
    here = f"line {marker.line}:"
    if marker.expression is None or (marker.needs and not is_here(marker.needs)):
        return len(numbers), []
    try:
        value = eval(marker.expression, namespace)
    except Exception as error:
        return 0, [f"{here} {marker.expression} fails: {type(error).__name__}: {error}"]
    if isinstance(value, str):
        same = text[marker.start : marker.end].rstrip("*`'\" ").endswith(value)
        return 0, [] if same else [f"{here} {marker.expression} gives {value!r}"]
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, bool):
        return 0, [] if value else [f"{here} the claim {marker.expression} is false"]
    values = _flat(value)
    if len(numbers) < len(values):
        return 0, [
            f"{here} {marker.expression} gives {len(values)} numbers, {len(numbers)} stand there"
        ]
    wrong = [
        f"{here} {number[0]} is written, {marker.expression} gives {expected:.10g}"
        for number, expected in zip(numbers[-len(values) :], values, strict=True)
        if not is_rounded(number[0], expected)
    ]
    return len(values), wrong


def is_rounded(written: str, value: float) -> bool:
    """True where the number as `written` is the value rounded to its digits.

    >>> is_rounded("0.67", 2 / 3), is_rounded("0.66", 2 / 3), is_rounded("1,024", 1024)
    (True, False, True)
    """
    plain = re.sub(r"[,{}]", "", written).replace("−", "-")
    mantissa, _, exponent = plain.partition("e")
    decimals = len(mantissa.partition(".")[2])
    unit = 10.0 ** (int(exponent or 0) - decimals)
    return abs(float(plain) - value) <= unit / 2 + 1e-6 * max(unit, abs(value) * 1e-3)


def _flat(value) -> list:
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, list | tuple):
        return [number for part in value for number in _flat(part)]
    return [value]


def is_here(name: str) -> bool:
    """True where the downloaded text of that name is in the cache."""
    from helpers.texts.corpora import available

    with contextlib.redirect_stdout(io.StringIO()):
        return available(name, shows="the numbers of a lecture note")


def _only_prose(text: str) -> str:
    """The text with everything that is no number of the prose blanked out, of the same length."""
    for pattern in NO_PROSE:
        text = pattern.sub(_blank, text)
    return text


def _blank(match) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
