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
    "longer": (
        "BERT on these tales in more steps of {batch}, at a rate of {rate}, the only one tried; one "
        "seed, so no spread.",
        (
            ("gaps filled", "fills", 2),
            ("wrong words", "finds", 2),
            ("hiding each", "finds_hiding_each", 2),
            ("written, one [MASK]", "good_words", 1),
            ("written, 41 [MASK]", "good_words_more_hidden", 1),
        ),
    ),
    "recall": (
        "{steps} steps of {batch}; accuracy of one letter after 5, 50 and 200 tokens, trained at mixed "
        "distances, and of one among 4 and 16 letters after {noise} tokens, trained with mixed counts.",
        (
            ("after 5", "accuracy/5", 3),
            ("after 50", "accuracy/50", 3),
            ("after 200", "accuracy/200", 3),
            ("of 4", "accuracy_of_many/4", 3),
            ("of 16", "accuracy_of_many/16", 3),
        ),
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
        "Mean and standard deviation over seeds; drawn in notebook 10.",
    ]
    for part, (said, columns) in PARTS.items():
        titles = [title for title, *_ in columns]
        said = said.format(**record["settings"][part])
        lines += ["", f"**{part.capitalize()}.** {said} Seeds: {record['seeds'][part]}.", ""]
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
    """A figure's value for every seed; `accuracy/5` is the entry 5 of each seed's accuracies."""
    key, _, entry = key.partition("/")
    return [seed[entry] if entry else seed for seed in figures.get(key, [])]


def _cell(values, digits):
    if not values:
        return ""
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{spread}"
