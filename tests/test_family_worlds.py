"""The worlds of notebook 10: a made-up language, short tales in words, memory, digits."""

import math

import pytest
import torch

from classroom.worlds import digits, recall, tale_words, translation
from helpers.loss import IGNORED


def test_a_translation_by_hand():
    pair = translation.translate(
        "yesterday two brave cats lost the old lamp under the tower".split()
    )
    assert " ".join(pair.target) == "nisan hasta be quina osh vaso greno fesku milod"
    assert [pair.source[place] for place in pair.alignment] == (
        "cats brave two tower under lamp old lost yesterday".split()
    )


def test_agreement_of_adjective_and_verb():
    one = translation.translate("the old fox saw the old king".split()).target
    many = translation.translate("two old foxes saw three old kings".split()).target
    assert one == ("kesa", "grena", "toro", "greno", "veldi")
    assert many == ("kesan", "grena", "be", "toron", "greno", "sim", "veldu")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("fox saw the bird", "fox"),
        ("the foxes saw the bird", "foxes"),
        ("two fox saw the bird", "fox"),
        ("the fox the bird", "the"),
        ("the fox saw the bird once", "once"),
        ("the old saw the bird", "saw"),
    ],
)
def test_what_is_no_sentence_is_named(text, word):
    with pytest.raises(ValueError, match=f"'{word}'"):
        translation.translate(text.split())


def test_the_splits_share_no_sentence_and_no_held_out_pair():
    found = {split: translation.sample(400, 0, split) for split in translation.SPLITS}
    sentences = [{pair.source for pair in pairs} for pairs in found.values()]
    assert sum(map(len, sentences)) == len(set().union(*sentences))
    singular = {plural: name for name, (plural, _) in translation.ALL_NOUNS.items()}

    def meets(pair):
        words = [singular.get(word, word) for word in pair.source]
        return any(
            one in translation.ADJECTIVES and translation.held_out(one, other)
            for one, other in zip(words, words[1:], strict=False)
        )

    for split, pairs in found.items():
        assert all(meets(pair) == (split == "combinations") for pair in pairs), split
    with pytest.raises(ValueError, match="exam"):
        translation.sample(1, 0, "exam")


def test_tensors_hold_the_words_and_the_end():
    pairs = translation.sample(20, 3)
    sources, targets = translation.pair_tensors(pairs)
    reads, (texts, wanted) = translation.decoder_input(pairs), translation.as_one_text(pairs)
    shift = len(translation.SOURCE_WORDS)
    for row, pair in enumerate(pairs):
        source = [translation.SOURCE_WORDS[i] for i in sources[row].tolist() if i]
        target = [translation.TARGET_WORDS[i] for i in targets[row].tolist() if i != IGNORED]
        scored = wanted[row][wanted[row] != IGNORED] - shift
        assert source == list(pair.source) and target == [*pair.target, translation.END]
        assert scored.tolist() == targets[row][targets[row] != IGNORED].tolist()
        length = len(pair.source)
        assert texts[row, length] == translation.SOURCE_IDS[translation.START]
        assert (texts[row, length + 1 :][: len(pair.target)] - shift).tolist() == scored[
            :-1
        ].tolist()
        assert reads[row, 1:][: len(pair.target)].tolist() == scored[:-1].tolist()


def test_every_word_has_an_id():
    for pair in translation.sample(300, 5):
        assert set(pair.source) <= set(translation.SOURCE_IDS)
        assert set(pair.target) <= set(translation.TARGET_IDS)
    assert len(translation.TARGET_IDS) == len(translation.TARGET_WORDS)


@pytest.fixture(scope="module")
def tokenizer():
    return tale_words.tale_tokenizer(tale_words.sample(1500, 0))


def test_short_tales_are_read_back_with_their_probability(tokenizer):
    texts = tale_words.known_tales(tokenizer, 60, 1)
    for text in texts:
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert tale_words.good_words(tokenizer, ids) == len(ids)
    bits = -sum(map(tale_words.source().log_prob, texts))
    tokens = sum(len(tokenizer.encode(text)) + 1 for text in texts)
    found = tale_words.nats_per_token(tokenizer, texts)
    assert math.isclose(found, bits * math.log(2) / tokens)


def test_what_fits_is_the_posterior_over_all_words(tokenizer):
    """Against the plain way: put every word into the gap."""
    gap = tale_words.gaps(tokenizer, tale_words.known_tales(tokenizer, 12, 2), 0)[7]
    before, after = gap.ids[1 : gap.position], gap.ids[gap.position + 1 :]
    source, right = tale_words.source(), {}
    for token in range(tokenizer.vocab_size - len(tokenizer.special_tokens)):
        text = tokenizer.decode([*before, token, *after])
        if source.read(text).derivations:
            right[token] = 2 ** source.log_prob(text)
    found = tale_words.what_fits(tokenizer, gap)
    assert found.keys() == right.keys() and gap.ids[gap.position] in found
    for token, p in right.items():
        assert math.isclose(found[token], p / sum(right.values()), rel_tol=1e-9)


def test_a_spoiled_tale_differs_in_one_word_and_is_none(tokenizer):
    texts = tale_words.known_tales(tokenizer, 20, 3)
    for gap, whole in zip(
        tale_words.spoiled(tokenizer, texts, 0), tale_words.gaps(tokenizer, texts, 0), strict=True
    ):
        different = [i for i, (a, b) in enumerate(zip(gap.ids, whole.ids, strict=True)) if a != b]
        assert different == [gap.position]
        assert not tale_words.source().read(tokenizer.decode(gap.ids[1:])).derivations


def test_recall_asks_for_the_letter_at_the_place():
    texts, answers = recall.sample(50, 7, torch.Generator().manual_seed(0), count=4)
    places = texts[:, -1] - recall.LETTERS - recall.NOISE
    assert set(places.tolist()) == {0, 1, 2, 3}
    assert torch.equal(texts[torch.arange(50), places], answers)
    noise = texts[:, 4:-1]
    assert (noise >= recall.LETTERS).all() and (noise < recall.LETTERS + recall.NOISE).all()
    assert texts.max() < recall.VOCAB_SIZE


def test_digits_are_drawn_alike_and_fonts_are_apart():
    for one, other in zip(digits.sample(20, 1), digits.sample(20, 1), strict=True):
        assert torch.equal(one, other)
    fonts = [set(names) for names in digits.FONTS.values()]
    assert sum(map(len, fonts)) == len(set().union(*fonts))
    for split in digits.FONTS:
        known = digits.glyphs(split)
        assert known.shape == (len(digits.FONTS[split]), 10, 48, 48)
        ink = known.mean(dim=(2, 3))
        assert (ink > 0.02).all(), "a font draws nothing"
        for font in known.flatten(2):  # no two digits of a font are the same picture
            assert torch.cdist(font, font).add(torch.eye(10) * 99).min() > 1
    pictures, classes = digits.sample(200, 0, "test")
    assert pictures.min() >= 0 and pictures.max() <= 1 and len(classes.unique()) == 10
    with pytest.raises(ValueError, match="exam"):
        digits.sample(1, 0, "exam")
