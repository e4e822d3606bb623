"""The transformer family: translation, gaps, known entropy, memory and pictures, over five seeds.

    python3 course.py bench family                       about twenty minutes of one core
    python3 course.py bench family --part recall         one part; with all of them made, the record

    translation   encoder–decoder and GPT, on a made-up language; alignment of cross-attention
    tales         GPT, LSTM, GRU and BERT on tales: loss against their entropy, hidden words, wrong
                  words, writing. BERT twice: 80/10/10, and hiding every chosen word
    recall        GPT, LSTM and GRU: one letter, remembered over noise
    pictures      a vision transformer and a convolutional network, on digits in fonts never seen

Within a part all models have about the same number of parameters, the same steps and the same
batches. The learning rate of each kind was chosen on validation data with seed 0. Finished runs are
kept in family_runs.json until the record is written, so that a stopped measurement goes on.
"""

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from functools import cache, partial

import torch
from torch.nn import functional as F

from benchmarks import _family_report as report
from benchmarks import _record
from classroom.worlds import digits, recall, tale_words, tales, translation
from helpers.config import GPTConfig
from helpers.family import bert, scores, vision
from helpers.family.encoder import EncoderConfig
from helpers.family.encoder_decoder import EncoderDecoder, translate, translation_loss
from helpers.family.fit import fit
from helpers.family.recurrent import RecurrentModel
from helpers.generate import sample_next
from helpers.kv_cache import KVCache
from helpers.loss import IGNORED, next_token_loss
from helpers.model import GPT
from helpers.texts.documents import DocumentLoader
from helpers.tokenizer import END_OF_TEXT

SEEDS = (0, 1, 2, 3, 4)
COMMAND = "python3 course.py bench family"
CODE = [
    "benchmarks/family.py",
    *(f"helpers/{name}.py" for name in ("model", "attention", "layers", "train")),
    *(
        f"helpers/family/{name}.py"
        for name in ("encoder", "encoder_decoder", "bert", "recurrent", "vision", "fit")
    ),
    *(
        f"classroom/worlds/{name}.py"
        for name in ("translation", "tale_words", "recall", "digits", "tales")
    ),
]
RUNS = _record.HERE / "family_runs.json"


def parameters(model):
    """The number of trainable numbers, shared ones once."""
    return sum(parameter.numel() for parameter in model.parameters())


# translation

TRANSLATION = {"pairs": 8000, "batch": 64, "steps": 300, "width": 64, "rate": 4e-3, "asked": 200}


def translation_run(name, seed, steps=TRANSLATION["steps"]):
    """Train one model on pairs; how many held-out sentences it translates without an error."""
    plan, pairs = TRANSLATION, translation.sample(TRANSLATION["pairs"], seed)
    torch.manual_seed(seed)
    if name == "encoder–decoder":
        config = EncoderConfig(len(translation.SOURCE_WORDS), 16, plan["width"], 4, 2, 128, 1)
        model = EncoderDecoder(config, len(translation.TARGET_WORDS))
        batches = translation.batches(pairs, plan["batch"], seed)
        losses = fit(model, batches, translation_loss, steps, plan["rate"])
        found, untrained = (
            alignments(each)
            for each in (model, EncoderDecoder(config, len(translation.TARGET_WORDS)))
        )
        more = {"alignment": found, "alignment_untrained": untrained}
        write = written_by_encoder_decoder
    else:
        words = len(translation.SOURCE_WORDS) + len(translation.TARGET_WORDS)
        model = GPT(GPTConfig(words, 32, 68, 4, 3, dropout=0.0))
        batches = translation.batches(pairs, plan["batch"], seed, translation.as_one_text)
        losses = fit(model, batches, next_token_loss, steps, plan["rate"])
        more, write = {}, written_by_gpt
    right = {
        split: translation.accuracy(write(model, asked), asked)
        for split in ("test", "combinations")
        for asked in [translation.sample(plan["asked"], 100, split)]
    }
    return {
        "parameters": parameters(model),
        "steps": steps,
        "losses": thinned(losses),
        **right,
        **more,
    }


def written_by_encoder_decoder(model, pairs):
    """What it writes for each source, as words."""
    sources, _ = translation.as_tensors(pairs)
    rows = translate(model, sources, translation.LONGEST)
    return [[translation.TARGET_WORDS[token] for token in row] for row in rows]


@torch.no_grad()
def written_by_gpt(model, pairs):
    """What a GPT writes after each source and <start>, as words."""
    shift, written = len(translation.SOURCE_WORDS), []
    for pair in pairs:
        new = torch.tensor([[translation.SOURCE_IDS[w] for w in (*pair.source, translation.START)]])
        cache, row = KVCache(model.config), []
        while len(row) < translation.LONGEST and (not row or row[-1] != translation.END):
            new = model(new, cache)[:, -1:, shift:].argmax(-1) + shift
            row.append(translation.TARGET_WORDS[int(new) - shift])
        written.append(row[:-1] if row[-1] == translation.END else row)
    return written


