"""Part 2 of `my_chat.py`: a classifier on the same model, with LoRA in its blocks."""

import json
from collections import Counter

import torch
from torch import nn

from classroom.mine.answers import (
    BATCH_SIZE,
    counted,
    drawn,
    lines,
    rates_for,
    read_rows,
    saved,
)
from classroom.mine.command import model_in
from classroom.mine.files import (
    load_model,
    load_tensors,
    load_weights,
    save_model,
    save_tensors,
    write_json,
)
from classroom.mine.settings import DEVICE
from classroom.mine.tokenizer import END_OF_TEXT
from classroom.turns.t08 import (
    LoRALinear,
    NaiveBayes,
    TextClassifier,
    balance_and_split,
    pad,
    precision_and_recall,
    truncate,
)
from classroom.turns.t08 import finetune as finetune_classifier

HEAD, LABELS = "head.safetensors", "labels.json"


def change_layers(gpt, kind, change):
    """Put `change(layer)` in place of each layer of a kind in the blocks of a GPT; return the GPT."""
    for parent in list(gpt.blocks.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, kind):
                setattr(parent, name, change(child))
    return gpt


def with_lora(gpt, rank=8, alpha=16):
    """Freeze a GPT and give each linear layer of its blocks a correction, which learns."""
    gpt.requires_grad_(False)
    return change_layers(gpt, nn.Linear, lambda layer: LoRALinear(layer, rank, alpha))


def text_rows(tokenizer, texts, limit):
    """The token ids of each text, with an end-of-text token before and after it."""
    end = tokenizer.special_tokens[END_OF_TEXT]
    return [truncate(tokenizer.encode(text), limit, end) for text in texts]


@torch.no_grad()
def probabilities(classifier, rows):
    """The probability of each class (N, K) for rows of token ids."""
    parts = [rows[start : start + BATCH_SIZE] for start in range(0, len(rows), BATCH_SIZE)]
    return torch.cat([classifier(*pad(part, part[0][-1])).softmax(dim=-1) for part in parts])


def share_right(labels, said):
    """The accuracy of what was said of texts with these labels."""
    return sum(a == b for a, b in zip(labels, said, strict=True)) / len(labels)


def count_words(texts, labels, others):
    """What naive Bayes, which counts words, says of other texts."""
    bayes = NaiveBayes([text.lower().split() for text in texts], labels)
    return [int(bayes.log_odds(text.lower().split()) > 0) for text in others]


def save_classifier(folder, classifier, tokenizer, names):
    """Write a classifier, its LoRA merged, and the names of its classes into a folder."""
    merged = change_layers(classifier.gpt, LoRALinear, LoRALinear.merged)
    save_model(folder, merged, tokenizer)
    save_tensors(dict(classifier.head.named_parameters()), folder / HEAD)
    write_json(folder / LABELS, names)


def load_classifier(folder):
    """Return (classifier, tokenizer, names of the classes) from a folder."""
    names = json.loads((folder / LABELS).read_text(encoding="utf-8"))
    gpt, tokenizer = load_model(folder)
    classifier = TextClassifier(gpt, len(names))
    load_weights(classifier.head, load_tensors(folder / HEAD))
    return classifier.eval(), tokenizer, names


def classify_command(options):
    """Fine-tune the model of a run to tell labels apart, measure it, and save it beside."""
    pairs = read_rows(options.file, "label", "text")
    counts = Counter(label for label, _ in pairs)
    if len(counts) < 2 or min(counts.values()) < 10:
        few = f"it has {len(counts)}, the rarest with {min(counts.values())}"
        raise ValueError(f"{options.file} needs two labels, each with ten texts or more; {few}")
    names, (gpt, tokenizer) = sorted(counts), model_in(options.out)
    torch.manual_seed(0)
    classifier = TextClassifier(with_lora(gpt), len(names)).to(DEVICE)
    training, validation, test = balance_and_split(pairs)
    labels, texts = zip(*training, *validation, strict=True)  # nothing is chosen: both are learned
    rows = text_rows(tokenizer, texts, gpt.config.context_length)
    labels, batches = list(map(names.index, labels)), []
    for places in drawn(list(map(len, rows)), options.epochs):
        inputs = pad([rows[place] for place in places], rows[0][-1])
        batches.append((*inputs, torch.tensor([labels[place] for place in places])))
    rates = rates_for(len(batches), options.learning_rate or 1e-2)
    print(f"{len(rows)} texts to learn from, {len(test)} held out.", flush=True)
    finetune_classifier(classifier.train(), counted(batches), rates)
    classifier.cpu().eval()
    wanted, others = [names.index(label) for label, _ in test], [text for _, text in test]
    rows = text_rows(tokenizer, others, gpt.config.context_length)
    said = probabilities(classifier, rows).argmax(dim=-1).tolist()
    print(f"\rAccuracy {share_right(wanted, said):.1%}, guessing {1 / len(names):.1%}.")
    if len(names) == 2:
        precision, recall = precision_and_recall(wanted, said)
        print(f"Of {names[1]!r}: precision {precision:.1%}, recall {recall:.1%}.")
        words = share_right(wanted, count_words(texts, labels, others))
        print(f"Naive Bayes on the same texts: accuracy {words:.1%}.")
    save_classifier(options.out / "classifier", classifier, tokenizer, names)
    print(f"Saved in {options.out / 'classifier'}. Next: python my_chat.py label")


def label_command(options):
    """Print label, probability and text for each line that is typed or piped."""
    place = saved(options.out / "classifier", LABELS, "classify LABELED.csv")
    classifier, tokenizer, names = load_classifier(place)
    for text in lines("\nText: "):
        rows = text_rows(tokenizer, [text], classifier.gpt.config.context_length)
        share, best = probabilities(classifier, rows)[0].max(dim=-1)
        print(f"{names[best]}\t{share:.2f}\t{text}", flush=True)
