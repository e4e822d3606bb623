"""Checks for notebook 01, ELIZA vs GPT."""

import math
import random

from classroom.turns.registry import attempted, exercise, wrong
from helpers.eliza import Eliza
from helpers.eliza.rules import match
from helpers.eliza.script import parse_script

_SMALL_SCRIPT = """
(Hello.)
(i = you ((0) (I am the rule of another keyword.)))
(am = are ((0) (NEWKEY)))
(my = your)
(NONE ((0) (No keyword was found.)))
"""


@exercise("01.1", "A rule of your own")
def tired_entry(attempt):
    entry = attempted(attempt())
    if not isinstance(entry, str):
        wrong(f"return the entry as a string in three quotes; this is a {type(entry).__name__}.")
    try:
        script = parse_script(_SMALL_SCRIPT.strip() + " " + entry)
    except ValueError as error:
        line, _, reason = str(error).partition(": ")
        number = int(line.removeprefix("line ")) - 4  # the last line of the small script is yours
        wrong(f"the entry cannot be read. In its line {number}: {reason}.")
    if "TIRED" not in script.keywords:
        wrong("there is no entry for the word tired: it must begin with (tired 4")
    if script.keywords["TIRED"].rank != 4:
        rank = script.keywords["TIRED"].rank
        wrong(f"its rank is {rank}, not 4. The rank follows the word, before the patterns.")
    _tired_of(script)
    _just_tired(script)
    return "it asks back about what it heard, and its answers take turns."


def _tired_of(script):
    eliza = Eliza(script)
    first = eliza.respond("I am tired of my long days")
    if [step.keyword for step in eliza.trace.steps][-1:] != ["TIRED"]:
        wrong(
            f"to 'I am tired of my long days' the answer was {first!r}, and your entry did not "
            "give it. Patterns see the sentence after the swap: 'you are tired of your long days'."
        )
    if "long days" not in first:
        wrong(
            f"to 'I am tired of my long days' it says {first!r}. Put the words behind 'of' into "
            "the answer, and let the pattern for any sentence, (0), come last."
        )
    if "tired of" in first and "you are tired" in first:
        wrong(f"it says {first!r}: that piece holds too much. Count the elements of the pattern.")
    second = eliza.respond("I am tired of waiting")
    if "long days" in second or "waiting" not in second:
        wrong(f"to 'I am tired of waiting' it says {second!r}, which is not about waiting.")
    if second.replace("waiting", "your long days") == first:
        wrong("it gives the same answer twice. Write two answers after each pattern.")


def _just_tired(script):
    eliza = Eliza(script)
    first, second = eliza.respond("I am so tired"), eliza.respond("tired")
    for reply in (first, second):
        if reply in ("I am the rule of another keyword.", "No keyword was found."):
            wrong(
                "to 'I am so tired' your entry has no answer. Add the pattern (0), which fits all."
            )
    if first == second:
        wrong("for plain tiredness, it gives the same answer twice. Write two.")


@exercise("01.2", "Cut a sentence yourself")
def cut(attempt):
    result = _attempted_cut(attempt, [0, "you", "are", 0], "today you are late")
    if result != [["today"], ["you"], ["are"], ["late"]]:
        wrong(
            f"[0, 'you', 'are', 0] on 'today you are late' gave {result}, not "
            "[['today'], ['you'], ['are'], ['late']]: one list of words for each element."
        )
    cases = [
        (["you", 0], "if you go", "the pattern must fit from the first word on."),
        ([0, "you"], "you there", "the pattern must use up every word; words were left over."),
        ([0, "you", 0], "you", "a 0 may stand for no words at all."),
        ([0, "you", 0], "if you say you can", "a 0 takes as few words as it can: the first 'you'."),
        ([0, "a", 0, "b"], "a b a b", "a 0 must take more words where the end needs it."),
        ([0], "", "an empty sentence fits the pattern [0], with one empty piece."),
        (["you"], "", "an empty sentence does not fit a word: the answer is None."),
    ]
    for pattern, text, reason in cases:
        _compare(attempt, pattern, text, reason)
    draw = random.Random(0)
    for _ in range(300):
        pattern = [draw.choice([0, "a", "b"]) for _ in range(draw.randint(1, 5))]
        _compare(attempt, pattern, " ".join(draw.choice("ab") for _ in range(7)), "")
    return "it cuts 300 random sentences as ELIZA does."


def _attempted_cut(attempt, pattern, text):
    """The attempt's pieces for a text; a stub returns None for a sentence that matches."""
    return attempted(attempt(list(pattern), text.split()))


def _compare(attempt, pattern, text, reason):
    found = attempt(list(pattern), text.split())
    upper = [element.upper() if isinstance(element, str) else element for element in pattern]
    expected = match(upper, text.split())
    if found != expected:
        wrong(f"{pattern} on {text!r} gave {found}, not {expected}. {reason}".strip())


