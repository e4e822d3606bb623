"""Is pretraining worth it for a spam filter? Every start, every number of labels, five seeds.

    python3 course.py bench classifier      about forty minutes on two cores

Notebook 08 draws the figures of classifier.json and repeats one run. The settings below were
chosen on the validation parts.
"""

import json
import statistics
import sys
import time

import torch

from benchmarks import _record
from classroom.worlds import inbox
from helpers.baselines import KeywordRule, NaiveBayes
from helpers.chat import BASE_MODEL
from helpers.checkpoint import load_model
from helpers.classifier import (
    FinetuneConfig,
    TextClassifier,
    accuracy,
    balance,
    choose_trainable,
    encode_texts,
    finetune,
    split,
)
from helpers.device import use_every_core
from helpers.files import sha256
from helpers.lora import apply_lora
from helpers.model import GPT
from helpers.texts.corpora import available, load_sms

SEEDS, SIZES, TEST_SIZE = range(5), (50, 150, 500), 1000
STEPS, BATCH_SIZE = 80, 16
RATES = {
    "pretrained, everything": 1e-3,
    "pretrained, LoRA": 3e-3,
    "pretrained, head alone": 3e-2,
    "random start, everything": 1e-3,
}
SMS_EPOCHS, SMS_TOKENS, WEIGHTS = 5, 128, "model.safetensors"
CODE = [
    "benchmarks/classifier.py",
    *(f"helpers/{name}.py" for name in ("baselines", "classifier", "lora", "model", "train")),
    "classroom/worlds/inbox.py",
]


def start(name, seed):
    """A new classifier in one of the variants, and its tokenizer."""
    torch.manual_seed(seed)
    gpt, tokenizer = load_model(BASE_MODEL)
    if name.startswith("random"):
        gpt = GPT(gpt.config)
    if name.endswith("LoRA"):
        apply_lora(gpt, rank=8)
    classifier = TextClassifier(gpt, 2)
    if name.endswith("head alone"):
        choose_trainable(classifier, "head")
    return classifier, tokenizer


def numbered(pairs):
    """(label, text) pairs as texts and class numbers."""
    return [text for _, text in pairs], [int(label == "spam") for label, _ in pairs]


def one_run(name, training, held_out, seed, epochs, max_tokens):
    """Train a variant on (texts, labels); return its accuracy on `held_out`."""
    classifier, tokenizer = start(name, seed)
    rows, other = (
        (encode_texts(tokenizer, texts, max_tokens), labels)
        for texts, labels in (training, held_out)
    )
    config = FinetuneConfig(
        epochs=epochs, batch_size=BATCH_SIZE, learning_rate=RATES[name], seed=seed
    )
    finetune(classifier, rows, None, config, progress=False)
    return accuracy(classifier, *other)


def of_rule(rule, held_out):
    """The share that a rule or naive Bayes gets right."""
    texts, labels = held_out
    return statistics.mean(a == b for a, b in zip(rule.predict(texts), labels, strict=True))


def inbox_part(n, seed, part):
    """Messages of the inbox as texts and class numbers."""
    return numbered([(m.label, m.text) for m in inbox.sample(n, seed, part)])


def on_the_inbox(part="test"):
    """Accuracies by variant and number of labels, one a seed."""
    results = {name: {} for name in ("keyword rule", "naive Bayes", *RATES)}
    held_out = inbox_part(TEST_SIZE, 1, part)
    for size in SIZES:
        epochs = round(STEPS * BATCH_SIZE / size)
        for seed in SEEDS:
            training = inbox_part(size, 100 + seed, "train")
            rules = {"keyword rule": KeywordRule(), "naive Bayes": NaiveBayes(*training)}
            for name, rule in rules.items():
                results[name].setdefault(str(size), []).append(of_rule(rule, held_out))
            for name in RATES:
                right = one_run(name, training, held_out, seed, epochs, 80)
                results[name].setdefault(str(size), []).append(right)
                print(f"{name:<26}{size:>5} labels, seed {seed}: {right:.3f}", flush=True)
    return results


def on_sms(place=2):
    """The book's balanced split of the SMS collection; `place` 1 is validation, 2 the test."""
    results = {name: [] for name in ("naive Bayes", "pretrained, everything")}
    for seed in SEEDS:
        parts = list(map(numbered, split(balance(load_sms(), seed))))
        results["naive Bayes"].append(of_rule(NaiveBayes(*parts[0]), parts[place]))
        right = one_run(
            "pretrained, everything", parts[0], parts[place], seed, SMS_EPOCHS, SMS_TOKENS
        )
        results["pretrained, everything"].append(right)
        print(f"SMS, seed {seed}: {right:.4f}", flush=True)
    return results


def cell(shares):
    """Mean and standard error of the seeds' shares, as a cell of a table."""
    return f"{statistics.mean(shares):.3f} ± {statistics.stdev(shares) / len(shares) ** 0.5:.3f}"


def section(record):
    """The README's section, as lines."""
    settings, sms = record["settings"], record["sms"]
    rows = [
        f"| {name} | " + " | ".join(map(cell, sizes.values())) + " |"
        for name, sizes in record["inbox"].items()
    ]
    return [
        *_record.made_by("classifier", record),
        f"{record['minutes']:.0f} minutes; drawn in notebook 08. The GPT is the one whose SHA-256 "
        f"begins with `{record['gpt_sha256'][:16]}`.",
        f"Share right on {TEST_SIZE:,} messages of held-out templates, mean and standard error over "
        f"five seeds; about {settings['steps']} steps of {settings['batch_size']} messages.",
        "",
        "| variant | " + " | ".join(f"{size} labels" for size in SIZES) + " |",
        "|---|" + "---|" * len(SIZES),
        *rows,
        "",
        f"On the SMS Spam Collection, balanced, 70 : 10 : 20, {SMS_EPOCHS} epochs: "
        + ", ".join(f"{name} {cell(shares)}" for name, shares in sms.items())
        + ".",
    ]


def main():
    if not available("sms-spam", shows="the accuracy on the SMS collection"):
        return 1
    use_every_core()
    began = time.perf_counter()
    sms = on_sms()
    figures = {"settings": {"steps": STEPS, "batch_size": BATCH_SIZE, "rates": RATES}}
    figures |= {"inbox": on_the_inbox(), "sms": sms}
    figures["gpt_sha256"] = sha256(BASE_MODEL / WEIGHTS)
    figures["minutes"] = round((time.perf_counter() - began) / 60, 1)
    command = "python3 course.py bench classifier"
    path = _record.write("classifier", command, CODE, ["torch"], figures)
    lines = section(json.loads(path.read_text("utf-8")))
    _record.write_section("Is pretraining worth it for a spam filter?", lines)
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
