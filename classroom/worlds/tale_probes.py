"""Measure what a model has learned about tales: it must prefer the one word that fits.

`classroom.worlds.tales.probes` cuts tales before a word that the tale determines. Here a model
chooses the word to which it gives the highest probability. Shapes: R rows of T tokens, vectors of
size C.
"""

from itertools import groupby

import torch

from helpers.texts.documents import DocumentLoader
from helpers.tokenizer import end_of_text_id


@torch.no_grad()
def continuation_log_probs(model, tokenizer, pairs, batch_size=64):
    """The log-probability, in nats, of each continuation after its prefix.

    `pairs` holds (prefix, continuation); a continuation must start at a token boundary, as those of
    probes do with their space. Raises ValueError otherwise.
    """
    end_id = end_of_text_id(tokenizer)
    rows, prefix_lengths = [], []
    for prefix, continuation in pairs:
        ids, before = tokenizer.encode(prefix + continuation), tokenizer.encode(prefix)
        if ids[: len(before)] != before or len(ids) == len(before):
            raise ValueError(f"{continuation!r} does not start at a token boundary")
        rows.append(ids)
        prefix_lengths.append(len(before))
    loader = DocumentLoader(rows, end_id, batch_size, shuffle=False, drop_last=False)
    device, scores = next(model.parameters()).device, []
    for batch in loader:
        inputs, targets = (part.to(device) for part in batch)
        hidden = model.hidden_states(inputs)  # (R, T, C)
        for row in range(len(inputs)):
            number = len(scores)
            asked = slice(prefix_lengths[number], len(rows[number]))
            log_probs = model.output_head(hidden[row, asked]).log_softmax(-1)
            scores.append(log_probs.gather(1, targets[row, asked, None]).sum().item())
    return scores


def choices(model, tokenizer, probes):
    """For each probe, whether the model gives the right word the highest probability."""
    candidates = [(i, word) for i, p in enumerate(probes) for word in (p.right, *p.wrong)]
    pairs = [(probes[i].prefix, word) for i, word in candidates]
    scores = continuation_log_probs(model, tokenizer, pairs)
    numbered = zip((i for i, _ in candidates), scores, strict=True)
    found = []
    for _, group in groupby(numbered, key=lambda pair: pair[0]):
        right, *wrong = [score for _, score in group]
        found.append(right > max(wrong))
    return found


def accuracy(model, tokenizer, probes):
    """The model's accuracy on the probes; raises ValueError if there are none."""
    if not probes:
        raise ValueError("there are no probes to answer")
    answers = choices(model, tokenizer, probes)
    return sum(answers) / len(answers)


def chance(probes):
    """The expected accuracy of guessing among the words of each probe.

    >>> from classroom.worlds import tales
    >>> 0.2 < chance(tales.probes(20, 0, "recall")) < 0.5
    True
    """
    return sum(1 / (1 + len(probe.wrong)) for probe in probes) / len(probes)


def tale_loader(tokenizer, texts):
    """Return a loader of whole tales, in order, for `evaluate_loss`."""
    end_id = end_of_text_id(tokenizer)
    rows = tokenizer.encode_batch(texts)
    return DocumentLoader(rows, end_id, 50, shuffle=False, drop_last=False)
