"""Another model as the judge of answers: its prompt, its scores, and how reliable they are.

A judge is a function from a prompt to a reply, for instance that of a server:

    server = ChatServer(OLLAMA, "llama3.2")
    results = judge_answers(items, server_judge(server), "scores.jsonl")

Each score is saved as it comes, and a second run asks only for those that are missing.
Source: Zheng et al. 2023, "Judging LLM-as-a-Judge", sections 3.1 to 3.3.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from helpers.files import read_text

Judge = Callable[[str], str]  # a prompt to a reply

SCORE_PROMPT = """\
Given the question `{question}`, the correct answer `{reference}`, and the answer of a model \
`{answer}`, rate the model's answer from 0 (useless) to 100 (as good as the correct one). \
Reply with the whole number alone."""
PAIR_PROMPT = """\
Question: {question}

Answer A: {first}

Answer B: {second}

Which answer is better? Reply with one letter alone: A or B."""

# A number as it is written, so that "1,000", "4/5" and "9e+124" are seen whole and refused.
NUMBER = r"(?<![\w.,/])-?\d+(?:[.,/]\d+)*(?:[eE][+-]?\d+)?%?(?!\w)"
SCALE = re.compile(r"\(?\b0\s*(?:-|–|to|and)\s*100\b\)?|(?<=[\d*])\s*(?:/|out of|of)\s*100\b", re.I)
CALLED = re.compile(
    rf"\b(?:score|rating|grade|rate)\b(?:\W|is|of|it|this|answer|the|at|as|with|would|be)*?((?>{NUMBER}))"
    r"(?!\s*(?:-|–|to|and|or|of|out of|/)\s*\d|\s*:)",
    re.I,
)
# The letter, but not the article: "A good answer" names nothing.
VERBS = "or|nor|and|is|was|wins|has|because|for|since|as"
CHOICE = re.compile(
    rf"(?:[Aa]nswer|[Oo]ption|[Rr]esponse)\W+([AB])\b|\b([AB])\b(?!\s+(?!(?:{VERBS})\b)[a-z])"
)


class JudgeError(ValueError):
    """A judge's reply that is not what was asked for."""


def server_judge(server: Any) -> Judge:
    """Make a judge of anything with `reset()` and `respond(text)`; it forgets after each prompt."""

    def ask(prompt):
        server.reset()
        return server.respond(prompt)

    return ask


def without_thoughts(reply: str) -> str:
    """Return a reply without the draft that a reasoning model writes between `<think>` tags.

    >>> without_thoughts("<think>2 parts, 1 is right.</think> 85")
    '85'
    """
    said = re.split(r"</think(?:ing)?>", reply, flags=re.IGNORECASE)[-1]
    return re.split(r"<think(?:ing)?>", said, flags=re.IGNORECASE)[0].strip()  # never closed


def parse_score(reply: str) -> int:
    """Parse the score in a judge's reply; raises JudgeError if there is none from 0 to 100.

    A number alone on a line counts first, then one that is called a score, then the only number.
    The scale itself is no score, and where several numbers could be meant, none is taken.

    >>> parse_score("85"), parse_score("Score: 90/100."), parse_score("From 0 to 100, I say 80.")
    (85, 90, 80)
    """
    text = SCALE.sub(" ", without_thoughts(str(reply)))
    alone = [line.strip("*_`. \t") for line in text.splitlines()]
    alone = [line for line in alone if re.fullmatch(NUMBER, line)]
    for found in (alone, re.findall(CALLED, text), re.findall(NUMBER, text)):
        if len(set(found)) > 1:
            raise JudgeError(f"several numbers in {short_reply(reply)}")
        if found:
            return _checked_score(found[0])
    raise JudgeError(f"no score in {short_reply(reply)}")


def _checked_score(number):
    if not re.fullmatch(r"-?\d+(?:\.\d+)?%?", number):
        raise JudgeError(f"{number!r} is not a score from 0 to 100")
    if not _is_score(score := float(number.rstrip("%"))):
        raise JudgeError(f"the score {number} is outside 0 to 100")
    return round(score)


