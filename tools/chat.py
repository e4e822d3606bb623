"""`course.py chat [options]`: talk to SmolLM2, to the course's chat model, or to one of your own.

SmolLM2 is a real chat model; `course.py data smollm2` fetches it, if the set-up has not. It comes with
the course's adapter, which knows the lectures and refuses the rest; `--model smollm2` is SmolLM2 as it
is, and `--adapter FOLDER` one with what `course.py finetune` made. Without SmolLM2 you talk to the
course's own, as with `--model course`.

Answers arrive word by word. Ctrl-C stops an answer, not the program; /reset begins a new
conversation; Ctrl-D or /exit ends. Piped text is answered line by line until it ends.
"""

import argparse
import sys
from pathlib import Path

from classroom.pages.talkers import smollm2
from helpers.assistant.adapter import SETTINGS, load_adapter
from helpers.assistant.chat import load_assistant
from helpers.assistant.refusal import load_refusal
from helpers.chat import ASSETS, CHAT_MODEL, ChatModel, load_chat_model
from helpers.checkpoint import load_model
from helpers.fast import speed_up
from helpers.files import sha256
from helpers.limits import check_number
from helpers.texts import data_folder
from helpers.texts.sources import CORPORA
from helpers.tokenizer import END_OF_TEXT
from tools.terminal import read_as_marked, run_command

ADAPTER = ASSETS / "smollm2_adapter"
HELP = "/reset begins a new conversation, /exit or Ctrl-D ends, Ctrl-C stops an answer."


def say(chat, text):
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


def obey(chat, command):
    """Do what a line that begins with a slash says; return False where it ends the program."""
    if command == "/reset":
        chat.reset()
        print("A new conversation.")
    elif command != "/exit":
        print(f"Unknown command {command}. {HELP}")
    return command != "/exit"


def converse(chat, interactive):
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
            if not obey(chat, line):
                return
        elif line:
            say(chat, line)


def choose(name, options, adapter=None):
    """The model to talk to: that of a name, a folder or an adapter, or the best one that is here.

    Raises OSError or ValueError where it cannot be loaded.
    """
    base = data_folder() / CORPORA["smollm2"].downloads[0].file
    here = base.is_file()
    if (name == "smollm2" or adapter) and not here:
        raise ValueError("SmolLM2 is not here; fetch it with: python3 course.py data smollm2")
    if adapter and name not in (None, "smollm2"):
        raise ValueError(f"--adapter goes with SmolLM2, not with --model {name}")
    if name is None and here and not adapter and belongs(ADAPTER, base):
        adapter = ADAPTER
    if adapter or name == "smollm2" or name is None and here:
        chat = load_assistant(adapter, base, speed_up, **options) if adapter else smollm2(**options)
        chat.load()  # what is wrong with it is said now
        return chat
    own = name in (None, "course")
    parts = load_chat_model() if own else load_model(Path(name))
    if parts[1] is None or END_OF_TEXT not in parts[1].special_tokens:
        raise ValueError(f"{name} holds no tokenizer with {END_OF_TEXT}")
    speed_up(parts[0])
    options = {"refusal": load_refusal(CHAT_MODEL if own else name), **options}
    return ChatModel("the course's chat model" if own else name, lambda: parts, **options)


def belongs(adapter, base):
    """Whether there is an adapter in a folder, and it was trained on this file."""
    is_here = (adapter / SETTINGS).is_file()
    return is_here and load_adapter(adapter).settings.base_sha256 == sha256(base)


def main(arguments=None):
    """Run the command line; return 0, or 1 for bad input."""
    parser = argparse.ArgumentParser(prog="course.py chat", description=__doc__)
    parser.add_argument(
        "--model", help="smollm2, course, or a folder that helpers.checkpoint wrote"
    )
    parser.add_argument("--adapter", type=Path, help="a folder that course.py finetune wrote")
    parser.add_argument("--max-new-tokens", type=int, default=100)
    parser.add_argument("--temperature", type=float, default=0.0)
    options = parser.parse_args(arguments)
    sampling = {"temperature": options.temperature} if options.temperature else {}
    try:
        check_number("temperature", options.temperature, least=0)
        sampling["max_new_tokens"] = options.max_new_tokens
        chat = choose(options.model, sampling, options.adapter)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    read_as_marked(sys.stdin)
    converse(chat, sys.stdin.isatty())
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
