"""A classifier from a table of texts and labels: a sentence encoder, and a linear layer on its vectors.

The vectors are MiniLM's, where it is here, else those of the course's GPT at the last token. They stay
as they are; the layer is fitted by `helpers.classifier.fit_head`. Naive Bayes, which only counts words,
gets the same split.
"""

import json
import random
from collections import Counter
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from helpers.baselines import NaiveBayes
from helpers.chat import BASE_MODEL
from helpers.checkpoint import load_model
from helpers.classifier import encode_texts, fit_head, vectors_of
from helpers.family.sentences import load_minilm
from helpers.files import read_json, replacing, write_whole
from helpers.texts.corpora import CORPORA, data_folder

HEAD, SETTINGS = "head.safetensors", "labels.json"
HELD_OUT = 0.2
ENCODERS = ("minilm", "course_gpt")


def best_encoder():
    """The name of the better encoder that is here."""
    here = (data_folder() / CORPORA["minilm"].downloads[0].file).is_file()
    return "minilm" if here else "course_gpt"


def vectors(encoder, texts):
    """A vector for each text, (N, C)."""
    if encoder == "minilm":
        return load_minilm().vectors(texts)
    model, tokenizer = load_model(BASE_MODEL)
    rows = encode_texts(tokenizer, texts, model.config.context_length)
    return vectors_of(model, rows, rows[0][0])


def held_out_split(pairs, seed=0):
    """(training, held out) of (label, text) pairs: a fifth of each label's texts is held out.

    >>> pairs = [("a", str(i)) for i in range(5)] + [("b", str(i)) for i in range(5)]
    >>> training, held_out = held_out_split(pairs)
    >>> len(training), sorted(label for label, _ in held_out)
    (8, ['a', 'b'])
    """
    rng, training, held_out = random.Random(seed), [], []
    for label in sorted({label for label, _ in pairs}):
        texts = [pair for pair in pairs if pair[0] == label]
        rng.shuffle(texts)
        kept = max(1, round(HELD_OUT * len(texts)))
        held_out += texts[:kept]
        training += texts[kept:]
    rng.shuffle(training)
    return training, held_out


def make_classifier(pairs, folder, encoder=None):
    """Fit a classifier to (label, text) pairs, measure it, save it; return the report.

    The report has the accuracy on held-out texts beside those of naive Bayes and of always saying
    the commonest label.
    """
    encoder = encoder or best_encoder()
    training, held_out = held_out_split(pairs)
    names = sorted({label for label, _ in pairs})
    labels, wanted = ([names.index(label) for label, _ in part] for part in (training, held_out))
    texts, asked = ([text for _, text in part] for part in (training, held_out))
    found = vectors(encoder, [*texts, *asked])
    head = fit_head(found[: len(texts)], labels)
    said = head(found[len(texts) :]).argmax(dim=-1).tolist()
    commonest = Counter(labels).most_common(1)[0][0]
    report = {
        "encoder": encoder,
        "labels": names,
        "learned": len(texts),
        "held_out": len(asked),
        "accuracy": share_equal(said, wanted),
        "naive_bayes": share_equal(NaiveBayes(texts, labels).predict(asked), wanted),
        "commonest_label": share_equal([commonest] * len(wanted), wanted),
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / HEAD) as unfinished:
        save_file({"weight": head.weight.data.contiguous(), "bias": head.bias.data}, unfinished)
    write_whole(folder / SETTINGS, json.dumps(report, indent=1) + "\n")
    return report


def classify(folder, texts):
    """The label of each text, by the classifier that `make_classifier` saved.

    Raises ValueError naming a file that is missing or damaged.
    """
    folder = Path(folder)
    if not (folder / SETTINGS).is_file() or not (folder / HEAD).is_file():
        raise ValueError(f"{folder} holds no classifier: {SETTINGS} or {HEAD} is missing")
    settings = read_json(folder / SETTINGS)
    names = settings.get("labels")
    if settings.get("encoder") not in ENCODERS or not isinstance(names, list):
        raise ValueError(f"{folder / SETTINGS} is damaged: it names no encoder or no labels")
    try:
        tensors = load_file(folder / HEAD)
    except SafetensorError as error:
        raise ValueError(f"{folder / HEAD} is damaged: {error}") from None
    found = vectors(settings["encoder"], texts)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if shapes != {"weight": (len(names), found.shape[1]), "bias": (len(names),)}:
        raise ValueError(f"{folder / HEAD} does not fit {len(names)} labels")
    scores = nn.functional.linear(found, tensors["weight"], tensors["bias"])
    return [names[place] for place in scores.argmax(dim=-1).tolist()]


def share_equal(said, wanted):
    """The share of values that are equal, place by place."""
    return round((torch.tensor(said) == torch.tensor(wanted)).float().mean().item(), 4)
