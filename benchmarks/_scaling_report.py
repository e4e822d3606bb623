"""The report of `benchmarks/scaling.py`: its targets, its table of losses, and what the fit says."""

from benchmarks import _record
from benchmarks._scaling_fit import Law

BUDGETS = (1e12, 1e13, 1e14, 1e15)  # operations of the compute-optimal line


def targets(found, larger_loss, entropy):
    """The floor against the entropy, and what was not in a fit against its prediction and control."""
    low, high = found["floor_interval"]
    miss = abs(found["predicted"] - larger_loss)
    repeated = abs(found["repeated"] - larger_loss)
    by_law, by_nearest = (found["left_out"][name] for name in ("the law", "the nearest run"))
    return [
        _record.target(
            "the fitted floor's distance to the entropy, as a share of it",
            abs(found["law"]["floor"] / entropy - 1), "at most", 0.03,
        ),
        _record.target(
            "the entropy is inside the floor's bootstrap interval (1: it is)",
            float(low <= entropy <= high), "at least", 1,
        ),
        _record.target(
            "the larger run's predicted loss: its error as a share of what is above the entropy",
            miss / (larger_loss - entropy), "at most", 0.15,
        ),
        _record.target(
            "that error, over the error of repeating the best loss in the fit",
            miss / repeated, "at most", 1,
        ),
        _record.target(
            "the largest size and budget, predicted by a fit without them: the same error, mean",
            by_law, "at most", 0.05,
        ),
        _record.target(
            "that error, over the error of repeating the nearest run in the fit",
            by_law / by_nearest, "at most", 0.333,
        ),
    ]  # fmt: skip


def loss_table(record):
    """The held-out losses, sizes down and budgets across, as a Markdown table."""
    rows = {(row["n"], row["d"]): row["test"] for row in record["rows"]}
    tokens = sorted({d for _, d in rows})
    lines = [
        f"| N | {' | '.join(f'D = {d:,}' for d in tokens)} |",
        "|---" * (len(tokens) + 1) + "|",
    ]
    for n in sorted({n for n, _ in rows}):
        losses = " | ".join(f"{rows[n, d]:.4f}" for d in tokens)
        lines.append(f"| {n:,} | {losses} |")
    return lines


def law_lines(record):
    """The fitted law, the spread of its floor, and the best size for some budgets."""
    law = Law(**record["law"])
    low, high = record["floor_interval"]
    last = record["larger"]
    lines = [
        f"loss = {law.floor:.4f} + {law.size_scale:.3g} / N^{law.size_exponent:.3f} + "
        f"{law.data_scale:.3g} / D^{law.data_exponent:.3f}; the runs lie {record['misfit']:.2%} from "
        f"it on average. The floor is {low:.4f} to {high:.4f} in 95% of {record['bootstraps']} "
        f"bootstrap fits ({record['bootstraps_dropped']} more draws had a negative part and were "
        f"dropped); the entropy is {record['entropy']:.4f} nats per token.",
        "",
        *chance_lines(record),
        f"The larger run, N = {last['n']:,} and D = {last['d']:,}: {last['test']:.4f}; predicted "
        f"{record['predicted']:.4f}; a law without a floor predicts {record['without_a_floor']:.4f}, "
        f"and the best loss in the fit is {record['repeated']:.4f}.",
        "",
        "Fitted without the largest size and the largest budget, mean error on the runs left out, as "
        "a share of their loss above the entropy: "
        + "; ".join(f"{name} {error:.1%}" for name, error in record["left_out"].items())
        + ".",
        "",
        "| operations | best N | best D | D / N | loss |",
        "|---|---|---|---|---|",
    ]
    for operations in BUDGETS:
        n, d = law.best_split(operations)
        lines.append(
            f"| {operations:.0e} | {n:,.0f} | {d:,.0f} | {d / n:.0f} | {law.loss(n, d):.4f} |"
        )
    return lines


def chance_lines(record):
    """How likely the first target is to be met where the law holds exactly."""
    if record["noise"] is None:
        return []
    return [
        f"Seeds differ by {record['noise']:.2%} (standard deviation). If the law held exactly, with this "
        f"noise, {record['chance']:.0%} of fits would have a floor within 3% of it.",
        "",
    ]


def rate_lines(record):
    """The rates that were chosen for each size, one for each budget."""
    chosen = "; ".join(
        f"{size}: {', '.join(min(tried, key=tried.get) for tried in budgets.values())}"
        for size, budgets in record["rates"].items()
    )
    return [
        f"Learning rates, chosen on other tales for each size and budget, the smallest first: {chosen}."
    ]


def section(record):
    """The README's section, as lines."""
    made = _record.made_by("scaling", record) if record["machine"] else []
    return [
        *made,
        f"{record['minutes']:.0f} minutes of training; drawn in notebook 12. One pass through fresh "
        f"tales in batches of {record['batch']}, AdamW, measured in nats per token on "
        f"{record['held_out']} unseen tales. Where a run was made from several seeds, the mean is shown "
        "and fitted.",
        "",
        *_record.target_table(record["targets"]),
        "",
        *loss_table(record),
        "",
        *law_lines(record),
        "",
        *rate_lines(record),
    ]
