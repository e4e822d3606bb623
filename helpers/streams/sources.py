"""Large corpora by name, for `course.py data`: too large to be fetched without being asked for.

Their SHA-256 could not be recorded here, so a file is checked by its contents: the
many stories of TinyStories, the header and the range of ids of a shard. Importing this module adds
them to the table of texts.
"""

from pathlib import Path

from helpers.streams.shards import read_shard
from helpers.texts.sources import CORPORA, Corpus, Download
from helpers.tokenizer import END_OF_TEXT

_SETS = "https://huggingface.co/datasets/"
_STORIES = _SETS + "roneneldan/TinyStories/resolve/main/TinyStoriesV2-GPT4-{}.txt"
_EDU = _SETS + "karpathy/fineweb-edu-100B-gpt2-token-shards/resolve/main/edu_fineweb_{}.bin"
N_SHARDS = 10  # of a hundred million tokens each, to learn from; one more is held out
GPT2_VOCABULARY = 50257


def check_stories(path: Path) -> None:
    """Raise ValueError unless a file is text with many stories, each ended by <|endoftext|>."""
    with open(path, "rb") as file:
        beginning = file.read(1 << 20).decode("utf-8", errors="ignore")
    if beginning.count(END_OF_TEXT) < 100 or "Once upon a time" not in beginning:
        raise ValueError(f"it does not hold stories that end with {END_OF_TEXT}")


def check_shard(path: Path) -> None:
    """Raise ValueError unless a file is a shard of GPT-2's token ids."""
    ids = read_shard(path)
    if ids[:1_000_000].max() >= GPT2_VOCABULARY:
        raise ValueError(f"it holds the id {ids[:1_000_000].max()}; GPT-2's end at 50,256")


def _shard(name):
    return Download(f"fineweb-edu/{name}.bin", (_EDU.format(name),), contents=check_shard)


LARGE = {
    "tinystories": Corpus(
        "TinyStories, version 2: 2.7 million short stories written by GPT-4",
        "CDLA-Sharing-1.0",
        "2.2 GB",
        (Download("tinystories.txt", (_STORIES.format("train"),), contents=check_stories),),
    ),
    "fineweb-edu": Corpus(
        "a billion tokens of FineWeb-Edu, web pages chosen for learning, as GPT-2's token ids",
        "ODC-By 1.0",
        "2.2 GB",
        (
            _shard("val_000000"),
            *(_shard(f"train_{number:06d}") for number in range(1, N_SHARDS + 1)),
        ),
    ),
}
CORPORA.update(LARGE)  # so that `fetch` and `course.py data` know them
