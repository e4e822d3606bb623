"""Talk to an instructed GPT: `python -m tools.chat`, or `ChatModel` in your own code.

Answers arrive word by word. Ctrl-C stops an answer, not the program; /reset begins anew; Ctrl-D
or /exit ends. Piped text is answered line by line until it ends.
"""

import argparse
import codecs
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from helpers.bpe import BPETokenizer
from helpers.checkpoint import load_model
from helpers.difference import NAME, add_difference
from helpers.generate import generate
from helpers.instructions import PromptFormat, fit_prompt, format_chat
from helpers.limits import check_number, check_whole
from helpers.lora import load_adapter, merge_lora
from helpers.model import GPT

ASSETS = Path(__file__).parent / "assets"
BASE_MODEL, CHAT_MODEL = ASSETS / "course_gpt", ASSETS / "chat_model"
END_OF_TEXT = "<|endoftext|>"
HELP = "/reset begins anew, /exit or Ctrl-D ends, Ctrl-C stops an answer."


class ChatModel:
    """An instructed GPT with a memory of the conversation, as far as its context reaches.

    `load` returns (model, tokenizer); it is called when the first text arrives. `options` go to
    `helpers.generate.generate`; without any, the likeliest token is taken each time. `left_out`
    says after each answer what did not fit into the context, or is empty.
    Raises ValueError for `max_new_tokens` below 1.
    """

    kind = "chat"

    def __init__(
        self,
        name: str,
        load: Callable[[], tuple[GPT, BPETokenizer]],
        prompt_format: PromptFormat = format_chat,
        max_new_tokens: int = 100,
        **options: Any,
    ):
        check_whole("max_new_tokens", max_new_tokens, least=1)
        self.name, self._load, self.prompt_format = name, load, prompt_format
        self.max_new_tokens, self.options = max_new_tokens, options
        self.reset()

    @cached_property
    def _parts(self):
        return self._load()

    def reset(self) -> None:
        """Forget the conversation."""
        self.turns: list[
            tuple[str, str]
        ] = []  # (text, answer as it was made, with the blank it may begin with)
        self.left_out = ""

    def respond(self, text: str) -> str:
        """Return the whole answer to `text`; see `stream` for the errors."""
        return "".join(self.stream(text)).strip() or "..."

    def stream(self, text: str) -> Iterator[str]:
        """Yield the answer to `text` in pieces, as they are made.

        What was said so far is remembered, also where the caller stops listening. Raises TypeError
        where the text is not a string and ValueError where it is empty.
        """
        if not isinstance(text, str):
            raise TypeError(f"text must be a string, not {type(text).__name__}")
        if not text.strip():
            raise ValueError("there is no text to answer")
        model, tokenizer = self._parts
        token_ids = torch.tensor([self._prompt(text.strip())])
        end_id = tokenizer.special_tokens[END_OF_TEXT]
        # A token may end within a letter: the decoder waits for the rest of it.
        decoder, said = codecs.getincrementaldecoder("utf-8")("replace"), ""
        options = {"stop_id": end_id, **self.options}
        try:
            for token in generate(model, token_ids, self.max_new_tokens, **options):
                if token.item() == end_id:
                    break
                piece = decoder.decode(tokenizer.decode_bytes([token.item()]))
                shown = piece if said.strip() else piece.lstrip()
                said += piece
                yield shown
        finally:
            self.turns.append((text.strip(), said))

    def _prompt(self, text):
        """The conversation as token ids: as many whole turns as fit, the newest always."""
        model, tokenizer = self._parts
        end_id = tokenizer.special_tokens[END_OF_TEXT]
        limit = model.config.context_length
        room = min(self.max_new_tokens, limit // 2)
        newest = tokenizer.encode_ordinary(self.prompt_format(text))
        kept, dropped = fit_prompt(newest, limit - 1, room)
        turns, known = [], []
        for asked, answered in reversed(self.turns):
            turn = tokenizer.encode_ordinary(self.prompt_format(asked) + answered) + [end_id]
            if dropped or 1 + len(turn) + len(known) + len(kept) + room > limit:
                break
            known = turn + known
            turns.append(asked)
        self.left_out = _left_out(dropped, len(self.turns) - len(turns))
        return [end_id, *known, *kept]


def _left_out(dropped, forgotten):
    """What the model did not get to read, in words."""
    parts = []
    if dropped:
        parts.append(f"the first {dropped} tokens of your text")
    if forgotten:
        parts.append("1 earlier turn" if forgotten == 1 else f"{forgotten} earlier turns")
    return f"left out, since the context is full: {' and '.join(parts)}" if parts else ""


def load_chat_model(
    folder: Path | str = CHAT_MODEL, base: Path | str = BASE_MODEL
) -> tuple[GPT, BPETokenizer]:
    """Return (model, tokenizer) of the course's chat model: its GPT, and what fine-tuning changed.

    `folder` holds a difference or a LoRA adapter. Raises ValueError where a file is missing or the
    change was made from another GPT.
    """
    model, tokenizer = load_model(base)
    if (Path(folder) / NAME).is_file():
        add_difference(folder, model)
    else:
        merge_lora(load_adapter(folder, model))
    report = Path(folder) / "report.json"
    if report.is_file():
        wanted = json.loads(report.read_text("utf-8"))["base_sha256"]
        found = hashlib.sha256((Path(base) / "model.safetensors").read_bytes()).hexdigest()
        if wanted != found:
            raise ValueError(f"the change in {folder} was made from another GPT than {base}")
    return model.eval(), tokenizer


def course_chat(**options: Any) -> ChatModel:
    """The course's chat model, loaded when the first text arrives."""
    return ChatModel("the course's chat model", load_chat_model, **options)


def _say(chat, text):
    """Print an answer as it is made; Ctrl-C ends the answer."""
    answer = chat.stream(text)
    try:
        for piece in answer:
            print(piece, end="", flush=True)
    except KeyboardInterrupt:
        print(" [stopped]", end="")
    finally:
        answer.close()
    print()
    if chat.left_out:
        print(f"[{chat.left_out}]")


def _obey(chat, command):
    """Do what a line that begins with a slash says; return False where it ends the program."""
    if command == "/reset":
        chat.reset()
        print("A new conversation.")
    elif command != "/exit":
        print(f"There is no {command}. {HELP}")
    return command != "/exit"


def converse(chat: ChatModel, interactive: bool) -> None:
    """Read lines until they end, and answer each."""
    if interactive:
        print(f"You talk to {chat.name}. {HELP}")
    while True:
        try:
            line = input("\nYou: " if interactive else "").strip()
        except EOFError:
            return
        except KeyboardInterrupt:
            print(f"\n{HELP}")
            continue
        if line.startswith("/"):
            if not _obey(chat, line):
                return
        elif line:
            _say(chat, line)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0, or 1 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m tools.chat", description=__doc__)
    parser.add_argument("--model", type=Path, help="a folder that helpers.checkpoint wrote")
    parser.add_argument("--max-new-tokens", type=int, default=100)
    parser.add_argument("--temperature", type=float, default=0.0)
    options = parser.parse_args(arguments)
    sampling = {"temperature": options.temperature} if options.temperature else {}
    try:
        check_number("temperature", options.temperature, least=0)
        name = str(options.model) if options.model else "the course's chat model"
        parts = load_model(options.model) if options.model else load_chat_model()
        if parts[1] is None or END_OF_TEXT not in parts[1].special_tokens:
            raise ValueError(f"{options.model} holds no tokenizer with {END_OF_TEXT}")
        chat = ChatModel(name, lambda: parts, max_new_tokens=options.max_new_tokens, **sampling)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    converse(chat, sys.stdin.isatty())
    return 0


if __name__ == "__main__":
    sys.exit(main())
