"""The tales: every probability is checked against counts, sums or a hand-worked value."""

import math
import random
import re
from collections import Counter

import pytest

from classroom.worlds import tales
from classroom.worlds.grammar.grammar import Grammar, text_of
from classroom.worlds.grammar.nodes import Choice, Draw

SAMPLES = 20_000
NAMES = "girl (she): Mia, Ada, Eva\nboy (he): Tom, Max\nname = girl + boy\n"
CUT_DOWN_WORDS = NAMES + "fruit: apple, fig, peach\nsmall: one, two, three\nall: four, three, two"
CUT_DOWN_RULES = """
[tale]
2 <share>
<meet>[The end.|{^h.he} went home.]
[share]
{h:name} had {n:all} {x:fruit.s} and gave {k:small<n} to {f:name!h}. {^left=n-k} {left~x}
  {left~was/were} left for {h.him}.
[meet]
{h:name} met {f:name!h}. [|"I am {f}," said the {f.boy}. ]
"""


@pytest.fixture(scope="module")
def many():
    """Twenty thousand tales, drawn once."""
    return tales.sample(SAMPLES, seed=7)


@pytest.fixture(scope="module")
def small():
    return Grammar(CUT_DOWN_WORDS, CUT_DOWN_RULES)


def chi_square_fits(counts, probabilities, total):
    """Whether counts fit probabilities: chi-square below its one-in-ten-thousand point.

    Rare outcomes are pooled until each cell expects ten. The point is Wilson and Hilferty's
    (1931) approximation with the normal quantile 3.72.
    """
    cells, pooled = [], [0.0, 0.0]
    for outcome, p in probabilities.items():
        pair = [counts.get(outcome, 0), p * total]
        if pair[1] >= 10:
            cells.append(pair)
        else:
            pooled = [pooled[0] + pair[0], pooled[1] + pair[1]]
    if pooled[1]:
        cells.append(pooled)
    degrees = len(cells) - 1
    statistic = sum((seen - expected) ** 2 / expected for seen, expected in cells)
    limit = degrees * (1 - 2 / (9 * degrees) + 3.72 * math.sqrt(2 / (9 * degrees))) ** 3
    return statistic < limit


# The engine on a grammar small enough to list.


def test_a_hand_worked_probability():
    grammar = Grammar("fruit: apple, fig", "[tale]\n3 {n:fruit.a} is [red|green|ripe]\nno fruit")
    first = (1 / 11) / (1 / 11 + 1 / 12)  # Zipf's law with the shift 10
    assert grammar.log_prob("an apple is red") == pytest.approx(math.log2(3 / 4 * first / 3))
    assert grammar.log_prob("no fruit") == -2.0


def test_the_cut_down_grammar_sums_to_one(small):
    texts = Counter()
    for text, probability in small.enumerate():
        texts[text] += probability
    assert len(texts) == 440
    assert math.fsum(texts.values()) == pytest.approx(1.0, abs=1e-12)
    for text, probability in texts.items():
        assert 2.0 ** small.log_prob(text) == pytest.approx(probability, rel=1e-9)


def test_the_cut_down_grammar_is_sampled_as_it_claims(small):
    probabilities = Counter()
    for text, probability in small.enumerate():
        probabilities[text] += probability
    counts = Counter(small.sample(SAMPLES, seed=3))
    assert set(counts) <= set(probabilities)
    assert chi_square_fits(counts, probabilities, SAMPLES)


def test_the_chi_square_test_can_fail(small):
    probabilities = dict(small.enumerate())
    skewed = {text: p * (1.2 if " Mia" in text else 0.9) for text, p in probabilities.items()}
    counts = Counter(small.sample(SAMPLES, seed=3))
    assert not chi_square_fits(counts, skewed, SAMPLES)


def test_an_ambiguous_text_sums_over_its_derivations():
    grammar = Grammar("color: red, blue", "[tale]\n[red|blue] {:color}\n2 red {:color}")
    red = (1 / 11) / (1 / 11 + 1 / 12)
    assert 2.0 ** grammar.log_prob("red red") == pytest.approx(1 / 3 * 1 / 2 * red + 2 / 3 * red)
    assert len(grammar.read("red red").derivations) == 2


def test_opening_probabilities_add_up(small):
    texts = Counter()
    for text, probability in small.enumerate():
        texts[text] += probability
    for start in ("", "M", "Ma", "Mia had two", "Tom met Ada. ", "Tom met Ada. The end."):
        mass = math.fsum(p for text, p in texts.items() if text.startswith(start))
        assert 2.0 ** small.opening_log_prob(start) == pytest.approx(mass, rel=1e-9)
    assert small.opening_log_prob("Tom met Tom") == -math.inf


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        ("Mia met Mia.", 8),  # a friend is somebody else ("Max" would share the M: 9)
        ("Mia met Tom. She went home", 26),  # stops too early
        ("Mia met Tom. He went home.", 13),
        ("Mia met Tom. The end. Or not.", 21),
        ("", 0),
    ],
)
def test_a_wrong_text_is_refused_at_its_place(small, text, reached):
    with pytest.raises(ValueError, match=r"character \d+"):
        small.log_prob(text)
    assert abs(small.read(text).reached - reached) <= 1


