"""Two real processes that share a batch: what a reader's averaging does, and what DDP and FSDP2 do.

    from classroom.worlds.processes import in_two_processes
    found = in_two_processes(average_gradients)

Each process builds the same small GPT, takes every second row of one batch, and goes backward. Then
the gradients are averaged in three ways: by the function given, by PyTorch's data parallel, and by its
sharded form as `helpers.fast.processes.parallel` sets it up. For each way: how far the gradients are from
those of one process with the whole batch, and how many bytes were handed to the network.
"""

import ast
import inspect
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
N_PROCESSES, SECONDS = 2, 600


def source_without_decorators(function):
    """A function's source, ready to run elsewhere.

    >>> source_without_decorators(source_without_decorators).splitlines()[0]
    'def source_without_decorators(function):'
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    defined = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    defined.decorator_list = []
    return ast.unparse(defined)


def imports_of(function):
    """The imports that a function uses, as lines; its module or cell has them above it.

    >>> imports_of(source_without_decorators)
    ['import ast as ast', 'import inspect as inspect', 'import textwrap as textwrap']
    """
    tree = ast.parse(source_without_decorators(function))
    lines = []
    for name in sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}):
        thing = function.__globals__.get(name)
        home, own = getattr(thing, "__module__", None), getattr(thing, "__name__", None)
        if isinstance(thing, ModuleType):
            lines.append(f"import {own} as {name}")
        elif home in sys.modules and home != "__main__" and hasattr(sys.modules[home], str(own)):
            lines.append(f"from {home} import {own} as {name}")
    return lines


def in_two_processes(average_gradients):
    """Run `average_gradients(model, all_reduce, n_processes)` in two processes that talk by gloo.

    Return {"alone", "by hand", "DDP", "FSDP2"}: each the largest difference of a gradient to the one
    of the whole batch, and the bytes handed over per process. Raises RuntimeError, with what the
    process said, where one fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        source = source_without_decorators(average_gradients)
        written = "\n".join(["import torch", *imports_of(average_gradients), source, ""])
        (place / "written.py").write_text(written, encoding="utf-8")
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "classroom.worlds.processes", folder]
        started = [
            subprocess.Popen(
                [*command, str(rank), average_gradients.__name__],
                env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True,
            )
            for rank in range(N_PROCESSES)
        ]  # fmt: skip
        try:
            said = [process.communicate(timeout=SECONDS)[1] for process in started]
        finally:
            for process in started:
                process.kill()
        if any(process.returncode for process in started):
            raise RuntimeError("a process failed:\n" + "\n".join(said)[-2000:])
        return json.loads((place / "found.json").read_text("utf-8"))


def main(folder, rank, name):
    """What each of the processes does."""
    from torch import distributed

    place, rank = Path(folder), int(rank)
    distributed.init_process_group(
        "gloo", init_method=f"{(place / 'meet').as_uri()}", rank=rank, world_size=N_PROCESSES
    )
    namespace = {"__name__": "written"}
    exec(compile((place / "written.py").read_text("utf-8"), "written.py", "exec"), namespace)
    found = compare(namespace[name], rank)
    if rank == 0:
        (place / "found.json").write_text(json.dumps(found), "utf-8")
    distributed.barrier()
    distributed.destroy_process_group()


def compare(average_gradients, rank):
    """The gradients of each way beside those of the whole batch, and the bytes of each way."""
    import torch
    from torch import distributed

    from helpers.fast.processes.parallel import Replica, shard
    from helpers.loss import next_token_loss
    from helpers.model import GPT

    ids = torch.randint(512, (4, 33), generator=torch.Generator().manual_seed(0))
    mine = ids[rank::N_PROCESSES]

    def fresh():
        torch.manual_seed(0)
        return GPT(shape())

    def gradients(model):
        parts = [parameter.grad for parameter in model.parameters()]
        parts = [part.full_tensor() if hasattr(part, "full_tensor") else part for part in parts]
        return torch.cat([part.flatten() for part in parts])

    def learned(model, rows, run=None):
        next_token_loss(run or model, rows[:, :-1], rows[:, 1:]).backward()
        return model

    right = gradients(learned(fresh(), ids))
    found = {"alone": [gradients(learned(fresh(), mine)), 0]}
    sent = []

    def all_reduce(tensor):
        sent.append(tensor.nbytes)
        distributed.all_reduce(tensor)

    by_hand = learned(fresh(), mine)
    average_gradients(by_hand, all_reduce, N_PROCESSES)
    found["by hand"] = [gradients(by_hand), sum(sent)]
    model = fresh()
    replica, buckets = Replica(model), []
    replica.parallel.register_comm_hook(buckets, counting_hook)
    found["DDP"] = [gradients(learned(model, mine, replica)), sum(buckets)]
    sharded, counter = shard(fresh()), byte_counter()
    with counter:
        learned(sharded, mine)
    found["FSDP2"] = [gradients(sharded), counter.n_bytes]
    return {
        way: [float((values - right).abs().max() / right.abs().max()), n_bytes]
        for way, (values, n_bytes) in found.items()
    }


def shape():
    """The small GPT that both processes hold; its head is tied, so that FSDP2 sees it once."""
    from helpers.config import PRESETS

    return PRESETS["tiny"]


def counting_hook(buckets, bucket):
    """What DDP does by default, the mean of a bucket of gradients, with the bytes written down."""
    from torch import distributed

    buffer = bucket.buffer()
    buckets.append(buffer.nbytes)
    work = distributed.all_reduce(buffer.div_(N_PROCESSES), async_op=True)
    return work.get_future().then(lambda future: future.value()[0])


def byte_counter():
    """A context in which the tensors that go through collective operations are counted.

    An all-gather counts what it gives, a reduce-scatter what it takes: the whole of a layer.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counter(TorchDispatchMode):
        n_bytes = 0

        def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
            if function.namespace == "c10d":
                tensors = [part for part in arguments if isinstance(part, torch.Tensor)]
                self.n_bytes += max((part.nbytes for part in tensors), default=0)
            return function(*arguments, **(keywords or {}))

    return Counter()


if __name__ == "__main__":
    main(*sys.argv[1:])
