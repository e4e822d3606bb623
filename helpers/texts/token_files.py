"""A text file of any size as token ids on disk: it is read, encoded and trained on in pieces.

    a.txt  ──read in pieces──>  train.npy      the first nine tenths of the tokens
                                held_out.npy   the rest

The token files are memory-mapped (`helpers.texts.loaders.read_tokens`): the operating system reads
only what a batch needs, and memory use does not grow with the text.
"""

import codecs
import json
import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import regex

from helpers.bpe import BPETokenizer
from helpers.files import remove, sha256, write_whole
from helpers.texts.loaders import read_tokens, write_tokens
from helpers.texts.prepare import TOKENIZER_BYTES
from helpers.tokenizer import END_OF_TEXT

PIECE = 1 << 20  # bytes read at a time
SAMPLE_BYTES = 4 << 20  # of each part, for gzip and xz and for bits per byte
# No token of GPT-2's pattern spans the boundary between a visible character and white space.
BOUNDARY = regex.compile(r"(?s).*(?<=\S)(?=\s)")


def read_pieces(
    path: Path | str, start: int = 0, end: int | None = None, size: int | None = None
) -> Iterator[str]:
    """Yield the text of a UTF-8 file from byte `start` to `end`, about `size` bytes at a time.

    A piece ends between a visible character and white space, so that encoding the pieces gives the
    same tokens as encoding the whole. `size` is one megabyte by default. Raises ValueError for a
    file that is not UTF-8, OSError for a missing one.
    """
    size = size or PIECE
    decoder, rest = codecs.getincrementaldecoder("utf-8")(), ""
    length = Path(path).stat().st_size
    end = length if end is None else end
    with open(path, "rb") as file:
        file.seek(start)
        while (left := end - file.tell()) > 0:
            last = left <= size and end == length  # elsewhere `end` may cut a character
            try:
                rest += decoder.decode(file.read(min(size, left)), final=last)
            except UnicodeDecodeError as error:
                raise ValueError(f"{path} is not UTF-8 text: {error.reason}") from None
            if left > size and (found := BOUNDARY.match(rest)):
                yield rest[: found.end()]
                rest = rest[found.end() :]
    if rest:
        yield rest


def cut_file(path: Path | str, held_out_share: float = 0.1) -> int:
    """Return the byte at which the held-out part begins, where `split_text` would cut the text.

    Raises ValueError for an empty file.
    """
    if not any(map(str.strip, read_pieces(path))):
        raise ValueError(f"{path} is empty")
    sizes = [(len(piece), len(piece.encode())) for piece in read_pieces(path)]
    left, start = int(sum(length for length, _ in sizes) * (1 - held_out_share)), 0
    for length, size in sizes:
        if left < length:
            break
        left, start = left - length, start + size
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        cut = start + len(data[start : start + size].decode()[:left].encode())
        return data.rfind(b"\n", 0, cut) + 1 or cut


def prepare_file(
    path: Path | str, vocab_size: int, folder: Path | str
) -> tuple[BPETokenizer, np.ndarray, np.ndarray, str, str]:
    """Do for a file what `helpers.texts.prepare` does for a text, with token files in `folder`.

    Returns (tokenizer, train token ids, held-out token ids, train text, held-out text): the ids
    are memory maps, the texts are samples of a few megabytes. Files that were made from the same
    text and settings are used again, so that a resumed run starts at once; others are made again.
    """
    folder, cut = Path(folder), cut_file(path)
    folder.mkdir(parents=True, exist_ok=True)
    saved, origin = folder / "tokenizer.json", folder / "made_from.json"
    settings = {"cut": cut, "vocab_size": vocab_size, "tokenizer_bytes": TOKENIZER_BYTES}
    made_from = json.dumps({"text": sha256(path), "special": END_OF_TEXT} | settings)
    if not origin.exists() or origin.read_bytes() != made_from.encode():
        for name in ("tokenizer.json", "train.npy", "held_out.npy"):
            remove(folder / name)
        write_whole(origin, made_from)
    if not saved.exists():
        pieces = read_pieces(path, 0, min(cut, TOKENIZER_BYTES))
        BPETokenizer.train(pieces, vocab_size, special_tokens=(END_OF_TEXT,)).save(saved)
    tokenizer = BPETokenizer.load(saved)
    rows, samples = [], []
    for name, start, end in (("train", 0, cut), ("held_out", cut, None)):
        target = folder / f"{name}.npy"
        if not target.exists():
            pieces = read_pieces(path, start, end)
            ids = (i for piece in pieces for i in tokenizer.encode(piece, "all"))
            write_tokens(target, ids, tokenizer.vocab_size)
        rows.append(read_tokens(target))
        samples.append(next(read_pieces(path, start, end, SAMPLE_BYTES)))
    return tokenizer, rows[0], rows[1], samples[0], samples[1]
