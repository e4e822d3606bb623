"""The part of `bench family` on short tales: training, filling gaps, wrong words, writing."""

import statistics
from collections import Counter
from functools import cache, partial

import torch

from benchmarks._family_fit import trained
from classroom.worlds import tale_words
from helpers.config import GPTConfig
from helpers.family import bert, scores
from helpers.family.encoder import EncoderConfig
from helpers.family.recurrent import RecurrentModel
from helpers.generate import sample_next
from helpers.loss import IGNORED, next_token_loss
from helpers.model import GPT
from helpers.texts.documents import DocumentLoader
from helpers.tokenizer import END_OF_TEXT

TALES = {
    "tales": 8000,
    "batch": 24,
    "steps": 300,
    "share": 0.4,
    "held_out": 200,
    "gaps": 100,
    "shortlist": 30,
}
RATES = {"GPT": 5e-3, "LSTM": 1e-2, "GRU": 1e-2, "BERT": 6e-3, "BERT, all hidden": 6e-3}
LONGER = {"steps": [1500, 5000], "batch": TALES["batch"], "rate": 2e-3}  # of BERT; one rate tried


@cache
def tale_data():
    """Tokenizer, training rows and held-out tales."""
    texts = tale_words.sample(TALES["tales"], 0)
    tokenizer = tale_words.tale_tokenizer(texts)
    rows = [tokenizer.encode(text) for text in texts]
    return tokenizer, rows, tale_words.known_tales(tokenizer, TALES["held_out"], 1)


@cache
def gap_data():
    """Gaps in held-out tales, and held-out tales with a wrong word."""
    tokenizer, _, held_out = tale_data()
    gaps = tale_words.gaps(tokenizer, held_out[: TALES["gaps"]], 0)
    return gaps, tale_words.spoiled(tokenizer, held_out[: TALES["gaps"]], 0)


def tale_model(name, vocab_size):
    """A model of about 140,000 parameters."""
    if name == "GPT":
        return GPT(GPTConfig(vocab_size, 128, 64, 4, 2, dropout=0.0))
    if name in ("LSTM", "GRU"):
        return RecurrentModel(name.lower(), vocab_size, 104 if name == "LSTM" else 116, 1)
    return bert.MaskedLanguageModel(EncoderConfig(vocab_size, 128, 64, 4, 2, 256, 1))


def forever(loader):
    """The loader's batches, epoch after epoch."""
    while True:
        yield from loader


def tale_run(name, seed, steps=TALES["steps"], rate=None):
    """Train one model on tales, and ask it everything that it can be asked."""
    tokenizer, rows, held_out = tale_data()
    end, mask, padding = (
        tokenizer.vocab[token] for token in (END_OF_TEXT, tale_words.MASK, tale_words.PADDING)
    )
    torch.manual_seed(seed)
    model = tale_model(name, tokenizer.vocab_size)
    batches, loss_of = (
        forever(DocumentLoader(rows, end, TALES["batch"], seed=seed)),
        next_token_loss,
    )
    if name.startswith("BERT"):
        n_words = tokenizer.vocab_size - len(tokenizer.special_tokens)
        split = bert.SPLIT if name == "BERT" else (1.0, 0.0, 0.0)
        batches = bert.masked_batches(batches, mask, padding, n_words, TALES["share"], split, seed)
        loss_of = partial(bert.gap_loss, padding_id=padding)
    figures = trained(model, batches, loss_of, steps, rate or RATES[name])
    asked = ask_bert if name.startswith("BERT") else ask_left_to_right
    return figures | asked(model, name, tokenizer, held_out, seed)


def longer_run(name, seed, steps=None):
    """BERT, for the steps that the name says."""
    return tale_run("BERT", seed, steps or int(name.split()[0]), LONGER["rate"])


