"""Where the time of some work goes, by kinds of operations, as PyTorch's profiler sees it."""

import contextlib
import os

from torch.profiler import ProfilerActivity, profile

KINDS = {  # kind: what the name of one of its operations contains
    "matrix products": ("mm", "linear", "convolution", "matmul"),
    "attention": ("scaled_dot_product", "flash_attention"),
    "optimizer": ("adam", "clip", "foreach", "norm"),
    "GELU": ("gelu", "tanh"),
    "softmax and loss": ("softmax", "nll_loss", "cross_entropy", "logsumexp"),
}
OTHER = "everything else"


def kind_of(operation):
    """The kind that an operation belongs to.

    >>> kind_of("aten::addmm"), kind_of("aten::copy_")
    ('matrix products', 'everything else')
    """
    for kind, words in KINDS.items():
        if kind == "optimizer" and "layer_norm" in operation:
            continue
        if any(word in operation for word in words):
            return kind
    return OTHER


def shares(run):
    """Call `run()` once for warming up and once watched: the share of the time of each kind."""
    run()
    with nothing_on_stderr(), profile(activities=[ProfilerActivity.CPU]) as watched:
        run()
    spent = dict.fromkeys([*KINDS, OTHER], 0.0)
    for entry in watched.key_averages():
        spent[kind_of(entry.key)] += entry.self_cpu_time_total
    total = sum(spent.values())
    return {kind: time / total for kind, time in sorted(spent.items(), key=lambda item: -item[1])}


@contextlib.contextmanager
def nothing_on_stderr():
    """Drop what is written to the process's standard error: the profiler's library reports there."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
