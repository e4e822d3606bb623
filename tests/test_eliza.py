"""ELIZA's conversations: each feature of the 1966 paper, the lecture's turns, any text at all."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.eliza import DEFAULT_SCRIPT, Eliza
from helpers.eliza.eliza import MAX_LINKS, hash_word, present
from helpers.eliza.script import parse_script

NONE = "(NONE ((0) (Go on.) (I see.)))"


def eliza_with(*entries, none=NONE):
    """ELIZA with a little script: a greeting, these entries, NONE."""
    return Eliza(parse_script("\n".join(["(Hello.)", *entries, none, "()"])))


def replies(eliza, *texts):
    return [eliza.respond(text) for text in texts]


# ---- letters and languages ----


def test_a_word_stays_whole_in_any_letters():
    for word in ("विकिपीडिया", "हिन्दी", "שָׁלוֹם", "می‌خواهم", unicodedata.normalize("NFD", "naïve")):
        said = Eliza.default().respond(f"I need {word} help")
        assert unicodedata.normalize("NFC", word) in said, said


def test_every_apostrophe_is_one():
    expected = Eliza.default().respond("I'm sad")
    assert "sad" in expected
    for mark in "’‘ʼ´`′＇":
        assert Eliza.default().respond(f"I{mark}m sad") == expected, mark


def test_a_german_script_holds_a_conversation():
    eliza = Eliza.load(DEFAULT_SCRIPT.with_name("therapist_german.script"))
    assert eliza.greeting == "Guten Tag. Was führt dich zu mir?"
    said = [
        "Ich bin heute sehr müde.",
        "Meine Prüfung macht mir Angst.",
        unicodedata.normalize("NFD", "Ich fühle mich übergangen."),
        "ICH BIN UNGLÜCKLICH",
        "Meine große Schwester ist streng",
        "Du bist eine Maschine!",
    ]
    assert replies(eliza, *said) == [
        "Es tut mir leid, dass du müde bist.",
        "Deine Prüfung macht dir Angst, sagst du?",
        "Fühlst du dich oft übergangen?",
        "Hilft es dir, hier zu sein, wenn du unglücklich bist?",
        "Wer gehört noch zu deiner Familie?",
        "Warum glaubst du, dass ich eine Maschine bin?",
    ]
    assert eliza.respond("Hm.") == "Vorhin hast du gesagt: deine Prüfung macht dir Angst."


# ---- the lecture's conversation ----


def test_the_lecture_conversation_turn_by_turn():
    eliza = Eliza.default()
    assert eliza.greeting == "How do you do. Please tell me your problem?"
    request = (
        "I am trying to learn about LLMs. But I am finding it difficult. "
        "Could you provide some resources for me to start with."
    )
    assert replies(eliza, request, "yes", "yes") == [
        "It is because you're trying to learn about LLM that you came to me.",
        "You seem to be quite positive.",
        "You are sure.",
    ]


def test_the_lecture_turns_come_from_rules_that_hold_for_other_sentences():
    assert replies(Eliza.default(), "I am moving to Lisbon!", "Yeah", "certainly") == [
        "It is because you're moving to Lisbon that you came to me.",
        "You seem to be quite positive.",
        "You are sure.",
    ]
    script = DEFAULT_SCRIPT.read_text(encoding="utf-8").lower()
    assert "learn" not in script and "resource" not in script  # nothing about that sentence


# ---- keywords, ranks, clauses ----


def test_the_highest_rank_goes_first_and_equals_keep_their_order():
    eliza = eliza_with("(sea 1 ((0) (Sea.)))", "(sun 5 ((0) (Sun.)))", "(sky 1 ((0) (NEWKEY)))")
    assert eliza.respond("sea and sky and sun") == "Sun."
    assert eliza.trace.keywords == [("SUN", 5), ("SEA", 1), ("SKY", 1)]
    assert eliza.respond("the sky, the sea") == "Go on."  # the comma ends the part: only SKY
    assert eliza.respond("sky sea") == "Sea."  # NEWKEY goes on to the next keyword


def test_a_keyword_that_does_not_outrank_the_top_waits_at_the_bottom():
    eliza = eliza_with("(a ((0) (A.)))", "(b 5 ((0) (B.)))", "(c 3 ((0) (C.)))")
    eliza.respond("a b c")
    assert [word for word, _ in eliza.trace.keywords] == ["B", "A", "C"]  # a stack, not a sort


@pytest.mark.parametrize("mark", [".", ",", ";", ":", "!", "?", " but ", " But ", "\n", "…"])
def test_only_the_first_part_with_a_keyword_is_kept(mark):
    eliza = eliza_with("(sea ((0) (Sea: 1.)))", "(sun 9 ((0) (Sun.)))")
    assert eliza.respond(f"well{mark}the sea{mark}the sun") == "Sea: the sea."
    assert eliza.trace.clause == ["the", "sea"]


def test_substitution_happens_before_the_patterns_look():
    eliza = eliza_with("(my = your ((0 your 0) (Your 3?)))", "(dont = don't)", "(me = you)")
    assert eliza.respond("I dont trust my friend with me") == "Your friend with you?"
    assert "don't" in eliza.trace.clause


def test_a_word_with_only_a_substitute_or_a_tag_is_no_keyword():
    eliza = eliza_with("(me = you)", "(mother DLIST(/FAMILY))", "(sea ((0) (Sea.)))")
    assert eliza.respond("mother and me, the sea") == "Sea."


def test_tags_and_alternatives():
    eliza = eliza_with(
        "(mom = mother DLIST(/FAMILY))",
        "(father DLIST(/FAMILY KIN))",
        "(my = your ((0 your (/FAMILY) 0) (Family: 3.)) ((0 (*red blue) 1) (Color 2 of 3.)))",
    )
    assert replies(eliza, "my mom", "my Father left", "my red hat", "my hat") == [
        "Family: mother.",
        "Family: Father.",
        "Color red of hat.",
        "Go on.",
    ]


def test_a_number_stands_for_exactly_so_many_words():
    eliza = eliza_with("(word ((word 2) (Two: 2.)) ((word 3 0) (Three: 2.)))")
    assert replies(eliza, "word a b", "word a b c", "word a") == [
        "Two: a b.",
        "Three: a b c.",
        "Go on.",
    ]


# ---- answers in turn, links, NEWKEY, PRE ----


def test_answers_are_used_in_turn_by_each_pattern_for_itself():
    eliza = eliza_with("(yes ((yes) (One.) (Two.)) ((0) (Other.)))")
    assert replies(eliza, "yes", "yes sir", "yes", "yes") == ["One.", "Other.", "Two.", "One."]
    eliza.reset()
    assert eliza.respond("yes") == "One."


def test_a_link_shares_the_turns_of_the_other_keyword():
    eliza = eliza_with("(what ((0) (One.) (Two.)))", "(how (=WHAT))", "(when 3 (=WHAT))")
    assert replies(eliza, "how", "what", "when") == ["One.", "Two.", "One."]


def test_newkey_runs_out_into_none():
    eliza = eliza_with("(a ((0) (NEWKEY)))", "(b ((b) (Only b.)))")
    assert replies(eliza, "a", "b c", "a b") == ["Go on.", "I see.", "Go on."]


def test_pre_changes_the_sentence_and_goes_on():
    eliza = eliza_with(
        "(i'm = you're ((0 you're 0) (PRE (you are 3) (=I))))",
        "(i = you ((you are 0) (Since when are you 3?)))",
    )
    assert eliza.respond("Sometimes I'm late") == "Since when are you late?"
    assert [step.keyword for step in eliza.trace.steps] == ["I'M", "I"]


def test_curly_apostrophes_count_as_straight_ones():
    assert Eliza.default().respond("I\N{RIGHT SINGLE QUOTATION MARK}m sad") == (
        "I am sorry to hear that you're sad."
    )


def test_circles_of_links_end_in_none():
    eliza = eliza_with("(a (=B))", "(b (=A))", "(c ((0) (PRE (1 1) (=C))))")
    assert replies(eliza, "a", "c") == ["Go on.", "Go on."]
    assert len(eliza.trace.steps) == MAX_LINKS


# ---- memory ----

MEMORY = (
    "(my = your 2 ((0 your 0) (Your 3.)))",
    "(MEMORY my (0 your 0 = First: 3.) (0 your 0 = Second: 3.) (0 your 0 = Third: 3.)"
    " (0 your 0 = Fourth: 3.))",
)


def test_hash_word_gives_what_the_published_conversation_shows():
    # In the paper 'Well, my boyfriend made me come here.' came back by the fourth MEMORY rule.
    assert hash_word("here") == 3
    assert {hash_word(word) for word in "red green blue white black gray".split()} == {0, 1, 2, 3}
    assert hash_word("learning") == hash_word("ng")  # only the last stretch of six counts
    assert hash_word("") == hash_word("      ")
    assert all(0 <= hash_word(word, bits=5) < 32 for word in ("é", "中文", "naïve", "_"))


def test_memory_comes_back_at_the_fourth_count_when_no_keyword_is_found():
    eliza = eliza_with(*MEMORY)
    assert eliza.respond("my boyfriend made a fuss here") == "Your boyfriend made a fuss here."
    assert eliza.trace.stored == "Fourth: boyfriend made a fuss here."
    assert replies(eliza, "well", "well", "well") == [
        "Go on.",
        "Fourth: boyfriend made a fuss here.",  # the counter began at 1: turn 3 is count 4
        "I see.",
    ]
    assert not eliza.memory


def test_memory_is_first_in_first_out():
    eliza = eliza_with(*MEMORY)
    replies(eliza, "my cat is here", "my dog is here", "hm", "hm", "hm", "hm")
    assert eliza.respond("hm") == "Fourth: dog is here."
    assert eliza.respond("my sun") == "Your sun." and len(eliza.memory) == 1


def test_memory_needs_its_keyword_on_top():
    eliza = eliza_with(*MEMORY, "(sea 9 ((0) (Sea.)))")
    eliza.respond("my sea")
    assert not eliza.memory and not eliza.trace.stored


# ---- how replies look ----


def test_present():
    assert present(["hello", "."]) == "Hello."
    assert present("why not".split()) == "Why not?"
    assert present(["go", "on", ".", "and", "then", "?"]) == "Go on. And then?"
    assert present([]) == ""


def test_your_own_words_keep_their_case_but_for_the_opening_capital():
    eliza = eliza_with("(sea ((0) (You said: 1.)))")
    assert eliza.respond("The sea at Nice") == "You said: the sea at Nice."
    assert eliza.respond("GPT at sea") == "You said: GPT at sea."
    assert eliza.respond("THE SEA AND I") == "You said: the sea and I."
    assert eliza.respond("I'm at sea 3.5 days") == "You said: I'm at sea 3.5 days."


def test_post_mends_the_finished_reply():
    eliza = eliza_with("(you = I ((0) (You say 1.)))", "(POST (I are = I am) (of I = of me))")
    assert eliza.respond("you are late") == "You say I am late."
    assert eliza.respond("fond of you") == "You say fond of me."


def test_a_script_in_capitals_as_in_1966():
    eliza = Eliza(
        parse_script("(TELL ME)\nSTART\n(I = YOU ((0 YOU 0) (WHY DO YOU 3)))\n(NONE ((0) (GO ON)))")
    )
    assert eliza.greeting == "Tell me."
    assert eliza.respond("I sing in Nice") == "Why do you sing in Nice?"
    assert eliza.respond("Hm") == "Go on."


def test_trace_shows_every_step():
    eliza = Eliza.default()
    eliza.respond("I'm sad today")
    text = str(eliza.trace)
    assert text.splitlines()[0] == "kept:      you're sad today"
    assert "keywords:  I'M (rank 0)" in text and "(0 you are 0 (/LOW) 0)" in text
    assert "- | you | are | - | sad | today" in text
    assert text.splitlines()[-1] == f"reply:     {eliza.trace.reply}"


# ---- loading ----


def test_load_reads_a_file_and_names_its_lines(tmp_path):
    path = tmp_path / "shop.script"
    path.write_text("(Welcome.)\n(NONE ((0) (Next, please.)))\n", encoding="utf-8")
    assert Eliza.load(path).greeting == "Welcome."
    assert Eliza.load(str(path)).respond("x") == "Next, please."
    path.write_text("(Welcome.)\n(yes ((0) (You 2.)))\n" + NONE, encoding="utf-8")
    with pytest.raises(ValueError, match="shop.script: line 2: there is no piece 2"):
        Eliza.load(path)
    path.write_bytes(b"(\xff\xfe)")
    with pytest.raises(ValueError, match="shop.script"):
        Eliza.load(path)
    with pytest.raises(FileNotFoundError):
        Eliza.load(tmp_path / "missing.script")


def test_respond_refuses_what_is_no_text():
    with pytest.raises(TypeError, match="text must be a string, not NoneType"):
        Eliza.default().respond(None)


# ---- any text, any script ----

COURSE_SCRIPT = Eliza.default().script  # read once for hundreds of conversations


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_any_text_gets_an_answer(texts):
    eliza = Eliza(COURSE_SCRIPT)
    for text in texts:
        reply = eliza.respond(text)
        assert reply and reply[-1] in ".!?" and "\n" not in reply


WORDS = st.sampled_from(
    "i you my your am are me mother sad feel like you're I'm think remember if because , . but "
    "always everyone why can't what yes paris dream".split()
)


WORDS_OF_THE_SCRIPT = re.findall(r"[\w']+", DEFAULT_SCRIPT.read_text(encoding="utf-8").lower())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(WORDS, max_size=12), min_size=1, max_size=6))
def test_replies_hold_no_word_from_outside(sentences):
    eliza, known = Eliza(COURSE_SCRIPT), set(WORDS_OF_THE_SCRIPT)
    for sentence in sentences:
        text = " ".join(sentence)
        reply = eliza.respond(text)
        known |= set(re.findall(r"[\w']+", text.lower()))
        assert set(re.findall(r"[\w']+", reply.lower())) <= known


ENTRIES = st.lists(
    st.sampled_from(
        ["((0) (=A))", "((0) (=B))", "((0) (PRE (1 b 1) (=A)))", "((0 b 0) (NEWKEY))",
         "((1) (=B))", "((0 a 2) (Say 3.) (=B))", "((0 a 0) (1))"]
    ),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(ENTRIES, ENTRIES, st.text(alphabet="ab ,", max_size=12))
def test_every_script_comes_to_an_end(rules_of_a, rules_of_b, text):
    eliza = eliza_with(f"(a 1 {' '.join(rules_of_a)})", f"(b {' '.join(rules_of_b)})")
    for _ in range(2):
        assert eliza.respond(text)


def test_the_default_script_is_rich_and_every_answer_can_be_said():
    script = parse_script(DEFAULT_SCRIPT.read_text(encoding="utf-8"))
    entries = [*script.keywords.values(), script.none]
    answers = [a for entry in entries for rule in entry.rules for a in rule.reassemblies]
    assert len(script.keywords) > 120 and sum(not (a.link or a.newkey) for a in answers) > 150
    for entry in entries:
        assert entry.rules or entry.substitute or entry.tags, entry.word
