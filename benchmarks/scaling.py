"""Scaling laws at home: does a fit of small runs find the entropy of the tales, which we know?

    python3 course.py bench scaling --long      about three hours on two quiet cores
    python3 course.py bench scaling --resume    goes on with what runs/scaling holds
    python3 course.py bench scaling             stops where the forecast is above two hours
    python3 course.py bench scaling --quick     toy sizes in seconds; nothing is written

Five sizes of GPT and four budgets of tokens, each trained once through fresh tales with a schedule of
its own, the cheap ones from two seeds. Then loss = floor + A / N^a + B / D^b is fitted to the twenty
held-out losses, with the floor free. N counts the parameters that multiply (all but the position
embeddings), D the tokens read. The source of the tales has a known entropy, which no other benchmark
of this kind can offer, so the floor can be checked.

How the law extrapolates is checked twice. A fit to twelve of the runs, without the largest size and
the largest budget, predicts the eight others; and the whole fit predicts one larger run. The
controls are a law without a floor, and repeating the nearest run or the best loss of the fit.

The learning rate is chosen for each size and each budget, on tales of their own; the losses in the
fit come from other tales. At the second budget all rates are tried, and where the best is at an end
the one beyond it as well. From there both neighbors are tried at the smaller budget, and half of it
at each larger one, as long as that helps: the best rate falls with the budget, and the loss of one
rate for all would be charged to the law. Before anything is trained, thirty steps of each size are
timed and the whole is forecast, without the runs of rates that lie further on.
"""

import argparse
import json
import math
import statistics
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks import _record
from benchmarks import _scaling_report as report
from benchmarks._scaling_fit import (
    Law,
    bootstrap,
    fit,
    interval,
    left_out,
    power_law,
    simulated_floors,
)
from benchmarks._scaling_runs import (
    BATCH,
    FOLDER,
    RUN_CODE,
    VOCABULARY,
    Runs,
    entropy,
    n_multiplied,
    one_run,
    seconds_per_step,
    shape_of,
    tokenizer,
    training_rows,
)
from helpers.device import use_every_core

__all__ = [  # what the notebook takes from here
    "Law", "bootstrap", "entropy", "fit", "interval", "left_out", "one_run", "recorded", "tokenizer",
    "training_rows",
]  # fmt: skip

COMMAND = "python3 course.py bench scaling"
CODE = ["benchmarks/scaling.py", "benchmarks/_scaling_fit.py", *RUN_CODE]
SIZES = ((32, 2), (48, 3), (80, 3), (112, 4), (160, 5))  # width, layers
BUDGETS = (2_500, 7_500, 22_500, 67_500)  # tales, each read once
LARGER = ((208, 5), 84_000)  # not in the fit
RATES = (3e-3, 6e-3, 1.2e-2)
CHOSEN_AT = 1  # the budget at which the rate is chosen
CHEAP, CHEAP_SEEDS, MIDDLE_SEEDS = 2, 2, 3  # so many budgets are cheap; seeds of a run
TIMES, SIMULATED = 400, 200
MOST_HOURS = 2.0
NEAR = 0.03  # of the entropy: how near the floor should be


