"""When is pretraining worth it? Three tasks, every start, few and many labels, five seeds.

    python3 course.py bench classifier      about an hour of two cores

Who owes whom (`classroom.worlds.debts`): the words never decide. The inbox and the SMS Spam
Collection: counting words goes far. The course's GPT starts pretrained or at random; SmolLM2 and
MiniLM give frozen vectors to a classification head. Notebook 08 draws the figures and repeats one
run of each kind.

Each run is kept in the system's folder for temporary files as soon as it is done; a bench that was
stopped, by hand or by `--minutes 5`, goes on from there, with the same GPT and settings.
`--validation` measures on the validation parts, on which the settings below were chosen; the test
parts were looked at with these settings only, but for who owes whom: with 150 and 500 labels a first
choice of 40 steps was seen to fail there before the steps were chosen again on validation.
"""

import hashlib
import json
import math
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import torch

from benchmarks import _record
from classroom.worlds import debts, inbox
from helpers.baselines import NaiveBayes
from helpers.chat import BASE_MODEL
from helpers.checkpoint import load_model
from helpers.classifier import (
    FinetuneConfig,
    TextClassifier,
    accuracy,
    balance,
    encode_texts,
    finetune,
    fit_head,
    split,
    vectors_of,
)
from helpers.family.sentences import load_minilm
from helpers.files import sha256
from helpers.llama.load import load_gguf
from helpers.lora import apply_lora
from helpers.model import GPT
from helpers.texts.corpora import available, fetch, load_sms

NEEDED = ("sms-spam", "smollm2", "minilm")
SEEDS, BATCH_SIZE, WEIGHTS = range(5), 16, "model.safetensors"
# Of each task: how many texts are tested, the most tokens of one; then, by the number of labels,
# about how many steps of fine-tuning (whole epochs are trained; 1,045 labels are the book's).
TASKS = {"debts": (200, 40), "sms": (300, 80), "inbox": (300, 80)}
STEPS = {
    "debts": {50: 40, 150: 94, 500: 94},
    "sms": {50: 40, 150: 40, 500: 40, 1045: 327},
    "inbox": {50: 40, 150: 40, 500: 60},
}
RATES = {
    "pretrained": 1e-3,
    "pretrained, LoRA": 1e-2,
    "random start": 1e-3,
    "random start, LoRA": 1e-2,
}
VARIANTS = {
    "debts": tuple(RATES),
    "sms": ("pretrained",),
    "inbox": ("pretrained", "pretrained, LoRA", "random start"),
}
ALONE = ("pretrained, head alone", "random start, head alone")  # frozen vectors, a head above
WITH_HEADS_ALONE = ("debts", "sms")  # where frozen vectors are read, ours and the real models'
# What learns, and the two starts to compare.
PAIRS = {
    "the head alone": ALONE,
    "LoRA": ("pretrained, LoRA", "random start, LoRA"),
    "all weights": ("pretrained", "random start"),
}
DECAY = 0.1  # of a head above frozen vectors
N_GRAMS = {"naive Bayes": 1, "naive Bayes, runs of 1 to 3 words": 3}
CODE = [
    "benchmarks/classifier.py",
    *(f"helpers/{name}.py" for name in ("baselines", "classifier", "lora", "model", "train")),
    *(f"classroom/worlds/{name}.py" for name in ("debts", "inbox")),
]


def numbered(pairs, positive="spam"):
    """(label, text) pairs as texts and class numbers."""
    return [text for _, text in pairs], [int(label == positive) for label, _ in pairs]


def training(task, size, seed):
    """The labeled texts of one run: texts and class numbers."""
    if task == "sms":
        return numbered(split(balance(load_sms(), seed))[0][:size])
    return drawn(task, size, 100 + seed)


def held_out(task, seed, part):
    """The texts on which a run is tested, or with which the settings are chosen."""
    n = TASKS[task][0]
    if task == "sms":
        return numbered(split(balance(load_sms(), seed))[1 if part == "validation" else 2][:n])
    return drawn(task, n, 1 + seed if task == "debts" else 1, part)


def drawn(task, n, seed, part="train"):
    """Texts of a world and class numbers; before a debt stands a space, so that every name is one token."""
    if task == "debts":
        return numbered([(x.label, f" {x.text}") for x in debts.sample(n, seed, part)], "she")
    return numbered([(x.label, x.text) for x in inbox.sample(n, seed, part)], "spam")


def by_counting(name, given, wanted):
    """The accuracy of naive Bayes over runs of words."""
    bayes = NaiveBayes(*given, N_GRAMS[name])
    return statistics.mean(a == b for a, b in zip(bayes.predict(wanted[0]), wanted[1], strict=True))


