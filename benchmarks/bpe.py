"""Byte pair encoding: training and encoding beside the naive trainer, Hugging Face and tiktoken.

    python3 course.py bench bpe            everything: about five minutes on two quiet cores
    python3 course.py bench bpe --check    hold the committed figures against the targets again

One run measures everything on the same machine and the same text. It writes `benchmarks/bpe.json`
and the section 'Byte pair encoding' of benchmarks/README.md, and fails where a target is missed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import regex

from benchmarks._bpe_report import CURVE_VOCABULARY, met, section, targets, write_readme
from benchmarks._record import code_hash, machine
from helpers.bpe import BPETokenizer
from helpers.bpe.train import GPT2_SPLIT_PATTERN, count_pretokens
from helpers.files import sha256
from helpers.texts.corpora import data_folder, load_corpus
from helpers.tokenizer import END_OF_TEXT
from tools.execute import measured

HERE = Path(__file__).resolve().parent
RESULT = HERE / "bpe.json"
CODE = [
    "benchmarks/bpe.py",
    *(f"helpers/bpe/{name}.py" for name in ("tokenizer", "train", "merge")),
]
MEGABYTES = (1, 3, 10, 30, 100)
TEXT_BYTES = 1_115_394  # the size of Tiny Shakespeare


def text_of_a_megabyte():
    """Return Tiny Shakespeare where it is in the cache, else as much of the embedded texts."""
    path = data_folder() / "tinyshakespeare.txt"
    if path.is_file():
        return "Tiny Shakespeare", path.read_text("utf-8")
    text = load_corpus("story") + load_corpus("pydocs")
    while len(text) < TEXT_BYTES:  # still short: the modules of the standard library
        text += "\n".join(documents(document_paths(), TEXT_BYTES))
    return "the story, Python's documentation and its library", text[:TEXT_BYTES]


def document_paths():
    """Return files of different kinds that this Python has installed, each text once.

    They are in the order of their hashes: mixed, and the same every time.
    """
    folders = {sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib")}
    texts = {}
    for folder in sorted(folders):
        for path in sorted(Path(folder).rglob("*")):
            if path.suffix in (".py", ".txt", ".md", ".rst") and path.stat().st_size < 1_000_000:
                texts.setdefault(sha256(path), path)
    return [path for _, path in sorted(texts.items())]


def documents(paths, n_bytes):
    """Yield the texts of these files until there are `n_bytes`."""
    total = 0
    for path in paths:
        if total >= n_bytes:
            return
        text = path.read_text("utf-8", errors="replace")
        total += len(text.encode("utf-8"))
        yield text


def best_seconds(run, repeats):
    """Return the least of several times, and what the last run returned."""
    times, result = [], None
    for _ in range(repeats):
        start = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - start)
    return min(times), result


def learn_naively(words, n_merges):
    """Learn merges from words, lists of tokens, each as often as it occurs in the text."""
    merges = []
    for _ in range(n_merges):
        counts = Counter()
        for word in words:
            counts.update(pairwise(word))
        if not counts:
            break
        merges.append(max(counts, key=lambda pair: (counts[pair], pair)))
        words = [merge_pair(word, merges[-1]) for word in words]
    return merges


def merge_pair(word, pair):
    """Replace a pair of neighbors by one token, from left to right."""
    merged, i = [], 0
    while i < len(word):
        is_pair = tuple(word[i : i + 2]) == pair
        merged.append(pair[0] + pair[1] if is_pair else word[i])
        i += 2 if is_pair else 1
    return merged


def train_with_hugging_face(texts, vocab_size):
    """Train the Rust trainer of `tokenizers` with the same split, bytes and special token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def measure_training(text):
    """Time all trainers on one text, and check that ours and the naive one agree."""
    rows = {}
    lines = text.splitlines(keepends=True)
    for size in (512, 4096):
        seconds, ours = best_seconds(lambda size=size: BPETokenizer.train(text, size), 5)
        rows[f"helpers, {size} tokens"] = {"seconds": seconds}
        for kind, texts in (("lines", lines), ("one string", [text])):
            seconds, theirs = best_seconds(
                lambda texts=texts, size=size: train_with_hugging_face(texts, size), 5
            )
            assert theirs.get_vocab_size() == ours.vocab_size == size
            rows[f"Hugging Face ({kind}), {size} tokens"] = {"seconds": seconds}
    pretokens = regex.findall(GPT2_SPLIT_PATTERN, text)
    words = [[bytes([value]) for value in pretoken.encode()] for pretoken in pretokens]
    seconds, merges = best_seconds(lambda: learn_naively(words, 512 - 257), 1)
    assert merges == BPETokenizer.train(text, 512).merges
    rows["naive trainer, 512 tokens"] = {"seconds": seconds}
    return rows


