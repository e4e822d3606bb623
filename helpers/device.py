"""Choose the device and the precision: by what is available and by measurement."""

import ctypes
import os
import time
import warnings
from typing import Any

import torch

PRECISIONS = ("auto", "fp32", "bf16")
PROCESSOR: dict[str, Any] = dict(getattr(torch.cpu, "get_capabilities", dict)())
# The options of `mallopt` (malloc.h), and the largest value that it accepts.
TRIM_THRESHOLD, MMAP_THRESHOLD, MOST_BYTES = -1, -3, 2**31 - 1


def choose_device(name: str = "auto") -> torch.device:
    """Return a torch device: CUDA if available, else the CPU; MPS only on request.

    Raises ValueError for a device that is not available.

    >>> choose_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise ValueError("device 'mps' is not available; use 'cpu'")
        warnings.warn(
            "MPS has given wrong numbers without an error; compare with 'cpu'", stacklevel=2
        )
        return torch.device("mps")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' is not available; use 'cpu'")
    if name not in ("cpu", "cuda"):
        raise ValueError(f"unknown device {name!r}; known: auto, cpu, cuda, mps")
    return torch.device(name)


def use_every_core() -> int:
    """Let PyTorch use every core that this process may use; return their number."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(max(1, cores or 1))
    return torch.get_num_threads()


def keep_memory() -> bool:
    """Make this process keep freed memory for reuse; return whether that worked (with glibc only).

    Training allocates and frees the same large tensors in every step. Memory that was returned to
    the system must be mapped again, page by page, which can take longer than the computation.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all([set_option(each, MOST_BYTES) for each in (MMAP_THRESHOLD, TRIM_THRESHOLD)])


def bfloat16_speedup(device: torch.device | str, size: int = 768, repeats: int = 5) -> float:
    """Measure how many times faster this device multiplies matrices in bf16 than in fp32.

    Takes the fastest of `repeats` products of `size` by `size` matrices for each.
    """
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        matrix = torch.ones(size, size, device=device, dtype=dtype)
        times: list[float] = []
        for _ in range(1 + repeats):  # the first product includes the set-up
            if times[1:] and times[-1] > 0.1:  # slow enough to know it
                break
            _synchronize(device)
            start = time.perf_counter()
            matrix @ matrix
            _synchronize(device)
            times.append(time.perf_counter() - start)
        seconds[dtype] = min(times)
    return seconds[torch.float32] / seconds[torch.bfloat16]


def choose_precision(name: str = "auto", device: torch.device | str | None = None) -> torch.dtype:
    """Return torch.float32 or torch.bfloat16; 'auto' means bf16 if it is more than twice as fast.

    Raises ValueError for another name.

    >>> choose_precision("fp32")
    torch.float32
    """
    if name not in PRECISIONS:
        raise ValueError(f"unknown precision {name!r}; known: {', '.join(PRECISIONS)}")
    if name == "auto":
        name = "bf16" if bfloat16_speedup(device or choose_device()) > 2 else "fp32"
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[name]


def precision_name(name: str = "auto", device: torch.device | str | None = None) -> str:
    """Return the choice of `choose_precision` as "fp32" or "bf16"; same errors.

    >>> precision_name("bf16")
    'bf16'
    """
    return "bf16" if choose_precision(name, device) == torch.bfloat16 else "fp32"


def _synchronize(device):
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
