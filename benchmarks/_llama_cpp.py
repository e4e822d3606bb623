"""llama.cpp as one more program of a measurement, through llama-cpp-python where it is installed."""

import torch

from helpers.llama.gguf import GGUFFile


class LlamaCpp:
    """llama.cpp with the file, through llama-cpp-python."""

    def __init__(self, path, context):
        from llama_cpp import Llama

        threads = torch.get_num_threads()
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


def bytes_of_file(path):
    """What llama.cpp reads for one token: all tensors of the file, its tied head being one."""
    return sum(entry.end - entry.start for entry in GGUFFile(path).tensors.values())
