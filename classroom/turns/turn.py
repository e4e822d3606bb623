"""`@your_turn`: the reader writes a part of the LLM, it is checked on the spot, and used.

    @your_turn
    def attend(queries, keys, values):
        \"""Scaled dot-product attention.\"""
        ...

With the dots the notebook goes on with the course's version. A right version is used from there on,
and its source is kept for `my_llm.py`. A wrong one is told how it differs. A method of a class from
an earlier cell is written as `@your_turn(of=Tokenizer)`. A turn is never an error of the notebook.

Each notebook with turns has a module of its own, `t02` and so on: the course's versions, then one
readable check for each.
"""

import datetime
import difflib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from classroom.turns import guard
from classroom.turns.kept import Kept, keep
from classroom.turns.registry import Wrong, wrapped
from classroom.turns.rescue import watch_cells
from classroom.turns.source import imports_of_the_course, parts_not_written, written_in
from classroom.turns.trial import Trial, named

OURS = "The course's version is used."
PRINTED_LINES = 5


@dataclass(frozen=True)
class Slow:
    """When a right version is too slow: `run(version)` does what the notebook does with it.

    It is too slow if it takes `times` as long as the course's version and over `seconds`.
    """

    run: Callable
    why: str
    times: float = 10.0
    seconds: float = 1.0


@dataclass(frozen=True)
class Turn:
    """One turn: its name, its place, the course's version, and its check, which takes a Trial."""

    name: str
    order: int
    course: Any
    check: Callable
    slow: Slow | None = None


class Turns:
    """The turns of one notebook, in order; `your_turn` is the decorator that its cells use.

    `given` maps the names that the notebook takes from the turns of earlier ones to their values.
    """

    def __init__(self, notebook, given=()):
        self.notebook = notebook
        self.given = dict(given)
        self.turns = {}
        watch_cells()

    def turn(self, course, of=None, slow=None):
        """Register the decorated function as the check of a turn whose right version is `course`.

        `of` names the class whose method it is. Raises ValueError for a name that is taken.
        """
        name = f"{of}.{course.__name__}" if of else course.__name__

        def register(check):
            if name.lower() in map(str.lower, self.turns):  # files may not tell them apart
                raise ValueError(f"notebook {self.notebook} has two turns named {name!r}")
            self.turns[name] = Turn(name, len(self.turns) + 1, course, check, slow)
            return check

        return register

    def your_turn(self, thing=None, *, of=None):
        """Judge a function, class or method (`of` a class) and return what the notebook uses."""
        if thing is None:
            return lambda method: self._judged(method, of, sys._getframe(1))
        return self._judged(thing, of, sys._getframe(1))

    def _judged(self, thing, of, frame):
        name = getattr(thing, "__name__", str(thing))
        before = frame.f_globals.get(name, thing)
        full = f"{of.__name__}.{name}" if of else name
        if full not in self.turns:
            return self._misnamed(full, thing, frame)
        turn = self.turns[full]
        if of is None and frame.f_locals is frame.f_globals:
            frame.f_globals[name] = thing  # already now, so that it may call itself
        try:
            verdict, used = self._verdict(turn, thing, of, written_in(frame, name))
        except Exception as error:
            verdict = f"{full}: it could not be checked ({named(error)}). {OURS}"
            used = turn.course
        print(wrapped(verdict))
        if of is None:
            return used
        setattr(of, name, used)
        return before  # a function of the method's name stays what it was

    def _misnamed(self, name, thing, frame):
        meant = difflib.get_close_matches(name, self.turns, 1, 0.0)[0]
        print(wrapped(f"{name}: there is no turn of that name; is it {meant}? {OURS}"))
        frame.f_globals.setdefault(meant, self.turns[meant].course)
        return thing

    def go_on(self, names, problem):
        """Tell why a cell's turns were not judged, and let the notebook use the course's versions.

        `names` are pairs of a turn and its last line; `problem` is a sentence, or the error that
        ended the cell, at a line after which nothing ran.
        """
        namespace, line, shown = sys._getframe(1).f_globals, 0, ""
        if isinstance(problem, BaseException):
            line = _line_of(problem)
            problem = f"the cell stopped at line {line} with {named(problem)}"
        problem, _, shown = problem.partition("\n")
        for name, last_line in names:
            if last_line >= line:
                turn = self.turns.get(name) or self._next_missing(namespace)
                print(wrapped(f"{turn.name}: not yet: {problem}. {OURS}"))
                _put(turn, namespace)
        if shown:
            print(shown)

    def _next_missing(self, namespace):
        """The first turn that a notebook does not have yet: the one whose cell has no known name."""
        missing = [turn for turn in self.turns.values() if not _has(turn, namespace)]
        return (missing or [*self.turns.values()])[0]

    def _earlier(self, turn):
        written = [name for name, other in self.turns.items() if other.order < turn.order]
        return [*self.given, *written]

    def _verdict(self, turn, thing, of, written):
        """The sentence to print, and the version to use."""
        problem = self._not_alone(turn, of, written)
        if problem:
            return f"{turn.name}: {problem}", turn.course
        attempt = type(of.__name__, (of,), {thing.__name__: thing}) if of else thing
        trial = Trial(turn.name, attempt, self._earlier(turn))
        outcome = guard.limited(lambda: turn.check(trial), guard.SECONDS)
        problem = _told(outcome.error)
        if problem is None and turn.slow:
            problem = _too_slow(turn, attempt)
        printed = _printed(outcome.printed)
        if problem:
            return f"{turn.name}: {problem} {OURS}{printed}", turn.course
        number = "1 check" if trial.checks == 1 else f"{trial.checks} checks"
        verdict = f"{turn.name}: right, {number}. The notebook uses yours from here on."
        failed = keep(self._kept(turn, written, trial.checks))
        if failed:
            reason = failed.strerror or type(failed).__name__
            verdict += f"\nIt could not be kept for my_llm.py: {reason}."
        return verdict + printed, thing

    def _not_alone(self, turn, of, written):
        """Why a version cannot be checked: it is not written, or needs undeclared names."""
        if written is None:
            return f"its source cannot be read; define it in a cell. {OURS}"
        missing = parts_not_written(written.node)
        methods = [name for name in missing if name != written.node.name]
        if methods and len(methods) < _methods(written.node):
            one = len(methods) == 1
            return f"{' and '.join(methods)} {'is' if one else 'are'} not written yet. {OURS}"
        if missing:
            return "not written yet; the course's version is used."
        if ours := imports_of_the_course(written):
            return f"it imports {ours[0]}, but my_llm.py must run without the course. {OURS}"
        known = {name.partition(".")[0] for name in self._earlier(turn)}
        known |= {of.__name__} if of else set()
        if unknown := [name for name in written.names if name not in known]:
            advice = "import it in this cell, make it an argument, or define it inside"
            return f"not yet: {unknown[0]} comes from outside this cell; {advice}. {OURS}"
        return None

    def _kept(self, turn, written, checks):
        return Kept(
            notebook=self.notebook,
            order=turn.order,
            name=turn.name,
            source=written.source,
            imports=list(written.imports),
            uses=[name for name in written.names if name in {**self.given, **self.turns}],
            checks=checks,
            date=datetime.date.today().isoformat(),
        )


