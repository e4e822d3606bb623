"""The table of texts: where each comes from, its license, and how a copy is verified.

`helpers.texts.corpora` downloads and reads them; this module only describes them. A file is
accepted in one of two ways: its SHA-256 is the one in the table, or, if the hash of the original
could not be recorded, its contents are checked (number of messages, shapes of tensors).
"""

import io
import json
import struct
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from helpers.pip_models import MODELS, PipModel
from helpers.tokenizer import END_OF_TEXT

_RAW = "https://raw.githubusercontent.com/"
_BOOK = "rasbt/LLMs-from-scratch/main/"
_HUB = "https://huggingface.co/"
_OPENAI = "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/"


@dataclass(frozen=True)
class Download:
    """One file: where it comes from, where it goes, and how it is verified."""

    file: str  # path inside data_folder()
    urls: tuple[str, ...]  # the source, then its mirrors
    sha256: str | None = None  # None: it could not be recorded, `contents` decides
    contents: Callable[[Path], None] | None = None  # raises ValueError for wrong contents
    unpack: Callable[[bytes], bytes] | None = None  # from the downloaded bytes to those kept
    first_bytes: int | None = None  # request only the beginning of the file
    model: PipModel | None = None  # comes through pip, not from an address


@dataclass(frozen=True)
class Corpus:
    """A name in the table: what it is, under which license, and its files."""

    about: str
    license: str
    size: str
    downloads: tuple[Download, ...] = ()  # empty: embedded
    card: str = ""  # what a reader must know, shown after the download


def _github(path: str) -> tuple[str, str]:
    """The address of a file on GitHub, and the same file at the jsDelivr mirror."""
    owner, repository, branch, file = path.split("/", 3)
    mirror = f"https://cdn.jsdelivr.net/gh/{owner}/{repository}@{branch}/{file}"
    return _RAW + path, mirror


def _unpack_sms(sent: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(sent)) as archive:
        return archive.read("SMSSpamCollection")


def _unpack_tinystories(sent: bytes) -> bytes:
    """Keep whole stories, separated by a blank line, until 197,290 bytes are reached."""
    stories = sent.decode("utf-8", errors="ignore").split(END_OF_TEXT)[:-1]
    text = ""
    for story in stories:
        text = (text + "\n\n" + story.strip()).lstrip()
        if len(text.encode("utf-8")) + 1 >= 197_290:
            break
    return (text + "\n").encode("utf-8")


def parse_sms(text: str) -> list[tuple[str, str]]:
    """Split the SMS collection into `(label, message)` pairs; raises ValueError on a bad line.

    >>> parse_sms("ham\\tSee you at 5\\nspam\\tWIN a prize\\n")
    [('ham', 'See you at 5'), ('spam', 'WIN a prize')]
    """
    pairs = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if not line:
            continue
        label, tab, message = line.partition("\t")
        if not tab or label not in ("ham", "spam"):
            raise ValueError(f"line {number} is not 'ham' or 'spam', a tab and a text: {line!r}")
        pairs.append((label, message))
    return pairs


def _check_sms(path: Path) -> None:
    counts = Counter(label for label, _ in parse_sms(path.read_bytes().decode("utf-8")))
    if counts != {"ham": 4827, "spam": 747}:
        raise ValueError(f"it holds {dict(counts)}, not 4,827 ham and 747 spam messages")