def measure_encoding(text):
    """Time encoding one long string: the first time, and again when caches are warm."""
    from tokenizers import Tokenizer

    ours = BPETokenizer.train(text, 4096)
    theirs, rust = Tokenizer.from_str(ours.to_hf()), ours.to_tiktoken()
    runs = {
        "helpers": ours.encode,
        "Hugging Face": lambda text: theirs.encode(text).ids,
        "tiktoken": rust.encode,
    }
    megabytes, rows = len(text.encode("utf-8")) / 1e6, {}
    for name, encode in runs.items():
        first, token_ids = best_seconds(lambda encode=encode: encode(text), 1)
        again, _ = best_seconds(lambda encode=encode: encode(text), 5)
        assert token_ids == rust.encode(text)
        rows[name] = {"first MB/s": megabytes / first, "again MB/s": megabytes / again}
    return rows


def measure_to_tiktoken(text):
    """Time GPT-2 through `from_tiktoken` and `to_tiktoken` beside tiktoken's own, in turns."""
    import tiktoken

    vocabulary = data_folder() / "tiktoken"
    if not any(vocabulary.glob("6d1cbeee*")):
        return None
    os.environ["TIKTOKEN_CACHE_DIR"] = str(vocabulary)
    own = tiktoken.get_encoding("gpt2")
    ours = BPETokenizer.from_tiktoken(own).to_tiktoken()
    assert own.encode(text) == ours.encode(text)
    times = {"own": [], "ours": []}
    for _ in range(41):
        for name, encoding in (("own", own), ("ours", ours)):
            times[name].append(best_seconds(lambda encoding=encoding: encoding.encode(text), 1)[0])
    megabytes = len(text.encode("utf-8")) / 1e6
    speed = {name: megabytes / statistics.median(values) for name, values in times.items()}
    return {"tiktoken MB/s": speed["own"], "to_tiktoken MB/s": speed["ours"]}


def measure_curve():
    """Train on more and more text, each time in a fresh process whose memory is watched."""
    rows = []
    for megabytes in MEGABYTES:
        command = [sys.executable, "-m", "benchmarks.bpe", "--one-size", str(megabytes)]
        with measured() as usage:
            done = subprocess.run(
                command, cwd=HERE.parent, capture_output=True, text=True, check=True
            )
        rows.append(json.loads(done.stdout) | {"peak GB": usage.peak_bytes / 1e9})
    return rows


def one_size(megabytes):
    """Train on so many megabytes and print what it took, with the distinct pre-tokens."""
    paths, n_bytes = document_paths(), megabytes * 1_000_000
    before = processor_seconds()
    seconds, tokenizer = best_seconds(
        lambda: BPETokenizer.train(documents(paths, n_bytes), CURVE_VOCABULARY), 1
    )
    spent = processor_seconds() - before
    row = {"megabytes": sum(len(text.encode("utf-8")) for text in documents(paths, n_bytes)) / 1e6}
    row |= {"seconds": seconds, "processor seconds": spent, "tokens": tokenizer.vocab_size}
    print(
        json.dumps(row | {"distinct pre-tokens": len(count_pretokens(documents(paths, n_bytes)))})
    )


def processor_seconds():
    """Return the processor time of this process and of those it has waited for."""
    return sum(os.times()[:4])


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="course.py bench bpe")
    parser.add_argument("--check", action="store_true", help="only look at the committed figures")
    parser.add_argument("--one-size", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one_size:
        one_size(options.one_size)
        return 0
    if options.check:
        result = json.loads(RESULT.read_text("utf-8"))
    else:
        name, text = text_of_a_megabyte()
        result = {
            "command": "python3 course.py bench bpe",
            "machine": machine(("regex", "tokenizers", "tiktoken")),
            "code_sha256": code_hash(CODE),
            "text": {"name": name, "bytes": len(text.encode("utf-8"))},
            "training": measure_training(text),
            "encoding": measure_encoding(text),
            "to_tiktoken": measure_to_tiktoken(text),
            "curve": measure_curve(),
        }
        RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
        write_readme(result)
    print(section(result))
    return 0 if all(met(*row[1:]) for row in targets(result)) else 1


if __name__ == "__main__":
    sys.exit(main())
