"""Growth: speed and memory of training against context length, model size and size of the corpus.

    python3 course.py bench growth            about seven minutes on two quiet cores
    python3 course.py bench growth --quick    the smallest points; nothing is written

Each point is a process of its own, so that its peak memory is its own: a first step that nobody
times, then some steps of `helpers.train` in the precision that suits the machine. Memory is
the most that the process ever held (its resident set), Python and PyTorch included.

    context    10.7 million parameters, 2,048 tokens per step, however they are cut into sequences
    model      a context of 256, 1,024 tokens per step
    corpus     tales as a text file, encoded by `helpers.texts.token_files` in pieces and trained on from
               the token files; they lie in a temporary folder, at most 1.5 GB, removed afterwards

Memory must not grow with the corpus. Where there is a CUDA device, context and model are measured
there too, with the memory of the card.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import _record

COMMAND = "python3 course.py bench growth"
CODE = [
    "benchmarks/growth.py",
    *(f"helpers/{name}.py" for name in ("model", "attention", "layers", "train")),
    *(f"helpers/fast/{name}.py" for name in ("products", "attention", "head_loss")),
    *(f"helpers/texts/{name}.py" for name in ("loaders", "token_files")),
]
CONTEXTS = (64, 128, 256, 512, 1024, 2048)
MODELS = {  # name: vocabulary, width, heads, layers
    "1M": (512, 128, 4, 4),
    "3M": (2048, 192, 6, 6),
    "10M": (65, 384, 6, 6),
    "30M": (8192, 512, 8, 8),
    "124M": (50257, 768, 12, 12),
}
MEGABYTES = (1, 10, 100, 1000)
STEPS = 5
MEMORY_GROWTH = 1.1  # the largest corpus may take so many times the memory of the smallest


def peak_megabytes():
    """The most memory that this process ever held, in MB."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count the process that started this one, too
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024 / 1e6
    if os.name == "nt":
        import psutil

        return psutil.Process().memory_info().peak_wset / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def train_some_steps(shape, tokens, batch_size, steps, device_name="cpu"):
    """Train a GPT of `shape` on `tokens`; return its speed, memory and number of parameters."""
    import torch

    from helpers.device import choose_device, precision_name
    from helpers.fast import fused_next_token_loss, speed_up
    from helpers.model import GPT
    from helpers.optim import create_optimizer
    from helpers.texts.loaders import create_loader
    from helpers.train import TrainConfig, training_step

    device = choose_device(device_name)
    torch.manual_seed(0)
    model = speed_up(GPT(shape).to(device))
    precision = precision_name("auto", device)
    config = TrainConfig(
        steps=steps + 1, batch_size=batch_size, warmup_steps=0, precision=precision
    )
    optimizer = create_optimizer(model, config.learning_rate)
    batches = iter(create_loader(tokens, shape.context_length, batch_size))
    seconds = []
    for step in range(steps + 1):
        started = time.perf_counter()
        training_step(model, optimizer, batches, config, step, fused_next_token_loss)
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    speeds = sorted(batch_size * shape.context_length / taken for taken in seconds[1:])
    peak = torch.cuda.max_memory_allocated() / 1e6 if device.type == "cuda" else peak_megabytes()
    return {
        "tokens_a_second": statistics.median(speeds),
        "least_to_most": [speeds[0], speeds[-1]],
        "peak_megabytes": peak,
        "parameters": model.n_parameters(),
        "precision": precision,
    }


def random_tokens(vocab_size, context_length, n_sequences):
    """Token ids for so many sequences; what they say does not matter to speed or memory."""
    import numpy as np

    return np.random.default_rng(0).integers(0, vocab_size, context_length * n_sequences + 1)


def context_point(context, steps, device, tokens_a_step=2048):
    """One point of the curve over the context length."""
    from helpers.config import GPTConfig

    rows = tokens_a_step // context
    shape = GPTConfig(65, context, 384, 6, 6, dropout=0.0)
    tokens = random_tokens(65, context, rows * (steps + 1))
    return {"context": context} | train_some_steps(shape, tokens, rows, steps, device)


def model_point(name, steps, device, context=256, rows=4):
    """One point of the curve over the size of the model."""
    from helpers.config import GPTConfig

    vocab_size, width, heads, layers = MODELS[name]
    shape = GPTConfig(vocab_size, context, width, heads, layers, dropout=0.0)
    tokens = random_tokens(vocab_size, context, rows * (steps + 1))
    return {"model": name} | train_some_steps(shape, tokens, rows, steps, device)