def _line_of(error):
    """The line of its cell, which caught it, at which an error arose."""
    trace = error.__traceback__
    cell = trace.tb_frame.f_code.co_filename
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == cell:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _has(turn, namespace):
    owner, _, name = turn.name.rpartition(".")
    return hasattr(namespace.get(owner), name) if owner else name in namespace


def _put(turn, namespace):
    """Give a notebook the course's version."""
    owner, _, name = turn.name.rpartition(".")
    if not owner:
        namespace[name] = turn.course
    elif owner in namespace:
        setattr(namespace[owner], name, turn.course)


def _methods(node):
    return sum(hasattr(part, "args") for part in node.body)


def _told(error):
    """One sentence for what ended a check, or None where nothing did."""
    if error is None:
        return None
    if isinstance(error, Wrong):
        sentence = str(error).rstrip(".")
        return f"not yet: {sentence}{'' if sentence.endswith('?') else '.'}"
    if isinstance(error, guard.OutOfTime):
        return f"not yet: it was still running after {guard.SECONDS:.0f} seconds, on small inputs."
    if isinstance(error, guard.TooMuchPrinted):
        return (
            f"not yet: it printed more than {guard.CHARACTERS:,} characters; leave the print out."
        )
    return f"not yet: your code stopped with {named(error)}."


def _printed(text):
    """The first lines of what a version printed while it was checked."""
    if not text.strip():
        return ""
    lines = [line[:100] for line in text.strip().splitlines()]
    more = ["..."] if len(lines) > PRINTED_LINES else []
    return "\n".join(["\nIt printed:", *(f"  {line}" for line in [*lines[:PRINTED_LINES], *more])])


def _too_slow(turn, attempt):
    """That a right version is slow, at the size that the notebook uses, or None."""
    ours = guard.limited(lambda: turn.slow.run(turn.course)).seconds
    limit = max(turn.slow.times * ours, turn.slow.seconds)
    theirs = guard.limited(lambda: turn.slow.run(attempt), seconds=limit)
    if theirs.error is None and theirs.seconds <= limit:
        return None
    if isinstance(theirs.error, (guard.OutOfTime, type(None))):
        factor = limit / max(ours, 1e-9)
        times = f"{factor:.0f}" if factor < 1000 else "1,000"
        return (
            f"right, but more than {times} times slower at this notebook's size: {turn.slow.why}."
        )
    return _told(theirs.error)
