"""The pencil exercises: three per note, and every answer is computed again."""

import pytest

from tools import notes
from tools.exercises import PAGE, exercises_of, find_problems, lectures_of, spoiled
from tools.lectures import ROOT

TEXT = (ROOT / "lecture_notes" / PAGE).read_text("utf-8")


def page(*answers, number="07"):
    """A page with an exercise for each answer."""
    fold = "<details>\n<summary>Answer</summary>\n\n{}\n\n</details>\n"
    parts = [
        f"**{number}{k}** How many?\n\n{fold.format(a)}"
        for k, a in zip("abc", answers, strict=False)
    ]
    return f"# Exercises\n\n## Lecture {number}\n\n" + "\n".join(parts)


def test_every_note_has_its_exercises():
    assert lectures_of(TEXT) == [lecture.number for lecture in notes.written()]


def test_every_answer_is_right():
    assert find_problems(TEXT) == []
    assert not list(notes._formulas(TEXT)), "formulas that GitHub would not show"


def test_no_result_can_be_changed_unseen():
    """Spoil every bold result: each must be found."""
    text, changed = spoiled(TEXT)
    assert changed >= len(exercises_of(TEXT))
    found = [problem for problem in find_problems(text) if " gives " in problem]
    assert len(found) == changed, "\n".join(found)


def test_questions_are_questions_and_no_two_are_the_same():
    questions = [exercise.question for exercise in exercises_of(TEXT)]
    assert len(set(questions)) == len(questions)
    commands = ("Write", "Encode", "Compute", "Estimate", "Normalize", "Try", "What", "How", "Find")
    wrong = [q for q in questions if "?" not in q and not any(word in q for word in commands)]
    assert not wrong, "\n".join(wrong)


GOOD = "6 times 7 is **42**<!-- = 6 * 7 -->."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (page(GOOD, GOOD, GOOD), None),
        (page(GOOD, GOOD), "three per note"),
        (page(GOOD, GOOD, "It is 42."), "07c: no result in bold"),
        (page(GOOD, GOOD, "It is **42**."), "no marker right after **42**"),
        (page(GOOD, GOOD, "It is **41**<!-- = 6 * 7 -->."), "gives 42"),
        (page(GOOD, GOOD, "As **42**<!-- = 6 * 7 --> / 10 = 4.2."), "no marker vouches for 4.2"),
        (page(GOOD, GOOD, "It is **more**<!-- = 'less' if 1 > 2 else 'more' -->."), None),
        (page(GOOD, GOOD, "It is **less**<!-- = 'less' if 1 > 2 else 'more' -->."), "gives 'more'"),
    ],
)
def test_faults_are_found(text, words):
    problems = find_problems(text)
    if words is None:
        assert problems == []
    else:
        assert any(words in problem for problem in problems), problems
