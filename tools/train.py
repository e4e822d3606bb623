"""From a text to a trained GPT: `course.py train --corpus pydocs --preset laptop`.

Trains a tokenizer, then a model; shows the loss, samples along the way, and in the end compares
with gzip and xz. Everything goes into one folder under runs/. Ctrl-C saves; --resume goes on.
--shards reads a folder of shards (`course.py data fineweb-edu`), of which only what a batch needs is read.
`torchrun --nproc-per-node 2 -m tools.train ...` trains in two processes that share each batch;
--fsdp shares the model between them as well.
"""

import argparse
import contextlib
import json
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from classroom.pages.talkers import load_gpt2_tokenizer
from helpers.checkpoint import checkpoints, save_model
from helpers.compression import bits_per_byte, compressor_bits_per_byte
from helpers.config import PRESETS, get_preset
from helpers.device import choose_device, keep_memory, use_every_core
from helpers.fast import fused_next_token_loss, speed_up
from helpers.fast.compiled.training import Compiled, check_compiler
from helpers.fast.processes.group import (
    first_before_others,
    is_first,
    joined,
    quiet_unless_first,
)
from helpers.fast.processes.parallel import ParallelRun, gathered, shard
from helpers.files import check_room, read_text, write_whole
from helpers.generate import complete
from helpers.model import GPT
from helpers.runs.board import Board, check_tensorboard
from helpers.streams import shard_loader
from helpers.texts.corpora import load_corpus
from helpers.texts.prepare import prepare
from helpers.texts.token_files import prepare_file
from helpers.train import (
    RECIPES,
    TrainConfig,
    saved_config,
    train,
)
from tools.terminal import run_command

SHOWN = 20_000  # tokens of a shard that are compared with gzip and xz, as text


class Shards(NamedTuple):
    """Files of GPT-2's token ids: to learn from, and held out."""

    learned: list[Path]
    held_out: list[Path]


def run(
    text: str | Path | Shards,
    preset: str,
    config: TrainConfig,
    around: ParallelRun,
    device: str = "auto",
    prompt: str = "The ",
    fsdp: bool = False,
    tensorboard: bool = False,
) -> dict[str, Any]:
    """Train tokenizer and model on `text` into the folder of `around`; return the report.

    `text` may be the Path of a text file, or shards: then it is never in memory as a whole.
    The report holds losses and bits per byte, the model's beside gzip's and xz's.
    Raises ValueError for bad input, as the functions it calls do.
    """
    folder = Path(around.folder)
    if checkpoints(folder) and not around.resume:
        raise ValueError(f"{folder} holds a run already; give --resume or another --out")
    check_room(folder)
    shape = get_preset(preset)
    tokenizer, train_ids, held_out_ids, *texts = _prepare_any(text, shape, config, folder)
    torch.manual_seed(config.seed)
    model = GPT(replace(shape, vocab_size=tokenizer.vocab_size)).to(choose_device(device))
    print(
        f"{model.n_parameters():,} parameters, {_n_tokens(train_ids):,} tokens to learn from, "
        f"{_n_tokens(held_out_ids):,} held out, {config.precision}"
    )
    model = shard(speed_up(model)) if fsdp else speed_up(model)
    around.tokenizer, around.loss = tokenizer, fused_next_token_loss
    with _board(folder, around.resume, tensorboard) as board:

        def sample(step, model, history):
            text = complete(model, tokenizer, prompt, 40, temperature=0.8, top_k=50, seed=step)
            shown = " ".join(text.split())
            _say(f"step {step}: validation loss {history.validation_losses[-1]:.3f}  {shown}")
            if board:
                board.validation(step, history.validation_losses[-1])

        around.on_evaluate, around.on_step = sample, board and board.step
        history = train(model, train_ids, held_out_ids, config, around)
    if history.interrupted:
        print(f"Stopped at step {history.step}; saved. Go on with the same command and --resume.")
        return {"interrupted": True, "step": history.step}
    if fsdp:
        model = speed_up(gathered(model)[0]).to(choose_device(device)).eval()
    if is_first():
        save_model(folder / "model", model, tokenizer)
    return _report(folder, model, tokenizer, texts, history, config)


def _report(folder, model, tokenizer, texts, history, config):
    """Write down how good a finished run is, and draw its losses; return the report."""
    report = {
        "steps": history.step,
        "validation_loss": history.validation_losses[-1],
        "bits_per_byte": {
            "this model": bits_per_byte(model, tokenizer, texts[1]),
            **compressor_bits_per_byte(*texts),
        },
        "train_config": asdict(config),
    }
    if is_first():
        write_whole(folder / "report.json", json.dumps(report, indent=1) + "\n")
        save_curves(history, folder / "curves.png")
    return report


@contextlib.contextmanager
def _board(folder, resume, wanted):
    """A `Board` for the first process, where one is wanted, else None."""
    if not (wanted and is_first()):
        yield None
        return
    with contextlib.closing(Board(folder, resume)) as board:
        yield board


def _prepare_any(text, shape, config, folder):
    """What `prepare` gives, for a text, for the Path of a file, or for shards."""
    if isinstance(text, Shards):
        return _open_shards(text, shape, config)
    if not isinstance(text, Path):
        return prepare(text, shape.vocab_size)
    with first_before_others():  # one process writes the token files, and all read them
        return prepare_file(text, shape.vocab_size, folder / "tokens")


