"""The word tokenizer: by hand, the lecture's numbers, and what it must refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.texts import available, load_corpus
from helpers.tokenizer import WordTokenizer, split_words

SENTENCE = 'The brown dog playfully chased the swift fox--"why?" it said.'


@pytest.fixture(scope="module")
def story():
    return load_corpus("story")


def test_splitting_by_hand():
    assert split_words("Hello, world. Is this-- a test?") == (
        ["Hello", ",", "world", ".", "Is", "this", "--", "a", "test", "?"]
    )
    assert split_words(" \n\t ") == []
    assert split_words("well-known 1,400") == ["well-known", "1", ",", "400"]


def test_ids_by_hand():
    tokenizer = WordTokenizer.from_text(SENTENCE)
    words = ['"', "--", ".", "?", "The", "brown", "chased", "dog", "fox", "it", "playfully"]
    words += ["said", "swift", "the", "why", "<|endoftext|>", "<|unk|>"]
    assert tokenizer.vocab == {word: number for number, word in enumerate(words)}
    assert tokenizer.vocab_size == 17
    assert tokenizer.encode("The swift cat.") == [4, 12, 16, 2]
    assert tokenizer.decode(tokenizer.encode(SENTENCE)) == SENTENCE


def test_special_tokens_stand_anywhere():
    tokenizer = WordTokenizer.from_text("one two. three")
    ids = tokenizer.encode("one two.<|endoftext|>three")
    assert ids == [1, 3, 0, 4, 2]
    assert tokenizer.decode(ids) == "one two. <|endoftext|> three"
    plain = WordTokenizer.from_text("one two", special_tokens=())
    assert plain.vocab == {"one": 0, "two": 1}
    again = WordTokenizer.from_text("one <|unk|> two")
    assert again.vocab == {"one": 0, "two": 1, "<|endoftext|>": 2, "<|unk|>": 3}


def test_unknown_words():
    assert WordTokenizer.from_text("one two").encode("one six") == [0, 3]
    for specials in ((), ("<|endoftext|>",)):
        tokenizer = WordTokenizer.from_text("one two", special_tokens=specials)
        with pytest.raises(ValueError, match="'six' is not in the vocabulary"):
            tokenizer.encode("one six")


def test_the_most_frequent_words_are_kept():
    tokenizer = WordTokenizer.from_text("a b b c c c d d d d", vocab_size=4)
    assert tokenizer.vocab == {"c": 0, "d": 1, "<|endoftext|>": 2, "<|unk|>": 3}
    tie = WordTokenizer.from_text("z y x", special_tokens=(), vocab_size=2)
    assert list(tie.vocab) == ["x", "y"]
    assert WordTokenizer.from_text("a b", vocab_size=99).vocab_size == 4
    with pytest.raises(ValueError, match="more than the 2 special tokens, got 2"):
        WordTokenizer.from_text("a b", vocab_size=2)


@pytest.mark.parametrize(
    "text",
    [
        "Well, (I said) it's mine; yours? No: ours!",
        '"Who is it?" she said. "It isn\'t you--or is it?"',
        "He said _no_, and _never again_.",
        "1,400 letters--nine in ten.".replace("1,400", "1400"),
    ],
)
def test_decoding_repairs_the_blanks(text):
    tokenizer = WordTokenizer.from_text(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_story_comes_back_but_for_its_line_breaks(story):
    tokenizer = WordTokenizer.from_text(story)
    ids = tokenizer.encode(story)
    assert tokenizer.encode(tokenizer.decode(ids)) == ids
    assert tokenizer.vocab["<|unk|>"] not in ids
    assert "".join(tokenizer.decode(ids).split()) == "".join(story.split())


@given(st.text(alphabet="ab -_'\"(),.!?;:\n\té<|unk>", max_size=60))
def test_encoding_what_was_decoded_gives_the_same_ids(text):
    tokenizer = WordTokenizer.from_text(text)
    ids = tokenizer.encode(text)
    assert tokenizer.encode(tokenizer.decode(ids)) == ids


@given(st.text(max_size=60))
def test_nothing_but_blanks_is_lost(text):
    assert "".join(split_words(text)) == "".join(text.split())


def test_bad_input():
    tokenizer = WordTokenizer.from_text("one two")
    for bad in (-1, 4):
        with pytest.raises(ValueError, match=f"{bad} is not between 0 and 3"):
            tokenizer.decode([0, bad])
    for call in (tokenizer.encode, split_words, WordTokenizer.from_text):
        with pytest.raises(TypeError, match="got bytes"):
            call(b"one")
    with pytest.raises(ValueError, match="empty"):
        WordTokenizer.from_text("", special_tokens=())
    with pytest.raises(ValueError, match="0 to 1"):
        WordTokenizer({"a": 1, "b": 2})
    with pytest.raises(ValueError, match="'<x>' is not in"):
        WordTokenizer({"a": 0}, ["<x>"])


def test_the_numbers_of_the_lecture():
    if not available("the-verdict"):
        pytest.skip("The Verdict is not downloaded")
    text = load_corpus("the-verdict")
    tokenizer = WordTokenizer.from_text(text)
    assert (len(text), len(split_words(text))) == (20_479, 4_690)
    assert (len(set(split_words(text))), tokenizer.vocab_size) == (1_130, 1_132)
    assert (tokenizer.vocab["<|endoftext|>"], tokenizer.vocab["<|unk|>"]) == (1130, 1131)
    sentence = "Hello, do you like tea? <|endoftext|> In the sunlit terraces of the palace."
    ids = [1131, 5, 355, 1126, 628, 975, 10, 1130, 55, 988, 956, 984, 722, 988, 1131, 7]
    assert tokenizer.encode(sentence) == ids
