"""WordPiece: by hand, and equal to tokenizers' on every character, many texts and the course's notes.

tokenizers carries tables of Unicode 8. So characters are compared whose category has not changed
since the oldest tables that Python has, 3.2; newer ones may differ, and Python's tables are right.
"""

import json
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from helpers.family.word_pieces import WordPieceTokenizer, clean, words
from helpers.texts import available, fetch

NOTES = Path(__file__).parent.parent / "lecture_notes"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = ["un", "##aff", "##able", "##a", "a", "an", "##n", "!", "'", "s", "你", "好", "e", "##e"]
# tokenizers' range of this block of rare Chinese characters begins 256 characters too late.
LEFT_OUT = range(0x2B820, 0x2B920)


def old(character):
    """Whether a character is the same in Python's tables and in those of Unicode 3.2."""
    now, then = (table.category(character) for table in (unicodedata, unicodedata.ucd_3_2_0))
    return now == then and now not in ("Cn", "Cs") and ord(character) not in LEFT_OUT


OLD = [c for c in map(chr, range(0x110000)) if old(c) and unicodedata.category(c) != "Co"]
OLD += [chr(0xE000), chr(0xF8FF), chr(0x10FFFD)]  # a few of 137,468 private characters


def theirs(tokens):
    """tokenizers' WordPiece with BERT's normalizer, over the same vocabulary."""
    tokenizers = pytest.importorskip("tokenizers")
    vocab = {token: number for number, token in enumerate(tokens)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return tokenizer


@pytest.fixture(scope="module")
def real_tokens():
    if not available("minilm"):
        pytest.skip("needs minilm: python3 course.py data minilm")
    with zipfile.ZipFile(fetch("minilm")) as file:
        vocab = json.loads(file.read("tokenizer.json"))["model"]["vocab"]
    return sorted(vocab, key=vocab.get)


@pytest.fixture(scope="module")
def pair(real_tokens):
    return WordPieceTokenizer(real_tokens), theirs(real_tokens)


def small():
    return WordPieceTokenizer(SPECIAL + PIECES)


def test_the_longest_beginning_wins():
    """`an` and not `a`; then `##able`, though `##a` fits as well."""
    assert small().split("an unaffable anna") == ["an", "un", "##aff", "##able", "an", "##n", "##a"]


def test_one_unknown_rest_makes_the_whole_word_unknown():
    assert small().split("unaffx a") == ["[UNK]", "a"]
    assert small().split("a" * 100) == ["a", *["##a"] * 99]
    assert small().split("a" * 101) == ["[UNK]"]


def test_ids_by_hand():
    assert small().encode("UNAFFABLE!") == [2, 5, 6, 7, 12, 3]
    assert small().encode("") == [2, 3]
    assert small().encode("a a a a", most=4) == [2, 9, 9, 3]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("É\u0301 Ñ", "e n"),
        ("a\u00a0b\u2003c\td", "a b c d"),
        ("a\u200bb\x00c\ufffdd\x0be", "abcde"),
        ("x你好", "x 你  好 "),
        ("ẞ İ ΑΣ", "ß i ασ"),
    ],
)
def test_cleaning(text, expected):
    assert clean(text) == expected


def test_words_and_punctuation():
    assert words("don't—stop…") == ["don", "'", "t", "—", "stop", "…"]
    assert words("") == []


def test_special_tokens_in_a_text_are_plain_text():
    assert 3 not in small().encode("[SEP] a")[1:-1]


def test_every_character_as_tokenizers(pair):
    """Each one inside a word, alone, and twice at a word's end."""
    ours, other = pair
    wrong = []
    for start in range(0, len(OLD), 250):
        chunk = OLD[start : start + 250]
        texts = [f"ab{c}st {c} x{c}{c}" for c in chunk]
        if ours.split(" ".join(texts)) != other.encode(" ".join(texts)).tokens:
            wrong += [hex(ord(c)) for c, text in zip(chunk, texts, strict=True)
                      if ours.split(text) != other.encode(text).tokens]  # fmt: skip
    assert len(OLD) > 90_000 and not wrong


@settings(max_examples=400, deadline=None)
@given(st.text(st.one_of(st.sampled_from(OLD), st.sampled_from(" \n'-aeinst##[]é你")), max_size=60))
@example("##ing un##able")
@example("a" * 101 + " tail")
@example("ﬁne Ⅷ ½ ℃ ㎏ ｆｕｌｌ")
@example("한국어 日本語 ไทย हिन्दी עברית العربية")
@example("👩‍👩‍👧 naïve Ångström ΑΣ straße")
def test_any_text_as_tokenizers(pair, text):
    ours, other = pair
    assert ours.split(text) == other.encode(text).tokens


def test_the_notes_as_transformers(pair, tmp_path):
    """Whole ids, with [CLS] and [SEP], cut and uncut."""
    transformers = pytest.importorskip("transformers")
    (tmp_path / "vocab.txt").write_text("\n".join(pair[0].tokens), encoding="utf-8")
    bert = transformers.BertTokenizer.from_pretrained(tmp_path)
    for path in sorted(NOTES.glob("[0-9]*.md")):
        text = path.read_text("utf-8")
        expected = bert(text, truncation=True, max_length=10**5, split_special_tokens=True)
        assert pair[0].encode(text) == expected["input_ids"], path.name
        assert pair[0].encode(text, 256) == bert(text, truncation=True, max_length=256)["input_ids"]


def test_what_is_wrong_is_told():
    with pytest.raises(ValueError, match="CLS"):
        WordPieceTokenizer(["[PAD]", "[UNK]", "[SEP]", "a"])
    with pytest.raises(ValueError, match="twice"):
        WordPieceTokenizer([*SPECIAL, "a", "a"])
    with pytest.raises(ValueError, match="1"):
        small().encode("a", most=1)
    with pytest.raises(TypeError, match="bytes"):
        small().encode(b"a")
