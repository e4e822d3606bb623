"""The checks of notebook 13: right answers pass, each typical mistake has its own message."""

import math

from torch.nn import functional as F

from tests.turn_cells import exercise_tests

# 13.1


def bound(n):
    return math.log(n) - 1 + 1 / n


# 13.2


def anchored(chosen, rejected, reference_chosen, reference_rejected, lengths, beta, alpha):
    ours, theirs = beta * (chosen - reference_chosen), beta * (rejected - reference_rejected)
    return -F.logsigmoid(ours - theirs).mean() - alpha * (chosen / lengths).mean()


def with_changes(beta=None, alpha=None, lengths=None):
    def loss(*rows):
        *four, n, b, a = rows
        n = n if lengths is None else n * 0 + lengths
        return anchored(*four, n, b if beta is None else beta, a if alpha is None else alpha(a))

    return loss


# 13.3


def longer(pairs):
    points = 0
    for chosen, rejected in pairs:
        ours, theirs = len(chosen.split()), len(rejected.split())
        points += (ours > theirs) + (ours == theirs) / 2
    return points / len(pairs)


def counted(tie=0.5, key=lambda text: len(text.split())):
    def accuracy(pairs):
        found = [tie if key(a) == key(b) else float(key(a) > key(b)) for a, b in pairs]
        return sum(found) / len(found)

    return accuracy


RIGHT = {"13.1": bound, "13.2": anchored, "13.3": longer}

MISTAKES = [
    ("13.1", math.log, "that is ln n"),
    ("13.1", lambda n: math.log(n) - 1 / n, "not 1 / n"),
    ("13.1", lambda n: math.log(n) + (n - 1) / n, "not added"),
    ("13.1", lambda n: math.log2(n) - (n - 1) / n, "the natural logarithm"),
    ("13.1", lambda n: bound(4), "for n = 1"),
    ("13.2", with_changes(alpha=lambda a: 0.0), "the anchor is missing"),
    ("13.2", with_changes(alpha=lambda a: -a), "the sign"),
    ("13.2", with_changes(lengths=1.0), "nats per token"),
    ("13.2", with_changes(alpha=lambda a: 1.0), "alpha is not used"),
    ("13.2", with_changes(beta=0.1), "beta is an argument"),
    ("13.2", lambda *rows: anchored(*rows).item(), "one number, as a tensor"),
    ("13.2", lambda *rows: anchored(*rows).detach(), "no gradient"),
    ("13.2", lambda *rows: anchored(*rows) + 1, "should give"),
    ("13.3", counted(tie=0.0), "counts half"),
    ("13.3", counted(tie=1.0), "not whole"),
    ("13.3", counted(key=lambda text: -len(text.split())), "the longer answer wins"),
    ("13.3", lambda pairs: longer([p for p in pairs if p != ("x y", "y x")]), "not left out"),
    ("13.3", lambda pairs: longer(pairs) * len(pairs), "divide by the number"),
    ("13.3", lambda pairs: 0.625, "count words"),
    ("13.3", lambda pairs: longer(pairs) + 0.1, "of four: 0.625"),
]


test_right, test_mistake, test_stub = exercise_tests(RIGHT, MISTAKES)
