"""Questions about everything else: what an assistant learns to refuse.

A model that has only seen questions that it can answer answers everything. So it also learns from a
hundred questions to which the only answer is that it does not know. Whether it has learned to refuse,
and not these hundred, is measured on other subjects, `classroom.worlds.course_qa.foreign_questions`.
"""

from functools import cache

import yaml

from classroom.worlds.course_qa import ASSETS


@cache
def _by_subject() -> dict[str, list[str]]:
    text = (ASSETS / "unrelated_questions.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def subjects() -> list[str]:
    """Return the subjects of the questions.

    >>> subjects()[:2]
    ['literature', 'philosophy']
    """
    return list(_by_subject())


def unrelated_questions() -> list[str]:
    """Return all questions, subject by subject.

    >>> len(unrelated_questions()), unrelated_questions()[0]
    (100, 'Who wrote Pride and Prejudice?')
    """
    return [question for asked in _by_subject().values() for question in asked]
