"""The report of `benchmarks/growth.py`: its targets, tables and picture."""

from benchmarks import _record

AXES = {  # curve: (what a row is called, its key, the label of the axis)
    "context": ("context length", "context", "context length, tokens"),
    "model": ("model", "parameters", "parameters"),
    "corpus": ("corpus, MB", "megabytes", "corpus, MB of text"),
}
TITLES = {
    "context": "Against the context length: 10.7 million parameters, 2,048 tokens per step",
    "model": "Against the size of the model: context 256, 1,024 tokens per step",
    "corpus": "Against the size of the corpus: 3.7 million parameters, context 256, streamed",
}
PICTURE = (
    "Six curves: tokens per second above, peak memory below. Left: with a longer "
    "context, speed falls. Middle: with a larger model, speed falls and memory rises. Right: with a "
    "larger corpus, both stay where they are."
)


def targets(curves, limit):
    """The one target: memory at the largest corpus over that at the smallest."""
    smallest, *_, largest = (row["peak_megabytes"] for row in curves["corpus"])
    what = "peak memory, largest corpus over smallest"
    return [_record.target(what, largest / smallest, "at most", limit)]


def table(kind, rows):
    """One curve as lines of a Markdown table."""
    name, key, _ = AXES[kind]
    more = {"parameters": "parameters"} if kind == "model" else {}
    if kind == "corpus":
        more = {"tokens": "tokens", "encoded_megabytes_a_second": "encoded, MB/s"}
    heads = [name, *more.values(), "tokens/s", "least to most", "peak memory, MB"]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for row in rows:
        low, high = row["least_to_most"]
        cells = [row["model"] if kind == "model" else f"{row[key]:,}"]
        cells += [f"{row[column]:,.{0 if row[column] > 99 else 1}f}" for column in more]
        cells += [f"{row['tokens_a_second']:,.0f}", f"{low:,.0f} to {high:,.0f}"]
        cells.append(f"{row['peak_megabytes']:,.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def tables(record):
    """The targets and all tables, as lines."""
    lines = _record.target_table(record["targets"])
    for kind, rows in record["curves"].items():
        lines += ["", f"{TITLES[kind]}, {rows[0]['precision']}.", "", *table(kind, rows)]
    for kind, rows in record.get("cuda", {}).items():
        title = f"{TITLES[kind]}, {rows[0]['precision']}, on {record['cuda_device']}."
        lines += ["", title, "", *table(kind, rows)]
    return lines


def section(record):
    """The README's section, as lines."""
    return [
        *_record.made_by("growth", record),
        f"Each point is a process of its own: medians of {record['steps']} steps after a first one.",
        "", f"![{PICTURE}](growth.png)", "", *tables(record),
    ]  # fmt: skip


def draw(curves, path):
    """Draw the three curves, speed above memory, into a PNG file."""
    from matplotlib.ticker import LogLocator, NullLocator

    from helpers.plots import COLORS, new_axes, png_bytes

    axes = new_axes(11, 5.5, rows=2, columns=3)
    for column, (kind, rows) in enumerate(curves.items()):
        _, key, label = AXES[kind]
        places = [row[key] for row in rows]
        speed, memory = axes[0, column], axes[1, column]
        lows, highs = zip(*(row["least_to_most"] for row in rows), strict=True)
        speed.fill_between(places, lows, highs, color=COLORS[0], alpha=0.2, linewidth=0)
        speed.plot(places, [row["tokens_a_second"] for row in rows], "o-", color=COLORS[0])
        memory.plot(places, [row["peak_megabytes"] for row in rows], "o-", color=COLORS[1])
        memory.set_xlabel(label)
        names = [row["model"] if kind == "model" else f"{row[key]:,}" for row in rows]
        for ax in (speed, memory):
            ax.set_xscale("log")
            ax.set_xticks(places, names)
            ax.minorticks_off()
            if kind == "model":
                ax.set_yscale("log")
                ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                ax.yaxis.set_minor_locator(NullLocator())
                ax.yaxis.set_major_formatter("{x:,.0f}")
            else:
                ax.set_ylim(0, 1.1 * ax.get_ylim()[1])  # what is flat is to look flat
    axes[0, 0].set_ylabel("tokens per second")
    axes[1, 0].set_ylabel("peak memory, MB")
    path.write_bytes(png_bytes(axes))
