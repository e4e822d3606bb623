"""One training run of `bench family`, and what is kept of it."""

import statistics
import time

from helpers.family.fit import fit_model


def parameters(model):
    """The number of trainable numbers, shared ones once."""
    return sum(parameter.numel() for parameter in model.parameters())


def thinned(losses, size=20):
    """The mean of every `size` losses, to draw."""
    return [round(statistics.mean(losses[i : i + size]), 4) for i in range(0, len(losses), size)]


def trained(model, batches, loss_of, steps, rate):
    """Train a model; return its parameters, the processor seconds of training, and the losses."""
    started = time.process_time()
    losses = fit_model(model, batches, loss_of, steps, rate)
    return {
        "parameters": parameters(model),
        "processor_seconds": round(time.process_time() - started, 1),
        "losses": thinned(losses),
    }