@pytest.mark.parametrize(
    ("words", "rules", "message"),
    [
        ("fruit apple", "[tale]\nx", "not a word list"),
        ("fruit: fig, fig", "[tale]\nx", "repeats a word"),
        ("", "[tale]\n{:fruit}", "no word list 'fruit'"),
        ("", "[tale]\n<missing>", "missing"),
        ("", "[other]\nx", "no rule 'tale'"),
        ("", "[tale]\n[a|b", "not closed"),
        ("", "[tale]\na|b", "unmatched"),
        ("", "[tale]\n{a b}", "slot"),
        ("", "[tale]\nx\n[tale]\ny", "defined twice"),
        ("", "a line\n[tale]\nx", "before the first rule"),
    ],
)
def test_bad_notation_is_named(words, rules, message):
    with pytest.raises(ValueError, match=message):
        Grammar(words, rules)


# The tales themselves.


def test_the_same_seed_gives_the_same_tales():
    assert tales.sample(5, seed=1) == tales.sample(8, seed=1)[:5]
    assert tales.sample(5, seed=1) != tales.sample(5, seed=2)


def test_every_tale_scores_as_the_sum_of_its_choices():
    grammar, rng = tales.load_grammar(), random.Random(0)
    for _ in range(300):
        steps = grammar.derive(rng)
        drawn = math.fsum(math.log2(step.branch.probability) for step in steps)
        scored = tales.log_prob(text_of(steps))
        assert scored <= 0
        assert scored == pytest.approx(drawn, abs=1e-9)
        assert len(grammar.read(text_of(steps)).derivations) == 1


def test_enough_bits_words_shapes_and_no_repeats(many):
    bits = [-tales.log_prob(tale) for tale in many[:500]]
    assert min(bits) > 50
    assert sum(bits) / len(bits) > 80
    assert len(set(many)) == len(many)
    words = Counter(word for tale in many for word in re.findall(r"[a-z']+", tale.lower()))
    assert sum(count >= 5 for count in words.values()) >= 2000


def test_every_shape_is_drawn():
    grammar = tales.load_grammar()
    shapes = {node.name for _, (node,) in grammar.rules["shape"].options}
    assert len(shapes) >= 30
    rng = random.Random(0)
    drawn = [grammar.derive(rng) for _ in range(1500)]
    assert {getattr(s.node, "name", "") for steps in drawn for s in steps} & shapes == shapes


def test_the_english_is_clean(many):
    for tale in many[:3000]:
        assert not re.search(r"  |\s[.,?!]|[.?!] [a-z](?!.*said)|\{|\}|\[|\]|<|>|\|", tale), tale
        assert not re.search(r"\ba [aeio]|\ban [^aeiouh]", tale), tale
        assert tale.count('"') % 2 == 0, tale
        assert tale[0].isupper(), tale


def test_marginal_choices_fit_their_claims():
    """Whole distributions of single choices, counted over 20,000 derivations."""
    grammar, rng = tales.load_grammar(), random.Random(11)
    seen: dict[int, Counter] = {}
    nodes = {}
    for _ in range(SAMPLES):
        for step in grammar.derive(rng):
            node = step.node
            free = isinstance(node, Choice) or isinstance(node, Draw) and not node.distinct_from
            if free and not getattr(node, "below", ""):
                nodes[id(node)] = node
                key = step.branch.word or id(step.branch.nodes)
                seen.setdefault(id(node), Counter())[key] += 1
    tested = 0
    for key, node in nodes.items():
        branches, total = node.branches({}).items, seen[key].total()
        if total < 400 or len(branches) < 2:
            continue
        claimed = {b.word or id(b.nodes): b.probability for b in branches}
        assert chi_square_fits(seen[key], claimed, total), node
        tested += 1
    assert tested > 200


def test_a_draw_below_or_apart_from_another_is_renormalized():
    words = "count: two, three, four\nname: Mia, Tom"
    grammar = Grammar(words, "[tale]\n{n:count} {k:count<n} {h:name} {f:name!h}", "tale")
    with pytest.raises(ValueError, match="no continuation"):
        dict(grammar.enumerate())
    grammar = Grammar(words + "\nlow: one, two", "[tale]\n{n:count} {k:low<n} {h:name} {f:name!h}")
    texts = dict(grammar.enumerate())
    assert math.fsum(texts.values()) == pytest.approx(1.0)
    two, mia = (1 / 11) / (1 / 11 + 1 / 12 + 1 / 13), (1 / 11) / (1 / 11 + 1 / 12)
    assert texts["two one Mia Tom"] == pytest.approx(two * mia)


@pytest.mark.parametrize("kind", tales.KINDS)
def test_a_perturbed_tale_is_refused(kind):
    """Wrong pronoun or number form, wrong object recalled, wrong count."""
    grammar, rng = tales.load_grammar(), random.Random(5)
    tried = 0
    for _ in range(400):
        steps = grammar.derive(rng)
        text = text_of(steps)
        for place, step in enumerate(steps):
            if tales._kind(step) != kind:
                continue
            probe = tales._probe(kind, steps, place, rng)
            if probe is None:
                continue
            end = step.start + len(step.branch.text)
            assert probe.prefix + probe.right == text[:end]
            for wrong in probe.wrong:
                with pytest.raises(ValueError, match="character"):
                    tales.log_prob(probe.prefix + wrong + text[end:])
                tried += 1
            break
    assert tried > 60
