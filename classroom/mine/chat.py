"""Part 3 of `my_chat.py`: the command line."""

import argparse
import sys
from pathlib import Path

from classroom.mine.answers import talk_command, train_command
from classroom.mine.labels import classify_command, label_command


def main(arguments=None):
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description="A chat model and a classifier from my_llm.py.")
    commands = {"train": train_command, "talk": talk_command}
    commands |= {"classify": classify_command, "label": label_command}
    parser.add_argument("command", choices=commands)
    parser.add_argument("file", nargs="?", help="CSV; train: question,answer; classify: label,text")
    parser.add_argument("--out", type=Path, default=Path("my_llm"), help="the folder of the run")
    parser.add_argument("--epochs", type=int, default=5, help="how often each row is read")
    parser.add_argument("--learning-rate", type=float, help="the largest, instead of the usual one")
    options = parser.parse_args(arguments)
    if options.command in ("train", "classify") and not options.file:
        parser.error(f"{options.command} needs a file: {parser.prog} {options.command} FILE.csv")
    try:
        commands[options.command](options)
        return 0
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