def middle(choices):
    """The one in the middle: of five sizes the third, of four budgets the third."""
    return choices[len(choices) // 2]


def seeds_of(size, tales, sizes, budgets):
    """From how many seeds a run of the grid is made."""
    if (size, tales) == (middle(sizes), middle(budgets)):
        return MIDDLE_SEEDS
    return CHEAP_SEEDS if tales in budgets[:CHEAP] else 1


def planned(sizes=SIZES, budgets=BUDGETS, larger=LARGER):
    """(size, tales) of every run, as often as it is made, whichever rates will be chosen."""
    runs = []
    for size in sizes:
        for at, tales in enumerate(budgets):
            others = 2 if at <= CHOSEN_AT else 1  # the best of them is in the grid
            runs += [(size, tales)] * (seeds_of(size, tales, sizes, budgets) + others)
    return [*runs, larger]


def forecast(plan, made, unseen, timed):
    """Hours that the runs in `plan` take without those `made`; `timed` gives seconds per step.

    A test batch, which only goes forward, counts as a third of a step.

    >>> forecast([((32, 2), 800), ((32, 2), 800)], [((32, 2), 800)], 12, {(32, 2): 36.0})
    1.01
    """
    left = list(plan)
    for run in made:
        if run in left:
            left.remove(run)
    seconds = sum(timed[size] * (tales / BATCH + 2 * unseen / BATCH / 3) for size, tales in left)
    return seconds / 3600


def check_hours(runs, plan, most_hours):
    """Time thirty steps of each size, print the forecast; ValueError where it is above the limit."""
    rows = training_rows(30 * BATCH)
    timed = {size: seconds_per_step(size, rows) for size, _ in dict.fromkeys(plan)}
    made = [(tuple(row["size"]), row["tales"]) for row in runs.rows.values()]
    hours = forecast(plan, made, runs.unseen, timed)
    print(f"forecast: {hours:.1f} hours, {len(plan) - len(made)} runs", flush=True)
    if hours > most_hours:
        raise ValueError(f"that is above {most_hours:g} hours: give --long to go on all the same")


def best_rate(runs, size, tales, rates):
    """The rate with the least loss on the tales for choosing, and all losses there."""
    tried = {rate: runs.row(size, tales, rate)["validation"] for rate in rates}
    return min(tried, key=tried.get), {f"{rate:g}": loss for rate, loss in tried.items()}


def widened(runs, size, tales, rates):
    """The same, but where the best is at an end the rate beyond is tried, until the best is inside."""
    rates = sorted(rates)
    while True:
        best, tried = best_rate(runs, size, tales, rates)
        if len(rates) == 1 or rates[0] < best < rates[-1]:
            return best, tried
        rates = [best / 2, *rates] if best == rates[0] else [*rates, best * 2]


def chosen_rates(runs, size, budgets, rates):
    """The rate of a size at each budget: {tales: rate}, and all losses on the tales for choosing."""
    best, tried = widened(runs, size, budgets[CHOSEN_AT], rates)
    chosen, losses = {budgets[CHOSEN_AT]: best}, {budgets[CHOSEN_AT]: tried}
    for tales in budgets[:CHOSEN_AT]:
        chosen[tales], losses[tales] = widened(runs, size, tales, (best / 2, best, best * 2))
    for tales in budgets[CHOSEN_AT + 1 :]:
        steps = [best, best / 2]
        while (found := best_rate(runs, size, tales, steps))[0] == steps[-1]:
            steps.append(steps[-1] / 2)
        best, losses[tales] = found
        chosen[tales] = best
    return chosen, losses


def measure(runs, sizes=SIZES, budgets=BUDGETS, larger=LARGER, rates=RATES, times=TIMES):
    """Choose the rates, train everything, fit, and predict what was left out."""
    if runs.folder:
        training_rows(max(*budgets, larger[1]), runs.folder)
    chosen = {size: chosen_rates(runs, size, budgets, rates) for size in sizes}
    rows = [
        runs.mean(size, tales, chosen[size][0][tales], seeds_of(size, tales, sizes, budgets))
        for tales in budgets
        for size in sizes
    ]
    last = runs.row(*larger, chosen[sizes[-1]][0][budgets[-1]])
    figures = {
        "entropy": entropy(runs.unseen), "vocabulary": VOCABULARY, "batch": BATCH,
        "held_out": runs.unseen,
        "sizes": [[*size, n_multiplied(shape_of(*size))] for size in sizes], "tales": list(budgets),
        "rates": {
            f"width {size[0]}": {f"{tales:,} tales": losses[tales] for tales in budgets}
            for size, (_, losses) in chosen.items()
        },
        "rows": rows, "larger": last,
        "minutes": sum(row["seconds"] for row in runs.rows.values()) / 60,
    }  # fmt: skip
    return figures | fitted(figures, times)


def noise_of(rows):
    """The relative standard deviation between seeds, over all runs made from several; or None."""
    several = [row["tests"] for row in rows if len(row["tests"]) > 1]
    squares = sum((x / statistics.mean(each) - 1) ** 2 for each in several for x in each)
    freedom = sum(len(each) - 1 for each in several)
    return math.sqrt(squares / freedom) if freedom else None


def chance_of_a_near_floor(law, rows, noise):
    """How often a floor fitted to runs of the law itself, with this noise, is near the law's own."""
    n, d = ([row[key] for row in rows] for key in ("n", "d"))
    of_each = [noise / math.sqrt(len(row["tests"])) for row in rows]
    floors = simulated_floors(law, n, d, of_each, SIMULATED)
    return statistics.mean(abs(floor / law.floor - 1) <= NEAR for floor in floors)


def fitted(figures, times=TIMES):
    """The law, how far it spreads when runs are drawn again, its predictions and the targets."""
    points = [[row[key] for row in figures["rows"]] for key in ("n", "d", "test")]
    law, last = fit(*points), figures["larger"]
    floors = [each.floor for each in bootstrap(*points, times=times)]
    noise = noise_of(figures["rows"])
    found = {
        "law": asdict(law), "floor_interval": interval(floors), "bootstraps": len(floors),
        "bootstraps_dropped": times - len(floors), "noise": noise,
        "chance": noise and chance_of_a_near_floor(law, figures["rows"], noise),
        "left_out": left_out(*points, figures["entropy"]),
        "predicted": law.loss(last["n"], last["d"]), "repeated": min(points[2]),
        "without_a_floor": power_law(*points).loss(last["n"], last["d"]),
        "misfit": statistics.mean(
            abs(law.loss(n, d) / loss - 1) for n, d, loss in zip(*points, strict=True)
        ),
    }  # fmt: skip
    return found | {"targets": report.targets(found, last["test"], figures["entropy"])}


def recorded(path=_record.HERE / "scaling.json"):
    """The committed figures, or None where they have not been made yet."""
    return json.loads(Path(path).read_text("utf-8")) if Path(path).is_file() else None


def quick():
    """The whole measurement at toy size, printed as its section of the README."""
    sizes, budgets = ((16, 1), (32, 1), (48, 1), (64, 1)), (32, 64, 128)
    found = measure(Runs(None, unseen=16), sizes, budgets, ((48, 2), 128), (1e-2,), 20)
    print("\n".join(report.section(found | {"command": COMMAND, "machine": None})))


def main(arguments=None):
    """Measure, write `scaling.json` and the README's section; 0 where the targets are met."""
    parser = argparse.ArgumentParser(prog="course.py bench scaling")
    parser.add_argument("--quick", action="store_true", help="toy sizes; nothing is written")
    parser.add_argument("--resume", action="store_true", help="go on with the runs kept before")
    parser.add_argument("--long", action="store_true", help=f"even above {MOST_HOURS:g} hours")
    options = parser.parse_args(arguments)
    use_every_core()
    if options.quick:
        quick()
        return 0
    try:
        runs = Runs(FOLDER, options.resume)
        check_hours(runs, planned(), math.inf if options.long else MOST_HOURS)
        figures = measure(runs)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; go on with --resume.")
        return 1
    path = _record.write("scaling", COMMAND, CODE, ["torch"], figures)
    record = json.loads(path.read_text("utf-8"))
    _record.write_section("Scaling laws with a known floor", report.section(record))
    print("\n".join(report.section(record)))
    return 0 if all(met for *_, met in record["targets"]) else 1


if __name__ == "__main__":
    sys.exit(main())
