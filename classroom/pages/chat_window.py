"""One conversation with several talkers side by side, as a page and as a window to type into.

A talker is anything with `respond(text)` and `reset()`: `helpers.eliza.Eliza`, or a GPT from
`classroom.pages.talkers`. `Conversation` holds what was said and knows nothing of widgets;
`ChatWindow` puts it into a notebook. Where no widget can run, the same page is static.
"""

import copy
import html
import weakref

from classroom.pages.knobs import INK, LINE, PAPER, in_words, live_and_still
from helpers.bpe.train import valid_unicode

YOURS = "#d9e8f7"
TINTS = ("#dbefdd", "#fbe6cc", "#e8def3", "#d3eceb")  # one per talker
CELL = "text-align:left;vertical-align:top;padding:8px 12px;border:0;line-height:1.4"


# the conversation that a talker, by its id, belongs to, for as long as there is one
_TALKING = weakref.WeakValueDictionary()


class Conversation:
    """What was said to several talkers, and what each replied.

    Talkers remember, so two conversations never share one: the second gets a copy.

    >>> from helpers.eliza import Eliza
    >>> conversation = Conversation({"ELIZA": Eliza.default()})
    >>> conversation.say("yes")
    {'ELIZA': 'You seem to be quite positive.'}
    """

    def __init__(self, talkers):
        if not talkers:
            raise ValueError("a conversation needs at least one talker")
        self.talkers = {name: self._our_own(talker) for name, talker in talkers.items()}
        self.turns = []

    def say(self, text):
        """Send a text to every talker; return their replies by name.

        The reply of a talker that fails is its error message: an error in a window's callback
        would appear in no cell.
        """
        replies = {}
        for name, talker in self.talkers.items():
            try:
                reply = talker.respond(text)
                if not isinstance(reply, str):
                    raise TypeError(f"the reply is {type(reply).__name__}, not a text")
                replies[name] = valid_unicode(reply)  # a page cannot hold half a pair
            except Exception as error:
                replies[name] = f"[{in_words(error)}]"
        self.turns.append((text, replies))
        return replies

    def _our_own(self, talker):
        """The talker, or a copy that remembers nothing if another conversation has it already."""
        if id(talker) in _TALKING:
            talker = copy.copy(talker)
            talker.reset()
        _TALKING[id(talker)] = self
        return talker

    def reset(self):
        """Forget everything and start again."""
        self.turns = []
        for talker in self.talkers.values():
            talker.reset()

    def replies(self, name):
        """All replies of one talker, in order."""
        return [replies[name] for _, replies in self.turns]

    def html(self):
        """The conversation as a table: a column for each talker, a row for each turn."""
        width = 100 / len(self.talkers)
        names = "".join(
            f'<th style="{CELL};width:{width:.0f}%;color:{INK}">{html.escape(name)}</th>'
            for name in self.talkers
        )
        greetings = [getattr(talker, "greeting", "") for talker in self.talkers.values()]
        rows = [self._row(greetings)] if any(greetings) else []
        for text, replies in self.turns:
            rows.append(self._yours(text))
            rows.append(self._row(replies.values()))
        return (
            f'<table style="width:100%;max-width:60em;border-collapse:separate;'
            f"border-spacing:6px;background:{PAPER};color:{INK};border:1px solid {LINE};"
            f'border-radius:8px"><thead><tr style="background:{PAPER}">{names}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table>"
        )

    def _row(self, replies):
        cells = ""
        for number, reply in enumerate(replies):
            tint = TINTS[number % len(TINTS)] if reply else PAPER
            cells += f'<td style="{CELL};{_bubble(tint)}">{html.escape(reply)}</td>'
        return f'<tr style="background:{PAPER}">{cells}</tr>'

    def _yours(self, text):
        you = f'<td colspan="{len(self.talkers)}" style="{CELL};{_bubble(YOURS)}">'
        return f'<tr style="background:{PAPER}">{you}<b>You:</b> {html.escape(text)}</td></tr>'


def _bubble(color):
    return f"background:{color};color:{INK};border-radius:8px;white-space:normal"


class ChatWindow:
    """A window to type into: Enter sends a text to every talker of a conversation.

    `suggestions` are texts to send with one click. The state is in `conversation`; `box`, `page`,
    `restart` and `buttons` are plain widgets, so a test can use them without a browser.
    """

    def __init__(self, conversation, suggestions=()):
        import ipywidgets as widgets

        self.conversation = conversation
        full = widgets.Layout(width="99%")
        self.page = widgets.HTML(conversation.html())
        # The value changes on Enter, not on every key, in ipywidgets 7 and 8.
        self.box = widgets.Text(
            placeholder="Type here and press Enter", continuous_update=False, layout=full
        )
        self.box.observe(self._typed, names="value")
        self.buttons = []
        for text in suggestions:
            short = text if len(text) < 50 else text[:47] + "..."
            button = widgets.Button(description=short, tooltip=text, layout={"width": "auto"})
            button.on_click(lambda _, text=text: self.send(text))
            self.buttons.append(button)
        self.restart = widgets.Button(description="Start again", layout={"width": "auto"})
        self.restart.on_click(lambda _: self.clear())
        row = widgets.HBox(
            [*self.buttons, self.restart], layout=widgets.Layout(flex_flow="row wrap")
        )
        self.view = widgets.VBox([self.page, self.box, row], layout=full)

    def send(self, text):
        """Send a text to the talkers and show the replies; an empty text does nothing."""
        if text.strip():
            self.conversation.say(text.strip())
            self.page.value = self.conversation.html()

    def clear(self):
        """Start a new conversation."""
        self.conversation.reset()
        self.page.value = self.conversation.html()

    def _typed(self, change):
        if change["new"]:
            self.box.value = ""
            self.send(change["new"])

    def __repr__(self):
        return f"ChatWindow({', '.join(self.conversation.talkers)})"

    def _repr_mimebundle_(self, **_):
        """The live widget, and the static page for where no kernel runs."""
        return live_and_still(repr(self), self.conversation.html(), self.view)