def alignments(model):
    """How often the most attended source word is the true one, in each layer's mean over heads."""
    pairs = translation.sample(TRANSLATION["asked"], 100, "test")
    sources, _ = translation.as_tensors(pairs)
    maps = model.alignment(sources, translation.as_read(pairs), sources != 0)
    return [translation.agreement(weights.mean(dim=1), pairs) for weights in maps]


def diagonal_alignment():
    """The same for a rule that knows no language: the word at the same share of the sentence."""
    pairs = translation.sample(TRANSLATION["asked"], 100, "test")
    hits = [
        round(place * (len(pair.source) - 1) / max(1, len(pair.target) - 1)) == true
        for pair in pairs
        for place, true in enumerate(pair.alignment)
    ]
    return sum(hits) / len(hits)


# tales

TALES = {"tales": 6000, "batch": 16, "steps": 300, "held_out": 200, "gaps": 100, "shortlist": 30}
RATES = {"GPT": 4e-3, "LSTM": 1e-2, "GRU": 1e-2, "BERT": 4e-3, "BERT, all hidden": 4e-3}


@cache
def tale_data():
    """Tokenizer, training rows and held-out tales."""
    texts = tales.sample(TALES["tales"], 0)
    tokenizer = tale_words.tale_tokenizer(texts)
    rows = [tokenizer.encode(text) for text in texts]
    return tokenizer, rows, tale_words.known_tales(tokenizer, TALES["held_out"], 1)


@cache
def gap_data():
    """Gaps, what fits into each, and spoiled tales."""
    tokenizer, _, held_out = tale_data()
    gaps = tale_words.gaps(tokenizer, held_out[: TALES["gaps"]], 0)
    fits = [tale_words.what_fits(tokenizer, gap) for gap in gaps]
    return gaps, fits, tale_words.spoiled(tokenizer, held_out[: TALES["gaps"]], 0)


def tale_model(name, vocab_size):
    """A model of about 250,000 parameters."""
    if name == "GPT":
        return GPT(GPTConfig(vocab_size, 128, 64, 4, 2, dropout=0.0))
    if name in ("LSTM", "GRU"):
        return RecurrentModel(name.lower(), vocab_size, 88 if name == "LSTM" else 92, 1)
    return bert.MaskedLanguageModel(EncoderConfig(vocab_size, 128, 64, 4, 2, 256, 1))


def forever(loader):
    """The loader's batches, epoch after epoch."""
    while True:
        yield from loader


def tale_run(name, seed, steps=TALES["steps"]):
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
        batches = bert.masked_batches(batches, mask, padding, n_words, split, seed)
        loss_of = partial(bert.masked_loss, padding_id=padding)
    started = time.process_time()
    losses = fit(model, batches, loss_of, steps, RATES[name])
    figures = {
        "parameters": parameters(model),
        "processor_seconds": round(time.process_time() - started, 1),
        "losses": thinned(losses),
    }
    asked = ask_bert if name.startswith("BERT") else ask_left_to_right
    return figures | asked(model, name, tokenizer, held_out, seed)


def ask_bert(model, name, tokenizer, held_out, seed):
    """Hidden words, wrong words in one pass and hiding each, writing in two ways."""
    gaps, _, spoiled = gap_data()
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
    gaps, _, spoiled = gap_data()
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
    gaps, fits, spoiled = gap_data()
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


# recall

RECALL = {"batch": 32, "steps": 300, "asked": 500, "distances": [1, 2, 5, 10, 20, 50, 100, 200]}
RECALL_RATES = {"GPT": 4e-3, "LSTM": 1e-2, "GRU": 1e-2}


def recall_loss(model, texts, letters):
    """Cross-entropy of the letter after the question."""
    return F.cross_entropy(model.output_head(model.hidden_states(texts)[:, -1]), letters)


def recall_run(name, seed, steps=RECALL["steps"]):
    """Train one model at mixed distances; its accuracy and loss at each."""
    torch.manual_seed(seed)
    model = (
        GPT(GPTConfig(recall.VOCAB_SIZE, 256, 40, 4, 1, dropout=0.0))
        if name == "GPT"
        else RecurrentModel(name.lower(), recall.VOCAB_SIZE, 56 if name == "LSTM" else 64, 1)
    )
    batches = recall.batches(RECALL["batch"], RECALL["distances"], seed)
    started = time.process_time()
    losses = fit(model, batches, recall_loss, steps, RECALL_RATES[name])
    seconds = time.process_time() - started
    generator, found = torch.Generator().manual_seed(1000), {}
    for distance in RECALL["distances"]:
        texts, letters = recall.sample(RECALL["asked"], distance, generator)
        with torch.no_grad():
            best = model.output_head(model.hidden_states(texts)[:, -1]).argmax(-1)
        found[str(distance)] = (best == letters).float().mean().item()
    return {
        "parameters": parameters(model),
        "processor_seconds": round(seconds, 1),
        "losses": thinned(losses),
        "accuracy": found,
    }


