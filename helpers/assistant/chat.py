"""Talk to an assistant: a chat model with an adapter, which may refuse what it does not know.

chat = load_assistant("runs/museum", "SmolLM2-135M-Instruct.Q4_1.gguf")
chat.respond("when do you open on sundays?")
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from helpers.assistant.adapter import add_adapter, check_base, load_adapter
from helpers.assistant.refusal import Refusal, load_refusal
from helpers.bpe import BPETokenizer
from helpers.chat import ChatModel
from helpers.llama.chat import BEGIN, END, LlamaChat
from helpers.llama.load import load_gguf


class AssistantChat(LlamaChat):
    """A chat model that speaks ChatML, often without a system message, and may refuse.

    `load` returns (model, tokenizer) and is called when the first text arrives. With a `refusal`,
    an answer is shown when it is whole, or what the refusal says in its place; it is also what the
    conversation remembers.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], tuple[Any, BPETokenizer]],
        system: str = "",
        refusal: Refusal | None = None,
        **options: Any,
    ) -> None:
        ChatModel.__init__(self, name, load, **options)
        self.system, self.refusal = system, refusal

    def opening(self) -> list[int]:
        return super().opening() if self.system else []

    def stream(self, text: str) -> Iterator[str]:
        """Yield the answer to `text`: in pieces, or whole where it may be refused; errors as there."""
        if self.refusal is None:
            yield from super().stream(text)
            return
        known = list(self.turns)
        answer = "".join(super().stream(text)).strip()
        left_out, said = self.left_out, self.turns
        self.turns = known
        prompt_ids = self._prompt(text.strip())
        self.turns, self.left_out = said, left_out
        model, tokenizer = self.load()
        answer_ids = tokenizer.encode_ordinary(answer)
        if len(answer_ids) < self.max_new_tokens:
            answer_ids.append(self.end_id())
        if not answer or self.refusal.refuses(model, prompt_ids, answer_ids):
            answer = self.refusal.says
            self.turns[-1] = (text.strip(), answer)
        yield answer


def load_assistant(
    folder: Path | str,
    base: Path | str,
    faster: Callable[[Any], Any] = lambda model: model,
    **options: Any,
) -> AssistantChat:
    """Return the assistant of a folder that `save_adapter` wrote, on the base model of a GGUF file.

    The adapter is read and checked now, the model when the first text arrives. `faster` may change
    the model, such as `helpers.fast.speed_up`; `options` go to `ChatModel`. Raises OSError if the
    base is missing, and ValueError if a file is damaged or the adapter belongs to another base.
    """
    adapter, refusal = load_adapter(folder), load_refusal(folder)
    check_base(adapter, base)

    def load():
        model, tokenizer = load_chatml(base)
        return faster(add_adapter(model, adapter)), tokenizer

    settings = adapter.settings
    return AssistantChat(settings.name, load, settings.system, refusal, **options)


def load_chatml(path: Path | str) -> tuple[Any, BPETokenizer]:
    """Return (model, tokenizer) of a GGUF file; raises ValueError if it does not speak ChatML."""
    model, tokenizer = load_gguf(path)
    if not {BEGIN, END} <= tokenizer.special_tokens.keys():
        raise ValueError(f"{path} cannot chat in this format: it has no token {BEGIN} or {END}")
    return model, tokenizer
