"""The report of `benchmarks/time_to_loss.py`: its targets, and its section of the README."""

import statistics

from benchmarks import _record

SHARE_OF_TIME = 1 / 8
REPORTED = 1.88  # the loss that nanoGPT's documentation gives for its recipe


def summary(recipe, runs, ours, context):
    """What the tables say of one recipe's runs: medians, and the spread from least to most.

    `against_ours` is the median, over the seeds, of the loss less that of our whole recipe.
    """
    seconds, losses = ([run[key] for run in runs] for key in ("seconds", "loss"))
    n_tokens = recipe.steps * recipe.batch_size * context
    return {
        "steps": recipe.steps,
        "batch_size": recipe.batch_size,
        "precision": recipe.precision,
        "seconds": statistics.median(seconds),
        "seconds_spread": [min(seconds), max(seconds)],
        "loss": statistics.median(losses),
        "loss_spread": [min(losses), max(losses)],
        "against_ours": statistics.median(
            run["loss"] - other["loss"] for run, other in zip(runs, ours, strict=True)
        ),
        "tokens_a_second": n_tokens / statistics.median(seconds),
    }


def targets(runs):
    """The two targets, over the seeds' pairs of runs."""
    pairs = list(zip(runs["ours"], runs["baseline"], strict=True))
    share = statistics.median(ours["seconds"] / theirs["seconds"] for ours, theirs in pairs)
    losses = [statistics.median(run["loss"] for run in runs[name]) for name in ("ours", "baseline")]
    return [
        _record.target("wall time, of the baseline's", share, "at most", SHARE_OF_TIME),
        _record.target("loss it reaches, baseline's the limit", losses[0], "at most", losses[1]),
        _record.target("loss it reaches, nanoGPT's own report", losses[0], "at most", REPORTED),
    ]


def table(found):
    """The summaries of one device as lines of a Markdown table."""
    lines = [
        "| recipe | steps | seconds (least to most) | characters/s | loss (least to most) | more than ours |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in found.items():
        lines.append(
            f"| {name} | {row['steps']:,} | {row['seconds']:.1f} "
            f"({row['seconds_spread'][0]:.1f} to {row['seconds_spread'][1]:.1f}) "
            f"| {row['tokens_a_second']:,.0f} | {row['loss']:.3f} "
            f"({row['loss_spread'][0]:.3f} to {row['loss_spread'][1]:.3f}) "
            f"| {row['against_ours']:+.3f} |"
        )
    return lines


def section(record):
    """The README's section, as lines."""
    lines = [*_record.made_by("time_to_loss", record), ""]
    lines += [
        "nanoGPT's CPU recipe on the characters of Tiny Shakespeare, and ours on the same split.",
        f"Medians over {record['seeds']} seeds; wall time of the steps alone, {record['threads']} threads;",
        "the loss, in nats per character, is that of the last step over all held-out windows of 64.",
        "Each row below ours changes one idea and keeps the number of steps.",
        "", *_record.target_table(record["targets"]), "", *table(record["runs"]),
    ]  # fmt: skip
    if "cuda" in record:
        lines += ["", f"On {record['cuda_device']}:", "", *table(record["cuda"])]
    return lines
