"""llama.cpp as one more program of a measurement, through llama-cpp-python where it is installed."""

import contextlib
from pathlib import Path

import torch

from helpers.llama.gguf import GGUFFile


class LlamaCpp:
    """llama.cpp with the file, through llama-cpp-python."""

    def __init__(self, path, context):
        from llama_cpp import Llama

        threads = torch.get_num_threads()
        with without_amx():
            self.llama = Llama(
                str(path), n_ctx=context, n_threads=threads, n_threads_batch=threads, verbose=False
            )

    def run(self, token_ids, n_new):
        """Generate greedily as `our_run` does; the best token is found by numpy."""
        self.llama.reset()
        self.llama.eval(token_ids[0].tolist())
        return [self._next() for _ in range(n_new)]

    def _next(self):
        from llama_cpp import llama_get_logits_ith
        from numpy.ctypeslib import as_array

        logits = llama_get_logits_ith(self.llama.ctx, -1)
        best = int(as_array(logits, (self.llama.n_vocab(),)).argmax())
        self.llama.eval([best])
        return best


@contextlib.contextmanager
def without_amx(cpu=Path("/proc/cpuinfo")):
    """Within it, llama.cpp lays out no weights for AMX, where its version 0.3.36 ends the process."""
    from llama_cpp import llama_cpp as library

    of_library = library.llama_model_default_params

    def changed():
        found = of_library()
        found.use_extra_bufts = False
        return found

    if cpu.is_file() and "amx_int8" in cpu.read_text("utf-8"):
        library.llama_model_default_params = changed
    try:
        yield
    finally:
        library.llama_model_default_params = of_library


def bytes_of_file(path):
    """What llama.cpp reads for one token: all tensors of the file, its tied head being one."""
    return sum(entry.end - entry.start for entry in GGUFFile(path).tensors.values())
