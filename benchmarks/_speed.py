"""What the measurements of speed share: paired runs, their spread, and the machine's own limits.

All variants run one after the other, round by round, so that a slow minute of the machine meets
them alike. A ratio is the median of the rounds' ratios, not the ratio of two medians.
"""

import statistics
import time
from functools import partial

import torch

from helpers.fast.products import linear

SQUARE = {"cpu": 2048, "cuda": 8192}  # rows of the matrix whose product is timed
ROW_BYTES = {"cpu": 2**29, "cuda": 2**31}  # what is read to time the memory
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def seconds_of(run, device="cpu"):
    """Wall time of one call; on a GPU, until its work is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def paired(runs, rounds, device="cpu"):
    """Time each of `runs` (name: function) once a round, after one round for warming up.

    Return the seconds of each, a list of `rounds` numbers. Every other round goes backwards, so
    that none has always the same neighbor.
    """
    times = {name: [] for name in runs}
    for each in runs.values():
        each()
    for number in range(rounds):
        names = list(runs) if number % 2 == 0 else list(runs)[::-1]
        for name in names:
            times[name].append(seconds_of(runs[name], device))
    return times


def spread(values):
    """The median of the values, and their quartiles."""
    if len(values) == 1:
        return {"median": values[0], "quartiles": [values[0], values[0]]}
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": middle, "quartiles": [low, high]}


def ratios(times, ours, others):
    """How many times faster `ours` is than the fastest of `others`, round by round."""
    best = min(others, key=lambda name: statistics.median(times[name]))
    found = [theirs / mine for theirs, mine in zip(times[best], times[ours], strict=True)]
    return spread(found) | {"beside": best}


def matrix_peak(precision, device="cpu", repeats=5):
    """The most operations per second of a large square matrix product in this precision.

    It is made in both ways that `helpers` has; the faster counts.
    """
    size = SQUARE[device]
    matrix = torch.randn(size, size, device=device).to(DTYPES[precision])
    best = []
    for way in (torch.matmul, linear):
        run = partial(way, matrix, matrix)
        run()  # the first product pays for setting up
        best += [seconds_of(run, device) for _ in range(repeats)]
    return 2 * size**3 / min(best)


def read_bandwidth(device="cpu", repeats=5):
    """The most bytes per second that are read from memory: the best of three public ways.

    A long row of numbers is summed, multiplied with itself, and taken as a matrix times a vector.
    """
    row = torch.ones(ROW_BYTES[device] // 4, device=device)
    matrix = row.view(-1, 1024)
    vector, best = torch.ones(1024, device=device), []
    for run in (row.sum, partial(row.dot, row), partial(matrix.mv, vector)):
        run()
        best += [seconds_of(run, device) for _ in range(repeats)]
    return row.nbytes / min(best)


def rate(summary):
    """A rate and its quartiles as a cell of a table."""
    low, high = summary["quartiles"]
    digits = 0 if summary["median"] >= 100 else 1
    return f"{summary['median']:,.{digits}f} ({low:,.{digits}f}–{high:,.{digits}f})"


def times_faster(summary):
    """A ratio and its quartiles as a cell of a table."""
    low, high = summary["quartiles"]
    return f"{summary['median']:.2f} ({low:.2f}–{high:.2f})"
