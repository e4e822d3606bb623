"""Which words of a question say what it is about: for the search by words, and to judge an answer."""

import re

from helpers.evaluate import words_of

# How many wordings begin, which says nothing about what is asked.
OPENING = re.compile(
    r"^(?:(?:can|could) you (?:tell me|explain)|tell me|explain|in simple words)(?: about)?,? *",
    re.I,
)
# The frequent words of English grammar, and of questions.
STOP_WORDS = frozenset(
    "a an the is are was were be been being am do does did done has have had can could will would "
    "should may might must not no it its this that these those there i we you he she they me my us our "
    "your their of in on at to for from by with about into over and or but if than then so as too what "
    "which who whose whom how why when where tell explain mean means".split()
)


def content_words(text: str) -> str:
    """Return the words of a question that say what it is about; all words if none is left.

    >>> content_words("Can you tell me what the chain rule says?")
    'chain rule says'
    """
    words = words_of(OPENING.sub("", text))
    return " ".join([word for word in words if word not in STOP_WORDS] or words)


def told(answer: str, right: str, question: str) -> float:
    """Return how many of the right answer's content words an answer tells that the question has not.

    >>> told("a loss is a number", "a loss is one number that says how wrong it is", "What is a loss?")
    0.25
    """
    known = set(words_of(question)) | STOP_WORDS
    wanted = set(words_of(right)) - known
    return len(wanted & set(words_of(answer))) / len(wanted) if wanted else 1.0
