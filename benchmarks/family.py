"""The transformer family: translation, gaps, known entropy, memory and pictures, over five seeds.

    python3 course.py bench family                       about twenty-five minutes of one core
    python3 course.py bench family --part recall         one part; with all of them made, the record

    translation   encoder–decoder and GPT, on a made-up language; alignment of cross-attention
    tales         GPT, LSTM, GRU and BERT on short tales: loss against their entropy, hidden words, wrong
                  words, writing. BERT twice: 80/10/10, and hiding every chosen word
    longer        BERT for 1,500 and for 5,000 steps, with one seed
    recall        GPT, LSTM and GRU: one letter, remembered over noise
    pictures      a vision transformer and a convolutional network, on digits in fonts never seen

Within a part all models have about the same number of parameters, the same steps and the same
batches. The learning rate of each kind was chosen on validation data with seed 0. Finished runs are
kept in family_runs.json until the record is written, so that a stopped measurement goes on.
"""

import argparse
import json
import sys

import torch
from torch.nn import functional as F

from benchmarks import _family_report as report
from benchmarks import _record
from benchmarks._family_fit import trained
from benchmarks._family_tales import LONGER, RATES, TALES, longer_run, tale_run, truth_of_tales
from classroom.worlds import digits, recall, translation
from helpers.config import GPTConfig
from helpers.family import vision
from helpers.family.encoder import EncoderConfig
from helpers.family.encoder_decoder import EncoderDecoder, translate, translation_loss
from helpers.family.recurrent import RecurrentModel
from helpers.kv_cache import KVCache
from helpers.loss import next_token_loss
from helpers.model import GPT

