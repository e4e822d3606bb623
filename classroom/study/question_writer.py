"""Questions written by a language model: the prompt that asks for them, and the check of the reply.

A reply is only text. It is parsed as far as possible, and everything that is not a question with
four different choices, one of them right, and an explanation is left out, with the reason. Whether
an answer is true cannot be checked in this way.
"""

import json
import re

from classroom.study.quiz_bank import QuizQuestion
from helpers.judge import short_reply
from helpers.limits import check_whole

MOST = 10  # questions in a set
LONGEST_REPLY, LONGEST_TEXT, LONGEST_TOPIC = 100_000, 600, 100  # characters
LETTERED = re.compile(r"\s*\(?([A-Da-d])[).:]\s+")
OTHERS = re.compile(
    r"\b(all|none|both|neither) of (the )?(above|these|choices)\b"
    r"|^(only |both )?\(?[A-D]\)? (and|or) \(?[A-D]\)?\.?$",
    re.I,
)
PROMPT = """\
Write {n} multiple-choice questions about {topic}. Reply with JSON alone, a list of {n} objects \
of this form:
{{"question": "...", "choices": ["...", "...", "...", "..."], "right": 0, "why": "..."}}
"right" is the place of the only right choice, counted from 0. The four choices differ, and none \
speaks of the others. "why" explains the answer in one sentence."""


def question_prompt(topic, n=3):
    """Return the prompt that asks a language model for `n` questions about a topic.

    Raises ValueError for a topic that is empty or has more than a hundred characters.

    >>> question_prompt("gravity", 3).splitlines()[0][:50]
    'Write 3 multiple-choice questions about gravity. R'
    """
    check_whole("n", n, least=1, most=MOST)
    topic = " ".join(topic.split())
    if not 0 < len(topic) <= LONGEST_TOPIC:
        raise ValueError(
            f"the topic has {len(topic)} characters; it must have 1 to {LONGEST_TOPIC}"
        )
    return PROMPT.format(topic=topic, n=n)


def parse_question(entry, topic):
    """Turn one entry of a model's reply into a question; raises ValueError saying what is wrong.

    >>> entry = {"question": "What is 2 + 2?", "choices": [3, 4, 5, 6], "right": 1, "why": "Count."}
    >>> parse_question(entry, "sums").answer
    '4'
    """
    if not isinstance(entry, dict):
        raise ValueError("JSON that cannot be read")
    missing = [name for name in ("question", "choices", "right", "why") if name not in entry]
    if missing:
        raise ValueError(f"no {', no '.join(missing)}")
    choices, right = entry["choices"], entry["right"]
    if not isinstance(choices, list) or len(choices) != 4:
        count = len(choices) if isinstance(choices, list) else 0
        raise ValueError(f"{count} choices instead of 4")
    question, why, *choices = map(_text, (entry["question"], entry["why"], *choices))
    letters = [LETTERED.match(choice) for choice in choices]
    if all(letters) and "".join(letter[1] for letter in letters).upper() == "ABCD":
        choices = [choice[letter.end() :] for choice, letter in zip(choices, letters, strict=True)]
    if len({choice.casefold().rstrip(" .") for choice in choices}) != 4:
        raise ValueError("two choices are the same")
    if any(OTHERS.search(choice) for choice in choices):
        raise ValueError("a choice that speaks of the others")
    if type(right) is not int or not 0 <= right < 4:
        raise ValueError(f"the right choice is {short_reply(right)}, not 0 to 3")
    answer = choices.pop(right)
    return QuizQuestion(question, answer, tuple(choices), why, None, topic)


def read_questions(reply, topic):
    """Return the questions in a model's reply, and the reason for each that is left out.

    They may be anywhere in the reply, in a list or one by one. Duplicates are left out.

    >>> read_questions('Sure! [{"question": "Why?"}]', "sums")
    ([], ['no choices, no right, no why'])
    """
    found, problems = {}, []
    for entry in _entries(str(reply)[:LONGEST_REPLY]):
        try:
            question = parse_question(entry, topic)
            key = " ".join(re.findall(r"\w+", question.question.casefold()))
            if key in found:
                raise ValueError("a question that came before")
            found[key] = question
        except ValueError as problem:
            problems.append(str(problem))
    return list(found.values()), problems


def ask_for_questions(topic, n, ask):
    """Ask a model (a function from prompt to reply) for questions; returns as `read_questions`.

    Raises ValueError if the reply has none, and whatever `ask` raises.
    """
    reply = ask(question_prompt(topic, n))
    found, problems = read_questions(reply, topic)
    if not found:
        why = counted_kinds(problems) if problems else short_reply(reply)
        raise ValueError(f"the reply holds no question that can be used: {why}")
    return found[:n], problems


def _entries(reply):
    """Every JSON object in a text; None for one that begins like a question but is not JSON."""
    decoder, place = json.JSONDecoder(strict=False), 0
    while (place := reply.find("{", place)) >= 0:
        try:
            entry, end = decoder.raw_decode(reply, place)
        except (ValueError, RecursionError):
            if re.compile(r'\{\s*"question"\s*:').match(reply, place):
                yield None
            place += 1
            continue
        place = end
        inside = [value for value in entry.values() if isinstance(value, list)]
        yield from inside[0] if len(entry) == len(inside) == 1 else [entry]


def _text(value):
    """A text, or a number as text, on one line."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError("an empty text")
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"a text of {len(value):,} characters")
    return " ".join(value.split()).encode("utf-8", "replace").decode("utf-8")


def counted_kinds(problems):
    """Return the different problems on one line, each with its number of occurrences.

    >>> counted_kinds(["an empty text", "no why", "an empty text"])
    'an empty text (2 times); no why'
    """
    kinds = dict.fromkeys(problems)
    many = {kind: problems.count(kind) for kind in kinds}
    return "; ".join(f"{kind} ({many[kind]} times)" if many[kind] > 1 else kind for kind in kinds)
