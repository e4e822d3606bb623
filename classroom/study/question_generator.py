"""The question generator of lecture 1: pick a topic, press Generate, get a set of questions.

    question_generator("attention")

The questions come from the course's own bank, which needs no network, or from a language model on a
server that you name (see `classroom.pages.talkers`). What a model writes is checked before it is
shown (`classroom.study.question_writer`). If a server fails, the page says so in one line and uses
the bank.
"""

import re
from dataclasses import dataclass
from html import escape
from random import Random

from classroom.pages.knobs import card, in_words, live_and_still, make_button, telling
from classroom.pages.talkers import ChatServer, find_gpts
from classroom.study.question_writer import LONGEST_TOPIC, MOST, ask_for_questions, counted_kinds
from classroom.study.quiz import Quiz
from classroom.study.quiz_bank import (
    QuizQuestion,
    generate_questions,
    load_quiz,
    nearest_topics,
    questions,
)
from helpers.judge import server_judge
from helpers.limits import check_whole

SECONDS, TOKENS = 180, 2000  # how long a server may write, and how much
SUGGESTIONS = 5


@dataclass(frozen=True)
class QuestionSet:
    """Questions, a remark about them, and topics to try if there are none."""

    questions: tuple[QuizQuestion, ...]
    words: str
    suggestions: tuple[str, ...] = ()


def find_questions(topic, n=3, seed=0):
    """Pick up to `n` questions of the bank, about a word ("softmax") or a lecture ("15").

    The same seed gives the same questions. Raises ValueError for an unknown lecture, and for an
    unknown topic, naming the nearest known ones.

    >>> {question.lecture for question in find_questions("lecture 15")}
    {15}
    """
    check_whole("n", n, least=1, most=MOST)
    if not isinstance(topic, str | int):
        raise TypeError(f"topic must be a word or a lecture's number, not {type(topic).__name__}")
    lecture = _lecture(topic)
    if lecture is None:
        return generate_questions(topic, n, seed)
    found = questions(lecture)
    return sorted(Random(seed).sample(found, min(n, len(found))), key=found.index)


def _lecture(topic):
    """The number in "15" or "lecture 15"; None if the topic is a word."""
    found = re.fullmatch(r"\s*(?:lecture\s*)?(-?\d{1,9})\s*", str(topic), re.I)
    return int(found[1]) if found else None


def make_set(topic, n=3, seed=0, writer=None):
    """Return the `QuestionSet` for a topic: from a `writer` if given, else from the bank.

    A writer is a `ChatServer`, or anything with `name`, `reset()` and `respond(text)`. If it fails,
    the set's remark says why, and its questions come from the bank.
    """
    check_whole("n", n, least=1, most=MOST)
    topic = " ".join(str(topic).split())
    if not topic:
        return QuestionSet((), "Type a topic, or the number of a lecture.")
    if len(topic) > LONGEST_TOPIC:
        said = f"A topic has {LONGEST_TOPIC} characters at most; this one has {len(topic):,}."
        return QuestionSet((), said)
    trouble = ""
    if writer is not None:
        try:
            found, problems = ask_for_questions(topic, n, server_judge(writer))
        except Exception as error:  # any error of a writer is said, and the bank is used
            said = in_words(error)
            named = said if writer.name in said else f"{writer.name}: {said}"
            trouble = f"{named}. "
        else:
            words = (
                f"Written by {writer.name}, in the right form; whether it is true, nobody checked."
            )
            left_out = f" Left out: {counted_kinds(problems)}." if problems else ""
            return QuestionSet(tuple(found), words + _short_of(len(found), n) + left_out)
    found = _from_bank(topic, n, seed, " instead" if trouble else "")
    return QuestionSet(found.questions, trouble + found.words, found.suggestions)


def _from_bank(topic, n, seed, instead=""):
    try:
        found = find_questions(topic, n, seed)
    except ValueError as error:
        if _lecture(topic) is None:
            said = f"The bank has {error}."
            return QuestionSet((), said, tuple(nearest_topics(topic, SUGGESTIONS)))
        return QuestionSet((), f"There is no such lecture: {error}.")
    return QuestionSet(
        tuple(found), f"From the course's own bank{instead}.{_short_of(len(found), n)}"
    )


def _short_of(count, n):
    return f" Only {count} instead of {n}." if count < n else ""


