"""Checks for the exercises: `check("05.1", my_function)` says what is right, or what differs.

Each notebook has a module of its own; every check tries several inputs, an edge case among them.
"""

from helpers.checks.registry import judge


def check(name, attempt):
    """Print the verdict on an attempt at exercise `name`: right, not yet (and why), not attempted.

    >>> check("01.1", None)
    Not attempted yet.
    """
    print(judge(name, attempt))