SEEDS = (0, 1, 2, 3, 4)
COMMAND = "python3 course.py bench family"
CODE = [
    *(f"benchmarks/{name}.py" for name in ("family", "_family_tales", "_family_fit")),
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


# translation

TRANSLATION = {"pairs": 8000, "batch": 64, "steps": 300, "asked": 200}
TRANSLATION_RATES = {"encoder–decoder": 4e-3, "GPT": 8e-3}


def translation_model(name):
    """A model of about 180,000 parameters, and how it reads pairs."""
    source, target = len(translation.SOURCE_WORDS), len(translation.TARGET_WORDS)
    if name == "encoder–decoder":
        config = EncoderConfig(source, 16, 64, 4, 2, 128, 1)
        return EncoderDecoder(config, target), translation.pair_tensors
    return GPT(GPTConfig(source + target, 32, 68, 4, 3, dropout=0.0)), translation.as_one_text


def translation_run(name, seed, steps=TRANSLATION["steps"]):
    """Train one model on pairs; how many held-out sentences it translates without an error."""
    torch.manual_seed(seed)
    model, tensors = translation_model(name)
    pairs = translation.sample(TRANSLATION["pairs"], seed)
    batches = translation.batches(pairs, TRANSLATION["batch"], seed, tensors)
    loss_of = next_token_loss if name == "GPT" else translation_loss
    figures = trained(model, batches, loss_of, steps, TRANSLATION_RATES[name])
    write = written_by_gpt if name == "GPT" else written_by_encoder_decoder
    for split in ("test", "combinations"):
        asked = translation.sample(TRANSLATION["asked"], 100, split)
        figures[split] = translation.accuracy(write(model, asked), asked)
    if name != "GPT":
        figures["alignment"] = alignments(model)
        figures["alignment_untrained"] = alignments(translation_model(name)[0])
    return figures


def written_by_encoder_decoder(model, pairs):
    """What it writes for each source, as words."""
    sources, _ = translation.pair_tensors(pairs)
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
    sources, _ = translation.pair_tensors(pairs)
    maps = model.alignment(sources, translation.decoder_input(pairs), sources != 0)
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


# recall

RECALL = {
    "batch": 32,
    "steps": 400,
    "asked": 500,
    "distances": [1, 2, 5, 10, 20, 50, 100, 200],
    "counts": [1, 2, 4, 8, 16],
    "noise": 20,
}
RECALL_RATES = {"GPT": 5e-3, "LSTM": 3e-2, "GRU": 1e-2}


def recall_loss(model, texts, letters):
    """Cross-entropy of the letter after the question."""
    return F.cross_entropy(model.output_head(model.hidden_states(texts)[:, -1]), letters)


def recall_run(name, seed, steps=RECALL["steps"]):
    """Train one model at mixed distances, and one with mixed counts; their accuracy at each."""
    distances, counts, noise = (RECALL[key] for key in ("distances", "counts", "noise"))
    far = recalled(name, seed, steps, [(distance, 1) for distance in distances])
    many = recalled(name, seed, steps, [(noise, count) for count in counts])
    figures = dict(far)
    figures["accuracy"] = dict(zip(map(str, distances), far["accuracy"], strict=True))
    figures["accuracy_of_many"] = dict(zip(map(str, counts), many["accuracy"], strict=True))
    return figures


def recalled(name, seed, steps, tasks):
    """Train on batches of these tasks, pairs of distance and count; the accuracy at each."""
    torch.manual_seed(seed)
    model = (
        GPT(GPTConfig(recall.VOCAB_SIZE, 256, 40, 4, 1, dropout=0.0))
        if name == "GPT"
        else RecurrentModel(name.lower(), recall.VOCAB_SIZE, 56 if name == "LSTM" else 64, 1)
    )
    distances, counts = (sorted(set(column)) for column in zip(*tasks, strict=True))
    batches = recall.batches(RECALL["batch"], distances, counts, seed)
    figures = trained(model, batches, recall_loss, steps, RECALL_RATES[name])
    generator, found = torch.Generator().manual_seed(1000), []
    for distance, count in tasks:
        texts, letters = recall.sample(RECALL["asked"], distance, generator, count)
        with torch.no_grad():
            best = model.output_head(model.hidden_states(texts)[:, -1]).argmax(-1)
        found.append(round((best == letters).float().mean().item(), 4))
    return figures | {"accuracy": found}


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
    figures = trained(model, batches, vision.picture_loss, steps, PICTURE_RATES[name])
    for key, split in (("known_fonts", "train"), ("new_fonts", "test")):
        asked, right = digits.sample(PICTURES["asked"], 1000, split)
        with torch.no_grad():
            figures[key] = (model(asked).argmax(-1) == right).float().mean().item()
    return figures


# all of it

PARTS = {
    "translation": (translation_run, tuple(TRANSLATION_RATES)),
    "tales": (tale_run, tuple(RATES)),
    "longer": (longer_run, tuple(f"{steps} steps" for steps in LONGER["steps"])),
    "recall": (recall_run, tuple(RECALL_RATES)),
    "pictures": (picture_run, tuple(PICTURE_RATES)),
}
SEEDS_OF = {part: SEEDS for part in PARTS} | {"longer": SEEDS[:1]}


def measure(parts, seeds=SEEDS, runs=RUNS, steps=None):
    """Make every run that is not there yet; return all of them by "part/name/seed"."""
    found = json.loads(runs.read_text("utf-8")) if runs and runs.is_file() else {}
    for part in parts:
        run, names = PARTS[part]
        for seed in seeds[: len(SEEDS_OF[part])]:
            for name in names:
                key = f"{part}/{name}/{seed}"
                if key in found:
                    continue
                found[key] = run(name, seed) if steps is None else run(name, seed, steps)
                print(key, {k: v for k, v in found[key].items() if k != "losses"}, flush=True)
                if runs:
                    runs.write_text(json.dumps(found, indent=1), "utf-8")
    return found


def seeds_of(found, part):
    """The seeds with which every model of a part was trained."""
    names = PARTS[part][1]
    return [seed for seed in SEEDS if all(f"{part}/{name}/{seed}" in found for name in names)]


def summary(found, parts=tuple(PARTS)):
    """Figures by part and name: for each measured number its value for every seed."""
    record = {}
    for part in parts:
        for name in PARTS[part][1]:
            rows = [found[f"{part}/{name}/{seed}"] for seed in seeds_of(found, part)]
            record.setdefault(part, {})[name] = {
                key: rows[0][key] if key == "parameters" else [row[key] for row in rows]
                for key in rows[0]
            }
    return record


def main(arguments=None):
    """Measure, and write `family.json` and the README's section once every run is there."""
    parser = argparse.ArgumentParser(prog="course.py bench family")
    parser.add_argument("--part", choices=PARTS, help="only this part")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many, from 0 on")
    parser.add_argument(
        "--quick", action="store_true", help="two steps of each; nothing is written"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    parts = (options.part,) if options.part else tuple(PARTS)
    if options.quick:
        measure(parts, (0,), None, 2)
        return 0
    found = measure(parts, SEEDS[: options.seeds])
    seeds = {part: len(seeds_of(found, part)) for part in PARTS}
    if 0 in seeds.values():
        print(f"runs per part: {seeds}; the record is written when every part has one")
        return 0
    record = summary(found)
    record["truth"] = {"diagonal_alignment": diagonal_alignment(), **truth_of_tales()}
    settings = {
        "translation": TRANSLATION,
        "tales": TALES,
        "longer": LONGER,
        "recall": RECALL,
        "pictures": PICTURES,
    }
    rates = {
        "translation": TRANSLATION_RATES,
        "tales": RATES,
        "recall": RECALL_RATES,
        "pictures": PICTURE_RATES,
    }
    figures = {"settings": settings, "rates": rates, "seeds": seeds, **record}
    _record.write("family", COMMAND, CODE, ["torch"], figures)
    _record.write_section(
        "The transformer family",
        report.section(json.loads((_record.HERE / "family.json").read_text("utf-8"))),
    )
    if all(seeds[part] == len(SEEDS_OF[part]) for part in PARTS):
        RUNS.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
