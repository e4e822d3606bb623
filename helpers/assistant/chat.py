"""Talk to an assistant: a chat model with an adapter, which may refuse what it does not know.

chat = load_assistant("runs/museum", "SmolLM2-135M-Instruct.Q4_1.gguf")
chat.respond("when do you open on sundays?")
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.assistant.adapter import add_adapter, check_base, load_adapter
from helpers.assistant.refusal import load_refusal
from helpers.bpe import BPETokenizer
from helpers.chat import ChatModel
from helpers.llama.chat import BEGIN, END, LlamaChat
from helpers.llama.load import load_gguf


class AssistantChat(LlamaChat):
    """A chat model that speaks ChatML, often without a system message.

    `load` returns (model, tokenizer) and is called when the first text arrives; `options`, such as a
    `refusal`, go to `helpers.chat.ChatModel`.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], tuple[Any, BPETokenizer]],
        system: str = "",
        **options: Any,
    ) -> None:
        ChatModel.__init__(self, name, load, **options)
        self.system = system

    def opening(self) -> list[int]:
        return super().opening() if self.system else []


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
    return AssistantChat(settings.name, load, settings.system, **{"refusal": refusal, **options})


def load_chatml(path: Path | str) -> tuple[Any, BPETokenizer]:
    """Return (model, tokenizer) of a GGUF file; raises ValueError if it does not speak ChatML."""
    model, tokenizer = load_gguf(path)
    if not {BEGIN, END} <= tokenizer.special_tokens.keys():
        raise ValueError(f"{path} cannot chat in this format: it has no token {BEGIN} or {END}")
    return model, tokenizer