def start(name, seed):
    """A new classifier in one of the variants, and its tokenizer."""
    torch.manual_seed(seed)
    gpt, tokenizer = load_model(BASE_MODEL)
    if name.startswith("random"):
        gpt = GPT(gpt.config)
    if name.endswith("LoRA"):
        apply_lora(gpt, rank=8)
    return TextClassifier(gpt, 2), tokenizer


def by_tuning(name, task, given, wanted, seed):
    """The accuracy of the course's GPT after fine-tuning."""
    classifier, tokenizer = start(name, seed)
    max_tokens, size = TASKS[task][1], len(given[0])
    config = FinetuneConfig(
        epochs=max(1, round(STEPS[task][size] * BATCH_SIZE / size)),
        batch_size=BATCH_SIZE,
        learning_rate=RATES[name],
        seed=seed,
    )
    rows = encode_texts(tokenizer, given[0], max_tokens), given[1]
    finetune(classifier, rows, None, config, progress=False)
    return accuracy(classifier, encode_texts(tokenizer, wanted[0], max_tokens), wanted[1])


def smollm2():
    """SmolLM2 as a function from texts to vectors: the state of the last token."""
    model, tokenizer = load_gguf(fetch("smollm2"))
    return lambda texts: vectors_of(model, [tokenizer.encode_ordinary(text) for text in texts])


def course_gpt(name, task, seed):
    """The course's GPT, pretrained or at a random start, as a function from texts to vectors."""
    classifier, tokenizer = start(name, seed)
    return lambda texts: vectors_of(classifier.gpt, encode_texts(tokenizer, texts, TASKS[task][1]))


def minilm():
    """MiniLM as a function from texts to vectors, one for a whole text."""
    return load_minilm().vectors


def minilm_at_random():
    """MiniLM's shape and tokenizer with weights drawn at random: what its training is held against."""
    sentences = load_minilm()
    torch.manual_seed(0)
    for weight in sentences.encoder.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.02)
    return sentences.vectors


# By name: makes a function from texts to vectors.
READERS = {
    "MiniLM, head alone": minilm,
    "MiniLM at random, head alone": minilm_at_random,
    "SmolLM2, head alone": smollm2,
}


def settings():
    """What the figures depend on besides the code, as the record has it."""
    return {
        "tasks": TASKS,
        "steps": STEPS,
        "rates": RATES,
        "batch_size": BATCH_SIZE,
        "decay": DECAY,
    }


