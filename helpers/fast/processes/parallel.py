"""Many processes that train one model: PyTorch's data parallel (DDP) and its sharded form (FSDP2).

    torchrun --nproc-per-node 2 -m tools.train --preset laptop

starts two processes. Each takes its share of the rows of every batch, and the gradients are
averaged over all, so the step is that of one process with the whole batch. With DDP each process
holds the whole model. With FSDP each holds a share of every matrix, and the whole of a block only
while it computes with it: for models larger than one card.

The losses are those of one process to five decimals. With Muon they are to four, since it rounds
to bfloat16 on its way. With dropout each process draws masks of its own, so that a run differs
from that of one process as it does from that of another seed.

Everything here also works in a process that is alone, and then changes nothing.
Sources: Li et al. 2020 (DDP); Zhao et al. 2023 (FSDP).
"""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import distributed, nn

from helpers.fast.processes.group import from_first, is_first, n_processes, rank
from helpers.model import GPT
from helpers.runs.run import History, Run


class ParallelRun(Run):
    """A training run that all processes share: each trains on its own rows of every batch.

    The first process writes checkpoints and the log, and all read them. Alone it is a `Run`.
    """

    def precision(self, wanted: str, device: torch.device) -> str:
        """Return "fp32" or "bf16", the same in all processes."""
        return from_first(super().precision(wanted, device))

    def begin(self, model: Any, optimizer: Any, loader: Any, about: dict[str, Any]) -> History:
        """Begin or resume in every process. Raises ValueError where rows cannot be shared."""
        n = n_processes()
        if loader.batch_size % n:
            raise ValueError(f"batch_size {loader.batch_size} cannot be shared by {n} processes")
        if n > 1 and hasattr(
            loader, "documents"
        ):  # a mean of means would weigh short rows too much
            raise ValueError("rows of whole documents have unequal weight: give one row of ids")
        history = super().begin(model, optimizer, loader, about)
        self.progress = self.progress and is_first()
        if rank():  # every process draws dropout of its own, since its rows are others
            torch.manual_seed(about["train_config"]["seed"] + history.step + 1_000_003 * rank())
        return history

    def stepped(self, model: nn.Module) -> nn.Module:
        """Return this process's copy, whose gradients are averaged; `wrap` goes around it."""
        if n_processes() > 1 and not _is_sharded(model):
            model = Replica(model)
        return super().stepped(model)

    def batches(self, loader: Any) -> Iterator[Any]:
        """Yield of each (inputs, targets) batch the rows of this process, every n-th one."""
        n, first = n_processes(), rank()
        for inputs, targets in super().batches(loader):
            yield inputs[first::n], targets[first::n]

    def mean(self, value: float) -> float:
        """Return a number's mean over all processes, the same in each of them."""
        if n_processes() == 1:
            return value
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        total = torch.tensor(float(value), dtype=torch.float64, device=device)
        distributed.all_reduce(total)
        return total.item() / n_processes()

    def write(self, model: GPT, optimizer: Any, state: dict[str, Any]) -> None:
        """Write a checkpoint in the first process; all must call this together."""
        if _is_sharded(model):
            model, optimizer = gathered(model, optimizer)
        if is_first():
            super().write(model, optimizer, state)

    def load(self, checkpoint: Path, model: GPT, optimizer: Any) -> dict[str, Any]:
        """Restore model and optimizer in every process."""
        if not _is_sharded(model):
            return super().load(checkpoint, model, optimizer)
        plain, moments = GPT(model.config), SimpleNamespace(state={})
        state = super().load(checkpoint, plain, moments)
        scatter(plain, moments, model, optimizer)
        return state

    def log(self, folder: Path | str, line: dict[str, float]) -> None:
        """Append one line to the log, in the first process."""
        if is_first():
            super().log(folder, line)

    def cut_log(self, folder: Path | str, step: int) -> None:
        """Drop the log's lines after a step, in the first process."""
        if is_first():
            super().cut_log(folder, step)


class Replica(nn.Module):
    """This process's copy of a GPT; its gradients become the mean of all processes' gradients.

    DDP averages what is computed through its own `forward`, so the hidden states go that way.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.output_head: Any = model.output_head
        self.parallel = nn.parallel.DistributedDataParallel(_HiddenStates(model))

    def hidden_states(self, token_ids: torch.Tensor) -> torch.Tensor:
        """Return what `GPT.hidden_states` does, (B, T, C)."""
        return self.parallel(token_ids)

    def forward(self, token_ids: torch.Tensor) -> torch.Tensor:
        """Return logits (B, T, V) for token ids (B, T)."""
        return self.output_head(self.hidden_states(token_ids))


class _HiddenStates(nn.Module):
    """A GPT whose `forward` is its `hidden_states`."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, token_ids):
        return self.model.hidden_states(token_ids)


def shard(model: GPT) -> GPT:
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


def gathered(model: Any, optimizer: Any = None) -> tuple[GPT, Any]:
    """Return the whole of a sharded model as a plain GPT on the CPU, and its optimizer's state.

    All processes must call this together.
    """
    model.reshard()
    with torch.device("meta"):
        plain = GPT(model.config)
    plain.to_empty(device="cpu")
    if model.config.tie_weights:
        plain.output_head.weight = plain.token_embedding.weight
    here, moments = dict(plain.named_parameters()), {}
    for name, parameter in model.named_parameters():
        with torch.no_grad():
            here[name].copy_(_whole(parameter))
        state = {} if optimizer is None else optimizer.state.get(parameter, {})
        moments[here[name]] = {key: _whole(value) for key, value in state.items()}
    return plain, SimpleNamespace(state=moments)


def scatter(plain: GPT, moments: Any, model: Any, optimizer: Any) -> None:
    """Give every process its share of a plain GPT's parameters and optimizer state."""
    model.reshard()
    here = dict(plain.named_parameters())
    for name, parameter in model.named_parameters():
        with torch.no_grad():
            parameter.copy_(_placed_like(here[name].detach(), parameter))
        state = moments.state.get(here[name], {})
        optimizer.state[parameter] = {
            key: _placed_like(value, parameter) for key, value in state.items()
        }


def _is_sharded(model):
    return hasattr(model, "reshard")


def _whole(tensor):
    tensor = tensor.detach()
    return (tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor).cpu()


def _placed_like(tensor, parameter):
    """Put a whole tensor where a parameter is: on its device, and as shards if it is one."""
    tensor = tensor.to(parameter.device)
    if tensor.ndim and hasattr(parameter, "placements"):
        from torch.distributed.tensor import distribute_tensor

        return distribute_tensor(tensor, parameter.device_mesh, parameter.placements)
    return tensor
