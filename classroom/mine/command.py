"""Part 8 of `my_llm.py`: the command line."""

import argparse
import json
import math
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path

import torch

from classroom.mine.data import read_parts
from classroom.mine.files import checkpoints, load_checkpoint, load_model, save_model
from classroom.mine.model import GPT
from classroom.mine.sampling import continuation, next_token_probabilities
from classroom.mine.settings import DEVICE, PRESETS, TrainConfig
from classroom.mine.tokenizer import END_OF_TEXT, BytePairTokenizer
from classroom.mine.training import AdamW, train


def train_command(options):
    """Learn a tokenizer and a model from a text file, or go on where a run was stopped."""
    texts, found = read_parts(options.text), checkpoints(options.out)
    if (options.out / "model").exists():
        raise ValueError(f"{options.out} holds a finished run: remove it, or name another --out")
    if found:
        model, tokenizer = load_model(found[-1])
        state = json.loads((found[-1] / "state.json").read_text(encoding="utf-8"))["state"]
        config = TrainConfig(**state["settings"])
    else:
        sizes, config = PRESETS[options.preset]
        steps = options.steps or config.steps
        config = config._replace(steps=steps, warmup_steps=min(config.warmup_steps, steps))
        tokenizer = BytePairTokenizer.train(texts[0], sizes.vocab_size)
        torch.manual_seed(config.seed)
        model = GPT(replace(sizes, vocab_size=max(tokenizer.vocab) + 1))
    optimizer = AdamW(model.to(DEVICE), config.weight_decay)
    state = load_checkpoint(found[-1], model, optimizer) if found else None
    ids = [tokenizer.encode(text, tuple(tokenizer.special_tokens)) for text in texts]
    length, sizes = model.config.context_length, [len(part) for part in ids]
    if sizes[0] <= config.batch_size * length or sizes[1] <= length:
        needed = f"{config.batch_size * length:,} tokens to learn from and {length:,} held out"
        raise ValueError(f"{options.text} is too short: it takes {needed}; it has {sizes}")
    size = sum(parameter.numel() for parameter in model.parameters())
    more = f"Going on with {found[-1]}" if found else "Ctrl-C stops and saves"
    print(f"{size:,} parameters, {sizes[0]:,} tokens to learn from. {more}.", flush=True)
    state = train(model, optimizer, ids, config, state, options.out, tokenizer)
    if state["step"] < config.steps:
        print(f"\nStopped and saved at step {state['step']}; the same command goes on.")
        return 130
    save_model(options.out / "model", model, tokenizer)
    bits = state["validation"][-1][1] / math.log(2) * sizes[1] / len(texts[1].encode())
    print(f"{bits:.3f} bits per byte on held-out text. Next: python {sys.argv[0]} talk")
    return 0


def model_in(folder):
    """Load the model of a run's folder, or of its newest checkpoint: (model, tokenizer)."""
    for place in (folder, folder / "model", *checkpoints(folder)[-1:]):
        if (place / "config.json").exists() and (place / "tokenizer.json").exists():
            model, tokenizer = load_model(place)
            return model.to(DEVICE), tokenizer
    raise ValueError(f"there is no model in {folder}: first run python my_llm.py train TEXT")


def talk_command(options):
    """Continue what is typed, or each line of piped text."""
    (model, tokenizer), interactive = model_in(options.out), sys.stdin.isatty()
    sampling = {name: getattr(options, name) for name in ("temperature", "top_k", "top_p", "min_p")}
    next_token_probabilities(torch.zeros(1), **sampling)  # refuses what makes no sense
    if interactive:
        print("The model goes on with what you type. Ctrl-C stops it, Ctrl-D ends.")
    while True:
        try:
            prompt = input("\nYou: " if interactive else "").replace(END_OF_TEXT, "")
            prompt = prompt.encode(errors="replace").decode()
            for piece in chain([prompt], continuation(model, tokenizer, prompt, **sampling)):
                print(piece, end="", flush=True)
            print()
        except EOFError:
            return 0
        except KeyboardInterrupt:
            print(" [stopped]")


def main(arguments=None):
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description="A GPT in one file.")
    parser.add_argument("command", choices=("train", "talk"))
    parser.add_argument("text", nargs="?", help="a text file to train on")
    parser.add_argument("--out", type=Path, default=Path("my_llm"), help="the folder of the run")
    parser.add_argument("--preset", default="laptop", choices=PRESETS)
    parser.add_argument("--steps", type=int, help="of training, instead of the preset's")
    parser.add_argument("--temperature", type=float, default=0.8, help="of talk; 0: the likeliest")
    parser.add_argument("--top-k", type=int, help="talk draws from the k likeliest tokens")
    parser.add_argument("--top-p", type=float, help="from the fewest that together reach p")
    parser.add_argument("--min-p", type=float, help="from those with p times the best's chance")
    options = parser.parse_args(arguments)
    if options.command == "train" and not options.text:
        parser.error(f"train needs a text: {parser.prog} train TEXT")
    try:
        return train_command(options) if options.command == "train" else talk_command(options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