def kept_in(part):
    """The file for the runs that are done: another one for another GPT or other settings."""
    made_with = json.dumps([sha256(BASE_MODEL / WEIGHTS), settings()])
    name = hashlib.sha256(made_with.encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"classifier_{part}_{name}.json"


class Results:
    """Accuracies by task, variant and number of labels, one a seed; kept in a file."""

    def __init__(self, path, minutes=math.inf):
        self.path, self.of = path, json.loads(path.read_text()) if path.is_file() else {}
        self.end = time.perf_counter() + 60 * minutes

    def measure(self, task, name, size, seed, run, *arguments):
        """Note what `run(*arguments)` gives, unless it is there from an earlier start."""
        row = self.of.setdefault(task, {}).setdefault(name, {}).setdefault(str(size), [])
        if len(row) > seed:
            return
        if time.perf_counter() > self.end:
            raise TimeoutError(
                f"stopped after the minutes given; go on with the runs in {self.path}"
            )
        began = time.perf_counter()
        row.append(round(run(*arguments), 4))
        self.of["seconds"] = self.of.get("seconds", 0) + time.perf_counter() - began
        self.path.write_text(json.dumps(self.of))
        print(f"{task:<6}{name:<34}{size:>4} labels, seed {seed}: {row[-1]:.3f}", flush=True)


def measure_task(task, results, part):
    """All variants of a task, the cheapest first."""
    data = {
        (size, seed): (training(task, size, seed), held_out(task, seed, part))
        for size in STEPS[task]
        for seed in SEEDS
    }
    for name in N_GRAMS:
        for (size, seed), (given, wanted) in data.items():
            results.measure(task, name, size, seed, by_counting, name, given, wanted)
    heads_alone = task in WITH_HEADS_ALONE
    for name in ALONE if heads_alone else ():
        for seed in SEEDS:
            vectors = Vectors(partial(course_gpt, name, task, seed))
            for size in STEPS[task]:
                results.measure(task, name, size, seed, vectors.accuracy, *data[size, seed])
    for name, reader in READERS.items() if heads_alone else ():
        vectors = Vectors(reader)
        for (size, seed), (given, wanted) in data.items():
            results.measure(task, name, size, seed, vectors.accuracy, given, wanted)
    for name in VARIANTS[task]:
        for (size, seed), (given, wanted) in data.items():
            results.measure(task, name, size, seed, by_tuning, name, task, given, wanted, seed)


class Vectors:
    """The frozen vectors of a real model, each text read once, and a head above them."""

    def __init__(self, reader):
        self.reader, self.read, self.known = reader, None, {}

    def of(self, texts):
        """The vectors (N, C) of texts."""
        self.read = self.read or self.reader()
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        self.known |= zip(new, self.read(new) if new else (), strict=True)
        return torch.stack([self.known[text] for text in texts])

    def accuracy(self, given, wanted):
        """The accuracy on `wanted` of a head that was fitted to `given`."""
        head = fit_head(self.of(given[0]), given[1], DECAY)
        said = head(self.of(wanted[0])).argmax(dim=-1)
        return (said == torch.tensor(wanted[1])).float().mean().item()


def cell(shares):
    """Mean and standard error of the seeds' accuracies, as a cell of a table."""
    return f"{statistics.mean(shares):.3f} ± {standard_error(shares):.3f}"


def standard_error(shares):
    """The standard error of a mean over seeds; raises ValueError for fewer than two."""
    return statistics.stdev(shares) / len(shares) ** 0.5


def advantage(one, other):
    """How far the mean of one list is above another's, and in how many standard errors."""
    gap = statistics.mean(one) - statistics.mean(other)
    error = math.hypot(standard_error(one), standard_error(other))
    if not error:
        return gap, math.copysign(math.inf, gap) if gap else 0.0
    return gap, gap / error


def section(record):
    """The README's section, as lines."""
    lines = [
        *_record.made_by("classifier", record),
        f"{record['minutes']:.0f} minutes; drawn in notebook 08. The GPT is the one whose SHA-256 "
        f"begins with `{record['gpt_sha256'][:16]}`.",
        "Accuracy on the test part, mean and standard error over five seeds.",
    ]
    for task, title in TITLES.items():
        rows = record["accuracy"].get(task, {})
        sizes = sorted({int(size) for by_size in rows.values() for size in by_size})
        note = record.get("notes", {}).get(task, "")
        lines += ["", f"**{title}.** {note}".strip(), ""]
        lines += ["| variant | " + " | ".join(f"{size} labels" for size in sizes) + " |"]
        lines += ["|---|" + "---|" * len(sizes)]
        for name, by_size in rows.items():
            cells = (cell(by_size[str(n)]) if str(n) in by_size else "not run" for n in sizes)
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, "", *compared_starts(record["accuracy"]["debts"])]


def compared_starts(rows):
    """How far the pretrained start is above the random one, on who owes whom: a line a pair."""
    for what, names in PAIRS.items():
        one, other = (rows.get(name, {}) for name in names)
        told = []
        for size in sorted(one.keys() & other.keys(), key=int):
            gap, errors = advantage(one[size], other[size])
            told.append(f"{gap:+.3f} at {size} ({errors:.1f} standard errors)")
        if told:
            yield f"Who owes whom, pretrained minus random start, {what}: {', '.join(told)}."


TITLES = {
    "debts": "Who owes whom: held-out names and sentences, each test text beside its twin",
    "sms": "The SMS Spam Collection, balanced, the book's test part",
    "inbox": "The inbox: held-out templates",
}


def minutes_of(arguments):
    """The number after `--minutes`: no run begins later than that; without it there is no limit."""
    return (
        float(arguments[arguments.index("--minutes") + 1]) if "--minutes" in arguments else math.inf
    )


def main(arguments=()):
    part = "validation" if "--validation" in arguments else "test"
    if not all(available(name, shows="the classifiers' accuracy") for name in NEEDED):
        return 1
    results = Results(kept_in(part), minutes_of(arguments))
    try:
        for task in TITLES:
            measure_task(task, results, part)
    except TimeoutError as error:
        print(error)
        return 1
    if part == "validation":
        return 0
    figures = {
        "settings": settings(),
        "accuracy": {task: results.of[task] for task in TITLES if task in results.of},
        "gpt_sha256": sha256(BASE_MODEL / WEIGHTS),
        "minutes": round(results.of["seconds"] / 60, 1),
    }
    command = "python3 course.py bench classifier"
    path = _record.write("classifier", command, CODE, ["torch"], figures)
    lines = section(json.loads(path.read_text("utf-8")))
    _record.write_section("When is pretraining worth it?", lines)
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
