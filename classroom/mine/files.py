"""Part 6 of `my_llm.py`: models and checkpoints as files."""

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import regex
import torch

from classroom.mine.model import GPT
from classroom.mine.settings import GPTConfig
from classroom.mine.tokenizer import (
    GPT2_SPLIT_PATTERN,
    BytePairTokenizer,
    byte_characters,
    encode_word,
    split_at_special,
)
from classroom.turns.t07 import save_tensors

DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16, "U8": torch.uint8}
FILES = ("model.safetensors", "training.safetensors")  # of a checkpoint


def load_tensors(path):
    """Read the named tensors of a safetensors file."""
    data, tensors = bytearray(Path(path).read_bytes()), {}
    begin = 8 + int.from_bytes(data[:8], "little")
    for name, entry in json.loads(data[8:begin]).items():
        if name != "__metadata__":
            start, end = (begin + offset for offset in entry["data_offsets"])
            numbers = torch.frombuffer(data[start:end], dtype=DTYPES[entry["dtype"]])
            tensors[name] = numbers.reshape(entry["shape"])
    return tensors


def save_tokenizer(tokenizer, path):
    """Write a tokenizer as JSON, in which each byte is a printable character."""
    characters = {value: character for character, value in byte_characters().items()}
    shown = {token: "".join(map(characters.get, token)) for token in tokenizer.ids}
    contents = {"format": "helpers.bpe", "version": 1}
    contents["pattern"] = getattr(tokenizer, "pattern", GPT2_SPLIT_PATTERN)
    contents["special_tokens"] = tokenizer.special_tokens
    contents["vocab"] = {shown[token]: token_id for token, token_id in tokenizer.ids.items()}
    contents["merges"] = [f"{shown[first]} {shown[second]}" for first, second in tokenizer.merges]
    write_json(path, contents)


class PatternTokenizer(BytePairTokenizer):
    """A tokenizer that splits by a `pattern` of its own, as the one of the course's GPT does."""

    def encode(self, text, allowed_special=()):
        token_ids = []
        for number, part in enumerate(split_at_special(text, list(allowed_special))):
            words = [] if number % 2 else regex.findall(self.pattern, part)
            token_ids += [self.special_tokens[part]] if number % 2 else []
            token_ids += [self.ids[t] for w in words for t in encode_word(w.encode(), self.ranks)]
        return token_ids


def load_tokenizer(path):
    """Read such a file; raises ValueError where ids are numbered in another way."""
    values, contents = byte_characters(), json.loads(Path(path).read_text(encoding="utf-8"))
    tokens = {text: bytes(map(values.get, text)) for text in contents["vocab"]}
    ids = {tokens[text]: token_id for text, token_id in contents["vocab"].items()}
    merges = [tuple(map(tokens.get, line.split(" "))) for line in contents["merges"]]
    byte_order = sorted(range(256), key=lambda value: ids[bytes([value])])
    pattern, special_tokens = contents["pattern"], contents["special_tokens"]
    kind = BytePairTokenizer if pattern == GPT2_SPLIT_PATTERN else PatternTokenizer
    tokenizer = kind(merges, tuple(special_tokens), byte_order)
    tokenizer.pattern = pattern
    if (tokenizer.ids, tokenizer.special_tokens) != (ids, special_tokens):
        raise ValueError(f"{path} numbers its tokens in another way than this file")
    return tokenizer


def write_json(path, value):
    """Write a value as a JSON file."""
    Path(path).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def save_model(folder, model, tokenizer=None):
    """Write weights, sizes and tokenizer into a folder, in place of an older one."""
    unfinished = Path(folder).with_name(f".unfinished-{Path(folder).name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    save_tensors(dict(model.named_parameters()), unfinished / FILES[0])  # tied weights once
    write_json(unfinished / "config.json", asdict(model.config))
    if tokenizer is not None:
        save_tokenizer(tokenizer, unfinished / "tokenizer.json")
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.replace(folder)


def load_model(folder):
    """Return (model, tokenizer) from a folder; the tokenizer is None where there is none."""
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    model, file = GPT(GPTConfig(**config)), Path(folder) / "tokenizer.json"
    load_weights(model, load_tensors(Path(folder) / FILES[0]))
    return model.eval(), load_tokenizer(file) if file.exists() else None


@torch.no_grad()
def load_weights(model, tensors):
    """Copy named tensors into a model; raises ValueError where they do not fit."""
    parameters = dict(model.named_parameters())
    shapes, found = ({(n, t.shape) for n, t in all.items()} for all in (parameters, tensors))
    if different := dict(shapes ^ found):
        raise ValueError(f"these weights of another model do not fit: {', '.join(different)}")
    for name, parameter in parameters.items():
        parameter.copy_(tensors[name])


def save_checkpoint(folder, model, optimizer, state, tokenizer=None, keep=2):
    """Write all that training needs to go on into folder/step-NNNNNNNN; `keep` of them stay."""
    place = Path(folder) / f"step-{state['step']:08d}"
    tensors = {"random.cpu": torch.get_rng_state()}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state[parameter].items():
            tensors[f"optimizer.{name}.{key}"] = value
    save_model(place, model, tokenizer)
    save_tensors(tensors, place / FILES[1])
    hashes = {name: hashlib.sha256((place / name).read_bytes()).hexdigest() for name in FILES}
    write_json(place / "state.json", {"state": state, "sha256": hashes})  # now it is whole
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old)


def checkpoints(folder):
    """The checkpoints in a folder, oldest first."""
    return sorted(path.parent for path in Path(folder).glob("step-*/state.json"))


def load_checkpoint(folder, model, optimizer):
    """Restore model, optimizer and random numbers from a checkpoint; return its state."""
    written = json.loads((Path(folder) / "state.json").read_text(encoding="utf-8"))
    numbers = [(Path(folder) / name).read_bytes() for name in FILES]
    if [hashlib.sha256(data).hexdigest() for data in numbers] != list(written["sha256"].values()):
        raise ValueError(f"{folder} is damaged: remove it, and the one before is used")
    weights, tensors = (load_tensors(Path(folder) / name) for name in FILES)
    load_weights(model, weights)
    torch.set_rng_state(tensors.pop("random.cpu"))
    names = {f"optimizer.{name}": parameter for name, parameter in model.named_parameters()}
    for name, value in tensors.items():
        owner, _, key = name.rpartition(".")
        optimizer.state[names[owner]][key] = value.to(names[owner].device)
    return written["state"]
