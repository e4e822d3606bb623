"""Where the time of some work goes, by kinds of operations, as PyTorch's profiler sees it."""

from torch.autograd.profiler import profile

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
    with profile(use_kineto=False) as watched:  # kineto would write lines of its own
        run()
    spent = dict.fromkeys([*KINDS, OTHER], 0.0)
    for entry in watched.key_averages():
        spent[kind_of(entry.key)] += entry.self_cpu_time_total
    total = sum(spent.values())
    return {kind: time / total for kind, time in sorted(spent.items(), key=lambda item: -item[1])}
