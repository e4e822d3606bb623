"""Devices and precisions are chosen by what is there."""

import ctypes
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from helpers.device import (
    bfloat16_speedup,
    choose_device,
    choose_precision,
    keep_memory,
    use_every_core,
)

LARGE_PAGES = """
import helpers, torch
tensor = torch.ones(10_000_000)
lines = open("/proc/self/smaps").read().splitlines()
for line in lines:
    first, _, last = line.split(" ")[0].partition("-")
    if last:  # a stretch of memory; the lines after it say what it is
        here = int(first, 16) <= tensor.data_ptr() < int(last, 16)
    if here and line.startswith("VmFlags:"):
        print("hg" in line.split())
"""
FRESH_PAGES = """
import resource, sys
import torch
from helpers.device import keep_memory
kept = sys.argv[1] == "keep" and keep_memory()
for turn in range(20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(10_000_000)
    torch.ones(3_000_000)
    found = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(found)
"""


def test_auto_takes_cuda_or_cpu():
    assert choose_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_unknown_device_names_the_known_ones():
    with pytest.raises(ValueError, match="'tpu'.*auto, cpu, cuda, mps"):
        choose_device("tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="'cuda' is not available"):
        choose_device("cuda")


def test_precision_follows_the_measurement(monkeypatch):
    monkeypatch.setattr("helpers.device.bfloat16_speedup", lambda device: 3.0)
    assert choose_precision("auto", "cpu") == torch.bfloat16
    monkeypatch.setattr("helpers.device.bfloat16_speedup", lambda device: 0.4)
    assert choose_precision("auto", "cpu") == torch.float32
    with pytest.raises(ValueError, match="'fp8'.*known: auto, fp32, bf16"):
        choose_precision("fp8")


def test_the_measurement_is_a_positive_ratio():
    # smaller products, and fewer, are decided by how late a busy machine wakes the other thread
    assert 0.01 < bfloat16_speedup("cpu", size=256) < 1000


def test_a_slow_first_product_decides_nothing(monkeypatch):
    of_fp32, of_bf16 = [0.001] * 6, [3.0] + [0.0005] * 5  # seconds; the set-up is in the first
    clock = itertools.accumulate(x for taken in of_fp32 + of_bf16 for x in (0, taken))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    assert bfloat16_speedup("cpu", size=8) == pytest.approx(2)


def test_threads_are_at_least_one():
    assert use_every_core() >= 1


def fresh_pages(how):
    """How many small pages a new process fetches for two large tensors that it has made before."""
    small = os.environ | {"THP_MEM_ALLOC_ENABLE": "0"}
    command = [sys.executable, "-c", FRESH_PAGES, how]
    done = subprocess.run(command, env=small, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library")
def test_kept_memory_need_not_be_fetched_again():
    assert fresh_pages("give back") > 1000 and fresh_pages("keep") < 100


@pytest.mark.skipif(
    not Path("/sys/kernel/mm/transparent_hugepage").is_dir(), reason="no such pages"
)
@pytest.mark.parametrize(
    ("chosen", "large"), [({}, "True"), ({"THP_MEM_ALLOC_ENABLE": "0"}, "False")]
)
def test_large_tensors_ask_for_large_pages_unless_the_reader_chose(chosen, large):
    bare = {name: value for name, value in os.environ.items() if name != "THP_MEM_ALLOC_ENABLE"}
    found = subprocess.run(
        [sys.executable, "-c", LARGE_PAGES], env=bare | chosen, capture_output=True, text=True
    )
    assert found.stdout.split() == [large], found.stderr


def test_a_system_that_cannot_keep_memory_says_so(monkeypatch):
    def no_library(name):
        raise TypeError("a name is needed")

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    assert keep_memory() is False