# pictures

PICTURES = {"training": 8000, "batch": 64, "steps": 400, "asked": 1000}
PICTURE_RATES = {"vision transformer": 4e-3, "convolution": 5e-3}


def picture_run(name, seed, steps=PICTURES["steps"]):
    """Train one model on digits; its accuracy on known fonts and on fonts never seen."""
    pictures, classes = digits.sample(PICTURES["training"], seed)
    torch.manual_seed(seed)
    config = EncoderConfig(1, 64, 48, 4, 2, 96, 1)
    model = (
        vision.VisionTransformer(config, digits.SIDE, 4, 10)
        if name == "vision transformer"
        else vision.ConvolutionalNetwork(21, 10)
    )
    batches = vision.picture_batches(pictures, classes, PICTURES["batch"], seed)
    started = time.process_time()
    losses = fit(model, batches, vision.picture_loss, steps, PICTURE_RATES[name])
    seconds = time.process_time() - started
    found = {}
    for key, split in (("known_fonts", "train"), ("new_fonts", "test")):
        asked, right = digits.sample(PICTURES["asked"], 1000, split)
        with torch.no_grad():
            found[key] = (model(asked).argmax(-1) == right).float().mean().item()
    return {
        "parameters": parameters(model),
        "processor_seconds": round(seconds, 1),
        "losses": thinned(losses),
        **found,
    }


# all of it

PARTS = {
    "translation": (translation_run, ("encoder–decoder", "GPT")),
    "tales": (tale_run, tuple(RATES)),
    "recall": (recall_run, tuple(RECALL_RATES)),
    "pictures": (picture_run, tuple(PICTURE_RATES)),
}


def thinned(losses, size=20):
    """The mean of every `size` losses, to draw."""
    return [round(statistics.mean(losses[i : i + size]), 4) for i in range(0, len(losses), size)]


def measure(parts, seeds=SEEDS, runs=RUNS, steps=None):
    """Make every run that is not there yet; return all of them by "part/name/seed"."""
    found = json.loads(runs.read_text("utf-8")) if runs and runs.is_file() else {}
    for part in parts:
        run, names = PARTS[part]
        for seed in seeds:
            for name in names:
                key = f"{part}/{name}/{seed}"
                if key in found:
                    continue
                found[key] = run(name, seed) if steps is None else run(name, seed, steps)
                print(key, {k: v for k, v in found[key].items() if k != "losses"}, flush=True)
                if runs:
                    runs.write_text(json.dumps(found, indent=1), "utf-8")
    return found


def summary(found, parts=tuple(PARTS), seeds=SEEDS):
    """Figures by part and name: for each measured number its value for every seed."""
    record = {}
    for part in parts:
        for name in PARTS[part][1]:
            rows = [found[f"{part}/{name}/{seed}"] for seed in seeds]
            record.setdefault(part, {})[name] = {
                key: rows[0][key] if key == "parameters" else [row[key] for row in rows]
                for key in rows[0]
            }
    return record


def main(arguments=None):
    """Measure, and write `family.json` and the README's section once every run is there."""
    parser = argparse.ArgumentParser(prog="course.py bench family")
    parser.add_argument("--part", choices=PARTS, help="only this part")
    parser.add_argument(
        "--quick", action="store_true", help="two steps of each; nothing is written"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    parts = (options.part,) if options.part else tuple(PARTS)
    if options.quick:
        measure(parts, (0,), None, 2)
        return 0
    found = measure(parts)
    wanted = [
        f"{part}/{name}/{seed}"
        for part, (_, names) in PARTS.items()
        for name in names
        for seed in SEEDS
    ]
    if missing := [key for key in wanted if key not in found]:
        print(f"{len(missing)} runs are missing, the first is {missing[0]}")
        return 0
    record = summary(found)
    record["truth"] = {"diagonal_alignment": diagonal_alignment(), **truth_of_tales()}
    settings = {"translation": TRANSLATION, "tales": TALES, "recall": RECALL, "pictures": PICTURES}
    rates = {"tales": RATES, "recall": RECALL_RATES, "pictures": PICTURE_RATES}
    figures = {"settings": settings, "rates": rates, "seeds": len(SEEDS), **record}
    _record.write("family", COMMAND, CODE, ["torch"], figures)
    _record.write_section(
        "The transformer family",
        report.section(json.loads((_record.HERE / "family.json").read_text("utf-8"))),
    )
    RUNS.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
