"""Reading scripts in the 1966 format, and refusing malformed ones by line."""

import pytest

from helpers.eliza.rules import AnyOf, Reassembly, Tagged
from helpers.eliza.script import parse_script, read_groups

NONE = "(NONE ((0) (Go on.)))"


def script_with(*entries):
    """A script with a greeting in line 1, these entries from line 2 on, and NONE."""
    return "\n".join(["(Hello.)", *entries, NONE, "()"])


def test_every_kind_of_entry_is_read():
    script = parse_script(
        script_with(
            "START",
            "; a comment (with brackets = and signs",
            "(dont = don't)",
            "(my = your 2 ((0 your 0 (/FAMILY) 0) (Your 4?) (NEWKEY)) ((0) (=WHAT)))",
            "(mom = mother DLIST(/ FAMILY))",
            "(mother DLIST(/NOUN FAMILY))",
            "(what ((0) (Why do you ask?)))",
            "(how (=WHAT))",
            "(when (= WHAT))",
            "(i'm = you're ((0 you're 0) (PRE (you are 3) (=WHAT))))",
            "(like 10 ((0 (*am is) 0 like 2) (=WHAT)) (=WHAT))",
            "(MEMORY my (0 your 0 = Earlier: your 3.))",
            "(POST (I are = I am))",
        )
    )
    assert script.greeting == "Hello."
    keywords = script.keywords
    assert keywords["DONT"].substitute == "don't" and not keywords["DONT"].rules
    assert (keywords["MY"].substitute, keywords["MY"].rank) == ("your", 2)
    family, anything = keywords["MY"].rules
    assert family.pattern == (0, "YOUR", 0, Tagged(("FAMILY",)), 0)
    assert family.reassemblies == (Reassembly(("Your", 4, "?")), Reassembly(newkey=True))
    assert anything.reassemblies == (Reassembly(link="WHAT"),)
    assert script.tags == {"FAMILY": {"MOM", "MOTHER"}, "NOUN": {"MOTHER"}}
    for word in ("HOW", "WHEN"):  # with and without a space after the equals sign
        assert keywords[word].rules[0].pattern == (0,)
        assert keywords[word].rules[0].reassemblies == (Reassembly(link="WHAT"),)
    assert keywords["I'M"].rules[0].reassemblies == (Reassembly(("you", "are", 3), "WHAT"),)
    like, fallback = keywords["LIKE"].rules
    assert like.pattern == (0, AnyOf(("AM", "IS")), 0, "LIKE", 2)
    assert fallback.pattern == (0,) and fallback.reassemblies[0].link == "WHAT"
    assert script.memory_keyword == "MY" and len(script.memory) == 1
    assert script.post == [(["I", "ARE"], ["I", "am"])]
    assert "NONE" not in keywords and "START" not in keywords


def test_a_script_in_capitals_speaks_small_letters():
    script = parse_script("(TELL ME, I'M HERE) (I = YOU ((0) (I SEE 1))) (NONE ((0) (GO ON)))")
    assert script.greeting == "tell me, I'm here"
    assert script.keywords["I"].substitute == "you"
    assert script.keywords["I"].rules[0].reassemblies[0].parts == ("I", "see", 1)


def test_rules_print_as_they_are_written():
    script = parse_script(script_with("(a ((0 b (*c d) (/E) 2) (Why 2?) (=A) (PRE (x 1) (=A))))"))
    rule = script.keywords["A"].rules[0]
    assert str(rule) == "(0 b (*c d) (/E) 2)"
    assert list(map(str, rule.reassemblies)) == ["(Why 2?)", "(=A)", "(PRE (x 1) (=A))"]
    assert str(Reassembly(newkey=True)) == "(NEWKEY)"


def test_groups_know_their_lines():
    groups = read_groups("(a\n (b\n c))")
    assert (groups[0].line, groups[0][1].line, groups[0][1][1].line) == (1, 2, 3)