def _is_score(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100


def parse_choice(reply: str) -> str:
    """Parse "A" or "B" in a judge's reply; raises JudgeError if it names neither or both.

    >>> parse_choice("B."), parse_choice("Answer A is better"), parse_choice("A better one is B")
    ('B', 'A', 'B')
    """
    named = {one or other for one, other in re.findall(CHOICE, without_thoughts(str(reply)))}
    if len(named) != 1:
        raise JudgeError(f"neither A nor B alone in {short_reply(reply)}")
    return named.pop()


def judge_answers(
    items: Sequence[dict[str, str]], ask: Judge, path: Path | str, progress: bool = True
) -> list[dict[str, Any]]:
    """Score answers one by one and return all results, one dictionary per item.

    `items` are dictionaries with "question", "reference" and "answer". A result adds "score"; if
    the reply could not be parsed, it is None and "problem" says why. Results are appended to the
    file `path` as they come, and an item with a score there is not asked again. Raises
    ConnectionError if the judge cannot be reached; the scores before that are on disk.
    """
    from tqdm.auto import tqdm

    known = _read_results(path)
    results = []
    for item in tqdm(items, unit="answer", disable=not progress):
        key = _key(item)
        if known.get(key, {}).get("score") is None:
            known[key] = _score(item, ask)
            _append(path, known[key])
        results.append(known[key])
    return results


def mean_score(results: Iterable[dict[str, Any]]) -> tuple[float, int]:
    """Return (mean score, number of scores); raises ValueError if there is no score.

    >>> mean_score([{"score": 80}, {"score": None}, {"score": 60}])
    (70.0, 2)
    """
    scores = [result["score"] for result in results if result.get("score") is not None]
    wrong = [score for score in scores if not _is_score(score)]
    if wrong:
        raise ValueError(f"the score {wrong[0]!r} is not a number from 0 to 100")
    if not scores:
        raise ValueError("no reply of the judge could be parsed")
    return sum(scores) / len(scores), len(scores)


def position_bias(pairs: Sequence[tuple[str, str, str]], ask: Judge) -> dict[str, float]:
    """Measure whether a judge prefers a position: ask for the better of two answers in both orders.

    `pairs` are (question, one answer, other answer). Returns the shares of pairs in which the
    answer in first place won twice, the one in second place won twice, and the same answer won
    twice ("consistent"), and the share of replies that could not be parsed ("unread"). A fair judge
    is consistent. Raises ValueError for no pairs.
    """
    if not pairs:
        raise ValueError("there are no pairs to compare")
    counts = {"consistent": 0, "first place": 0, "second place": 0, "unread": 0}
    for question, one, other in pairs:
        try:
            in_order, reversed_order = [
                parse_choice(ask(PAIR_PROMPT.format(question=question, first=first, second=second)))
                for first, second in ((one, other), (other, one))
            ]
        except JudgeError:
            counts["unread"] += 1
            continue
        twice = {("A", "A"): "first place", ("B", "B"): "second place"}
        counts[twice.get((in_order, reversed_order), "consistent")] += 1
    return {name: count / len(pairs) for name, count in counts.items()}


def score_prompt(item: dict[str, str]) -> str:
    """Return the prompt that asks for a score; raises ValueError if a part of it is missing."""
    missing = [name for name in ("question", "reference", "answer") if name not in item]
    if missing:
        raise ValueError(f"an item to judge has no {' and no '.join(missing)}")
    return SCORE_PROMPT.format(**item)


def _score(item, ask):
    result = {name: item[name] for name in ("question", "reference", "answer") if name in item}
    try:
        return result | {"score": parse_score(ask(score_prompt(item)))}
    except JudgeError as problem:
        return result | {"score": None, "problem": str(problem)}


def _key(item):
    return tuple(item.get(name) for name in ("question", "reference", "answer"))


def _read_results(path):
    """The results in a file, by item; a line that is not one (after a crash, say) is skipped."""
    known: dict[tuple, dict] = {}
    if not Path(path).exists():
        return known
    for line in read_text(path).removeprefix("\ufeff").split("\n"):
        try:
            result = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(result, dict) or not all(isinstance(k, str) for k in _key(result)):
            continue
        if result.get("score") is None or _is_score(result["score"]):
            known[_key(result)] = result
    return known


def _append(path, result):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_bytes() if path.exists() else b""
    torn = before and not before.endswith(b"\n")  # the last run was killed within a line
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" * bool(torn) + json.dumps(result) + "\n")


def short_reply(reply: str) -> str:
    """Return a reply on one line, quoted and truncated, for a message.

    >>> short_reply("No,\\nthank you.")
    "'No, thank you.'"
    """
    text = " ".join(str(reply).split())
    return repr(text if len(text) <= 60 else text[:57] + "...")
