"""A page that asks the questions of the quiz bank, one after the other.

`quiz(lecture=15)` asks those of one lecture, `Quiz(generate_questions("softmax"))` any others.
`Round` holds what was answered and knows nothing of widgets; `Quiz` puts it into a notebook.
Where no widget can run, there is a static page of the questions, with the answers folded away. The
questions come from `classroom.study.quiz_bank`.
"""

import html
from random import Random

from classroom.pages.knobs import INK, LINE, PAPER, live_and_still
from classroom.study import progress as study
from classroom.study.quiz_bank import (
    QuizQuestion,
    ask,
    generate_questions,
    load_quiz,
    name_of,
    nearest_topics,
    questions,
    shuffled,
)

__all__ = [
    "Quiz",
    "QuizQuestion",
    "Round",
    "ask",
    "generate_questions",
    "load_quiz",
    "nearest_topics",
    "questions",
    "quiz",
    "shuffled",
]

LETTERS = "ABCD"
RIGHT, WRONG = "#dbefdd", "#fbe6cc"
CARD = (
    f"color:{INK};border:1px solid {LINE};border-radius:8px;padding:8px 14px;margin:4px 0;"
    "max-width:52em;line-height:1.45;white-space:normal"
)


def _card(inside, color=PAPER, role=""):
    return f'<div{role} style="background:{color};{CARD}">{inside}</div>'


class Round:
    """A round of questions: the order of their choices, and the answers so far.

    Raises ValueError if there is no question.

    >>> round_of_two = Round(questions(lecture=15)[:2])
    >>> _ = round_of_two.answer(0, shuffled(questions(lecture=15)[0])[1])
    >>> round_of_two.right, len(round_of_two.answers)
    (1, 1)
    """

    def __init__(self, questions, seed=0):
        self.questions = list(questions)
        if not self.questions:
            raise ValueError("a quiz needs at least one question")
        self.choices, self.places = zip(
            *(shuffled(question, seed) for question in self.questions), strict=True
        )
        self.answers = {}

    def answer(self, number, place):
        """Answer question `number` with the choice at `place`; only the first answer counts."""
        self.answers.setdefault(number, place)
        return ask(self.questions[number], self.choices[number][self.answers[number]])

    @property
    def right(self):
        """The number of right answers."""
        return sum(self.places[number] == place for number, place in self.answers.items())

    def html(self):
        """All questions as a static page, each answer folded away."""
        cards = []
        for number, question in enumerate(self.questions):
            items = "".join(f"<li>{html.escape(choice)}</li>" for choice in self.choices[number])
            place = self.places[number]
            cards.append(
                _card(
                    f"<b>{number + 1}. {html.escape(question.question)}</b>"
                    f'<ol type="A" style="margin:4px 0">{items}</ol>'
                    f"<details><summary>Answer</summary>{LETTERS[place]}: "
                    f"{html.escape(question.answer)}. {html.escape(question.why)}</details>"
                )
            )
        return "".join(cards)


