"""Talk to a real chat model: its conversation format, and its place beside the course's own.

Chat models are trained on whole conversations in one format, with special tokens between the turns.
That of SmolLM2 and Qwen is called ChatML:

    <|im_start|>system
    You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>
    <|im_start|>user
    What is the capital of France?<|im_end|>
    <|im_start|>assistant

A special token is set by this code only: where a reader types one, it is read as plain text.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.chat import ChatModel
from helpers.llama.load import load_gguf

BEGIN, END = "<|im_start|>", "<|im_end|>"
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


class LlamaChat(ChatModel):
    """A chat model from a GGUF file that speaks ChatML; loaded when the first text arrives.

    `respond`, `stream` and `reset` are those of `helpers.chat.ChatModel`, and so are `options`.
    `system` says what the assistant is; SmolLM2 was trained with this sentence as the default.
    `faster` may change the loaded model, such as `helpers.fast.speed_up`.
    Loading raises OSError or ValueError where the file is missing, damaged or of another format.
    """

    def __init__(
        self,
        name: str,
        path: Path | str,
        system: str = SYSTEM,
        faster: Callable[[Any], Any] = lambda model: model,
        **options: Any,
    ) -> None:
        super().__init__(name, lambda: self._load_file(path, faster), **options)
        self.system = system

    def _load_file(self, path, faster):
        model, tokenizer = load_gguf(path)
        if not {BEGIN, END} <= tokenizer.special_tokens.keys():
            raise ValueError(f"{path} cannot chat in this format: it has no token {BEGIN} or {END}")
        return faster(model), tokenizer

    def end_id(self) -> int:
        return self._parts[1].special_tokens[END]

    def opening(self) -> list[int]:
        return self._message("system", self.system)

    def question(self, text: str) -> list[int]:
        return self._message("user", text) + self._special(f"{BEGIN}assistant\n")

    def turn(self, asked: str, answered: str) -> list[int]:
        return self._message("user", asked) + self._message("assistant", answered)

    def _message(self, role, text):
        ids = self._parts[1].encode_ordinary(text.strip())
        return self._special(f"{BEGIN}{role}\n") + ids + self._special(f"{END}\n")

    def _special(self, text):
        return self._parts[1].encode(text, allowed_special="all")
