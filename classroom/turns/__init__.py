"""Checks of the exercises: `check("05.1", my_function)` says what is right, or what differs.

Each notebook has a module of its own; every check tries several inputs, among them an edge case.
Solved exercises are remembered, and `progress()` lists them.
"""

import datetime

from classroom.study import progress as study
from classroom.turns.registry import exercises_by_notebook, judge, wrapped


def check(name, attempt):
    """Print the verdict on an attempt at exercise `name`: right, not yet (and why), not attempted.

    >>> check("01.1", None)
    Not attempted yet.
    """
    verdict = judge(name, attempt)
    if verdict.startswith("Right: "):
        study.remember("exercises", name, datetime.date.today().isoformat())
    print(wrapped(verdict))


def progress():
    """Print, for each notebook, how many exercises are solved, and which."""
    solved = study.read_state("exercises")
    for notebook, names in exercises_by_notebook().items():
        done = [name for name in names if name in solved]
        line = f"{notebook}  {len(done)} of {len(names)}  {'#' * len(done)}"
        print(f"{line + '.' * (len(names) - len(done)):<20}{' '.join(done)}".rstrip())
