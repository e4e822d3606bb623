"""Train the course's own GPT: `python -m tools.makers.course_gpt --out runs/course_gpt`.

It reads what `tools.makers.course_texts` gathers, for about an hour on two cores. Ctrl-C saves,
--resume goes on to the same numbers. The folder then holds model, tokenizer and a card with
everything that was measured; `helpers/assets/course_gpt` is such a folder.
"""

import argparse
import hashlib
import json
import math
import platform
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch

from classroom.worlds import tales
from classroom.worlds.tale_probes import tale_loader
from helpers.checkpoint import save_model
from helpers.compression import bits_per_byte, compressor_bits_per_byte
from helpers.config import get_preset
from helpers.copying_start import start_copying
from helpers.device import choose_device, keep_memory, use_every_core
from helpers.fast import fused_next_token_loss, speed_up
from helpers.files import sha256
from helpers.limits import check_whole
from helpers.model import GPT
from helpers.runs.run import Run
from helpers.train import TrainConfig, evaluate_loss, train
from tools.makers.course_rows import prepare
from tools.makers.course_texts import HELD_OUT_TALES_SEED, course_sources
from tools.terminal import run_command

__all__ = ["HELD_OUT_TALES_SEED", "card", "measure", "prepare", "run"]

COMMAND = "python -m tools.makers.course_gpt --out runs/course_gpt"
N_TALES = 60_000
RECIPE = TrainConfig(
    steps=3000,
    batch_size=256,
    learning_rate=0.015,
    warmup_steps=50,
    weight_decay=0.01,
    evaluate_every=400,
    evaluate_batches=64,
    checkpoint_every=200,
    optimizer="muon",
    final_share=0.0,
)


def measure(model, tokenizer, sources):
    """What the card reports: the tales against their floor, every held-out text in bits per byte."""
    held_out = sources["tales"].held_out
    loader = tale_loader(tokenizer, held_out)
    n_tokens = sum(len(ids) + 1 for ids in loader.documents)
    floor = -sum(map(tales.log_prob, held_out)) * math.log(2) / n_tokens
    report = {"tales": {"loss": evaluate_loss(model, loader), "floor": floor}, "bits_per_byte": {}}
    for name, source in sources.items():
        training, text = "\n\n".join(source.training), "\n\n".join(source.held_out)
        report["bits_per_byte"][name] = {
            "this model": bits_per_byte(model, tokenizer, source.held_out),
            **compressor_bits_per_byte(training[-4_000_000:], text),
        }
    return report


def run(folder, config, n_tales=N_TALES, resume=False):
    """Train into a folder and return the report, or None where Ctrl-C stopped the run."""
    folder = Path(folder)
    around = Run(folder, resume)
    config = replace(config, precision=around.precision(config.precision, choose_device("cpu")))
    sources = course_sources(n_tales)
    shape = get_preset("course")
    tokenizer, training, held_out = prepare(sources, shape, config.batch_size)
    n_tokens = sum(map(len, training.documents)) + len(training.documents)
    torch.manual_seed(config.seed)
    model = start_copying(GPT(replace(shape, vocab_size=tokenizer.vocab_size)))
    print(f"{model.n_parameters():,} parameters, {n_tokens:,} tokens, {config.precision}")
    start = time.perf_counter()
    around.tokenizer, around.loss = tokenizer, fused_next_token_loss
    history = train(speed_up(model), training, held_out, config, around)
    if history.interrupted:
        print(f"Stopped at step {history.step}; saved. Go on with the same command and --resume.")
        return None
    save_model(folder / "model", model, tokenizer, torch.bfloat16)
    report = {
        "parameters": model.n_parameters(),
        "training_tokens": n_tokens,
        "epochs": round(config.steps / len(training), 2),
        "minutes": None if resume else round((time.perf_counter() - start) / 60, 1),
        "sources": {name: _describe(source) for name, source in sources.items()},
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
        "train_config": asdict(config),
        "training_loss": sum(history.train_losses[-100:]) / len(history.train_losses[-100:]),
        "curve": list(zip(history.evaluated_steps, history.validation_losses, strict=True)),
        **measure(model.float(), tokenizer, sources),
        "sha256": sha256(folder / "model" / "model.safetensors"),
    }
    (folder / "model" / "report.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    (folder / "model" / "README.md").write_text(card(report), "utf-8")
    return report


def card(report):
    """The model card of a report, in Markdown."""
    sources = [
        f"| {name} | {part['documents']:,} | {part['characters']:,} | {part['times']} "
        f"| `{part['sha256'][:16]}` |"
        for name, part in report["sources"].items()
    ]
    bits = [
        f"| {name} | " + " | ".join(f"{value:.2f}" for value in row.values()) + " |"
        for name, row in report["bits_per_byte"].items()
    ]
    curve = [f"| {step} | {loss:.3f} |" for step, loss in report["curve"]]
    told = report["tales"]
    excess = 100 * (told["loss"] / told["floor"] - 1)
    names = " | ".join(next(iter(report["bits_per_byte"].values())))
    return "\n".join(
        [
            "# The course's GPT",
            "",
            f"{report['parameters']:,} parameters in the shape of GPT-2 with tied weights (preset",
            "`course`), stored in bfloat16. It has read what this course wrote and the help pages",
            "of Python. It goes on with a text: in the layout of its own texts, a question may be followed",
            "by its answer. It is no chat model.",
            "",
            f"- command: `{COMMAND}`, seed {report['train_config']['seed']}",
            f"- Python {report['python']}, torch {report['torch']}, CPU, "
            f"{report['train_config']['precision']}",
            "- first weights: by hand where a list is copied, by chance elsewhere",
            f"- {report['training_tokens']:,} training tokens, "
            f"{report['train_config']['steps']:,} steps, {report['epochs']} epochs"
            + (f", {report['minutes']} minutes" if report["minutes"] else ""),
            f"- SHA-256 of `model.safetensors`: `{report['sha256']}`",
            f"- held-out tales: {told['loss']:.4f} nats per token; the floor is "
            f"{told['floor']:.4f}, so {excess:.1f}% above it",
            "",
            "| text | documents | characters | times read | SHA-256 begins |",
            "|---|---|---|---|---|",
            *sources,
            "",
            "Bits per byte on held-out text; gzip and xz had the training text of the same source:",
            "",
            f"| text | {names} |",
            "|---|" + "---|" * (names.count("|") + 1),
            *bits,
            "",
            "| step | held-out loss, nats per token |",
            "|---|---|",
            *curve,
            "",
        ]
    )


def _describe(source):
    joined = "\n\n".join(source.training)
    return {
        "documents": len(source.training),
        "characters": len(joined),
        "times": source.times,
        "sha256": hashlib.sha256(joined.encode("utf-8")).hexdigest(),
    }


def main(arguments=None):
    """Run the command line; return 0, 130 where it was stopped, 1 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m tools.makers.course_gpt", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/course_gpt"))
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--steps", type=int, default=RECIPE.steps)
    parser.add_argument("--tales", type=int, default=N_TALES, help="how many tales to read")
    options = parser.parse_args(arguments)
    use_every_core()
    keep_memory()
    try:
        check_whole("tales", options.tales, least=1)
        warmup = min(RECIPE.warmup_steps, max(0, options.steps))
        config = replace(RECIPE, steps=options.steps, warmup_steps=warmup, precision="auto")
        report = run(options.out, config, options.tales, options.resume)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 130 if report is None else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
