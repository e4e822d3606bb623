"""What `bench grpo` found, as tables for the README and as curves for notebook 14."""

import statistics

from benchmarks import _record
from helpers.chat import BASE_MODEL
from helpers.files import sha256

KS = (1, 2, 4, 8, 16, 32, 64)


def pass_at_k(n, right, k):
    """The chance that one of k answers is right, estimated from n of which `right` are (Chen et al. 2021).

    >>> pass_at_k(4, 1, 1), pass_at_k(4, 1, 2), pass_at_k(4, 3, 2)
    (0.25, 0.5, 1.0)
    """
    missed = 1.0
    for drawn in range(k):
        missed *= max(0, n - right - drawn) / (n - drawn)
    return 1 - missed


def mean_and_spread(values):
    """The mean over seeds, and the standard deviation.

    >>> mean_and_spread([1.0, 2.0, 3.0])
    (2.0, 1.0)
    """
    values = list(values)
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def curve(rows, when, samples=KS[-1]):
    """pass@k for each of KS, averaged over problems and seeds; `samples` answers to each problem."""
    counts = [right for row in rows for right in row[when]["right_of_samples"]]
    return {k: statistics.mean(pass_at_k(samples, right, k) for right in counts) for k in KS}


def learning_curves(record):
    """Greedy accuracy on validation problems by step, one (steps, accuracies) for each seed."""
    found = {}
    for seed, run in enumerate(record["main"]):
        told = {0: record["start"][seed]["accuracy"]} if record["start"] else {}
        for step, now in enumerate(run["history"], start=1):
            if "held_out" in now:
                told[step] = now["held_out"]
        found[f"seed {seed}"] = list(told), list(told.values())
    return found


def within(row, n_tries, when="after", checked=False):
    """Accuracy if an answer counts only where it needed at most so many tries.

    With `checked`, a checker ends the answer at the first right try, and nothing else does.
    """
    if checked:
        needed = row[when]["tries_when_checked"]
        return sum(0 < n <= n_tries for n in needed) / len(needed)
    needed = row[when]["tries_when_right"]
    return row[when]["accuracy"] * sum(n <= n_tries for n in needed) / max(1, len(needed))


def table(record):
    """Every way to learn Countdown as a row of a Markdown table."""
    lines = [
        "| way | before | after | rewarded | true values | ends after a right try "
        "| after a wrong one | tokens | processor minutes |",
        "|---" * 9 + "|",
    ]
    for name, made in {"GRPO, whole run": record["main"], **record["parts"]}.items():
        cells = [
            "{:.3f} ± {:.3f}".format(*mean_and_spread(run[when]["accuracy"] for run in made))
            for when in ("before", "after")
        ]
        after = [run["after"] for run in made]
        for shares in (
            [run["rewarded"] for run in after],
            [run["true"] for run in after],
            [run["ends"]["right"] for run in after],
            [run["ends"]["wrong"] for run in after],
        ):
            cells.append(f"{statistics.mean(shares):.2f}")
        cells.append(f"{statistics.mean(run['tokens'] for run in after):.0f}")
        cells.append(f"{statistics.mean(run['seconds'] for run in made) / 60:.1f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def sorting_table(record):
    """Accuracy at every length as a Markdown table; no lines where it was not measured."""
    if not record["sorting"]:
        return []
    lines = ["| length | before | after |", "|---|---|---|"]
    for length in record["sorting"][0]["after"]["accuracy"]:
        cells = [
            "{:.3f} ± {:.3f}".format(
                *mean_and_spread(run[when]["accuracy"][length] for run in record["sorting"])
            )
            for when in ("before", "after")
        ]
        lines.append(f"| {length} | {' | '.join(cells)} |")
    return lines


def distillation_table(record, here=False):
    """What the student learned, way by way, as a Markdown table; no lines where it was not measured.

    With `here`, the last row says if the teacher was another GPT than the one that is here.
    """
    if not record["distillation"] or record["teacher"] is None:
        return []
    lines = ["| the student learns from | loss on tales | tasks right |", "|---|---|---|"]
    for way, made in record["distillation"].items():
        cells = [
            "{:.3f} ± {:.3f}".format(*mean_and_spread(run[what] for run in made))
            for what in ("tale_loss", "tasks")
        ]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    teacher, name = record["teacher"], "the teacher"
    if here and record.get("gpt_sha256") != sha256(BASE_MODEL / "model.safetensors"):
        name = "the teacher, an earlier GPT of the course"
    return [*lines, f"| ({name}) | {teacher['tale_loss']:.3f} | {teacher['tasks']:.3f} |"]


def section(record):
    """The README's section, as lines."""
    trained = record["trained_lengths"]
    known, before = record["controls"], curve(record["main"], "before")
    after = curve(record["main"], "after")
    searches = {
        name: ", ".join(f"{n}: {share:.3f}" for n, share in known[name].items())
        for name in ("random_search", "walk_search", "order_search")
    }
    return [
        *_record.made_by("grpo", record),
        f"Drawn in notebook 14. Mean and standard deviation over {len(record['main'])} seeds, on "
        f"{known['problems']['test']} held-out problems of {sum(known['problems'].values()):,}.",
        "",
        *table(record),
        "",
        f"Programs: the most frequent form {known['most_frequent_form']:.3f}, exhaustive search "
        f"{known['exhaustive_search']:.3f}. With a checker that stops at the target, so many "
        f"expressions drawn at random: {searches['random_search']}; in the order of the format "
        f"examples: {searches['walk_search']}; in the fixed order that is best for the training "
        f"problems: {searches['order_search']}.",
        "",
        "| | " + " | ".join(f"pass@{k}" for k in KS) + " |",
        "|---" * (len(KS) + 1) + "|",
        "| before | " + " | ".join(f"{before[k]:.3f}" for k in KS) + " |",
        "| after | " + " | ".join(f"{after[k]:.3f}" for k in KS) + " |",
        *_headed(
            f"Sorting, trained on lists of {trained[0]} to {trained[-1]} numbers:",
            sorting_table(record),
        ),
        *_headed(
            f"Distillation, {max(map(len, record['distillation'].values()), default=0)} seeds"
            f"{_taught_by(record)}:",
            distillation_table(record),
        ),
    ]


def _taught_by(record):
    """Which GPT the teacher was, where the record tells it."""
    gpt = record.get("gpt_sha256")
    return f"; the teacher is the GPT whose SHA-256 begins with `{gpt[:16]}`" if gpt else ""


def _headed(heading, lines):
    return ["", heading, "", *lines] if lines else []