@pytest.mark.parametrize(
    ("entries", "line", "message"),
    [
        (["(yes ((0) (I see.))"], 2, "never closed"),
        (["(yes ((0) (I see.))))"], 2, "closes nothing"),
        (["", "(yes ((0) (You 2.)))"], 3, "no piece 2: the pattern cuts pieces 1 to 1"),
        (["(yes ((0) (You 0.)))"], 2, "no piece 0"),
        (["(yes ((0 yes)", "  (I see.)", "  (PRE (you 3) (=YES))))"], 4, "no piece 3"),
        (["(yes ((0)", "  (=MAYBE)))"], 3, "leads nowhere: MAYBE has no entry"),
        (["(yes (=MAYBE))", "(maybe = perhaps)"], 2, "MAYBE has no rules"),
        (["(yes ((0) (=)))"], 2, "a link must name one keyword"),
        (["(yes ((0) (= a b)))"], 2, "a link must name one keyword"),
        (["(yes (() (I see.)))"], 2, "empty decomposition"),
        (["(yes ((0) ()))"], 2, "empty reassembly"),
        (["(yes ((0)))"], 2, "without a reassembly"),
        (["(yes (0 (I see.)))"], 2, "must begin with a decomposition"),
        (["(yes ((0) I see.))"], 2, "'I' is not in parentheses"),
        (["(yes ((0) (I (see))))"], 2, "a list inside"),
        (["(yes ((0 (sad low)) (I see.)))"], 2, r"\(\*word word\) or \(/TAG\)"),
        (["(yes ((0 (*)) (I see.)))"], 2, r"\(\*word word\) or \(/TAG\)"),
        (["(yes ((0 ((*a))) (I see.)))"], 2, r"\(\*word word\) or \(/TAG\)"),
        (["(yes ((0 ()) (I see.)))"], 2, r"\(\*word word\) or \(/TAG\)"),
        (["(yes ((0) (PRE (you 1))))"], 2, "PRE must read"),
        (["(yes ((0) (PRE () (=YES))))"], 2, "empty reassembly"),
        (["(yes DLIST (*A))"], 2, "DLIST must read"),
        (["(yes DLIST)"], 2, "'DLIST' is not understood"),
        (["(yes = )"], 2, "'=' is not understood"),
        (["(yes ())"], 2, "is not understood"),
        (["(yes surely)"], 2, "'surely' is not understood"),
        (["(yes (=NONE))"], 2, "leads nowhere"),
        (["(((0) (I see.)))"], 2, "must begin with its keyword"),
        (["(= yes)"], 2, "must begin with its keyword"),
        (["yes"], 2, "'yes' is outside"),
        (["(yes ((0) (A.)))", "(YES ((0) (B.)))"], 3, "already has an entry, in line 2"),
        (["(MEMORY)"], 2, "MEMORY must read"),
        (["(MEMORY my)"], 2, "MEMORY must read"),
        (["(MEMORY my (0 your 0))"], 2, "a MEMORY rule must read"),
        (["(MEMORY my word)"], 2, "a MEMORY rule must read"),
        (["(my = your)", "(MEMORY my (0 your 0 = Your 4.))"], 3, "no piece 4"),
        (["(my = your)", "(MEMORY my (0 your 0 = Your 3.))"], 3, "MEMORY needs a keyword MY"),
        (["(MEMORY my (0 your 0 = Your 3.))"], 2, "MEMORY needs a keyword MY"),
        (["(POST (I are I am) (a = b))"], 2, "POST must read"),
    ],
)
def test_malformed_scripts_name_their_line(entries, line, message):
    with pytest.raises(ValueError, match=rf"^line {line}: .*{message}"):
        parse_script(script_with(*entries))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "empty"),
        ("; only a comment\n", 2, "empty"),
        ("()", 1, "NONE is missing"),
        ("(Hello.)\n(yes ((0) (I see.)))\n", 3, "NONE is missing"),
        ("(Hello.)\n(NONE ((0) (You say 1.)))", 2, "NONE is missing"),
        ("(Hello.)\n(NONE ((0) (NEWKEY)))", 2, "NONE is missing"),
        ("((Hello.))", 1, "a list inside the greeting"),
    ],
)
def test_a_script_needs_a_greeting_and_none(text, line, message):
    with pytest.raises(ValueError, match=rf"^line {line}: .*{message}"):
        parse_script(text)