def _open_shards(shards, shape, config):
    """GPT-2's tokenizer, loaders of what is learned from and held out, and the beginnings as text."""
    tokenizer = load_gpt2_tokenizer()
    options = tokenizer.vocab_size, shape.context_length, config.batch_size, config.seed
    loaders = [
        shard_loader(shards.learned, *options),
        shard_loader(shards.held_out, *options, shuffle=False, drop_last=False),
    ]
    beginnings = [loader.windows.tokens[:SHOWN].tolist() for loader in loaders]
    return tokenizer, *loaders, *map(tokenizer.decode, beginnings)


def find_shards(folder):
    """The shards of a folder: those with "val" in their names are held out, or else the last one.

    Raises ValueError where there are not two.
    """
    paths = sorted(Path(folder).glob("*.bin"))
    held_out = [path for path in paths if "val" in path.name] or paths[-1:]
    learned = [path for path in paths if path not in held_out]
    if not learned:
        raise ValueError(f"{folder} has {len(paths)} shards (.bin) of the two that it takes")
    return Shards(learned, held_out)


def _n_tokens(part):
    """How many tokens a row of ids or a loader of windows has."""
    return len(part.windows.tokens if hasattr(part, "windows") else part)


def save_curves(history, path):
    """Draw training and validation loss against the step into a PNG file."""
    from helpers.plots import new_axes, plot_losses

    curves = {
        "training": (range(1, len(history.train_losses) + 1), history.train_losses),
        "validation": (history.evaluated_steps, history.validation_losses),
    }
    plot_losses(curves, ax=new_axes(7, 4)).figure.savefig(path, dpi=120)


def _say(line):
    """Print a line above the progress bar, while anyone reads; training goes on either way."""
    from tqdm.auto import tqdm

    with contextlib.suppress(OSError):
        tqdm.write(line)


def _parser():
    parser = argparse.ArgumentParser(prog="course.py train", description=__doc__)
    parser.add_argument("--corpus", default="pydocs", help="a name of helpers.texts.corpora")
    parser.add_argument("--text", type=Path, help="a text file of yours, instead of a corpus")
    parser.add_argument("--shards", type=Path, help="a folder of shards with GPT-2's token ids")
    parser.add_argument("--stream", action="store_true", help="do not hold the text in memory")
    parser.add_argument("--preset", default="laptop", help=f"one of {', '.join(PRESETS)}")
    parser.add_argument("--out", type=Path, help="folder of the run (runs/CORPUS-PRESET)")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    parser.add_argument("--fsdp", action="store_true", help="share the model between processes")
    parser.add_argument("--compile", action="store_true", help="torch.compile the training steps")
    parser.add_argument("--tensorboard", action="store_true", help="curves for TensorBoard")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    for field in fields(TrainConfig):
        flag = f"--{field.name.replace('_', '-')}"
        parser.add_argument(flag, type=type(field.default), help=f"default {field.default}")
    return parser


def _config_from(options, around):
    """Flags win; then what the resumed run was started with; then the preset's recipe."""
    if options.resume:
        base = saved_config(around.folder)
    else:
        base = replace(RECIPES.get(options.preset, TrainConfig()), precision="auto")
    given = {field.name: getattr(options, field.name) for field in fields(TrainConfig)}
    given = {name: value for name, value in given.items() if value is not None}
    if 0 < given.get("steps", 0) < base.warmup_steps:
        given.setdefault("warmup_steps", given["steps"])  # a short run need not name both
    config = replace(base, **given)
    precision = around.precision(config.precision, choose_device(options.device))
    return replace(config, precision=precision)


def main(arguments=None):
    """Run the command line; return 0, or 1 with one line on standard error for bad input."""
    options = _parser().parse_args(arguments)
    try:
        use_every_core()
        keep_memory()
        with joined(choose_device(options.device).type), quiet_unless_first():
            return _train_and_report(options)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _train_and_report(options):
    if options.stream and not options.text:
        raise ValueError("--stream needs a file: give --text")
    if options.shards and options.text:
        raise ValueError("--shards and --text name two sources: leave out one of them")
    if options.compile and options.fsdp:
        raise ValueError("--compile does not go with --fsdp: leave out one of the two")
    if options.compile:
        check_compiler()
    if options.tensorboard:
        check_tensorboard()
    if options.shards:
        text, source = find_shards(options.shards), options.shards.resolve().name
    elif options.text:
        text = options.text if options.stream else read_text(options.text)
        source = options.text.stem
    else:
        text, source = load_corpus(options.corpus), options.corpus
    folder = options.out or Path("runs") / f"{source}-{options.preset}"
    around = ParallelRun(folder, options.resume, wrap=Compiled if options.compile else None)
    config = _config_from(options, around)
    report = run(
        text,
        options.preset,
        config,
        around,
        options.device,
        fsdp=options.fsdp,
        tensorboard=options.tensorboard,
    )
    for name, bits in report.get("bits_per_byte", {}).items():
        print(f"{name:>12}: {bits:.3f} bits per byte on held-out text")
    return 130 if report.get("interrupted") else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
