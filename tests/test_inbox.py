"""The inbox: what is held out stays out, and neither loud words nor word counts decide."""

import math
import re
from collections import Counter

import pytest

from classroom.worlds import inbox
from classroom.worlds.grammar.nodes import Literal

LOUD = set(
    "free win won winner prize urgent cash claim offer bonus guaranteed click now account".split()
)
# the letters, digits and marks of a message; no quotes, no brackets left over from the notation
PLAIN = re.compile(r"[A-Za-z0-9 .,:;!?'%$-]+")


@pytest.fixture(scope="module")
def drawn():
    """Thousands of messages of each split."""
    sizes = {"train": 5000, "validation": 2000, "test": 2000}
    return {split: inbox.sample(n, seed=11, split=split) for split, n in sizes.items()}


def words(text):
    return re.findall(r"[a-z']+|[$%]|\d+", text.lower())


def accuracy(says_spam, messages):
    return sum(says_spam(m.text) == (m.label == "spam") for m in messages) / len(messages)


def naive_bayes(messages):
    """A naive Bayes filter over words with add-one smoothing, as a function of a text."""
    counts = {label: Counter() for label in inbox.LABELS}
    for message in messages:
        counts[message.label].update(words(message.text))
    known = set().union(*counts.values())
    totals = {label: count.total() + len(known) for label, count in counts.items()}
    odds = {
        word: math.log((counts["spam"][word] + 1) / totals["spam"])
        - math.log((counts["ham"][word] + 1) / totals["ham"])
        for word in known
    }
    prior = Counter(message.label for message in messages)
    offset = math.log(prior["spam"] / prior["ham"])
    return lambda text: offset + sum(odds.get(word, 0.0) for word in words(text)) > 0


def test_the_same_seed_gives_the_same_messages():
    for split in inbox.SPLITS:
        assert inbox.sample(20, seed=3, split=split) == inbox.sample(20, seed=3, split=split)
    assert inbox.sample(20, seed=3) != inbox.sample(20, seed=4)
    assert inbox.sample(0, seed=3) == []


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="n is -1"):
        inbox.sample(-1, seed=0)
    with pytest.raises(ValueError, match="'dev'.*train, validation, test"):
        inbox.sample(1, seed=0, split="dev")
    with pytest.raises(ValueError, match="'junk'.*ham, spam"):
        inbox.kinds("junk")


@pytest.mark.parametrize("split", inbox.SPLITS)
def test_messages_are_short_and_plain(drawn, split):
    for message in drawn[split]:
        assert PLAIN.fullmatch(message.text), message
        assert 8 <= len(message.text.split()) <= 60, message
        assert "  " not in message.text and message.text == message.text.strip(), message
        assert message.label in inbox.LABELS and message.kind in inbox.kinds(message.label)


def test_the_grammar_of_the_sentences_holds(drawn):
    """A capital after each full stop (web addresses aside), and "an" before a vowel sound."""
    for message in (message for messages in drawn.values() for message in messages):
        assert not re.search(r"\ba [aeio]", message.text), message
        assert not re.search(r"\ban [^aeiouh]", message.text), message
        starts = re.findall(r"(?:^|[.!?] )([a-z][\w.-]*)", message.text)
        assert all("example" in start for start in starts), (starts, message)


def test_labels_and_kinds_are_balanced(drawn):
    for messages in drawn.values():
        share = sum(message.label == "spam" for message in messages) / len(messages)
        assert abs(share - 0.5) < 4 * 0.5 / math.sqrt(len(messages))
        for label in inbox.LABELS:
            counts = Counter(message.kind for message in messages if message.label == label)
            expected = counts.total() / len(inbox.kinds(label))
            assert set(counts) == set(inbox.kinds(label)) and len(counts) >= 8
            assert max(counts.values()) < expected + 4.5 * math.sqrt(expected)


