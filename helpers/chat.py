"""Talk to an instruction-tuned GPT: `python3 course.py chat`, or `ChatModel` in your own code."""

import codecs
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch

from helpers.assistant.refusal import Refusal, load_refusal
from helpers.bpe import BPETokenizer
from helpers.checkpoint import load_model
from helpers.difference import add_difference
from helpers.files import read_json, sha256
from helpers.generate import generate
from helpers.instructions import PromptFormat, fit_prompt, format_chat
from helpers.limits import check_whole
from helpers.model import GPT
from helpers.tokenizer import end_of_text_id

ASSETS = Path(__file__).parent / "assets"
BASE_MODEL, CHAT_MODEL = ASSETS / "course_gpt", ASSETS / "chat_model"


class ChatModel:
    """An instruction-tuned GPT that remembers as much of the conversation as its context holds.

    `load` returns (model, tokenizer); it is called when the first text arrives. `options` go to
    `helpers.generate.generate`; by default decoding is greedy. `left_out` says after each answer
    what did not fit into the context, or is empty. With a `refusal`, greedy answers of which the model
    is too unsure are replaced by one that says so. Raises ValueError for `max_new_tokens` below 1.
    """

    kind = "chat"

    def __init__(
        self,
        name: str,
        load: Callable[[], tuple[Any, BPETokenizer]],
        prompt_format: PromptFormat = format_chat,
        max_new_tokens: int = 100,
        refusal: Refusal | None = None,
        **options: Any,
    ):
        check_whole("max_new_tokens", max_new_tokens, least=1)
        self.name, self._load, self.prompt_format = name, cache(load), prompt_format
        self.max_new_tokens, self.options, self.refusal = max_new_tokens, options, refusal
        self.reset()

    @cached_property
    def _parts(self):
        return self._load()

    def load(self) -> tuple[Any, BPETokenizer]:
        """Load the model now, if the first text has not; return (model, tokenizer)."""
        return self._parts

    def reset(self) -> None:
        """Forget the conversation."""
        self.turns: list[
            tuple[str, str]
        ] = []  # (text, answer as it was generated, with the space it may begin with)
        self.left_out = ""

    def respond(self, text: str) -> str:
        """Return the whole answer to `text`; see `stream` for the errors."""
        return "".join(self.stream(text)).strip() or "..."

    def stream(self, text: str) -> Iterator[str]:
        """Yield the answer to `text` in pieces, as they are generated.

        The answer so far is remembered even if the caller stops early. Raises TypeError if the text
        is not a string and ValueError if it is empty.
        """
        if not isinstance(text, str):
            raise TypeError(f"text must be a string, not {type(text).__name__}")
        if not text.strip():
            raise ValueError("there is no text to answer")
        model, tokenizer = self._parts
        token_ids = torch.tensor([self._prompt(text.strip())])
        end_id = self.end_id()
        # A token may end within a character: the decoder waits for the rest of its bytes.
        decoder, said = codecs.getincrementaldecoder("utf-8")("replace"), ""
        options = {"stop_id": end_id, **self.options}
        try:
            steps = generate(model, token_ids, self.max_new_tokens, **options)
            new = (step.item() for step in steps)
            for token in self._unless_refused(token_ids[0].tolist(), new):
                if token == end_id:
                    break
                piece = decoder.decode(tokenizer.decode_bytes([token]))
                shown = piece if said.strip() else piece.lstrip()
                said += piece
                yield shown
        finally:
            self.turns.append((text.strip(), said))

    def _unless_refused(self, prompt_ids, new):
        """The new token ids, or those of a refusal. Only a whole greedy answer can be judged."""
        if self.refusal is None or self.options.get("temperature"):
            return new
        answer_ids = list(new)
        if self.refusal.refuses(self._parts[0], prompt_ids, answer_ids):
            return self._parts[1].encode_ordinary(f" {self.refusal.says}")
        return answer_ids

    def end_id(self) -> int:
        """The id of the token that ends an answer."""
        return end_of_text_id(self._parts[1])

    def opening(self) -> list[int]:
        """The token ids before the first turn."""
        return [self.end_id()]

    def question(self, text: str) -> list[int]:
        """The token ids of a text and of all that comes before its answer."""
        return self._parts[1].encode_ordinary(self.prompt_format(text, ""))

    def turn(self, asked: str, answered: str) -> list[int]:
        """The token ids of a whole turn, with the end of its answer."""
        text = self.prompt_format(asked, "") + answered
        return [*self._parts[1].encode_ordinary(text), self.end_id()]

    def _prompt(self, text):
        """The conversation as token ids: the newest text, and as many whole turns as fit."""
        opening, limit = self.opening(), self._parts[0].config.context_length - len(self.opening())
        room = min(self.max_new_tokens, (limit + 1) // 2)
        kept, dropped = fit_prompt(self.question(text), limit, room)
        turns, known = [], []
        for asked, answered in reversed(self.turns):
            turn = self.turn(asked, answered)
            if dropped or len(turn) + len(known) + len(kept) + room > limit:
                break
            known = turn + known
            turns.append(asked)
        self.left_out = _left_out(dropped, len(self.turns) - len(turns))
        return [*opening, *known, *kept]


def _left_out(dropped, forgotten):
    """What did not fit into the context, in words."""
    parts = []
    if dropped:
        parts.append(f"the first {dropped} tokens of your text")
    if forgotten:
        parts.append("1 earlier turn" if forgotten == 1 else f"{forgotten} earlier turns")
    return f"left out, since the context is full: {' and '.join(parts)}" if parts else ""


def load_chat_model(
    folder: Path | str = CHAT_MODEL, base: Path | str = BASE_MODEL
) -> tuple[GPT, BPETokenizer]:
    """Return (model, tokenizer) of the course's chat model: its GPT plus what fine-tuning changed.

    `folder` holds what `save_difference` wrote. Raises ValueError if a file is missing or the
    difference was made from another GPT.
    """
    model, tokenizer = load_model(base)
    add_difference(folder, model)
    report = Path(folder) / "report.json"
    if report.is_file():
        if read_json(report).get("base_sha256") != sha256(Path(base) / "model.safetensors"):
            raise ValueError(f"the difference in {folder} was made from another GPT than {base}")
    if tokenizer is None:
        raise ValueError(f"{base} has no tokenizer")
    return model.eval(), tokenizer


def course_chat(**options: Any) -> ChatModel:
    """The course's chat model, loaded when the first text arrives.

    It refuses answers if its folder holds a threshold for that (`refusal.json`); `refusal=None` gives
    every answer as it is.
    """
    options = {"refusal": load_refusal(CHAT_MODEL), **options}
    return ChatModel("the course's chat model", load_chat_model, **options)
