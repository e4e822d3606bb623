"""Checks for notebook 01, ELIZA vs GPT."""

import math

from classroom.turns.registry import attempted, exercise, wrong
from helpers.eliza import Eliza
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
            f"to 'I am tired of my long days' it says {first!r}. Put the words after 'of' into "
            "the answer, and let the pattern for any sentence, (0), come last."
        )
    pieces = eliza.trace.steps[-1].pieces
    if len(pieces) < 3 or not any(piece == ["your", "long", "days"] for piece in pieces):
        wrong(
            f"it says {first!r}. The words after 'of' are no piece of their own: let the pattern "
            "name 'tired of' between two zeros."
        )
    numbers = [part for part in eliza.trace.steps[-1].answer.parts if isinstance(part, int)]
    if pieces.index(["your", "long", "days"]) + 1 not in numbers:
        wrong(f"it says {first!r}: the answer names another piece. Count the pattern's elements.")
    other = Eliza(script)
    reply = other.respond("A friend of mine is tired")
    if any(["mine", "is", "tired"] in step.pieces for step in other.trace.steps):
        wrong(
            f"to 'A friend of mine is tired' it says {reply!r}: nobody is tired of something here. "
            "The pattern must hold tired and of, one right after the other."
        )
    second = eliza.respond("I am tired of waiting")
    if "long days" in second or "waiting" not in second:
        wrong(f"to 'I am tired of waiting' it says {second!r}, which is not about waiting.")
    if second.replace("waiting", "your long days") == first:
        wrong("it gives the same answer twice. Write two answers after each pattern.")


def _just_tired(script):
    eliza = Eliza(script)
    replies = []
    for text in ("I am so tired", "tired"):
        replies.append(eliza.respond(text))
        if [step.keyword for step in eliza.trace.steps][-1:] != ["TIRED"]:
            wrong(
                "to 'I am so tired' your entry has no answer. Add the pattern (0), which fits all."
            )
    if len(set(replies)) < 2:
        wrong("for plain tiredness, it gives the same answer twice. Write two.")


@exercise("01.2", "How much does it repeat itself?")
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


@exercise("01.3", "How long does it take?")
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