def corpus_point(megabytes, steps, device):
    """Write a corpus of tales, encode it in pieces, train on it; one point of that curve."""
    from helpers.config import GPTConfig
    from helpers.texts.token_files import prepare_file

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tales.txt"
        write_tales(path, megabytes * 1_000_000)
        started = time.perf_counter()
        tokenizer, train_ids, *_ = prepare_file(path, 2048, Path(folder) / "tokens")
        encoding = time.perf_counter() - started
        shape = GPTConfig(tokenizer.vocab_size, 256, 256, 8, 4, dropout=0.0)
        row = train_some_steps(shape, train_ids, 8, steps, device)
        row |= {"megabytes": megabytes, "tokens": len(train_ids)}
        del train_ids, _  # Windows removes no file that is mapped into memory
    return row | {"encoded_megabytes_a_second": megabytes / encoding}


def write_tales(path, n_bytes, n_tales=2000):
    """Fill a text file with the same `n_tales` tales again and again, up to `n_bytes`."""
    from classroom.worlds.tales import sample

    piece = ("\n".join(sample(n_tales, seed=0)) + "\n").encode()
    with open(path, "wb") as file:
        while (left := n_bytes - file.tell()) > 0:
            file.write(piece[:left])


POINTS = {"context": context_point, "model": model_point, "corpus": corpus_point}


def in_a_fresh_process(kind, value, steps, device="cpu"):
    """Measure one point in a process of its own; return its row."""
    options = ["--point", kind, "--value", str(value), "--steps", str(steps), "--device", device]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", *options],
        cwd=_record.HERE.parent, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    row = json.loads(done.stdout)
    speed, peak = row["tokens_a_second"], row["peak_megabytes"]
    print(f"  {kind} {value}: {speed:,.0f} tokens/s, {peak:,.0f} MB on {device}", flush=True)
    return row


def measure(steps=STEPS, contexts=CONTEXTS, models=tuple(MODELS), megabytes=MEGABYTES):
    """Measure every point of the three curves."""
    wanted = {"context": contexts, "model": models, "corpus": megabytes}
    return {
        kind: [in_a_fresh_process(kind, value, steps) for value in values]
        for kind, values in wanted.items()
    }


def one_point(options):
    """Measure the point that the options name, and print it as JSON."""
    from helpers.device import use_every_core

    if "OMP_NUM_THREADS" not in os.environ:
        use_every_core()
    value = options.value if options.point == "model" else int(options.value)
    print(json.dumps(POINTS[options.point](value, options.steps, options.device)))


def main(arguments=None):
    """Measure, write `growth.json`, its picture and the README's section; 0 where targets are met."""
    from benchmarks import _growth_report as report

    parser = argparse.ArgumentParser(prog="course.py bench growth")
    parser.add_argument("--quick", action="store_true", help="small points; nothing is written")
    parser.add_argument("--point", choices=POINTS, help=argparse.SUPPRESS)
    parser.add_argument("--value", help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, default=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--device", default="cpu", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.point:
        one_point(options)
        return 0
    if options.quick:
        record = {"curves": measure(1, (64, 128), ("1M",), (1, 2))}
        record["targets"] = report.targets(record["curves"], MEMORY_GROWTH)
        print("\n".join(report.tables(record)))
        return 0
    record = {"steps": options.steps, "curves": measure()}
    record["targets"] = report.targets(record["curves"], MEMORY_GROWTH)
    if card := card_name():
        record |= {"cuda_device": card, "cuda": measure_cuda()}
    path = _record.write("growth", COMMAND, CODE, ["torch"], record)
    record = json.loads(path.read_text("utf-8"))
    report.draw(record["curves"], _record.HERE / "growth.png")
    _record.write_section("Growth", report.section(record))
    print("\n".join(report.section(record)))
    return 0 if all(met for *_, met in record["targets"]) else 1


def card_name():
    """The name of the CUDA device, or None."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def measure_cuda(steps=20):
    """Context and model on the card."""
    wanted = {"context": CONTEXTS, "model": tuple(MODELS)}
    return {
        kind: [in_a_fresh_process(kind, value, steps, "cuda") for value in values]
        for kind, values in wanted.items()
    }


if __name__ == "__main__":
    sys.exit(main())
