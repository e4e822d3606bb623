"""The report of `benchmarks/bpe.py`: its targets, and its section of benchmarks/README.md."""

from pathlib import Path

README = Path(__file__).resolve().parent / "README.md"
TITLE = "## Byte pair encoding"
CURVE_VOCABULARY = 16_384


def targets(result):
    """Return each target as (what, measured, relation, limit)."""
    seconds = {name: row["seconds"] for name, row in result["training"].items()}
    rust = min(s for name, s in seconds.items() if "Hugging" in name and "4096" in name)
    naive = seconds["naive trainer, 512 tokens"]
    speed, curve = result["encoding"], result["curve"]
    ours, theirs = speed["helpers"], speed["Hugging Face"]
    grown = [
        b["processor seconds"] / a["processor seconds"]
        / max(b["megabytes"] / a["megabytes"], b["distinct pre-tokens"] / a["distinct pre-tokens"])
        for a, b in zip(curve, curve[1:], strict=False)
    ]  # fmt: skip
    rows = [
        ("training to 4,096 tokens: times the faster Hugging Face figure",
         seconds["helpers, 4096 tokens"] / rust, "at most", 3),
        ("training to 512 tokens: times faster than the naive trainer",
         naive / seconds["helpers, 512 tokens"], "at least", 50),
        ("encoding, first time: times Hugging Face's speed",
         ours["first MB/s"] / theirs["first MB/s"], "at least", 1),
        ("encoding, again: times Hugging Face's speed",
         ours["again MB/s"] / theirs["again MB/s"], "at least", 1),
        ("100 MB: peak memory in GB, all processes", curve[-1]["peak GB"], "at most", 3),
        ("processor time's growth over that of bytes or distinct pre-tokens, worst step",
         max(grown), "at most", 1),
    ]  # fmt: skip
    if tiktoken := result["to_tiktoken"]:
        ratio = tiktoken["to_tiktoken MB/s"] / tiktoken["tiktoken MB/s"]
        rows.insert(4, ("to_tiktoken(): times tiktoken's own speed", ratio, "at least", 0.95))
    return rows


def met(measured_value, relation, limit):
    return measured_value <= limit if relation == "at most" else measured_value >= limit


def section(result):
    """Return the README's section as Markdown."""
    lines = [TITLE, "", "Made by `python3 course.py bench bpe`; figures in [bpe.json](bpe.json).",
             f"Machine: {result['machine']['processor']}, {result['machine']['software']}; "
             f"load average at the start {result['machine'].get('load')}.",
             f"Text: {result['text']['name']}, {result['text']['bytes'] / 1e6:.1f} MB. "
             "Times are the best of five (the naive trainer ran once).", ""]  # fmt: skip
    lines += ["| target | measured | limit | met |", "|---|---|---|---|"]
    for what, value, relation, limit in targets(result):
        verdict = "yes" if met(value, relation, limit) else "**no**"
        lines.append(f"| {what} | {value:.2f} | {relation} {limit} | {verdict} |")
    lines += ["", "| training | seconds |", "|---|---|"]
    lines += [f"| {name} | {row['seconds']:.2f} |" for name, row in result["training"].items()]
    lines += ["", "| encoding one long string | first time, MB/s | again, MB/s |", "|---|---|---|"]
    for name, row in result["encoding"].items():
        lines.append(f"| {name} | {row['first MB/s']:.1f} | {row['again MB/s']:.1f} |")
    if row := result["to_tiktoken"]:
        lines += ["", f"GPT-2's vocabulary: tiktoken {row['tiktoken MB/s']:.1f} MB/s, ours through "
                  f"`to_tiktoken()` {row['to_tiktoken MB/s']:.1f} MB/s."]  # fmt: skip
    lines += ["", f"Training to {CURVE_VOCABULARY:,} tokens on the source code and texts that this "
              "Python has installed, streamed from files:", "",
              "| MB | distinct pre-tokens | seconds | processor seconds | peak memory, GB |", "|---|---|---|---|---|"]  # fmt: skip
    for row in result["curve"]:
        lines.append(
            f"| {row['megabytes']:.1f} | {row['distinct pre-tokens']:,} | {row['seconds']:.1f} "
            f"| {row['processor seconds']:.1f} | {row['peak GB']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def write_readme(result):
    """Put our section into the README in place of the old one; leave the others alone."""
    text = README.read_text("utf-8") if README.is_file() else "# Benchmarks\n"
    before, _, after = text.partition(TITLE + "\n")
    _, heading, rest = after.partition("\n## ")
    README.write_text(before.rstrip("\n") + "\n\n" + section(result) + heading + rest, "utf-8")