def ask_bert(model, name, tokenizer, held_out, seed):
    """Hidden words, wrong words in one pass and hiding each, writing in two ways."""
    gaps, spoiled = gap_data()
    end, mask = (tokenizer.vocab[token] for token in (END_OF_TEXT, tale_words.MASK))
    fills = [
        scores.fill(model, torch.tensor(g.ids), torch.tensor([g.position]), mask)[0] for g in gaps
    ]
    figures = {
        "fills": share(
            int(found.argmax()) == g.ids[g.position] for found, g in zip(fills, gaps, strict=True)
        ),
        "finds": share(suspect(scores.visible(model, ids)) == at for ids, at in tensors(spoiled)),
        "finds_hiding_each": share(
            suspect(scores.one_by_one(model, ids, mask)) == at for ids, at in tensors(spoiled)
        ),
    }
    for key, hidden_after in (("good_words", 0), ("good_words_more_hidden", 40)):
        generator = torch.Generator().manual_seed(seed)
        start = torch.full((WRITTEN, 1), end)
        ids = scores.write_by_filling(model, start, LONGEST, mask, hidden_after, generator)
        figures[key] = mean_good_words(tokenizer, ids[:, 1:])
    return figures


def ask_left_to_right(model, name, tokenizer, held_out, seed):
    """Loss, hidden words from the left and reading on, wrong words, writing."""
    gaps, spoiled = gap_data()
    end = tokenizer.vocab[END_OF_TEXT]
    loader = DocumentLoader([tokenizer.encode(text) for text in held_out], end, 20, shuffle=False)
    with torch.no_grad():
        pairs = [(next_token_loss(model, *batch).item(), batch[1]) for batch in loader]
    counts = [int((targets != IGNORED).sum()) for _, targets in pairs]
    figures = {
        "loss": sum(loss * n for (loss, _), n in zip(pairs, counts, strict=True)) / sum(counts),
        "finds": share(
            suspect(scores.left_to_right(model, ids)) == at for ids, at in tensors(spoiled)
        ),
    }
    left, both = [], []
    for ids, at in tensors(gaps):
        with torch.no_grad():
            likely = model(ids[None, :at])[0, -1].topk(TALES["shortlist"]).indices
        left.append(int(likely[0]) == int(ids[at]))
        if name == "GPT":
            best = likely[scores.read_on(model, ids, at, likely).argmax()]
            both.append(int(best) == int(ids[at]))
    figures["fills"] = share(left)
    if both:
        figures["fills_reading_on"] = share(both)
    generator = torch.Generator().manual_seed(seed)
    ids = torch.full((WRITTEN, 1), end)
    with torch.no_grad():
        for _ in range(LONGEST):
            new = sample_next(model(ids)[:, -1], temperature=1.0, generator=generator)
            ids = torch.cat([ids, new[:, None]], dim=1)
    return figures | {"good_words": mean_good_words(tokenizer, ids[:, 1:])}


WRITTEN, LONGEST = 50, 40  # texts, tokens of each


def mean_good_words(tokenizer, rows):
    """How many tokens, on average, until no tale continues so."""
    return statistics.mean(tale_words.good_words(tokenizer, row) for row in rows.tolist())


def suspect(log_probs):
    """The position of the least probable token; the first token has no score."""
    return 1 + int(log_probs.argmin())


def tensors(gaps):
    """Each gap's ids as a tensor, and its position."""
    return [(torch.tensor(gap.ids), gap.position) for gap in gaps]


def share(answers):
    """How many of the answers are true."""
    return statistics.mean(map(float, answers))


def truth_of_tales():
    """What no model can beat, and what needs no model."""
    tokenizer, rows, held_out = tale_data()
    gaps, spoiled = gap_data()
    fits = [tale_words.what_fits(tokenizer, gap) for gap in gaps]
    counts = Counter(token for row in rows for token in row)
    rarest = [1 + min(range(len(g.ids) - 1), key=lambda i: counts[g.ids[1 + i]]) for g in spoiled]
    most = counts.most_common(1)[0][0]
    return {
        "entropy": tale_words.nats_per_token(tokenizer, held_out),
        "gaps_with_one_word": share(len(words) == 1 for words in fits),
        "best_fill": share(
            max(words, key=words.get) == g.ids[g.position]
            for words, g in zip(fits, gaps, strict=True)
        ),
        "most_frequent_fill": share(most == g.ids[g.position] for g in gaps),
        "rarest_word_finds": share(at == g.position for at, g in zip(rarest, spoiled, strict=True)),
    }
