"""The section of benchmarks/README.md that `bench family` writes."""

import statistics

from benchmarks import _record

PARTS = {  # part: what it says, and its columns as (title, key, digits)
    "translation": (
        "{pairs:,} pairs, {steps} steps of {batch}; sentences right to the last word, of {asked}.",
        (("new sentences", "test", 3), ("new combinations", "combinations", 3)),
    ),
    "tales": (
        "{tales:,} short tales, {steps} steps of {batch}; loss in nats per word on {held_out} "
        "held-out tales, share of {gaps} gaps filled, of wrong words found, and words written "
        "until no tale continues so.",
        (
            ("loss", "loss", 3),
            ("gaps filled", "fills", 3),
            ("reading on", "fills_reading_on", 3),
            ("wrong words", "finds", 3),
            ("hiding each", "finds_hiding_each", 3),
            ("written", "good_words", 1),
        ),
    ),
    "recall": (
        "{steps} steps of {batch} at mixed distances; accuracy at a distance.",
        (("5", "5", 3), ("50", "50", 3), ("200", "200", 3)),
    ),
    "pictures": (
        "{training:,} pictures, {steps} steps of {batch}; accuracy on {asked:,} others.",
        (("known fonts", "known_fonts", 3), ("new fonts", "new_fonts", 3)),
    ),
}


def section(record):
    """The lines of the section: a table for each part, mean and standard deviation over seeds."""
    lines = [
        *_record.made_by("family", record),
        f"Mean and standard deviation over {record['seeds']} seeds; drawn in notebook 10.",
    ]
    for part, (said, columns) in PARTS.items():
        titles = [title for title, *_ in columns]
        lines += ["", f"**{part.capitalize()}.** {said.format(**record['settings'][part])}", ""]
        lines += [
            f"| model | parameters | {' | '.join(titles)} | training, processor s |",
            "|---" * (len(titles) + 3) + "|",
        ]
        for name, figures in record[part].items():
            cells = [_cell(_values(figures, key), digits) for _, key, digits in columns]
            seconds = _cell(figures["processor_seconds"], 1)
            cells = " | ".join(cells)
            lines.append(f"| {name} | {figures['parameters']:,} | {cells} | {seconds} |")
    truth = record["truth"]
    return [
        *lines,
        "",
        f"Entropy of the held-out tales: {truth['entropy']:.3f} nats per word. The source itself fills "
        f"{truth['best_fill']:.2f} of the gaps; {truth['gaps_with_one_word']:.2f} of them admit one "
        "word only.",
    ]


def _values(figures, key):
    """A figure's value for every seed; a distance is looked up in the accuracies of recall."""
    if key in figures:
        return figures[key]
    return [seed[key] for seed in figures["accuracy"]] if key.isdigit() else []


def _cell(values, digits):
    if not values:
        return ""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.{digits}f} ± {spread:.{digits}f}"
