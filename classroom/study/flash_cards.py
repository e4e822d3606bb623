"""The interview questions of the lecture notes as flash cards that come back until they are known.

Five boxes (Leitner 1972): a card that you knew moves one box up and comes back later; one that you
did not know goes back to the first box and comes back today. `classroom.study.progress` keeps the
state.
"""

import contextlib
import datetime
import html
import re
from dataclasses import dataclass
from pathlib import Path

from classroom.pages.knobs import live_and_still
from classroom.study import progress as study

NOTES = Path(__file__).parents[2] / "lecture_notes"
DAYS = (0, 1, 3, 7, 21)  # until a card of box 1 to 5 comes back


@dataclass(frozen=True)
class Card:
    """An interview question with its answer, and the lecture that it belongs to."""

    name: str
    lecture: int
    question: str
    answer: str


def load_cards(lecture=None, folder=NOTES):
    """Return the cards of one lecture or of all; raises ValueError if there are none.

    >>> load_cards(15)[0].name
    '15.1'
    """
    cards = []
    for path in sorted(Path(folder).glob("[0-9][0-9]_*.md")):
        number = int(path.name[:2])
        if lecture in (None, number):
            cards += _cards_of(path.read_text("utf-8"), number)
    if not cards:
        raise ValueError(f"there are no interview questions of lecture {lecture} in {folder}")
    return cards


def _cards_of(markdown, lecture):
    section = re.search(r"^## Interview questions\n(.*?)(?=^## |\Z)", markdown, re.M | re.S)
    text = re.sub(r"<!--.*?-->", "", section[1], flags=re.S) if section else ""
    found = re.findall(r"^\*\*Q(\d+)\.\s+(.*?)\*\*\n+(.*?)(?=^\*\*Q\d|\Z)", text, re.M | re.S)
    return [
        Card(f"{lecture:02}.{number}", lecture, question.strip(), _plain(answer))
        for number, question, answer in found
    ]


def _plain(markdown):
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown).strip()


def marked_up(markdown):
    """Return a line of Markdown as HTML: code, bold and italic text; formulas stay in `$`.

    >>> marked_up("Is `a < b` *always* true for $a$?")
    'Is <code>a &lt; b</code> <i>always</i> true for $a$?'
    """
    done = []
    for piece in re.split(r"(`[^`]+`|\$[^$]+\$)", markdown):
        text = html.escape(piece)
        if piece.startswith("`"):
            text = f"<code>{text[1:-1]}</code>"
        elif not piece.startswith("$"):
            text = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", text)
            text = re.sub(r"\*([^*]+)\*", r"<i>\1</i>", text)
        done.append(text)
    return "".join(done)


def box_of(card):
    """Return the box of a card, 1 to 5; a new card is in box 1."""
    return _entry(study.read_state("cards"), card)[0]


def _entry(known, card):
    """The box of a card and the day on which it comes back; an entry of another shape is new."""
    match known.get(card.name):
        case [int(box), str(day)] if 1 <= box <= len(DAYS) and not isinstance(box, bool):
            with contextlib.suppress(ValueError):
                return box, datetime.date.fromisoformat(day)
    return 1, datetime.date.min


def due_cards(cards, today=None):
    """Return the cards that are due today, low boxes first; new cards are always due."""
    today = today or datetime.date.today()
    known = study.read_state("cards")
    due = [card for card in cards if _entry(known, card)[1] <= today]
    return sorted(due, key=lambda card: _entry(known, card)[0])


def grade(card, knew_it, today=None):
    """Move a card one box up, or back to the first; return the day on which it comes back."""
    today = today or datetime.date.today()
    box = min(box_of(card) + 1, len(DAYS)) if knew_it else 1
    day = today + datetime.timedelta(days=DAYS[box - 1])
    study.remember("cards", card.name, [box, day.isoformat()])
    return day


class FlashCards:
    """A window with one card at a time: think, turn it over, and mark whether you knew it.

    `cards` are those of one lecture, several or all. The buttons can be reached by keyboard.
    """

    def __init__(self, cards, today=None):
        import ipywidgets as widgets

        self.today, self.cards = today, list(cards)
        self.waiting = due_cards(self.cards, today)
        self.page = widgets.HTMLMath()  # it sets the formulas
        buttons = [
            widgets.Button(description=text, layout={"width": "auto"})
            for text in ("Show the answer", "I knew it", "Not yet")
        ]
        self.turn_button, self.knew_button, self.not_yet_button = buttons
        self.turn_button.on_click(lambda _: self._show(turned=True))
        self.knew_button.on_click(lambda _: self._grade(True))
        self.not_yet_button.on_click(lambda _: self._grade(False))
        self.view = widgets.VBox([self.page, widgets.HBox(buttons)])
        self._show(turned=False)

    @classmethod
    def of_lectures(cls, first, last):
        """The cards of the lectures from `first` to `last`, both included.

        >>> FlashCards.of_lectures(15, 15).cards[0].name
        '15.1'
        """
        return cls(card for card in load_cards() if first <= card.lecture <= last)

    def _grade(self, knew_it):
        if self.knew_button.disabled:
            return  # a second press that was on its way
        card = self.waiting.pop(0)
        if due_cards([card], self.today):  # not graded in another window meanwhile
            grade(card, knew_it, self.today)
        if not knew_it:
            self.waiting.append(card)
        self._show(turned=False)

    def _show(self, turned):
        self.page.value = self.html(turned)
        self.turn_button.disabled = turned or not self.waiting
        for button in (self.knew_button, self.not_yet_button):
            button.disabled = not turned

    def html(self, turned=False):
        """The current card as a page, with its answer once it is turned over."""
        if not self.waiting:
            return "<p>No card is due today. Come back tomorrow.</p>"
        card = self.waiting[0]
        answer = f"<p>{marked_up(card.answer)}</p>" if turned else ""
        return (
            '<div style="max-width:46em;padding:12px 16px;border:1px solid #d9d6cb;'
            'border-radius:8px;background:#fbfaf6;color:#22262e;line-height:1.5">'
            f"<small>lecture {card.lecture}, {len(self.waiting)} to go</small>"
            f"<p><b>{marked_up(card.question)}</b></p>{answer}</div>"
        )

    def __repr__(self):
        return f"FlashCards({len(self.cards)} cards)"

    def _repr_mimebundle_(self, **_):
        """The live widget, and a static card for where no kernel runs."""
        return live_and_still(repr(self), self.html(), self.view)
