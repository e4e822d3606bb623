"""Measure the model that `my_llm.py` trained: compression, bits per byte, distance to the truth, speed.

On the tales the smallest possible loss is known, so that the distance to it can be told; on any other
text a model is only compared with gzip and xz, which have read the same training text.
"""

import importlib.util
import sys
import time
from pathlib import Path

import torch

from classroom.worlds import tales
from helpers.compression import compressor_bits_per_byte, text_bits
from helpers.files import read_json
from helpers.tokenizer import END_OF_TEXT

TRAINED, HELD_OUT = (6000, 1), (100, 2)  # how many tales, and their seed
TALES = "tales.txt"


def tales_file(folder: Path, n: int = TRAINED[0]) -> Path:
    """Write a text of tales to learn from, where it is not there yet; return its path."""
    path = folder / TALES
    if not path.exists():
        texts = tales.sample(n, TRAINED[1])
        path.write_text("".join(f"{tale}{END_OF_TEXT}\n" for tale in texts), encoding="utf-8")
    return path


def load_file(path: Path):
    """Return `my_llm.py` as a module."""
    spec = importlib.util.spec_from_file_location("my_llm", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["my_llm"] = module
    spec.loader.exec_module(module)
    return module


def measure(file: Path, model_folder: Path, text: Path, n: int = HELD_OUT[0]) -> dict:
    """Return what the report card shows about a model: figures by name, rounded.

    `file` is my_llm.py, `text` what the model learned from. Raises ValueError where no model is.
    """
    module = load_file(file)
    model, tokenizer = module.load_model(model_folder)
    learned, held_out = module.read_parts(text)
    figures = {"text": text.name, "steps": _steps(model_folder)}
    documents, floor = [held_out], None
    if text.name == TALES:
        documents = tales.sample(n, HELD_OUT[1])
        floor = -sum(map(tales.log_prob, documents)) / sum(len(d.encode()) for d in documents)
        held_out, learned = "\n".join(documents), learned.replace(END_OF_TEXT, "")
    n_bytes = sum(len(each.encode()) for each in documents)
    end = [tokenizer.special_tokens[END_OF_TEXT]]
    start, last = ("", []) if floor is None else ("\n", end)
    rows = [end + tokenizer.encode(start + each, (END_OF_TEXT,)) + last for each in documents]
    figures["bytes_per_token"] = round(len(held_out.encode()) / len(tokenizer.encode(held_out)), 2)
    figures["bits_per_byte"] = round(sum(text_bits(model, row) for row in rows) / n_bytes, 3)
    others = compressor_bits_per_byte(learned, held_out)
    figures |= {name.partition(" ")[0]: round(bits, 3) for name, bits in others.items()}
    if floor is not None:
        figures["floor"] = round(floor, 3)
    figures["tokens_per_second"] = round(_speed(module, model))
    return figures


def _steps(model_folder):
    checkpoints = sorted(model_folder.parent.glob("step-*/state.json"))
    return read_json(checkpoints[-1])["state"]["step"] if checkpoints else None


def _speed(module, model, n=100):
    """Tokens per second of greedy generation, the fastest of three."""
    n = min(n, model.config.context_length - 2)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        with torch.no_grad():
            produced = sum(1 for _ in module.generate(model, [0], n))
        seconds.append((time.perf_counter() - start) / produced)
    return 1 / min(seconds)
