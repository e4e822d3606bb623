"""Contention: the preset `laptop` trained alone, and two of them at once, in steps per second.

    python3 course.py bench contention            about fifteen minutes on two quiet cores
    python3 course.py bench contention --quick    one short round; nothing is written

PyTorch's OpenMP threads spin while they wait, each on a core that another process could use.
Each training is a process of its own, on every core, on random tokens. Two at once begin together
once both are ready, and take as many steps as they can in the same seconds. In each round the
setting of the course (`helpers.WAITING`) and none come one after the other; two more settings are
tried once.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from benchmarks import _record
from helpers import WAITING

COMMAND = "python3 course.py bench contention"
CODE = ["benchmarks/contention.py", "helpers/__init__.py", "helpers/model.py"]
VARIABLES = ("OMP_WAIT_POLICY", *WAITING)
SETTINGS = {  # name: the variables, all others of `VARIABLES` being unset
    "the course's": WAITING,
    "none": {},
    "GOMP_SPINCOUNT=1000": {"GOMP_SPINCOUNT": "1000"},
    "OMP_WAIT_POLICY=PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
}
COMPARED, TRIED_ONCE = ("the course's", "none"), ("GOMP_SPINCOUNT=1000", "OMP_WAIT_POLICY=PASSIVE")
ROUNDS, SECONDS, WARM_UP_STEPS, BATCH_SIZE = 5, 20, 5, 16
TOGETHER, ALONE = 0.70, 0.98  # the least that two at once reach of one alone; alone, of no setting


def train(setting, seconds):
    """Train once told to on standard input, for some seconds; print the steps per second.

    OpenMP reads the variables when torch is loaded, so they are set before.
    """
    for name in VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(setting)
    import torch
    from torch.nn import functional as F

    from helpers.config import PRESETS
    from helpers.model import GPT

    torch.set_num_threads(os.cpu_count())
    torch.manual_seed(0)
    config = PRESETS["laptop"]
    model = GPT(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    ids = torch.randint(config.vocab_size, (BATCH_SIZE, config.context_length + 1))

    def step():
        logits = model(ids[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(WARM_UP_STEPS):
        step()
    print("ready", flush=True)
    sys.stdin.readline()
    start, steps = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < seconds:
        step()
        steps += 1
    print(steps / passed, flush=True)


def rates(setting, n_processes, seconds):
    """Steps per second of each of `n_processes` trainings that begin together."""
    line = [sys.executable, "-m", "benchmarks.contention", "--train", json.dumps(setting)]
    variables = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    processes = [
        subprocess.Popen(
            [*line, "--seconds", str(seconds)], cwd=_record.HERE.parent, env=variables, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(n_processes)
    ]  # fmt: skip
    try:
        for process in processes:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("a training did not start: its message is above")
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        return [float(process.stdout.readline()) for process in processes]
    finally:
        for process in processes:
            process.stdin.close()
            process.stdout.close()
            process.wait()


def measure(rounds=ROUNDS, seconds=SECONDS):
    """The steps per second of each setting: alone, and of each of two at once, round by round."""
    found = {name: {"alone": [], "two at once": []} for name in SETTINGS}

    def once(name):
        for what, n_processes in (("alone", 1), ("two at once", 2)):
            found[name][what].append(rates(SETTINGS[name], n_processes, seconds))
            shown = " ".join(f"{rate:.2f}" for rate in found[name][what][-1])
            print(f"{name}, {what}: {shown} steps per second", flush=True)

    for number in range(rounds):
        for name in COMPARED if number % 2 == 0 else COMPARED[::-1]:
            once(name)
    for name in TRIED_ONCE:
        once(name)
    return found


def shares(found):
    """For each setting the median over its rounds: alone, together, together over alone."""
    table = {}
    for name, measured in found.items():
        alone = [rate for (rate,) in measured["alone"]]
        together = [sum(pair) for pair in measured["two at once"]]
        table[name] = {
            "alone": statistics.median(alone),
            "two together": statistics.median(together),
            "share": statistics.median(
                two / one for one, two in zip(alone, together, strict=True)
            ),
        }  # fmt: skip
    return table


def targets(found):
    """The rows of the record's targets; the rounds of the two settings are paired."""
    ours, none = ([rate for (rate,) in found[name]["alone"]] for name in COMPARED)
    alone = statistics.median(mine / theirs for mine, theirs in zip(ours, none, strict=True))
    share = shares(found)["the course's"]["share"]
    return [
        _record.target("two at once, together: of one alone", share, "at least", TOGETHER),
        _record.target("one alone: of one alone without a setting", alone, "at least", ALONE),
    ]


def report(record):
    """The section of benchmarks/README.md."""
    lines = _record.made_by("contention", record)
    lines += [
        f"The preset `laptop`, batches of {BATCH_SIZE}, on every core; medians of "
        f"{len(record['steps_per_second']['none']['alone'])} rounds, of one round for the last two.",
        "",
        *_record.target_table(record["targets"]),
        "",
        "| setting | one alone, steps per second | two at once, together | share of one alone |",
        "|---|---|---|---|",
    ]
    for name, row in shares(record["steps_per_second"]).items():
        lines.append(
            f"| {name} | {row['alone']:.2f} | {row['two together']:.2f} | {row['share']:.2f} |"
        )
    return lines


def main(arguments=None):
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round; nothing is written")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=argparse.SUPPRESS)
    parser.add_argument("--train", type=json.loads, help=argparse.SUPPRESS)  # in a process apart
    options = parser.parse_args(arguments)
    if options.train is not None:
        train(options.train, options.seconds)
        return 0
    if options.quick:
        found = measure(1, 1)
        print(json.dumps(shares(found), indent=1))
        return 0
    found = measure()
    figures = {"settings": SETTINGS, "steps_per_second": found, "targets": targets(found)}
    path = _record.write("contention", COMMAND, CODE, ["torch"], figures)
    record = json.loads(path.read_text("utf-8"))
    _record.write_section("Two trainings at once", report(record))
    print("\n".join(_record.target_table(record["targets"])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