class Quiz:
    """One question at a time, four buttons A to D, and an explanation of the one you press.

    `begin` starts again, with other questions if they are given.

    Everything can be reached with Tab and pressed with Enter or the space bar. `round`, `number`,
    `heading`, `buttons`, `texts`, `verdict` and `next` are plain objects and widgets, so a test
    can use them without a browser. Without ipywidgets there is only the static page.
    """

    def __init__(self, questions, seed=0):
        self.view = None
        self.begin(questions, seed)
        try:
            import ipywidgets as widgets
        except ImportError:
            return
        wide = widgets.Layout(width="99%")
        self.heading, self.verdict = widgets.HTML(layout=wide), widgets.HTML(layout=wide)
        self.buttons = [
            widgets.Button(description=letter, layout={"width": "44px", "flex": "0 0 auto"})
            for letter in LETTERS
        ]
        narrow = {"flex": "1 1 0%", "min_width": "0"}  # so that long choices wrap
        self.texts = [widgets.HTML(layout=narrow) for _ in LETTERS]
        for place, button in enumerate(self.buttons):
            button.on_click(lambda _, place=place: self.press(place))
        self.next = widgets.Button(
            description="Next question", layout={"width": "auto", "align_self": "flex-start"}
        )
        self.next.on_click(lambda _: self.go_on())
        rows = [widgets.HBox(pair) for pair in zip(self.buttons, self.texts, strict=True)]
        self.choices = widgets.VBox(rows)
        self.view = widgets.VBox([self.heading, self.choices, self.verdict, self.next], layout=wide)
        self._show()

    def press(self, place):
        """Answer the question on the page; only the first answer to it counts."""
        if self.number == len(self.questions):
            return  # a press that was on its way as the last question went
        first = self.number not in self.round.answers
        said = self.round.answer(self.number, place)
        if first:
            self._remember()
        answered, right = self.round.answers[self.number], self.round.places[self.number]
        self.buttons[answered].button_style = "warning"
        self.buttons[right].button_style = "success"
        color = RIGHT if answered == right else WRONG
        # a screen reader says what appears here
        self.verdict.value = _card(html.escape(said), color, ' role="status"')
        self.heading.value = self._heading()

    def _remember(self):
        """Keep, for the report card, whether the newest answer to this question is right."""
        question, round_ = self.questions[self.number], self.round
        if name := name_of(question):
            right = round_.answers[self.number] == round_.places[self.number]
            study.remember("quiz", name, right)

    def go_on(self):
        """Show the next question; after the last one the result, and then start again."""
        self.number += 1
        if self.number > len(self.questions):
            self.begin(self.questions, self.seed + 1)
        else:
            self._show()

    def begin(self, questions, seed=0):
        """Ask these questions from the first one on."""
        self.questions, self.seed = list(questions), seed
        self.round, self.number = Round(self.questions, seed), 0
        if self.view is not None:
            self._show()

    def _show(self):
        done = self.number == len(self.questions)
        self.heading.value, self.verdict.value = self._heading(), ""
        self.choices.layout.display = "none" if done else None
        self.next.description = "Start again" if done else "Next question"
        if done:
            return
        choices = zip(self.buttons, self.texts, self.round.choices[self.number], strict=True)
        for button, text, choice in choices:
            button.button_style, button.tooltip = "", choice
            text.value = (
                f'<div style="background:{PAPER};color:{INK};border-radius:4px;padding:5px 8px;'
                "box-sizing:border-box;max-width:50.6em;"  # as high as a button, as wide as a card
                f'line-height:1.4;white-space:normal">{html.escape(choice)}</div>'
            )

    def _heading(self):
        answered = len(self.round.answers)
        score = f"{self.round.right} of {answered} right"
        if self.number == len(self.questions):
            left = len(self.questions) - answered
            return _card(f"<b>The end: {score}.</b>" + (f" Left out: {left}." if left else ""))
        question = self.questions[self.number]
        so_far = f" So far {score}." if answered else ""
        return _card(
            f"Question {self.number + 1} of {len(self.questions)}, {html.escape(_source([question]))}."
            f"{so_far}<br><b>{html.escape(question.question)}</b>"
        )

    def __repr__(self):
        return f"Quiz({len(self.questions)} questions, {_source(self.questions)})"

    def _repr_mimebundle_(self, **_):
        """The live widget, and the static page for where no kernel runs."""
        words, still = repr(self), self.round.html()
        if self.view is None:
            return {"text/plain": words, "text/html": still}
        return live_and_still(words, still, self.view)


def _source(questions):
    """The lectures of the questions, or the topic of questions from elsewhere."""
    if any(question.lecture is None for question in questions):
        return f"on {questions[0].topic}"
    lectures = sorted({question.lecture for question in questions})
    if len(lectures) == 1:
        return f"lecture {lectures[0]}"
    return f"lectures {lectures[0]} to {lectures[-1]}"


def quiz(lecture=None, topic=None, n=None, seed=0):
    """Return a page that asks the questions of a lecture or a topic, one after the other.

    `n` is how many to take at random; without a lecture, a topic and `n` there are ten.
    Raises ValueError for an unknown lecture or topic, and for more questions than there are.

    >>> quiz(lecture=15, n=5)
    Quiz(5 questions, lecture 15)
    """
    found = questions(lecture, topic)
    if n is None and lecture is None and topic is None:
        n = 10
    if n is not None:
        if not 1 <= n <= len(found):
            raise ValueError(f"n must be 1 to {len(found)}, not {n}")
        found = sorted(Random(seed).sample(found, n), key=load_quiz().index)
    return Quiz(found, seed)
