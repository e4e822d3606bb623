"""The chat window: its state without a browser, its page, and what stands still without widgets."""

import pytest

from classroom.pages.chat_window import ChatWindow, Conversation
from helpers.eliza import Eliza


class Shouter:
    def respond(self, text):
        if text == "fail":
            raise ConnectionError("shouter cannot be reached: no line")
        return text.upper()

    def reset(self):
        self.was_reset = True


def conversation():
    return Conversation({"ELIZA": Eliza.default(), "Shouter <b>": Shouter()})


def test_every_talker_replies_to_every_text():
    both = conversation()
    replies = both.say("I am tired.")
    assert replies == {
        "ELIZA": "It is because you're tired that you came to me.",
        "Shouter <b>": "I AM TIRED.",
    }
    both.say("yes")
    assert both.replies("ELIZA")[1] == "You seem to be quite positive."
    both.reset()
    assert both.turns == [] and both.talkers["Shouter <b>"].was_reset
    assert both.say("yes")["ELIZA"] == "You seem to be quite positive."  # its turns began again


def test_a_talker_that_fails_says_why_and_the_others_go_on():
    replies = conversation().say("fail")
    assert replies["Shouter <b>"] == "[shouter cannot be reached: no line]" and replies["ELIZA"]


def test_nobody_to_talk_to():
    with pytest.raises(ValueError, match="at least one talker"):
        Conversation({})


def test_the_page_shows_everything_and_trusts_nothing():
    both = conversation()
    assert "How do you do." in both.html() and "Shouter &lt;b&gt;" in both.html()
    both.say("<script>alert(1)</script>")
    page = both.html()
    assert "<script" not in page.lower() and "&lt;script&gt;" in page
    assert page.count("<tr") == 4  # names, greeting, you, replies


def test_typing_sends_and_clears_the_box():
    window = ChatWindow(conversation())
    window.box.value = "I am tired."
    assert window.box.value == ""
    assert [text for text, _ in window.conversation.turns] == ["I am tired."]
    assert "because you&#x27;re tired" in window.page.value
    window.box.value = "   "
    assert len(window.conversation.turns) == 1
    window.box.value = "I am tired."  # the same text once more is one more turn
    assert len(window.conversation.turns) == 2


def test_buttons():
    window = ChatWindow(conversation(), suggestions=["yes", "x" * 80])
    window.buttons[0].click()
    assert window.conversation.replies("ELIZA") == ["You seem to be quite positive."]
    assert len(window.buttons[1].description) == 50 and window.buttons[1].tooltip == "x" * 80
    window.restart.click()
    assert window.conversation.turns == [] and "positive" not in window.page.value


def test_the_window_stands_still_where_no_widget_runs():
    window = ChatWindow(conversation())
    window.send("yes")
    bundle = window._repr_mimebundle_(include=None, exclude=None)
    assert bundle["text/plain"] == "ChatWindow(ELIZA, Shouter <b>)"
    assert "You seem to be quite positive." in bundle["text/html"]
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == window.view.model_id


@pytest.mark.parametrize("error", [KeyError("weights"), ValueError("odd"), RuntimeError("no")])
def test_any_error_is_an_answer_in_turn(error):
    class Broken(Shouter):
        def respond(self, text):
            raise error

    window = ChatWindow(Conversation({"broken": Broken(), "Shouter": Shouter()}))
    window.box.value = "hello"
    assert window.conversation.replies("Shouter") == ["HELLO"]
    assert str(error) in window.conversation.replies("broken")[0]
    assert window.page.value == window.conversation.html()


def test_two_windows_do_not_share_what_was_said():
    talker = Eliza.default()
    first = ChatWindow(Conversation({"ELIZA": talker}))
    first.send("yes")
    second = ChatWindow(Conversation({"ELIZA": talker}))
    second.send("yes")
    assert second.conversation.replies("ELIZA") == first.conversation.replies("ELIZA")
    first.send("yes")
    second.clear()
    assert first.conversation.talkers["ELIZA"] is talker and talker.turn == 2
