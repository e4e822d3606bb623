"""The processes that train one model together: who they are, how they join, who goes first.

Everything here also works in a process that is alone, and then changes nothing.
"""

import contextlib
import gc
import importlib
import os
from collections.abc import Iterator
from typing import Any

import torch
from torch import distributed

from helpers.limits import check_whole


def n_processes() -> int:
    """How many processes train together.

    >>> n_processes(), rank()
    (1, 0)
    """
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def is_first() -> bool:
    """True in the one process that writes files and prints."""
    return rank() == 0


LAUNCHER = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def launched() -> bool:
    """Whether a launcher started this process: it sets all of `LAUNCHER`.

    Some of them alone are left over from elsewhere, for instance from a batch system, and mean
    nothing. Raises ValueError for a value that is not a number, or a rank out of range.
    """
    if not all(os.environ.get(name) for name in LAUNCHER):
        return False
    for name in set(LAUNCHER) - {"MASTER_ADDR"}:
        if not os.environ[name].isdecimal():
            raise ValueError(f"the launcher's {name} is {os.environ[name]!r}; it must be a number")
    check_whole("RANK", int(os.environ["RANK"]), least=0, most=int(os.environ["WORLD_SIZE"]) - 1)
    return True


@contextlib.contextmanager
def joined(device_type: str) -> Iterator[None]:
    """Join the processes that torchrun started, for as long as the block lasts.

    They talk by NCCL on "cuda" and by gloo elsewhere. Without torchrun nothing happens. Raises
    ValueError for variables of a launcher that are not numbers.
    """
    if distributed.is_initialized() or not launched():
        yield
        return
    # imported later, its functions would keep the group, whose threads would then outlive Python
    importlib.import_module("torch.distributed.nn")
    here = int(os.environ["LOCAL_RANK"])
    if device_type == "cuda":
        torch.cuda.set_device(here)
    else:
        cores = torch.get_num_threads() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        torch.set_num_threads(max(1, cores))
    distributed.init_process_group("nccl" if device_type == "cuda" else "gloo")
    try:
        yield
        if device_type != "cuda":
            distributed.barrier()  # the threads of gloo come to rest; FSDP keeps them to the end
    finally:
        gc.collect()  # models that hold the group by a cycle
        distributed.destroy_process_group()


@contextlib.contextmanager
def quiet_unless_first() -> Iterator[None]:
    """Let only the first process print, for as long as the block lasts."""
    if is_first():
        yield
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


@contextlib.contextmanager
def first_before_others() -> Iterator[None]:
    """Let the first process run the block alone, and the others after it."""
    if not is_first():
        distributed.barrier()
    yield
    if is_first() and n_processes() > 1:
        distributed.barrier()


def from_first(value: Any) -> Any:
    """Return the first process's value in all of them: a measurement may differ between them."""
    if n_processes() == 1:
        return value
    values = [value]
    distributed.broadcast_object_list(values)
    return values[0]
