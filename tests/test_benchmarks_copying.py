"""The measurement of the copying start: what it scores, and that its table is that of its record."""

import json

from benchmarks import copying_start
from helpers.bpe import BPETokenizer
from tools.lectures import ROOT


def test_only_answers_and_the_end_are_scored():
    text = " Say the list again.\n a, b\n a, b\n\n Say how it ends.\n c, d\n d"
    tokenizer = BPETokenizer.train(text, 270, ("<|endoftext|>",))
    ids, scored = copying_start.answered(tokenizer, text)
    assert tokenizer.decode(ids) == text and len(scored) == len(ids) + 1 and scored[-1]
    asked = tokenizer.decode([i for i, counts in zip(ids, scored, strict=False) if counts])
    assert asked == " a, b d"


def test_the_table_is_that_of_the_record():
    record = json.loads((ROOT / "benchmarks" / "copying_start.json").read_text("utf-8"))
    assert len(record["runs"]) == len(copying_start.SEEDS) * len(copying_start.STARTS)
    lines = copying_start.table(record)
    text = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
    assert "\n".join(lines) in text and len(lines) == 6 + 2 * 4
