"""The pencil exercises of the notes, lecture_notes/exercises.md, and what is wrong with them.

The page is written as a reader sees it: a section for each note, an exercise in a paragraph that
begins with its number, its answer folded below it. The result in an answer is bold, and every
number with a decimal point has a marker with the expression that gives it, as in the notes' worked
examples.
"""

import re
from dataclasses import dataclass

from tools.note_numbers import NO_PROSE, check_numbers

PAGE = "exercises.md"
LETTERS = "abc"  # of the exercises of a note
SECTION = re.compile(r"^## (?:Lecture|Note) (\d\d)\n", re.MULTILINE)
EXERCISE = re.compile(
    r"^\*\*(?P<number>\d\d[a-z])\*\* (?P<question>.+?)\n\n<details>\n<summary>Answer</summary>\n\n"
    r"(?P<answer>.+?)\n\n</details>$",
    re.MULTILINE | re.DOTALL,
)
RESULT = re.compile(r"\*\*([^*\n]+)\*\*")


@dataclass(frozen=True)
class Exercise:
    """One exercise: its number such as "07a", and where its answer is in the page."""

    number: str
    question: str
    answer: str
    place: tuple[int, int]


def lectures_of(text: str) -> list[str]:
    """The lectures, and the notes beyond them, that have a section, in its order.

    >>> lectures_of("# Exercises\\n\\n## Lecture 43\\n\\n**43a** How many?\\n\\n## Note 44\\n")
    ['43', '44']
    """
    return SECTION.findall(text)


def exercises_of(text: str) -> list[Exercise]:
    """All exercises of the page, in order."""
    return [
        Exercise(found["number"], found["question"], found["answer"], found.span("answer"))
        for found in EXERCISE.finditer(text)
    ]


def results_of(answer: str) -> list[re.Match]:
    """The bold results of an answer; the stars of its hidden expressions are none.

    >>> [result[1] for result in results_of("It is **8**<!-- = 2**3 --> or **9**<!-- = 3**2 -->.")]
    ['8', '9']
    """
    shown = NO_PROSE[1].sub(lambda hidden: " " * len(hidden[0]), answer)
    return list(RESULT.finditer(shown))


def find_problems(text: str) -> list[str]:
    """All that is wrong with the page, a sentence each."""
    exercises = exercises_of(text)
    wanted = [lecture + letter for lecture in lectures_of(text) for letter in LETTERS]
    problems = []
    if [exercise.number for exercise in exercises] != wanted:
        off = set(wanted) ^ {exercise.number for exercise in exercises}
        problems.append(f"there should be three per note, in order; look at {sorted(off)}")
    if text.count("<details>") != len(exercises):
        problems.append(f"{text.count('<details>')} answers, {len(exercises)} exercises")
    for exercise in exercises:
        results = results_of(exercise.answer)
        if not results:
            problems.append(f"{exercise.number}: no result in bold")
        for result in results:
            if not re.match(r"[^\n]{0,9}<!-- = ", exercise.answer[result.end() :]):
                problems.append(f"{exercise.number}: no marker right after {result[0]}")
    return [*problems, *check_numbers(text, *(exercise.place for exercise in exercises))]


def spoiled(text: str) -> tuple[str, int]:
    """The page with every bold result changed, and how many numbers and words that are.

    >>> spoiled("**07a** What?\\n\\n<details>\\n<summary>Answer</summary>\\n\\n**29**\\n\\n</details>")[1]
    1
    """
    changed, spoilt = 0, list(text)
    for exercise in exercises_of(text):
        for result in results_of(exercise.answer):
            word, numbers = re.subn(r"\d(?!\d|[.,]\d)", _another, result[1])
            place = exercise.place[0] + result.start(1)
            spoilt[place : place + len(word)] = word if numbers else "x" * len(word)
            changed += numbers or 1
    return "".join(spoilt), changed


def _another(digit):
    return str((int(digit[0]) + 3) % 10)