def _check_tinystories(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    if not text.startswith("One day, a little girl named Lily found a needle in her room."):
        raise ValueError(f"it begins with {text[:60]!r}, not with the data set's first story")
    if not 190_000 <= len(text) <= 215_000:
        raise ValueError(f"it has {len(text):,} characters, not about 197,000")


def _check_gpt2_weights(path: Path) -> None:
    """Read the header only: names, shapes, and that the file is as long as it says."""
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= 10_000_000:
            raise ValueError("it is not a safetensors file")
        header = json.loads(file.read(length))
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    end = max(entry["data_offsets"][1] for entry in tensors.values())
    if path.stat().st_size != 8 + length + end:
        raise ValueError(f"it has {path.stat().st_size:,} bytes, not {8 + length + end:,}")
    for name, shape in {"wte.weight": [50257, 768], "wpe.weight": [1024, 768]}.items():
        found = tensors.get(name, {}).get("shape")
        if found != shape:
            raise ValueError(f"tensor {name} has shape {found}, not {shape}")


def _check_gpt2_config(path: Path) -> None:
    config = json.loads(path.read_bytes())
    expected = {"n_embd": 768, "n_head": 12, "n_layer": 12, "vocab_size": 50257}
    for key, value in expected.items():
        if config.get(key) != value:
            raise ValueError(f"{key} is {config.get(key)}, not {value}")


CORPORA: dict[str, Corpus] = {
    "story": Corpus("The Turned Sort, a short story of this course", "MIT", "20 KB"),
    "pydocs": Corpus(
        "the language reference inside this Python (differs between releases)", "PSF", "0.5 MB"
    ),
    "the-verdict": Corpus(
        "Edith Wharton, The Verdict (1908), the text of the lectures",
        "public domain",
        "20 KB",
        (
            Download(
                "the-verdict.txt",
                _github(_BOOK + "ch02/01_main-chapter-code/the-verdict.txt"),
                "b41e41a68f0398a3154ae69e2e4c0e2694e17fe0d66730536837f1b01935b31f",
            ),
        ),
    ),
    "tinyshakespeare": Corpus(
        "lines from Shakespeare's plays",
        "public domain",
        "1.1 MB",
        (
            Download(
                "tinyshakespeare.txt",
                _github("karpathy/char-rnn/master/data/tinyshakespeare/input.txt"),
                "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            ),
        ),
    ),
    "tinystories-sample": Corpus(
        "the first stories of TinyStories",
        "CDLA-Sharing-1.0",
        "0.2 MB",
        (
            Download(
                "tinystories-sample.txt",
                (_HUB + "datasets/roneneldan/TinyStories/resolve/main/TinyStories-train.txt",),
                "727e8b228375be3075114c20729c93ed6e81ae5d8fe7faf7cb54b304f0322d70",
                contents=_check_tinystories,
                unpack=_unpack_tinystories,
                first_bytes=230_000,
            ),
        ),
    ),
    "sms-spam": Corpus(
        "SMS Spam Collection: 5,574 text messages, 747 of them spam",
        "CC BY 4.0",
        "0.5 MB",
        (
            Download(
                "SMSSpamCollection.tsv",
                (
                    "https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip",
                    "https://f001.backblazeb2.com/file/LLMs-from-scratch/sms%2Bspam%2Bcollection.zip",
                ),
                # of a mirror's copy: the original may differ in a line ending
                "edc1f2ca36319ca36c6f80fede2f6ae5f81335289352485f3924df077ec20266",
                contents=_check_sms,
                unpack=_unpack_sms,
            ),
        ),
    ),
    "instructions": Corpus(
        "1,100 instructions with answers",
        "Apache-2.0",
        "0.2 MB",
        (
            Download(
                "instruction-data.json",
                _github(_BOOK + "ch07/01_main-chapter-code/instruction-data.json"),
                "7e09a9af353722ca15c18bc580f093f9c39d3178335a75177319cb1e1d163944",
            ),
        ),
    ),
    "preferences": Corpus(
        "the same instructions with a chosen and a rejected answer",
        "Apache-2.0",
        "0.4 MB",
        (
            Download(
                "instruction-data-with-preference.json",
                _github(
                    _BOOK + "ch07/04_preference-tuning-with-dpo/"
                    "instruction-data-with-preference.json"
                ),
                "305315abf14f65fa42c01a0877572f832606571c2a7d49f152ac1d758b16756e",
            ),
        ),
    ),
    "gpt2-vocabulary": Corpus(
        "GPT-2's merges and vocabulary, named as tiktoken's cache names them",
        "MIT (modified)",
        "1.5 MB",
        (
            Download(
                "tiktoken/6d1cbeee0f20b3d9449abfede4726ed8212e3aee",
                (_OPENAI + "vocab.bpe",),
                "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
            ),
            Download(
                "tiktoken/6c7ea1a7e38e3a7f062df639a5b80947f075ffe6",
                (_OPENAI + "encoder.json",),
                "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
            ),
        ),
    ),
    "gpt2-weights": Corpus(
        "GPT-2 small, 124 million weights",
        "MIT (modified)",
        "548 MB",
        (
            Download(
                "gpt2/config.json",
                (_HUB + "openai-community/gpt2/resolve/main/config.json",),
                contents=_check_gpt2_config,
            ),
            Download(
                "gpt2/model.safetensors",
                (_HUB + "openai-community/gpt2/resolve/main/model.safetensors",),
                contents=_check_gpt2_weights,
            ),
        ),
    ),
}
for _name, _model in MODELS.items():
    _file = Download(_model.file, (), _model.sha256, model=_model)
    CORPORA[_name] = Corpus(_model.about, _model.license, _model.size, (_file,), _model.card)