def find_writers(environment=None):
    """The servers that you named in the environment, with enough time to write some questions.

    `environment` replaces `os.environ`. Nothing is contacted yet.
    """
    return [
        ChatServer(gpt.url, gpt.model, gpt.key, SECONDS, TOKENS)
        for gpt in find_gpts(environment)
        if isinstance(gpt, ChatServer)
    ]


class QuestionGenerator:
    """A box for a topic, a slider for the number, and a button that gets a set of questions.

    Press the button again for other questions on the same topic. If there are `writers` (see
    `make_set`), a menu offers them; none is contacted before the button is pressed. After an
    unknown topic, buttons offer the nearest known ones. `box`, `slider`, `menu`, `button`,
    `suggestions`, `said` and `quiz` are plain widgets, so a test can use them without a browser.
    """

    def __init__(self, topic="attention", n=3, writers=()):
        import ipywidgets as widgets

        self.writers, self.presses = [None, *writers], 0
        wide = {"style": {"description_width": "80px"}, "layout": {"width": "340px"}}
        # The value changes on Enter, not on every key, in ipywidgets 7 and 8.
        self.box = widgets.Text(
            value=str(topic), description="topic", continuous_update=False,
            placeholder="a word, or the number of a lecture", **wide,
        )  # fmt: skip
        self.slider = widgets.IntSlider(description="questions", min=1, max=MOST, value=n, **wide)
        names = ["the course's own bank", *(writer.name for writer in writers)]
        self.menu = widgets.Dropdown(
            options=[(name, place) for place, name in enumerate(names)], value=0,
            description="written by", **wide,
        )  # fmt: skip
        self.menu.layout.display = "none" if len(names) == 1 else None
        self.button = make_button("Generate", self._press, button_style="primary")
        self.suggestions = [make_button("", lambda n=n: self.take(n)) for n in range(SUGGESTIONS)]
        self.said, self.quiz = widgets.HTML(layout={"width": "99%"}), Quiz(load_quiz()[:1])
        self.box.observe(telling(self.said, self._typed), names="value")
        self._show(make_set(topic, n))
        rows = {"flex_flow": "row wrap", "width": "99%"}
        knobs = widgets.HBox([self.box, self.slider, self.menu, self.button], layout=rows)
        offers = widgets.HBox(self.suggestions, layout=rows)
        parts = [knobs, self.said, offers, self.quiz.view]
        self.widget = widgets.VBox(parts, layout={"width": "99%"})

    def generate(self):
        """Get a set of questions and show the first, as the button does."""
        writer = self.writers[self.menu.value]
        if writer is not None:
            self.said.value = card(f"{escape(writer.name)} is writing. This can take minutes.")
        self.button.disabled, self.presses = True, self.presses + 1
        try:
            self._show(make_set(self.box.value, self.slider.value, self.presses, writer))
        finally:
            self.button.disabled = False

    def _press(self):
        telling(self.said, self.generate)()

    def take(self, number):
        """Use the topic on suggestion `number`; a button that is not shown does nothing."""
        self.box.value = self.suggestions[number].description or self.box.value

    def _typed(self, _=None):
        """Enter asks the bank at once; a server is asked only by the button."""
        if self.menu.value == 0:
            self.generate()
        else:
            self.said.value = card("Press Generate.")

    def _show(self, found):
        self.set = found
        self.said.value = card(escape(found.words))
        for number, button in enumerate(self.suggestions):
            shown = number < len(found.suggestions)
            button.layout.display = None if shown else "none"
            button.description = found.suggestions[number] if shown else ""
        self.quiz.view.layout.display = None if found.questions else "none"
        if found.questions:
            self.quiz.begin(found.questions, self.presses)

    def __repr__(self):
        return f"QuestionGenerator({self.box.value!r}, {len(self.set.questions)} questions)"

    def _repr_mimebundle_(self, **_):
        still = card(f"Questions about <b>{escape(self.box.value)}</b>. {escape(self.set.words)}")
        if self.set.questions:
            still += self.quiz.round.html()
        return live_and_still(repr(self), still, self.widget)


def question_generator(topic="attention", n=3, environment=None):
    """Return the generator, with every server that you named in the environment as a writer.

    Raises ValueError for `n` outside 1 to 10, and for an invalid address of a server.

    >>> question_generator("softmax", environment={})
    QuestionGenerator('softmax', 3 questions)
    """
    return QuestionGenerator(topic, n, find_writers(environment))
