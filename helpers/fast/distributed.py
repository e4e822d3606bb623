"""Many processes that train one model: PyTorch's data parallel (DDP) and its sharded form (FSDP2).

    torchrun --nproc-per-node 2 -m tools.train --preset laptop

starts two processes. Each takes its share of the rows of every batch, and the gradients are
averaged over all, so the step is that of one process with the whole batch. With DDP each process
holds the whole model. With FSDP each holds a share of every matrix, and the whole of a block only
while it computes with it: for models larger than one card.

The losses are those of one process to five decimals. With Muon they are to four, since it rounds
to bfloat16 on its way. With dropout each process draws masks of its own, so that a run differs
from that of one process as it does from that of another seed.

Everything here also works in a process that is alone, and then does nothing.
Sources: Li et al. 2020 (DDP); Zhao et al. 2023 (FSDP).
"""

import contextlib
import gc
import importlib
import os

import torch
from torch import distributed, nn


def n_processes():
    """How many processes train together.

    >>> n_processes(), rank()
    (1, 0)
    """
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank():
    """The number of this process, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def is_first():
    """True in the one process that writes files and prints."""
    return rank() == 0


@contextlib.contextmanager
def joined(device_type):
    """Join the processes that torchrun started, for as long as the block lasts.

    They talk by NCCL on "cuda" and by gloo elsewhere. Without torchrun nothing happens.
    """
    if "WORLD_SIZE" not in os.environ or distributed.is_initialized():
        yield
        return
    # imported later, its functions would keep the group, whose threads would then outlive Python
    importlib.import_module("torch.distributed.nn")
    here = int(os.environ["LOCAL_RANK"])
    if device_type == "cuda":
        torch.cuda.set_device(here)
    else:
        cores = torch.get_num_threads() // int(os.environ["LOCAL_WORLD_SIZE"])
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
def quiet_unless_first():
    """Let only the first process print, for as long as the block lasts."""
    if is_first():
        yield
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


@contextlib.contextmanager
def first_goes_first():
    """Let the first process do the block alone, and the others after it."""
    if not is_first():
        distributed.barrier()
    yield
    if is_first() and n_processes() > 1:
        distributed.barrier()


def own_rows(batches):
    """Yield of each (inputs, targets) batch the rows that are this process's, every n-th one."""
    n, first = n_processes(), rank()
    for inputs, targets in batches:
        yield inputs[first::n], targets[first::n]


def check_share(loader):
    """Raise ValueError where the processes cannot share a loader's batches equally."""
    n = n_processes()
    if loader.batch_size % n:
        raise ValueError(f"batch_size {loader.batch_size} cannot be shared by {n} processes")
    if n > 1 and hasattr(loader, "documents"):  # a mean of means would weigh short rows too much
        raise ValueError("rows of whole documents have unequal weight: give one row of token ids")


def mean_of_all(value):
    """Return the mean of a number over all processes, the same in each of them."""
    if n_processes() == 1:
        return value
    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    total = torch.tensor(float(value), dtype=torch.float64, device=device)
    distributed.all_reduce(total)
    return total.item() / n_processes()


def vary_dropout(seed):
    """Let each process but the first draw random numbers of its own: its rows are others."""
    if rank():
        torch.manual_seed(seed + 1_000_003 * rank())


def from_first(value):
    """Return the first process's value in all of them: a measurement may differ between them."""
    if n_processes() == 1:
        return value
    values = [value]
    distributed.broadcast_object_list(values)
    return values[0]


class Replica(nn.Module):
    """This process's copy of a GPT; its gradients become the mean of all processes' gradients.

    DDP averages what is computed through its own `forward`, so the hidden states go that way.
    """

    def __init__(self, model):
        super().__init__()
        self.token_embedding, self.output_head = model.token_embedding, model.output_head
        self.parallel = nn.parallel.DistributedDataParallel(_HiddenStates(model))

    def hidden_states(self, token_ids):
        """Return what `GPT.hidden_states` does, (B, T, C)."""
        return self.parallel(token_ids)


class _HiddenStates(nn.Module):
    """A GPT whose `forward` is its `hidden_states`."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, token_ids):
        return self.model.hidden_states(token_ids)


def in_parallel(model):
    """Return what to train in this process: the model itself where it is alone or sharded."""
    return model if n_processes() == 1 or _is_sharded(model) else Replica(model)


def shard(model):
    """Spread a GPT's parameters over the processes (FSDP2), block by block; return the model.

    An optimizer for it must be made afterwards. Raises ValueError where this process is alone.
    """
    from torch.distributed import fsdp

    if not distributed.is_initialized():
        raise ValueError("fsdp needs processes to spread over: start the command with torchrun")
    for block in model.blocks:
        fsdp.fully_shard(block)
    fsdp.fully_shard(model)
    fsdp.register_fsdp_forward_method(model, "hidden_states")
    return model


def _is_sharded(model):
    return hasattr(model, "reshard")


def parameters_by_name(model):
    """The model's parameters by name; those of a sharded model are brought back to shards."""
    if _is_sharded(model):
        model.reshard()
    return dict(model.named_parameters())


def whole(tensor):
    """The whole of a tensor on the CPU, also where each process holds a share of it.

    All processes must call this together.
    """
    tensor = tensor.detach()
    return (tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor).cpu()


def placed_like(tensor, parameter):
    """Put a whole tensor where a parameter is: on its device, and as shards if it is one."""
    tensor = tensor.to(parameter.device)
    if tensor.ndim and hasattr(parameter, "placements"):
        from torch.distributed.tensor import distribute_tensor

        return distribute_tensor(tensor, parameter.device_mesh, parameter.placements)
    return tensor
