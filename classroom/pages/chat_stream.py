"""A chat window whose answer appears word by word, and a button that stops it.

The answer is generated in its own thread, so that the notebook can react to the button meanwhile.
"""

import threading

from classroom.pages.chat_window import ChatWindow, Conversation
from classroom.pages.knobs import in_words
from helpers.bpe.train import valid_unicode


class StreamingWindow(ChatWindow):
    """A window to type into, for one talker with `stream(text)`, such as `helpers.chat.ChatModel`.

    Enter sends; `stop_button` stops the answer, and the text so far stays. A text that is sent
    while an answer is being generated is ignored.
    """

    def __init__(self, chat, suggestions=()):
        import ipywidgets as widgets

        super().__init__(Conversation({chat.name: chat}), suggestions)
        (self.chat,) = self.conversation.talkers.values()
        self.stop_button = widgets.Button(
            description="Stop", disabled=True, layout={"width": "auto"}
        )
        self.stop_button.on_click(lambda _: self.stop())
        row = self.view.children[-1]
        row.children = (*row.children, self.stop_button)
        self._stopped, self._thread = threading.Event(), None

    @property
    def busy(self):
        """True while an answer is being generated."""
        return self._thread is not None and self._thread.is_alive()

    def send(self, text):
        """Start answering a text; an empty text, or one sent while busy, does nothing."""
        if text.strip() and not self.busy:
            self._stopped.clear()
            self.stop_button.disabled = False
            self._thread = threading.Thread(target=self._answer, args=(text.strip(),), daemon=True)
            self._thread.start()

    def stop(self):
        """Stop the answer that is being generated, and wait until it has stopped."""
        self._stopped.set()
        self.wait()

    def wait(self, seconds=60):
        """Wait until the answer is complete; raises TimeoutError if it takes longer."""
        if self._thread is not None:
            self._thread.join(seconds)
            if self._thread.is_alive():
                raise TimeoutError(f"no complete answer in {seconds} seconds")

    def clear(self):
        """Stop, and start a new conversation."""
        self.stop()
        super().clear()

    def _answer(self, text):
        said = {self.chat.name: ""}
        self.conversation.turns.append((text, said))
        pieces = ()
        try:
            pieces = self.chat.stream(text)
            for piece in pieces:
                said[self.chat.name] += valid_unicode(piece)
                self.page.value = self.conversation.html()
                if self._stopped.is_set():
                    said[self.chat.name] += " [stopped]"
                    break
        except Exception as error:  # in a thread: it would appear in no cell
            said[self.chat.name] += f"[{in_words(error)}]"
        finally:
            if hasattr(pieces, "close"):
                pieces.close()
            if left_out := getattr(self.chat, "left_out", ""):
                said[self.chat.name] += f" [{left_out}]"
            self.page.value = self.conversation.html()
            self.stop_button.disabled = True