def test_there_are_enough_templates_and_none_is_in_two_splits():
    for label in inbox.LABELS:
        seen = {}
        for split in inbox.SPLITS:
            rules = inbox.load_grammar(split).rules
            for kind in inbox.kinds(label):
                assert rules[kind].options, (split, kind)
                for _, nodes in rules[kind].options:
                    fixed = "".join(node.text for node in nodes if isinstance(node, Literal))
                    assert seen.setdefault(fixed, split) == split, fixed
        assert Counter(seen.values())["train"] >= 150
        assert Counter(seen.values())["test"] >= 50


def test_held_out_words_are_new():
    """Every list keeps words for each split, half of the draws are of them, none is in two."""
    lists = {split: inbox.load_grammar(split).lists for split in inbox.SPLITS}
    names = [name for name in lists["train"] if f"{name}_new" in lists["test"]]
    assert len(names) >= 15
    for name in names:
        train = {word.text for word in lists["train"][name]}
        kept = [{word.text for word in lists[s][f"{name}_new"]} for s in ("validation", "test")]
        assert kept[0] and kept[1] and not train & (kept[0] | kept[1]) and not kept[0] & kept[1]
        held_out = sum(p for word, p in lists["test"][name].items() if word.text in kept[1])
        assert held_out == pytest.approx(0.5)


def test_no_text_is_in_two_splits(drawn):
    texts = {split: {message.text for message in drawn[split]} for split in inbox.SPLITS}
    assert not texts["train"] & texts["test"]
    assert not texts["train"] & texts["validation"]
    assert not texts["validation"] & texts["test"]
    assert len(texts["train"]) >= 3000


def test_no_other_split_could_write_a_held_out_text(drawn):
    for split, others in (("test", ("train", "validation")), ("validation", ("train", "test"))):
        for message in drawn[split][:100]:
            assert inbox.load_grammar(split).read(message.text).derivations
            for other in others:
                assert not inbox.load_grammar(other).read(message.text).derivations, message


def test_loud_words_do_not_decide(drawn):
    for loud in (LOUD, set("free win prize urgent".split())):
        assert accuracy(lambda text, loud=loud: bool(loud & set(words(text))), drawn["test"]) < 0.65
    for label in inbox.LABELS:
        own = [message for message in drawn["test"] if message.label == label]
        share = sum(bool(LOUD & set(words(message.text))) for message in own) / len(own)
        assert 0.3 < share < 0.9, label  # many of each label have one, and many have none


def test_word_counts_are_good_and_not_enough(drawn):
    filter_ = naive_bayes(drawn["train"][:2000])
    assert accuracy(filter_, drawn["train"][2000:4000]) > 0.93
    for split in ("validation", "test"):
        assert 0.78 < accuracy(filter_, drawn[split]) < 0.93


def test_no_single_word_gives_the_label_away(drawn):
    """The best one-word rule, chosen on the test split itself, is far from the labels."""
    test = drawn["test"]
    has = {label: Counter() for label in inbox.LABELS}
    for message in test:
        has[message.label].update(set(words(message.text)))
    n_ham = sum(message.label == "ham" for message in test)
    best = max(n_ham - has["ham"][word] + has["spam"][word] for word in has["spam"])
    assert best / len(test) < 0.8


def test_dealing_words():
    dealt = inbox.deal_words("n: a, b, c, d, e, f, g, h, i, j, k", "test")
    assert dealt.splitlines() == [
        "n_known: a, b, d, f, g, i, j, k",
        "n_new: c, h",
        "n = n_known + n_new",
    ]
    assert inbox.deal_words("n: a, b, c, d, e, f, g, h", "train") == "n: a, b, d, f, g"


def test_picking_templates():
    rules = "[ham_friend]\n<plan>\n\n[plan]\nOne.\nvalidation: Two.\ntest: Three."
    assert inbox.pick_templates(rules, "train") == "[ham_friend]\n<plan>\n[plan]\nOne."
    assert inbox.pick_templates(rules, "validation") == "[ham_friend]\n<plan>\n[plan]\nTwo."
