"""The other programs that a measurement compares with: installed by it where they are missing."""

import subprocess
import sys
from importlib.util import find_spec

# Module, package, and what `pip install` is told. llms-from-scratch has many dependencies that its
# models do not need; llama-cpp-python is compiled for this processor, for about ten minutes.
PEERS = {
    "transformers": ("transformers", ["transformers"]),
    "llms_from_scratch": ("llms-from-scratch", ["--no-deps", "llms-from-scratch==1.0.19"]),
    "llama_cpp": ("llama-cpp-python", ["llama-cpp-python==0.3.36"]),
}


def install(*modules):
    """Install the peers that are missing; one that cannot be is said, and left out of the measurement."""
    for module in modules:
        package, wanted = PEERS[module]
        if find_spec(module):
            continue
        print(f"Installing {package}, to compare with ...", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", *wanted],
            capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            print(f"{package} cannot be installed and is left out: {reason}", flush=True)


def libraries(*modules):
    """PyTorch and those of the peers that are installed, for `_record.machine`."""
    return ["torch", *(PEERS[module][0] for module in modules if find_spec(module))]
