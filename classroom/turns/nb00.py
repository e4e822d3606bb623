"""Checks for notebook 00: the gradient of a matrix, entropy, momentum."""

import math

from classroom.turns.registry import attempted, exercise, wrong


def _near(found, gives):
    if isinstance(gives, list):
        same = isinstance(found, (list, tuple)) and len(found) == len(gives)
        return same and all(map(_near, found, gives))
    return isinstance(found, (int, float)) and abs(found - gives) < 1e-9


@exercise("00.1", "The gradient of a matrix")
def gradient_of_a_matrix(outer):
    found = attempted(outer([1.0, -2.0], [3.0, 0.0, 5.0]))
    right = [[3.0, 0.0, 5.0], [-6.0, 0.0, -10.0]]
    if _near(found, [list(row) for row in zip(*right, strict=True)]):
        wrong("rows and columns are exchanged: one row per output, one column per input")
    if _near(found, [3.0, 0.0]):
        wrong("every output meets every input, not only the one at its own position")
    if not _near(found, right):
        wrong(f"arriving (1, -2) and inputs (3, 0, 5) give {right}, yours gives {found}")
    if not _near(outer([2.0], [0.5]), [[1.0]]):
        wrong("one output and one input are a matrix of shape (1, 1)")
    return "row i, column j: what arrives at output i times input j."


@exercise("00.2", "Entropy")
def entropy_of_probabilities(entropy):
    found = attempted(entropy([0.8, 0.2]))
    right = -0.8 * math.log(0.8) - 0.2 * math.log(0.2)
    if _near(found, -right):
        wrong("the sign: a surprise is never below 0")
    if _near(found, right / math.log(2)):
        wrong("this is in bits; for nats take math.log")
    if _near(found, -(math.log(0.8) + math.log(0.2)) / 2):
        wrong("weigh each surprise by its probability: 0.8 of the time you see the likely one")
    if not _near(found, right):
        wrong(f"0.8 and 0.2 have the entropy {right:.4f}, yours says {found}")
    if not _near(entropy([0.25] * 4), math.log(4)):
        wrong("four equal chances have the entropy ln 4")
    try:
        certain = entropy([1.0, 0.0])
    except ValueError:
        wrong("a probability of 0 has no logarithm; what cannot happen adds nothing")
    if not _near(certain, 0.0):
        wrong("where one thing is certain the entropy is 0")
    return "the floor for every model of this source."


@exercise("00.3", "Momentum")
def momentum(descend_with_momentum):
    def bowl(point):
        return [2 * point[0], 20 * point[1]]

    start = [1.0, 1.0]
    found = attempted(descend_with_momentum(bowl, start, 0.05, 2))
    if start != [1.0, 1.0]:
        wrong("it changes the start that it is given; make new points")
    points = [[1.0, 1.0], [0.9, 0.0], [0.72, -0.9]]
    if _near(found, points[1:]):
        wrong("the start is the first point of the list")
    if _near(found, [[1.0, 1.0], [0.9, 0.0], [0.81, 0.0]]):
        wrong("this is descent without memory: velocity = keep * velocity + gradient")
    if not _near(found, points):
        wrong(f"on x² + 10y² from (1, 1) with rate 0.05 the points are {points}, yours: {found}")
    plain = descend_with_momentum(bowl, start, 0.05, 2, keep=0.0)
    if not _near(plain, [[1.0, 1.0], [0.9, 0.0], [0.81, 0.0]]):
        wrong("with keep=0 it must be plain gradient descent")
    return "it gains speed along the valley, and its swings across cancel."