@exercise("01.3", "How much does it repeat itself?")
def repetition(attempt):
    replies = {"1": "a", "2": "b", "3": "a", "4": "a"}
    result = attempted(attempt(replies.get, list(replies)))
    if math.isclose(result, 2):
        wrong("that is the number of repetitions. Divide by the number of replies.")
    for text, share, reason in (
        ("123", 1 / 3, "one reply of three had been said before"),
        ("1234", 1 / 2, "two of four had been said before"),
        ("12", 0, "nothing was repeated"),
    ):
        found = attempt(replies.get, list(text))
        distinct = len({replies[letter] for letter in text}) / len(text)
        if not math.isclose(found, share) and math.isclose(found, distinct):
            wrong(f"{found:.2f} is the share of different replies. Subtract it from 1.")
        if not math.isclose(found, share, abs_tol=1e-9):
            said = ", ".join(replies[letter] for letter in text)
            wrong(f"for the replies {said} it gave {found:.3f}, not {share:.3f}: {reason}.")
    heard = []
    attempt(lambda text: heard.append(text) or str(len(heard)), ["x", "y", "z"])
    if heard != ["x", "y", "z"]:
        wrong(
            f"the texts x, y, z were put as {heard}. Ask each once and in order: ELIZA's next "
            "answer depends on what it was asked before."
        )
    if attempt(replies.get, []) != 0:
        wrong("without any text it must be 0, not an error.")
    share = attempt(Eliza.default().respond, ["Who is there?", "Where am I?"] * 10)
    return f"of ELIZA's replies to 20 questions, {share:.0%} are repetitions."


@exercise("01.4", "The text labels itself")
def next_word_pairs(attempt):
    result = list(attempted(attempt("the cat sat on it", 2)))
    expected = [(["the"], "cat"), (["the", "cat"], "sat"), (["cat", "sat"], "on"),
                (["sat", "on"], "it")]  # fmt: skip
    found = [(list(before), word) for before, word in result]
    if any(word in before[-1:] for before, word in found):
        wrong("a word is in its own input. The label must be hidden, or nothing is learned.")
    if any(len(before) > 2 for before, _ in found):
        wrong("an input holds more than 2 words. Keep the last context_size words only.")
    if len(found) > len(expected):
        wrong("there is one pair too many: the first word has nothing before it.")
    if found and all(len(before) == 2 for before, _ in found):
        wrong("the pairs at the beginning are missing: an input may be shorter than context_size.")
    if any(before and before[0] == "the" for before, _ in found[2:]):
        wrong("the input keeps the first words. Keep the last ones, which are next to the label.")
    if found != expected:
        wrong(f"for 'the cat sat on it' and 2 it gave {found}, not {expected}.")
    for text in ("", "alone"):
        if list(attempt(text, 3)) != []:
            wrong(f"the text {text!r} has no pair: there is no word with one before it.")
    if [len(before) for before, _ in attempt("a b c d e", 10)] != [1, 2, 3, 4]:
        wrong("with a context longer than the text, each input holds all the words before it.")
    return "every word but the first became a label, without any labeling by hand."


@exercise("01.5", "A prompt with examples")
def few_shot_prompt(attempt):
    task, examples = "Say it in one word.", [("not cold", "warm"), ("not late", "early")]
    expected = (
        "Say it in one word.\n\nInput: not cold\nOutput: warm\n\n"
        "Input: not late\nOutput: early\n\nInput: not dark\nOutput:"
    )
    result = attempted(attempt(task, examples, "not dark"))
    if not isinstance(result, str):
        wrong(f"a prompt is one string; this is a {type(result).__name__}. Join the parts.")
    if result != result.rstrip():
        wrong(
            "it ends with a space or a line end. Tokens begin with a space, so the answer's own "
            "space would be taken away from it. End right after 'Output:'."
        )
    if not result.endswith("Input: not dark\nOutput:"):
        wrong(f"it must end with the query, unanswered: 'Output:'. It ends {result[-30:]!r}.")
    if result.count("Input:") != 3:
        wrong(f"two examples and the query make 3 inputs; here are {result.count('Input:')}.")
    if not result.startswith(task):
        wrong("the task must come first: it says how to read the examples.")
    if result.replace("\n\n", "\n") == expected.replace("\n\n", "\n"):
        if result != expected:
            wrong("the parts need an empty line between them, so that each reads as one.")
    elif result != expected:
        wrong(f"it gave {result!r}, not {expected!r}.")
    zero = attempt(task, [], "not dark")
    if zero != "Say it in one word.\n\nInput: not dark\nOutput:":
        wrong(f"without examples it gave {zero!r}: only the task and the query belong there.")
    return "the model has everything it needs, and the next token is the answer."


@exercise("01.6", "How long does it take?")
def training_days(attempt):
    days = attempted(attempt(175e9, 300e9, 1024, 28e12))
    expected = 6 * 175e9 * 300e9 / (1024 * 28e12) / 86400
    slips = {
        1 / 6: "you left out the 6: each parameter takes 2 operations forward and 4 back.",
        1 / 3: "you counted only the way forward, 2 operations. The way back takes 4 more.",
        86400: "those are seconds. A day has 24 * 3600 of them.",
        24: "those are hours. Divide by 24.",
        1024: "you left out the cards: they share the work.",
        1024**2: "more cards make it longer here. Divide by their number.",
    }
    for factor, reason in slips.items():
        if math.isclose(days, expected * factor, rel_tol=0.01):
            wrong(reason)
    if not math.isclose(days, expected, rel_tol=0.01):
        wrong(f"for GPT-3 on 1,024 cards it gave {days:.4g} days, not {expected:.1f}.")
    if not math.isclose(attempt(1e6, 1e6, 1, 6e12 / 86400), 1, rel_tol=1e-6):
        wrong("it is right for GPT-3 but not for a small model: use all four arguments.")
    return f"GPT-3 on 1,024 such cards takes {days:.0f} days, if nothing breaks."
