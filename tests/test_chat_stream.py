"""The chat window that streams: pieces arrive, the button stops, errors are said."""

import threading

import pytest

from classroom.pages.chat_stream import StreamingWindow

pytest.importorskip("ipywidgets")


class Slow:
    """A talker that says one word each time it is let."""

    name, kind, left_out = "Slow", "chat", ""

    def __init__(self, words=("one ", "two ", "three")):
        self.words, self.go, self.was_reset, self.closed = words, threading.Semaphore(0), 0, 0

    def stream(self, text):
        if text == "fail":
            raise ValueError("there is no text to answer")
        if text == "break":
            raise KeyError("weights")
        try:
            for word in self.words:
                assert self.go.acquire(timeout=30)
                yield word
        finally:
            self.closed += 1

    def reset(self):
        self.was_reset += 1


def answer(window):
    return window.conversation.turns[-1][1]["Slow"]


def test_an_answer_grows_word_by_word():
    talker = Slow()
    window = StreamingWindow(talker)
    window.send("count")
    assert window.busy and not window.stop_button.disabled
    for _ in range(3):
        talker.go.release()
    window.wait()
    assert answer(window) == "one two three" and "one two three" in window.page.value
    assert window.stop_button.disabled and not window.busy and talker.closed == 1


def test_the_button_stops_and_keeps_what_was_said():
    talker = Slow(["word "] * 1000)
    window = StreamingWindow(talker)
    window.send("go on")
    talker.go.release()
    threading.Timer(0.2, talker.go.release).start()
    window.stop_button.click()
    assert answer(window).startswith("word") and answer(window).endswith("[stopped]")
    assert len(answer(window).split()) < 10 and talker.closed == 1


def test_a_text_sent_meanwhile_is_refused():
    talker = Slow()
    window = StreamingWindow(talker)
    window.send("first")
    window.send("second")
    for _ in range(3):
        talker.go.release()
    window.wait()
    assert [text for text, _ in window.conversation.turns] == ["first"]


def test_errors_are_said_and_starting_again_forgets():
    talker = Slow()
    window = StreamingWindow(talker)
    window.send("fail")
    window.wait()
    assert answer(window) == "[there is no text to answer]"
    window.restart.click()
    assert window.conversation.turns == [] and talker.was_reset == 1


def test_waiting_has_an_end():
    talker = Slow()
    window = StreamingWindow(talker)
    window.send("first")
    with pytest.raises(TimeoutError):
        window.wait(0.05)
    for _ in range(3):
        talker.go.release()
    window.wait()


def test_an_error_that_nobody_expects_is_shown_as_well():
    window = StreamingWindow(Slow())
    window.send("break")
    window.wait()
    assert "KeyError" in answer(window) and "weights" in window.page.value
    assert window.stop_button.disabled and not window.busy


def test_a_stream_that_fails_before_its_first_piece_is_shown():
    class Plain:
        name = "Slow"

        def stream(self, text):
            raise RuntimeError("no weights")

        def reset(self):
            pass

    window = StreamingWindow(Plain())
    window.send("hello")
    window.wait()
    assert "no weights" in answer(window) and window.stop_button.disabled
